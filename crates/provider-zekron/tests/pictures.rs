//! Where pictures are fetched, and who gets to see the credential.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod adapter;

use provider::{ErrorKind, Provider, RemoteOutput, Result, Retry};
use provider_conformance::{Answer, Ending, Vendor};
use provider_zekron::{Config, Dialect, Zekron};

use adapter::{Caller, client, zekron};

fn shop() -> Vendor {
    Vendor::start(|_| Answer::new(200, "image/png", "a picture"))
}

async fn fetch(provider: &Zekron, location: &str) -> Result<Vec<u8>> {
    let caller = Caller::new();
    let output = RemoteOutput { location: location.to_owned(), expires_at: None };
    let mut writer = caller.sink.writer();
    provider.fetch(caller.call(), &output, &mut writer).await?;
    assert_eq!(caller.turns.taken(), 1);
    Ok(writer.bytes)
}

#[tokio::test]
async fn the_vendors_own_addresses_get_the_credential() {
    let vendor = shop();
    let provider = zekron(&vendor.url(), Dialect::V1);
    let absolute = format!("{}/storage/a.png", vendor.url());
    for location in ["a1/../b?c", "a1b2c3", absolute.as_str(), "/storage/b.png"] {
        assert_eq!(fetch(&provider, location).await.unwrap(), b"a picture", "{location}");
    }
    let requests = vendor.requests();
    let paths: Vec<&str> = requests.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(
        paths,
        ["/v1/images/a1%2F..%2Fb%3Fc", "/v1/images/a1b2c3", "/storage/a.png", "/storage/b.png"]
    );
    for request in &requests {
        assert_eq!(request.header("authorization"), Some("Bearer zk_live_0123456789abcdef"));
    }
}

#[tokio::test]
async fn other_addresses_never_get_the_credential() {
    let (vendor, elsewhere) = (shop(), shop());
    let provider = zekron(&vendor.url(), Dialect::Preview);
    let location = format!("{}/a.png?signature=1", elsewhere.url());
    assert_eq!(fetch(&provider, &location).await.unwrap(), b"a picture");
    assert_eq!(elsewhere.requests()[0].header("authorization"), None);
    assert_eq!(elsewhere.requests()[0].path, "/a.png?signature=1");
}

#[tokio::test]
async fn a_public_vendor_cannot_lead_us_inside() {
    let inside = shop();
    let port = inside.url().rsplit_once(':').unwrap().1.to_owned();
    let config = Config { base_url: "https://203.0.114.1".to_owned(), ..Config::default() };
    let provider = Zekron::new(config, client()).unwrap();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f000001"] {
        let error = fetch(&provider, &format!("http://{host}:{port}/")).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Failed, Retry::No), "{host}");
    }
    assert_eq!(inside.requests().len(), 0);
}

#[tokio::test]
async fn a_redirect_takes_the_credential_nowhere() {
    let elsewhere = shop();
    let target = elsewhere.url();
    let vendor = Vendor::start(move |_| {
        Answer::new(302, "text/html", "").header("location", target.clone())
    });
    let error = fetch(&zekron(&vendor.url(), Dialect::V1), "a1b2c3").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn what_is_gone_is_gone() {
    for status in [404, 410] {
        let vendor = Vendor::start(move |_| Answer::new(status, "application/json", "{}"));
        let error = fetch(&zekron(&vendor.url(), Dialect::V1), "a1b2c3").await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::NotFound, Retry::No), "{status}");
        assert_eq!(error.status(), Some(status));
    }
}

#[tokio::test]
async fn what_is_no_picture_may_be_asked_for_again() {
    let cut = Answer::new(200, "image/png", "a picture").ending(Ending::CutAfter(4));
    for answer in [
        Answer::new(200, "application/json", "{}"),
        Answer::new(200, "text/html", "<html>"),
        Answer::new(200, "image/png", ""),
        cut,
    ] {
        let what = format!("{answer:?}");
        let vendor = Vendor::start(move |_| answer.clone());
        let error = fetch(&zekron(&vendor.url(), Dialect::V1), "a1b2c3").await.unwrap_err();
        assert_eq!(error.retry(), Retry::Safe { after: None }, "{what}");
    }
}

#[test]
fn a_base_url_must_be_one() {
    for bad in ["", "api.zekron.codes", "ftp://x", "https://key@x", "https://x?key=1", "data:,"] {
        let config = Config { base_url: bad.to_owned(), ..Config::default() };
        assert!(Zekron::new(config, client()).is_err(), "{bad}");
    }
}
