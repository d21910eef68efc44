//! The vendor as the suite wants it told: one fixture for its pictures, one for its words, one for its
//! clips. What the adapter reads of the public pages it has read of a vendor of its own, once: nothing but
//! what a check is about reaches the check's.

mod catalogue;
mod work;

use std::{path::PathBuf, sync::Arc};

use provider::{MicroUsd, Provider, SystemClock, Work};
use provider_conformance::{Answer, Books, Fixture, Means, Recorded, Rotation};
use provider_generor::{Config, Generor};
use provider_http::{Client, Deadlines, Settings};
use serde_json::{Value, json};

/// As the suite's credential begins.
const PREFIX: &str = "zq_live_conform";
const NEW_KEY: &str = "gnr_live_a1b2c3d4e5f6a7b8c9d0a1b2c3d4e5f6a7b8c9d0";
pub(crate) const API: &str = "/api/v1";
const DATE: &str = "Sun, 07 Apr 2024 12:00:05 GMT";
const WORDS: &str = "Why do programmers prefer dark mode? Because light attracts bugs!";
/// The first creation of every call.
const CREATION: u64 = 6147;
/// Credits of every call, four times its estimate, as on the vendor's page.
const COST: u64 = 24;

/// What the vendor makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gn {
    Images,
    Texts,
    Videos,
}

impl Gn {
    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::Images => "image",
            Self::Texts => "joke",
            Self::Videos => "video",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Texts => "texts",
            Self::Videos => "videos",
        }
    }
}

fn bytes() -> Vec<u8> {
    let mut bytes = b"RIFF\x40\x0d\x03\x00WEBPVP8L".to_vec();
    bytes.extend((0..200_000_u32).map(|n| n.to_le_bytes()[0].wrapping_mul(31)));
    bytes
}

/// An adapter that knows nothing yet.
pub(crate) fn plain(base_url: &str, means: Means) -> Generor {
    let deadline = means.deadline;
    let deadlines =
        Deadlines { connect: deadline, first_byte: deadline, idle: deadline, total: deadline * 4 };
    let body_max_bytes = means.body_max_bytes;
    let settings = Settings { deadlines, body_max_bytes, ..Settings::default() };
    let client = Client::new(settings, Arc::new(SystemClock)).unwrap();
    let base_url = format!("{base_url}{API}");
    let config = Config { base_url, work_ceiling_s: 1, ..Config::default() };
    Generor::new(config, Arc::new(client)).unwrap()
}

fn ok(data: &Value) -> Answer {
    Answer::json(200, &json!({"success": true, "data": data}))
}

fn list(rows: &[Value]) -> Answer {
    let meta = json!({"page": 1, "per_page": 100, "total": rows.len(), "total_pages": 1,
        "has_next": false, "has_prev": false});
    Answer::json(200, &json!({"success": true, "data": rows, "meta": meta})).header("date", DATE)
}

fn refused(status: u16, code: &str, message: &str) -> Answer {
    let error = json!({"code": code, "message": message, "status": status});
    Answer::json(status, &json!({"success": false, "error": error}))
}

/// The answer to a `generate`: what its model makes, as many as were asked for.
fn made(request: &Recorded, slug: &str) -> Answer {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let model = body["model_id"].as_u64().unwrap();
    let host = request.header("host").unwrap_or_default();
    let count = body["count"].as_u64().unwrap_or(1);
    let creation = |id: u64| match model {
        1..=9_999 => json!({"creation_id": id, "text": WORDS, "illustration_desc": "a bug icon"}),
        10_001..=19_999 => json!({"creation_id": id,
            "image_url": format!("http://{host}/users/2/img/image-{id}.webp")}),
        20_001..=29_999 => json!({"creation_id": id,
            "video_url": format!("http://{host}/users/2/video/video-{id}.mp4")}),
        _ => json!({"creation_id": id,
            "audio_url": format!("http://{host}/users/2/audio/sound-{id}.wav")}),
    };
    let creations: Vec<Value> = (CREATION..CREATION + count).map(creation).collect();
    let data = json!({"generator": slug, "model_id": model, "model_type": "image",
        "model_name": "black-forest-labs/flux-schnell", "creations": creations,
        "credit_cost": COST, "credit_cost_estimated": 6, "credits_remaining": 35_998,
        "time_taken_seconds": 23.7});
    Answer::json(201, &json!({"success": true, "data": data}))
}

impl Gn {
    /// The lost work in the vendor's books, and another's.
    fn row(self) -> Value {
        let mut row = json!({"creation_id": CREATION, "generator": self.slug(), "user_id": 2,
            "username": "johndoe", "prompt": self.work().prompt, "created_at": "2024-04-07 12:00:01",
            "privacy_mode": 1, "license": 1, "images": []});
        match self {
            Self::Images => {
                row["type"] = json!("img");
                row["images"] = json!([{"url": "/users/2/img/image-6147.png", "width": 1024}]);
            }
            Self::Texts => row["generator_data"] = json!({"text": WORDS, "model_id": 37}),
            Self::Videos => row["video_url"] = json!("/users/2/video/video-6147.mp4"),
        }
        row
    }

    fn private(self, path: &str) -> Option<Answer> {
        let other = json!({"creation_id": 6146, "generator": self.slug(), "prompt": "another",
            "created_at": "2024-04-07 12:00:00", "image_url": "/users/2/img/image-6146.png"});
        Some(match path {
            "/creations" => list(&[self.row(), other]),
            "/credits/transactions" => list(&[
                spent(),
                json!({"transaction_id": 8, "type": "spend", "amount": -80, "creation_id": 6146,
                    "balance_after": 36_022, "created_at": "2024-04-07 12:00:02"}),
            ]),
            "/credits/balance" => ok(&json!({"total": 1250, "paid": 1000, "free": 200,
                "earned": 50, "max": 250})),
            "/api-keys" => list(&[json!({"key_id": 1, "prefix": PREFIX, "name": "Default",
                "scopes": ["read", "write", "generate"]})]),
            _ => return None,
        })
    }
}

/// The charge of the work.
fn spent() -> Value {
    json!({"transaction_id": 9, "type": "spend", "amount": -24, "creation_id": CREATION,
        "balance_after": 35_998, "created_at": "2024-04-07 12:00:03"})
}

fn is_rotation(request: &Recorded) -> bool {
    request.method == "POST" && request.path == "/api/v1/api-keys"
}

impl Fixture for Gn {
    fn provider(&self, base_url: &str, means: Means) -> Arc<dyn Provider> {
        let adapter = plain(base_url, means);
        adapter.knowledge().unwrap().recall(catalogue::kept(*self));
        Arc::new(adapter)
    }

    fn work(&self) -> Work {
        work::plain(*self)
    }

    fn answer(&self, request: &Recorded) -> Answer {
        let path = request.path.split('?').next().unwrap_or_default();
        let Some(path) = path.strip_prefix(API) else {
            return Answer::new(200, "application/octet-stream", bytes());
        };
        let slug = path.trim_start_matches("/generators/").split('/').next().unwrap_or_default();
        let found = match (request.method.as_str(), path) {
            ("POST", "/api-keys") => Some(Answer::json(
                201,
                &json!({"success": true, "data": {"key_id": 2, "api_key": NEW_KEY,
                    "prefix": &NEW_KEY[..17], "name": "Atelier", "scopes": ["read"],
                    "message": "Save this API key now. It will not be shown again."}}),
            )),
            ("POST", path) if path.ends_with("/generate") => Some(made(request, slug)),
            ("POST", path) if path.ends_with("/estimate") => Some(catalogue::estimate(request)),
            ("DELETE", "/creations/6147") => Some(ok(&json!({"message": "Creation deleted"}))),
            ("GET", path) => self.private(path).or_else(|| catalogue::answer(path)),
            _ => None,
        };
        found.unwrap_or_else(|| self.error(404, "no such thing"))
    }

    fn is_submit(&self, request: &Recorded) -> bool {
        request.method == "POST" && request.path.ends_with("/generate")
    }

    /// The files of the site are no part of the API, and get no key.
    fn is_counted(&self, request: &Recorded) -> bool {
        request.header("authorization").is_some()
    }

    fn output(&self) -> Vec<u8> {
        if *self == Self::Texts { WORDS.as_bytes().to_vec() } else { bytes() }
    }

    fn charge(&self) -> MicroUsd {
        MicroUsd::from_micros(24_000)
    }

    fn reference(&self) -> String {
        CREATION.to_string()
    }

    fn error(&self, status: u16, message: &str) -> Answer {
        let code = match status {
            401 => "UNAUTHORIZED",
            402 => "INSUFFICIENT_CREDITS",
            403 => "FORBIDDEN",
            404 => "NOT_FOUND",
            429 => "RATE_LIMIT_EXCEEDED",
            400..=499 => "VALIDATION_ERROR",
            _ => "SERVER_ERROR",
        };
        refused(status, code, message)
    }

    fn content_refusal(&self) -> Answer {
        refused(400, "VALIDATION_ERROR", "Your prompt was rejected by our content policy")
    }

    fn enum_members(&self) -> &'static [&'static str] {
        &["type", "model_type", "status", "scopes", "name"]
    }

    fn golden(&self) -> PathBuf {
        [env!("CARGO_MANIFEST_DIR"), "tests", "golden", self.folder()].iter().collect()
    }

    fn golden_work(&self) -> Vec<(&'static str, Work)> {
        work::golden(*self)
    }

    fn is_forget(&self, request: &Recorded) -> bool {
        request.method == "DELETE" && request.path.starts_with("/api/v1/creations/")
    }

    fn books(&self) -> Option<Books> {
        let with = |name: &str, value: Value| {
            let mut row = spent();
            row[name] = value;
            list(&[row])
        };
        let bad = vec![
            ("an amount that is none", with("amount", json!("some"))),
            ("no amount", with("amount", Value::Null)),
            ("no moment", with("created_at", json!("yesterday"))),
            ("a row that is none", list(&[json!("24")])),
        ];
        let is_look = |request: &Recorded| request.path.contains("/credits/transactions");
        Some(Books { is_look, bad })
    }

    fn rotation(&self) -> Option<Rotation> {
        let json =
            |status, data: Value| Answer::json(status, &json!({"success": true, "data": data}));
        Some(Rotation {
            is_rotation,
            key: NEW_KEY,
            answers: vec![
                (
                    "as the page shows it",
                    json(
                        201,
                        json!({"key_id": 2, "api_key": NEW_KEY,
                    "prefix": &NEW_KEY[..17]}),
                    ),
                ),
                ("under another name", json(200, json!({"key": {"id": 2, "secret": NEW_KEY}}))),
                ("in a list", json(201, json!([{"token": NEW_KEY}]))),
            ],
        })
    }
}
