//! Administration: answers that must not be given again.
#![expect(unused_qualifications, reason = "utoipa's `params(..)` expands to a qualified path")]

use actix_web::{HttpRequest, HttpResponse, web::Data};
use coordination::Purge;
use engine::{Refusal, keys::Right};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    State, auth,
    error::{ErrorBody, Result},
    query,
};

/// The shortest beginning of a key that names some and not nearly all.
const SHORTEST: usize = 6;

/// Which answers: those that every given word fits, without any all.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct PurgeQuery {
    /// Made for this team.
    team: Option<String>,
    /// Asked for as this alias, or made by this `provider/model`.
    model: Option<String>,
    /// Asked for with a key that begins so (`atl_...`, as much of it as lists show), or kept under a key
    /// of the cache that does (`x-atelier-cache-key`); at least 6 characters.
    key_prefix: Option<String>,
}

/// What was forgotten.
#[derive(Serialize, ToSchema)]
pub(super) struct PurgedDto {
    /// How many answers.
    forgotten: u64,
}

/// Forgets answers that the cache would give again. What was answered with them stays as it is.
#[utoipa::path(delete, path = "/admin/v1/cache", tag = "administration", params(PurgeQuery),
    responses((status = 200, description = "They are forgotten", body = PurgedDto),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn purge(request: HttpRequest, state: Data<State>) -> Result {
    let actor = auth::operator(&request, &state, Right::Write).await?;
    let PurgeQuery { team, model, key_prefix } = query::read(&request)?;
    if key_prefix.as_ref().is_some_and(|prefix| prefix.len() < SHORTEST) {
        let message = format!("`key_prefix` has at least {SHORTEST} characters");
        return Err(Refusal::field("key_prefix", message).into());
    }
    let what = Purge { team, model, key_prefix };
    let forgotten = state.engine.purge_cache(&actor, &what).await?;
    Ok(HttpResponse::Ok().json(PurgedDto { forgotten }))
}
