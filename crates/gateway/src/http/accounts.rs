//! Vendors' accounts as operators see and change them.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use engine::{AccountLoad, NewAccount, Refusal, keys::Right};
use secrecy::SecretString;
use serde_json::Value;

use super::{
    State, admin, auth,
    dto_accounts::{AccountDto, HoldBody, NewAccountBody, RotateBody, account_id},
    error::{ErrorBody, Result},
    query::{self, List},
};

/// Lists every account: how well it is, how busy, and why it takes no work where it does not. There
/// are few, so it is one page.
#[utoipa::path(get, path = "/admin/v1/accounts", tag = "administration",
    responses((status = 200, description = "All of them", body = List<AccountDto>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn list(request: HttpRequest, state: Data<State>) -> Result {
    auth::operator(&request, &state, Right::Read).await?;
    let loads = state.engine.loads().await;
    let list = query::list(&loads, (false, None), AccountDto::from);
    Ok(HttpResponse::Ok().json(list))
}

/// One account.
#[utoipa::path(get, path = "/admin/v1/accounts/{id}", tag = "administration",
    params(("id" = String, Path)),
    responses((status = 200, description = "The account", body = AccountDto),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn get(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    auth::operator(&request, &state, Right::Read).await?;
    let load = find(&state, &id).await?;
    Ok(HttpResponse::Ok().json(AccountDto::from(&load)))
}

/// Adds an account to a provider of the configuration; it takes work at once, and after a restart. The
/// key is stored sealed and never shown. One of a name that was removed is there again, with this key.
#[utoipa::path(post, path = "/admin/v1/accounts", tag = "administration",
    request_body = NewAccountBody,
    responses((status = 201, description = "The account", body = AccountDto),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn create(request: HttpRequest, state: Data<State>, payload: Payload) -> Result {
    let actor = auth::operator(&request, &state, Right::Write).await?;
    let NewAccountBody { provider, name, key, settings } = admin::read(&request, payload).await?;
    let settings = Value::Object(settings);
    let new = NewAccount { provider, name, key: SecretString::from(key), settings };
    let load = state.engine.add_account(&actor, new).await?;
    Ok(HttpResponse::Created().json(AccountDto::from(&load)))
}

/// Lets an account take no new work, or take it again; what it has begun goes on. Nothing else lifts an
/// operator's hold, a restart neither.
#[utoipa::path(patch, path = "/admin/v1/accounts/{id}", tag = "administration",
    params(("id" = String, Path)), request_body = HoldBody,
    responses((status = 200, description = "The account", body = AccountDto),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn update(
    request: HttpRequest,
    state: Data<State>,
    id: Path<String>,
    payload: Payload,
) -> Result {
    let actor = auth::operator(&request, &state, Right::Write).await?;
    let HoldBody { hold } = admin::read(&request, payload).await?;
    let load = find(&state, &id).await?;
    let load = state.engine.hold_account(&actor, &load.provider, &load.account, hold).await?;
    Ok(HttpResponse::Ok().json(AccountDto::from(&load)))
}

/// Removes an account: it takes no new work, and what it has begun goes on to its end. One of the
/// configuration stays out after a restart too, until it is added again.
#[utoipa::path(delete, path = "/admin/v1/accounts/{id}", tag = "administration",
    params(("id" = String, Path)),
    responses((status = 204, description = "It takes no new work"),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn delete(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    let actor = auth::operator(&request, &state, Right::Write).await?;
    let load = find(&state, &id).await?;
    state.engine.remove_account(&actor, &load.provider, &load.account).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Has the provider replace an account's key, or uses the `key` in the body, made by hand, from now on.
/// Nothing is lost: calls under way end first, and later ones wait. The new key is stored sealed and
/// never shown. Where the provider's answer is lost, nobody knows the new key: the account is on hold
/// until one that was made by hand is given here.
#[utoipa::path(post, path = "/admin/v1/accounts/{id}/rotate", tag = "administration",
    params(("id" = String, Path)), request_body(content = RotateBody, description = "May be left out"),
    responses((status = 200, description = "The account, its key replaced", body = AccountDto),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn rotate(
    request: HttpRequest,
    state: Data<State>,
    id: Path<String>,
    payload: Payload,
) -> Result {
    let actor = auth::operator(&request, &state, Right::Write).await?;
    let RotateBody { key } = admin::read_if_any(&request, payload).await?;
    let load = find(&state, &id).await?;
    let new = key.map(SecretString::from);
    state.engine.rotate(&actor, &load.provider, &load.account, new).await?;
    let load = find(&state, &id).await?;
    Ok(HttpResponse::Ok().json(AccountDto::from(&load)))
}

async fn find(state: &State, id: &str) -> Result<AccountLoad, Refusal> {
    let loads = state.engine.loads().await;
    let found = loads.into_iter().find(|load| account_id(&load.provider, &load.account) == id);
    found.ok_or_else(|| Refusal::not_found("account"))
}
