//! Writing one blob as its bytes come.

use blake3::Hasher;
use bytes::{Bytes, BytesMut};
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, path::Path};
use provider::{OutputWriter, Receipt, SinkError};
use std::{
    fmt,
    path::{Path as FsPath, PathBuf},
    sync::Arc,
};

use super::{Store, Stored};
use crate::{
    measure::Mp4,
    sniff::{self, Facts},
};

/// Blobs up to this size are handed back with [`Stored`].
pub const INLINE_MAX: usize = 256 * 1024;
/// Blobs up to this size are written to a folder at once, where they need not survive a power cut: a
/// write of some microseconds costs less than handing it to another thread and waiting for its word.
const AT_ONCE_MAX: usize = 64 * 1024;
/// Pieces below this size are copied together: a vendor that sends byte by byte must not cost a
/// buffer for each.
const CRUMB: usize = 4096;

/// Takes the bytes of one blob: hashes, counts, looks at and stores them. Dropped before it has
/// finished, it leaves nothing in a folder; a remote store forgets its parts by its own rules.
///
/// What fits into one part is written in one go; only what is larger is written part by part.
pub struct BlobWriter {
    objects: Arc<dyn ObjectStore>,
    /// The folder, where a small blob may be written at once.
    folder: Option<PathBuf>,
    id: String,
    location: Path,
    max_bytes: u64,
    part: usize,
    pending: Vec<Bytes>,
    crumbs: BytesMut,
    /// Bytes in `pending` and `crumbs`.
    pending_bytes: usize,
    total: u64,
    hasher: Hasher,
    facts: Option<Facts>,
    movie: Mp4,
    upload: Option<Box<dyn MultipartUpload>>,
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
    pub(super) fn new(store: &Store, id: String, location: Path, max_bytes: u64) -> Self {
        Self {
            objects: Arc::clone(&store.objects),
            folder: store.folder.clone().filter(|_| !store.durable),
            id,
            location,
            max_bytes,
            part: store.part,
            pending: Vec::new(),
            crumbs: BytesMut::new(),
            pending_bytes: 0,
            total: 0,
            hasher: Hasher::new(),
            facts: None,
            movie: Mp4::default(),
            upload: None,
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
            self.upload = None;
            self.pending.clear();
            return Err(SinkError::TooLarge { limit: self.max_bytes });
        }
        self.hasher.update(&bytes);
        self.movie.feed(&bytes);
        self.collect(bytes);
        while self.pending_bytes > self.part {
            let part = self.cut_part();
            self.send_part(part).await?;
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
        let inline = (self.upload.is_none() && self.pending_bytes <= INLINE_MAX)
            .then(|| self.make_contiguous());
        let at_once = self.folder.take().filter(|_| self.pending_bytes <= AT_ONCE_MAX);
        if let (Some(folder), Some(bytes)) = (at_once, &inline) {
            write_at_once(&folder.join(self.location.as_ref()), bytes)
                .map_err(|error| SinkError::Storage(error.to_string()))?;
            return Ok(self.stored(facts, inline));
        }
        let rest = PutPayload::from_iter(std::mem::take(&mut self.pending));
        match &mut self.upload {
            None => {
                self.objects.put(&self.location, rest).await.map_err(storage)?;
            }
            Some(upload) => {
                if self.pending_bytes > 0 {
                    upload.put_part(rest).await.map_err(storage)?;
                }
                upload.complete().await.map_err(storage)?;
            }
        }
        Ok(self.stored(facts, inline))
    }

    fn stored(self, facts: Facts, inline: Option<Bytes>) -> Stored {
        let facts = facts.of_whole(self.movie.finish(), self.total);
        Stored {
            id: self.id,
            bytes: self.total,
            hash: *self.hasher.finalize().as_bytes(),
            media_type: facts.media_type,
            width: facts.width,
            height: facts.height,
            millis: facts.millis,
            inline,
        }
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

    /// Takes one part of exactly the part's size off the front, without copying.
    fn cut_part(&mut self) -> PutPayload {
        self.gather_crumbs();
        if self.facts.is_none() {
            self.facts = Some(sniff::probe(&self.pending));
        }
        let mut missing = self.part;
        let mut whole = 0;
        for piece in &self.pending {
            if piece.len() > missing {
                break;
            }
            missing -= piece.len();
            whole += 1;
        }
        let mut part: Vec<Bytes> = self.pending.drain(..whole).collect();
        if let Some(next) = self.pending.first_mut().filter(|_| missing > 0) {
            part.push(next.split_to(missing));
        }
        self.pending_bytes -= self.part;
        PutPayload::from_iter(part)
    }

    async fn send_part(&mut self, part: PutPayload) -> Result<(), SinkError> {
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => {
                let upload = self.objects.put_multipart(&self.location).await;
                none.insert(upload.map_err(storage)?)
            }
        };
        upload.put_part(part).await.map_err(storage)
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

/// A small file in one go. A process that is killed meanwhile leaves a part of it, which nobody has
/// recorded: the sweep takes it.
fn write_at_once(file: &FsPath, bytes: &[u8]) -> std::io::Result<()> {
    match std::fs::write(file, bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if let Some(folder) = file.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(file, bytes)
        }
        written => written,
    }
}

fn broken() -> SinkError {
    SinkError::Storage("an earlier write did not come to its end".to_owned())
}

fn storage(error: object_store::Error) -> SinkError {
    SinkError::Storage(error.to_string())
}
