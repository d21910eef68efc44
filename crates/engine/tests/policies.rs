//! Whose wish decides who is asked first: the request's, its team's, its alias', everybody's; weights and
//! canaries on top.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

#[expect(dead_code, reason = "these tests need only a part of it")]
mod support;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use engine::{AliasRules, Caller, Canary, Generation, Request, Status, Wishes};
use provider::{ErrorKind, MicroUsd};
use records::TeamRouting;
use routing::Policy;
use support::{World, vendor::Act};

/// The first is cheap and slow, the second dear and fast, the third between them in both.
const SLOW: (i64, u64) = (10_000, 60);
const FAST: (i64, u64) = (40_000, 1);
const MIDDLE: (i64, u64) = (20_000, 20);
const ACCOUNTS: [(&str, &str); 3] = [("a", "slow"), ("b", "fast"), ("c", "middle")];

/// Three providers and the alias' rules.
async fn world(rules: AliasRules) -> World {
    World::prepared(move |vendor| {
        *vendor.accounts.lock() = ACCOUNTS.to_vec();
        *vendor.offers.lock() =
            [("slow", SLOW), ("fast", FAST), ("middle", MIDDLE)].into_iter().collect();
        *vendor.rules.lock() = rules;
    })
    .await
}

fn of_team(world: &World, policy: Option<Policy>) -> Caller {
    let mut caller = world.caller.clone();
    let policy = policy.map(|policy| policy.as_str().to_owned());
    Arc::make_mut(&mut caller.team).rules.routing = TeamRouting { policy };
    caller
}

fn image(number: usize, policy: Option<Policy>) -> Request {
    let routing = Wishes { policy, ..Wishes::default() };
    Request { routing, ..Request::image(format!("a fox, number {number}")) }
}

async fn make(world: &World, caller: &Caller, request: Request) -> Arc<Generation> {
    let id = world.engine.start(caller, request, None).await.unwrap().id;
    let wait = world.engine.wait(&caller.team.id, &id, None);
    let done = tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap().unwrap();
    assert_eq!(done.generation.status, Status::Completed, "{:?}", done.generation);
    done.generation
}

async fn asked_first(world: &World, team: Option<Policy>, request: Option<Policy>) -> String {
    let done = make(world, &of_team(world, team), image(0, request)).await;
    done.attempts[0].account.clone()
}

#[tokio::test]
async fn a_request_goes_before_its_team_its_team_before_the_alias() {
    let world = world(AliasRules::default()).await;
    assert_eq!(asked_first(&world, None, None).await, "slow", "everybody's is cost");
    let rules = AliasRules { policy: Some(Policy::Latency), ..AliasRules::default() };
    let world = self::world(rules).await;
    assert_eq!(asked_first(&world, None, None).await, "fast", "the alias'");
    assert_eq!(asked_first(&world, Some(Policy::Cost), None).await, "slow", "the team's");
    let own = Some(Policy::Balanced);
    assert_eq!(asked_first(&world, Some(Policy::Cost), own).await, "middle", "its own");
    let estimates = world.engine.estimate(&world.caller, &image(0, None)).await.unwrap();
    assert_eq!(estimates[0].account, "fast", "an estimate is by the same policy");
}

#[tokio::test]
async fn a_second_is_worth_what_the_alias_says() {
    for (second, first) in [(0, "slow"), (500, "middle"), (100_000, "fast")] {
        let rules = AliasRules {
            policy: Some(Policy::Balanced),
            second_price: Some(MicroUsd::from_micros(second)),
            ..AliasRules::default()
        };
        let world = world(rules).await;
        assert_eq!(asked_first(&world, None, None).await, first, "{second}");
    }
}

#[tokio::test]
async fn the_policy_that_held_is_kept_with_the_generation() {
    let world = world(AliasRules::default()).await;
    let caller = of_team(&world, Some(Policy::Latency));
    let done = make(&world, &caller, image(0, None)).await;
    let kept = world.records.generation(&caller.team.id, &done.id).await.unwrap().unwrap();
    let kept: Request = serde_json::from_str(&kept.request).unwrap();
    assert_eq!(kept.routing.policy, Some(Policy::Latency));
    let decision = world.engine.decision(&caller.team.id, &done.id).await.unwrap().unwrap();
    assert_eq!(decision.policy, Policy::Latency);
}

/// How often each account went first.
async fn firsts(world: &World, requests: usize) -> BTreeMap<String, usize> {
    let mut firsts = BTreeMap::new();
    for number in 0..requests {
        let done = make(world, &world.caller, image(number, None)).await;
        *firsts.entry(done.attempts[0].account.clone()).or_default() += 1;
    }
    firsts
}

fn three_to_one() -> AliasRules {
    let weights = [("a/one".to_owned(), 3), ("c/one".to_owned(), 0)].into();
    AliasRules { weights, ..AliasRules::default() }
}

#[tokio::test]
async fn weights_say_who_goes_first_and_the_policy_who_is_next() {
    let world = world(three_to_one()).await;
    let counts = firsts(&world, 200).await;
    let count = |name: &str| counts.get(name).copied().unwrap_or(0);
    assert!((130..170).contains(&count("slow")), "three to one: {counts:?}");
    assert_eq!((count("slow") + count("fast"), count("middle")), (200, 0));
    // What cannot be asked is not chosen, and the rest goes on.
    world.vendor.always("slow", [Act::Refuse(ErrorKind::Unavailable)]);
    for number in 200..240 {
        let done = make(&world, &world.caller, image(number, None)).await;
        assert_ne!(done.account.as_deref(), Some("slow"));
    }
    assert_eq!(firsts(&world, 20).await.get("fast"), Some(&20));
}

#[tokio::test]
async fn a_decision_says_whose_turn_it_was() {
    let world = world(three_to_one()).await;
    for number in 0..20 {
        let done = make(&world, &world.caller, image(number, None)).await;
        let decision = world.engine.decision("team_a", &done.id).await.unwrap().unwrap();
        let first =
            decision.candidates.iter().find(|one| one.standing.is_some_and(|s| s.rank == 0));
        let (first, standing) = first.and_then(|one| Some((one, one.standing?))).unwrap();
        assert_eq!(first.account, done.attempts[0].account);
        assert!(standing.to_string().starts_with("first, its turn by weight: "), "{standing}");
    }
}

#[tokio::test]
async fn a_canary_gets_its_share_and_stands_behind_everybody_else() {
    // By the policy it would be the first of all.
    let canary = Canary { model: "a/one".to_owned(), per_million: 100_000 };
    let world = world(AliasRules { canary: Some(canary), ..AliasRules::default() }).await;
    let counts = firsts(&world, 300).await;
    let count = |name: &str| counts.get(name).copied().unwrap_or(0);
    assert!((15..50).contains(&count("slow")), "a tenth: {counts:?}");
    assert_eq!(count("slow") + count("middle"), 300, "{counts:?}");
    for failing in ["fast", "middle"] {
        world.vendor.always(failing, [Act::Refuse(ErrorKind::Unavailable)]);
    }
    let done = make(&world, &world.caller, image(0, None)).await;
    assert_eq!(done.account.as_deref(), Some("slow"), "the last resort");
}

#[tokio::test]
async fn whose_turn_it_is_stays_so_over_a_restart() {
    let rules = AliasRules {
        weights: [("a/one".to_owned(), 1), ("b/one".to_owned(), 1)].into(),
        ..AliasRules::default()
    };
    let world = world(rules).await;
    // Every account is full, so that whoever comes next waits and has begun nothing.
    for (provider, account) in ACCOUNTS {
        world.vendor.always(account, [Act::Wait]);
        for number in 0..3 {
            let providers = vec![provider.to_owned()];
            let routing = Wishes { providers, ..Wishes::default() };
            world.start(Request { routing, ..image(number, None) }).await;
        }
    }
    world.until(|| world.vendor.asked.lock().len() == 9).await;
    let mut first = BTreeMap::new();
    for number in 3..9 {
        let id = world.start(image(number, None)).await;
        let decision = world.engine.decision("team_a", &id).await.unwrap().unwrap();
        let best = decision.candidates.iter().find(|one| one.standing.is_some_and(|s| s.rank == 0));
        first.insert(id, best.unwrap().account.clone());
    }
    let world = world.kill_and_restart().await;
    for (id, account) in &first {
        assert_eq!(world.end(id).await.attempts[0].account, *account);
    }
    let different: std::collections::BTreeSet<&String> = first.values().collect();
    assert!(different.len() > 1, "{first:?}");
}
