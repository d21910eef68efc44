//! The ways to split a request into calls, each with the plan of who is asked in which order.

use std::{sync::Arc, time::Duration};

use provider::{MicroUsd, Price, Quote, QuoteSource};
use routing::{Barrier, Candidate, Standing, Wishes};

use super::{
    Estimate, Step,
    quote::{Asking, Offered},
};
use crate::{
    Engine, Request,
    decision::{Considered, Decision},
    market::{Listing, Resolved},
    scarcity::Taking,
    vendor::Account,
};

/// So many models are asked for their prices while a caller waits.
const ASKED_AT_ONCE: usize = 4;

/// So many calls tell how long one takes; before that it is the vendor's word.
const SEEN: u32 = 20;

/// One way to split a request into calls, with the plan for it.
pub(super) struct Layout {
    pub(super) asked: Vec<Asked>,
    pub(super) plan: routing::Plan,
    pub(super) slots: Vec<u8>,
    wishes: Wishes,
}

impl Layout {
    /// Smaller is better: one that can be asked at all, then the least cost, then the most that
    /// stand by, then the fewest calls.
    fn rank(&self) -> (bool, i64, std::cmp::Reverse<usize>, usize) {
        let first = self.plan.order.first().and_then(|index| self.standing(*index));
        let cost = first.map_or(i64::MAX, |standing| standing.cost().micros());
        let stand_by = std::cmp::Reverse(self.plan.order.len());
        (first.is_none(), cost, stand_by, self.slots.len())
    }

    fn standing(&self, index: usize) -> Option<&Standing> {
        self.plan.verdicts[index].standing()
    }

    /// The candidates that may be asked, best first.
    pub(super) fn steps(&self) -> Vec<Step> {
        let step = |&index: &usize| {
            let asked = &self.asked[index];
            let quote = asked.quote.as_ref().ok()?;
            Some(Step {
                listing: asked.listing.clone(),
                account: Arc::clone(&asked.account),
                call: quote.price,
                usual: quote.duration,
                standing: *self.standing(index)?,
            })
        };
        self.plan.order.iter().filter_map(step).collect()
    }

    /// Every candidate, the best first, those that can't be asked last.
    pub(super) fn estimates(&self) -> Vec<Estimate> {
        let order = &self.plan.order;
        let rest = (0..self.asked.len()).filter(|index| !order.contains(index));
        order.iter().copied().chain(rest).map(|index| self.line(index)).collect()
    }

    fn line(&self, index: usize) -> Estimate {
        let (asked, verdict) = (&self.asked[index], &self.plan.verdicts[index]);
        let quote = asked.quote.as_ref().ok();
        let standing = verdict.standing();
        Estimate {
            provider: asked.listing.vendor.name.clone(),
            model: asked.listing.model().name.clone(),
            account: asked.account.name.clone(),
            price: quote.map(|q| times(q.price, self.slots.len())),
            source: quote.map(|q| q.source),
            age: quote.map_or(Duration::ZERO, |q| q.age),
            wait: asked.wait,
            usable: standing.is_some(),
            reason: verdict.barrier().map(|barrier| barrier.reason().to_owned()),
            worth: standing.map(|standing| standing.worth),
            verdict: verdict.to_string(),
        }
    }

    /// Who was considered, and why the order is as it is.
    pub(super) fn decision(&self) -> Decision {
        let calls = self.slots.len();
        let units = self.slots.iter().copied().map(u32::from).sum();
        let candidates = self.asked.iter().zip(&self.plan.verdicts).map(|(asked, verdict)| {
            let standing = verdict.standing();
            let bare = asked.bare.map(|bare| times(bare, calls));
            Considered {
                model: asked.listing.name(),
                account: asked.account.name.clone(),
                bare: bare.map(|bare| bare.expected),
                units: if asked.prepaid && bare.is_some() { units } else { 0 },
                standing: standing.copied(),
                reason: verdict.barrier().map(|barrier| barrier.reason().to_owned()),
            }
        });
        Decision { policy: self.wishes.policy, candidates: candidates.collect() }
    }
}

/// A candidate before the verdict.
pub(super) struct Asked {
    pub(super) listing: Listing,
    pub(super) account: Arc<Account>,
    pub(super) quote: Result<Quote, Barrier>,
    /// What one call costs without its units, if nothing but time stands in the way.
    bare: Option<Price>,
    /// Whether it takes units of an allowance.
    prepaid: bool,
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
        let wishes = self.wishes(request);
        let candidates: Vec<Candidate> =
            asked.iter().map(|asked| self.candidate(asked, resolved.kind, team, &slots)).collect();
        let plan = routing::plan(&candidates, wishes);
        Layout { asked, plan, slots, wishes }
    }

    async fn ask(&self, resolved: &Resolved, request: &Request, asking: Asking<'_>) -> Vec<Asked> {
        let mut asked = Vec::new();
        // Prices that must be asked for are asked for while a caller waits only where that is little.
        let few = resolved.listings.len() <= ASKED_AT_ONCE;
        let mut unknown = false;
        for listing in &resolved.listings {
            for account in self.by_headroom(&listing.vendor, asking.kind).await.iter() {
                let Offered { quote, bare } =
                    self.quote(request, listing, account, Asking { few, ..asking }).await;
                let listed = |quote: &Quote| quote.source == QuoteSource::Listed;
                unknown |= listing.vendor.adapter.knowledge().is_some()
                    && quote.as_ref().is_ok_and(listed);
                let quote = quote.map(|quote| self.as_seen(listing, account, quote));
                let usual = quote.as_ref().map_or(Duration::ZERO, |quote| quote.duration);
                let wait = self.wait_for(account, usual).await;
                let prepaid = account.limits.is_prepaid(asking.kind);
                let (listing, account) = (listing.clone(), Arc::clone(account));
                asked.push(Asked { listing, account, quote, bare, prepaid, wait });
            }
        }
        if unknown {
            self.is_curious();
        }
        let calls = request.count.max(1).div_ceil(asking.count.max(1));
        self.bar_failing(&mut asked, request, usize::from(calls));
        asked
    }

    /// The quote with the time that calls there took lately, where enough were seen.
    fn as_seen(&self, listing: &Listing, account: &Account, quote: Quote) -> Quote {
        let seen = self.seen(&account.id, &listing.model().name);
        let duration = if seen.samples < SEEN { quote.duration } else { seen.p50 };
        Quote { duration, ..quote }
    }

    /// What the caller wants, and what the operator set.
    fn wishes(&self, request: &Request) -> Wishes {
        let policy = request.routing.policy.unwrap_or_else(|| self.settings().policy);
        let Request { routing, .. } = request;
        Wishes { max_cost: routing.max_cost, patience: routing.deadline, ..Wishes::new(policy) }
    }

    /// The whole request at one candidate, with what it takes of scarce things.
    fn candidate(
        &self,
        asked: &Asked,
        kind: provider::Kind,
        team: &str,
        slots: &[u8],
    ) -> Candidate {
        let whole =
            |quote: &Quote| Quote { price: times(quote.price, slots.len()), ..quote.clone() };
        let offer = asked.quote.as_ref().map(whole).map_err(Clone::clone);
        let worth = offer.as_ref().map_or(MicroUsd::ZERO, |quote| {
            let money = quote.price.expected;
            // Units that cost money are bought past the allowance.
            let prepaid = asked.prepaid && money.is_zero();
            self.scarcity().worth(&Taking {
                account: &asked.account.id,
                kind,
                units: if prepaid { slots.iter().copied().map(u32::from).sum() } else { 0 },
                bought: asked.prepaid && !money.is_zero(),
                money,
                team,
                now: self.clock().now(),
            })
        });
        Candidate { offer, wait: asked.wait, worth }
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
