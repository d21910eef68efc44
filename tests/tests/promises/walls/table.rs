//! Every route and what must hold there.

use serde_json::{Value, json};

use crate::image;

/// What is another team's and has an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thing {
    Generation,
    Video,
    Asset,
    Team,
    Key,
    User,
    Webhook,
    Account,
}

/// What must hold at a route.
#[derive(Debug, Clone)]
pub(super) enum Wall {
    /// A team's own thing by its id: another team's is a 404 as what never was.
    Own(Thing),
    /// A body that names another team's asset (`ID`) is refused as one that names what never was.
    Names(Value),
    /// Makes something: not joined with another team's, whatever idempotency key both use.
    Makes(Value),
    /// Answers the same as if there were no other team.
    Alone(&'static str),
    /// Operators': a team's key learns nothing but that. A team's own admin sees that team only;
    /// the body names another team's thing (`ID`) where the path does not.
    Operators(Thing, Value),
    /// Open to anybody who reaches it, and about nobody's work.
    Open,
    /// Open to whoever scrapes: the contract lets operators keep others away from it.
    Scraped,
}

/// A route and one thing that must hold there.
pub(super) type Entry = (&'static str, &'static str, Wall);

/// The whole surface, in the order of the contract. A route may have several walls.
pub(super) fn table() -> Vec<Entry> {
    [teams(), administration(), operations()].concat()
}

fn teams() -> Vec<Entry> {
    let input = json!([{ "role": "source", "asset": "ID" }]);
    let with_input = json!({ "kind": "image", "prompt": "x", "inputs": input });
    vec![
        ("POST", "/v1/generations", Wall::Names(with_input.clone())),
        ("POST", "/v1/generations", Wall::Makes(image("a lighthouse"))),
        ("GET", "/v1/generations", Wall::Alone("")),
        ("GET", "/v1/generations/{id}", Wall::Own(Thing::Generation)),
        ("GET", "/v1/generations/{id}", Wall::Own(Thing::Video)),
        ("DELETE", "/v1/generations/{id}", Wall::Own(Thing::Generation)),
        ("POST", "/v1/generations/{id}/cancel", Wall::Own(Thing::Generation)),
        ("GET", "/v1/generations/{id}/events", Wall::Own(Thing::Generation)),
        ("GET", "/v1/generations/{id}/decision", Wall::Own(Thing::Generation)),
        ("POST", "/v1/images/generations", Wall::Makes(json!({ "prompt": "a lighthouse" }))),
        (
            "POST",
            "/v1/images/edits",
            Wall::Names(json!({ "prompt": "x", "images": [{ "asset": "ID" }] })),
        ),
        (
            "POST",
            "/v1/videos",
            Wall::Names(json!({ "prompt": "x", "input_reference": { "asset": "ID" } })),
        ),
        ("POST", "/v1/videos", Wall::Makes(json!({ "prompt": "waves", "seconds": "5" }))),
        ("GET", "/v1/videos", Wall::Alone("")),
        ("GET", "/v1/videos/{id}", Wall::Own(Thing::Video)),
        ("GET", "/v1/videos/{id}", Wall::Own(Thing::Generation)),
        ("GET", "/v1/videos/{id}/content", Wall::Own(Thing::Video)),
        ("DELETE", "/v1/videos/{id}", Wall::Own(Thing::Video)),
        ("POST", "/v1/assets", Wall::Alone("")),
        ("GET", "/v1/assets/{id}", Wall::Own(Thing::Asset)),
        ("POST", "/v1/estimates", Wall::Names(with_input)),
        ("POST", "/v1/estimates", Wall::Alone("")),
        (
            "POST",
            "/v1/chat/completions",
            Wall::Makes(json!({ "messages": [{ "role": "user", "content": "a joke" }] })),
        ),
        (
            "POST",
            "/v1/audio/speech",
            Wall::Makes(json!({ "input": "a lighthouse", "voice": "alloy" })),
        ),
        ("GET", "/v1/models", Wall::Alone("")),
        ("GET", "/v1/models/{id}", Wall::Alone("photo")),
        ("GET", "/v1/usage", Wall::Alone("")),
    ]
}

fn administration() -> Vec<Entry> {
    let operators = |thing| Wall::Operators(thing, json!({}));
    vec![
        ("POST", "/admin/v1/teams", operators(Thing::Team)),
        ("GET", "/admin/v1/teams", operators(Thing::Team)),
        ("GET", "/admin/v1/teams/{id}", operators(Thing::Team)),
        ("PATCH", "/admin/v1/teams/{id}", operators(Thing::Team)),
        ("DELETE", "/admin/v1/teams/{id}", operators(Thing::Team)),
        ("POST", "/admin/v1/teams/{id}/erase", operators(Thing::Team)),
        ("POST", "/admin/v1/teams/{id}/webhook-secret", operators(Thing::Team)),
        (
            "POST",
            "/admin/v1/keys",
            Wall::Operators(Thing::Team, json!({ "team_id": "ID", "name": "x" })),
        ),
        ("GET", "/admin/v1/keys", operators(Thing::Key)),
        ("GET", "/admin/v1/keys/{id}", operators(Thing::Key)),
        ("PATCH", "/admin/v1/keys/{id}", operators(Thing::Key)),
        ("DELETE", "/admin/v1/keys/{id}", operators(Thing::Key)),
        ("POST", "/admin/v1/keys/{id}/rotate", operators(Thing::Key)),
        (
            "POST",
            "/admin/v1/users",
            Wall::Operators(
                Thing::Team,
                json!({ "team_id": "ID", "name": "x", "role": "team_admin" }),
            ),
        ),
        ("GET", "/admin/v1/users", operators(Thing::User)),
        ("DELETE", "/admin/v1/users/{id}", operators(Thing::User)),
        ("POST", "/admin/v1/users/{id}/rotate", operators(Thing::User)),
        ("GET", "/admin/v1/audit", operators(Thing::Team)),
        ("POST", "/admin/v1/accounts", operators(Thing::Account)),
        ("GET", "/admin/v1/accounts", operators(Thing::Account)),
        ("GET", "/admin/v1/accounts/{id}", operators(Thing::Account)),
        ("PATCH", "/admin/v1/accounts/{id}", operators(Thing::Account)),
        ("DELETE", "/admin/v1/accounts/{id}", operators(Thing::Account)),
        ("POST", "/admin/v1/accounts/{id}/rotate", operators(Thing::Account)),
        ("GET", "/admin/v1/models", operators(Thing::Account)),
        ("GET", "/admin/v1/routing", operators(Thing::Account)),
        ("DELETE", "/admin/v1/cache", operators(Thing::Team)),
        ("GET", "/admin/v1/ledger", operators(Thing::Team)),
        ("GET", "/admin/v1/ledger/verify", operators(Thing::Team)),
        ("GET", "/admin/v1/ledger/reconciliation", operators(Thing::Account)),
        ("POST", "/admin/v1/ledger/reconciliation", operators(Thing::Account)),
        ("GET", "/admin/v1/usage", operators(Thing::Team)),
        ("GET", "/admin/v1/webhooks", operators(Thing::Webhook)),
        ("POST", "/admin/v1/webhooks/{id}/redeliver", operators(Thing::Webhook)),
    ]
}

fn operations() -> Vec<Entry> {
    vec![
        ("GET", "/healthz", Wall::Open),
        ("GET", "/readyz", Wall::Open),
        ("GET", "/metrics", Wall::Scraped),
        ("GET", "/openapi.json", Wall::Open),
        ("GET", "/docs", Wall::Open),
        ("GET", "/docs/{file}", Wall::Open),
        ("GET", "/ui", Wall::Open),
    ]
}
