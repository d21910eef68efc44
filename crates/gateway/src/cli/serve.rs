//! `atelier serve`: the gateway until the process is told to end.

use secrecy::ExposeSecret as _;
use tokio::signal::unix::{SignalKind, signal};

use super::{Session, failure::Failure, output};
use crate::server::{FirstStart, Gateway, Purpose, Running};

pub(super) async fn serve(session: &Session<'_>) -> Result<(), Failure> {
    let config = session.load()?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let assets = &config.storage.assets;
    let assets = std::path::absolute(assets).unwrap_or_else(|_| assets.clone());
    // Listened for from now on: a signal during the start shall end it in order, too.
    let end = told_to_end();
    let running = Box::pin(Gateway::start(config, Purpose::Serve)).await?;
    tracing::info!(address = %running.address, "ready");
    if session.json {
        output::json(&as_json(&running));
    } else {
        output::line(format_args!("Atelier is ready at {}", running.base_url));
        if let Some(first) = &running.first_start {
            welcome(&running.base_url, first, &assets.display().to_string());
        }
    }
    end.await?;
    tracing::info!("stopping: running work may end; a second signal ends it now");
    tokio::select! {
        () = Box::pin(running.stop()) => tracing::info!("stopped"),
        ended = told_to_end() => ended?,
    }
    Ok(())
}

/// Returns when the process is asked to end. The handlers are in place at once.
pub(super) fn told_to_end() -> impl Future<Output = Result<(), Failure>> {
    let handler = |kind| {
        signal(kind).map_err(|error| Failure::failed(format!("no signal can be heard: {error}")))
    };
    let handlers = (handler(SignalKind::interrupt()), handler(SignalKind::terminate()));
    async move {
        let (mut interrupt, mut terminate) = (handlers.0?, handlers.1?);
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    }
}

fn as_json(running: &Running) -> serde_json::Value {
    let first = running.first_start.as_ref();
    let admin = first.and_then(|first| first.admin_key.as_ref());
    serde_json::json!({
        "url": running.base_url,
        "admin_key": admin.map(|key| key.expose_secret()),
        "team_key": first.map(|first| first.team_key.expose_secret()),
    })
}

/// Told once, at the first start.
fn welcome(url: &str, first: &FirstStart, assets: &str) {
    let team_key = first.team_key.expose_secret();
    output::line("\nThis is the first start. These keys are shown now and never again:\n");
    if let Some(admin_key) = &first.admin_key {
        output::line(format_args!("  admin key            {}", admin_key.expose_secret()));
    }
    output::line(format_args!("  key of the team demo {team_key}"));
    output::line(format_args!(
        "\nPaste this for a picture, saved as lighthouse.png in the folder you are in:\n\n  \
         curl -sS {url}/v1/images/generations -H 'Authorization: Bearer {team_key}' \
         -H 'Content-Type: application/json' \
         -d '{{\"prompt\":\"a lighthouse at dawn, watercolour\",\"output_format\":\"png\"}}' \
         | sed -n 's/.*\"b64_json\": *\"\\([^\"]*\\)\".*/\\1/p' | base64 --decode > lighthouse.png\n\n\
         The gateway keeps its own copy under {assets}. The API is described at {url}/docs\n"
    ));
}
