//! A walk along every route of the OpenAPI document with one team's key, past what is another team's.
//!
//! [`table`] says of each route what must hold there. A route that is not in it fails the test: whoever
//! adds one has to think about its wall.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::{Client, Form, Team, pictures};

use super::{
    house::House,
    neighbour,
    table::{Thing, Wall, table},
    told,
};
use crate::image;

#[tokio::test]
async fn every_route_has_a_wall() {
    let (_vendor, gateway) = crate::house(json!({})).await;
    let document = gateway.anyone().get("/openapi.json").await.expect(200).json();
    let mut routes = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            routes.insert((method.to_uppercase(), path.clone()));
        }
    }
    let table = table();
    let known = table.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()));
    let known: BTreeSet<_> = known.collect();
    let unknown: Vec<_> = routes.difference(&known).collect();
    assert!(unknown.is_empty(), "say what must hold at {unknown:?}");
    let gone: Vec<_> = known.difference(&routes).collect();
    assert!(gone.is_empty(), "there is no {gone:?}");
}

/// A request of a caller to a route, with `ID` and `{id}` in path and body replaced.
async fn request(
    caller: &Client,
    method: &str,
    path: &str,
    body: &Value,
    id: &str,
) -> tests::Reply {
    let path = path.replace("{id}", id).replace("{file}", "index.html");
    let body = if method == "GET" || method == "DELETE" {
        String::new()
    } else {
        body.to_string().replace("ID", id)
    };
    caller.send(method, &path, &[("content-type", "application/json")], body).await
}

/// The same request for another team's id and for one that never was: nobody can tell which is which.
async fn assert_same(
    house: &House,
    caller: &Client,
    (method, path, body): (&str, &str, &Value),
    thing: Thing,
    statuses: &[u16],
) {
    let theirs = house.id(thing).to_owned();
    let never = neighbour(&theirs);
    let foreign = request(caller, method, path, body, &theirs).await;
    let absent = request(caller, method, path, body, &never).await;
    let route = format!("{method} {path}");
    assert!(statuses.contains(&foreign.status), "{route}: {} {}", foreign.status, foreign.text());
    assert_eq!(told(&foreign, &theirs), told(&absent, &never), "{route}");
    house.assert_silent(&foreign.text().replace(&theirs, "ID"), &route);
    if method == "GET" {
        let head = caller.send("HEAD", &path.replace("{id}", &theirs), &[], "").await;
        let other = caller.send("HEAD", &path.replace("{id}", &never), &[], "").await;
        assert_eq!(told(&head, &theirs), told(&other, &never), "HEAD {path}");
    }
}

/// What the answer to a request of ours is, without what differs from request to request.
async fn alone(house: &House, method: &str, path: &str, id: &str) -> (u16, Value, Vec<String>) {
    if path == "/v1/assets" {
        let picture = pictures::picture(image::ImageFormat::Png);
        let form = Form::new().file("file", "image/png", &picture);
        let kind = Form::content_type();
        let headers = [("content-type", kind.as_str())];
        let answer = house.ours.client.send(method, path, &headers, form.body()).await;
        let fields = answer.json().as_object().map(|all| all.keys().cloned().collect::<Vec<_>>());
        return (answer.status, json!(fields), Vec::new());
    }
    let answer = request(&house.ours.client, method, path, &image("a lighthouse"), id).await;
    let mut body = answer.json();
    forget_moments(&mut body);
    let (status, _, headers) = told(&answer, id);
    // The length is that of the body without what was taken out, which is compared itself.
    let kept = headers.into_iter().filter(|line| !line.starts_with("content-length"));
    (status, body, kept.collect())
}

/// Takes out of an answer what changes by itself: moments, and what is learned of vendors' prices, in the
/// background and from everybody's charges.
fn forget_moments(body: &mut Value) {
    match body {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                let price = ["expected_usd", "upper_usd", "source", "usual_s"].contains(&&**name);
                if ["from", "to", "age_s"].contains(&&**name) || price {
                    *value = Value::Null;
                }
                forget_moments(value);
            }
        }
        Value::Array(all) => all.iter_mut().for_each(forget_moments),
        _ => {}
    }
}

/// Makes something with that idempotency key: the status and what it says of its source.
async fn make(team: &Team, path: &str, body: &Value, key: &str) -> (u16, Option<String>, String) {
    let headers = [("idempotency-key", key), ("prefer", "wait=60")];
    let answer = team.client.post_with(path, body, &headers).await;
    assert!((200..300).contains(&answer.status), "{path}: {}", answer.text());
    let of = |name: &str| answer.header(name).map(str::to_owned);
    let id = of("x-atelier-generation").or_else(|| answer.json()["id"].as_str().map(str::to_owned));
    (answer.status, of("idempotent-replayed"), id.expect("an id"))
}

#[tokio::test]
async fn no_route_tells_that_another_teams_work_exists() {
    let mut house = House::new().await;
    let table = table();
    let mut before = Vec::new();
    for (method, path, wall) in &table {
        if let Wall::Alone(id) = wall {
            before.push(alone(&house, method, path, id).await);
        }
    }
    house.work().await;
    let mut before = before.into_iter();
    for (method, path, wall) in &table {
        let route = format!("{method} {path}");
        match wall {
            Wall::Alone(id) => {
                let now = alone(&house, method, path, id).await;
                assert_eq!(Some(now), before.next(), "{route}");
            }
            Wall::Own(thing) => {
                let asked = (*method, *path, &json!({}));
                assert_same(&house, &house.ours.client, asked, *thing, &[404]).await;
            }
            Wall::Names(body) => {
                let asked = (*method, *path, body);
                assert_same(&house, &house.ours.client, asked, Thing::Asset, &[400, 404]).await;
            }
            Wall::Operators(thing, body) => operators(&house, method, path, *thing, body).await,
            Wall::Open => {
                let answer = request(&house.ours.client, method, path, &Value::Null, "").await;
                house.assert_silent(&answer.text(), &route);
            }
            Wall::Makes(_) | Wall::Scraped => {}
        }
    }
    unharmed(&house).await;
}

/// A team's key is refused, and a team's own admin sees that team only.
async fn operators(house: &House, method: &str, path: &str, thing: Thing, body: &Value) {
    let asked = (method, path, body);
    if path.contains("{id}") || body != &json!({}) {
        assert_same(house, &house.ours.client, asked, thing, &[403]).await;
        assert_same(house, &house.admin, asked, thing, &[403, 404]).await;
        return;
    }
    let route = format!("{method} {path}");
    let refused = request(&house.ours.client, method, path, body, "").await;
    assert_eq!(refused.refusal().0, 403, "{route}");
    let seen = request(&house.admin, method, path, body, "").await;
    assert!([200, 403].contains(&seen.status), "{route}: {} {}", seen.status, seen.text());
    house.assert_silent(&seen.text(), &route);
    // Asked for by name, it is as absent as what never was.
    if method == "GET" {
        for query in ["team", "key", "target", "prefix"] {
            let path = format!("{path}?{query}={{id}}");
            let asked = (method, path.as_str(), body);
            assert_same(house, &house.admin, asked, Thing::Team, &[200, 400, 403, 404]).await;
        }
    }
}

/// Nothing happened to what is the other team's.
async fn unharmed(house: &House) {
    for thing in [Thing::Generation, Thing::Video] {
        let there = house.theirs.generation(house.id(thing)).await;
        assert_eq!(there["status"], "completed", "{there}");
        assert_eq!(house.theirs.download(&there["outputs"][0]).await.status, 200);
    }
    // The walk had eyes: of its own team the same caller sees and changes things.
    let own = format!("/admin/v1/teams/{}", house.ours.id);
    assert_eq!(house.admin.get(&own).await.expect(200).json()["name"], "ours");
    let key = json!({ "team_id": house.ours.id, "name": "x" });
    drop(house.admin.post("/admin/v1/keys", &key).await.expect(201));
    let keys = house.admin.get("/admin/v1/keys").await.expect(200).json();
    assert_eq!(keys["data"].as_array().map(Vec::len), Some(2), "{keys}");
}

#[tokio::test]
async fn what_two_teams_make_with_one_idempotency_key_is_not_one() {
    let house = House::new().await;
    let mut number = 0;
    for (_, path, wall) in table() {
        let Wall::Makes(body) = wall else { continue };
        number += 1;
        let first = make(&house.ours, path, &body, &format!("before {number}")).await;
        let key = format!("monday {number}");
        let theirs = make(&house.theirs, path, &body, &key).await;
        let ours = make(&house.ours, path, &body, &key).await;
        assert_eq!((ours.0, ours.1.as_ref()), (first.0, None), "{path}");
        assert!(ours.2 != theirs.2 && ours.2 != first.2, "{path}");
        // Nor is another body a conflict with theirs.
        let other = make(&house.theirs, path, &body, &format!("tuesday {number}")).await;
        let mut changed = body.clone();
        changed["metadata"] = json!({ "our": "own" });
        let headers = [("idempotency-key", &*format!("tuesday {number}")), ("prefer", "wait=60")];
        let answer = house.ours.client.post_with(path, &changed, &headers).await;
        assert_ne!(answer.status, 409, "{path}: {} {}", other.2, answer.text());
    }
    assert!(number > 3, "{number} routes make something");
}

#[tokio::test]
async fn a_link_to_ours_opens_nothing_of_theirs() {
    let mut house = House::new().await;
    house.work().await;
    let ours = house.ours.generate(&image("our own harbour")).await;
    let link = tests::path_of(ours["outputs"][0]["url"].as_str().expect("a link")).to_owned();
    let own = ours["outputs"][0]["asset"].as_str().expect("an asset");
    let template = link.replace(own, "{id}");
    assert_ne!(template, link, "the link names its asset: {link}");
    let anyone = house.gateway.anyone();
    anyone.get(&link).await.expect(200);
    for caller in [&anyone, &house.ours.client] {
        let asked = ("GET", template.as_str(), &Value::Null);
        assert_same(&house, caller, asked, Thing::Asset, &[403, 404]).await;
    }
}

#[tokio::test]
async fn what_a_team_may_spend_and_ask_is_told_as_if_it_were_alone() {
    let (_vendor, gateway) = crate::house(json!({})).await;
    let rules = json!({ "budget": { "limit_usd": "1", "period": "total" },
                        "limits": { "requests_per_minute": 10, "concurrent": 5 } });
    let (ours, theirs) =
        (gateway.team_with("ours", &rules).await, gateway.team_with("theirs", &rules).await);
    let wait = [("prefer", "wait=60")];
    for (number, left) in ["9", "8", "7"].into_iter().enumerate() {
        for other in 0..3 {
            theirs.generate(&image(&format!("theirs {number} {other}"))).await;
        }
        let answer =
            ours.client.post_with("/v1/generations", &image(left), &wait).await.expect(201);
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some(left));
        let charged: i64 =
            ours.generations().await.iter().map(|g| tests::micros(&g["cost"]["charged_usd"])).sum();
        let usage = ours.client.get("/v1/usage").await.expect(200).json();
        assert_eq!(usage["budget"]["remaining_usd"], tests::usd(1_000_000 - charged).as_str());
        assert_eq!(usage["charged_usd"], tests::usd(charged).as_str());
    }
}
