//! What a plan holds, what the vendor says of it, and what a request may ask for.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod adapter;

use std::time::Duration;

use provider::{
    Calendar, ErrorKind, Kind, MicroUsd, Provider, QuoteSource, Result, SlotUse, Tariff, Work,
};
use provider_conformance::{Answer, Vendor};
use provider_zsky::{Config, Zsky};
use serde_json::{Value, json};

use adapter::{Caller, client, zsky};

fn configured(json: Value, base_url: &str) -> Zsky {
    let mut config: Config = serde_json::from_value(json).unwrap();
    base_url.clone_into(&mut config.base_url);
    Zsky::new(config, client()).unwrap()
}

#[test]
fn an_accounts_limits_are_its_plans() {
    let provider = configured(
        json!({"work_ceiling_s": 600, "accounts": {"big": {
            "plan": {"images": 5000, "daily_videos": 9,
                "overage": {"enabled": true, "monthly_cap_usd": 50}},
            "safety": {"account_percent": 40}}}}),
        "https://zsky.ai",
    );
    let plain = provider.limits("main");
    assert_eq!((plain.concurrent, plain.slot), (Some(3), SlotUse::Job));
    assert_eq!((plain.windows[0].calls, plain.windows[0].span), (20, Duration::from_secs(60)));
    assert_eq!(plain.allowance(Kind::Image, Calendar::Month), Some(1000));
    assert_eq!(plain.allowance(Kind::Image, Calendar::Day), Some(200));
    assert_eq!(plain.allowance(Kind::Video, Calendar::Month), Some(300));
    assert_eq!(plain.allowance(Kind::Video, Calendar::Day), Some(50));
    assert_eq!(plain.overage, None, "off is a hard stop");
    assert_eq!(plain.monthly_fee, Some(MicroUsd::from_micros(99_000_000)));
    let rule = plain.safety.unwrap();
    assert_eq!((rule.account.percent, rule.account.least, rule.unbroken), (45, 8, 3));
    assert!(rule.vendor.is_passed(6, 10) && !rule.vendor.is_passed(5, 10));

    let big = provider.limits("big");
    assert!(!big.count_reads && big.work_ceiling == Duration::from_secs(600));
    assert_eq!(big.allowance(Kind::Image, Calendar::Month), Some(5000));
    assert_eq!(big.allowance(Kind::Video, Calendar::Day), Some(9));
    let overage = big.overage.unwrap();
    assert_eq!(overage.price(Kind::Image), Some(MicroUsd::from_micros(50_000)));
    assert_eq!(overage.price(Kind::Video), Some(MicroUsd::from_micros(500_000)));
    assert_eq!(overage.monthly_cap, MicroUsd::from_micros(50_000_000));
    assert_eq!(big.safety.unwrap().account.percent, 40);
}

#[test]
fn the_defaults_do_not_count_reads() {
    let limits = zsky("https://zsky.ai").limits("main");
    assert!(!limits.count_reads && limits.work_ceiling == Duration::from_secs(300));
}

#[tokio::test]
async fn the_price_past_the_plan_is_listed_where_somebody_may_pay_it() {
    let listed = |provider: &Zsky, model: &str| match provider.describe().model(model) {
        Some(model) => model.tariff.clone(),
        None => panic!("no model {model}"),
    };
    let plain = zsky("https://zsky.ai");
    assert_eq!(listed(&plain, "image"), Tariff::Allowance { overage: None });
    let paying = configured(
        json!({"accounts": {"a": {"plan": {"overage": {"enabled": true}}},
            "b": {"plan": {"overage": {"enabled": true, "video_usd": 0.6}}},
            "c": {"plan": {"overage": {"enabled": false, "video_usd": 9}}}}}),
        "https://zsky.ai",
    );
    let price = |micros| Tariff::Allowance { overage: Some(MicroUsd::from_micros(micros)) };
    assert_eq!(listed(&paying, "image"), price(50_000));
    assert_eq!(listed(&paying, "video"), price(600_000), "the dearest of them");
    // The engine knows which unit it takes; the adapter quotes one of the plan.
    let quote = paying.quote(Caller::new().call(), &Work::image("image", "an owl")).await.unwrap();
    assert!(quote.price.upper.is_zero() && quote.source == QuoteSource::Listed, "{quote:?}");
}

fn clip() -> Work {
    Work { kind: Kind::Video, ..Work::image("video", "an owl") }
}

/// The submit's body, or why it was refused.
async fn sent(work: &Work) -> Result<Value> {
    let vendor = Vendor::start(|_| Answer::json(200, &json!({"job_id": "8a1", "status": "x"})));
    let (caller, provider) = (Caller::new(), zsky(&vendor.url()));
    let quoted = provider.quote(caller.call(), work).await;
    let submitted = provider.submit(caller.call(), work, &mut caller.sink.clone()).await;
    assert_eq!(quoted.is_ok(), submitted.is_ok(), "{quoted:?} {submitted:?}");
    submitted?;
    Ok(serde_json::from_slice(&vendor.requests()[0].body).unwrap())
}

#[tokio::test]
async fn a_clips_length_is_in_frames() {
    for (seconds, frames) in [(1, 25), (5, 121), (10, 241)] {
        let work = Work { seconds: Some(seconds), ..clip() };
        assert_eq!(sent(&work).await.unwrap()["length"], json!(frames), "{seconds} s");
    }
    let with = |length: Value| Work { options: [("length".to_owned(), length)].into(), ..clip() };
    for frames in [25, 100, 241] {
        assert_eq!(sent(&with(json!(frames))).await.unwrap()["length"], json!(frames));
    }
    let mut refused: Vec<Work> = [json!(24), json!(242), json!(-1), json!(99.5), json!("100")]
        .into_iter()
        .chain([Value::Null, json!([100]), json!(u64::MAX)])
        .map(with)
        .collect();
    refused.push(Work { seconds: Some(5), ..with(json!(121)) });
    for work in refused {
        let error = sent(&work).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{work:?}");
        assert_eq!(error.reasons()[0].param, "provider_options.length");
    }
    let picture = Work::image("image", "an owl");
    let options = [("length".to_owned(), json!(100))].into();
    assert!(sent(&Work { options, ..picture }).await.is_err(), "a picture has no length");
}

#[tokio::test]
async fn a_prompt_counts_in_characters() {
    let body = sent(&Work::image("image", "é".repeat(2000))).await.unwrap();
    assert_eq!(body["prompt"].as_str().unwrap().chars().count(), 2000);
    assert!(sent(&Work::image("image", "é".repeat(2001))).await.is_err());
}

/// (limit, used, overage) of images and of videos, as read from this answer.
async fn counters(answer: Value) -> Result<Vec<(Kind, u32, u32, u32)>> {
    let vendor = Vendor::start(move |_| Answer::json(200, &answer));
    let plan = json!({"accounts": {"main": {"plan": {"images": 2000}}}});
    let status = configured(plan, &vendor.url()).account(Caller::new().call()).await?;
    assert!(status.balance.is_none() && status.spent.is_none(), "{status:?}");
    let all = status.allowances.into_iter();
    Ok(all.map(|told| (told.kind, told.limit, told.used, told.overage)).collect())
}

#[tokio::test]
async fn both_readings_of_used_come_to_the_same() {
    for used in [300, 310] {
        let told = counters(json!({"videos_used": used, "videos_overage": 10,
            "base_videos_allowance": 300}));
        assert_eq!(told.await.unwrap(), [(Kind::Video, 300, 310, 10)], "{used}");
    }
    // Past the allowance without a word of overage: it is overage all the same.
    let told = counters(json!({"videos_used": 305, "base_videos_allowance": "300"})).await;
    assert_eq!(told.unwrap(), [(Kind::Video, 300, 305, 5)]);
}

#[tokio::test]
async fn what_the_vendor_does_not_tell_is_the_plans() {
    let told = counters(json!({"images_used": "180", "videos_used": null, "new": [1]})).await;
    assert_eq!(told.unwrap(), [(Kind::Image, 2000, 180, 0)]);
    for nothing in [json!({}), json!({"images_overage": 3}), json!({"images_used": "many"})] {
        assert_eq!(counters(nothing.clone()).await.unwrap_err().kind(), ErrorKind::Failed);
    }
}
