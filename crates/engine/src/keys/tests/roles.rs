//! Every role, every right, every method.

use super::*;

/// The answers of the five roles, in [`Role::ALL`]'s order.
type Row = [bool; 5];

#[test]
fn every_role_has_its_rights() {
    let table: [(Right, Row); 6] = [
        //                 owner  admin  billing viewer team's admin
        (Right::Read, [true, true, true, true, false]),
        (Right::ReadMoney, [true, true, true, false, false]),
        (Right::ReadAudit, [true, true, false, false, false]),
        (Right::Write, [true, true, false, false, false]),
        (Right::Users, [true, false, false, false, false]),
        (Right::Keys, [true, true, false, false, true]),
    ];
    assert_eq!(table.map(|(right, _)| right), Right::ALL);
    for (right, row) in table {
        for (role, may) in Role::ALL.into_iter().zip(row) {
            let asked = Actor { role, ..Actor::system("usr_1") }.needs(right);
            assert_eq!(asked.is_ok(), may, "{role:?} {right:?}");
            if let Err(refusal) = asked {
                assert_eq!(refusal.code, Code::Forbidden);
                assert!(refusal.message.contains(right.as_str()), "{refusal}");
            }
        }
    }
}

#[test]
fn only_a_teams_admin_is_limited_to_a_team() {
    for role in Role::ALL {
        let actor = Actor { role, team: Some("team_1".to_owned()), ..Actor::system("usr_1") };
        let limited = role == Role::TeamAdmin;
        assert_eq!(actor.of_team(), limited.then_some("team_1"), "{role:?}");
        let without = Actor { team: None, ..actor };
        assert_eq!(without.of_team(), limited.then_some(""), "{role:?}: none is not all");
    }
}

/// Every method that changes something.
#[derive(Debug, Clone, Copy)]
enum Method {
    CreateTeam,
    UpdateTeam,
    RevokeTeam,
    EraseTeam,
    CreateKey,
    UpdateKey,
    RotateKey,
    RevokeKey,
    CreateUser,
    RotateUser,
    RevokeUser,
}

const METHODS: [(Method, Row); 11] = [
    //                    owner  admin  billing viewer team's admin
    (Method::CreateTeam, [true, true, false, false, false]),
    (Method::UpdateTeam, [true, true, false, false, false]),
    (Method::RevokeTeam, [true, true, false, false, false]),
    (Method::EraseTeam, [true, true, false, false, false]),
    (Method::CreateKey, [true, true, false, false, true]),
    (Method::UpdateKey, [true, true, false, false, true]),
    (Method::RotateKey, [true, true, false, false, true]),
    (Method::RevokeKey, [true, true, false, false, true]),
    (Method::CreateUser, [true, false, false, false, false]),
    (Method::RotateUser, [true, false, false, false, false]),
    (Method::RevokeUser, [true, false, false, false, false]),
];

/// Lets somebody do it to a team, its key, and a user.
async fn call(method: Method, ring: &Keyring, by: &Actor, key: &Key, user: &str) -> Result<()> {
    let team = key.team.as_str();
    let name = || Some("renamed".to_owned());
    match method {
        Method::CreateTeam => {
            let new = NewTeam { name: "new".to_owned(), ..NewTeam::default() };
            ring.create_team(by, new).await.map(drop)
        }
        Method::UpdateTeam => {
            let patch = TeamPatch { name: name(), ..TeamPatch::default() };
            ring.update_team(by, team, patch).await.map(drop)
        }
        Method::RevokeTeam => ring.revoke_team(by, team).await,
        Method::EraseTeam => {
            ring.revoke_team(&owner(), team).await.unwrap();
            ring.erase_team(by, team).await
        }
        Method::CreateKey => ring.create_key(by, new_key(team)).await.map(drop),
        Method::UpdateKey => {
            let patch = KeyPatch { name: name(), ..KeyPatch::default() };
            ring.update_key(by, &key.id, patch).await.map(drop)
        }
        Method::RotateKey => ring.rotate_key(by, &key.id, Duration::ZERO).await.map(drop),
        Method::RevokeKey => ring.revoke_key(by, &key.id).await,
        Method::CreateUser => ring.create_user(by, new_user(Role::Viewer, None)).await.map(drop),
        Method::RotateUser => ring.rotate_user(by, user).await.map(drop),
        Method::RevokeUser => ring.revoke_user(by, user).await,
    }
}

#[tokio::test]
async fn every_method_asks_for_its_right_and_writes_nothing_without_it() {
    let bench = Bench::new();
    for (method, row) in METHODS {
        for (role, may) in Role::ALL.into_iter().zip(row) {
            let (key, _) = bench.key().await;
            let (user, _) = bench.user(Role::Billing, None).await;
            let team = (role == Role::TeamAdmin).then(|| key.team.clone());
            let by = Actor { role, team, ..Actor::system("usr_1") };
            let done = call(method, &bench.keyring, &by, &key, &user.id).await;
            let code = done.err().map(|refusal| refusal.code);
            assert_eq!(code, (!may).then_some(Code::Forbidden), "{role:?} {method:?}");
            let filter = AuditFilter { actor: Some("usr_1".to_owned()), ..AuditFilter::default() };
            let entries = bench.keyring.audit(filter, Page::first(100)).await.unwrap();
            let of_role = entries.iter().filter(|entry| entry.role == role).count();
            let so_far = METHODS.iter().take_while(|(other, _)| {
                std::mem::discriminant(other) != std::mem::discriminant(&method)
            });
            let nth = Role::ALL.iter().position(|one| *one == role).unwrap();
            let wanted = so_far.filter(|(_, row)| row[nth]).count() + usize::from(may);
            assert_eq!(of_role, wanted, "{role:?} {method:?}");
        }
    }
}

#[tokio::test]
async fn another_team_is_not_there_for_a_teams_admin() {
    let bench = Bench::new();
    let (own, _) = bench.key().await;
    let (other, text) = bench.key().await;
    for team in [Some(own.team.clone()), None] {
        let by = Actor { role: Role::TeamAdmin, team, ..Actor::system("usr_1") };
        for method in [Method::CreateKey, Method::UpdateKey, Method::RotateKey, Method::RevokeKey] {
            let refused = call(method, &bench.keyring, &by, &other, "").await.unwrap_err();
            let ghost = Key { id: "key_x".to_owned(), team: "team_x".to_owned(), ..other.clone() };
            let absent = call(method, &bench.keyring, &by, &ghost, "").await.unwrap_err();
            assert_eq!(refused.code, Code::NotFound, "{method:?}");
            assert_eq!(format!("{refused:?}"), format!("{absent:?}"), "the two look the same");
        }
    }
    assert_eq!(bench.stored(&other.id).await, other);
    assert_eq!(bench.refused(&text).await, None);
}

#[tokio::test]
async fn a_teams_admin_gives_scopes_networks_and_limits_only() {
    let bench = Bench::new();
    let (key, _) = bench.key().await;
    let by =
        Actor { role: Role::TeamAdmin, team: Some(key.team.clone()), ..Actor::system("usr_1") };
    let limits = records::Limits {
        all: records::Pace { concurrent: Some(2), ..records::Pace::default() },
        ..records::Limits::default()
    };
    let given = NewKey {
        scopes: vec![Scope::Read],
        networks: vec!["10.0.0.0/8".to_owned()],
        rules: Rules { limits: limits.clone(), ..Rules::default() },
        ..new_key(&key.team)
    };
    bench.keyring.create_key(&by, given.clone()).await.unwrap();
    let budgets = vec![records::Budget {
        limit: Some(provider::MicroUsd::ZERO),
        outputs: None,
        period: records::Period::Day,
        hard: true,
        alert_at: Vec::new(),
    }];
    let models = vec!["photo".to_owned()];
    let too_much = [
        (NewKey { models: models.clone(), ..given.clone() }, "models"),
        (
            NewKey { rules: Rules { budgets: budgets.clone(), ..Rules::default() }, ..given },
            "budget",
        ),
    ];
    for (new, field) in too_much {
        let refused = bench.keyring.create_key(&by, new).await.unwrap_err();
        assert_eq!((refused.code, refused.param.as_deref()), (Code::Forbidden, Some(field)));
    }
    for (patch, field) in [
        (KeyPatch { models: Some(models), ..KeyPatch::default() }, "models"),
        (KeyPatch { budgets: Some(budgets), ..KeyPatch::default() }, "budget"),
        (KeyPatch { budgets: Some(Vec::new()), ..KeyPatch::default() }, "budget"),
    ] {
        let refused = bench.keyring.update_key(&by, &key.id, patch).await.unwrap_err();
        assert_eq!((refused.code, refused.param.as_deref()), (Code::Forbidden, Some(field)));
    }
    let patch = KeyPatch { limits: Some(limits), ..KeyPatch::default() };
    bench.keyring.update_key(&by, &key.id, patch).await.unwrap();
}
