//! From a request that is planned to a generation that is written, its budgets held in the same commit.

use std::sync::Arc;

use provider::MicroUsd;
use records::{CacheResult, Change, Failure, Idempotency, NewGeneration, Reserve, Short, TakeOn};
use serde_json::json;

use crate::{
    Code, Refusal, Result, Started,
    journey::{Journey, failure},
    opening::Opening,
};

/// Writes the generation, and its first attempt with it where the account is free: one commit instead of
/// two on the way to the vendor.
///
/// Where a budget does not cover the best step but another one, that one is the best. Each refusal takes
/// the first step away, so that the last word is about the least that the work can be had for.
///
/// # Errors
/// What to answer instead.
pub(crate) async fn accept(
    journey: &mut Arc<Journey>,
    row: NewGeneration,
) -> Result<Option<Opening>, Result<Started>> {
    let engine = journey.engine.clone();
    let id = row.id.clone();
    engine.flights().lock().insert(id.clone(), Arc::clone(&journey.flight));
    loop {
        let opening = match journey.is_shadow() {
            true => journey.open_spare().await,
            false => journey.try_open().await,
        };
        if opening.is_none() && journey.is_shadow() {
            engine.landed(&id);
            let message = "nothing that it takes is free at this moment";
            return Err(Err(Refusal::new(Code::ProvidersUnavailable, message)));
        }
        let reserve = journey.reserve(opening.is_some());
        let row = NewGeneration {
            running: opening.is_some(),
            worker: engine.worker().to_owned(),
            checks: match reserve == Reserve::default() {
                // Its attempt's hold is what is checked.
                true => Vec::new(),
                false => journey.spender.checks(engine.clock().now()),
            },
            reserve,
            ..row.clone()
        };
        let decided = journey.decided(row.at);
        let mut changes = vec![Change::Accept(Box::new(row))];
        changes.extend(decided);
        changes.extend(opening.iter().flat_map(Opening::changes));
        let Err(error) = engine.records().apply(changes).await else { return Ok(opening) };
        if let Some(opening) = opening {
            opening.undo(&engine).await;
        }
        match error {
            records::Error::Budget(short) if journey.keep_affordable(&short) => {}
            error => {
                engine.landed(&id);
                return Err(match error {
                    records::Error::Used(used) => same_body(&used, journey.body()),
                    records::Error::Budget(short) => Err(over_budget(&short)),
                    other => Err(other.into()),
                });
            }
        }
    }
}

/// Writes a generation that waits for another one's outputs: nothing is held for it.
///
/// # Errors
/// What to answer instead.
pub(crate) async fn accept_waiting(
    journey: &Journey,
    row: NewGeneration,
) -> Result<(), Result<Started>> {
    let engine = &journey.engine;
    engine.flights().lock().insert(journey.id.clone(), Arc::clone(&journey.flight));
    let row = NewGeneration { worker: engine.worker().to_owned(), ..row };
    let Err(error) = engine.records().apply(vec![Change::Accept(Box::new(row))]).await else {
        return Ok(());
    };
    engine.landed(&journey.id);
    Err(match error {
        records::Error::Used(used) => same_body(&used, journey.body()),
        other => Err(other.into()),
    })
}

/// Has a generation that waited in vain hold what it may cost, as if it were accepted now.
///
/// # Errors
/// Why it ends instead.
pub(crate) async fn take_on(journey: &mut Arc<Journey>) -> Result<(), Failure> {
    loop {
        let best = journey.steps.first().map_or(MicroUsd::ZERO, |step| step.call.expected);
        let calls = i64::try_from(journey.slots.len()).unwrap_or(i64::MAX);
        let engine = journey.engine.clone();
        let now = engine.clock().now();
        let taken = TakeOn {
            generation: journey.id.clone(),
            team: journey.team.clone(),
            key: journey.key.clone(),
            estimated: best.times(calls),
            reserve: journey.reserve(false),
            checks: journey.spender.checks(now),
        };
        let estimated = taken.estimated;
        let mut changes = vec![Change::TakeOn(Box::new(taken))];
        changes.extend(journey.decided(now));
        match engine.persist(changes).await {
            Ok(()) => {
                journey.flight.update(|state| {
                    (state.cache, state.source) = (CacheResult::Miss, None);
                    state.cost.estimated = estimated;
                });
                return Ok(());
            }
            Err(records::Error::Budget(short)) if journey.keep_affordable(&short) => {}
            Err(records::Error::Budget(short)) => {
                return Err(failure(Code::BudgetExceeded, over_budget(&short).message));
            }
            Err(error) => {
                tracing::error!(generation = %journey.id, %error, "it cannot be paid for");
                return Err(failure(Code::InternalError, "it could not be begun"));
            }
        }
    }
}

impl Journey {
    /// What is held from the start: the best step's worst price for every call, of which each attempt takes
    /// its part, and the outputs, where anybody counts them. An only call that begins in the same commit
    /// holds its own: a row that would be emptied at once is not written.
    fn reserve(&self, opened: bool) -> Reserve {
        let calls = if opened && self.is_single() { 0 } else { self.slots.len() };
        let each = self.steps.first().map_or(MicroUsd::ZERO, |step| step.call.upper);
        let outputs: u64 = self.slots.iter().copied().map(u64::from).sum();
        Reserve {
            amount: each.times(i64::try_from(calls).unwrap_or(i64::MAX)),
            outputs: if self.spender.counts_outputs() { outputs } else { 0 },
        }
    }

    /// Leaves the steps that the rest of a budget covers; false where it covers none, or where it is not
    /// about money.
    fn keep_affordable(self: &mut Arc<Self>, short: &Short) -> bool {
        let (None, Some(left)) = (short.outputs_left, short.left) else { return false };
        let Some(own) = Arc::get_mut(self) else { return false };
        let calls = i64::try_from(own.slots.len()).unwrap_or(i64::MAX);
        // The first one is not covered, whatever has become free meanwhile: so this ends.
        let mut nth = 0;
        own.steps.retain(|step| {
            nth += 1;
            nth > 1 && step.call.upper.times(calls) <= left
        });
        !own.steps.is_empty()
    }
}

/// A hard budget that does not cover the least that the work costs.
fn over_budget(short: &Short) -> Refusal {
    let whose = if short.span.owner.starts_with("team_") { "team" } else { "key" };
    let left = match (short.left, short.outputs_left) {
        (Some(left), _) => format!("{left} USD left"),
        (None, left) => format!("{} outputs left", left.unwrap_or_default()),
    };
    let message = format!("the budget of the {whose} does not cover this: it has {left}");
    let resets_at = (short.span.until.millis() < i64::MAX).then_some(short.span.until);
    Refusal::new(Code::BudgetExceeded, message).with_details(json!({
        "owner": short.span.owner,
        "remaining_usd": short.left,
        "remaining_outputs": short.outputs_left,
        "resets_at": resets_at,
    }))
}

/// Two requests with one key raced; the second joins the first if they ask for the same.
pub(crate) fn same_body(used: &Idempotency, body: Option<[u8; 32]>) -> Result<Started> {
    match body {
        Some(body) if body == used.body => Ok(Started::replay(used.generation.clone())),
        _ => Err(conflict()),
    }
}

pub(crate) fn conflict() -> Refusal {
    let message = "this Idempotency-Key was used for another request";
    Refusal::new(Code::IdempotencyConflict, message)
}
