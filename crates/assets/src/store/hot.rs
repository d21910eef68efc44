//! Base64 of pictures that are asked for again and again, kept for a while.
//!
//! What many callers get from a cache within minutes is one picture, and reading and encoding it costs as much
//! as sending it. So the pieces of a blob that is asked for a second time within [`IDLE`] are kept as they go
//! out, for the third and later ones. There is no allocation of a picture's size; all of them together take at
//! most [`LIMIT`], and only one stream at a time is kept, so that many at once take no more memory than
//! otherwise.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream, stream::BoxStream};
use moka::sync::Cache;

use super::{Store, StoreError};
use crate::base64::{encode_stream, encoded_len};

/// Bytes of text that are kept in all.
const LIMIT: usize = 16 << 20;
/// A text of more than this is not kept.
const LARGEST: usize = LIMIT / 4;
/// What nobody asked for within this is forgotten.
const IDLE: Duration = Duration::from_secs(60);
/// About what an entry without text takes.
const ENTRY: usize = 128;

/// A blob in base64, as it is read.
pub struct Base64 {
    /// How many bytes the blob has; the text has [`encoded_len`] of it.
    pub size: u64,
    /// The text, in pieces of at most 128 KiB.
    pub stream: BoxStream<'static, Result<Bytes, StoreError>>,
}

impl fmt::Debug for Base64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Base64").field("size", &self.size).finish_non_exhaustive()
    }
}

/// What is known of a blob that was asked for lately.
#[derive(Debug, Clone)]
enum Known {
    /// It was asked for once.
    Asked,
    Text(Text),
}

#[derive(Debug, Clone)]
struct Text {
    size: u64,
    pieces: Arc<[Bytes]>,
}

/// Texts that are kept, by the ids of their blobs.
#[derive(Debug, Clone)]
pub(super) struct Hot {
    known: Cache<String, Known>,
    collecting: Arc<AtomicBool>,
}

impl Default for Hot {
    fn default() -> Self {
        let weigh = |_: &String, known: &Known| {
            let text = match known {
                Known::Asked => 0,
                Known::Text(text) => text.pieces.iter().map(Bytes::len).sum(),
            };
            u32::try_from(ENTRY + text).unwrap_or(u32::MAX)
        };
        let limit = u64::try_from(LIMIT).unwrap_or(u64::MAX);
        let known = Cache::builder().max_capacity(limit).weigher(weigh).time_to_idle(IDLE).build();
        Self { known, collecting: Arc::default() }
    }
}

impl Hot {
    pub(super) fn forget(&self, id: &str) {
        self.known.invalidate(id);
    }

    /// Whoever may keep the text of this blob while it goes out; nobody else may until they are done.
    fn collector(&self, id: &str, size: u64) -> Option<Collector> {
        let len = encoded_len(usize::try_from(size).ok()?);
        let one = len <= LARGEST && !self.collecting.swap(true, Ordering::AcqRel);
        one.then(|| Collector { hot: self.clone(), id: id.to_owned(), size, pieces: Vec::new() })
    }
}

/// A text as far as it went out.
struct Collector {
    hot: Hot,
    id: String,
    size: u64,
    pieces: Vec<Bytes>,
}

impl Collector {
    /// Keeps the whole text, unless the blob was deleted meanwhile.
    fn keep(mut self) {
        let pieces = std::mem::take(&mut self.pieces).into();
        if self.hot.known.contains_key(&self.id) {
            let text = Known::Text(Text { size: self.size, pieces });
            self.hot.known.insert(self.id.clone(), text);
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.hot.collecting.store(false, Ordering::Release);
    }
}

impl Store {
    /// A blob in base64.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn base64(&self, id: &str) -> Result<Base64, StoreError> {
        let known = self.hot.known.get(id);
        if let Some(Known::Text(Text { size, pieces })) = known {
            let places = 0..pieces.len();
            let texts = places.map(move |place| Ok(pieces.get(place).cloned().unwrap_or_default()));
            return Ok(Base64 { size, stream: stream::iter(texts).boxed() });
        }
        let blob = self.read(id, None).await?;
        let text = encode_stream(blob.stream);
        let collector = match known {
            Some(_) => self.hot.collector(id, blob.size),
            None => {
                self.hot.known.insert(id.to_owned(), Known::Asked);
                None
            }
        };
        let stream = match collector {
            Some(collector) => collected(text.boxed(), collector).boxed(),
            None => text.boxed(),
        };
        Ok(Base64 { size: blob.size, stream })
    }
}

/// The same stream; what went out is kept at its end.
fn collected(
    text: BoxStream<'static, Result<Bytes, StoreError>>,
    collector: Collector,
) -> impl futures_util::Stream<Item = Result<Bytes, StoreError>> {
    stream::unfold(Some((text, collector)), |state| async {
        let (mut text, mut collector) = state?;
        match text.next().await {
            Some(Ok(piece)) => {
                collector.pieces.push(piece.clone());
                Some((Ok(piece), Some((text, collector))))
            }
            Some(Err(error)) => Some((Err(error), None)),
            None => {
                collector.keep();
                None
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;
    use crate::base64::decode;

    async fn put(store: &Store, id: &str, bytes: Bytes) {
        let mut writer = store.writer(id, u64::MAX).unwrap();
        writer.push(bytes).await.unwrap();
        writer.keep().await.unwrap();
    }

    async fn kept(store: &Store, bytes: &Bytes) -> String {
        let id = "ast_01jd8w5f7e9m3k2n4p6q8r0s1t".to_owned();
        put(store, &id, bytes.clone()).await;
        id
    }

    async fn text(store: &Store, id: &str) -> Result<Vec<Bytes>, StoreError> {
        store.base64(id).await?.stream.try_collect().await
    }

    fn picture(len: usize) -> Bytes {
        (0..len).map(|n| u8::try_from(n % 251).unwrap()).collect()
    }

    #[tokio::test]
    async fn the_third_caller_gets_the_pieces_that_the_second_one_got() {
        let store = Store::memory();
        let bytes = picture(400_000);
        let id = kept(&store, &bytes).await;
        let first = text(&store, &id).await.unwrap();
        let second = text(&store, &id).await.unwrap();
        let third = text(&store, &id).await.unwrap();
        for told in [&first, &second, &third] {
            let whole = String::from_utf8(told.concat()).unwrap();
            assert_eq!(decode(&whole, bytes.len()).unwrap().bytes, bytes);
        }
        let places =
            |told: &[Bytes]| told.iter().map(|piece| piece.as_ref().as_ptr()).collect::<Vec<_>>();
        assert_ne!(places(&first), places(&second));
        assert_eq!(places(&second), places(&third));
        assert_eq!(store.base64(&id).await.unwrap().size, 400_000);
    }

    #[tokio::test]
    async fn what_is_deleted_is_not_had_from_memory_nor_kept_at_the_end_of_a_stream() {
        let store = Store::memory();
        let id = kept(&store, &picture(9000)).await;
        for _ in 0..2 {
            text(&store, &id).await.unwrap();
        }
        store.delete(&id).await.unwrap();
        assert_eq!(text(&store, &id).await, Err(StoreError::NotFound));

        let id = kept(&store, &picture(9000)).await;
        text(&store, &id).await.unwrap();
        let under_way = store.base64(&id).await.unwrap();
        store.delete(&id).await.unwrap();
        under_way.stream.try_collect::<Vec<_>>().await.unwrap();
        assert_eq!(text(&store, &id).await, Err(StoreError::NotFound));
    }

    #[tokio::test]
    async fn one_stream_at_a_time_is_kept_and_no_large_one_nor_one_that_was_left() {
        let store = Store::memory();
        let id = kept(&store, &picture(9000)).await;
        text(&store, &id).await.unwrap();
        let is_kept = |id: &str| matches!(store.hot.known.get(id), Some(Known::Text(_)));
        let one = store.base64(&id).await.unwrap();
        text(&store, &id).await.unwrap();
        assert!(!is_kept(&id), "another one is under way");
        drop(one);
        assert!(!is_kept(&id), "it was left");
        text(&store, &id).await.unwrap();
        assert!(is_kept(&id));

        let large = "ast_01jd8w5f7e9m3k2n4p6q8r0s2u";
        put(&store, large, picture(LARGEST)).await;
        for _ in 0..3 {
            text(&store, large).await.unwrap();
        }
        assert!(!is_kept(large));
    }
}
