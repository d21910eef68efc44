//! Credits that a vendor gives away are spent where they would be lost otherwise, and kept where they will be
//! wanted anyway: then a picture goes to whoever charges least. The books hold what was charged, whichever it
//! was. The engine, the adapters and the vendors are the real ones; only their clocks are the test's.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use engine::{Alias, Generation, Market, Request, Scarce, Thing};
use provider::{Clock, Kind, ManualClock, MicroUsd, Provider as _, Timestamp};
use provider_generor::Generor;
use provider_zekron::Zekron;
use simulated_vendors::generor::{Purses, Settings};
use tests::{STUDIO_KEY, Studio, VENDOR_KEY, Vendor, flat, quick_studio, until};

use crate::own_clock::{OwnClock, vendor};

/// Six credits a picture, at this price: more than twice what the other vendor charges.
const CREDIT: MicroUsd = MicroUsd::from_micros(10_000);
const CROWD: usize = 40;
const JOINED: &str = "2026-03-01T20:00:00Z";
const FIRST: &str = "2026-03-02T08:00:00Z";
const DAY: i64 = 24 * 3_600_000;

struct House {
    own: OwnClock,
    gifts: Studio,
    paid: Vendor,
}

impl House {
    async fn new() -> Self {
        let settings = Settings {
            opening: Purses { paid: 10_000, free: 2_200, earned: 0 },
            free_max: 2_500,
            daily_bonus: 300,
            charged_percent: BTreeMap::new(),
            ..quick_studio()
        };
        let gifts = Studio::start(settings).await;
        // The account is a day old, and has had a bonus.
        gifts.stand_at(JOINED).await;
        gifts.balance_by_hand().await;
        gifts.stand_at(FIRST).await;
        let paid = Vendor::start(flat()).await;
        let clock = ManualClock::at(Timestamp::parse(FIRST).expect("a moment"));
        let own = OwnClock::open(clock, |timer| market(&gifts, &paid, timer)).await;
        Self { own, gifts, paid }
    }

    /// Both clocks go on.
    async fn pass(&self, millis: i64) {
        self.gifts.pass(millis).await;
        self.own.clock.advance(Duration::from_millis(millis.unsigned_abs()));
    }

    /// Made by whom, in the end.
    async fn made(&self, model: &str, prompt: String) -> Arc<Generation> {
        let request = Request { model: Some(model.to_owned()), ..Request::image(prompt) };
        let started = self.own.engine.start(&self.own.caller, request, None).await;
        let id = started.expect("it is accepted").id;
        until("the end of a generation", || async {
            self.pass(100).await;
            let own = &self.own;
            own.is_made(&id).await.then_some(())?;
            own.engine.generation(&own.caller.team.id, &id).await.ok()
        })
        .await
    }

    /// The free credits as they were weighed, once that is so.
    async fn free(&self, what: &str, is_so: impl Fn(&Scarce) -> bool + Sync) -> Scarce {
        let free = Thing::FreeCredits { account: "generor/main".to_owned() };
        until(what, || async {
            self.pass(5_000).await;
            let scarce = self.own.engine.scarce();
            scarce.into_iter().find(|one| one.thing == free && is_so(one))
        })
        .await
    }
}

fn market(gifts: &Studio, paid: &Vendor, clock: &Arc<dyn Clock>) -> Market {
    let http = provider_http::Client::new(provider_http::Settings::default(), Arc::clone(clock));
    let http = Arc::new(http.expect("a client"));
    let config = provider_generor::Config {
        base_url: gifts.url(),
        usd_per_credit: CREDIT,
        estimate_ceiling: 1,
        ..Default::default()
    };
    let generor = Generor::new(config, Arc::clone(&http)).expect("an adapter");
    let config = provider_zekron::Config { base_url: paid.url(), ..Default::default() };
    let zekron = Zekron::new(config, http).expect("an adapter");
    let vendors = vec![
        vendor("generor", STUDIO_KEY, generor.limits("main"), Arc::new(generor)),
        vendor("zekron", VENDOR_KEY, zekron.limits("main"), Arc::new(zekron)),
    ];
    let candidates = ["generor/10003", "zekron/zekron-image-1"].map(str::to_owned).to_vec();
    let photo = Alias {
        name: "photo".to_owned(),
        kind: Kind::Image,
        candidates,
        variants: None,
        rules: engine::AliasRules::default(),
    };
    Market::new(vendors, vec![photo], BTreeMap::new())
}

#[tokio::test]
async fn a_free_credit_is_used_where_it_would_be_lost_and_kept_where_it_is_wanted() {
    let house = House::new().await;
    for number in 0..CROWD {
        // These have no other way.
        let made = house.made("generor/10003", format!("a fox in a crowd, {number}")).await;
        assert_eq!(made.provider.as_deref(), Some("generor"));
    }
    let wanted = house.free("a price", |free| free.worth > 0.0).await;
    assert!(wanted.worth > 0.9 && wanted.left > 20.0, "{wanted:?}");
    let made = house.made("photo", "a fox after them".to_owned()).await;
    assert_eq!(made.provider.as_deref(), Some("zekron"), "they are wanted, and so are dear");

    // Two a day are fewer than what comes every night, and there is no room for that.
    house.pass(20 * DAY).await;
    house.free("credits to spare", |free| free.worth <= 0.0).await;
    let made = house.made("photo", "a fox, much later".to_owned()).await;
    assert_eq!(made.provider.as_deref(), Some("generor"), "they cost nothing");
    assert_eq!(made.cost.charged, CREDIT.times(6), "it is charged all the same");
    assert_eq!(house.paid.charges().await.len(), 1);
    let decided = house.own.engine.decision(&house.own.caller.team.id, &made.id).await;
    let decided = decided.expect("it is read").expect("it is kept");
    let first = decided.candidates.iter().find_map(|one| one.standing.filter(|s| s.rank == 0));
    let first = first.expect("somebody is first").to_string();
    assert!(first.contains("charges 0.060000, 0.060000 of it out of free credits"), "{first}");
}
