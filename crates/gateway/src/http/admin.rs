//! Administration: teams, their keys, the ledger.
#![expect(unused_qualifications, reason = "utoipa's `params(..)` expands to a qualified path")]

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use engine::{Code, Key, LedgerEntry, Market, Refusal, Scope, Team, keys::NewKey};
use provider::Timestamp;
use secrecy::ExposeSecret;
use serde::{Deserialize, de::IgnoredAny};
use utoipa::{IntoParams, ToSchema};

use super::{
    State, auth, body,
    dto_admin::{KeyDto, LedgerDto, NewKeyDto, NewTeamDto, TeamDto},
    error::{ErrorBody, Result},
    json,
    query::{self, List, PageQuery},
};

/// Bytes of an administration body: names and lists of names.
const BODY: usize = 64 * 1024;

/// A new team.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TeamBody {
    /// For people.
    name: String,
    /// Models and aliases it may ask for; all where it is left out.
    models: Option<Vec<String>>,
    #[schema(ignore)]
    budget: Option<IgnoredAny>,
    #[schema(ignore)]
    limits: Option<IgnoredAny>,
}

/// A new key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyBody {
    /// Whose.
    team_id: String,
    /// For people.
    name: String,
    /// `generate` and `read`; both where it is left out.
    #[schema(value_type = Option<Vec<String>>)]
    scopes: Option<Vec<Scope>>,
    /// Models and aliases it may ask for; all of the team's where it is left out.
    models: Option<Vec<String>>,
    /// Until when, if it ends by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    #[schema(ignore)]
    budget: Option<IgnoredAny>,
    #[schema(ignore)]
    limits: Option<IgnoredAny>,
}

async fn read<T: serde::de::DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
) -> Result<T> {
    json::expect_json(request.headers())?;
    let bytes = body::collect(request.headers(), payload, BODY).await?;
    Ok(json::parse(&bytes)?)
}

/// Budgets and limits are refused rather than ignored: whoever sets one relies on it.
fn refuse_unbuilt(budget: Option<&IgnoredAny>, limits: Option<&IgnoredAny>) -> Result<(), Refusal> {
    for (name, given) in [("budget", budget), ("limits", limits)] {
        if given.is_some() {
            let message = format!("`{name}` is not supported yet");
            return Err(Refusal::new(Code::UnsupportedParameter, message).at(name));
        }
    }
    Ok(())
}

/// Names that nobody answers to would lock a team out without a word.
fn known_models(market: &Market, names: Option<Vec<String>>) -> Result<Vec<String>, Refusal> {
    let names = names.unwrap_or_default();
    for (index, name) in names.iter().enumerate() {
        if market.listing(name).is_none() && !market.aliases().any(|alias| alias.name == *name) {
            let message = format!("there is no model {name:?}");
            return Err(Refusal::field(format!("models[{index}]"), message));
        }
    }
    Ok(names)
}

/// Makes a team; the secret of its webhooks is told this once.
#[utoipa::path(post, path = "/admin/v1/teams", tag = "administration", request_body = TeamBody,
    responses((status = 201, description = "The team", body = NewTeamDto<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn create_team(
    request: HttpRequest,
    state: Data<State>,
    payload: Payload,
) -> Result {
    auth::admin(&request, &state).await?;
    let body: TeamBody = read(&request, payload).await?;
    refuse_unbuilt(body.budget.as_ref(), body.limits.as_ref())?;
    let models = known_models(state.engine.market(), body.models)?;
    let team = state.engine.keys().create_team(&body.name, models).await?;
    tracing::info!(team = %team.id, "a team was made");
    let secret = state.engine.renew_webhook_secret(&team.id).await?;
    let dto = NewTeamDto::new(&team, secret.expose_secret());
    Ok(HttpResponse::Created().insert_header(("cache-control", "no-store")).json(dto))
}

/// Lists teams, newest first.
#[utoipa::path(get, path = "/admin/v1/teams", tag = "administration", params(PageQuery),
    responses((status = 200, description = "A page", body = List<TeamDto<'_>>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn list_teams(request: HttpRequest, state: Data<State>) -> Result {
    auth::admin(&request, &state).await?;
    let page = query::read::<PageQuery>(&request)?.page()?;
    let mut rows = state.engine.keys().teams(page.clone()).await?;
    let more = query::cut(&mut rows, &page, |team: &Team| team.id.clone());
    Ok(HttpResponse::Ok().json(query::list(&rows, more, TeamDto::from)))
}

/// Revokes a team and with it all its keys; its books stay.
#[utoipa::path(delete, path = "/admin/v1/teams/{id}", tag = "administration",
    params(("id" = String, Path)),
    responses((status = 204, description = "It works no longer"),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn delete_team(
    request: HttpRequest,
    state: Data<State>,
    id: Path<String>,
) -> Result {
    auth::admin(&request, &state).await?;
    state.engine.keys().revoke_team(&id).await?;
    tracing::info!(team = %id, "a team was revoked");
    Ok(HttpResponse::NoContent().finish())
}

/// Makes a key; its text is told this once.
#[utoipa::path(post, path = "/admin/v1/keys", tag = "administration", request_body = KeyBody,
    responses((status = 201, description = "The key", body = NewKeyDto<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn create_key(
    request: HttpRequest,
    state: Data<State>,
    payload: Payload,
) -> Result {
    auth::admin(&request, &state).await?;
    let body: KeyBody = read(&request, payload).await?;
    refuse_unbuilt(body.budget.as_ref(), body.limits.as_ref())?;
    let asked = NewKey {
        team: body.team_id,
        name: body.name,
        scopes: body.scopes.unwrap_or_else(|| vec![Scope::Generate, Scope::Read]),
        models: known_models(state.engine.market(), body.models)?,
        expires_at: body.expires_at,
    };
    let (key, text) = state.engine.keys().create_key(asked).await?;
    tracing::info!(key = %key.id, team = %key.team, "a key was made");
    let dto = NewKeyDto::new(&key, text.expose_secret());
    Ok(HttpResponse::Created().insert_header(("cache-control", "no-store")).json(dto))
}

/// Which keys.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct KeysQuery {
    /// Only those of this team.
    team: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// Lists keys, newest first, without their texts.
#[utoipa::path(get, path = "/admin/v1/keys", tag = "administration", params(KeysQuery),
    responses((status = 200, description = "A page", body = List<KeyDto<'_>>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn list_keys(request: HttpRequest, state: Data<State>) -> Result {
    auth::admin(&request, &state).await?;
    let asked: KeysQuery = query::read(&request)?;
    let page = PageQuery::new(asked.limit, asked.cursor).page()?;
    let mut rows = state.engine.keys().keys(asked.team.as_deref(), page.clone()).await?;
    let more = query::cut(&mut rows, &page, |key: &Key| key.id.clone());
    Ok(HttpResponse::Ok().json(query::list(&rows, more, KeyDto::from)))
}

/// Revokes a key, at once.
#[utoipa::path(delete, path = "/admin/v1/keys/{id}", tag = "administration",
    params(("id" = String, Path)),
    responses((status = 204, description = "It is refused from now on"),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn delete_key(
    request: HttpRequest,
    state: Data<State>,
    id: Path<String>,
) -> Result {
    auth::admin(&request, &state).await?;
    state.engine.keys().revoke_key(&id).await?;
    tracing::info!(key = %id, "a key was revoked");
    Ok(HttpResponse::NoContent().finish())
}

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct LedgerQuery {
    /// Only those of this team.
    team: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// Lists the ledger's entries, newest first. The entries of a transaction add up to zero.
#[utoipa::path(get, path = "/admin/v1/ledger", tag = "administration", params(LedgerQuery),
    responses((status = 200, description = "A page", body = List<LedgerDto<'_>>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn ledger(request: HttpRequest, state: Data<State>) -> Result {
    auth::admin(&request, &state).await?;
    let asked: LedgerQuery = query::read(&request)?;
    let page = PageQuery::new(asked.limit, asked.cursor).page()?;
    let mut rows = state.engine.records().ledger(asked.team.as_deref(), page.clone()).await?;
    let more = query::cut(&mut rows, &page, |entry: &LedgerEntry| entry.id.to_string());
    Ok(HttpResponse::Ok().json(query::list(&rows, more, LedgerDto::from)))
}
