//! Pictures that the studio does not paint: drawings that scale, pictures made larger, and pictures without a background.
//! In whole numbers, so that they are the same everywhere.

use std::fmt::Write as _;

use bytes::Bytes;
use image::{
    ExtendedColorType, ImageEncoder as _, RgbImage, RgbaImage,
    codecs::png::PngEncoder,
    imageops::{FilterType, resize},
};

use crate::pictures::{Format, PictureError, encode, noise::Dice};

/// A drawing of circles and bands.
pub(crate) fn vector(seed: u64, prompt: &str, size: (u32, u32)) -> Bytes {
    let (mut dice, (width, height)) = (Dice::new(seed), size);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\"><title>{}</title>",
        escaped(prompt)
    );
    let hue = dice.below(360);
    let _ = write!(text, "<rect width=\"100%\" height=\"100%\" fill=\"hsl({hue},45%,88%)\"/>");
    let side = |bound: u32| usize::try_from(bound).unwrap_or(1);
    for _ in 0..12 {
        let (x, y) = (dice.below(side(width)), dice.below(side(height)));
        let radius = 20 + dice.below(side(width) / 6);
        let hue = (hue + dice.below(80)) % 360;
        let _ = write!(
            text,
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"hsl({hue},60%,55%)\" opacity=\"0.7\"/>"
        );
    }
    text.push_str("</svg>");
    text.into()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The picture at another size.
pub(crate) fn resized(
    source: &RgbImage,
    size: (u32, u32),
    format: Format,
) -> Result<Bytes, PictureError> {
    let larger = resize(source, size.0, size.1, FilterType::Triangle);
    encode(&larger, format).map(Bytes::from).map_err(|error| broken(&error))
}

/// The picture with nothing around its middle.
pub(crate) fn cut_out(source: &RgbImage, size: (u32, u32)) -> Result<Bytes, PictureError> {
    let (width, height) = size;
    let source = resize(source, width, height, FilterType::Triangle);
    let cut = RgbaImage::from_fn(width, height, |x, y| {
        let [red, green, blue] = source.get_pixel(x, y).0;
        // How far from the middle, in thousandths of the way to the edge.
        let across = (2 * u64::from(x)).abs_diff(u64::from(width)) * 1000 / u64::from(width);
        let down = (2 * u64::from(y)).abs_diff(u64::from(height)) * 1000 / u64::from(height);
        let distance = across * across + down * down;
        let alpha = 900_000_u64.saturating_sub(distance) / 400;
        image::Rgba([red, green, blue, u8::try_from(alpha).unwrap_or(u8::MAX)])
    });
    let mut file = Vec::new();
    PngEncoder::new(&mut file)
        .write_image(cut.as_raw(), width, height, ExtendedColorType::Rgba8)
        .map_err(|error| broken(&error))?;
    Ok(file.into())
}

fn broken(error: &dyn std::fmt::Display) -> PictureError {
    PictureError::Broken(error.to_string())
}
