//! Blobs come back as they went in, and nothing else stays.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::HashSet,
    fs::File,
    path::{Path, PathBuf},
    pin::pin,
    time::{Duration, SystemTime},
};

use assets::{INLINE_MAX, Store, StoreError, Stored};
use bytes::Bytes;
use futures_util::{FutureExt, TryStreamExt};
use proptest::prelude::*;
use provider::{OutputHint, OutputSink, OutputWriter, Receipt, SinkError, Timestamp};
use tempfile::TempDir;

const ID: &str = "ast_01jd3x0000000000000000k7";
const MIB: usize = 1024 * 1024;

fn folder() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::folder(folder.path(), false).unwrap();
    (folder, store)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// Bytes that differ from place to place.
fn noise(len: usize) -> Bytes {
    let mut noise = vec![0; len];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    noise.into()
}

async fn keep(store: &Store, id: &str, bytes: Bytes) -> Stored {
    let mut writer = store.writer(id, u64::MAX).unwrap();
    writer.push(bytes).await.unwrap();
    writer.keep().await.unwrap()
}

async fn read(store: &Store, id: &str, range: Option<std::ops::Range<u64>>) -> Vec<u8> {
    let blob = store.read(id, range).await.unwrap();
    blob.stream.try_collect::<Vec<_>>().await.unwrap().concat()
}

fn u64_of(len: usize) -> u64 {
    u64::try_from(len).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// However the bytes are cut, the blob is the same, on disk and in memory.
    #[test]
    fn blobs_come_back_as_they_went_in(
        len in prop_oneof![
            Just(0_usize), 1_usize..9000, INLINE_MAX - 1..INLINE_MAX + 2, MIB - 1..MIB + 2,
            1_usize..3 * MIB,
        ],
        cuts in prop::collection::vec(1_usize..600_000, 1..20),
    ) {
        let (_folder, on_disk) = folder();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let whole = noise(len);
        for store in [on_disk, Store::memory()] {
            let stored = runtime.block_on(async {
                let mut writer = store.writer(ID, u64_of(len)).unwrap();
                let mut rest = whole.clone();
                for cut in cuts.iter().cycle() {
                    if rest.is_empty() {
                        break;
                    }
                    writer.push(rest.split_to(rest.len().min(*cut))).await.unwrap();
                }
                writer.keep().await.unwrap()
            });
            prop_assert_eq!(stored.bytes, u64_of(len));
            prop_assert_eq!(stored.hash, *blake3::hash(&whole).as_bytes());
            prop_assert_eq!(&stored.inline, &(len <= INLINE_MAX).then(|| whole.clone()));
            let bytes = runtime.block_on(store.bytes(ID, u64_of(len))).unwrap();
            prop_assert!(bytes == whole);
            prop_assert!(runtime.block_on(read(&store, ID, None)) == whole);
        }
    }

    #[test]
    fn a_range_is_a_part_of_the_whole(len in 1_usize..700_000, a: u32, b: u32) {
        let (_folder, store) = folder();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let whole = noise(len);
        runtime.block_on(keep(&store, ID, whole.clone()));
        let start = usize::try_from(a).unwrap() % len;
        let end = start + 1 + usize::try_from(b).unwrap() % len;
        let part = runtime.block_on(read(&store, ID, Some(u64_of(start)..u64_of(end))));
        prop_assert!(part == whole[start..end.min(len)]);
    }
}

#[tokio::test]
async fn what_bytes_are_is_found_by_looking() {
    let (_folder, store) = folder();
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(31, 17).write_to(&mut png, image::ImageFormat::Png).unwrap();
    let small = keep(&store, ID, png.get_ref().clone().into()).await;
    assert_eq!((small.media_type, small.width, small.height), ("image/png", Some(31), Some(17)));
    // Large ones are looked at before their first part goes.
    let large = [png.get_ref().as_slice(), &noise(2 * MIB)].concat();
    let large = keep(&store, ID, large.into()).await;
    assert_eq!((large.media_type, large.width, large.inline), ("image/png", Some(31), None));
    let text = keep(&store, ID, Bytes::from_static(b"{}")).await;
    assert_eq!((text.media_type, text.width), ("application/json", None));
}

/// A clip tells its size and length where its header comes last, too, long after the first part has
/// gone; what only ends like a clip is none.
#[tokio::test]
async fn a_clip_is_measured_as_it_streams_by() {
    let (_folder, store) = folder();
    let boxed = |name: &[u8], content: &[u8]| {
        let length = u32::try_from(content.len() + 8).unwrap();
        [&length.to_be_bytes(), name, content].concat()
    };
    let times = [[0; 4], [0; 4], [0; 4], 1000_u32.to_be_bytes(), 5041_u32.to_be_bytes()];
    let movie = boxed(b"mvhd", &[times.concat(), vec![0; 80]].concat());
    let sides = [(1280_u32 << 16).to_be_bytes(), (720_u32 << 16).to_be_bytes()];
    let track = boxed(b"tkhd", &[vec![0; 76], sides.concat()].concat());
    let movie = boxed(b"moov", &[movie, boxed(b"trak", &track)].concat());
    let pictures = boxed(b"mdat", &noise(3 * MIB));
    let clip = [boxed(b"ftyp", b"isom\0\0\x02\0"), pictures, movie.clone()].concat();
    let mut writer = store.writer(ID, u64::MAX).unwrap();
    for piece in clip.chunks(100_000) {
        writer.push(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    let stored = writer.keep().await.unwrap();
    assert_eq!((stored.media_type, stored.millis), ("video/mp4", Some(5041)));
    assert_eq!((stored.width, stored.height), (Some(1280), Some(720)));
    let heic = [boxed(b"ftyp", b"heic\0\0\x02\0"), movie].concat();
    assert_eq!(keep(&store, ID, heic.into()).await.millis, None);
    let mut wav =
        b"RIFF....WAVEfmt \x10\0\0\0\x01\0\x01\0\xc0\x5d\0\0\x80\xbb\0\0\x02\0\x10\0data".to_vec();
    wav.extend(u32::MAX.to_le_bytes());
    wav.extend(noise(2 * MIB));
    let stored = keep(&store, ID, wav.into()).await;
    assert_eq!((stored.media_type, stored.millis), ("audio/wav", Some(43_690)));
}

#[tokio::test]
async fn a_blob_lies_where_its_id_ends() {
    let (folder, store) = folder();
    keep(&store, ID, noise(10)).await;
    assert_eq!(files(folder.path()), [folder.path().join("k7").join(ID)]);
    store.delete(ID).await.unwrap();
    store.delete(ID).await.unwrap();
    assert_eq!(store.exists(ID).await, Ok(false));
    assert!(files(folder.path()).is_empty());
}

#[tokio::test]
async fn durable_blobs_are_kept_like_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::folder(folder.path(), true).unwrap();
    for len in [10, 2 * MIB] {
        keep(&store, ID, noise(len)).await;
        assert_eq!(store.bytes(ID, u64::MAX).await, Ok(noise(len)));
    }
}

/// One blocking thread, so that what was handed to it before has been done when it answers.
fn one_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap()
}

#[test]
fn too_large_leaves_nothing() {
    let (folder, store) = folder();
    one_thread().block_on(async {
        let limit = u64_of(2 * MIB);
        let mut writer = store.writer(ID, limit).unwrap();
        writer.push(noise(2 * MIB)).await.unwrap();
        assert!(!files(folder.path()).is_empty(), "a part is on the disk");
        let refused = writer.push(Bytes::from_static(b"x")).await;
        assert!(matches!(refused, Err(SinkError::TooLarge { limit: l }) if l == limit));
        assert!(writer.push(Bytes::new()).await.is_err(), "it takes nothing more");
        assert!(writer.keep().await.is_err());
        tokio::task::spawn_blocking(|| ()).await.unwrap();
        assert!(files(folder.path()).is_empty());
    });
}

#[test]
fn a_dropped_writer_leaves_nothing() {
    let (folder, store) = folder();
    one_thread().block_on(async {
        let mut writer = store.writer(ID, u64::MAX).unwrap();
        writer.push(noise(3 * MIB)).await.unwrap();
        drop(writer);
        tokio::task::spawn_blocking(|| ()).await.unwrap();
        assert!(files(folder.path()).is_empty());
    });
}

#[test]
fn a_cancelled_write_breaks_the_blob() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::folder(folder.path(), true).unwrap();
    one_thread().block_on(async {
        // While the only thread that may write is kept busy, no write can end.
        let (free, busy) = std::sync::mpsc::channel::<()>();
        let thread = tokio::task::spawn_blocking(move || busy.recv().is_err());
        let mut writer = store.writer(ID, u64::MAX).unwrap();
        let cancelled = pin!(writer.push(noise(3 * MIB))).now_or_never();
        assert!(cancelled.is_none(), "it was on its way");
        drop(free);
        assert!(thread.await.unwrap());
        assert!(writer.push(noise(1)).await.is_err());
        assert!(writer.keep().await.is_err());
        assert_eq!(store.exists(ID).await, Ok(false));
    });
}

#[tokio::test]
async fn a_sink_tells_what_became_of_each_output() {
    let (_folder, store) = folder();
    let mut number = 0;
    let mut sink = store.sink(
        move || {
            number += 1;
            format!("ast_{number}")
        },
        10,
    );
    let hint = OutputHint { media_type: None, length: Some(11) };
    assert!(matches!(sink.open(hint).await, Err(SinkError::TooLarge { limit: 10 })));
    let mut first = sink.open(OutputHint::default()).await.unwrap();
    let mut second = sink.open(OutputHint::default()).await.unwrap();
    second.write(Bytes::from_static(b"second")).await.unwrap();
    first.write(Bytes::from_static(b"first")).await.unwrap();
    let first = first.finish().await.unwrap();
    second.finish().await.unwrap();
    let mut third = sink.open(OutputHint::default()).await.unwrap();
    assert!(third.write(Bytes::from_static(b"far too long")).await.is_err());
    drop(third);
    assert_eq!(first, Receipt("ast_1".to_owned()));
    let taken = sink.take(&first).unwrap();
    assert_eq!(taken.inline, Some(Bytes::from_static(b"first")));
    assert_eq!(sink.take(&first), None);
    let rest: Vec<_> = sink.into_rest().into_iter().map(|stored| stored.id).collect();
    assert_eq!(rest, ["ast_2"]);
}

#[tokio::test]
async fn a_writer_is_an_adapters_writer() {
    let (_folder, store) = folder();
    let mut writer: Box<dyn OutputWriter> = Box::new(store.writer(ID, 10).unwrap());
    writer.write(noise(10)).await.unwrap();
    assert_eq!(writer.finish().await.unwrap(), Receipt(ID.to_owned()));
    assert_eq!(store.bytes(ID, 10).await, Ok(noise(10)));
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let (_folder, store) = folder();
    assert_eq!(store.read(ID, None).await.err(), Some(StoreError::NotFound));
    assert_eq!(store.read(ID, Some(0..1)).await.err(), Some(StoreError::NotFound));
    assert_eq!(store.bytes(ID, 1).await, Err(StoreError::NotFound));
    keep(&store, ID, noise(10)).await;
    assert_eq!(store.read(ID, Some(10..11)).await.err(), Some(StoreError::Range { size: 10 }));
    assert_eq!(store.read(ID, Some(3..3)).await.err(), Some(StoreError::Range { size: 10 }));
    assert_eq!(store.bytes(ID, 9).await, Err(StoreError::TooLarge { limit: 9 }));
    let blob = store.read(ID, Some(8..100)).await.unwrap();
    assert_eq!((blob.size, blob.range), (10, 8..10));
}

#[tokio::test]
async fn no_id_leads_elsewhere() {
    let (_folder, store) = folder();
    let long = "a".repeat(65);
    for id in ["", "ab", "../../etc/passwd", "ast_A", "ast_ä", "ast_1#1", "a/b", "a.b", &long] {
        assert_eq!(store.read(id, None).await.err(), Some(StoreError::InvalidId), "{id}");
        assert_eq!(store.exists(id).await, Err(StoreError::InvalidId), "{id}");
        assert_eq!(store.delete(id).await, Err(StoreError::InvalidId), "{id}");
        assert!(store.writer(id, 1).is_err(), "{id}");
    }
}

#[tokio::test]
async fn addresses_of_stores() {
    let base = tempfile::tempdir().unwrap();
    let store = Store::open("file://data/assets", base.path(), false).unwrap();
    keep(&store, ID, noise(1)).await;
    assert_eq!(files(&base.path().join("data/assets")).len(), 1);
    let absolute = format!("file://{}", base.path().join("other").display());
    Store::open(&absolute, Path::new("/nowhere"), false).unwrap();
    assert!(base.path().join("other").is_dir());
    for unknown in ["s3://bucket/prefix", "file://", "data/assets", ""] {
        let refused = Store::open(unknown, base.path(), false).err();
        assert_eq!(refused, Some(StoreError::UnknownStore), "{unknown}");
    }
}

/// Makes a file look as if it was written at this moment.
fn written(path: &Path, at: Timestamp) {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(at.millis().unsigned_abs());
    File::options().append(true).create(true).open(path).unwrap().set_modified(at).unwrap();
}

#[tokio::test]
async fn a_sweep_clears_what_nobody_knows() {
    let (folder, store) = folder();
    let before = Timestamp::from_millis(1_700_000_000_000);
    let (old, young) = (before.minus(Duration::from_secs(1)), before);
    let shard = folder.path().join("k7");
    let ids = ["ast_known_k7", "ast_forgotten_k7", "ast_young_k7"];
    for id in ids {
        keep(&store, id, noise(1)).await;
        written(&shard.join(id), old);
    }
    written(&shard.join(ids[2]), young);
    written(&shard.join("ast_killed_k7#1"), old);
    written(&shard.join("ast_writing_k7#1"), young);
    written(&shard.join("README.md"), old);

    let left = store.sweep(before, |_| async { None }).await.unwrap();
    assert_eq!((left.blobs, left.unfinished), (0, 1), "who cannot tell deletes no blob");

    let known = |asked: Vec<String>| async move {
        assert!(!asked.contains(&"ast_young_k7".to_owned()), "the young are not asked about");
        Some(HashSet::from(["ast_known_k7".to_owned()]))
    };
    let swept = store.sweep(before, known).await.unwrap();
    assert_eq!((swept.blobs, swept.unfinished), (1, 0));
    let left: HashSet<_> =
        files(&shard).iter().map(|f| f.file_name().unwrap().to_owned()).collect();
    let expected = ["ast_known_k7", "ast_young_k7", "ast_writing_k7#1", "README.md"];
    assert_eq!(left, expected.map(Into::into).into());
}
