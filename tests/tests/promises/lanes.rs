//! A place at a vendor that does one thing at a time is kept for those who have no other: while clips crowd
//! there a picture is made elsewhere, for money, and once they are gone it is made there again, for none. The
//! engine, the adapters and the vendors are the real ones; only their clocks are the test's.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use engine::{Alias, Generation, Market, Request, Scarce, Thing};
use provider::{Clock, Kind, Limits, ManualClock, Provider as _, Timestamp};
use serde_json::json;
use simulated_vendors::zsky::{Latency, Settings};
use tests::{QUEUE_KEY, Queue, VENDOR_KEY, Vendor, quick, quick_queue, until};

use crate::own_clock::{OwnClock, plan_and_paid, vendor};

/// Each takes a minute of the account's only slot, as the vendor says.
const CLIPS: usize = 40;
/// Far more units than anybody asks for: they are no reason to go elsewhere.
const UNITS: u32 = 1_000_000;
const FIRST: &str = "2026-03-02T08:00:00Z";

struct House {
    own: OwnClock,
    queue: Queue,
    /// Alive as long as the house.
    _paid: Vendor,
}

impl House {
    async fn new() -> Self {
        let minute = Latency { min: 60_000, max: 60_000 };
        let queue = Queue::start(Settings { video_latency_ms: minute, ..quick_queue() }).await;
        let units = json!({ "images": UNITS, "videos": UNITS });
        let a_day = json!({ "images_per_day": UNITS, "videos_per_day": UNITS });
        queue.set(json!({ "allowance": units, "limits": a_day })).await;
        queue.stand_at(FIRST).await;
        let paid = Vendor::start(quick()).await;
        let clock = ManualClock::at(Timestamp::parse(FIRST).expect("a moment"));
        let own = OwnClock::open(clock, |timer| market(&queue, &paid, timer)).await;
        Self { own, queue, _paid: paid }
    }

    async fn start(&self, model: &str, prompt: String) -> String {
        let kind = if model == "clip" { Kind::Video } else { Kind::Image };
        let request =
            Request { model: Some(model.to_owned()), kind: Some(kind), ..Request::image(prompt) };
        let started = self.own.engine.start(&self.own.caller, request, None).await;
        started.expect("it is accepted").id
    }

    /// Both clocks go on.
    async fn pass(&self, millis: i64) {
        self.queue.pass(millis).await;
        self.own.clock.advance(Duration::from_millis(millis.unsigned_abs()));
    }

    /// Time goes on until it is made.
    async fn made(&self, id: &str) -> Arc<Generation> {
        until("the end of a generation", || async {
            self.pass(2_000).await;
            let own = &self.own;
            own.is_made(id).await.then_some(())?;
            own.engine.generation(&own.caller.team.id, id).await.ok()
        })
        .await
    }

    /// The slots of the queued vendor as they were weighed, once that is so.
    async fn slots(&self, what: &str, is_so: impl Fn(&Scarce) -> bool + Sync) -> Scarce {
        let of_queue = Thing::Lanes { account: "zsky/main".to_owned() };
        until(what, || async {
            // A weighing is due every minute while little is known.
            self.pass(5_000).await;
            let scarce = self.own.engine.scarce();
            scarce.into_iter().find(|one| one.thing == of_queue && is_so(one))
        })
        .await
    }
}

fn market(queue: &Queue, paid: &Vendor, clock: &Arc<dyn Clock>) -> Market {
    let plan = provider_zsky::Plan {
        images: UNITS,
        videos: UNITS,
        daily_images: UNITS,
        daily_videos: UNITS,
        ..Default::default()
    };
    let (zsky, zekron) = plan_and_paid(queue, paid, plan, clock);
    let one_at_a_time = Limits { concurrent: Some(1), ..zsky.limits("main") };
    let vendors = vec![
        vendor("zekron", VENDOR_KEY, zekron.limits("main"), Arc::new(zekron)),
        vendor("zsky", QUEUE_KEY, one_at_a_time, Arc::new(zsky)),
    ];
    let alias = |name: &str, kind, candidates: &[&str]| Alias {
        name: name.to_owned(),
        kind,
        candidates: candidates.iter().map(|&model| model.to_owned()).collect(),
        variants: None,
        rules: engine::AliasRules::default(),
    };
    let aliases = vec![
        alias("photo", Kind::Image, &["zsky/image", "zekron/zekron-image-1"]),
        alias("clip", Kind::Video, &["zsky/video"]),
    ];
    Market::new(vendors, aliases, BTreeMap::new())
}

#[tokio::test]
async fn a_slot_that_others_need_is_not_given_to_who_has_another_way() {
    let house = House::new().await;
    let quiet = house.start("photo", "a fox, alone".to_owned()).await;
    assert_eq!(house.made(&quiet).await.provider.as_deref(), Some("zsky"), "it costs nothing");
    let slots = house.slots("the slots", |_| true).await;
    assert!(slots.worth.abs() < 1e-12 && slots.left > 3_500.0, "an idle slot: {slots:?}");

    let mut clips = Vec::new();
    for number in 0..CLIPS {
        clips.push(house.start("clip", format!("a fox, clip {number}")).await);
    }
    // Six seconds of it are worth more than any picture's price.
    let slots = house.slots("a crowd", |slots| slots.worth > 0.005).await;
    assert!(slots.left < 3_000.0, "what waits is taken off: {slots:?}");
    let picture = house.start("photo", "a fox beside them".to_owned()).await;
    let decided = house.own.engine.decision(&house.own.caller.team.id, &picture).await;
    let decided = decided.expect("it is read").expect("it is kept");
    let one = decided.candidates.iter().find(|one| one.model == "zsky/image").expect("listed");
    let standing = one.standing.expect("it could be asked");
    assert!(standing.price.is_zero() && standing.rank > 0, "{slots:?} {standing}");
    assert_eq!(house.made(&picture).await.provider.as_deref(), Some("zekron"));
    for clip in &clips {
        assert_eq!(house.made(clip).await.provider.as_deref(), Some("zsky"));
    }

    // Who asked for so many clips once will not do so every hour.
    house.pass(24 * 3_600_000).await;
    house.slots("an idle slot again", |slots| slots.worth <= 0.0).await;
    let after = house.start("photo", "a fox after them".to_owned()).await;
    assert_eq!(house.made(&after).await.provider.as_deref(), Some("zsky"));
}
