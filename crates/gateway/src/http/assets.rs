//! Files in and out, streamed.
#![expect(unused_qualifications, reason = "utoipa's `params(..)` expands to a qualified path")]

use actix_web::{
    HttpRequest, HttpResponse,
    body::SizedStream,
    http::{
        StatusCode,
        header::{self, ByteRangeSpec, EntityTag, Header, HttpDate, IfNoneMatch, Range},
    },
    web::{Data, Path, Payload},
};
use engine::{Asset, Refusal, Scope};
use provider::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    State, auth,
    error::{ApiError, ErrorBody, Result},
    multipart, query,
};

/// One asset.
#[derive(Serialize, ToSchema)]
pub(super) struct AssetDto {
    #[schema(example = "ast_01k9x0s7n2m4p6q8r0t2v4w6y8")]
    id: String,
    /// `asset`
    object: &'static str,
    /// A signed link.
    url: String,
    mime_type: String,
    bytes: u64,
    width: Option<u32>,
    height: Option<u32>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// A form with one file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used; the form is streamed")]
pub(super) struct UploadBody {
    #[schema(value_type = String, format = Binary)]
    file: (),
}

/// Keeps a file, to be named as an input.
#[utoipa::path(post, path = "/v1/assets", tag = "native",
    request_body(content = UploadBody, content_type = "multipart/form-data"),
    responses((status = 201, description = "It is kept", body = AssetDto),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn upload(request: HttpRequest, state: Data<State>, payload: Payload) -> Result {
    let caller = auth::caller(&request, &state, Scope::Generate).await?;
    let limit = state.limits.body_bytes();
    let form = multipart::open(request.headers(), payload, limit)?;
    let (file, feed) = multipart::file(form, state.limits.input_size());
    // The refusal of either side is the same one, or the store's: the store's comes first.
    let (kept, fed) = futures_util::join!(state.engine.upload(&caller.team.id, file), feed);
    let asset = kept?;
    fed?;
    let url = state.engine.asset_link(&asset.id, asset.expires_at);
    let dto = AssetDto {
        id: asset.id,
        object: "asset",
        url,
        mime_type: asset.media_type,
        bytes: asset.bytes,
        width: asset.width,
        height: asset.height,
        created_at: asset.created_at,
        expires_at: asset.expires_at,
    };
    Ok(HttpResponse::Created().json(dto))
}

/// A signed link's proof.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LinkQuery {
    /// Until when the link is good.
    exp: Option<String>,
    /// Its signature.
    sig: Option<String>,
}

/// The bytes of an asset, by a signed link or with the team's key.
#[utoipa::path(get, path = "/v1/assets/{id}", tag = "native",
    params(("id" = String, Path), LinkQuery,
           ("Range" = Option<String>, Header, description = "`bytes=FROM-TO`")),
    responses((status = 200, description = "The bytes", content_type = "application/octet-stream"),
              (status = 206, description = "A part of them",
               content_type = "application/octet-stream"),
              (status = 416, description = "No such part", body = ErrorBody<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn get(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    let asset = allowed(&request, &state, &id).await?;
    serve(&request, &state, &asset).await
}

/// The bytes of an asset that the asker may see, or the part of them that was asked for.
///
/// # Errors
/// 416 for a part that is not there; `not_found` where the bytes are gone.
pub(super) async fn serve(request: &HttpRequest, state: &State, asset: &Asset) -> Result {
    let hash = blake3::Hash::from_bytes(asset.hash).to_hex();
    let tag = EntityTag::new_strong(hash.to_string());
    let fresh = match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => request.headers().contains_key(header::IF_NONE_MATCH),
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(&tag)),
        Err(_) => false,
    };
    let range = if fresh { None } else { range(request, &tag, asset.bytes)? };
    let status = match (fresh, &range) {
        (true, _) => StatusCode::NOT_MODIFIED,
        (false, Some(_)) => StatusCode::PARTIAL_CONTENT,
        (false, None) => StatusCode::OK,
    };
    let mut builder = HttpResponse::build(status);
    builder
        .insert_header(header::ETag(tag))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::CACHE_CONTROL, "private, max-age=86400, immutable"))
        .insert_header(("x-content-type-options", "nosniff"))
        // A file may be a page or a drawing with scripts in it: it is shown, never run.
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"));
    if fresh {
        return Ok(builder.finish());
    }
    let name = file_name(asset);
    builder
        .insert_header((header::CONTENT_TYPE, asset.media_type.as_str()))
        .insert_header((header::CONTENT_DISPOSITION, format!("inline; filename=\"{name}\"")))
        .insert_header((header::LAST_MODIFIED, http_date(asset.created_at)));
    let span = range.as_ref().map_or(0..asset.bytes, |(from, to)| *from..to + 1);
    if let Some((from, to)) = range {
        let told = format!("bytes {from}-{to}/{}", asset.bytes);
        builder.insert_header((header::CONTENT_RANGE, told));
    }
    let length = span.end - span.start;
    let whole = length == asset.bytes;
    let blob = state.engine.read(asset.place(), (!whole).then_some(span)).await?;
    Ok(builder.body(SizedStream::new(length, blob.stream)))
}

/// The asset, if the link's signature is good or the key is its team's.
async fn allowed(request: &HttpRequest, state: &State, id: &str) -> Result<Asset> {
    let link: LinkQuery = query::read(request)?;
    if let (Some(exp), Some(sig)) = (link.exp, link.sig) {
        state.engine.check_link(id, &exp, &sig)?;
        return Ok(state.engine.asset(id).await?);
    }
    let caller = auth::caller(request, state, Scope::Read).await?;
    // Whether it has expired is for its own team to know.
    let found = state.engine.records().asset(id).await?;
    if found.is_none_or(|asset| asset.team != caller.team.id) {
        return Err(Refusal::not_found("asset").into());
    }
    Ok(state.engine.asset(id).await?)
}

/// The asked part, first and last byte; `None` is the whole. Several parts at once are answered
/// with the whole, as RFC 9110 allows.
fn range(request: &HttpRequest, tag: &EntityTag, size: u64) -> Result<Option<(u64, u64)>> {
    let Some(value) = request.headers().get(header::RANGE) else { return Ok(None) };
    // The part is of another version: the caller gets the whole of this one.
    let condition = request.headers().get(header::IF_RANGE);
    if condition.is_some_and(|given| given.as_bytes() != tag.to_string().as_bytes()) {
        return Ok(None);
    }
    let parsed: Option<Range> = value.to_str().ok().and_then(|text| text.parse().ok());
    let Some(Range::Bytes(parts)) = parsed else { return Ok(None) };
    let [part] = parts.as_slice() else { return Ok(None) };
    if matches!(part, ByteRangeSpec::FromTo(from, to) if from > to) {
        return Ok(None);
    }
    let found = part.to_satisfiable_range(size);
    found.map(Some).ok_or_else(|| ApiError::range(size))
}

fn http_date(at: Timestamp) -> HttpDate {
    HttpDate::from(std::time::SystemTime::from(at.to_utc()))
}

/// The id with the usual ending of its type.
fn file_name(asset: &Asset) -> String {
    let ending = match asset.media_type.as_str() {
        "image/png" => ".png",
        "image/jpeg" => ".jpg",
        "image/webp" => ".webp",
        "image/gif" => ".gif",
        "image/svg+xml" => ".svg",
        "video/mp4" => ".mp4",
        "video/webm" => ".webm",
        "audio/mpeg" => ".mp3",
        "audio/wav" | "audio/x-wav" => ".wav",
        "audio/ogg" => ".ogg",
        _ => "",
    };
    format!("{}{ending}", asset.id)
}
