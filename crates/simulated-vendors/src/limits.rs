//! A key's limits: so many requests in a sliding minute of the vendor's clock, and so many at once.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use parking_lot::Mutex;

const WINDOW_MS: i64 = 60_000;
/// Any key may be an account of its own: past this many, idle ones are forgotten.
const KEYS_REMEMBERED: usize = 4096;

#[derive(Debug, Default)]
struct Usage {
    admitted_at: VecDeque<i64>,
    running: u32,
}

impl Usage {
    fn forget_before_window(&mut self, now_ms: i64) {
        // A clock that was set back leaves stamps in the future: they are no part of this minute either.
        self.admitted_at.retain(|at| *at <= now_ms && now_ms.saturating_sub(*at) < WINDOW_MS);
    }
}

#[derive(Debug, Default)]
pub(crate) struct Limiter {
    keys: Mutex<HashMap<String, Usage>>,
}

/// A request's place among those running; given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    limiter: Arc<Limiter>,
    key: String,
}

/// Refused; try again after so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    pub(crate) retry_after_s: u64,
}

impl Limiter {
    pub(crate) fn admit(
        self: &Arc<Self>,
        key: &str,
        now_ms: i64,
        per_minute: usize,
        concurrent: u32,
    ) -> Result<Slot, TooMany> {
        let mut keys = self.keys.lock();
        if keys.len() >= KEYS_REMEMBERED {
            keys.retain(|_, usage| {
                usage.forget_before_window(now_ms);
                usage.running > 0 || !usage.admitted_at.is_empty()
            });
        }
        let usage = keys.entry(key.to_owned()).or_default();
        usage.forget_before_window(now_ms);
        if usage.admitted_at.len() >= per_minute {
            let oldest = usage.admitted_at.front().copied().unwrap_or(now_ms);
            let left = u64::try_from(WINDOW_MS - (now_ms - oldest)).unwrap_or(0);
            return Err(TooMany { retry_after_s: left.div_ceil(1000).max(1) });
        }
        if usage.running >= concurrent {
            return Err(TooMany { retry_after_s: 1 });
        }
        usage.admitted_at.push_back(now_ms);
        usage.running += 1;
        Ok(Slot { limiter: Arc::clone(self), key: key.to_owned() })
    }

    pub(crate) fn forget_windows(&self) {
        for usage in self.keys.lock().values_mut() {
            usage.admitted_at.clear();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(usage) = self.limiter.keys.lock().get_mut(&self.key) {
            usage.running = usage.running.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Limiter, TooMany};

    #[test]
    fn the_window_slides_and_slots_come_back() {
        let limiter = Arc::new(Limiter::default());
        let first = limiter.admit("a", 0, 2, 2).unwrap();
        let second = limiter.admit("a", 10_500, 2, 2).unwrap();
        assert_eq!(limiter.admit("a", 59_000, 2, 2).unwrap_err(), TooMany { retry_after_s: 1 });
        assert_eq!(limiter.admit("a", 20_000, 2, 2).unwrap_err(), TooMany { retry_after_s: 40 });
        assert!(limiter.admit("b", 20_000, 2, 2).is_ok());
        assert!(limiter.admit("a", 60_000, 2, 2).is_err(), "both slots are taken");
        drop(first);
        assert!(limiter.admit("a", 60_000, 2, 2).is_ok());
        drop(second);
    }
}
