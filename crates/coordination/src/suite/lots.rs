//! Checks of [`Lots`]: no unit is promised twice, and both counts are heard. The clock of all of them
//! begins at noon of some 14th of November.
#![expect(clippy::panic, reason = "a check that cannot go on has failed")]

use std::time::Duration;

use provider::{
    Allowance, AllowanceLimit, Calendar, Clock, Kind, Limits, ManualClock, MicroUsd, Overage,
    Timestamp,
};

use super::{now, start};
use crate::{Gone, LotLoad, Lots, OverageLoad, Past, Taken, UnitsEnd, Used};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const IMAGE: Kind = Kind::Image;

/// Images a day and a month.
fn limits(day: u32, month: u32) -> Limits {
    let limit = |window, units| AllowanceLimit { kind: IMAGE, window, units };
    let allowances = vec![limit(Calendar::Day, day), limit(Calendar::Month, month)];
    Limits { allowances, ..Limits::none(Duration::ZERO) }
}

/// The same with images at five cents past the month's.
fn with_overage(day: u32, month: u32, monthly_cap: MicroUsd) -> Limits {
    let prices = vec![(IMAGE, cents(5))];
    Limits { overage: Some(Overage { prices, monthly_cap }), ..limits(day, month) }
}

fn cents(cents: i64) -> MicroUsd {
    MicroUsd::from_micros(cents * 10_000)
}

fn gone(window: Calendar, clock: &ManualClock) -> Gone {
    Gone { window, until: window.end(clock.now()) }
}

async fn take(lots: &dyn Lots, limits: &Limits, units: u32, attempt: &str) -> Taken {
    let taken = lots.take("a", limits, IMAGE, units, attempt).await;
    taken.unwrap_or_else(|gone| panic!("{attempt}: {gone}"))
}

async fn load(lots: &dyn Lots, limits: &Limits, window: Calendar) -> LotLoad {
    let loads = lots.load("a", limits).await;
    let found = loads.into_iter().find(|load| load.window == window);
    found.unwrap_or_else(|| panic!("a line for every limit"))
}

/// Used and remaining of a window.
async fn left(lots: &dyn Lots, limits: &Limits, window: Calendar) -> (u32, u32) {
    let load = load(lots, limits, window).await;
    (load.used, load.remaining)
}

fn count(used: u32, overage: u32, since: Option<Timestamp>) -> Allowance {
    Allowance { kind: IMAGE, window: Calendar::Month, limit: 1000, used, overage, since }
}

/// A plan that is smaller at the vendor than here ends there; a larger one does not grow here.
pub async fn the_smaller_limit_holds(lots: &dyn Lots, clock: &ManualClock) {
    let limits = limits(50, 10);
    let told = |limit| Allowance { limit, ..count(2, 0, None) };
    lots.told("a", &limits, &[told(2)]).await;
    assert_eq!(lots.look("a", &limits, IMAGE, 1).await, Err(gone(Calendar::Month, clock)));
    let month = load(lots, &limits, Calendar::Month).await;
    assert_eq!((month.limit, month.remaining), (2, 0));
    lots.told("a", &limits, &[told(500)]).await;
    assert_eq!(load(lots, &limits, Calendar::Month).await.limit, 10);
    lots.told("a", &limits, &[told(2)]).await;
    next_month(clock);
    assert_eq!(load(lots, &limits, Calendar::Month).await.limit, 10, "next month nobody has said");
}

/// A vendor whose clock is ahead begins its month before ours, and then it is the month.
pub async fn the_vendors_calendar_counts(lots: &dyn Lots, clock: &ManualClock) {
    let limits = limits(10, 5);
    take(lots, &limits, 5, "one").await;
    assert!(lots.look("a", &limits, IMAGE, 1).await.is_err());
    let next = Calendar::Month.end(clock.now());
    let after = Calendar::Month.end(next);
    lots.told("a", &limits, &[count(0, 0, Some(after))]).await;
    assert!(lots.look("a", &limits, IMAGE, 1).await.is_err(), "two months ahead is no clock");
    lots.told("a", &limits, &[count(2, 0, Some(next))]).await;
    assert_eq!(left(lots, &limits, Calendar::Month).await, (2, 3));
    assert_eq!(take(lots, &limits, 1, "two").await.at, next);
    clock.advance(next.since(clock.now()));
    assert_eq!(left(lots, &limits, Calendar::Month).await, (3, 2), "our own turn changes nothing");
}

/// Skips to noon of the next month's first day.
fn next_month(clock: &ManualClock) {
    let first = Calendar::Month.end(clock.now());
    clock.advance(first.since(clock.now()) + DAY / 2);
}

/// The day's limit holds, what it refuses takes nothing, and the next day begins anew.
pub async fn a_day_holds(lots: &dyn Lots, clock: &ManualClock) {
    let limits = limits(3, 100);
    assert_eq!(lots.look("a", &limits, IMAGE, 3).await, Ok(MicroUsd::ZERO));
    let taken = take(lots, &limits, 2, "one").await;
    assert_eq!((taken.at, taken.units, taken.overage_units), (clock.now(), 2, 0));
    let refused = lots.take("a", &limits, IMAGE, 2, "two").await;
    assert_eq!(refused, Err(gone(Calendar::Day, clock)));
    assert_eq!(lots.look("a", &limits, IMAGE, 2).await, Err(gone(Calendar::Day, clock)));
    assert_eq!(left(lots, &limits, Calendar::Day).await, (2, 1));
    assert!(lots.take("b", &limits, IMAGE, 3, "two").await.is_ok(), "accounts share nothing");
    take(lots, &limits, 1, "three").await;
    clock.advance(DAY / 2);
    assert_eq!(left(lots, &limits, Calendar::Day).await, (0, 3));
    assert_eq!(left(lots, &limits, Calendar::Month).await, (3, 97));
}

/// The month's limit holds, and the next month begins with nothing used.
pub async fn a_month_holds(lots: &dyn Lots, clock: &ManualClock) {
    let limits = limits(4, 5);
    take(lots, &limits, 4, "one").await;
    clock.advance(DAY);
    let refused = lots.take("a", &limits, IMAGE, 2, "two").await;
    assert_eq!(refused, Err(gone(Calendar::Month, clock)));
    take(lots, &limits, 1, "three").await;
    let refused = lots.look("a", &limits, IMAGE, 4).await;
    assert_eq!(refused, Err(gone(Calendar::Month, clock)), "both are gone; the month is told");
    let load = load(lots, &limits, Calendar::Month).await;
    assert_eq!(load.resets_at, Calendar::Month.end(clock.now()));
    next_month(clock);
    assert_eq!(left(lots, &limits, Calendar::Month).await, (0, 5));
    take(lots, &limits, 4, "four").await;
}

/// However many ask at once, there are as many as there are.
pub async fn races_take_no_more(lots: &dyn Lots) {
    let limits = limits(10, 7);
    let names: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    let takes = names.iter().map(|name| start(lots.take("a", &limits, IMAGE, 1, name)));
    let mut takes: Vec<_> = takes.collect();
    let mut taken = 0;
    for _ in 0..100 {
        let mut still = Vec::new();
        for mut take in takes {
            match now(&mut take).await {
                Some(answer) => taken += u32::from(answer.is_ok()),
                None => still.push(take),
            }
        }
        takes = still;
    }
    assert_eq!(taken, 7);
}

/// An attempt takes once, and ends once.
pub async fn attempts_count_once(lots: &dyn Lots) {
    let limits = limits(9, 9);
    let first = take(lots, &limits, 2, "one").await;
    assert_eq!(take(lots, &limits, 2, "one").await, first);
    assert_eq!(left(lots, &limits, Calendar::Month).await, (2, 7));
    take(lots, &limits, 3, "two").await;
    lots.end("a", first.clone(), UnitsEnd::Free).await;
    lots.end("a", first, UnitsEnd::Free).await;
    assert_eq!(left(lots, &limits, Calendar::Month).await, (3, 6));
}

/// Used units stay used; doubtful ones too, until it is known.
pub async fn ends_are_kept_apart(lots: &dyn Lots) {
    let limits = limits(9, 9);
    let used = take(lots, &limits, 1, "used").await;
    let doubt = take(lots, &limits, 2, "doubt").await;
    let free = take(lots, &limits, 4, "free").await;
    lots.end("a", used.clone(), UnitsEnd::Used).await;
    lots.end("a", doubt.clone(), UnitsEnd::Doubt).await;
    lots.end("a", free, UnitsEnd::Free).await;
    assert_eq!(left(lots, &limits, Calendar::Day).await, (3, 6));
    lots.end("a", used, UnitsEnd::Free).await;
    assert_eq!(left(lots, &limits, Calendar::Day).await, (3, 6), "it had ended");
    lots.end("a", doubt, UnitsEnd::Free).await;
    assert_eq!(left(lots, &limits, Calendar::Day).await, (1, 8), "now it is known");
}

/// What is free again is so in the day and the month in which it was taken.
pub async fn freed_units_go_where_they_came_from(lots: &dyn Lots, clock: &ManualClock) {
    let limits = limits(5, 50);
    let yesterdays = take(lots, &limits, 2, "one").await;
    let last_months = take(lots, &limits, 2, "two").await;
    clock.advance(DAY);
    take(lots, &limits, 3, "three").await;
    lots.end("a", yesterdays, UnitsEnd::Free).await;
    assert_eq!(left(lots, &limits, Calendar::Day).await, (3, 2));
    assert_eq!(left(lots, &limits, Calendar::Month).await, (5, 45));
    next_month(clock);
    take(lots, &limits, 3, "four").await;
    lots.end("a", last_months, UnitsEnd::Free).await;
    assert_eq!(left(lots, &limits, Calendar::Day).await, (3, 2));
    assert_eq!(left(lots, &limits, Calendar::Month).await, (3, 47));
}

/// Past the month's units each costs its price while the month's money lasts; the day still holds.
pub async fn overage_is_bought(lots: &dyn Lots, clock: &ManualClock) {
    let limits = with_overage(6, 2, cents(15));
    assert_eq!(lots.look("a", &limits, IMAGE, 3).await, Ok(cents(5)));
    let taken = take(lots, &limits, 3, "one").await;
    assert_eq!((taken.units, taken.overage_units, taken.price), (3, 1, cents(5)));
    let overage = load(lots, &limits, Calendar::Month).await.overage;
    assert_eq!(overage, Some(OverageLoad { spent: cents(5), left: cents(10) }));
    assert_eq!(lots.look("a", &limits, IMAGE, 3).await, Err(gone(Calendar::Month, clock)));
    take(lots, &limits, 2, "two").await;
    assert_eq!(lots.look("a", &limits, IMAGE, 1).await, Err(gone(Calendar::Month, clock)));
    lots.end("a", taken, UnitsEnd::Free).await;
    assert_eq!(left(lots, &limits, Calendar::Month).await, (2, 2), "bought ones stay bought");
    take(lots, &limits, 3, "three").await;
    assert_eq!(lots.look("a", &limits, IMAGE, 2).await, Err(gone(Calendar::Month, clock)));
    let wide = with_overage(6, 2, cents(1000));
    assert_eq!(lots.look("a", &wide, IMAGE, 2).await, Err(gone(Calendar::Day, clock)));
    let other = lots.look("a", &wide, Kind::Video, 1).await;
    assert_eq!(other, Ok(MicroUsd::ZERO), "without a limit there is nothing to buy");
}

/// What a month leaves of its money is there in the following ones.
pub async fn money_carries_over(lots: &dyn Lots, clock: &ManualClock) {
    let limits = with_overage(100, 0, cents(20));
    take(lots, &limits, 1, "one").await;
    next_month(clock);
    next_month(clock);
    let given_back = take(lots, &limits, 10, "two").await;
    let overage = load(lots, &limits, Calendar::Month).await.overage;
    assert_eq!(overage, Some(OverageLoad { spent: cents(50), left: cents(5) }));
    assert_eq!(lots.look("a", &limits, IMAGE, 2).await, Err(gone(Calendar::Month, clock)));
    next_month(clock);
    let overage = load(lots, &limits, Calendar::Month).await.overage;
    assert_eq!(overage, Some(OverageLoad { spent: cents(0), left: cents(25) }));
    lots.end("a", given_back, UnitsEnd::Free).await;
    assert_eq!(left(lots, &limits, Calendar::Month).await, (0, 0), "nothing of this month's");
    let overage = load(lots, &limits, Calendar::Month).await.overage;
    assert_eq!(overage, Some(OverageLoad { spent: cents(0), left: cents(75) }));
}

/// The larger count holds, and a month that is not the current one says nothing.
pub async fn the_larger_count_holds(lots: &dyn Lots, clock: &ManualClock) {
    let limits = limits(50, 10);
    take(lots, &limits, 2, "one").await;
    let this = Some(Calendar::Month.start(clock.now()));
    let last = this.map(|this| Calendar::Month.start(this.minus(DAY)));
    assert_eq!(lots.told("a", &limits, &[count(9, 0, last)]).await, []);
    assert_eq!(left(lots, &limits, Calendar::Month).await, (2, 8));
    assert_eq!(lots.told("a", &limits, &[count(6, 0, this)]).await, []);
    assert_eq!(left(lots, &limits, Calendar::Month).await, (6, 4));
    assert_eq!(left(lots, &limits, Calendar::Day).await, (2, 48));
    take(lots, &limits, 3, "two").await;
    assert_eq!(left(lots, &limits, Calendar::Month).await, (9, 1));
    lots.told("a", &limits, &[count(6, 0, None)]).await;
    let counted = left(lots, &limits, Calendar::Month).await;
    assert_eq!(counted, (9, 1), "attempts in flight may not be counted yet");
    assert_eq!(lots.look("a", &limits, IMAGE, 2).await, Err(gone(Calendar::Month, clock)));
    next_month(clock);
    assert_eq!(left(lots, &limits, Calendar::Month).await, (0, 10));
}

/// A vendor that counts less shows that what is in doubt was not used; never what is in flight.
pub async fn a_smaller_count_clears_doubts(lots: &dyn Lots, clock: &ManualClock) {
    let limits = limits(50, 50);
    let mut doubts = Vec::new();
    for (name, units) in [("first", 1), ("second", 4), ("third", 1)] {
        let doubt = take(lots, &limits, units, name).await;
        lots.end("a", doubt.clone(), UnitsEnd::Doubt).await;
        doubts.push(doubt);
        clock.advance(DAY / 100);
    }
    let flying = take(lots, &limits, 2, "flying").await;
    assert_eq!(left(lots, &limits, Calendar::Month).await, (8, 42));
    assert_eq!(lots.told("a", &limits, &[count(6, 0, None)]).await, [], "those in flight");
    lots.end("a", flying, UnitsEnd::Used).await;
    let freed = lots.told("a", &limits, &[count(6, 0, None)]).await;
    assert_eq!(freed, [doubts[0].clone(), doubts[2].clone()], "the oldest that fit");
    assert_eq!(left(lots, &limits, Calendar::Month).await, (6, 44));
    assert_eq!(left(lots, &limits, Calendar::Day).await, (6, 44));
    assert_eq!(lots.told("a", &limits, &[count(0, 0, None)]).await, [doubts[1].clone()]);
    assert_eq!(left(lots, &limits, Calendar::Month).await, (2, 48), "what was used stays so");
}

/// Overage that was bought elsewhere is spent here.
pub async fn overage_elsewhere_is_spent(lots: &dyn Lots, clock: &ManualClock) {
    let limits = with_overage(50, 10, cents(30));
    take(lots, &limits, 3, "one").await;
    lots.told("a", &limits, &[count(14, 4, None)]).await;
    assert_eq!(left(lots, &limits, Calendar::Month).await, (14, 0));
    let overage = load(lots, &limits, Calendar::Month).await.overage;
    assert_eq!(overage, Some(OverageLoad { spent: cents(20), left: cents(10) }));
    assert_eq!(lots.look("a", &limits, IMAGE, 3).await, Err(gone(Calendar::Month, clock)));
    assert_eq!(take(lots, &limits, 2, "two").await.price, cents(10));
    assert_eq!(lots.told("a", &limits, &[count(16, 6, None)]).await, []);
    let overage = load(lots, &limits, Calendar::Month).await.overage;
    assert_eq!(overage, Some(OverageLoad { spent: cents(30), left: cents(0) }));
}

/// After a restart, what was taken counts on, and what was open or in doubt can end.
pub async fn a_restart_forgets_nothing(lots: &dyn Lots, clock: &ManualClock) {
    let limits = with_overage(20, 10, cents(20));
    let begin = clock.now();
    let month = Calendar::Month.start(begin);
    let used =
        |at, units, overage_units, price| Used { kind: IMAGE, at, units, overage_units, price };
    let taken = |attempt: &str, at, units| Taken {
        attempt: attempt.to_owned(),
        kind: IMAGE,
        at,
        units,
        overage_units: 0,
        price: MicroUsd::ZERO,
    };
    let open = taken("open", begin.minus(DAY / 100), 2);
    let doubt = taken("doubt", begin.minus(DAY), 1);
    let past = Past {
        used: vec![
            used(month.minus(DAY), 1, 1, cents(5)),
            used(month, 3, 0, MicroUsd::ZERO),
            used(begin, 2, 2, cents(10)),
        ],
        overage_since: Some(month.minus(DAY * 40)),
        open: vec![open.clone()],
        doubtful: vec![doubt.clone(), taken("old", month.minus(DAY), 7)],
    };
    lots.restore("a", past).await;
    assert_eq!(left(lots, &limits, Calendar::Day).await, (4, 16));
    let load = load(lots, &limits, Calendar::Month).await;
    assert_eq!((load.used, load.remaining), (8, 4));
    assert_eq!(load.overage, Some(OverageLoad { spent: cents(10), left: cents(45) }));
    assert_eq!(take(lots, &limits, 2, "open").await, open, "it has taken already");
    assert_eq!(lots.told("a", &limits, &[count(5, 2, None)]).await, [doubt]);
    lots.end("a", open, UnitsEnd::Free).await;
    assert_eq!(left(lots, &limits, Calendar::Month).await, (5, 7));
}
