//! A generation's changes as server-sent events.

use std::{convert::Infallible, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    web::{Data, Path},
};
use bytes::Bytes;
use engine::{Engine, Generation, Scope, Watch};
use futures_util::stream;

use super::{
    State, auth, dto_generation,
    error::{ErrorBody, Result},
};

/// How often a quiet stream says that it is still there: proxies close what says nothing.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Tells the state now, then each change, until the final one. The name of an event is
/// `generation.STATUS`, its data the generation.
#[utoipa::path(get, path = "/v1/generations/{id}/events", tag = "native",
    params(("id" = String, Path)),
    responses((status = 200, description = "Events", content_type = "text/event-stream",
               body = String),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn events(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    let caller = auth::caller(&request, &state, Scope::Read).await?;
    let watch = state.engine.subscribe(&caller.team.id, &id).await?;
    let engine = state.engine.clone();
    let events = stream::unfold((engine, watch), |(engine, mut watch)| async move {
        let event = next(&engine, &mut watch).await?;
        Some((Ok::<_, Infallible>(event), (engine, watch)))
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        // For proxies that collect answers before they pass them on.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(events))
}

async fn next(engine: &Engine, watch: &mut Watch) -> Option<Bytes> {
    let clock = engine.clock();
    tokio::select! {
        biased;
        state = watch.next() => Some(event(engine, &*state?)),
        () = engine.halted() => None,
        () = clock.sleep_until(clock.now().plus(HEARTBEAT)) => {
            Some(Bytes::from_static(b": still here\n\n"))
        }
    }
}

fn event(engine: &Engine, generation: &Generation) -> Bytes {
    let mut text = format!("event: generation.{}\ndata: ", generation.status.as_str()).into_bytes();
    // JSON has no line breaks of its own: one line of data is the whole event.
    if let Err(error) = serde_json::to_writer(&mut text, &dto_generation::plain(engine, generation))
    {
        tracing::error!(%error, "an event was not written");
    }
    text.extend_from_slice(b"\n\n");
    text.into()
}
