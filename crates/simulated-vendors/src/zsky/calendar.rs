//! Days and months of UTC, by the vendor's own clock.

use std::fmt;

use chrono::{Datelike as _, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::clock;

/// A calendar month, as the number of months since the year 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Month(i64);

impl Month {
    pub(crate) fn of(ms: i64) -> Self {
        let date = clock::date(ms);
        Self(i64::from(date.year()) * 12 + i64::from(date.month0()))
    }

    /// How many months this one is after the other.
    pub(crate) fn after(self, other: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(other.0)).unwrap_or(0)
    }

    /// Its first day, as the page writes it.
    pub(crate) fn first_day(self) -> String {
        format!("{self}-01")
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}

pub(crate) fn day(ms: i64) -> NaiveDate {
    clock::date(ms).date_naive()
}

#[cfg(test)]
mod tests {
    use super::Month;

    #[test]
    fn a_month_begins_at_midnight_of_its_first() {
        let at =
            |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis();
        let (last, first) = (at("2026-12-31T23:59:59.999Z"), at("2027-01-01T00:00:00Z"));
        assert_eq!(Month::of(last).first_day(), "2026-12-01");
        assert_eq!(Month::of(first).first_day(), "2027-01-01");
        assert_eq!(Month::of(first).after(Month::of(last)), 1);
    }
}
