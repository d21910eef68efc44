//! OpenAI's speech: a text, spoken.

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    body::SizedStream,
    http::header::CONTENT_TYPE,
    web::{Data, Payload},
};
use engine::{Code, Done, Generation, OutputRecord, Refusal, Scope};

use super::{
    State, auth, body,
    dto_speech::{SoundFormat, SpeechBody},
    error::{ApiError, ErrorBody, Result},
    facts, json, making,
};

/// Speaks a text. The answer is the sound as the provider made it.
#[utoipa::path(post, path = "/v1/audio/speech", tag = "OpenAI-shaped",
    request_body = SpeechBody,
    responses((status = 200, description = "The sound", content_type = "audio/mpeg"),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn speak(request: HttpRequest, state: Data<State>, payload: Payload) -> Result {
    let caller = auth::caller(&request, &state, Scope::Generate).await?;
    json::expect_json(request.headers())?;
    let limit = state.limits.body_bytes();
    let room = body::room(&state, request.headers(), limit).await?;
    let bytes = body::collect(request.headers(), payload, limit).await?;
    let (draft, format) = json::parse::<SpeechBody>(&bytes)?.draft(state.engine.market())?;
    let asked = making::complete(&state, &caller, draft).await?;
    drop((bytes, room));
    let surface = format_args!("speech {format:?}");
    let (started, done) = making::make(&request, &state, &caller, asked, surface).await?;
    let generation = &done.generation;
    facts::expect_completed(generation)?;
    let output = sound(generation)?;
    let mut builder = HttpResponse::Ok();
    facts::tell(&mut builder, generation);
    facts::tell_replay(&mut builder, &started);
    tell_format(&mut builder, generation, format, output);
    builder
        .insert_header((CONTENT_TYPE, output.media_type.as_str()))
        .insert_header(("x-content-type-options", "nosniff"));
    send(builder, &state, &done, output).await
}

/// What was spoken.
fn sound(generation: &Generation) -> Result<&OutputRecord> {
    generation.outputs.first().ok_or_else(|| {
        let refusal = Refusal::new(Code::ProviderError, "the provider made no sound");
        ApiError::from(refusal).of_generation(&generation.id)
    })
}

/// Says that the sound is of another format than asked for.
fn tell_format(
    builder: &mut HttpResponseBuilder,
    generation: &Generation,
    format: Option<SoundFormat>,
    output: &OutputRecord,
) {
    const NAME: &str = "response_format";
    if format.is_none_or(|format| format.is(&output.media_type)) {
        return;
    }
    let names = generation.adjustments.keys().map(String::as_str).filter(|name| *name != NAME);
    let names: Vec<&str> = names.chain([NAME]).collect();
    builder.insert_header((facts::ADJUSTED, names.join(",")));
}

/// Its bytes, from memory where they are fresh, else streamed.
async fn send(
    mut builder: HttpResponseBuilder,
    state: &State,
    done: &Done,
    output: &OutputRecord,
) -> Result {
    let (Some(asset), Some(place)) = (output.asset.as_deref(), output.place()) else {
        return Err(facts::not_kept(&done.generation));
    };
    if let Some(bytes) = done.inline.get(asset) {
        return Ok(builder.body(bytes.clone()));
    }
    let blob = state.engine.read(place, None).await?;
    Ok(builder.body(SizedStream::new(blob.size, blob.stream)))
}
