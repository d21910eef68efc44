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
    end_without(&journey, Status::Failed, Some(failure)).await;
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
    let made = !outputs.is_empty();
    let (status, error) = match bad {
        _ if made => (Status::Completed, None),
        Some((status, failure)) => (status, (status != Status::Cancelled).then_some(failure)),
        None => (Status::Failed, Some(failure(Code::ProviderError, "no output was made"))),
    };
    let ending = match made {
        true => EndGeneration { outputs, made_by, adjustments, ..ending(journey, status) },
        false => EndGeneration { error, ..ending(journey, status) },
    };
    end(journey, ending, rest, saved).await;
    drop(places);
    journey.engine.landed(&journey.id);
    journey.cast_shadow();
}

/// Writes the end of a generation that made nothing.
pub(crate) async fn end_without(journey: &Journey, status: Status, error: Option<Failure>) {
    let ending = EndGeneration { error, ..ending(journey, status) };
    end(journey, ending, Vec::new(), MicroUsd::ZERO).await;
}

/// An end with nothing in it yet.
fn ending(journey: &Journey, status: Status) -> EndGeneration {
    EndGeneration {
        id: journey.id.clone(),
        status,
        outputs: Vec::new(),
        made_by: None,
        adjustments: Adjustments::new(),
        error: None,
        at: journey.engine.clock().now(),
        source: None,
    }
}

/// Writes the end, with whatever the last call left to be written in the same commit. `allowance` is what
/// prepaid units saved.
async fn end(journey: &Journey, ending: EndGeneration, rest: Vec<Change>, allowance: MicroUsd) {
    let mut changes = rest;
    let mut recorded = ending.clone();
    if !journey.request.store {
        // The bytes go into the one answer and nowhere else: nothing can be asked for later.
        recorded.outputs.iter_mut().for_each(keep_nothing);
    }
    let Journey { engine, request, id, team, .. } = journey;
    let tells = webhooks::change_for(engine, request, id, team, ending.status, ending.at);
    changes.push(Change::EndGeneration(Box::new(recorded)));
    let is_told = tells.is_some();
    changes.extend(tells);
    engine.must_apply(changes).await;
    journey.share_end(&ending, allowance).await;
    told(journey, ending, is_told).await;
}

/// The end is written: everybody hears of it. `delivery`: a webhook's is written with it.
pub(crate) async fn told(journey: &Journey, ending: EndGeneration, delivery: bool) {
    let engine = &journey.engine;
    if delivery {
        engine.delivery_written();
    }
    // Whoever is told may ask again at once.
    drop(journey.leave());
    // Counted before anybody hears of it: who was told looks at the metrics next.
    journey.flight.update(|state| {
        show_end(state, ending);
        engine.observer().generation(state);
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

pub(crate) fn show_end(state: &mut Generation, ending: EndGeneration) {
    state.status = ending.status;
    state.completed_at = Some(ending.at);
    state.outputs = ending.outputs;
    state.adjustments = ending.adjustments;
    state.error = ending.error;
    state.source = ending.source;
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
        return journey.share_late();
    }
    changes.push(late(journey, outputs.clone()));
    journey.engine.must_apply(changes).await;
    drop(places);
    journey.flight.update(|state| state.outputs.append(&mut outputs));
    journey.share_late();
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
