//! Where an adapter puts bytes that come with an answer: they stream, they are never collected.

use bytes::Bytes;

/// What the vendor says about an output before its bytes come. Advice only: bytes are sniffed.
#[derive(Debug, Clone, Default)]
pub struct OutputHint {
    /// The media type as the vendor labels it.
    pub media_type: Option<String>,
    /// Bytes to come, where it is known.
    pub length: Option<u64>,
}

/// Names a finished write within its sink; only the sink's owner can read it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Receipt(pub String);

/// Why bytes could not be taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SinkError {
    /// More bytes than an output may have.
    #[error("the output is larger than {limit} bytes")]
    TooLarge {
        /// The most an output may have.
        limit: u64,
    },
    /// They could not be kept.
    #[error("the output could not be kept: {0}")]
    Storage(String),
}

/// Opens writers, one per output.
#[async_trait::async_trait]
pub trait OutputSink: Send {
    /// A writer for the next output.
    async fn open(&mut self, hint: OutputHint) -> Result<Box<dyn OutputWriter>, SinkError>;
}

/// Takes the bytes of one output. Dropped without [`finish`](OutputWriter::finish), it keeps nothing.
#[async_trait::async_trait]
pub trait OutputWriter: Send {
    /// Takes the next bytes.
    async fn write(&mut self, bytes: Bytes) -> Result<(), SinkError>;
    /// Ends the output; its bytes are kept when this returns.
    async fn finish(self: Box<Self>) -> Result<Receipt, SinkError>;
}
