//! What a backup does where something is not as it should be.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use provider::Timestamp;
use records::{Asset, Change, Records as _, sqlite::Sqlite};
use secrecy::ExposeSecret as _;

use super::*;
use crate::{
    config::{Config, Environment, Storage},
    server::folder::{self, EncryptionKey},
};

const NOW: Timestamp = Timestamp::from_millis(1_000);

fn storage(folder: &Path) -> Storage {
    Config::from_text(None, folder, "", &Environment::default()).unwrap().storage
}

/// A database that names these assets, and the files of those that have bytes.
async fn filled(storage: &Storage, assets: &[(&str, Option<&'static [u8]>)]) {
    let (_lock, _) = folder::prepare(storage).unwrap();
    let records = Sqlite::open(&storage.database, storage.durability).unwrap();
    let store = Store::folder(&storage.assets, false).unwrap();
    for (id, file) in assets {
        if let Some(bytes) = file {
            let mut writer = store.writer(id, 100).unwrap();
            writer.push(Bytes::from_static(bytes)).await.unwrap();
            writer.keep().await.unwrap();
        }
        let asset = Asset {
            id: (*id).to_owned(),
            team: "team_1".to_owned(),
            generation: None,
            media_type: "text/plain".to_owned(),
            bytes: 4,
            hash: *blake3::hash(b"good").as_bytes(),
            width: None,
            height: None,
            millis: None,
            created_at: NOW,
            expires_at: NOW,
            blob: None,
        };
        records.apply(vec![Change::Asset(Box::new(asset))]).await.unwrap();
    }
}

async fn saved(storage: &Storage, target: &Path) -> Manifest {
    save(storage, None, target, NOW, |_| ()).await.unwrap()
}

async fn refused(storage: &Storage, source: &Path, force: bool) -> BackupError {
    restore(storage, source, force, |_| ()).await.map(|_| ()).unwrap_err()
}

/// Two houses: one to be saved, one to be restored into, and where the backup lies.
fn places(folder: &Path) -> (Storage, Storage, PathBuf) {
    (storage(&folder.join("a")), storage(&folder.join("b")), folder.join("saved"))
}

#[tokio::test]
async fn assets_that_are_gone_or_damaged_are_counted_and_keep_no_backup_back() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b, target) = places(folder.path());
    let assets = [
        ("ast_1", Some(&b"good"[..])),
        ("ast_2", None),
        ("ast_3", Some(b"evil")),
        ("ast_4", Some(b"longer")),
    ];
    filled(&a, &assets).await;
    let manifest = saved(&a, &target).await;
    assert_eq!(manifest.made_at, NOW);
    assert_eq!(manifest.assets, AssetsEntry { files: 1, bytes: 4, missing: 1, damaged: 2 });
    let restored = restore(&b, &target, false, |_| ()).await.unwrap();
    assert_eq!((restored.manifest, restored.kept), (manifest, None));
    let store = Store::folder(&b.assets, false).unwrap();
    assert_eq!(&store.bytes("ast_1", 9).await.unwrap()[..], b"good");
    assert!(!store.exists("ast_3").await.unwrap());
}

#[tokio::test]
async fn a_damaged_asset_of_a_backup_is_not_restored() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b, target) = places(folder.path());
    filled(&a, &[("ast_1", Some(b"good"))]).await;
    saved(&a, &target).await;
    std::fs::write(target.join("assets/_1/ast_1"), "evil").unwrap();
    let error = refused(&b, &target, false).await;
    assert!(matches!(&error, BackupError::NoBackup(_, why) if why.contains("ast_1")), "{error}");
    assert!(!b.database.exists());
    assert!(!Store::folder(&b.assets, false).unwrap().exists("ast_1").await.unwrap());
}

#[tokio::test]
async fn what_is_no_backup_is_refused_and_nothing_is_left_of_half_a_one() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b, target) = places(folder.path());
    let none = save(&a, None, &target, NOW, |_| ()).await.unwrap_err();
    assert!(matches!(none, BackupError::NoDatabase(_)));
    assert!(!target.exists() && !a.database.exists());
    assert!(matches!(refused(&b, &target, false).await, BackupError::NoBackup(..)));

    filled(&a, &[]).await;
    // A file where the folder of the assets shall be: the copy begins and fails.
    std::fs::remove_dir_all(&a.assets).unwrap();
    std::fs::write(&a.assets, "").unwrap();
    assert!(save(&a, None, &target, NOW, |_| ()).await.is_err());
    let left = std::fs::read_dir(folder.path()).unwrap().flatten();
    let names: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["a"], "no folder, not even half a one");

    std::fs::remove_file(&a.assets).unwrap();
    saved(&a, &target).await;
    let path = target.join(MANIFEST);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"format\": 1", "\"format\": 2")).unwrap();
    let error = refused(&b, &target, false).await;
    assert!(error.to_string().contains("form 2"), "{error}");
}

#[tokio::test]
async fn another_key_is_not_lost_to_the_one_in_a_backup() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b, target) = places(folder.path());
    filled(&a, &[]).await;
    let key = folder::found_key(&a).unwrap().unwrap();
    save(&a, Some(&key), &target, NOW, |_| ()).await.unwrap();
    drop(folder::lock(&b).unwrap());
    let other = EncryptionKey::new(Box::new([7; 32]));
    folder::keep_key(&b, &other).unwrap();
    assert!(matches!(refused(&b, &target, false).await, BackupError::Exists(_)));
    let there = |storage| folder::found_key(storage).unwrap().unwrap();
    assert_eq!(there(&b).expose_secret(), other.expose_secret());

    restore(&b, &target, true, |_| ()).await.unwrap();
    assert_eq!(there(&b).expose_secret(), key.expose_secret());
    let aside = folder::beside(&b.database, ".before-restore.key");
    let kept = folder::read_key(&aside).unwrap().unwrap();
    assert_eq!(kept.expose_secret(), other.expose_secret());
}

/// Left beside the restored database it would be somebody else's; the former one is not whole without it.
#[tokio::test]
async fn what_is_noted_goes_aside_with_its_database() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b, target) = places(folder.path());
    filled(&a, &[]).await;
    saved(&a, &target).await;
    filled(&b, &[]).await;
    let noted = folder::beside(&b.database, "-changes");
    std::fs::write(&noted, "noted").unwrap();
    restore(&b, &target, true, |_| ()).await.unwrap();
    let aside = folder::beside(&b.database, ".before-restore-changes");
    assert_eq!(std::fs::read_to_string(aside).unwrap(), "noted");
    assert!(!noted.exists());
}
