//! Clearing away what a killed process left behind.

use std::{
    collections::HashSet,
    future::Future,
    path::Path as FsPath,
    time::{SystemTime, UNIX_EPOCH},
};

use futures_util::{StreamExt, TryStreamExt};
use object_store::ObjectStore;
use provider::Timestamp;

use super::{Store, StoreError};

/// Ids that are asked about at once.
const BATCH: usize = 500;

/// What a sweep cleared away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Blobs that nobody knew.
    pub blobs: u64,
    /// Files that were never finished.
    pub unfinished: u64,
}

impl Store {
    /// Deletes every blob that was last written before `before` and that `known` does not know, and
    /// every unfinished file as old. `before` must lie so far back that whatever was being written
    /// then is recorded by now.
    ///
    /// `known` is given ids in batches and tells which of them the records know; if it cannot tell
    /// (none), that batch is left alone.
    ///
    /// # Errors
    /// [`StoreError::Backend`]; what was deleted before it stays deleted.
    pub async fn sweep<F, K>(&self, before: Timestamp, mut known: K) -> Result<Swept, StoreError>
    where
        K: FnMut(Vec<String>) -> F + Send,
        F: Future<Output = Option<HashSet<String>>> + Send,
    {
        let mut swept = Swept::default();
        let aged = self.objects.list(None).try_filter_map(|meta| async move {
            let written = Timestamp::from_millis(meta.last_modified.timestamp_millis());
            let id = meta.location.filename().map(str::to_owned);
            Ok(id.filter(|_| written < before))
        });
        let mut batches = aged.try_chunks(BATCH).boxed();
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(|error| StoreError::from(error.1))?;
            let Some(known) = known(batch.clone()).await else { continue };
            for id in batch.iter().filter(|id| !known.contains(*id)) {
                match self.delete(id).await {
                    Ok(()) => swept.blobs += 1,
                    // A file that is not ours lies there; it is not ours to delete either.
                    Err(StoreError::InvalidId) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        if let Some(folder) = self.folder.clone() {
            let remove = move || remove_unfinished(&folder, before);
            let removed = tokio::task::spawn_blocking(remove).await.map_err(StoreError::backend)?;
            swept.unfinished = removed.map_err(StoreError::backend)?;
        }
        Ok(swept)
    }
}

/// Removes files of `object_store`'s own naming (`NAME#NUMBER`), which its listings leave out.
fn remove_unfinished(folder: &FsPath, before: Timestamp) -> std::io::Result<u64> {
    let mut removed = 0;
    for shard in std::fs::read_dir(folder)? {
        let shard = shard?.path();
        if !shard.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(shard)? {
            let file = file?;
            let name = file.file_name();
            let unfinished = name.to_str().and_then(|name| name.split_once('#'));
            let ours = unfinished.is_some_and(|(_, n)| n.bytes().all(|b| b.is_ascii_digit()));
            if ours && millis(file.metadata()?.modified()?) < before {
                std::fs::remove_file(file.path())?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

fn millis(at: SystemTime) -> Timestamp {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
