//! The adapter against the simulated vendor, over loopback: what it understands is what the books say.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod adapter;

use bytes::Bytes;
use provider::{
    Clock, ErrorKind, Finished, Input, Lost, MicroUsd, Output, Provider, Recovered, Result, Retry,
    Role, Submitted, SystemClock, Timestamp, Work,
};
use provider_http::Request;
use provider_zekron::{Dialect, Zekron};
use serde_json::{Value, json};
use simulated_vendors::{
    Fault, FaultRate, Placement, Running,
    zekron::{Latency, Settings},
};

use adapter::{Caller, client, zekron};

const PROMPT: &str = "A lighthouse in a storm";

async fn vendor(faults: &[Value]) -> Running {
    let always = |fault: &Value| FaultRate {
        per_million: 1_000_000,
        fault: serde_json::from_value::<Fault>(fault.clone()).unwrap(),
    };
    let settings = Settings {
        latency_ms: Latency::NONE,
        faults: faults.iter().map(always).collect(),
        // Away from ours, as every vendor's clock is.
        clock_offset_ms: -90_500,
        ..Settings::default()
    };
    simulated_vendors::Zekron::start(settings, Placement::default()).await.unwrap()
}

/// Every charge in the vendor's books, in micro-dollars.
async fn books(vendor: &Running) -> Vec<MicroUsd> {
    let url = format!("{}/books", vendor.control_url()).parse().unwrap();
    let answer = client().send(Request::read("books", url)).await.unwrap();
    let books: Value = serde_json::from_slice(&answer.json().await.unwrap()).unwrap();
    let amount = |charge: &Value| MicroUsd::from_micros(charge["cost_micros"].as_i64().unwrap());
    books["charges"].as_array().unwrap().iter().map(amount).collect()
}

async fn submit(provider: &Zekron, caller: &Caller, work: &Work) -> Result<Finished> {
    let mut sink = caller.sink.clone();
    match provider.submit(caller.call(), work, &mut sink).await? {
        Submitted::Finished(finished) => Ok(finished),
        Submitted::Running(ticket) => panic!("no queue: {ticket:?}"),
    }
}

async fn bytes(provider: &Zekron, caller: &Caller, output: &Output) -> Vec<u8> {
    match output {
        Output::Written(receipt) => caller.sink.bytes(receipt).unwrap(),
        Output::Remote(remote) => {
            let mut writer = caller.sink.writer();
            provider.fetch(caller.call(), remote, &mut writer).await.unwrap();
            writer.bytes
        }
        Output::Text(text) => panic!("text: {text}"),
    }
}

/// The default picture is a JPEG that the vendor labels PNG.
fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xd8, 0xff]) && bytes.ends_with(&[0xff, 0xd9])
}

#[tokio::test]
async fn v1_generates_edits_and_tells_the_balance() {
    let vendor = vendor(&[]).await;
    let provider = zekron(&vendor.base_url(), Dialect::V1);
    let caller = Caller::new();

    let work = Work::image("zekron-image-1", PROMPT);
    let made = submit(&provider, &caller, &work).await.unwrap();
    let picture = bytes(&provider, &caller, &made.outputs[0]).await;
    assert!(matches!(made.outputs[0], Output::Written(_)) && is_jpeg(&picture));

    let mut edit = Work::image("zekron-image-1", "Add a rainbow in the sky");
    edit.size = "768x1024".parse().ok();
    let source = |bytes: &[u8]| Input {
        role: Role::Source,
        media_type: "image/jpeg".to_owned(),
        bytes: Bytes::copy_from_slice(bytes),
        url: None,
    };
    edit.inputs = vec![source(&picture), source(&picture)];
    let edited = submit(&provider, &caller, &edit).await.unwrap();
    assert!(is_jpeg(&bytes(&provider, &caller, &edited.outputs[0]).await));

    // The same picture by its token.
    let token = made.reference.clone().unwrap();
    let remote = Output::Remote(provider::RemoteOutput { location: token, expires_at: None });
    assert_eq!(bytes(&provider, &caller, &remote).await, picture);

    let charged = vec![made.charge.amount, edited.charge.amount];
    assert_eq!(books(&vendor).await, charged);
    let account = provider.account(caller.call()).await.unwrap();
    assert_eq!(account.balance, edited.balance);
    assert_eq!(account.spent, Some(charged.into_iter().sum()));
}

#[tokio::test]
async fn preview_makes_every_model_and_takes_what_is_unwanted() {
    let vendor = vendor(&[]).await;
    let provider = zekron(&vendor.base_url(), Dialect::Preview);
    let caller = Caller::new();
    let mut charged = Vec::new();
    for model in ["zekron-image-1", "zekron-xl", "zekron-flash", "zekron-art"] {
        let mut work = Work::image(model, PROMPT);
        work.negative_prompt = Some("fog".to_owned());
        work.size = "256x256".parse().ok();
        let quote = provider.quote(caller.call(), &work).await.unwrap();
        let made = submit(&provider, &caller, &work).await.unwrap();
        assert!(made.charge.amount <= quote.price.upper, "{model}");
        assert!(made.reference.is_some(), "{model}");
        assert!(is_jpeg(&bytes(&provider, &caller, &made.outputs[0]).await), "{model}");
        charged.push(made.charge.amount);
    }
    assert_eq!(books(&vendor).await, charged);
}

/// Loses the answer to a submit by this fault and looks for it in the history.
async fn lose(fault: Value) -> (Retry, Vec<MicroUsd>, Vec<MicroUsd>) {
    let vendor = vendor(&[fault]).await;
    let provider = zekron(&vendor.base_url(), Dialect::V1);
    let caller = Caller::new();
    let work = Work::image("zekron-image-1", PROMPT);
    let sent_at = SystemClock.now();
    let error = submit(&provider, &caller, &work).await.unwrap_err();
    let lost_at: Timestamp = SystemClock.now();
    let lost = Lost { work, sent_at, lost_at, now: lost_at };
    let recovered = provider.recover(caller.call(), &lost).await.unwrap();
    let Recovered::Candidates(found) = recovered else { panic!("v1 has a history") };
    for row in &found {
        assert!(is_jpeg(&bytes(&provider, &caller, &row.finished.outputs[0]).await));
    }
    let found = found.iter().map(|row| row.finished.charge.amount).collect();
    (error.retry(), found, books(&vendor).await)
}

#[tokio::test]
async fn what_was_charged_and_lost_is_found_again() {
    for (fault, ended) in [
        (json!({"kind": "reset_after", "on": "generate"}), false),
        (json!({"kind": "truncated_body", "on": "generate"}), true),
        (json!({"kind": "malformed_json", "on": "generate"}), true),
        (json!({"kind": "missing_cost", "on": "generate"}), true),
        (json!({"kind": "empty_body", "on": "generate"}), true),
        (json!({"kind": "status_502", "on": "generate", "after_work": true}), true),
        (json!({"kind": "status_500", "on": "generate", "after_work": true}), true),
    ] {
        let (retry, found, charged) = lose(fault.clone()).await;
        assert_eq!(retry, Retry::Unknown { ended }, "{fault}");
        assert_eq!(found, charged, "{fault}");
        assert_eq!(charged.len(), 1, "{fault}");
    }
}

#[tokio::test]
async fn what_was_not_charged_is_not_found() {
    for fault in [
        json!({"kind": "reset_before", "on": "generate"}),
        json!({"kind": "status_500", "on": "generate"}),
        json!({"kind": "status_503", "on": "generate"}),
    ] {
        let (retry, found, charged) = lose(fault.clone()).await;
        assert!(matches!(retry, Retry::Unknown { .. }), "{fault}");
        assert!(found.is_empty() && charged.is_empty(), "{fault}");
    }
}

#[tokio::test]
async fn negligence_of_the_vendor_is_survived() {
    for kind in ["unknown_fields", "wrong_content_type", "wrong_mime", "duplicate_headers"] {
        let vendor = vendor(&[json!({"kind": kind, "on": "generate"})]).await;
        for dialect in [Dialect::V1, Dialect::Preview] {
            let provider = zekron(&vendor.base_url(), dialect);
            let work = Work::image("zekron-image-1", PROMPT);
            let made = submit(&provider, &Caller::new(), &work).await;
            assert!(made.is_ok_and(|made| made.charge.certain), "{kind} {dialect:?}");
        }
    }
}

#[tokio::test]
async fn refusals_are_understood_in_both_dialects() {
    for (kind, expected) in [
        ("rate_limited", ErrorKind::RateLimited),
        ("unpaid", ErrorKind::Unpaid),
        ("unauthorised", ErrorKind::Unauthorised),
        ("blocked", ErrorKind::Blocked),
    ] {
        let vendor = vendor(&[json!({"kind": kind, "on": "generate"})]).await;
        for dialect in [Dialect::V1, Dialect::Preview] {
            let provider = zekron(&vendor.base_url(), dialect);
            let work = Work::image("zekron-image-1", PROMPT);
            let error = submit(&provider, &Caller::new(), &work).await.unwrap_err();
            assert_eq!(error.kind(), expected, "{kind} {dialect:?}");
        }
        assert!(books(&vendor).await.is_empty(), "{kind}");
    }
}
