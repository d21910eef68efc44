//! Writing one blob as its bytes come.

use std::fmt;

use blake3::Hasher;
use bytes::{Bytes, BytesMut};
use provider::{OutputWriter, Receipt, SinkError};

use super::{Stored, way::Way};
use crate::{
    measure::Mp4,
    sniff::{self, Facts},
};

/// Blobs up to this size are handed back with [`Stored`].
pub const INLINE_MAX: usize = 256 * 1024;
/// Pieces below this size are copied together: a vendor that sends byte by byte must not cost a
/// buffer for each.
const CRUMB: usize = 4096;

/// Takes the bytes of one blob: hashes, counts, looks at and stores them. Dropped before it has
/// finished, it leaves nothing in a folder; a remote store forgets its parts by its own rules.
///
/// What fits into one part is written in one go; only what is larger is written part by part.
pub struct BlobWriter {
    id: String,
    way: Way,
    max_bytes: u64,
    pending: Vec<Bytes>,
    crumbs: BytesMut,
    /// Bytes in `pending` and `crumbs`.
    pending_bytes: usize,
    total: u64,
    hasher: Hasher,
    facts: Option<Facts>,
    movie: Mp4,
    /// A write failed or was cancelled midway: the blob cannot be whole any more.
    broken: bool,
}

impl fmt::Debug for BlobWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobWriter")
            .field("id", &self.id)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

impl BlobWriter {
    pub(super) fn new(id: String, way: Way, max_bytes: u64) -> Self {
        Self {
            id,
            way,
            max_bytes,
            pending: Vec::new(),
            crumbs: BytesMut::new(),
            pending_bytes: 0,
            total: 0,
            hasher: Hasher::new(),
            facts: None,
            movie: Mp4::default(),
            broken: false,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`SinkError`]; after one, nothing more is taken.
    pub async fn push(&mut self, bytes: Bytes) -> Result<(), SinkError> {
        if self.broken {
            return Err(broken());
        }
        // Only a write that comes to its end leaves the writer whole: the caller may drop this
        // future at any await, and what it held is gone then.
        self.broken = true;
        self.total = self.total.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.total > self.max_bytes {
            self.pending.clear();
            return Err(SinkError::TooLarge { limit: self.max_bytes });
        }
        self.hasher.update(&bytes);
        self.movie.feed(&bytes);
        self.collect(bytes);
        while self.pending_bytes > self.way.waits_for() {
            let next = self.cut();
            self.way.write(next).await?;
        }
        self.broken = false;
        Ok(())
    }

    /// Ends the blob and keeps it; it is there, whole, when this returns.
    ///
    /// # Errors
    /// [`SinkError`]; nothing is kept then.
    pub async fn keep(mut self) -> Result<Stored, SinkError> {
        if self.broken {
            return Err(broken());
        }
        self.gather_crumbs();
        let facts = self.facts.unwrap_or_else(|| sniff::probe(&self.pending));
        let is_small = !self.way.has_begun() && self.pending_bytes <= INLINE_MAX;
        let inline = is_small.then(|| self.make_contiguous());
        let facts = facts.of_whole(self.movie.finish(), self.total);
        self.way.keep(self.pending).await?;
        Ok(Stored {
            id: self.id,
            bytes: self.total,
            hash: *self.hasher.finalize().as_bytes(),
            media_type: facts.media_type,
            width: facts.width,
            height: facts.height,
            millis: facts.millis,
            inline,
        })
    }

    fn collect(&mut self, bytes: Bytes) {
        self.pending_bytes += bytes.len();
        if bytes.len() < CRUMB {
            self.crumbs.extend_from_slice(&bytes);
            if self.crumbs.len() >= CRUMB {
                self.gather_crumbs();
            }
        } else {
            self.gather_crumbs();
            self.pending.push(bytes);
        }
    }

    fn gather_crumbs(&mut self) {
        if !self.crumbs.is_empty() {
            self.pending.push(self.crumbs.split().freeze());
        }
    }

    /// The whole blob as one piece, which then is also what is written.
    fn make_contiguous(&mut self) -> Bytes {
        if self.pending.len() > 1 {
            self.pending = vec![self.pending.concat().into()];
        }
        self.pending.first().cloned().unwrap_or_default()
    }

    /// Takes what is written next off the front, without copying: all there is, or exactly one part.
    fn cut(&mut self) -> Vec<Bytes> {
        self.gather_crumbs();
        if self.facts.is_none() {
            self.facts = Some(sniff::probe(&self.pending));
        }
        let Some(part) = self.way.part() else {
            self.pending_bytes = 0;
            return std::mem::take(&mut self.pending);
        };
        let mut missing = part;
        let mut whole = 0;
        for piece in &self.pending {
            if piece.len() > missing {
                break;
            }
            missing -= piece.len();
            whole += 1;
        }
        let mut cut: Vec<Bytes> = self.pending.drain(..whole).collect();
        if let Some(next) = self.pending.first_mut().filter(|_| missing > 0) {
            cut.push(next.split_to(missing));
        }
        self.pending_bytes -= part;
        cut
    }
}

#[async_trait::async_trait]
impl OutputWriter for BlobWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), SinkError> {
        self.push(bytes).await
    }

    async fn finish(self: Box<Self>) -> Result<Receipt, SinkError> {
        self.keep().await.map(|stored| Receipt(stored.id))
    }
}

fn broken() -> SinkError {
    SinkError::Storage("an earlier write did not come to its end".to_owned())
}
