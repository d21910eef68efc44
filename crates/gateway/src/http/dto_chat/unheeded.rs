//! Fields of OpenAI's that nobody here heeds.

use std::borrow::Cow;

use engine::{Refusal, Request};
use serde_json::{Number, Value};

use super::ChatBody;

impl ChatBody<'_> {
    /// Checks the fields that have no effect here and takes them along, unless they ask for what
    /// happens anyway.
    pub(super) fn note_without_effect(&mut self, request: &mut Request) -> Result<(), Refusal> {
        in_range("temperature", self.temperature.as_ref(), (0.0, 2.0))?;
        let numbers = [
            ("top_p", self.top_p.take(), (0.0, 1.0), Some(1.0)),
            ("frequency_penalty", self.frequency_penalty.take(), (-2.0, 2.0), Some(0.0)),
            ("presence_penalty", self.presence_penalty.take(), (-2.0, 2.0), Some(0.0)),
            ("top_logprobs", self.top_logprobs.take(), (0.0, 20.0), Some(0.0)),
            ("max_tokens", self.max_tokens.map(Number::from), (1.0, f64::MAX), None),
            (
                "max_completion_tokens",
                self.max_completion_tokens.map(Number::from),
                (1.0, f64::MAX),
                None,
            ),
        ];
        for (name, given, span, usual) in numbers {
            in_range(name, given.as_ref(), span)?;
            let unusual = given.filter(|number| usual.is_none() || number.as_f64() != usual);
            note(request, name, unusual.map(Value::Number));
        }
        let word = |given: &mut Option<Cow<'_, str>>, usual: &[&str]| {
            let given = given.take().filter(|word| !usual.contains(&&**word));
            given.map(|word| Value::from(word.into_owned()))
        };
        note(request, "reasoning_effort", word(&mut self.reasoning_effort, &[]));
        note(request, "verbosity", word(&mut self.verbosity, &[]));
        note(request, "service_tier", word(&mut self.service_tier, &["auto", "default"]));
        note(request, "prompt_cache_key", word(&mut self.prompt_cache_key, &[]));
        note(request, "prompt_cache_retention", word(&mut self.prompt_cache_retention, &[]));
        note(request, "safety_identifier", word(&mut self.safety_identifier, &[]));
        for (name, given) in [
            ("logit_bias", &mut self.logit_bias),
            ("prompt_cache_options", &mut self.prompt_cache_options),
            ("moderation", &mut self.moderation),
            ("prediction", &mut self.prediction),
            ("web_search_options", &mut self.web_search_options),
        ] {
            // An empty one asks for something too: `web_search_options: {}` is a search.
            note(request, name, given.take().map(Value::Object));
        }
        let logprobs = self.logprobs.filter(|wanted| *wanted);
        note(request, "logprobs", logprobs.map(Value::Bool));
        note(request, "parallel_tool_calls", self.parallel_tool_calls.map(Value::Bool));
        note(request, "stop", stop(self.stop.take())?);
        Ok(())
    }
}

/// Takes along what has no effect, where it was asked for.
pub(super) fn note(request: &mut Request, name: &str, given: Option<Value>) {
    if let Some(value) = given {
        request.without_effect.insert(name.to_owned(), value);
    }
}

fn in_range(name: &str, given: Option<&Number>, (least, most): (f64, f64)) -> Result<(), Refusal> {
    let fits = |number: &Number| number.as_f64().is_some_and(|n| (least..=most).contains(&n));
    if given.is_none_or(fits) {
        return Ok(());
    }
    let message = match most < f64::MAX {
        true => format!("`{name}` is within {least} to {most}"),
        false => format!("`{name}` is at least {least}"),
    };
    Err(Refusal::field(name, message))
}

/// A word or up to four at which the answer would end.
fn stop(given: Option<Value>) -> Result<Option<Value>, Refusal> {
    let is_good = match &given {
        None | Some(Value::String(_)) => true,
        Some(Value::Array(words)) => words.len() <= 4 && words.iter().all(Value::is_string),
        Some(_) => false,
    };
    if !is_good {
        return Err(Refusal::field("stop", "`stop` is a text or a list of at most four"));
    }
    Ok(given.filter(|value| value.as_array().is_none_or(|words| !words.is_empty())))
}
