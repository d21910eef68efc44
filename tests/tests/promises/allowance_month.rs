//! A prepaid month ends used up, by the requests that are dearest elsewhere: whoever has a cheap way out
//! pays it, and what would be left over near the month's end goes to whoever comes. The engine, the
//! adapters and the vendors are the real ones; only their clocks are the test's.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use engine::{Alias, Generation, Market, Request};
use provider::{Clock, Kind, ManualClock, Provider as _, Timestamp};
use serde_json::{Value, json};
use tests::{QUEUE_KEY, Queue, VENDOR_KEY, Vendor, micros, quick, quick_queue};

use crate::own_clock::{OwnClock, plan_and_paid, vendor};

/// Units of the plan's month.
const UNITS: u32 = 40;
/// Requests of a month: these cost a third more where they are paid for.
const DEAR: u64 = 30;
const CHEAP: u64 = 90;
const HOUR: i64 = 3_600_000;
const FIRST: &str = "2026-03-01T00:00:00Z";
/// Hours of that month, and of the one after it that are played.
const MARCH: i64 = 31 * 24;

struct House {
    own: OwnClock,
    queue: Queue,
    paid: Vendor,
    open: Vec<String>,
}

impl House {
    async fn new() -> Self {
        let queue = Queue::start(quick_queue()).await;
        queue.set(json!({ "allowance": { "images": UNITS, "videos": 0 } })).await;
        queue.stand_at(FIRST).await;
        let paid = Vendor::start(quick()).await;
        let first = Timestamp::parse(FIRST).expect("a moment");
        let own =
            OwnClock::open(ManualClock::at(first), |timer| market(&queue, &paid, timer)).await;
        Self { own, queue, paid, open: Vec::new() }
    }

    /// What the month would have cost, as an operator is told.
    async fn report(&self) -> Value {
        let config = json!({
            "storage": { "database": "sqlite://atelier.db" },
            "providers": {
                "zekron": {
                    "base_url": self.paid.url(), "accounts": { "main": { "key": VENDOR_KEY } },
                },
                "zsky": {
                    "base_url": self.queue.url(),
                    "accounts": {
                        "main": { "key": QUEUE_KEY, "plan": { "images": UNITS, "videos": 0 } },
                    },
                },
            },
            "models": {
                "draft": { "kind": "image", "candidates": ["zsky/image", "zekron/zekron-flash"] },
                "photo": { "kind": "image", "candidates": ["zsky/image", "zekron/zekron-image-1"] },
            },
        });
        let folder = self.own.folder.path();
        std::fs::write(folder.join("gateway.yaml"), config.to_string()).expect("it is written");
        let month = ["--from", FIRST, "--to", "2026-04-01T00:00:00Z"];
        let words = [&["simulate", "--trace", "ledger", "--json"], &month[..]].concat();
        crate::json_of(&crate::run().cli(folder, &words).await)
    }

    async fn ask(&mut self, model: &str, prompt: String) {
        let request = Request { model: Some(model.to_owned()), ..Request::image(prompt) };
        let started = self.own.engine.start(&self.own.caller, request, None).await;
        self.open.push(started.expect("it is accepted").id);
    }

    /// The clocks go on, and everything that was begun ends.
    async fn pass(&mut self, millis: i64) {
        self.queue.pass(millis).await;
        self.own.clock.advance(Duration::from_millis(millis.unsigned_abs()));
        let mut looks = 0;
        while !self.open.is_empty() {
            let mut left = Vec::new();
            for id in self.open.drain(..) {
                if !self.own.is_made(&id).await {
                    left.push(id);
                }
            }
            self.open = left;
            looks += 1;
            assert!(looks < 2_000, "{:?} do not end", self.open);
            // Real work takes real time, and a queue is looked at again after some of ours.
            self.own.clock.advance(Duration::from_millis(500));
            self.queue.pass(500).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Everything that was made with that name, oldest first.
    async fn made(&self, model: &str) -> Vec<Arc<Generation>> {
        let (team, mut after, mut all) = (&self.own.caller.team.id, None, Vec::new());
        loop {
            let page = records::Page { limit: 100, after, ascending: true };
            let rows = self.own.engine.generations(team, Some(Kind::Image), page).await;
            let rows = rows.expect("they are read");
            let Some(last) = rows.last() else { return all };
            after = Some(last.id.clone());
            all.extend(rows.into_iter().filter(|row| row.model == model).map(Arc::new));
        }
    }
}

fn market(queue: &Queue, paid: &Vendor, clock: &Arc<dyn Clock>) -> Market {
    let plan = provider_zsky::Plan { images: UNITS, videos: 0, ..Default::default() };
    let (zsky, zekron) = plan_and_paid(queue, paid, plan, clock);
    let vendors = vec![
        vendor("zsky", QUEUE_KEY, zsky.limits("main"), Arc::new(zsky)),
        vendor("zekron", VENDOR_KEY, zekron.limits("main"), Arc::new(zekron)),
    ];
    let alias = |name: &str, paid: &str| Alias {
        name: name.to_owned(),
        kind: Kind::Image,
        candidates: vec!["zsky/image".to_owned(), paid.to_owned()],
        variants: None,
        rules: engine::AliasRules::default(),
    };
    let aliases =
        vec![alias("draft", "zekron/zekron-flash"), alias("photo", "zekron/zekron-image-1")];
    Market::new(vendors, aliases, BTreeMap::new())
}

/// Numbers that look like chance and are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Which of the two paid for it with a unit.
fn units(all: &[Arc<Generation>]) -> usize {
    all.iter().filter(|one| one.provider.as_deref() == Some("zsky")).count()
}

#[tokio::test]
async fn a_month_goes_to_the_dearest_and_nothing_of_it_is_left() {
    let mut house = House::new().await;
    let mut chance = Chance(7);
    let hours = u64::try_from(MARCH).expect("hours");
    let mut plan: Vec<(u64, &str)> = Vec::new();
    for (model, count) in [("photo", DEAR), ("draft", CHEAP)] {
        plan.extend((0..count).map(|_| (chance.below(hours), model)));
    }
    plan.sort_unstable();
    let mut plan = plan.into_iter().enumerate().peekable();
    for hour in 0..hours {
        while let Some((number, (_, model))) = plan.next_if(|(_, (at, _))| *at == hour) {
            house.ask(model, format!("a fox, number {number}")).await;
        }
        house.pass(HOUR).await;
    }
    let (dear, cheap) = (house.made("photo").await, house.made("draft").await);
    let (to_dear, to_cheap) = (units(&dear), units(&cheap));
    println!("{to_dear} of {DEAR} dear ones and {to_cheap} of {CHEAP} cheap ones took a unit");
    assert_eq!(to_dear + to_cheap, UNITS as usize, "nothing of the month is left");
    assert!(to_dear + 3 >= dear.len(), "the dear ones had units: {to_dear} of {DEAR}");

    let charged: i64 = dear.iter().chain(&cheap).map(|one| one.cost.charged.micros()).sum();
    assert_eq!(charged, house.paid.total().await, "the books are the vendor's");
    // By a table of prices whoever comes first takes a unit, as long as there are any.
    let all = DEAR + CHEAP;
    let first = u64::from(UNITS);
    let by_table =
        usual(&cheap) * (CHEAP - CHEAP * first / all) + usual(&dear) * (DEAR - DEAR * first / all);
    println!("charged {charged}, by a table of prices about {by_table}");
    assert!(charged.unsigned_abs() < by_table, "{charged} is no less than {by_table}");

    // The operator's report says the same, from the books alone.
    let report = house.report().await;
    let row = |policy: &str| {
        let rows = report["rows"].as_array().expect("rows").iter();
        let row = rows.clone().find(|row| row["policy"] == policy).expect("it is a row");
        micros(&row["charged_usd"])
    };
    assert_eq!(row("as it was"), charged, "{report}");
    let by_table = i64::try_from(by_table).expect("cents");
    let off = (row("table") - by_table).abs();
    println!("by the report {} by a table of prices", row("table"));
    assert!(off * 10 < by_table && row("table") > charged, "about {by_table}: {report}");
}

/// What a picture usually charged where it was paid for; the worst where none was.
fn usual(all: &[Arc<Generation>]) -> u64 {
    let paid = all.iter().filter(|one| one.provider.as_deref() != Some("zsky"));
    let paid: Vec<u64> = paid.map(|one| one.cost.charged.micros().unsigned_abs()).collect();
    let count = u64::try_from(paid.len()).expect("few");
    paid.iter().sum::<u64>().checked_div(count).unwrap_or(29_000)
}
