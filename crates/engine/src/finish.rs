//! The end of a generation: what its calls made or why they did not, in one commit, and who hears of it.

use std::sync::Arc;

use provider::{Adjustments, MicroUsd};
use records::{
    Change, EndGeneration, Failure, Generation, OutputRecord, Saving, SavingReason, Status,
};
use serde_json::{Value, json};

use crate::{
    Code, Request,
    journey::{Journey, SlotEnd, failure},
    webhooks,
};

/// The caller's wait is over; what is under way is paid for and goes on.
pub(crate) async fn expire(journey: Arc<Journey>) {
    if !journey.expire() {
        return;
    }
    journey.flight.close();
    let failure = failure(Code::DeadlineExceeded, "the deadline passed before it was done");
    end(&journey, Status::Failed, None, Some(failure), Vec::new()).await;
}

/// Writes the end of a generation whose caller may still wait.
pub(crate) async fn finish(journey: &Journey, ends: Vec<SlotEnd>) {
    let mut outputs = Vec::new();
    let mut rest = Vec::new();
    let mut made_by = None;
    let mut adjustments = without_effect(&journey.request);
    let mut bad = None;
    let mut saved = MicroUsd::ZERO;
    // Claims in `rest` are safe once they are written: until then equal work that is lost must wait.
    let mut places = Vec::new();
    for slot in ends {
        match slot {
            SlotEnd::Made(made) => {
                places.push(made.equal);
                outputs.extend(made.outputs);
                rest.extend(made.rest);
                adjustments.extend(made.adjustments);
                saved += made.saved;
                made_by = made_by.or(Some(made.by));
            }
            SlotEnd::Not(status, failure) => bad = Some((status, failure)),
        }
    }
    rest.extend(journey.saving(saved, made_by.as_ref()));
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
    let mut recorded = ending.clone();
    if !journey.request.store {
        // The bytes go into the one answer and nowhere else: nothing can be asked for later.
        recorded.outputs.iter_mut().for_each(keep_nothing);
    }
    changes.push(Change::EndGeneration(Box::new(recorded)));
    let Journey { engine, request, id, team, .. } = journey;
    let told = webhooks::change_for(engine, request, id, team, status, at);
    let is_told = told.is_some();
    changes.extend(told);
    engine.must_apply(changes).await;
    if is_told {
        engine.delivery_written();
    }
    // Whoever is told may ask again at once.
    drop(journey.leave());
    // Counted before anybody hears of it: who was told looks at the metrics next.
    journey.flight.update(|state| {
        show_end(state, ending);
        journey.engine.observer().generation(state);
    });
    engine.tell_budgets(&journey.spender).await;
}

impl Journey {
    /// What prepaid units saved, for the books' reports.
    fn saving(&self, amount: MicroUsd, by: Option<&(String, String, String)>) -> Option<Change> {
        let (provider, model, _) = by.filter(|_| !amount.is_zero())?;
        let reason = SavingReason::Allowance;
        self.engine.observer().saved(reason, amount);
        Some(Change::Save(Box::new(Saving {
            generation: self.id.clone(),
            team: self.team.clone(),
            key: self.key.clone(),
            model: format!("{provider}/{model}"),
            reason,
            amount,
            at: self.engine.clock().now(),
        })))
    }
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
pub(crate) async fn keep_late(journey: &Journey, ends: Vec<SlotEnd>) {
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
    changes.push(late(journey, outputs.clone()));
    journey.engine.must_apply(changes).await;
    drop(places);
    journey.flight.update(|state| state.outputs.append(&mut outputs));
}

/// Outputs that come when the generation has its end.
pub(crate) fn late(journey: &Journey, mut outputs: Vec<OutputRecord>) -> Change {
    if !journey.request.store {
        outputs.iter_mut().for_each(keep_nothing);
    }
    Change::LateOutputs { generation: journey.id.clone(), outputs }
}

/// What the records may say of an output that nobody may keep.
fn keep_nothing(output: &mut OutputRecord) {
    output.asset = None;
    output.expires_at = None;
    output.text = None;
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
