//! Budgets: a hard one is never passed and never refuses what it covers, a soft one only tells.
//!
//! Every picture costs [`PICTURE`] here, and that is also the most that it can cost: so what a budget
//! covers is a whole number of pictures.

mod held;
mod periods;
mod rules;

use serde_json::{Value, json};
use tests::{Gateway, PICTURE, Reply, Team, Vendor, config, flat, micros, usd};

use crate::{image, run};

/// A vendor of one price and a gateway.
async fn house(change: &Value) -> (Vendor, Gateway) {
    let vendor = Vendor::start(flat()).await;
    let gateway = run().gateway(&config(&vendor, change)).await;
    (vendor, gateway)
}

/// A hard budget for so many pictures, for ever.
fn pictures(count: i64) -> Value {
    json!({ "limit_usd": usd(count * PICTURE), "period": "total" })
}

/// A team with that budget.
async fn team(gateway: &Gateway, budget: Value) -> Team {
    gateway.team_with("painters", &json!({ "budget": budget })).await
}

/// Asks for a generation and waits for its end.
async fn ask(team: &Team, body: &Value) -> Reply {
    team.client.post_with("/v1/generations", body, &[("prefer", "wait=60")]).await
}

/// Asks for `count` pictures in one request.
async fn ask_for(team: &Team, prompt: &str, count: u32) -> Reply {
    let mut body = image(prompt);
    body["count"] = json!(count);
    ask(team, &body).await
}

/// What a made generation left of the tightest budget, by the answer's header.
#[track_caller]
fn left(reply: &Reply) -> i64 {
    let text = reply.header("x-atelier-budget-remaining-usd");
    micros(&json!(text.unwrap_or_else(|| panic!("no budget in {:?}", reply.headers))))
}

/// The refusal of a budget: its `details`.
#[track_caller]
fn over_budget(reply: &Reply) -> Value {
    assert_eq!(reply.refusal(), (402, "budget_exceeded".to_owned(), None), "{}", reply.text());
    let error = reply.json()["error"].clone();
    assert_eq!(error["type"], "insufficient_quota", "{error}");
    error["details"].clone()
}

/// A team's usage.
async fn usage(team: &Team) -> Value {
    team.client.get("/v1/usage").await.expect(200).json()
}

/// The first of the team's own budgets as operators see it: charged and held, in micro-dollars.
async fn standing(gateway: &Gateway, team: &Team) -> (i64, i64) {
    let path = format!("/admin/v1/teams/{}", team.id);
    let team = gateway.admin().get(&path).await.expect(200).json();
    let budget = &team["standing"][0];
    (micros(&budget["charged_usd"]), micros(&budget["held_usd"]))
}

/// Changes a team.
async fn change(gateway: &Gateway, team: &Team, fields: Value) {
    let path = format!("/admin/v1/teams/{}", team.id);
    drop(gateway.admin().patch(&path, &fields).await.expect(200));
}
