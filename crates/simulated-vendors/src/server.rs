//! The HTTP server under every simulated vendor: hyper on a socket that a fault can reset.

use std::{
    future::Future,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, body::Incoming, header::DATE, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    answer::{Answer, AnswerBody, CutShort, Ending},
    clock,
};

/// A request, its body read whole.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Result<Bytes, BodyTooLarge>,
    /// Where it came from.
    pub(crate) peer: IpAddr,
}

#[derive(Debug)]
pub(crate) struct BodyTooLarge;

/// What answers the requests of one port.
pub(crate) trait Service: Send + Sync + 'static {
    fn now_ms(&self) -> i64;
    fn max_body(&self) -> usize;
    fn handle(self: Arc<Self>, request: Received) -> impl Future<Output = Answer> + Send;
}

/// Every task of a vendor, and the word that ends them all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks {
    pub(crate) tracker: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl Tasks {
    pub(crate) fn spawn<F>(&self, task: F) -> tokio::task::JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let stop = self.stop.clone();
        self.tracker.spawn(async move { stop.run_until_cancelled(task).await })
    }
}

/// Accepts connections until told to stop.
pub(crate) async fn serve<S: Service>(listener: TcpListener, service: Arc<S>, tasks: Tasks) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                drop(tasks.spawn(converse(stream, peer.ip(), Arc::clone(&service))));
            }
            // Out of file descriptors, or a connection gone before it was accepted: neither is the listener's end.
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

async fn converse<S: Service>(stream: TcpStream, peer: IpAddr, service: Arc<S>) {
    // Without this, small answers would wait for the peer's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "nodelay was not set");
    }
    let reset = Arc::new(AtomicBool::new(false));
    let wire = Wire { stream, reset: Arc::clone(&reset) };
    let answer =
        service_fn(move |request| respond(Arc::clone(&service), request, peer, Arc::clone(&reset)));
    let conversation = http1::Builder::new()
        .auto_date_header(false)
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(wire), answer);
    if let Err(error) = conversation.await {
        tracing::debug!(%error, "a conversation ended early");
    }
}

async fn respond<S: Service>(
    service: Arc<S>,
    request: Request<Incoming>,
    peer: IpAddr,
    reset: Arc<AtomicBool>,
) -> Result<Response<AnswerBody>, CutShort> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, service.max_body()).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyTooLarge),
        Err(_) => return Err(CutShort),
    };
    let received = Received {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
        peer,
    };
    let answer = Arc::clone(&service).handle(received).await;
    if answer.ending == Ending::Reset {
        reset.store(true, Ordering::Release);
        return Err(CutShort);
    }
    Ok(answer.with(DATE, &clock::http_date(service.now_ms())).into_response())
}

/// The socket, which ends with a reset instead of a farewell once told so.
#[derive(Debug)]
struct Wire {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Acquire)
            && let Err(error) =
                socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))
        {
            tracing::warn!(%error, "a reset became a plain close");
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A farewell first would reach the peer as an ordinary end of the stream.
        if self.reset.load(Ordering::Acquire) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
