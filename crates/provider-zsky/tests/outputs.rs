//! Where outputs are fetched, what is believed of an answer, and what is lost with it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod adapter;

use async_trait::async_trait;
use bytes::Bytes;
use provider::{
    Blame, ErrorKind, Output, OutputHint, OutputSink, OutputWriter, Polled, Provider, Receipt,
    RemoteOutput, Result, Retry, SinkError, Ticket, Work,
};
use provider_conformance::{Answer, Ending, Vendor};
use provider_zsky::{Config, Zsky};
use serde_json::json;

use adapter::{Caller, client, zsky};

fn storage() -> Vendor {
    Vendor::start(|_| Answer::new(200, "image/webp", "a picture"))
}

fn ticket() -> Ticket {
    Ticket { reference: "5f3".to_owned(), look_after: std::time::Duration::ZERO }
}

/// The output of a job that is done, its address being this.
async fn output_at(provider: &Zsky, caller: &Caller) -> RemoteOutput {
    let Polled::Finished(finished) = provider.poll(caller.call(), &ticket()).await.unwrap() else {
        panic!("it is not done")
    };
    let [Output::Remote(remote)] = finished.outputs.as_slice() else {
        panic!("{finished:?}");
    };
    remote.clone()
}

/// A vendor whose only job is done and lies at this address.
fn vendor_of(address: String) -> Vendor {
    Vendor::start(move |_| {
        Answer::json(
            200,
            &json!({"job_id": "5f3", "status": "completed", "result_url": address,
                "expires_in": 86400}),
        )
        .header("date", "Fri, 01 May 2026 12:00:00 GMT")
    })
}

async fn fetch(provider: &Zsky, output: &RemoteOutput) -> Result<Vec<u8>> {
    let caller = Caller::new();
    let mut writer = caller.sink.writer();
    provider.fetch(caller.call(), output, &mut writer).await?;
    Ok(writer.bytes)
}

#[tokio::test]
async fn an_address_lives_by_the_vendors_clock() {
    let vendor = vendor_of("https://storage.example/5f3".to_owned());
    let output = output_at(&zsky(&vendor.url()), &Caller::new()).await;
    assert_eq!(output.expires_at.unwrap().to_string(), "2026-05-02T12:00:00.000Z");
}

#[tokio::test]
async fn the_storage_gets_no_credential_even_at_the_vendors_own_origin() {
    let vendor = Vendor::start(|request| {
        if request.path.starts_with("/storage") {
            return Answer::new(200, "image/webp", "a picture");
        }
        let job = json!({"status": "completed", "result_url": "/storage/5f3?signature=1"});
        Answer::json(200, &job)
    });
    let provider = zsky(&vendor.url());
    let output = output_at(&provider, &Caller::new()).await;
    assert_eq!(fetch(&provider, &output).await.unwrap(), b"a picture");
    let last = vendor.requests().pop().unwrap();
    assert_eq!(last.path, "/storage/5f3?signature=1");
    assert_eq!(last.header("x-api-key"), None);
}

#[tokio::test]
async fn a_public_vendor_cannot_lead_us_inside() {
    let inside = storage();
    let port = inside.url().rsplit_once(':').unwrap().1.to_owned();
    let config = Config { base_url: "https://203.0.114.1".to_owned(), ..Config::default() };
    let provider = Zsky::new(config, client()).unwrap();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f000001"] {
        let location = json!({"job": null, "url": format!("http://{host}:{port}/")}).to_string();
        let error = fetch(&provider, &RemoteOutput { location, expires_at: None }).await;
        let error = error.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Failed, Retry::No), "{host}");
    }
    assert_eq!(inside.requests().len(), 0);
}

#[tokio::test]
async fn a_redirect_takes_the_credential_nowhere() {
    let elsewhere = storage();
    let target = elsewhere.url();
    let vendor = Vendor::start(move |_| {
        Answer::new(302, "text/html", "").header("location", target.clone())
    });
    let (provider, caller) = (zsky(&vendor.url()), Caller::new());
    let error = provider.poll(caller.call(), &ticket()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Failed, Retry::Safe { after: None }));
    let error = provider.account(caller.call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    let error = provider.rotate(caller.call()).await.unwrap_err();
    assert!(matches!(error.retry(), Retry::Unknown { .. }), "{error:?}");
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn what_the_storage_says_is_not_the_accounts_fault() {
    for (status, kind) in [
        (302, ErrorKind::Failed),
        (400, ErrorKind::Failed),
        (401, ErrorKind::Failed),
        (403, ErrorKind::Failed),
        (404, ErrorKind::NotFound),
        (410, ErrorKind::NotFound),
        (429, ErrorKind::Unavailable),
        (451, ErrorKind::Failed),
        (500, ErrorKind::Unavailable),
        (503, ErrorKind::Unavailable),
    ] {
        let storage = Vendor::start(move |_| Answer::new(status, "application/xml", "<Error/>"));
        let vendor = vendor_of(storage.url());
        let provider = zsky(&vendor.url());
        let output = output_at(&provider, &Caller::new()).await;
        let error = fetch(&provider, &output).await.unwrap_err();
        assert_eq!((error.kind(), error.blame()), (kind, Blame::Vendor), "{status}");
        assert_eq!(error.status(), Some(status));
        assert_eq!(error.retry() == Retry::No, kind == ErrorKind::NotFound, "{status}");
    }
}

#[tokio::test]
async fn what_is_no_output_may_be_asked_for_again() {
    let cut = Answer::new(200, "image/webp", "a picture").ending(Ending::CutAfter(4));
    for answer in [
        Answer::new(200, "application/json", "{}"),
        Answer::new(200, "application/problem+json", "{}"),
        Answer::new(200, "application/xml", "<Error/>"),
        Answer::new(200, "text/html", "<html>"),
        Answer::new(200, "image/webp", ""),
        cut,
    ] {
        let what = format!("{answer:?}");
        let storage = Vendor::start(move |_| answer.clone());
        let vendor = vendor_of(storage.url());
        let provider = zsky(&vendor.url());
        let output = output_at(&provider, &Caller::new()).await;
        let error = fetch(&provider, &output).await.unwrap_err();
        assert_eq!(error.retry(), Retry::Safe { after: None }, "{what}");
    }
}

#[tokio::test]
async fn a_job_that_is_done_without_an_address_is_asked_again_when_its_bytes_are() {
    let storage = storage();
    let address = storage.url();
    let polls = std::sync::atomic::AtomicUsize::new(0);
    let vendor = Vendor::start(move |_| {
        let first = polls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        let mut job = json!({"job_id": "5f3", "status": "completed"});
        if !first {
            job["result_url"] = json!(address);
        }
        Answer::json(200, &job)
    });
    let provider = zsky(&vendor.url());
    let output = output_at(&provider, &Caller::new()).await;
    assert_eq!(fetch(&provider, &output).await.unwrap(), b"a picture");
    assert_eq!(vendor.requests().len(), 2);
}

#[tokio::test]
async fn a_place_of_somebody_elses_is_refused() {
    let vendor = storage();
    for location in ["", "a1b2c3", "[]", "{\"job\": \"../usage\"}", "{\"job\": 5}"] {
        let output = RemoteOutput { location: location.to_owned(), expires_at: None };
        let error = fetch(&zsky(&vendor.url()), &output).await.unwrap_err();
        assert_eq!((error.blame(), error.retry()), (Blame::Gateway, Retry::No), "{location}");
    }
    assert_eq!(vendor.requests().len(), 0);
}

/// Keeps nothing, for this reason.
#[derive(Debug, Clone)]
struct Full(SinkError);

#[async_trait]
impl OutputSink for Full {
    async fn open(&mut self, _hint: OutputHint) -> Result<Box<dyn OutputWriter>, SinkError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl OutputWriter for Full {
    async fn write(&mut self, _bytes: Bytes) -> Result<(), SinkError> {
        Err(self.0.clone())
    }

    async fn finish(self: Box<Self>) -> Result<Receipt, SinkError> {
        Err(self.0)
    }
}

#[tokio::test]
async fn what_cannot_be_kept_took_its_unit_all_the_same() {
    let webp = "UklGRhoAAABXRUJQVlA4TA4AAAAvAAAAAA==";
    for answer in [
        Answer::new(200, "image/webp", "RIFF a picture"),
        Answer::json(200, &json!({"image": "A".repeat(4000)})),
        Answer::json(200, &json!({"image": webp})),
    ] {
        for (full, retry) in [
            (SinkError::TooLarge { limit: 1 }, Retry::No),
            (SinkError::Storage("disk full".to_owned()), Retry::Safe { after: None }),
        ] {
            let what = format!("{full:?} {answer:?}");
            let answer = answer.clone();
            let vendor = Vendor::start(move |_| answer.clone());
            let work = Work { retain: false, ..Work::image("image", "an owl") };
            let provider = zsky(&vendor.url());
            let submitted = provider.submit(Caller::new().call(), &work, &mut Full(full)).await;
            let error = submitted.unwrap_err();
            assert_eq!(error.retry(), retry, "{what}");
            let charge = error.charge().unwrap();
            assert!(charge.certain && charge.amount.is_zero(), "{what}");
            assert_eq!(charge.allowance.unwrap().units, 1, "{what}");
        }
    }
}

#[test]
fn a_base_url_must_be_one() {
    for bad in ["", "zsky.ai", "ftp://x", "https://key@x", "https://x?key=1", "data:,"] {
        let config = Config { base_url: bad.to_owned(), ..Config::default() };
        assert!(Zsky::new(config, client()).is_err(), "{bad}");
    }
}
