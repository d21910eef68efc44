//! One account at a vendor: its lanes, its rate windows, and whether it answers.

use std::collections::VecDeque;

use super::calendar::SECOND;

/// So many failures in a row are an outage, one may be chance.
const OUTAGE: u32 = 2;
/// After that it is asked again at first so soon, then twice as late each time, up to the last.
const FIRST_PROBE: i64 = 30 * SECOND;
const LATEST_PROBE: i64 = 16 * FIRST_PROBE;

/// A vendor's limits and how far they are used up. Times are Unix milliseconds.
#[derive(Debug)]
pub(super) struct Account {
    lanes: Option<usize>,
    /// What runs, and when it should end.
    running: Vec<(String, i64)>,
    windows: Vec<Window>,
    /// The vendor said when to come back.
    held_until: i64,
    failures: u32,
    dark_until: i64,
}

/// So many in any span of time.
#[derive(Debug)]
struct Window {
    span: i64,
    limit: u64,
    sent: VecDeque<(i64, u64)>,
}

impl Account {
    /// An account with so many lanes (none: as many as one likes) and windows of (span, limit).
    pub(super) fn new(lanes: Option<usize>, windows: &[(i64, u64)]) -> Self {
        let window = |(span, limit): &(i64, u64)| Window {
            span: *span,
            limit: *limit,
            sent: VecDeque::new(),
        };
        Self {
            lanes,
            running: Vec::new(),
            windows: windows.iter().map(window).collect(),
            held_until: 0,
            failures: 0,
            dark_until: 0,
        }
    }

    /// The first moment, from now on, at which so many units may be sent.
    pub(super) fn free_at(&self, now: i64, units: u64) -> i64 {
        let mut at = now.max(self.held_until).max(self.dark_until);
        if let Some(over) = self.lanes.and_then(|lanes| self.running.len().checked_sub(lanes)) {
            let mut ends: Vec<i64> = self.running.iter().map(|(_, end)| *end).collect();
            ends.sort_unstable();
            // What should have ended ends any moment.
            at = at.max(ends.get(over).map_or(now, |end| (*end).max(now + SECOND)));
        }
        self.windows.iter().fold(at, |at, window| at.max(window.free_at(now, units)))
    }

    /// Whether it failed so often that only a probe would tell whether it is back.
    pub(super) const fn is_dark(&self, now: i64) -> bool {
        now < self.dark_until
    }

    /// How many requests run.
    pub(super) const fn running(&self) -> usize {
        self.running.len()
    }

    /// A request was sent; it should end at this moment.
    pub(super) fn sent(&mut self, now: i64, id: &str, units: u64, end: i64) {
        self.running.push((id.to_owned(), end));
        for window in &mut self.windows {
            window.sent.push_back((now, units));
            while window.sent.front().is_some_and(|(at, _)| *at <= now - window.span) {
                window.sent.pop_front();
            }
        }
    }

    /// It ended, however.
    pub(super) fn ended(&mut self, id: &str) {
        self.running.retain(|(running, _)| running != id);
    }

    /// It did what it should.
    pub(super) fn answered(&mut self) {
        self.failures = 0;
        self.dark_until = 0;
    }

    /// It failed.
    pub(super) fn failed(&mut self, now: i64) {
        self.failures = self.failures.saturating_add(1);
        if let Some(again) = self.failures.checked_sub(OUTAGE) {
            self.dark_until = now + LATEST_PROBE.min(FIRST_PROBE << again.min(8));
        }
    }

    /// It said to come back no sooner.
    pub(super) fn hold(&mut self, until: i64) {
        self.held_until = self.held_until.max(until);
    }
}

impl Window {
    fn free_at(&self, now: i64, units: u64) -> i64 {
        let live = || self.sent.iter().filter(|(at, _)| *at > now - self.span);
        let mut used: u64 = live().map(|(_, units)| units).sum();
        let mut free = now;
        for (at, sent) in live() {
            if used + units <= self.limit {
                break;
            }
            used -= sent;
            free = at + self.span;
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_lane_is_free_when_the_first_should_end() {
        let mut account = Account::new(Some(2), &[]);
        account.sent(0, "a", 1, 9_000);
        assert_eq!(account.free_at(100, 1), 100);
        account.sent(0, "b", 1, 5_000);
        assert_eq!(account.free_at(100, 1), 5_000);
        assert_eq!(account.free_at(6_000, 1), 7_000, "overdue: any moment");
        account.ended("b");
        assert_eq!(account.free_at(6_000, 1), 6_000);
    }

    #[test]
    fn a_window_counts_units_and_forgets_them() {
        let mut account = Account::new(None, &[(60_000, 20)]);
        account.sent(0, "a", 10, 1);
        account.sent(1_000, "b", 8, 1);
        assert_eq!(account.free_at(2_000, 2), 2_000);
        assert_eq!(account.free_at(2_000, 3), 60_000);
        assert_eq!(account.free_at(2_000, 13), 61_000);
        assert_eq!(account.free_at(60_000, 10), 60_000, "a span later they are gone");
    }

    #[test]
    fn an_outage_is_probed_ever_more_rarely() {
        let mut account = Account::new(None, &[]);
        account.failed(0);
        assert_eq!(account.free_at(0, 1), 0, "one may be chance");
        account.failed(0);
        assert_eq!(account.free_at(0, 1), FIRST_PROBE);
        account.failed(0);
        assert_eq!(account.free_at(0, 1), 2 * FIRST_PROBE);
        for _ in 0..20 {
            account.failed(0);
        }
        assert_eq!(account.free_at(0, 1), LATEST_PROBE);
        account.answered();
        assert_eq!(account.free_at(0, 1), 0);
    }
}
