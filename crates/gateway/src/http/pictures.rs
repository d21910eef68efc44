//! Answers that carry pictures in base64, streamed.
//!
//! A picture is megabytes, and base64 a third more; an answer that were built whole would hold both
//! beside each other for every caller. So an answer is a text with holes: serde writes it with a
//! marker where each picture belongs, and the body is the texts between the markers and the
//! pictures' bytes, encoded chunk by chunk as the connection takes them. Its length is known before
//! (four characters for every three bytes), so it needs no chunked framing. A small answer is one
//! buffer: for it a stream would cost more than it saves.

use std::ops::Range;

use actix_web::{HttpResponse, HttpResponseBuilder, body::SizedStream};
use assets::StoreError;
use base64_simd::STANDARD;
use bytes::Bytes;
use engine::{Done, Engine, OutputRecord, Refusal};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use memchr::memmem;

/// Bytes that are encoded at a time: a multiple of three, so that no piece needs padding.
const PIECE: usize = 96 * 1024;
/// Answers up to here are built whole.
const SMALL: u64 = 64 * 1024;

/// The holes of one answer. A marker is random, so that no text of a caller can be taken for one.
#[derive(Default)]
pub(super) struct Holes {
    /// Made with the first hole.
    nonce: String,
    pictures: Vec<Picture>,
}

struct Picture {
    bytes: u64,
    source: Source,
}

enum Source {
    /// Fresh from the vendor, still in memory.
    Inline(Bytes),
    /// In the store; these are its base64.
    Stored(Chunks),
}

type Chunks = BoxStream<'static, Result<Bytes, StoreError>>;

impl Holes {
    /// Takes the bytes of an output and returns the marker to write in their place; none where it has no
    /// bytes.
    ///
    /// # Errors
    /// The asset's bytes are gone.
    pub(super) async fn add(
        &mut self,
        engine: &Engine,
        done: &Done,
        output: &OutputRecord,
    ) -> Result<Option<String>, Refusal> {
        let (Some(asset), Some(place)) = (&output.asset, output.place()) else { return Ok(None) };
        if self.nonce.is_empty() {
            self.nonce = engine.ids().secret(26);
        }
        let picture = match done.inline.get(asset) {
            Some(inline) => {
                let bytes = u64::try_from(inline.len()).unwrap_or(u64::MAX);
                Picture { bytes, source: Source::Inline(inline.clone()) }
            }
            None => {
                let text = engine.read_base64(place).await?;
                Picture { bytes: text.size, source: Source::Stored(text.stream) }
            }
        };
        self.pictures.push(picture);
        Ok(Some(self.marker(self.pictures.len() - 1)))
    }

    fn marker(&self, index: usize) -> String {
        format!("{}.{index}", self.nonce)
    }

    /// The answer with this text.
    pub(super) fn answer(self, mut builder: HttpResponseBuilder, text: Vec<u8>) -> HttpResponse {
        if self.pictures.is_empty() {
            return builder.body(text);
        }
        let text = Bytes::from(text);
        let cuts = self.cuts(&text);
        let words: usize = text.len() - cuts.iter().map(|cut| cut.len()).sum::<usize>();
        let pictures: u64 = self.pictures.iter().map(|picture| encoded_len(picture.bytes)).sum();
        let length = u64::try_from(words).unwrap_or(u64::MAX).saturating_add(pictures);
        let inline = |picture: &Picture| matches!(picture.source, Source::Inline(_));
        if length <= SMALL && self.pictures.iter().all(inline) {
            return builder.body(self.whole(&text, &cuts));
        }
        let mut parts: Vec<Chunks> = Vec::with_capacity(cuts.len() * 2 + 1);
        let mut from = 0;
        for (picture, cut) in self.pictures.into_iter().zip(cuts) {
            parts.push(once(text.slice(from..cut.start)));
            parts.push(match picture.source {
                Source::Inline(bytes) => pieces(bytes),
                Source::Stored(text) => text,
            });
            from = cut.end;
        }
        parts.push(once(text.slice(from..)));
        builder.body(SizedStream::new(length, stream::iter(parts).flatten()))
    }

    /// Where the markers are, in order.
    fn cuts(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut from = 0;
        let mut cuts = Vec::with_capacity(self.pictures.len());
        for index in 0..self.pictures.len() {
            let marker = self.marker(index);
            let Some(at) = memmem::find(&text[from..], marker.as_bytes()) else { continue };
            cuts.push(from + at..from + at + marker.len());
            from += at + marker.len();
        }
        cuts
    }

    fn whole(self, text: &[u8], cuts: &[Range<usize>]) -> Vec<u8> {
        let room = usize::try_from(SMALL).unwrap_or_default().min(text.len() * 2 + 4096);
        let mut whole = Vec::with_capacity(room);
        let mut from = 0;
        for (picture, cut) in self.pictures.into_iter().zip(cuts) {
            whole.extend_from_slice(&text[from..cut.start]);
            if let Source::Inline(bytes) = picture.source {
                STANDARD.encode_append(&bytes, &mut whole);
            }
            from = cut.end;
        }
        whole.extend_from_slice(&text[from..]);
        whole
    }
}

fn encoded_len(bytes: u64) -> u64 {
    bytes.div_ceil(3).saturating_mul(4)
}

fn once(bytes: Bytes) -> Chunks {
    stream::once(async { Ok(bytes) }).boxed()
}

/// What is in memory, encoded piece by piece.
fn pieces(bytes: Bytes) -> Chunks {
    let starts = (0..bytes.len()).step_by(PIECE);
    let piece = move |from: usize| {
        let to = bytes.len().min(from + PIECE);
        Ok(encoded(&bytes[from..to]))
    };
    stream::iter(starts.map(piece)).boxed()
}

fn encoded(bytes: &[u8]) -> Bytes {
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    STANDARD.encode_append(bytes, &mut text);
    text.into()
}

#[cfg(test)]
mod tests {
    use actix_web::body::{BodySize, MessageBody, to_bytes};

    use super::*;

    fn picture(size: usize) -> Bytes {
        (0..size).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect()
    }

    fn stored(bytes: &Bytes, chunk: usize) -> Chunks {
        let parts: Vec<_> = bytes.chunks(chunk).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
        assets::base64::encode_stream(stream::iter(parts)).boxed()
    }

    fn holes(pictures: Vec<Picture>) -> (Holes, Vec<u8>) {
        let holes = Holes { nonce: "n0nce".to_owned(), pictures };
        let text = (0..holes.pictures.len()).map(|n| format!("<{}>", holes.marker(n)));
        let text = format!("[{}]", text.collect::<String>()).into_bytes();
        (holes, text)
    }

    #[actix_web::test]
    async fn pictures_of_any_size_from_anywhere_come_out_as_base64() {
        for size in [1, 2, 3, 4, 100, 1000, PIECE, PIECE + 1, 3 * PIECE - 1] {
            let bytes = picture(size);
            let len = u64::try_from(size).unwrap();
            for chunk in [1_usize, 2, 4, 1000, 50_000] {
                if size / chunk > 5000 {
                    continue;
                }
                let inline = Picture { bytes: len, source: Source::Inline(bytes.clone()) };
                let read = Picture { bytes: len, source: Source::Stored(stored(&bytes, chunk)) };
                let (holes, text) = holes(vec![inline, read]);
                let response = holes.answer(HttpResponse::Ok(), text);
                let BodySize::Sized(told) = response.body().size() else { panic!("no length") };
                let body = to_bytes(response.into_body()).await.unwrap();
                assert_eq!(told, u64::try_from(body.len()).unwrap(), "{size} in {chunk}");
                let b64 = STANDARD.encode_to_string(&bytes);
                assert_eq!(body, format!("[<{b64}><{b64}>]"), "{size} in {chunk}");
            }
        }
    }

    #[actix_web::test]
    async fn a_small_picture_in_memory_is_one_buffer() {
        let inline = Picture { bytes: 5, source: Source::Inline(picture(5)) };
        let (holes, text) = holes(vec![inline]);
        let response = holes.answer(HttpResponse::Ok(), text);
        assert!(response.into_body().try_into_bytes().is_ok());
    }
}
