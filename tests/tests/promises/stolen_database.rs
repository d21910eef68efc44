//! A stolen database opens nothing: whoever has every file of the data folder but the encryption key has
//! no key, no credential, no secret, and no link.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use base64_simd::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use provider::Timestamp;
use records::People as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{
    ADMIN_KEY, Gateway, QUEUE_KEY, Queue, Relay, STUDIO_KEY, Studio, Team, VENDOR_KEY, Vendor,
    config, quick, quick_queue, quick_studio,
};

use crate::{image, run};

/// A credential that an operator adds while the gateway runs.
const ADDED: &str = "zk_live_added-while-it-ran-4c1d9e7b";
/// One that an operator gives by hand, in place of another.
const GIVEN: &str = "zk_live_given-by-hand-a3f08c55";

/// A gateway at work, and every secret that was used.
struct House {
    gateway: Gateway,
    team: Team,
    secrets: BTreeSet<String>,
    // They live as long as the gateway does.
    _vendors: (Vendor, Queue, Studio, [Relay; 2]),
}

impl House {
    async fn new() -> Self {
        let vendor = Vendor::start(quick()).await;
        let (queue, studio) =
            (Queue::start(quick_queue()).await, Studio::start(quick_studio()).await);
        // They hear the credentials that the vendors gave in place of ours.
        let origin = studio.origin();
        let relays = [Relay::start(&queue.url(), None).await, Relay::start(&origin, None).await];
        let mut config = config(&vendor, &json!({}));
        let far = studio.url().replace(&origin, &relays[1].url());
        let more = [
            ("zsky", queue.config_at(&relays[0].url(), json!({}), &json!({}))),
            ("generor", studio.config_at(&far, json!({}), &json!({}))),
        ];
        for (name, more) in more {
            config["providers"][name] = more["providers"][name].clone();
        }
        let photo = json!({ "kind": "image", "candidates": ["zekron/zekron-image-1"] });
        config["models"] = json!({ "photo": photo, "default": { "image": "photo" } });
        let gateway = run().gateway(&config).await;
        let team = gateway.team("a").await;
        let known = [ADMIN_KEY, VENDOR_KEY, QUEUE_KEY, STUDIO_KEY, ADDED, GIVEN, &team.key];
        let secrets = known.into_iter().map(str::to_owned).collect();
        Self { gateway, team, secrets, _vendors: (vendor, queue, studio, relays) }
    }

    /// Asks the administration for something that answers with a secret once: the answer.
    async fn told_once(&mut self, path: &str, body: Value, field: &str) -> Value {
        let answer = self.gateway.admin().post(path, &body).await;
        assert!([200, 201].contains(&answer.status), "{path}: {}", answer.text());
        let answer = answer.json();
        let secret = answer[field].as_str().unwrap_or_else(|| panic!("no {field}: {answer}"));
        self.secrets.insert(secret.to_owned());
        answer
    }

    /// Everything that makes, changes or uses a secret.
    async fn work(&mut self) {
        let body = json!({ "name": "second" });
        let second = self.told_once("/admin/v1/teams", body, "webhook_secret").await;
        let id = second["id"].as_str().expect("an id").to_owned();
        let renew = format!("/admin/v1/teams/{id}/webhook-secret");
        self.told_once(&renew, json!({}), "webhook_secret").await;
        let body = json!({ "team_id": id, "name": "one" });
        let key = self.told_once("/admin/v1/keys", body, "key").await;
        let rotate = format!("/admin/v1/keys/{}/rotate", key["id"].as_str().expect("an id"));
        self.told_once(&rotate, json!({ "grace": "1h" }), "key").await;
        let body = json!({ "name": "Ada", "role": "owner" });
        let user = self.told_once("/admin/v1/users", body, "key").await;
        let rotate = format!("/admin/v1/users/{}/rotate", user["id"].as_str().expect("an id"));
        self.told_once(&rotate, json!({}), "key").await;

        let admin = self.gateway.admin();
        let added = json!({ "provider": "zekron", "name": "spare", "key": ADDED });
        let added = admin.post("/admin/v1/accounts", &added).await.expect(201).json();
        let rotate =
            |id: &Value| format!("/admin/v1/accounts/{}/rotate", id.as_str().expect("an id"));
        drop(admin.post(&rotate(&added["id"]), &json!({ "key": GIVEN })).await.expect(200));
        for (provider, model) in [("zsky", "zsky/image"), ("generor", "generor/10003")] {
            let account = self.gateway.account(provider).await;
            drop(admin.post(&rotate(&account["id"]), &json!({})).await.expect(200));
            let body = json!({ "kind": "image", "model": model, "prompt": "with the new one" });
            let made = self.team.generate(&body).await;
            assert_eq!(made["status"], "completed", "{made}");
        }
        for relay in &self._vendors.3 {
            assert!(relay.heard().len() > 1, "the old and the new credential: {:?}", relay.heard());
            self.secrets.extend(relay.heard());
        }
        for number in 0..3 {
            let made = self.team.generate(&image(&format!("a busy day, number {number}"))).await;
            assert_eq!(made["status"], "completed", "{made}");
        }
    }

    /// A copy of the data folder, taken while the gateway runs, without the encryption key; the
    /// configuration that a thief would write for it.
    fn steal(&self) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let mut left = 0;
        for (path, bytes) in files(&self.gateway.folder().join("data")) {
            if path.extension().is_some_and(|ending| ending == "key") {
                left += 1;
                continue;
            }
            let path = path.strip_prefix(self.gateway.folder()).expect("it is within");
            let copy = folder.path().join(path);
            fs::create_dir_all(copy.parent().expect("a folder")).expect("a folder");
            fs::write(copy, bytes).expect("it is written");
        }
        assert_eq!(left, 1, "the encryption key lies in a file of its own");
        fs::copy(self.gateway.folder().join("gateway.yaml"), folder.path().join("gateway.yaml"))
            .expect("it is copied");
        folder
    }
}

/// Every file below a folder, with what is in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.insert(path.clone(), fs::read(&path).expect("a readable file"));
        }
    }
    all
}

/// The ways in which bytes are written: as they are, in hex, and in base64 wherever they begin within it.
fn spellings(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![secret.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    for shift in 0..3 {
        let shifted = [vec![0; shift], secret.to_vec()].concat();
        for alphabet in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let text = alphabet.encode_to_string(&shifted);
            // The first and the last characters hold bits of what stands beside it.
            let (from, to) = ((shift * 4).div_ceil(3), text.len() - 2);
            all.push(text.as_bytes()[from..to].to_vec());
        }
    }
    all
}

/// Where one of the needles stands: one walk, whatever their number.
fn found<'a>(hay: &[u8], needles: &'a BTreeMap<[u8; 8], Vec<Vec<u8>>>) -> Option<&'a [u8]> {
    hay.windows(8).enumerate().find_map(|(at, window)| {
        let candidates = needles.get(window)?;
        candidates.iter().find(|needle| hay[at..].starts_with(needle)).map(Vec::as_slice)
    })
}

/// Everything that must be nowhere, by its first characters.
fn needles(secrets: &BTreeSet<String>) -> BTreeMap<[u8; 8], Vec<Vec<u8>>> {
    let mut all: BTreeMap<[u8; 8], Vec<Vec<u8>>> = BTreeMap::new();
    for secret in secrets {
        assert!(secret.len() >= 16, "{secret} is too short to be looked for");
        // What tells kinds of keys apart is no secret, and what lies behind it may lie alone.
        let bare = secret.split_once('_').map_or(secret.as_str(), |(_, rest)| rest);
        let mut clear = vec![secret.as_bytes().to_vec(), bare.as_bytes().to_vec()];
        if let Some(raw) = secret.strip_prefix("whsec_") {
            clear.push(STANDARD.decode_to_vec(raw).expect("base64"));
        }
        for needle in clear.iter().flat_map(|bytes| spellings(bytes)) {
            let first: [u8; 8] = needle[..8].try_into().expect("eight bytes");
            all.entry(first).or_default().push(needle);
        }
    }
    all
}

#[test]
fn the_search_finds_every_spelling() {
    let secret = "atl_5up3r-s3cr3t-0f-4-t34m";
    let needles = needles(&BTreeSet::from([secret.to_owned()]));
    let hex: String = secret.bytes().map(|byte| format!("{byte:02X}")).collect();
    let within = |before: &str| STANDARD.encode_to_string(format!("{before}{secret} and more"));
    let url = URL_SAFE_NO_PAD.encode_to_string(format!("{{\"key\": \"{secret}\"}}"));
    for text in
        [secret.to_owned(), secret[4..].to_owned(), hex, within("x"), within("yx"), within(""), url]
    {
        let hay = format!("before it {text} after it");
        assert!(found(hay.as_bytes(), &needles).is_some(), "{text}");
    }
    assert_eq!(found(b"atl_5up3r-s3cr3t-0f-4-t34x, nearly", &needles), None);
}

#[tokio::test]
async fn no_secret_lies_in_the_data_folder() {
    let mut house = House::new().await;
    house.work().await;
    assert!(house.secrets.len() >= 14, "every kind of secret: {}", house.secrets.len());
    let needles = needles(&house.secrets);
    let look = |folder: &Path| {
        let all = files(&folder.join("data"));
        assert!(all.keys().any(|path| path.ends_with("atelier.db")), "{:?}", all.keys());
        for (path, bytes) in all {
            if let Some(secret) = found(&bytes, &needles) {
                let secret = String::from_utf8_lossy(secret);
                panic!("{} holds {secret}", path.display());
            }
            for name in ["link_key", "pepper"] {
                assert!(is_only_sealed(&bytes, name), "{} holds {name} in clear", path.display());
            }
        }
    };
    look(house.steal().path());
    // Nor once everything is written out, and begun again.
    house.gateway.kill_and_restart().await;
    look(house.steal().path());
    assert!(found(house.gateway.logged().as_bytes(), &needles).is_none(), "the log tells a secret");
}

#[tokio::test]
async fn the_keys_of_the_first_start_are_told_and_not_kept() {
    let vendor = Vendor::start(quick()).await;
    let mut gateway = run().gateway(&config(&vendor, &json!({ "admin": { "key": "" } }))).await;
    let printed = gateway.printed();
    let words = printed.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
    let is_key = |word: &&str| word.starts_with("atl_") || word.starts_with("adm_");
    let keys: BTreeSet<String> = words.filter(is_key).map(str::to_owned).collect();
    assert_eq!(keys.len(), 2, "the operator's and the demo team's: {printed}");
    for key in &keys {
        let path = if key.starts_with("adm_") { "/admin/v1/teams" } else { "/v1/models" };
        gateway.anyone().with_key(key).get(path).await.expect(200);
    }
    gateway.kill_and_restart().await;
    for (path, bytes) in files(&gateway.folder().join("data")) {
        assert_eq!(found(&bytes, &needles(&keys)), None, "{}", path.display());
    }
}

/// Whether a setting of that name stands there only as a sealed one.
fn is_only_sealed(bytes: &[u8], name: &str) -> bool {
    let sealed = format!("sealed_{name}");
    let mut ends = bytes.windows(name.len()).enumerate();
    ends.all(|(at, window)| {
        window != name.as_bytes() || bytes[..at + name.len()].ends_with(sealed.as_bytes())
    })
}

#[tokio::test]
async fn a_stolen_database_does_not_start_and_says_why() {
    let mut house = House::new().await;
    house.work().await;
    let folder = house.steal();
    let other = STANDARD.encode_to_string([9; 32]);
    let with_another = run().env("ATELIER__STORAGE__ENCRYPTION_KEY", &other);
    for (run, advice) in [(run(), "atelier.db.key back"), (with_another, "atelier accounts reseal")]
    {
        let started = run.cli(folder.path(), &["serve", "--config", "gateway.yaml"]);
        let ended = tokio::time::timeout(Duration::from_secs(60), started).await;
        let ended = ended.expect("it serves what it cannot open");
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        let said = [ended.stdout, ended.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        for word in ["encryption key", advice] {
            assert!(said.contains(word), "it does not say {word:?}: {said}");
        }
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[tokio::test]
async fn what_is_stolen_signs_no_link() {
    let mut house = House::new().await;
    house.work().await;
    let generation = &house.team.generations().await[0];
    let asset = generation["outputs"][0]["asset"].as_str().expect("an asset");
    assert_eq!(house.team.download(&generation["outputs"][0]).await.status, 200);
    let folder = house.steal();
    let file = folder.path().join("data/atelier.db");
    let stolen = records::sqlite::Sqlite::open(&file, records::sqlite::Durability::Process)
        .expect("a database opens");
    let sealed = stolen.sealed().await.expect("it can be read");
    assert!(sealed.len() >= 5, "settings, webhook secrets and credentials: {}", sealed.len());
    let anyone = house.gateway.anyone();
    let far = Timestamp::from_millis(32_503_680_000_000);
    for (place, text) in sealed {
        let parts = text.split(['.', ':', '$']).map(|part| part.as_bytes().to_vec());
        let bytes = text.split(['.', ':', '$']).filter_map(|part| {
            URL_SAFE_NO_PAD.decode_to_vec(part).or_else(|_| STANDARD.decode_to_vec(part)).ok()
        });
        for secret in parts.chain(bytes).chain([text.as_bytes().to_vec()]) {
            let query = assets::LinkKey::derive(&secret).sign(asset, far);
            let answer = anyone.get(&format!("/v1/assets/{asset}?{query}")).await;
            assert!(
                (400..500).contains(&answer.status),
                "{place:?} signs links: {}",
                answer.status
            );
        }
    }
}
