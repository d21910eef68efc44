//! What surrounds the work: models, estimates, usage, health, metrics, the description of the API.

use serde_json::{Value, json};
use tests::{micros, pictures};

use crate::{house, image};

#[tokio::test]
async fn models_are_listed_and_can_be_asked_for_one_by_one() {
    let (_vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let list = team.client.get("/v1/models").await.expect(200).json();
    assert_eq!(list["object"], "list");
    let names: Vec<&str> =
        list["data"].as_array().into_iter().flatten().filter_map(|m| m["id"].as_str()).collect();
    for name in ["photo", "zekron/zekron-image-1", "zekron/zekron-flash"] {
        assert!(names.contains(&name), "{names:?}");
        let one = team.client.get(&format!("/v1/models/{name}")).await.expect(200).json();
        assert_eq!((&one["id"], &one["object"]), (&json!(name), &json!("model")));
    }
    assert!(!names.contains(&"clip"), "nobody makes clips here: {names:?}");
}

#[tokio::test]
async fn estimates_bound_what_is_charged() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    for count in [1, 3] {
        let mut body = image("how much?");
        body["count"] = json!(count);
        let quotes = team.client.post("/v1/estimates", &body).await.expect(200).json();
        assert_eq!(vendor.charges().await.len(), if count == 1 { 0 } else { 1 });
        let best = &quotes["data"][0];
        assert_eq!(best["usable"], json!(true), "{quotes}");
        assert_eq!((&best["provider"], &best["account"]), (&json!("zekron"), &json!("main")));
        let (expected, upper) = (micros(&best["estimated_usd"]), micros(&best["upper_usd"]));
        assert!(0 < expected && expected <= upper, "{best}");
        let charged = micros(&team.generate(&body).await["cost"]["charged_usd"]);
        assert!(charged <= upper, "{charged} of at most {upper}");
    }
    // A price above the ceiling is no candidate, and says so.
    let dear = json!({ "kind": "image", "prompt": "x", "routing": { "max_cost_usd": "0.001" } });
    let quotes = team.client.post("/v1/estimates", &dear).await.expect(200).json();
    assert_eq!(quotes["data"][0]["usable"], json!(false), "{quotes}");
    assert!(quotes["data"][0]["reason"].is_string(), "{quotes}");
    let refused = team.client.post("/v1/generations", &dear).await;
    assert_eq!((refused.refusal().0, refused.refusal().1.as_str()), (422, "no_candidate"));
    assert!(refused.json()["error"]["details"].is_object(), "{}", refused.text());
}

#[tokio::test]
async fn what_no_candidate_can_do_is_refused_with_every_reason() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    for more in
        [json!({ "size": "640x480" }), json!({ "seed": 7 }), json!({ "negative_prompt": "y" })]
    {
        let mut body = json!({ "prompt": "x" });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        let refused = team.client.post("/v1/images/generations", &body).await;
        assert_eq!(
            (refused.refusal().0, refused.refusal().1.as_str()),
            (422, "no_candidate"),
            "{body}"
        );
        let text = refused.text();
        assert!(text.contains("zekron/zekron-image-1"), "{text}");
    }
    let words = json!({ "prompt": "x", "quality": "high" });
    let made = team.client.post("/v1/images/generations", &words).await.expect(200);
    assert!(made.header("x-atelier-adjusted").is_some_and(|told| told.contains("quality")));
    let strict = json!({ "prompt": "x", "quality": "high", "strict": true });
    let refused = team.client.post("/v1/images/generations", &strict).await.refusal();
    assert_eq!(refused, (400, "unsupported_parameter".to_owned(), Some("quality".to_owned())));
    assert_eq!(vendor.charges().await.len(), 1);
}

#[tokio::test]
async fn openai_shaped_answers_carry_the_facts_in_headers() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let body =
        json!({ "prompt": "facts", "n": 2, "size": "512x512", "response_format": "b64_json" });
    let answer = team.client.post("/v1/images/generations", &body).await.expect(200);
    let header = |name: &str| answer.header(name).unwrap_or_default().to_owned();
    assert_eq!(header("x-atelier-provider"), "zekron");
    assert_eq!(header("x-atelier-model"), "zekron/zekron-image-1");
    assert_eq!(header("x-atelier-account"), "main");
    assert_eq!(micros(&Value::from(header("x-atelier-cost-usd"))), vendor.total().await);
    let generation = team.generation(&header("x-atelier-generation")).await;
    assert_eq!(generation["outputs"].as_array().map(Vec::len), Some(2));
    let json = answer.json();
    let tokens: Vec<String> = json["data"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| {
            assert!(item.get("url").is_none_or(Value::is_null), "{item}");
            pictures::token(&pictures::from_base64(item["b64_json"].as_str().unwrap_or_default()))
        })
        .collect();
    let mut paid: Vec<String> = vendor
        .charges()
        .await
        .iter()
        .map(|charge| charge["token"].as_str().unwrap_or_default().to_owned())
        .collect();
    let mut tokens = tokens;
    tokens.sort();
    paid.sort();
    assert_eq!(tokens, paid);
}

#[tokio::test]
async fn usage_tells_what_was_charged_and_when() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    for number in 0..3 {
        team.generate(&image(&format!("number {number}"))).await;
    }
    let usage = team.client.get("/v1/usage").await.expect(200).json();
    let total = vendor.total().await;
    assert_eq!((&usage["team"], micros(&usage["charged_usd"])), (&json!(team.id), total));
    let rows = usage["data"].as_array().expect("a list");
    let generations: u64 = rows.iter().filter_map(|row| row["generations"].as_u64()).sum();
    assert_eq!(generations, 3, "{usage}");
    assert_eq!(rows.iter().map(|row| micros(&row["charged_usd"])).sum::<i64>(), total);
    for row in rows {
        assert_eq!(
            (&row["provider"], &row["kind"]),
            (&json!("zekron"), &json!("image")),
            "{usage}"
        );
    }
    let before = "/v1/usage?from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z";
    let before = team.client.get(before).await.expect(200).json();
    assert_eq!((&before["charged_usd"], &before["data"]), (&json!("0.000000"), &json!([])));
}

#[tokio::test]
async fn operations_are_open_and_say_what_they_should() {
    let (_vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    team.generate(&image("counted")).await;
    let anyone = gateway.anyone();
    anyone.get("/healthz").await.expect(200);
    anyone.get("/readyz").await.expect(200);
    let metrics = anyone.get("/metrics").await.expect(200).text();
    for name in [
        "atelier_http_requests_total",
        "atelier_http_request_duration_seconds",
        "atelier_generations_total",
        "atelier_attempts_total",
        "atelier_attempt_duration_seconds",
        "atelier_spend_usd_total",
    ] {
        assert!(metrics.contains(&format!("\n{name}")), "{name}: {metrics}");
    }
    let spent = metrics.lines().find(|line| line.starts_with("atelier_spend_usd_total{"));
    assert!(
        spent.is_some_and(|line| line.contains("model=\"zekron/zekron-image-1\"")),
        "{spent:?}"
    );

    let api = anyone.get("/openapi.json").await.expect(200).json();
    for path in [
        "/v1/images/generations",
        "/v1/images/edits",
        "/v1/models",
        "/v1/models/{id}",
        "/v1/generations",
        "/v1/generations/{id}",
        "/v1/generations/{id}/cancel",
        "/v1/generations/{id}/events",
        "/v1/estimates",
        "/v1/assets",
        "/v1/assets/{id}",
        "/v1/usage",
        "/admin/v1/teams",
        "/admin/v1/keys",
        "/healthz",
    ] {
        assert!(api["paths"].get(path).is_some(), "{path} is not described");
    }
}

#[tokio::test]
async fn no_page_of_ours_loads_anything_from_elsewhere() {
    let (_vendor, gateway) = house(json!({})).await;
    let anyone = gateway.anyone();
    for start in ["/docs", "/docs/", "/ui"] {
        let mut path = start.to_owned();
        let mut page = anyone.get(&path).await;
        while let Some(to) = page.header("location").map(str::to_owned) {
            assert!(!to.contains("//") || to.starts_with(gateway.url()), "{path} leads to {to}");
            path = tests::path_of(&to).to_owned();
            page = anyone.get(&path).await;
        }
        let html = page.expect(200).text();
        for attribute in ["src=\"", "href=\""] {
            for link in html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(!link.starts_with("http") && !link.starts_with("//"), "{path}: {link}");
                if html.contains("swagger") && attribute.starts_with("src") {
                    let script = format!("/docs/{}", link.trim_start_matches("./"));
                    anyone.get(&script).await.expect(200);
                }
            }
        }
    }
}
