//! OpenAI's chat completions: texts, and what is seen in pictures.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    web::{Data, Payload},
};
use engine::{Code, Generation, Refusal, Scope};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    State, auth, body,
    dto_chat::{ChatBody, ChatShape},
    error::{ApiError, ErrorBody, Result},
    facts, json, making,
};

/// The answer to a conversation.
#[derive(Serialize, ToSchema)]
pub(super) struct ChatAnswer<'a> {
    /// The generation's id: the native routes know it too.
    #[schema(example = "gen_01k9x0s7n2m4p6q8r0t2v4w6y8")]
    id: &'a str,
    /// `chat.completion`
    object: &'static str,
    /// Unix seconds.
    created: i64,
    /// As it was asked for.
    model: &'a str,
    /// One.
    choices: [Choice<'a>; 1],
}

/// One answer.
#[derive(Serialize, ToSchema)]
struct Choice<'a> {
    index: u8,
    message: MessageDto<'a>,
    /// Nobody here tells them.
    #[schema(value_type = Option<Object>)]
    logprobs: (),
    /// `stop`
    finish_reason: &'static str,
}

/// What the assistant says.
#[derive(Serialize, ToSchema)]
struct MessageDto<'a> {
    /// `assistant`
    role: &'static str,
    content: &'a str,
    /// Never: who refuses is a 451.
    #[schema(value_type = Option<String>)]
    refusal: (),
}

/// The one event of a stream. How many tokens were used nobody here tells: asked for, it is `null`.
#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: [ChunkChoice<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<()>,
}

#[derive(Serialize)]
struct ChunkChoice<'a> {
    index: u8,
    delta: MessageDto<'a>,
    logprobs: (),
    finish_reason: &'static str,
}

/// Continues a conversation by one message. `stream` brings it in one event.
#[utoipa::path(post, path = "/v1/chat/completions", tag = "OpenAI-shaped",
    request_body = ChatBody<'_>,
    responses((status = 200, description = "The answer", body = ChatAnswer<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn complete(request: HttpRequest, state: Data<State>, payload: Payload) -> Result {
    let caller = auth::caller(&request, &state, Scope::Generate).await?;
    json::expect_json(request.headers())?;
    let limit = state.limits.body_bytes();
    let room = body::room(&state, request.headers(), limit).await?;
    let bytes = body::collect(request.headers(), payload, limit).await?;
    let body: ChatBody<'_> = json::parse(&bytes)?;
    let (draft, shape) = body.draft(state.engine.market())?;
    let asked = making::complete(&state, &caller, draft).await?;
    drop((bytes, room));
    let surface = format_args!("chat {shape:?}");
    let (started, done) = making::make(&request, &state, &caller, asked, surface).await?;
    let generation = &done.generation;
    facts::expect_completed(generation)?;
    let content = words(generation)?;
    let mut builder = HttpResponse::Ok();
    facts::tell(&mut builder, generation);
    facts::tell_replay(&mut builder, &started);
    let text = match shape.stream {
        true => {
            builder.insert_header((CONTENT_TYPE, "text/event-stream"));
            builder.insert_header((CACHE_CONTROL, "no-store"));
            events(generation, content, shape)
        }
        false => {
            builder.insert_header((CONTENT_TYPE, "application/json"));
            serde_json::to_string(&answer(generation, content))
        }
    };
    Ok(builder.body(text.map_err(|error| Refusal::internal(&error))?))
}

/// What was said.
fn words(generation: &Generation) -> Result<&str> {
    let texts = generation.outputs.iter().find_map(|output| output.text.as_deref());
    texts.ok_or_else(|| {
        let was_text = generation.outputs.iter().any(|output| output.media_type == "text/plain");
        if was_text {
            return facts::not_kept(generation);
        }
        let message = "the provider made something else than a text";
        ApiError::from(Refusal::new(Code::ProviderError, message)).of_generation(&generation.id)
    })
}

const fn message(content: &str) -> MessageDto<'_> {
    MessageDto { role: "assistant", content, refusal: () }
}

const STOP: &str = "stop";

fn answer<'a>(generation: &'a Generation, content: &'a str) -> ChatAnswer<'a> {
    let message = message(content);
    ChatAnswer {
        id: &generation.id,
        object: "chat.completion",
        created: generation.created_at.seconds(),
        model: &generation.model,
        choices: [Choice { index: 0, message, logprobs: (), finish_reason: STOP }],
    }
}

/// One event with everything, and the end: vendors answer in one piece, and no deltas are invented.
fn events(
    generation: &Generation,
    content: &str,
    shape: ChatShape,
) -> Result<String, serde_json::Error> {
    let delta = message(content);
    let chunk = Chunk {
        id: &generation.id,
        object: "chat.completion.chunk",
        created: generation.created_at.seconds(),
        model: &generation.model,
        choices: [ChunkChoice { index: 0, delta, logprobs: (), finish_reason: STOP }],
        usage: shape.usage.then_some(()),
    };
    Ok(format!("data: {}\n\ndata: [DONE]\n\n", serde_json::to_string(&chunk)?))
}
