use proptest::prelude::*;
use provider::{Adjustments, Price, QuoteSource};

use super::*;

fn usd(micros: i64) -> MicroUsd {
    MicroUsd::from_micros(micros)
}

fn offer(expected: i64, upper: i64, seconds: u64) -> Candidate {
    let quote = Quote {
        price: Price { expected: usd(expected), upper: usd(upper) },
        source: QuoteSource::Listed,
        age: Duration::ZERO,
        duration: Duration::from_secs(seconds),
        adjustments: Adjustments::new(),
    };
    Candidate { offer: Ok(quote), wait: Duration::ZERO, worth: MicroUsd::ZERO }
}

fn order(candidates: &[Candidate], wishes: Wishes) -> Vec<usize> {
    plan(candidates, wishes).order
}

#[test]
fn each_policy_has_its_order() {
    let all = [offer(30, 30, 1), offer(10, 40, 60), offer(20, 20, 9)];
    let order = |policy| order(&all, Wishes::new(policy));
    assert_eq!(order(Policy::Cost), [1, 2, 0]);
    assert_eq!(order(Policy::Latency), [0, 2, 1]);
    assert_eq!(order(Policy::Ordered), [0, 1, 2]);
    assert_eq!(order(Policy::Balanced), [0, 2, 1]);
    let dear = Wishes { second: usd(1), ..Wishes::new(Policy::Balanced) };
    assert_eq!(plan(&all, dear).order, [2, 0, 1], "a cheap second matters little");
}

#[test]
fn a_ceiling_is_held_against_the_worst_price() {
    let all = [offer(10, 40, 1), offer(20, 20, 1)];
    let wishes = Wishes { max_cost: Some(usd(39)), ..Wishes::new(Policy::Cost) };
    let plan = plan(&all, wishes);
    assert_eq!(plan.order, [1]);
    assert!(!plan.may_pass());
    let said = plan.verdicts[0].to_string();
    assert_eq!(said, "it may cost 0.000040 where at most 0.000039 is allowed");
}

#[test]
fn what_may_pass_is_told_from_what_lasts() {
    let offer = Err(Barrier::Passing("held".to_owned()));
    let held = Candidate { offer, wait: Duration::ZERO, worth: MicroUsd::ZERO };
    assert!(plan(&[held], Wishes::new(Policy::Cost)).may_pass());
}

#[test]
fn what_others_need_counts_as_if_it_were_charged() {
    let free = Candidate { worth: usd(30_000), ..offer(0, 0, 9) };
    let paid = offer(26_000, 30_000, 9);
    let plan = plan(&[free.clone(), paid.clone()], Wishes::new(Policy::Cost));
    assert_eq!(plan.order, [1, 0]);
    let said = [plan.verdicts[0].to_string(), plan.verdicts[1].to_string()];
    assert_eq!(
        said,
        [
            "number 2: it charges 0.000000, takes what is worth 0.030000 to others, 9.0 s",
            "first: it charges 0.026000, 9.0 s",
        ]
    );
    let spare = Candidate { worth: usd(100), ..free };
    assert_eq!(order(&[paid, spare], Wishes::new(Policy::Cost)), [1, 0]);
}

#[test]
fn whoever_would_be_late_comes_last() {
    let wishes = |seconds| Wishes {
        patience: Some(Duration::from_secs(seconds)),
        ..Wishes::new(Policy::Cost)
    };
    let all = [offer(10, 10, 60), offer(50, 50, 5)];
    assert_eq!(order(&all, wishes(78)), [0, 1], "even the slowest is there by then");
    assert_eq!(order(&all, wishes(77)), [1, 0], "the slowest would not be");
    let risk = |seconds| plan(&all, wishes(seconds)).verdicts[0].standing().unwrap().risk;
    assert_eq!([risk(78), risk(63), risk(48)], [usd(0), usd(500_000), usd(1_000_000)]);
    let busy = Candidate { wait: Duration::from_secs(20), ..offer(10, 10, 60) };
    assert_eq!(order(&[busy, all[1].clone()], wishes(78)), [1, 0], "a wait is time too");
}

#[test]
fn only_who_has_time_waits_and_only_for_a_saving() {
    let seconds = Duration::from_secs;
    assert_eq!(spare(seconds(10), seconds(86)), Duration::ZERO);
    assert_eq!(spare(seconds(10), seconds(100)), seconds(14));
    let standing = |cost| Standing { price: usd(cost), ..Standing::default() };
    assert!(standing(1_000).is_beaten_by(&standing(979)));
    assert!(!standing(1_000).is_beaten_by(&standing(980)));
}

fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let one = (0..5_u8, 0..90_i64, 0..50_i64, 0..90_u64, 0..60_u64, 0..40_i64);
    let one = one.prop_map(|(able, expected, more, seconds, wait, worth)| {
        let whole = offer(expected * 1_000, (expected + more) * 1_000, seconds);
        let offer = match able {
            0 => Err(Barrier::Lasting("cannot".to_owned())),
            1 => Err(Barrier::Passing("held".to_owned())),
            _ => whole.offer,
        };
        Candidate { offer, wait: Duration::from_secs(wait), worth: usd(worth * 1_000) }
    });
    prop::collection::vec(one, 0..12)
}

fn wishes() -> impl Strategy<Value = Wishes> {
    let some = |limit: i64| prop::option::of(0..limit);
    (prop::sample::select(Policy::ALL.to_vec()), some(140), some(120)).prop_map(
        |(policy, ceiling, seconds)| Wishes {
            max_cost: ceiling.map(|most| usd(most * 1_000)),
            patience: seconds.map(|left| Duration::from_secs(left.unsigned_abs())),
            ..Wishes::new(policy)
        },
    )
}

proptest! {
    #[test]
    fn nobody_who_cannot_or_may_not_is_ever_asked(all in candidates(), wishes in wishes()) {
        let plan = plan(&all, wishes);
        prop_assert_eq!(plan.verdicts.len(), all.len());
        for (index, candidate) in all.iter().enumerate() {
            let within = |quote: &Quote| wishes.max_cost.is_none_or(|most| quote.price.upper <= most);
            let may = candidate.offer.as_ref().is_ok_and(within);
            prop_assert_eq!(plan.order.contains(&index), may);
            prop_assert_eq!(plan.verdicts[index].standing().is_some(), may);
        }
        for (rank, index) in plan.order.iter().enumerate() {
            prop_assert_eq!(plan.verdicts[*index].standing().map(|one| one.rank), Some(rank));
        }
    }

    #[test]
    fn a_lower_price_never_moves_it_back(
        all in candidates(), wishes in wishes(), which in 0..12_usize, less in 0..90_i64,
    ) {
        let before = plan(&all, wishes);
        let mut cheaper = all.clone();
        let Some(Ok(quote)) = cheaper.get_mut(which).map(|one| &mut one.offer) else { return Ok(()) };
        quote.price.expected = quote.price.expected - usd(less * 1_000);
        let after = plan(&cheaper, wishes);
        let place = |plan: &Plan| plan.order.iter().position(|index| *index == which);
        prop_assert!(place(&after) <= place(&before));
    }

    #[test]
    fn names_and_places_do_not_matter(all in candidates(), wishes in wishes()) {
        // Equals are told apart by their place alone, so there are none here.
        let mut distinct = all;
        for (place, one) in (1..).zip(&mut distinct) {
            one.worth += usd(place);
            one.wait += Duration::from_millis(u64::try_from(place).unwrap_or(0));
        }
        if wishes.policy == Policy::Ordered {
            return Ok(());
        }
        let last = distinct.len().saturating_sub(1);
        let turned: Vec<Candidate> = distinct.iter().rev().cloned().collect();
        let back: Vec<usize> = order(&turned, wishes).iter().map(|index| last - index).collect();
        prop_assert_eq!(back, order(&distinct, wishes));
    }
}
