//! One call's way through the plan: which step is next, whether it may begin, when to give up.
//!
//! A provider that failed the call comes after all that have not: going on elsewhere costs no time and
//! hurts nobody. Only then is the same one tried again, after a rest and within its budget of retries
//! ([`crate::retries`]).

use std::{sync::Arc, time::Duration};

use coordination::{Flight, Lease};
use futures_util::future::select_all;
use provider::Timestamp;
use records::{Change, Failure, Status};
use routing::Policy;

use crate::{
    Code,
    attempt::Rest,
    journey::{Journey, SlotEnd, failure},
    opening::Opening,
    plan::Step,
    turns::LONGEST_PAUSE,
};

/// The longest first rest between two tries at one provider; it doubles.
const FIRST_REST: Duration = Duration::from_millis(250);
/// How often a vendor may say «slow down» before the call goes elsewhere or ends.
const MOST_PAUSES: u32 = 10;

/// The tries of one call.
#[derive(Debug)]
pub(crate) struct Tries {
    journey: Arc<Journey>,
    /// Attempts begun, pauses not counted.
    used: u32,
    pauses: u32,
    /// Steps that are out of the question for this call.
    left: Vec<bool>,
    /// Steps that were waited for while another one was free; once is enough.
    waited: Vec<bool>,
    /// The step to go on with.
    next: usize,
    /// The providers that have failed this call.
    failed: Vec<Failed>,
    last: Option<(Status, Failure)>,
}

/// A provider that has failed a call.
#[derive(Debug)]
struct Failed {
    provider: String,
    times: u32,
    /// Not to be tried before.
    rests_until: Timestamp,
}

impl Tries {
    pub(crate) fn new(journey: &Arc<Journey>) -> Self {
        let left = vec![false; journey.steps.len()];
        let waited = left.clone();
        let journey = Arc::clone(journey);
        let failed = Vec::new();
        Self { journey, used: 0, pauses: 0, left, waited, next: 0, failed, last: None }
    }

    /// So many attempts were begun by a process that died.
    pub(crate) fn count(&mut self, used: u32) {
        self.used += used;
    }

    /// An attempt began with the generation itself.
    pub(crate) fn opened(&mut self, step: usize) {
        self.used += 1;
        self.next = step;
        if self.failed(step).is_none() {
            let engine = &self.journey.engine;
            engine.retries().first(self.provider(step), engine.clock().now());
        }
    }

    /// The step is out of the question for this call.
    pub(crate) fn leave(&mut self, step: usize, status: Status, failure: Failure) {
        self.left[step] = true;
        self.last = Some((status, failure));
    }

    /// The step may be tried again, after a rest; one of another provider goes first where there is one.
    pub(crate) fn again(&mut self, step: usize, failure: Failure, rest: Rest) {
        self.last = Some((Status::Failed, failure));
        match rest {
            // The account itself waits: its next lease comes when the pause is over.
            Rest::Paused if self.pauses < MOST_PAUSES => {
                self.pauses += 1;
                self.used = self.used.saturating_sub(1);
            }
            Rest::Paused => self.left[step] = true,
            Rest::Not => self.next = step,
            Rest::Backoff(told) => {
                self.next = (step + 1) % self.left.len();
                self.note_failed(step, told);
            }
        }
    }

    /// The provider rests for this call, longer each time.
    fn note_failed(&mut self, step: usize, told: Option<Duration>) {
        let provider = self.provider(step).to_owned();
        let engine = self.journey.engine.clone();
        let now = engine.clock().now();
        let known = self.failed.iter_mut().find(|failed| failed.provider == provider);
        let times = known.as_ref().map_or(0, |failed| failed.times);
        let span = engine.full_jitter(FIRST_REST * 2_u32.saturating_pow(times.min(8)));
        let told = told.unwrap_or_default().min(LONGEST_PAUSE);
        let rests_until = now.plus(span.max(told));
        match known {
            Some(failed) => {
                failed.times += 1;
                failed.rests_until = rests_until;
            }
            None => self.failed.push(Failed { provider, times: 1, rests_until }),
        }
    }

    /// Whether and how the step's provider has failed this call.
    fn failed(&self, step: usize) -> Option<&Failed> {
        let provider = self.provider(step);
        self.failed.iter().find(|failed| failed.provider == provider)
    }

    fn provider(&self, step: usize) -> &str {
        &self.step(step).listing.vendor.name
    }

    fn step(&self, step: usize) -> &Step {
        &self.journey.steps[step]
    }

    /// Begins the next attempt, its row written.
    pub(crate) async fn open(&mut self, slot: usize) -> Result<Opening, SlotEnd> {
        loop {
            self.may_go_on()?;
            if self.used >= self.journey.engine.settings().attempts {
                return Err(self.give_up());
            }
            let Some(Choice { step, until }) = self.choose().await else {
                if self.probe_waited_for().await {
                    continue;
                }
                return Err(self.give_up());
            };
            if let Some(rests_until) = self.failed(step).map(|failed| failed.rests_until) {
                if !self.may_retry(step) {
                    continue;
                }
                tokio::select! {
                    () = self.journey.engine.clock().sleep_until(rests_until) => {}
                    () = ended(&self.journey) => continue,
                }
            }
            let opening = match self.begin(step, slot, until).await {
                Begun::Ready(opening) => *opening,
                Begun::Passed(failure) => {
                    self.leave(step, Status::Failed, failure);
                    continue;
                }
                Begun::Held | Begun::CalledOff => continue,
                Begun::Full => {
                    self.waited[step] = true;
                    continue;
                }
            };
            if !self.journey.flight.pass_gate() {
                opening.undo(&self.journey.engine).await;
                continue;
            }
            if let Some(opening) = self.write(opening).await? {
                return Ok(opening);
            }
        }
    }

    /// Writes the attempt; none where a budget does not cover what this step may cost beyond what is
    /// held for the generation.
    async fn write(&mut self, opening: Opening) -> Result<Option<Opening>, SlotEnd> {
        let mut changes = opening.changes();
        changes.push(Change::Run(self.journey.id.clone()));
        if let Err(error) = self.journey.engine.records().apply(changes).await {
            let step = opening.step;
            opening.undo(&self.journey.engine).await;
            if let records::Error::Budget(_) = error {
                let message = "the budget does not cover what another provider may charge";
                self.leave(step, Status::Failed, failure(Code::BudgetExceeded, message));
                return Ok(None);
            }
            tracing::error!(%error, generation = %self.journey.id, "an attempt could not be written");
            let message = "the attempt could not be written";
            return Err(SlotEnd::Not(Status::Failed, failure(Code::InternalError, message)));
        }
        opening.written(&self.journey);
        self.opened(opening.step);
        Ok(Some(opening))
    }

    /// Nothing new begins once the caller called it back or its deadline passed.
    fn may_go_on(&self) -> Result<(), SlotEnd> {
        let flight = &self.journey.flight;
        if flight.is_cancelled() {
            let failure = failure(Code::NotCancellable, "cancelled");
            return Err(SlotEnd::Not(Status::Cancelled, failure));
        }
        if flight.is_closed() {
            let failure = failure(Code::DeadlineExceeded, "the deadline passed");
            return Err(SlotEnd::Not(Status::Failed, failure));
        }
        Ok(())
    }

    /// Takes a retry from the budget of the step's provider; where there is none the provider is out of
    /// the question for this call.
    fn may_retry(&mut self, step: usize) -> bool {
        let engine = self.journey.engine.clone();
        let provider = self.provider(step).to_owned();
        let may = engine.retries().take(&provider, engine.clock().now());
        if !may {
            tracing::info!(generation = %self.journey.id, %provider, "no retry: its budget is used up");
            for index in 0..self.left.len() {
                self.left[index] |= self.provider(index) == provider;
            }
        }
        may
    }

    /// The steps that are not out of the question, in order; an account on hold is passed over.
    fn standing(&self) -> impl Iterator<Item = usize> {
        let steps = self.left.len();
        let now = self.journey.engine.clock().now();
        let order = (0..steps).map(move |offset| (self.next + offset) % steps);
        order.filter(move |&index| {
            let account = &self.step(index).account.id;
            !self.left[index] && self.journey.engine.health().hold(account, now).is_none()
        })
    }

    /// Waits until one that is left alone because it fails may be tried, or the caller's time is over;
    /// false where the caller has set no deadline, or there is none to wait for.
    async fn probe_waited_for(&self) -> bool {
        if self.journey.deadline.is_none() {
            return false;
        }
        let breakers = self.journey.engine.breakers();
        let dark: Vec<_> =
            self.standing().map(|index| breakers.ready(self.step(index).lane())).collect();
        if dark.is_empty() {
            return false;
        }
        tokio::select! {
            _ = select_all(dark) => {}
            () = ended(&self.journey) => {}
        }
        true
    }

    /// The next step, of a provider that has not failed this call where there is one.
    async fn choose(&self) -> Option<Choice> {
        let engine = &self.journey.engine;
        let now = engine.clock().now();
        let lit = |&index: &usize| engine.breakers().look(self.step(index).lane()).is_ok();
        let (fresh, failed): (Vec<usize>, Vec<usize>) =
            self.standing().filter(lit).partition(|&index| self.failed(index).is_none());
        let open = if fresh.is_empty() { failed } else { fresh };
        // With a deadline, work moves on from a full account to one that is free.
        if let (Some(deadline), true) = (self.journey.deadline, open.len() > 1) {
            for &index in &open {
                if engine.is_free(&self.journey.steps[index].account).await {
                    return Some(self.worth_waiting(&open, index, deadline.since(now)));
                }
            }
        }
        let first = *open.first()?;
        let equals = open.into_iter().filter(|&index| self.is_as_good(first, index));
        Some(Choice { step: self.least_busy(first, equals).await, until: None })
    }

    /// Who has time waits for a cheaper account that is full, as long as there is time for others
    /// afterwards.
    fn worth_waiting(&self, open: &[usize], free: usize, left: Duration) -> Choice {
        let journey = &self.journey;
        let go = Choice { step: free, until: None };
        let Some(&best) = open.first() else { return go };
        let (full, other) = (&journey.steps[best].standing, &journey.steps[free].standing);
        let usual = open.iter().map(|&index| journey.steps[index].usual).max();
        let patience = routing::spare(usual.unwrap_or_default(), left);
        if best == free
            || self.waited[best]
            || patience.is_zero()
            || journey.policy() != Policy::Cost
            || !other.is_beaten_by(full)
        {
            return go;
        }
        let until = journey.engine.clock().now().plus(patience);
        Choice { step: best, until: Some(until) }
    }

    /// Whether two steps are accounts at one model where the work costs the same.
    fn is_as_good(&self, first: usize, other: usize) -> bool {
        let (first, other) = (&self.journey.steps[first], &self.journey.steps[other]);
        first.call == other.call && first.listing.is(&other.listing)
    }

    /// Among accounts where the work costs the same, the one with the shortest line.
    async fn least_busy(&self, first: usize, equals: impl Iterator<Item = usize>) -> usize {
        let engine = &self.journey.engine;
        let mut best: Option<(u64, usize)> = None;
        for index in equals {
            let load = engine.pressure(&self.journey.steps[index].account).await;
            if best.is_none_or(|(least, _)| load < least) {
                best = Some((load, index));
            }
            if load == 0 {
                break;
            }
        }
        best.map_or(first, |(_, index)| index)
    }

    async fn begin(&self, step: usize, slot: usize, until: Option<Timestamp>) -> Begun {
        let journey = &self.journey;
        let account = &journey.steps[step].account;
        // Who would be turned away in the end need not wait for a slot first.
        if let Err(failure) = journey.engine.may_enter(account, &journey.team).await {
            return Begun::Passed(failure);
        }
        // Only the waiting ends with the caller's patience: what is taken after it is undone, not dropped.
        let waited = tokio::select! {
            biased;
            waited = self.wait_for_turn(step, until) => waited,
            () = ended(journey) => return Begun::CalledOff,
        };
        let Some((equal, lease)) = waited else {
            // Only a deadline ends a wait for a turn, or that there was another choice.
            return if until.is_some() { Begun::Full } else { Begun::Passed(too_late()) };
        };
        if journey.engine.health().hold(&account.id, journey.engine.clock().now()).is_some() {
            lease.unsent();
            return Begun::Held;
        }
        let row = journey.row(step, slot);
        let mut held = match journey.admit(lease, &journey.steps[step], &row).await {
            Ok(held) => held,
            Err(failure) => return Begun::Passed(failure),
        };
        match journey.engine.enter_lane(journey.steps[step].lane()).await {
            Ok(permit) => held.permit = Some(permit),
            Err(_) => {
                held.undo(&journey.engine).await;
                return Begun::Held;
            }
        }
        Begun::Ready(Box::new(journey.opening(step, row, held, equal)))
    }

    /// A place among equal work and a slot at the step's account; none where it stayed full.
    async fn wait_for_turn(
        &self,
        step: usize,
        until: Option<Timestamp>,
    ) -> Option<(Flight, Lease)> {
        let journey = &self.journey;
        let account = &journey.steps[step].account;
        let equal = journey.enter(&journey.steps[step]).await;
        let (share, until) = (journey.share(), until.or(journey.deadline));
        let lease = journey.engine.turns().lease(&account.id, &account.limits, share, until).await;
        lease.ok().map(|lease| (equal, lease))
    }

    fn give_up(&self) -> SlotEnd {
        let (status, failure) = self.last.clone().unwrap_or_else(|| (Status::Failed, busy()));
        SlotEnd::Not(status, failure)
    }
}

/// What came of beginning an attempt.
enum Begun {
    /// It may be written and sent.
    Ready(Box<Opening>),
    /// Not at this step.
    Passed(Failure),
    /// The account was put on hold, or is left alone because it fails, since it was waited for.
    Held,
    /// It stayed full for as long as there was time to wait for it.
    Full,
    /// The caller's deadline passed, or it was called back.
    CalledOff,
}

/// Which step is next.
#[derive(Debug, Clone, Copy)]
struct Choice {
    step: usize,
    /// How long it is waited for, where another one could begin meanwhile.
    until: Option<Timestamp>,
}

fn too_late() -> Failure {
    failure(Code::DeadlineExceeded, "no provider has a turn to give before the deadline")
}

fn busy() -> Failure {
    failure(Code::ProvidersUnavailable, "every provider that could do this is unavailable for now")
}

/// Ends when the caller's deadline passed or the caller called it back.
async fn ended(journey: &Journey) {
    let flight = &journey.flight;
    let mut watch = flight.watch();
    let _ = watch.wait_for(|_| flight.is_closed() || flight.is_cancelled()).await;
}
