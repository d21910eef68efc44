//! Everything that the widest vendor's page documents is reachable, or is said to come: the tables of
//! `docs/generor.md`, walked. An endpoint of the vendor's stands in its table once; where the table says
//! how a field is reached, a request that goes that way arrives with it.

use std::collections::BTreeSet;

use image::ImageFormat;
use serde_json::{Value, json};
use simulated_vendors::generor::endpoints;
use tests::{Client, Gateway, STUDIO_KEY, Studio, Team, pictures, quick_studio, until};

use crate::run;

const PAGE: &str = include_str!("../../../docs/generor.md");

/// What stands in a field's cell as code and is no way to reach it: values, and what comes back.
const ASIDE: [&str; 11] = [
    "generor/ID",
    "n",
    "inputs",
    "match_input_image",
    "adjustments",
    "adjustments.size",
    "adjustments.seconds",
    "adjustments.audio",
    "off",
    "on",
    "high",
];

/// The rows of the table under that heading, without its head.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, section) = PAGE.split_once(&format!("\n## {heading}\n")).expect("the heading");
    let lines = section.lines().skip_while(|line| !line.starts_with('|'));
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
    let cells = |row: &'static str| row.trim_matches('|').split(" | ").map(str::trim).collect();
    let rows: Vec<Vec<_>> = rows.map(cells).collect();
    assert!(!rows.is_empty(), "no table under {heading}");
    rows
}

/// What stands in a cell as code.
fn code(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// A path, whatever its holes are called.
fn holes(path: &str) -> String {
    let mut parts = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |path, part| format!("{path}/{part}"))
}

/// The vendor, and a gateway that has read its catalogue.
async fn studio() -> (Studio, Gateway, Team) {
    let vendor = Studio::start(quick_studio()).await;
    let gateway = vendor.gateway(run(), json!({})).await;
    let team = gateway.team("a").await;
    until("the catalogue", || async {
        let models = team.client.get("/v1/models").await.expect(200).json();
        let mut all = models["data"].as_array().into_iter().flatten();
        all.any(|model| model["id"] == "generor/80001").then_some(())
    })
    .await;
    (vendor, gateway, team)
}

/// A request, done: the vendor's order that it became.
async fn ordered(vendor: &Studio, team: &Team, prompt: &str, mut request: Value) -> Value {
    request["prompt"] = json!(prompt);
    let made = team.generate(&request).await;
    assert_eq!(made["status"], "completed", "{request}: {made}");
    let orders = vendor.orders().await;
    let order = orders.into_iter().find(|order| order["prompt"] == prompt);
    order.unwrap_or_else(|| panic!("no order: {request}: {made}"))
}

fn input(role: &str, bytes: &[u8]) -> Value {
    json!({ "role": role, "data": pictures::base64(bytes) })
}

fn picture(role: &str) -> Value {
    input(role, &pictures::picture(ImageFormat::Png))
}

fn clip(role: &str) -> Value {
    input(role, b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2\0\0\0\x08mdat")
}

fn sound(role: &str) -> Value {
    let head =
        b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data";
    input(role, &[&head[..], &[0; 4]].concat())
}

#[test]
fn every_endpoint_of_the_vendor_stands_in_the_table_once() {
    let mut told = Vec::new();
    for row in table("Endpoints") {
        let [name] = code(row[0])[..] else { panic!("one endpoint a row: {row:?}") };
        let (method, path) = name.split_once(' ').expect("a method and a path");
        told.push(format!("{method} {}", holes(path)));
        let first = row[1].split([' ', ',', ';']).next().unwrap_or_default();
        let says = first.starts_with('`') || ["Atelier", "Later"].contains(&first);
        assert!(says, "where it is reached: {row:?}");
    }
    let mut served: Vec<_> = endpoints().map(|(method, path)| format!("{method} {path}")).collect();
    told.sort();
    served.sort();
    let missing: Vec<_> = served.iter().filter(|name| !told.contains(name)).collect();
    let unknown: Vec<_> = told.iter().filter(|name| !served.contains(name)).collect();
    assert_eq!(told, served, "not in the table: {missing:?}, not served: {unknown:?}");
}

#[tokio::test]
async fn what_the_table_leads_to_is_there() {
    let (_vendor, gateway, _team) = studio().await;
    let document = gateway.anyone().get("/openapi.json").await.expect(200).json();
    for row in table("Endpoints") {
        for route in code(row[1]) {
            let Some((method, path)) = route.split_once(" /") else { continue };
            let found = &document["paths"][format!("/{path}")][method.to_lowercase()];
            assert!(found.is_object(), "{route}, for {}", row[0]);
        }
    }
}

#[tokio::test]
async fn each_kind_has_its_generator() {
    let (vendor, _gateway, team) = studio().await;
    for row in table("Kinds") {
        let (kind, generator) = (code(row[0])[0], *code(row[1]).last().expect("a generator"));
        let (model, inputs) = match kind {
            "text" => (37, vec![]),
            "vision" => (34, vec![picture("source")]),
            "image" => (10003, vec![]),
            "video" => (20061, vec![]),
            "speech" => (30001, vec![]),
            "music" => (40001, vec![]),
            "sound_effect" => (50001, vec![]),
            "upscale" => (60001, vec![picture("source")]),
            "vector" => (70001, vec![]),
            "background_removal" => (80001, vec![picture("source")]),
            other => panic!("no kind: {other}"),
        };
        let model = format!("generor/{model}");
        let request = json!({ "kind": kind, "model": model, "inputs": inputs });
        let order = ordered(&vendor, &team, &format!("of kind {kind}"), request).await;
        assert_eq!(order["generator"], generator, "{order}");
    }
    assert_eq!(table("Kinds").len(), 10);
}

/// One way to a field: what the table calls it, a request that goes it, and where in the order the vendor
/// then has what.
struct Way(&'static str, Value, &'static str, Value);

/// A request of that model with more in it.
fn asked(model: u32, more: &Value) -> Value {
    let mut request = json!({ "model": format!("generor/{model}") });
    if let (Some(request), Some(more)) = (request.as_object_mut(), more.as_object()) {
        request.extend(more.clone());
    }
    request
}

fn option(model: u32, name: &str, value: Value) -> Value {
    asked(model, &json!({ "provider_options": { "generor": { name: value } } }))
}

/// Fields that go through by their own names, each with a value.
fn by_name(field: &str) -> Value {
    match field {
        "language" => json!("nb-NO"),
        "source_language" => json!("en-US"),
        "temperature" => json!(0.5),
        "thinking_mode" => json!("high"),
        "avoid_duplicates" => json!(true),
        "preference" | "preference_two" | "user_text" | "user_text_two" | "story_context"
        | "character_context" | "character_name" | "mode" => json!(format!("{field} of ours")),
        "character_id" | "support_for" | "model_speech" | "item_index" | "total_count"
        | "translation_of" => json!(7),
        other => panic!("no way to {other} is tried"),
    }
}

/// Every way to a field of a clip, a picture or anything else that is not passed on as it is.
fn ways(field: &str, vendors_team: u64) -> Option<Vec<Way>> {
    let image = |more: Value| asked(10003, &more);
    let video = |more: Value| asked(20061, &more);
    let sent = |model, inputs: Vec<Value>| asked(model, &json!({ "inputs": inputs }));
    let first = "/references/0/field";
    let last = "/references/1/field";
    Some(match field {
        "prompt" => vec![Way("prompt", image(json!({})), "/prompt", json!("prompt by prompt"))],
        "model_id" => vec![Way("model", image(json!({})), "/model_id", json!(10003))],
        "privacy_mode" => {
            let public = option(10003, "privacy_mode", json!(0));
            vec![Way("provider_options.generor.privacy_mode", public, "/privacy_mode", json!(0))]
        }
        "team_id" => {
            let team = option(10003, "team_id", json!(vendors_team));
            vec![Way("provider_options.generor.team_id", team, "/team_id", json!(vendors_team))]
        }
        "count" => vec![Way("count", image(json!({ "count": 2 })), "/count", json!(2))],
        "aspect_ratio" => {
            let at = "/aspect_ratio";
            let named = option(10003, "aspect_ratio", json!("tall"));
            vec![
                Way("aspect_ratio", image(json!({ "aspect_ratio": "4:3" })), at, json!("4:3")),
                Way("size", image(json!({ "size": "768x1024" })), at, json!("3:4")),
                Way("provider_options.generor.aspect_ratio", named, at, json!("9:16")),
            ]
        }
        "image_url" => vec![
            Way("source", sent(10001, vec![picture("source")]), first, json!(field)),
            Way("first_frame", sent(20061, vec![picture("first_frame")]), first, json!(field)),
        ],
        "seconds" => vec![Way("seconds", video(json!({ "seconds": 10 })), "/seconds", json!(10))],
        "generate_audio" => {
            vec![Way("audio", video(json!({ "audio": true })), "/audio", json!(true))]
        }
        "ending_frame_url" => {
            let both = vec![picture("first_frame"), picture("last_frame")];
            vec![Way("last_frame", sent(20061, both), last, json!(field))]
        }
        "reference_images" => {
            let both = vec![picture("reference"), picture("reference")];
            vec![Way("reference", sent(20061, both), last, json!(field))]
        }
        "reference_videos" => {
            vec![Way("reference", sent(20061, vec![clip("reference")]), first, json!(field))]
        }
        "reference_audio" => vec![
            Way("audio", sent(20061, vec![sound("audio")]), first, json!(field)),
            Way("reference", sent(20061, vec![sound("reference")]), first, json!(field)),
        ],
        "video_url" => vec![Way("video", sent(20051, vec![clip("video")]), first, json!(field))],
        "parameters" => {
            let mut canvas = option(10003, "parameters", json!({ "wallart-type": "canvas" }));
            canvas["provider_options"]["generor"]["generator"] = json!("wallart");
            let at = "/parameters/wallart-type";
            vec![Way("provider_options.generor.parameters", canvas, at, json!("canvas"))]
        }
        _ => return None,
    })
}

#[tokio::test]
async fn every_field_arrives_by_the_ways_that_the_table_tells() {
    let (vendor, _gateway, team) = studio().await;
    let site = vendor.url();
    let ours = Client::new(site.strip_suffix("/api/v1").expect("a base")).with_key(STUDIO_KEY);
    let made = ours.post("/api/v1/teams", &json!({ "name": "ours" })).await.expect(201).json();
    let vendors_team = made["data"]["team_id"].as_u64().expect("a team");
    let mut fields = BTreeSet::new();
    for row in table("Fields of a request") {
        let field = code(row[0])[0];
        assert!(fields.insert(field), "{field} stands there twice");
        let told: BTreeSet<&str> =
            code(row[1]).into_iter().filter(|code| !ASIDE.contains(code)).collect();
        let name: &'static str = format!("provider_options.generor.{field}").leak();
        let ways = ways(field, vendors_team).unwrap_or_else(|| {
            let value = by_name(field);
            let request = option(37, field, value.clone());
            vec![Way(name, request, "/fields", json!({ field: value }))]
        });
        let tried: BTreeSet<&str> = ways.iter().map(|Way(name, ..)| *name).collect();
        assert_eq!(told, tried, "{field}: told, and tried");
        for Way(way, request, place, wanted) in ways {
            let prompt = format!("{field} by {way}");
            let order = ordered(&vendor, &team, &prompt, request).await;
            assert_eq!(order.pointer(place), Some(&wanted), "{prompt}: {order}");
            assert_eq!(order["dropped"], json!([]), "{prompt}: {order}");
            assert_eq!(order["ignored"], json!([]), "{prompt}: {order}");
            let private = u8::from(field != "privacy_mode");
            assert_eq!(order["privacy_mode"], private, "{prompt}: private unless it is said");
        }
    }
    assert_eq!(fields.len(), 34, "the fields of the vendor's page: {fields:?}");
}

#[tokio::test]
async fn what_is_no_field_of_the_vendors_does_what_the_table_tells() {
    let (vendor, _gateway, team) = studio().await;
    let options: Vec<&str> =
        table("Options beside the fields").iter().map(|row| code(row[0])[0]).collect();
    let names = ["generator", "license"].map(|name| format!("provider_options.generor.{name}"));
    assert_eq!(options, names);
    let order =
        ordered(&vendor, &team, "a wall", option(10003, "generator", json!("wallart"))).await;
    assert_eq!(order["generator"], "wallart");
    for (license, prompt) in [(1, "two open owls"), (2, "two foxes of our own")] {
        let mut request = option(10003, "license", json!(license));
        request["prompt"] = json!(prompt);
        request["count"] = json!(2);
        let made = team.generate(&request).await;
        assert_eq!(made["outputs"].as_array().map(Vec::len), Some(2), "{made}");
        assert_eq!(made["adjustments"].get("provider_options.generor.license"), None, "{made}");
        let mut seen = 0;
        for generation in vendor.generations().await {
            if generation["order"]["prompt"] != prompt {
                continue;
            }
            for id in generation["creations"].as_array().expect("a list") {
                let shown = vendor.site(STUDIO_KEY).get(&format!("/api/v1/creations/{id}")).await;
                let shown = shown.expect(200).json();
                assert_eq!(shown["data"]["license"], license, "{shown}");
                seen += 1;
            }
        }
        assert_eq!(seen, 2, "{prompt}");
    }
    let mut strange = option(10003, "license", json!(3));
    strange["prompt"] = json!("a fox of nobody");
    let refused = team.client.post("/v1/generations", &strange).await;
    assert_eq!(refused.refusal().0, 422, "{}", refused.text());
    assert!(refused.text().contains("1 (open) or 2 (exclusive)"), "{}", refused.text());
}

#[tokio::test]
async fn a_license_that_the_key_may_not_set_is_told_and_loses_nothing() {
    let vendor = Studio::start(quick_studio()).await;
    let key = vendor.key(&["read", "generate"]).await;
    let gateway = vendor.gateway(run(), json!({ "key": key })).await;
    let team = gateway.team("a").await;
    Studio::read_by(&team).await;
    let mut request = option(10003, "license", json!(2));
    request["prompt"] = json!("a fox");
    let made = team.generate(&request).await;
    assert_eq!(made["status"], "completed", "{made}");
    let told = &made["adjustments"]["provider_options.generor.license"];
    assert_eq!((&told["requested"], &told["used"]), (&json!(2), &json!(1)), "{made}");
    assert!(told["reason"].as_str().is_some_and(|why| why.contains("`write`")), "{made}");
    assert_eq!(vendor.charges().await.len(), 1);
}
