//! When calls were sent, and when the windows allow the next.

use std::{collections::VecDeque, time::Duration};

use provider::{RateWindow, Timestamp};

/// No window with zero calls ever opens.
pub(super) const NEVER: Timestamp = Timestamp::from_millis(i64::MAX);

/// The newest calls, oldest first; as many as the largest window holds.
#[derive(Debug, Default)]
pub(super) struct Sent(VecDeque<Timestamp>);

impl Sent {
    /// The moment from which every window allows one more call; none where no window says anything.
    ///
    /// A window of `calls` opens when the `calls`-th newest call leaves it, so nothing is counted.
    pub(super) fn opens_at(&self, windows: &[RateWindow], margin: Duration) -> Option<Timestamp> {
        let opens = |window: &RateWindow| {
            let Some(most) = usize::try_from(window.calls).ok().filter(|most| *most > 0) else {
                return Some(NEVER);
            };
            let oldest = self.0.get(self.0.len().checked_sub(most)?)?;
            Some(oldest.plus(window.span).plus(margin))
        };
        windows.iter().filter_map(opens).max()
    }

    /// One call now. Should the clock have gone back, the call counts as the newest all the same.
    /// Answers the moment that it stands for.
    pub(super) fn count(&mut self, now: Timestamp, windows: &[RateWindow]) -> Timestamp {
        let newest = self.0.back().copied().unwrap_or(now);
        let at = now.max(newest);
        self.0.push_back(at);
        let most = windows.iter().map(|window| window.calls).max().unwrap_or(0);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let surplus = self.0.len().saturating_sub(most);
        self.0.drain(..surplus);
        at
    }

    /// The call that was counted at that moment was not sent.
    pub(super) fn forget(&mut self, at: Timestamp) {
        // What was drained for it had left every window before it was counted.
        if let Some(place) = self.0.iter().rposition(|counted| *counted == at) {
            self.0.remove(place);
        }
    }

    /// Calls from before a restart.
    pub(super) fn restore(&mut self, sent: &[Timestamp]) {
        self.0.extend(sent);
        self.0.make_contiguous().sort_unstable();
    }

    /// Calls within the longest window.
    pub(super) fn within(&self, now: Timestamp, windows: &[RateWindow]) -> u32 {
        let Some(span) = windows.iter().map(|window| window.span).max() else { return 0 };
        let gone = self.0.partition_point(|at| at.plus(span) <= now);
        u32::try_from(self.0.len() - gone).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(millis: u64, calls: u32) -> RateWindow {
        RateWindow { span: Duration::from_millis(millis), calls }
    }

    proptest! {
        /// Whoever sends only when the windows are open never has more calls in any span than the
        /// window allows, and is never kept waiting while there is room.
        #[test]
        fn windows_hold_and_waste_nothing(
            windows in prop::collection::vec((1_u64..40, 1_u32..6), 1..4),
            steps in prop::collection::vec(0_i64..15, 1..60),
        ) {
            let windows: Vec<_> = windows.into_iter().map(|(s, c)| window(s, c)).collect();
            let mut sent = Sent::default();
            let mut log: Vec<i64> = Vec::new();
            let mut now = 0;
            for step in steps {
                now += step;
                let room = windows.iter().all(|w| {
                    let span = i64::try_from(w.span.as_millis()).unwrap();
                    let inside = log.iter().filter(|at| now - **at < span).count();
                    inside < usize::try_from(w.calls).unwrap()
                });
                let at = Timestamp::from_millis(now);
                let open = sent.opens_at(&windows, Duration::ZERO).is_none_or(|opens| opens <= at);
                prop_assert_eq!(open, room);
                if open {
                    sent.count(at, &windows);
                    log.push(now);
                }
            }
        }
    }

    #[test]
    fn a_window_of_no_calls_never_opens() {
        assert_eq!(Sent::default().opens_at(&[window(1, 0)], Duration::ZERO), Some(NEVER));
    }

    #[test]
    fn memory_is_bounded_by_the_largest_window() {
        let windows = [window(1000, 3), window(10, 2)];
        let mut sent = Sent::default();
        for at in 0..100 {
            sent.count(Timestamp::from_millis(at), &windows);
        }
        assert_eq!(sent.0.len(), 3);
        assert_eq!(sent.within(Timestamp::from_millis(99), &windows), 3);
        assert_eq!(sent.within(Timestamp::from_millis(1098), &windows), 1);
    }
}
