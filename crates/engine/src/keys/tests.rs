use std::sync::atomic::{AtomicU8, Ordering};

use provider::{Entropy, ManualClock};
use records::sqlite::{Durability, Sqlite};
use secrecy::ExposeSecret;

use super::*;

#[derive(Debug, Default)]
struct Counting(AtomicU8);
impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed));
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
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("atelier.db");
        let records: Arc<dyn Records> = Arc::new(Sqlite::open(&path, Durability::Process).unwrap());
        let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
        let keyring = Self::ring(&records, &clock, 7);
        Self { keyring, records, clock, _folder: folder }
    }

    fn ring(records: &Arc<dyn Records>, clock: &ManualClock, pepper: u8) -> Keyring {
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let ids = Ids::new(Arc::clone(&shared), Arc::new(Counting::default()));
        Keyring::new(Arc::clone(records), ids, shared, [pepper; 32])
    }

    async fn key(&self, expires_at: Option<Timestamp>) -> (Key, String) {
        let team = self.keyring.create_team("crew", Vec::new()).await.unwrap();
        let asked = NewKey {
            team: team.id,
            name: "laptop".to_owned(),
            scopes: vec![Scope::Generate],
            models: Vec::new(),
            expires_at,
        };
        let (key, text) = self.keyring.create_key(asked).await.unwrap();
        (key, text.expose_secret().to_owned())
    }

    async fn refused(&self, text: &str) -> Option<Code> {
        self.keyring.authenticate(text).await.err().map(|refusal| refusal.code)
    }
}

#[tokio::test]
async fn a_key_opens_its_team_and_nothing_else_does() {
    let bench = Bench::new();
    let (key, text) = bench.key(None).await;
    assert!(text.starts_with("atl_") && text.len() >= 36, "{text}");
    assert!(text.starts_with(&key.prefix) && key.prefix.len() < 12);
    for _ in 0..2 {
        assert_eq!(bench.keyring.authenticate(&text).await.unwrap().key.id, key.id);
    }
    let longer = format!("{text}0");
    for bad in ["", "atl_", "sk-123", &text[4..], &text[..text.len() - 1], &longer, "atl_\u{7f}é"]
    {
        assert_eq!(bench.refused(bad).await, Some(Code::InvalidApiKey), "{bad:?}");
    }
}

#[tokio::test]
async fn another_pepper_knows_no_key() {
    let bench = Bench::new();
    let (_, text) = bench.key(None).await;
    let other = Bench::ring(&bench.records, &bench.clock, 8);
    assert!(other.authenticate(&text).await.is_err());
}

#[tokio::test]
async fn a_key_ends_at_its_end_although_it_is_remembered() {
    let bench = Bench::new();
    let end = bench.clock.now().plus(Duration::from_secs(2));
    let (_, text) = bench.key(Some(end)).await;
    assert_eq!(bench.refused(&text).await, None);
    bench.clock.advance(Duration::from_secs(2));
    assert_eq!(bench.refused(&text).await, Some(Code::InvalidApiKey));
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once() {
    let bench = Bench::new();
    let (key, text) = bench.key(None).await;
    assert_eq!(bench.refused(&text).await, None);
    bench.keyring.revoke_key(&key.id).await.unwrap();
    assert_eq!(bench.refused(&text).await, Some(Code::InvalidApiKey));
    bench.keyring.revoke_key(&key.id).await.unwrap();
    let unknown = bench.keyring.revoke_key("key_nobody").await.unwrap_err();
    assert_eq!(unknown.code, Code::NotFound);
}

#[tokio::test]
async fn a_revoked_team_takes_its_keys_with_it() {
    let bench = Bench::new();
    let (key, text) = bench.key(None).await;
    assert_eq!(bench.refused(&text).await, None);
    bench.keyring.revoke_team(&key.team).await.unwrap();
    assert_eq!(bench.refused(&text).await, Some(Code::InvalidApiKey));
    let more = NewKey {
        team: key.team,
        name: "late".to_owned(),
        scopes: vec![Scope::Read],
        models: Vec::new(),
        expires_at: None,
    };
    assert_eq!(bench.keyring.create_key(more).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn a_revocation_elsewhere_is_seen_when_the_memory_is_old() {
    let bench = Bench::new();
    let (key, text) = bench.key(None).await;
    assert_eq!(bench.refused(&text).await, None);
    let elsewhere = Bench::ring(&bench.records, &bench.clock, 7);
    elsewhere.revoke_key(&key.id).await.unwrap();
    bench.clock.advance(CACHE_LIFE);
    assert_eq!(bench.refused(&text).await, Some(Code::InvalidApiKey));
}

#[tokio::test]
async fn the_operators_key_is_kept_as_a_hash() {
    let bench = Bench::new();
    let text = bench.keyring.new_admin_key();
    let kept = bench.keyring.admin_key(text.expose_secret()).to_string();
    assert!(!kept.contains(text.expose_secret()));
    let admin = AdminKey::parse(&kept).unwrap();
    assert!(bench.keyring.is_admin(&admin, text.expose_secret()));
    assert!(!bench.keyring.is_admin(&admin, "something else"));
    assert!(AdminKey::parse("no hash").is_none());
    assert!(!format!("{admin:?} {:?}", bench.keyring).contains(&kept));
}

#[tokio::test]
async fn senseless_teams_and_keys_are_refused_by_field() {
    let bench = Bench::new();
    let (key, _) = bench.key(None).await;
    let field = |refusal: Refusal| refusal.param.unwrap();
    for name in ["", "  ", "a\nb", &"x".repeat(201)] {
        let refused = bench.keyring.create_team(name, Vec::new()).await.unwrap_err();
        assert_eq!(field(refused), "name");
    }
    let asked = |team: &str, scopes: &[Scope], expires_at| NewKey {
        team: team.to_owned(),
        name: "n".to_owned(),
        scopes: scopes.to_vec(),
        models: Vec::new(),
        expires_at,
    };
    let past = Some(bench.clock.now());
    for (new, param) in [
        (asked("team_nobody", &[Scope::Read], None), "team_id"),
        (asked(&key.team, &[], None), "scopes"),
        (asked(&key.team, &[Scope::Read], past), "expires_at"),
    ] {
        assert_eq!(field(bench.keyring.create_key(new).await.unwrap_err()), param);
    }
}
