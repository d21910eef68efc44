//! The caption: what was asked, who drew it, and from which seed, readable in the picture itself.

#![expect(clippy::float_arithmetic, reason = "coordinates and brightness, never money")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "coordinates of a picture are small and clamped"
)]

use ab_glyph::{Font as _, FontRef, PxScale, ScaleFont as _, point};
use image::{Rgb as Pixel, RgbImage};

use super::{
    canvas::Rgb,
    noise::{lerp, step},
};

const FONT: &[u8] = include_bytes!("../../fonts/DejaVuSansCondensed.ttf");
const MAX_LINES: usize = 2;

/// What is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caption<'a> {
    pub(crate) text: &'a str,
    pub(crate) signature: &'a str,
    pub(crate) seed: u64,
    /// The size that is told.
    pub(crate) size: (u32, u32),
    pub(crate) accent: Rgb,
    /// Whether the picture may bring a caption of its own, which must not shine through.
    pub(crate) over_letters: bool,
}

/// Writes the caption over the foot of the picture. A picture without its caption is better than none, so a font
/// that cannot be read is no error.
pub(crate) fn write(image: &mut RgbImage, caption: &Caption<'_>) {
    let Caption { text, signature, seed, size, accent, over_letters } = *caption;
    let Ok(font) = FontRef::try_from_slice(FONT) else { return };
    let (width, height) = (image.width() as f32, image.height() as f32);
    let unit = width.min(height);
    let (large, small) = ((unit * 0.032).max(12.0), (unit * 0.0185).max(9.0));
    let margin = unit * 0.045;
    let lines = wrap(&font, large, text, width - 2.0 * margin);
    let leading = large * 1.28;
    let block = leading * lines.len() as f32 + small * 1.9;
    let top = height - margin - block;
    let (above, cover) = if over_letters { (3.0, 0.97) } else { (1.6, 0.66) };
    shade(image, (top - large * above) / height, cover);
    rule(image, margin, top - large * 0.15, unit, accent);
    let mut baseline = top + large * 1.05;
    for line in &lines {
        let pen = Pen { font: &font, size: large, colour: Rgb::WHITE, alpha: 0.97 };
        pen.write(image, line, margin, baseline);
        baseline += leading;
    }
    let pen = Pen { font: &font, size: small, colour: Rgb::WHITE, alpha: 0.72 };
    let foot = height - margin;
    pen.write(image, signature, margin, foot);
    let note = format!("{}×{}  ·  seed {:08x}", size.0, size.1, seed as u32);
    let signed = pen.measure(signature);
    let noted = pen.measure(&note);
    if signed + noted + 3.0 * margin < width {
        pen.write(image, &note, width - margin - noted, foot);
    }
}

struct Pen<'a> {
    font: &'a FontRef<'a>,
    size: f32,
    colour: Rgb,
    alpha: f32,
}

impl Pen<'_> {
    fn write(&self, image: &mut RgbImage, text: &str, left: f32, baseline: f32) {
        let scaled = self.font.as_scaled(PxScale::from(self.size));
        let mut x = left;
        let mut before = None;
        for letter in text.chars() {
            let glyph = scaled.glyph_id(letter);
            x += before.map_or(0.0, |before| scaled.kern(before, glyph));
            before = Some(glyph);
            let placed = glyph.with_scale_and_position(self.size, point(x, baseline));
            x += scaled.h_advance(glyph);
            let Some(outline) = self.font.outline_glyph(placed) else { continue };
            let bounds = outline.px_bounds();
            outline.draw(|dx, dy, coverage| {
                let (px, py) = (bounds.min.x + dx as f32, bounds.min.y + dy as f32);
                if px >= 0.0 && py >= 0.0 {
                    blend(image, px as u32, py as u32, self.colour, coverage * self.alpha);
                }
            });
        }
    }

    fn measure(&self, text: &str) -> f32 {
        measure(self.font, self.size, text)
    }
}

fn measure(font: &FontRef<'_>, size: f32, text: &str) -> f32 {
    let scaled = font.as_scaled(PxScale::from(size));
    text.chars().map(|letter| scaled.h_advance(scaled.glyph_id(letter))).sum()
}

/// Breaks a text into at most two lines of that width; what does not fit ends in an ellipsis.
fn wrap(font: &FontRef<'_>, size: f32, text: &str, width: f32) -> Vec<String> {
    // Nothing beyond this can be seen, however long the prompt is.
    let shown: String =
        text.chars().take(400).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let fits = |line: &str| measure(font, size, line) <= width;
    let mut lines = vec![String::new()];
    let mut cut = shown.chars().count() < text.chars().count();
    for word in shown.split_whitespace() {
        let full = lines.len() == MAX_LINES;
        let Some(line) = lines.last_mut() else { break };
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if fits(&longer) {
            *line = longer;
        } else if !full && !line.is_empty() {
            lines.push(word.to_owned());
        } else {
            *line = longer;
            cut = true;
            break;
        }
    }
    for line in &mut lines {
        if !fits(line) {
            cut = true;
            while !line.is_empty() && !fits(&format!("{line}…")) {
                line.pop();
            }
        }
    }
    if cut && let Some(last) = lines.last_mut() {
        last.truncate(last.trim_end().len());
        last.push('…');
    }
    lines
}

/// The picture darkens towards its foot, so that white letters are read on any of them.
fn shade(image: &mut RgbImage, from: f32, cover: f32) {
    let height = image.height();
    let first = (from * height as f32).max(0.0) as u32;
    for y in first..height {
        let depth = step(from, from + 0.13 * (1.6 - cover), y as f32 / height as f32) * cover;
        for x in 0..image.width() {
            blend(image, x, y, Rgb::hex(0x08_0A_12), depth);
        }
    }
}

fn rule(image: &mut RgbImage, left: f32, y: f32, unit: f32, accent: Rgb) {
    let thick = (unit * 0.004).max(1.0) as u32;
    for dy in 0..thick {
        for dx in 0..(unit * 0.06) as u32 {
            blend(image, left as u32 + dx, y.max(0.0) as u32 + dy, accent, 0.95);
        }
    }
}

fn blend(image: &mut RgbImage, x: u32, y: u32, colour: Rgb, alpha: f32) {
    if x >= image.width() || y >= image.height() {
        return;
    }
    let Pixel(pixel) = image.get_pixel_mut(x, y);
    for (channel, target) in pixel.iter_mut().zip(colour.0) {
        *channel = lerp(f32::from(*channel), target * 255.0, alpha.clamp(0.0, 1.0)) as u8;
    }
}
