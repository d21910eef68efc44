//! The OpenAPI document, made from the handlers themselves.

use std::sync::LazyLock;

use bytes::Bytes;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};

use super::{
    accounts, admin_keys, assets, audit, cache, chat, decision, estimates, events, generations,
    images, ledger, models, ops, reconciliation, routing, speech, spend, teams, usage, users,
    videos, webhooks,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Atelier",
         description = "One API in front of image, video and audio vendors. Money is in decimal US \
                        dollars, time is RFC 3339 outside the OpenAI-shaped bodies."),
    tags((name = "OpenAI-shaped", description = "OpenAI's SDKs work with base URL and key changed"),
         (name = "native", description = "Everything that a generation is"),
         (name = "administration", description = "With the admin key, or an operator's own"),
         (name = "operations", description = "For probes, scrapes and people")),
    security(("bearer" = [])),
    modifiers(&Bearer),
    paths(
        images::generate, images::edit, chat::complete, speech::speak, models::list, models::get,
        videos::create, videos::list, videos::get, videos::content, videos::delete,
        generations::create, generations::list, generations::get, generations::delete,
        generations::cancel, events::events, decision::get, estimates::estimate, assets::upload, assets::get,
        usage::usage,
        teams::create, teams::list, teams::get, teams::update, teams::delete, teams::erase,
        admin_keys::create, admin_keys::list, admin_keys::get, admin_keys::update,
        admin_keys::delete, admin_keys::rotate,
        users::create, users::list, users::delete, users::rotate, audit::list,
        cache::purge, ledger::list, ledger::verify, reconciliation::compare,
        reconciliation::book, spend::spend,
        accounts::list, accounts::create, accounts::get,
        accounts::update, accounts::delete, accounts::rotate, models::list_offers, routing::get, webhooks::list, webhooks::redeliver, webhooks::renew_secret,
        ops::healthz, ops::readyz, ops::metrics, ops::document, ops::docs_root, ops::docs, ops::ui,
    )
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.description = Some(
            "A team's key (`atl_...`), the admin key, or an operator's own (`adm_...`)".to_owned(),
        );
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The document as JSON. It is made when somebody first asks for it: a start has no time for it.
pub(super) fn document() -> Bytes {
    static JSON: LazyLock<Bytes> = LazyLock::new(|| {
        let json = Document::openapi().to_json();
        json.map(Bytes::from).unwrap_or_else(|error| {
            tracing::error!(%error, "the OpenAPI document was not written");
            Bytes::from_static(b"{}")
        })
    });
    JSON.clone()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::http::ROUTES;

    #[test]
    fn every_route_is_in_the_document_and_nothing_else() {
        let document: serde_json::Value = serde_json::from_slice(&super::document()).unwrap();
        let mut told = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                told.insert((path.clone(), method.to_uppercase()));
            }
        }
        let mut routed = BTreeSet::new();
        for endpoint in ROUTES {
            for (method, _) in endpoint.verbs {
                routed.insert((endpoint.pattern.to_owned(), method.to_string()));
            }
        }
        assert_eq!(told, routed);
    }

    #[test]
    fn every_reference_within_the_document_leads_somewhere() {
        let text = String::from_utf8(super::document().to_vec()).unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let mut references = 0;
        for part in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name}");
            references += 1;
        }
        assert!(references > 20, "{references}");
    }
}
