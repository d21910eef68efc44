//! The time of a lost call, by the vendor's clock.
//!
//! The vendor stamps rows by its own clock and in whole seconds, so the window is moved by the difference of
//! the clocks (the `Date` of its answer against ours) and opened by a slack.

use std::time::Duration;

use serde_json::Value;

use provider::{Lost, Timestamp};

use crate::client::Page;

/// `created_at` and `Date` are cut to whole seconds, each.
pub(crate) const SLACK: Duration = Duration::from_secs(2);

/// When, by the vendor's clock, the lost work can have been made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

impl Window {
    pub(crate) fn of(lost: &Lost, ceiling: Duration, theirs: Timestamp, ours: Timestamp) -> Self {
        let shifted = |at: Timestamp| at.plus(theirs.since(ours)).minus(ours.since(theirs));
        Self {
            from: shifted(lost.sent_at).minus(SLACK),
            to: shifted(lost.lost_at).plus(ceiling).plus(SLACK),
        }
    }

    pub(crate) fn holds(self, at: Timestamp) -> bool {
        self.from <= at && at <= self.to
    }

    /// Whether everything after these rows is older than the window.
    pub(crate) fn passed(self, page: &Page, at: impl Fn(&Value) -> Option<Timestamp>) -> bool {
        are_last(page, self.from, at)
    }
}

/// Whether everything after these rows is older than that: only where they are indeed sorted with the
/// newest first.
pub(crate) fn are_last(
    page: &Page,
    than: Timestamp,
    at: impl Fn(&Value) -> Option<Timestamp>,
) -> bool {
    let times: Vec<Timestamp> = page.rows.iter().filter_map(at).collect();
    let is_sorted = times.windows(2).all(|pair| pair[0] >= pair[1]);
    let newest_first = times.first() > times.last() || times.len() == 1;
    is_sorted && newest_first && times.last().is_some_and(|last| *last < than)
}
