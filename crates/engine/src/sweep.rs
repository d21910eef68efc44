//! What time takes away: expired assets, bytes that nobody recorded, calls and keys of long ago.

use std::time::Duration;

use provider::Timestamp;
use records::Change;

use crate::{Engine, Retention};

/// How often.
const EVERY: Duration = Duration::from_secs(600);
/// Assets taken in one go, so that a sweep never holds the records for long.
const BATCH: u32 = 200;
/// Generations whose words or rows go in one commit.
const ROWS: u32 = 200;
/// Such commits in one sweep.
const BATCHES: u32 = 25;
/// Bytes that nobody recorded are left alone for so long: their generation may still be under way.
const ORPHAN_AGE: Duration = Duration::from_secs(24 * 3600);
/// How long an idempotency key stands for its generation.
const KEYS_FOR: Duration = Duration::from_secs(24 * 3600);

/// Sweeps now and then, until the engine stops.
pub(crate) async fn sweep(engine: Engine) {
    loop {
        let clock = engine.clock();
        tokio::select! {
            () = clock.sleep_until(clock.now().plus(EVERY)) => {}
            () = engine.stopping().cancelled() => return,
        }
        if let Err(error) = engine.sweep_once(clock.now()).await {
            tracing::error!(%error, "a sweep failed");
        }
    }
}

impl Engine {
    /// One sweep, as of `now`.
    ///
    /// # Errors
    /// The records cannot be read or written; what was swept until then stays swept.
    pub async fn sweep_once(&self, now: Timestamp) -> records::Result<()> {
        loop {
            let expired = self.records().expired_assets(now, BATCH).await?;
            let whole = expired.len() == BATCH as usize;
            if expired.is_empty() {
                break;
            }
            let (ids, places): (Vec<_>, Vec<_>) = expired.into_iter().unzip();
            // The rows go first: then nobody can share the bytes any more, and whether another asset names
            // them is certain. Bytes that stay behind are found as those that nobody recorded.
            self.records().apply(ids.into_iter().map(Change::DropAsset).collect()).await?;
            self.delete_unshared(places).await;
            if !whole {
                break;
            }
        }
        self.records().apply(vec![Change::Prune(now.minus(KEYS_FOR))]).await?;
        self.forget_old(now).await?;
        self.sweep_orphans(now).await
    }

    /// Words and rows whose time is over; the books stay. A batch that finds nothing costs next to
    /// nothing, so what one sweep leaves the next ones take.
    async fn forget_old(&self, now: Timestamp) -> records::Result<()> {
        let Retention { prompts, records, audit } = self.settings().retention;
        let limit = ROWS;
        for _ in 0..BATCHES {
            let words = prompts.map(|span| now.minus(span));
            let words = words.map(|before| Change::ForgetWords { before, limit });
            let rows = records.map(|span| now.minus(span));
            let rows = rows.map(|before| Change::ForgetGenerations { before, limit });
            for change in [words, rows].into_iter().flatten() {
                // Each by itself: callers' commits come between them.
                self.records().apply(vec![change]).await?;
            }
        }
        if let Some(span) = audit {
            self.records().apply(vec![Change::ForgetAudit { before: now.minus(span) }]).await?;
        }
        Ok(())
    }

    async fn sweep_orphans(&self, now: Timestamp) -> records::Result<()> {
        let known = |ids: Vec<String>| async move {
            let unknown = self.records().unknown_assets(ids.clone()).await.ok()?;
            Some(ids.into_iter().filter(|id| !unknown.contains(id)).collect())
        };
        match self.store().sweep(now.minus(ORPHAN_AGE), known).await {
            Ok(swept) if swept.blobs + swept.unfinished > 0 => {
                tracing::info!(blobs = swept.blobs, unfinished = swept.unfinished, "swept orphans");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "orphaned bytes cannot be swept"),
        }
        Ok(())
    }
}
