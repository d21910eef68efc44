//! Accounts of run time, and every text that is sealed.

use std::{collections::HashMap, sync::Arc};

use super::samples::*;
use crate::{Change, Records, SealedPlace, StoredAccount, StoredCredential};

fn account(id: &str, sealed: Option<&str>) -> StoredAccount {
    StoredAccount {
        id: id.to_owned(),
        sealed: sealed.map(str::to_owned),
        settings: r#"{"tier":"free"}"#.to_owned(),
        held: false,
        created_at: at(3),
        removed_at: None,
    }
}

/// What is known of an account takes the place of what was known, and one that is gone stays listed.
pub async fn accounts_are_replaced(records: Arc<dyn Records>) {
    assert!(records.accounts().await.unwrap().is_empty());
    let other = account("generor/second", Some("sealed b"));
    let first = account("zsky/extra", Some("sealed a"));
    let held = StoredAccount { held: true, settings: "{}".to_owned(), ..first.clone() };
    let gone =
        StoredAccount { sealed: None, removed_at: Some(at(9)), created_at: at(4), ..held.clone() };
    apply(&records, Change::Account(Box::new(other.clone()))).await;
    for now in [first, held, gone] {
        apply(&records, Change::Account(Box::new(now.clone()))).await;
        assert_eq!(records.accounts().await.unwrap(), [other.clone(), now]);
    }
}

/// Writes a sealed text to every place, and texts that are not sealed beside them.
async fn fill(records: &Arc<dyn Records>) {
    let setting = |name: &str, value: &str| Change::Setting {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let secret = |team: &str, sealed: &str| Change::WebhookSecret {
        team: team.to_owned(),
        sealed: sealed.to_owned(),
        replace: false,
    };
    let credential = |account: &str, sealed: Option<&str>| {
        Change::Credential(Box::new(StoredCredential {
            account: account.to_owned(),
            origin: "o".to_owned(),
            sealed: sealed.map(str::to_owned),
            begun: false,
            at: at(1),
        }))
    };
    let changes = vec![
        setting("sealed_pepper", "s1"),
        setting("sealedXpepper", "clear"),
        setting("pepper", "clear"),
        setting("SEALED_pepper", "clear"),
        Change::Team(team(TEAM)),
        Change::Team(team("team_2")),
        secret(TEAM, "s2"),
        credential("zsky/main", Some("s3")),
        credential("zsky/begun", None),
        Change::Account(Box::new(account("zsky/main", Some("s4")))),
        Change::Account(Box::new(account("zsky/configured", None))),
    ];
    records.apply(changes).await.unwrap();
}

/// Every sealed text is found with its place, and each place takes another one; a place without one
/// takes none.
pub async fn sealed_texts_are_found_and_replaced(records: Arc<dyn Records>) {
    fill(&records).await;
    let places = [
        (SealedPlace::Setting("sealed_pepper".to_owned()), "s1"),
        (SealedPlace::Webhook(TEAM.to_owned()), "s2"),
        (SealedPlace::Credential("zsky/main".to_owned()), "s3"),
        (SealedPlace::Account("zsky/main".to_owned()), "s4"),
    ];
    let all = |mark: &str| -> HashMap<SealedPlace, String> {
        places.iter().map(|(place, text)| (place.clone(), format!("{text}{mark}"))).collect()
    };
    let found = async || {
        let found = records.sealed().await.unwrap();
        assert_eq!(found.len(), places.len(), "{found:?}");
        found.into_iter().collect::<HashMap<_, _>>()
    };
    assert_eq!(found().await, all(""));
    let anew = all(" anew").into_iter().map(|(place, text)| Change::Reseal(place, text)).collect();
    records.apply(anew).await.unwrap();
    assert_eq!(found().await, all(" anew"));
    let setting = records.find_setting("sealed_pepper").await.unwrap();
    assert_eq!(setting.as_deref(), Some("s1 anew"));
    let secret = records.webhook_secret(TEAM).await.unwrap();
    assert_eq!(secret.as_deref(), Some("s2 anew"));
    let credentials = records.credentials().await.unwrap();
    assert!(
        credentials.iter().any(|row| row.sealed.as_deref() == Some("s3 anew") && row.at == at(1))
    );
    let accounts = records.accounts().await.unwrap();
    assert_eq!(accounts[1], account("zsky/main", Some("s4 anew")));
    for (place, name) in [
        (SealedPlace::Setting("pepper".to_owned()), "pepper"),
        (SealedPlace::Setting("sealed_none".to_owned()), "sealed_none"),
        (SealedPlace::Webhook("team_2".to_owned()), "team_2"),
        (SealedPlace::Credential("zsky/begun".to_owned()), "zsky/begun"),
        (SealedPlace::Account("zsky/configured".to_owned()), "zsky/configured"),
    ] {
        let error = refused(&records, Change::Reseal(place, "x".to_owned())).await;
        assert!(is_stale(&error, name), "{error}");
    }
    assert_eq!(found().await, all(" anew"));
    assert_eq!(records.find_setting("pepper").await.unwrap().as_deref(), Some("clear"));
}
