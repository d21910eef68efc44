//! The free tier's thirty calls a minute are thirty generations a minute: neither estimates nor looks
//! at the balance take a paid call's place. Both clocks are the test's: ten minutes pass in seconds.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use coordination::memory::{
    MemoryBreakers, MemoryFingerprints, MemoryGuard, MemoryLots, MemoryQuotas, MemoryTurns,
};
use engine::{Account, Caller, Engine, Generation, Key, Market, Parts, Request, Scope, Team};
use provider::{Clock, Entropy, ManualClock, Provider, Timestamp};
use provider_generor::{Config, Generor};
use records::{Change, KeyHash, Records, Rules, sqlite};
use simulated_vendors::generor::{Limits, Settings};
use tests::{STUDIO_KEY, Studio, quick_studio};

/// Every id is another.
#[derive(Debug, Default)]
struct Counter(std::sync::atomic::AtomicU64);

impl Entropy for Counter {
    fn fill(&self, buffer: &mut [u8]) {
        let next = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        for (place, byte) in buffer.iter_mut().rev().enumerate() {
            *byte = next.to_le_bytes().get(place).copied().unwrap_or(0);
        }
    }
}

/// Nobody is told by webhook here.
#[derive(Debug)]
struct NoWebhooks;

impl engine::Payload for NoWebhooks {
    fn document(&self, _: &Engine, _: &Generation) -> Result<String, String> {
        Err("nobody is told".to_owned())
    }
}

/// No account comes while it runs.
#[derive(Debug)]
struct NoMore;

impl engine::OpenAccount for NoMore {
    fn open(
        &self,
        provider: &str,
        _: &str,
        _: secrecy::SecretString,
        _: &serde_json::Value,
    ) -> engine::Result<Account> {
        Err(engine::Refusal::field("provider", format!("{provider} takes no more accounts")))
    }
}

/// A minute of the vendor's page, and of ours.
const MINUTE: i64 = 60_000;
/// One generation in so many milliseconds: thirty a minute.
const APART: i64 = 2000;
const MINUTES: i64 = 10;

struct House {
    engine: Engine,
    clock: ManualClock,
    vendor: Studio,
    caller: Caller,
    _folder: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        // The limits of the page: thirty a minute with a key, fifteen without.
        let vendor = Studio::start(Settings { limits: Limits::default(), ..quick_studio() }).await;
        let clock = ManualClock::at(Timestamp::from_millis(1_800_000_000_000));
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("atelier.db");
        let records = sqlite::Sqlite::open(&file, sqlite::Durability::Process).expect("it opens");
        let records: Arc<dyn Records> = Arc::new(records);
        let caller = caller(clock.now());
        let changes = vec![
            Change::Team((*caller.team).clone()),
            Change::Key((*caller.key).clone(), KeyHash([7; 32])),
        ];
        records.apply(changes).await.expect("it is written");
        let timer: Arc<dyn Clock> = Arc::new(clock.clone());
        let parts = Parts {
            records,
            turns: Arc::new(MemoryTurns::new(Arc::clone(&timer), Duration::ZERO)),
            lots: Arc::new(MemoryLots::new(Arc::clone(&timer))),
            guard: Arc::new(MemoryGuard::new(Arc::clone(&timer))),
            quotas: Arc::new(MemoryQuotas::new(Arc::clone(&timer))),
            breakers: Arc::new(MemoryBreakers::new(
                Arc::clone(&timer),
                Arc::new(Counter::default()),
                coordination::BreakerRule::USUAL,
            )),
            equals: Arc::new(MemoryFingerprints::default()),
            store: assets::Store::folder(&folder.path().join("assets"), false).expect("a store"),
            fetcher: assets::Fetcher::new(
                Arc::new(assets::SystemResolver),
                assets::Allow::parse(&["127.0.0.1"]).expect("a network"),
                assets::FetchLimits { max_bytes: 1 << 20, timeout: Duration::from_secs(5) },
                Arc::clone(&timer),
            )
            .expect("a fetcher"),
            market: market(&vendor.url(), &timer),
            clock: timer,
            entropy: Arc::new(Counter::default()),
            observer: Arc::new(engine::Silent),
            vault: engine::Vault::new(&[7; 32]),
            opener: Arc::new(NoMore),
            payload: Arc::new(NoWebhooks),
            settings: engine::Settings {
                asset_ttl: Duration::from_secs(3600),
                attempts: 3,
                policy: routing::Policy::Cost,
                max_asset_bytes: 1 << 20,
                memory_in_flight: 1 << 20,
                public_url: "http://127.0.0.1:1".to_owned(),
                alone: true,
                retention: engine::Retention::default(),
            },
        };
        let engine = Engine::open(parts).await.expect("the engine opens");
        Self { engine, clock, vendor, caller, _folder: folder }
    }

    /// Both clocks go on.
    async fn pass(&self, millis: i64) {
        self.vendor.pass(millis).await;
        self.clock.advance(Duration::from_millis(millis.unsigned_abs()));
    }

    async fn is_made(&self, id: &str) -> bool {
        let found = self.engine.generation(&self.caller.team.id, id).await.expect("it is there");
        assert!(!found.status.is_final() || found.status == engine::Status::Completed, "{found:?}");
        found.status.is_final()
    }
}

fn caller(at: Timestamp) -> Caller {
    let team = Team {
        id: "team_a".to_owned(),
        name: "a".to_owned(),
        models: Vec::new(),
        rules: Rules::default(),
        created_at: at,
        revoked_at: None,
    };
    let key = Key {
        id: "key_a".to_owned(),
        team: team.id.clone(),
        name: "a".to_owned(),
        prefix: "atl_a".to_owned(),
        scopes: vec![Scope::Generate, Scope::Read],
        models: Vec::new(),
        rules: Rules::default(),
        networks: Vec::new(),
        metadata: BTreeMap::new(),
        created_at: at,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    Caller { team: Arc::new(team), key: Arc::new(key) }
}

fn market(url: &str, clock: &Arc<dyn Clock>) -> Market {
    let http = provider_http::Client::new(provider_http::Settings::default(), Arc::clone(clock));
    let config = Config { base_url: url.to_owned(), ..Config::default() };
    let adapter = Generor::new(config, Arc::new(http.expect("a client"))).expect("an adapter");
    let account = Account {
        name: "main".to_owned(),
        id: "generor/main".to_owned(),
        key: STUDIO_KEY.into(),
        limits: adapter.limits("main"),
    };
    let vendor = engine::Vendor::new("generor", Arc::new(adapter), vec![Arc::new(account)], true);
    Market::new(vec![vendor], Vec::new(), BTreeMap::new())
}

#[tokio::test]
async fn thirty_a_minute_are_thirty_generations() {
    let house = House::new().await;
    house.vendor.stand_at("2027-01-15T08:00:00Z").await;
    let mut open: Vec<String> = Vec::new();
    let (mut begun, mut made) = (0, 0);
    let mut now = 0;
    while now < MINUTES * MINUTE {
        // Every request has another shape, so that every one wants an estimate of its own.
        let mut request = Request::image(format!("a fox, number {begun}"));
        request.model = Some("generor/10003".to_owned());
        request.count = u8::try_from(begun % 10 + 1).expect("a small number");
        let started = house.engine.start(&house.caller, request, None).await;
        open.push(started.expect("it is accepted").id);
        begun += 1;
        house.pass(APART).await;
        now += APART;
        // Real work takes real time: give what can go on the time to end.
        for _ in 0..500 {
            let mut left = Vec::new();
            for id in open.drain(..) {
                match house.is_made(&id).await {
                    true => made += 1,
                    false => left.push(id),
                }
            }
            open = left;
            if open.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    // Two looks at the account at the start, and a wait for the minute's next turn after them.
    assert!(made >= begun - 5, "{made} of {begun} within ten minutes");
    for _ in 0..60 {
        house.pass(APART).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for id in &open {
        assert!(house.is_made(id).await, "none is lost");
    }
    assert_eq!(house.vendor.answered("429").await, 0, "the vendor had to refuse something");
}
