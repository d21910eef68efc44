//! Who asks.

use actix_web::{HttpMessage, HttpRequest, http::header};
use engine::{Caller, Code, Refusal};
use records::Scope;

use super::{State, envelope::OfTeam, error::Result};

/// The team that asks, if its key is good for `scope`.
pub(super) async fn caller(request: &HttpRequest, state: &State, scope: Scope) -> Result<Caller> {
    let caller = any_caller(request, state).await?;
    caller.needs(scope)?;
    Ok(caller)
}

/// The team that asks, whatever its key is good for.
pub(super) async fn any_caller(request: &HttpRequest, state: &State) -> Result<Caller> {
    let caller = state.engine.keys().authenticate(bearer(request)?).await?;
    request.extensions_mut().insert(OfTeam(std::sync::Arc::clone(&caller.team)));
    Ok(caller)
}

/// Refuses everybody but the operator.
///
/// # Errors
/// `forbidden` for a team's key: who holds one may know that it is not the right one here.
pub(super) async fn admin(request: &HttpRequest, state: &State) -> Result<()> {
    let key = bearer(request)?;
    let keys = state.engine.keys();
    if keys.is_admin(&state.admin, key) {
        return Ok(());
    }
    keys.authenticate(key).await?;
    Err(Refusal::new(Code::Forbidden, "this takes the admin key").into())
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
