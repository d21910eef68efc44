//! A simulated ZSky as a test's vendor: a queue with allowances, a month and a storage of its own.
//!
//! Its limits are the documented ones and as strict as the gateway takes them to be, so that a 429 or a
//! suspension is the witness of a broken promise. Only its work takes no time, unless a test says so.

use std::ops::Deref;

use serde_json::{Value, json};
use simulated_vendors::{
    Placement, Zsky,
    zsky::{Latency, Settings},
};

use crate::{
    Client, Gateway, Reply, Run, Vendor,
    gateway_process::{config_of, merge},
};

/// Our credential there.
pub const QUEUE_KEY: &str = "zsky_live_b1f09c63d7e24a5880ad3c1f";

/// No waiting, and small pictures that carry the id of their job.
pub fn quick_queue() -> Settings {
    Settings {
        image_latency_ms: Latency::NONE,
        video_latency_ms: Latency::NONE,
        picture_bytes: Some(3000),
        ..Settings::default()
    }
}

/// The queued vendor: everything that a [`Vendor`] has, and what only a queue has.
#[derive(Debug)]
pub struct Queue(Vendor);

impl Deref for Queue {
    type Target = Vendor;

    fn deref(&self) -> &Vendor {
        &self.0
    }
}

impl Queue {
    /// Starts one on free ports.
    pub async fn start(settings: Settings) -> Self {
        let running = Zsky::start(settings, Placement::default()).await.expect("it starts");
        Self(Vendor::of(running))
    }

    /// A gateway that knows this vendor alone; `account` is laid over its account there.
    ///
    /// A job whose answer is lost holds its slot for a second only.
    pub async fn gateway(&self, run: Run, account: Value) -> Gateway {
        run.gateway(&self.config_at(&self.url(), account, &json!({}))).await
    }

    /// The configuration of such a gateway, with the vendor at that address. `change` is laid over all.
    pub fn config_at(&self, url: &str, account: Value, change: &Value) -> Value {
        let mut main = json!({ "key": QUEUE_KEY, "limits": { "work_seconds": 1 } });
        merge(&mut main, &account);
        let zsky = json!({ "type": "zsky", "base_url": url, "accounts": { "main": main } });
        config_of(&json!({ "zsky": zsky }), change)
    }

    /// Every job that it took in.
    pub async fn jobs(&self) -> Vec<Value> {
        self.books().await["jobs"].as_array().cloned().unwrap_or_default()
    }

    /// How our key stands: what it used, its attempts, its suspension.
    pub async fn standing(&self) -> Value {
        self.books().await["keys"][0].clone()
    }

    /// The key's counters, as any customer reads them.
    pub async fn usage(&self) -> Value {
        self.by_hand("GET", "/v1/usage", "").await.expect(200).json()
    }

    /// Somebody makes an image with our key, past the gateway.
    pub async fn image_by_hand(&self, prompt: &str) {
        let body = json!({ "prompt": prompt, "width": 256, "height": 256 }).to_string();
        drop(self.by_hand("POST", "/v1/images/generate", &body).await.expect(200));
    }

    async fn by_hand(&self, method: &str, path: &str, body: &str) -> Reply {
        let headers = [("x-api-key", QUEUE_KEY), ("content-type", "application/json")];
        Client::new(self.url()).send(method, path, &headers, body.to_owned()).await
    }

    /// Suspends our key for so long.
    pub async fn suspend(&self, seconds: u32) {
        let order = json!({ "key": QUEUE_KEY, "for_s": seconds });
        drop(self.control().post("/suspension", &order).await.expect(200));
    }

    /// Opts in to overage for our key.
    pub async fn sell_overage(&self, monthly_cap_cents: u32) {
        let order = json!({ "key": QUEUE_KEY, "monthly_cap_cents": monthly_cap_cents });
        drop(self.control().post("/overage", &order).await.expect(200));
    }

    /// The vendor's own time, in Unix milliseconds.
    pub async fn now_ms(&self) -> i64 {
        let clock = self.control().get("/clock").await.expect(200).json();
        clock["now_ms"].as_i64().expect("a time")
    }

    /// Moves the vendor's clock to the first minute of its next month, where it goes on: `2026-12-01`.
    pub async fn turn_month(&self) -> String {
        let clock = self.control().get("/clock").await.expect(200).json();
        let now = clock["now"].as_str().expect("a time");
        let part = |from, to| now.get(from..to).and_then(|text: &str| text.parse::<u32>().ok());
        let (year, month) = (part(0, 4).expect("a year"), part(5, 7).expect("a month"));
        let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        let first = format!("{year:04}-{month:02}-01");
        let ours = self.clock(json!({ "follow": 0 })).await;
        let begin = self.clock(json!({ "set": format!("{first}T00:00:30Z") })).await;
        self.clock(json!({ "follow": begin - ours })).await;
        first
    }

    async fn clock(&self, command: Value) -> i64 {
        let clock = self.control().post("/clock", &command).await.expect(200).json();
        clock["now_ms"].as_i64().expect("a time")
    }
}
