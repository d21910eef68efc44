//! `Idempotency-Key`: what makes two requests the same.

use std::fmt::Display;

use actix_web::http::header::HeaderMap;
use engine::{IdempotencyKey, Refusal, Request};

/// The header of an answer that is an earlier request's.
pub(super) const REPLAYED: &str = "idempotent-replayed";

/// The longest key, in bytes.
const LONGEST: usize = 255;

/// The caller's key, bound to the request as it was parsed. `surface` is what else decides the
/// answer: the route, the shape.
///
/// # Errors
/// `invalid_request` for a key that is empty, too long or not plain text.
pub(super) fn key(
    headers: &HeaderMap,
    request: &Request,
    surface: &dyn Display,
) -> Result<Option<IdempotencyKey>, Refusal> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().map(str::trim);
    let key = key.filter(|key| (1..=LONGEST).contains(&key.len())).ok_or_else(|| {
        let message = format!("an Idempotency-Key has 1 to {LONGEST} plain characters");
        Refusal::field("idempotency-key", message)
    })?;
    let body = hash(request, surface)?;
    Ok(Some(IdempotencyKey { key: key.to_owned(), body }))
}

/// Inputs count by what they hold: the same file sent again is another asset.
fn hash(request: &Request, surface: &dyn Display) -> Result<[u8; 32], Refusal> {
    let mut same = request.clone();
    for input in &mut same.inputs {
        input.asset.clear();
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(surface.to_string().as_bytes()).update(&[0]);
    serde_json::to_writer(&mut hasher, &same).map_err(|error| Refusal::internal(&error))?;
    Ok(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use engine::InputRef;
    use provider::Role;

    use super::*;

    fn with_input(asset: &str, hash: &str) -> Request {
        let mut request = Request::image("x");
        request.inputs.push(InputRef {
            role: Role::Source,
            asset: asset.to_owned(),
            media_type: "image/png".to_owned(),
            hash: hash.to_owned(),
            bytes: 1,
        });
        request
    }

    #[test]
    fn the_same_file_is_the_same_request() {
        let first = hash(&with_input("ast_1", "aa"), &"edits").unwrap();
        assert_eq!(first, hash(&with_input("ast_2", "aa"), &"edits").unwrap());
        assert_ne!(first, hash(&with_input("ast_1", "bb"), &"edits").unwrap());
        assert_ne!(first, hash(&with_input("ast_1", "aa"), &"generations").unwrap());
    }
}
