//! The client on the wire: sent once, ended in time, within its limits.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use provider::{
    ErrorKind, ManualClock, OutputHint, OutputSink, OutputWriter, Receipt, Result, Retry,
    SinkError, SystemClock, Timestamp,
};
use provider_conformance::{Answer, Ending, MemorySink, Vendor};
use provider_http::{Client, Deadlines, Request, Settings, Taken};
use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use url::Url;

fn client(settings: Settings) -> Client {
    Client::new(settings, Arc::new(SystemClock)).unwrap()
}

fn url(base: &str) -> Url {
    base.parse().unwrap()
}

/// Reads a request without a body larger than its own packet.
async fn request(stream: &mut TcpStream) -> bool {
    let mut seen = Vec::new();
    while !seen.ends_with(b"{}") {
        match stream.read_buf(&mut seen).await {
            Ok(count) if count > 0 => {}
            _ => return false,
        }
    }
    true
}

#[tokio::test]
async fn a_paid_request_on_a_pooled_connection_is_sent_once() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    let mut server = JoinSet::new();
    // Answers the first request, reads the second on the same connection and hangs up; whatever
    // comes on another connection is counted, too.
    server.spawn(async move {
        let mut requests = 0;
        let (mut first, _) = listener.accept().await.unwrap();
        assert!(request(&mut first).await);
        first.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        if request(&mut first).await {
            requests += 1;
        }
        drop(first);
        while let Ok((mut other, _)) = listener.accept().await {
            if !request(&mut other).await {
                break;
            }
            requests += 1;
        }
        requests
    });
    let client = client(Settings::default());
    let first = client.send(Request::paid("one", url(&base), "{}")).await.unwrap();
    assert_eq!(first.json().await.unwrap(), "ok");
    let error = client.send(Request::paid("two", url(&base), "{}")).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Unknown { ended: false });
    // A connection without a request ends the server's count.
    drop(TcpStream::connect(base.trim_matches(['h', 't', 'p', ':', '/'])).await.unwrap());
    assert_eq!(server.join_next().await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn an_answer_that_never_ends_is_ended() {
    let vendor = Vendor::start(|_| Answer::new(200, "image/png", "x").ending(Ending::Endless));
    let total = Duration::from_millis(200);
    let deadlines = Deadlines { total, ..Deadlines::default() };
    let settings = Settings { deadlines, body_max_bytes: u64::MAX, ..Settings::default() };
    let mut answer =
        client(settings).send(Request::read("image", url(&vendor.url()))).await.unwrap();
    let error = loop {
        match answer.chunk().await {
            Ok(piece) => assert!(piece.is_some()),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[tokio::test]
async fn json_has_a_smaller_limit_than_outputs() {
    let vendor = Vendor::start(|_| Answer::new(200, "application/json", vec![b' '; 4097]));
    let client = client(Settings { json_max_bytes: 4096, ..Settings::default() });
    let answer = client.send(Request::read("small", url(&vendor.url()))).await.unwrap();
    assert_eq!(answer.json().await.unwrap_err().kind(), ErrorKind::Failed);
    let answer = client.send(Request::read("large", url(&vendor.url()))).await.unwrap();
    let sink = MemorySink::default();
    assert_eq!(answer.copy_to(&mut sink.writer()).await.unwrap(), 4097);
}

#[tokio::test]
async fn one_request_may_have_a_larger_limit_for_its_json() {
    let vendor = Vendor::start(|_| Answer::new(200, "application/json", vec![b' '; 4097]));
    let client = client(Settings { json_max_bytes: 4096, ..Settings::default() });
    for (limit, fits) in [(4096, false), (4097, true)] {
        let request = Request::read("catalogue", url(&vendor.url())).json_up_to(limit);
        let body = client.send(request).await.unwrap().json().await;
        assert_eq!(body.is_ok_and(|body| body.len() == 4097), fits, "{limit}");
    }
    let usual = client.send(Request::read("small", url(&vendor.url()))).await.unwrap();
    assert!(usual.json().await.is_err(), "the limit was that one request's");
}

#[tokio::test]
async fn a_request_that_somebody_waits_for_ends_before_the_others() {
    // Nobody answers: only a deadline ends it, and the client's own are minutes.
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let question = Request::question("estimate", url(&address), "{}");
    let client = client(Settings::default());
    let asked = client.send(question.within(Duration::from_millis(20)));
    let error = tokio::time::timeout(Duration::from_secs(30), asked).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::TimedOut, Retry::Safe { after: None }));
}

#[test]
fn a_client_shows_the_clock_that_it_was_made_with() {
    let clock = ManualClock::at(Timestamp::from_millis(1000));
    let client = Client::new(Settings::default(), Arc::new(clock.clone())).unwrap();
    clock.advance(Duration::from_secs(1));
    assert_eq!(client.clock().now(), Timestamp::from_millis(2000));
}

#[tokio::test]
async fn a_key_that_no_header_can_carry_is_not_sent() {
    let vendor = Vendor::start(|_| Answer::new(200, "application/json", "{}"));
    let key = SecretString::from("zk_live\r\nx-injected: 1".to_owned());
    let request = Request::paid("generate", url(&vendor.url()), "{}").bearer(&key);
    let error = client(Settings::default()).send(request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorised);
    assert!(!format!("{error:?}").contains("zk_live"), "{error:?}");
    assert_eq!(vendor.requests().len(), 0);
}

#[tokio::test]
async fn nothing_shows_an_address() {
    let client = client(Settings::default());
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = format!("http://{}/secret-path?sig=s3cret", listener.local_addr().unwrap());
    drop(listener);
    let request = Request::read("image", url(&address));
    let shown = format!("{request:?}");
    let error = client.send(request).await.unwrap_err();
    let shown = format!("{shown} {error:?} {error}");
    assert!(!shown.contains("secret-path") && !shown.contains("s3cret"), "{shown}");
}

/// Takes so many bytes and then no more.
#[derive(Debug)]
struct Small(usize);

#[async_trait]
impl OutputSink for Small {
    async fn open(&mut self, _hint: OutputHint) -> Result<Box<dyn OutputWriter>, SinkError> {
        Ok(Box::new(Self(self.0)))
    }
}

#[async_trait]
impl OutputWriter for Small {
    async fn write(&mut self, bytes: Bytes) -> Result<(), SinkError> {
        let left = self.0.checked_sub(bytes.len());
        self.0 = left.ok_or(SinkError::TooLarge { limit: 1 })?;
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<Receipt, SinkError> {
        Ok(Receipt("kept".to_owned()))
    }
}

#[tokio::test]
async fn what_an_answer_cost_is_read_though_its_picture_cannot_be_kept() {
    let text = STANDARD.encode(vec![7_u8; 300_000]);
    let body = format!(r#"{{"b64_json":"{text}","more":[{{"b64_json":"aGk="}}],"cost":"0.0267"}}"#);
    let vendor = Vendor::start(move |_| Answer::new(200, "application/json", body.clone()));
    let answer = client(Settings::default())
        .send(Request::paid("generate", url(&vendor.url()), "{}"))
        .await
        .unwrap();
    let extracted = answer.take_base64("b64_json", &mut Small(200_000)).await.unwrap();
    assert_eq!(
        String::from_utf8(extracted.json).unwrap(),
        r#"{"b64_json":"0","more":[{"b64_json":"1"}],"cost":"0.0267"}"#
    );
    assert!(
        matches!(
            extracted.taken.as_slice(),
            [Taken::NotKept(SinkError::TooLarge { .. }), Taken::Written(_)]
        ),
        "{:?}",
        extracted.taken
    );
}

#[tokio::test]
async fn a_vendor_that_works_before_it_answers_is_waited_for() {
    let vendor =
        Vendor::start(|_| Answer::new(200, "application/json", "{}").ending(Ending::Silent));
    let short = Duration::from_millis(50);
    let deadlines = Deadlines { first_byte: short, ..Deadlines::default() };
    let client = client(Settings { deadlines, ..Settings::default() });
    let longer = Duration::from_millis(400);
    let request = Request::paid("generate", url(&vendor.url()), "{}").works_for(longer);
    let began = std::time::Instant::now();
    let error = client.send(request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(began.elapsed() >= longer, "{:?}", began.elapsed());
}

#[tokio::test]
async fn long_base64_under_an_unknown_name_streams_into_the_sink() {
    let picture = vec![7_u8; 300_000];
    let (small, large) = (STANDARD.encode(vec![1_u8; 3000]), STANDARD.encode(&picture));
    let body = format!(r#"{{"preview":"{small}","result":{{"data":"{large}"}},"job_id":"5f3"}}"#);
    let vendor = Vendor::start(move |_| Answer::new(200, "application/json", body.clone()));
    let settings = Settings { json_max_bytes: 4096, ..Settings::default() };
    let request = Request::paid("generate", url(&vendor.url()), "{}");
    let answer = client(settings).send(request).await.unwrap();
    let mut sink = MemorySink::default();
    let extracted = answer.take_long_base64(2048, &mut sink).await.unwrap();
    assert_eq!(
        String::from_utf8(extracted.json).unwrap(),
        r#"{"preview":"0","result":{"data":"1"},"job_id":"5f3"}"#
    );
    assert_eq!(extracted.lengths, [3000, 300_000]);
    let [_, Taken::Written(receipt)] = extracted.taken.as_slice() else {
        panic!("{:?}", extracted.taken);
    };
    assert!(sink.bytes(receipt).unwrap() == picture);
}

#[tokio::test]
async fn what_was_looked_at_comes_again() {
    for body in ["", "RIFF", "RIFF and the rest of a picture"] {
        let vendor = Vendor::start(move |_| Answer::new(200, "image/webp", body));
        let client = client(Settings::default());
        let mut answer = client.send(Request::read("image", url(&vendor.url()))).await.unwrap();
        for _ in 0..2 {
            let begin = answer.peek(12).await.unwrap();
            assert!(begin.len() >= body.len().min(12) && body.as_bytes().starts_with(&begin));
        }
        let sink = MemorySink::default();
        let mut writer = sink.writer();
        let length = u64::try_from(body.len()).unwrap();
        assert_eq!(answer.copy_to(&mut writer).await.unwrap(), length);
        assert_eq!(writer.bytes, body.as_bytes());
    }
    let cut = Answer::new(200, "image/webp", "RIFF and the rest").ending(Ending::CutAfter(4));
    let vendor = Vendor::start(move |_| cut.clone());
    let request = Request::paid("generate", url(&vendor.url()), "{}");
    let mut answer = client(Settings::default()).send(request).await.unwrap();
    let error = answer.peek(12).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Unknown { ended: true });
}
