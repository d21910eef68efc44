//! What each candidate would cost a request, now or later.
#![expect(
    clippy::float_arithmetic,
    reason = "expectations are statistics; money stays in integers"
)]

use routing::Offer;

use super::{
    calendar::MINUTE,
    messages::{Quote, Request},
    plan::units_taken,
    router::{Router, Waiting},
    supply::{BALANCE, OVERAGE, Supplier, TEAMS, supplier, units},
};

/// Work takes at most this many times its usual duration, and at least so many.
pub(super) const SLOWEST: f64 = 1.3;
pub(super) const FASTEST: f64 = 0.8;
/// Whoever waits for a renewal or for the end of an outage keeps time for two attempts elsewhere and
/// a minute.
const SPARE_ATTEMPTS: f64 = 2.0;
impl Router {
    /// Every candidate now or as soon as it can be had, and after each renewal.
    pub(super) fn offers(&self, waiting: &Waiting) -> Vec<Offer> {
        let request = &waiting.request;
        let renewals = self.plan.renewals(self.now, request.deadline);
        let mut offers = Vec::new();
        // After them there would be no time for anybody else: only where nobody else is left.
        let mut risky = Vec::new();
        let mut next_best = request.penalty;
        // The allowance last: what it blocks is done by the best of the others.
        let (last, first): (Vec<_>, Vec<_>) = (request.quotes.iter().enumerate())
            .partition(|(_, quote)| supplier(&quote.candidate) == Supplier::Allowance);
        let slowest = request.quotes.iter().map(|quote| quote.est_ms).fold(0.0, f64::max);
        let spare = millis(slowest * SLOWEST * SPARE_ATTEMPTS) + MINUTE;
        for (candidate, quote) in first.into_iter().chain(last) {
            let supplier = supplier(&quote.candidate);
            if waiting.blocked && supplier == Supplier::Allowance {
                continue;
            }
            let at = self.free_at(request, quote);
            if let Some(cost) = self.cost(request, quote, at, next_best) {
                let cost = cost + late(request, quote, at) * request.penalty;
                if at <= self.now && supplier != Supplier::Allowance {
                    next_best = next_best.min(cost);
                }
                let dark = self.accounts[supplier.index()].is_dark(self.now);
                let offers =
                    if dark && at + spare > request.deadline { &mut risky } else { &mut offers };
                offers.push(Offer { candidate, cost, at });
            }
            for at in renewals.iter().filter(|at| **at + spare <= request.deadline) {
                if let Some(cost) = self.cost(request, quote, *at, next_best) {
                    offers.push(Offer { candidate, cost, at: *at });
                }
            }
        }
        if offers.is_empty() { risky } else { offers }
    }

    fn free_at(&self, request: &Request, quote: &Quote) -> i64 {
        let supplier = supplier(&quote.candidate);
        let account = &self.accounts[supplier.index()];
        let at = account.free_at(self.now, sent_as(request, supplier));
        if supplier != Supplier::Allowance {
            return at;
        }
        let units = u64::from(request.n);
        at.max(self.supplies.allowance_free_at(request.kind, self.now, units, account.running()))
    }

    /// Money and the worth of what is taken, in micro-USD; none where supplies would not suffice or
    /// the charge would certainly be above the request's ceiling.
    fn cost(&self, request: &Request, quote: &Quote, at: i64, next_best: f64) -> Option<f64> {
        let team = self.supplies.team(&request.team)?;
        let budget = self.supplies.budget_left(team, at);
        let dearer = |money: f64, resource: Option<usize>| {
            let worth = resource.map_or(0.0, |resource| self.plan.worth(resource, at));
            money * (worth + self.plan.worth(TEAMS + team, at))
        };
        let ceiling = request.max_price.unwrap_or(f64::MAX);
        let supplier = supplier(&quote.candidate);
        if supplier != Supplier::Allowance {
            let charge = self.prices.charge(request, quote);
            let prepaid = supplier == Supplier::Prepaid;
            let short = prepaid && charge.most > self.supplies.balance_at(at);
            if charge.most > budget || charge.least > ceiling || short {
                return None;
            }
            return Some(charge.cost + dearer(charge.money, prepaid.then_some(BALANCE)));
        }
        let n = u64::from(request.n);
        let blocked = self.prices.blocked(request);
        let taken = units_taken(request, blocked);
        let beyond = self.supplies.beyond(request.kind, at, n);
        let share = units(beyond) / units(n.max(1));
        let mut cost =
            blocked * next_best + taken * (1.0 - share) * self.plan.worth(request.kind.index(), at);
        if beyond > 0 {
            let money = self.supplies.overage_cost(request.kind, at, beyond)?;
            if money > budget || money > ceiling {
                return None;
            }
            let expected = money * taken / units(n.max(1));
            cost += expected + dearer(expected, Some(OVERAGE));
        }
        Some(cost)
    }
}

/// What a rate window counts: each result, or the call.
pub(super) fn sent_as(request: &Request, supplier: Supplier) -> u64 {
    if supplier == Supplier::Credits { 1 } else { u64::from(request.n) }
}

/// How likely a candidate that begins at a moment is too late; durations are even between the
/// fastest and the slowest.
fn late(request: &Request, quote: &Quote, at: i64) -> f64 {
    if quote.est_ms <= 0.0 {
        return 0.0;
    }
    let left = request.deadline - at;
    let left = units(left.unsigned_abs()).copysign(if left < 0 { -1.0 } else { 1.0 });
    ((SLOWEST - left / quote.est_ms) / (SLOWEST - FASTEST)).clamp(0.0, 1.0)
}

#[expect(clippy::cast_possible_truncation, reason = "a duration, cut to whole milliseconds")]
pub(super) fn millis(duration: f64) -> i64 {
    duration as i64
}
