//! What is advertised works; what is not is refused before a byte is sent.

use bytes::Bytes;

use provider::{
    AspectRatio, Audio, Durations, ErrorKind, Input, Kind, Model, Polled, Recovered, Recovery,
    Result, Retry, Role, Size, Sizes, Submitted, Ticket, Work,
};

use crate::{Fixture, stage::Stage};

const ROLES: [Role; 7] = [
    Role::Source,
    Role::Reference,
    Role::FirstFrame,
    Role::LastFrame,
    Role::Mask,
    Role::Video,
    Role::Audio,
];

fn input(role: Role, media_type: &str) -> Input {
    let url = Some("https://inputs.example/1".to_owned());
    Input { role, media_type: media_type.replace('*', "png"), bytes: Bytes::from("input"), url }
}

/// Work that asks for one thing more than the model advertises, by what it is.
fn too_much(model: &Model, plain: &Work) -> Vec<(String, Work)> {
    let can = &model.capabilities;
    let mut all: Vec<(String, Work)> = Vec::new();
    let mut ask = |what: &str, change: &dyn Fn(&mut Work)| {
        let mut work = Work { model: model.name.clone(), kind: model.kind, ..plain.clone() };
        change(&mut work);
        all.push((format!("{}: {what}", model.name), work));
    };
    ask("another kind", &|work| {
        work.kind = if model.kind == Kind::Text { Kind::Image } else { Kind::Text };
    });
    ask("a longer prompt", &|work| work.prompt = "x".repeat(can.prompt_chars.end() + 1));
    if *can.prompt_chars.start() > 0 {
        ask("no prompt", &|work| work.prompt.clear());
    }
    if !can.negative_prompt {
        ask("a negative prompt", &|work| work.negative_prompt = Some("fog".to_owned()));
    }
    ask("another size", &|work| work.size = Some(Size::new(99_999, 7)));
    if !matches!(can.sizes, Sizes::Within { .. }) {
        ask("another ratio", &|work| work.aspect_ratio = Some(AspectRatio::new(99_999, 7)));
    }
    if !can.seed {
        ask("a seed", &|work| work.seed = Some(7));
    }
    if can.seconds == Durations::Not {
        ask("a clip", &|work| work.seconds = Some(5));
    }
    match can.audio {
        Audio::Never => ask("sound", &|work| work.audio = Some(true)),
        Audio::Always => ask("silence", &|work| work.audio = Some(false)),
        Audio::Choice => {}
    }
    ask("more outputs", &|work| work.count = can.max_count.saturating_add(1));
    ask("no output", &|work| work.count = 0);
    if !can.no_retention {
        ask("nothing kept", &|work| work.retain = false);
    }
    ask("an option that nobody documents", &|work| {
        work.options.insert("zz_unknown".to_owned(), serde_json::Value::Null);
    });
    for role in ROLES {
        match can.inputs.iter().find(|rule| rule.role == role) {
            None => ask("an input of a role", &|work| work.inputs = vec![input(role, "image/png")]),
            Some(rule) => {
                ask("an input of a type", &|work| {
                    work.inputs = vec![input(role, "application/x-unknown")];
                });
                ask("more inputs", &|work| {
                    work.inputs = vec![input(role, &rule.media_types[0]); rule.max + 1];
                });
            }
        }
    }
    all
}

/// Everything that no model advertises is refused, and the vendor never hears of it.
pub async fn capabilities_are_honest(fixture: &impl Fixture) {
    let stage = Stage::good(fixture);
    let description = stage.provider.describe();
    for model in &description.models {
        for (what, work) in too_much(model, &stage.work) {
            let quoted = stage.provider.quote(stage.call(), &work).await.err();
            let sent = stage.submit(&work).await.err();
            for error in [quoted, sent] {
                let error = error.unwrap_or_else(|| panic!("not refused: {what}"));
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{what}");
                assert!(!error.reasons().is_empty(), "{what}: no reason");
            }
        }
    }
    let unknown = Work { model: "zz-unknown".to_owned(), ..stage.work.clone() };
    assert!(stage.submit(&unknown).await.is_err(), "an unknown model is refused");
    assert_eq!(stage.vendor.requests().len(), 0, "a refusal sends nothing");
}

/// Every advertised parameter of every model is taken, and makes another request than without it.
pub async fn advertised_parameters_are_sent(fixture: &impl Fixture) {
    let stage = Stage::good(fixture);
    for model in &stage.provider.describe().models {
        let plain = Work { model: model.name.clone(), kind: model.kind, ..stage.work.clone() };
        let without = sent(fixture, &plain).await;
        for (what, work) in just_enough(model, &plain) {
            let with = sent(fixture, &work).await;
            assert!(with != without, "{}: {what} is not in the request", model.name);
        }
    }
}

fn just_enough(model: &Model, plain: &Work) -> Vec<(String, Work)> {
    let can = &model.capabilities;
    let mut all = Vec::new();
    let mut ask = |what: String, change: &dyn Fn(&mut Work)| {
        let mut work = plain.clone();
        change(&mut work);
        all.push((what, work));
    };
    ask("another prompt".to_owned(), &|work| work.prompt = "an owl in fog".to_owned());
    if can.negative_prompt {
        ask("negative prompt".to_owned(), &|work| work.negative_prompt = Some("fog".to_owned()));
    }
    // The first is the default, so that asking for it may make no difference.
    if let Sizes::Listed(sizes) = &can.sizes {
        for size in sizes.iter().skip(1) {
            ask(format!("size {size}"), &|work| work.size = Some(*size));
        }
    }
    if let Sizes::Ratios(ratios) = &can.sizes {
        for ratio in ratios.iter().skip(1) {
            ask(format!("ratio {ratio}"), &|work| work.aspect_ratio = Some(*ratio));
        }
    }
    if let Sizes::Within { min, max, .. } = &can.sizes {
        ask("size".to_owned(), &|work| work.size = Some(Size::new(*min, *max)));
    }
    if can.seed {
        ask("seed".to_owned(), &|work| work.seed = Some(424_242));
    }
    match &can.seconds {
        Durations::Within { max, .. } => {
            ask("seconds".to_owned(), &|work| work.seconds = Some(*max));
        }
        Durations::Listed { seconds, default } => {
            for other in seconds.iter().filter(|seconds| *seconds != default) {
                ask(format!("{other} seconds"), &|work| work.seconds = Some(*other));
            }
        }
        Durations::Not => {}
    }
    if can.no_retention {
        ask("no retention".to_owned(), &|work| work.retain = false);
    }
    if can.max_count > 1 {
        ask("count".to_owned(), &|work| work.count = can.max_count);
    }
    for rule in &can.inputs {
        for media_type in &rule.media_types {
            for count in 1..=rule.max {
                ask(format!("{count} {media_type} as {:?}", rule.role), &|work| {
                    work.inputs = vec![input(rule.role, media_type); count];
                });
            }
        }
    }
    all
}

/// The submit that this work becomes: its path, its headers but for the server's own name, its body.
async fn sent(fixture: &impl Fixture, work: &Work) -> (String, Vec<(String, String)>, Vec<u8>) {
    let stage = Stage::good(fixture);
    let quoted = stage.provider.quote(stage.call(), work).await;
    assert!(quoted.is_ok(), "advertised and not quoted: {quoted:?}");
    let submitted = stage.submit(work).await;
    assert!(submitted.is_ok(), "advertised and refused: {submitted:?}");
    let mut requests = stage.vendor.requests();
    requests.retain(|request| fixture.is_submit(request));
    let mut submit = requests.pop().expect("a submit was sent");
    submit.headers.retain(|(name, _)| name != "host");
    (submit.path, submit.headers, submit.body)
}

/// A finished job stays finished; a vendor without jobs refuses to be asked for one.
pub async fn terminal_is_terminal(fixture: &impl Fixture) {
    let stage = Stage::good(fixture);
    let submitted = stage.submit(&stage.work).await.expect("submitted work");
    let Submitted::Running(ticket) = submitted else {
        println!("no queue: the adapter must refuse to poll");
        return refuses(&stage, stage.provider.poll(stage.call(), &stray()).await);
    };
    let mut last = None;
    for _ in 0..20 {
        let polled = stage.provider.poll(stage.call(), &ticket).await.expect("a poll");
        if let Some(before) = &last {
            assert_eq!(&polled, before, "a terminal answer changed");
        } else if matches!(polled, Polled::Finished(_)) {
            last = Some(polled);
        }
    }
    assert!(last.is_some(), "the job never finished");
}

/// Cancelling twice is cancelling once; a vendor that cannot is not asked to.
pub async fn cancel_is_idempotent(fixture: &impl Fixture) {
    let stage = Stage::good(fixture);
    let submitted = stage.submit(&stage.work).await.expect("submitted work");
    let Submitted::Running(ticket) = submitted else {
        println!("no queue: the adapter must refuse to cancel");
        return refuses(&stage, stage.provider.cancel(stage.call(), &stray()).await);
    };
    for _ in 0..2 {
        stage.provider.cancel(stage.call(), &ticket).await.expect("cancelled");
    }
}

pub(super) fn stray() -> Ticket {
    Ticket { reference: "zz-unknown".to_owned(), look_after: std::time::Duration::ZERO }
}

/// That what the vendor cannot do was refused, and the vendor heard of nothing but the submit.
pub(super) fn refuses<T: std::fmt::Debug>(stage: &Stage, result: Result<T>) {
    let error = result.expect_err("what the vendor cannot do is refused");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(error.retry(), Retry::No);
    assert!(stage.vendor.requests().len() <= 1, "{:?}", stage.vendor.requests());
}

/// Keys are rotated only where the description says so.
pub async fn rotation_is_honest(fixture: &impl Fixture) {
    let stage = Stage::good(fixture);
    let rotated = stage.provider.rotate(stage.call()).await;
    if stage.provider.describe().can_rotate {
        assert!(rotated.is_ok(), "{rotated:?}");
    } else {
        refuses(&stage, rotated);
    }
}

/// The account tells something only where the description says so.
pub async fn account_is_honest(fixture: &impl Fixture) {
    let stage = Stage::good(fixture);
    let account = stage.provider.account(stage.call()).await;
    if stage.provider.describe().tells_account {
        let status = account.expect("the account");
        let tells = status.balance.is_some() || !status.allowances.is_empty();
        assert!(tells, "{status:?}");
    } else {
        refuses(&stage, account);
    }
}

/// A history finds the lost work again with its charge and bytes; without one, nothing is asked.
pub async fn recovery_is_honest(fixture: &impl Fixture) {
    let stage = Stage::good(fixture);
    let recovered = stage.recover().await.expect("what the history says");
    match (stage.model().capabilities.recovery, recovered) {
        (Recovery::Nothing, Recovered::CannotTell) => {
            assert_eq!(stage.vendor.requests().len(), 0, "nothing is there to be asked");
        }
        (Recovery::History, Recovered::Candidates(found)) => {
            let row = found.first().expect("the lost work is in the history");
            assert_eq!(row.reference, fixture.reference());
            assert_eq!(row.finished.reference, Some(fixture.reference()));
            assert_eq!(row.finished.charge.amount, fixture.charge());
            let bytes = stage.bytes(&row.finished.outputs[0]).await.expect("the bytes");
            assert!(bytes == fixture.output(), "{} bytes are not the vendor's", bytes.len());
            assert_eq!(stage.submits(fixture), 0, "looking costs nothing");
        }
        (advertised, got) => panic!("{advertised:?} is advertised, {got:?} came"),
    }
}
