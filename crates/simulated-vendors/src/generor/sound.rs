//! Sounds as WAV: a header of 44 bytes and samples, which every player plays.

use bytes::Bytes;

use crate::clips::tone;

/// A soft chord of so many seconds, other for another seed.
pub(crate) fn wav(seed: u64, seconds: u32) -> Bytes {
    let samples = tone::chord(seed, seconds.saturating_mul(crate::clips::FRAME_RATE));
    let length = u32::try_from(samples.len() * 2).unwrap_or(0);
    let mut file = Vec::with_capacity(samples.len() * 2 + 44);
    let word = |number: u16| number.to_le_bytes();
    let double = |number: u32| number.to_le_bytes();
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&double(length + 36));
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&double(16));
    // PCM, one channel, 16 bits.
    file.extend_from_slice(&word(1));
    file.extend_from_slice(&word(1));
    file.extend_from_slice(&double(tone::SAMPLE_RATE));
    file.extend_from_slice(&double(tone::SAMPLE_RATE * 2));
    file.extend_from_slice(&word(2));
    file.extend_from_slice(&word(16));
    file.extend_from_slice(b"data");
    file.extend_from_slice(&double(length));
    file.extend(samples.into_iter().flat_map(i16::to_le_bytes));
    file.into()
}
