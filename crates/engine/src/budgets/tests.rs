use std::time::Duration;

use super::{periods::zone, *};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn days(period: Period, zone_name: &str, now: &str) -> (String, String) {
    let span = span("team_1", period, zone(zone_name).unwrap(), at(now));
    (span.since.to_string(), span.until.to_string())
}

fn pair(since: &str, until: &str) -> (String, String) {
    (at(since).to_string(), at(until).to_string())
}

#[test]
fn periods_follow_the_calendar_of_the_zone() {
    let now = "2026-11-01T03:30:00Z";
    assert_eq!(days(Period::Day, "UTC", now), pair("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"));
    // In New York it is still October, and the night in which an hour comes twice.
    assert_eq!(
        days(Period::Day, "America/New_York", now),
        pair("2026-10-31T04:00:00Z", "2026-11-01T04:00:00Z")
    );
    assert_eq!(
        days(Period::Day, "America/New_York", "2026-11-01T12:00:00Z"),
        pair("2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z")
    );
    assert_eq!(
        days(Period::Month, "America/New_York", now),
        pair("2026-10-01T04:00:00Z", "2026-11-01T04:00:00Z")
    );
    // A Sunday belongs to the week that began on Monday.
    assert_eq!(
        days(Period::Week, "UTC", now),
        pair("2026-10-26T00:00:00Z", "2026-11-02T00:00:00Z")
    );
    assert_eq!(
        days(Period::Month, "Asia/Kolkata", "2026-12-31T18:30:00Z"),
        pair("2026-12-31T18:30:00Z", "2027-01-31T18:30:00Z")
    );
}

#[test]
fn a_day_without_midnight_begins_at_its_first_moment() {
    // Clocks in Cuba go from 0:00 to 1:00.
    assert_eq!(
        days(Period::Day, "America/Havana", "2026-03-08T12:00:00Z"),
        pair("2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z")
    );
}

#[test]
fn every_moment_lies_in_exactly_one_span() {
    for name in ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "Asia/Kathmandu"]
    {
        for period in [Period::Day, Period::Week, Period::Month] {
            let zone = zone(name).unwrap();
            let mut now = at("2026-01-01T00:00:00Z");
            while now < at("2027-01-10T00:00:00Z") {
                let here = span("x", period, zone, now);
                assert!(here.since <= now && now < here.until, "{name} {period:?} {now}");
                let next = span("x", period, zone, here.until);
                assert_eq!(next.since, here.until, "{name} {period:?} {now}");
                now = now.plus(Duration::from_secs(5 * 3600 + 7));
            }
        }
    }
}

fn used(charged: i64, limit: i64, alert_at: &[u8]) -> BudgetState {
    let budget = Budget {
        limit: Some(MicroUsd::from_micros(limit)),
        outputs: None,
        period: Period::Day,
        hard: true,
        alert_at: alert_at.to_vec(),
    };
    let span = span("team_1", Period::Day, Tz::UTC, at("2026-11-21T12:00:00Z"));
    let standing = Standing { charged: MicroUsd::from_micros(charged), ..Standing::default() };
    state("team_1", &budget, &span, standing)
}

#[test]
fn each_share_is_told_once_in_a_period() {
    let alerts = Alerts::default();
    let told: Vec<_> = [40, 50, 60, 79, 95, 96, 100, 110]
        .into_iter()
        .map(|charged| alerts.passed(&used(charged, 100, &[50, 80, 100])))
        .collect();
    assert_eq!(told, [None, Some(50), None, None, Some(80), None, Some(100), None]);
    // A new limit is a new budget.
    assert_eq!(alerts.passed(&used(110, 200, &[50])), Some(50));
    assert_eq!(alerts.passed(&used(1, 0, &[100])), Some(100), "a budget of nothing is used up");
}

#[test]
fn what_is_left_is_never_negative() {
    assert_eq!(used(110, 100, &[]).remaining, Some(MicroUsd::ZERO));
    assert_eq!(used(30, 100, &[]).remaining, Some(MicroUsd::from_micros(70)));
    assert_eq!(used(-30, 100, &[]).remaining, Some(MicroUsd::from_micros(100)), "nor past it");
}
