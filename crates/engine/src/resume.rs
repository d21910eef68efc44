//! After a restart: every generation that has not ended is picked up where its rows say it stands.

use std::sync::Arc;

use provider::{Finished, Output, RemoteOutput, Ticket, Timestamp};
use records::{Attempt, AttemptState, Generation, Lost, Outcome, OutputRecord, Unfinished};

use crate::{
    Code, Engine, Request,
    attempt::{Equal, Underway, Verdict},
    drive::{Entry, Journey, drive, failure},
    flight::Flight,
    plan::Step,
    recover::fingerprint,
    settle::Made,
};

/// How soon a queued job is looked at again after a restart.
const LOOK_SOON: std::time::Duration = std::time::Duration::from_millis(500);

/// An attempt that a killed process left behind, with its places taken again.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) step: usize,
    /// Attempts of its call so far, this one included.
    pub(crate) used: u32,
    attempt: Attempt,
    lease: coordination::Lease,
    equal: Equal,
    /// When we took it over: it was lost some time before.
    now: Timestamp,
}

impl Left {
    /// Goes on from the state that was written before the act.
    pub(crate) async fn go_on(self, journey: &Journey) -> Verdict {
        let Self { step, attempt, lease, equal, now, .. } = self;
        let underway = Underway {
            journey,
            step: &journey.steps[step],
            id: attempt.id.clone(),
            count: attempt.count,
            upper: attempt.upper,
            started_at: attempt.started_at,
            lease: Some(lease),
            equal,
        };
        match attempt.state {
            AttemptState::Submitting => {
                // Nobody knows how far it came: the vendor's books must tell.
                let lost = Lost { at: now, ended: false };
                let change = records::Change::Lost { attempt: attempt.id.clone(), lost };
                journey.engine.must_apply(vec![change]).await;
                underway.recover(lost, None).await
            }
            AttemptState::Lost => {
                let lost = attempt.lost.unwrap_or(Lost { at: now, ended: false });
                underway.recover(lost, None).await
            }
            AttemptState::Running => {
                let reference = attempt.ticket.clone().unwrap_or_default();
                underway.follow(Ticket { reference, look_after: LOOK_SOON }).await
            }
            AttemptState::Fetching => underway.settle_found(still_there(&attempt)).await,
            AttemptState::Ended => Verdict::Over(failure(Code::ProviderError, "it had ended")),
        }
    }
}

/// Charged work whose bytes are still at the vendor.
fn still_there(attempt: &Attempt) -> Finished {
    let remote = |remote| Output::Remote(RemoteOutput::from(remote));
    Finished {
        reference: attempt.reference.clone(),
        outputs: attempt.remote.iter().map(remote).collect(),
        charge: provider::Charge::exact(attempt.charged),
        balance: None,
        adjustments: provider::Adjustments::new(),
    }
}

impl Engine {
    /// Picks every unfinished generation up. Runs before the first request is taken, so that lost
    /// work has its place before equal work can begin.
    pub(crate) async fn resume(&self) -> records::Result<()> {
        let now = self.clock().now();
        let minute = std::time::Duration::from_secs(60);
        let mut sent: std::collections::BTreeMap<String, Vec<Timestamp>> = Default::default();
        for (account, at) in self.records().calls_since(now.minus(minute)).await? {
            sent.entry(account).or_default().push(at);
        }
        for (account, calls) in sent {
            self.turns().restore(&account, &calls).await;
        }
        let all = self.records().unfinished().await?;
        if !all.is_empty() {
            tracing::info!(generations = all.len(), "picking up what was unfinished");
        }
        for unfinished in all {
            self.pick_up(unfinished, now).await;
        }
        Ok(())
    }

    async fn pick_up(&self, unfinished: Unfinished, now: Timestamp) {
        let Unfinished { generation, kept } = unfinished;
        let id = generation.id.clone();
        let planned = match serde_json::from_str::<Request>(&generation.request) {
            Ok(request) => self.plan_again(request).await.map_err(|refusal| refusal.message),
            Err(error) => Err(error.to_string()),
        };
        let mut planned = match planned {
            Ok(planned) => planned,
            Err(reason) => {
                tracing::error!(generation = %id, %reason, "cannot be picked up: its model is gone");
                return;
            }
        };
        for attempt in &generation.attempts {
            let known = planned.steps.iter().any(|step| is_step(step, attempt));
            if let (false, Some(step)) = (known, self.step_of(attempt)) {
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
        let journey = Journey::new(self.clone(), Arc::clone(&flight), planned, None);
        let journey = Arc::new(journey);
        let mut entries = Vec::with_capacity(journey.slots.len());
        for slot in 0..journey.slots.len() {
            entries.push(self.entry(&journey, &generation, slot, now, &kept).await);
        }
        self.flights().lock().insert(id, flight);
        self.spawn(drive(journey, entries));
    }

    /// Where one call of the generation stands.
    async fn entry(
        &self,
        journey: &Journey,
        generation: &Generation,
        slot: usize,
        now: Timestamp,
        assets: &[OutputRecord],
    ) -> Entry {
        let of_slot = |a: &&Attempt| usize::try_from(a.slot).is_ok_and(|s| s == slot);
        let attempts: Vec<&Attempt> = generation.attempts.iter().filter(of_slot).collect();
        let used = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
        let Some(last) = attempts.last() else { return Entry::New(0) };
        if last.outcome == Some(Outcome::Completed) {
            return Entry::Done(Box::new(made_before(generation, last, assets)));
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
        let lease = self.turns().adopt(account).await;
        let equal = match last.state {
            AttemptState::Submitting | AttemptState::Lost => {
                let print = fingerprint(&journey.request, &journey.steps[step]);
                Equal::Lost(self.equals().adopt_lost(account, &print).await)
            }
            AttemptState::Running | AttemptState::Fetching | AttemptState::Ended => Equal::Named,
        };
        Entry::Left(Left { step, used, attempt: (*last).clone(), lease, equal, now })
    }

    /// The step that an attempt was a try of, whatever the plan says today.
    fn step_of(&self, attempt: &Attempt) -> Option<Step> {
        let vendor = self.market().vendor(&attempt.provider)?;
        let listing = self.market().listing(&format!("{}/{}", attempt.provider, attempt.model))?;
        let account = vendor.accounts.iter().find(|account| account.name == attempt.account)?;
        let call = provider::Price { expected: attempt.upper, upper: attempt.upper };
        Some(Step { listing, account: Arc::clone(account), call })
    }
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
    Made { outputs, adjustments: provider::Adjustments::new(), by, rest: Vec::new(), equal: None }
}
