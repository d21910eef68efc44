//! OpenAI's image routes.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    web::{Data, Payload},
};
use engine::{Caller, Done, Generation, OutputRecord, Refusal, Scope};
use provider::ImageFormat;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    State, auth, body,
    dto_images::{ImageBody, ResponseFormat, Shape},
    error::{ErrorBody, Result},
    facts, json, making, multipart,
    pictures::Holes,
};

/// Makes pictures.
#[utoipa::path(post, path = "/v1/images/generations", tag = "OpenAI-shaped",
    request_body = ImageBody<'_>,
    responses((status = 200, description = "The pictures", body = ImagesAnswer),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn generate(request: HttpRequest, state: Data<State>, payload: Payload) -> Result {
    let caller = auth::caller(&request, &state, Scope::Generate).await?;
    json::expect_json(request.headers())?;
    let limit = state.limits.body_bytes();
    let room = body::room(&state, request.headers(), limit).await?;
    let bytes = body::collect(request.headers(), payload, limit).await?;
    let body: ImageBody<'_> = json::parse(&bytes)?;
    let (draft, shape) = body.generation(state.engine.market())?;
    let asked = making::complete(&state, &caller, draft).await?;
    drop((bytes, room));
    answer(&request, &state, &caller, asked, shape, "image_generation").await
}

/// Makes pictures from pictures.
#[utoipa::path(post, path = "/v1/images/edits", tag = "OpenAI-shaped",
    request_body(content(
        (ImageBody<'_> = "application/json"), (EditBody = "multipart/form-data"))),
    responses((status = 200, description = "The pictures", body = ImagesAnswer),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn edit(request: HttpRequest, state: Data<State>, payload: Payload) -> Result {
    let caller = auth::caller(&request, &state, Scope::Generate).await?;
    let headers = request.headers();
    let limit = state.limits.body_bytes();
    let market = state.engine.market();
    const EVENT: &str = "image_edit";
    let room = body::room(&state, headers, limit).await?;
    if json::media_type(headers).eq_ignore_ascii_case("application/json") {
        json::expect_json(headers)?;
        let bytes = body::collect(headers, payload, limit).await?;
        let (draft, shape) = json::parse::<ImageBody<'_>>(&bytes)?.edit(Vec::new(), market)?;
        let asked = making::complete(&state, &caller, draft).await?;
        drop((bytes, room));
        return answer(&request, &state, &caller, asked, shape, EVENT).await;
    }
    let form = multipart::open(headers, payload, limit)?;
    let form = multipart::form(form, state.limits, multipart::EDIT).await?;
    let body: ImageBody<'_> = json::parse_value(&form.fields)?;
    let (draft, shape) = body.edit(form.files, market)?;
    let asked = making::complete(&state, &caller, draft).await?;
    drop(room);
    answer(&request, &state, &caller, asked, shape, EVENT).await
}

/// The form of an edit; the fields of the JSON body may stand beside these.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used; the form is read field by field")]
pub(super) struct EditBody {
    /// The pictures to start from; may be repeated, also as `image[]`.
    #[schema(value_type = Vec<String>, format = Binary)]
    image: (),
    /// Where to edit.
    #[schema(value_type = Option<String>, format = Binary)]
    mask: (),
    /// What the picture shall show.
    prompt: String,
}

/// The pictures.
#[derive(Serialize, ToSchema)]
pub(super) struct ImagesAnswer {
    /// Unix seconds.
    created: i64,
    data: Vec<ImageDatum>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<String>,
}

/// One picture.
#[derive(Serialize, ToSchema)]
struct ImageDatum {
    #[serde(skip_serializing_if = "Option::is_none")]
    b64_json: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

/// The event that ends a stream, one for each picture.
#[derive(Serialize)]
struct ImageEvent<'a> {
    r#type: &'a str,
    #[serde(flatten)]
    datum: ImageDatum,
    created_at: i64,
    size: Option<String>,
    quality: &'static str,
    background: &'static str,
    output_format: Option<&'static str>,
    /// Vendors here do not charge by tokens; OpenAI's clients expect the field.
    usage: NoTokens,
}

#[derive(Serialize, Default)]
struct NoTokens {
    input_tokens: u8,
    input_tokens_details: NoTokenDetails,
    output_tokens: u8,
    total_tokens: u8,
}

#[derive(Serialize, Default)]
struct NoTokenDetails {
    image_tokens: u8,
    text_tokens: u8,
}

/// Makes what was asked for and answers with it.
async fn answer(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    asked: engine::Request,
    shape: Shape,
    event: &str,
) -> Result {
    let stored = asked.store;
    let surface = format_args!("{event} {shape:?}");
    let (started, done) = making::make(request, state, caller, asked, surface).await?;
    let generation = &done.generation;
    facts::expect_completed(generation)?;
    let mut holes = Holes::default();
    let mut data = Vec::with_capacity(generation.outputs.len());
    for output in &generation.outputs {
        data.push(datum(state, &done, output, shape, stored, &mut holes).await?);
    }
    let mut builder = HttpResponse::Ok();
    facts::tell(&mut builder, generation);
    facts::tell_replay(&mut builder, &started);
    let text = match shape.stream {
        true => {
            builder.insert_header((CONTENT_TYPE, "text/event-stream"));
            builder.insert_header((CACHE_CONTROL, "no-store"));
            events(generation, data, event)?
        }
        false => {
            builder.insert_header((CONTENT_TYPE, "application/json"));
            let first = generation.outputs.first();
            let answer = ImagesAnswer {
                created: generation.created_at.seconds(),
                data,
                output_format: first.and_then(format_of),
                size: first.and_then(size_of),
            };
            serde_json::to_vec(&answer).map_err(|error| Refusal::internal(&error))?
        }
    };
    Ok(holes.answer(builder, text))
}

async fn datum(
    state: &State,
    done: &Done,
    output: &OutputRecord,
    shape: Shape,
    stored: bool,
    holes: &mut Holes,
) -> Result<ImageDatum, Refusal> {
    let mut datum = ImageDatum { b64_json: None, url: None };
    let Some(asset) = output.asset.as_deref() else { return Ok(datum) };
    if shape.format != Some(ResponseFormat::Url) {
        datum.b64_json = holes.add(&state.engine, done, output).await?;
    }
    if let (true, Some(until)) = (stored, output.expires_at)
        && shape.format != Some(ResponseFormat::B64Json)
    {
        datum.url = Some(state.engine.asset_link(asset, until));
    }
    Ok(datum)
}

fn events(generation: &Generation, data: Vec<ImageDatum>, event: &str) -> Result<Vec<u8>, Refusal> {
    let name = format!("{event}.completed");
    let mut text = Vec::new();
    for (datum, output) in data.into_iter().zip(&generation.outputs) {
        let event = ImageEvent {
            r#type: &name,
            datum,
            created_at: generation.created_at.seconds(),
            size: size_of(output),
            quality: "auto",
            background: "auto",
            output_format: format_of(output),
            usage: NoTokens::default(),
        };
        text.extend_from_slice(format!("event: {name}\ndata: ").as_bytes());
        serde_json::to_writer(&mut text, &event).map_err(|error| Refusal::internal(&error))?;
        text.extend_from_slice(b"\n\n");
    }
    Ok(text)
}

fn format_of(output: &OutputRecord) -> Option<&'static str> {
    ImageFormat::from_media_type(&output.media_type).map(ImageFormat::as_str)
}

fn size_of(output: &OutputRecord) -> Option<String> {
    output.width.zip(output.height).map(|(width, height)| format!("{width}x{height}"))
}
