//! The beginning of a generation: from a request to a row, and from a row to a running task.

use std::sync::Arc;

use coordination::{CacheKey, Follow};
use provider::{MicroUsd, Timestamp};
use records::{CacheResult, Generation, Idempotency, NewGeneration, Reserve, Scope, Status};
use tokio::sync::oneshot;

use crate::{
    Caller, Code, Done, Engine, Refusal, Request, Result,
    accept::{accept, accept_waiting, conflict},
    budgets::Spender,
    cache::{Answered, Asked, Sharing, Ticket, wait},
    drive::{Entry, drive},
    flight::Flight,
    journey::Journey,
    market::Resolved,
    plan::Planned,
    way::Way,
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
    /// The generation, where it is final already: nobody need ask for it.
    pub answer: Option<Arc<Generation>>,
    /// Under which key the cache has it, or will; none where the cache has nothing to do with it.
    pub cache_key: Option<CacheKey>,
}

impl Started {
    /// A generation that goes on.
    fn new(id: String) -> Self {
        Self { id, replayed: false, answer: None, cache_key: None }
    }

    /// The generation of an earlier request.
    pub(crate) fn replay(id: String) -> Self {
        Self { id, replayed: true, answer: None, cache_key: None }
    }

    /// A generation that was answered as it was accepted.
    fn answer(generation: Arc<Generation>) -> Self {
        Self { answer: Some(Arc::clone(&generation)), ..Self::new(generation.id.clone()) }
    }

    /// The same with the cache's key of its request.
    fn keyed(self, ticket: Option<&Ticket>) -> Self {
        Self { cache_key: ticket.map(|ticket| ticket.key), ..self }
    }
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
        self.start_as(self.new_generation(), caller, request, idempotency).await
    }

    /// The same under an id that is given.
    pub(crate) async fn start_as(
        &self,
        id: String,
        caller: &Caller,
        request: Request,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Started> {
        match self.prepare(id, caller, request, idempotency).await? {
            Prepared::Replay(started) => Ok(started),
            Prepared::New(journey, row, follow) => {
                let (tell, told) = oneshot::channel();
                self.spawn(begin(journey, *row, follow, tell, Tell::Accepted));
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
        let id = self.new_generation();
        let started = match self.prepare(id, caller, request, idempotency).await? {
            Prepared::Replay(started) => started,
            Prepared::New(journey, row, follow) => {
                let flight = Arc::clone(&journey.flight);
                let id = row.id.clone();
                let (tell, told) = oneshot::channel();
                let ticket = journey.share.ticket().cloned();
                self.spawn(begin(journey, *row, follow, tell, Tell::Refused));
                let joined = tokio::select! {
                    biased;
                    () = flight.ended() => None,
                    // Without a word it waits in a vendor's queue.
                    told = told => told.ok().transpose()?,
                    () = self.clock().sleep_until(until) => None,
                    () = self.halted() => None,
                };
                let Some(joined) = joined else {
                    self.end_of(&flight, Some(until)).await;
                    let done = Done { generation: flight.now(), inline: flight.inline() };
                    return Ok((Started::new(id).keyed(ticket.as_ref()), done));
                };
                joined
            }
        };
        let done = match &started.answer {
            Some(generation) => Done::of(Arc::clone(generation)),
            None => self.wait(&caller.team.id, &started.id, Some(until)).await?,
        };
        Ok((started, done))
    }

    /// Everything that is decided before anything is written. A request that is answered from what is there
    /// is answered here.
    async fn prepare(
        &self,
        id: String,
        caller: &Caller,
        request: Request,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Prepared> {
        caller.needs(Scope::Generate)?;
        if let Some(started) = self.replay(caller, idempotency.as_ref()).await? {
            return Ok(Prepared::Replay(started));
        }
        if self.is_stopping() {
            return Err(stopping());
        }
        let resolved = self.resolve(caller, &request)?.drawn_for(&id);
        let request = self.settled(caller, request, &resolved);
        let spender = Spender::from(caller);
        let admission = self.enter(&spender, resolved.kind, &resolved.name).await?;
        let asked = Asked {
            caller,
            request: &request,
            resolved: &resolved,
            idempotency: idempotency.as_ref(),
        };
        let ticket = self.ticket(&caller.team.id, &request, &resolved);
        let way = match self.choose_way(asked, ticket.as_ref(), &id).await {
            Ok(way) => way,
            Err(refusal) => {
                admission.refused();
                return Err(refusal);
            }
        };
        let now = self.clock().now();
        let body = idempotency.as_ref().map(|given| given.body);
        let mut row = first_row(caller, &request, &resolved, &id, now, idempotency.as_ref())?;
        let (planned, lead, follow) = match way {
            Way::Answered(Answered::Made(generation)) => {
                let started = Started::answer(generation).keyed(ticket.as_ref());
                return Ok(Prepared::Replay(started));
            }
            Way::Answered(Answered::Replay(started)) => {
                admission.refused();
                return Ok(Prepared::Replay(started));
            }
            Way::Wait(follow) => {
                (row.cache, row.source) =
                    (CacheResult::Coalesced, Some(follow.leader().to_owned()));
                (Planned::later(request, resolved), None, Some(follow))
            }
            Way::Make(planned, lead) => {
                row.cache = Ticket::result(ticket.as_ref());
                row.estimated = estimated(&planned);
                (*planned, lead, None)
            }
        };
        let flight = Flight::new(first_state(&row));
        let payer = (spender, admission);
        let journey = Journey::new(self.clone(), flight, planned, payer, body);
        let journey = Arc::new(journey.sharing(Sharing::new(ticket, lead)));
        Ok(Prepared::New(journey, Box::new(row), follow))
    }

    fn new_generation(&self) -> String {
        self.ids().next("gen_")
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
        Ok(Some(Started::replay(used.generation)))
    }
}

/// A request that is ready to be accepted.
enum Prepared {
    /// It is a generation already: an earlier one, or one that was answered.
    Replay(Started),
    /// It becomes one, which may have to wait for another.
    New(Arc<Journey>, Box<NewGeneration>, Option<Follow>),
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
    Refusal::new(Code::ProvidersUnavailable, "the gateway is stopping; ask again")
}

/// Writes the generation, tells the caller, and runs it to its end. A task of the engine's own, so that
/// a caller that hangs up ends nothing.
async fn begin(
    mut journey: Arc<Journey>,
    row: NewGeneration,
    follow: Option<Follow>,
    tell: oneshot::Sender<Result<Started>>,
    what: Tell,
) {
    let id = row.id.clone();
    let accepted = match &follow {
        None => accept(&mut journey, row).await,
        Some(_) => accept_waiting(&journey, row).await.map(|()| None),
    };
    let opening = match accepted {
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
    journey.share.begin();
    let started = Started::new(id).keyed(journey.share.ticket());
    let run = async move {
        match follow {
            Some(follow) => Box::pin(wait(journey, follow)).await,
            None => {
                let entries = opening.map(Entry::Open).into_iter().collect();
                Box::pin(drive(journey, entries)).await;
            }
        }
    };
    match what {
        Tell::Accepted => {
            let _ = tell.send(Ok(started));
            run.await;
        }
        Tell::Refused => {
            run.await;
            // Kept until now: dropped, it would wake the caller for nothing.
            drop(tell);
        }
    }
}

/// What a generation will probably cost.
fn estimated(planned: &Planned) -> MicroUsd {
    let best = planned.steps.first().map_or(MicroUsd::ZERO, |step| step.call.expected);
    best.times(i64::try_from(planned.slots.len()).unwrap_or(i64::MAX))
}

/// A generation's row as far as its request tells it: one that costs nothing.
pub(crate) fn first_row(
    caller: &Caller,
    request: &Request,
    resolved: &Resolved,
    id: &str,
    at: Timestamp,
    idempotency: Option<&IdempotencyKey>,
) -> records::Result<NewGeneration> {
    Ok(NewGeneration {
        id: id.to_owned(),
        team: caller.team.id.clone(),
        key: caller.key.id.clone(),
        kind: resolved.kind,
        model: resolved.name.clone(),
        request: match request.store {
            true => serde_json::to_string(request),
            // Nobody may keep the words, so no other process can go on with them.
            false => serde_json::to_string(&request.without_words()),
        }?,
        metadata: request.metadata.clone(),
        estimated: MicroUsd::ZERO,
        at,
        idempotency: idempotency.map(|given| Idempotency {
            key: given.key.clone(),
            body: given.body,
            generation: id.to_owned(),
        }),
        running: false,
        worker: String::new(),
        reserve: Reserve::default(),
        checks: Vec::new(),
        cache: CacheResult::Off,
        source: None,
    })
}

/// The row as a generation in memory.
pub(crate) fn first_state(row: &NewGeneration) -> Generation {
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
        cache: row.cache,
        source: row.source.clone(),
    }
}
