//! The wire, written down: requests as they are sent, answers as they are understood.
//!
//! A difference is written beside the golden file as `NAME.new`: look at it, and rename it if it is
//! what it should be.

use std::{fs, path::Path};

use serde_json::Value;

use provider::{Result, Submitted};

use crate::{
    Answer, Fixture, Recorded,
    stage::{SECRET, Stage},
};

/// Each piece of golden work becomes the very request that is written down.
pub async fn golden_requests(fixture: &impl Fixture) {
    let mut wrong = Vec::new();
    let all = fixture.golden_work();
    assert!(!all.is_empty(), "no golden work");
    for (name, work) in all {
        let stage = Stage::good(fixture);
        stage.submit(&work).await.expect("submitted work");
        let requests = stage.vendor.requests();
        let submit = requests.iter().find(|request| fixture.is_submit(request));
        let text = written(submit.expect("a submit was sent"));
        compare(&fixture.golden().join(format!("requests/{name}.txt")), &text, &mut wrong);
    }
    assert!(wrong.is_empty(), "differ: {wrong:#?}");
}

/// Each `STATUS_name.json` is understood as the `STATUS_name.txt` beside it says.
pub async fn golden_responses(fixture: &impl Fixture) {
    let mut wrong = Vec::new();
    let folder = fixture.golden().join("responses");
    let mut bodies: Vec<_> = fs::read_dir(&folder)
        .expect("the folder of golden responses")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    bodies.sort();
    assert!(!bodies.is_empty(), "no golden responses");
    for path in bodies {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        let status = name.get(..3).and_then(|status| status.parse().ok()).expect("a status first");
        let body = fs::read(&path).expect("a golden response");
        let answer = Answer::new(status, "application/json", body);
        let stage = Stage::submit_gets(fixture, answer);
        let submitted = stage.submit(&stage.work).await;
        let text = understood(&stage, &submitted);
        compare(&path.with_extension("txt"), &text, &mut wrong);
    }
    assert!(wrong.is_empty(), "differ: {wrong:#?}");
}

fn understood(stage: &Stage, submitted: &Result<Submitted>) -> String {
    match submitted {
        Ok(submitted) => format!("{submitted:#?}\noutputs written: {}\n", stage.sink.finished()),
        Err(error) => {
            let charge = error.charge().map(|charge| format!("{charge:#?}\n"));
            format!("{error:#?}\n{}", charge.unwrap_or_default())
        }
    }
}

fn written(request: &Recorded) -> String {
    let mut text = format!("{} {}\n", request.method, request.path);
    for (name, value) in &request.headers {
        // These differ from run to run or from release to release.
        if !matches!(name.as_str(), "host" | "content-length" | "user-agent") {
            text.push_str(&format!("{name}: {}\n", value.replace(SECRET, "[key]")));
        }
    }
    let body = match serde_json::from_slice::<Value>(&request.body) {
        Ok(json) => format!("{json:#}"),
        Err(_) => String::from_utf8_lossy(&request.body).into_owned(),
    };
    format!("{text}\n{body}\n")
}

fn compare(path: &Path, text: &str, wrong: &mut Vec<String>) {
    if fs::read_to_string(path).is_ok_and(|golden| golden == text) {
        return;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let kept = fs::create_dir_all(path.parent().expect("a folder"))
        .and_then(|()| fs::write(&beside, text));
    wrong.push(format!("{}: {kept:?}\n{text}", path.display()));
}
