//! The plan of everything that is still to come, and the bid prices that it gives.
#![expect(clippy::float_arithmetic, reason = "forecasts are statistics; money stays in integers")]

use std::collections::VecDeque;

use routing::{Demand, Draw, Expected, Forecast, Resource, Stretch, Typical, Way, set_bid_prices};

use super::{
    calendar::{HOUR, month, month_start},
    messages::{Kind, Request},
    prices::Prices,
    supply::{BALANCE, OVERAGE, Supplier, Supplies, TEAMS, supplier, units},
};

/// The plan is made anew this often: budgets are lost within hours when demand is high.
const EVERY: i64 = HOUR;
/// So many of the newest requests of each kind stand for those to come.
const STANDING: usize = 1_200;
/// Demand is taken as expected and this many standard errors below and above (the three points that
/// have a normal law's mean and variance): what a unit is worth is the mean over what may come.
const CASES: [f64; 3] = [-1.22, 0.0, 1.22];
/// Demand never falls below this share of what is expected.
const LEAST_DEMAND: f64 = 0.1;
/// Rounds of pricing from nothing, and from the last plan.
const FIRST_ROUNDS: usize = 6;
const ROUNDS: usize = 2;
/// After so many requests, half of what a budget seems to be worth is believed when a request would
/// be given up for it. That is final, and a budget's worth hangs on few dear requests.
const HALF_TRUSTED: f64 = 300.0;

/// What was seen, and what it makes things worth.
#[derive(Debug)]
pub(super) struct Plan {
    end: i64,
    demand: Demand,
    /// The newest requests by kind, and how many there were.
    newest: [VecDeque<Request>; 2],
    seen: [u64; 2],
    resources: Vec<Resource>,
    cases: Vec<Vec<Resource>>,
    next: i64,
}

impl Plan {
    pub(super) const fn new(start: i64, end: i64) -> Self {
        Self {
            end,
            demand: Demand::new(start),
            newest: [VecDeque::new(), VecDeque::new()],
            seen: [0, 0],
            resources: Vec::new(),
            cases: Vec::new(),
            next: i64::MIN,
        }
    }

    pub(super) fn saw(&mut self, request: &Request) {
        self.demand.saw(request.t);
        let kind = request.kind.index();
        self.seen[kind] += 1;
        self.newest[kind].push_back(request.clone());
        if self.newest[kind].len() > STANDING {
            self.newest[kind].pop_front();
        }
    }

    /// What a unit of a resource is worth at a moment, in micro-USD.
    pub(super) fn worth(&self, resource: usize, at: i64) -> f64 {
        self.resources.get(resource).map_or(0.0, |resource| resource.price(at))
    }

    /// How far the worth of money is believed, from 0 to 1.
    pub(super) fn trust(&self) -> f64 {
        let seen = units(self.seen.iter().sum());
        seen / (seen + HALF_TRUSTED)
    }

    /// The moments ahead at which something scarce is renewed.
    pub(super) fn renewals(&self, now: i64, until: i64) -> Vec<i64> {
        let supplies = self.resources.iter().flat_map(|resource| &resource.supplies);
        let mut moments: Vec<i64> =
            supplies.map(|supply| supply.until).filter(|at| *at > now && *at < until).collect();
        moments.sort_unstable();
        moments.dedup();
        moments
    }

    /// Makes the plan anew where it is due. `waiting` are the requests that have been put off.
    pub(super) fn refresh<'a>(
        &mut self,
        now: i64,
        supplies: &Supplies,
        prices: &Prices,
        waiting: impl Iterator<Item = &'a Request>,
    ) {
        if now < self.next {
            return;
        }
        self.next = now + EVERY;
        let fresh = supplies.resources(now);
        let expected = self.demand.expected(now);
        let ahead = self.ahead(now, &fresh, &expected);
        let typical = self.typical(supplies, prices);
        let waiting: Vec<Typical> = waiting
            .map(|request| Typical { weight: 1.0, ways: ways(request, supplies, prices) })
            .collect();
        let until = month_start(month(now) + 1).min(self.end);
        let doubt = self.demand.doubt(&expected, now, until);
        let rounds = if self.cases.is_empty() { FIRST_ROUNDS } else { ROUNDS };
        let last = std::mem::take(&mut self.cases);
        for (index, errors) in CASES.iter().enumerate() {
            let more = (1.0 + errors * doubt).max(LEAST_DEMAND);
            let ahead: Vec<Stretch> = ahead
                .iter()
                .map(|stretch| Stretch { requests: stretch.requests * more, ..*stretch })
                .collect();
            let mut case = fresh.clone();
            if let Some(last) = last.get(index) {
                case.iter_mut().zip(last).for_each(|(now, last)| now.start_from(last));
            }
            let forecast = Forecast { ahead: &ahead, typical: &typical, waiting: &waiting };
            set_bid_prices(&mut case, forecast, rounds);
            self.cases.push(case);
        }
        self.resources = mean(fresh, &self.cases);
    }

    /// The time ahead, cut wherever something is renewed.
    fn ahead(&self, now: i64, resources: &[Resource], expected: &Expected) -> Vec<Stretch> {
        let supplies = resources.iter().flat_map(|resource| &resource.supplies);
        let end = self.end.max(now + HOUR);
        let mut cuts: Vec<i64> =
            supplies.map(|supply| supply.until).filter(|at| *at > now && *at < end).collect();
        cuts.push(end);
        cuts.sort_unstable();
        cuts.dedup();
        let mut from = now;
        cuts.into_iter()
            .map(|until| {
                let requests = expected.requests(from, until);
                Stretch { from: std::mem::replace(&mut from, until), requests }
            })
            .collect()
    }

    fn typical(&self, supplies: &Supplies, prices: &Prices) -> Vec<Typical> {
        let all = units(self.seen.iter().sum()).max(1.0);
        let mut typical = Vec::new();
        for kind in Kind::ALL {
            let newest = &self.newest[kind.index()];
            let each = units(self.seen[kind.index()]) / units(newest.len() as u64) / all;
            typical.extend(
                newest
                    .iter()
                    .map(|request| Typical { weight: each, ways: ways(request, supplies, prices) }),
            );
        }
        typical
    }
}

/// The mean of the cases' prices.
fn mean(mut resources: Vec<Resource>, cases: &[Vec<Resource>]) -> Vec<Resource> {
    let share = 1.0 / units(cases.len().max(1) as u64);
    for case in cases {
        for (resource, case) in resources.iter_mut().zip(case) {
            for (price, other) in resource.prices.iter_mut().zip(&case.prices) {
                *price += share * other;
            }
        }
    }
    resources
}

/// Units that a request takes on average of an allowance: a blocked one takes one.
pub(super) fn units_taken(request: &Request, blocked: f64) -> f64 {
    f64::from(request.n) * (1.0 - blocked) + blocked
}

/// Every way to serve a request like this one, or not to.
fn ways(request: &Request, supplies: &Supplies, prices: &Prices) -> Vec<Way> {
    let mut ways = vec![Way { cash: request.penalty, draws: Vec::new() }];
    let budget = supplies.team(&request.team).map(|team| TEAMS + team);
    let paid = |amount: f64, first: usize| {
        let draws = [Some(first), budget].into_iter().flatten();
        draws.map(|resource| Draw { resource, amount }).collect::<Vec<_>>()
    };
    let mut next_best = request.penalty;
    for quote in &request.quotes {
        let charge = prices.charge(request, quote);
        let draws = match supplier(&quote.candidate) {
            Supplier::Allowance => continue,
            Supplier::Prepaid => paid(charge.money, BALANCE),
            Supplier::Credits => {
                budget.map(|resource| Draw { resource, amount: charge.money }).into_iter().collect()
            }
        };
        next_best = next_best.min(charge.cost);
        ways.push(Way { cash: charge.cost, draws });
    }
    let has_units =
        request.quotes.iter().any(|quote| supplier(&quote.candidate) == Supplier::Allowance);
    if has_units {
        let blocked = prices.blocked(request);
        let amount = units_taken(request, blocked);
        // What is blocked is done elsewhere after all.
        let elsewhere = blocked * next_best;
        let draws = vec![Draw { resource: request.kind.index(), amount }];
        ways.push(Way { cash: elsewhere, draws });
        if supplies.overage_on() {
            let cost = amount * supplies.overage_price(request.kind);
            let ceiling = request.max_price.unwrap_or(f64::MAX);
            let cash = elsewhere + cost + routing::above(ceiling, cost, 0.0);
            ways.push(Way { cash, draws: paid(cost, OVERAGE) });
        }
    }
    ways.retain(|way| way.draws.iter().all(|draw| draw.amount > 0.0));
    ways
}
