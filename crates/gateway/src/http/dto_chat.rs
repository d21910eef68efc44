//! OpenAI's chat completions, in: a conversation to be continued by one message.

mod unheeded;

use std::borrow::Cow;

use engine::{Delivery, Market, Refusal, Request};
use provider::Kind;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Number, Value};
use utoipa::ToSchema;

use self::unheeded::note;
use super::{
    counterparts::pass_on,
    dto_request::Draft,
    extras::{add_user, with_extras},
    messages::{self, MessageBody, unsupported},
};

/// How the answer shall look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChatShape {
    /// As events.
    pub(super) stream: bool,
    /// Whether each event has a field for the tokens used.
    pub(super) usage: bool,
}

with_extras! {
    /// A conversation.
    #[derive(Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    pub(super) struct ChatBody<'a> {
        /// One user message is the prompt as it stands; a conversation is written out with the roles in
        /// front, what the system says first. Together at most 32,000 characters.
        #[serde(borrow)]
        messages: Vec<MessageBody<'a>>,
        /// An alias, a `provider/model`, or nothing: the default for texts, or for pictures where the
        /// messages have one.
        #[schema(example = "words")]
        model: Option<String>,
        /// Only 1.
        #[schema(minimum = 1, maximum = 1)]
        n: Option<u32>,
        /// One event with the whole answer, then `[DONE]`.
        stream: Option<bool>,
        stream_options: Option<StreamOptions>,
        /// Goes to `metadata.user`.
        user: Option<String>,
        /// Heeded where every candidate documents an option of this name, else without effect.
        #[schema(value_type = Option<f64>, minimum = 0, maximum = 2)]
        temperature: Option<Number>,
        /// For reproducible answers, where every candidate honours it, else without effect.
        seed: Option<i64>,
        /// Without effect.
        max_tokens: Option<u32>,
        /// Without effect.
        max_completion_tokens: Option<u32>,
        /// Without effect.
        #[schema(value_type = Option<f64>, minimum = 0, maximum = 1)]
        top_p: Option<Number>,
        /// Without effect.
        #[schema(value_type = Option<f64>, minimum = -2, maximum = 2)]
        frequency_penalty: Option<Number>,
        /// Without effect.
        #[schema(value_type = Option<f64>, minimum = -2, maximum = 2)]
        presence_penalty: Option<Number>,
        /// Without effect.
        #[schema(value_type = Option<Object>)]
        logit_bias: Option<Map<String, Value>>,
        /// Without effect.
        logprobs: Option<bool>,
        /// Without effect.
        #[schema(value_type = Option<u32>, minimum = 0, maximum = 20)]
        top_logprobs: Option<Number>,
        /// Without effect.
        #[schema(value_type = Option<Object>)]
        stop: Option<Value>,
        /// Without effect.
        #[serde(borrow)]
        reasoning_effort: Option<Cow<'a, str>>,
        /// Without effect.
        #[serde(borrow)]
        verbosity: Option<Cow<'a, str>>,
        /// Without effect.
        #[serde(borrow)]
        service_tier: Option<Cow<'a, str>>,
        /// Without effect.
        #[serde(borrow)]
        prompt_cache_key: Option<Cow<'a, str>>,
        /// Without effect.
        #[serde(borrow)]
        prompt_cache_retention: Option<Cow<'a, str>>,
        /// Without effect.
        #[schema(value_type = Option<Object>)]
        prompt_cache_options: Option<Map<String, Value>>,
        /// Without effect: nothing about end users goes to a vendor.
        #[serde(borrow)]
        safety_identifier: Option<Cow<'a, str>>,
        /// Without effect.
        #[schema(value_type = Option<Object>)]
        moderation: Option<Map<String, Value>>,
        /// Without effect.
        #[schema(value_type = Option<Object>)]
        prediction: Option<Map<String, Value>>,
        /// Without effect.
        #[schema(value_type = Option<Object>)]
        web_search_options: Option<Map<String, Value>>,
        /// Without effect.
        parallel_tool_calls: Option<bool>,
        /// Only `{"type": "text"}`.
        #[schema(value_type = Option<Object>)]
        response_format: Option<Value>,
        /// Only `["text"]`.
        #[schema(value_type = Option<Vec<String>>)]
        modalities: Option<Value>,
        /// Only an empty list.
        #[schema(value_type = Option<Vec<Object>>)]
        tools: Option<Value>,
        /// Only an empty list.
        #[schema(value_type = Option<Vec<Object>>)]
        functions: Option<Value>,
        /// Only `none` or `auto`.
        #[schema(value_type = Option<String>)]
        tool_choice: Option<Value>,
        /// Only `none` or `auto`.
        #[schema(value_type = Option<String>)]
        function_call: Option<Value>,
        #[schema(ignore)]
        audio: Option<IgnoredAny>,
    }
}

/// What a stream shall carry beside the answer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StreamOptions {
    /// Tokens used: nobody here tells them, so they are `null`, and this is without effect.
    include_usage: Option<bool>,
    /// Without effect.
    include_obfuscation: Option<bool>,
}

impl<'a> ChatBody<'a> {
    /// The request that this body asks for.
    ///
    /// # Errors
    /// `invalid_request` and `unsupported_parameter`, naming the field.
    pub(super) fn draft(mut self, market: &Market) -> Result<(Draft<'a>, ChatShape), Refusal> {
        self.refuse_what_nobody_can()?;
        let said = messages::read(std::mem::take(&mut self.messages))?;
        let mut request = Request::image(said.prompt);
        let inside = said.without_effect.into_iter().map(|(name, value)| (name.to_owned(), value));
        request.without_effect.extend(inside);
        self.note_without_effect(&mut request)?;
        let shape = self.shape(&mut request)?;
        let extras = self.extras();
        request.kind = kind(self.model.as_deref(), said.pictures.is_empty(), market)?;
        request.model = self.model;
        extras.write(&mut request, market)?;
        request.delivery = if request.store { Delivery::Url } else { Delivery::None };
        if let Some(temperature) = self.temperature {
            pass_on(&mut request, market, "temperature", Value::Number(temperature))?;
        }
        if let Some(seed) = self.seed {
            add_seed(&mut request, market, seed)?;
        }
        add_user(&mut request, self.user)?;
        Ok((Draft { request, inputs: said.pictures }, shape))
    }

    /// One answer in words is all that is made here: whoever asks for more must not get less unsaid.
    fn refuse_what_nobody_can(&self) -> Result<(), Refusal> {
        match self.n {
            None | Some(1) => {}
            Some(0) => return Err(Refusal::field("n", "`n` is at least 1")),
            Some(_) => return Err(unsupported("n", "one answer is made at a time")),
        }
        let is =
            |given: &Option<Value>, good: &dyn Fn(&Value) -> bool| given.as_ref().is_none_or(good);
        let none = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
        let free = |value: &Value| matches!(value.as_str(), Some("none" | "auto"));
        let text = |value: &Value| value["type"] == "text";
        let words =
            |value: &Value| value.as_array().is_some_and(|all| all.iter().all(|one| one == "text"));
        let tools = "no provider here calls tools";
        for (name, is_good, message) in [
            ("tools", is(&self.tools, &none), tools),
            ("functions", is(&self.functions, &none), tools),
            ("tool_choice", is(&self.tool_choice, &free), tools),
            ("function_call", is(&self.function_call, &free), tools),
            (
                "response_format",
                is(&self.response_format, &text),
                "answers are texts: no provider here promises JSON",
            ),
            ("modalities", is(&self.modalities, &words), "answers are texts, nothing else"),
            ("audio", self.audio.is_none(), "answers are texts; `POST /v1/audio/speech` speaks"),
        ] {
            if !is_good {
                return Err(unsupported(name, message));
            }
        }
        Ok(())
    }

    fn shape(&self, request: &mut Request) -> Result<ChatShape, Refusal> {
        let stream = self.stream.unwrap_or_default();
        let mut usage = false;
        if let Some(options) = &self.stream_options {
            if !stream {
                let message = "`stream_options` are for `\"stream\": true`";
                return Err(Refusal::field("stream_options", message));
            }
            usage = options.include_usage == Some(true);
            for (name, given) in [
                ("include_usage", options.include_usage),
                ("include_obfuscation", options.include_obfuscation),
            ] {
                if given == Some(true) {
                    let name = format!("stream_options.{name}");
                    request.without_effect.insert(name, Value::Bool(true));
                }
            }
        }
        Ok(ChatShape { stream, usage })
    }
}

/// What is made: what the model makes, if it answers in words; without a model what the messages call
/// for.
fn kind(model: Option<&str>, is_text: bool, market: &Market) -> Result<Option<Kind>, Refusal> {
    let Some(name) = model else {
        return Ok(Some(if is_text { Kind::Text } else { Kind::Vision }));
    };
    match market.resolve(model, None)?.kind {
        Kind::Text | Kind::Vision => Ok(None),
        other => {
            let message = format!("the model {name:?} makes {other}: it answers no messages");
            Err(Refusal::field("model", message))
        }
    }
}

/// OpenAI's seed is a wish, ours is kept: it is asked for where every candidate honours one.
fn add_seed(request: &mut Request, market: &Market, seed: i64) -> Result<(), Refusal> {
    let resolved = market.resolve(request.model.as_deref(), request.kind)?;
    let is_kept = resolved.listings.iter().all(|listing| listing.model().capabilities.seed);
    match is_kept && !resolved.listings.is_empty() {
        true => request.seed = Some(seed),
        false => note(request, "seed", Some(Value::from(seed))),
    }
    Ok(())
}
