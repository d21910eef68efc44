//! What one account may do: at once, in a minute, in a month, and before the vendor suspends it.
//!
//! All of it is data of the account ([`Provider::limits`](crate::Provider::limits)): the documented
//! values, with what a plan or an operator says instead. Nothing here counts; `coordination` does.

use std::time::Duration;

use chrono::{Datelike, Days, Months, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::{Kind, MicroUsd, Timestamp};

/// The limits of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Slots, if limited.
    pub concurrent: Option<u32>,
    /// What holds one of the slots.
    pub slot: SlotUse,
    /// Calls within sliding windows.
    pub windows: Vec<RateWindow>,
    /// Whether reads (polls, balances, results) count in the windows, or paid calls alone.
    pub count_reads: bool,
    /// Longest time that the vendor works on a call, counted from its sending: after it, work that its
    /// books do not show did not happen.
    pub work_ceiling: Duration,
    /// Prepaid units; none where every call is paid for.
    pub allowances: Vec<AllowanceLimit>,
    /// What may be bought past the month's units.
    pub overage: Option<Overage>,
    /// What a month costs whatever is used, where there is a plan: no single piece of work costs it.
    pub monthly_fee: Option<MicroUsd>,
    /// When the vendor suspends an account for rejected work, and when we stop before that.
    pub safety: Option<SafetyRule>,
}

/// What holds one of an account's slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotUse {
    /// Every request while it is under way, reads too.
    Request,
    /// A job, from its submit to its end; reads hold none.
    Job,
}

/// At most `calls` in any `span`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateWindow {
    /// The sliding window's length.
    pub span: Duration,
    /// Most calls within it.
    pub calls: u32,
}

/// Prepaid units of one kind within one calendar window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllowanceLimit {
    /// What a unit makes.
    pub kind: Kind,
    /// Within what.
    pub window: Calendar,
    /// Units.
    pub units: u32,
}

/// A calendar window, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calendar {
    /// From 00:00 to 24:00.
    Day,
    /// From the 1st at 00:00 to the last day at 24:00.
    Month,
}

/// Units past the month's allowance, for money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overage {
    /// What one unit of a kind costs.
    pub prices: Vec<(Kind, MicroUsd)>,
    /// Most money in one month; the unused part carries over to the following months.
    pub monthly_cap: MicroUsd,
}

/// A vendor's rule of suspension, with our own lines before it. Shares are of the attempts within
/// `span` whose content the vendor judged; those in flight count as rejected on our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SafetyRule {
    /// The sliding window.
    pub span: Duration,
    /// From here on the account takes no work of teams that caused rejections.
    pub team: Share,
    /// From here on the account takes no work at all.
    pub account: Share,
    /// The vendor suspends past this.
    pub vendor: Share,
    /// A team with so many rejections and nothing else in the window takes a rest there: were it let
    /// go on to `team`'s line, the others would reach `account`'s with it.
    pub unbroken: u32,
}

/// `percent` of at least `least`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Percent.
    pub percent: u32,
    /// Of at least so many attempts.
    pub least: u32,
}

impl Limits {
    /// No limits but the vendor's longest work: what others are written as differences from.
    pub const fn none(work_ceiling: Duration) -> Self {
        Self {
            concurrent: None,
            slot: SlotUse::Request,
            windows: Vec::new(),
            count_reads: true,
            work_ceiling,
            allowances: Vec::new(),
            overage: None,
            monthly_fee: None,
            safety: None,
        }
    }

    /// The units of a kind within a window, if they are limited.
    pub fn allowance(&self, kind: Kind, window: Calendar) -> Option<u32> {
        let found = self.allowances.iter().find(|a| a.kind == kind && a.window == window);
        found.map(|allowance| allowance.units)
    }

    /// Whether work of this kind uses prepaid units.
    pub fn is_prepaid(&self, kind: Kind) -> bool {
        self.allowances.iter().any(|allowance| allowance.kind == kind)
    }
}

impl Overage {
    /// What one unit of a kind costs.
    pub fn price(&self, kind: Kind) -> Option<MicroUsd> {
        self.prices.iter().find(|(of, _)| *of == kind).map(|(_, price)| *price)
    }
}

impl Share {
    /// Whether `part` of `all` has reached this share.
    pub fn is_reached(self, part: u32, all: u32) -> bool {
        all >= self.least && u64::from(part) * 100 >= u64::from(self.percent) * u64::from(all)
    }

    /// Whether `part` of `all` is past this share.
    pub fn is_passed(self, part: u32, all: u32) -> bool {
        all >= self.least && u64::from(part) * 100 > u64::from(self.percent) * u64::from(all)
    }
}

impl Calendar {
    /// The name outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The beginning of the window that `at` lies in.
    pub fn start(self, at: Timestamp) -> Timestamp {
        midnight(self.first_day(at))
    }

    /// The beginning of the next window.
    pub fn end(self, at: Timestamp) -> Timestamp {
        let first = self.first_day(at);
        let next = match self {
            Self::Day => first.checked_add_days(Days::new(1)),
            Self::Month => first.checked_add_months(Months::new(1)),
        };
        midnight(next.unwrap_or(first))
    }

    fn first_day(self, at: Timestamp) -> NaiveDate {
        let day = at.to_utc().date_naive();
        match self {
            Self::Day => day,
            Self::Month => day.with_day(1).unwrap_or(day),
        }
    }
}

fn midnight(day: NaiveDate) -> Timestamp {
    Timestamp::from_millis(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn windows_follow_the_calendar_in_utc() {
        let late = at("2028-02-29T23:59:59.999Z");
        assert_eq!(Calendar::Day.start(late), at("2028-02-29T00:00:00Z"));
        assert_eq!(Calendar::Day.end(late), at("2028-03-01T00:00:00Z"));
        assert_eq!(Calendar::Month.start(late), at("2028-02-01T00:00:00Z"));
        assert_eq!(Calendar::Month.end(late), at("2028-03-01T00:00:00Z"));
        assert_eq!(Calendar::Month.end(at("2026-12-31T12:00:00Z")), at("2027-01-01T00:00:00Z"));
        assert_eq!(Calendar::Month.start(at("2026-12-01T00:00:00Z")), at("2026-12-01T00:00:00Z"));
    }

    #[test]
    fn a_share_is_reached_at_it_and_passed_beyond_it() {
        let half = Share { percent: 50, least: 10 };
        assert!(half.is_reached(5, 10) && !half.is_passed(5, 10) && half.is_passed(6, 11));
        assert!(!half.is_reached(9, 9), "too few to tell");
    }
}
