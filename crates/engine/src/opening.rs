//! An attempt that may begin: what it holds at its account, and its row.

use std::time::Duration;

use coordination::{Flight, Lease};
use futures_util::FutureExt as _;
use records::{Attempt, AttemptState, Change, Failure, NewAttempt, Status};

use crate::{
    Engine,
    admission::{self, Asker, Held},
    journey::Journey,
    plan::Step,
    recover::fingerprint,
};

/// How long a hold outlives its attempt's expected time before a sweep may ask about it.
const HOLD_FOR: Duration = Duration::from_secs(3600);

/// An attempt that may begin: its slot at the account is leased.
#[derive(Debug)]
pub(crate) struct Opening {
    /// Which step of the plan.
    pub(crate) step: usize,
    pub(crate) row: NewAttempt,
    /// What it holds at the account.
    pub(crate) held: Held,
    /// Among equal work at the same account, so that a lost answer can be told apart.
    pub(crate) equal: Flight,
}

impl Opening {
    /// The row, and what the attempt takes of its account's allowance.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let row = Change::Attempt(Box::new(self.row.clone()));
        let taken = self.held.taken.as_ref();
        let units = taken.map(|taken| admission::written(&self.held.account, taken));
        [row].into_iter().chain(units).collect()
    }

    /// The row could not be written: whatever the attempt took is given back.
    pub(crate) async fn undo(mut self, engine: &Engine) {
        self.held.undo(engine).await;
    }

    /// Shows the attempt once its row is written.
    pub(crate) fn written(&self, journey: &Journey) {
        let row = &self.row;
        let attempt = Attempt {
            id: row.id.clone(),
            generation: row.generation.clone(),
            slot: row.slot,
            provider: row.provider.clone(),
            account: row.account.clone(),
            model: row.model.clone(),
            count: row.count,
            state: AttemptState::Submitting,
            outcome: None,
            charged: provider::MicroUsd::ZERO,
            uncertain: false,
            upper: row.upper,
            reference: None,
            ticket: None,
            remote: Vec::new(),
            lost: None,
            started_at: row.at,
            ended_at: None,
        };
        journey.flight.update(|state| {
            state.attempts.push(attempt);
            if state.status == Status::Queued {
                state.status = Status::Running;
            }
        });
    }
}

impl Journey {
    /// The first call's first step, if it may begin this very moment.
    pub(crate) async fn try_open(&self) -> Option<Opening> {
        let step = self.steps.first()?;
        let equal = self.enter(step).now_or_never()?;
        self.engine.breakers().look(step.lane()).ok()?;
        let turns = self.engine.turns();
        let lease = turns.try_lease(&step.account.id, &step.account.limits).await.ok()?;
        let row = self.row(0, 0);
        let mut held = self.admit(lease, step, &row).now_or_never()?.ok()?;
        held.permit = match self.engine.enter_lane(step.lane()).now_or_never() {
            Some(Ok(permit)) => Some(permit),
            Some(Err(_)) | None => {
                held.undo(&self.engine).await;
                return None;
            }
        };
        let opening = self.opening(0, row, held, equal);
        match self.flight.pass_gate() {
            true => Some(opening),
            false => {
                opening.undo(&self.engine).await;
                None
            }
        }
    }

    pub(crate) async fn admit(
        &self,
        lease: Lease,
        step: &Step,
        row: &NewAttempt,
    ) -> Result<Held, Failure> {
        let units = u32::from(row.count);
        let asker = Asker { team: &self.team, attempt: &row.id, kind: self.kind, units };
        self.engine.admit(lease, &step.account, asker).await
    }

    pub(crate) async fn enter(&self, step: &Step) -> Flight {
        let print = fingerprint(&self.request, step);
        self.engine.equals().enter(&step.account.id, &print).await
    }

    pub(crate) fn opening(
        &self,
        step: usize,
        row: NewAttempt,
        held: Held,
        equal: Flight,
    ) -> Opening {
        // An allowance's unit costs nothing, or what overage costs at this moment.
        let upper = match &held.taken {
            Some(taken) => taken.price,
            None => row.upper,
        };
        Opening { step, row: NewAttempt { upper, ..row }, held, equal }
    }

    pub(crate) fn row(&self, step: usize, slot: usize) -> NewAttempt {
        let at = self.engine.clock().now();
        let Step { listing, account, call, .. } = &self.steps[step];
        NewAttempt {
            id: self.engine.ids().next("att_"),
            generation: self.id.clone(),
            team: self.team.clone(),
            key: self.key.clone(),
            slot: u32::try_from(slot).unwrap_or(u32::MAX),
            provider: listing.vendor.name.clone(),
            account: account.name.clone(),
            model: listing.model().name.clone(),
            count: self.slots[slot],
            upper: call.upper,
            at,
            hold_until: at.plus(HOLD_FOR),
            checks: self.spender.checks(at),
        }
    }
}
