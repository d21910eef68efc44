//! Vendors' accounts as operators see them.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use engine::Refusal;

use super::{
    State, auth,
    dto_admin::{AccountDto, account_id},
    error::{ErrorBody, Result},
    query::{self, List},
};

/// Lists every account: how well it is, how busy, and why it takes no work where it does not. There
/// are as many as the configuration names, so it is one page.
#[utoipa::path(get, path = "/admin/v1/accounts", tag = "administration",
    responses((status = 200, description = "All of them", body = List<AccountDto>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn list(request: HttpRequest, state: Data<State>) -> Result {
    auth::admin(&request, &state).await?;
    let loads = state.engine.loads().await;
    let list = query::list(&loads, (false, None), AccountDto::from);
    Ok(HttpResponse::Ok().json(list))
}

/// Has the provider replace an account's key. Nothing is lost: calls under way end first, and later ones
/// wait. The new key is stored sealed and never shown. Where the provider's answer is lost, nobody
/// knows the new key: the account is on hold until its owner has made one by hand.
#[utoipa::path(post, path = "/admin/v1/accounts/{id}/rotate", tag = "administration",
    params(("id" = String, Path)),
    responses((status = 200, description = "The account, its key replaced", body = AccountDto),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn rotate(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    auth::admin(&request, &state).await?;
    let find = async || {
        let loads = state.engine.loads().await;
        loads.into_iter().find(|load| account_id(&load.provider, &load.account) == *id)
    };
    let missing = || Refusal::not_found("account");
    let load = find().await.ok_or_else(missing)?;
    state.engine.rotate(&load.provider, &load.account).await?;
    let load = find().await.ok_or_else(missing)?;
    Ok(HttpResponse::Ok().json(AccountDto::from(&load)))
}
