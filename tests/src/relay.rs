//! A wire between the gateway and a vendor that a test can cut, or that leaves a header out.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
};

/// Passes everything on, both ways.
#[derive(Debug)]
pub struct Relay {
    address: std::net::SocketAddr,
    shut: Arc<AtomicBool>,
    heard: Heard,
    _task: JoinSet<()>,
}

/// The credentials that went over it.
type Heard = Arc<Mutex<BTreeSet<String>>>;

impl Relay {
    /// One in front of the vendor at that address, which never hears of the header `deaf_to`.
    pub async fn start(vendor: &str, deaf_to: Option<&'static str>) -> Self {
        let vendor = vendor.strip_prefix("http://").expect("a plain http address").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shut = Arc::new(AtomicBool::new(false));
        let heard = Heard::default();
        let (flag, ears) = (Arc::clone(&shut), Arc::clone(&heard));
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut wires = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(&vendor).await else { continue };
                let wire = Wire { shut: Arc::clone(&flag), deaf_to, heard: Arc::clone(&ears) };
                wires.spawn(wire.run(near, far));
            }
        });
        Self { address, shut, heard, _task: task }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every credential that was sent over it, each once.
    pub fn heard(&self) -> BTreeSet<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From here on nothing reaches the vendor, or everything that comes on a new connection does.
    pub fn shut(&self, shut: bool) {
        self.shut.store(shut, Ordering::SeqCst);
    }
}

struct Wire {
    shut: Arc<AtomicBool>,
    deaf_to: Option<&'static str>,
    heard: Heard,
}

impl Wire {
    async fn run(self, near: TcpStream, far: TcpStream) {
        near.set_nodelay(true).expect("a socket");
        far.set_nodelay(true).expect("a socket");
        let (mut far_read, far_write) = far.into_split();
        let (near_read, mut near_write) = near.into_split();
        // Whoever hangs up is seen on the other side: all halves are dropped here.
        tokio::select! {
            () = self.there(near_read, far_write) => {}
            _ = copy(&mut far_read, &mut near_write) => {}
        }
    }

    async fn there(&self, mut near: OwnedReadHalf, mut far: OwnedWriteHalf) {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = near.read(&mut piece).await {
            if self.shut.load(Ordering::SeqCst) {
                return std::future::pending().await;
            }
            // The head of a small request comes in one piece.
            let piece = &mut piece[..length];
            let credentials = credentials(piece);
            self.heard.lock().unwrap_or_else(PoisonError::into_inner).extend(credentials);
            if let Some(name) = self.deaf_to {
                misspell(piece, name.as_bytes());
            }
            if far.write_all(piece).await.is_err() {
                return;
            }
        }
    }
}

/// The header's name with another last letter, wherever it stands.
fn misspell(bytes: &mut [u8], name: &[u8]) {
    let mut at = 0;
    while let Some(window) = bytes.get_mut(at..at + name.len()) {
        if let (true, Some(last)) = (window.eq_ignore_ascii_case(name), window.last_mut()) {
            *last = b'_';
        }
        at += 1;
    }
}

/// The credentials in the head of a request.
fn credentials(piece: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(piece);
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let values = head.lines().filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        match name.to_ascii_lowercase().as_str() {
            "x-api-key" => Some(value),
            "authorization" => Some(value.strip_prefix("Bearer ").unwrap_or(value)),
            _ => None,
        }
    });
    values.map(str::to_owned).collect()
}
