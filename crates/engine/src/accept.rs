//! From a request that is planned to a generation that is written, its budgets held in the same commit.

use std::sync::Arc;

use provider::MicroUsd;
use records::{Change, Idempotency, NewGeneration, Reserve, Short};
use serde_json::json;

use crate::{Code, Refusal, Result, Started, journey::Journey, opening::Opening};

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
        let opening = journey.try_open().await;
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
                    records::Error::Used(used) => same_body(&used, journey),
                    records::Error::Budget(short) => Err(over_budget(&short)),
                    other => Err(other.into()),
                });
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
fn same_body(used: &Idempotency, journey: &Journey) -> Result<Started> {
    match journey.body() {
        Some(body) if body == used.body => {
            Ok(Started { id: used.generation.clone(), replayed: true })
        }
        _ => Err(conflict()),
    }
}

pub(crate) fn conflict() -> Refusal {
    let message = "this Idempotency-Key was used for another request";
    Refusal::new(Code::IdempotencyConflict, message)
}
