//! What one decision costs, and what it costs to find out what scarce things are worth.
//!
//! A decision is looked at with three vendors, ten accounts and thirty candidates: what each takes of its
//! account's month, day, overage and balance and of the team's budget is looked up, and all are ranked.
#![expect(
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    reason = "worths are expectations, rounded where they meet money"
)]

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use provider::{Adjustments, MicroUsd, Price, Quote, QuoteSource};
use routing::{
    Candidate, Demand, Draw, Leftover, Outlook, Policy, Resource, Supply, Typical, Way, Wishes,
    plan,
};

const HOUR: i64 = 3_600_000;
const START: i64 = 1_800_000_000_000;
const NOW: i64 = START + 14 * 24 * HOUR;
const END: i64 = START + 60 * 24 * HOUR;
const ACCOUNTS: usize = 10;
const CANDIDATES: usize = 30;
/// Of each account a month, a day, overage and a balance; and the budget of a team.
const THINGS: usize = 4 * ACCOUNTS + 1;

fn resources() -> Vec<Resource> {
    let one = |index: usize| {
        let leftover = if index % 4 < 2 { Leftover::Lost } else { Leftover::Carried };
        let supply = |until, amount| Supply { until, amount };
        Resource::new(leftover, vec![supply(NOW + 9 * 24 * HOUR, 400.0), supply(END, 1_000.0)])
    };
    (0..THINGS).map(one).collect()
}

fn typical(count: i32) -> Vec<Typical> {
    let one = |number: i32| {
        let account = usize::try_from(number).unwrap_or(0) % ACCOUNTS;
        let paid = f64::from(number % 97 + 3);
        Typical {
            weight: 1.0 / f64::from(count),
            ways: vec![
                Way { cash: 1_000.0, draws: Vec::new() },
                Way { cash: 0.0, draws: vec![Draw { resource: 4 * account, amount: 1.0 }] },
                Way { cash: paid, draws: vec![Draw { resource: THINGS - 1, amount: paid }] },
            ],
        }
    };
    (0..count).map(one).collect()
}

fn demand() -> Demand {
    let mut demand = Demand::new(START);
    (0..14 * 24).for_each(|hour| demand.saw_many(START + hour * HOUR, 5));
    demand
}

fn candidate(outlook: &Outlook, index: usize) -> Candidate {
    let account = 4 * (index % ACCOUNTS);
    let things = [account, account + 1, account + 2, THINGS - 1];
    let worth: f64 = things.iter().map(|thing| outlook.worth(*thing, NOW)).sum();
    let micros = i64::try_from(index * 37 % 50).unwrap_or(0) * 1_000;
    let amount = MicroUsd::from_micros(micros);
    let quote = Quote {
        price: Price { expected: amount, upper: amount },
        source: QuoteSource::Remembered,
        age: Duration::from_secs(9),
        duration: Duration::from_secs(5),
        adjustments: Adjustments::new(),
    };
    let worth = MicroUsd::from_micros(worth.round() as i64);
    Candidate { offer: Ok(quote), wait: Duration::ZERO, worth }
}

fn decide(c: &mut Criterion) {
    let mut outlook = Outlook::new();
    outlook.solve(NOW, END, resources(), &demand(), &typical(2_000), &[]);
    let wishes = Wishes {
        patience: Some(Duration::from_secs(60)),
        max_cost: Some(MicroUsd::from_micros(45_000)),
        ..Wishes::new(Policy::Cost)
    };
    c.bench_function("a decision among 30 candidates", |b| {
        b.iter(|| {
            let all: Vec<Candidate> =
                (0..CANDIDATES).map(|index| candidate(&outlook, index)).collect();
            black_box(plan(&all, black_box(wishes)))
        });
    });
}

fn weigh(c: &mut Criterion) {
    let (typical, demand) = (typical(2_000), demand());
    let mut outlook = Outlook::new();
    c.bench_function("weighing 41 scarce things by 2,000 requests", |b| {
        b.iter(|| outlook.solve(NOW, END, resources(), &demand, &typical, &[]));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = decide, weigh
}
criterion_main!(benches);
