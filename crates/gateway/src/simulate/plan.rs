//! What the plan of everything that is still to come is made from: which requests stand for those to
//! come, and every way to serve them.
#![expect(clippy::float_arithmetic, reason = "forecasts are statistics; money stays in integers")]

use std::collections::VecDeque;

use routing::{Demand, Draw, Outlook, Typical, Way};

use super::{
    calendar::HOUR,
    messages::{Kind, Request},
    prices::Prices,
    supply::{BALANCE, OVERAGE, Supplier, Supplies, TEAMS, supplier, units},
};

/// The plan is made anew this often: budgets are lost within hours when demand is high.
const EVERY: i64 = HOUR;
/// So many of the newest requests of each kind stand for those to come.
const STANDING: usize = 1_200;

/// What was seen, and what it makes things worth.
#[derive(Debug)]
pub(super) struct Plan {
    end: i64,
    demand: Demand,
    /// The newest requests by kind, and how many there were.
    newest: [VecDeque<Request>; 2],
    seen: [u64; 2],
    outlook: Outlook,
    next: i64,
}

impl Plan {
    pub(super) const fn new(start: i64, end: i64) -> Self {
        Self {
            end,
            demand: Demand::new(start),
            newest: [VecDeque::new(), VecDeque::new()],
            seen: [0, 0],
            outlook: Outlook::new(),
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
        self.outlook.worth(resource, at)
    }

    /// The moments ahead at which something scarce is renewed.
    pub(super) fn renewals(&self, now: i64, until: i64) -> Vec<i64> {
        self.outlook.renewals(now, until)
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
        let typical = self.typical(supplies, prices);
        let waiting: Vec<Typical> = waiting
            .map(|request| Typical { weight: 1.0, ways: ways(request, supplies, prices) })
            .collect();
        let end = self.end.max(now + HOUR);
        let fresh = supplies.resources(now);
        self.outlook.solve(now, end, fresh, &self.demand, &typical, &waiting);
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
