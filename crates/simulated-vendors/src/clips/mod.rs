//! Clips with sound, made from a prompt and a seed, and made again whenever they are asked for.
//!
//! A clip is a true MP4: H.264 video at 24 frames a second and a soft chord as FLAC, both of which browsers play. No codec
//! library is needed for what is shown. The still behind a clip is painted at a quarter of its size, each of its pixels is
//! a flat block of four by four (which H.264 can say with the first coefficient alone), and the decoder's own deblocking
//! filter softens the steps between them. What moves is a light; where it has not passed, nothing is sent again.
//!
//! `light` says what is seen, `tone` what is heard, `h264` (on `cavlc` and `bits`) and `flac` put them into bits, and
//! `mp4` puts those into a file.

mod bits;
mod cavlc;
mod flac;
mod h264;
mod light;
mod mp4;
pub(crate) mod tone;

use std::sync::Arc;

use bytes::Bytes;

use self::{h264::Encoder, light::Scene};
use crate::pictures::{PictureError, REMEMBERED, Studio};

/// Frames in a second, of every clip.
pub(crate) const FRAME_RATE: u32 = 24;

/// Every so many frames there is one that needs no other, so that a player can jump.
const BETWEEN_KEY_FRAMES: u32 = 2 * FRAME_RATE;

/// Everything that decides a clip's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) prompt: String,
    pub(crate) signature: String,
    /// In pixels. An odd number is made even, as this colour format wants it.
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) frames: u32,
}

impl Studio {
    /// The clip of that script.
    pub(crate) async fn film(self: &Arc<Self>, script: Script) -> Result<Bytes, PictureError> {
        let known = {
            let clips = self.clips.lock();
            clips.iter().find(|(known, _)| *known == script).map(|(_, clip)| clip.clone())
        };
        if let Some(clip) = known {
            return Ok(clip);
        }
        self.at_an_easel(move |studio| {
            let clip = Bytes::from(make(&script));
            let mut clips = studio.clips.lock();
            clips.truncate(REMEMBERED - 1);
            clips.push_front((script, clip.clone()));
            drop(clips);
            Ok(clip)
        })
        .await
    }
}

fn make(script: &Script) -> Vec<u8> {
    let (width, height) = (script.width & !1, script.height & !1);
    let scene = Scene::new(script, width, height);
    let mut encoder = Encoder::new(width, height);
    let mut frames = Vec::new();
    for number in 0..script.frames {
        let is_key = number % BETWEEN_KEY_FRAMES == 0;
        let data = encoder.encode(scene.at(number, script.frames), is_key);
        frames.push(mp4::Frame { data, is_key });
    }
    let samples = tone::chord(script.seed, script.frames);
    let movie = mp4::Movie {
        width,
        height,
        parameters: encoder.parameters(),
        frames,
        sound: flac::encode(&samples),
    };
    movie.into_file()
}

#[cfg(test)]
mod tests;
