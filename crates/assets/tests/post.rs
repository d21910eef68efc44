//! What is told to callers' URLs: guarded like what is fetched from them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use assets::{Allow, FetchError, FetchLimits, Fetcher, Resolver, SystemResolver};
use parking_lot::Mutex;
use provider::{ManualClock, Timestamp};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    sync::Notify,
    task::JoinSet,
};

const LIMITS: FetchLimits = FetchLimits { max_bytes: 100, timeout: Duration::from_secs(20) };
const WITHIN: Duration = Duration::from_secs(15);

/// Takes requests whole, and answers each with the same text, or never.
struct Receiver {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<(String, String)>>>,
    took: Arc<Notify>,
    _task: JoinSet<()>,
}

impl Receiver {
    async fn start(answer: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, took) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
        let (seen, tell) = (Arc::clone(&requests), Arc::clone(&took));
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut kept = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                let (mut head, mut length) = (String::new(), 0);
                while !head.ends_with("\r\n\r\n") {
                    let from = head.len();
                    if stream.read_line(&mut head).await.unwrap() == 0 {
                        break;
                    }
                    let line = head[from..].to_lowercase();
                    if let Some(said) = line.strip_prefix("content-length: ") {
                        length = said.trim().parse().unwrap();
                    }
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).await.unwrap();
                seen.lock().push((head, String::from_utf8(body).unwrap()));
                tell.notify_one();
                match answer {
                    Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
                    None => kept.push(stream),
                }
            }
        });
        Self { address, requests, took, _task: task }
    }

    fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }
}

/// Every name leads to this machine.
#[derive(Debug)]
struct Home;

#[async_trait::async_trait]
impl Resolver for Home {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec!["127.0.0.1".parse().unwrap()])
    }
}

fn fetcher(resolver: Arc<dyn Resolver>, allow: &[&str]) -> (Fetcher, ManualClock) {
    let clock = ManualClock::at(Timestamp::from_millis(0));
    let allow = Allow::parse(allow).unwrap();
    (Fetcher::new(resolver, allow, LIMITS, Arc::new(clock.clone())).unwrap(), clock)
}

async fn told(fetcher: &Fetcher, url: &str) -> Result<u16, FetchError> {
    fetcher.post(url, &[("webhook-id", "dlv_1".to_owned())], "{}".into(), WITHIN).await
}

#[tokio::test]
async fn what_is_told_arrives_whole_and_the_status_comes_back() {
    for (answer, status) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", 204),
        ("HTTP/1.1 500 X\r\nContent-Length: 3\r\n\r\nbad", 500),
        // Not followed, wherever it leads.
        ("HTTP/1.1 302 X\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", 302),
    ] {
        let receiver = Receiver::start(Some(answer)).await;
        let (fetcher, _) = fetcher(Arc::new(SystemResolver), &["127.0.0.1"]);
        assert_eq!(told(&fetcher, &receiver.url()).await, Ok(status));
        let requests = receiver.requests.lock();
        let [(head, body)] = requests.as_slice() else { panic!("{requests:?}") };
        assert!(head.starts_with("POST /hook HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("webhook-id: dlv_1\r\n"), "{head}");
        assert_eq!(body, "{}");
    }
}

#[tokio::test]
async fn nothing_is_told_inside() {
    let receiver = Receiver::start(Some("HTTP/1.1 204 X\r\n\r\n")).await;
    let (fetcher, _) = fetcher(Arc::new(Home), &["10.0.0.0/8"]);
    let port = receiver.address.port();
    for host in ["127.0.0.1", "[::1]", "0x7f.1", "receiver.test"] {
        let refused = told(&fetcher, &format!("http://{host}:{port}/hook")).await;
        assert_eq!(refused, Err(FetchError::Unreachable), "{host}");
    }
    for url in ["http://user:word@127.0.0.1/", "ftp://127.0.0.1/", "hook"] {
        assert_eq!(told(&fetcher, url).await, Err(FetchError::InvalidUrl), "{url}");
    }
    assert!(receiver.requests.lock().is_empty());
}

#[tokio::test]
async fn who_never_answers_is_left_in_time() {
    let receiver = Receiver::start(None).await;
    let (fetcher, clock) = fetcher(Arc::new(SystemResolver), &["127.0.0.1"]);
    let time_passes = async {
        receiver.took.notified().await;
        clock.advance(WITHIN);
    };
    let url = receiver.url();
    let (answer, ()) = tokio::join!(told(&fetcher, &url), time_passes);
    assert_eq!(answer, Err(FetchError::TimedOut));
}
