//! Outputs in memory, and turns that are counted.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;

use provider::{OutputHint, OutputSink, OutputWriter, Pace, Receipt, Result, SinkError, Turn};

/// Keeps outputs in memory; a receipt is the output's index.
#[derive(Debug, Clone, Default)]
pub struct MemorySink(Arc<Mutex<Vec<Vec<u8>>>>);

impl MemorySink {
    /// The bytes of a finished output.
    pub fn bytes(&self, receipt: &Receipt) -> Option<Vec<u8>> {
        self.0.lock().get(receipt.0.parse::<usize>().ok()?).cloned()
    }

    /// How many outputs were finished.
    pub fn finished(&self) -> usize {
        self.0.lock().len()
    }

    /// A writer of its own, for [`Provider::fetch`](provider::Provider::fetch).
    pub fn writer(&self) -> MemoryWriter {
        MemoryWriter { sink: self.clone(), bytes: Vec::new() }
    }
}

#[async_trait]
impl OutputSink for MemorySink {
    async fn open(&mut self, _hint: OutputHint) -> Result<Box<dyn OutputWriter>, SinkError> {
        Ok(Box::new(self.writer()))
    }
}

/// One output in memory.
#[derive(Debug)]
pub struct MemoryWriter {
    sink: MemorySink,
    /// What has come so far.
    pub bytes: Vec<u8>,
}

#[async_trait]
impl OutputWriter for MemoryWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), SinkError> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<Receipt, SinkError> {
        let mut outputs = self.sink.0.lock();
        outputs.push(self.bytes);
        Ok(Receipt((outputs.len() - 1).to_string()))
    }
}

/// Gives every turn at once and counts them.
#[derive(Debug, Default)]
pub struct Turns(AtomicUsize);

impl Turns {
    /// Turns that were taken.
    pub fn taken(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Pace for Turns {
    async fn turn(&self) -> Result<Turn> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Turn::free())
    }
}
