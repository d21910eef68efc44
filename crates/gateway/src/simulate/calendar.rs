//! Days and months of the UTC calendar, in Unix milliseconds. Months are counted from year 0.

pub(super) const SECOND: i64 = 1_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// Days from 1 March of year 0 to 1 January 1970.
const EPOCH: i64 = 719_468;
/// Days of 400 years.
const ERA: i64 = 146_097;

pub(super) const fn day(at: i64) -> i64 {
    at.div_euclid(DAY)
}

/// The month of a moment.
pub(super) const fn month(at: i64) -> i64 {
    let days = day(at) + EPOCH;
    let of_era = days.rem_euclid(ERA);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // Years begin in March here, so that the leap day is the last one.
    (year + days.div_euclid(ERA) * 400) * 12 + (5 * of_year + 2) / 153 + 2
}

/// The first moment of a month.
pub(super) const fn month_start(month: i64) -> i64 {
    let since_march = month - 2;
    let (years, months) = (since_march.div_euclid(12), since_march.rem_euclid(12));
    let (era, year) = (years.div_euclid(400), years.rem_euclid(400));
    let days = era * ERA + 365 * year + year / 4 - year / 100 + (153 * months + 2) / 5;
    (days - EPOCH) * DAY
}

#[cfg(test)]
mod tests {
    use provider::Timestamp;

    use super::*;

    #[test]
    fn months_begin_where_the_calendar_says() {
        for year in [1970, 1999, 2000, 2024, 2026, 2100] {
            for of_year in 1..=12 {
                let text = format!("{year:04}-{of_year:02}-01T00:00:00Z");
                let first = Timestamp::parse(&text).unwrap().millis();
                let number = year * 12 + of_year - 1;
                assert_eq!(month_start(number), first, "{text}");
                assert_eq!(month(first), number, "{text}");
                assert_eq!(month(first - 1), number - 1, "before {text}");
            }
        }
    }
}
