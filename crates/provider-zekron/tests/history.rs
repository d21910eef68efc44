//! What the history may say, and what is concluded from it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod adapter;

use std::time::Duration;

use bytes::Bytes;
use provider::{
    ErrorKind, Found, Input, Lost, MicroUsd, Provider, Recovered, Result, Retry, Role, Timestamp,
    Work,
};
use provider_conformance::{Answer, Recorded, Vendor};
use provider_zekron::Dialect;
use serde_json::{Value, json};

use adapter::{Caller, zekron};

const PROMPT: &str = "A red fox";
/// Noon, 7 April 2024, in Unix seconds.
const NOON: i64 = 1_712_491_200;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

/// As the history writes it: without a zone.
fn stamp(seconds: i64) -> String {
    at(seconds).to_utc().format("%Y-%m-%dT%H:%M:%S").to_string()
}

fn row(token: &str, created: i64) -> Value {
    json!({"id": 1, "token": token, "prompt": PROMPT, "model": "zekron-image-1",
        "size": "1024x1024", "cost": "0.0267", "status": "completed", "type": "create",
        "expires_at": stamp(created + 86_400), "created_at": stamp(created)})
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

fn page(rows: &[Value], more: bool, date: i64) -> Answer {
    let body = json!({"success": true, "data": {"generations": rows,
        "pagination": {"has_more": more}}});
    let date = at(date).to_utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    Answer::json(200, &body).header("date", date)
}

/// A vendor with these rows, whose clock shows `date`.
fn vendor(rows: Vec<Value>, date: i64) -> Vendor {
    Vendor::start(move |request| {
        let (limit, offset) = (parameter(request, "limit"), parameter(request, "offset"));
        let end = rows.len().min(offset + limit);
        page(&rows[offset.min(end)..end], end < rows.len(), date)
    })
}

/// A submit of noon, lost ten seconds later, looked for after thirty.
fn lost(work: Work) -> Lost {
    Lost { work, sent_at: at(NOON), lost_at: at(NOON + 10), now: at(NOON + 30) }
}

async fn look(vendor: &Vendor, lost: &Lost) -> Result<Vec<Found>> {
    let caller = Caller::new();
    let recovered = zekron(&vendor.url(), Dialect::V1).recover(caller.call(), lost).await?;
    assert_eq!(caller.turns.taken(), vendor.requests().len());
    assert_eq!(caller.sink.finished(), 0);
    match recovered {
        Recovered::Candidates(found) => Ok(found),
        Recovered::CannotTell => panic!("v1 has a history"),
    }
}

async fn tokens(vendor: &Vendor, lost: &Lost) -> Vec<String> {
    look(vendor, lost).await.unwrap().into_iter().map(|found| found.reference).collect()
}

fn plain() -> Lost {
    lost(Work::image("zekron-image-1", PROMPT))
}

#[tokio::test]
async fn only_rows_that_fit_in_everything_are_candidates() {
    let rows = vec![
        row("too_late", NOON + 10 + 45 + 3),
        row("last", NOON + 10 + 45),
        with(row("", NOON + 4), "token", Value::Null),
        with(row("other_prompt", NOON + 4), "prompt", "A red fox."),
        with(row("other_model", NOON + 4), "model", "zekron-image-2"),
        with(row("other_size", NOON + 4), "size", "512x512"),
        with(row("an_edit", NOON + 4), "type", "edit"),
        with(row("failed", NOON + 4), "status", "failed"),
        with(row("not_yet", NOON + 4), "status", "processing"),
        with(row("unheard_of", NOON + 4), "status", "zz_new"),
        row("good", NOON + 4),
        row("cut_second", NOON - 1),
        row("too_early", NOON - 3),
    ];
    let vendor = vendor(rows, NOON + 30);
    assert_eq!(tokens(&vendor, &plain()).await, ["cut_second", "good", "last"]);
}

#[tokio::test]
async fn a_candidate_tells_its_charge_and_where_it_is() {
    let vendor = vendor(vec![row("good", NOON + 4)], NOON + 30);
    let found = look(&vendor, &plain()).await.unwrap().pop().unwrap();
    assert_eq!(found.created_at, Some(at(NOON + 4)));
    assert_eq!(found.finished.charge.amount, MicroUsd::from_micros(26_700));
    assert!(found.finished.charge.certain);
    let provider::Output::Remote(remote) = &found.finished.outputs[0] else { panic!("remote") };
    assert_eq!(remote.location, "good");
    assert_eq!(remote.expires_at, Some(at(NOON + 4 + 86_400)));
}

#[tokio::test]
async fn an_edit_of_another_size_finds_its_like() {
    let edit = with(with(row("edit", NOON + 4), "type", "edit"), "size", "768x1024");
    let vendor = vendor(vec![row("create", NOON + 5), edit], NOON + 30);
    let mut work = Work::image("zekron-image-1", PROMPT);
    work.size = "768x1024".parse().ok();
    work.inputs = vec![Input {
        role: Role::Source,
        media_type: "image/png".to_owned(),
        bytes: Bytes::new(),
        url: None,
    }];
    assert_eq!(tokens(&vendor, &lost(work)).await, ["edit"]);
}

#[tokio::test]
async fn the_vendors_clock_counts_not_ours() {
    for ahead in [3600, -3600] {
        let rows = vec![row("good", NOON + ahead + 4), row("by_our_clock", NOON + 4)];
        let vendor = vendor(rows, NOON + ahead + 30);
        assert_eq!(tokens(&vendor, &plain()).await, ["good"], "{ahead}");
    }
}

#[tokio::test]
async fn pages_are_read_until_the_window_is_passed() {
    // One row a second, newest first: 300 after the window, then the good one, then 600 older ones.
    let other = |n: i64| with(row(&format!("t{n}"), n), "prompt", "another");
    let mut rows: Vec<Value> = (1..=300).rev().map(|n| other(NOON + n)).collect();
    rows.push(row("good", NOON));
    rows.extend((1..=600).map(|n| other(NOON - n)));
    let vendor = vendor(rows, NOON + 30);
    assert_eq!(tokens(&vendor, &plain()).await, ["good"]);
    assert_eq!(vendor.requests().len(), 4);
}

#[tokio::test]
async fn an_order_that_no_page_promises_hides_nothing() {
    let mut rows: Vec<Value> =
        (1..=250).rev().map(|n| with(row("old", NOON - n), "prompt", "another")).collect();
    rows.push(row("good", NOON + 4));
    let vendor = vendor(rows, NOON + 30);
    assert_eq!(tokens(&vendor, &plain()).await, ["good"]);
}

#[tokio::test]
async fn a_row_that_moves_to_the_next_page_is_one_candidate() {
    let vendor = Vendor::start(|request| {
        let first = parameter(request, "offset") == 0;
        let filler = |n| with(row(&format!("f{n}"), NOON + 8), "prompt", "another");
        let mut rows: Vec<Value> = (0..99).map(filler).collect();
        let place = if first { 99 } else { 0 };
        rows.insert(place, row("good", NOON + 4));
        page(&rows, first, NOON + 30)
    });
    assert_eq!(tokens(&vendor, &plain()).await, ["good"]);
}

#[tokio::test]
async fn rows_that_tell_less_are_read_all_the_same() {
    let bare = json!({"token": "bare", "prompt": PROMPT, "status": "completed"});
    let odd = with(with(row("odd", NOON + 4), "cost", "free"), "zz_new", json!([1]));
    let vendor = vendor(vec![bare, odd], NOON + 30);
    let found = look(&vendor, &plain()).await.unwrap();
    let told: Vec<_> = found.iter().map(|row| (row.reference.as_str(), row.created_at)).collect();
    assert_eq!(told, [("odd", Some(at(NOON + 4))), ("bare", None)]);
    for row in found {
        assert!(!row.finished.charge.certain);
        assert_eq!(row.finished.charge.amount, MicroUsd::from_micros(29_000));
    }
}

#[tokio::test]
async fn a_history_that_cannot_be_read_is_never_an_empty_one() {
    for body in ["{}", "[]", "<html>", r#"{"data": {}}"#, r#"{"data": {"generations": 7}}"#] {
        let vendor = Vendor::start(move |_| Answer::new(200, "application/json", body));
        let error = look(&vendor, &plain()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed, "{body}");
        assert_eq!(error.retry(), Retry::Safe { after: None }, "{body}");
    }
    let endless = Vendor::start(|_| {
        let rows = vec![with(row("t", NOON + 4), "prompt", "another"); 100];
        page(&rows, true, NOON + 30)
    });
    let error = look(&endless, &plain()).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Safe { after: None });
    assert_eq!(endless.requests().len(), 50);
}

#[tokio::test]
async fn a_refused_read_says_when_to_come_again() {
    let vendor = Vendor::start(|_| Answer::new(429, "text/plain", "").header("retry-after", "9"));
    let error = look(&vendor, &plain()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.retry(), Retry::Safe { after: Some(Duration::from_secs(9)) });
}
