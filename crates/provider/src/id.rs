//! Ids: a prefix that says what it is, then 26 characters that sort by time of making.

use std::{fmt, sync::Arc};

use crate::Clock;

/// Where randomness comes from: the operating system in production, a seed in tests.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills `buffer` with bytes that nobody can guess.
    fn fill(&self, buffer: &mut [u8]);
}

/// Makes ids such as `gen_01jd3...`: 48 bits of time, 80 bits of randomness, Crockford base 32.
#[derive(Debug, Clone)]
pub struct Ids {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl Ids {
    /// Ids that take their time and their randomness from here.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy }
    }

    /// A new id, `prefix` first (with its underscore).
    pub fn next(&self, prefix: &str) -> String {
        let mut random = [0_u8; 10];
        self.entropy.fill(&mut random);
        let time = self.clock.now().millis().to_be_bytes();
        let mut raw = [0_u8; 16];
        raw[..6].copy_from_slice(&time[2..]);
        raw[6..].copy_from_slice(&random);
        let value = u128::from_be_bytes(raw);
        let mut id = String::with_capacity(prefix.len() + 26);
        id.push_str(prefix);
        for place in (0..26_u32).rev() {
            let digit = usize::try_from((value >> (place * 5)) & 31).unwrap_or(0);
            id.push(char::from(ALPHABET[digit]));
        }
        id
    }

    /// `count` characters of `[0-9a-z]`-like secret text (5 bits each).
    pub fn secret(&self, count: usize) -> String {
        let mut random = vec![0_u8; count];
        self.entropy.fill(&mut random);
        random.iter().map(|b| char::from(ALPHABET[usize::from(b & 31)])).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{ManualClock, Timestamp};

    #[derive(Debug)]
    struct Fixed(u8);
    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    #[test]
    fn ids_sort_by_time_whatever_the_randomness() {
        let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
        let first = Ids::new(Arc::new(clock.clone()), Arc::new(Fixed(255))).next("gen_");
        clock.advance(Duration::from_millis(1));
        let second = Ids::new(Arc::new(clock), Arc::new(Fixed(0))).next("gen_");
        assert!(first < second, "{first} {second}");
        assert_eq!(first.len(), 30);
    }
}
