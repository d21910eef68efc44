//! Pictures worth looking at, drawn from the prompt and a seed, and drawn again whenever they are asked for.
//!
//! Nothing here is stored but the recipe: a picture is a pure function of prompt, seed, size, format and sources, so a
//! restarted vendor serves the very bytes that it served before. Drawing is bounded to as many at once as there are
//! cores, because a canvas is some 12 MB.

mod canvas;
mod caption;
mod city;
mod edit;
mod flow;
mod glass;
mod landscape;
pub(crate) mod noise;
mod padded;
mod palette;
mod scene;
mod sea;
mod sources;

use std::{collections::VecDeque, fmt, io, path::PathBuf, sync::Arc};

use bytes::Bytes;
use image::{
    ExtendedColorType, ImageEncoder as _, RgbImage,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use self::{padded::Padding, sources::Sources};
use crate::clips::Script;

/// A picture's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP, lossless.
    Webp,
}

impl Format {
    pub(crate) fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }

    /// How the name of such a file ends.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
        }
    }
}

/// How to draw a picture, besides its prompt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Recipe {
    /// The randomness of it.
    pub seed: u64,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// How it is encoded.
    pub format: Format,
    /// Hashes of the pictures that were edited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Not drawn, but a plain PNG padded to about this size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub padded_to: Option<usize>,
}

/// Everything that decides a picture's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Brief {
    pub(crate) recipe: Recipe,
    pub(crate) token: String,
    pub(crate) prompt: String,
    pub(crate) signature: String,
}

#[derive(Debug)]
pub(crate) enum PictureError {
    /// A source that is no picture, or too large a one.
    Undecodable,
    /// The disk or the encoder failed.
    Broken(String),
}

impl fmt::Display for PictureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undecodable => f.write_str("the source could not be decoded"),
            Self::Broken(reason) => write!(f, "the studio failed: {reason}"),
        }
    }
}

/// An encoded picture. Its tail may be shared with others, already in base64.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    mime: &'static str,
    /// When there is a tail, a multiple of three bytes long, so that the base64 of both can be joined.
    head: Bytes,
    tail: Bytes,
    tail_base64: Bytes,
}

impl Picture {
    fn whole(mime: &'static str, bytes: Vec<u8>) -> Self {
        Self { mime, head: bytes.into(), tail: Bytes::new(), tail_base64: Bytes::new() }
    }

    /// What a vendor's broken storage gives for a picture.
    pub(crate) fn ruined() -> Self {
        Self::whole("image/png", b"\x89PNG\r\n\x1a\nthis was a picture once".to_vec())
    }

    pub(crate) fn mime(&self) -> &'static str {
        self.mime
    }

    pub(crate) fn frames(&self) -> Vec<Bytes> {
        vec![self.head.clone(), self.tail.clone()]
    }

    pub(crate) fn base64(&self) -> Vec<Bytes> {
        let head = base64_simd::STANDARD.encode_to_string(&self.head);
        vec![head.into(), self.tail_base64.clone()]
    }
}

pub(crate) const REMEMBERED: usize = 4;

#[derive(Debug)]
pub(crate) struct Studio {
    sources: Sources,
    padding: Padding,
    easels: Semaphore,
    recent: Mutex<VecDeque<(Brief, Picture)>>,
    pub(crate) clips: Mutex<VecDeque<(Script, Bytes)>>,
}

impl Studio {
    pub(crate) fn open(sources: Option<PathBuf>) -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Ok(Self {
            sources: Sources::open(sources)?,
            padding: Padding::default(),
            easels: Semaphore::new(cores),
            recent: Mutex::default(),
            clips: Mutex::default(),
        })
    }

    /// Decodes pictures to edit, and keeps a small copy of each under the hash that is answered.
    pub(crate) async fn take_in(
        self: &Arc<Self>,
        sources: Vec<Bytes>,
    ) -> Result<Vec<String>, PictureError> {
        if sources.is_empty() {
            return Ok(Vec::new());
        }
        self.at_an_easel(move |studio| {
            sources.iter().map(|source| studio.sources.keep(source)).collect()
        })
        .await
    }

    /// The copy of a picture that was taken in.
    pub(crate) async fn kept(self: &Arc<Self>, hash: String) -> Result<RgbImage, PictureError> {
        self.at_an_easel(move |studio| studio.sources.read(&hash)).await
    }

    /// The picture of that brief.
    pub(crate) async fn draw(self: &Arc<Self>, brief: Brief) -> Result<Picture, PictureError> {
        if let Some(about) = brief.recipe.padded_to {
            return self.padding.picture(&brief.recipe, &brief.token, about);
        }
        if let Some(picture) = self.remembered(&brief) {
            return Ok(picture);
        }
        self.at_an_easel(move |studio| {
            let picture = studio.draw_now(&brief)?;
            let mut recent = studio.recent.lock();
            recent.truncate(REMEMBERED - 1);
            recent.push_front((brief, picture.clone()));
            drop(recent);
            Ok(picture)
        })
        .await
    }

    fn remembered(&self, brief: &Brief) -> Option<Picture> {
        let recent = self.recent.lock();
        recent.iter().find(|(known, _)| known == brief).map(|(_, picture)| picture.clone())
    }

    pub(crate) async fn at_an_easel<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, PictureError> + Send + 'static,
    ) -> Result<T, PictureError> {
        let broken = |reason: String| PictureError::Broken(reason);
        let easel = self.easels.acquire().await.map_err(|error| broken(error.to_string()))?;
        let studio = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&studio)).await;
        drop(easel);
        done.map_err(|error| broken(error.to_string()))?
    }

    fn draw_now(&self, brief: &Brief) -> Result<Picture, PictureError> {
        let recipe = &brief.recipe;
        let sources = recipe.sources.iter().map(|hash| self.sources.read(hash));
        let sources = sources.collect::<Result<Vec<_>, _>>()?;
        let image = scene::paint(brief, &sources, (recipe.width, recipe.height));
        let bytes = encode(&image, recipe.format)
            .map_err(|error| PictureError::Broken(error.to_string()))?;
        Ok(Picture::whole(recipe.format.mime(), bytes))
    }
}

/// The picture of a prompt without any file around it; its caption tells the size of what it is part of.
pub(crate) fn still(brief: &Brief, size: (u32, u32)) -> RgbImage {
    scene::paint(brief, &[], size)
}

pub(crate) fn encode(image: &RgbImage, format: Format) -> image::ImageResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let (width, height, colour) = (image.width(), image.height(), ExtendedColorType::Rgb8);
    match format {
        Format::Png => PngEncoder::new(&mut bytes).write_image(image, width, height, colour)?,
        Format::Jpeg => {
            JpegEncoder::new_with_quality(&mut bytes, 88)
                .write_image(image, width, height, colour)?;
        }
        Format::Webp => {
            WebPEncoder::new_lossless(&mut bytes).write_image(image, width, height, colour)?;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
