//! A rush on budgets: many teams at once, each with money for ten pictures and more requests than that,
//! while the gateway is killed again and again. Nobody is over, and nobody is refused what was covered.
//!
//! A picture's price is also its worst price, and nothing fails here but the gateway itself: so what is
//! charged and held of a budget only grows, and what is left of it in the end is the least that was ever
//! left. Whoever was refused what that would cover was refused wrongly.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use simulated_vendors::zekron::{Latency, Settings};
use tests::{
    ADMIN_KEY, Client, Gateway, Ledger, PICTURE, Reply, Team, Vendor, config, flat, micros,
    until_within, usd,
};
use tokio::{sync::watch, task::JoinSet};

/// Pictures that a team's budget covers.
const COVERED: i64 = 10;
/// Also for the slowest machine.
const PATIENCE: Duration = Duration::from_secs(200);

/// How large a rush is.
#[derive(Debug, Clone, Copy)]
struct Size {
    teams: usize,
    requests: usize,
    kills: usize,
    /// Requests ask for one picture, two, and so on up to so many.
    pictures: usize,
}

impl Size {
    /// How many pictures the request of that number is for.
    fn count(self, number: usize) -> i64 {
        i64::try_from(number / self.teams % self.pictures + 1).expect("a small number")
    }
}

/// How a request ended, and for how many pictures it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Made(i64),
    Refused(i64),
}

/// What all callers share.
#[derive(Debug)]
struct Rush {
    size: Size,
    /// Where the gateway listens now.
    url: watch::Receiver<String>,
    /// Pictures so far.
    made: AtomicUsize,
}

impl Rush {
    /// Asks as a caller does who has an idempotency key: at every address that the gateway has, until
    /// there is an answer.
    async fn insist(self: Arc<Self>, team: Team, number: usize) -> End {
        let count = self.size.count(number);
        let body = json!({ "kind": "image", "prompt": format!("rush, number {number}"),
                           "size": "512x512", "cache": "off", "count": count });
        let key = format!("rush-{number}");
        let headers = [
            ("content-type", "application/json"),
            ("prefer", "wait=60"),
            ("idempotency-key", &key),
        ];
        let mut moved = self.url.clone();
        loop {
            let url = moved.borrow_and_update().clone();
            let client = Client::new(url).with_key(&team.key);
            let path = "/v1/generations";
            match client.try_send("POST", path, &headers, body.to_string()).await {
                Ok(reply) => {
                    if let Some(end) = self.end(&reply, count) {
                        return end;
                    }
                }
                // Killed: it comes again elsewhere.
                Err(_) => moved.changed().await.expect("the gateway comes again"),
            }
        }
    }

    /// What an answer means; none where the end is not there yet.
    fn end(&self, reply: &Reply, count: i64) -> Option<End> {
        let body = reply.json();
        match reply.status {
            201 => {
                assert_eq!(body["status"], "completed", "{body}");
                let outputs = body["outputs"].as_array().map_or(0, Vec::len);
                assert_eq!(i64::try_from(outputs), Ok(count), "all of it or nothing: {body}");
                self.made.fetch_add(outputs, Ordering::Relaxed);
                Some(End::Made(count))
            }
            402 => {
                assert_eq!(reply.refusal().1, "budget_exceeded");
                let left = micros(&body["error"]["details"]["remaining_usd"]);
                assert!(left < count * PICTURE, "refused with {left} left: {body}");
                Some(End::Refused(count))
            }
            202 => None,
            status => panic!("{status}: {body}"),
        }
    }
}

/// Looks at one budget after the other for as long as it may: none is ever over.
async fn watch_budgets(url: watch::Receiver<String>, teams: Vec<Team>) {
    for team in teams.iter().cycle() {
        let admin = Client::new(url.borrow().clone()).with_key(ADMIN_KEY);
        let path = format!("/admin/v1/teams/{}", team.id);
        // Between a kill and the next start nobody answers.
        if let Ok(reply) = admin.try_send("GET", &path, &[], "").await {
            assert_within(&reply.expect(200).json());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What is charged and held of the team's budget: never more than it is.
#[track_caller]
fn assert_within(team: &Value) -> (i64, i64) {
    let budget = &team["standing"][0];
    let sum = |name: &str| micros(&budget[name]);
    let (limit, charged, held) = (sum("limit_usd"), sum("charged_usd"), sum("held_usd"));
    assert!(charged + held <= limit, "over its budget: {team}");
    (charged, held)
}

/// A vendor that takes all that comes, and a gateway that sends a lot at once.
async fn start(size: Size) -> (Vendor, Gateway, Vec<Team>) {
    let latency_ms = Latency { min: 0, max: 40 };
    let vendor = Vendor::start(Settings { latency_ms, seed: 6, ..flat() }).await;
    let limits = json!({ "requests_per_minute": 1_000_000, "concurrent": 24, "work_seconds": 2 });
    let change =
        json!({ "providers": { "zekron": { "accounts": { "main": { "limits": limits } } } } });
    let gateway = super::run().gateway(&config(&vendor, &change)).await;
    let budget = json!({ "budget": { "limit_usd": usd(COVERED * PICTURE), "period": "total" } });
    let mut teams = Vec::new();
    for number in 0..size.teams {
        teams.push(gateway.team_with(&format!("team {number}"), &budget).await);
    }
    (vendor, gateway, teams)
}

/// All at once, with kills between them; then the books are read.
async fn rush(size: Size) {
    let (vendor, mut gateway, teams) = start(size).await;
    let (tell, url) = watch::channel(gateway.url().to_owned());
    let rush = Arc::new(Rush { size, url: url.clone(), made: AtomicUsize::new(0) });
    let mut callers = JoinSet::new();
    for number in 0..size.requests {
        let (rush, at) = (Arc::clone(&rush), number % size.teams);
        let asked = rush.insist(teams[at].clone(), number);
        callers.spawn(async move { (at, asked.await) });
    }
    let mut watcher = JoinSet::new();
    watcher.spawn(watch_budgets(url, teams.clone()));
    for kill in 1..=size.kills {
        // Eight pictures a team are made in any case.
        let due = size.teams * 8 * kill / (size.kills + 1);
        until_within(PATIENCE, "the next kill", || async {
            (rush.made.load(Ordering::Relaxed) >= due).then_some(())
        })
        .await;
        gateway.kill_and_restart().await;
        tell.send(gateway.url().to_owned()).expect("somebody listens");
    }
    let mut ends: BTreeMap<usize, Vec<End>> = BTreeMap::new();
    while let Some(end) = callers.join_next().await {
        let (team, end) = end.expect("a caller that is answered well");
        ends.entry(team).or_default().push(end);
    }
    watcher.abort_all();
    while let Some(end) = watcher.join_next().await {
        assert!(end.is_err_and(|error| error.is_cancelled()), "a budget was passed on the way");
    }
    let looks = vendor.count("generations").await;
    println!("{looks} looks at the vendor's books after {} kills", size.kills);
    assert!(looks > 0, "no kill hit work under way: this run shows nothing");
    check(&gateway, &vendor, &teams, &ends).await;
}

async fn check(
    gateway: &Gateway,
    vendor: &Vendor,
    teams: &[Team],
    ends: &BTreeMap<usize, Vec<End>>,
) {
    let admin = gateway.admin();
    let mut all = 0;
    for (number, team) in teams.iter().enumerate() {
        let path = format!("/admin/v1/teams/{}", team.id);
        let (charged, held) = assert_within(&admin.get(&path).await.expect(200).json());
        assert_eq!(held, 0, "what is over holds nothing: team {number}");
        let made = |end: &End| if let End::Made(count) = end { *count } else { 0 };
        let pictures: i64 = ends[&number].iter().map(made).sum();
        assert_eq!(charged, pictures * PICTURE, "team {number}");
        all += pictures;
        for end in &ends[&number] {
            let End::Refused(count) = end else { continue };
            let left = COVERED * PICTURE - charged;
            assert!(
                left < count * PICTURE,
                "{count} were refused, and {left} is left: team {number}"
            );
        }
        // No refused request left a trace.
        let mine = gateway.again(team).generations().await;
        assert_eq!(mine.len(), ends[&number].iter().filter(|end| made(end) > 0).count());
        assert!(mine.iter().all(|generation| generation["status"] == "completed"));
    }
    let ledger = Ledger::read(&admin).await;
    ledger.assert_balanced();
    assert_eq!(ledger.sum("team:"), -all * PICTURE);
    assert_eq!(ledger.sum("provider:zekron/main"), vendor.total().await);
    assert_eq!(i64::try_from(vendor.charges().await.len()), Ok(all), "each was paid once");
    let verdict = admin.get("/admin/v1/ledger/verify").await.expect(200).json();
    assert_eq!(verdict, json!({ "ok": true, "findings": [] }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_teams_get_ten_pictures_each_of_500_requests() {
    rush(Size { teams: 40, requests: 500, kills: 4, pictures: 1 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_for_several_pictures_get_all_or_nothing() {
    rush(Size { teams: 12, requests: 144, kills: 2, pictures: 3 }).await;
}
