//! What every surface that makes something does: keep the inputs, start the generation.

use std::{fmt::Display, sync::Arc};

use actix_web::{HttpMessage as _, HttpRequest};
use engine::{Caller, Done, Generation, Started};

use super::{
    State, dto_request::Draft, error::Result, freshness, idempotency, inputs, standing::Standing,
};

/// Starts what a draft asks for. `surface` is what decides the answer beside the request.
///
/// # Errors
/// Every reason why it never becomes a generation.
pub(super) async fn start(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    draft: Draft<'_>,
    surface: impl Display,
) -> Result<Started> {
    let asked = complete(state, caller, draft).await?;
    let key = idempotency::key(request.headers(), &asked, &surface)?;
    let asked = freshness::heeded(request.headers(), asked);
    let started = state.engine.start(caller, asked, key).await;
    stand(request, state, caller).await;
    Ok(started?)
}

/// Starts a complete request and waits for its end, as long as a request may wait.
///
/// # Errors
/// Every reason why it never becomes a generation.
pub(super) async fn make(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    asked: engine::Request,
    surface: impl Display,
) -> Result<(Started, Done)> {
    let key = idempotency::key(request.headers(), &asked, &surface)?;
    let asked = freshness::heeded(request.headers(), asked);
    let until = state.engine.clock().now().plus(state.limits.request_timeout);
    let made = state.engine.make(caller, asked, key, until).await;
    stand(request, state, caller).await;
    Ok(made?)
}

/// A generation that was started a moment ago.
///
/// # Errors
/// The records cannot be read.
pub(super) async fn as_it_stands(
    state: &State,
    caller: &Caller,
    started: &Started,
) -> Result<Arc<Generation>> {
    match &started.answer {
        Some(generation) => Ok(Arc::clone(generation)),
        None => Ok(state.engine.generation(&caller.team.id, &started.id).await?),
    }
}

/// Notes for the answer's headers how the caller's budgets and limits stand, where there are any.
async fn stand(request: &HttpRequest, state: &State, caller: &Caller) {
    let engine = &state.engine;
    let mut standing = Standing::default();
    if let Some(pace) = engine.pace_of(caller).await {
        standing.pace(pace, engine.clock().now());
    }
    match engine.budgets_of(caller).await {
        Ok(budgets) => standing.budgets(&budgets),
        Err(error) => tracing::warn!(%error, "how the budgets stand cannot be read"),
    }
    if !standing.is_empty() {
        request.extensions_mut().insert(standing);
    }
}

/// The request with its inputs kept and its webhook's address checked.
///
/// # Errors
/// What is wrong with one of them; a model that is not there is told before any address is asked
/// for.
pub(super) async fn complete(
    state: &State,
    caller: &Caller,
    draft: Draft<'_>,
) -> Result<engine::Request> {
    let Draft { mut request, inputs } = draft;
    let engine = &state.engine;
    if !inputs.is_empty() || request.webhook.is_some() {
        let resolved = engine.market().resolve(request.model.as_deref(), request.kind)?;
        caller.may_ask_for(&resolved.name)?;
    }
    if let Some(webhook) = &request.webhook {
        engine.check_webhook(webhook).await?;
    }
    if !inputs.is_empty() {
        let limit = state.limits.input_size();
        request.inputs = inputs::keep(engine, &caller.team.id, inputs, limit).await?;
    }
    Ok(request)
}
