//! The native routes of generations.
#![expect(unused_qualifications, reason = "utoipa's `params(..)` expands to a qualified path")]

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, HeaderMap, LOCATION},
    },
    web::{Data, Path, Payload},
};
use engine::{Delivery, Done, Refusal, Scope, Started};
use provider::Kind;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    State, auth, body,
    dto_generation::{self, GenerationDto},
    dto_request::GenerationBody,
    error::{ErrorBody, Result},
    facts, json, making,
    query::{self, List, PageQuery},
};

/// Starts a generation. Without `Prefer` the answer comes at once; with `Prefer: wait=SECONDS` it
/// is the final generation, or the generation as it stands when the seconds are over.
#[utoipa::path(post, path = "/v1/generations", tag = "native",
    params(("Prefer" = Option<String>, Header, description = "`wait=SECONDS` or `respond-async`"),
           ("Idempotency-Key" = Option<String>, Header,
            description = "A repetition with the same key answers with the first one's generation")),
    request_body = GenerationBody<'_>,
    responses((status = 201, description = "The final generation", body = GenerationDto<'_>),
              (status = 202, description = "It goes on", body = GenerationDto<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn create(request: HttpRequest, state: Data<State>, payload: Payload) -> Result {
    let caller = auth::caller(&request, &state, Scope::Generate).await?;
    json::expect_json(request.headers())?;
    let limit = state.limits.body_bytes();
    let room = body::room(&state, request.headers(), limit).await?;
    let bytes = body::collect(request.headers(), payload, limit).await?;
    let body: GenerationBody<'_> = json::parse(&bytes)?;
    let draft = body.draft(state.engine.market())?;
    let once = !draft.request.store && draft.request.delivery == Delivery::None;
    if once {
        // What is not kept comes in this answer or never.
        let asked = making::complete(&state, &caller, draft).await?;
        drop((bytes, room));
        let (started, done) = making::make(&request, &state, &caller, asked, "native").await?;
        let is_final = done.generation.status.is_final();
        return answer(&state, &started, &done, is_final).await;
    }
    let started = making::start(&request, &state, &caller, draft, "native").await?;
    drop((bytes, room));

    let wait = wanted_wait(request.headers()).map(|span| span.min(state.limits.request_timeout));
    let team = &caller.team.id;
    let done = match wait.filter(|_| started.answer.is_none()) {
        None => Done::of(making::as_it_stands(&state, &caller, &started).await?),
        Some(span) => {
            let until = state.engine.clock().now().plus(span);
            state.engine.wait(team, &started.id, Some(until)).await?
        }
    };
    let waited = wait.is_some() && done.generation.status.is_final();
    answer(&state, &started, &done, waited).await
}

/// 201 for who waited until the end, 202 for who did not.
async fn answer(state: &State, started: &Started, done: &Done, waited: bool) -> Result {
    let status = if waited { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    let mut builder = HttpResponse::build(status);
    builder.insert_header((LOCATION, format!("/v1/generations/{}", started.id)));
    facts::tell_replay(&mut builder, started);
    whole(state, builder, done).await
}

/// `Prefer: wait=SECONDS`; what is not understood is no preference (RFC 7240).
fn wanted_wait(headers: &HeaderMap) -> Option<Duration> {
    let wait = |part: &str| {
        let (name, value) = part.trim().split_once('=')?;
        let name = name.trim().eq_ignore_ascii_case("wait");
        let seconds = value.trim().trim_matches('"').parse().ok()?;
        (name && seconds > 0).then(|| Duration::from_secs(seconds))
    };
    let texts = headers.get_all("prefer").filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split([',', ';'])).find_map(wait)
}

async fn whole(state: &State, mut builder: actix_web::HttpResponseBuilder, done: &Done) -> Result {
    let (dto, holes) = dto_generation::whole(&state.engine, done).await?;
    let text = serde_json::to_vec(&dto).map_err(|error| Refusal::internal(&error))?;
    builder.insert_header((CONTENT_TYPE, "application/json"));
    Ok(holes.answer(builder, text))
}

/// Which generations.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only those of this kind.
    kind: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// Lists the team's generations, newest first.
#[utoipa::path(get, path = "/v1/generations", tag = "native", params(ListQuery),
    responses((status = 200, description = "A page", body = List<GenerationDto<'_>>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn list(request: HttpRequest, state: Data<State>) -> Result {
    let caller = auth::caller(&request, &state, Scope::Read).await?;
    let asked: ListQuery = query::read(&request)?;
    let kind = match asked.kind {
        None => None,
        Some(text) => {
            let kind: Option<Kind> = text.parse().ok();
            Some(kind.ok_or_else(|| Refusal::field("kind", "`kind` is no kind of generation"))?)
        }
    };
    let page = PageQuery::new(asked.limit, asked.cursor).page()?;
    let mut rows = state.engine.generations(&caller.team.id, kind, page.clone()).await?;
    let more = query::cut(&mut rows, &page, |row| row.id.clone());
    let list = query::list(&rows, more, |row| dto_generation::plain(&state.engine, row));
    Ok(HttpResponse::Ok().json(list))
}

/// One generation.
#[utoipa::path(get, path = "/v1/generations/{id}", tag = "native",
    params(("id" = String, Path)),
    responses((status = 200, description = "The generation", body = GenerationDto<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn get(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    let caller = auth::caller(&request, &state, Scope::Read).await?;
    let generation = state.engine.generation(&caller.team.id, &id).await?;
    let done = Done::of(generation);
    whole(&state, HttpResponse::Ok(), &done).await
}

/// What is gone, as OpenAI says it.
#[derive(Serialize, ToSchema)]
pub(super) struct DeletedDto<'a> {
    id: &'a str,
    /// `generation.deleted`, or `video.deleted` where it was deleted as one.
    object: &'static str,
    deleted: bool,
}

impl<'a> DeletedDto<'a> {
    pub(super) fn new(id: &'a str, object: &'static str) -> Self {
        Self { id, object, deleted: true }
    }
}

/// Removes a generation's outputs and prompt; the books keep the money.
#[utoipa::path(delete, path = "/v1/generations/{id}", tag = "native",
    params(("id" = String, Path)),
    responses((status = 200, description = "It is gone", body = DeletedDto<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn delete(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    let caller = auth::caller(&request, &state, Scope::Generate).await?;
    state.engine.erase(&caller.team.id, &id).await?;
    Ok(HttpResponse::Ok().json(DeletedDto::new(&id, "generation.deleted")))
}

/// Calls a generation back, as long as nothing has gone to a vendor.
#[utoipa::path(post, path = "/v1/generations/{id}/cancel", tag = "native",
    params(("id" = String, Path)),
    responses((status = 200, description = "It is cancelled", body = GenerationDto<'_>),
              (status = 409, description = "It is too late", body = ErrorBody<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn cancel(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    let caller = auth::caller(&request, &state, Scope::Generate).await?;
    let generation = state.engine.cancel(&caller.team.id, &id).await?;
    Ok(HttpResponse::Ok().json(dto_generation::plain(&state.engine, &generation)))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn preferences_are_read_as_rfc_7240_says() {
        let wait = |text: &'static str| {
            let mut headers = HeaderMap::new();
            let name = HeaderName::from_static("prefer");
            headers.insert(name, HeaderValue::from_static(text));
            wanted_wait(&headers).map(|span| span.as_secs())
        };
        assert_eq!(wait("wait=30"), Some(30));
        assert_eq!(wait("respond-async, Wait=10"), Some(10));
        assert_eq!(wait("wait=\"7\"; foo=bar"), Some(7));
        for nothing in ["respond-async", "wait=0", "wait=soon", "wait", "waiting=5", "wait=-1"] {
            assert_eq!(wait(nothing), None, "{nothing}");
        }
        assert_eq!(wanted_wait(&HeaderMap::new()), None);
    }
}
