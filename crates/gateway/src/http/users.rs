//! Administration: operators with keys of their own.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path, Payload},
};
use engine::keys::{NewUser, Right};
use provider::Timestamp;
use records::{Role, User};
use secrecy::ExposeSecret;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    State, admin, auth,
    dto_admin::{NewUserDto, UserDto, role_schema},
    error::{ErrorBody, Result},
    query::{self, List, PageQuery},
};

/// A new operator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserBody {
    /// For people.
    name: String,
    /// What they may do: `owner` everything, `admin` everything but operators, `billing` read money,
    /// `viewer` read the rest, `team_admin` make keys of one team.
    #[schema(schema_with = role_schema)]
    role: Role,
    /// Whose, of a team's admin.
    team_id: Option<String>,
    /// Until when, if it ends by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// Makes an operator; the text of their key is told this once.
#[utoipa::path(post, path = "/admin/v1/users", tag = "administration", request_body = UserBody,
    responses((status = 201, description = "The operator", body = NewUserDto<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn create(request: HttpRequest, state: Data<State>, payload: Payload) -> Result {
    let actor = auth::operator(&request, &state, Right::Users).await?;
    let body: UserBody = admin::read(&request, payload).await?;
    let new = NewUser {
        name: body.name,
        role: body.role,
        team: body.team_id,
        expires_at: body.expires_at,
    };
    let (user, text) = state.engine.keys().create_user(&actor, new).await?;
    tracing::info!(user = %user.id, role = user.role.as_str(), "an operator was made");
    Ok(admin::told_once(StatusCode::CREATED, NewUserDto::new(&user, text.expose_secret())))
}

/// Lists operators, newest first, without the texts of their keys.
#[utoipa::path(get, path = "/admin/v1/users", tag = "administration", params(PageQuery),
    responses((status = 200, description = "A page", body = List<UserDto<'_>>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn list(request: HttpRequest, state: Data<State>) -> Result {
    auth::operator(&request, &state, Right::Users).await?;
    let page = query::read::<PageQuery>(&request)?.page()?;
    let mut rows = state.engine.keys().users(page.clone()).await?;
    let more = query::cut(&mut rows, &page, |user: &User| user.id.clone());
    Ok(HttpResponse::Ok().json(query::list(&rows, more, UserDto::from)))
}

/// Replaces an operator's key; the new one is told this once, the old one is refused at once.
#[utoipa::path(post, path = "/admin/v1/users/{id}/rotate", tag = "administration",
    params(("id" = String, Path)),
    responses((status = 200, description = "The operator with the new key", body = NewUserDto<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn rotate(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    let actor = auth::operator(&request, &state, Right::Users).await?;
    let (user, text) = state.engine.keys().rotate_user(&actor, &id).await?;
    tracing::info!(user = %user.id, "an operator's key was rotated");
    Ok(admin::told_once(StatusCode::OK, NewUserDto::new(&user, text.expose_secret())))
}

/// Revokes an operator, at once.
#[utoipa::path(delete, path = "/admin/v1/users/{id}", tag = "administration",
    params(("id" = String, Path)),
    responses((status = 204, description = "Their key is refused from now on"),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn delete(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    let actor = auth::operator(&request, &state, Right::Users).await?;
    state.engine.keys().revoke_user(&actor, &id).await?;
    tracing::info!(user = %id, "an operator was revoked");
    Ok(HttpResponse::NoContent().finish())
}
