//! What a month has: counters, caps, the turn of the month, and overage that carries over.

use crate::client::{Client, KEY, quick, start};
use serde_json::{Value, json};
use simulated_vendors::zsky::Settings;

fn small() -> Settings {
    let mut settings = quick();
    (settings.allowance.images, settings.allowance.videos) = (3, 1);
    settings
}

/// Takes images until there is none left, and says how many there were.
async fn take_all(client: &Client) -> usize {
    let mut taken = 0;
    while client.image("one more").await.status == 200 {
        taken += 1;
    }
    taken
}

#[tokio::test]
async fn usage_is_as_the_page_shows_and_every_unit_is_a_line() {
    let (_running, client) = start(quick()).await;
    client.job("a fox").await;
    client.job("an owl").await;
    client.video("a hare").await;
    let usage = json!({
        "videos_used": 1, "videos_overage": 0, "images_used": 2, "images_overage": 0,
        "overage_charged_cents": 0, "base_videos_allowance": 300, "base_images_allowance": 1000,
        "month_start": "2026-05-01",
    });
    assert_eq!(client.usage().await, usage);
    let charges = client.charges().await;
    let lines: Vec<_> = charges.iter().map(|charge| (&charge["kind"], &charge["prompt"])).collect();
    let (image, video) = (json!("image"), json!("video"));
    let expected =
        [(&image, &json!("a fox")), (&image, &json!("an owl")), (&video, &json!("a hare"))];
    assert_eq!(lines, expected);
    let since = client.control("GET", "/books?since=2", Value::Null).await;
    assert_eq!(since["charges"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn work_that_has_not_ended_is_counted_and_given_back_when_it_fails() {
    let mut settings = small();
    settings.image_latency_ms.min = 1000;
    settings.image_latency_ms.max = 1000;
    let (_running, client) = start(settings).await;
    client.job("unrenderable").await;
    client.job("fine").await;
    assert_eq!(client.usage().await["images_used"], 2);
    client.job("fine").await;
    assert_eq!(client.image("one too many").await.status, 429);
    client.advance(1).await;
    assert_eq!(client.usage().await["images_used"], 2);
    assert_eq!(client.charges().await.len(), 2);
    assert_eq!(take_all(&client).await, 1);
}

#[tokio::test]
async fn the_month_is_a_hard_stop_and_turns_at_midnight_of_utc() {
    let (_running, client) = start(small()).await;
    client.set_clock("2026-05-31T23:59:59Z").await;
    assert_eq!(take_all(&client).await, 3);
    let refused = client.image("more").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, None));
    assert!(refused.text().contains("allowance"));
    assert_eq!(client.video("the other kind").await.status, 200);
    client.advance(1).await;
    let usage = client.usage().await;
    assert_eq!((&usage["images_used"], &usage["month_start"]), (&json!(0), &json!("2026-06-01")));
    assert_eq!(take_all(&client).await, 3, "nothing was carried over");
    client.set_clock("2026-07-01T00:00:00Z").await;
    client.set_clock("2026-08-01T00:00:00Z").await;
    assert_eq!(take_all(&client).await, 3, "a month that was not used leaves nothing");
    let months: Vec<_> = client
        .charges()
        .await
        .iter()
        .map(|charge| charge["month"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(months.iter().filter(|month| *month == "2026-05").count(), 4);
}

#[tokio::test]
async fn the_day_has_a_cap_for_each_kind() {
    let mut settings = quick();
    (settings.limits.images_per_day, settings.limits.videos_per_day) = (2, 1);
    let (_running, client) = start(settings).await;
    assert_eq!(take_all(&client).await, 2);
    assert!(client.image("more").await.text().contains("Daily"));
    assert_eq!(client.video("one").await.status, 200);
    assert_eq!(client.video("two").await.status, 429);
    client.set_clock("2026-05-10T23:59:59.999Z").await;
    assert_eq!(client.image("still today").await.status, 429);
    client.set_clock("2026-05-11T00:00:00Z").await;
    assert_eq!(take_all(&client).await, 2);
    assert_eq!(client.usage().await["images_used"], 4);
    assert_eq!(client.standing().await["images_today"], 2);
}

#[tokio::test]
async fn the_page_s_own_numbers_are_the_defaults() {
    let (_running, client) = start(quick()).await;
    for day in 10..15 {
        client.set_clock(&format!("2026-05-{day}T12:00:00Z")).await;
        assert_eq!(take_all(&client).await, 200);
    }
    client.set_clock("2026-05-15T12:00:00Z").await;
    assert!(client.image("more").await.text().contains("allowance"));
    assert_eq!(client.usage().await["images_used"], 1000);
}

#[tokio::test]
async fn overage_is_opt_in_and_its_unused_budget_carries_over() {
    let (_running, client) = start(small()).await;
    let order = json!({ "key": KEY, "monthly_cap_cents": 12 });
    assert_eq!(client.control("POST", "/overage", order).await["overage_left_cents"], 12);
    assert_eq!(take_all(&client).await, 5, "three within, two for ten cents");
    let usage = client.usage().await;
    let told =
        ["images_used", "images_overage", "overage_charged_cents"].map(|name| usage[name].clone());
    assert_eq!(told, [json!(5), json!(2), json!(10)]);
    let cents: u64 =
        client.charges().await.iter().map(|charge| charge["overage_cents"].as_u64().unwrap()).sum();
    assert_eq!(cents, 10);
    client.set(json!({ "allowance": { "used_includes_overage": false } })).await;
    assert_eq!(client.usage().await["images_used"], 3);

    client.set_clock("2026-06-01T00:00:00Z").await;
    assert_eq!(client.standing().await["overage_left_cents"], 14, "two were left of May");
    assert_eq!(take_all(&client).await, 5);
    client.set_clock("2026-08-01T00:00:00Z").await;
    assert_eq!(client.standing().await["overage_left_cents"], 28, "four, July and August");
    // Another cap keeps what was left before.
    let order = json!({ "key": KEY, "monthly_cap_cents": 50 });
    assert_eq!(client.control("POST", "/overage", order).await["overage_left_cents"], 66);
    assert_eq!(client.video("within").await.status, 200);
    assert_eq!(client.video("for fifty").await.status, 200);
    assert_eq!(client.video("for more than is left").await.status, 429);
    assert_eq!(take_all(&client).await, 6, "the sixteen cents that are left");
    let out = json!({ "key": KEY, "monthly_cap_cents": null });
    assert_eq!(client.control("POST", "/overage", out).await["overage_left_cents"], Value::Null);
    assert_eq!(client.image("opted out").await.status, 429);
}
