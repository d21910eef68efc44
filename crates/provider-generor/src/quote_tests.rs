use std::sync::Arc;

use provider::{ManualClock, MicroUsd, Work};
use provider_conformance::{Answer as Said, Turns, Vendor};
use serde_json::json;

use super::*;
use crate::{
    Config,
    testing::{Busy, known, known_at, order, work},
};

struct Stand {
    known: Known,
    clock: ManualClock,
    vendor: Vendor,
    pace: Turns,
}

impl Stand {
    fn new(said: Said) -> Self {
        let vendor = Vendor::start(move |_| said.clone());
        let base = format!("{}/api/v1", vendor.url());
        let (known, clock) = known_at(&Config::default(), &base);
        Self { known, clock, vendor, pace: Turns::default() }
    }

    fn saying(data: &Value) -> Self {
        Self::new(Said::json(200, &json!({"success": true, "data": data})))
    }

    async fn quote(&self, work: &Work) -> Estimate {
        self.known.quote(&self.pace, &order(&self.known, work).unwrap()).await.unwrap()
    }

    fn asked(&self) -> usize {
        self.vendor.requests().len()
    }
}

#[tokio::test]
async fn a_price_is_asked_for_once_and_then_remembered() {
    let stand = Stand::saying(&json!({
        "credit_cost": {"total": 30, "per_item": 6, "count": 5, "discount": 0, "discount_percent": 5},
        "time_estimate": {"seconds": 60.5}
    }));
    let picture = work(&stand.known, "10003");
    let live = stand.quote(&picture).await;
    let price =
        Price { expected: MicroUsd::from_micros(30_000), upper: MicroUsd::from_micros(150_000) };
    assert_eq!((live.source, live.price, live.age), (QuoteSource::Live, price, Duration::ZERO));
    assert_eq!(live.duration, Duration::from_secs(61));
    stand.clock.advance(Duration::from_secs(7));
    let again = stand.quote(&Work { prompt: "another".to_owned(), ..picture }).await;
    assert_eq!((again.source, again.age), (QuoteSource::Remembered, Duration::from_secs(7)));
    assert_eq!((stand.asked(), stand.pace.taken()), (1, 1));
    let quote = Quote::from(again);
    assert_eq!((quote.price, quote.source), (price, QuoteSource::Remembered));
}

#[tokio::test]
async fn without_a_turn_at_once_the_list_speaks() {
    let stand = Stand::saying(&json!({"credit_cost": {"total": 30}}));
    let mut picture = work(&stand.known, "10003");
    picture.count = 2;
    let order = order(&stand.known, &picture).unwrap();
    let listed = stand.known.quote(&Busy, &order).await.unwrap();
    assert_eq!((listed.source, listed.credits), (QuoteSource::Listed, Credits::whole(12)));
    assert_eq!(listed.price.upper.micros(), 60_000);
    assert_eq!(stand.asked(), 0);
    assert_eq!(
        stand.quote(&picture).await.source,
        QuoteSource::Live,
        "the other gave its right back"
    );
}

#[tokio::test]
async fn after_a_live_question_failed_nobody_waits_for_another_for_a_while() {
    let stand = Stand::new(Said::json(500, &json!({})));
    let (picture, joke) = (work(&stand.known, "10003"), work(&stand.known, "37"));
    for work in [&picture, &joke, &picture] {
        assert_eq!(stand.quote(work).await.source, QuoteSource::Listed);
    }
    assert_eq!(stand.asked(), 1);
    stand.clock.advance(Duration::from_secs(29));
    stand.quote(&joke).await;
    assert_eq!(stand.asked(), 1);
    stand.clock.advance(Duration::from_secs(1));
    stand.quote(&joke).await;
    assert_eq!(stand.asked(), 2);
}

#[tokio::test]
async fn a_question_that_the_vendor_refuses_stops_no_other() {
    let stand = Stand::new(Said::json(400, &json!({"success": false})));
    let (picture, joke) = (work(&stand.known, "10003"), work(&stand.known, "37"));
    for work in [&picture, &joke, &picture, &joke] {
        assert_eq!(stand.quote(work).await.source, QuoteSource::Listed);
    }
    assert_eq!(stand.asked(), 2, "each once");
    stand.clock.advance(Duration::from_secs(600));
    stand.quote(&joke).await;
    assert_eq!(stand.asked(), 3);
}

#[tokio::test]
async fn one_question_of_a_kind_is_under_way_at_a_time() {
    let stand = Stand::saying(&json!({"credit_cost": 30}));
    let picture = work(&stand.known, "10003");
    let order = order(&stand.known, &picture).unwrap();
    let question = || (order.slug.to_owned(), order.estimate_body());
    let entry = stand.known.estimates.want(order.key(), question);
    let held = entry.ask(stand.known.clock.now()).unwrap();
    for _ in 0..2 {
        assert_eq!(stand.quote(&picture).await.source, QuoteSource::Listed);
    }
    drop(held);
    assert_eq!(stand.quote(&picture).await.source, QuoteSource::Live);
    assert_eq!(stand.asked(), 1);
}

#[tokio::test]
async fn quotes_of_many_at_once_ask_once() {
    let stand = Arc::new(Stand::saying(&json!({"credit_cost": {"total": "30"}})));
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let stand = Arc::clone(&stand);
        all.spawn(async move { stand.quote(&work(&stand.known, "10003")).await.source });
    }
    let sources = all.join_all().await;
    assert_eq!(stand.asked(), 1);
    assert_eq!(sources.iter().filter(|source| **source == QuoteSource::Live).count(), 1);
}

#[tokio::test]
async fn an_answer_without_a_price_is_none() {
    for data in [
        json!({}),
        json!({"credit_cost": {"total": -1}}),
        json!([]),
        json!({"credit_cost": "dear"}),
    ] {
        let stand = Stand::saying(&data);
        assert_eq!(
            stand.quote(&work(&stand.known, "10003")).await.source,
            QuoteSource::Listed,
            "{data}"
        );
    }
    let refused =
        Stand::new(Said::json(200, &json!({"success": false, "data": {"credit_cost": 1}})));
    assert_eq!(refused.quote(&work(&refused.known, "10003")).await.source, QuoteSource::Listed);
}

#[tokio::test]
async fn what_nobody_priced_is_not_quoted() {
    let known = known();
    let mut eyes = work(&known, "34");
    let url = Some("https://a.example/1".to_owned());
    let (role, media_type) = (provider::Role::Source, "image/png".to_owned());
    eyes.inputs = vec![provider::Input { role, media_type, bytes: bytes::Bytes::new(), url }];
    let error = known.quote(&Busy, &order(&known, &eyes).unwrap()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Unavailable, Retry::Safe { after: None })
    );
}

#[tokio::test]
async fn what_the_vendor_says_that_it_would_use_is_told() {
    let stand = Stand::saying(&json!({
        "credit_cost": {"total": 30},
        "applied_parameters": {"kept": 4, "changed": "small", "model-video": "3"},
        "adjustments": {
            "seconds": {"requested": 5, "used": 6, "supported": [6], "reason": "snapped"},
            "count": 1,
            "generate_audio": {"used": false}
        }
    }));
    let mut clip = work(&stand.known, "20061");
    let parameters = json!({"kept": "4", "changed": "large", "dropped": true});
    clip.options.insert("parameters".to_owned(), parameters);
    clip.seconds = Some(4);
    for source in [QuoteSource::Live, QuoteSource::Remembered] {
        let told = stand.quote(&clip).await;
        assert_eq!(told.source, source);
        let used = |name: &str| told.adjustments[name].used.clone();
        let parameter = |name: &str| used(&format!("provider_options.generor.parameters.{name}"));
        assert_eq!(told.adjustments.len(), 5, "{:?}", told.adjustments);
        assert_eq!((parameter("changed"), parameter("dropped")), (json!("small"), Value::Null));
        assert_eq!((used("count"), used("audio")), (json!(1), json!(false)));
        let seconds = &told.adjustments["seconds"];
        assert_eq!((&seconds.requested, &seconds.used), (&json!(4), &json!(5)), "the caller's own");
    }
}

#[tokio::test]
async fn a_question_as_long_as_a_book_is_not_remembered() {
    let stand = Stand::saying(&json!({"credit_cost": {"total": 30}}));
    for (length, source) in [(8000, QuoteSource::Live), (9000, QuoteSource::Listed)] {
        let mut picture = work(&stand.known, "10003");
        let parameters = json!({"a": "x".repeat(length)});
        picture.options.insert("parameters".to_owned(), parameters);
        assert_eq!(stand.quote(&picture).await.source, source, "{length}");
    }
    assert_eq!(
        (stand.asked(), stand.known.estimates.missing(stand.known.clock.now()).len()),
        (1, 0)
    );
}
