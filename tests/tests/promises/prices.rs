//! What a picture costs is what its vendor charges, whatever its page says; an operator's agreement with
//! a vendor goes before the page.

use serde_json::{Value, json};
use simulated_vendors::{
    Micros,
    zekron::{PriceRange, Prices, Settings},
};
use tests::{Gateway, Team, VENDOR_KEY, Vendor, config, quick};

use super::run;

/// A vendor that charges from `min` to `max` by the prompt's length, where its page says 25,000 to 29,000.
async fn priced(min: u64, max: u64) -> Vendor {
    let v1 = [("zekron-image-1".to_owned(), PriceRange { min: Micros(min), max: Micros(max) })];
    let prices = Prices { v1: v1.into(), ..Prices::default() };
    let money = Micros(1_000_000_000);
    Vendor::start(Settings { prices, starting_balance_micros: money, ..quick() }).await
}

/// A prompt of so many characters.
fn picture(number: usize, chars: usize) -> Value {
    let prompt = format!("{number:04} {}", "a".repeat(chars - 5));
    json!({ "kind": "image", "prompt": prompt, "cache": "off" })
}

async fn quote(team: &Team, chars: usize) -> Value {
    let all = team.client.post("/v1/estimates", &picture(0, chars)).await.expect(200).json();
    all["data"][0].clone()
}

fn micros(amount: &Value) -> i64 {
    amount.as_str().and_then(|text| text.replace('.', "").parse().ok()).expect("an amount")
}

#[track_caller]
fn near(quote: &Value, price: i64) {
    let off = (micros(&quote["estimated_usd"]) - price).abs();
    assert!(off * 50 <= price, "not within two hundredths of {price}: {quote}");
}

async fn drift(gateway: &Gateway) -> Value {
    let all = gateway.admin().get("/admin/v1/models").await.expect(200).json();
    let rows = all["data"].as_array().expect("a list");
    rows.iter().find(|row| row["id"] == "zekron/zekron-image-1").expect("it")["drift"].clone()
}

#[tokio::test]
async fn a_price_by_the_prompts_length_is_what_is_charged_for_it() {
    let vendor = priced(18_000, 26_000).await;
    let mut gateway = run().gateway(&config(&vendor, &json!({}))).await;
    let team = gateway.team("a").await;
    let page = quote(&team, 100).await;
    assert_eq!((&page["source"], &page["estimated_usd"]), (&json!("listed"), &json!("0.025400")));
    for (number, chars) in [20, 400, 60, 700, 150, 30].into_iter().enumerate() {
        let made = team.generate(&picture(number, chars)).await;
        assert_eq!(made["status"], "completed", "{made}");
    }
    for (chars, price) in [(20, 18_160), (500, 22_000), (1000, 26_000), (3000, 26_000)] {
        let quote = quote(&team, chars).await;
        assert_eq!(quote["source"], "learned", "{quote}");
        near(&quote, price);
        assert_eq!(quote["upper_usd"], "0.029000", "the page's bound holds: {quote}");
    }
    let drifted = drift(&gateway).await;
    let ratio = drifted["ratio"].as_f64().expect("a number");
    assert!((0.7..0.76).contains(&ratio) && drifted["samples"] == 6, "{drifted}");
    // What was learned outlives the process.
    let before = quote(&team, 500).await;
    gateway.stop().await;
    gateway.start_again().await;
    assert_eq!(quote(&gateway.again(&team), 500).await["estimated_usd"], before["estimated_usd"]);
}

#[tokio::test]
async fn a_vendor_that_charges_more_than_its_page_says_is_believed() {
    let vendor = priced(60_000, 80_000).await;
    let gateway = run().gateway(&config(&vendor, &json!({}))).await;
    let team = gateway.team("a").await;
    for number in 0..5 {
        drop(team.generate(&picture(number, 100 + 40 * number)).await);
    }
    let after = quote(&team, 200).await;
    near(&after, 64_000);
    assert!((64_000..90_000).contains(&micros(&after["upper_usd"])), "{after}");
    // A ceiling below it is heeded.
    let mut dear = picture(9, 200);
    dear["routing"] = json!({ "max_cost_usd": "0.05" });
    let refused = team.client.post("/v1/generations", &dear).await.refusal();
    assert_eq!((refused.0, refused.1.as_str()), (422, "no_candidate"));
}

/// Two accounts at one vendor, with these prices.
async fn two(vendor: &Vendor, main: &Value, deal: &Value) -> (Gateway, Team) {
    let accounts = json!({
        "main": { "key": VENDOR_KEY, "prices": main },
        "deal": { "key": format!("{VENDOR_KEY}2"), "prices": deal },
    });
    let change = json!({ "providers": { "zekron": { "accounts": accounts } } });
    let gateway = run().gateway(&config(vendor, &change)).await;
    let team = gateway.team("a").await;
    (gateway, team)
}

async fn both(team: &Team) -> Vec<(String, String)> {
    let all = team.client.post("/v1/estimates", &picture(0, 100)).await.expect(200).json();
    let rows = all["data"].as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rows.map(|row| (text(&row["account"]), text(&row["estimated_usd"]))).collect()
}

fn rows(rows: [(&str, &str); 2]) -> Vec<(String, String)> {
    rows.map(|(account, price)| (account.to_owned(), price.to_owned())).into()
}

#[tokio::test]
async fn an_agreed_price_goes_before_the_page() {
    let vendor = priced(22_000, 22_000).await;
    let agreed = json!({ "zekron-image-1": { "output_usd": 0.022 } });
    let (gateway, team) = two(&vendor, &json!({}), &agreed).await;
    assert_eq!(both(&team).await, rows([("deal", "0.022000"), ("main", "0.025400")]));
    let made = team.generate(&picture(0, 100)).await;
    assert_eq!(
        (&made["account"], &made["cost"]["charged_usd"]),
        (&json!("deal"), &json!("0.022000"))
    );
    // A charge as agreed teaches nothing of what others pay.
    assert_eq!(both(&team).await, rows([("deal", "0.022000"), ("main", "0.025400")]));
    assert_eq!(drift(&gateway).await, Value::Null);
}

#[tokio::test]
async fn an_agreed_price_holds_from_its_day() {
    let vendor = priced(22_000, 22_000).await;
    let past = json!({ "zekron-image-1": { "2020-01-01": { "factor": 0.9 } } });
    let to_come = json!({ "zekron-image-1": { "2199-01-01": { "factor": 0.1 } } });
    let (_gateway, team) = two(&vendor, &to_come, &past).await;
    assert_eq!(both(&team).await, rows([("deal", "0.022860"), ("main", "0.025400")]));
}

#[tokio::test]
async fn an_account_that_comes_later_brings_its_prices() {
    let vendor = priced(22_000, 22_000).await;
    let gateway = run().gateway(&config(&vendor, &json!({}))).await;
    let team = gateway.team("a").await;
    let new = |prices: Value| {
        json!({ "provider": "zekron", "name": "deal", "key": format!("{VENDOR_KEY}2"),
                "prices": prices })
    };
    let wrong = new(json!({ "zekron-image-7": { "factor": 0.5 } }));
    let refused = gateway.admin().post("/admin/v1/accounts", &wrong).await.refusal();
    assert_eq!(refused.2.as_deref(), Some("prices.zekron-image-7"), "{refused:?}");
    let right = new(json!({ "zekron-image-1": { "output_usd": "0.02" } }));
    drop(gateway.admin().post("/admin/v1/accounts", &right).await.expect(201));
    assert_eq!(both(&team).await, rows([("deal", "0.020000"), ("main", "0.025400")]));
}

#[tokio::test]
async fn a_price_that_makes_no_sense_is_told_before_anything_runs() {
    for (text, said) in [
        ("zekron: { prices: { zekron-image-7: { factor: 0.5 } } }", "`zekron/zekron-image-1`"),
        ("zekron: { prices: { zekron-image-1: { usd: 0.5 } } }", "neither `output_usd`"),
        ("zsky: { accounts: { main: { prices: { image: { factor: 0.5 } } } } }", "`plan`"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let whole = format!("providers: {{ {text} }}\nmodels: {{}}\n");
        std::fs::write(folder.path().join("gateway.yaml"), whole).expect("it is written");
        let output = run().cli(folder.path(), &["check", "--config", "gateway.yaml"]).await;
        assert_eq!(output.status.code(), Some(2), "{text}");
        let told = super::text(&output.stderr) + &super::text(&output.stdout);
        assert!(told.contains(said) && told.contains(".prices."), "{text}: {told}");
    }
}
