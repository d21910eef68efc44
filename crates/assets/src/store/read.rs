//! Reading blobs, whole or in part.

use std::{
    fmt,
    fs::File,
    io::{Read, Seek, SeekFrom},
    ops::Range,
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use object_store::{
    GetOptions, GetRange, GetResult, GetResultPayload, ObjectStore, ObjectStoreExt,
};

use super::{Store, StoreError, location};

/// Pieces in which files are read: `object_store`'s own 8 KiB would hand over to a blocking thread
/// five hundred times for a picture.
const PIECE: u64 = 256 * 1024;

/// A blob that is being read.
pub struct Blob {
    /// How many bytes the whole blob has.
    pub size: u64,
    /// Which of them come.
    pub range: Range<u64>,
    /// The bytes, in pieces of about 256 KiB.
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

fn pieces(file: File, range: Range<u64>) -> BoxStream<'static, Result<Bytes, StoreError>> {
    let first = range.start;
    stream::try_unfold((file, range), move |(mut file, left)| async move {
        if left.is_empty() {
            return Ok(None);
        }
        let end = left.end.min(left.start.saturating_add(PIECE));
        let seek = (left.start == first).then_some(SeekFrom::Start(first));
        let (bytes, file) = tokio::task::spawn_blocking(move || {
            if let Some(seek) = seek {
                file.seek(seek)?;
            }
            let mut piece = Vec::with_capacity(usize::try_from(end - left.start).unwrap_or(0));
            let read = (&mut file).take(end - left.start).read_to_end(&mut piece)?;
            if u64::try_from(read).ok() != Some(end - left.start) {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            Ok::<_, std::io::Error>((Bytes::from(piece), file))
        })
        .await
        .map_err(StoreError::backend)?
        .map_err(StoreError::backend)?;
        Ok(Some((bytes, (file, end..left.end))))
    })
    .boxed()
}
