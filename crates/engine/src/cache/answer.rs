//! An answer that is there: a generation that is completed as it is accepted.
//!
//! # What it costs
//! One commit and no question to the records, nor a task: it is written where it is asked for. That commit
//! survives the death of the process, so that whoever was answered finds the generation; it waits for no
//! disk, whatever the durability, because a power cut can take nothing with it that was paid for
//! (`records::Change::Answer`).

use std::sync::Arc;

use coordination::Entry;
use provider::{Adjustment, Timestamp};
use records::{
    Answer, CacheResult, Change, EndGeneration, Error, Generation, NewGeneration, SavingReason,
    Status,
};
use serde_json::json;

use super::{
    Ticket,
    made::{Copies, Made, Receiver, read},
};
use crate::{
    Caller, Engine, IdempotencyKey, Request, Result, Started,
    accept::same_body,
    market::Resolved,
    start::{first_row, first_state},
    webhooks,
};

/// A request that may be answered from what is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) request: &'a Request,
    pub(crate) resolved: &'a Resolved,
    pub(crate) idempotency: Option<&'a IdempotencyKey>,
}

/// What a request is answered with.
#[derive(Debug)]
pub(crate) enum Answered {
    /// A generation of its own.
    Made(Arc<Generation>),
    /// Its idempotency key stands for another one already.
    Replay(Started),
}

/// Something that is there, and how it was found.
struct Found {
    /// Under which key it lies.
    key: coordination::CacheKey,
    made: Made,
    result: CacheResult,
}

impl Engine {
    /// Answers a request with what was made before, if that is there.
    ///
    /// # Errors
    /// The records cannot be written; `idempotency_conflict`.
    pub(crate) async fn answer(
        &self,
        asked: Asked<'_>,
        ticket: &Ticket,
    ) -> Result<Option<Answered>> {
        // What was deleted since is found out here and forgotten; then the next nearest may do.
        while let Some(found) = self.find(ticket).await {
            match self.give(asked, &found).await {
                Ok(generation) => return Ok(Some(Answered::Made(generation))),
                Err(Error::Stale(_)) => self.cache().remove(&found.key).await,
                Err(Error::Used(used)) => {
                    let body = asked.idempotency.map(|given| given.body);
                    return same_body(&used, body).map(|started| Some(Answered::Replay(started)));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// What was made for the same request, if it is there.
    pub(crate) async fn find_made(&self, ticket: &Ticket) -> Option<Made> {
        let entry = self.cache().get(&ticket.key).await?;
        ticket.fits(&entry, self.clock().now()).then(|| read(&entry.body)).flatten()
    }

    async fn find(&self, ticket: &Ticket) -> Option<Found> {
        if let Some(made) = self.find_made(ticket).await {
            return Some(Found { key: ticket.key, made, result: CacheResult::Hit });
        }
        let (kin, least) = ticket.kin.as_ref().zip(self.settings().cache.similar)?;
        let (key, entry) = self.cache().nearest(kin, least).await?;
        let made = ticket.fits(&entry, self.clock().now()).then(|| read(&entry.body)).flatten()?;
        Some(Found { key, made, result: CacheResult::Similar })
    }

    /// Writes the generation that is answered with it.
    async fn give(
        &self,
        asked: Asked<'_>,
        found: &Found,
    ) -> std::result::Result<Arc<Generation>, Error> {
        let Asked { caller, request, resolved, idempotency } = asked;
        let id = self.ids().next("gen_");
        let at = self.clock().now();
        let new = first_row(caller, request, resolved, &id, at, idempotency)?;
        let new = NewGeneration { cache: found.result, ..new };
        let to = Receiver { generation: &id, team: &new.team, key: &new.key };
        let Copies { outputs, changes: shares } = self.copies(&found.made, to, at);
        let end = found.end(&id, outputs, at);
        let mut generation = first_state(&new);
        crate::finish::show_end(&mut generation, end.clone());
        let saving = Self::saving(&found.made, to, SavingReason::Cache, at);
        let told = webhooks::change_for(self, request, &id, &new.team, Status::Completed, at);
        let (saves, tells) = (saving.is_some(), told.is_some());
        let mut changes = Vec::with_capacity(shares.len() + 3);
        changes.push(Change::Answer(Box::new(Answer { new, end })));
        changes.extend(shares.into_iter().chain(saving).chain(told));
        self.records().apply(changes).await?;
        if tells {
            self.delivery_written();
        }
        if saves {
            self.observer().saved(SavingReason::Cache, found.made.price);
        }
        self.observer().generation(&generation);
        Ok(Arc::new(generation))
    }
}

impl Found {
    fn end(&self, id: &str, outputs: Vec<records::OutputRecord>, at: Timestamp) -> EndGeneration {
        let mut adjustments = self.made.adjustments.clone();
        if self.result == CacheResult::Similar {
            // It is of the same team: the cache compares nobody else's prompts.
            let source = &self.made.generation;
            let reason = format!("the answer to a similar prompt, made for {source}");
            let adjustment = Adjustment { requested: json!("use"), used: json!("similar"), reason };
            adjustments.insert("cache".to_owned(), adjustment);
        }
        EndGeneration {
            id: id.to_owned(),
            status: Status::Completed,
            outputs,
            made_by: self.made.by.clone(),
            adjustments,
            error: None,
            at,
            source: Some(self.made.generation.clone()),
        }
    }
}

impl Ticket {
    /// Whether an answer is young enough.
    fn fits(&self, entry: &Entry, now: Timestamp) -> bool {
        self.max_age.is_none_or(|most| now.since(entry.made_at) <= most)
    }
}
