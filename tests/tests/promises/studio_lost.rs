//! Lost answers of a vendor that works for minutes and whose charge differs from its estimate: found in its
//! creations and in its books of credits, whatever a row of those looks like; claimed once, and never made
//! twice.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use simulated_vendors::generor::{Settings, TransactionShape};
use tests::{Gateway, Ledger, STUDIO_KEY, Studio, Team, micros, pictures, quick_studio};

use crate::{
    run,
    studio_crash::{SHAPES, assert_books, creations, house, picture, words},
};

/// Each generation has what the vendor charged for its own prompt.
async fn assert_each_its_own(vendor: &Studio, all: &[Value], prompts: &[(String, String)]) {
    for (id, prompt) in prompts {
        let generation = all.iter().find(|g| g["id"] == **id).expect("it is listed");
        let charged = micros(&generation["cost"]["charged_usd"]);
        assert_eq!(charged, vendor.paid_for(prompt).await, "{prompt}: {generation}");
    }
}

fn id(generation: &Value) -> String {
    generation["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn an_answer_lost_on_the_wire_is_found_whatever_the_transactions_look_like() {
    for shape in SHAPES {
        let (vendor, gateway, team) = house(shape).await;
        let mut prompts = Vec::new();
        for (kind, more) in [
            ("reset_after", json!({})),
            ("truncated_body", json!({})),
            ("malformed_json", json!({})),
            ("status_500", json!({ "after_work": true })),
            ("status_502", json!({ "after_work": true })),
        ] {
            let (asked, prompt) = (vendor.count("generate").await, format!("{kind}, {shape:?}"));
            vendor.fault_on_generate(kind, more).await;
            let made = team.generate(&picture(&prompt)).await;
            assert_eq!(made["status"], "completed", "{prompt}: {made}");
            assert_eq!(made["cost"]["charged_usd"], "0.024000", "{prompt}: {made}");
            assert_eq!(vendor.count("generate").await, asked + 1, "{prompt}: asked once");
            prompts.push((id(&made), prompt));
        }
        let all = assert_books(&gateway, &vendor, &team).await;
        assert_each_its_own(&vendor, &all, &prompts).await;
    }
}

#[tokio::test]
async fn an_answer_without_its_cost_is_not_taken_for_a_gift() {
    let (vendor, gateway, team) = house(TransactionShape::Linked).await;
    vendor.fault_on_generate("missing_cost", json!({})).await;
    let made = team.generate(&picture("for how much?")).await;
    assert_eq!(made["status"], "completed", "{made}");
    let charged = micros(&made["cost"]["charged_usd"]);
    assert!(charged >= vendor.total().await, "at least what it was: {made}");
    assert_eq!(micros(&made["cost"]["uncertain_usd"]), charged, "and told to be a ceiling: {made}");
    assert_eq!(vendor.count("generate").await, 1);
    assert_eq!(Ledger::read(&gateway.admin()).await.sum("provider:generor/main"), charged);
}

#[tokio::test]
async fn what_never_reached_the_vendor_is_made_once() {
    let (vendor, gateway, team) = house(TransactionShape::Linked).await;
    vendor.fault_on_generate("reset_before", json!({})).await;
    let made = team.generate(&picture("again, but not at once")).await;
    let outcomes: Vec<_> = made["attempts"].as_array().into_iter().flatten().collect();
    let outcomes: Vec<_> = outcomes.iter().map(|attempt| attempt["outcome"].clone()).collect();
    assert_eq!(outcomes, ["failed", "completed"], "{made}");
    assert_books(&gateway, &vendor, &team).await;
    assert!(vendor.count("creations").await >= 2, "its creations were looked at before");
}

#[tokio::test]
async fn an_earlier_creation_of_the_same_words_is_not_taken_for_a_lost_one() {
    for shape in SHAPES {
        let (vendor, gateway, team) = house(shape).await;
        let first = team.generate(&picture("the same words")).await;
        assert_eq!(first["status"], "completed", "{first}");
        vendor.fault_on_generate("reset_before", json!({})).await;
        let second = team.generate(&picture("the same words")).await;
        assert_eq!(second["status"], "completed", "{second}");
        assert_eq!(vendor.count("generate").await, 3, "the second never reached it at first");
        assert_books(&gateway, &vendor, &team).await;
    }
}

#[tokio::test]
async fn a_vendor_whose_clock_is_wrong_is_understood() {
    for clock_offset_ms in [-3_600_000, -90_000, 90_000, 3_600_000] {
        let vendor = Studio::start(Settings { clock_offset_ms, ..quick_studio() }).await;
        let (gateway, team) = vendor.house(run(), &json!({})).await;
        vendor.fault_on_generate("reset_after", json!({})).await;
        let made = team.generate(&picture("when was that?")).await;
        assert_eq!(made["status"], "completed", "{clock_offset_ms}: {made}");
        assert_books(&gateway, &vendor, &team).await;
        assert_eq!(vendor.count("generate").await, 1, "{clock_offset_ms}: asked once");
    }
}

#[tokio::test]
async fn books_that_cannot_be_read_at_first_are_read_again() {
    let (vendor, gateway, team) = house(TransactionShape::Linked).await;
    for (kind, class) in [
        ("status_503", "creations"),
        ("malformed_json", "creations"),
        ("rate_limited", "creations"),
        ("reset_before", "transactions"),
        ("status_500", "transactions"),
    ] {
        vendor.fault(json!({ "kind": kind, "on": class })).await;
        vendor.fault_on_generate("reset_after", json!({})).await;
        let made = team.generate(&picture(&format!("{kind} on {class}"))).await;
        assert_eq!(made["status"], "completed", "{kind} on {class}: {made}");
        assert_eq!(made["cost"]["charged_usd"], "0.024000", "{kind} on {class}: {made}");
    }
    assert_books(&gateway, &vendor, &team).await;
    assert_eq!(vendor.count("generate").await, 5, "each was asked for once");
}

/// Two calls that look the same, both lost: each is one of the two, and none is made a third time.
async fn twins(shape: TransactionShape, body: &Value) -> (Studio, Gateway, Team, Vec<Value>) {
    let (vendor, gateway, team) = house(shape).await;
    vendor.fault_on_generate("reset_after", json!({ "times": 2 })).await;
    let (one, other) = (team.begin(body).await, team.begin(body).await);
    let generations = vec![team.ended(&one).await, team.ended(&other).await];
    assert_eq!(vendor.count("generate").await, 2, "{shape:?}: asked twice in all");
    assert_books(&gateway, &vendor, &team).await;
    (vendor, gateway, team, generations)
}

#[tokio::test]
async fn two_equal_requests_lost_at_once_claim_their_own() {
    for shape in SHAPES {
        let (vendor, gateway, team, _) = twins(shape, &picture("twins")).await;
        // A third one, which nothing befalls, has its own as well.
        let third = team.generate(&picture("twins")).await;
        assert_eq!(third["status"], "completed", "{third}");
        assert_books(&gateway, &vendor, &team).await;
    }
}

#[tokio::test]
async fn two_equal_series_lost_at_once_are_not_mixed() {
    for shape in SHAPES {
        let mut body = picture("two series");
        body["count"] = json!(3);
        let (vendor, _gateway, team, made) = twins(shape, &body).await;
        let mut series = Vec::new();
        for generation in &made {
            let mut tokens = BTreeSet::new();
            for output in generation["outputs"].as_array().into_iter().flatten() {
                tokens.insert(pictures::token(&team.download(output).await.body));
            }
            series.push(tokens);
        }
        let calls: Vec<BTreeSet<String>> = vendor
            .generations()
            .await
            .iter()
            .map(|call| creations(call).into_iter().collect())
            .collect();
        assert!(calls.contains(&series[0]) && calls.contains(&series[1]), "{series:?} {calls:?}");
    }
}

#[tokio::test]
async fn a_lost_text_is_the_text_that_was_written() {
    for shape in SHAPES {
        let (vendor, gateway, team) = house(shape).await;
        vendor.fault_on_generate("reset_after", json!({})).await;
        let made = team.generate(&words("a joke")).await;
        assert_eq!(made["status"], "completed", "{made}");
        assert_eq!(made["cost"]["charged_usd"], "0.003000", "{made}");
        let call = vendor.generations().await.pop().expect("a call");
        let path = format!("/api/v1/creations/{}", creations(&call)[0]);
        let theirs = vendor.site(STUDIO_KEY).get(&path).await.expect(200).json();
        let written = &theirs["data"]["generator_data"]["text"];
        assert_eq!(&made["outputs"][0]["text"], written, "{theirs}");
        assert!(made["outputs"][0]["text"].is_string(), "{made}");
        assert_books(&gateway, &vendor, &team).await;
    }
    let (.., made) = twins(TransactionShape::Linked, &words("two jokes")).await;
    assert!(made.iter().all(|joke| joke["outputs"][0]["text"].is_string()), "{made:?}");
}

#[tokio::test]
async fn every_kind_that_was_lost_is_found() {
    let (vendor, gateway, team) = house(TransactionShape::Nested).await;
    let source = pictures::base64(&pictures::picture(image::ImageFormat::Png));
    let source = json!([{ "role": "source", "data": source }]);
    for (model, more) in [
        (20060, json!({ "seconds": 5 })),
        (30001, json!({})),
        (40001, json!({})),
        (50001, json!({})),
        (70001, json!({})),
        (34, json!({ "inputs": source })),
        (60001, json!({ "inputs": source })),
        (80001, json!({ "inputs": source })),
    ] {
        let prompt = format!("lost, by {model}");
        let mut body = json!({ "model": format!("generor/{model}"), "prompt": prompt });
        let fields = body.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        vendor.fault_on_generate("reset_after", json!({})).await;
        let made = team.generate(&body).await;
        assert_eq!(made["status"], "completed", "{made}");
        assert_eq!(micros(&made["cost"]["charged_usd"]), vendor.paid_for(&prompt).await, "{made}");
        let output = &made["outputs"][0];
        match output["text"].as_str() {
            Some(text) => assert!(!text.is_empty(), "{made}"),
            None => assert!(team.download(output).await.body.len() > 100, "{made}"),
        }
    }
    assert_eq!(vendor.count("generate").await, 8, "each was asked for once");
    let total = vendor.total().await;
    assert_eq!(Ledger::read(&gateway.admin()).await.sum("provider:generor/main"), total);
}

#[tokio::test]
async fn a_file_that_the_site_cannot_deliver_at_first_is_fetched_again() {
    let (vendor, gateway, team) = house(TransactionShape::Linked).await;
    for kind in ["reset_before", "truncated_body", "status_500", "status_503"] {
        vendor.fault(json!({ "kind": kind, "on": "results" })).await;
        let made = team.generate(&picture(&format!("fetched after {kind}"))).await;
        assert_eq!(made["status"], "completed", "{kind}: {made}");
    }
    assert_books(&gateway, &vendor, &team).await;
    assert_eq!(vendor.count("generate").await, 4, "each was paid once");
}

#[tokio::test]
async fn a_charge_that_the_books_do_not_tell_is_booked_at_most_and_says_so() {
    // Two pictures of the same moment and generator, for different prices, and rows that name neither.
    let (vendor, gateway, team) = house(TransactionShape::Bare).await;
    vendor.fault_on_generate("reset_after", json!({ "times": 2 })).await;
    let dear = json!({ "model": "generor/10001", "prompt": "the dear one" });
    let ids = [team.begin(&picture("the cheap one")).await, team.begin(&dear).await];
    let mut booked = 0;
    for (id, prompt) in ids.iter().zip(["the cheap one", "the dear one"]) {
        let made = team.ended(id).await;
        assert_eq!(made["status"], "completed", "{made}");
        let (charged, real) = (micros(&made["cost"]["charged_usd"]), vendor.paid_for(prompt).await);
        if charged != real {
            assert!(charged > real, "{made}");
            assert_eq!(micros(&made["cost"]["uncertain_usd"]), charged, "{made}");
        }
        booked += charged;
    }
    assert_eq!(vendor.count("generate").await, 2, "nothing was paid again");
    let ledger = Ledger::read(&gateway.admin()).await;
    ledger.assert_balanced();
    assert_eq!(ledger.sum("provider:generor/main"), booked);
}
