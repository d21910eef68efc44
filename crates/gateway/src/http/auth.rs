//! Who asks.

use actix_web::{HttpMessage, HttpRequest, http::header};
use engine::{
    Caller, Code, Refusal,
    keys::{Actor, Right},
};
use records::Scope;

use super::{State, client, envelope::OfTeam, error::Result};

/// The team that asks, if its key is good for `scope`.
pub(super) async fn caller(request: &HttpRequest, state: &State, scope: Scope) -> Result<Caller> {
    let caller = any_caller(request, state).await?;
    caller.needs(scope)?;
    Ok(caller)
}

/// The team that asks, whatever its key is good for.
pub(super) async fn any_caller(request: &HttpRequest, state: &State) -> Result<Caller> {
    let from = client::address(request, state);
    let caller = state.engine.keys().authenticate(bearer(request)?, from).await?;
    request.extensions_mut().insert(OfTeam(std::sync::Arc::clone(&caller.team)));
    Ok(caller)
}

/// The operator that asks, whatever they may do: who holds the configured key, or a user's.
///
/// # Errors
/// `forbidden` for a team's key: who holds one may know that it is not the right one here.
pub(super) async fn administrator(request: &HttpRequest, state: &State) -> Result<Actor> {
    let from = client::address(request, state);
    let keys = state.engine.keys();
    Ok(keys.administrator(&state.admin, bearer(request)?, from).await?)
}

/// The operator that asks, if they have this right.
///
/// # Errors
/// As [`administrator`]; `forbidden` where their role has not the right.
pub(super) async fn operator(request: &HttpRequest, state: &State, right: Right) -> Result<Actor> {
    let actor = administrator(request, state).await?;
    actor.needs(right)?;
    Ok(actor)
}

/// The operator that asks, if they may look at teams and keys: a team's admin at those of that team, which
/// [`Actor::of_team`] names; everybody else needs the right to read.
pub(super) async fn reader(request: &HttpRequest, state: &State) -> Result<Actor> {
    let actor = administrator(request, state).await?;
    actor.needs(if actor.of_team().is_some() { Right::Keys } else { Right::Read })?;
    Ok(actor)
}

fn bearer(request: &HttpRequest) -> Result<&str> {
    let Some(value) = request.headers().get(header::AUTHORIZATION) else {
        let message = "send your key as `Authorization: Bearer atl_...`";
        return Err(Refusal::new(Code::MissingApiKey, message).into());
    };
    let key = value.to_str().ok().and_then(|text| {
        let (scheme, key) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    let invalid =
        || Refusal::new(Code::InvalidApiKey, "the Authorization header is not a bearer key");
    Ok(key.filter(|key| !key.is_empty()).ok_or_else(invalid)?)
}
