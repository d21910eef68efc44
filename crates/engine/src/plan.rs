//! From a request to an ordered list of steps: who can do it, for how much, in which order.

mod failing;
mod layout;
mod quote;

use std::{sync::Arc, time::Duration};

use provider::{Input, MicroUsd, Price, QuoteSource, Work};
use routing::{Barrier, Policy, Standing, Verdict};
use serde_json::json;

use self::layout::Asked;
pub(crate) use self::layout::busy;
use crate::{
    Alias, Caller, Code, Engine, Refusal, Request, Result, Team,
    decision::Decision,
    market::{Listing, Resolved},
    offers::USUAL_PROMPT,
    vendor::Account,
};

/// One account at one model that can do the work.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) listing: Listing,
    pub(crate) account: Arc<Account>,
    /// What one call costs.
    pub(crate) call: Price,
    /// How long one call usually takes.
    pub(crate) usual: Duration,
    /// How it stands among the others.
    pub(crate) standing: Standing,
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
    /// Who was considered, and why the order is as it is; none where it was decided before.
    pub(crate) decision: Option<Decision>,
}

impl Planned {
    /// A request that is planned when its turn comes: it waits for another one's outputs first.
    pub(crate) fn later(request: Request, resolved: Resolved) -> Self {
        let slots = vec![request.count];
        Self { request, resolved, steps: Vec::new(), slots, decision: None }
    }
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
    /// What the scarce things that it takes are worth to others, beyond the price; `None` where it
    /// can't be asked.
    pub worth: Option<MicroUsd>,
    /// How it stands among the others, in words.
    pub verdict: String,
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
        let (steps, decision) = (layout.steps(), Some(layout.decision()));
        Ok(Planned { request, resolved, steps, slots: layout.slots, decision })
    }

    /// What every candidate would cost, the best usable one first.
    pub async fn estimate(&self, caller: &Caller, request: &Request) -> Result<Vec<Estimate>> {
        let resolved = self.resolve(caller, request)?;
        let request = self.settled(caller, request.clone(), &resolved);
        Ok(self.lay_out(&resolved, &request, &caller.team.id).await.estimates())
    }

    /// How the candidates of an alias stand now for a plain request of nobody's.
    ///
    /// # Errors
    /// `model_not_found`.
    pub async fn standings(&self, alias: &Alias) -> Result<Vec<Estimate>> {
        let resolved = self.market().resolve(Some(&alias.name), None)?;
        let plain = Request { kind: Some(alias.kind), ..Request::image("x".repeat(USUAL_PROMPT)) };
        Ok(self.lay_out(&resolved, &plain, "").await.estimates())
    }

    /// The request with the policy that holds for it: its own, its team's, its alias', or everybody's. It
    /// is kept with the generation, so that a restart, or a wait for another one, goes on by it.
    pub(crate) fn settled(
        &self,
        caller: &Caller,
        mut request: Request,
        resolved: &Resolved,
    ) -> Request {
        let own = request.routing.policy;
        let policy = own.or_else(|| team_policy(&caller.team)).or(resolved.rules.policy);
        request.routing.policy = Some(policy.unwrap_or_else(|| self.settings().policy));
        request
    }

    /// Plans a generation again that a process left behind: it was accepted once, so nobody's leave is
    /// asked, it keeps the calls it was split into, and it may have no step left.
    pub(crate) async fn plan_again(
        &self,
        request: Request,
        generation: &records::Generation,
        begun: Option<u8>,
    ) -> Result<Planned> {
        let team = generation.team.as_str();
        let resolved = self.market().resolve_again(request.model.as_deref(), generation.kind)?;
        let resolved = resolved.drawn_for(&generation.id);
        let layout = match begun {
            Some(size) => self.lay(&resolved, &request, team, size).await,
            None => self.lay_out(&resolved, &request, team).await,
        };
        let (steps, decision) = (layout.steps(), begun.is_none().then(|| layout.decision()));
        Ok(Planned { request, resolved, steps, slots: layout.slots, decision })
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
}

/// The policy of a team, if an operator gave it one.
fn team_policy(team: &Team) -> Option<Policy> {
    let name = team.rules.routing.policy.as_deref()?;
    Policy::ALL.into_iter().find(|policy| policy.as_str() == name)
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

/// When it may be tried again: nobody knows of a hold, but of what is left alone because it fails.
const TRY_AGAIN: Duration = Duration::from_secs(15);

fn soonest(asked: &[Asked], plan: &routing::Plan) -> Duration {
    let passing = asked.iter().zip(&plan.verdicts).filter_map(|(asked, verdict)| match verdict {
        Verdict::Out(Barrier::Passing(_) | Barrier::UsedUp(_)) if !asked.wait.is_zero() => {
            Some(asked.wait)
        }
        _ => None,
    });
    passing.min().map_or(TRY_AGAIN, |wait| wait.min(TRY_AGAIN))
}

/// 503 where waiting may help, 422 where no wait would.
fn refuse(asked: &[Asked], plan: &routing::Plan) -> Refusal {
    let barriers = || plan.verdicts.iter().map(Verdict::barrier);
    let reasons: Vec<_> = asked
        .iter()
        .zip(barriers())
        .map(|(asked, barrier)| {
            json!({
                "model": asked.listing.name(),
                "account": asked.account.name,
                "reason": barrier.map(Barrier::reason),
            })
        })
        .collect();
    let details = json!({ "candidates": reasons });
    if plan.may_pass() {
        let message = "every provider that could do this is unavailable for now";
        return Refusal::new(Code::ProvidersUnavailable, message)
            .after(soonest(asked, plan))
            .with_details(details);
    }
    let said: Vec<String> = asked
        .iter()
        .zip(barriers())
        .filter_map(|(asked, barrier)| {
            Some(format!("{}: {}", asked.listing.name(), barrier?.reason()))
        })
        .collect();
    let message = match said.is_empty() {
        true => "no candidate can do this: none is configured".to_owned(),
        false => format!("no candidate can do this ({})", said.join(" | ")),
    };
    Refusal::new(Code::NoCandidate, message).with_details(details)
}
