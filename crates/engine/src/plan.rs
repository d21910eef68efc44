//! From a request to an ordered list of steps: who can do it, for how much, in which order.

use std::{sync::Arc, time::Duration};

use provider::{Input, MicroUsd, Price, Quote, QuoteSource, Work};
use routing::{Barrier, Bounds, Candidate};
use serde_json::json;

use crate::{
    Caller, Code, Engine, Refusal, Request, Result,
    knowledge::{NoTurns, PublicPace},
    market::{Account, Listing, Resolved},
    turns::AccountPace,
};

/// One account at one model that can do the work.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) listing: Listing,
    pub(crate) account: Arc<Account>,
    /// What one call costs.
    pub(crate) call: Price,
}

/// A request with everything decided that can be decided before it is accepted.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) request: Request,
    pub(crate) resolved: Resolved,
    /// Best first; never empty.
    pub(crate) steps: Vec<Step>,
    /// How many outputs each call makes.
    pub(crate) slots: Vec<u8>,
}

/// What one candidate would cost and take, and whether it can be asked.
#[derive(Debug, Clone)]
pub struct Estimate {
    /// The provider.
    pub provider: String,
    /// The provider's own name of the model.
    pub model: String,
    /// The account.
    pub account: String,
    /// For the whole request; `None` where nobody knows.
    pub price: Option<Price>,
    /// How it is known.
    pub source: Option<QuoteSource>,
    /// How old that knowledge is.
    pub age: Duration,
    /// How long until it could begin.
    pub wait: Duration,
    /// Whether it can be asked.
    pub usable: bool,
    /// Why not.
    pub reason: Option<String>,
}

/// Who asks for what.
#[derive(Debug, Clone, Copy)]
struct Asking<'a> {
    kind: provider::Kind,
    team: &'a str,
    /// Outputs of one call.
    count: u8,
    /// Whether there are so few candidates that each may be asked for its price now.
    few: bool,
}

/// So many models are asked for their prices while a caller waits.
const ASKED_AT_ONCE: usize = 4;

/// One way to split a request into calls, with the plan for it.
struct Layout {
    asked: Vec<Asked>,
    plan: routing::Plan,
    slots: Vec<u8>,
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
    fn steps(&self) -> Vec<Step> {
        let step = |&index: &usize| {
            let asked = &self.asked[index];
            let call = asked.quote.as_ref().ok()?.price;
            Some(Step { listing: asked.listing.clone(), account: Arc::clone(&asked.account), call })
        };
        self.plan.order.iter().filter_map(step).collect()
    }
}

/// A candidate before the verdict.
struct Asked {
    listing: Listing,
    account: Arc<Account>,
    quote: Result<Quote, Barrier>,
    /// How long until it could begin.
    wait: Duration,
}

impl Engine {
    /// Plans a request whose model is resolved.
    ///
    /// # Errors
    /// `no_candidate` with every candidate's reason, `providers_unavailable` where only time stands in
    /// the way.
    pub(crate) async fn plan(
        &self,
        caller: &Caller,
        request: Request,
        resolved: Resolved,
    ) -> Result<Planned> {
        let layout = self.lay_out(&resolved, &request, &caller.team.id).await;
        if layout.plan.order.is_empty() {
            return Err(refuse(&layout.asked, &layout.plan));
        }
        let steps = layout.steps();
        Ok(Planned { request, resolved, steps, slots: layout.slots })
    }

    /// What every candidate would cost, the cheapest usable first.
    pub async fn estimate(&self, caller: &Caller, request: &Request) -> Result<Vec<Estimate>> {
        let resolved = self.resolve(caller, request)?;
        let Layout { asked, plan, slots } = self.lay_out(&resolved, request, &caller.team.id).await;
        let rest = (0..asked.len()).filter(|index| !plan.order.contains(index));
        let order: Vec<usize> = plan.order.iter().copied().chain(rest).collect();
        let line = |index: usize| {
            let asked = &asked[index];
            let quote = asked.quote.as_ref().ok();
            Estimate {
                provider: asked.listing.vendor.name.clone(),
                model: asked.listing.model().name.clone(),
                account: asked.account.name.clone(),
                price: quote.map(|q| times(q.price, slots.len())),
                source: quote.map(|q| q.source),
                age: quote.map_or(Duration::ZERO, |q| q.age),
                wait: asked.wait,
                usable: plan.barriers[index].is_none(),
                reason: plan.barriers[index].as_ref().map(|b| b.reason().to_owned()),
            }
        };
        Ok(order.into_iter().map(line).collect())
    }

    /// Plans a generation again that a process left behind: it was accepted once, so nobody's leave is
    /// asked, it keeps the calls it was split into, and it may have no step left.
    pub(crate) async fn plan_again(
        &self,
        request: Request,
        (team, kind): (&str, provider::Kind),
        begun: Option<u8>,
    ) -> Result<Planned> {
        let resolved = self.market().resolve_again(request.model.as_deref(), kind)?;
        let layout = match begun {
            Some(size) => self.lay(&resolved, &request, team, size).await,
            None => self.lay_out(&resolved, &request, team).await,
        };
        let steps = layout.steps();
        Ok(Planned { request, resolved, steps, slots: layout.slots })
    }

    /// What a request's model stands for.
    ///
    /// # Errors
    /// `model_not_found`, `model_not_allowed`, `unsupported_parameter` (strict).
    pub(crate) fn resolve(&self, caller: &Caller, request: &Request) -> Result<Resolved> {
        let resolved = self.market().resolve(request.model.as_deref(), request.kind)?;
        caller.may_ask_for(&resolved.name)?;
        if let (true, Some(name)) = (request.strict, request.without_effect.keys().next()) {
            let message = format!("no provider heeds `{name}`, and the request is strict");
            return Err(Refusal::new(Code::UnsupportedParameter, message).at(name.clone()));
        }
        Ok(resolved)
    }

    /// The cheapest way to split the outputs into calls: many small ones that every candidate can make,
    /// or few large ones that only some can, where those come cheaper.
    async fn lay_out(&self, resolved: &Resolved, request: &Request, team: &str) -> Layout {
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
    async fn lay(&self, resolved: &Resolved, request: &Request, team: &str, size: u8) -> Layout {
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
        asked
    }

    async fn quote(
        &self,
        request: &Request,
        listing: &Listing,
        account: &Arc<Account>,
        Asking { kind, team, count, few }: Asking<'_>,
    ) -> Result<Quote, Barrier> {
        let wanted = &request.routing.providers;
        if !wanted.is_empty() && !wanted.contains(&listing.vendor.name) {
            return Err(Barrier::Lasting("not among the providers asked for".to_owned()));
        }
        let work = work(request, kind, listing, count, Vec::new());
        let work = Work { inputs: self.input_shapes(request, listing), ..work };
        if let Err(missing) = listing.model().admit(&work) {
            return Err(Barrier::Lasting(said(&missing)));
        }
        if let Some(hold) = self.health().hold(&account.id, self.clock().now()) {
            let reason = hold.reason.as_str();
            return Err(Barrier::Passing(format!("the account is on hold ({reason})")));
        }
        if let Some(rule) = &account.limits.safety
            && let Err(stopped) = self.guard().look(&account.id, rule, team).await
        {
            return Err(Barrier::Passing(stopped.to_string()));
        }
        let units = self.units_price(listing, account, kind, &work).await?;
        let quote = self.price(listing, account, &work, few).await?;
        if let (true, false) = (request.strict, quote.adjustments.is_empty()) {
            let change = |(name, change): (&String, &provider::Adjustment)| {
                format!("{name}: {} would be used, and the request is strict", change.used)
            };
            let said: Vec<String> = quote.adjustments.iter().map(change).collect();
            return Err(Barrier::Lasting(said.join("; ")));
        }
        let Price { expected, upper } = quote.price;
        Ok(Quote { price: Price { expected: expected + units, upper: upper + units }, ..quote })
    }

    /// The adapter's price, as charges say it will be.
    async fn price(
        &self,
        listing: &Listing,
        account: &Arc<Account>,
        work: &Work,
        few: bool,
    ) -> Result<Quote, Barrier> {
        let pace = AccountPace::new(self, account).await;
        let mut call = pace.call();
        let public = PublicPace::of(self, &listing.vendor, false);
        if let Some(public) = &public {
            call.pace = if few { public } else { &NoTurns };
        }
        let quote = listing.vendor.adapter.quote(call, work).await.map_err(|error| match error
            .reasons()
        {
            [] => Barrier::Lasting(format!("no price is known: {}", error.public())),
            reasons => Barrier::Lasting(said(reasons)),
        })?;
        Ok(self.prices().correct(&listing.name(), quote))
    }

    /// What the units of one call cost: nothing within the allowance, overage past it.
    async fn units_price(
        &self,
        listing: &Listing,
        account: &Arc<Account>,
        kind: provider::Kind,
        work: &Work,
    ) -> Result<MicroUsd, Barrier> {
        let Account { id, limits, .. } = &**account;
        if !limits.is_prepaid(kind) {
            return Ok(MicroUsd::ZERO);
        }
        let units = u32::from(work.count);
        let first = self.lots().look(id, limits, kind, units).await;
        // Before anybody is turned away the vendor's own counters are asked, though not every time.
        let look = match first.is_err() && self.health().may_ask(id, self.clock().now()) {
            true => {
                self.look_at(&listing.vendor, account).await;
                self.lots().look(id, limits, kind, units).await
            }
            false => first,
        };
        look.map_err(|gone| Barrier::Passing(gone.to_string()))
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

    /// The inputs as capabilities see them: role, type and a link, no bytes.
    fn input_shapes(&self, request: &Request, listing: &Listing) -> Vec<Input> {
        let inputs = request.inputs.iter().map(|input| Input {
            role: input.role,
            media_type: input.media_type.clone(),
            bytes: bytes::Bytes::new(),
            url: self.input_link(input, &listing.vendor),
        });
        inputs.collect()
    }
}

fn said(missing: &[provider::Unsupported]) -> String {
    let each = |one: &provider::Unsupported| format!("{}: {}", one.param, one.reason);
    missing.iter().map(each).collect::<Vec<_>>().join("; ")
}

/// The work of one call.
pub(crate) fn work(
    request: &Request,
    kind: provider::Kind,
    listing: &Listing,
    count: u8,
    inputs: Vec<Input>,
) -> Work {
    Work {
        kind,
        model: listing.model().name.clone(),
        prompt: request.prompt.clone(),
        negative_prompt: request.negative_prompt.clone(),
        size: request.size,
        aspect_ratio: request.aspect_ratio,
        count,
        seed: request.seed,
        seconds: request.seconds,
        audio: request.audio,
        inputs,
        format: request.format,
        retain: request.store,
        options: request.provider_options.get(&listing.vendor.name).cloned().unwrap_or_default(),
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

fn times(price: Price, calls: usize) -> Price {
    let calls = i64::try_from(calls).unwrap_or(i64::MAX);
    Price { expected: price.expected.times(calls), upper: price.upper.times(calls) }
}

/// 503 where waiting may help, 422 where no wait would.
fn refuse(asked: &[Asked], plan: &routing::Plan) -> Refusal {
    let reasons: Vec<_> = asked
        .iter()
        .zip(&plan.barriers)
        .map(|(asked, barrier)| {
            json!({
                "model": asked.listing.name(),
                "account": asked.account.name,
                "reason": barrier.as_ref().map(Barrier::reason),
            })
        })
        .collect();
    let details = json!({ "candidates": reasons });
    if plan.may_pass() {
        let message = "every provider that could do this is unavailable for now";
        return Refusal::new(Code::ProvidersUnavailable, message)
            .after(Duration::from_secs(15))
            .with_details(details);
    }
    let said: Vec<String> = asked
        .iter()
        .zip(&plan.barriers)
        .filter_map(|(asked, barrier)| {
            Some(format!("{}: {}", asked.listing.name(), barrier.as_ref()?.reason()))
        })
        .collect();
    let message = match said.is_empty() {
        true => "no candidate can do this: none is configured".to_owned(),
        false => format!("no candidate can do this ({})", said.join(" | ")),
    };
    Refusal::new(Code::NoCandidate, message).with_details(details)
}
