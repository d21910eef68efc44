//! Bodies of requests, collected up to a limit.

use std::time::Duration;

use actix_web::{
    error::PayloadError,
    http::header::{self, HeaderMap},
    web::Payload,
};
use assets::Held;
use bytes::{Bytes, BytesMut};
use engine::{Code, Refusal};
use futures_util::StreamExt;

use super::State;

/// Bodies up to here are bounded by the number of connections.
const SMALL: usize = 64 * 1024;
/// How long a large body waits for room.
const PATIENCE: Duration = Duration::from_secs(10);

/// The whole body.
///
/// # Errors
/// `request_too_large` past `limit`, by what the header says already where it says it.
pub(super) async fn collect(
    headers: &HeaderMap,
    mut payload: Payload,
    limit: usize,
) -> Result<Bytes, Refusal> {
    let announced = announced(headers);
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    // Most bodies come in one piece, which is then used as it is.
    let Some(first) = payload.next().await.transpose().map_err(broken)? else {
        return Ok(Bytes::new());
    };
    if first.len() > limit {
        return Err(too_large(limit));
    }
    if announced == Some(first.len()) {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(announced.unwrap_or(first.len()));
    whole.extend_from_slice(&first);
    while let Some(part) = payload.next().await.transpose().map_err(broken)? {
        if whole.len() + part.len() > limit {
            return Err(too_large(limit));
        }
        whole.extend_from_slice(&part);
    }
    Ok(whole.freeze())
}

/// Takes room in memory for a large body and what is decoded from it, until it is dropped; a small
/// one needs none.
///
/// # Errors
/// `providers_unavailable` (503) where others' bodies fill the memory for too long.
pub(super) async fn room(
    state: &State,
    headers: &HeaderMap,
    limit: usize,
) -> Result<Option<Held>, Refusal> {
    let bytes = announced(headers).unwrap_or(limit).min(limit);
    if bytes <= SMALL {
        return Ok(None);
    }
    let twice = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(2);
    state.engine.memory().acquire(twice, PATIENCE).await.map(Some).map_err(|error| {
        tracing::warn!(%error, bytes, "no memory for a large request");
        let message = "too many large requests are under way";
        Refusal::new(Code::ProvidersUnavailable, message).after(PATIENCE)
    })
}

/// How long the body says it is.
pub(super) fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// 413.
pub(super) fn too_large(limit: usize) -> Refusal {
    let message = format!("the body is larger than {limit} bytes");
    Refusal::new(Code::RequestTooLarge, message)
}

/// The body ended early or was framed wrongly.
pub(super) fn broken(error: PayloadError) -> Refusal {
    tracing::debug!(%error, "a request's body broke off");
    Refusal::new(Code::InvalidRequest, "the body could not be read to its end")
}

#[cfg(test)]
mod tests {
    use actix_web::{FromRequest, dev, test::TestRequest};
    use futures_util::stream;

    use super::*;

    /// A body in pieces that does not say how long it is.
    async fn collected(pieces: &'static [&'static [u8]]) -> Result<Bytes, Code> {
        let pieces = stream::iter(pieces.iter().map(|piece| Ok(Bytes::from_static(piece))));
        let request = TestRequest::default().to_http_request();
        let mut payload: dev::Payload = dev::Payload::Stream { payload: Box::pin(pieces) };
        let payload = Payload::from_request(&request, &mut payload).await.unwrap();
        collect(request.headers(), payload, 10).await.map_err(|refusal| refusal.code)
    }

    #[actix_web::test]
    async fn a_body_without_a_length_is_cut_off_at_the_limit() {
        assert_eq!(collected(&[]).await.unwrap(), "");
        assert_eq!(collected(&[b"01234", b"56789"]).await.unwrap(), "0123456789");
        assert_eq!(collected(&[b"01234", b"56789", b"x"]).await, Err(Code::RequestTooLarge));
        assert_eq!(collected(&[b"0123456789x"]).await, Err(Code::RequestTooLarge));
    }
}
