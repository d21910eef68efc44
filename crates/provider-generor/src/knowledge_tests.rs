use parking_lot::Mutex;
use provider::ManualClock;
use provider_conformance::{Answer as Said, Recorded, Turns, Vendor};
use serde_json::{Value, json};

use super::*;
use crate::{
    facts::Media,
    testing::{known_at, order, work},
};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// What the vendor says at a path, in place of what it usually does.
type Says = Arc<Mutex<Vec<(&'static str, Said)>>>;

fn data(data: Value) -> Said {
    Said::json(200, &json!({"success": true, "data": data}))
}

fn usual(request: &Recorded) -> Said {
    let path = request.path.trim_start_matches("/api/v1/");
    match path.split('?').next().unwrap_or_default() {
        "models" => data(json!({"text": [{"id": 37, "name": "GPT 5 Nano", "credit_cost": 1}],
            "image": [{"id": 10003, "name": "Flux Schnell", "credit_cost": 6}]})),
        "generators" => {
            let more = path.contains("page=1&");
            let rows = if more {
                json!([{"slug": "joke"}])
            } else {
                json!([{"slug": "image"}, {"slug": "../x"}])
            };
            Said::json(200, &json!({"success": true, "data": rows, "meta": {"has_next": more}}))
        }
        estimate if estimate.ends_with("/estimate") => data(
            json!({"credit_cost": {"total": 15, "per_item": 3, "count": 5, "discount_percent": 5},
                "time_estimate": {"seconds": 50}, "applied_parameters": {}}),
        ),
        _ => data(json!({"slug": "joke", "parameters": [
            {"id": "joke-type", "type": "enum", "options": [{"value": "pun"}], "cost_multipliers": {}}]})),
    }
}

struct Stand {
    known: Known,
    clock: ManualClock,
    vendor: Vendor,
    says: Says,
    pace: Turns,
}

impl Stand {
    fn new() -> Self {
        let says = Says::default();
        let own = Arc::clone(&says);
        let vendor = Vendor::start(move |request| {
            let path = request.path.trim_start_matches("/api/v1/").to_owned();
            let said = own
                .lock()
                .iter()
                .find(|(at, _)| path.starts_with(at))
                .map(|(_, said)| said.clone());
            said.unwrap_or_else(|| usual(request))
        });
        let (known, clock) = known_at(&Config::default(), &format!("{}/api/v1", vendor.url()));
        Self { known, clock, vendor, says, pace: Turns::default() }
    }

    fn say(&self, at: &'static str, said: Said) {
        self.says.lock().insert(0, (at, said));
    }

    async fn learn(&self, wanted: &str) -> Result<()> {
        self.known.learn(&self.pace, wanted).await
    }

    async fn learn_all(&self) {
        loop {
            let wanted = self.known.wanted();
            let Some(first) = wanted.first() else { break };
            self.learn(first).await.unwrap();
        }
    }

    fn paths(&self) -> Vec<String> {
        let path = |request: Recorded| request.path.trim_start_matches("/api/v1/").to_owned();
        self.vendor.requests().into_iter().map(path).collect()
    }
}

fn schemas() -> Vec<String> {
    [
        "backgroundremoval",
        "image",
        "joke",
        "music",
        "soundeffect",
        "speech",
        "upscale",
        "vector",
        "video",
        "vision",
    ]
    .map(|slug| format!("generator/{slug}"))
    .into()
}

#[tokio::test]
async fn all_is_wanted_once_and_each_request_takes_a_turn() {
    let stand = Stand::new();
    let first = ["models".to_owned(), "generators".to_owned()];
    assert_eq!(stand.known.wanted(), [&first[..], &schemas()].concat());
    stand.learn_all().await;
    assert_eq!(stand.known.wanted(), [""; 0]);
    let requests = stand.vendor.requests();
    assert_eq!(requests.len(), stand.pace.taken());
    assert!(requests.iter().all(|request| request.header("authorization").is_none()));
    assert_eq!(requests.len(), 13, "two pages of generators: {:?}", stand.paths());
    assert_eq!((stand.known.lists("image"), stand.known.lists("x")), (Some(true), Some(false)));
    assert!(stand.known.schema("joke").is_some());
    stand.clock.advance(HOUR);
    assert_eq!(stand.known.wanted(), [&first[..], &schemas()].concat());
}

#[tokio::test]
async fn a_catalogue_that_did_not_change_is_the_same_one() {
    let stand = Stand::new();
    assert_eq!(stand.known.description().models.len(), 9, "the page's own");
    stand.learn("models").await.unwrap();
    let first = stand.known.description();
    let names: Vec<&str> = first.models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(names, ["37", "10003"]);
    stand.clock.advance(HOUR);
    assert_eq!(stand.known.catalogue_age(stand.clock.now()), HOUR);
    stand.learn("models").await.unwrap();
    assert!(Arc::ptr_eq(&first, &stand.known.description()));
    assert_eq!(stand.known.catalogue_age(stand.clock.now()), Duration::ZERO);
    stand.say("models", data(json!([{"id": 5}])));
    stand.learn("models").await.unwrap();
    assert_eq!(stand.known.description().models.len(), 1);
    assert!(stand.known.facts("37").is_none() && first.model("37").is_some());
}

#[tokio::test]
async fn types_are_asked_one_by_one_where_the_whole_list_cannot_be_read() {
    for broken in
        [Said::json(404, &json!({})), Said::new(200, "text/html", "<html>"), data(json!({}))]
    {
        let stand = Stand::new();
        stand.say("models", broken);
        stand.say("models/", Said::json(404, &json!({})));
        stand.say("models/upscale", data(json!([{"id": 60001}])));
        stand.learn("models").await.unwrap();
        assert_eq!(stand.known.facts("60001").unwrap().media, Media::Upscale);
        assert_eq!(stand.pace.taken(), 10);
        stand.say("models/video", Said::json(400, &json!({})));
        stand.learn("models").await.unwrap_err();
        assert!(stand.known.facts("60001").is_some(), "what was known stays known");
    }
}

#[tokio::test]
async fn what_fails_is_left_alone_for_a_while() {
    let stand = Stand::new();
    for at in ["models", "generators", "generators/joke"] {
        stand.say(at, Said::json(503, &json!({})));
    }
    stand.say("generators/music", Said::json(404, &json!({})));
    stand.say("generators/vector", data(json!({"parameters": 7})));
    for wanted in ["models", "generators", "generator/joke", "generator/music", "generator/vector"]
    {
        stand.learn(wanted).await.unwrap_err();
        assert!(!stand.known.wanted().contains(&wanted.to_owned()), "{wanted}");
    }
    assert_eq!(stand.pace.taken(), 5, "a vendor that is down is not asked type by type");
    stand.clock.advance(Duration::from_secs(60));
    let again = stand.known.wanted();
    assert!(
        ["models", "generators", "generator/joke"]
            .iter()
            .all(|name| again.contains(&(*name).to_owned()))
    );
    assert!(!again.contains(&"generator/music".to_owned()), "it is not there");
    stand.clock.advance(HOUR);
    assert!(stand.known.wanted().contains(&"generator/music".to_owned()));
}

#[tokio::test]
async fn estimates_come_between_the_lists_and_the_schemas() {
    let stand = Stand::new();
    stand.learn("generators").await.unwrap();
    let (joke, picture) = (work(&stand.known, "37"), work(&stand.known, "10003"));
    let busy = crate::testing::Busy;
    for work in [&joke, &picture, &picture] {
        let quote = stand.known.quote(&busy, &order(&stand.known, work).unwrap()).await.unwrap();
        assert_eq!(quote.source, provider::QuoteSource::Listed);
    }
    let keys = [&picture, &joke].map(|work| order(&stand.known, work).unwrap().key());
    let mut all = vec!["models".to_owned()];
    all.extend(keys.map(|key| format!("estimate/{key}")));
    all.extend(schemas());
    assert_eq!(stand.known.wanted(), all, "the most used first");
    stand.learn_all().await;
    let asked = stand.vendor.requests();
    let estimate = asked.iter().find(|request| request.path.ends_with("image/estimate")).unwrap();
    assert_eq!(estimate.body, br#"{"model_id":10003,"count":1}"#);
    assert!(estimate.header("authorization").is_none() && estimate.method == "POST");
    let told = stand.known.remembered(&order(&stand.known, &picture).unwrap()).unwrap();
    assert_eq!(told.price.expected.micros(), 15_000);
}

#[tokio::test]
async fn an_estimate_in_use_is_refreshed_before_it_is_old() {
    let stand = Stand::new();
    stand.learn_all().await;
    let (joke, picture) = (work(&stand.known, "37"), work(&stand.known, "10003"));
    let key = |work| format!("estimate/{}", order(&stand.known, work).unwrap().key());
    let ask = async |work| {
        stand.known.quote(&stand.pace, &order(&stand.known, work).unwrap()).await.unwrap()
    };
    ask(&joke).await;
    ask(&picture).await;
    assert_eq!(ask(&joke).await.source, provider::QuoteSource::Remembered);
    stand.clock.advance(Duration::from_secs(47 * 60));
    assert_eq!(stand.known.wanted(), [""; 0]);
    stand.clock.advance(Duration::from_secs(60));
    assert_eq!(stand.known.wanted(), [key(&joke)], "the picture's was not used since it was told");
    stand.say("generators/joke/estimate", Said::json(503, &json!({})));
    stand.learn(&key(&joke)).await.unwrap_err();
    let old = ask(&joke).await;
    assert_eq!((old.source, old.age.as_secs()), (provider::QuoteSource::Remembered, 48 * 60));
    stand.say("generators/joke/estimate", data(json!({"credit_cost": {"total": 16}})));
    stand.clock.advance(Duration::from_secs(61));
    stand.learn(&key(&joke)).await.unwrap();
    let fresh = ask(&joke).await;
    assert_eq!((fresh.credits, fresh.age.as_secs()), (crate::credits::Credits::whole(16), 0));
}

#[tokio::test]
async fn what_was_known_outlives_the_process() {
    let stand = Stand::new();
    assert_eq!(stand.known.to_keep(), None, "nothing was learned");
    stand.learn_all().await;
    let picture = work(&stand.known, "10003");
    stand.known.quote(&stand.pace, &order(&stand.known, &picture).unwrap()).await.unwrap();
    let kept = stand.known.to_keep().unwrap();
    assert_eq!(stand.known.to_keep(), None, "it is kept");
    assert!(!kept.contains("fox"), "no prompt");

    let (later, clock) = known_at(&Config::default(), crate::testing::NOWHERE);
    clock.advance(Duration::from_secs(600));
    later.recall(&kept);
    assert_eq!(later.wanted(), [""; 0]);
    assert_eq!(later.description().models.len(), 2);
    assert!(later.schema("joke").is_some() && later.lists("joke") == Some(true));
    let order = order(&later, &picture).unwrap();
    let told = later.quote(&stand.pace, &order).await.unwrap();
    assert_eq!((told.source, told.age.as_secs()), (provider::QuoteSource::Remembered, 600));
    assert_eq!(told.duration, Duration::from_secs(50));
    assert_eq!(later.to_keep(), None, "recalling is not learning");
    clock.advance(HOUR);
    assert!(
        later.wanted().contains(&format!("estimate/{}", order.key())),
        "with the question beside it"
    );
}

#[tokio::test]
async fn a_document_that_cannot_be_read_is_none() {
    let stand = Stand::new();
    stand.learn("models").await.unwrap();
    let kept = stand.known.to_keep().unwrap();
    let (fresh, _) = known_at(&Config::default(), crate::testing::NOWHERE);
    let other_version = kept.replacen("\"version\":1", "\"version\":2", 1);
    assert_ne!(other_version, kept);
    for broken in
        ["", "{}", "[]", "null", &kept[..kept.len() / 2], &other_version, r#"{"version":1}"#]
    {
        fresh.recall(broken);
        assert_eq!(fresh.description().models.len(), 9, "{broken}");
    }
    fresh.recall(&kept);
    assert_eq!(fresh.description().models.len(), 2);
}

#[tokio::test]
async fn what_was_read_since_is_not_replaced_by_what_was_kept() {
    let stand = Stand::new();
    stand.learn_all().await;
    let kept = stand.known.to_keep().unwrap();
    stand.say("models", data(json!([{"id": 5}])));
    stand.learn("models").await.unwrap();
    stand.known.recall(&kept);
    assert_eq!(stand.known.description().models.len(), 1);
}

#[tokio::test]
async fn what_was_kept_by_a_clock_that_was_ahead_is_not_young_for_ever() {
    let stand = Stand::new();
    stand.learn_all().await;
    let picture = work(&stand.known, "10003");
    stand.known.quote(&stand.pace, &order(&stand.known, &picture).unwrap()).await.unwrap();
    let kept = stand.known.to_keep().unwrap();
    let ahead = kept.replace("2023-11-14T22:13:20", "2099-11-14T22:13:20");
    assert_ne!(ahead, kept);
    let (later, clock) = known_at(&Config::default(), crate::testing::NOWHERE);
    later.recall(&ahead);
    clock.advance(HOUR);
    let told = later.remembered(&order(&later, &picture).unwrap()).unwrap();
    assert_eq!(told.age, HOUR);
    assert_eq!(later.wanted().len(), 2 + schemas().len());
}

#[tokio::test]
async fn a_list_of_models_may_have_pages() {
    let stand = Stand::new();
    let page = |id: u32, more| {
        Said::json(200, &json!({"data": {"text": [{"id": id}]}, "meta": {"has_next": more}}))
    };
    stand.say("models", page(1, true));
    stand.say("models?page=2", page(2, true));
    stand.say("models?page=3", page(3, false));
    stand.learn("models").await.unwrap();
    assert_eq!(stand.known.description().models.len(), 3);
    assert_eq!(stand.paths(), ["models", "models?page=2", "models?page=3"]);
    stand.say("models", page(1, true));
    stand.learn("models").await.unwrap();
    assert_eq!(stand.pace.taken(), 3 + 19, "a list that never ends is ended");
}

#[tokio::test]
async fn names_that_nobody_wanted_are_nothing() {
    let stand = Stand::new();
    for name in
        ["", "weather", "estimate/", "estimate/zz", "estimate/00000000000000000000000000000000"]
    {
        stand.learn(name).await.unwrap();
    }
    stand.learn("generator/../users/me").await.unwrap_err();
    assert_eq!(stand.paths(), [""; 0]);
}

#[test]
fn all_of_us_together_have_the_limits_of_one_address() {
    let (known, _) = known_at(&Config::default(), crate::testing::NOWHERE);
    let limits = known.limits();
    assert_eq!(limits.windows, [RateWindow { span: Duration::from_secs(60), calls: 15 }]);
    assert!(limits.count_reads && limits.concurrent.is_none());
}
