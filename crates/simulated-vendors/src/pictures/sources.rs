//! Pictures that were sent in to be edited: decoded under limits, and kept small.
//!
//! What is kept is a copy of at most 768 pixels a side, under the hash of its bytes, and the edit is drawn from that copy
//! from the start: so the same recipe draws the same picture after a restart, and an upload of 60 MB costs 100 kB.

use std::{
    collections::HashMap,
    io::{self, Cursor},
    path::PathBuf,
};

use bytes::Bytes;
use image::{ImageReader, Limits, RgbImage};
use parking_lot::Mutex;

use super::{Format, PictureError, encode};

const SIDE: u32 = 768;
const MAX_SIDE: u32 = 8192;
const MAX_ALLOC: u64 = 256 * 1024 * 1024;

#[derive(Debug)]
pub(crate) enum Sources {
    Memory(Mutex<HashMap<String, Bytes>>),
    Folder(PathBuf),
}

impl Sources {
    pub(crate) fn open(folder: Option<PathBuf>) -> io::Result<Self> {
        match folder {
            None => Ok(Self::Memory(Mutex::default())),
            Some(folder) => {
                std::fs::create_dir_all(&folder)?;
                Ok(Self::Folder(folder))
            }
        }
    }

    pub(crate) fn keep(&self, source: &[u8]) -> Result<String, PictureError> {
        let image = decode(source)?;
        let small = if image.width().max(image.height()) > SIDE {
            image::DynamicImage::from(image).thumbnail(SIDE, SIDE).into_rgb8()
        } else {
            image
        };
        let copy = encode(&small, Format::Jpeg).map_err(|error| broken(&error))?;
        let hash = blake3::hash(&copy).to_hex().to_string();
        match self {
            Self::Memory(kept) => {
                kept.lock().insert(hash.clone(), copy.into());
            }
            Self::Folder(folder) => {
                // Under its own name only when whole, so that a killed process leaves no half picture behind.
                let aside = folder.join(format!("{hash}.part"));
                std::fs::write(&aside, &copy).map_err(|error| broken(&error))?;
                std::fs::rename(&aside, folder.join(&hash)).map_err(|error| broken(&error))?;
            }
        }
        Ok(hash)
    }

    pub(crate) fn read(&self, hash: &str) -> Result<RgbImage, PictureError> {
        let copy = match self {
            Self::Memory(kept) => kept.lock().get(hash).cloned(),
            Self::Folder(folder) => std::fs::read(folder.join(hash)).ok().map(Bytes::from),
        };
        decode(&copy.ok_or_else(|| PictureError::Broken("a source is gone".to_owned()))?)
    }
}

fn decode(bytes: &[u8]) -> Result<RgbImage, PictureError> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_ALLOC);
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|_| PictureError::Undecodable)?;
    reader.limits(limits);
    reader.decode().map(image::DynamicImage::into_rgb8).map_err(|_| PictureError::Undecodable)
}

fn broken(error: &dyn std::fmt::Display) -> PictureError {
    PictureError::Broken(error.to_string())
}
