//! What is known of a vendor whose prices must be asked for: its catalogue is listed, kept and served when
//! the vendor is down; quotes come from memory; and what it charges beyond its estimates is learned.

use std::{collections::BTreeMap, path::Path, time::Duration};

use provider::Timestamp;
use records::{
    Change, Records as _,
    sqlite::{Durability, Sqlite},
};
use serde_json::{Value, json};
use simulated_vendors::generor::Settings;
use tests::{Gateway, Relay, Studio, Team, Vendor, config, micros, quick, quick_studio, until};

use crate::run;

fn picture(prompt: &str) -> Value {
    json!({ "model": "generor/10003", "prompt": prompt })
}

async fn model(team: &Team, id: &str) -> Option<Value> {
    let answer = team.client.get(&format!("/v1/models/generor/{id}")).await;
    assert!([200, 404].contains(&answer.status), "{}", answer.text());
    (answer.status == 200).then(|| answer.json())
}

/// The one candidate's quote.
async fn quote(team: &Team, body: &Value) -> Value {
    let answer = team.client.post("/v1/estimates", body).await.expect(200).json();
    assert_eq!(answer["data"].as_array().map(Vec::len), Some(1), "{answer}");
    answer["data"][0].clone()
}

/// Makes what a stopped gateway kept of the vendor's pages so much older.
async fn age(folder: &Path, millis: i64) {
    const NAME: &str = "knowledge:generor";
    let file = folder.join("data/atelier.db");
    let records = Sqlite::open(&file, Durability::Process).expect("it opens");
    let kept = records.document(NAME).await.expect("it is read").expect("something was kept");
    let mut kept: Value = serde_json::from_str(&kept).expect("it is JSON");
    older(&mut kept, millis);
    let change = Change::Document { name: NAME.to_owned(), body: kept.to_string() };
    records.apply(vec![change]).await.expect("it is written");
}

/// Every moment in it, whatever field it is in.
fn older(value: &mut Value, millis: i64) {
    let recent = Timestamp::parse("2020-01-01T00:00:00Z").expect("a time");
    match value {
        Value::Array(all) => all.iter_mut().for_each(|one| older(one, millis)),
        Value::Object(all) => all.values_mut().for_each(|one| older(one, millis)),
        Value::Number(number) => {
            let at = number.as_i64().filter(|at| *at > recent.millis());
            if let Some(at) = at {
                *value = json!(at - millis);
            }
        }
        Value::String(text) => {
            if let Some(at) = Timestamp::parse(text) {
                let span = Duration::from_millis(millis.unsigned_abs());
                *value = json!(at.minus(span));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

#[tokio::test]
async fn the_vendors_whole_catalogue_is_listed_with_expected_prices_and_their_age() {
    let vendor = Studio::start(quick_studio()).await;
    let (_gateway, team) = vendor.house(run(), &json!({})).await;
    let listed = team.client.get("/v1/models").await.expect(200).json();
    let rows = listed["data"].as_array().expect("a list");
    let theirs = quick_studio().models;
    let ours: Vec<&Value> = rows.iter().filter(|row| row["owned_by"] == "generor").collect();
    assert_eq!(ours.len(), theirs.len(), "{listed}");
    for (id, theirs) in &theirs {
        let name = format!("generor/{id}");
        let row = ours.iter().find(|row| row["id"] == *name).expect("it is listed");
        assert_eq!(row["title"], theirs.name, "{row}");
        let kind =
            match (json!(theirs.media).as_str().unwrap_or_default(), theirs.supports_img2img) {
                ("text", true) => "vision",
                ("soundeffect", _) => "sound_effect",
                ("backgroundremoval", _) => "background_removal",
                (same, _) => same,
            }
            .to_owned();
        assert_eq!(row["kind"], kind, "{row}");
        let durations = theirs.video.as_ref().map(|video| json!(video.supported_durations));
        let seconds = row["capabilities"]["seconds"].get("seconds").cloned();
        assert_eq!(seconds, durations, "{row}");
        let source = row["source"].as_str().unwrap_or_default();
        assert!(["listed", "remembered", "live"].contains(&source), "{row}");
        assert!(row["age_s"].as_u64().is_some_and(|age| age < 60), "{row}");
        let (expected, upper) = (micros(&row["expected_usd"]), micros(&row["upper_usd"]));
        let credits = i64::try_from(theirs.credit_cost).expect("a small number");
        // A clip's listed price may be that of a second.
        assert!(expected >= credits * 1000 && upper >= expected, "{row}");
        if theirs.video.is_none() {
            assert_eq!(expected, credits * 1000, "{row}");
        }
    }
}

#[tokio::test]
async fn a_model_that_comes_or_goes_at_the_vendor_does_here_when_the_catalogue_is_old() {
    let vendor = Studio::start(quick_studio()).await;
    let (mut gateway, team) = vendor.house(run(), &json!({})).await;
    let new = json!({ "name": "Newest", "type": "image", "provider": "nobody", "credit_cost": 7,
                      "supports_aspect_ratio": true, "dropdown": 99 });
    vendor.set(json!({ "models": { "10099": new, "10002": null } })).await;
    assert!(model(&team, "10099").await.is_none() && model(&team, "10002").await.is_some());
    let reads = vendor.count("catalogue").await;
    gateway.stop().await;
    // Of an hour ago and more: it is read again, and what was kept serves until then.
    age(gateway.folder(), 2 * 3_600_000).await;
    gateway.start_again().await;
    let team = gateway.again(&team);
    until("the new model", || async { model(&team, "10099").await }).await;
    assert!(vendor.count("catalogue").await > reads);
    assert!(model(&team, "10002").await.is_none(), "what is gone is not listed");
    let body = json!({ "model": "generor/10099", "prompt": "by the newest" });
    let made = team.generate(&body).await;
    assert_eq!(
        (&made["status"], &made["cost"]["charged_usd"]),
        (&json!("completed"), &json!("0.007000"))
    );
    let gone = json!({ "model": "generor/10002", "prompt": "by nobody" });
    assert_eq!(team.client.post("/v1/generations", &gone).await.refusal().0, 404);
}

#[tokio::test]
async fn a_vendor_that_is_down_at_our_start_is_served_from_memory() {
    let vendor = Studio::start(quick_studio()).await;
    let relay = Relay::start(&vendor.origin(), None).await;
    let address = format!("{}/api/v1", relay.url());
    let mut gateway = run().gateway(&vendor.config_at(&address, json!({}), &json!({}))).await;
    let team = gateway.team("a").await;
    Studio::read_by(&team).await;
    let before = Studio::told(&team, &picture("known")).await;
    assert_eq!(before["estimated_usd"], "0.006000", "{before}");
    let names = async |team: &Team| {
        let all = team.client.get("/v1/models").await.expect(200).json();
        let rows = all["data"].as_array().expect("a list").clone();
        rows.iter().map(|row| row["id"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let known = names(&team).await;
    gateway.stop().await;
    age(gateway.folder(), 2 * 3_600_000).await;
    drop(relay);
    gateway.start_again().await;
    let team = gateway.again(&team);
    assert_eq!(names(&team).await, known, "the same models");
    let quote_now = quote(&team, &picture("known")).await;
    assert_eq!(quote_now["estimated_usd"], "0.006000", "{quote_now}");
    assert_eq!(quote_now["source"], "remembered", "{quote_now}");
    assert!(quote_now["age_s"].as_u64().is_some_and(|age| age >= 7200), "{quote_now}");
    // Of what was never asked for there is the listed price, as old as the list.
    let several = json!({ "model": "generor/10001", "prompt": "new", "count": 3 });
    let quote_now = quote(&team, &several).await;
    assert_eq!(
        (&quote_now["source"], &quote_now["estimated_usd"]),
        (&json!("listed"), &json!("0.240000"))
    );
    assert!(quote_now["age_s"].as_u64().is_some_and(|age| age >= 7200), "{quote_now}");
    let row = model(&team, "80001").await.expect("it is listed");
    assert!(row["age_s"].as_u64().is_some_and(|age| age >= 7200), "{row}");
    // Work itself is told to wait, or fails: never as a fault of ours.
    let answer =
        team.client.post_with("/v1/generations", &picture("x"), &[("prefer", "wait=1")]).await;
    assert!([201, 202, 503].contains(&answer.status), "{}", answer.text());
    assert_eq!(gateway.anyone().get("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_vendor_that_was_never_reached_has_the_models_of_its_page() {
    let vendor = Studio::start(quick_studio()).await;
    let relay = Relay::start(&vendor.origin(), None).await;
    let address = format!("{}/api/v1", relay.url());
    drop(relay);
    let gateway = run().gateway(&vendor.config_at(&address, json!({}), &json!({}))).await;
    let team = gateway.team("a").await;
    for id in ["37", "10003", "20061"] {
        assert!(model(&team, id).await.is_some(), "{id}");
    }
    assert!(model(&team, "80001").await.is_none(), "nobody told of this one");
    let all = team.client.get("/v1/models").await;
    assert_eq!(all.status, 200, "{}", all.text());
    let quoted = team.client.post("/v1/estimates", &picture("x")).await;
    assert!(quoted.status < 500, "{}", quoted.text());
}

/// A vendor that charges so many percent of its estimates for `10003`, and a gateway with an alias for
/// that model and a dearer-listed one of another vendor.
async fn drifting(percent: u64) -> (Studio, Vendor, Gateway, Team) {
    let charged_percent = BTreeMap::from([(10003, percent)]);
    let studio = Studio::start(Settings { charged_percent, ..quick_studio() }).await;
    let vendor = Vendor::start(quick()).await;
    let zekron = config(&vendor, &json!({}))["providers"]["zekron"].clone();
    let either = ["generor/10003", "zekron/zekron-image-1"];
    let change = json!({
        "providers": { "zekron": zekron },
        "models": { "photo": { "kind": "image", "candidates": either } },
    });
    let (gateway, team) = studio.house(run(), &change).await;
    (studio, vendor, gateway, team)
}

async fn drift(gateway: &Gateway, id: &str) -> Value {
    let all = gateway.admin().get("/admin/v1/models").await.expect(200).json();
    let rows = all["data"].as_array().expect("a list");
    rows.iter().find(|row| row["id"] == *id).expect("it is listed")["drift"].clone()
}

/// A gauge that is no whole number.
async fn gauge(gateway: &Gateway, name: &str, labels: &[&str]) -> Option<f64> {
    let all = gateway.anyone().get("/metrics").await.expect(200).text();
    let mut lines = all.lines().filter(|line| line.starts_with(name));
    let line = lines.find(|line| labels.iter().all(|label| line.contains(label)))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

#[tokio::test]
async fn after_five_charges_a_quote_is_what_will_be_charged() {
    let (studio, _vendor, mut gateway, team) = drifting(400).await;
    let before = Studio::told(&team, &picture("before")).await;
    assert_eq!(before["estimated_usd"], "0.006000", "{before}");
    assert!(micros(&before["upper_usd"]) >= 24_000, "a ceiling that held: {before}");
    assert_eq!(drift(&gateway, "generor/10003").await, Value::Null);
    for number in 0..5 {
        let made = team.generate(&picture(&format!("number {number}"))).await;
        assert_eq!(made["cost"]["charged_usd"], "0.024000", "{made}");
    }
    let after = quote(&team, &picture("after")).await;
    assert_eq!(after["source"], "learned", "{after}");
    let (expected, upper) = (micros(&after["estimated_usd"]), micros(&after["upper_usd"]));
    assert!((22_800..=25_200).contains(&expected), "within 5 %: {after}");
    assert!((24_000..=36_000).contains(&upper), "a bound that holds and is none too wide: {after}");
    let drifted = drift(&gateway, "generor/10003").await;
    let ratio = drifted["ratio"].as_f64().expect("a number");
    assert!((3.8..=4.2).contains(&ratio) && drifted["samples"] == 5, "{drifted}");
    assert_eq!(drift(&gateway, "generor/10001").await, Value::Null, "another model has none");
    let labels = ["provider=\"generor\"", "model=\"generor/10003\""];
    let measured = gauge(&gateway, "atelier_estimate_drift_ratio", &labels).await;
    assert!(measured.is_some_and(|ratio| (3.8..=4.2).contains(&ratio)), "{measured:?}");
    // A shape that nobody asked for yet is corrected as well: the drift is the model's.
    let three = json!({ "model": "generor/10003", "prompt": "three", "count": 3 });
    let three = Studio::told(&team, &three).await;
    assert!((68_000..=77_000).contains(&micros(&three["estimated_usd"])), "{three}");
    // What was learned outlives the process.
    gateway.stop().await;
    gateway.start_again().await;
    let team = gateway.again(&team);
    let again = quote(&team, &picture("after a restart")).await;
    assert_eq!(
        (&again["source"], &again["estimated_usd"]),
        (&json!("learned"), &after["estimated_usd"])
    );
    assert_eq!(studio.charges().await.len(), 5);
}

#[tokio::test]
async fn the_cheaper_looking_candidate_is_left_when_its_charges_say_otherwise() {
    // Listed at six credits against twenty-five thousandths; charged at thirty.
    let (studio, vendor, gateway, team) = drifting(500).await;
    let photo = |number: u32| json!({ "model": "photo", "prompt": format!("number {number}") });
    let first = team.generate(&photo(0)).await;
    assert_eq!(first["provider"], "generor", "by its list it is the cheaper one: {first}");
    let mut made = Vec::new();
    for number in 1..=6 {
        let one = team.generate(&photo(number)).await;
        assert_eq!(one["status"], "completed", "{one}");
        made.push(one["provider"].as_str().unwrap_or_default().to_owned());
    }
    assert_eq!(made.last().map(String::as_str), Some("zekron"), "{made:?}");
    let rows = team.client.post("/v1/estimates", &photo(9)).await.expect(200).json();
    assert_eq!(rows["data"][0]["provider"], "zekron", "the cheapest first: {rows}");
    assert!(micros(&rows["data"][1]["estimated_usd"]) > 28_000, "{rows}");
    let (theirs, others) = (studio.charges().await.len(), vendor.charges().await.len());
    assert_eq!(theirs + others, 7);
    assert!(theirs <= 6 && others >= 1, "{theirs} {others}");
    assert_eq!(gateway.account("generor").await["hold"], Value::Null);
}

#[tokio::test]
async fn requests_of_a_known_shape_ask_the_vendor_for_no_further_estimate() {
    let vendor = Studio::start(quick_studio()).await;
    let (gateway, team) = vendor.house(run(), &json!({})).await;
    Studio::told(&team, &picture("the first of its kind")).await;
    let before = vendor.count("estimate").await;
    for number in 0..50 {
        let quote = quote(&team, &picture(&format!("number {number}"))).await;
        assert_eq!((&quote["source"], &quote["usable"]), (&json!("remembered"), &json!(true)));
        assert!(quote["age_s"].as_u64().is_some_and(|age| age < 60), "{quote}");
    }
    for number in 0..10 {
        let made = team.generate(&picture(&format!("number {number}"))).await;
        assert_eq!(made["status"], "completed", "{made}");
    }
    // The first of its kind may be asked for twice at once: for its own sake, and by whoever reads ahead.
    let more = vendor.count("estimate").await - before;
    assert!(more <= 1, "{more} more for 60: the prompt does not matter to a price");
    let asked: Vec<Value> = vendor.requests().await;
    let estimates =
        asked.iter().filter(|r| r["path"].as_str().is_some_and(|p| p.ends_with("/estimate")));
    assert!(estimates.clone().all(|r| r["key"].is_null()), "asked without the key");
    assert_eq!(gateway.account("generor").await["hold"], Value::Null);
}

#[tokio::test]
async fn estimates_never_take_the_place_of_a_paid_call_when_the_vendor_does_not_answer_them() {
    let vendor = Studio::start(quick_studio()).await;
    let (_gateway, team) = vendor.house(run(), &json!({})).await;
    vendor.fault(json!({ "kind": "hang", "on": "estimate", "times": 1000 })).await;
    for number in 0..5 {
        let made = team.generate(&picture(&format!("number {number}"))).await;
        assert_eq!(made["status"], "completed", "{made}");
        assert_eq!(made["cost"]["estimated_usd"], "0.006000", "by the list: {made}");
    }
    let quote = quote(&team, &picture("still")).await;
    assert!(
        ["listed", "learned"].contains(&quote["source"].as_str().unwrap_or_default()),
        "{quote}"
    );
}
