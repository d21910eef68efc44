//! What an adapter reads of its vendor's public pages ahead of need.

use crate::{Limits, Pace, Result};

/// A vendor's catalogue, schemas and estimates, read ahead of need, without a credential.
///
/// Some vendors' models and prices change from day to day and must be asked for. An adapter of such
/// a vendor remembers what it was told: [`Provider::describe`] and [`Provider::quote`] answer from
/// that memory. The adapter says what it wants to know; whoever owns time and the vendor's limits
/// decides when it is asked, and keeps what is known across restarts, so that a vendor that is down
/// is served from memory.
///
/// [`Provider::describe`]: crate::Provider::describe
/// [`Provider::quote`]: crate::Provider::quote
#[async_trait::async_trait]
pub trait Knowledge: Send + Sync {
    /// The limits of such reads, for all of our accounts together: per address of ours.
    fn limits(&self) -> Limits;

    /// What should be read now, the most wanted first: names that [`learn`](Knowledge::learn) takes.
    /// Empty where everything that is needed is fresh.
    fn wanted(&self) -> Vec<String>;

    /// Reads one of them. Each request takes a turn of `pace`; no credential is sent.
    ///
    /// # Errors
    /// What the vendor or the network said; what was known before stays known.
    async fn learn(&self, pace: &dyn Pace, wanted: &str) -> Result<()>;

    /// Everything that is known, as a document for [`recall`](Knowledge::recall); none where nothing
    /// was learned since the last time.
    fn to_keep(&self) -> Option<String>;

    /// What an earlier process knew. A document that cannot be read is as good as none.
    fn recall(&self, kept: &str);
}
