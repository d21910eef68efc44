//! Reading blobs, whole or in part.

use std::{
    fmt,
    fs::File,
    io::{self, IoSliceMut},
    ops::Range,
    os::unix::fs::FileExt,
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use object_store::{
    GetOptions, GetRange, GetResult, GetResultPayload, ObjectStore, ObjectStoreExt,
};

use rustix::io::{Errno, ReadWriteFlags, preadv2};

use super::{Store, StoreError, location};
use crate::room;

/// Pieces in which files are read: large enough that a picture is few of them, small enough that a piece, its
/// base64 and what the connection copies of it lie in a core's own cache.
const PIECE: u64 = 96 * 1024;

/// A blob that is being read.
pub struct Blob {
    /// How many bytes the whole blob has.
    pub size: u64,
    /// Which of them come.
    pub range: Range<u64>,
    /// The bytes, in pieces of at most 96 KiB.
    pub stream: BoxStream<'static, Result<Bytes, StoreError>>,
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob")
            .field("size", &self.size)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Reads a blob, or the bytes of it that lie in `range`; an end past the blob's is its end.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Range`] where no byte lies in the range.
    pub async fn read(&self, id: &str, range: Option<Range<u64>>) -> Result<Blob, StoreError> {
        let location = location(id)?;
        let Some(range) = range else {
            return Ok(Blob::new(self.objects.get(&location).await?));
        };
        let size = self.objects.head(&location).await?.size;
        if range.start >= range.end.min(size) {
            return Err(StoreError::Range { size });
        }
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.start..range.end.min(size))),
            ..GetOptions::default()
        };
        Ok(Blob::new(self.objects.get_opts(&location, options).await?))
    }

    /// The bytes of a blob in one piece.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::TooLarge`] before anything is read.
    pub async fn bytes(&self, id: &str, max_bytes: u64) -> Result<Bytes, StoreError> {
        let found = self.objects.get(&location(id)?).await?;
        if found.meta.size > max_bytes {
            return Err(StoreError::TooLarge { limit: max_bytes });
        }
        Ok(found.bytes().await?)
    }
}

impl Blob {
    fn new(found: GetResult) -> Self {
        let (size, range) = (found.meta.size, found.range);
        let stream = match found.payload {
            GetResultPayload::File(file, _) => pieces(file, range.clone()),
            GetResultPayload::Stream(stream) => stream.map_err(StoreError::from).boxed(),
        };
        Self { size, range, stream }
    }
}

/// A file's bytes. What the kernel has in memory is read on the spot: most pictures are asked for soon after
/// they were made, and handing a piece to another thread costs more than copying it. A disk is only waited
/// for on a thread that may wait.
fn pieces(file: File, range: Range<u64>) -> BoxStream<'static, Result<Bytes, StoreError>> {
    stream::try_unfold((file, range, Bytes::new()), |(file, left, last)| async move {
        if left.is_empty() {
            return Ok(None);
        }
        let end = left.end.min(left.start.saturating_add(PIECE));
        let len = usize::try_from(end - left.start).unwrap_or_default();
        let mut piece = room::again(last, len);
        let there = in_memory(&file, &mut piece, left.start).map_err(StoreError::backend)?;
        let (piece, file) = match there == piece.len() {
            true => (piece, file),
            false => {
                let at = left.start + u64::try_from(there).unwrap_or_default();
                let from_disk = move || {
                    file.read_exact_at(&mut piece[there..], at)?;
                    Ok::<_, io::Error>((piece, file))
                };
                let read = tokio::task::spawn_blocking(from_disk).await;
                read.map_err(StoreError::backend)?.map_err(StoreError::backend)?
            }
        };
        let piece = piece.freeze();
        Ok(Some((piece.clone(), (file, end..left.end, piece))))
    })
    .boxed()
}

/// Reads what can be had without waiting, and says how much that was.
fn in_memory(file: &File, piece: &mut [u8], at: u64) -> io::Result<usize> {
    match preadv2(file, &mut [IoSliceMut::new(piece)], at, ReadWriteFlags::NOWAIT) {
        Ok(read) => Ok(read),
        // Not in memory, or a file system or kernel that cannot tell.
        Err(Errno::AGAIN | Errno::NOTSUP | Errno::NOSYS | Errno::INVAL | Errno::INTR) => Ok(0),
        Err(error) => Err(error.into()),
    }
}
