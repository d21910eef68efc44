//! The beginning of a generation: from a request to a row, and from a row to a running task.

use std::sync::Arc;

use provider::{MicroUsd, Timestamp};
use records::{Generation, Idempotency, NewGeneration, Reserve, Scope, Status};
use tokio::sync::oneshot;

use crate::{
    Caller, Done, Engine, Refusal, Request, Result,
    accept::{accept, conflict},
    budgets::Spender,
    drive::{Entry, drive},
    flight::Flight,
    journey::Journey,
    plan::Planned,
};

/// A caller's idempotency key, with a hash of the request as it was parsed.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    /// As the caller gave it.
    pub key: String,
    /// Of the parsed fields and the inputs' contents, not of raw bytes.
    pub body: [u8; 32],
}

/// An accepted request.
#[derive(Debug, Clone)]
pub struct Started {
    /// `gen_...`
    pub id: String,
    /// Whether it is the generation of an earlier request with the same idempotency key.
    pub replayed: bool,
}

impl Engine {
    /// Accepts a request: from here on it is a generation, and it ends whether or not anybody waits.
    ///
    /// # Errors
    /// Every reason why it is none, in the contract's codes; nothing was written then.
    pub async fn start(
        &self,
        caller: &Caller,
        request: Request,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Started> {
        match self.prepare(caller, request, idempotency).await? {
            Prepared::Replay(started) => Ok(started),
            Prepared::New(journey, row) => {
                let (tell, told) = oneshot::channel();
                self.spawn(begin(journey, *row, tell, Tell::Accepted));
                told.await.map_err(|_| stopping())?
            }
        }
    }

    /// Accepts a request and waits until it is final, or until `until`: for callers who want nothing in
    /// between, and so are woken once.
    ///
    /// # Errors
    /// As for [`Engine::start`].
    pub async fn make(
        &self,
        caller: &Caller,
        request: Request,
        idempotency: Option<IdempotencyKey>,
        until: Timestamp,
    ) -> Result<(Started, Done)> {
        let started = match self.prepare(caller, request, idempotency).await? {
            Prepared::Replay(started) => started,
            Prepared::New(journey, row) => {
                let flight = Arc::clone(&journey.flight);
                let id = row.id.clone();
                let (tell, told) = oneshot::channel();
                self.spawn(begin(journey, *row, tell, Tell::Refused));
                let joined = tokio::select! {
                    biased;
                    () = flight.ended() => None,
                    // Without a word it waits in a vendor's queue.
                    told = told => told.ok().transpose()?,
                    () = self.clock().sleep_until(until) => None,
                };
                let Some(joined) = joined else {
                    tokio::select! {
                        biased;
                        () = flight.ended() => {}
                        () = self.clock().sleep_until(until) => {}
                    }
                    let done = Done { generation: flight.now(), inline: flight.inline() };
                    return Ok((Started { id, replayed: false }, done));
                };
                joined
            }
        };
        let done = self.wait(&caller.team.id, &started.id, Some(until)).await?;
        Ok((started, done))
    }

    /// Everything that is decided before anything is written.
    async fn prepare(
        &self,
        caller: &Caller,
        request: Request,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Prepared> {
        caller.needs(Scope::Generate)?;
        if let Some(started) = self.replay(caller, idempotency.as_ref()).await? {
            return Ok(Prepared::Replay(started));
        }
        let resolved = self.resolve(caller, &request)?;
        let spender = Spender::from(caller);
        let admission = self.enter(&spender, resolved.kind, &resolved.name).await?;
        let planned = match self.plan(caller, request, resolved).await {
            Ok(planned) => planned,
            Err(refusal) => {
                admission.refused();
                return Err(refusal);
            }
        };
        let id = self.ids().next("gen_");
        let now = self.clock().now();
        let body = idempotency.as_ref().map(|given| given.body);
        let row = new_row(caller, &planned, &id, now, idempotency)?;
        let flight = Flight::new(first_state(&row));
        let payer = (spender, admission);
        let journey = Arc::new(Journey::new(self.clone(), flight, planned, payer, body));
        Ok(Prepared::New(journey, Box::new(row)))
    }

    /// The generation that an idempotency key stands for already.
    async fn replay(
        &self,
        caller: &Caller,
        idempotency: Option<&IdempotencyKey>,
    ) -> Result<Option<Started>> {
        let Some(asked) = idempotency else { return Ok(None) };
        let Some(used) = self.records().idempotent(&caller.team.id, &asked.key).await? else {
            return Ok(None);
        };
        if used.body != asked.body {
            return Err(conflict());
        }
        Ok(Some(Started { id: used.generation, replayed: true }))
    }
}

/// A request that is ready to be accepted.
enum Prepared {
    /// Its idempotency key stands for a generation already.
    Replay(Started),
    /// It becomes one.
    New(Arc<Journey>, Box<NewGeneration>),
}

/// What the caller wants to be told by message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tell {
    /// That it was accepted.
    Accepted,
    /// Only that it was not: it watches the flight for the rest.
    Refused,
}

fn stopping() -> Refusal {
    Refusal::internal(&"the engine is stopping")
}

/// Writes the generation, tells the caller, and runs it to its end. A task of the engine's own, so that
/// a caller that hangs up ends nothing.
async fn begin(
    mut journey: Arc<Journey>,
    row: NewGeneration,
    tell: oneshot::Sender<Result<Started>>,
    what: Tell,
) {
    let id = row.id.clone();
    let opening = match accept(&mut journey, row).await {
        Ok(opening) => opening,
        Err(answer) => {
            // Refused, or answered by an earlier request's generation: it counts nowhere.
            if let Some(places) = journey.leave() {
                places.refused();
            }
            // Nobody listens where the caller has gone.
            let _ = tell.send(answer);
            return;
        }
    };
    if let Some(opening) = &opening {
        opening.written(&journey);
    }
    let entries = opening.map(Entry::Open).into_iter().collect();
    let run = Box::pin(drive(journey, entries));
    match what {
        Tell::Accepted => {
            let _ = tell.send(Ok(Started { id, replayed: false }));
            run.await;
        }
        Tell::Refused => {
            run.await;
            // Kept until now: dropped, it would wake the caller for nothing.
            drop(tell);
        }
    }
}

fn new_row(
    caller: &Caller,
    planned: &Planned,
    id: &str,
    at: Timestamp,
    idempotency: Option<IdempotencyKey>,
) -> Result<NewGeneration> {
    let best = planned.steps.first().map_or(MicroUsd::ZERO, |step| step.call.expected);
    let calls = i64::try_from(planned.slots.len()).unwrap_or(i64::MAX);
    Ok(NewGeneration {
        id: id.to_owned(),
        team: caller.team.id.clone(),
        key: caller.key.id.clone(),
        kind: planned.resolved.kind,
        model: planned.resolved.name.clone(),
        request: match planned.request.store {
            true => serde_json::to_string(&planned.request),
            // Nobody may keep the words, so no other process can go on with them.
            false => serde_json::to_string(&planned.request.without_words()),
        }
        .map_err(|e| Refusal::internal(&e))?,
        metadata: planned.request.metadata.clone(),
        estimated: best.times(calls),
        at,
        idempotency: idempotency.map(|given| Idempotency {
            key: given.key,
            body: given.body,
            generation: id.to_owned(),
        }),
        running: false,
        worker: String::new(),
        reserve: Reserve::default(),
        checks: Vec::new(),
    })
}

/// The row as a generation in memory.
fn first_state(row: &NewGeneration) -> Generation {
    Generation {
        id: row.id.clone(),
        team: row.team.clone(),
        key: row.key.clone(),
        kind: row.kind,
        status: Status::Queued,
        model: row.model.clone(),
        request: row.request.clone(),
        created_at: row.at,
        completed_at: None,
        outputs: Vec::new(),
        provider: None,
        provider_model: None,
        account: None,
        cost: records::Cost { estimated: row.estimated, ..Default::default() },
        adjustments: provider::Adjustments::default(),
        attempts: Vec::new(),
        error: None,
        metadata: row.metadata.clone(),
    }
}
