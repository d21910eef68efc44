//! A connection that stays open, as a real client's: one worker of the gateway answers all of it.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

/// One connection, one request after the other.
#[derive(Debug)]
pub struct Line {
    authority: String,
    sender: http1::SendRequest<Full<Bytes>>,
    // Its drop closes the connection.
    _connection: JoinSet<()>,
}

impl Line {
    /// Connects to the service at that address (`http://127.0.0.1:8080`).
    pub async fn open(base: &str) -> Self {
        let authority = base.strip_prefix("http://").expect("a plain http address").to_owned();
        let stream = TcpStream::connect(&authority).await.expect("it listens");
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.expect("a connection");
        let mut driver = JoinSet::new();
        // A connection's own error shows in the answer as well.
        driver.spawn(async move { drop(connection.await) });
        Self { authority, sender, _connection: driver }
    }

    /// `GET` with this key: the status, once the whole answer is read.
    pub async fn get(&mut self, path: &str, key: &str) -> u16 {
        self.sender.ready().await.expect("it stays open");
        let request = Request::builder()
            .uri(path)
            .header("host", &self.authority)
            .header("authorization", format!("Bearer {key}"))
            .body(Full::default())
            .expect("a well-formed request");
        let answer = self.sender.send_request(request).await.expect("an answer");
        let status = answer.status().as_u16();
        answer.into_body().collect().await.expect("a whole body");
        status
    }
}
