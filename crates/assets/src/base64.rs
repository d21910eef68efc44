//! Base64, out as a stream and in with a limit.

use std::mem;

use base64_simd::{AsOut, STANDARD, STANDARD_NO_PAD};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};

use crate::room;

/// Turns bytes into base64 as they come. Pieces need not be multiples of three: what is over waits
/// for the next piece.
#[derive(Debug, Default)]
pub struct Encoder {
    over: Vec<u8>,
    /// The last characters, whose room is used again where whoever took them is done with them.
    last: Bytes,
}

impl Encoder {
    /// The characters that these bytes complete; maybe none.
    pub fn push(&mut self, bytes: &[u8]) -> Bytes {
        let missing = if self.over.is_empty() { 0 } else { 3 - self.over.len() };
        let (first, rest) = bytes.split_at(missing.min(bytes.len()));
        self.over.extend_from_slice(first);
        let whole = rest.len() - rest.len() % 3;
        let head = if self.over.len() == 3 { 4 } else { 0 };
        let mut text = room::again(mem::take(&mut self.last), head + encoded_len(whole));
        let (begin, end) = text.split_at_mut(head);
        if head > 0 {
            let _ = STANDARD.encode(&self.over, begin.as_out());
            self.over.clear();
        }
        let _ = STANDARD.encode(&rest[..whole], end.as_out());
        self.over.extend_from_slice(&rest[whole..]);
        self.last = text.freeze();
        self.last.clone()
    }

    /// The last characters, padded.
    pub fn finish(self) -> Bytes {
        STANDARD.encode_to_string(&self.over).into()
    }
}

/// Characters of base64 that so many bytes become.
pub const fn encoded_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// A stream of bytes as a stream of base64. It ends with the first error.
pub fn encode_stream<E>(
    bytes: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> impl Stream<Item = Result<Bytes, E>> {
    stream::unfold(Some((bytes, Encoder::default())), |state| async {
        let (mut bytes, mut encoder) = state?;
        loop {
            match bytes.next().await {
                Some(Ok(piece)) => {
                    let text = encoder.push(&piece);
                    if !text.is_empty() {
                        return Some((Ok(text), Some((bytes, encoder))));
                    }
                }
                Some(Err(error)) => return Some((Err(error), None)),
                None => {
                    let text = encoder.finish();
                    return (!text.is_empty()).then_some((Ok(text), None));
                }
            }
        }
    })
}

/// What a caller's base64 held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The bytes.
    pub bytes: Bytes,
    /// The media type of a `data:` URI, as the caller wrote it.
    pub media_type: Option<String>,
}

/// Why text could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It is not base64.
    #[error("not base64")]
    NotBase64,
    /// It holds too much.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// The most it may hold.
        limit: usize,
    },
}

/// Decodes a caller's base64: the standard alphabet, with or without padding, maybe as a `data:`
/// URI, maybe with line breaks, since that is how the common tools print it. Nothing else passes.
///
/// # Errors
/// [`DecodeError`]; too much is refused before anything is decoded.
pub fn decode(text: &str, limit: usize) -> Result<Decoded, DecodeError> {
    let (media_type, text) = match text.get(..5) {
        Some(scheme) if scheme.eq_ignore_ascii_case("data:") => {
            let (head, body) = text[5..].split_once(',').ok_or(DecodeError::NotBase64)?;
            let head = head.strip_suffix(";base64").ok_or(DecodeError::NotBase64)?;
            let named = head.split(';').next().filter(|named| !named.is_empty());
            (named.map(str::to_owned), body)
        }
        _ => (None, text),
    };
    let one_line;
    let text = if text.contains(['\r', '\n']) {
        one_line = text.replace(['\r', '\n'], "");
        one_line.as_str()
    } else {
        text
    };
    let plain = text.trim_end_matches('=');
    let padding = text.len() - plain.len();
    if padding > 2 || (padding > 0 && !text.len().is_multiple_of(4)) {
        return Err(DecodeError::NotBase64);
    }
    if plain.len() / 4 * 3 > limit {
        return Err(DecodeError::TooLarge { limit });
    }
    let bytes = STANDARD_NO_PAD.decode_to_vec(plain).map_err(|_| DecodeError::NotBase64)?;
    if bytes.len() > limit {
        return Err(DecodeError::TooLarge { limit });
    }
    Ok(Decoded { bytes: bytes.into(), media_type })
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;
    use proptest::prelude::*;

    use super::*;

    fn bytes_of(text: &str) -> Result<Bytes, DecodeError> {
        decode(text, 100).map(|decoded| decoded.bytes)
    }

    #[test]
    fn callers_base64_is_read_strictly() {
        for good in ["aGVsbG8=", "aGVsbG8", "aGVs\r\nbG8=\n", "data:text/plain;base64,aGVsbG8="] {
            assert_eq!(bytes_of(good), Ok(Bytes::from_static(b"hello")), "{good}");
        }
        assert_eq!(bytes_of(""), Ok(Bytes::new()));
        for bad in [
            "aGVsbG8==",
            "aGVsbG8===",
            "=",
            "a",
            "aGVs bG8=",
            "aGVs\tbG8",
            "aG=VsbG8",
            "aGVsbG9=",
            "_-8=",
            "data:image/png,abcd",
            "data:",
            "héllo",
            "aGVs=bG8",
        ] {
            assert_eq!(bytes_of(bad), Err(DecodeError::NotBase64), "{bad}");
        }
    }

    #[test]
    fn a_data_uri_names_its_type() {
        let named = |text| decode(text, 100).unwrap().media_type;
        assert_eq!(named("data:image/png;base64,aGVs").as_deref(), Some("image/png"));
        assert_eq!(named("DATA:image/png;x=y;base64,aGVs").as_deref(), Some("image/png"));
        assert_eq!(named("data:;base64,aGVs"), None);
    }

    #[test]
    fn the_limit_is_exact() {
        assert!(decode("aGVsbG8=", 5).is_ok());
        assert_eq!(decode("aGVsbG8=", 4), Err(DecodeError::TooLarge { limit: 4 }));
        assert_eq!(decode("aGVsbG8=", 2), Err(DecodeError::TooLarge { limit: 2 }));
    }

    proptest! {
        #[test]
        fn a_stream_reads_like_the_whole(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..12),
        ) {
            let whole = pieces.concat();
            let pieces = pieces.into_iter().map(|piece| Ok::<_, ()>(Bytes::from(piece)));
            let texts = futures_util::FutureExt::now_or_never(
                encode_stream(stream::iter(pieces)).try_collect::<Vec<_>>(),
            );
            let text = texts.unwrap().unwrap().concat();
            prop_assert_eq!(text.len(), encoded_len(whole.len()));
            let text = String::from_utf8(text).unwrap();
            prop_assert_eq!(decode(&text, whole.len()).unwrap().bytes, whole.clone());
            let bare = text.trim_end_matches('=');
            prop_assert_eq!(decode(bare, whole.len()).unwrap().bytes, whole);
        }

        #[test]
        fn anything_is_refused_or_read(text in ".{0,60}", limit in 0_usize..40) {
            if let Ok(decoded) = decode(&text, limit) {
                prop_assert!(decoded.bytes.len() <= limit);
            }
        }
    }

    #[test]
    fn an_error_ends_the_stream() {
        let pieces = stream::iter([Ok(Bytes::from_static(b"abcd")), Err("broken")]);
        let all: Vec<_> =
            futures_util::FutureExt::now_or_never(encode_stream(pieces).collect()).unwrap();
        assert_eq!(all, [Ok(Bytes::from_static(b"YWJj")), Err("broken")]);
    }
}
