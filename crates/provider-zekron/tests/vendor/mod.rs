//! The vendor in both its dialects, as the suite wants it told.

use std::{path::PathBuf, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use provider::{Input, MicroUsd, Provider, Role, Size, SystemClock, Work};
use provider_conformance::{Answer, Books, Fixture, Means, Recorded};
use provider_http::{Client, Deadlines, Settings};
use provider_zekron::{Config, Dialect, Zekron};
use serde_json::{Value, json};

const PROMPT: &str = "A serene mountain landscape at golden hour";

fn adapter(base_url: &str, means: Means, dialect: Dialect) -> Arc<dyn Provider> {
    let deadline = means.deadline;
    let deadlines =
        Deadlines { connect: deadline, first_byte: deadline, idle: deadline, total: deadline * 4 };
    let body_max_bytes = means.body_max_bytes;
    let settings = Settings { deadlines, body_max_bytes, ..Settings::default() };
    let client = Client::new(settings, Arc::new(SystemClock)).unwrap();
    let config = Config { base_url: base_url.to_owned(), dialect, ..Config::default() };
    Arc::new(Zekron::new(config, Arc::new(client)).unwrap())
}

/// Begins as a JPEG does; the vendor labels it PNG, as in its own example.
fn picture() -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0];
    bytes.extend((0..200_000_u32).map(|n| n.to_le_bytes()[0].wrapping_mul(31)));
    bytes
}

fn golden(dialect: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", dialect].iter().collect()
}

/// What both dialects share.
fn books(request: &Recorded) -> Answer {
    if request.path == "/v1/balance" {
        return Answer::json(
            200,
            &json!({"success": true, "data": {"balance": "9.9462", "total_spent": "0.0538",
                "total_generations": 2, "currency": "USD"}}),
        );
    }
    Answer::new(200, "image/png", picture())
}

/// The work in the history.
fn row() -> Value {
    json!({"id": 43, "token": "a1b2c3", "prompt": PROMPT, "model": "zekron-image-1",
        "size": "1024x1024", "cost": "0.0290", "status": "completed", "type": "create",
        "image_url": "https://api.zekron.codes/v1/images/a1b2c3",
        "expires_at": "2024-04-08T12:00:01", "created_at": "2024-04-07T12:00:01"})
}

fn history(row: &Value) -> Answer {
    let pages = json!({"total": 1, "limit": 100, "offset": 0, "has_more": false});
    let data = json!({"generations": [row], "pagination": pages});
    Answer::json(200, &json!({"success": true, "data": data}))
        .header("date", "Sun, 07 Apr 2024 12:00:05 GMT")
}

fn is_history(request: &Recorded) -> bool {
    request.path.starts_with("/v1/generations")
}

#[derive(Debug, Clone)]
pub(crate) struct V1;

impl Fixture for V1 {
    fn provider(&self, base_url: &str, means: Means) -> Arc<dyn Provider> {
        adapter(base_url, means, Dialect::V1)
    }

    fn work(&self) -> Work {
        Work::image("zekron-image-1", PROMPT)
    }

    fn answer(&self, request: &Recorded) -> Answer {
        if is_history(request) {
            return history(&row());
        }
        if Preview.is_submit(request) {
            // Models that only the other dialect serves go there from this one, too.
            return Preview.answer(request);
        }
        if !self.is_submit(request) {
            return books(request);
        }
        let image = json!({"url": "https://api.zekron.codes/v1/images/a1b2c3",
            "b64_json": STANDARD.encode(picture()), "mime_type": "image/png",
            "expires_at": "2024-04-08T12:00:00+00:00"});
        let data = json!({"id": 42, "token": "a1b2c3", "type": "create",
            "model": "zekron-image-1", "prompt": PROMPT, "size": "1024x1024", "image": image,
            "cost": "0.0290", "remaining_balance": "9.9733"});
        let at = "2024-04-07T12:00:00+00:00";
        Answer::json(200, &json!({"success": true, "data": data, "created_at": at}))
    }

    fn is_submit(&self, request: &Recorded) -> bool {
        let own = request.method == "POST" && request.path == "/v1/generate";
        own || Preview.is_submit(request)
    }

    fn output(&self) -> Vec<u8> {
        picture()
    }

    fn charge(&self) -> MicroUsd {
        MicroUsd::from_micros(29_000)
    }

    fn reference(&self) -> String {
        "a1b2c3".to_owned()
    }

    fn error(&self, status: u16, message: &str) -> Answer {
        let code = "ERROR_CODE_ABC123_1712505600";
        let support = format!("Contact support with error code: {code}");
        let error = json!({"message": message, "code": code, "support": support});
        Answer::json(status, &json!({"success": false, "error": error}))
    }

    fn content_refusal(&self) -> Answer {
        let error = json!({"message": "no", "code": "content_policy_violation"});
        Answer::json(400, &json!({"success": false, "error": error}))
    }

    fn enum_members(&self) -> &'static [&'static str] {
        &["type", "status", "mime_type"]
    }

    fn books(&self) -> Option<Books> {
        let with = |name: &str, value: Value| {
            let mut row = row();
            row[name] = value;
            history(&row)
        };
        let bad = vec![
            ("a cost that is none", with("cost", json!("free"))),
            ("no cost", with("cost", Value::Null)),
            ("no moment", with("created_at", json!("yesterday"))),
            ("a row that is none", history(&json!("a1b2c3"))),
        ];
        Some(Books { is_look: is_history, bad })
    }

    fn golden(&self) -> PathBuf {
        golden("v1")
    }

    fn golden_work(&self) -> Vec<(&'static str, Work)> {
        let input = |media_type: &str, bytes: &'static [u8]| Input {
            role: Role::Source,
            media_type: media_type.to_owned(),
            bytes: Bytes::from_static(bytes),
            url: None,
        };
        let plain = self.work();
        let edit = Work { prompt: "Add a rainbow in the sky".to_owned(), ..plain.clone() };
        vec![
            ("generate", plain.clone()),
            ("generate_sized", Work { size: Some(Size::new(768, 1024)), ..plain.clone() }),
            (
                "generate_escaped",
                Work { prompt: "«Zoë», \"she\" said\n\\o/ 🌈".to_owned(), ..plain },
            ),
            (
                "edit",
                Work { inputs: vec![input("image/jpeg", b"\xff\xd8\xff\xe0one")], ..edit.clone() },
            ),
            (
                "edit_two",
                Work {
                    inputs: vec![input("image/png", b"first"), input("image/webp", b"second!")],
                    ..edit
                },
            ),
        ]
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Preview;

impl Fixture for Preview {
    fn provider(&self, base_url: &str, means: Means) -> Arc<dyn Provider> {
        adapter(base_url, means, Dialect::Preview)
    }

    fn work(&self) -> Work {
        Work::image("zekron-image-1", PROMPT)
    }

    fn answer(&self, request: &Recorded) -> Answer {
        if !self.is_submit(request) {
            return books(request);
        }
        let host = request.header("host").unwrap_or_default();
        let data = json!({"id": "img_abc123xyz",
            "url": format!("http://{host}/storage/img_abc123.png"),
            "model": "zekron-image-1:image-preview", "cost": 0.028,
            "created_at": "2026-01-01T12:00:00Z"});
        Answer::json(200, &json!({"success": true, "data": data}))
    }

    fn is_submit(&self, request: &Recorded) -> bool {
        request.method == "POST" && request.path == "/api/v1/zekron-image-1:image-preview"
    }

    fn output(&self) -> Vec<u8> {
        picture()
    }

    fn charge(&self) -> MicroUsd {
        MicroUsd::from_micros(28_000)
    }

    fn reference(&self) -> String {
        "img_abc123xyz".to_owned()
    }

    fn error(&self, status: u16, message: &str) -> Answer {
        let error = json!({"type": "server_error", "message": message, "suggestion": "Wait."});
        Answer::json(status, &json!({"error": error}))
    }

    fn content_refusal(&self) -> Answer {
        let error = json!({"type": "moderation_blocked", "message": "no"});
        Answer::json(403, &json!({"error": error}))
    }

    fn enum_members(&self) -> &'static [&'static str] {
        &["model"]
    }

    fn golden(&self) -> PathBuf {
        golden("preview")
    }

    fn golden_work(&self) -> Vec<(&'static str, Work)> {
        let plain = self.work();
        vec![
            ("generate", plain.clone()),
            (
                "generate_negative",
                Work {
                    negative_prompt: Some("blurry, low quality".to_owned()),
                    size: Some(Size::new(256, 256)),
                    ..plain
                },
            ),
            ("generate_flash", Work::image("zekron-flash", PROMPT)),
        ]
    }
}
