//! One team cannot suspend everyone: the gateway stops before the vendor does. And a key that is
//! suspended all the same is a hold with its end, not a stream of failures.
//!
//! The simulated vendor is the witness: it suspends as its page says, with more than half of at least ten
//! attempts rejected.

use serde_json::{Value, json};
use tests::{Gateway, Queue, Team, Vendor, config, quick, quick_queue};
use tokio::task::JoinSet;

use crate::{image, run};

async fn house() -> (Queue, Gateway) {
    let queue = Queue::start(quick_queue()).await;
    let gateway = queue.gateway(run(), json!({})).await;
    (queue, gateway)
}

/// A prompt that is refused at once, or whose job is stopped.
fn bad(number: usize) -> Value {
    let word = ["gore", "scandalous"][number % 2];
    image(&format!("something {word}, number {number}"))
}

/// Asks and waits a while: the end, or `refused` for what was turned away before it began.
async fn tried(team: Team, body: Value) -> String {
    let wait = [("prefer", "wait=20")];
    let answer = team.client.post_with("/v1/generations", &body, &wait).await;
    if answer.status == 503 {
        assert_eq!(answer.refusal().1, "providers_unavailable");
        assert!(answer.header("retry-after").is_some());
        return "refused".to_owned();
    }
    // A 202: it was not done in good time, and `queued` or `running` is what it came to.
    assert!(matches!(answer.status, 201 | 202), "{}", answer.text());
    let generation = answer.json();
    let code = generation["error"]["code"].as_str().unwrap_or_default();
    let ended = generation["status"].as_str().expect("a status");
    match (ended, code) {
        // Accepted while there was hope, and turned away when its turn came.
        ("failed", "providers_unavailable") => "refused".to_owned(),
        _ => ended.to_owned(),
    }
}

/// All at once: how many ended so.
async fn race(asked: impl IntoIterator<Item = (Team, Value)>) -> Vec<String> {
    let mut racing = JoinSet::new();
    for (team, body) in asked {
        racing.spawn(tried(team, body));
    }
    racing.join_all().await
}

fn count(ends: &[String], end: &str) -> usize {
    ends.iter().filter(|one| *one == end).count()
}

/// The vendor's view: not suspended, and no more than half of its window's attempts rejected, or too
/// few to speak of; under either reading of its rule.
async fn assert_safe(queue: &Queue) {
    let key = queue.standing().await;
    assert_eq!(key["suspended_until"], Value::Null, "{key}");
    let number = |name: &str| key[name].as_u64().expect("a number");
    let (attempts, rejected) = (number("attempts"), number("rejected"));
    assert!(rejected * 2 <= attempts.max(10), "{key}");
    assert_eq!(queue.answered("403").await, 0);
}

#[tokio::test]
async fn a_team_of_bad_prompts_is_stopped_and_the_others_go_on() {
    let (queue, mut gateway) = house().await;
    let (bad_team, good_team) = (gateway.team("bad").await, gateway.team("good").await);
    let ends = race((0..4).map(|number| (bad_team.clone(), bad(number)))).await;
    assert_eq!(count(&ends, "blocked") + count(&ends, "refused"), 4, "{ends:?}");
    assert!((1..=4).contains(&count(&ends, "blocked")), "{ends:?}");
    assert_safe(&queue).await;

    let fine = |team: &Team, from: usize| {
        let team = team.clone();
        (from..from + 3).map(move |n| (team.clone(), image(&format!("a meadow, number {n}"))))
    };
    let ends = race(fine(&good_team, 0)).await;
    assert_eq!(count(&ends, "completed"), 3, "another team's work goes on: {ends:?}");
    for number in 4..20 {
        let end = tried(bad_team.clone(), bad(number)).await;
        assert!(matches!(&*end, "blocked" | "refused"), "{number}: {end}");
    }
    assert_safe(&queue).await;

    // A kill forgets none of it.
    gateway.kill_and_restart().await;
    let (bad_team, good_team) = (gateway.again(&bad_team), gateway.again(&good_team));
    assert_eq!(race([(bad_team, bad(20))]).await, ["refused"]);
    let ends = race(fine(&good_team, 3)).await;
    assert_eq!(count(&ends, "completed"), 3, "{ends:?} {}", gateway.account("zsky").await);
    assert_safe(&queue).await;
}

/// What is turned away is not sent, so it takes no turn of those twenty that a minute has.
#[tokio::test]
async fn work_that_is_turned_away_keeps_nobody_waiting() {
    let (queue, gateway) = house().await;
    let (bad_team, good_team) = (gateway.team("bad").await, gateway.team("good").await);
    let ends = race((0..25).map(|number| (bad_team.clone(), bad(number)))).await;
    assert_eq!(count(&ends, "blocked") + count(&ends, "refused"), 25, "{ends:?}");
    let sent = queue.count("generate").await;
    assert!(sent <= 4, "{sent} were sent");
    assert_eq!(tried(good_team, image("a meadow")).await, "completed");
    assert_safe(&queue).await;
}

#[tokio::test]
async fn each_kind_of_rejection_alone_is_stopped_too() {
    for word in ["forbidden", "unseemly"] {
        let (queue, gateway) = house().await;
        let team = gateway.team("bad").await;
        let body = |number| image(&format!("{word} things, number {number}"));
        let ends = race((0..12).map(|number| (team.clone(), body(number)))).await;
        assert!((1..=4).contains(&count(&ends, "blocked")), "{word}: {ends:?}");
        assert_eq!(count(&ends, "blocked") + count(&ends, "refused"), 12, "{word}: {ends:?}");
        assert_safe(&queue).await;
        // A stopped job used its unit; a prompt refused at once did not, says this vendor.
        let units = if word == "unseemly" { count(&ends, "blocked") } else { 0 };
        assert_eq!(queue.usage().await["images_used"], units);
        let labels = [("provider", "zsky"), ("kind", "image"), ("window", "month")];
        let left = 1000 - i64::try_from(units).expect("a small number");
        tests::until("the same count here", || async {
            let ours = gateway.metric("atelier_account_allowance_remaining", &labels).await;
            (ours == Some(left)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn many_new_teams_with_a_bad_prompt_each_suspend_nobody() {
    let (queue, gateway) = house().await;
    let mut asked = Vec::new();
    for number in 0..14 {
        asked.push((gateway.team(&format!("team {number}")).await, bad(number)));
    }
    let ends = race(asked).await;
    assert_eq!(count(&ends, "blocked") + count(&ends, "refused"), 14, "{ends:?}");
    assert!(count(&ends, "refused") >= 4, "{ends:?}");
    assert_safe(&queue).await;
    // Nothing was fine for half an hour: the account rests until some of that is forgotten.
    let account = gateway.account("zsky").await;
    assert_eq!(
        (&account["hold"]["reason"], &account["available"]),
        (&json!("safety"), &json!(false))
    );
    let left = hold_ends_in(&queue, &gateway, "safety").await;
    assert!((1..=1800).contains(&left), "{left} s: {account}");
}

/// So many seconds from now, by the metrics.
async fn hold_ends_in(queue: &Queue, gateway: &Gateway, reason: &str) -> i64 {
    let labels = [("provider", "zsky"), ("account", "main"), ("reason", reason)];
    let until = gateway.metric("atelier_account_hold_until_seconds", &labels).await;
    until.unwrap_or_else(|| panic!("no hold for {reason}")) - queue.now_ms().await / 1000
}

async fn assert_held(queue: &Queue, gateway: &Gateway) {
    const DAY: i64 = 24 * 3600;
    let account = gateway.account("zsky").await;
    assert_eq!(account["hold"]["reason"], "suspended", "{account}");
    assert!(account["hold"]["until"].is_string(), "{account}");
    let left = hold_ends_in(queue, gateway, "suspended").await;
    assert!((DAY - 120..=DAY).contains(&left), "{left} s: {account}");
    let labels = [("provider", "zsky"), ("account", "main")];
    assert_eq!(gateway.metric("atelier_account_available", &labels).await, Some(0));
}

#[tokio::test]
async fn a_suspended_key_is_a_hold_of_a_day_and_work_goes_elsewhere() {
    let (queue, vendor) = (Queue::start(quick_queue()).await, Vendor::start(quick()).await);
    let zekron = config(&vendor, &json!({}))["providers"]["zekron"].clone();
    let change = json!({ "providers": { "zekron": zekron } });
    let gateway = run().gateway(&queue.config_at(&queue.url(), json!({}), &change)).await;
    // The look of the start is over, or it would be the one that hears of it.
    queue.asked("usage", 1).await;
    queue.suspend(24 * 3600).await;
    let team = gateway.team("a").await;
    let made = team.generate(&image("elsewhere")).await;
    assert_eq!((&made["status"], &made["provider"]), (&json!("completed"), &json!("zekron")));
    assert_eq!(made["attempts"][0]["outcome"], "unauthorised", "{made}");
    assert_held(&queue, &gateway).await;
    // It was tried once: from then on it is known.
    let again = team.generate(&image("elsewhere at once")).await;
    assert_eq!(again["attempts"].as_array().map(Vec::len), Some(1), "{again}");
    assert_eq!(queue.count("generate").await, 1);
    let body = json!({ "kind": "image", "model": "zsky/image", "prompt": "only here" });
    assert_eq!(tried(team, body).await, "refused");
    assert_eq!((queue.count("generate").await, queue.jobs().await.len()), (1, 0));
}

#[tokio::test]
async fn a_key_that_is_suspended_already_is_a_hold_from_the_start() {
    let queue = Queue::start(quick_queue()).await;
    queue.suspend(24 * 3600).await;
    let gateway = queue.gateway(run(), json!({})).await;
    let team = gateway.team("a").await;
    queue.asked("usage", 1).await;
    tests::until("the hold", || async {
        (gateway.account("zsky").await["hold"] != Value::Null).then_some(())
    })
    .await;
    assert_held(&queue, &gateway).await;
    assert_eq!(tried(team.clone(), image("nobody can")).await, "refused");
    let shaped = json!({ "prompt": "nobody can, in the other shape" });
    let answer = team.client.post("/v1/images/generations", &shaped).await;
    assert_eq!(answer.refusal(), (503, "providers_unavailable".to_owned(), None));
    assert_eq!(queue.count("generate").await, 0);
}
