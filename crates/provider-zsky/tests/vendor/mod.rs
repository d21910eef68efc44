//! The vendor as the suite wants it told: one fixture for its images, one for its videos.

use std::{path::PathBuf, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use provider::{
    Allowance, AspectRatio, Calendar, Kind, MicroUsd, Provider, Size, SystemClock, Timestamp, Work,
};
use provider_conformance::{Answer, Fixture, Means, NothingKept, Queue, Recorded, Rotation};
use provider_http::{Client, Deadlines, Settings};
use provider_zsky::{Config, Zsky};
use serde_json::{Value, json};

const NEW_KEY: &str = "zsky_live_9f8e7d6c5b4a39281706";
const DATE: &str = "Fri, 01 May 2026 12:00:00 GMT";

/// What the vendor makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zs {
    Images,
    Videos,
}

impl Zs {
    fn kind(self) -> &'static str {
        if self == Self::Images { "image" } else { "video" }
    }

    fn job(self) -> &'static str {
        if self == Self::Images { "5f3e-90_b1" } else { "8a1c.77" }
    }
}

/// Begins as a WebP or an MP4 does.
fn output(what: Zs) -> Vec<u8> {
    let mut bytes = match what {
        Zs::Images => b"RIFF\x40\x0d\x03\x00WEBPVP8L".to_vec(),
        Zs::Videos => b"\x00\x00\x00\x20ftypisom".to_vec(),
    };
    bytes.extend((0..200_000_u32).map(|n| n.to_le_bytes()[0].wrapping_mul(31)));
    bytes
}

fn is_poll(request: &Recorded) -> bool {
    request.method == "GET" && request.path.starts_with("/v1/jobs/")
}

fn is_delete(request: &Recorded) -> bool {
    request.method == "DELETE" && request.path.starts_with("/v1/jobs/")
}

fn is_fetch(request: &Recorded) -> bool {
    request.method == "GET" && request.path.starts_with("/storage/")
}

fn is_rotation(request: &Recorded) -> bool {
    request.method == "POST" && request.path == "/v1/keys/rotate"
}

fn asks_to_keep_nothing(request: &Recorded) -> bool {
    request.header("x-zsky-store") == Some("0")
}

fn job(status: &str) -> Value {
    json!({"job_id": "8a1c.77", "status": status, "kind": "video"})
}

fn stopped(status: &str, reason: &str) -> Answer {
    let mut job = job(status);
    job["error"] = json!(reason);
    Answer::json(200, &job)
}

impl Fixture for Zs {
    fn provider(&self, base_url: &str, means: Means) -> Arc<dyn Provider> {
        let deadline = means.deadline;
        let deadlines = Deadlines {
            connect: deadline,
            first_byte: deadline,
            idle: deadline,
            total: deadline * 4,
        };
        let body_max_bytes = means.body_max_bytes;
        let settings = Settings { deadlines, body_max_bytes, ..Settings::default() };
        let client = Client::new(settings, Arc::new(SystemClock)).unwrap();
        let config = Config { base_url: base_url.to_owned(), ..Config::default() };
        Arc::new(Zsky::new(config, Arc::new(client)).unwrap())
    }

    fn work(&self) -> Work {
        match self {
            Self::Images => {
                Work::image("image", "A neon-lit alley in Tokyo at dusk, photorealistic")
            }
            Self::Videos => Work {
                kind: Kind::Video,
                ..Work::image(
                    "video",
                    "A solitary lighthouse beam sweeping across choppy black sea",
                )
            },
        }
    }

    fn answer(&self, request: &Recorded) -> Answer {
        // Each model is asked for by the other fixture's work, too.
        let what = match request.path.as_str() {
            "/v1/images/generate" => Self::Images,
            "/v1/videos/generate" => Self::Videos,
            _ => *self,
        };
        let job = what.job();
        let host = request.header("host").unwrap_or_default();
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/v1/images/generate" | "/v1/videos/generate") => Answer::json(
                200,
                &json!({"job_id": job, "status": "queued", "kind": what.kind(),
                    "poll_url": format!("/v1/jobs/{job}")}),
            ),
            ("GET", path) if path == format!("/v1/jobs/{job}") => Answer::json(
                200,
                &json!({"job_id": job, "status": "completed", "kind": what.kind(),
                    "result_url": format!("http://{host}/storage/{job}?X-Amz-Signature=5e1f"),
                    "expires_in": 86400}),
            )
            .header("date", DATE),
            ("DELETE", path) if path == format!("/v1/jobs/{job}") => {
                Answer::new(204, "application/json", "")
            }
            ("GET", "/v1/usage") => Answer::json(
                200,
                &json!({"videos_used": 47, "videos_overage": 0, "images_used": 180,
                    "images_overage": 0, "overage_charged_cents": 0, "base_videos_allowance": 300,
                    "base_images_allowance": 1000, "month_start": "2026-05-01"}),
            ),
            ("POST", "/v1/keys/rotate") => Answer::json(200, &json!({"api_key": NEW_KEY})),
            ("GET", path) if path.starts_with("/storage/") => {
                Answer::new(200, "application/octet-stream", output(*self))
            }
            _ => self.error(404, "no such thing"),
        }
    }

    fn is_submit(&self, request: &Recorded) -> bool {
        request.method == "POST" && request.path.ends_with("s/generate")
    }

    /// The storage is another host, and gets no key.
    fn is_counted(&self, request: &Recorded) -> bool {
        request.header("x-api-key").is_some()
    }

    fn output(&self) -> Vec<u8> {
        output(*self)
    }

    fn charge(&self) -> MicroUsd {
        MicroUsd::ZERO
    }

    fn reference(&self) -> String {
        self.job().to_owned()
    }

    fn error(&self, status: u16, message: &str) -> Answer {
        Answer::json(status, &json!({"error": message}))
    }

    fn content_refusal(&self) -> Answer {
        self.error(451, "Sorry — our safety check stopped this")
    }

    fn enum_members(&self) -> &'static [&'static str] {
        &["status", "kind"]
    }

    fn golden(&self) -> PathBuf {
        let folder = if *self == Self::Images { "images" } else { "videos" };
        [env!("CARGO_MANIFEST_DIR"), "tests", "golden", folder].iter().collect()
    }

    fn golden_work(&self) -> Vec<(&'static str, Work)> {
        let plain = self.work();
        let mut all = vec![
            ("generate", plain.clone()),
            ("generate_keeping_nothing", Work { retain: false, ..plain.clone() }),
            (
                "generate_escaped",
                Work { prompt: "«Zoë», \"she\" said\n\\o/ 🌈".to_owned(), ..plain.clone() },
            ),
        ];
        match self {
            Self::Images => all.push((
                "generate_everything",
                Work {
                    size: Some(Size::new(2048, 256)),
                    seed: Some(-7),
                    negative_prompt: Some("blurry".to_owned()),
                    ..plain
                },
            )),
            Self::Videos => {
                let audio = Some(true);
                let aspect_ratio = Some(AspectRatio::new(9, 16));
                all.push((
                    "generate_seconds",
                    Work { seconds: Some(10), seed: Some(7), audio, aspect_ratio, ..plain.clone() },
                ));
                let options = [("length".to_owned(), json!(25))].into();
                all.push(("generate_frames", Work { options, ..plain }));
            }
        }
        all
    }

    fn queue(&self) -> Option<Queue> {
        let going = ["queued", "running", "zz_unheard_of", "Queued"];
        Some(Queue {
            is_poll,
            is_delete,
            is_fetch,
            going: going.iter().map(|state| (Answer::json(200, &job(state)), None)).collect(),
            blocked: |reason| stopped("blocked", reason),
            failed: |reason| stopped("failed", reason),
        })
    }

    fn nothing_kept(&self) -> Option<NothingKept> {
        let bytes = output(*self);
        let text = STANDARD.encode(&bytes);
        let label = if *self == Self::Images { "image/webp" } else { "video/mp4" };
        let body = |label: &str| Answer::new(200, label, bytes.clone());
        let json = |json: Value| Answer::json(200, &json);
        let escaped = json!({"image_b64": text}).to_string().replace('/', "\\/");
        let done = json!({"job_id": self.job(), "status": "completed", "kind": self.kind(),
            "data": text, "content_type": label});
        Some(NothingKept {
            is_asked: asks_to_keep_nothing,
            answers: vec![
                ("a media body", body(label)),
                ("a media body with parameters", body("Image/PNG; charset=binary")),
                ("bytes", body("application/octet-stream")),
                ("bytes as storages label them", body("binary/octet-stream")),
                ("mislabelled bytes", body("text/plain")),
                ("bytes labelled as nothing known", body("application/x-output")),
                ("JSON labelled as media", Answer::new(200, label, done.to_string())),
                ("base64 beside a job", json(done)),
                ("base64 in a list", json(json!({"outputs": [{"b64": text}]}))),
                (
                    "base64 beside a smaller preview",
                    json(json!({
                    "preview": STANDARD.encode(&bytes[..6000]), "result": text})),
                ),
                ("base64 without padding", json(json!({"x": text.trim_end_matches('=')}))),
                ("a data URL", json(json!({"url": format!("data:{label};base64,{text}")}))),
                ("escaped base64", Answer::new(200, "application/json", escaped)),
                (
                    "mislabelled JSON",
                    Answer::new(200, "text/plain", json!({"x": text}).to_string()),
                ),
            ],
        })
    }

    fn rotation(&self) -> Option<Rotation> {
        let json = |json: Value| Answer::json(200, &json);
        Some(Rotation {
            is_rotation,
            key: NEW_KEY,
            answers: vec![
                ("a member", json(json!({"api_key": NEW_KEY, "prefix": "zsky_live_9f8e"}))),
                ("nested", json(json!({"data": {"keys": [{"id": 1, "plaintext": NEW_KEY}]}}))),
                ("created", Answer::json(201, &json!({"key": NEW_KEY}))),
                ("plain text", Answer::new(200, "text/plain", format!("{NEW_KEY}\n"))),
            ],
        })
    }

    fn is_forget(&self, request: &Recorded) -> bool {
        is_delete(request)
    }

    fn allowances(&self) -> Vec<Allowance> {
        let month = |kind, limit, used| Allowance {
            kind,
            window: Calendar::Month,
            limit,
            used,
            overage: 0,
            since: Timestamp::parse("2026-05-01T00:00:00Z"),
        };
        vec![month(Kind::Image, 1000, 180), month(Kind::Video, 300, 47)]
    }
}
