//! The vendor on the wire: a raw HTTP/1 server that can misbehave below HTTP.

use std::{fmt, io, net::SocketAddr, sync::Arc, thread, time::Duration};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
    task::JoinSet,
};

use crate::{Answer, Ending};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Recorded {
    /// A header's value by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

type Script = dyn Fn(&Recorded) -> Answer + Send + Sync;

/// A running server, on a thread and runtime of its own: what is alive in a check's own runtime is
/// the adapter's alone. It ends when it is dropped.
pub struct Vendor {
    address: SocketAddr,
    state: Arc<State>,
    // Dropping it stops the server.
    _stop: oneshot::Sender<()>,
}

struct State {
    script: Box<Script>,
    requests: Mutex<Vec<Recorded>>,
    /// Requests read, connections closed by the other side: for checks to wait on.
    seen: watch::Sender<Seen>,
}

/// What has happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) requests: usize,
    pub(crate) abandoned: usize,
    pub(crate) written: u64,
}

/// No check waits longer for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

impl Vendor {
    /// A vendor that answers by this script.
    pub fn start(script: impl Fn(&Recorded) -> Answer + Send + Sync + 'static) -> Self {
        Self::serve(Box::new(script), false)
    }

    /// A vendor that resets every connection before it reads a byte.
    pub(crate) fn resetting() -> Self {
        Self::serve(Box::new(|_| unreachable!("nothing is read")), true)
    }

    fn serve(script: Box<Script>, reset_at_once: bool) -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let address = listener.local_addr().expect("a bound socket");
        let seen = watch::Sender::new(Seen::default());
        let state = Arc::new(State { script, requests: Mutex::default(), seen });
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, shared, reset_at_once) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, state, _stop: stop }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.requests.lock().clone()
    }

    pub(crate) fn seen(&self) -> Seen {
        *self.state.seen.borrow()
    }

    /// Waits until this has happened.
    pub(crate) async fn until(&self, what: &str, done: impl FnMut(&Seen) -> bool) {
        let mut watched = self.state.seen.subscribe();
        let waited = tokio::time::timeout(PATIENCE, watched.wait_for(done)).await;
        assert!(matches!(waited, Ok(Ok(_))), "waited in vain: {what}");
    }
}

impl fmt::Debug for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vendor").field("address", &self.address).finish_non_exhaustive()
    }
}

async fn accept(listener: std::net::TcpListener, state: Arc<State>, reset_at_once: bool) {
    let listener = TcpListener::from_std(listener).expect("a listener");
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        if reset_at_once {
            let _ = stream.set_zero_linger();
            continue;
        }
        let state = Arc::clone(&state);
        connections.spawn(async move {
            // A client that goes away is no failure of the vendor's; the checks look at the client.
            let _ = serve(stream, &state).await;
        });
    }
}

async fn serve(mut stream: TcpStream, state: &State) -> io::Result<()> {
    let Some(request) = read(&mut stream).await? else { return Ok(()) };
    let answer = (state.script)(&request);
    state.requests.lock().push(request);
    state.seen.send_modify(|seen| seen.requests += 1);
    match answer.ending {
        Ending::Reset => return stream.set_zero_linger(),
        Ending::Silent => {}
        Ending::Whole => stream.write_all(&[head(&answer), answer.body].concat()).await?,
        Ending::CutAfter(count) | Ending::StallAfter(count) => {
            let body = &answer.body[..count.min(answer.body.len())];
            stream.write_all(&[head(&answer).as_slice(), body].concat()).await?;
        }
        Ending::Endless => {
            stream.write_all(&[head(&answer).as_slice(), &answer.body].concat()).await?;
            return flood(&mut stream, &answer, state).await;
        }
    }
    if matches!(answer.ending, Ending::Silent | Ending::StallAfter(_)) {
        // Reads until the client closes.
        while stream.read(&mut [0; 512]).await.is_ok_and(|count| count > 0) {}
        state.seen.send_modify(|seen| seen.abandoned += 1);
    }
    Ok(())
}

async fn flood(stream: &mut TcpStream, answer: &Answer, state: &State) -> io::Result<()> {
    let piece = vec![answer.body.last().copied().unwrap_or(b' '); 64 * 1024];
    while stream.write_all(&piece).await.is_ok() {
        let written = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        state.seen.send_modify(|seen| seen.written += written);
    }
    state.seen.send_modify(|seen| seen.abandoned += 1);
    Ok(())
}

fn head(answer: &Answer) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} Answer\r\nconnection: close\r\n", answer.status);
    if answer.ending != Ending::Endless {
        head.push_str(&format!("content-length: {}\r\n", answer.body.len()));
    }
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// One request with a body of known length; `None` where the connection brings none.
async fn read(stream: &mut TcpStream) -> io::Result<Option<Recorded>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let mut recorded = Recorded {
        method: first.next().unwrap_or_default().to_owned(),
        path: first.next().unwrap_or_default().to_owned(),
        headers: lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect(),
        body: bytes.split_off(end + 4),
    };
    let length = recorded.header("content-length").and_then(|text| text.parse().ok());
    let length: usize = length.unwrap_or(0);
    while recorded.body.len() < length {
        if stream.read_buf(&mut recorded.body).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(recorded))
}
