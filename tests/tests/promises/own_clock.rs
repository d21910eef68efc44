//! The engine in the test's own process, with a clock that the test owns: days pass in moments.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use coordination::memory::{
    MemoryBreakers, MemoryCache, MemoryFingerprints, MemoryGuard, MemoryLots, MemoryQuotas,
    MemorySingleFlight, MemoryTurns,
};
use engine::{
    Account, Caller, Engine, Generation, Key, Market, Parts, Scope, Status, Team, Vendor,
};
use provider::{Clock, Entropy, Limits, ManualClock, Provider, Timestamp};
use provider_zekron::Zekron;
use provider_zsky::Zsky;
use records::{Change, KeyHash, Records, Rules, sqlite};
use tests::Queue;

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

/// A vendor with one account, `main`.
pub(crate) fn vendor(name: &str, key: &str, limits: Limits, adapter: Arc<dyn Provider>) -> Vendor {
    let account = Account {
        name: "main".to_owned(),
        id: format!("{name}/main"),
        key: key.into(),
        limits,
        terms: engine::Terms::default(),
    };
    Vendor::new(name, adapter, vec![Arc::new(account)], true)
}

/// The real adapters of a vendor with this plan and of one that is paid by the picture.
pub(crate) fn plan_and_paid(
    queue: &Queue,
    paid: &tests::Vendor,
    plan: provider_zsky::Plan,
    clock: &Arc<dyn Clock>,
) -> (Zsky, Zekron) {
    let http = provider_http::Client::new(provider_http::Settings::default(), Arc::clone(clock));
    let http = Arc::new(http.expect("a client"));
    let account = provider_zsky::AccountConfig { plan, ..Default::default() };
    let config = provider_zsky::Config {
        base_url: queue.url(),
        accounts: BTreeMap::from([("main".to_owned(), account)]),
        ..Default::default()
    };
    let zsky = Zsky::new(config, Arc::clone(&http)).expect("an adapter");
    let config = provider_zekron::Config { base_url: paid.url(), ..Default::default() };
    (zsky, Zekron::new(config, http).expect("an adapter"))
}

/// An engine whose time is the test's, with one team.
pub(crate) struct OwnClock {
    pub(crate) engine: Engine,
    pub(crate) clock: ManualClock,
    pub(crate) caller: Caller,
    pub(crate) folder: tempfile::TempDir,
}

impl OwnClock {
    /// An engine that can ask whomever `market` says, from that moment on.
    pub(crate) async fn open(
        clock: ManualClock,
        market: impl FnOnce(&Arc<dyn Clock>) -> Market,
    ) -> Self {
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
            cache: Arc::new(MemoryCache::new(Arc::clone(&timer), 1 << 20, None)),
            single: Arc::new(MemorySingleFlight::default()),
            store: assets::Store::folder(&folder.path().join("assets"), false).expect("a store"),
            fetcher: assets::Fetcher::new(
                Arc::new(assets::SystemResolver),
                assets::Allow::parse(&["127.0.0.1"]).expect("a network"),
                assets::FetchLimits { max_bytes: 1 << 20, timeout: Duration::from_secs(5) },
                Arc::clone(&timer),
            )
            .expect("a fetcher"),
            market: market(&timer),
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
                second_price: routing::SECOND_PRICE,
                max_asset_bytes: 1 << 20,
                memory_in_flight: 1 << 20,
                public_url: "http://127.0.0.1:1".to_owned(),
                alone: true,
                retention: engine::Retention::default(),
                cache: engine::CacheSettings {
                    enabled: false,
                    ttl: Duration::from_secs(3600),
                    global: false,
                    variants: engine::Variants::Reuse,
                    similar: None,
                },
            },
        };
        let engine = Engine::open(parts).await.expect("the engine opens");
        Self { engine, clock, caller, folder }
    }

    /// Whether a generation is made by now.
    pub(crate) async fn is_made(&self, id: &str) -> bool {
        let found = self.engine.generation(&self.caller.team.id, id).await.expect("it is there");
        assert!(!found.status.is_final() || found.status == Status::Completed, "{found:?}");
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
