//! Requests that stand for those to come: from how each was decided, every way to serve it.

use std::collections::HashMap;

use provider::Kind;
use routing::{Draw, Turn, Typical, Way};

use super::{Seen, things::Things, whole};
use crate::{Considered, Decision};

/// Nothing is turned away to save what it takes: to go without costs a dollar and twice the dearest way,
/// more than any other.
const WITHOUT: f64 = 1e6;

/// The newest requests as those that stand for what is to come, each kind as often as it is asked for.
pub(super) fn standing(
    things: &Things,
    seen: &[Seen],
    shares: &HashMap<Kind, f64>,
) -> Vec<Typical> {
    let mut of_kind: HashMap<Kind, f64> = HashMap::new();
    seen.iter().for_each(|one| *of_kind.entry(one.kind).or_default() += 1.0);
    let one = |one: &Seen| {
        let weight = shares.get(&one.kind)? / of_kind.get(&one.kind)?;
        Some(typical(things, (&one.team, one.kind), &one.decision, weight))
    };
    seen.iter().filter_map(one).collect()
}

/// A request of this team for this kind, decided so, with every way to serve it.
fn typical(
    things: &Things,
    (team, kind): (&str, Kind),
    decision: &Decision,
    weight: f64,
) -> Typical {
    let dearest = decision.candidates.iter().filter_map(|one| one.bare).map(whole);
    let cash = WITHOUT + 2.0 * dearest.fold(0.0, f64::max);
    let mut ways = vec![Way { cash, draws: Vec::new() }];
    for one in may_serve(decision) {
        for way in ways_of(things, (team, kind), one) {
            keep(&mut ways, way);
        }
    }
    Typical { weight, ways }
}

/// Those whom the order may leave it to. Where an operator's weight or canary put one first, no price
/// sends the request elsewhere: what it takes is not saved by anything. Whom only time stood in the way of
/// may be the first one another time.
fn may_serve(decision: &Decision) -> impl Iterator<Item = &Considered> {
    let turn = |one: &Considered| one.standing.and_then(|standing| standing.turn);
    let leads = move |one: &Considered| turn(one).is_some_and(Turn::leads);
    let led = decision.candidates.iter().any(leads);
    decision.candidates.iter().filter(move |one| match one.standing {
        None => true,
        Some(_) if led => leads(one),
        Some(_) => turn(one) != Some(Turn::Behind),
    })
}

/// The ways to be served by one candidate.
fn ways_of(things: &Things, (team, kind): (&str, Kind), one: &Considered) -> Vec<Way> {
    let Some(bare) = one.bare.map(whole) else { return Vec::new() };
    let (provider, _) = one.model.split_once('/').unwrap_or((&one.model, ""));
    let account = things.of_account(&format!("{provider}/{}", one.account));
    let busy = account.and_then(|account| account.lanes);
    let busy = busy.map(|resource| Draw { resource, amount: one.busy.as_secs_f64() });
    let draws = |draws: Vec<Draw>| {
        draws.into_iter().chain(busy).filter(|draw| draw.amount > 0.0).collect::<Vec<_>>()
    };
    let paid = |money: f64, purse: Option<usize>| {
        let from = purse.into_iter().chain(things.of_team(team).iter().copied());
        draws(from.map(|resource| Draw { resource, amount: money }).collect())
    };
    if one.units == 0 {
        let purse = account.and_then(|account| account.balance);
        let free = account.and_then(|account| account.free);
        // Budgets are booked at the full price whatever it is paid from.
        let given = free.map(|free| Way { cash: 0.0, draws: paid(bare, Some(free)) });
        return given.into_iter().chain([Way { cash: bare, draws: paid(bare, purse) }]).collect();
    }
    let Some(account) = account else { return Vec::new() };
    let amount = f64::from(one.units);
    let units = account.units.iter().filter(|(of, _)| *of == kind);
    let units = units.map(|(_, resource)| Draw { resource: *resource, amount }).collect();
    let mut ways = vec![Way { cash: bare, draws: draws(units) }];
    let price = account.prices.iter().find(|(of, _)| *of == kind);
    if let (Some(purse), Some((_, price))) = (account.overage, price) {
        let bought = amount * whole(*price);
        ways.push(Way { cash: bare + bought, draws: paid(bought, Some(purse)) });
    }
    ways
}

/// Of two ways that draw on the same things one is never taken if the other needs no more of anything.
fn keep(ways: &mut Vec<Way>, way: Way) {
    let needs_no_more = |one: &Way, other: &Way| {
        let draws = || one.draws.iter().zip(&other.draws);
        one.cash <= other.cash
            && one.draws.len() == other.draws.len()
            && draws().all(|(a, b)| a.resource == b.resource && a.amount <= b.amount)
    };
    if !ways.iter().any(|other| needs_no_more(other, &way)) {
        ways.retain(|other| !needs_no_more(&way, other));
        ways.push(way);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use provider::{Calendar, MicroUsd, Timestamp};
    use routing::{Policy, Standing};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn usd(micros: i64) -> MicroUsd {
        MicroUsd::from_micros(micros)
    }

    fn candidate(model: &str, bare: i64, units: u32) -> Considered {
        Considered {
            model: model.to_owned(),
            account: "main".to_owned(),
            bare: Some(usd(bare)),
            units,
            busy: Duration::from_secs(10),
            standing: None,
            reason: None,
            used_up: false,
        }
    }

    /// Units of two windows at `plan/main`, overage there, a balance at `paid/main`, a team's budget.
    fn things() -> Things {
        let later = NOW.plus(Duration::from_secs(86_400));
        let end = later.plus(Duration::from_secs(86_400));
        let mut things = Things::default();
        for window in [Calendar::Day, Calendar::Month] {
            things.add_units("plan/main", (Kind::Image, window), (5, later), (9, end));
        }
        things.add_overage("plan/main", (usd(7), later), (usd(9), end), &[(Kind::Image, usd(50))]);
        things.add_balance("paid/main", (usd(99), later), end);
        things.add_budget("team_1", (usd(60), later), end);
        things
    }

    type Ways = Vec<(f64, Vec<(usize, f64)>)>;

    fn ways(team: &str, candidates: &[Considered]) -> Ways {
        ways_at(&things(), team, candidates)
    }

    fn ways_at(things: &Things, team: &str, candidates: &[Considered]) -> Ways {
        let decision = Decision { policy: Policy::Cost, candidates: candidates.to_vec() };
        let typical = typical(things, (team, Kind::Image), &decision, 1.0);
        let draws = |way: &Way| way.draws.iter().map(|draw| (draw.resource, draw.amount)).collect();
        typical.ways.iter().map(|way| (way.cash, draws(way))).collect()
    }

    #[test]
    fn every_way_names_what_it_draws_on() {
        let all = [candidate("plan/image", 0, 2), candidate("paid/photo", 30, 0)];
        let expected = vec![
            (1_000_060.0, vec![]),
            (0.0, vec![(0, 2.0), (1, 2.0)]),
            (100.0, vec![(2, 100.0), (4, 100.0)]),
            (30.0, vec![(3, 30.0), (4, 30.0)]),
        ];
        assert_eq!(ways("team_1", &all), expected);
        let without_budget = vec![(3, 30.0)];
        assert_eq!(ways("team_2", &all)[3].1, without_budget, "another team's budget is its own");
    }

    #[test]
    fn the_cheapest_of_equal_ways_stands_for_them() {
        let all = [
            candidate("paid/dear", 40, 0),
            candidate("paid/cheap", 20, 0),
            candidate("paid/middle", 30, 0),
        ];
        assert_eq!(ways("team_2", &all), [(1_000_080.0, vec![]), (20.0, vec![(3, 20.0)])]);
    }

    fn standing(one: Considered, turn: Option<Turn>) -> Considered {
        Considered { standing: Some(Standing { turn, ..Standing::default() }), ..one }
    }

    #[test]
    fn where_an_operator_chose_the_first_one_there_is_no_other_way() {
        let (plan, paid) = (candidate("plan/image", 0, 2), candidate("paid/photo", 30, 0));
        let led = [standing(plan.clone(), None), standing(paid.clone(), Some(Turn::Weight))];
        assert_eq!(ways("team_2", &led), [(1_000_060.0, vec![]), (30.0, vec![(3, 30.0)])]);
        let behind = [standing(plan.clone(), Some(Turn::Behind)), standing(paid.clone(), None)];
        assert_eq!(ways("team_2", &behind), ways("team_2", &led), "nor through a canary");
        let gone = [plan.clone(), standing(paid.clone(), Some(Turn::Weight))];
        assert_eq!(ways("team_2", &gone), ways("team_2", &[plan, paid]), "it may lead tomorrow");
    }

    #[test]
    fn slots_are_drawn_on_for_as_long_as_they_are_held() {
        let mut things = things();
        let later = NOW.plus(Duration::from_secs(3600));
        for account in ["plan/main", "paid/main"] {
            things.add_lanes(account, (7200.0, later), later);
        }
        let quick = Considered { busy: Duration::from_secs(2), ..candidate("paid/quick", 40, 0) };
        let slow = Considered { busy: Duration::from_secs(60), ..candidate("paid/slow", 30, 0) };
        let worse = Considered { bare: Some(usd(41)), ..quick.clone() };
        let all = [candidate("plan/image", 0, 2), quick, slow, worse];
        let expected = vec![
            (1_000_082.0, vec![]),
            (0.0, vec![(0, 2.0), (1, 2.0), (5, 10.0)]),
            (100.0, vec![(2, 100.0), (5, 10.0)]),
            (40.0, vec![(3, 40.0), (6, 2.0)]),
            (30.0, vec![(3, 30.0), (6, 60.0)]),
        ];
        assert_eq!(ways_at(&things, "team_2", &all), expected, "quick or cheap, but not neither");
    }

    #[test]
    fn what_is_never_to_be_had_is_no_way() {
        let never = Considered { bare: None, ..candidate("plan/image", 0, 1) };
        assert_eq!(ways("team_2", &[never]), [(1e6, vec![])]);
    }
}
