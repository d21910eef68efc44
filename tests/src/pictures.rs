//! Pictures: to send, and to tell what came back.

use std::io::Cursor;

use bytes::Bytes;
use image::{ImageFormat, RgbImage};

/// A small picture that any decoder takes.
pub fn picture(format: ImageFormat) -> Bytes {
    let shade = |x: u32, y: u32| u8::try_from((x * 3 + y) % 256).unwrap_or_default();
    let pixels = RgbImage::from_fn(64, 48, |x, y| image::Rgb([shade(x, y), 90, shade(y, x)]));
    let mut bytes = Cursor::new(Vec::new());
    pixels.write_to(&mut bytes, format).expect("a picture can be written");
    bytes.into_inner().into()
}

/// A well-formed PNG of a few bytes that says it is 60,000 pixels wide and high: 14 GB once decoded.
pub fn bomb() -> Bytes {
    let mut header = Vec::new();
    header.extend_from_slice(&60_000_u32.to_be_bytes());
    header.extend_from_slice(&60_000_u32.to_be_bytes());
    header.extend_from_slice(&[8, 6, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", header.as_slice()), (b"IDAT", &[0x78, 0x9c]), (b"IEND", &[])] {
        let length = u32::try_from(data.len()).expect("a short chunk");
        png.extend_from_slice(&length.to_be_bytes());
        png.extend_from_slice(kind);
        png.extend_from_slice(data);
        let mut sum = crc32fast::Hasher::new();
        sum.update(kind);
        sum.update(data);
        png.extend_from_slice(&sum.finalize().to_be_bytes());
    }
    png.into()
}

/// What the bytes are, and how large, by decoding them whole.
pub fn decoded(bytes: &[u8]) -> (ImageFormat, u32, u32) {
    let format = image::guess_format(bytes).expect("it is a picture");
    let picture = image::load_from_memory_with_format(bytes, format).expect("it can be decoded");
    (format, picture.width(), picture.height())
}

/// The vendor's token in one of its pictures for load: which charge these bytes were paid with.
pub fn token(bytes: &[u8]) -> String {
    const CHUNK: &[u8] = b"zkTo";
    let at = bytes.windows(CHUNK.len()).position(|window| window == CHUNK);
    let start = at.expect("a simulated picture carries its token") + CHUNK.len();
    // A shorter one is filled up with dots.
    String::from_utf8_lossy(&bytes[start..start + 48]).trim_end_matches('.').to_owned()
}

/// Base64 of bytes, as JSON carries them.
pub fn base64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}

/// The bytes of base64.
pub fn from_base64(text: &str) -> Vec<u8> {
    base64_simd::STANDARD.decode_to_vec(text).expect("it is base64")
}
