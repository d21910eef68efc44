//! Backup, restore and another encryption key: what is stored comes back as it was, and nowhere else.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Output};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{ADMIN_KEY, Gateway, Vendor, config, quick};

use crate::{image, json_of, run, text};

/// A folder with that configuration and nothing else.
fn empty_house(config: &Value) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("gateway.yaml"), config.to_string()).expect("it is written");
    folder
}

async fn restore(folder: &Path, backup: &str, more: &[&str]) -> Output {
    run().cli(folder, &[&["restore", backup, "--json"], more].concat()).await
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

async fn start(folder: TempDir) -> Gateway {
    Gateway::start(run(), folder, &["serve", "--config", "gateway.yaml"]).await
}

#[tokio::test]
async fn a_backup_made_while_work_goes_on_comes_back_whole() {
    let vendor = Vendor::start(quick()).await;
    let config = config(&vendor, &json!({}));
    let mut gateway = run().gateway(&config).await;
    let team = gateway.team("a").await;
    let before = team.generate(&image("before")).await;
    let picture = team.download(&before["outputs"][0]).await.body;

    let bodies: Vec<Value> = (0..60).map(|n| image(&format!("meanwhile {n}"))).collect();
    let work = join_all(bodies.iter().map(|body| team.generate(body)));
    let arguments = ["backup", "saved", "--with-key", "--json"];
    let (made, saved) = tokio::join!(work, gateway.cli(ADMIN_KEY, &arguments));
    assert!(made.iter().all(|generation| generation["status"] == "completed"));
    let manifest = json_of(&saved);
    assert_eq!(manifest["database"]["teams"], json!(2), "the demo team and ours: {manifest}");
    assert_eq!(
        (&manifest["assets"]["missing"], &manifest["encryption_key"]),
        (&json!(0), &json!(true))
    );
    let saved = gateway.folder().join("saved");
    assert_eq!(mode(&saved), 0o700);
    for name in ["atelier.db", "manifest.json", "encryption.key"] {
        assert_eq!(mode(&saved.join(name)), 0o600, "{name}");
    }
    assert_eq!(gateway.cli(ADMIN_KEY, &["backup", "saved"]).await.status.code(), Some(2));

    gateway.kill().await;
    let folder = empty_house(&config);
    let path = saved.to_str().expect("a name").to_owned();
    let restored = json_of(&restore(folder.path(), &path, &[]).await);
    assert_eq!(restored["warnings"], json!([]), "{restored}");
    assert_eq!(restored["manifest"]["database"], manifest["database"]);
    let again = start(folder).await;
    let team = again.again(&team);
    let verdict = json_of(&again.cli(ADMIN_KEY, &["usage", "--verify", "--json"]).await);
    assert_eq!(verdict["ok"], true, "{verdict}");
    let id = before["outputs"][0]["asset"].as_str().expect("an asset");
    let fetched = team.client.get(&format!("/v1/assets/{id}")).await.expect(200);
    assert_eq!(fetched.body, picture);
    // Whatever the copy calls completed has its picture.
    for generation in team.generations().await {
        if generation["status"] == "completed" {
            team.download(&generation["outputs"][0]).await;
        }
    }
}

#[tokio::test]
async fn a_restore_overwrites_nothing_unasked_and_takes_no_damaged_backup() {
    let vendor = Vendor::start(quick()).await;
    let config = config(&vendor, &json!({}));
    let mut gateway = run().gateway(&config).await;
    let team = gateway.team("a").await;
    team.generate(&image("one")).await;
    json_of(&gateway.cli(ADMIN_KEY, &["backup", "saved", "--json"]).await);
    assert!(!gateway.folder().join("saved/encryption.key").exists());
    gateway.team("later").await;

    let here = gateway.folder().to_owned();
    let refused = restore(&here, "saved", &["--force"]).await;
    assert_eq!(refused.status.code(), Some(1), "it runs: {}", text(&refused.stdout));
    assert!(text(&refused.stderr).contains("is running"), "{}", text(&refused.stderr));
    gateway.kill().await;
    let refused = restore(&here, "saved", &[]).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("--force"), "{}", text(&refused.stderr));

    let database = here.join("saved/atelier.db");
    let good = fs::read(&database).expect("the copy");
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    fs::write(&database, &bad).expect("it is written");
    assert_eq!(restore(&here, "saved", &["--force"]).await.status.code(), Some(2));
    fs::write(&database, &good).expect("it is written");
    let asset = first_file(&here.join("saved/assets"));
    let bytes = fs::read(&asset).expect("the asset");
    fs::remove_file(&asset).expect("it can be removed");
    let refused = restore(&here, "saved", &["--force"]).await;
    assert!(text(&refused.stderr).contains("0 of its 1 assets"), "{}", text(&refused.stderr));
    fs::write(&asset, bytes).expect("it is written");

    // What was refused has changed nothing.
    gateway.start_again().await;
    let names = |list: &Value| list.to_string().contains("\"later\"");
    let list = gateway.admin().get("/admin/v1/teams").await.expect(200).json();
    assert!(names(&list), "{list}");
    gateway.kill().await;
    let restored = json_of(&restore(&here, "saved", &["--force"]).await);
    let former = restored["former_database"].as_str().expect("the former one");
    assert!(here.join(former).exists(), "{former}");
    gateway.start_again().await;
    let list = gateway.admin().get("/admin/v1/teams").await.expect(200).json();
    assert!(!names(&list), "{list}");
    assert_eq!(gateway.again(&team).generations().await.len(), 1);
}

fn first_file(folder: &Path) -> std::path::PathBuf {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let sub = entries.map(|entry| entry.path()).next().expect("a folder in it");
    fs::read_dir(sub).expect("a folder").flatten().next().expect("a file").path()
}

#[tokio::test]
async fn a_backup_without_its_key_opens_nothing_and_says_so() {
    let vendor = Vendor::start(quick()).await;
    let config = config(&vendor, &json!({}));
    let mut gateway = run().gateway(&config).await;
    let team = gateway.team("a").await;
    let saved = gateway.cli(ADMIN_KEY, &["backup", "saved", "--json"]).await;
    assert!(text(&saved.stderr).contains("--with-key"), "{}", text(&saved.stderr));
    json_of(&saved);
    gateway.kill().await;
    let folder = empty_house(&config);
    let path = gateway.folder().join("saved").to_str().expect("a name").to_owned();
    let restored = json_of(&restore(folder.path(), &path, &[]).await);
    assert!(restored["warnings"][0].as_str().is_some_and(|text| text.contains("encryption key")));
    // With the key beside it, everything is there again.
    let key = "data/atelier.db.key";
    fs::copy(gateway.folder().join(key), folder.path().join(key)).expect("the key");
    let again = start(folder).await;
    again.again(&team).client.get("/v1/models").await.expect(200);
}

#[tokio::test]
async fn the_encryption_key_can_be_changed() {
    let vendor = Vendor::start(quick()).await;
    let plain = config(&vendor, &json!({}));
    let mut gateway = run().gateway(&plain).await;
    let team = gateway.team("a").await;
    let add = [
        "accounts",
        "add",
        "--provider",
        "zekron",
        "--name",
        "second",
        "--vendor-key",
        "zk_live_2",
    ];
    assert_eq!(gateway.cli(ADMIN_KEY, &add).await.status.code(), Some(0));
    let here = gateway.folder().to_owned();
    let running = run().cli(&here, &["accounts", "reseal"]).await;
    assert_ne!(running.status.code(), Some(0), "it runs");
    gateway.kill().await;

    let write = |key: Option<&str>| {
        let change = json!({ "storage": { "encryption_key": key.unwrap_or_default() } });
        let text = config(&vendor, &change).to_string();
        fs::write(here.join("gateway.yaml"), text).expect("it is written");
    };
    write(Some("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="));
    fs::write(here.join("wrong.key"), "//////////////////////////////////////////8=")
        .expect("a file");
    let wrong = run().cli(&here, &["accounts", "reseal", "--old-key-file", "wrong.key"]).await;
    assert_eq!(wrong.status.code(), Some(1), "{}", text(&wrong.stderr));
    assert!(text(&wrong.stderr).contains("nothing was changed"), "{}", text(&wrong.stderr));
    // Without a word about the old key it is the one in the key file.
    let first = json_of(&run().cli(&here, &["accounts", "reseal", "--json"]).await);
    assert!(first["resealed"].as_u64().is_some_and(|count| count >= 3), "{first}");
    let second = json_of(&run().cli(&here, &["accounts", "reseal", "--json"]).await);
    assert_eq!(second["resealed"], 0);
    fs::remove_file(here.join("data/atelier.db.key")).expect("the old key file");
    gateway.start_again().await;
    let team = gateway.again(&team);
    team.client.get("/v1/models").await.expect(200);
    let accounts = gateway.admin().get("/admin/v1/accounts").await.expect(200).json();
    assert_eq!(accounts["data"].as_array().map(Vec::len), Some(2), "{accounts}");
    gateway.kill().await;
    write(None);
    let none = run().cli(&here, &["accounts", "reseal"]).await;
    assert_eq!(none.status.code(), Some(2), "no old key is named: {}", text(&none.stderr));
}
