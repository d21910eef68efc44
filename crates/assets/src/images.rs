//! Pictures: what one is, whether it is safe to decode, and the same in another format.
//!
//! A picture of a few hundred bytes can claim to be gigapixels. So sizes are read from the header
//! and judged before anything is decoded, decoding has limits of its own, and only so many pictures
//! are decoded at once, on threads that may block.

use std::{io::Cursor, sync::Arc};

use bytes::Bytes;
use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageReader, RgbImage,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};
use provider::ImageFormat;
use tokio::sync::Semaphore;

/// Longest side that is decoded.
pub const MAX_SIDE: u32 = 16_384;
/// Most pixels that are decoded.
pub const MAX_PIXELS: u64 = 64_000_000;
/// Most memory that decoded pixels may take.
const MAX_DECODED: u64 = 256 * 1024 * 1024;
/// The quality of a JPEG where nobody asked for one.
const JPEG_QUALITY: u8 = 90;

/// What a picture's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageInfo {
    /// Its format.
    pub format: ImageFormat,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// Why bytes are no picture for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidImage {
    /// Not one of the formats that are read.
    #[error("the image is neither PNG nor JPEG nor WebP")]
    Format,
    /// The bytes are damaged or cut off.
    #[error("the image cannot be decoded")]
    Damaged,
    /// More pixels than are ever decoded.
    #[error(
        "the image has {width}x{height} pixels; at most {MAX_SIDE} a side and {MAX_PIXELS} in all are read"
    )]
    TooLarge {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
}

/// Reads a picture's header; nothing is decoded.
///
/// # Errors
/// [`InvalidImage`], where the header does not show a picture that could be decoded.
pub fn inspect(bytes: &[u8]) -> Result<ImageInfo, InvalidImage> {
    open(bytes).map(|(info, _)| info)
}

/// Decodes pictures, a few at once.
#[derive(Debug, Clone)]
pub struct Images {
    slots: Arc<Semaphore>,
}

impl Images {
    /// Decodes at most `at_once` pictures at a time; each may take half a gigabyte if it is as large
    /// as a picture may be, and some ten megabytes if it is of the usual size.
    pub fn new(at_once: usize) -> Self {
        Self { slots: Arc::new(Semaphore::new(at_once.max(1))) }
    }

    /// Whether the whole picture can be decoded, and what it is.
    ///
    /// # Errors
    /// [`InvalidImage`].
    pub async fn verify(&self, bytes: Bytes) -> Result<ImageInfo, InvalidImage> {
        inspect(&bytes)?;
        self.run(move || {
            let (info, decoder) = open(&bytes)?;
            DynamicImage::from_decoder(decoder).map_err(|_| InvalidImage::Damaged)?;
            Ok(info)
        })
        .await
    }

    /// The picture in another format; in the same one, the bytes as they are.
    ///
    /// `quality` (1 to 100) counts for JPEG only: WebP is written without loss. What JPEG cannot
    /// show through is put on white. The way a camera was held becomes part of the pixels, a colour
    /// profile comes along, other notes in the file do not.
    ///
    /// # Errors
    /// [`InvalidImage`].
    pub async fn convert(
        &self,
        bytes: Bytes,
        to: ImageFormat,
        quality: Option<u8>,
    ) -> Result<Bytes, InvalidImage> {
        if inspect(&bytes)?.format == to {
            return Ok(bytes);
        }
        self.run(move || encode(&bytes, to, quality.unwrap_or(JPEG_QUALITY).clamp(1, 100))).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, InvalidImage> + Send + 'static,
    ) -> Result<T, InvalidImage> {
        // The slot goes into the thread: a caller that gives up does not make room before the work
        // is done. The semaphore is never closed, and a decoder that panics has met damaged bytes.
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            work()
        });
        done.await.map_err(|_| InvalidImage::Damaged)?
    }
}

/// Opens a picture after judging what its header says.
fn open(bytes: &[u8]) -> Result<(ImageInfo, impl ImageDecoder), InvalidImage> {
    let guessed = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut reader = guessed.map_err(|_| InvalidImage::Damaged)?;
    let format = match reader.format() {
        Some(image::ImageFormat::Png) => ImageFormat::Png,
        Some(image::ImageFormat::Jpeg) => ImageFormat::Jpeg,
        Some(image::ImageFormat::WebP) => ImageFormat::Webp,
        _ => return Err(InvalidImage::Format),
    };
    // The size is judged below, where the refusal can name it; here only memory is limited.
    let mut limits = image::Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODED);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|_| InvalidImage::Damaged)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let fits = width.max(height) <= MAX_SIDE && pixels <= MAX_PIXELS;
    if !fits || decoder.total_bytes() > MAX_DECODED {
        return Err(InvalidImage::TooLarge { width, height });
    }
    if pixels == 0 {
        return Err(InvalidImage::Damaged);
    }
    Ok((ImageInfo { format, width, height }, decoder))
}

fn encode(bytes: &[u8], to: ImageFormat, quality: u8) -> Result<Bytes, InvalidImage> {
    let (_, mut decoder) = open(bytes)?;
    let orientation = decoder.orientation().map_err(|_| InvalidImage::Damaged)?;
    let profile = decoder.icc_profile().ok().flatten();
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|_| InvalidImage::Damaged)?;
    picture.apply_orientation(orientation);
    // A profile of greys does not fit the colours that greys may be written as.
    let profile = profile.filter(|_| picture.color().has_color());
    let mut out = Vec::new();
    match to {
        ImageFormat::Png => write(PngEncoder::new(&mut out), &picture, profile),
        ImageFormat::Jpeg => {
            let encoder = JpegEncoder::new_with_quality(&mut out, quality);
            write(encoder, &DynamicImage::ImageRgb8(on_white(&picture)), profile)
        }
        ImageFormat::Webp => {
            let picture = match picture.color().has_alpha() {
                true => DynamicImage::ImageRgba8(picture.into_rgba8()),
                false => DynamicImage::ImageRgb8(picture.into_rgb8()),
            };
            write(WebPEncoder::new_lossless(&mut out), &picture, profile)
        }
    }
    .map_err(|_| InvalidImage::Damaged)?;
    Ok(out.into())
}

fn write(
    mut encoder: impl ImageEncoder,
    picture: &DynamicImage,
    profile: Option<Vec<u8>>,
) -> image::ImageResult<()> {
    if let Some(profile) = profile {
        // Where the format has no room for profiles, the picture goes without.
        let _ = encoder.set_icc_profile(profile);
    }
    let color: ExtendedColorType = picture.color().into();
    encoder.write_image(picture.as_bytes(), picture.width(), picture.height(), color)
}

/// Without transparency: what would show through shows white.
fn on_white(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let blend = |channel: u8, alpha: u8| {
        let (channel, alpha) = (u32::from(channel), u32::from(alpha));
        u8::try_from((channel * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
    };
    let source = picture.to_rgba8();
    let mut flat = RgbImage::new(source.width(), source.height());
    for (to, from) in flat.pixels_mut().zip(source.pixels()) {
        let [r, g, b, a] = from.0;
        to.0 = [blend(r, a), blend(g, a), blend(b, a)];
    }
    flat
}
