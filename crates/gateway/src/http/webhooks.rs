//! What receivers are told, the log of it, and the secrets that sign it.
#![expect(unused_qualifications, reason = "utoipa's `params(..)` expands to a qualified path")]

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use engine::{Engine, Generation, Payload, WebhookDelivery, keys::Right};
use secrecy::ExposeSecret;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    State, admin, auth, dto_generation,
    dto_webhook::{DeliveryDto, SecretDto},
    error::{ErrorBody, Result},
    query::{self, List, PageQuery},
};

/// Writes a generation for receivers as the API shows it, without bytes: who wants them follows the
/// links, which are signed anew at each try.
#[derive(Debug, Clone, Copy)]
pub struct WebhookPayload;

impl Payload for WebhookPayload {
    fn document(
        &self,
        engine: &Engine,
        generation: &Generation,
    ) -> std::result::Result<String, String> {
        let dto = dto_generation::plain(engine, generation);
        serde_json::to_string(&dto).map_err(|error| error.to_string())
    }
}

/// Which deliveries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct DeliveriesQuery {
    /// Only those of this team.
    team: Option<String>,
    /// Only those about this generation.
    generation: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// Lists webhook deliveries, newest first: what was told to whom, and how it went.
#[utoipa::path(get, path = "/admin/v1/webhooks", tag = "administration", params(DeliveriesQuery),
    responses((status = 200, description = "A page", body = List<DeliveryDto<'_>>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn list(request: HttpRequest, state: Data<State>) -> Result {
    auth::operator(&request, &state, Right::Read).await?;
    let asked: DeliveriesQuery = query::read(&request)?;
    let page = PageQuery::new(asked.limit, asked.cursor).page()?;
    let (team, generation) = (asked.team.as_deref(), asked.generation.as_deref());
    let mut rows = state.engine.deliveries(team, generation, page.clone()).await?;
    let more = query::cut(&mut rows, &page, |row: &WebhookDelivery| row.id.clone());
    Ok(HttpResponse::Ok().json(query::list(&rows, more, DeliveryDto::from)))
}

/// Tries a delivery once more, now, with the same `webhook-id`, whatever became of it before.
#[utoipa::path(post, path = "/admin/v1/webhooks/{id}/redeliver", tag = "administration",
    params(("id" = String, Path)),
    responses((status = 202, description = "It will be tried", body = DeliveryDto<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn redeliver(
    request: HttpRequest,
    state: Data<State>,
    id: Path<String>,
) -> Result {
    let actor = auth::operator(&request, &state, Right::Write).await?;
    let delivery = state.engine.redeliver(&actor, &id).await?;
    tracing::info!(delivery = %id, "a webhook is delivered again");
    Ok(HttpResponse::Accepted().json(DeliveryDto::from(&delivery)))
}

/// Replaces a team's webhook secret; it is told this once. The one before signs nothing more.
#[utoipa::path(post, path = "/admin/v1/teams/{id}/webhook-secret", tag = "administration",
    params(("id" = String, Path)),
    responses((status = 200, description = "The new secret", body = SecretDto<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn renew_secret(
    request: HttpRequest,
    state: Data<State>,
    id: Path<String>,
) -> Result {
    let actor = auth::operator(&request, &state, Right::Write).await?;
    let secret = state.engine.renew_webhook_secret(&actor, &id).await?;
    tracing::info!(team = %id, "a webhook secret was renewed");
    let dto = SecretDto { webhook_secret: secret.expose_secret() };
    Ok(admin::told_once(StatusCode::OK, dto))
}
