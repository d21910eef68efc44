//! What operators and their machines look at.

use std::sync::{Arc, LazyLock};

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION},
    },
    web::{Data, Path},
};
use engine::{Code, Refusal};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_swagger_ui::Config;

use super::{
    State,
    error::{ApiError, ErrorBody, Result},
    openapi,
};

/// Pages of ours load nothing from elsewhere; this makes browsers hold them to it.
const OWN_THINGS_ONLY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
                               img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";

/// How the gateway is.
#[derive(Serialize, ToSchema)]
pub(super) struct HealthAnswer {
    /// `ok` or `ready`
    status: &'static str,
}

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", tag = "operations", security(()),
    responses((status = 200, description = "It lives", body = HealthAnswer)))]
pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(HealthAnswer { status: "ok" })
}

/// Whether work can be taken: the records answer.
#[utoipa::path(get, path = "/readyz", tag = "operations", security(()),
    responses((status = 200, description = "It takes work", body = HealthAnswer),
              (status = 503, description = "Not now", body = ErrorBody<'_>)))]
pub(super) async fn readyz(state: Data<State>) -> Result {
    if state.engine.is_stopping() {
        let refusal = Refusal::new(Code::ProvidersUnavailable, "the gateway is stopping");
        return Err(ApiError::with_status(refusal, StatusCode::SERVICE_UNAVAILABLE));
    }
    if let Err(error) = state.engine.records().find_setting("ready").await {
        tracing::error!(%error, "the records do not answer");
        let refusal = Refusal::new(Code::InternalError, "the records do not answer");
        return Err(ApiError::with_status(refusal, StatusCode::SERVICE_UNAVAILABLE));
    }
    Ok(HttpResponse::Ok().json(HealthAnswer { status: "ready" }))
}

/// Metrics in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "operations", security(()),
    responses((status = 200, description = "Metrics", content_type = "text/plain", body = String)))]
pub(super) async fn metrics(state: Data<State>) -> HttpResponse {
    let loads = state.engine.loads().await;
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body(state.metrics.render(&loads))
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "operations", security(()),
    responses((status = 200, description = "OpenAPI", content_type = "application/json",
               body = Object)))]
pub(super) async fn document() -> HttpResponse {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/json")).body(openapi::document())
}

/// To the page below.
#[utoipa::path(get, path = "/docs", tag = "operations", security(()),
    responses((status = 308, description = "To `/docs/`")))]
pub(super) async fn docs_root() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "/docs/")).finish()
}

/// A page to read this document and to try it.
#[utoipa::path(get, path = "/docs/{file}", tag = "operations", security(()),
    params(("file" = String, Path)),
    responses((status = 200, description = "A page", content_type = "text/html", body = String)))]
pub(super) async fn docs(file: Path<String>) -> Result {
    /// No validator: it would ask a machine of somebody else's about our document.
    static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
        let config = Config::from("/openapi.json").validator_url("none");
        Arc::new(config.try_it_out_enabled(true).display_request_duration(true))
    });
    let found = utoipa_swagger_ui::serve(&file, Arc::clone(&CONFIG));
    let found = found.map_err(|error| Refusal::internal(&error))?;
    let file = found.ok_or_else(|| Refusal::not_found("page"))?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, file.content_type.as_str()))
        .insert_header((CONTENT_SECURITY_POLICY, OWN_THINGS_ONLY))
        .insert_header((CACHE_CONTROL, "max-age=3600"))
        .body(file.bytes.into_owned()))
}

/// A plain page with links; the console comes later.
#[utoipa::path(get, path = "/ui", tag = "operations", security(()),
    responses((status = 200, description = "A page", content_type = "text/html", body = String)))]
pub(super) async fn ui() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_SECURITY_POLICY, OWN_THINGS_ONLY))
        .body(include_str!("ui.html"))
}
