//! The surface from outside, over a real engine with real records in a temporary folder; only the
//! vendor is made up.

mod accounts;
mod administration;
mod bad_input;
mod books;
mod budgets;
mod chat;
mod files;
mod keys;
mod kinds;
mod making;
mod operations;
mod painter;
mod people;
mod proxies;
mod speech;
mod talents;
mod videos;
mod webhooks;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use actix_web::{
    App,
    body::to_bytes,
    dev::{Service, ServiceResponse},
    http::{Method, StatusCode, header::HeaderMap},
    test,
    web::{self, Data},
};
use bytes::Bytes;
use coordination::memory::{
    MemoryBreakers, MemoryCache, MemoryFingerprints, MemoryGuard, MemoryLots, MemoryQuotas,
    MemorySingleFlight, MemoryTurns,
};
use engine::{
    Account, Alias, CacheSettings, Engine, Market, OpenAccount, Parts, Refusal, Retention, Scope,
    Settings, Variants, Vendor,
    keys::{Actor, NewKey, NewTeam},
};
use provider::{Clock, Entropy, Kind, ManualClock, Provider, Timestamp};
use records::sqlite::{Durability, Sqlite};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{Envelope, Limits, State, configure};
use crate::telemetry::Metrics;

/// Counts up: every id is another.
#[derive(Debug, Default)]
struct Counter(std::sync::atomic::AtomicU64);

impl Entropy for Counter {
    fn fill(&self, buffer: &mut [u8]) {
        // Five bits a byte: secrets keep no more of each.
        let mut next = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        for byte in buffer.iter_mut().rev() {
            *byte = u8::try_from(next % 32).unwrap();
            next /= 32;
        }
    }
}

/// A gateway without a socket, and two teams with a key each.
struct House {
    state: Data<State>,
    clock: ManualClock,
    admin: String,
    key: String,
    stranger: String,
    _folder: tempfile::TempDir,
}

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(START);
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let metrics = Arc::new(Metrics::new().unwrap());
        let database = folder.path().join("atelier.db");
        let limits = assets::FetchLimits { max_bytes: 1 << 20, timeout: Duration::from_secs(5) };
        let resolver = Arc::new(assets::SystemResolver);
        let parts = Parts {
            records: Arc::new(Sqlite::open(&database, Durability::Process).unwrap()),
            turns: Arc::new(MemoryTurns::new(Arc::clone(&shared), Duration::ZERO)),
            lots: Arc::new(MemoryLots::new(Arc::clone(&shared))),
            guard: Arc::new(MemoryGuard::new(Arc::clone(&shared))),
            quotas: Arc::new(MemoryQuotas::new(Arc::clone(&shared))),
            breakers: Arc::new(MemoryBreakers::new(
                Arc::clone(&shared),
                Arc::new(Counter::default()),
                coordination::BreakerRule::USUAL,
            )),
            equals: Arc::new(MemoryFingerprints::default()),
            cache: Arc::new(MemoryCache::new(Arc::new(clock.clone()), 1 << 20, None)),
            single: Arc::new(MemorySingleFlight::default()),
            store: assets::Store::folder(&folder.path().join("assets"), false).unwrap(),
            fetcher: assets::Fetcher::new(
                resolver,
                assets::Allow::default(),
                limits,
                Arc::clone(&shared),
            )
            .unwrap(),
            market: market(),
            clock: shared,
            entropy: Arc::new(Counter::default()),
            observer: Arc::clone(&metrics) as Arc<dyn engine::Observer>,
            vault: engine::Vault::new(&[7; 32]),
            opener: Arc::new(Studio),
            payload: Arc::new(super::WebhookPayload),
            settings: Settings {
                asset_ttl: Duration::from_secs(3600),
                attempts: 3,
                policy: routing::Policy::Cost,
                second_price: routing::SECOND_PRICE,
                max_asset_bytes: 1 << 20,
                memory_in_flight: 1 << 24,
                public_url: "http://atelier.test".to_owned(),
                alone: true,
                retention: Retention { prompts: None, records: None, audit: None },
                cache: CacheSettings {
                    enabled: true,
                    ttl: Duration::from_secs(24 * 3600),
                    global: false,
                    variants: Variants::Reuse,
                    similar: None,
                },
            },
        };
        let engine = Engine::open(parts).await.unwrap();
        let key = new_key(&engine, "crew").await;
        let stranger = new_key(&engine, "strangers").await;
        let admin = "an operator's own words".to_owned();
        let state = Data::new(State {
            admin: engine.keys().admin_key(&admin),
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            engine,
            limits: Limits { request_timeout: Duration::from_secs(300), input_bytes: 1 << 20 },
            metrics,
        });
        Self { state, clock, admin, key, stranger, _folder: folder }
    }

    /// Sends one request.
    async fn send(&self, call: Call<'_>) -> Answer {
        let state = self.state.clone();
        let app = App::new()
            .wrap(Envelope::new(state.clone()))
            .configure(move |service| configure(service, state))
            .route("/panic", web::get().to(panics));
        let app = test::init_service(app).await;
        let mut request = test::TestRequest::with_uri(call.path).method(call.method);
        if let Some(peer) = call.peer {
            request = request.peer_addr(SocketAddr::new(peer.parse().unwrap(), 40_000));
        }
        if let Some(key) = call.key {
            request = request.insert_header(("authorization", format!("Bearer {key}")));
        }
        for header in call.headers {
            request = request.insert_header(*header);
        }
        let request = request.set_payload(call.body).to_request();
        let response = app.call(request).await.unwrap_or_else(|error| {
            // What passes by the envelope is written by the error itself.
            let request = test::TestRequest::default().to_http_request();
            ServiceResponse::from_err(error, request)
        });
        let (status, headers) = (response.status(), response.headers().clone());
        let body = to_bytes(response.into_body()).await.unwrap();
        Answer { status, headers, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Call { key: Some(&self.key), ..Call::new(Method::GET, path) }).await
    }

    async fn post(&self, path: &str, body: &str) -> Answer {
        self.post_with(path, body, &[]).await
    }

    async fn post_with(&self, path: &str, body: &str, more: &[(&str, &str)]) -> Answer {
        let headers = [&[("content-type", "application/json")], more].concat();
        let call = Call::new(Method::POST, path);
        let body = Bytes::copy_from_slice(body.as_bytes());
        self.send(Call { key: Some(&self.key), headers: &headers, body, ..call }).await
    }

    async fn operate(&self, method: Method, path: &str, body: &str) -> Answer {
        self.operate_as(&self.admin, method, path, body).await
    }

    async fn operate_as(&self, key: &str, method: Method, path: &str, body: &str) -> Answer {
        let headers = [("content-type", "application/json")];
        let call = Call::new(method, path);
        let body = Bytes::copy_from_slice(body.as_bytes());
        self.send(Call { key: Some(key), headers: &headers, body, ..call }).await
    }
}

/// Opens further accounts at the painter, whatever their settings.
#[derive(Debug)]
struct Studio;

impl OpenAccount for Studio {
    fn open(
        &self,
        provider: &str,
        name: &str,
        key: SecretString,
        _settings: &Value,
    ) -> Result<Account, Refusal> {
        if provider != "painter" {
            return Err(Refusal::field("provider", "there is only the painter"));
        }
        let limits = painter::Painter.limits(name);
        let id = format!("{provider}/{name}");
        Ok(Account {
            name: name.to_owned(),
            id,
            key: key.into(),
            limits,
            terms: engine::Terms::default(),
        })
    }
}

async fn panics() -> &'static str {
    panic!("on purpose")
}

async fn new_key(engine: &Engine, name: &str) -> String {
    let by = Actor::system("cli");
    let new = NewTeam { name: name.to_owned(), ..NewTeam::default() };
    let team = engine.keys().create_team(&by, new).await.unwrap();
    let asked = NewKey {
        team: team.id,
        name: name.to_owned(),
        scopes: vec![Scope::Generate, Scope::Read],
        models: Vec::new(),
        rules: records::Rules::default(),
        networks: Vec::new(),
        metadata: BTreeMap::new(),
        expires_at: None,
    };
    let (_, text) = engine.keys().create_key(&by, asked).await.unwrap();
    text.expose_secret().to_owned()
}

fn market() -> Market {
    let adapter: Arc<dyn Provider> = Arc::new(painter::Painter);
    let account = Account {
        name: "main".to_owned(),
        id: "painter/main".to_owned(),
        key: "vendor's secret".into(),
        limits: adapter.limits("main"),
        terms: engine::Terms::default(),
    };
    let accounts = vec![Arc::new(account)];
    let vendor = Vendor::new("painter", adapter, accounts, true);
    let candidates = vec!["painter/oil".to_owned()];
    let alias = Alias {
        name: "photo".to_owned(),
        kind: Kind::Image,
        candidates,
        variants: None,
        rules: engine::AliasRules::default(),
    };
    let candidates = vec!["painter/film".to_owned()];
    let clip = Alias { name: "clip".to_owned(), kind: Kind::Video, candidates, ..alias.clone() };
    let defaults = [(Kind::Image, "photo"), (Kind::Video, "clip")];
    let defaults = defaults.map(|(kind, name)| (kind, name.to_owned()));
    Market::new(vec![vendor], vec![alias, clip], BTreeMap::from(defaults))
}

/// One request.
struct Call<'a> {
    method: Method,
    path: &'a str,
    key: Option<&'a str>,
    headers: &'a [(&'a str, &'a str)],
    /// Where the connection comes from.
    peer: Option<&'a str>,
    body: Bytes,
}

impl<'a> Call<'a> {
    fn new(method: Method, path: &'a str) -> Self {
        Self { method, path, key: None, headers: &[], peer: None, body: Bytes::new() }
    }
}

/// One answer.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks the status and hands the body out.
    #[track_caller]
    fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self.json()
    }

    /// Checks that it is an error in the contract's one shape.
    #[track_caller]
    fn refused(&self, status: u16, code: &str, param: Option<&str>) {
        let body = self.expect(status);
        let error = &body["error"];
        assert_eq!((&error["code"], &error["param"]), (&code.into(), &param.into()), "{body}");
        assert!(!error["message"].as_str().unwrap().is_empty());
        assert!(!error["type"].as_str().unwrap().is_empty());
        assert_eq!(error["request_id"], self.header("x-request-id"));
        assert_eq!(self.header("content-type"), "application/json");
    }
}
