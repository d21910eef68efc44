//! Writing what must be written.

use std::time::Duration;

use records::Change;

use crate::Engine;

/// Tries of a write that must hold: some minutes in all.
const MUST_APPLY_TRIES: u32 = 30;

impl Engine {
    /// Writes what must be written. The database may fail for a while (a full disk): the money and
    /// the work are real, so it is tried again until it holds; a row that stays behind is picked up
    /// after the next start.
    pub(crate) async fn must_apply(&self, changes: Vec<Change>) {
        let mut changes = changes;
        loop {
            match self.persist(changes.clone()).await {
                Ok(()) => return,
                Err(records::Error::Claimed(reference)) => {
                    // A lost attempt with the same request took this work for its own. The charge is
                    // on the books, under that attempt; booking it here too would count it twice.
                    tracing::error!(%reference, "work was claimed by an equal attempt");
                    changes.retain(|change| !matches!(change, Change::Book(_)));
                }
                Err(records::Error::Storage(_)) => break,
                Err(error @ records::Error::Stale(_)) if changes.len() > 1 => {
                    // One of them came too late; the others must not be lost with it.
                    tracing::error!(%error, "a change was refused; making the others one by one");
                    for change in changes {
                        Box::pin(self.must_apply(vec![change])).await;
                    }
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "a change was refused");
                    return;
                }
            }
        }
        tracing::error!(
            "the records could not be written; the next start goes on from the last row"
        );
    }

    /// Writes it, however long the database fails; what it refuses for another reason is told.
    pub(crate) async fn persist(&self, changes: Vec<Change>) -> records::Result<()> {
        let mut rest = Duration::from_millis(100);
        let mut tries = MUST_APPLY_TRIES;
        loop {
            match self.records().apply(changes.clone()).await {
                Err(records::Error::Storage(reason)) if tries > 1 => {
                    tracing::error!(%reason, "the records cannot be written; trying again");
                    self.clock().sleep_until(self.clock().now().plus(rest)).await;
                    rest = (rest * 2).min(Duration::from_secs(10));
                    tries -= 1;
                }
                done => return done,
            }
        }
    }
}
