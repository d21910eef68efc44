//! WAV: chunks with their lengths, of which `fmt ` tells the bytes of a second and `data` is the sound.

use super::millis;

/// Where the sound lies, and how fast it plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wav {
    bytes_per_second: u32,
    /// Where the sound begins.
    begin: u64,
    /// How many bytes it claims to have.
    claimed: u32,
}

impl Wav {
    /// Reads the beginning of a file, as far as the sound's own header.
    pub(crate) fn read(head: &[u8]) -> Option<Self> {
        let mut at = 12_usize;
        let mut bytes_per_second = None;
        loop {
            let header = head.get(at..at.checked_add(8)?)?;
            let (name, length) = header.split_first_chunk::<4>()?;
            let length = u32::from_le_bytes(*length.first_chunk()?);
            at += header.len();
            match (name, bytes_per_second) {
                (b"fmt ", None) => {
                    let rate = head.get(at..)?.get(8..12)?;
                    bytes_per_second = Some(u32::from_le_bytes(*rate.first_chunk()?));
                }
                (b"data", Some(bytes_per_second)) => {
                    let begin = u64::try_from(at).ok()?;
                    return Some(Self { bytes_per_second, begin, claimed: length });
                }
                _ => {}
            }
            // Chunks of odd lengths are filled up.
            let length = usize::try_from(length).ok()?;
            at = at.checked_add(length)?.checked_add(length % 2)?;
        }
    }

    /// How long the sound of a file of so many bytes plays. Whoever streams does not know the length
    /// beforehand and claims none or the largest; what is there counts.
    pub(crate) fn millis(self, total: u64) -> Option<u64> {
        let there = total.saturating_sub(self.begin);
        let bytes = match u64::from(self.claimed) {
            0 => there,
            claimed => claimed.min(there),
        };
        millis(bytes, u64::from(self.bytes_per_second))
    }
}
