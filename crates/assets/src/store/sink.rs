//! What an adapter writes its outputs into.

use std::{collections::HashMap, fmt, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use provider::{OutputHint, OutputSink, OutputWriter, Receipt, SinkError};

use super::{BlobWriter, Store, Stored};

/// Makes a blob of each output and remembers what became of it, by the receipt that the adapter got.
pub struct BlobSink {
    store: Store,
    new_id: Box<dyn FnMut() -> String + Send>,
    max_bytes: u64,
    kept: Arc<Mutex<HashMap<Receipt, Stored>>>,
}

impl fmt::Debug for BlobSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobSink").field("kept", &self.kept.lock().len()).finish_non_exhaustive()
    }
}

impl BlobSink {
    pub(super) fn new(
        store: Store,
        new_id: Box<dyn FnMut() -> String + Send>,
        max_bytes: u64,
    ) -> Self {
        Self { store, new_id, max_bytes, kept: Arc::default() }
    }

    /// The blob of a receipt; once.
    pub fn take(&mut self, receipt: &Receipt) -> Option<Stored> {
        self.kept.lock().remove(receipt)
    }

    /// The blobs that nobody took: finished outputs of a call whose answer was lost afterwards.
    pub fn into_rest(self) -> Vec<Stored> {
        std::mem::take(&mut *self.kept.lock()).into_values().collect()
    }
}

#[async_trait::async_trait]
impl OutputSink for BlobSink {
    async fn open(&mut self, hint: OutputHint) -> Result<Box<dyn OutputWriter>, SinkError> {
        if hint.length.is_some_and(|length| length > self.max_bytes) {
            return Err(SinkError::TooLarge { limit: self.max_bytes });
        }
        let id = (self.new_id)();
        let writer = self.store.writer(&id, self.max_bytes)?;
        Ok(Box::new(SinkWriter { writer, kept: Arc::clone(&self.kept) }))
    }
}

struct SinkWriter {
    writer: BlobWriter,
    kept: Arc<Mutex<HashMap<Receipt, Stored>>>,
}

#[async_trait::async_trait]
impl OutputWriter for SinkWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), SinkError> {
        self.writer.push(bytes).await
    }

    async fn finish(self: Box<Self>) -> Result<Receipt, SinkError> {
        let stored = self.writer.keep().await?;
        let receipt = Receipt(stored.id.clone());
        self.kept.lock().insert(receipt.clone(), stored);
        Ok(receipt)
    }
}
