//! How large and how long moving pictures and sound are, by their containers' headers.
//!
//! A header is a claim by whoever sent it. So none is trusted: lengths are never allocated, every step
//! goes forward by at least the header that was read, nesting is as deep as the format needs and no
//! deeper, and where anything contradicts itself the answer is "unknown".

mod mp4;
#[cfg(test)]
mod tests;
mod wav;
mod webm;

pub(crate) use mp4::Mp4;
pub(crate) use wav::Wav;
pub(crate) use webm::webm;

/// A clip longer than a week is no clip but a header that lies.
const LONGEST_MILLIS: u64 = 7 * 24 * 60 * 60 * 1000;
/// Nor is a picture larger than this.
const LONGEST_SIDE: u32 = 1 << 16;

/// What a header tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Measured {
    /// Pixels across and down.
    pub(crate) size: Option<(u32, u32)>,
    /// How long it plays.
    pub(crate) millis: Option<u64>,
}

/// A believable size.
fn size(width: u32, height: u32) -> Option<(u32, u32)> {
    let side = |side| (1..=LONGEST_SIDE).contains(&side);
    (side(width) && side(height)).then_some((width, height))
}

/// A believable length of so many units, `per_second` of which are a second.
fn millis(units: u64, per_second: u64) -> Option<u64> {
    let millis = u128::from(units).checked_mul(1000)?.checked_div(u128::from(per_second))?;
    u64::try_from(millis).ok().filter(|millis| (1..=LONGEST_MILLIS).contains(millis))
}

/// Four bytes as a number, the largest first.
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*four))
}

/// Eight bytes as a number, the largest first.
fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let eight = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_be_bytes(*eight))
}
