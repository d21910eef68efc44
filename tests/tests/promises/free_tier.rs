//! The free tier's thirty calls a minute are thirty generations a minute: neither estimates nor looks
//! at the balance take a paid call's place. Both clocks are the test's: ten minutes pass in seconds.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use engine::{Account, Market, Request};
use provider::{Clock, ManualClock, Provider, Timestamp};
use provider_generor::{Config, Generor};
use simulated_vendors::generor::{Limits, Settings};
use tests::{STUDIO_KEY, Studio, quick_studio};

use crate::own_clock::OwnClock;

/// A minute of the vendor's page, and of ours.
const MINUTE: i64 = 60_000;
/// One generation in so many milliseconds: thirty a minute.
const APART: i64 = 2000;
const MINUTES: i64 = 10;

struct House {
    own: OwnClock,
    vendor: Studio,
}

impl House {
    async fn new() -> Self {
        // The limits of the page: thirty a minute with a key, fifteen without.
        let vendor = Studio::start(Settings { limits: Limits::default(), ..quick_studio() }).await;
        let clock = ManualClock::at(Timestamp::from_millis(1_800_000_000_000));
        let own = OwnClock::open(clock, |timer| market(&vendor.url(), timer)).await;
        Self { own, vendor }
    }

    /// Both clocks go on.
    async fn pass(&self, millis: i64) {
        self.vendor.pass(millis).await;
        self.own.clock.advance(Duration::from_millis(millis.unsigned_abs()));
    }
}

fn market(url: &str, clock: &Arc<dyn Clock>) -> Market {
    let http = provider_http::Client::new(provider_http::Settings::default(), Arc::clone(clock));
    let config = Config { base_url: url.to_owned(), ..Config::default() };
    let adapter = Generor::new(config, Arc::new(http.expect("a client"))).expect("an adapter");
    let account = Account {
        name: "main".to_owned(),
        id: "generor/main".to_owned(),
        key: STUDIO_KEY.into(),
        limits: adapter.limits("main"),
        terms: engine::Terms::default(),
    };
    let vendor = engine::Vendor::new("generor", Arc::new(adapter), vec![Arc::new(account)], true);
    Market::new(vec![vendor], Vec::new(), BTreeMap::new())
}

#[tokio::test]
async fn thirty_a_minute_are_thirty_generations() {
    let house = House::new().await;
    house.vendor.stand_at("2027-01-15T08:00:00Z").await;
    let mut open: Vec<String> = Vec::new();
    let (mut begun, mut made) = (0, 0);
    let mut now = 0;
    while now < MINUTES * MINUTE {
        // Every request has another shape, so that every one wants an estimate of its own.
        let mut request = Request::image(format!("a fox, number {begun}"));
        request.model = Some("generor/10003".to_owned());
        request.count = u8::try_from(begun % 10 + 1).expect("a small number");
        let started = house.own.engine.start(&house.own.caller, request, None).await;
        open.push(started.expect("it is accepted").id);
        begun += 1;
        house.pass(APART).await;
        now += APART;
        // Real work takes real time: give what can go on the time to end.
        for _ in 0..500 {
            let mut left = Vec::new();
            for id in open.drain(..) {
                match house.own.is_made(&id).await {
                    true => made += 1,
                    false => left.push(id),
                }
            }
            open = left;
            if open.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    // Two looks at the account at the start, and a wait for the minute's next turn after them.
    assert!(made >= begun - 5, "{made} of {begun} within ten minutes");
    for _ in 0..60 {
        house.pass(APART).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for id in &open {
        assert!(house.own.is_made(id).await, "none is lost");
    }
    assert_eq!(house.vendor.answered("429").await, 0, "the vendor had to refuse something");
}
