//! An account at a vendor of credits: what it lacks holds it and not the caller, its limits are kept, and
//! its key is replaced while it is used.

use serde_json::{Value, json};
use simulated_vendors::{
    ApiKey,
    generor::{Limits, Settings},
};
use tests::{
    Gateway, Ledger, Reply, STUDIO_KEY, Studio, Team, Vendor, config, micros, quick, quick_studio,
    until,
};

use crate::run;

fn picture(prompt: &str) -> Value {
    json!({ "model": "generor/10003", "prompt": prompt })
}

/// A house with a second vendor of pictures, and an alias for both: the cheaper one first.
async fn house_with_another() -> (Studio, Vendor, Gateway, Team) {
    let (studio, vendor) = (Studio::start(quick_studio()).await, Vendor::start(quick()).await);
    let zekron = config(&vendor, &json!({}))["providers"]["zekron"].clone();
    let either = ["generor/10003", "zekron/zekron-image-1"];
    let change = json!({
        "providers": { "zekron": zekron },
        "models": { "either": { "kind": "image", "candidates": either } },
    });
    let (gateway, team) = studio.house(run(), &change).await;
    (studio, vendor, gateway, team)
}

fn either(prompt: &str) -> Value {
    json!({ "model": "either", "prompt": prompt })
}

/// The answer to work that nobody can take now, and the reason in it.
fn assert_turned_away(answer: &Reply, why: &str) {
    assert_eq!(answer.refusal(), (503, "providers_unavailable".to_owned(), None));
    assert!(answer.header("retry-after").is_some(), "{:?}", answer.headers);
    let reason = answer.json()["error"]["details"]["candidates"][0]["reason"].clone();
    assert!(reason.as_str().is_some_and(|text| text.contains(why)), "{reason}");
}

async fn held(gateway: &Gateway, reason: &str) {
    until(&format!("a hold for {reason}"), || async {
        (gateway.account("generor").await["hold"]["reason"] == reason).then_some(())
    })
    .await;
    let labels = [("provider", "generor"), ("account", "main")];
    assert_eq!(gateway.metric("atelier_account_available", &labels).await, Some(0));
}

#[tokio::test]
async fn without_credits_the_other_candidate_makes_it_and_the_account_is_held() {
    let (studio, vendor, gateway, team) = house_with_another().await;
    let first = team.generate(&either("while there are credits")).await;
    assert_eq!(first["provider"], "generor", "the cheaper one: {first}");
    studio.credits(0).await;
    let made = team.generate(&either("when there are none")).await;
    assert_eq!(
        (&made["status"], &made["provider"]),
        (&json!("completed"), &json!("zekron")),
        "{made}"
    );
    assert_eq!(micros(&made["cost"]["charged_usd"]), vendor.total().await);
    held(&gateway, "balance").await;
    let asked = studio.count("generate").await;
    let answer = team.client.post("/v1/generations", &picture("no one else")).await;
    assert_turned_away(&answer, "balance");
    let again = team.generate(&either("still none")).await;
    assert_eq!(again["provider"], "zekron", "{again}");
    assert_eq!(studio.count("generate").await, asked, "it was not asked again");
    let ledger = Ledger::read(&gateway.admin()).await;
    ledger.assert_balanced();
    assert_eq!(ledger.sum("provider:generor/main"), studio.total().await);
    assert_eq!(ledger.sum("provider:zekron/main"), vendor.total().await);
}

#[tokio::test]
async fn credits_that_are_bought_end_the_hold() {
    let vendor = Studio::start(quick_studio()).await;
    vendor.credits(3).await;
    let (gateway, team) = vendor.house(run(), &json!({})).await;
    let answer = team.client.post("/v1/images/generations", &picture("too dear")).await;
    assert_eq!(answer.refusal().0, 503, "{}", answer.text());
    held(&gateway, "balance").await;
    vendor.credits(1000).await;
    until("the end of the hold", || async {
        gateway.account("generor").await["hold"].is_null().then_some(())
    })
    .await;
    assert_eq!(team.generate(&picture("paid for")).await["status"], "completed");
    assert_eq!(vendor.charges().await.len(), 1);
}

#[tokio::test]
async fn a_key_that_is_none_holds_the_account() {
    let settings = Settings { keys: vec![ApiKey::new("gnr_live_another")], ..quick_studio() };
    let vendor = Studio::start(settings).await;
    // Whether the balance or the work is refused first, nobody is told that his own key is bad.
    let gateway = vendor.gateway(run(), json!({})).await;
    let team = gateway.team("a").await;
    let answer = team.client.post("/v1/images/generations", &picture("refused")).await;
    assert_eq!(answer.refusal().0, 503, "{}", answer.text());
    held(&gateway, "credential").await;
    let answer = team.client.post("/v1/generations", &picture("refused")).await;
    assert_turned_away(&answer, "credential");
    // The catalogue needs no key.
    Studio::read_by(&team).await;
    assert!(vendor.charges().await.is_empty());
    assert!(!gateway.logged().contains(STUDIO_KEY), "the key is nowhere told");
}

#[tokio::test]
async fn what_a_key_may_not_do_is_a_warning_and_the_work_goes_on() {
    let vendor = Studio::start(quick_studio()).await;
    let key = vendor.key(&["generate"]).await;
    let gateway = vendor.gateway(run(), json!({ "key": key })).await;
    let team = gateway.team("a").await;
    let account = until("the warnings", || async {
        let account = gateway.account("generor").await;
        let warnings = account["warnings"].as_array().is_some_and(|all| !all.is_empty());
        warnings.then_some(account)
    })
    .await;
    let warnings = account["warnings"].to_string();
    assert!(warnings.contains("`read`"), "{account}");
    assert_eq!(
        (&account["available"], &account["hold"]),
        (&json!(true), &Value::Null),
        "{account}"
    );
    for number in 0..3 {
        let made = team.generate(&picture(&format!("number {number}"))).await;
        assert_eq!(made["status"], "completed", "{made}");
    }
    assert_eq!(gateway.account("generor").await["hold"], Value::Null);
    assert_eq!(Ledger::read(&gateway.admin()).await.sum("provider:generor/main"), 18_000);
    assert_eq!(vendor.total().await, 18_000);
}

#[tokio::test]
async fn an_answer_that_is_lost_to_a_key_that_may_not_read_is_not_paid_twice() {
    let vendor = Studio::start(quick_studio()).await;
    let key = vendor.key(&["generate"]).await;
    let gateway = vendor.gateway(run(), json!({ "key": key })).await;
    let team = gateway.team("a").await;
    vendor.fault_on_generate("reset_after", json!({})).await;
    let id = team.begin(&picture("who knows")).await;
    let lost = team.ended(&id).await;
    assert_eq!(lost["status"], "failed", "nobody can tell: {lost}");
    let booked = micros(&lost["cost"]["charged_usd"]);
    assert_eq!(micros(&lost["cost"]["uncertain_usd"]), booked, "{lost}");
    assert!(booked >= vendor.total().await, "{lost}");
    assert_eq!(Ledger::read(&gateway.admin()).await.sum("provider:generor/main"), booked);
    assert_eq!(vendor.count("generate").await, 1, "nothing was paid again in silence");
    assert_eq!(gateway.account("generor").await["hold"], Value::Null);
    assert_eq!(team.generate(&picture("another")).await["status"], "completed");
}

#[tokio::test]
async fn a_team_that_is_not_the_accounts_is_the_callers_mistake() {
    let vendor = Studio::start(quick_studio()).await;
    let (gateway, team) = vendor.house(run(), &json!({})).await;
    let made = vendor.site("gnr_live_somebody_elses_key_0123456789");
    let made = made.post("/api/v1/teams", &json!({ "name": "theirs" })).await.expect(201).json();
    let theirs = made["data"]["team_id"].as_u64().expect("a team");
    for id in [theirs, 999_999] {
        let mut body = picture("for a team");
        body["provider_options"] = json!({ "generor": { "team_id": id } });
        let made = team.generate(&body).await;
        assert_eq!(
            (&made["status"], made["error"]["code"].as_str()),
            (&json!("failed"), Some("provider_error"))
        );
        assert_eq!(made["cost"]["charged_usd"], "0.000000", "{made}");
        assert_eq!(gateway.account("generor").await["hold"], Value::Null, "{made}");
    }
    assert_eq!(team.generate(&picture("for nobody")).await["status"], "completed");
}

#[tokio::test]
async fn a_key_with_every_scope_warns_of_nothing_and_tells_the_balance() {
    let vendor = Studio::start(quick_studio()).await;
    let gateway = vendor.gateway(run(), json!({})).await;
    vendor.asked("keys", 1).await;
    let account = until("the balance", || async {
        let account = gateway.account("generor").await;
        account["balance_usd"].is_string().then_some(account)
    })
    .await;
    assert_eq!(account["warnings"], json!([]), "{account}");
    // What the page's example has: 35,775 paid, 200 given, 50 earned.
    assert_eq!(account["balance_usd"], "36.025000", "{account}");
    let team = gateway.team("a").await;
    team.generate(&picture("one")).await;
    until("the balance after it", || async {
        (gateway.account("generor").await["balance_usd"] == "36.019000").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_key_that_may_not_generate_holds_the_account() {
    let vendor = Studio::start(quick_studio()).await;
    let key = vendor.key(&["read"]).await;
    let gateway = vendor.gateway(run(), json!({ "key": key })).await;
    let team = gateway.team("a").await;
    let answer = team.client.post("/v1/images/generations", &picture("not allowed")).await;
    assert_eq!(answer.refusal().0, 503, "{}", answer.text());
    held(&gateway, "credential").await;
    assert!(vendor.charges().await.is_empty());
}

#[tokio::test]
async fn the_key_is_replaced_while_a_slow_call_is_under_way() {
    let vendor = Studio::start(quick_studio()).await;
    let (mut gateway, team) = vendor.house(run(), &json!({})).await;
    vendor.set(json!({ "latency_ms": { "picture": { "min": 3000, "max": 3000 } } })).await;
    let slow = team.begin(&picture("begun with the old key")).await;
    vendor.asked("generate", 1).await;
    let account = gateway.account("generor").await;
    let path = format!("/admin/v1/accounts/{}/rotate", account["id"].as_str().expect("an id"));
    let admin = gateway.admin();
    let rotated = admin.post(&path, &json!({})).await.expect(200);
    assert!(!rotated.text().contains("gnr_live_"), "no key is shown: {}", rotated.text());
    assert_eq!(rotated.json()["hold"], Value::Null);
    assert_eq!(team.generation(&slow).await["status"], "running", "it went on meanwhile");
    // The new key works at once, beside the old one.
    vendor.set(json!({ "latency_ms": { "picture": { "min": 0, "max": 0 } } })).await;
    let quick = team.generate(&picture("made with the new key")).await;
    assert_eq!(quick["status"], "completed", "{quick}");
    let made = team.ended(&slow).await;
    assert_eq!(
        (&made["status"], made["attempts"].as_array().map(Vec::len)),
        (&json!("completed"), Some(1))
    );

    let balance = "/api/v1/credits/balance";
    until("the old key's end", || async {
        (vendor.site(STUDIO_KEY).get(balance).await.status == 401).then_some(())
    })
    .await;
    let keys: Vec<Value> =
        vendor.generations().await.iter().map(|generation| generation["key"].clone()).collect();
    assert_ne!(keys[0], keys[1], "each with the key of its time");
    // A restart still knows the new one, though the configuration has the old one.
    gateway.kill_and_restart().await;
    let team = gateway.again(&team);
    let after = team.generate(&picture("after a restart")).await;
    assert_eq!(after["status"], "completed", "{after}");
    assert_eq!(gateway.account("generor").await["hold"], Value::Null);
    assert_eq!(vendor.answered("401").await, 1, "only ours, by hand");
    let ledger = Ledger::read(&gateway.admin()).await;
    ledger.assert_balanced();
    assert_eq!(ledger.sum("provider:generor/main"), vendor.total().await);
    assert_eq!(vendor.charges().await.len(), 3);
    let told = gateway.logged();
    assert!(!told.contains("gnr_live_"), "no key is logged: {told}");
}

#[tokio::test]
async fn a_rotation_whose_answer_is_lost_locks_nobody_out() {
    let vendor = Studio::start(quick_studio()).await;
    let (gateway, team) = vendor.house(run(), &json!({})).await;
    vendor.asked("keys", 1).await;
    until("the account's state", || async {
        gateway.account("generor").await["balance_usd"].is_string().then_some(())
    })
    .await;
    vendor.fault(json!({ "kind": "reset_after", "on": "keys" })).await;
    let account = gateway.account("generor").await;
    let path = format!("/admin/v1/accounts/{}/rotate", account["id"].as_str().expect("an id"));
    let answer = gateway.admin().post(&path, &json!({})).await;
    assert!([502, 503].contains(&answer.status), "{} {}", answer.status, answer.text());
    let made = team.generate(&picture("with the old key")).await;
    assert_eq!(made["status"], "completed", "{made}");
    assert_eq!(gateway.account("generor").await["hold"], Value::Null);
}

#[tokio::test]
async fn slow_down_is_heard_and_nothing_is_lost() {
    let vendor = Studio::start(quick_studio()).await;
    let (gateway, team) = vendor.house(run(), &json!({})).await;
    vendor.fault_on_generate("rate_limited", json!({ "retry_after_s": 2 })).await;
    let made = team.generate(&picture("in a moment")).await;
    assert_eq!(made["status"], "completed", "{made}");
    assert_eq!((vendor.count("generate").await, vendor.charges().await.len()), (2, 1));
    let requests = vendor.requests().await;
    let at: Vec<i64> = requests
        .iter()
        .filter(|request| request["path"].as_str().is_some_and(|path| path.ends_with("/generate")))
        .map(|request| millis(request["at"].as_str().unwrap_or_default()))
        .collect();
    let apart = (at[1] - at[0]).rem_euclid(3_600_000);
    assert!((2000..20_000).contains(&apart), "{at:?}");
    assert_eq!(Ledger::read(&gateway.admin()).await.sum("provider:generor/main"), 6000);
}

/// The milliseconds within the hour of an RFC 3339 time.
fn millis(at: &str) -> i64 {
    let field = |from, to| at.get(from..to).and_then(|text: &str| text.parse::<i64>().ok());
    let field = |from, to| field(from, to).unwrap_or_default();
    (field(14, 16) * 60 + field(17, 19)) * 1000 + field(20, 23)
}

#[tokio::test]
async fn the_free_tiers_thirty_a_minute_are_kept_and_the_vendor_refuses_nothing() {
    const MINUTE: u64 = 30;
    let vendor = Studio::start(Settings { limits: Limits::default(), ..quick_studio() }).await;
    // A gateway with the documented limits of the account's tier, and not the tests' own.
    // A submit that the kill cut off before it reached the vendor is known not to run a second later.
    let limits = json!({ "work_seconds": 1 });
    let account = json!({ "key": STUDIO_KEY, "tier": "free", "limits": limits });
    let generor =
        json!({ "type": "generor", "base_url": vendor.url(), "accounts": { "main": account } });
    let mut config = vendor.config_at(&vendor.url(), json!({}), &json!({}));
    config["providers"]["generor"] = generor;
    let mut gateway = run().gateway(&config).await;
    let team = gateway.team("a").await;
    let keyed = async || {
        let mut all = 0;
        for class in ["generate", "creations", "transactions", "balance", "keys"] {
            all += vendor.count(class).await;
        }
        all
    };
    let mut begun = 0;
    let mut cut_off = Vec::new();
    for _ in 0..12 {
        cut_off.push(team.begin(&picture(&format!("number {begun}"))).await);
        begun += 1;
    }
    vendor.asked("generate", 5).await;
    gateway.kill_and_restart().await;
    let team = gateway.again(&team);
    for _ in 0..28 {
        team.begin(&picture(&format!("number {begun}"))).await;
        begun += 1;
    }
    // What the kill cut off may never have reached the vendor, and counts here all the same.
    let wait = until("that the minute is used up", || async {
        let asked = team.client.post("/v1/estimates", &picture("how long?")).await.expect(200);
        asked.json()["data"][0]["wait_s"].as_u64().filter(|wait| *wait > 0)
    })
    .await;
    assert!(wait <= 61, "{wait}");
    // Whatever went out is over: the others wait for the next minute, and so does the search for what the
    // kill cut off, where the minute was used up before it.
    let all = until("nothing else is running", || async {
        let all = team.generations().await;
        let searched = |g: &Value| cut_off.iter().any(|id| g["id"] == **id);
        let runs = all.iter().any(|g| g["status"] == "running" && !searched(g));
        (!runs).then_some(all)
    })
    .await;
    let of = |status: &str| all.iter().filter(|g| g["status"] == status).count();
    let known = of("completed") + of("queued") + of("running");
    assert_eq!((all.len(), known), (40, 40), "{all:?}");
    assert!(of("running") <= 5, "no more than were out at the kill: {all:?}");
    assert!(of("queued") >= 10, "{}", of("queued"));
    // The catalogue, which is read without the key, may be read too often by two processes in a minute.
    let requests = vendor.requests().await;
    let refused: Vec<_> =
        requests.iter().filter(|r| r["status"] == 429 && r["key"].is_string()).collect();
    assert_eq!(refused, Vec::<&Value>::new(), "the vendor had to refuse something");
    let keyed = keyed().await;
    assert!((MINUTE - 12..=MINUTE).contains(&keyed), "{keyed} requests in the minute");
}
