//! `atelier generate` and `atelier estimate`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use provider::{ImageFormat, Kind};
use serde_json::{Map, Value, json};

use super::{
    Session,
    args::Work,
    client::Client,
    failure::{Exit, Failure},
    output,
    place::place,
    target::Target,
};

/// How long to wait before a stream of events that was cut is opened again.
const REST: Duration = Duration::from_millis(500);

/// Makes it, saves it, and tells where it lies and what it cost.
pub(super) async fn generate(session: &Session<'_>, work: Work) -> Result<(), Failure> {
    let target = Target::any(session, work.remote.clone()).await?;
    let made = make(&target.client, &work, session.json).await;
    target.end().await;
    made
}

async fn make(client: &Client, work: &Work, as_json: bool) -> Result<(), Failure> {
    let started = client.post(&["v1", "generations"], &body(work)).await?;
    let mut generation = finish(client, started).await?;
    let mut files = Vec::new();
    if generation["status"] == "completed" {
        files = save(client, &generation, work).await?;
    }
    let ended = verdict(&generation);
    if as_json {
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        if let Some(fields) = generation.as_object_mut() {
            fields.insert("files".to_owned(), json!(names));
        }
        output::json(&generation);
    } else if ended.is_ok() {
        for file in &files {
            output::line(file.display());
        }
        for text in texts(&generation) {
            output::line(text);
        }
        let text = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
        let cost = text(&generation["cost"]["charged_usd"]);
        output::line(format_args!("${cost} at {}", text(&generation["provider_model"])));
    }
    ended
}

/// Follows a generation until it is final.
async fn finish(client: &Client, started: Value) -> Result<Value, Failure> {
    let id = started["id"].as_str().map(str::to_owned);
    let id = id.ok_or_else(|| Failure::failed("the gateway's answer has no id"))?;
    let mut generation = started;
    let bar = output::progress("waiting");
    while !is_final(&generation) {
        let mut events = client.events(&["v1", "generations", &id, "events"]).await?;
        while let Some(now) = events.next().await {
            generation = now;
            bar.set_message(progress(&generation));
        }
        if !is_final(&generation) {
            // A proxy or a restart cut the stream; what is paid for goes on without it.
            tokio::time::sleep(REST).await;
        }
    }
    bar.finish_and_clear();
    Ok(generation)
}

fn is_final(generation: &Value) -> bool {
    !matches!(generation["status"].as_str(), Some("queued" | "running"))
}

fn progress(generation: &Value) -> String {
    let status = generation["status"].as_str().unwrap_or_default();
    match generation["progress"].as_u64().filter(|percent| *percent > 0) {
        Some(percent) => format!("{status}, {percent} %"),
        None => status.to_owned(),
    }
}

/// Whether a final generation is what was asked for.
fn verdict(generation: &Value) -> Result<(), Failure> {
    let error = &generation["error"];
    let message = error["message"].as_str();
    match generation["status"].as_str() {
        Some("completed") => Ok(()),
        Some("blocked") => Err(Failure {
            exit: Exit::Refused,
            message: message.unwrap_or("the vendor's safety check refused it").to_owned(),
        }),
        status => {
            let code = error["code"].as_str().unwrap_or_default();
            let exit = match Exit::of_code(code) {
                // A vendor's trouble with our account is not the user's own key.
                Exit::Refused => Exit::Refused,
                _ => Exit::Failed,
            };
            let status = status.unwrap_or("unknown");
            let message = message.map_or_else(
                || format!("the generation is {status}"),
                |message| format!("{message} ({code})"),
            );
            Err(Failure { exit, message })
        }
    }
}

async fn save(client: &Client, generation: &Value, work: &Work) -> Result<Vec<PathBuf>, Failure> {
    let outputs: Vec<(&str, &str)> = outputs(generation)
        .filter_map(|output| Some((output["asset"].as_str()?, output["mime_type"].as_str()?)))
        .collect();
    let mut files = Vec::new();
    for (index, (asset, media_type)) in outputs.iter().enumerate() {
        let number = (outputs.len() > 1).then_some(index + 1);
        let file = place(work.output.as_deref(), &work.prompt, media_type, number);
        client.save(&["v1", "assets", asset], &file).await?;
        files.push(file);
    }
    Ok(files)
}

fn outputs(generation: &Value) -> impl Iterator<Item = &Value> {
    generation["outputs"].as_array().into_iter().flatten()
}

fn texts(generation: &Value) -> impl Iterator<Item = &str> {
    outputs(generation).filter_map(|output| output["text"].as_str())
}

/// The request in the native API's words.
fn body(work: &Work) -> Value {
    let mut body = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    // A model tells its kind; without either it is a picture.
    let kind = work.kind.or_else(|| work.model.is_none().then_some(Kind::Image));
    put("kind", kind.map(|kind| json!(kind)));
    put("model", work.model.as_ref().map(|model| json!(model)));
    put("prompt", Some(json!(work.prompt)));
    put("negative_prompt", work.negative_prompt.as_ref().map(|text| json!(text)));
    put("size", work.size.map(|size| json!(size)));
    put("aspect_ratio", work.aspect_ratio.map(|ratio| json!(ratio)));
    put("count", Some(json!(work.count)));
    put("seed", work.seed.map(|seed| json!(seed)));
    put("seconds", work.seconds.map(|seconds| json!(seconds)));
    put("audio", work.audio.map(|audio| json!(audio)));
    let format = work.format.or_else(|| named_format(work.output.as_deref()));
    put("output", format.map(|format| json!({ "format": format })));
    put("strict", work.strict.then_some(json!(true)));
    let mut routing = Map::new();
    if let Some(policy) = work.policy {
        routing.insert("policy".to_owned(), json!(policy));
    }
    if !work.providers.is_empty() {
        routing.insert("providers".to_owned(), json!(work.providers));
    }
    if let Some(most) = work.max_cost {
        routing.insert("max_cost_usd".to_owned(), json!(most));
    }
    put("routing", (!routing.is_empty()).then_some(Value::Object(routing)));
    Value::Object(body)
}

/// The format that the file's name promises: a `fox.png` shall be one.
fn named_format(file: Option<&Path>) -> Option<ImageFormat> {
    match file?.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "jpg" => Some(ImageFormat::Jpeg),
        name => name.parse().ok(),
    }
}

/// The ranked quotes.
pub(super) async fn estimate(session: &Session<'_>, work: Work) -> Result<(), Failure> {
    let target = Target::any(session, work.remote.clone()).await?;
    let answer = target.client.post(&["v1", "estimates"], &body(&work)).await;
    target.end().await;
    let answer = answer?;
    if session.json {
        output::json(&answer);
        return Ok(());
    }
    let rows = answer["data"].as_array().into_iter().flatten().map(quote_row).collect();
    output::table(&["MODEL", "ACCOUNT", "EXPECTED", "AT MOST", "KNOWN BY", "WAIT", "NOTE"], rows);
    Ok(())
}

fn quote_row(quote: &Value) -> Vec<String> {
    const NOTHING: &str = "-";
    let text = |name: &str| quote[name].as_str().unwrap_or(NOTHING).to_owned();
    let (provider, model) = (text("provider"), text("model"));
    let model = if model.contains('/') { model } else { format!("{provider}/{model}") };
    let dollars = |name: &str| match quote[name].as_str() {
        Some(usd) => format!("${usd}"),
        None => NOTHING.to_owned(),
    };
    let wait = match &quote["wait_s"] {
        Value::Number(seconds) => format!("{seconds} s"),
        _ => NOTHING.to_owned(),
    };
    let note = match (quote["usable"].as_bool(), quote["reason"].as_str()) {
        (Some(true), None) => String::new(),
        (_, reason) => reason.unwrap_or("not usable").to_owned(),
    };
    vec![
        model,
        text("account"),
        dollars("estimated_usd"),
        dollars("upper_usd"),
        text("source"),
        wait,
        note,
    ]
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::{Cli, Command};

    fn work(line: &[&str]) -> Work {
        let line = ["atelier", "generate"].iter().chain(line);
        match Cli::try_parse_from(line).unwrap().command {
            Some(Command::Generate(work)) => work,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_become_the_native_request() {
        assert_eq!(
            body(&work(&["a fox"])),
            json!({ "kind": "image", "prompt": "a fox", "count": 1 })
        );
        for (file, format) in [("a.PNG", "png"), ("b/c.jpg", "jpeg"), ("d.webp", "webp")] {
            let named = body(&work(&["fox", "-o", file]));
            assert_eq!(named["output"], json!({ "format": format }), "{file}");
        }
        for file in ["a", "a.mp4", "png/"] {
            assert_eq!(body(&work(&["fox", "-o", file])).get("output"), None, "{file}");
        }
        let full = work(&[
            "fox",
            "--model",
            "photo",
            "--size",
            "512x512",
            "--count",
            "3",
            "--seed",
            "-7",
            "--negative-prompt",
            "dogs",
            "--format",
            "webp",
            "--policy",
            "latency",
            "--provider",
            "zekron",
            "--max-cost",
            "0.05",
            "--strict",
        ]);
        assert_eq!(
            body(&full),
            json!({
                "model": "photo", "prompt": "fox", "negative_prompt": "dogs", "size": "512x512",
                "count": 3, "seed": -7, "output": { "format": "webp" }, "strict": true,
                "routing": {
                    "policy": "latency", "providers": ["zekron"], "max_cost_usd": "0.050000"
                },
            })
        );
    }

    #[test]
    fn ends_have_exit_codes() {
        let exit = |generation: Value| verdict(&generation).map_err(|failure| failure.exit).err();
        assert_eq!(exit(json!({ "status": "completed" })), None);
        assert_eq!(exit(json!({ "status": "blocked" })), Some(Exit::Refused));
        let failed = |code: &str| exit(json!({ "status": "failed", "error": { "code": code } }));
        assert_eq!(failed("budget_exceeded"), Some(Exit::Refused));
        assert_eq!(failed("provider_error"), Some(Exit::Failed));
        assert_eq!(exit(json!({})), Some(Exit::Failed));
    }
}
