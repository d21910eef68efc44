//! The simulated Generor in the test's own process: what every vendor has, and what only it has.

use std::{ops::Deref, time::Duration};

use serde_json::{Value, json};
use simulated_vendors::{
    Placement,
    generor::{Generor, Latencies, Latency, Limits, Rate, Settings},
};

use crate::{
    Client, Gateway, Run, Team, Vendor,
    gateway_process::{config_of, merge},
    until, until_within,
};

/// Our credential there.
pub const STUDIO_KEY: &str = "gnr_live_53c7e7a1b0d94f2f9c1e5a7d53c7e7a1b0d94f2f";

/// What follows the address in the page's base URL.
const BASE: &str = "/api/v1";

/// No waiting, small pictures, limits out of the way, and charges as they were estimated.
pub fn quick_studio() -> Settings {
    let none = Latency { min: 0, max: 0 };
    let free = Rate { per_minute: 1_000_000, per_hour: 1_000_000, per_day: 1_000_000 };
    Settings {
        latency_ms: Latencies { text: none, picture: none, clip: none, sound: none },
        limits: Limits { free, anonymous_per_minute: 1_000_000, ..Limits::default() },
        picture_bytes: Some(3000),
        charged_percent: Default::default(),
        ..Settings::default()
    }
}

/// The vendor of estimates and credits.
#[derive(Debug)]
pub struct Studio(Vendor);

impl Deref for Studio {
    type Target = Vendor;

    fn deref(&self) -> &Vendor {
        &self.0
    }
}

impl Studio {
    /// Starts one on free ports.
    pub async fn start(settings: Settings) -> Self {
        let running = Generor::start(settings, Placement::default()).await.expect("it starts");
        Self(Vendor::of(running))
    }

    /// A gateway that knows this vendor alone; `account` is laid over its account there.
    pub async fn gateway(&self, run: Run, account: Value) -> Gateway {
        run.gateway(&self.config_at(&self.url(), account, &json!({}))).await
    }

    /// The configuration of such a gateway, with the vendor at that address. `change` is laid over all.
    ///
    /// A call whose answer is lost may be at work for two seconds.
    pub fn config_at(&self, url: &str, account: Value, change: &Value) -> Value {
        let limits = json!({
            "requests_per_minute": 1_000_000,
            "requests_per_hour": 1_000_000,
            "requests_per_day": 1_000_000,
            "work_seconds": 2,
        });
        let mut main = json!({ "key": STUDIO_KEY, "limits": limits });
        merge(&mut main, &account);
        let generor = json!({ "type": "generor", "base_url": url, "accounts": { "main": main } });
        config_of(&json!({ "generor": generor }), change)
    }

    /// A gateway that knows this vendor alone and has read its catalogue, with a team.
    pub async fn house(&self, run: Run, change: &Value) -> (Gateway, Team) {
        let gateway = run.gateway(&self.config_at(&self.url(), json!({}), change)).await;
        let team = gateway.team("a").await;
        Self::read_by(&team).await;
        (gateway, team)
    }

    /// Waits until the gateway has read the catalogue: before that it knows the page's models alone.
    pub async fn read_by(team: &Team) {
        until("the catalogue", || async {
            let answer = team.client.get("/v1/models/generor/80001").await;
            (answer.status == 200).then_some(())
        })
        .await;
    }

    /// A request's quote by its one candidate, as soon as it is the vendor's own word: questions without the
    /// key are fifteen a minute, and all that the gateway reads at its start counts among them.
    pub async fn told(team: &Team, body: &Value) -> Value {
        until_within(Duration::from_secs(90), "the vendor's own word", || async {
            let answer = team.client.post("/v1/estimates", body).await.expect(200).json();
            let quote = answer["data"][0].clone();
            (quote["source"] != "listed").then_some(quote)
        })
        .await
    }

    /// Every call of `generate` that was begun.
    pub async fn generations(&self) -> Vec<Value> {
        self.books().await["generations"].as_array().cloned().unwrap_or_default()
    }

    /// What all charges add up to, in micro-dollars: a credit is a tenth of a cent.
    pub async fn total(&self) -> i64 {
        self.charges().await.iter().map(cost).sum()
    }

    /// What was charged for this prompt, in micro-dollars.
    pub async fn paid_for(&self, prompt: &str) -> i64 {
        let charges = self.charges().await;
        charges.iter().filter(|charge| charge["prompt"] == prompt).map(cost).sum()
    }

    /// The site's address, without what follows it in the API's.
    pub fn origin(&self) -> String {
        self.url().strip_suffix(BASE).expect("a base").to_owned()
    }

    /// The vendor's own API, with that key.
    pub fn site(&self, key: &str) -> Client {
        Client::new(self.origin()).with_key(key)
    }

    /// A further key of our account there, with these scopes.
    pub async fn key(&self, scopes: &[&str]) -> String {
        let asked = json!({ "name": "another", "scopes": scopes });
        let made = self.site(STUDIO_KEY).post("/api/v1/api-keys", &asked).await.expect(201);
        made.json()["data"]["api_key"].as_str().expect("a key").to_owned()
    }

    /// Somebody looks at our account there, past the gateway.
    pub async fn balance_by_hand(&self) -> Value {
        let told = self.site(STUDIO_KEY).get("/api/v1/credits/balance").await.expect(200);
        told.json()["data"].clone()
    }

    /// Sets what our account has left.
    pub async fn credits(&self, total: u64) {
        let command = json!({ "key": STUDIO_KEY, "total": total });
        drop(self.control().post("/credits", &command).await.expect(200));
    }

    /// Every order that it took, as it understood it.
    pub async fn orders(&self) -> Vec<Value> {
        let all = self.generations().await;
        all.into_iter().map(|generation| generation["order"].clone()).collect()
    }
}

/// A charge, in micro-dollars.
fn cost(charge: &Value) -> i64 {
    charge["credits"].as_i64().unwrap_or(0) * 1000
}
