//! Operators with keys of their own.

use super::*;

#[tokio::test]
async fn every_operator_comes_in_with_their_own_key() {
    let bench = Bench::new();
    let team = bench.team("crew").await.id;
    assert_eq!(bench.operator("sesame").await.unwrap(), Actor::system("admin"));
    for role in Role::ALL {
        let of = (role == Role::TeamAdmin).then_some(team.as_str());
        let (user, text) = bench.user(role, of).await;
        assert!(text.starts_with("adm_") && text.starts_with(&user.prefix), "{text}");
        let actor = bench.operator(&text).await.unwrap();
        let team = of.map(str::to_owned);
        assert_eq!(actor, Actor { id: user.id, role, team, address: None });
    }
    let admin = bench.keyring.admin_key("sesame");
    for (from, address) in [("::ffff:10.0.0.1", "10.0.0.1"), ("2001:db8::1", "2001:db8::1")] {
        let from = Some(from.parse().unwrap());
        let actor = bench.keyring.administrator(&admin, "sesame", from).await.unwrap();
        assert_eq!(actor.address.as_deref(), Some(address));
    }
}

#[tokio::test]
async fn nobody_else_comes_in_and_all_who_are_over_look_the_same() {
    let bench = Bench::new();
    let (_, key) = bench.key().await;
    assert_eq!(bench.operator(&key).await.unwrap_err().code, Code::Forbidden);
    let (revoked, revoked_text) = bench.user(Role::Admin, None).await;
    bench.operator(&revoked_text).await.unwrap();
    bench.keyring.revoke_user(&owner(), &revoked.id).await.unwrap();
    let end = Some(bench.clock.now().plus(Duration::from_secs(1)));
    let expiring = NewUser { expires_at: end, ..new_user(Role::Owner, None) };
    let (_, expired) = bench.keyring.create_user(&owner(), expiring).await.unwrap();
    bench.operator(expired.expose_secret()).await.unwrap();
    bench.clock.advance(Duration::from_secs(1));
    let (_, good) = bench.user(Role::Owner, None).await;
    let unknown = bench.operator("adm_nobody").await.unwrap_err();
    let longest = format!("adm_{}", "x".repeat(LONGEST));
    for text in
        [&revoked_text, expired.expose_secret(), &good[4..], "", "Sesame", "atl_x", &longest]
    {
        let refused = bench.operator(text).await.unwrap_err();
        assert_eq!(refused.code, Code::InvalidApiKey, "{text}");
        assert_eq!(format!("{refused:?}"), format!("{unknown:?}"), "{text}");
    }
    assert_eq!(bench.refused(&good).await, Some(Code::InvalidApiKey), "it is no team's key");
}

#[tokio::test]
async fn a_rotated_operators_key_ends_at_once() {
    let bench = Bench::new();
    let (user, old) = bench.user(Role::Admin, None).await;
    bench.operator(&old).await.unwrap();
    let (rotated, new) = bench.keyring.rotate_user(&owner(), &user.id).await.unwrap();
    assert_eq!(bench.operator(&old).await.unwrap_err().code, Code::InvalidApiKey);
    assert_eq!(bench.operator(new.expose_secret()).await.unwrap().id, user.id);
    assert!(new.expose_secret().starts_with(&rotated.prefix));
    let listed = bench.keyring.users(Page::first(10)).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].prefix, rotated.prefix);
    for _ in 0..2 {
        bench.keyring.revoke_user(&owner(), &user.id).await.unwrap();
    }
    let refused = bench.keyring.rotate_user(&owner(), &user.id).await.unwrap_err();
    assert_eq!(refused.code, Code::NotFound);
    for unknown in [
        bench.keyring.rotate_user(&owner(), "usr_x").await.unwrap_err(),
        bench.keyring.revoke_user(&owner(), "usr_x").await.unwrap_err(),
    ] {
        assert_eq!(unknown.code, Code::NotFound);
    }
}

#[tokio::test]
async fn only_a_teams_admin_has_a_team() {
    let bench = Bench::new();
    let team = bench.team("crew").await.id;
    let gone = bench.team("gone").await.id;
    bench.keyring.revoke_team(&owner(), &gone).await.unwrap();
    for (role, of, code) in [
        (Role::TeamAdmin, None, Code::InvalidRequest),
        (Role::TeamAdmin, Some("team_x"), Code::NotFound),
        (Role::TeamAdmin, Some(gone.as_str()), Code::NotFound),
        (Role::Viewer, Some(team.as_str()), Code::InvalidRequest),
        (Role::Owner, Some(team.as_str()), Code::InvalidRequest),
    ] {
        let refused = bench.keyring.create_user(&owner(), new_user(role, of)).await.unwrap_err();
        assert_eq!((refused.code, refused.param.as_deref()), (code, Some("team_id")), "{role:?}");
    }
}

#[tokio::test]
async fn an_operators_last_use_is_told_once_a_minute() {
    let bench = Bench::in_order();
    let (user, text) = bench.user(Role::Viewer, None).await;
    let start = bench.clock.now();
    for (wait, told) in [(0, 0), (59, 0), (1, 60), (30, 60)] {
        bench.clock.advance(Duration::from_secs(wait));
        bench.operator(&text).await.unwrap();
        bench.written().await;
        let used = bench.records.user(&user.id).await.unwrap().unwrap().last_used_at.unwrap();
        assert_eq!(used.since(start).as_secs(), told);
    }
}
