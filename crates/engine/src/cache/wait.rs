//! A generation that waits for what another one makes.
//!
//! It is a row like any other, `queued` and with nothing held. When the one that it follows is completed it
//! ends with the same outputs and pays nothing. When that one fails it may be its turn: then it holds what
//! it may cost, within its own budgets, and goes the way of every other.

use std::sync::Arc;

use coordination::{Admission, Entered, Follow, Lead, Outcome};
use records::{EndGeneration, Error, Failure, SavingReason, Status};

use super::{
    Sharing,
    made::{Copies, Made, News, Receiver, read},
};
use crate::{
    Code,
    accept::take_on,
    drive::drive,
    finish::{self, told},
    journey::{Journey, failure},
    webhooks,
};

/// What comes of an answer that was shared.
enum Settled {
    /// The generation is over.
    Over,
    /// It was nothing that this one can take.
    NotForIt,
}

/// Waits until it is over, or pays for itself where nobody else does.
pub(crate) async fn wait(journey: Arc<Journey>, follow: Follow) {
    let mut follow = follow;
    loop {
        let outcome = tokio::select! {
            biased;
            outcome = follow.outcome() => outcome,
            end = called_off(&journey) => return over(&journey, end).await,
        };
        let lead = match outcome {
            Outcome::Shared(news) => match settle(&journey, read(&news)).await {
                Settled::Over => return,
                Settled::NotForIt => None,
            },
            Outcome::Lead(lead) => Some(lead),
            Outcome::Lost => None,
        };
        // A process that stops drops whoever led, and it is not done: after the next start both go on.
        if journey.engine.stopping().is_cancelled() {
            return;
        }
        if lead.is_some() {
            return pay(journey, lead).await;
        }
        follow = match enter(&journey).await {
            Some(Entered::Follow(follow)) => follow,
            Some(Entered::Lead(lead)) => return pay(journey, Some(lead)).await,
            None => return pay(journey, None).await,
        };
    }
}

async fn enter(journey: &Journey) -> Option<Entered> {
    let ticket = journey.share.ticket()?;
    Some(journey.engine.single().enter(&ticket.key, &journey.id).await)
}

/// Goes on waiting after a restart.
pub(crate) async fn wait_again(journey: Arc<Journey>) {
    if recall(&journey).await {
        return;
    }
    match enter(&journey).await {
        Some(Entered::Follow(follow)) => wait(journey, follow).await,
        Some(Entered::Lead(lead)) => pay(journey, Some(lead)).await,
        None => pay(journey, None).await,
    }
}

/// It is this one's to pay for, unless it has been made meanwhile.
async fn pay(waited: Arc<Journey>, lead: Option<Lead>) {
    let engine = waited.engine.clone();
    let ticket = waited.share.ticket().cloned();
    if let Some(ticket) = &ticket
        && let Some(made) = engine.find_made(ticket).await
        && let Settled::Over = take(&waited, &made).await
    {
        // Whoever follows finds it as well.
        return drop(lead);
    }
    // What it waited for may have ended between a look at its row and this one's lead.
    if recall(&waited).await {
        return drop(lead);
    }
    let now = waited.flight.now();
    let planned = match engine.plan_again(waited.request.clone(), &now, None).await {
        Ok(planned) => planned,
        Err(refusal) => {
            let failure = failure(refusal.code, refusal.message);
            return over(&waited, (Status::Failed, Some(failure))).await;
        }
    };
    let places = waited.leave().unwrap_or_else(Admission::none);
    let payer = (waited.spender.clone(), places);
    let flight = Arc::clone(&waited.flight);
    let journey = Journey::new(engine, flight, planned, payer, waited.body())
        .sharing(Sharing::new(ticket, lead));
    let mut journey = Arc::new(journey);
    if let Err(failure) = take_on(&mut journey).await {
        return over(&journey, (Status::Failed, Some(failure))).await;
    }
    journey.share.begin();
    drive(journey, Vec::new()).await;
}

/// Takes what a generation made that had ended before a restart, if it is this one's source; otherwise
/// false.
async fn recall(journey: &Arc<Journey>) -> bool {
    let Some(source) = journey.flight.now().source.clone() else { return false };
    let found = journey.engine.records().generation(&journey.team, &source).await;
    let found = found.ok().flatten().filter(|one| one.status == Status::Completed);
    let Some(found) = found.filter(|one| !one.cache.is_shared()) else { return false };
    let by = found.provider.zip(found.provider_model).zip(found.account);
    let made = Made {
        generation: found.id,
        outputs: found.outputs,
        by: by.map(|((provider, model), account)| (provider, model, account)),
        adjustments: found.adjustments,
        price: found.cost.charged,
    };
    matches!(take(journey, &made).await, Settled::Over)
}

/// Ends when the caller called it back or its deadline passed.
async fn called_off(journey: &Journey) -> (Status, Option<Failure>) {
    let flight = &journey.flight;
    let clock = journey.engine.clock();
    let mut watch = flight.watch();
    let deadline = async {
        match journey.deadline {
            Some(at) => clock.sleep_until(at).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        _ = watch.wait_for(|_| flight.is_cancelled()) => (Status::Cancelled, None),
        () = deadline => {
            flight.close();
            let message = "the deadline passed before it was done";
            (Status::Failed, Some(failure(Code::DeadlineExceeded, message)))
        }
    }
}

async fn settle(journey: &Arc<Journey>, news: Option<News>) -> Settled {
    match news {
        Some(News::Made(made)) => take(journey, &made).await,
        // What stops there may pass elsewhere, where the caller wants that tried.
        Some(News::Blocked(failure)) if !journey.request.routing.next_on_blocked => {
            over(journey, (Status::Blocked, Some(failure))).await;
            Settled::Over
        }
        Some(News::Blocked(_)) | None => Settled::NotForIt,
    }
}

/// Ends with what another generation made.
async fn take(journey: &Arc<Journey>, made: &Made) -> Settled {
    let Journey { engine, flight, request, id, team, key, .. } = &**journey;
    if !flight.pass_gate() {
        over(journey, (Status::Cancelled, None)).await;
        return Settled::Over;
    }
    let at = engine.clock().now();
    let to = Receiver { generation: id, team, key };
    let Copies { outputs, mut changes } = engine.copies(made, to, at);
    let reason = SavingReason::Coalesced;
    let saving = crate::Engine::saving(made, to, reason, at);
    let saves = saving.is_some();
    let end = EndGeneration {
        id: id.clone(),
        status: Status::Completed,
        outputs,
        made_by: made.by.clone(),
        adjustments: made.adjustments.clone(),
        error: None,
        at,
        source: Some(made.generation.clone()),
    };
    // First, because it is what may be refused.
    changes.insert(0, engine_end(&end));
    changes.extend(saving);
    let tells = webhooks::change_for(engine, request, id, team, Status::Completed, at);
    let is_told = tells.is_some();
    changes.extend(tells);
    match engine.persist(changes).await {
        Ok(()) => {}
        Err(Error::Stale(source)) => {
            tracing::info!(generation = %id, %source, "what it waited for is gone");
            return Settled::NotForIt;
        }
        Err(error) => {
            tracing::error!(generation = %id, %error, "what it waited for cannot be taken");
            return Settled::NotForIt;
        }
    }
    if saves {
        engine.observer().saved(reason, made.price);
    }
    told(journey, end, is_told).await;
    engine.landed(id);
    Settled::Over
}

fn engine_end(end: &EndGeneration) -> records::Change {
    records::Change::EndGeneration(Box::new(end.clone()))
}

/// Ends without outputs.
async fn over(journey: &Arc<Journey>, end: (Status, Option<Failure>)) {
    finish::end_without(journey, end.0, end.1).await;
    journey.engine.landed(&journey.id);
}
