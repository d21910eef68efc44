//! The guarded fetcher against real servers on loopback, which it reaches only where it is allowed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use assets::{Allow, FetchError, FetchLimits, Fetched, Fetcher, Resolver};
use parking_lot::Mutex;
use provider::{ManualClock, Timestamp};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinSet,
};

const LIMITS: FetchLimits = FetchLimits { max_bytes: 10_000, timeout: Duration::from_secs(20) };
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

/// Answers each path with fixed bytes, remembers the requests, and ends when dropped.
struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    answered: mpsc::UnboundedReceiver<()>,
    _ends: watch::Sender<()>,
    _task: JoinSet<()>,
}

impl Server {
    /// Each answer is sent as it is; the connection is then closed, or kept open if `hold`.
    async fn start(answers: &[(&str, String)], hold: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answers: HashMap<String, String> =
            answers.iter().map(|(path, answer)| ((*path).to_owned(), answer.clone())).collect();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (tell, answered) = mpsc::unbounded_channel();
        let (ends, end) = watch::channel(());
        let mut task = JoinSet::new();
        let seen = Arc::clone(&requests);
        task.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => request.push(byte),
                        Err(_) => break,
                    }
                }
                let request = String::from_utf8(request).unwrap();
                let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                seen.lock().push(request);
                let answer = answers.get(&path).cloned().unwrap_or_else(|| status(404));
                let latin: Vec<u8> = answer.chars().map(|c| u8::try_from(c).unwrap()).collect();
                let _ = stream.write_all(&latin).await;
                let _ = tell.send(());
                if hold {
                    let _ = end.clone().changed().await;
                }
            }
        });
        Self { address, requests, answered, _ends: ends, _task: task }
    }

    fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.address.port())
    }

    fn hits(&self) -> usize {
        self.requests.lock().len()
    }
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn ok(body: &[u8]) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{}", text(body))
}

/// A body that ends with the connection.
fn endless(body: &[u8]) -> String {
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", text(body))
}

fn status(code: u16) -> String {
    format!("HTTP/1.1 {code} X\r\nContent-Length: 0\r\n\r\n")
}

fn redirect(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
}

/// Answers each name's look-ups in turn; the last answer stays. Unknown names do not exist.
#[derive(Debug, Default)]
struct Names {
    answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    fn of(names: &[(&str, &[&[&str]])]) -> Arc<Self> {
        let addresses =
            |list: &&[&str]| list.iter().map(|ip| ip.parse().unwrap()).collect::<Vec<IpAddr>>();
        let answers = names.iter().map(|(name, answers)| {
            ((*name).to_owned(), answers.iter().map(addresses).rev().collect())
        });
        Arc::new(Self { answers: Mutex::new(answers.collect()), asked: Mutex::default() })
    }
}

#[async_trait::async_trait]
impl Resolver for Names {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().push(name.to_owned());
        let mut all = self.answers.lock();
        let answers = all.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        if answers.len() > 1 { Ok(answers.pop().unwrap()) } else { Ok(answers[0].clone()) }
    }
}

fn fetcher(names: &Arc<Names>, allow: &[&str]) -> (Fetcher, ManualClock) {
    let clock = ManualClock::at(Timestamp::from_millis(0));
    let allow = Allow::parse(allow).unwrap();
    let resolver: Arc<dyn Resolver> = Arc::clone(names) as _;
    (Fetcher::new(resolver, allow, LIMITS, Arc::new(clock.clone())).unwrap(), clock)
}

const IMAGES: &[&str] = &["image/*"];

/// What became of a fetch, where it does not matter what was fetched.
async fn outcome(fetcher: &Fetcher, url: &str) -> Result<(), FetchError> {
    fetcher.fetch(url, IMAGES).await.map(drop)
}

#[tokio::test]
async fn an_allowed_url_is_fetched_without_telling_about_us() {
    let server = Server::start(&[("/cat", ok(PNG))], false).await;
    let names = Names::of(&[("files.test", &[&["127.0.0.1"]])]);
    for (allow, host) in
        [("127.0.0.0/8", "files.test"), ("files.test", "files.test"), ("127.0.0.1", "127.0.0.1")]
    {
        let (fetcher, _) = fetcher(&names, &[allow]);
        let fetched = fetcher.fetch(&server.url(host, "/cat"), IMAGES).await;
        assert_eq!(fetched, Ok(Fetched { bytes: PNG.into(), media_type: "image/png" }));
        assert_eq!(fetcher.check(&server.url(host, "/cat")).await, Ok(()));
    }
    for request in server.requests.lock().iter() {
        let headers: Vec<_> =
            request.lines().skip(1).filter_map(|line| line.split(':').next()).collect();
        let known = |name: &&str| {
            ["host", "accept", "user-agent", ""].contains(&name.to_lowercase().as_str())
        };
        assert!(headers.iter().all(known), "{request}");
    }
}

#[tokio::test]
async fn what_lies_inside_is_never_reached_however_it_is_written() {
    let server = Server::start(&[("/", ok(PNG))], false).await;
    let names = Names::of(&[
        ("localhost", &[&["127.0.0.1"]]),
        ("inner.test", &[&["127.0.0.1"]]),
        ("six.test", &[&["::1"]]),
        ("mixed.test", &[&["93.184.216.34", "127.0.0.1"]]),
        ("empty.test", &[&[]]),
    ]);
    let (fetcher, _) = fetcher(&names, &["10.1.0.0/16", "other.test"]);
    for host in [
        "127.0.0.1",
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
        "0x7f000001",
        "127.1",
        "127.0.0.1.",
        "①②⑦.0.0.1",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "localhost",
        "LOCALHOST",
        "inner.test",
        "inner.test.",
        "six.test",
        "mixed.test",
        "empty.test",
        "nowhere.test",
        "169.254.169.254",
        "[fe80::1]",
    ] {
        let url = server.url(host, "/");
        assert_eq!(fetcher.fetch(&url, IMAGES).await, Err(FetchError::Unreachable), "{host}");
        assert_eq!(fetcher.check(&url).await, Err(FetchError::Unreachable), "{host}");
    }
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn a_closed_port_reads_like_a_forbidden_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let (fetcher, _) = fetcher(&Names::of(&[]), &["127.0.0.1"]);
    let closed = fetcher.fetch(&format!("http://127.0.0.1:{port}/"), IMAGES).await;
    assert_eq!(closed, Err(FetchError::Unreachable));
}

#[tokio::test]
async fn an_answer_that_changes_changes_nothing() {
    let server = Server::start(&[("/", ok(PNG))], false).await;
    // Checked while it led outside, fetched when it leads inside.
    let names = Names::of(&[("rebinds.test", &[&["93.184.216.34"], &["127.0.0.1"]])]);
    let (guarded, _) = fetcher(&names, &[]);
    let url = server.url("rebinds.test", "/");
    assert_eq!(guarded.check(&url).await, Ok(()));
    assert_eq!(guarded.fetch(&url, IMAGES).await, Err(FetchError::Unreachable));
    assert_eq!(server.hits(), 0);
    // One fetch asks once and goes where that answer led.
    let names = Names::of(&[("once.test", &[&["127.0.0.1"], &["10.0.0.1"]])]);
    let (guarded, _) = fetcher(&names, &["127.0.0.1"]);
    assert!(guarded.fetch(&server.url("once.test", "/"), IMAGES).await.is_ok());
    assert_eq!(*names.asked.lock(), ["once.test"]);
    // The next fetch asks anew: no connection is left over that skips the judgement.
    let again = guarded.fetch(&server.url("once.test", "/"), IMAGES).await;
    assert_eq!(again, Err(FetchError::Unreachable));
}

#[tokio::test]
async fn redirects_are_judged_like_the_first_url() {
    let inner = Server::start(&[("/secret", ok(PNG))], false).await;
    let port = inner.address.port();
    let server = Server::start(
        &[
            ("/address", redirect(&format!("http://127.0.0.1:{port}/secret"))),
            ("/name", redirect(&format!("http://inner.test:{port}/secret"))),
            ("/scheme", redirect("file:///etc/passwd")),
            ("/user", redirect("http://user@good.test/")),
            ("/relative", redirect("cat")),
            ("/cat", ok(PNG)),
            ("/nowhere", "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".to_owned()),
        ],
        false,
    )
    .await;
    let names = Names::of(&[("good.test", &[&["127.0.0.1"]]), ("inner.test", &[&["127.0.0.1"]])]);
    let (fetcher, _) = fetcher(&names, &["good.test"]);
    for (path, expected) in [
        ("/address", FetchError::Unreachable),
        ("/name", FetchError::Unreachable),
        ("/scheme", FetchError::InvalidUrl),
        ("/user", FetchError::InvalidUrl),
        ("/nowhere", FetchError::Status(302)),
        ("/missing", FetchError::Status(404)),
    ] {
        let refused = fetcher.fetch(&server.url("good.test", path), IMAGES).await;
        assert_eq!(refused, Err(expected), "{path}");
    }
    assert_eq!(inner.hits(), 0);
    assert!(fetcher.fetch(&server.url("good.test", "/relative"), IMAGES).await.is_ok());
}

#[tokio::test]
async fn only_so_many_redirects_are_followed() {
    let hops: Vec<_> =
        (0..4).map(|n| (format!("/{n}"), redirect(&format!("/{}", n + 1)))).collect();
    let mut answers: Vec<_> =
        hops.iter().map(|(path, answer)| (path.as_str(), answer.clone())).collect();
    answers.push(("/4", ok(PNG)));
    let server = Server::start(&answers, false).await;
    let (fetcher, _) = fetcher(&Names::of(&[]), &["127.0.0.1"]);
    assert_eq!(
        outcome(&fetcher, &server.url("127.0.0.1", "/0")).await,
        Err(FetchError::TooManyRedirects)
    );
    assert_eq!(outcome(&fetcher, &server.url("127.0.0.1", "/1")).await, Ok(()));
}

#[tokio::test]
async fn bodies_are_bounded_and_looked_at() {
    let exact = [PNG, &vec![7; LIMITS.max_bytes - PNG.len()]].concat();
    let huge = [exact.as_slice(), b"x"].concat();
    let page = "<html>".repeat(1000);
    let lie = format!("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n{page}");
    let server = Server::start(
        &[
            ("/exact", endless(&exact)),
            ("/told", ok(&huge)),
            ("/untold", endless(&huge)),
            ("/lie", lie),
            ("/empty", ok(b"")),
            ("/broken", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nab".to_owned()),
        ],
        false,
    )
    .await;
    let (fetcher, _) = fetcher(&Names::of(&[]), &["127.0.0.1"]);
    let too_large = FetchError::TooLarge { limit: LIMITS.max_bytes };
    for (path, expected) in [
        ("/exact", Ok(())),
        ("/told", Err(too_large)),
        ("/untold", Err(too_large)),
        ("/lie", Err(FetchError::Type("text/plain"))),
        ("/empty", Err(FetchError::Type("application/octet-stream"))),
        ("/broken", Err(FetchError::Interrupted)),
    ] {
        let fetched = outcome(&fetcher, &server.url("127.0.0.1", path)).await;
        assert_eq!(fetched, expected, "{path}");
    }
    let exact_type = fetcher.fetch(&server.url("127.0.0.1", "/exact"), &["image/jpeg"]).await;
    assert_eq!(exact_type, Err(FetchError::Type("image/png")));
}

#[tokio::test]
async fn a_slow_body_ends_with_the_time() {
    let begun = format!("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", text(PNG));
    let mut server = Server::start(&[("/", begun)], true).await;
    let (fetcher, clock) = fetcher(&Names::of(&[]), &["127.0.0.1"]);
    let url = server.url("127.0.0.1", "/");
    let time_passes = async {
        server.answered.recv().await.unwrap();
        clock.advance(LIMITS.timeout);
    };
    let (fetched, ()) = tokio::join!(fetcher.fetch(&url, IMAGES), time_passes);
    assert_eq!(fetched, Err(FetchError::TimedOut));
}

#[tokio::test]
async fn urls_of_other_kinds_are_refused() {
    let (fetcher, _) = fetcher(&Names::of(&[]), &["0.0.0.0/0", "::/0"]);
    for url in [
        "",
        "cat",
        "/cat",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "data:image/png,x",
        "gopher://127.0.0.1/",
        "http://user@127.0.0.1/",
        "http://user:word@127.0.0.1/",
        "http://:word@127.0.0.1/",
        "http://",
        "http://[::1",
        "http://a b/",
        "javascript:1",
        "http://1.2.3.4.5/",
        "http://256.0.0.1/",
        "unix:/run/docker.sock",
        "http://x:99999/",
    ] {
        let refused = fetcher.fetch(url, IMAGES).await;
        assert_eq!(refused, Err(FetchError::InvalidUrl), "{url}");
        assert_eq!(fetcher.check(url).await, Err(FetchError::InvalidUrl), "{url}");
    }
}
