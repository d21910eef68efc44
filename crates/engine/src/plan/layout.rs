//! The ways to split a request into calls, each with the plan of who is asked in which order.

use std::{sync::Arc, time::Duration};

use provider::{MicroUsd, Price, Quote, QuoteSource};
use routing::{Barrier, Candidate, Entrant, Lead, Role, Standing, Wishes};

use super::{
    Estimate, Step,
    quote::{Asking, Bare, Offered},
};
use crate::{
    AliasRules, Canary, Engine, Request,
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
    /// Smaller is better: one that can be asked at all, then whose turn it is, then the least cost, then
    /// the most that stand by, then the fewest calls.
    fn rank(&self) -> (bool, bool, i64, std::cmp::Reverse<usize>, usize) {
        let first = self.plan.order.first().and_then(|index| self.standing(*index));
        let cost = first.map_or(i64::MAX, |standing| standing.cost().micros());
        let leads = first.and_then(|standing| standing.turn).is_some_and(routing::Turn::leads);
        let stand_by = std::cmp::Reverse(self.plan.order.len());
        (first.is_none(), !leads, cost, stand_by, self.slots.len())
    }

    /// The same with those first whose turn it is.
    fn led_by(self, resolved: &Resolved, lead: Option<Lead>) -> Self {
        if resolved.rules.put_nobody_first() {
            return self;
        }
        let entrants = self.entrants(resolved);
        Self { plan: self.plan.led_by(&entrants, lead), ..self }
    }

    /// The candidates as weights and canaries see them.
    fn entrants(&self, resolved: &Resolved) -> Vec<Entrant> {
        let AliasRules { weights, canary, .. } = &*resolved.rules;
        let entrant = |asked: &Asked| {
            let is_it = |listing: &Listing| listing.is(&asked.listing);
            let name = asked.listing.name();
            let role = match canary {
                Some(Canary { model, per_million }) if *model == name => {
                    Role::Canary { per_million: *per_million }
                }
                _ if weights.is_empty() => Role::Regular { weight: 0 },
                _ => Role::Regular { weight: weights.get(&name).copied().unwrap_or(1) },
            };
            Entrant { model: resolved.listings.iter().position(is_it).unwrap_or_default(), role }
        };
        self.asked.iter().map(entrant).collect()
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
            let bare = asked.bare;
            Considered {
                model: asked.listing.name(),
                account: asked.account.name.clone(),
                bare: bare.map(|bare| times(bare.price, calls).expected),
                units: if asked.prepaid && bare.is_some() { units } else { 0 },
                busy: bare.map_or(Duration::ZERO, |bare| busy(bare.usual, calls)),
                standing: standing.copied(),
                reason: verdict.barrier().map(|barrier| barrier.reason().to_owned()),
                used_up: matches!(verdict.barrier(), Some(Barrier::UsedUp(_))),
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
    /// What one call needs whoever has units left, if nothing but time stands in the way.
    bare: Option<Bare>,
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
        let mut layouts = Vec::with_capacity(sizes.len());
        for size in sizes {
            layouts.push(self.lay_plain(resolved, request, team, size).await);
        }
        // By rank and, among equals, the first.
        match led(resolved, layouts).into_iter().min_by_key(Layout::rank) {
            Some(best) => best,
            None => self.lay_plain(resolved, request, team, wanted).await,
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
        let layout = self.lay_plain(resolved, request, team, size).await;
        let lead = drawn(resolved, std::slice::from_ref(&layout));
        layout.led_by(resolved, lead)
    }

    /// The same by the policy alone.
    async fn lay_plain(
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
        let wishes = self.wishes(request, resolved);
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
                let as_seen = |said| self.as_seen(listing, account, said);
                let quote = quote.map(|quote| Quote { duration: as_seen(quote.duration), ..quote });
                let bare = bare.map(|bare| Bare { usual: as_seen(bare.usual), ..bare });
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

    /// The time that calls there took lately, where enough were seen; otherwise what is said.
    fn as_seen(&self, listing: &Listing, account: &Account, said: Duration) -> Duration {
        let seen = self.seen(&account.id, &listing.model().name);
        if seen.samples < SEEN { said } else { seen.p50 }
    }

    /// What the caller wants, and what the operator set.
    fn wishes(&self, request: &Request, resolved: &Resolved) -> Wishes {
        let (own, settings) = (&request.routing, self.settings());
        Wishes {
            policy: own.policy.or(resolved.rules.policy).unwrap_or(settings.policy),
            second: resolved.rules.second_price.unwrap_or(settings.second_price),
            max_cost: own.max_cost,
            patience: own.deadline,
        }
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
                free: self.health().free_left(&asked.account.id),
                busy: busy(quote.duration, slots.len()),
                team,
                now: self.clock().now(),
            })
        });
        Candidate { offer, wait: asked.wait, worth }
    }
}

/// The layouts with those first whose turn it is: the same one in each, whatever can be asked there.
fn led(resolved: &Resolved, layouts: Vec<Layout>) -> Vec<Layout> {
    let lead = drawn(resolved, &layouts);
    layouts.into_iter().map(|layout| layout.led_by(resolved, lead)).collect()
}

/// Whose turn it is among those who can be asked in any of the layouts.
fn drawn(resolved: &Resolved, layouts: &[Layout]) -> Option<Lead> {
    let usable = |layout: &Layout| {
        let entrants = layout.entrants(resolved);
        layout.plan.usable(&entrants).collect::<Vec<Entrant>>()
    };
    if resolved.rules.put_nobody_first() {
        return None;
    }
    routing::draw(layouts.iter().flat_map(usable), resolved.drawn?)
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

/// For how long so many calls hold a slot, one after the other.
pub(crate) fn busy(usual: Duration, calls: usize) -> Duration {
    usual.saturating_mul(u32::try_from(calls).unwrap_or(u32::MAX))
}

pub(super) fn times(price: Price, calls: usize) -> Price {
    let calls = i64::try_from(calls).unwrap_or(i64::MAX);
    Price { expected: price.expected.times(calls), upper: price.upper.times(calls) }
}
