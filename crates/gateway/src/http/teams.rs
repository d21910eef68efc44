//! Administration: teams.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path, Payload},
};
use engine::{
    Refusal, Team,
    keys::{Actor, NewTeam, Right, TeamPatch},
};
use records::{Limits, Rules, TeamRouting};
use secrecy::ExposeSecret;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    State, admin, auth,
    dto_admin::{NewTeamDto, OneTeamDto, TeamDto},
    dto_rules::{BudgetsDto, LimitsDto, TeamRoutingDto},
    dto_standing::StandingDto,
    error::{ErrorBody, Result},
    patch::{given, kept},
    query::{self, List, PageQuery},
};

/// A new team.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TeamBody {
    /// For people.
    name: String,
    /// Models and aliases it may ask for; all where it is left out.
    models: Option<Vec<String>>,
    /// What it may spend; without limit where it is left out.
    budget: Option<BudgetsDto>,
    /// How fast it may ask; without limit where it is left out.
    limits: Option<LimitsDto>,
    /// Its share of scarce slots beside other teams'; 1 where it is left out.
    #[schema(minimum = 1, maximum = 1000)]
    weight: Option<u32>,
    /// How its requests are routed where they do not say it themselves.
    routing: Option<TeamRoutingDto>,
    /// Where its days, weeks and months begin; UTC where it is left out.
    #[schema(example = "Europe/Berlin")]
    time_zone: Option<String>,
}

/// What changes of a team: what is left out stays, `null` clears.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TeamPatchBody {
    /// For people.
    #[serde(default, deserialize_with = "kept")]
    name: Option<String>,
    /// Models and aliases it may ask for; all of them where it is `null`.
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
    /// Its share of scarce slots beside other teams'.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1000)]
    weight: Option<Option<u32>>,
    /// How its requests are routed where they do not say it themselves.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<TeamRoutingDto>)]
    routing: Option<Option<TeamRoutingDto>>,
    /// Where its days, weeks and months begin.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    time_zone: Option<Option<String>>,
}

/// Makes a team; the secret of its webhooks is told this once.
#[utoipa::path(post, path = "/admin/v1/teams", tag = "administration", request_body = TeamBody,
    responses((status = 201, description = "The team", body = NewTeamDto<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn create(request: HttpRequest, state: Data<State>, payload: Payload) -> Result {
    let actor = auth::operator(&request, &state, Right::Write).await?;
    let body: TeamBody = admin::read(&request, payload).await?;
    let models = body.models.unwrap_or_default();
    admin::known_names(state.engine.market(), &models, body.limits.as_ref())?;
    let rules = Rules {
        budgets: body.budget.map(BudgetsDto::into_budgets).unwrap_or_default(),
        limits: body.limits.map(Limits::from).unwrap_or_default(),
        weight: body.weight,
        routing: body.routing.map(TeamRouting::from).unwrap_or_default(),
        time_zone: body.time_zone,
    };
    let new = NewTeam { name: body.name, models, rules };
    let team = state.engine.keys().create_team(&actor, new).await?;
    tracing::info!(team = %team.id, "a team was made");
    let secret = state.engine.renew_webhook_secret(&actor, &team.id).await?;
    let dto = NewTeamDto::new(&team, secret.expose_secret());
    Ok(admin::told_once(StatusCode::CREATED, dto))
}

/// Lists teams, newest first. A team's admin sees that team.
#[utoipa::path(get, path = "/admin/v1/teams", tag = "administration", params(PageQuery),
    responses((status = 200, description = "A page", body = List<TeamDto<'_>>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn list(request: HttpRequest, state: Data<State>) -> Result {
    let actor = auth::reader(&request, &state).await?;
    let page = query::read::<PageQuery>(&request)?.page()?;
    let keys = state.engine.keys();
    let mut rows = match actor.of_team() {
        Some(own) => keys.team(own).await?.into_iter().collect(),
        None => keys.teams(page.clone()).await?,
    };
    let more = query::cut(&mut rows, &page, |team: &Team| team.id.clone());
    Ok(HttpResponse::Ok().json(query::list(&rows, more, TeamDto::from)))
}

/// One team, and how its budgets stand where the asker may read money.
#[utoipa::path(get, path = "/admin/v1/teams/{id}", tag = "administration",
    params(("id" = String, Path)),
    responses((status = 200, description = "The team", body = OneTeamDto<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn get(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    let actor = auth::reader(&request, &state).await?;
    admin::expect_visible(&actor, &id, "team")?;
    let found = state.engine.keys().team(&id).await?;
    let team = found.ok_or_else(|| Refusal::not_found("team"))?;
    let standing = match reads_money(&actor) {
        true => Some(state.engine.budgets_of_team(&team).await?),
        false => None,
    };
    let standing = standing.map(|states| states.iter().map(StandingDto::from).collect());
    Ok(HttpResponse::Ok().json(OneTeamDto::new(&team, standing)))
}

/// A team's admin may know what that team spends, as every key of it may.
pub(super) fn reads_money(actor: &Actor) -> bool {
    actor.of_team().is_some() || actor.needs(Right::ReadMoney).is_ok()
}

/// Changes a team.
#[utoipa::path(patch, path = "/admin/v1/teams/{id}", tag = "administration",
    params(("id" = String, Path)), request_body = TeamPatchBody,
    responses((status = 200, description = "The team as it is now", body = TeamDto<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn update(
    request: HttpRequest,
    state: Data<State>,
    id: Path<String>,
    payload: Payload,
) -> Result {
    let actor = auth::operator(&request, &state, Right::Write).await?;
    let body: TeamPatchBody = admin::read(&request, payload).await?;
    let admin::Changed { models, budgets, limits } =
        admin::changed(state.engine.market(), body.models, body.budget, body.limits)?;
    let patch = TeamPatch {
        name: body.name,
        models,
        budgets,
        limits,
        weight: body.weight,
        routing: body.routing.map(|given| given.map(TeamRouting::from).unwrap_or_default()),
        time_zone: body.time_zone,
    };
    let team = state.engine.keys().update_team(&actor, &id, patch).await?;
    tracing::info!(team = %team.id, "a team was changed");
    Ok(HttpResponse::Ok().json(TeamDto::from(&team)))
}

/// Revokes a team and with it all its keys; its books stay.
#[utoipa::path(delete, path = "/admin/v1/teams/{id}", tag = "administration",
    params(("id" = String, Path)),
    responses((status = 204, description = "It works no longer"),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn delete(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    let actor = auth::operator(&request, &state, Right::Write).await?;
    state.engine.keys().revoke_team(&actor, &id).await?;
    tracing::info!(team = %id, "a team was revoked");
    Ok(HttpResponse::NoContent().finish())
}

/// Erases a revoked team's words: its name, its keys' names, its prompts and outputs. The books keep the
/// money. There is no way back.
#[utoipa::path(post, path = "/admin/v1/teams/{id}/erase", tag = "administration",
    params(("id" = String, Path)),
    responses((status = 204, description = "Its words are gone"),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn erase(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    let actor = auth::operator(&request, &state, Right::Write).await?;
    state.engine.keys().erase_team(&actor, &id).await?;
    tracing::info!(team = %id, "a team was erased");
    Ok(HttpResponse::NoContent().finish())
}
