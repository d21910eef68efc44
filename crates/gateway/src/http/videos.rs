//! OpenAI's video routes: generations of kind video, under the ids that the native routes know.
#![expect(unused_qualifications, reason = "utoipa's `params(..)` expands to a qualified path")]

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use engine::{Asset, Caller, Code, Generation, Page, Refusal, Scope};
use provider::Kind;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    State, assets, auth, body,
    dto_request::Draft,
    dto_video::{VideoBody, VideoDto},
    error::{ErrorBody, Result},
    facts,
    generations::DeletedDto,
    json, making, multipart,
    query::{self, PageQuery},
};

/// The form of a video; the fields of the JSON body may stand beside these.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used; the form is read field by field")]
pub(super) struct VideoForm {
    /// What it shall show.
    prompt: String,
    /// A picture to start from.
    #[schema(value_type = Option<String>, format = Binary)]
    input_reference: (),
}

/// Starts a clip. The answer comes at once; the clip is looked at by its id until it is completed.
#[utoipa::path(post, path = "/v1/videos", tag = "OpenAI-shaped",
    request_body(content(
        (VideoBody<'_> = "application/json"), (VideoForm = "multipart/form-data"))),
    responses((status = 200, description = "The video as it stands", body = VideoDto<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn create(request: HttpRequest, state: Data<State>, payload: Payload) -> Result {
    let caller = auth::caller(&request, &state, Scope::Generate).await?;
    let headers = request.headers();
    let limit = state.limits.body_bytes();
    let market = state.engine.market();
    let room = body::room(&state, headers, limit).await?;
    if json::media_type(headers).eq_ignore_ascii_case("application/json") {
        json::expect_json(headers)?;
        let bytes = body::collect(headers, payload, limit).await?;
        let draft = json::parse::<VideoBody<'_>>(&bytes)?.draft(None, market)?;
        return start(&request, &state, &caller, draft).await;
    }
    let form = multipart::open(headers, payload, limit)?;
    let mut form = multipart::form(form, state.limits, multipart::VIDEO).await?;
    let body: VideoBody<'_> = json::parse_value(&form.fields)?;
    let draft = body.draft(form.files.pop(), market)?;
    let answer = start(&request, &state, &caller, draft).await;
    drop(room);
    answer
}

async fn start(request: &HttpRequest, state: &State, caller: &Caller, draft: Draft<'_>) -> Result {
    let started = making::start(request, state, caller, draft, "videos").await?;
    let generation = making::as_it_stands(state, caller, &started).await?;
    let mut builder = HttpResponse::Ok();
    facts::tell(&mut builder, &generation);
    facts::tell_replay(&mut builder, &started);
    Ok(builder.json(show(state, &generation)))
}

fn show<'a>(state: &State, generation: &'a Generation) -> VideoDto<'a> {
    let engine = &state.engine;
    let asked = engine.request_of(generation);
    VideoDto::new(generation, asked, engine.market(), engine.clock().now())
}

/// Which videos.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct VideosQuery {
    /// Rows wanted, 1 to 100; 20 where it is left out.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The id of the last video of the page before.
    after: Option<String>,
    /// `desc`, newest first, or `asc`.
    order: Option<String>,
    /// The `next_cursor` of the page before: another word for `after`.
    cursor: Option<String>,
}

impl VideosQuery {
    fn page(self) -> Result<Page, Refusal> {
        let ascending = match self.order.as_deref() {
            None | Some("desc") => false,
            Some("asc") => true,
            Some(_) => return Err(Refusal::field("order", "`order` is `asc` or `desc`")),
        };
        let from = match (self.after, self.cursor) {
            (Some(_), Some(_)) => {
                return Err(Refusal::field("cursor", "give `after` or `cursor`, not both"));
            }
            (Some(after), None) => {
                let page = PageQuery::new(self.limit, Some(after)).page();
                return page.map(|page| Page { ascending, ..page }).map_err(|refusal| {
                    let at_cursor = refusal.param.as_deref() == Some("cursor");
                    let wrong = Refusal::field("after", "`after` is no id of a video");
                    if at_cursor { wrong } else { refusal }
                });
            }
            (None, cursor) => cursor,
        };
        let page = PageQuery::new(self.limit, from).page()?;
        Ok(Page { ascending, ..page })
    }
}

/// A page of videos, in OpenAI's shape.
#[derive(Serialize, ToSchema)]
pub(super) struct VideoList<'a> {
    /// `list`
    object: &'static str,
    data: Vec<VideoDto<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
    /// For `cursor`, as in every list here.
    next_cursor: Option<String>,
}

/// Lists the team's videos.
#[utoipa::path(get, path = "/v1/videos", tag = "OpenAI-shaped", params(VideosQuery),
    responses((status = 200, description = "A page", body = VideoList<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn list(request: HttpRequest, state: Data<State>) -> Result {
    let caller = auth::caller(&request, &state, Scope::Read).await?;
    let page = query::read::<VideosQuery>(&request)?.page()?;
    let team = &caller.team.id;
    let mut rows = state.engine.generations(team, Some(Kind::Video), page.clone()).await?;
    let (has_more, next_cursor) = query::cut(&mut rows, &page, |row| row.id.clone());
    let data: Vec<VideoDto<'_>> = rows.iter().map(|row| show(&state, row)).collect();
    let answer = VideoList {
        object: "list",
        first_id: data.first().map(|video| video.id),
        last_id: data.last().map(|video| video.id),
        data,
        has_more,
        next_cursor,
    };
    Ok(HttpResponse::Ok().json(answer))
}

/// A video of the team. What is no video, another team's and what never was look the same.
async fn video(state: &State, team: &str, id: &str) -> Result<Arc<Generation>, Refusal> {
    let missing = || Refusal::not_found("video");
    match state.engine.generation(team, id).await {
        Ok(generation) if generation.kind == Kind::Video => Ok(generation),
        Ok(_) => Err(missing()),
        Err(refusal) if refusal.code == Code::NotFound => Err(missing()),
        Err(refusal) => Err(refusal),
    }
}

/// One video.
#[utoipa::path(get, path = "/v1/videos/{id}", tag = "OpenAI-shaped",
    params(("id" = String, Path)),
    responses((status = 200, description = "The video", body = VideoDto<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn get(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    let caller = auth::caller(&request, &state, Scope::Read).await?;
    let generation = video(&state, &caller.team.id, &id).await?;
    let mut builder = HttpResponse::Ok();
    facts::tell(&mut builder, &generation);
    Ok(builder.json(show(&state, &generation)))
}

/// Which part of a video.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ContentQuery {
    /// Only `video`: no provider makes thumbnails or spritesheets.
    variant: Option<String>,
}

/// The bytes of a completed video.
#[utoipa::path(get, path = "/v1/videos/{id}/content", tag = "OpenAI-shaped",
    params(("id" = String, Path), ContentQuery,
           ("Range" = Option<String>, Header, description = "`bytes=FROM-TO`")),
    responses((status = 200, description = "The bytes", content_type = "video/mp4"),
              (status = 206, description = "A part of them", content_type = "video/mp4"),
              (status = 404, description = "No such video, or it failed", body = ErrorBody<'_>),
              (status = 409, description = "It is not completed yet", body = ErrorBody<'_>),
              (status = 410, description = "It was kept long enough", body = ErrorBody<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn content(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    let caller = auth::caller(&request, &state, Scope::Read).await?;
    let asked: ContentQuery = query::read(&request)?;
    if asked.variant.is_some_and(|variant| variant != "video") {
        return Err(Refusal::field("variant", "only the variant `video` is made here").into());
    }
    let generation = video(&state, &caller.team.id, &id).await?;
    let asset = content_of(&state, &generation).await?;
    assets::serve(&request, &state, &asset).await
}

/// The asset with a video's bytes.
async fn content_of(state: &State, generation: &Generation) -> Result<Asset, Refusal> {
    let kept = generation.outputs.first().and_then(|output| Some((output.asset.as_ref()?, output)));
    let Some((id, output)) = kept else {
        // Nothing will ever be there for one that failed: to wait for it would be in vain.
        return Err(match generation.status.is_final() {
            true => Refusal::new(Code::NotFound, "this video failed: it has no content"),
            false => Refusal::new(Code::NotReady, "this video is not completed yet"),
        });
    };
    match state.engine.asset(id).await {
        // Swept, a while after its time was over.
        Err(refusal)
            if refusal.code == Code::NotFound
                && output.expires_at.is_some_and(|at| at <= state.engine.clock().now()) =>
        {
            Err(Refusal::new(Code::Expired, "this video's content has expired"))
        }
        other => other,
    }
}

/// Removes a video's content and prompt; the books keep the money.
#[utoipa::path(delete, path = "/v1/videos/{id}", tag = "OpenAI-shaped",
    params(("id" = String, Path)),
    responses((status = 200, description = "It is gone", body = DeletedDto<'_>),
              (status = 409, description = "It is still made", body = ErrorBody<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn delete(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    let caller = auth::caller(&request, &state, Scope::Generate).await?;
    let generation = video(&state, &caller.team.id, &id).await?;
    state.engine.erase(&caller.team.id, &generation.id).await?;
    Ok(HttpResponse::Ok().json(DeletedDto::new(&id, "video.deleted")))
}
