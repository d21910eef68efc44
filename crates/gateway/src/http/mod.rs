//! The HTTP surface: routes, bodies, errors. All of it is translation; what is decided is decided in
//! the engine.
//!
//! # One table
//! [`ROUTES`] is every path with its methods. The router is made from it, the metrics' and the
//! log's `route` is its pattern, and a test holds the OpenAPI document against it.
//!
//! # What a handler does
//! It asks who calls ([`auth`]), reads the body strictly ([`json`], [`multipart`]), asks the engine,
//! and writes the answer. Whatever goes wrong is a [`Refusal`](engine::Refusal) that the
//! [`Envelope`] writes out. A handler that is dropped because its caller went away ends nothing: the
//! engine's work does not hang on it.
#![expect(
    clippy::future_not_send,
    reason = "actix runs a handler on the thread that its connection lives on"
)]

mod accounts;
mod admin;
mod admin_keys;
mod assets;
mod audit;
mod auth;
mod body;
mod cache;
mod chat;
mod client;
mod counterparts;
mod decision;
mod dto_accounts;
mod dto_admin;
mod dto_books;
mod dto_capabilities;
mod dto_chat;
mod dto_generation;
mod dto_images;
mod dto_models;
mod dto_reconciliation;
mod dto_request;
mod dto_rules;
mod dto_speech;
mod dto_standing;
mod dto_video;
mod dto_webhook;
mod envelope;
mod error;
mod estimates;
mod events;
mod extras;
mod facts;
mod fields;
mod freshness;
mod generations;
mod idempotency;
mod images;
mod inputs;
mod json;
mod ledger;
mod making;
mod messages;
mod models;
mod multipart;
mod openapi;
mod ops;
mod patch;
mod pictures;
mod plan_fees;
mod progress;
mod query;
mod reconciliation;
mod request_id;
mod routing;
mod speech;
mod spend;
mod standing;
mod state;
mod teams;
#[cfg(test)]
mod tests;
mod usage;
mod users;
mod videos;
mod webhooks;

pub use envelope::Envelope;
pub use state::{Limits, State};
pub use webhooks::WebhookPayload;

use actix_web::{
    Route,
    http::Method,
    web::{self, Data, ServiceConfig},
};

use envelope::RoutePattern;

/// One path.
struct Endpoint {
    /// As the router reads it.
    path: &'static str,
    /// As documents, logs and metrics write it.
    pattern: &'static str,
    verbs: &'static [Verb],
}

/// A method and what makes its route.
type Verb = (Method, fn() -> Route);

macro_rules! routes {
    ($($path:literal $(as $pattern:literal)? => { $($verb:ident $handler:path),+ $(,)? })+) => {
        &[$(Endpoint {
            path: $path,
            pattern: routes!(@pattern $path $($pattern)?),
            verbs: &[$((Method::$verb, || web::route().to($handler))),+],
        }),+]
    };
    (@pattern $path:literal $pattern:literal) => { $pattern };
    (@pattern $path:literal) => { $path };
}

/// Every path; the router looks at them in this order, so the busiest is first.
const ROUTES: &[Endpoint] = routes! {
    "/v1/images/generations" => { POST images::generate }
    "/v1/images/edits" => { POST images::edit }
    "/v1/chat/completions" => { POST chat::complete }
    "/v1/audio/speech" => { POST speech::speak }
    "/v1/generations" => { POST generations::create, GET generations::list }
    "/v1/generations/{id}" => { GET generations::get, DELETE generations::delete }
    "/v1/generations/{id}/cancel" => { POST generations::cancel }
    "/v1/generations/{id}/events" => { GET events::events }
    "/v1/generations/{id}/decision" => { GET decision::get }
    "/v1/videos" => { POST videos::create, GET videos::list }
    "/v1/videos/{id}" => { GET videos::get, DELETE videos::delete }
    "/v1/videos/{id}/content" => { GET videos::content }
    "/v1/assets" => { POST assets::upload }
    "/v1/assets/{id}" => { GET assets::get }
    "/v1/estimates" => { POST estimates::estimate }
    "/v1/models" => { GET models::list }
    "/v1/models/{id:.*}" as "/v1/models/{id}" => { GET models::get }
    "/v1/usage" => { GET usage::usage }
    "/admin/v1/teams" => { POST teams::create, GET teams::list }
    "/admin/v1/teams/{id}" => { GET teams::get, PATCH teams::update, DELETE teams::delete }
    "/admin/v1/teams/{id}/erase" => { POST teams::erase }
    "/admin/v1/teams/{id}/webhook-secret" => { POST webhooks::renew_secret }
    "/admin/v1/keys" => { POST admin_keys::create, GET admin_keys::list }
    "/admin/v1/keys/{id}" => {
        GET admin_keys::get, PATCH admin_keys::update, DELETE admin_keys::delete
    }
    "/admin/v1/keys/{id}/rotate" => { POST admin_keys::rotate }
    "/admin/v1/users" => { POST users::create, GET users::list }
    "/admin/v1/users/{id}" => { DELETE users::delete }
    "/admin/v1/users/{id}/rotate" => { POST users::rotate }
    "/admin/v1/audit" => { GET audit::list }
    "/admin/v1/accounts" => { POST accounts::create, GET accounts::list }
    "/admin/v1/accounts/{id}" => {
        GET accounts::get, PATCH accounts::update, DELETE accounts::delete
    }
    "/admin/v1/accounts/{id}/rotate" => { POST accounts::rotate }
    "/admin/v1/models" => { GET models::list_offers }
    "/admin/v1/routing" => { GET routing::get }
    "/admin/v1/cache" => { DELETE cache::purge }
    "/admin/v1/ledger" => { GET ledger::list }
    "/admin/v1/ledger/reconciliation" => { GET reconciliation::compare, POST reconciliation::book }
    "/admin/v1/ledger/verify" => { GET ledger::verify }
    "/admin/v1/usage" => { GET spend::spend }
    "/admin/v1/webhooks" => { GET webhooks::list }
    "/admin/v1/webhooks/{id}/redeliver" => { POST webhooks::redeliver }
    "/healthz" => { GET ops::healthz }
    "/readyz" => { GET ops::readyz }
    "/metrics" => { GET ops::metrics }
    "/openapi.json" => { GET ops::document }
    "/docs" => { GET ops::docs_root }
    "/docs/{file:.*}" as "/docs/{file}" => { GET ops::docs }
    "/ui" => { GET ops::ui }
};

/// Adds every route to an application that is wrapped in an [`Envelope`] with the same state.
pub fn configure(config: &mut ServiceConfig, state: Data<State>) {
    config.app_data(state);
    for endpoint in ROUTES {
        let mut resource = web::resource(endpoint.path).app_data(RoutePattern(endpoint.pattern));
        for (method, route) in endpoint.verbs {
            resource = resource.route(route().method(method.clone()));
            if *method == Method::GET {
                resource = resource.route(route().method(Method::HEAD));
            }
        }
        config.service(resource);
    }
}
