//! The ways to split a request into calls, each with the plan of who is asked in which order.

use std::{sync::Arc, time::Duration};

use provider::{Price, Quote, QuoteSource};
use routing::{Barrier, Bounds, Candidate};

use super::{Step, quote::Asking};
use crate::{
    Engine, Request,
    market::{Listing, Resolved},
    vendor::Account,
};

/// So many models are asked for their prices while a caller waits.
const ASKED_AT_ONCE: usize = 4;

/// One way to split a request into calls, with the plan for it.
pub(super) struct Layout {
    pub(super) asked: Vec<Asked>,
    pub(super) plan: routing::Plan,
    pub(super) slots: Vec<u8>,
}

impl Layout {
    /// Smaller is better: one that can be asked at all, then the least money, then the most that
    /// stand by, then the fewest calls.
    fn rank(&self) -> (bool, i64, std::cmp::Reverse<usize>, usize) {
        let first =
            self.plan.order.first().and_then(|index| self.asked[*index].quote.as_ref().ok());
        let cost =
            first.map_or(i64::MAX, |quote| times(quote.price, self.slots.len()).expected.micros());
        let stand_by = std::cmp::Reverse(self.plan.order.len());
        (first.is_none(), cost, stand_by, self.slots.len())
    }

    /// The candidates that may be asked, best first.
    pub(super) fn steps(&self) -> Vec<Step> {
        let step = |&index: &usize| {
            let asked = &self.asked[index];
            let call = asked.quote.as_ref().ok()?.price;
            Some(Step { listing: asked.listing.clone(), account: Arc::clone(&asked.account), call })
        };
        self.plan.order.iter().filter_map(step).collect()
    }
}

/// A candidate before the verdict.
pub(super) struct Asked {
    pub(super) listing: Listing,
    pub(super) account: Arc<Account>,
    pub(super) quote: Result<Quote, Barrier>,
    /// How long until it could begin.
    pub(super) wait: Duration,
}

impl Engine {
    /// The cheapest way to split the outputs into calls: many small ones that every candidate can make,
    /// or few large ones that only some can, where those come cheaper.
    pub(super) async fn lay_out(
        &self,
        resolved: &Resolved,
        request: &Request,
        team: &str,
    ) -> Layout {
        let most = |listing: &Listing| listing.model().capabilities.max_count.max(1);
        let wanted = request.count.max(1);
        let mut sizes: Vec<u8> = resolved.listings.iter().map(|l| most(l).min(wanted)).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let mut best: Option<Layout> = None;
        for size in sizes {
            let layout = self.lay(resolved, request, team, size).await;
            best = match best {
                Some(best) if best.rank() <= layout.rank() => Some(best),
                _ => Some(layout),
            };
        }
        match best {
            Some(best) => best,
            None => self.lay(resolved, request, team, wanted).await,
        }
    }

    /// The plan where each call makes `size` outputs.
    pub(super) async fn lay(
        &self,
        resolved: &Resolved,
        request: &Request,
        team: &str,
        size: u8,
    ) -> Layout {
        let slots = split(request.count, size);
        let asked = self
            .ask(resolved, request, Asking { kind: resolved.kind, team, count: size, few: false })
            .await;
        let plan = self.rank(request, &asked, slots.len());
        Layout { asked, plan, slots }
    }

    async fn ask(&self, resolved: &Resolved, request: &Request, asking: Asking<'_>) -> Vec<Asked> {
        let mut asked = Vec::new();
        // Prices that must be asked for are asked for while a caller waits only where that is little.
        let few = resolved.listings.len() <= ASKED_AT_ONCE;
        let mut unknown = false;
        for listing in &resolved.listings {
            for account in self.by_headroom(&listing.vendor, asking.kind).await.iter() {
                let quote = self.quote(request, listing, account, Asking { few, ..asking }).await;
                let listed = |quote: &Quote| quote.source == QuoteSource::Listed;
                unknown |= listing.vendor.adapter.knowledge().is_some()
                    && quote.as_ref().is_ok_and(listed);
                let wait = self.wait_for(account).await;
                let (listing, account) = (listing.clone(), Arc::clone(account));
                asked.push(Asked { listing, account, quote, wait });
            }
        }
        if unknown {
            self.is_curious();
        }
        let calls = request.count.max(1).div_ceil(asking.count.max(1));
        self.bar_failing(&mut asked, request, usize::from(calls));
        asked
    }

    fn rank(&self, request: &Request, asked: &[Asked], calls: usize) -> routing::Plan {
        let candidates: Vec<Candidate> = asked
            .iter()
            .map(|asked| {
                let whole =
                    |quote: &Quote| Quote { price: times(quote.price, calls), ..quote.clone() };
                Candidate {
                    offer: asked.quote.as_ref().map(whole).map_err(Clone::clone),
                    wait: asked.wait,
                }
            })
            .collect();
        let policy = request.routing.policy.unwrap_or_else(|| self.settings().policy);
        routing::plan(&candidates, policy, Bounds { max_cost: request.routing.max_cost })
    }
}

/// Splits `count` outputs into calls of at most `most`.
fn split(count: u8, most: u8) -> Vec<u8> {
    let mut left = count.max(1);
    let mut slots = Vec::new();
    while left > 0 {
        let take = left.min(most.max(1));
        slots.push(take);
        left -= take;
    }
    slots
}

pub(super) fn times(price: Price, calls: usize) -> Price {
    let calls = i64::try_from(calls).unwrap_or(i64::MAX);
    Price { expected: price.expected.times(calls), upper: price.upper.times(calls) }
}
