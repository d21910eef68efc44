//! A budget for retries at each provider, so that a vendor in trouble gets no storm of them.
//!
//! A retry is a further attempt of the same call at a provider that has failed it. In good times there
//! are few and each helps; in an outage every call wants its retries at once, and they are what keeps
//! the vendor down. So they are allowed in proportion to what goes right by the way: one for every ten
//! attempts that were none, and a few a minute besides, so that a gateway with little to do may retry
//! too. Going on with *another* provider is no retry and needs no leave.
//!
//! A turn that comes after «slow down» is none either: the account's pause spaces those.

use std::{collections::HashMap, time::Duration};

use coordination::memory::Window;
use parking_lot::Mutex;
use provider::Timestamp;

/// What counts.
const SPAN: Duration = Duration::from_secs(60);
/// A retry for so many attempts that are none.
const ATTEMPTS_FOR_ONE: u32 = 10;
/// Retries within the span that need no attempts before them.
const FLOOR: u32 = 10;

/// Attempts of the last minute at every provider, the retries marked.
#[derive(Debug, Default)]
pub(crate) struct Retries(Mutex<HashMap<String, Window>>);

impl Retries {
    /// An attempt that is no retry.
    pub(crate) fn first(&self, provider: &str, now: Timestamp) {
        self.with(provider, |window| window.add(now, false));
    }

    /// A retry, if the budget covers it.
    pub(crate) fn take(&self, provider: &str, now: Timestamp) -> bool {
        self.with(provider, |window| {
            let (all, retries) = window.counts(now);
            let covered = retries < FLOOR + (all - retries) / ATTEMPTS_FOR_ONE;
            if covered {
                window.add(now, true);
            }
            covered
        })
    }

    fn with<T>(&self, provider: &str, change: impl FnOnce(&mut Window) -> T) -> T {
        let mut all = self.0.lock();
        if let Some(window) = all.get_mut(provider) {
            return change(window);
        }
        change(all.entry(provider.to_owned()).or_insert_with(|| Window::new(SPAN)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn taken(retries: &Retries, provider: &str, now: Timestamp) -> usize {
        (0..1000).take_while(|_| retries.take(provider, now)).count()
    }

    #[test]
    fn a_tenth_and_a_few_besides() {
        let retries = Retries::default();
        assert_eq!(taken(&retries, "a", NOW), 10, "with nothing done yet");
        for _ in 0..200 {
            retries.first("a", NOW);
        }
        assert_eq!(taken(&retries, "a", NOW), 20);
        assert_eq!(taken(&retries, "b", NOW), 10, "another provider");
        let later = NOW.plus(SPAN);
        assert_eq!(taken(&retries, "a", later), 10, "a minute later");
    }
}
