//! Every kind of media behind one API: made from its inputs, private, paid for as the vendor's books say,
//! and kept as a file of its own type.

use image::ImageFormat;
use serde_json::{Value, json};
use tests::{Form, Gateway, Ledger, Studio, Team, micros, pictures, quick_studio};

use crate::run;

/// What comes back.
#[derive(Debug, Clone, Copy)]
enum Made {
    Words,
    Picture,
    CutOut,
    Drawing,
    Clip,
    Sound,
}

/// A kind: its name, a model, the roles and types of its inputs with the vendor's fields for them, what the
/// request says besides, and what comes back.
struct Case {
    kind: &'static str,
    model: u32,
    inputs: &'static [(&'static str, &'static str, &'static str)],
    more: Value,
    made: Made,
}

pub(crate) const PNG: &str = "image/png";
pub(crate) const MP4: &str = "video/mp4";
const WAV: &str = "audio/wav";

fn cases() -> [Case; 12] {
    let case = |kind, model, inputs, more, made| Case { kind, model, inputs, more, made };
    let source = &[("source", PNG, "image_url")];
    let clip = json!({ "seconds": 5, "aspect_ratio": "16:9", "audio": true });
    let frames = &[
        ("first_frame", PNG, "image_url"),
        ("last_frame", PNG, "ending_frame_url"),
        ("audio", WAV, "reference_audio"),
        ("reference", PNG, "reference_images"),
        ("reference", MP4, "reference_videos"),
    ];
    // Three hundred characters are charged by the hundred, and estimated as one.
    let speech = json!({ "prompt": "Say it slowly. ".repeat(20) });
    [
        case("text", 37, &[], json!({}), Made::Words),
        case("vision", 34, source, json!({}), Made::Words),
        case("image", 10003, &[], json!({ "aspect_ratio": "16:9" }), Made::Picture),
        case("image", 10001, source, json!({}), Made::Picture),
        case("video", 20060, frames, clip, Made::Clip),
        case("video", 20051, &[("video", MP4, "video_url")], json!({ "seconds": 3 }), Made::Clip),
        case("speech", 30001, &[], speech, Made::Sound),
        case("music", 40001, &[], json!({}), Made::Sound),
        case("sound_effect", 50001, &[], json!({}), Made::Sound),
        case("upscale", 60001, source, json!({ "prompt": null }), Made::Picture),
        case("vector", 70001, &[], json!({}), Made::Drawing),
        case("background_removal", 80001, source, json!({ "prompt": null }), Made::CutOut),
    ]
}

/// A small file of that type.
fn file(media_type: &str) -> Vec<u8> {
    match media_type {
        PNG => pictures::picture(ImageFormat::Png).to_vec(),
        MP4 => b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2\0\0\0\x08mdat".to_vec(),
        _ => {
            let head = b"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x04\0\0\0";
            [&head[..], &[0; 4]].concat()
        }
    }
}

/// Uploads a file: its asset.
pub(crate) async fn upload(team: &Team, media_type: &str) -> String {
    let form = Form::new().file("file", media_type, &file(media_type));
    let headers = [("content-type", &*Form::content_type())];
    let answer = team.client.send("POST", "/v1/assets", &headers, form.body()).await;
    answer.expect(201).json()["id"].as_str().expect("an asset").to_owned()
}

async fn request(team: &Team, case: &Case) -> Value {
    let mut inputs = Vec::new();
    for (role, media_type, _) in case.inputs {
        inputs.push(json!({ "role": role, "asset": upload(team, media_type).await }));
    }
    let mut request = json!({
        "kind": case.kind,
        "model": format!("generor/{}", case.model),
        "prompt": format!("of kind {}, by {}", case.kind, case.model),
        "inputs": inputs,
    });
    let fields = request.as_object_mut().expect("an object");
    for (name, value) in case.more.as_object().expect("an object") {
        match value {
            Value::Null => drop(fields.remove(name)),
            value => drop(fields.insert(name.clone(), value.clone())),
        }
    }
    request
}

/// The file is what the kind makes, by its first bytes and by what the answer says.
async fn assert_made(team: &Team, case: &Case, generation: &Value) {
    let outputs = generation["outputs"].as_array().expect("a list");
    let [output] = outputs.as_slice() else { panic!("one output: {generation}") };
    if matches!(case.made, Made::Words) {
        let text = output["text"].as_str().expect("a text");
        assert!(text.len() > 10, "{generation}");
        assert_eq!((&output["url"], &output["asset"]), (&Value::Null, &Value::Null), "{output}");
        return;
    }
    let file = team.download(output).await;
    let (begin, said) = (file.body.clone(), output["mime_type"].as_str().unwrap_or_default());
    assert_eq!(file.header("content-type"), Some(said), "{output}");
    assert_eq!(output["bytes"].as_u64(), u64::try_from(begin.len()).ok(), "{output}");
    let sniffed = match case.made {
        Made::Words => unreachable!("above"),
        Made::Picture | Made::CutOut => {
            let (format, width, height) = pictures::decoded(&begin);
            assert_eq!((&output["width"], &output["height"]), (&json!(width), &json!(height)));
            if matches!(case.made, Made::CutOut) {
                let picture = image::load_from_memory(&begin).expect("it can be decoded");
                assert!(picture.color().has_alpha(), "nothing is cut out");
            }
            format.to_mime_type()
        }
        Made::Drawing if begin.starts_with(b"<svg") || begin.starts_with(b"<?xml") => {
            "image/svg+xml"
        }
        Made::Clip if &begin[4..8] == b"ftyp" => MP4,
        Made::Sound if begin.starts_with(b"RIFF") && &begin[8..12] == b"WAVE" => WAV,
        _ => "nothing known",
    };
    assert_eq!(said, sniffed, "{:?}: {output}", case.made);
}

#[tokio::test]
async fn each_kind_is_made_from_its_inputs_in_private_and_charged_as_the_vendor_says() {
    let vendor = Studio::start(simulated_vendors::generor::Settings {
        picture_bytes: None,
        ..quick_studio()
    })
    .await;
    let (gateway, team) = vendor.house(run(), &json!({})).await;
    for case in cases() {
        let before = vendor.total().await;
        let made = team.generate(&request(&team, &case).await).await;
        let what = format!("{} by {}", case.kind, case.model);
        assert_eq!(made["status"], "completed", "{what}: {made}");
        assert_eq!((&made["kind"], &made["provider"]), (&json!(case.kind), &json!("generor")));
        assert_eq!(made["provider_model"], format!("generor/{}", case.model), "{made}");
        assert_eq!(
            (&made["account"], &made["adjustments"]),
            (&json!("main"), &json!({})),
            "{made}"
        );
        let charged = micros(&made["cost"]["charged_usd"]);
        assert_eq!(charged, vendor.total().await - before, "{what}: {made}");
        assert!(charged > 0 && made["cost"].get("uncertain_usd").is_none(), "{what}: {made}");
        assert_made(&team, &case, &made).await;
        let order = vendor.orders().await.pop().expect("an order");
        assert_eq!(order["model_id"], case.model, "{order}");
        assert_eq!(order["privacy_mode"], 1, "{what} is private: {order}");
        assert_eq!((&order["dropped"], &order["ignored"]), (&json!([]), &json!([])), "{order}");
        assert_references(&gateway, &case, &order);
    }
    let ledger = Ledger::read(&gateway.admin()).await;
    ledger.assert_balanced();
    assert_eq!(ledger.sum("provider:generor/main"), vendor.total().await);
    assert_eq!(vendor.count("generate").await, 12, "each was asked for once");
}

/// Every input was offered by a link of the gateway's own, in the field of its role.
fn assert_references(gateway: &Gateway, case: &Case, order: &Value) {
    let references = order["references"].as_array().expect("a list");
    let mut fields: Vec<&str> = references.iter().filter_map(|of| of["field"].as_str()).collect();
    let mut wanted: Vec<&str> = case.inputs.iter().map(|(.., field)| *field).collect();
    fields.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(fields, wanted, "{order}");
    for reference in references {
        let url = reference["url"].as_str().expect("an address");
        assert!(url.starts_with(&format!("{}/v1/assets/", gateway.url())), "{url}");
    }
}

#[tokio::test]
async fn only_who_says_so_makes_something_public() {
    let vendor = Studio::start(quick_studio()).await;
    let (_gateway, team) = vendor.house(run(), &json!({})).await;
    let public = json!({ "providers": { "generor": { "privacy": "public" } } });
    let (_open, strangers) = vendor.house(run(), &public).await;
    for (team, options, privacy) in [
        (&team, json!({}), 1),
        (&team, json!({ "privacy_mode": 0 }), 0),
        (&team, json!({ "privacy_mode": 1 }), 1),
        (&strangers, json!({}), 0),
        (&strangers, json!({ "privacy_mode": 1 }), 1),
    ] {
        let made = team
            .generate(&json!({
                "model": "generor/37",
                "prompt": "a secret",
                "provider_options": { "generor": options },
            }))
            .await;
        assert_eq!(made["status"], "completed", "{made}");
        let order = vendor.orders().await.pop().expect("an order");
        assert_eq!(order["privacy_mode"], privacy, "{options}");
    }
}
