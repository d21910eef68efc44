//! `WebM` (Matroska, RFC 9559): elements in elements, each with a name and a length of variable size.
//!
//! Length and size are told before the pictures, so the file's beginning is enough. An element that
//! claims more than there is ends where the beginning does.

use std::time::Duration;

use super::{LONGEST_MILLIS, Measured, size};

const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_a966;
const TICK_NANOS: u32 = 0x002a_d7b1;
const DURATION: u32 = 0x4489;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK: u32 = 0xae;
const VIDEO: u32 = 0xe0;
const WIDTH: u32 = 0xb0;
const HEIGHT: u32 = 0xba;

/// A millisecond, where the file does not say.
const USUAL_TICK_NANOS: u64 = 1_000_000;

/// What the beginning of a file tells.
pub(crate) fn webm(head: &[u8]) -> Measured {
    let Some(segment) = find(head, SEGMENT) else { return Measured::default() };
    let sizes = elements(find(segment, TRACKS).unwrap_or_default())
        .filter(|(name, _)| *name == TRACK)
        .filter_map(|(_, track)| {
            let video = find(track, VIDEO)?;
            let side = |name| u32::try_from(number(find(video, name)?)?).ok();
            size(side(WIDTH)?, side(HEIGHT)?)
        });
    let pixels = |size: &(u32, u32)| u64::from(size.0) * u64::from(size.1);
    Measured { size: sizes.max_by_key(pixels), millis: find(segment, INFO).and_then(length) }
}

/// The length that a file's information tells.
fn length(info: &[u8]) -> Option<u64> {
    let ticks = find(info, DURATION)?;
    let ticks = match ticks.len() {
        4 => f64::from(f32::from_be_bytes(*ticks.first_chunk()?)),
        8 => f64::from_be_bytes(*ticks.first_chunk()?),
        _ => return None,
    };
    // As if a tick were a second: integers from here on. What is negative or no number ends here.
    let billionths = Duration::try_from_secs_f64(ticks).ok()?.as_nanos();
    let tick = find(info, TICK_NANOS).map_or(Some(USUAL_TICK_NANOS), number)?;
    let millis = billionths.checked_mul(u128::from(tick))? / 1_000_000_000_000_000;
    u64::try_from(millis).ok().filter(|millis| (1..=LONGEST_MILLIS).contains(millis))
}

/// The content of the first element of that name.
fn find(bytes: &[u8], name: u32) -> Option<&[u8]> {
    elements(bytes).find(|(found, _)| *found == name).map(|(_, content)| content)
}

/// The elements that lie side by side, as far as they make sense.
fn elements(mut bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    std::iter::from_fn(move || {
        let (name, rest) = variable(bytes, 4)?;
        let name = u32::try_from(name).ok()?;
        let (length, rest) = variable(rest, 8)?;
        // Without the bit that tells how many bytes it has; all ones mean "to the end".
        let marker = length.checked_ilog2()?;
        let length = length - (1 << marker);
        let endless = length == (1 << marker) - 1;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let length = if endless { rest.len() } else { length.min(rest.len()) };
        let (content, rest) = rest.split_at(length);
        bytes = rest;
        Some((name, content))
    })
}

/// A number of at most so many bytes, whose first byte tells how many; the bit that does is kept.
fn variable(bytes: &[u8], most: u32) -> Option<(u64, &[u8])> {
    let size = bytes.first()?.leading_zeros() + 1;
    let (number, rest) = bytes.split_at_checked(usize::try_from(size).ok()?)?;
    (size <= most).then(|| (fold(number), rest))
}

fn number(bytes: &[u8]) -> Option<u64> {
    (bytes.len() <= 8).then(|| fold(bytes))
}

fn fold(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
