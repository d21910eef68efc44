//! Blobs under their ids, in a folder or whatever else `object_store` knows.
//!
//! # Layout
//! `ast_01jd...k7` lies at `k7/ast_01jd...k7`: the end of an id is random, its beginning is time, so
//! folders stay small and evenly filled. A small file is written in one go; a larger one appears under its
//! name only when it is whole: what is being written has a `#` in its name. [`Store::sweep`] clears away
//! what a writer that was killed has left of either.

mod draft;
mod hot;
mod read;
mod sink;
mod sweep;
mod way;
mod writer;

use std::{
    path::{Path as FsPath, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use object_store::{
    ObjectStore, ObjectStoreExt, local::LocalFileSystem, memory::InMemory, path::Path,
};
use provider::SinkError;

use draft::Disk;
pub use hot::Base64;
use hot::Hot;
pub use read::Blob;
pub use sink::BlobSink;
pub use sweep::Swept;
use way::Way;
pub use writer::{BlobWriter, INLINE_MAX};

/// Parts in which larger blobs are written where they survive a power cut. Each costs one hand-over to a thread
/// that may block, so few large ones cost least; but this is what one writer keeps in memory, and many write at
/// once.
const FILE_PART: usize = 256 * 1024;
/// S3 takes no smaller part, except the last.
const REMOTE_PART: usize = 5 * 1024 * 1024;
/// Ids are made here and elsewhere in the gateway; longer ones are not ours.
const ID_MAX: usize = 64;

/// Keeps blobs.
#[derive(Debug, Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    part: usize,
    /// The folder, where it is one: only there can unfinished files be found.
    folder: Option<PathBuf>,
    /// The folder's disk, where blobs need not survive a power cut.
    disk: Option<Arc<Disk>>,
    /// What is asked for again and again.
    hot: Hot,
}

/// A blob that was kept, and what its bytes tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its id.
    pub id: String,
    /// How many bytes.
    pub bytes: u64,
    /// Their BLAKE3 hash.
    pub hash: [u8; 32],
    /// What they are, found by looking at them.
    pub media_type: &'static str,
    /// Pixels across, of a picture or a clip.
    pub width: Option<u32>,
    /// Pixels down, of a picture or a clip.
    pub height: Option<u32>,
    /// Length in milliseconds, of a clip or a sound.
    pub millis: Option<u64>,
    /// The bytes themselves where they are few ([`INLINE_MAX`]).
    pub inline: Option<Bytes>,
}

/// Why a blob could not be kept or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The configuration names a store that is not known.
    #[error("assets can be kept under file://PATH, not under this address")]
    UnknownStore,
    /// No id of ours looks like this.
    #[error("not an asset's id")]
    InvalidId,
    /// There is no such blob.
    #[error("no such blob")]
    NotFound,
    /// The asked range begins past the end.
    #[error("the range is not within the blob's {size} bytes")]
    Range {
        /// How many bytes the blob has.
        size: u64,
    },
    /// The blob has more bytes than asked for.
    #[error("the blob is larger than {limit} bytes")]
    TooLarge {
        /// The most that was asked for.
        limit: u64,
    },
    /// The store itself failed. For operators: it may name paths.
    #[error("the store failed: {0}")]
    Backend(String),
}

impl StoreError {
    fn backend(error: impl std::fmt::Display) -> Self {
        Self::Backend(error.to_string())
    }
}

impl From<object_store::Error> for StoreError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound,
            other => Self::backend(other),
        }
    }
}

impl From<StoreError> for SinkError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooLarge { limit } => Self::TooLarge { limit },
            other => Self::Storage(other.to_string()),
        }
    }
}

impl Store {
    /// The store of a configuration's `storage.assets`, e.g. `file://data/assets`, which is relative
    /// to `base` unless it begins with a slash. The folder is made where there is none.
    ///
    /// With `durable`, a blob survives a power cut from the moment that it is kept; otherwise it
    /// survives the process.
    ///
    /// # Errors
    /// [`StoreError::UnknownStore`] for anything but `file://`; [`StoreError::Backend`] where the
    /// folder cannot be used.
    pub fn open(address: &str, base: &FsPath, durable: bool) -> Result<Self, StoreError> {
        let path = address.strip_prefix("file://").filter(|path| !path.is_empty());
        Self::folder(&base.join(path.ok_or(StoreError::UnknownStore)?), durable)
    }

    /// A store in this folder, which is made where there is none.
    ///
    /// # Errors
    /// [`StoreError::Backend`] where the folder cannot be used.
    pub fn folder(folder: &FsPath, durable: bool) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder).map_err(StoreError::backend)?;
        let objects = LocalFileSystem::new_with_prefix(folder)?.with_fsync(durable);
        let folder = Some(folder.to_owned());
        Ok(Self {
            objects: Arc::new(objects),
            part: FILE_PART,
            folder,
            disk: (!durable).then(|| Arc::new(Disk::new())),
            hot: Hot::default(),
        })
    }

    /// A store over a remote `object_store`.
    pub fn remote(objects: Arc<dyn ObjectStore>) -> Self {
        Self { objects, part: REMOTE_PART, folder: None, disk: None, hot: Hot::default() }
    }

    /// A store in memory, gone when dropped: for what must not be kept.
    pub fn memory() -> Self {
        let objects = Arc::new(InMemory::new());
        Self { objects, part: FILE_PART, folder: None, disk: None, hot: Hot::default() }
    }

    /// A writer of the blob `id`, which takes at most `max_bytes`. An id is written once; writing it
    /// again replaces the blob.
    ///
    /// # Errors
    /// [`StoreError::InvalidId`].
    pub fn writer(&self, id: &str, max_bytes: u64) -> Result<BlobWriter, StoreError> {
        self.hot.forget(id);
        let location = location(id)?;
        let way = match (&self.disk, &self.folder) {
            (Some(disk), Some(folder)) => {
                let (disk, place) = (Arc::clone(disk), folder.join(location.as_ref()));
                Way::File { disk, place, draft: None }
            }
            _ => {
                let (objects, part) = (Arc::clone(&self.objects), self.part);
                Way::Object { objects, location, part, upload: None }
            }
        };
        Ok(BlobWriter::new(id.to_owned(), way, max_bytes))
    }

    /// A sink for an adapter: each output becomes a blob of at most `max_bytes` under an id that
    /// `new_id` makes.
    pub fn sink(
        &self,
        new_id: impl FnMut() -> String + Send + 'static,
        max_bytes: u64,
    ) -> BlobSink {
        BlobSink::new(self.clone(), Box::new(new_id), max_bytes)
    }

    /// Deletes a blob; it is no error if there is none.
    ///
    /// # Errors
    /// [`StoreError::InvalidId`] and [`StoreError::Backend`].
    pub async fn delete(&self, id: &str) -> Result<(), StoreError> {
        let deleted = self.objects.delete(&location(id)?).await.map_err(StoreError::from);
        self.hot.forget(id);
        match deleted {
            Ok(()) | Err(StoreError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether there is such a blob.
    ///
    /// # Errors
    /// [`StoreError::InvalidId`] and [`StoreError::Backend`].
    pub async fn exists(&self, id: &str) -> Result<bool, StoreError> {
        match self.objects.head(&location(id)?).await.map_err(StoreError::from) {
            Ok(_) => Ok(true),
            Err(StoreError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Where a blob lies. Only `[a-z0-9_]` passes, so no id can lead anywhere else.
fn location(id: &str) -> Result<Path, StoreError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if !(3..=ID_MAX).contains(&id.len()) || !id.bytes().all(plain) {
        return Err(StoreError::InvalidId);
    }
    Ok(Path::from_iter([&id[id.len() - 2..], id]))
}
