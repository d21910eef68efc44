//! What the painter does beside painting: words, sounds, and pictures made from pictures.

use std::fmt::Write;

use bytes::Bytes;
use provider::{
    Charge, Durations, InputRule, Kind, MicroUsd, Model, Output, OutputHint, OutputSink, Role,
    Sizes, Work,
};

use super::painter::{COST, LARGE, picture};

/// A sound of four samples and whatever follows it up to `size` bytes: its head says what it is.
pub(super) fn sound(size: usize) -> Bytes {
    let mut bytes =
        b"RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0\
        data\x08\0\0\0\0\0\0\0\0\0\0\0"
            .to_vec();
    bytes.extend((bytes.len()..size).map(|n| u8::try_from(n % 251).unwrap()));
    bytes.into()
}

/// A drawing.
pub(super) const DRAWING: &str =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"2\" height=\"1\"/>";

/// The models beside `like`.
pub(super) fn models(like: &Model) -> Vec<Model> {
    let plain = |name: &str, kind, options: &[&str]| {
        let mut model =
            Model { name: name.to_owned(), title: name.to_owned(), kind, ..like.clone() };
        let can = &mut model.capabilities;
        (can.sizes, can.seconds, can.seed) = (Sizes::Not, Durations::Not, false);
        can.inputs = Vec::new();
        can.options = options.iter().map(|&name| name.to_owned()).collect();
        model
    };
    let from = |name: &str, kind, roles: &[(Role, usize, &str)]| {
        let mut model = plain(name, kind, &[]);
        model.capabilities.prompt_chars = 0..=32_000;
        let rule = |&(role, min, family): &(Role, usize, &str)| InputRule {
            role,
            min,
            max: 2,
            media_types: vec![family.to_owned()],
            by_url: false,
        };
        model.capabilities.inputs = roles.iter().map(rule).collect();
        model
    };
    let source = [(Role::Source, 1, "image/*")];
    let mixed =
        [(Role::Reference, 0, "audio/*"), (Role::Video, 0, "video/*"), (Role::Audio, 0, "audio/*")];
    vec![
        plain("prose", Kind::Text, &["temperature"]),
        plain("verse", Kind::Text, &[]),
        from("eyes", Kind::Vision, &source),
        plain("reader", Kind::Speech, &["voice"]),
        from("song", Kind::Music, &mixed),
        plain("bang", Kind::SoundEffect, &[]),
        from("lens", Kind::Upscale, &source),
        plain("pen", Kind::Vector, &[]),
        from("scissors", Kind::BackgroundRemoval, &source),
    ]
}

/// What comes of work that is neither a picture of words nor a clip.
pub(super) async fn perform(work: &Work, sink: &mut dyn OutputSink) -> Option<Output> {
    let size = if work.prompt == "large" { LARGE } else { 0 };
    let bytes = match work.kind {
        Kind::Image | Kind::Video => return None,
        Kind::Text | Kind::Vision => return Some(Output::Text(said(work))),
        Kind::Speech | Kind::Music | Kind::SoundEffect => sound(size),
        Kind::Upscale | Kind::BackgroundRemoval => picture(size),
        Kind::Vector => Bytes::from_static(DRAWING.as_bytes()),
    };
    let mut writer = sink.open(OutputHint::default()).await.unwrap();
    writer.write(bytes).await.unwrap();
    Some(Output::Written(writer.finish().await.unwrap()))
}

/// What is charged. Of effects the vendor says that it had estimated a quarter.
pub(super) fn charge(kind: Kind) -> Charge {
    let estimated = (kind == Kind::SoundEffect).then(|| MicroUsd::from_micros(COST / 4));
    Charge { estimated, ..Charge::exact(MicroUsd::from_micros(COST)) }
}

/// Everything that was asked for, in words.
fn said(work: &Work) -> String {
    let mut text = format!("{}: {:?}", work.model, work.prompt);
    for input in &work.inputs {
        write!(text, " {:?} {} {}", input.role, input.media_type, input.bytes.len()).unwrap();
    }
    for (name, value) in &work.options {
        write!(text, " {name}={value}").unwrap();
    }
    text
}
