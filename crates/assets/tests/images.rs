//! Pictures are judged by their headers, decoded within bounds, and converted faithfully.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Cursor;

use assets::images::{ImageInfo, Images, InvalidImage, inspect};
use bytes::Bytes;
use image::{DynamicImage, ImageDecoder, ImageReader, Rgb, RgbImage, Rgba, RgbaImage};
use proptest::prelude::*;
use provider::ImageFormat;

fn bytes_of(picture: &DynamicImage, format: image::ImageFormat) -> Bytes {
    let mut out = Cursor::new(Vec::new());
    picture.write_to(&mut out, format).unwrap();
    out.into_inner().into()
}

/// Red on the left, blue on the right.
fn flag(width: u32, height: u32) -> DynamicImage {
    let half = |x, _| if x < width / 2 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) };
    RgbImage::from_fn(width, height, half).into()
}

fn decoded(bytes: &[u8]) -> RgbImage {
    image::load_from_memory(bytes).unwrap().into_rgb8()
}

fn is_near(a: Rgb<u8>, b: Rgb<u8>) -> bool {
    a.0.iter().zip(b.0).all(|(a, b)| a.abs_diff(b) < 12)
}

#[tokio::test]
async fn every_format_becomes_every_other() {
    let images = Images::new(2);
    let picture = flag(32, 16);
    for (from, theirs) in [
        (ImageFormat::Png, image::ImageFormat::Png),
        (ImageFormat::Jpeg, image::ImageFormat::Jpeg),
        (ImageFormat::Webp, image::ImageFormat::WebP),
    ] {
        let source = bytes_of(&picture, theirs);
        let info = ImageInfo { format: from, width: 32, height: 16 };
        assert_eq!(inspect(&source), Ok(info));
        assert_eq!(images.verify(source.clone()).await, Ok(info));
        for to in ImageFormat::ALL {
            let result = images.convert(source.clone(), to, None).await.unwrap();
            assert_eq!(inspect(&result), Ok(ImageInfo { format: to, ..info }), "{from:?} {to:?}");
            let pixels = decoded(&result);
            assert!(is_near(*pixels.get_pixel(2, 8), Rgb([255, 0, 0])), "{from:?} {to:?}");
            assert!(is_near(*pixels.get_pixel(29, 8), Rgb([0, 0, 255])), "{from:?} {to:?}");
            if to == from {
                assert_eq!(result, source, "the same format is left alone");
            }
        }
    }
}

#[tokio::test]
async fn what_jpeg_cannot_show_through_is_white() {
    let half_black =
        RgbaImage::from_fn(
            16,
            16,
            |x, _| {
                if x < 8 { Rgba([0, 0, 0, 0]) } else { Rgba([0, 0, 0, 128]) }
            },
        );
    let source = bytes_of(&half_black.into(), image::ImageFormat::Png);
    let images = Images::new(1);
    let jpeg = decoded(&images.convert(source.clone(), ImageFormat::Jpeg, None).await.unwrap());
    assert!(is_near(*jpeg.get_pixel(2, 2), Rgb([255, 255, 255])));
    assert!(is_near(*jpeg.get_pixel(13, 2), Rgb([127, 127, 127])));
    let webp = images.convert(source, ImageFormat::Webp, None).await.unwrap();
    let webp = image::load_from_memory(&webp).unwrap().into_rgba8();
    assert_eq!(webp.get_pixel(2, 2).0[3], 0, "WebP can");
}

#[tokio::test]
async fn quality_costs_bytes() {
    let noise = RgbImage::from_fn(64, 64, |x, y| {
        let n = u8::try_from((x * 7919 + y * 104_729) % 251).unwrap();
        Rgb([n, n.wrapping_mul(3), n.wrapping_mul(7)])
    });
    let source = bytes_of(&noise.into(), image::ImageFormat::Png);
    let images = Images::new(1);
    let poor = images.convert(source.clone(), ImageFormat::Jpeg, Some(10)).await.unwrap();
    let rich = images.convert(source, ImageFormat::Jpeg, Some(255)).await.unwrap();
    assert!(poor.len() * 2 < rich.len(), "{} {}", poor.len(), rich.len());
}

#[tokio::test]
async fn sixteen_bits_and_greys_become_every_format() {
    let images = Images::new(1);
    for picture in [
        DynamicImage::new_luma8(5, 4),
        DynamicImage::new_luma16(5, 4),
        DynamicImage::new_luma_a8(5, 4),
        DynamicImage::new_rgb16(5, 4),
        DynamicImage::new_rgba16(5, 4),
    ] {
        let source = bytes_of(&picture, image::ImageFormat::Png);
        for to in ImageFormat::ALL {
            let result = images.convert(source.clone(), to, None).await.unwrap();
            assert_eq!(inspect(&result), Ok(ImageInfo { format: to, width: 5, height: 4 }));
        }
    }
}

/// A JPEG with an EXIF note that the camera was held sideways.
fn sideways(picture: &DynamicImage) -> Bytes {
    let plain = bytes_of(picture, image::ImageFormat::Jpeg);
    let tiff = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let exif = [b"Exif\0\0".as_slice(), tiff].concat();
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&plain[..2], &[0xff, 0xe1], &length, &exif, &plain[2..]].concat().into()
}

#[tokio::test]
async fn how_the_camera_was_held_becomes_pixels() {
    let source = sideways(&flag(32, 16));
    let png = Images::new(1).convert(source, ImageFormat::Png, None).await.unwrap();
    let pixels = decoded(&png);
    assert_eq!(pixels.dimensions(), (16, 32));
    assert!(is_near(*pixels.get_pixel(8, 2), Rgb([255, 0, 0])), "left became top");
}

#[tokio::test]
async fn a_colour_profile_comes_along() {
    use image::ImageEncoder;
    let profile = b"a colour profile, as far as anybody here can tell".to_vec();
    let mut source = Vec::new();
    let mut encoder = image::codecs::png::PngEncoder::new(&mut source);
    encoder.set_icc_profile(profile.clone()).unwrap();
    let picture = flag(8, 8);
    encoder.write_image(picture.as_bytes(), 8, 8, picture.color().into()).unwrap();
    for to in [ImageFormat::Jpeg, ImageFormat::Webp] {
        let images = Images::new(1);
        let result = images.convert(source.clone().into(), to, None).await.unwrap();
        let reader = ImageReader::new(Cursor::new(result)).with_guessed_format().unwrap();
        let found = reader.into_decoder().unwrap().icc_profile().unwrap();
        assert_eq!(found.as_ref(), Some(&profile), "{to:?}");
    }
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}

/// A PNG of few bytes that says it has these pixels.
fn claiming(width: u32, height: u32) -> Vec<u8> {
    let mut png = bytes_of(&DynamicImage::new_rgb8(1, 1), image::ImageFormat::Png).to_vec();
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = crc(&png[12..29]);
    png[29..33].copy_from_slice(&sum.to_be_bytes());
    png
}

#[tokio::test]
async fn bombs_are_refused_by_their_header() {
    let images = Images::new(1);
    for (width, height) in [(16_385, 1), (1, 16_385), (8001, 8001), (60_000, 60_000)] {
        let bomb = claiming(width, height);
        let refused = InvalidImage::TooLarge { width, height };
        assert_eq!(inspect(&bomb), Err(refused));
        assert_eq!(images.verify(bomb.clone().into()).await, Err(refused));
        assert_eq!(images.convert(bomb.into(), ImageFormat::Png, None).await, Err(refused));
    }
    assert_eq!(inspect(&claiming(16_384, 3900)).map(|info| info.width), Ok(16_384));
}

#[tokio::test]
async fn damage_is_found_by_decoding() {
    let images = Images::new(1);
    let whole = bytes_of(&flag(200, 200), image::ImageFormat::Png);
    let cut = whole.slice(..whole.len() - 40);
    assert!(inspect(&cut).is_ok(), "the header is whole");
    assert_eq!(images.verify(cut.clone()).await, Err(InvalidImage::Damaged));
    assert_eq!(images.convert(cut, ImageFormat::Jpeg, None).await, Err(InvalidImage::Damaged));
    assert_eq!(inspect(&whole[..20]), Err(InvalidImage::Damaged));
    for other in [&b"GIF89a\x01\0\x01\0\0\0\0"[..], b"<svg/>", b"", b"BM"] {
        assert_eq!(inspect(other), Err(InvalidImage::Format));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_that_is_inspected_breaks_us(
        which in 0_usize..3,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let formats =
            [image::ImageFormat::Png, image::ImageFormat::Jpeg, image::ImageFormat::WebP];
        let mut bytes = bytes_of(&flag(24, 24), formats[which]).to_vec();
        for (place, value) in damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Ok(info) = inspect(&bytes) {
            prop_assert!(info.width > 0 && info.height > 0);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        // Whether it still is a picture does not matter; that an answer comes does.
        let _ = runtime.block_on(Images::new(1).convert(bytes.into(), ImageFormat::Webp, None));
    }
}
