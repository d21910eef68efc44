//! The drive of one generation: its calls side by side, each with its own chain of attempts, until
//! all have ended; then the end.

use std::sync::Arc;

use provider::{Adjustments, Kind, Timestamp};
use records::{Change, EndGeneration, Failure, Generation, OutputRecord, Status};
use serde_json::{Value, json};

use crate::{
    Code, Engine, Request,
    attempt::{Opening, Verdict},
    flight::Flight,
    plan::{Planned, Step},
    resume::Left,
    settle::Made,
    tries::Tries,
};

/// Everything that the attempts of one generation share.
#[derive(Debug)]
pub(crate) struct Journey {
    pub(crate) engine: Engine,
    pub(crate) flight: Arc<Flight>,
    pub(crate) request: Request,
    pub(crate) kind: Kind,
    pub(crate) steps: Vec<Step>,
    pub(crate) slots: Vec<u8>,
    pub(crate) id: String,
    pub(crate) team: String,
    pub(crate) key: String,
    /// When the caller stops waiting.
    pub(crate) deadline: Option<Timestamp>,
    /// The hash of an idempotent request's body.
    body: Option<[u8; 32]>,
}

/// Where one call of a generation stands when its drive begins.
#[derive(Debug)]
pub(crate) enum Entry {
    /// Nothing is under way; so many attempts were used before.
    New(u32),
    /// Its attempt's row was written with the generation.
    Open(Opening),
    /// An attempt that a killed process left behind.
    Left(Left),
    /// It had ended well.
    Done(Box<Made>),
}

/// How one call of a generation ended.
#[derive(Debug)]
pub(crate) enum SlotEnd {
    /// With outputs. `rest` is what is still to be written, where it was left to the end.
    Made(Box<Made>),
    /// Without.
    Not(Status, Failure),
}

impl Journey {
    pub(crate) fn new(
        engine: Engine,
        flight: Arc<Flight>,
        planned: Planned,
        body: Option<[u8; 32]>,
    ) -> Self {
        let state = flight.now();
        let deadline = planned.request.routing.deadline;
        Self {
            engine,
            kind: planned.resolved.kind,
            request: planned.request,
            steps: planned.steps,
            slots: planned.slots,
            id: state.id.clone(),
            team: state.team.clone(),
            key: state.key.clone(),
            deadline: deadline.map(|span| state.created_at.plus(span)),
            body,
            flight,
        }
    }

    pub(crate) fn body(&self) -> Option<[u8; 32]> {
        self.body
    }

    /// Whether the whole generation is one call, so that its end can be written with the call's.
    pub(crate) fn is_single(&self) -> bool {
        self.slots.len() == 1
    }
}

/// Runs a generation to its end.
pub(crate) async fn drive(journey: Arc<Journey>, entries: Vec<Entry>) {
    let work = Box::pin(all_slots(Arc::clone(&journey), entries));
    let Some(deadline) = journey.deadline else {
        let ends = work.await;
        return finish(&journey, ends).await;
    };
    let clock = Arc::clone(journey.engine.clock());
    let late = clock.sleep_until(deadline);
    tokio::pin!(late);
    tokio::pin!(work);
    tokio::select! {
        ends = &mut work => return finish(&journey, ends).await,
        () = &mut late => {}
    }
    // The caller's wait is over; what is under way is paid for and goes on.
    journey.flight.close();
    let failure = failure(Code::DeadlineExceeded, "the deadline passed before it was done");
    end(&journey, Status::Failed, None, Some(failure), Vec::new()).await;
    let ends = work.await;
    keep_late(&journey, ends).await;
    journey.engine.landed(&journey.id);
}

/// Runs every call from where it stands; those without an entry begin anew.
async fn all_slots(journey: Arc<Journey>, entries: Vec<Entry>) -> Vec<SlotEnd> {
    let mut entries = entries.into_iter();
    if journey.is_single() {
        let entry = entries.next().unwrap_or(Entry::New(0));
        return vec![run_slot(&journey, 0, entry).await];
    }
    let runs = (0..journey.slots.len()).map(|slot| {
        let entry = entries.next().unwrap_or(Entry::New(0));
        let journey = &journey;
        async move { run_slot(journey, slot, entry).await }
    });
    futures_util::future::join_all(runs).await
}

/// One call: tries step after step until one makes it or none is left.
async fn run_slot(journey: &Journey, slot: usize, entry: Entry) -> SlotEnd {
    let mut tries = Tries::new(journey);
    let mut entry = entry;
    loop {
        let (step, verdict) = match enter(journey, slot, entry, &mut tries).await {
            Ok(tried) => tried,
            Err(end) => return end,
        };
        match verdict {
            Verdict::Made(made) => return SlotEnd::Made(made),
            Verdict::Blocked => {
                let failure =
                    failure(Code::ContentBlocked, "the provider's safety check stopped this");
                if !journey.request.routing.next_on_blocked {
                    return SlotEnd::Not(Status::Blocked, failure);
                }
                tries.leave(step, Status::Blocked, failure);
            }
            Verdict::Next(failure) => tries.leave(step, Status::Failed, failure),
            Verdict::Again(failure, rest) => tries.again(step, failure, rest).await,
            Verdict::Over(failure) => return SlotEnd::Not(Status::Failed, failure),
        }
        entry = Entry::New(0);
    }
}

/// Brings one attempt to its verdict, from wherever it stands.
async fn enter(
    journey: &Journey,
    slot: usize,
    entry: Entry,
    tries: &mut Tries<'_>,
) -> Result<(usize, Verdict), SlotEnd> {
    let opening = match entry {
        Entry::Done(made) => return Err(SlotEnd::Made(made)),
        Entry::Left(left) => {
            let step = left.step;
            tries.count(left.used);
            return Ok((step, Box::pin(left.go_on(journey)).await));
        }
        Entry::Open(opening) => {
            tries.opened(opening.step);
            opening
        }
        Entry::New(used) => {
            tries.count(used);
            tries.open(slot).await?
        }
    };
    Ok((opening.step, Box::pin(opening.run(journey)).await))
}

/// Writes the end of a generation whose caller may still wait.
async fn finish(journey: &Journey, ends: Vec<SlotEnd>) {
    let mut outputs = Vec::new();
    let mut rest = Vec::new();
    let mut made_by = None;
    let mut adjustments = without_effect(&journey.request);
    let mut bad = None;
    // Claims in `rest` are safe once they are written: until then equal work that is lost must wait.
    let mut places = Vec::new();
    for slot in ends {
        match slot {
            SlotEnd::Made(made) => {
                places.push(made.equal);
                outputs.extend(made.outputs);
                rest.extend(made.rest);
                adjustments.extend(made.adjustments);
                made_by = made_by.or(Some(made.by));
            }
            SlotEnd::Not(status, failure) => bad = Some((status, failure)),
        }
    }
    if outputs.is_empty() {
        let fallback = || (Status::Failed, failure(Code::ProviderError, "no output was made"));
        let (status, failure) = bad.unwrap_or_else(fallback);
        let error = (status != Status::Cancelled).then_some(failure);
        end(journey, status, None, error, rest).await;
    } else {
        let result = Some((outputs, made_by, adjustments));
        end(journey, Status::Completed, result, None, rest).await;
    }
    drop(places);
    journey.engine.landed(&journey.id);
}

type Result3 = (Vec<OutputRecord>, Option<(String, String, String)>, Adjustments);

/// Writes the end, with whatever the last call left to be written in the same commit.
async fn end(
    journey: &Journey,
    status: Status,
    result: Option<Result3>,
    error: Option<Failure>,
    rest: Vec<Change>,
) {
    let (outputs, made_by, adjustments) = result.unwrap_or_default();
    let at = journey.engine.clock().now();
    let ending =
        EndGeneration { id: journey.id.clone(), status, outputs, made_by, adjustments, error, at };
    let mut changes = rest;
    changes.push(Change::EndGeneration(Box::new(ending.clone())));
    journey.engine.must_apply(changes).await;
    journey.flight.update(|state| show_end(state, ending));
    journey.engine.observer().generation(&journey.flight.now());
}

fn show_end(state: &mut Generation, ending: EndGeneration) {
    state.status = ending.status;
    state.completed_at = Some(ending.at);
    state.outputs = ending.outputs;
    state.adjustments = ending.adjustments;
    state.error = ending.error;
    if let Some((provider, model, account)) = ending.made_by {
        state.provider = Some(provider);
        state.provider_model = Some(model);
        state.account = Some(account);
    }
}

/// Outputs that came before the deadline, of calls whose generation was not over then, are kept all
/// the same; those that came after it were added as they came.
async fn keep_late(journey: &Journey, ends: Vec<SlotEnd>) {
    let mut outputs = Vec::new();
    let mut changes = Vec::new();
    let mut places = Vec::new();
    for end in ends {
        if let SlotEnd::Made(made) = end {
            places.push(made.equal);
            outputs.extend(made.outputs);
            changes.extend(made.rest);
        }
    }
    if outputs.is_empty() {
        return;
    }
    let late = Change::LateOutputs { generation: journey.id.clone(), outputs: outputs.clone() };
    changes.push(late);
    journey.engine.must_apply(changes).await;
    drop(places);
    journey.flight.update(|state| state.outputs.append(&mut outputs));
}

pub(crate) fn failure(code: Code, message: impl Into<String>) -> Failure {
    Failure { code: code.as_str().to_owned(), message: message.into() }
}

/// Parameters that were understood and that nobody heeds are reported, never dropped in silence.
fn without_effect(request: &Request) -> Adjustments {
    let report = |(name, value): (&String, &Value)| {
        let reason = "the chosen provider has no such setting".to_owned();
        let adjustment =
            provider::Adjustment { requested: value.clone(), used: json!(null), reason };
        (name.clone(), adjustment)
    };
    request.without_effect.iter().map(report).collect()
}
