//! What is heard: three soft tones that swell once and fade, in whole numbers, so that they are the same everywhere.

use super::FRAME_RATE;
use crate::pictures::noise::mix;

/// Samples in a second: a thousand for every frame.
pub(crate) const SAMPLE_RATE: u32 = FRAME_RATE * SAMPLES_A_FRAME;
pub(crate) const SAMPLES_A_FRAME: u32 = 1000;

/// The loudest that one tone gets, of 32,767.
const LOUDNESS: i64 = 900;
/// The lowest notes, in thousandths of a hertz.
const NOTES: [u64; 5] = [110_000, 123_471, 146_832, 164_814, 196_000];

pub(crate) fn chord(seed: u64, frames: u32) -> Vec<i16> {
    let total = u64::from(frames) * u64::from(SAMPLES_A_FRAME);
    let random = usize::try_from(mix(seed) % 5).unwrap_or(0);
    let note = NOTES.get(random).copied().unwrap_or(NOTES[0]);
    // A fifth and an octave above, a little off, so that they beat.
    let tones = [note, note * 3 / 2 + 250, note * 2 - 400];
    let sample = |number: u64| {
        let sum: i64 = tones.iter().map(|millihertz| sine(number, *millihertz)).sum();
        let loud = i64::try_from(swell(number, total)).unwrap_or(0);
        i16::try_from((sum * loud) >> 16).unwrap_or(0)
    };
    (0..total).map(sample).collect()
}

/// A sine by two parabolas, good to a few percent: what is off is an overtone nobody minds.
fn sine(number: u64, millihertz: u64) -> i64 {
    let turn = (number * millihertz * 65_536 / (u64::from(SAMPLE_RATE) * 1000)) % 65_536;
    let (half, sign) = if turn < 32_768 { (turn, 1) } else { (turn - 32_768, -1) };
    // From 0 over 2^28 to 0 again.
    let arch = half * (32_768 - half);
    sign * ((i64::try_from(arch).unwrap_or(0) * LOUDNESS) >> 28)
}

/// From 0 to 65,536 in the middle and back, of 65,536.
fn swell(number: u64, total: u64) -> u64 {
    let place = number * 65_536 / total.max(1);
    (place * (65_536 - place)) >> 14
}
