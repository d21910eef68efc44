//! What free credits are worth: nothing where they are spare or about to be lost, their price where they are
//! wanted.

use std::{collections::HashMap, time::Duration};

use provider::{Bonus, Calendar, FreeCredits, Kind, MicroUsd, Timestamp};
use routing::Policy;

use super::{History, Seen, Taking, Things, Weighed};
use crate::{Considered, Decision};

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const DAY: u64 = 86_400;
const PRICE: MicroUsd = MicroUsd::from_micros(24_000);

fn seen() -> Seen {
    let candidate = |provider: &str, price| Considered {
        model: format!("{provider}/model"),
        account: "main".to_owned(),
        bare: Some(price),
        units: 0,
        busy: Duration::from_secs(5),
        standing: None,
        reason: None,
        used_up: false,
    };
    let candidates =
        vec![candidate("gift", PRICE), candidate("paid", MicroUsd::from_micros(30_000))];
    let decision = Decision { policy: Policy::Cost, candidates };
    Seen { team: "team_a".to_owned(), kind: Kind::Image, decision }
}

/// What a picture takes from others at an account where so much is left of 0.25 USD and 0.05 come every
/// day, the next in twelve hours, while so many pictures a day are asked for.
fn worth(left: i64, daily: u64) -> i64 {
    worth_before(DAY / 2, left, daily)
}

/// The same, where the next comes in so many seconds.
fn worth_before(bonus: u64, left: i64, daily: u64) -> i64 {
    let mut history = History::default();
    let days = 20;
    for day in 0..days {
        let hour = |of: u64| START.plus(Duration::from_secs(day * DAY + of * DAY / daily));
        (0..daily).for_each(|of| history.saw(hour(of), Kind::Image));
    }
    let now = START.plus(Duration::from_secs(days * DAY));
    let end = Calendar::Month.end(Calendar::Month.end(now));
    let bonus = Bonus {
        amount: MicroUsd::from_micros(50_000),
        next: now.plus(Duration::from_secs(bonus)),
        every: Duration::from_secs(DAY),
    };
    let free = FreeCredits {
        left: MicroUsd::from_micros(left),
        most: Some(MicroUsd::from_micros(250_000)),
        bonuses: vec![bonus],
    };
    let mut things = Things::default();
    things.add_free("gift/main", &free, end);
    let shares = HashMap::from([(Kind::Image, 1.0)]);
    let demand = history.demand().unwrap();
    let last = Weighed::default();
    let weighed = Weighed::again(&last, things, (now, end), (&demand, &[seen()]), &shares);
    let taking = Taking {
        account: "gift/main",
        kind: Kind::Image,
        units: 0,
        bought: false,
        money: PRICE,
        free: free.left,
        busy: Duration::ZERO,
        team: "team_a",
        now,
    };
    let without = Taking { free: MicroUsd::ZERO, ..taking };
    assert!(weighed.worth(&without).is_zero(), "what is bought costs its price");
    weighed.worth(&taking).micros()
}

#[test]
fn credits_that_the_next_bonus_would_push_out_cost_nothing() {
    assert_eq!(worth(250_000, 1), -PRICE.micros());
}

#[test]
fn however_many_are_wanted_later_what_is_lost_before_is_free() {
    assert_eq!(worth_before(1800, 250_000, 10), -PRICE.micros());
    let wanted = worth_before(1800, 200_000, 10);
    assert!(wanted > -PRICE.micros() / 10, "there is room for the bonus: {wanted}");
}

#[test]
fn credits_that_nobody_will_want_cost_nothing() {
    assert_eq!(worth(100_000, 1), -PRICE.micros());
}

#[test]
fn credits_that_are_wanted_anyway_cost_their_price() {
    assert_eq!(worth(100_000, 100), 0);
    assert_eq!(worth(250_000, 100), 0, "more is wanted than would be lost");
}

#[test]
fn only_what_is_left_of_them_is_free() {
    let worth = worth(10_000, 1);
    assert!((-10_000..0).contains(&worth), "{worth}");
}
