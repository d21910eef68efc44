//! How often a key, or an address without one, may come: so often in this minute, hour and day.
//!
//! The page's `X-RateLimit-Reset` is a whole minute: windows begin with the clock's, and do not slide. A request
//! that was refused is not counted. The headers tell of the minute, or of the window that refused.

use std::collections::HashMap;

use hyper::header::HeaderName;
use parking_lot::Mutex;

use super::settings::Rate;
use crate::answer::Answer;

const WINDOWS_S: [i64; 3] = [60, 60 * 60, 24 * 60 * 60];
/// Any key may be an account of its own: past this many, those of other days are forgotten.
const REMEMBERED: usize = 4096;

/// The number of a window, and how many came in it.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    number: i64,
    admitted: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<HashMap<String, [Window; 3]>>);

/// How a caller stands, as the headers tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    limit: u64,
    remaining: u64,
    reset_s: i64,
    /// Refused, and for how long.
    pub(crate) retry_after_s: Option<u64>,
}

impl Rates {
    pub(crate) fn admit(&self, who: &str, now_ms: i64, rate: Rate) -> Told {
        let now_s = now_ms.div_euclid(1000);
        let limits = [rate.per_minute, rate.per_hour, rate.per_day];
        let mut callers = self.0.lock();
        if callers.len() >= REMEMBERED {
            let today = now_s.div_euclid(WINDOWS_S[2]);
            callers.retain(|_, windows| windows[2].number == today);
        }
        let windows = callers.entry(who.to_owned()).or_default();
        for (window, length) in windows.iter_mut().zip(WINDOWS_S) {
            let number = now_s.div_euclid(length);
            if window.number != number {
                *window = Window { number, admitted: 0 };
            }
        }
        let mut shut = windows.iter().zip(limits).zip(WINDOWS_S).rev();
        if let Some(((window, limit), length)) = shut.find(|((w, limit), _)| w.admitted >= *limit) {
            let reset_s = (window.number + 1) * length;
            let wait_s = u64::try_from(reset_s - now_s).unwrap_or(1).max(1);
            return Told { limit, remaining: 0, reset_s, retry_after_s: Some(wait_s) };
        }
        for window in windows.iter_mut() {
            window.admitted += 1;
        }
        let [minute, ..] = *windows;
        drop(callers);
        Told {
            limit: rate.per_minute,
            remaining: rate.per_minute - minute.admitted,
            reset_s: (minute.number + 1) * WINDOWS_S[0],
            retry_after_s: None,
        }
    }

    pub(crate) fn forget(&self) {
        self.0.lock().clear();
    }
}

impl Told {
    pub(crate) fn on(self, answer: Answer, tier: &str) -> Answer {
        let name = HeaderName::from_static;
        answer
            .with(name("x-ratelimit-limit"), &self.limit.to_string())
            .with(name("x-ratelimit-remaining"), &self.remaining.to_string())
            .with(name("x-ratelimit-reset"), &self.reset_s.to_string())
            .with(name("x-ratelimit-tier"), tier)
    }
}

#[cfg(test)]
mod tests {
    use super::{Rates, Told};
    use crate::generor::settings::Rate;

    #[test]
    fn windows_begin_with_the_clock_s_and_the_longest_shut_one_speaks() {
        let rates = Rates::default();
        let rate = Rate { per_minute: 2, per_hour: 3, per_day: 100 };
        let at = |now_ms| rates.admit("a", now_ms, rate);
        let open = |remaining| Told { limit: 2, remaining, reset_s: 60, retry_after_s: None };
        assert_eq!(at(59_000), open(1));
        assert_eq!(at(59_500), open(0));
        let shut = Told { limit: 2, remaining: 0, reset_s: 60, retry_after_s: Some(1) };
        assert_eq!(at(59_900), shut);
        assert_eq!(at(60_000).retry_after_s, None, "the next minute");
        let shut = Told { limit: 3, remaining: 0, reset_s: 3600, retry_after_s: Some(3540) };
        assert_eq!(at(60_000), shut);
        assert_eq!(rates.admit("b", 60_000, rate).retry_after_s, None);
        assert_eq!(at(3_600_000).retry_after_s, None, "the next hour");
    }
}
