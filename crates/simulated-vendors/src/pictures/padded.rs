//! Pictures for load: valid PNGs of the asked size, each distinct, of any weight, for next to no work.
//!
//! A benchmark of a gateway must not measure the artist. Such a picture is one flat colour, and its weight is a
//! private ancillary chunk of pseudo-random bytes that every decoder skips. The token goes into a chunk of its own, so no
//! two pictures have the same hash; all the rest is shared, base64 included.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use image::{ExtendedColorType, ImageEncoder as _, codecs::png::PngEncoder};
use parking_lot::Mutex;

use super::{Picture, PictureError, Recipe};

/// Signature and `IHDR`: what comes before the first chunk that may be ours.
const PREAMBLE: usize = 8 + 25;
/// The token's chunk has 48 bytes of data, which makes the head 93 bytes long: a multiple of three.
const TOKEN: usize = 48;
/// Weights are for benchmarks of megabytes; a slip of the finger should not take the machine's memory.
const HEAVIEST: usize = 64 * 1024 * 1024;
const SIZES_REMEMBERED: usize = 16;

#[derive(Debug)]
struct Shared {
    preamble: Vec<u8>,
    tail: Bytes,
    tail_base64: Bytes,
}

#[derive(Debug, Default)]
pub(crate) struct Padding(Mutex<HashMap<(u32, u32, usize), Arc<Shared>>>);

impl Padding {
    pub(crate) fn picture(
        &self,
        recipe: &Recipe,
        token: &str,
        about: usize,
    ) -> Result<Picture, PictureError> {
        let shared = self.shared(recipe, about)?;
        let mut data: Vec<u8> = token.bytes().take(TOKEN).collect();
        data.resize(TOKEN, b'.');
        let mut head = shared.preamble.clone();
        chunk(&mut head, *b"zkTo", &data);
        Ok(Picture {
            mime: "image/png",
            head: head.into(),
            tail: shared.tail.clone(),
            tail_base64: shared.tail_base64.clone(),
        })
    }

    fn shared(&self, recipe: &Recipe, about: usize) -> Result<Arc<Shared>, PictureError> {
        let size = (recipe.width, recipe.height, about);
        let mut known = self.0.lock();
        if let Some(shared) = known.get(&size) {
            return Ok(Arc::clone(shared));
        }
        let shared = Arc::new(Shared::make(recipe, about)?);
        if known.len() >= SIZES_REMEMBERED {
            known.clear();
        }
        known.insert(size, Arc::clone(&shared));
        Ok(shared)
    }
}

impl Shared {
    fn make(recipe: &Recipe, about: usize) -> Result<Self, PictureError> {
        let (width, height) = (recipe.width, recipe.height);
        let pixels = u64::from(width) * u64::from(height);
        let pixels = usize::try_from(pixels).map_err(|error| broken(&error))?;
        let mut plain = Vec::new();
        PngEncoder::new(&mut plain)
            .write_image(&vec![96_u8; pixels], width, height, ExtendedColorType::L8)
            .map_err(|error| broken(&error))?;
        let rest = plain.split_off(PREAMBLE.min(plain.len()));
        let about = about.min(HEAVIEST);
        let framing = PREAMBLE + 12 + TOKEN + 12 + rest.len();
        let mut padding = vec![0_u8; about.saturating_sub(framing)];
        let seed = format!("{width}x{height} padded to {about}");
        blake3::Hasher::new().update(seed.as_bytes()).finalize_xof().fill(&mut padding);
        let mut tail = Vec::with_capacity(padding.len() + rest.len() + 12);
        chunk(&mut tail, *b"zkPa", &padding);
        tail.extend_from_slice(&rest);
        let tail_base64 = base64_simd::STANDARD.encode_to_string(&tail).into();
        Ok(Self { preamble: plain, tail: tail.into(), tail_base64 })
    }
}

fn chunk(png: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&kind);
    crc.update(data);
    png.extend_from_slice(&u32::try_from(data.len()).unwrap_or(0).to_be_bytes());
    png.extend_from_slice(&kind);
    png.extend_from_slice(data);
    png.extend_from_slice(&crc.finalize().to_be_bytes());
}

fn broken(error: &dyn std::fmt::Display) -> PictureError {
    PictureError::Broken(error.to_string())
}
