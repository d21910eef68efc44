//! OpenAI's messages, and what becomes of them: vendors here take one prompt and pictures.
//!
//! # From messages to a prompt
//! One user message is the prompt as it stands. A conversation is written out, a paragraph for each
//! message that says something, with the role in front (`User: ...`, `User (ann): ...`); what the
//! system says comes first, the rest stays in its order. Parts of one message stand on lines of their
//! own. Pictures are inputs of role `source`, in the order of the conversation.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use engine::{Code, Refusal};
use provider::Role;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    fields::{LONGEST_PROMPT, fits},
    inputs::{From, InputSource, MOST_INPUTS},
};

/// Who says something.
#[derive(Deserialize, ToSchema, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Speaker {
    Developer,
    System,
    User,
    Assistant,
    Tool,
    Function,
}

/// One message of a conversation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageBody<'a> {
    role: Speaker,
    /// A text, or parts: texts and, of the user, pictures.
    #[serde(borrow)]
    #[schema(value_type = Option<Object>)]
    content: Option<Content<'a>>,
    /// Tells participants of one role apart.
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    /// Of an earlier answer: stands for its content.
    #[serde(borrow)]
    refusal: Option<Cow<'a, str>>,
    /// Of an earlier answer; not looked at.
    #[serde(rename = "annotations")]
    #[schema(ignore)]
    _annotations: Option<IgnoredAny>,
    #[schema(ignore)]
    audio: Option<IgnoredAny>,
    #[schema(ignore)]
    function_call: Option<IgnoredAny>,
    #[schema(ignore)]
    tool_calls: Option<IgnoredAny>,
    #[schema(ignore)]
    tool_call_id: Option<IgnoredAny>,
}

/// A text, or parts.
enum Content<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<PartBody<'a>>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Content<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of parts")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Content::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Content::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut parts = Vec::new();
                while let Some(part) = list.next_element()? {
                    parts.push(part);
                }
                Ok(Content::Parts(parts))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// One part of a message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartBody<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    refusal: Option<Cow<'a, str>>,
    #[serde(borrow)]
    image_url: Option<PictureUrl<'a>>,
    input_audio: Option<IgnoredAny>,
    file: Option<IgnoredAny>,
    prompt_cache_breakpoint: Option<Value>,
}

/// Where a picture is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PictureUrl<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow)]
    detail: Option<Cow<'a, str>>,
}

/// What a conversation says.
#[derive(Default)]
pub(super) struct Said<'a> {
    pub(super) prompt: String,
    pub(super) pictures: Vec<InputSource<'a>>,
    /// What was asked for within the messages and has no effect here.
    pub(super) without_effect: BTreeMap<&'static str, Value>,
}

/// What a conversation says, in a prompt and pictures.
///
/// # Errors
/// `invalid_request` and `unsupported_parameter`, naming the message or its part.
pub(super) fn read(messages: Vec<MessageBody<'_>>) -> Result<Said<'_>, Refusal> {
    let mut said = Said::default();
    let mut lines = Vec::with_capacity(messages.len());
    let is_plain = matches!(messages.as_slice(), [only]
        if only.role == Speaker::User && only.name.is_none());
    for (index, message) in messages.into_iter().enumerate() {
        lines.push(line(message, &format!("messages[{index}]"), &mut said)?);
    }
    if said.pictures.len() > MOST_INPUTS {
        let message = format!("{} pictures are more than {MOST_INPUTS}", said.pictures.len());
        return Err(Refusal::field("messages", message));
    }
    lines.retain(|line| !line.text.is_empty());
    // A stable sort: the rest stays in its order.
    lines.sort_by_key(|line| !matches!(line.role, Speaker::Developer | Speaker::System));
    said.prompt = match is_plain {
        true => lines.pop().map(|line| line.text).unwrap_or_default(),
        false => lines.iter().map(Line::written).collect::<Vec<_>>().join("\n\n"),
    };
    if said.prompt.is_empty() && said.pictures.is_empty() {
        return Err(Refusal::field("messages", "`messages` say nothing"));
    }
    fits(&said.prompt, LONGEST_PROMPT)
        .map_err(|reason| Refusal::field("messages", format!("`messages`: {reason}")))?;
    Ok(said)
}

/// The words of one message.
struct Line {
    role: Speaker,
    name: Option<String>,
    text: String,
}

impl Line {
    fn written(&self) -> String {
        let role = match self.role {
            Speaker::Developer | Speaker::System => "System",
            Speaker::User => "User",
            Speaker::Assistant => "Assistant",
            Speaker::Tool | Speaker::Function => "Tool",
        };
        match &self.name {
            Some(name) => format!("{role} ({name}): {}", self.text),
            None => format!("{role}: {}", self.text),
        }
    }
}

fn line<'a>(message: MessageBody<'a>, path: &str, said: &mut Said<'a>) -> Result<Line, Refusal> {
    let role = message.role;
    let calls = [
        ("role", matches!(role, Speaker::Tool | Speaker::Function)),
        ("tool_calls", message.tool_calls.is_some()),
        ("tool_call_id", message.tool_call_id.is_some()),
        ("function_call", message.function_call.is_some()),
        ("audio", message.audio.is_some()),
    ];
    if let Some((name, _)) = calls.iter().find(|(_, given)| *given) {
        return Err(unsupported(
            format!("{path}.{name}"),
            "no provider here calls tools or speaks in a conversation",
        ));
    }
    let text = match (message.content, message.refusal) {
        (Some(Content::Text(text)), _) => text.into_owned(),
        (Some(Content::Parts(parts)), _) => {
            let mut texts = Vec::with_capacity(parts.len());
            for (index, part) in parts.into_iter().enumerate() {
                texts.extend(part.read(role, &format!("{path}.content[{index}]"), said)?);
            }
            texts.join("\n")
        }
        (None, Some(refusal)) => refusal.into_owned(),
        (None, None) => {
            let path = format!("{path}.content");
            return Err(Refusal::field(path.clone(), format!("`{path}` is missing")));
        }
    };
    Ok(Line { role, name: message.name.map(Cow::into_owned), text })
}

impl<'a> PartBody<'a> {
    /// The part's words; a picture goes to the others.
    fn read(
        self,
        role: Speaker,
        path: &str,
        said: &mut Said<'a>,
    ) -> Result<Option<String>, Refusal> {
        let missing = |name: &str| {
            let path = format!("{path}.{name}");
            Refusal::field(path.clone(), format!("`{path}` is missing"))
        };
        if let Some(point) = self.prompt_cache_breakpoint {
            said.without_effect.insert("prompt_cache_breakpoint", point);
        }
        if self.input_audio.is_some() || self.file.is_some() {
            let message = "a conversation here has texts and pictures; `POST /v1/generations` \
                           takes other inputs";
            return Err(unsupported(format!("{path}.type"), message));
        }
        match &*self.r#type {
            "text" => Ok(Some(self.text.ok_or_else(|| missing("text"))?.into_owned())),
            "refusal" => Ok(Some(self.refusal.ok_or_else(|| missing("refusal"))?.into_owned())),
            "image_url" if role == Speaker::User => {
                let picture = self.image_url.ok_or_else(|| missing("image_url"))?;
                said.pictures.push(picture.source(path, &mut said.without_effect)?);
                Ok(None)
            }
            "image_url" => {
                let message = "only a user's message may have pictures";
                Err(Refusal::field(format!("{path}.type"), message))
            }
            _ => {
                let message = "a part is a `text` or an `image_url`";
                Err(Refusal::field(format!("{path}.type"), message))
            }
        }
    }
}

impl<'a> PictureUrl<'a> {
    fn source(
        self,
        path: &str,
        without_effect: &mut BTreeMap<&'static str, Value>,
    ) -> Result<InputSource<'a>, Refusal> {
        const DETAILS: [&str; 4] = ["auto", "low", "high", "original"];
        if let Some(detail) = self.detail {
            if !DETAILS.contains(&&*detail) {
                let path = format!("{path}.image_url.detail");
                let message = format!("`{path}` is one of `{}`", DETAILS.join("`, `"));
                return Err(Refusal::field(path, message));
            }
            if detail != "auto" {
                without_effect.insert("detail", Value::from(detail.into_owned()));
            }
        }
        let from = match self.url.starts_with("data:") {
            true => From::Base64(self.url),
            false => From::Url(self.url),
        };
        let param = format!("{path}.image_url.url");
        Ok(InputSource { role: Role::Source, param, from, mime_type: None })
    }
}

/// 400 for what OpenAI documents and nobody here can do.
pub(super) fn unsupported(param: impl Into<String>, message: &str) -> Refusal {
    Refusal::new(Code::UnsupportedParameter, message).at(param)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::json::parse;

    fn said(messages: &str) -> Result<(String, usize), (Code, String)> {
        let told = |refusal: Refusal| (refusal.code, refusal.param.unwrap_or_default());
        let messages: Vec<MessageBody<'_>> = parse(messages.as_bytes()).map_err(told)?;
        read(messages).map(|said| (said.prompt, said.pictures.len())).map_err(told)
    }

    #[test]
    fn one_message_is_the_prompt_and_a_conversation_is_written_out() {
        let long = r#"[{"role": "user", "content": "hello", "name": "ann"},
            {"role": "assistant", "content": "hi", "refusal": null, "annotations": []},
            {"role": "developer", "content": [{"type": "text", "text": "be brief"}]},
            {"role": "assistant", "content": null, "refusal": "no"},
            {"role": "user", "content": [{"type": "text", "text": "a"},
                {"type": "image_url", "image_url": {"url": "https://a/b.png"}},
                {"type": "text", "text": "b"}]}]"#;
        let written = "System: be brief\n\nUser (ann): hello\n\nAssistant: hi\n\nAssistant: no\n\n\
                       User: a\nb";
        for (messages, prompt, pictures) in [
            (r#"[{"role": "user", "content": "hello"}]"#, "hello", 0),
            (r#"[{"role": "user", "content": "User: \"x\""}]"#, "User: \"x\"", 0),
            (r#"[{"role": "system", "content": "hello"}]"#, "System: hello", 0),
            (
                r#"[{"role": "user", "content": [{"type": "image_url",
                    "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}}]}]"#,
                "",
                1,
            ),
            (long, written, 1),
        ] {
            assert_eq!(said(messages).unwrap(), (prompt.to_owned(), pictures), "{messages}");
        }
    }

    #[test]
    fn bad_messages_are_named() {
        let invalid = Code::InvalidRequest;
        let unknown = Code::UnsupportedParameter;
        let user = |content: &str| format!(r#"[{{"role": "user", "content": {content}}}]"#);
        let long = format!("\"{}\"", "x".repeat(32_001));
        for (messages, code, param) in [
            ("[]".to_owned(), invalid, "messages"),
            (user("\"\""), invalid, "messages"),
            (user(&long), invalid, "messages"),
            (user("null"), invalid, "messages[0].content"),
            (user("7"), invalid, "[0].content"),
            (user("[7]"), invalid, "[0].content[0]"),
            (user(r#"[{"type": "text"}]"#), invalid, "messages[0].content[0].text"),
            (user(r#"[{"type": "text", "text": 1}]"#), invalid, "[0].content[0].text"),
            (user(r#"[{"type": "txt", "text": "a"}]"#), invalid, "messages[0].content[0].type"),
            (user(r#"[{"type": "text", "txt": "a"}]"#), unknown, "[0].content[0].txt"),
            (user(r#"[{"type": "image_url"}]"#), invalid, "messages[0].content[0].image_url"),
            (
                user(r#"[{"type": "image_url", "image_url": {"url": "a", "detail": "b"}}]"#),
                invalid,
                "messages[0].content[0].image_url.detail",
            ),
            (
                user(r#"[{"type": "input_audio", "input_audio": {}}]"#),
                unknown,
                "messages[0].content[0].type",
            ),
            (
                r#"[{"role": "system", "content": [{"type": "image_url",
                    "image_url": {"url": "https://a"}}]}]"#
                    .to_owned(),
                invalid,
                "messages[0].content[0].type",
            ),
            (r#"[{"role": "bot", "content": "a"}]"#.to_owned(), invalid, "[0].role"),
            (
                r#"[{"role": "tool", "content": "a", "tool_call_id": "c"}]"#.to_owned(),
                unknown,
                "messages[0].role",
            ),
            (
                r#"[{"role": "assistant", "content": null, "tool_calls": [{}]}]"#.to_owned(),
                unknown,
                "messages[0].tool_calls",
            ),
        ] {
            let refused = said(&messages).unwrap_err();
            assert_eq!(refused, (code, param.to_owned()), "{messages}");
        }
        let picture = r#"{"type": "image_url", "image_url": {"url": "https://a"}}"#;
        let many = user(&format!("[{}]", vec![picture; 17].join(",")));
        assert_eq!(said(&many).unwrap_err(), (invalid, "messages".to_owned()));
    }
}
