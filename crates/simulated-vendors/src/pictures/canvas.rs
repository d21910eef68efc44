//! A canvas of light: three floats a pixel, so that glows add up and gradients do not band.

#![expect(clippy::float_arithmetic, reason = "brightness, never money")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "pixels are clamped to their range before they are cast"
)]

use image::RgbImage;

use super::noise::lerp;

/// Red, green and blue, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rgb(pub(crate) [f32; 3]);

impl Rgb {
    pub(crate) const BLACK: Self = Self([0.0; 3]);
    pub(crate) const WHITE: Self = Self([1.0; 3]);

    /// From `0xRRGGBB`.
    pub(crate) fn hex(hex: u32) -> Self {
        let [_, red, green, blue] = hex.to_be_bytes();
        Self([red, green, blue].map(|channel| f32::from(channel) / 255.0))
    }

    pub(crate) fn mix(self, other: Self, t: f32) -> Self {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        Self([lerp(a, x, t), lerp(b, y, t), lerp(c, z, t)])
    }

    pub(crate) fn scale(self, by: f32) -> Self {
        Self(self.0.map(|channel| channel * by))
    }

    pub(crate) fn plus(self, other: Self, by: f32) -> Self {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        Self([a + x * by, b + y * by, c + z * by])
    }

    pub(crate) fn brightness(self) -> f32 {
        let [red, green, blue] = self.0;
        0.3 * red + 0.59 * green + 0.11 * blue
    }
}

#[derive(Debug)]
pub(crate) struct Canvas {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pixels: Vec<Rgb>,
}

impl Canvas {
    pub(crate) fn new(width: u32, height: u32) -> Self {
        let (width, height) = (width as usize, height as usize);
        Self { width, height, pixels: vec![Rgb::BLACK; width * height] }
    }

    /// The canvas's width and height, for those who reckon in floats.
    pub(crate) fn extent(&self) -> (f32, f32) {
        (self.width as f32, self.height as f32)
    }

    pub(crate) fn get(&self, x: usize, y: usize) -> Rgb {
        let (x, y) = (x.min(self.width - 1), y.min(self.height - 1));
        self.pixels.get(y * self.width + x).copied().unwrap_or(Rgb::BLACK)
    }

    /// Blends a colour over a pixel.
    pub(crate) fn blend(&mut self, x: usize, y: usize, colour: Rgb, alpha: f32) {
        if x < self.width
            && let Some(pixel) = self.pixels.get_mut(y * self.width + x)
        {
            *pixel = pixel.mix(colour, alpha.clamp(0.0, 1.0));
        }
    }

    /// Adds light between pixels, shared by the four around the place.
    pub(crate) fn shine(&mut self, x: f32, y: f32, colour: Rgb, light: f32) {
        if x < 0.0 || y < 0.0 {
            return;
        }
        let (left, top) = (x.floor(), y.floor());
        let (u, v) = (x - left, y - top);
        let (left, top) = (left as usize, top as usize);
        let shares = [
            (0, 0, (1.0 - u) * (1.0 - v)),
            (1, 0, u * (1.0 - v)),
            (0, 1, (1.0 - u) * v),
            (1, 1, u * v),
        ];
        for (dx, dy, share) in shares {
            let (x, y) = (left + dx, top + dy);
            if x < self.width
                && let Some(pixel) = self.pixels.get_mut(y * self.width + x)
            {
                *pixel = pixel.plus(colour, light * share);
            }
        }
    }

    /// Every pixel anew, from its place (0 to 1 both ways) and what it was.
    pub(crate) fn paint(&mut self, brush: impl Fn(f32, f32, Rgb) -> Rgb) {
        let (width, height) = self.extent();
        for (y, row) in self.pixels.chunks_exact_mut(self.width).enumerate() {
            let v = (y as f32 + 0.5) / height;
            for (x, pixel) in row.iter_mut().enumerate() {
                *pixel = brush((x as f32 + 0.5) / width, v, *pixel);
            }
        }
    }

    /// Darkens the corners, adds a film's grain and makes bytes of it.
    pub(crate) fn develop(mut self, seed: u32) -> RgbImage {
        self.paint(|u, v, pixel| {
            let (x, y) = (u - 0.5, v - 0.5);
            pixel.scale(1.04 - 0.55 * (x * x + y * y))
        });
        let mut bytes = Vec::with_capacity(self.pixels.len() * 3);
        let mut grain = seed | 1;
        for pixel in &self.pixels {
            // A xorshift a pixel: it both looks like film and hides the steps between two shades.
            grain ^= grain << 13;
            grain ^= grain >> 17;
            grain ^= grain << 5;
            let speck = ((grain >> 16) & 0xFF) as f32 / 255.0 * 5.0 - 2.0;
            let print = |channel: f32| (shoulder(channel) * 255.0 + speck).clamp(0.0, 255.0) as u8;
            bytes.extend(pixel.0.map(print));
        }
        RgbImage::from_raw(self.width as u32, self.height as u32, bytes).unwrap_or_default()
    }
}

/// Light beyond what paper can show bends towards white instead of being cut off there.
fn shoulder(light: f32) -> f32 {
    if light < 0.8 { light } else { 1.0 - 0.2 * (-(light - 0.8) / 0.2).exp() }
}
