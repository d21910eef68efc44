//! A simulated vendor in the test's own process: it outlives every kill of the gateway.
//!
//! What every vendor has is here, and Zekron's settings; what only a queue has is in [`crate::Queue`].

use serde_json::{Value, json};
use simulated_vendors::{
    Micros, Placement, Running, Zekron,
    zekron::{Latency, Limits, PriceRange, Prices, Settings},
};

use crate::Client;

/// Our credential there.
pub const VENDOR_KEY: &str = "zk_live_53c7e7a1b0d94f2f9c1e5a7d";

/// No waiting, small pictures that carry the token of their charge, and limits out of the way.
pub fn quick() -> Settings {
    Settings {
        latency_ms: Latency::NONE,
        picture_bytes: Some(3000),
        limits: Limits { per_minute: 1_000_000, concurrent: 1000 },
        ..Settings::default()
    }
}

/// What [`flat`] charges for a picture, in micro-dollars: the most that its page says, so that the worst
/// price of a call is its price.
pub const PICTURE: i64 = 29_000;

/// As [`quick`], with one price for every picture and money for many.
pub fn flat() -> Settings {
    let price = Micros(PICTURE.unsigned_abs());
    let v1 = [("zekron-image-1".to_owned(), PriceRange { min: price, max: price })];
    Settings {
        prices: Prices { v1: v1.into(), ..Prices::default() },
        starting_balance_micros: Micros(1_000_000_000),
        ..quick()
    }
}

/// The vendor, its books and its switches.
#[derive(Debug)]
pub struct Vendor {
    running: Running,
    control: Client,
}

impl Vendor {
    /// Starts a Zekron on free ports.
    pub async fn start(settings: Settings) -> Self {
        Self::of(Zekron::start(settings, Placement::default()).await.expect("it starts"))
    }

    /// Any vendor that runs.
    pub(crate) fn of(running: Running) -> Self {
        let control = Client::new(running.control_url());
        Self { running, control }
    }

    /// Its control port.
    pub(crate) fn control(&self) -> &Client {
        &self.control
    }

    /// Its API's address.
    pub fn url(&self) -> String {
        self.running.base_url()
    }

    /// A fault for the script.
    pub async fn fault(&self, fault: Value) {
        drop(self.control.post("/faults", &fault).await.expect(200));
    }

    /// Changes settings.
    pub async fn set(&self, change: Value) {
        let json = [("content-type", "application/json")];
        drop(self.control.send("PUT", "/settings", &json, change.to_string()).await.expect(200));
    }

    /// Its books: `charges`, `keys`, and whatever else it keeps.
    pub async fn books(&self) -> Value {
        self.control.get("/books").await.expect(200).json()
    }

    /// Every charge in its books.
    pub async fn charges(&self) -> Vec<Value> {
        self.books().await["charges"].as_array().cloned().unwrap_or_default()
    }

    /// What all charges add up to, in micro-dollars.
    pub async fn total(&self) -> i64 {
        self.charges().await.iter().map(|charge| charge["cost_micros"].as_i64().unwrap_or(0)).sum()
    }

    /// Waits until there are so many charges.
    pub async fn charged(&self, count: usize) -> Vec<Value> {
        crate::until(&format!("{count} charges at the vendor"), || async {
            let charges = self.charges().await;
            (charges.len() >= count).then_some(charges)
        })
        .await
    }

    /// The recent requests, one by one.
    pub async fn requests(&self) -> Vec<Value> {
        let all = self.control.get("/requests").await.expect(200).json();
        all["requests"].as_array().cloned().unwrap_or_default()
    }

    /// How many requests of a class (`generate`, `images`, `balance`, `generations`; `jobs`, `usage`,
    /// `results`) came in.
    pub async fn count(&self, class: &str) -> u64 {
        let all = self.control.get("/requests").await.expect(200).json();
        all["counts"]["by_class"][class].as_u64().unwrap_or(0)
    }

    /// How many requests were answered with this status (`reset` for none).
    pub async fn answered(&self, status: &str) -> u64 {
        let all = self.control.get("/requests").await.expect(200).json();
        all["counts"]["by_status"][status].as_u64().unwrap_or(0)
    }

    /// Waits until so many requests of a class came in.
    pub async fn asked(&self, class: &str, count: u64) {
        crate::until(&format!("{count} {class} requests at the vendor"), || async {
            (self.count(class).await >= count).then_some(())
        })
        .await;
    }

    /// Stops the vendor's clock at that moment.
    pub async fn stand_at(&self, moment: &str) {
        drop(self.control.post("/clock", &json!({ "set": moment })).await.expect(200));
    }

    /// Moves the vendor's clock.
    pub async fn pass(&self, millis: i64) {
        drop(self.control.post("/clock", &json!({ "advance_ms": millis })).await.expect(200));
    }

    /// Strikes the next generate call.
    pub async fn fault_on_generate(&self, kind: &str, more: Value) {
        let mut fault = json!({ "kind": kind, "on": "generate" });
        if let (Some(fault), Some(more)) = (fault.as_object_mut(), more.as_object()) {
            fault.extend(more.clone());
        }
        self.fault(fault).await;
    }
}
