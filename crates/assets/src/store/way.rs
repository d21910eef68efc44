//! Where a writer's bytes go.

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, path::Path};
use provider::SinkError;

use super::{
    draft::{Disk, Draft, write_whole},
    writer::INLINE_MAX,
};

/// What is written to a file at least: below it bytes are gathered, so that a vendor which sends them in crumbs
/// costs no write for each.
const MOUTHFUL: usize = 32 * 1024;
/// The same where another thread writes: each hand-over costs two changes of thread.
const HANDFUL: usize = 256 * 1024;

/// How a blob is kept.
pub(super) enum Way {
    /// As a file in a folder that need not survive a power cut.
    File { disk: Arc<Disk>, place: PathBuf, draft: Option<Draft> },
    /// By whatever `object_store` knows: what fits into one part in one go, more in parts of one size.
    Object {
        objects: Arc<dyn ObjectStore>,
        location: Path,
        part: usize,
        upload: Option<Box<dyn MultipartUpload>>,
    },
}

impl Way {
    /// Whether something was written: what a blob is, and how large, is not known before its end.
    pub(super) const fn has_begun(&self) -> bool {
        match self {
            Self::File { draft, .. } => draft.is_some(),
            Self::Object { upload, .. } => upload.is_some(),
        }
    }

    /// So many bytes wait for more of them.
    pub(super) fn waits_for(&self) -> usize {
        match self {
            Self::File { draft: None, .. } => INLINE_MAX,
            Self::File { disk, .. } if disk.is_busy() => HANDFUL,
            Self::File { .. } => MOUTHFUL,
            Self::Object { part, .. } => *part,
        }
    }

    /// The size that all that is written at once must have, where it must.
    pub(super) const fn part(&self) -> Option<usize> {
        match self {
            Self::File { .. } => None,
            Self::Object { part, .. } => Some(*part),
        }
    }

    /// Writes the next bytes.
    pub(super) async fn write(&mut self, pieces: Vec<Bytes>) -> Result<(), SinkError> {
        match self {
            Self::File { disk, place, draft } => {
                let (begun, place) = (draft.take(), place.clone());
                let write = move || begun.map_or_else(|| Draft::begin(&place), Ok)?.write(&pieces);
                *draft = Some(disk.run(write).await.map_err(failed)?);
                Ok(())
            }
            Self::Object { objects, location, upload, .. } => {
                let upload = match upload {
                    Some(upload) => upload,
                    none => none.insert(objects.put_multipart(location).await.map_err(failed)?),
                };
                upload.put_part(PutPayload::from_iter(pieces)).await.map_err(failed)
            }
        }
    }

    /// Writes the last bytes; the blob is there then.
    pub(super) async fn keep(self, rest: Vec<Bytes>) -> Result<(), SinkError> {
        match self {
            Self::File { disk, place, draft } => {
                let keep = move || match draft {
                    Some(draft) => draft.write(&rest)?.keep(&place),
                    None => write_whole(&place, &rest),
                };
                disk.run(keep).await.map_err(failed)
            }
            Self::Object { objects, location, upload: None, .. } => {
                let all = PutPayload::from_iter(rest);
                objects.put(&location, all).await.map(drop).map_err(failed)
            }
            Self::Object { upload: Some(mut upload), .. } => {
                if !rest.is_empty() {
                    upload.put_part(PutPayload::from_iter(rest)).await.map_err(failed)?;
                }
                upload.complete().await.map(drop).map_err(failed)
            }
        }
    }
}

fn failed(error: impl std::fmt::Display) -> SinkError {
    SinkError::Storage(error.to_string())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    /// One thread that may wait, so that what was handed to it before has been done when it answers.
    #[test]
    fn a_disk_that_does_not_keep_up_is_waited_for_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("k7").join("ast_k7");
        let way = || Way::File { disk: Arc::new(Disk::busy()), place: place.clone(), draft: None };
        let pieces = || vec![Bytes::from("some"), Bytes::from("thing")];
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build();
        runtime.unwrap().block_on(async {
            let mut given_up = way();
            assert!(given_up.write(pieces()).now_or_never().is_none(), "it is waited for");
            tokio::task::spawn_blocking(|| ()).await.unwrap();
            let left = std::fs::read_dir(folder.path().join("k7")).unwrap().count();
            assert_eq!(left, 0, "what nobody waits for any more leaves nothing");
            let mut whole = way();
            for _ in 0..2 {
                whole.write(pieces()).await.unwrap();
                assert_eq!(whole.waits_for(), HANDFUL);
            }
            whole.keep(pieces()).await.unwrap();
            assert_eq!(std::fs::read(&place).unwrap(), b"something".repeat(3));
            way().keep(pieces()).await.unwrap();
            assert_eq!(std::fs::read(&place).unwrap(), b"something");
        });
    }
}
