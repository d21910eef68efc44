//! What just happened to a generation, for whoever watches it now.

use std::{fmt, sync::Arc};

use tokio::sync::watch;

/// Tells watchers of a generation its newest state.
///
/// A watcher that reads slowly misses states in between, never the newest: so one value per watched
/// generation is all the memory it takes. Nothing is kept for those who come late; they subscribe
/// first and then read the records, and so miss nothing.
pub trait Events<T>: Send + Sync + fmt::Debug {
    /// Tells everybody who watches `id` now.
    fn publish(&self, id: &str, event: Arc<T>);

    /// Watches `id` until the subscription is dropped.
    fn subscribe(&self, id: &str) -> Subscription<T>;
}

/// A watch on one generation.
pub struct Subscription<T> {
    newest: Option<watch::Receiver<Option<Arc<T>>>>,
    leave: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl<T> Subscription<T> {
    /// A subscription that runs `leave` after it has let go of its channel; for implementations.
    pub fn new(
        newest: watch::Receiver<Option<Arc<T>>>,
        leave: impl FnOnce() + Send + Sync + 'static,
    ) -> Self {
        Self { newest: Some(newest), leave: Some(Box::new(leave)) }
    }
}

impl<T: Send + Sync> Subscription<T> {
    /// The newest event that was not seen yet; waits for one. None when no more can come.
    pub async fn next(&mut self) -> Option<Arc<T>> {
        let newest = self.newest.as_mut()?;
        newest.changed().await.ok()?;
        newest.borrow_and_update().clone()
    }
}

impl<T> Drop for Subscription<T> {
    fn drop(&mut self) {
        // The channel goes first: whoever clears up counts those who still hold one.
        self.newest = None;
        if let Some(leave) = self.leave.take() {
            leave();
        }
    }
}

impl<T> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}
