//! One attempt: submit, follow, settle.

mod verdict;

use std::{sync::Arc, time::Duration};

use coordination::{Flight, LostFlight, UnitsEnd};
use provider::{
    Charge, Error, ErrorKind, Input, MicroUsd, Retry, Submitted, Ticket, Timestamp, Work,
};
use records::{Attempt, Booking, Change, EndAttempt, Failure, Lost, Outcome};

pub(crate) use self::verdict::{Rest, Verdict, verdict};
use self::verdict::{outcome, used_up};
use crate::{
    Code, Engine,
    admission::Held,
    journey::{Journey, failure},
    opening::Opening,
    plan::{Step, work},
    poller::Queued,
    turns::AccountPace,
    vendor::Account,
};

/// How long inputs wait for room in memory.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of running an attempt.
#[derive(Debug)]
pub(crate) enum Course {
    /// It ended.
    Ended(Verdict),
    /// It waits in the vendor's queue.
    Queued(Box<Queued>),
}

/// An attempt under way, whether it was begun here or by a process that died.
#[derive(Debug)]
pub(crate) struct Underway {
    pub(crate) journey: Arc<Journey>,
    /// Which step of the plan.
    pub(crate) step: usize,
    pub(crate) id: String,
    pub(crate) count: u8,
    pub(crate) upper: MicroUsd,
    pub(crate) started_at: Timestamp,
    pub(crate) held: Held,
    pub(crate) equal: Equal,
    /// The vendor's work that a killed process had found and booked for it.
    pub(crate) booked: Option<String>,
}

/// An attempt's place among equal work at the same account.
#[derive(Debug)]
pub(crate) enum Equal {
    /// Under way.
    Flight(Flight),
    /// Its answer is lost.
    Lost(LostFlight),
    /// Its work has a name at the vendor already.
    Named,
}

impl Opening {
    /// Runs the attempt whose row is written.
    pub(crate) async fn run(self, journey: &Arc<Journey>) -> Course {
        let underway = Underway {
            journey: Arc::clone(journey),
            step: self.step,
            id: self.row.id,
            count: self.row.count,
            upper: self.row.upper,
            started_at: self.row.at,
            held: self.held,
            equal: Equal::Flight(self.equal),
            booked: None,
        };
        underway.submit().await
    }
}

impl Underway {
    async fn submit(mut self) -> Course {
        let room = self.room_for_inputs().await;
        let work = match self.work_with_bytes().await {
            Ok(work) => work,
            Err(failure) => {
                let detail = Some("an input could not be read".to_owned());
                self.close(Outcome::Failed, detail, None, UnitsEnd::Free).await;
                return Course::Ended(Verdict::Over(failure));
            }
        };
        let mut session = self.journey.session();
        let pace = AccountPace::new(self.engine(), self.account()).await;
        let adapter = Arc::clone(&self.step().listing.vendor.adapter);
        let answer = adapter.submit(pace.call(), &work, &mut session).await;
        drop((work, room));
        match answer {
            Ok(Submitted::Finished(finished)) => {
                Course::Ended(self.settle(finished, session).await)
            }
            Ok(Submitted::Running(ticket)) => self.queued(ticket).await,
            Err(error) => Course::Ended(self.fail(error).await),
        }
    }

    /// The vendor has it in its queue.
    async fn queued(mut self, ticket: Ticket) -> Course {
        // Its work has a name there now: equal work can no longer be mistaken for it.
        self.equal = Equal::Named;
        let written = Change::Ticket { attempt: self.id.clone(), ticket: ticket.reference.clone() };
        self.engine().must_apply(vec![written]).await;
        Course::Queued(Box::new(Queued { underway: self, ticket }))
    }

    /// What an error means. Only what is certainly not charged may be tried again.
    pub(crate) async fn fail(mut self, error: Error) -> Verdict {
        let engine = self.engine().clone();
        let now = engine.clock().now();
        tracing::warn!(
            generation = %self.journey.id, attempt = %self.id, provider = %self.provider(),
            account = %self.account().name, ?error, "attempt failed",
        );
        self.vendor_failed(&error);
        if engine.health().notice(&self.account().id, &error, now) {
            tracing::error!(account = %self.account().id, kind = ?error.kind(), "account on hold");
        }
        if let Retry::Unknown { ended } = error.retry() {
            let lost = Lost { at: now, ended };
            let written = Change::Lost { attempt: self.id.clone(), lost };
            engine.must_apply(vec![written]).await;
            return self.recover(lost, Some(error)).await;
        }
        let mut verdict = verdict(&error);
        if let (ErrorKind::RateLimited, Retry::Safe { after }) = (error.kind(), error.retry()) {
            match self.is_used_up().await {
                true => verdict = Verdict::Next(used_up()),
                false => engine.slow_down(self.account(), after).await,
            }
        }
        let detail = format!("{} {}", error.public(), error.private());
        let (charge, units) = self.charged(error.charge());
        self.close(outcome(&error), Some(detail), charge, units).await;
        if units == UnitsEnd::Doubt {
            engine.look_soon(&self.step().listing.vendor, self.account());
        }
        verdict
    }

    /// What an error's charge means: money, and units of an allowance.
    fn charged(&self, charge: Option<&Charge>) -> (Option<Charge>, UnitsEnd) {
        let Some(charge) = charge else { return (None, UnitsEnd::Free) };
        let amount = charge.amount + self.held.price();
        let units = if charge.certain { UnitsEnd::Used } else { UnitsEnd::Doubt };
        ((!amount.is_zero()).then_some(Charge { amount, ..*charge }), units)
    }

    /// «Too many» may mean that the allowance is gone: the vendor's own counters tell.
    async fn is_used_up(&self) -> bool {
        let (engine, account) = (self.engine(), self.account());
        if !account.limits.is_prepaid(self.journey.kind) {
            return false;
        }
        engine.look_at(&self.step().listing.vendor, account).await;
        let units = u32::from(self.count);
        let look = engine.lots().look(&account.id, &account.limits, self.journey.kind, units);
        look.await.is_err()
    }

    /// Ends an attempt that made nothing; whatever was charged for it is booked with its end.
    pub(crate) async fn close(
        &mut self,
        outcome: Outcome,
        detail: Option<String>,
        charge: Option<Charge>,
        units: UnitsEnd,
    ) {
        let at = self.engine().clock().now();
        let booking = charge.map(|charge| Booking {
            attempt: self.id.clone(),
            reference: None,
            amount: charge.amount,
            uncertain: !charge.certain,
            purse: self.held.purse(),
            remote: Vec::new(),
            at,
        });
        // Whether another attempt follows is decided later; with the generation the reserve is gone.
        let end = EndAttempt { attempt: self.id.clone(), outcome, detail, keep_reserved: true, at };
        let booked = booking.clone().map(|booking| Change::Book(Box::new(booking)));
        let mut changes: Vec<Change> =
            booked.into_iter().chain([Change::EndAttempt(end)]).collect();
        let engine = self.engine().clone();
        changes.extend(self.held.end_units(&engine, units).await);
        self.engine().must_apply(changes).await;
        if let Some(booking) = &booking {
            self.show_booking(booking);
        }
        if outcome == Outcome::Blocked {
            self.held.judged(true);
        }
        self.show_end(outcome, at);
    }

    /// Shows the end and counts it.
    pub(crate) fn show_end(&self, outcome: Outcome, at: Timestamp) {
        self.show(|attempt| {
            attempt.state = records::AttemptState::Ended;
            attempt.outcome = Some(outcome);
            attempt.ended_at = Some(at);
        });
        let took = at.since(self.started_at);
        let model = &self.step().listing.model().name;
        let (provider, account) = (self.provider(), &self.account().name);
        self.journey.engine.observer().attempt(provider, account, model, outcome, took);
    }

    /// Changes how the attempt shows in its generation.
    pub(crate) fn show(&self, change: impl FnOnce(&mut Attempt)) {
        self.journey.flight.update(|state| {
            if let Some(attempt) = state.attempts.iter_mut().find(|a| a.id == self.id) {
                change(attempt);
            }
        });
    }

    /// Memory for the inputs and the body that carries them. Nothing was sent yet, so it is waited for;
    /// where others never let go, the work goes on without: its hold and its slot are taken already.
    async fn room_for_inputs(&self) -> Option<assets::Held> {
        let inputs = &self.journey.request.inputs;
        let bytes: u64 = inputs.iter().map(|input| input.bytes).sum();
        if bytes == 0 {
            return None;
        }
        // The bytes, and a third more for their base64.
        let room = bytes.saturating_mul(7) / 3;
        let held = self.journey.engine.memory().acquire(room, PATIENCE).await;
        held.inspect_err(|error| tracing::warn!(%error, bytes, "inputs go on without room")).ok()
    }

    async fn work_with_bytes(&self) -> Result<Work, Failure> {
        let Journey { engine, request, kind, .. } = &*self.journey;
        let listing = &self.step().listing;
        let mut inputs = Vec::with_capacity(request.inputs.len());
        for input in &request.inputs {
            let bytes = engine.input_bytes(&input.asset).await.map_err(|error| {
                tracing::error!(%error, asset = %input.asset, "an input could not be read");
                failure(Code::InternalError, "an input could not be read")
            })?;
            let url = engine.input_link(input, &listing.vendor);
            let media_type = input.media_type.clone();
            inputs.push(Input { role: input.role, media_type, bytes, url });
        }
        Ok(work(request, *kind, listing, self.count, inputs))
    }

    pub(crate) fn step(&self) -> &Step {
        &self.journey.steps[self.step]
    }

    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.step().account
    }

    pub(crate) fn provider(&self) -> &str {
        &self.step().listing.vendor.name
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.journey.engine
    }
}
