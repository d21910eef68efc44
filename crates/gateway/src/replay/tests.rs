//! A month that one can work out by hand.

use provider::{AllowanceLimit, Calendar, Limits};
use routing::{Policy, Standing};

use super::*;
use engine::Considered;

const HOUR: i64 = 3_600_000;
/// Twenty units of the plan's month.
const UNITS: u32 = 20;
const CHEAP: i64 = 10_000;
const DEAR: i64 = 90_000;

fn at(hour: i64) -> Timestamp {
    let first = Timestamp::parse("2026-06-01T00:30:00Z").unwrap();
    Timestamp::from_millis(first.millis() + hour * HOUR)
}

fn place(provider: &str) -> Place {
    Place { account: format!("{provider}/main"), model: format!("{provider}/model") }
}

fn candidate(provider: &str, bare: i64, units: u32) -> Considered {
    Considered {
        model: format!("{provider}/model"),
        account: "main".to_owned(),
        bare: Some(MicroUsd::from_micros(bare)),
        units,
        busy: Duration::from_secs(5),
        standing: Some(Standing { time: Duration::from_secs(5), ..Standing::default() }),
        reason: None,
        used_up: false,
    }
}

/// A request that the plan or somebody paid by the piece could make, and who made it.
fn asked(hour: i64, price: i64, made_by: &str) -> Asked {
    let charged = if made_by == "flat" { 0 } else { price };
    let spent = Spent {
        place: place(made_by),
        charged: MicroUsd::from_micros(charged),
        units: u32::from(made_by == "flat"),
        bought: 0,
    };
    Asked {
        at: at(hour),
        team: "team_1".to_owned(),
        kind: Kind::Image,
        decision: Decision {
            policy: Policy::Cost,
            candidates: vec![candidate("flat", 0, 1), candidate("paid", price, 0)],
        },
        patience: None,
        max_cost: None,
        was: Some(Was { spent: vec![spent], served: [place(made_by)].into(), failed: [].into() }),
    }
}

fn terms(units: u32) -> Terms {
    let mut limits = Limits::none(Duration::from_secs(60));
    limits.monthly_fee = Some(MicroUsd::from_micros(5_000_000));
    let (kind, window) = (Kind::Image, Calendar::Month);
    limits.allowances = vec![AllowanceLimit { kind, window, units }];
    let paid = ("paid/main".to_owned(), Limits::none(Duration::from_secs(60)));
    Terms { accounts: vec![("flat/main".to_owned(), limits), paid], used: Vec::new() }
}

fn trace(requests: Vec<Asked>) -> Trace {
    let trace =
        Trace { requests, span: Default::default(), is_past: true, terms: None, notes: Vec::new() };
    let end = Timestamp::parse("2026-07-01T00:00:00Z").unwrap();
    trace.within(Some(Calendar::Month.start(at(0))), Some(end))
}

/// June: every seventh hour a request, each fourth of them a dear one; as it was, the plan made the
/// first twenty.
fn june() -> Trace {
    let one = |nth: i64| {
        let price = if nth % 4 == 3 { DEAR } else { CHEAP };
        asked(nth * 7, price, if nth < i64::from(UNITS) { "flat" } else { "paid" })
    };
    trace((0..100).map(one).collect())
}

fn played(trace: &Trace, choice: Choice, terms: Terms, without: &[&str]) -> Row {
    let without = without.iter().map(|name| (*name).to_owned()).collect();
    play(trace, &Setting { label: choice.as_str().to_owned(), choice, terms, without })
}

fn cost(trace: &Trace, choice: Choice, units: u32) -> i64 {
    played(trace, choice, terms(units), &[]).charged.micros()
}

const COST: Choice = Choice::Policy(Policy::Cost);

#[test]
fn a_table_gives_units_to_whoever_comes_first_and_the_policy_to_whoever_is_dear() {
    let june = june();
    // Of a hundred requests 25 are dear. The first twenty hold five of those: twenty are paid for.
    let by_table = 20 * DEAR + 60 * CHEAP;
    let table = played(&june, Choice::Table, terms(UNITS), &[]);
    assert_eq!(table.charged.micros(), by_table);
    assert_eq!(table.served, [("flat".to_owned(), 20), ("paid".to_owned(), 80)].into());
    assert_eq!(table.units[&Kind::Image], Use { used: 20, bought: 0, unused: 0 });
    assert_eq!(table.fees.micros(), 5_000_000);
    let was = played(&june, Choice::Was, terms(UNITS), &[]);
    assert_eq!(was, Row { label: "as it was".to_owned(), ..table });
    // Whoever knew the future would give all units to dear ones.
    let best = 5 * DEAR + 75 * CHEAP;
    let cost = cost(&june, COST, UNITS);
    assert!((best..(best + by_table) / 2).contains(&cost), "{best} {cost} {by_table}");
}

#[test]
fn another_allowance_or_none_is_worked_out() {
    let june = june();
    assert_eq!(cost(&june, Choice::Table, 100), 0);
    assert_eq!(cost(&june, COST, 200), 0);
    assert_eq!(cost(&june, Choice::Table, 0), 25 * DEAR + 75 * CHEAP);
    let without = played(&june, COST, terms(UNITS), &["flat"]);
    assert_eq!(without.charged.micros(), 25 * DEAR + 75 * CHEAP);
    assert_eq!(without.served, [("paid".to_owned(), 100)].into());
    let alone = played(&june, COST, terms(UNITS), &["paid"]);
    assert_eq!((alone.served["flat"], alone.nobody, alone.charged.micros()), (20, 80, 0));
    let ample = played(&june, Choice::Table, terms(130), &[]);
    assert_eq!(ample.units[&Kind::Image], Use { used: 100, bought: 0, unused: 30 });
}

#[test]
fn days_add_up_to_the_sum_and_begin_with_the_span() {
    let row = played(&june(), Choice::Table, terms(UNITS), &[]);
    assert_eq!(row.days.len(), 30);
    assert_eq!(row.days[0].day, Calendar::Month.start(at(0)));
    assert_eq!(row.days[29].charged, row.charged);
    let left: Vec<u64> = row.days.iter().map(|day| day.left[&Kind::Image]).collect();
    // Three or four a day from the first on.
    assert_eq!((left[0], left[29]), (16, 0));
    assert!(left.is_sorted_by(|a, b| a >= b), "{left:?}");
}

#[test]
fn another_choice_is_charged_as_such_choices_were() {
    // Where it was paid for, charges were a fifth above what was expected.
    let dearer = |nth: i64| {
        let mut asked = asked(nth, CHEAP, if nth < 10 { "flat" } else { "paid" });
        if let Some(spent) = asked.was.as_mut().and_then(|was| was.spent.first_mut())
            && nth >= 10
        {
            spent.charged = MicroUsd::from_micros(12_000 + nth);
        }
        asked
    };
    let trace = trace((0..20).map(dearer).collect());
    let real: i64 = (10..20).map(|nth| 12_000 + nth).sum();
    assert_eq!(cost(&trace, Choice::Was, UNITS), real);
    let mean = (real + 5) / 10;
    assert_eq!(cost(&trace, Choice::Table, 0), real + 10 * mean);
}

#[test]
fn what_could_not_be_then_cannot_be_now() {
    let barred = |change: &dyn Fn(&mut Asked)| {
        let mut one = asked(1, CHEAP, "paid");
        change(&mut one);
        played(&trace(vec![one]), Choice::Table, terms(UNITS), &[]).served
    };
    let by = |name: &str| [(name.to_owned(), 1)].into();
    assert_eq!(barred(&|_| {}), by("flat"));
    let dark = |asked: &mut Asked| {
        let one = &mut asked.decision.candidates[0];
        (one.standing, one.reason) = (None, Some("it is dark".to_owned()));
    };
    assert_eq!(barred(&dark), by("paid"));
    let used_up = |asked: &mut Asked| {
        dark(asked);
        asked.decision.candidates[0].used_up = true;
    };
    assert_eq!(barred(&used_up), by("flat"), "with another plan there would have been a unit");
    let failed = |asked: &mut Asked| {
        asked.was.as_mut().unwrap().failed.insert(place("flat"));
    };
    assert_eq!(barred(&failed), by("paid"));
}

#[test]
fn what_did_not_complete_costs_the_same_in_every_row() {
    let mut blocked = asked(1, DEAR, "paid");
    blocked.was.as_mut().unwrap().served.clear();
    let trace = trace(vec![blocked, asked(2, CHEAP, "paid")]);
    assert_eq!(cost(&trace, Choice::Was, UNITS), DEAR + CHEAP);
    assert_eq!(cost(&trace, Choice::Table, UNITS), DEAR);
    let without = played(&trace, Choice::Table, terms(UNITS), &["paid"]);
    assert_eq!((without.charged.micros(), without.nobody), (0, 0), "it made nothing there");
}

#[test]
fn what_came_before_the_span_is_learned_from_and_has_used_its_units() {
    let mut all = june();
    let begins = Calendar::Day.start(at(10 * 24));
    all = all.within(Some(begins), None);
    let row = played(&all, Choice::Table, terms(UNITS), &[]);
    // Whatever the plan had is gone by then.
    assert_eq!((row.days[0].day, row.days[0].left[&Kind::Image]), (begins, 0));
    let played_ones = all.played().count();
    assert_eq!(row.served, [("paid".to_owned(), u64::try_from(played_ones).unwrap())].into());
    assert!(played_ones < 100, "{played_ones}");
}

#[test]
fn the_policy_knows_nothing_of_the_future() {
    // Two months that are the same until the middle: so is what the policy does until then.
    let half = 50;
    let change = |from: i64, price: i64| {
        let one = |nth: i64| {
            let price = if nth >= from {
                price
            } else if nth % 4 == 3 {
                DEAR
            } else {
                CHEAP
            };
            asked(nth * 7, price, "paid")
        };
        played(&trace((0..100).map(one).collect()), COST, terms(UNITS), &[])
    };
    let (rise, fall) = (change(half, 10 * DEAR), change(half, 1));
    let day = usize::try_from(half * 7 / 24 - 1).unwrap();
    assert_eq!(rise.days[..day], fall.days[..day]);
    assert_ne!(rise.charged, fall.charged);
}
