//! Administration: teams' keys.
#![expect(unused_qualifications, reason = "utoipa's `params(..)` expands to a qualified path")]

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path, Payload},
};
use engine::{
    Key, Refusal, Scope,
    keys::{Actor, KeyPatch, NewKey, Right},
};
use provider::Timestamp;
use records::{KeyFilter, Limits, Rules};
use secrecy::ExposeSecret;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    State, admin, auth,
    dto_admin::{KeyDto, NewKeyDto, OneKeyDto, SpanField},
    dto_rules::{BudgetsDto, LimitsDto},
    dto_standing::StandingDto,
    error::{ErrorBody, Result},
    fields::Metadata,
    patch::{given, kept},
    query::{self, List, PageQuery},
    teams::reads_money,
};

/// How long the old text of a rotated key is good where nobody says: a day to bring the new one to
/// everybody who uses it.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

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
    /// What it may spend of the team's; as much as the team where it is left out.
    budget: Option<BudgetsDto>,
    /// How fast it may ask; as fast as the team where it is left out.
    limits: Option<LimitsDto>,
    /// The networks that it may be used from; all where it is left out.
    #[schema(example = json!(["10.0.0.0/8", "203.0.113.7"]))]
    allowed_ips: Option<Vec<String>>,
    /// The operator's own words.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    metadata: Option<Metadata>,
    /// Until when, if it ends by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// What changes of a key: what is left out stays, `null` clears.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyPatchBody {
    /// For people.
    #[serde(default, deserialize_with = "kept")]
    name: Option<String>,
    /// `generate` and `read`.
    #[serde(default, deserialize_with = "kept")]
    #[schema(value_type = Option<Vec<String>>)]
    scopes: Option<Vec<Scope>>,
    /// Models and aliases it may ask for; all of the team's where it is `null`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    models: Option<Option<Vec<String>>>,
    /// What it may spend: takes the place of every budget it had.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<BudgetsDto>)]
    budget: Option<Option<BudgetsDto>>,
    /// How fast it may ask: takes the place of every limit it had.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<LimitsDto>)]
    limits: Option<Option<LimitsDto>>,
    /// The networks that it may be used from; all where it is `null`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    allowed_ips: Option<Option<Vec<String>>>,
    /// The operator's own words.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    metadata: Option<Option<Metadata>>,
    /// Until when; without end where it is `null`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<Timestamp>>,
}

/// How a key is replaced.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateBody {
    /// How long the old text is good beside the new one; `24h` where it is left out, at most 30 days.
    #[schema(value_type = Option<String>, example = "24h")]
    grace: Option<SpanField>,
}

/// Which keys.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct KeysQuery {
    /// Only those of this team.
    team: Option<String>,
    /// Only those whose first characters are these.
    prefix: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// Makes a key; its text is told this once.
#[utoipa::path(post, path = "/admin/v1/keys", tag = "administration", request_body = KeyBody,
    responses((status = 201, description = "The key", body = NewKeyDto<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn create(request: HttpRequest, state: Data<State>, payload: Payload) -> Result {
    let actor = auth::operator(&request, &state, Right::Keys).await?;
    let body: KeyBody = admin::read(&request, payload).await?;
    let models = body.models.unwrap_or_default();
    admin::known_names(state.engine.market(), &models, body.limits.as_ref())?;
    let rules = Rules {
        budgets: body.budget.map(BudgetsDto::into_budgets).unwrap_or_default(),
        limits: body.limits.map(Limits::from).unwrap_or_default(),
        ..Rules::default()
    };
    let new = NewKey {
        team: body.team_id,
        name: body.name,
        scopes: body.scopes.unwrap_or_else(|| vec![Scope::Generate, Scope::Read]),
        models,
        rules,
        networks: body.allowed_ips.unwrap_or_default(),
        metadata: body.metadata.map(|metadata| metadata.0).unwrap_or_default(),
        expires_at: body.expires_at,
    };
    let (key, text) = state.engine.keys().create_key(&actor, new).await?;
    tracing::info!(key = %key.id, team = %key.team, "a key was made");
    Ok(admin::told_once(StatusCode::CREATED, NewKeyDto::new(&key, text.expose_secret())))
}

/// Lists keys, newest first, without their texts.
#[utoipa::path(get, path = "/admin/v1/keys", tag = "administration", params(KeysQuery),
    responses((status = 200, description = "A page", body = List<KeyDto<'_>>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn list(request: HttpRequest, state: Data<State>) -> Result {
    let actor = auth::reader(&request, &state).await?;
    let asked: KeysQuery = query::read(&request)?;
    let page = PageQuery::new(asked.limit, asked.cursor).page()?;
    let filter = KeyFilter { team: admin::visible_team(&actor, asked.team)?, prefix: asked.prefix };
    let mut rows = state.engine.keys().keys(filter, page.clone()).await?;
    let more = query::cut(&mut rows, &page, |key: &Key| key.id.clone());
    Ok(HttpResponse::Ok().json(query::list(&rows, more, KeyDto::from)))
}

/// One key, without its text, and how its budgets stand where the asker may read money.
#[utoipa::path(get, path = "/admin/v1/keys/{id}", tag = "administration",
    params(("id" = String, Path)),
    responses((status = 200, description = "The key", body = OneKeyDto<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn get(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    let actor = auth::reader(&request, &state).await?;
    let key = state.engine.keys().key(&id).await?.ok_or_else(|| Refusal::not_found("key"))?;
    admin::expect_visible(&actor, &key.team, "key")?;
    let standing = standing(&state, &actor, &key).await?;
    Ok(HttpResponse::Ok().json(OneKeyDto::new(&key, standing)))
}

async fn standing(state: &State, actor: &Actor, key: &Key) -> Result<Option<Vec<StandingDto>>> {
    if !reads_money(actor) {
        return Ok(None);
    }
    let team = state.engine.keys().team(&key.team).await?;
    let team = team.ok_or_else(|| Refusal::not_found("key"))?;
    let states = state.engine.budgets_of_key(key, &team).await?;
    Ok(Some(states.iter().map(StandingDto::from).collect()))
}

/// Changes a key.
#[utoipa::path(patch, path = "/admin/v1/keys/{id}", tag = "administration",
    params(("id" = String, Path)), request_body = KeyPatchBody,
    responses((status = 200, description = "The key as it is now", body = KeyDto<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn update(
    request: HttpRequest,
    state: Data<State>,
    id: Path<String>,
    payload: Payload,
) -> Result {
    let actor = auth::operator(&request, &state, Right::Keys).await?;
    let body: KeyPatchBody = admin::read(&request, payload).await?;
    let admin::Changed { models, budgets, limits } =
        admin::changed(state.engine.market(), body.models, body.budget, body.limits)?;
    let patch = KeyPatch {
        name: body.name,
        scopes: body.scopes,
        models,
        budgets,
        limits,
        networks: body.allowed_ips.map(Option::unwrap_or_default),
        metadata: body.metadata.map(|pairs| pairs.map(|pairs| pairs.0).unwrap_or_default()),
        expires_at: body.expires_at,
    };
    let key = state.engine.keys().update_key(&actor, &id, patch).await?;
    tracing::info!(key = %key.id, "a key was changed");
    Ok(HttpResponse::Ok().json(KeyDto::from(&key)))
}

/// Replaces a key's text; the new one is told this once. The old one is good for the grace.
#[utoipa::path(post, path = "/admin/v1/keys/{id}/rotate", tag = "administration",
    params(("id" = String, Path)), request_body = Option<RotateBody>,
    responses((status = 200, description = "The key with its new text", body = NewKeyDto<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn rotate(
    request: HttpRequest,
    state: Data<State>,
    id: Path<String>,
    payload: Payload,
) -> Result {
    let actor = auth::operator(&request, &state, Right::Keys).await?;
    let body: RotateBody = admin::read_if_any(&request, payload).await?;
    let grace = body.grace.map_or(GRACE, |span| span.0);
    let (key, text) = state.engine.keys().rotate_key(&actor, &id, grace).await?;
    tracing::info!(key = %key.id, "a key was rotated");
    Ok(admin::told_once(StatusCode::OK, NewKeyDto::new(&key, text.expose_secret())))
}

/// Revokes a key, at once.
#[utoipa::path(delete, path = "/admin/v1/keys/{id}", tag = "administration",
    params(("id" = String, Path)),
    responses((status = 204, description = "It is refused from now on"),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn delete(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    let actor = auth::operator(&request, &state, Right::Keys).await?;
    state.engine.keys().revoke_key(&actor, &id).await?;
    tracing::info!(key = %id, "a key was revoked");
    Ok(HttpResponse::NoContent().finish())
}
