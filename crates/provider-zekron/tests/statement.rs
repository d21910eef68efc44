//! The history as a list of what was charged.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

#[expect(dead_code, reason = "these tests need only a part of it")]
mod adapter;

use provider::{ErrorKind, MicroUsd, Provider, Retry, Statement, Timestamp, Told, Work};
use provider_conformance::{Answer, MemorySink, Recorded, Vendor};
use provider_zekron::Dialect;
use serde_json::{Value, json};

use adapter::{Caller, zekron};

/// Noon, 7 April 2024, in Unix seconds.
const NOON: i64 = 1_712_491_200;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis((NOON + seconds) * 1000)
}

fn row(token: &str, seconds: i64) -> Value {
    let created = at(seconds).to_utc().format("%Y-%m-%dT%H:%M:%S").to_string();
    json!({"id": 1, "token": token, "prompt": "A red fox", "model": "zekron-image-1",
        "size": "1024x1024", "cost": "0.0267", "status": "completed", "type": "create",
        "created_at": created})
}

fn with(mut row: Value, name: &str, value: impl Into<Value>) -> Value {
    row[name] = value.into();
    row
}

fn parameter(request: &Recorded, name: &str) -> usize {
    let query = request.path.split_once('?').unwrap().1;
    let found = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    found.unwrap().parse().unwrap()
}

/// A vendor with these rows.
fn vendor(rows: Vec<Value>) -> Vendor {
    Vendor::start(move |request| {
        let (limit, offset) = (parameter(request, "limit"), parameter(request, "offset"));
        let (begin, end) = (rows.len().min(offset), rows.len().min(offset + limit));
        let body = json!({"success": true, "data": {"generations": rows[begin..end],
            "pagination": {"has_more": end < rows.len()}}});
        Answer::json(200, &body)
    })
}

async fn page(vendor: &Vendor, cursor: Option<&str>) -> provider::Result<Statement> {
    let (caller, adapter) = (Caller::new(), zekron(&vendor.url(), Dialect::V1));
    adapter.statement(caller.call(), at(0), cursor.map(str::to_owned)).await
}

fn names(page: &Statement) -> Vec<&str> {
    page.charges.iter().filter_map(|charge| charge.reference.as_deref()).collect()
}

#[tokio::test]
async fn each_row_is_a_charge_with_its_name_sum_and_moment() {
    let vendor = vendor(vec![with(row("b", 9), "cost", 0.0271), row("a", 4)]);
    let page = page(&vendor, None).await.unwrap();
    assert_eq!(names(&page), ["b", "a"]);
    let micros: Vec<i64> = page.charges.iter().map(|charge| charge.amount.micros()).collect();
    assert_eq!(micros, [27_100, 26_700]);
    assert_eq!((page.charges[0].at, page.next), (at(9), None));
    let but = ["zekron-xl", "zekron-flash", "zekron-art"].map(str::to_owned).to_vec();
    assert_eq!(page.told, Told::Each { but }, "the other dialect's models are in no history");
}

#[tokio::test]
async fn a_page_is_one_request_and_the_caller_goes_on_until_the_time_is_passed() {
    let rows = (0..350).map(|n| row(&format!("t{n}"), 250 - n)).collect();
    let vendor = vendor(rows);
    let mut cursor = None;
    let mut seen = 0;
    for number in 1..=3 {
        let page = page(&vendor, cursor.as_deref()).await.unwrap();
        assert_eq!(vendor.requests().len(), number);
        seen += page.charges.len();
        cursor = page.next;
        assert_eq!(cursor.is_some(), number < 3, "the third page ends before noon");
    }
    assert_eq!(seen, 300);
    assert!(vendor.requests()[2].path.ends_with("limit=100&offset=200"));
}

#[tokio::test]
async fn an_order_that_no_page_promises_ends_nothing() {
    let rows = (0..150).map(|n| row(&format!("t{n}"), n - 500)).collect();
    let page = page(&vendor(rows), None).await.unwrap();
    assert_eq!(page.next.as_deref(), Some("100"), "the oldest come first: newer ones may follow");
}

#[tokio::test]
async fn what_was_not_made_is_no_charge_and_what_is_not_ours_to_read_neither() {
    let rows = vec![
        with(row("failed", 9), "status", "failed"),
        with(with(row("going", 8), "status", "processing"), "cost", Value::Null),
        with(row("xl", 7), "model", "zekron-xl"),
        with(row("archived", 6), "status", "archived"),
        with(row("newer_model", 5), "model", "zekron-image-2"),
        with(row("", 4), "token", Value::Null),
    ];
    let page = page(&vendor(rows), None).await.unwrap();
    assert_eq!(names(&page), ["archived", "newer_model"]);
    assert_eq!(page.charges.len(), 3, "one has no name: {page:?}");
    assert_eq!(page.charges[2].amount, MicroUsd::from_micros(26_700));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_an_error_and_no_charge_of_nothing() {
    for (name, value) in [
        ("cost", json!("free")),
        ("cost", Value::Null),
        ("cost", json!("-0.1")),
        ("created_at", json!("yesterday")),
        ("created_at", Value::Null),
    ] {
        let vendor = vendor(vec![row("good", 9), with(row("bad", 4), name, value.clone())]);
        let error = page(&vendor, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed, "{name} {value}");
        assert!(matches!(error.retry(), Retry::Safe { .. }), "{name} {value}");
    }
    let error = page(&vendor(Vec::new()), Some("a row")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn the_other_dialect_has_no_history() {
    let (vendor, caller) = (vendor(vec![row("a", 4)]), Caller::new());
    let adapter = zekron(&vendor.url(), Dialect::Preview);
    let page = adapter.statement(caller.call(), at(0), None).await.unwrap();
    assert_eq!(page, Statement::totals());
    assert_eq!((vendor.requests().len(), caller.turns.taken()), (0, 0));
}

#[tokio::test]
async fn the_simulated_vendors_history_is_what_it_charged() {
    let placement = simulated_vendors::Placement::default();
    let settings = simulated_vendors::zekron::Settings {
        latency_ms: simulated_vendors::zekron::Latency::NONE,
        ..Default::default()
    };
    let running = simulated_vendors::Zekron::start(settings, placement).await.unwrap();
    let (caller, adapter) = (Caller::new(), zekron(&running.base_url(), Dialect::V1));
    let mut charged = Vec::new();
    for prompt in ["a red fox", "a blue fox", "a longer sentence about foxes in the snow"] {
        let work = Work::image("zekron-image-1", prompt);
        let mut sink = MemorySink::default();
        let made = adapter.submit(caller.call(), &work, &mut sink).await.unwrap();
        let provider::Submitted::Finished(made) = made else { panic!("it has no queue") };
        charged.insert(0, (made.reference, made.charge.amount));
    }
    let page = adapter.statement(caller.call(), at(0), None).await.unwrap();
    let told = page.charges.into_iter().map(|charge| (charge.reference, charge.amount));
    assert_eq!(told.collect::<Vec<_>>(), charged);
    let status = adapter.account(caller.call()).await.unwrap();
    assert_eq!(status.spent, Some(charged.iter().map(|(_, amount)| *amount).sum()));
}
