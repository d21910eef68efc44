//! The periods of budgets: which days, weeks and months a moment lies in, by a zone's own calendar.

use std::str::FromStr as _;

use chrono::{Datelike as _, Days, Months, NaiveDate, NaiveTime, TimeZone as _};
use chrono_tz::Tz;
use provider::Timestamp;
use records::{Period, Span, Team};

pub(super) fn zone_of(team: &Team) -> Tz {
    team.rules.time_zone.as_deref().and_then(zone).unwrap_or(Tz::UTC)
}

pub(super) fn zone(name: &str) -> Option<Tz> {
    Tz::from_str(name).ok()
}

/// Whether there is a time zone of that IANA name.
pub fn is_zone(name: &str) -> bool {
    zone(name).is_some()
}

/// The period that a moment lies in.
pub(super) fn span(owner: &str, period: Period, zone: Tz, at: Timestamp) -> Span {
    let day = at.to_utc().with_timezone(&zone).date_naive();
    let (first, next) = match period {
        Period::Day => (day, day.checked_add_days(Days::new(1))),
        Period::Week => {
            let passed = u64::from(day.weekday().num_days_from_monday());
            let monday = day.checked_sub_days(Days::new(passed)).unwrap_or(day);
            (monday, monday.checked_add_days(Days::new(7)))
        }
        Period::Month => {
            let first = day.with_day(1).unwrap_or(day);
            (first, first.checked_add_months(Months::new(1)))
        }
        Period::Total => {
            let (since, until) = (Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX));
            return Span { owner: owner.to_owned(), since, until };
        }
    };
    let until = midnight(next.unwrap_or(first), zone);
    Span { owner: owner.to_owned(), since: midnight(first, zone), until }
}

/// The first moment of a day: where clocks are put forward at midnight, that is later than midnight.
fn midnight(day: NaiveDate, zone: Tz) -> Timestamp {
    let quarters = (0..24 * 4_i64).map(|n| chrono::TimeDelta::minutes(15 * n));
    let mut moments = quarters.filter_map(|later| {
        let local = day.and_time(NaiveTime::MIN).checked_add_signed(later)?;
        zone.from_local_datetime(&local).earliest()
    });
    let first = moments.next().map(|first| first.timestamp_millis());
    Timestamp::from_millis(first.unwrap_or_default())
}
