//! Credits: balances, transactions in every shape, and an account that has too few.

use crate::client::{Client, KEY, SCHNELL, quick, refused, start, told};
use serde_json::{Value, json};
use simulated_vendors::generor::Settings;

async fn have(client: &Client, total: u64) {
    client.control("POST", "/credits", json!({ "key": KEY, "total": total })).await;
}

#[tokio::test]
async fn a_balance_has_three_purses_and_the_free_one_goes_first() {
    let (_running, client) = start(quick()).await;
    let balance = json!({ "total": 36_025, "paid": 35_775, "free": 200, "earned": 50, "max": 250 });
    assert_eq!(client.data("/credits/balance").await, balance);
    let body = json!({ "prompt": "x", "model_id": 10001, "count": 3 });
    told(&client.generate("image", &body).await);
    let balance = json!({ "total": 35_792, "paid": 35_775, "free": 0, "earned": 17, "max": 250 });
    assert_eq!(client.data("/credits/balance").await, balance);
    assert_eq!(client.data("/users/me").await["credits"], balance);
    assert_eq!(client.charges().await[0]["left"]["earned"], 17);
}

#[tokio::test]
async fn too_few_credits_are_refused_before_any_work() {
    let (_running, client) = start(quick()).await;
    have(&client, 5).await;
    let body = json!({ "prompt": "x", "model_id": SCHNELL });
    let refusal = refused(&client.generate("image", &body).await);
    assert_eq!(refusal, (402, "INSUFFICIENT_CREDITS".to_owned()));
    assert_eq!(client.books().await["generations"], json!([]));
    have(&client, 6).await;
    let data = told(&client.generate("image", &body).await);
    assert_eq!(
        (&data["credit_cost"], &data["credits_remaining"]),
        (&json!(6), &json!(0)),
        "no account goes below nothing"
    );
}

#[tokio::test]
async fn a_charge_is_off_by_chance_where_that_is_set_and_the_same_again_by_the_seed() {
    let noisy = || Settings { charge_noise_percent: 8, seed: 7, ..quick() };
    let mut runs = Vec::new();
    for settings in [noisy(), noisy(), quick()] {
        let (_running, client) = start(settings).await;
        let body = json!({ "prompt": "x", "model_id": 10001 });
        let mut costs = Vec::new();
        for _ in 0..12 {
            let data = told(&client.generate("image", &body).await);
            assert_eq!(data["credit_cost_estimated"], 80);
            costs.push(data["credit_cost"].as_u64().unwrap());
        }
        assert_eq!(client.total().await, 36_025 - costs.iter().sum::<u64>());
        runs.push(costs);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].iter().all(|cost| (74..=86).contains(cost)), "{runs:?}");
    assert!(runs[0].iter().any(|c| *c < 80) && runs[0].iter().any(|c| *c > 80), "{runs:?}");
    assert_eq!(runs[2], [80; 12]);
}

#[tokio::test]
async fn calls_at_once_cannot_spend_the_same_credit() {
    let mut settings = quick();
    settings.latency_ms.picture.max = 40;
    settings.charged_percent.clear();
    let (_running, client) = start(settings).await;
    have(&client, 3 * 6 + 5).await;
    let body = json!({ "prompt": "x", "model_id": SCHNELL });
    let calls = [(); 8].map(|()| client.generate("image", &body));
    let [a, b, c, d, e, f, g, h] = calls;
    let replies = tokio::join!(a, b, c, d, e, f, g, h);
    let replies =
        [replies.0, replies.1, replies.2, replies.3, replies.4, replies.5, replies.6, replies.7];
    let paid = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!((paid, client.total().await), (3, 5));
    assert_eq!(client.charges().await.len(), 3);
}

#[tokio::test]
async fn transactions_are_filtered_and_paged_and_have_the_shape_that_is_set() {
    let (_running, client) = start(quick()).await;
    client.image("x").await;
    client.advance(60).await;
    client
        .control("POST", "/credits", json!({ "key": KEY, "add": 7, "type": "daily_bonus" }))
        .await;
    let rows = client.data("/credits/transactions").await;
    let kinds: Vec<_> = rows.as_array().unwrap().iter().map(|row| row["type"].clone()).collect();
    assert_eq!(kinds, ["daily_bonus", "spend", "purchase", "signup_bonus"]);
    let amounts: i64 =
        rows.as_array().unwrap().iter().map(|row| row["amount"].as_i64().unwrap()).sum();
    assert_eq!(u64::try_from(amounts).unwrap(), client.total().await, "they add up to the balance");
    let spent = async || client.data("/credits/transactions?type=spend&page=1").await[0].clone();
    let linked = json!({
        "transaction_id": 3, "type": "spend", "amount": -24, "balance_after": 36_001,
        "description": "image generation", "creation_id": 6144, "created_at": "2026-05-10 12:00:00",
    });
    assert_eq!(spent().await, linked);
    client.set(json!({ "transactions": "bare" })).await;
    let bare = json!({
        "id": 3, "type": "spend", "credits": 24, "note": "image generation",
        "date": "2026-05-10 12:00:00",
    });
    assert_eq!(spent().await, bare);
    client.set(json!({ "transactions": "nested" })).await;
    let nested = spent().await;
    assert_eq!((&nested["amount"], &nested["reference"]["id"]), (&json!("-24.00"), &json!("6144")));
    assert_eq!(client.get("/credits/transactions?type=theft").await.status, 400);
    let body = client.get("/credits/transactions?per_page=1&page=2").await.json();
    assert_eq!((&body["meta"]["total"], &body["meta"]["has_prev"]), (&json!(4), &json!(true)));
    let since = client.control("GET", "/books?since=1", Value::Null).await;
    assert_eq!(since["charges"], json!([]));
}

#[tokio::test]
async fn a_bonus_comes_at_midnight_and_only_as_far_as_there_is_room() {
    let (_running, client) = start(Settings { daily_bonus: 30, ..quick() }).await;
    let free = async || client.data("/credits/balance").await["free"].clone();
    assert_eq!(free().await, 200);
    client.advance(12 * 3600).await;
    assert_eq!(free().await, 230);
    // Two days more: twenty are room for the first, none for the second.
    client.advance(2 * 24 * 3600).await;
    assert_eq!(free().await, 250);
    let rows = client.data("/credits/transactions?type=daily_bonus").await;
    let told: Vec<_> =
        rows.as_array().unwrap().iter().map(|row| (&row["amount"], &row["created_at"])).collect();
    let expected = [
        (&json!(0), &json!("2026-05-13 00:00:00")),
        (&json!(20), &json!("2026-05-12 00:00:00")),
        (&json!(30), &json!("2026-05-11 00:00:00")),
    ];
    assert_eq!(told, expected);
}
