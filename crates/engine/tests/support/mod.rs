//! A vendor that does what a test says, and an engine over real records in a temporary folder.

pub(crate) mod accounts;
pub(crate) mod credits;
pub(crate) mod observed;
pub(crate) mod queue;
pub(crate) mod vendor;

use std::{collections::BTreeMap, future::Future, path::Path, sync::Arc, time::Duration};

use coordination::memory::{
    MemoryBreakers, MemoryCache, MemoryFingerprints, MemoryGuard, MemoryLots, MemoryQuotas,
    MemorySingleFlight, MemoryTurns,
};
use engine::{
    Account, Alias, CacheSettings, Caller, Done, Engine, Generation, Key, Market, Parts, Request,
    Scope, Settings, Team, Vendor,
};
use provider::{Clock, Entropy, Kind, ManualClock, Provider, Timestamp};
use records::{Change, KeyHash, LedgerFilter, Records, Rules, sqlite};

use observed::Observed;
use vendor::Scripted;

/// A vendor that a world can be built around.
pub(crate) trait Stand: Provider + 'static {
    fn stand(clock: ManualClock) -> Self;
    fn market(vendor: &Arc<Self>) -> Market;
    /// Our process died; what hung in it hangs no more.
    fn left(&self) {}
}

/// The usual world.
pub(crate) type World = Stage<Scripted>;

/// Counts up: every id is another, and the same in every run.
#[derive(Debug, Default)]
pub(crate) struct Counter(std::sync::atomic::AtomicU64);

impl Entropy for Counter {
    fn fill(&self, buffer: &mut [u8]) {
        let next = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        for (place, byte) in buffer.iter_mut().rev().enumerate() {
            *byte = next.to_le_bytes().get(place).copied().unwrap_or(0);
        }
    }
}

/// Tells receivers no more than which generation it is and how it stands.
#[derive(Debug)]
struct Plain;

impl engine::Payload for Plain {
    fn document(&self, _: &Engine, generation: &Generation) -> Result<String, String> {
        Ok(format!(r#"{{"id":"{}","status":"{}"}}"#, generation.id, generation.status.as_str()))
    }
}

/// One engine, its vendor and its caller. Dropped and opened again it is a restarted process.
pub(crate) struct Stage<V> {
    pub(crate) engine: Engine,
    pub(crate) vendor: Arc<V>,
    pub(crate) clock: ManualClock,
    pub(crate) caller: Caller,
    pub(crate) records: Arc<dyn Records>,
    /// What this process told of.
    pub(crate) observed: Arc<Observed>,
    folder: Arc<tempfile::TempDir>,
    entropy: Arc<Counter>,
    cache: CacheSettings,
    runtime: Option<tokio::runtime::Runtime>,
}

/// What processes that work together share, and what a restart finds.
struct Shared<V> {
    folder: Arc<tempfile::TempDir>,
    clock: ManualClock,
    vendor: Arc<V>,
    entropy: Arc<Counter>,
    records: Arc<dyn Records>,
    caller: Caller,
    alone: bool,
    cache: CacheSettings,
}

/// Most tests are about paying.
const NO_CACHE: CacheSettings = CacheSettings {
    enabled: false,
    ttl: Duration::from_secs(24 * 3600),
    global: false,
    variants: engine::Variants::Reuse,
    similar: None,
};

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

impl<V: Stand> Stage<V> {
    pub(crate) async fn new() -> Self {
        Self::prepared(|_| {}).await
    }

    /// A world whose vendor is changed before the engine sees it.
    pub(crate) async fn prepared(change: impl FnOnce(&V)) -> Self {
        Self::made(change, NO_CACHE).await
    }

    /// A world in which nothing is paid for twice.
    pub(crate) async fn caching(change: impl FnOnce(&mut CacheSettings)) -> Self {
        let mut cache = CacheSettings { enabled: true, ..NO_CACHE };
        change(&mut cache);
        Self::made(|_| {}, cache).await
    }

    /// The same, whose vendor is changed before the engine sees it.
    pub(crate) async fn caching_with(change: impl FnOnce(&V)) -> Self {
        Self::made(change, CacheSettings { enabled: true, ..NO_CACHE }).await
    }

    async fn made(change: impl FnOnce(&V), cache: CacheSettings) -> Self {
        Self::kept(change, cache, sqlite::Durability::Process).await
    }

    /// A world in which every commit is another thread's, as it is where they wait for the disk.
    pub(crate) async fn handing_over() -> Self {
        Self::kept(|_| {}, NO_CACHE, sqlite::Durability::Full).await
    }

    async fn kept(
        change: impl FnOnce(&V),
        cache: CacheSettings,
        durability: sqlite::Durability,
    ) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let clock = ManualClock::at(START);
        let vendor = Arc::new(V::stand(clock.clone()));
        change(&vendor);
        let entropy = Arc::new(Counter::default());
        let records = open(folder.path(), durability);
        let caller = caller();
        let key = (*caller.key).clone();
        records
            .apply(vec![Change::Team((*caller.team).clone()), Change::Key(key, KeyHash([7; 32]))])
            .await
            .unwrap();
        let shared = Shared { folder, clock, vendor, entropy, records, caller, alone: true, cache };
        Self::with(shared).await
    }

    async fn with(shared: Shared<V>) -> Self {
        let Shared { folder, clock, vendor, entropy, records, caller, alone, cache } = shared;
        // The engine gets a runtime of its own, so that a test can end it as abruptly as a kill.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let observed = Arc::new(Observed::default());
        let parts = Parts {
            records: Arc::clone(&records),
            turns: Arc::new(MemoryTurns::new(Arc::new(clock.clone()), Duration::ZERO)),
            lots: Arc::new(MemoryLots::new(Arc::new(clock.clone()))),
            guard: Arc::new(MemoryGuard::new(Arc::new(clock.clone()))),
            quotas: Arc::new(MemoryQuotas::new(Arc::new(clock.clone()))),
            breakers: Arc::new(MemoryBreakers::new(
                Arc::new(clock.clone()),
                Arc::clone(&entropy) as Arc<dyn Entropy>,
                coordination::BreakerRule::USUAL,
            )),
            equals: Arc::new(MemoryFingerprints::default()),
            cache: Arc::new(MemoryCache::new(Arc::new(clock.clone()), 1 << 20, None)),
            single: Arc::new(MemorySingleFlight::default()),
            store: assets::Store::folder(&folder.path().join("assets"), false).unwrap(),
            fetcher: assets::Fetcher::new(
                Arc::new(assets::SystemResolver),
                assets::Allow::parse(&["127.0.0.1"]).unwrap(),
                assets::FetchLimits { max_bytes: 1 << 20, timeout: Duration::from_secs(5) },
                Arc::new(clock.clone()),
            )
            .unwrap(),
            market: V::market(&vendor),
            clock: Arc::new(clock.clone()),
            entropy: Arc::clone(&entropy) as Arc<dyn Entropy>,
            observer: Arc::clone(&observed) as Arc<dyn engine::Observer>,
            vault: engine::Vault::new(&[7; 32]),
            opener: Arc::new(accounts::Opener(Arc::clone(&vendor) as Arc<dyn Provider>)),
            payload: Arc::new(Plain),
            settings: Settings {
                asset_ttl: Duration::from_secs(3600),
                attempts: 3,
                policy: routing::Policy::Cost,
                second_price: routing::SECOND_PRICE,
                max_asset_bytes: 1 << 20,
                memory_in_flight: 1 << 20,
                public_url: "http://127.0.0.1:1".to_owned(),
                alone,
                retention: engine::Retention {
                    prompts: Some(days(90)),
                    records: Some(days(400)),
                    audit: Some(days(730)),
                },
                cache,
            },
        };
        let engine = runtime.spawn(Engine::open(parts)).await.unwrap().unwrap();
        let runtime = Some(runtime);
        Self { engine, vendor, clock, caller, records, observed, folder, entropy, cache, runtime }
    }

    /// The process dies without a word; another one opens what it left behind.
    pub(crate) async fn kill_and_restart(mut self) -> Self {
        self.stop();
        let (folder, clock) = (Arc::clone(&self.folder), self.clock.clone());
        let (vendor, entropy) = (Arc::clone(&self.vendor), Arc::clone(&self.entropy));
        let (caller, cache) = (self.caller.clone(), self.cache);
        drop(self);
        vendor.left();
        let records = open(folder.path(), sqlite::Durability::Process);
        let shared = Shared { folder, clock, vendor, entropy, records, caller, alone: true, cache };
        Self::with(shared).await
    }

    /// A second process with the same records.
    pub(crate) async fn beside(&self) -> Self {
        Self::with(Shared {
            folder: Arc::clone(&self.folder),
            clock: self.clock.clone(),
            vendor: Arc::clone(&self.vendor),
            entropy: Arc::clone(&self.entropy),
            records: Arc::clone(&self.records),
            caller: self.caller.clone(),
            alone: false,
            cache: self.cache,
        })
        .await
    }

    /// The process dies without a word, and nobody opens it again.
    pub(crate) fn kill(mut self) {
        self.stop();
    }

    /// One more team, with a key of its own.
    pub(crate) async fn another_team(&self, id: &str) -> Caller {
        let mut caller = caller();
        Arc::make_mut(&mut caller.team).id = id.to_owned();
        Arc::make_mut(&mut caller.key).id = format!("key_of_{id}");
        Arc::make_mut(&mut caller.key).team = id.to_owned();
        let hash = KeyHash(*blake3::hash(id.as_bytes()).as_bytes());
        let key = (*caller.key).clone();
        let changes = vec![Change::Team((*caller.team).clone()), Change::Key(key, hash)];
        self.records.apply(changes).await.unwrap();
        caller
    }

    /// The records' file.
    pub(crate) fn database(&self) -> std::path::PathBuf {
        self.folder.path().join(DATABASE)
    }

    /// Whether any file of the process holds these words.
    pub(crate) fn folder_holds(&self, words: &str) -> bool {
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    let bytes = std::fs::read(entry.path()).unwrap();
                    if bytes.windows(words.len()).any(|part| part == words.as_bytes()) {
                        return true;
                    }
                }
            }
        }
        false
    }

    pub(crate) async fn start(&self, request: Request) -> String {
        self.engine.start(&self.caller, request, None).await.unwrap().id
    }

    /// Waits for the end, the clock running ahead.
    pub(crate) async fn end(&self, id: &str) -> Arc<Generation> {
        let Done { generation, .. } =
            self.fast(self.engine.wait(&self.caller.team.id, id, None)).await.unwrap();
        assert!(generation.status.is_final());
        generation
    }

    /// Runs something while the clock jumps ahead.
    pub(crate) async fn fast<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        let mut tick = tokio::time::interval(Duration::from_millis(2));
        for _ in 0..20_000 {
            tokio::select! {
                biased;
                done = &mut work => return done,
                _ = tick.tick() => self.clock.advance(Duration::from_millis(250)),
            }
        }
        panic!("it did not end");
    }

    /// Runs something while the clock goes on slowly: a minute of it lasts longer than any test.
    pub(crate) async fn slowly<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        let mut tick = tokio::time::interval(Duration::from_millis(1));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for _ in 0..20_000 {
            tokio::select! {
                biased;
                done = &mut work => return done,
                _ = tick.tick() => self.clock.advance(Duration::from_millis(5)),
            }
        }
        panic!("it did not end");
    }

    /// Waits until something is so, the clock running ahead.
    pub(crate) async fn until(&self, mut so: impl FnMut() -> bool) {
        self.fast(async {
            while !so() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }

    /// The books: every transaction adds up to zero, and the provider's side is what it charged.
    pub(crate) async fn booked(&self) -> i64 {
        let entries =
            self.records.ledger(LedgerFilter::default(), engine::Page::first(1000)).await.unwrap();
        let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
        for entry in &entries {
            *sums.entry(&entry.transaction).or_default() += entry.amount.micros();
        }
        assert!(sums.values().all(|sum| *sum == 0), "{entries:?}");
        let at_vendor = entries.iter().filter(|entry| entry.account.starts_with("provider:"));
        at_vendor.map(|entry| entry.amount.micros()).sum()
    }
}

impl<V> Stage<V> {
    fn stop(&mut self) {
        // A kill leaves no moment in which others see what was dropped; the end of a runtime does.
        self.engine.stop();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl<V> Drop for Stage<V> {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 3600)
}

const DATABASE: &str = "atelier.db";

fn open(folder: &Path, durability: sqlite::Durability) -> Arc<dyn Records> {
    Arc::new(sqlite::Sqlite::open(&folder.join(DATABASE), durability).unwrap())
}

fn caller() -> Caller {
    let team = Team {
        id: "team_a".to_owned(),
        name: "a".to_owned(),
        models: Vec::new(),
        rules: Rules::default(),
        created_at: START,
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
        created_at: START,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    Caller { team: Arc::new(team), key: Arc::new(key) }
}

impl Stand for Scripted {
    fn stand(clock: ManualClock) -> Self {
        Self::new(clock)
    }

    fn market(vendor: &Arc<Self>) -> Market {
        market(vendor)
    }

    fn left(&self) {
        self.open_gates();
    }
}

fn market(vendor: &Arc<Scripted>) -> Market {
    let mut accounts: BTreeMap<&str, Vec<Arc<Account>>> = BTreeMap::new();
    for (provider, name) in vendor.accounts.lock().iter() {
        let account = Account {
            name: (*name).to_owned(),
            id: format!("{provider}/{name}"),
            key: "secret".into(),
            limits: vendor.limits(name),
            terms: engine::Terms::default(),
        };
        accounts.entry(provider).or_default().push(Arc::new(account));
    }
    let candidates = accounts.keys().map(|provider| format!("{provider}/one")).collect();
    let of = |(provider, accounts): (&str, Vec<Arc<Account>>)| {
        let adapter: Arc<dyn Provider> = Arc::clone(vendor) as Arc<dyn Provider>;
        Vendor::new(provider.to_owned(), adapter, accounts, true)
    };
    let vendors = accounts.into_iter().map(of).collect();
    let alias = Alias {
        name: "photo".to_owned(),
        kind: Kind::Image,
        candidates,
        variants: None,
        rules: vendor.rules.lock().clone(),
    };
    Market::new(vendors, vec![alias], BTreeMap::from([(Kind::Image, "photo".to_owned())]))
}

/// Who changes accounts.
pub(crate) fn operator() -> engine::keys::Actor {
    engine::keys::Actor::system("admin")
}

/// What a test waits for besides the clock.
pub(crate) fn now<V>(world: &Stage<V>) -> Timestamp {
    world.clock.now()
}
