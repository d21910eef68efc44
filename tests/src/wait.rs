//! Waiting for a condition.

use std::{
    future::Future,
    time::{Duration, Instant},
};

/// Long enough for a busy machine; a test that needs it all has failed.
const PATIENCE: Duration = Duration::from_secs(40);
/// Between two looks.
const GLANCE: Duration = Duration::from_millis(10);

/// Looks until there is something, and fails loudly where nothing comes.
pub async fn until<T, F>(what: &str, look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    until_within(PATIENCE, what, look).await
}

/// As [`until`], with another patience.
pub async fn until_within<T, F>(patience: Duration, what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let end = Instant::now() + patience;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "waited {patience:?} in vain: {what}");
        tokio::time::sleep(GLANCE).await;
    }
}
