//! What is seen: the prompt's picture, and a light that passes over it.

#![expect(clippy::float_arithmetic, reason = "coordinates and brightness, never money")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "coordinates of a frame are small and clamped"
)]

use super::{Script, h264::Mosaic};
use crate::pictures::{Brief, Format, Recipe, noise::Dice, still};

#[derive(Debug)]
pub(crate) struct Scene {
    /// The picture without the light.
    base: Mosaic,
    /// From where to where the light passes, and how high it rises between, in blocks.
    from: (f32, f32),
    to: (f32, f32),
    rise: f32,
    radius: f32,
}

impl Scene {
    pub(crate) fn new(script: &Script, width: u32, height: u32) -> Self {
        let recipe = Recipe {
            seed: script.seed,
            width: width.div_ceil(4),
            height: height.div_ceil(4),
            format: Format::Webp,
            sources: Vec::new(),
            padded_to: None,
        };
        let (prompt, signature) = (script.prompt.clone(), script.signature.clone());
        let picture =
            still(&Brief { recipe, token: String::new(), prompt, signature }, (width, height));
        let mut base = Mosaic::grey(width, height);
        let (across, down) = (base.columns * 4, base.rows * 4);
        let pixel = |x: usize, y: usize| {
            let x = (x as u32).min(picture.width() - 1);
            let y = (y as u32).min(picture.height() - 1);
            picture.get_pixel(x, y).0.map(i32::from)
        };
        for y in 0..down {
            for x in 0..across {
                base.luma[y * across + x] = luma(pixel(x, y));
            }
        }
        for y in 0..down / 2 {
            for x in 0..across / 2 {
                let four =
                    [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| pixel(2 * x + dx, 2 * y + dy));
                let mean =
                    [0, 1, 2].map(|channel| four.iter().map(|p| p[channel]).sum::<i32>() / 4);
                let [blue, red] = chroma(mean);
                base.chroma[0][y * across / 2 + x] = blue;
                base.chroma[1][y * across / 2 + x] = red;
            }
        }
        let mut dice = Dice::new(script.seed ^ 0x11_67);
        let (w, h) = (across as f32, down as f32);
        let side = |dice: &mut Dice| dice.between(0.06, 0.22);
        let heights = (dice.between(0.25, 0.55), dice.between(0.2, 0.55));
        let (left, right) =
            ((side(&mut dice) * w, heights.0 * h), ((1.0 - side(&mut dice)) * w, heights.1 * h));
        let (from, to) = if dice.chance(0.5) { (left, right) } else { (right, left) };
        Self {
            base,
            from,
            to,
            rise: dice.between(0.05, 0.18) * h,
            radius: w.min(h) * dice.between(0.16, 0.22),
        }
    }

    /// Frame number so and so of so many.
    pub(crate) fn at(&self, number: u32, of: u32) -> Mosaic {
        let mut frame = self.base.clone();
        let t = number as f32 / of.saturating_sub(1).max(1) as f32;
        let (x, y) = (
            self.from.0 + (self.to.0 - self.from.0) * t,
            self.from.1 + (self.to.1 - self.from.1) * t - self.rise * 4.0 * t * (1.0 - t),
        );
        self.shine(&mut frame, x, y);
        frame
    }

    fn shine(&self, frame: &mut Mosaic, x: f32, y: f32) {
        let (across, down) = (frame.columns * 4, frame.rows * 4);
        let radius = self.radius;
        let range = |centre: f32, end: usize| {
            let first = (centre - radius).max(0.0) as usize;
            first..((centre + radius + 1.0).max(0.0) as usize).min(end)
        };
        for row in range(y, down) {
            for column in range(x, across) {
                let glow = glow(column as f32 - x, row as f32 - y, radius);
                let at = row * across + column;
                frame.luma[at] = towards(frame.luma[at], 235.0, glow);
                if row % 2 == 0 && column % 2 == 0 {
                    let at = row / 2 * (across / 2) + column / 2;
                    // A warm light.
                    frame.chroma[0][at] = towards(frame.chroma[0][at], 112.0, glow);
                    frame.chroma[1][at] = towards(frame.chroma[1][at], 138.0, glow);
                }
            }
        }
    }
}

/// How much light there is so far from its middle: all of it in the core, less and less around.
fn glow(dx: f32, dy: f32, radius: f32) -> f32 {
    let far = (dx * dx + dy * dy) / (radius * radius);
    let halo = (1.0 - far).max(0.0);
    let core = (1.0 - far * 22.0).clamp(0.0, 1.0);
    (0.5 * halo * halo + core).min(1.0)
}

fn towards(sample: u8, light: f32, share: f32) -> u8 {
    let sample = f32::from(sample);
    (sample + (light - sample) * share).clamp(16.0, 240.0) as u8
}

/// BT.709 in the range of video.
fn luma([red, green, blue]: [i32; 3]) -> u8 {
    (16 + ((47 * red + 157 * green + 16 * blue + 128) >> 8)).clamp(16, 235) as u8
}

fn chroma([red, green, blue]: [i32; 3]) -> [u8; 2] {
    let to_blue = 128 + ((-26 * red - 86 * green + 112 * blue + 128) >> 8);
    let to_red = 128 + ((112 * red - 102 * green - 10 * blue + 128) >> 8);
    [to_blue, to_red].map(|sample| sample.clamp(16, 240) as u8)
}
