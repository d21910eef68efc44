use std::time::Duration;

use proptest::prelude::*;
use provider::{MicroUsd, Price, Quote, QuoteSource};

use super::*;
use crate::{Barrier, Candidate, Policy, Wishes, plan};

fn regular(model: usize, weight: u32) -> Entrant {
    Entrant { model, role: Role::Regular { weight } }
}

fn canary(model: usize, per_million: u32) -> Entrant {
    Entrant { model, role: Role::Canary { per_million } }
}

/// Numbers as hashes give them.
fn drawn(nth: u64) -> u64 {
    let mixed = (nth + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn costs(price: i64) -> Candidate {
    let price = Price { expected: MicroUsd::from_micros(price), upper: MicroUsd::from_micros(90) };
    let quote = Quote {
        price,
        source: QuoteSource::Listed,
        age: Duration::ZERO,
        duration: Duration::from_secs(1),
        adjustments: provider::Adjustments::new(),
    };
    Candidate { offer: Ok(quote), wait: Duration::ZERO, worth: MicroUsd::ZERO }
}

fn dark() -> Candidate {
    Candidate { offer: Err(Barrier::Passing("dark".to_owned())), ..costs(0) }
}

/// The plan by cost, led by whose turn it is.
fn led(candidates: &[Candidate], entrants: &[Entrant], drawn: u64) -> Plan {
    let plan = plan(candidates, Wishes::new(Policy::Cost));
    let lead = draw(plan.usable(entrants), drawn);
    plan.led_by(entrants, lead)
}

/// How often each candidate goes first in so many requests.
fn firsts(candidates: &[Candidate], entrants: &[Entrant], requests: u64) -> Vec<usize> {
    let mut firsts = vec![0; entrants.len()];
    for nth in 0..requests {
        firsts[led(candidates, entrants, drawn(nth)).order[0]] += 1;
    }
    firsts
}

fn said(plan: &Plan) -> Vec<String> {
    plan.verdicts.iter().map(ToString::to_string).collect()
}

#[test]
fn weights_share_the_first_place_and_nothing_else() {
    let (all, entrants) =
        ([costs(20), costs(30), costs(10)], [regular(0, 1), regular(1, 3), regular(2, 0)]);
    let firsts = firsts(&all, &entrants, 10_000);
    assert!((2_300..2_700).contains(&firsts[0]), "{firsts:?}");
    assert!((7_300..7_700).contains(&firsts[1]), "{firsts:?}");
    assert_eq!(firsts[2], 0);
    let plan = (0..).map(|nth| led(&all, &entrants, drawn(nth))).find(|plan| plan.order[0] == 1);
    let plan = plan.unwrap();
    assert_eq!(plan.order, [1, 2, 0], "behind the first one the policy's order holds");
    assert_eq!(
        said(&plan),
        [
            "number 3: it charges 0.000020, 1.0 s",
            "first, its turn by weight: it charges 0.000030, 1.0 s",
            "number 2: it charges 0.000010, 1.0 s",
        ]
    );
}

#[test]
fn two_accounts_weigh_no_more_than_one() {
    let (all, entrants) =
        ([costs(10), costs(20), costs(30)], [regular(0, 1), regular(0, 1), regular(1, 1)]);
    let firsts = firsts(&all, &entrants, 10_000);
    assert_eq!(firsts[1], 0, "the policy says which account");
    assert!((4_700..5_300).contains(&firsts[2]), "{firsts:?}");
}

#[test]
fn without_weights_the_policy_decides() {
    let (all, entrants) = ([costs(20), costs(10)], [regular(0, 0), regular(1, 0)]);
    assert_eq!(firsts(&all, &entrants, 100), [0, 100]);
    assert_eq!(said(&led(&all, &entrants, 7))[1], "first: it charges 0.000010, 1.0 s");
}

#[test]
fn who_cannot_be_asked_has_no_turn() {
    let entrants = [regular(0, 1), regular(1, 1_000), canary(2, 1_000_000)];
    let firsts = firsts(&[costs(20), dark(), dark()], &entrants, 200);
    assert_eq!(firsts, [200, 0, 0]);
    let dear = Wishes { max_cost: Some(MicroUsd::from_micros(89)), ..Wishes::new(Policy::Cost) };
    let too_dear = plan(&[costs(20)], dear);
    assert_eq!(draw(too_dear.usable(&entrants), 0), None, "the worst price is past the ceiling");
}

#[test]
fn a_canary_gets_its_share_and_is_the_last_resort_of_the_rest() {
    let all = [costs(10), costs(20), costs(30)];
    let entrants = [canary(0, 50_000), regular(1, 0), regular(2, 0)];
    let firsts = firsts(&all, &entrants, 20_000);
    assert!((850..1_150).contains(&firsts[0]), "a twentieth: {firsts:?}");
    assert_eq!(firsts[2], 0, "{firsts:?}");
    let plan = plan(&all, Wishes::new(Policy::Cost)).led_by(&entrants, None);
    assert_eq!(plan.order, [1, 2, 0], "nobody's turn");
    let behind = "number 3, the canary out of its turn: it charges 0.000010, 1.0 s";
    assert_eq!(said(&plan)[0], behind);
    for (share, first) in [(0, 1), (1_000_000, 0)] {
        let entrants = [canary(0, share), regular(1, 0), regular(2, 0)];
        assert_eq!(self::firsts(&all, &entrants, 500)[first], 500);
    }
    let whole = led(&all, &[canary(0, 1_000_000), regular(1, 0), regular(2, 0)], 7);
    assert_eq!(said(&whole)[0], "first, its turn as the canary: it charges 0.000010, 1.0 s");
    assert_eq!(led(&all[..1], &entrants[..1], u64::MAX).order, [0], "alone it serves");
}

proptest! {
    /// Whatever the policy says: who leads depends on the number alone, nobody is lost, and everybody who
    /// does not lead stands as the policy has it, the canary last.
    #[test]
    fn only_who_goes_first_is_changed(
        roles in prop::collection::vec((0_usize..4, 0_u32..4, 0_i64..50, any::<bool>()), 1..8),
        canary_model in prop::option::of(0_usize..4),
        drawn in any::<u64>(),
    ) {
        let weight = |model: usize| roles.iter().find(|role| role.0 == model).map_or(0, |role| role.1);
        let entrants: Vec<Entrant> = roles
            .iter()
            .map(|&(model, ..)| match canary_model {
                Some(canary) if canary == model => self::canary(model, 300_000),
                _ => regular(model, weight(model)),
            })
            .collect();
        let candidates: Vec<Candidate> =
            roles.iter().map(|&(_, _, price, up)| if up { costs(price) } else { dark() }).collect();
        let by_cost = plan(&candidates, Wishes::new(Policy::Cost));
        let by_list = plan(&candidates, Wishes::new(Policy::Ordered));
        let lead = draw(by_cost.usable(&entrants), drawn);
        prop_assert_eq!(lead, draw(by_list.usable(&entrants), drawn));

        let led = by_cost.clone().led_by(&entrants, lead);
        let is_lead = |index: &usize| lead.is_some_and(|lead| lead.model == entrants[*index].model);
        let behind = |index: &usize| {
            !is_lead(index) && matches!(entrants[*index].role, Role::Canary { .. })
        };
        let order = &by_cost.order;
        let mut expected: Vec<usize> = order.iter().copied().filter(is_lead).collect();
        expected.extend(order.iter().copied().filter(|index| !is_lead(index) && !behind(index)));
        expected.extend(order.iter().copied().filter(behind));
        prop_assert_eq!(&led.order, &expected);
        prop_assert!(lead.is_none() || is_lead(&led.order[0]), "who leads may be asked");
        for (rank, index) in led.order.iter().enumerate() {
            prop_assert_eq!(led.verdicts[*index].standing().map(|standing| standing.rank), Some(rank));
        }
    }
}
