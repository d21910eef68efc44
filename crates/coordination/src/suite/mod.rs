//! The checks that every implementation of this crate's traits passes, one function a check.
//!
//! Time stands still between the steps of a check: the clock is the test's, and a future is polled
//! by hand to see whether it still waits. No check sleeps.
#![expect(clippy::missing_panics_doc, reason = "a check that fails panics; that is what it is for")]

pub mod breakers;
pub mod cache;
pub mod fingerprints;
pub mod guard;
pub mod lots;
pub mod quotas;
pub mod shares;
pub mod single;
pub mod turns;

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

/// A future of the check, polled by hand.
type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

fn start<'a, T>(future: impl Future<Output = T> + Send + 'a) -> Waiting<'a, T> {
    Box::pin(future)
}

/// What has come of it by now: lets everything run that can, then polls once.
async fn now<T>(waiting: &mut Waiting<'_, T>) -> Option<T> {
    tokio::task::yield_now().await;
    poll_fn(|cx| match waiting.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
