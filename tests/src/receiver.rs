//! A receiver of webhooks, close enough to the wire to hang.

use std::sync::{Arc, Mutex, PoisonError};

use hyper::HeaderMap;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::until;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, byte for byte.
    pub body: String,
}

impl Told {
    /// One header.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

/// Answers with one status after the other, the last one from then on; 0 is never an answer.
#[derive(Debug)]
pub struct Receiver {
    address: std::net::SocketAddr,
    told: Arc<Mutex<Vec<Told>>>,
    _task: JoinSet<()>,
}

impl Receiver {
    /// Starts one on a free port of this machine.
    pub async fn start(answers: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let told = Arc::new(Mutex::new(Vec::new()));
        let (seen, answers) = (Arc::clone(&told), answers.to_vec());
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                let Some(one) = read(&mut stream).await else { continue };
                let before = {
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.push(one);
                    seen.len() - 1
                };
                match answers.get(before).or_else(|| answers.last()) {
                    None | Some(0) => held.push(stream),
                    Some(status) => {
                        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
                        // A gateway that was killed meanwhile hears nothing.
                        let _ = stream.write_all(answer.as_bytes()).await;
                    }
                }
            }
        });
        Self { address, told, _task: task }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}/hook?token=5up3r", self.address)
    }

    /// What came so far.
    pub fn so_far(&self) -> Vec<Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for so many requests.
    pub async fn told(&self, count: usize) -> Vec<Told> {
        until(&format!("{count} webhooks"), || async {
            let told = self.so_far();
            (told.len() >= count).then_some(told)
        })
        .await
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Told> {
    let mut headers = HeaderMap::new();
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) => {
                let name = hyper::header::HeaderName::try_from(name).expect("a header's name");
                headers.append(name, value.parse().expect("a header's value"));
            }
            None if line == "\r\n" => break,
            None => assert!(line.starts_with("POST "), "{line}"),
        }
    }
    let length =
        headers.get("content-length").and_then(|length| length.to_str().ok()?.parse().ok());
    let mut body = vec![0; length.expect("a length")];
    stream.read_exact(&mut body).await.ok()?;
    Some(Told { headers, body: String::from_utf8(body).expect("a body in UTF-8") })
}
