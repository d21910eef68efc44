//! After a restart: every generation that has not ended is picked up where its rows say it stands.

use std::{collections::HashMap, sync::Arc, time::Duration};

use coordination::{Admission, Entered, Taken, UnitsEnd};
use provider::{Kind, MicroUsd, Timestamp};
use records::{
    Attempt, AttemptState, Booking, CacheResult, Change, EndAttempt, EndGeneration, Generation,
    Outcome, OutputRecord, Status, Unfinished, UnitsState,
};
use routing::Standing;

use crate::{
    Code, Engine, Request,
    admission::Held,
    attempt::Equal,
    budgets::Spender,
    cache::Sharing,
    drive::Entry,
    flight::Flight,
    journey::{Journey, Made, failure},
    left::Left,
    market::Resolved,
    plan::{Planned, Step},
    recover::fingerprint,
};

impl Engine {
    /// Picks every unfinished generation up. Runs before the first request is taken, so that lost
    /// work has its place before equal work can begin.
    pub(crate) async fn resume(&self) -> records::Result<()> {
        self.restore_accounts().await?;
        self.restore_credentials().await?;
        let now = self.clock().now();
        let units = self.restore_places(now).await?;
        self.restore_paces(now).await?;
        self.say_alive().await?;
        if self.settings().alone {
            let to = self.worker().to_owned();
            self.records().apply(vec![Change::TakeAll { to }]).await?;
        }
        self.pick_up_own(&units).await
    }

    /// What is to be driven on of one generation, its places taken again; none where it is over.
    pub(crate) async fn pick_up(
        &self,
        unfinished: Unfinished,
        now: Timestamp,
        units: &Open,
    ) -> Option<(Arc<Journey>, Vec<Entry>)> {
        let Unfinished { generation, kept, .. } = unfinished;
        let id = generation.id.clone();
        if generation.cache == CacheResult::Coalesced && !generation.status.is_final() {
            return self.pick_up_waiting(&generation).await.map(|journey| (journey, Vec::new()));
        }
        let planned = match serde_json::from_str::<Request>(&generation.request) {
            Ok(request) if !request.store => {
                self.give_up(&generation, units).await;
                return None;
            }
            Ok(request) => {
                let begun = generation.attempts.first().map(|attempt| attempt.count);
                let planned = self.plan_again(request, &generation, begun).await;
                planned.map_err(|refusal| refusal.message)
            }
            Err(error) => Err(error.to_string()),
        };
        let mut planned = match planned {
            Ok(planned) => planned,
            Err(reason) => {
                tracing::error!(generation = %id, %reason, "cannot be picked up: its model is gone");
                return None;
            }
        };
        for attempt in &generation.attempts {
            let known = planned.steps.iter().any(|step| is_step(step, attempt));
            if let (false, Some(step)) = (known, self.step_of(attempt, generation.kind)) {
                planned.steps.push(step);
            }
        }
        let flight = Flight::new(generation.clone());
        if !generation.attempts.is_empty() {
            flight.pass_gate();
        }
        if generation.status.is_final() {
            flight.close();
        }
        let payer = self.payer(&generation, &planned).await?;
        let share = self.share_again(&generation, &planned.request, &planned.resolved).await;
        let journey = Journey::new(self.clone(), Arc::clone(&flight), planned, payer, None);
        let journey = Arc::new(journey.sharing(share));
        let before = Before { generation: &generation, kept: &kept, units, now };
        let mut entries = Vec::with_capacity(journey.slots.len());
        for slot in 0..journey.slots.len() {
            entries.push(self.entry(&journey, slot, &before).await);
        }
        self.flights().lock().insert(id, flight);
        Some((journey, entries))
    }

    /// A generation that waited for another one's outputs; it goes on when those that may have them are
    /// picked up.
    async fn pick_up_waiting(&self, generation: &Generation) -> Option<Arc<Journey>> {
        let request = serde_json::from_str::<Request>(&generation.request).ok()?;
        let resolved = self.market().resolve_again(request.model.as_deref(), generation.kind);
        let resolved = resolved.inspect_err(|refusal| {
            tracing::error!(generation = %generation.id, reason = %refusal.message, "its model is gone");
        });
        let planned = Planned::later(request, resolved.ok()?);
        let ticket = self.ticket(&generation.team, &planned.request, &planned.resolved);
        let payer = self.payer(generation, &planned).await?;
        let flight = Flight::new(generation.clone());
        let journey = Journey::new(self.clone(), Arc::clone(&flight), planned, payer, None);
        self.flights().lock().insert(generation.id.clone(), flight);
        Some(Arc::new(journey.sharing(Sharing::new(ticket, None))))
    }

    /// The lead that a generation had before, so that whoever waited for it waits again.
    async fn share_again(
        &self,
        generation: &Generation,
        request: &Request,
        resolved: &Resolved,
    ) -> Sharing {
        let ticket = self.ticket(&generation.team, request, resolved);
        let leads = ticket.as_ref().filter(|ticket| ticket.asks && !generation.status.is_final());
        let lead = match leads {
            Some(ticket) => match self.single().enter(&ticket.key, &generation.id).await {
                Entered::Lead(lead) => Some(lead),
                Entered::Follow(_) => None,
            },
            None => None,
        };
        let share = Sharing::new(ticket, lead);
        share.begin();
        share
    }

    /// A generation of which nothing was kept cannot go on: it ends, its units stand as used where
    /// the vendor may have worked, and what lies at the vendor is deleted there.
    async fn give_up(&self, generation: &Generation, units: &Open) {
        let at = self.clock().now();
        let mut changes = Vec::new();
        for attempt in &generation.attempts {
            if attempt.state == AttemptState::Ended {
                continue;
            }
            if let Some(taken) = units.get(&attempt.id) {
                let account = format!("{}/{}", attempt.provider, attempt.account);
                self.lots().end(&account, taken.clone(), UnitsEnd::Used).await;
                let (attempt, state) = (attempt.id.clone(), UnitsState::Used);
                changes.push(Change::EndUnits { attempt, state });
            }
            if attempt.state != AttemptState::Fetching && !attempt.upper.is_zero() {
                changes.push(Change::Book(Box::new(Booking {
                    attempt: attempt.id.clone(),
                    reference: None,
                    amount: attempt.upper,
                    uncertain: true,
                    purse: records::Purse::Balance,
                    remote: Vec::new(),
                    at,
                })));
            }
            let detail = Some("the process ended and nothing of the request was kept".to_owned());
            let (attempt, outcome) = (attempt.id.clone(), Outcome::Unknown);
            let keep_reserved = false;
            changes.push(Change::EndAttempt(EndAttempt {
                attempt,
                outcome,
                detail,
                keep_reserved,
                at,
            }));
        }
        if !generation.status.is_final() {
            let message = "the process that ran it ended, and nothing of the request was kept";
            changes.push(Change::EndGeneration(Box::new(EndGeneration {
                id: generation.id.clone(),
                status: Status::Failed,
                outputs: Vec::new(),
                made_by: None,
                adjustments: provider::Adjustments::new(),
                error: Some(failure(Code::InternalError, message)),
                at,
                source: None,
            })));
        }
        self.must_apply(changes).await;
        for attempt in &generation.attempts {
            if let (AttemptState::Running | AttemptState::Fetching, Some(job), Some(step)) =
                (attempt.state, &attempt.ticket, self.step_of(attempt, generation.kind))
            {
                let (engine, job) = (self.clone(), job.clone());
                self.spawn(async move { engine.forget(&step, &job).await });
            }
        }
    }

    /// Where one call of the generation stands.
    async fn entry(&self, journey: &Journey, slot: usize, before: &Before<'_>) -> Entry {
        let Before { generation, kept, units, now } = *before;
        let of_slot = |a: &&Attempt| usize::try_from(a.slot).is_ok_and(|s| s == slot);
        let attempts: Vec<&Attempt> = generation.attempts.iter().filter(of_slot).collect();
        let used = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
        let Some(last) = attempts.last() else { return Entry::New(0) };
        if last.outcome == Some(Outcome::Completed) {
            return Entry::Done(Box::new(made_before(generation, last, kept)));
        }
        if last.state == AttemptState::Ended {
            return Entry::New(used);
        }
        let Some(step) = journey.steps.iter().position(|step| is_step(step, last)) else {
            tracing::error!(
                attempt = %last.id, provider = %last.provider, account = %last.account,
                "its account is no longer configured: what became of it cannot be found out",
            );
            return Entry::New(used);
        };
        let account = &journey.steps[step].account.id;
        let lease = Some(self.turns().adopt(account).await);
        let watched = match journey.steps[step].account.limits.safety {
            Some(_) => Some(self.guard().adopt(account, &generation.team, last.started_at).await),
            None => None,
        };
        let taken = units.get(&last.id).cloned();
        let held = Held { account: account.clone(), lease, watched, permit: None, taken };
        let equal = match last.state {
            AttemptState::Submitting | AttemptState::Lost => {
                let print = fingerprint(&journey.request, &journey.steps[step]);
                Equal::Lost(self.equals().adopt_lost(account, &print).await)
            }
            AttemptState::Running | AttemptState::Fetching | AttemptState::Ended => Equal::Named,
        };
        Entry::Left(Left { step, used, attempt: (*last).clone(), held, equal, now })
    }

    /// Who pays for it, with its places among those at once.
    async fn payer(
        &self,
        generation: &Generation,
        planned: &Planned,
    ) -> Option<(Spender, Admission)> {
        let spender = self.spender(&generation.team, &generation.key).await;
        let spender = spender.inspect_err(|error| tracing::error!(%error, "a team cannot be read"));
        let spender = spender.ok().flatten()?;
        let admission = match generation.status.is_final() {
            true => Admission::none(),
            false => self.enter_again(&spender, generation.kind, &planned.resolved.name).await,
        };
        Some((spender, admission))
    }

    /// The step that an attempt was a try of, whatever the plan says today.
    fn step_of(&self, attempt: &Attempt, kind: Kind) -> Option<Step> {
        let vendor = self.market().vendor(&attempt.provider)?;
        let listing = self.market().listing_or_past(&attempt.provider, &attempt.model, kind)?;
        let account = vendor.account(&attempt.account)?;
        let call = provider::Price { expected: attempt.upper, upper: attempt.upper };
        let (usual, standing) = (Duration::ZERO, Standing::default());
        Some(Step { listing, account, call, usual, standing })
    }
}

/// What attempts under way hold of allowances, by attempt.
pub(crate) type Open = HashMap<String, Taken>;

/// A generation as a process left it.
#[derive(Clone, Copy)]
struct Before<'a> {
    generation: &'a Generation,
    /// Outputs that are kept already.
    kept: &'a [OutputRecord],
    units: &'a Open,
    now: Timestamp,
}

fn is_step(step: &Step, attempt: &Attempt) -> bool {
    step.listing.vendor.name == attempt.provider
        && step.listing.model().name == attempt.model
        && step.account.name == attempt.account
}

/// A call that had ended well before its generation did.
fn made_before(generation: &Generation, attempt: &Attempt, assets: &[OutputRecord]) -> Made {
    let done = |a: &&Attempt| a.outcome == Some(Outcome::Completed);
    let place = generation.attempts.iter().filter(done).position(|a| a.id == attempt.id);
    let count = usize::from(attempt.count);
    let of_call = assets.iter().skip(place.unwrap_or(0) * count).take(count);
    let outputs = of_call.filter(|kept| !generation.outputs.contains(kept)).cloned().collect();
    let by = (attempt.provider.clone(), attempt.model.clone(), attempt.account.clone());
    Made {
        outputs,
        adjustments: provider::Adjustments::new(),
        by,
        saved: MicroUsd::ZERO,
        rest: Vec::new(),
        equal: None,
    }
}
