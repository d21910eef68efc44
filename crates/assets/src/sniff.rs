//! What bytes are, by looking at them.

use bytes::Bytes;

use crate::measure::{Measured, Wav, webm};

/// So much of a beginning is looked at first; all but pictures with large profiles show their size
/// within it.
const HEAD: usize = 64 * 1024;

/// What a blob's first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) media_type: &'static str,
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
    pub(crate) millis: Option<u64>,
    /// Sound whose length only the end of the bytes tells.
    wav: Option<Wav>,
}

impl Facts {
    /// What the whole tells: `movie` walked it, and it has `total` bytes.
    pub(crate) fn of_whole(mut self, movie: Measured, total: u64) -> Self {
        match self.media_type {
            "video/mp4" | "video/quicktime" => self.measured(movie),
            "audio/mp4" => self.millis = movie.millis,
            _ => self.millis = self.millis.or_else(|| self.wav?.millis(total)),
        }
        self
    }

    fn measured(&mut self, measured: Measured) {
        (self.width, self.height) = measured.size.unzip();
        self.millis = measured.millis;
    }
}

/// The media type of bytes by their beginning; `application/octet-stream` where it is unknown.
///
/// Never `text/html`: assets are served from the gateway's own origin, and what a vendor or a caller
/// gives us must not run there.
pub fn sniff(head: &[u8]) -> &'static str {
    by_magic(head).or_else(|| as_text(head)).unwrap_or("application/octet-stream")
}

fn by_magic(head: &[u8]) -> Option<&'static str> {
    Some(match head {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, kind @ ..] => match kind.get(..4)? {
            b"WEBP" => "image/webp",
            b"WAVE" => "audio/wav",
            b"AVI " => "video/x-msvideo",
            _ => return None,
        },
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.get(..4)? {
            b"avif" | b"avis" => "image/avif",
            b"heic" | b"heix" | b"mif1" => "image/heic",
            b"qt  " => "video/quicktime",
            b"M4A " | b"M4B " => "audio/mp4",
            _ => "video/mp4",
        },
        [0x1a, 0x45, 0xdf, 0xa3, rest @ ..] => {
            let webm = rest.iter().take(64).copied().collect::<Vec<_>>();
            if webm.windows(4).any(|four| four == b"webm") {
                "video/webm"
            } else {
                "video/x-matroska"
            }
        }
        [b'O', b'g', b'g', b'S', ..] => "audio/ogg",
        [b'f', b'L', b'a', b'C', ..] => "audio/flac",
        [b'I', b'D', b'3', ..] => "audio/mpeg",
        [b'%', b'P', b'D', b'F', b'-', ..] => "application/pdf",
        // Eleven bits of synchronisation, then the layer: none of AAC's, the third of MPEG's.
        [0xff, second, ..] if second & 0xf6 == 0xf0 => "audio/aac",
        [0xff, second, ..] if second & 0xe6 == 0xe2 => "audio/mpeg",
        _ => return None,
    })
}

/// The kinds of text that are told apart; none where control characters say it is not text.
fn as_text(head: &[u8]) -> Option<&'static str> {
    let head = &head[..head.len().min(HEAD)];
    let text = match str::from_utf8(head) {
        Ok(text) => text,
        // The end of the beginning may cut a character in two.
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(&head[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}');
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.is_empty() || text.contains(odd) {
        return None;
    }
    let declared = ["<?xml", "<!--", "<!DOCTYPE svg"].iter().any(|mark| start.starts_with(mark));
    Some(match start.as_bytes() {
        _ if start.starts_with("<svg") || (declared && start.contains("<svg")) => "image/svg+xml",
        [b'{' | b'[', ..] => "application/json",
        _ => "text/plain",
    })
}

/// What the pieces of a blob's beginning tell.
pub(crate) fn probe(pieces: &[Bytes]) -> Facts {
    let head = beginning(pieces, HEAD);
    let media_type = sniff(&head);
    let mut size = None;
    // A PNG that does not begin with its header chunk is damaged; any bytes would pass for a size.
    let headless = media_type == "image/png" && head.get(12..16) != Some(b"IHDR".as_slice());
    if media_type.starts_with("image/") && media_type != "image/svg+xml" && !headless {
        // A JPEG can carry a profile of any length before its size.
        size = imagesize::blob_size(&head)
            .or_else(|_| imagesize::blob_size(&beginning(pieces, usize::MAX)))
            .ok();
    }
    let side = |pick: fn(imagesize::ImageSize) -> usize| {
        size.map(pick).and_then(|side| u32::try_from(side).ok()).filter(|side| *side > 0)
    };
    let (width, height) = (side(|s| s.width), side(|s| s.height));
    let mut facts = Facts { media_type, width, height, millis: None, wav: None };
    match media_type {
        "video/webm" => facts.measured(webm(&head)),
        "audio/wav" => facts.wav = Wav::read(&head),
        _ => {}
    }
    facts
}

/// The first bytes of all pieces in one piece, without copying where they already are.
fn beginning(pieces: &[Bytes], most: usize) -> Bytes {
    match pieces {
        [] => Bytes::new(),
        [first, rest @ ..] if rest.is_empty() || first.len() >= most => {
            first.slice(..first.len().min(most))
        }
        pieces => {
            let mut head = Vec::new();
            for piece in pieces {
                let missing = most - head.len();
                head.extend_from_slice(&piece[..piece.len().min(missing)]);
            }
            head.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn media_are_known_by_their_beginnings() {
        let known: [(&[u8], &str); 27] = [
            (b"\x89PNG\r\n\x1a\n....", "image/png"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"GIF89a", "image/gif"),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
            (b"RIFF\x10\0\0\0WAVEfmt ", "audio/wav"),
            (b"RIFF\x10\0\0\0", "application/octet-stream"),
            (b"\0\0\0\x18ftypisom", "video/mp4"),
            (b"\0\0\0\x18ftypavif", "image/avif"),
            (b"\0\0\0\x18ftypqt  ", "video/quicktime"),
            (b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f\x42\x82\x84webm", "video/webm"),
            (b"\x1a\x45\xdf\xa3\x42\x82\x88matroska", "video/x-matroska"),
            (b"OggS\0", "audio/ogg"),
            (b"fLaC\0", "audio/flac"),
            (b"ID3\x04", "audio/mpeg"),
            (b"\xff\xfb\x90\x64", "audio/mpeg"),
            (b"\xff\xf1\x50\x80", "audio/aac"),
            (b"%PDF-1.7", "application/pdf"),
            (b"<svg xmlns='...'>", "image/svg+xml"),
            (b"\xef\xbb\xbf <?xml version='1.0'?>\n<svg/>", "image/svg+xml"),
            (b"<?xml version='1.0'?><rss/>", "text/plain"),
            (b" {\"a\": 1}", "application/json"),
            (b"[1]", "application/json"),
            (b"<!doctype html><script>", "text/plain"),
            (b"a cat, painted", "text/plain"),
            (b"", "application/octet-stream"),
            (b"a\0b", "application/octet-stream"),
            (b"\xc3\x28", "application/octet-stream"),
        ];
        for (bytes, media_type) in known {
            assert_eq!(sniff(bytes), media_type, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn text_cut_within_a_character_is_text() {
        assert_eq!(sniff(&"Größe".as_bytes()[..3]), "text/plain");
    }

    fn gif(width: u16, height: u16) -> Vec<u8> {
        [b"GIF89a".as_slice(), &width.to_le_bytes(), &height.to_le_bytes(), &[0; 20]].concat()
    }

    #[test]
    fn a_png_without_its_header_has_no_size() {
        let ruined = b"\x89PNG\r\n\x1a\nthis is no picture at all";
        let facts = probe(&[Bytes::from_static(ruined)]);
        assert_eq!((facts.media_type, facts.width), ("image/png", None));
    }

    proptest! {
        #[test]
        fn a_size_is_found_however_the_bytes_are_cut(
            width in 1_u16.., height in 1_u16.., cut in 0_usize..30,
        ) {
            let whole = Bytes::from(gif(width, height));
            let facts = probe(&[whole.slice(..cut), whole.slice(cut..)]);
            prop_assert_eq!(facts.width, Some(u32::from(width)));
            prop_assert_eq!(facts.height, Some(u32::from(height)));
        }

        #[test]
        fn anything_can_be_looked_at(
            start in prop::sample::select(vec![
                &b""[..], b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF\0\0\0\0WEBP",
                b"\0\0\0\x18ftypavif",
            ]),
            rest in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let bytes = Bytes::from([start, &rest].concat());
            prop_assert!(!probe(&[bytes]).media_type.is_empty());
        }
    }
}
