//! Who gets in with which text, from where, and until when.

use futures_util::FutureExt as _;

use super::*;

#[tokio::test]
async fn a_key_opens_its_team_and_nothing_else_does() {
    let bench = Bench::new();
    let (key, text) = bench.key().await;
    assert!(text.starts_with("atl_") && text.len() >= 36, "{text}");
    assert!(text.starts_with(&key.prefix) && key.prefix.len() < 12);
    for _ in 0..2 {
        assert_eq!(bench.keyring.authenticate(&text, None).await.unwrap().key.id, key.id);
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
    let (_, text) = bench.key().await;
    let other = Bench::ring(&bench.records, &bench.clock, 8, 1_000_000);
    assert!(other.authenticate(&text, None).await.is_err());
}

#[tokio::test]
async fn a_key_ends_at_its_end_although_it_is_remembered() {
    let bench = Bench::new();
    let end = bench.clock.now().plus(Duration::from_secs(2));
    let (_, text) = bench.key_as(|new| NewKey { expires_at: Some(end), ..new }).await;
    assert_eq!(bench.refused(&text).await, None);
    bench.clock.advance(Duration::from_secs(2));
    assert_eq!(bench.refused(&text).await, Some(Code::InvalidApiKey));
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once() {
    let bench = Bench::new();
    let (key, text) = bench.key().await;
    assert_eq!(bench.refused(&text).await, None);
    bench.keyring.revoke_key(&owner(), &key.id).await.unwrap();
    assert_eq!(bench.refused(&text).await, Some(Code::InvalidApiKey));
    bench.keyring.revoke_key(&owner(), &key.id).await.unwrap();
    let unknown = bench.keyring.revoke_key(&owner(), "key_nobody").await.unwrap_err();
    assert_eq!(unknown.code, Code::NotFound);
}

#[tokio::test]
async fn a_revoked_team_takes_its_keys_and_its_admins_with_it() {
    let bench = Bench::new();
    let (key, text) = bench.key().await;
    let (_, admin) = bench.user(Role::TeamAdmin, Some(&key.team)).await;
    assert_eq!(bench.refused(&text).await, None);
    bench.operator(&admin).await.unwrap();
    bench.keyring.revoke_team(&owner(), &key.team).await.unwrap();
    assert_eq!(bench.refused(&text).await, Some(Code::InvalidApiKey));
    assert_eq!(bench.operator(&admin).await.unwrap_err().code, Code::InvalidApiKey);
    let late = bench.keyring.create_key(&owner(), new_key(&key.team)).await.unwrap_err();
    assert_eq!((late.code, late.param.as_deref()), (Code::NotFound, Some("team_id")));
}

#[tokio::test]
async fn a_revocation_elsewhere_is_seen_when_the_memory_is_old() {
    let bench = Bench::new();
    let (key, text) = bench.key().await;
    assert_eq!(bench.refused(&text).await, None);
    let elsewhere = Bench::ring(&bench.records, &bench.clock, 7, 1_000_000);
    elsewhere.revoke_key(&owner(), &key.id).await.unwrap();
    assert_eq!(bench.refused(&text).await, None, "it is still remembered");
    bench.clock.advance(CACHE_LIFE);
    assert_eq!(bench.refused(&text).await, Some(Code::InvalidApiKey));
}

#[tokio::test]
async fn a_change_that_nobody_waits_for_is_felt_too() {
    let bench = Bench::in_order();
    let (key, text) = bench.key().await;
    assert_eq!(bench.refused(&text).await, None);
    let owner = owner();
    let given_up = bench.keyring.revoke_key(&owner, &key.id).now_or_never();
    assert!(given_up.is_none(), "it waits for the disk");
    bench.written().await;
    assert_eq!(bench.refused(&text).await, Some(Code::InvalidApiKey));
}

#[tokio::test]
async fn what_was_read_before_a_change_is_not_remembered_after_it() {
    let bench = Bench::new();
    let (key, text) = bench.key().await;
    let (hash, now) = (bench.keyring.hash(&text), bench.clock.now());
    let cache = &bench.keyring.cache;
    let edition = cache.ask(&hash, now, |_| ()).unwrap_err();
    let (read, team) = bench.records.key_by_hash(&hash, now).await.unwrap().unwrap();
    let last_use = cache.last_use(&read.id, None);
    let known = cache::Known::new(read, team, last_use, now);
    bench.keyring.revoke_key(&owner(), &key.id).await.unwrap();
    cache.remember(hash, known, edition);
    assert_eq!(bench.refused(&text).await, Some(Code::InvalidApiKey));
}

#[tokio::test]
async fn a_key_with_networks_comes_from_nowhere_else() {
    let bench = Bench::new();
    let networks = ["10.1.0.0/16", "192.0.2.7", "2001:db8::/32", "::ffff:198.51.100.0/120"];
    let networks = networks.map(str::to_owned).to_vec();
    let (_, text) = bench.key_as(|new| NewKey { networks, ..new }).await;
    let code = async |from: Option<&str>| {
        let from = from.map(|from| from.parse().unwrap());
        bench.keyring.authenticate(&text, from).await.err().map(|refusal| refusal.code)
    };
    for _ in 0..2 {
        for from in ["10.1.2.3", "::ffff:10.1.2.3", "192.0.2.7", "2001:db8:5::1", "198.51.100.200"]
        {
            assert_eq!(code(Some(from)).await, None, "{from}");
        }
        for from in
            ["10.2.0.1", "192.0.2.8", "2001:db9::1", "::ffff:10.2.0.1", "198.51.101.1", "::"]
        {
            assert_eq!(code(Some(from)).await, Some(Code::Forbidden), "{from}");
        }
        assert_eq!(code(None).await, Some(Code::Forbidden));
    }
    let (_, free) = bench.key().await;
    for from in [None, Some("203.0.113.1".parse().unwrap())] {
        bench.keyring.authenticate(&free, from).await.unwrap();
    }
}

#[tokio::test]
async fn a_last_use_is_told_once_a_minute_for_all_texts_of_a_key() {
    let bench = Bench::in_order();
    let (key, text) = bench.key().await;
    let (_, new) =
        bench.keyring.rotate_key(&owner(), &key.id, Duration::from_secs(3600)).await.unwrap();
    let start = bench.clock.now();
    for second in 0..=130 {
        for text in [text.as_str(), new.expose_secret()] {
            bench.keyring.authenticate(text, None).await.unwrap();
        }
        let told = match second {
            0 | 1 | 59 => 0,
            60 | 61 | 119 => 60,
            120 | 130 => 120,
            _ => {
                bench.clock.advance(Duration::from_secs(1));
                continue;
            }
        };
        bench.written().await;
        let used = bench.stored(&key.id).await.last_used_at.unwrap();
        assert_eq!(used.since(start).as_secs(), told, "in second {second}");
        bench.clock.advance(Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_refused_key_is_not_used() {
    let bench = Bench::in_order();
    let networks = vec!["10.1.0.0/16".to_owned()];
    let (key, text) = bench.key_as(|new| NewKey { networks, ..new }).await;
    assert_eq!(bench.refused(&text).await, Some(Code::Forbidden));
    bench.keyring.revoke_key(&owner(), &key.id).await.unwrap();
    assert_eq!(bench.refused(&text).await, Some(Code::InvalidApiKey));
    bench.written().await;
    assert_eq!(bench.stored(&key.id).await.last_used_at, None);
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
