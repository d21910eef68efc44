use std::sync::atomic::{AtomicU64, Ordering};

use provider::{Entropy, ManualClock, Timestamp};
use records::{
    AuditEntry, AuditFilter, Key, KeyFilter, Page, Role, Rules, Scope, Team, User,
    sqlite::{Durability, Sqlite},
};
use secrecy::ExposeSecret;

use super::*;

mod admission;
mod changes;
mod entries;
mod operators;
mod roles;
mod sense;

/// Randomness that is another at every call and the same in every run.
#[derive(Debug)]
struct Numbered(AtomicU64);
impl Entropy for Numbered {
    fn fill(&self, buffer: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        blake3::Hasher::new().update(&number).finalize_xof().fill(buffer);
    }
}

struct Bench {
    keyring: Keyring,
    records: Arc<dyn Records>,
    clock: ManualClock,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self::over(Durability::Process)
    }

    /// With records that write everything in the order in which it was handed over.
    fn in_order() -> Self {
        Self::over(Durability::Full)
    }

    fn over(durability: Durability) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("atelier.db");
        let records: Arc<dyn Records> = Arc::new(Sqlite::open(&path, durability).unwrap());
        let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
        let keyring = Self::ring(&records, &clock, 7, 0);
        Self { keyring, records, clock, _folder: folder }
    }

    /// A keyring as another process has it: with its own memory and its own randomness,
    /// which is numbered from `first` on.
    fn ring(records: &Arc<dyn Records>, clock: &ManualClock, pepper: u8, first: u64) -> Keyring {
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let ids = Ids::new(Arc::clone(&shared), Arc::new(Numbered(AtomicU64::new(first))));
        Keyring::new(Arc::clone(records), ids, shared, [pepper; 32])
    }

    async fn team(&self, name: &str) -> Team {
        let new = NewTeam { name: name.to_owned(), ..NewTeam::default() };
        self.keyring.create_team(&owner(), new).await.unwrap()
    }

    async fn key_as(&self, change: impl FnOnce(NewKey) -> NewKey) -> (Key, String) {
        let team = self.team("crew").await.id;
        self.issue(change(new_key(&team))).await
    }

    async fn key(&self) -> (Key, String) {
        self.key_as(|new| new).await
    }

    async fn issue(&self, new: NewKey) -> (Key, String) {
        let (key, text) = self.keyring.create_key(&owner(), new).await.unwrap();
        (key, text.expose_secret().to_owned())
    }

    async fn user(&self, role: Role, team: Option<&str>) -> (User, String) {
        let (user, text) = self.keyring.create_user(&owner(), new_user(role, team)).await.unwrap();
        (user, text.expose_secret().to_owned())
    }

    /// Why a key is refused, from no address that is known.
    async fn refused(&self, text: &str) -> Option<Code> {
        self.keyring.authenticate(text, None).await.err().map(|refusal| refusal.code)
    }

    /// Who comes in as an operator; the configured key is `sesame`.
    async fn operator(&self, text: &str) -> Result<Actor> {
        let admin = self.keyring.admin_key("sesame");
        self.keyring.administrator(&admin, text, None).await
    }

    /// The audit, oldest first.
    async fn audit(&self) -> Vec<AuditEntry> {
        let page = Page { ascending: true, ..Page::first(100) };
        self.keyring.audit(AuditFilter::default(), page).await.unwrap()
    }

    /// Waits until everything is written that nobody waited for.
    async fn written(&self) {
        let fence = Change::Setting { name: "fence".to_owned(), value: String::new() };
        self.records.apply(vec![fence]).await.unwrap();
    }

    async fn stored(&self, key: &str) -> Key {
        self.keyring.key(key).await.unwrap().unwrap()
    }
}

fn owner() -> Actor {
    Actor::system("admin")
}

fn new_key(team: &str) -> NewKey {
    NewKey {
        team: team.to_owned(),
        name: "laptop".to_owned(),
        scopes: vec![Scope::Generate],
        models: Vec::new(),
        rules: Rules::default(),
        networks: Vec::new(),
        metadata: std::collections::BTreeMap::new(),
        expires_at: None,
    }
}

fn new_user(role: Role, team: Option<&str>) -> NewUser {
    NewUser { name: "Ada".to_owned(), role, team: team.map(str::to_owned), expires_at: None }
}
