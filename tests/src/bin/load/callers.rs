//! Callers in parallel, each with a connection that it keeps.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, sync::Barrier, task::JoinSet};

use crate::Result;

/// Whom to ask, and with what words.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) url: String,
    /// `PROMPT` becomes the prompt.
    pub(crate) path: &'static str,
    pub(crate) key: String,
    /// The body; `PROMPT` becomes the prompt. An empty one asks with `GET`.
    pub(crate) body: &'static str,
    /// Told apart by this, no two prompts of a run are the same.
    pub(crate) name: String,
    /// After so many prompts the first comes again.
    pub(crate) distinct: u64,
    /// An answer with fewer bytes is none.
    pub(crate) least: u64,
    pub(crate) asked: AtomicU64,
}

impl Target {
    fn prompt(&self, number: u64) -> String {
        format!("{}-number-{:06}", self.name, number % self.distinct)
    }

    pub(crate) fn body_of(&self, number: u64) -> String {
        self.body.replace("PROMPT", &self.prompt(number))
    }
}

/// What callers saw.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    /// How long each request took, as they ended.
    pub(crate) took: Vec<Duration>,
    /// How long all of it took.
    pub(crate) wall: Duration,
}

impl Seen {
    pub(crate) fn add(&mut self, more: Self) {
        self.took.extend(more.took);
        self.wall += more.wall;
    }

    /// The time within which half of the requests were answered.
    pub(crate) fn median(&mut self) -> Duration {
        self.took.sort_unstable();
        self.took.get(self.took.len() / 2).copied().unwrap_or_default()
    }

    /// Requests in a second.
    pub(crate) fn rate(&self) -> u128 {
        let all = u128::try_from(self.took.len()).unwrap_or(u128::MAX);
        all * 1_000_000 / self.wall.as_micros().max(1)
    }
}

/// Asks so many times, so many at once.
pub(crate) async fn ask(target: &Arc<Target>, requests: u64, parallel: u64) -> Result<Seen> {
    let mut callers = JoinSet::new();
    let left = Arc::new(AtomicU64::new(requests));
    let mut connections = Vec::new();
    for _ in 0..parallel {
        connections.push(Connection::open(Arc::clone(target)).await?);
    }
    let begun = Instant::now();
    for mut connection in connections {
        let left = Arc::clone(&left);
        callers.spawn(async move {
            let mut took = Vec::new();
            let one_less = |left: u64| left.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
                let begun = Instant::now();
                let answer = connection.ask().await?;
                connection.drain(answer).await?;
                took.push(begun.elapsed());
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(took)
        });
    }
    let mut seen = Seen::default();
    while let Some(done) = callers.join_next().await {
        seen.took.extend(done??);
    }
    seen.wall = begun.elapsed();
    Ok(seen)
}

/// Asks all at once, and reads no answer's body before every answer has begun.
pub(crate) async fn ask_together(target: &Arc<Target>, parallel: usize) -> Result<()> {
    let mut callers = JoinSet::new();
    let barrier = Arc::new(Barrier::new(parallel));
    for _ in 0..parallel {
        let mut connection = Connection::open(Arc::clone(target)).await?;
        let barrier = Arc::clone(&barrier);
        callers.spawn(async move {
            let answer = connection.ask().await?;
            barrier.wait().await;
            connection.drain(answer).await
        });
    }
    while let Some(done) = callers.join_next().await {
        done??;
    }
    Ok(())
}

struct Connection {
    target: Arc<Target>,
    sender: http1::SendRequest<Full<Bytes>>,
    _driver: JoinSet<()>,
}

impl Connection {
    async fn open(target: Arc<Target>) -> Result<Self> {
        let stream = TcpStream::connect(target.url.trim_start_matches("http://")).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        // Its error shows in the answer as well.
        driver.spawn(async move { drop(connection.await) });
        Ok(Self { target, sender, _driver: driver })
    }

    async fn ask(&mut self) -> Result<Incoming> {
        let target = &self.target;
        let number = target.asked.fetch_add(1, Ordering::Relaxed);
        let method = if target.body.is_empty() { "GET" } else { "POST" };
        let request = Request::builder()
            .method(method)
            .uri(target.path.replace("PROMPT", &target.prompt(number)))
            .header("host", "bench")
            .header("authorization", format!("Bearer {}", target.key))
            .header("content-type", "application/json")
            .body(Full::from(target.body_of(number)))?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        if answer.status() != 200 {
            let status = answer.status();
            let body = answer.into_body().collect().await?.to_bytes();
            let body = String::from_utf8_lossy(&body).chars().take(500).collect::<String>();
            return Err(format!("{}: {status}: {body}", target.url).into());
        }
        Ok(answer.into_body())
    }

    async fn drain(&self, mut body: Incoming) -> Result<()> {
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += u64::try_from(frame?.data_ref().map_or(0, Bytes::len))?;
        }
        if bytes < self.target.least {
            return Err(format!("{}: an answer of {bytes} bytes", self.target.url).into());
        }
        Ok(())
    }
}
