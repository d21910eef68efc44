//! Webhooks as callers ask for them, and as operators see what became of them.

use engine::{DeliveryState, Refusal, Status, Webhook, WebhookDelivery};
use provider::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;

use super::fields::words;

/// The longest address that is told anything, in bytes.
const LONGEST_URL: usize = 2048;

/// Who is told when the generation ends, after Standard Webhooks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookBody {
    /// An http or https address that leads outside, without a user name or password.
    #[schema(value_type = String, example = "https://example.com/hooks/atelier")]
    url: Address,
    /// Which ends are told; all four where it is left out.
    #[schema(schema_with = events_schema)]
    events: Option<Vec<Event>>,
}

/// An address of bounded length.
struct Address(String);

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() || text.len() > LONGEST_URL {
            let message = format!("an address has 1 to {LONGEST_URL} bytes");
            return Err(de::Error::custom(message));
        }
        Ok(Self(text))
    }
}

/// An event by its name.
struct Event(Status);

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Webhook::status_of(&name).map(Self).ok_or_else(|| {
            let names: Vec<String> = Webhook::all().into_iter().map(Webhook::event).collect();
            de::Error::custom(format!("it is none of `{}`", names.join("`, `")))
        })
    }
}

fn events_schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    let names: Vec<String> = Webhook::all().into_iter().map(Webhook::event).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    utoipa::openapi::schema::Array::new(words(&names)).into()
}

impl WebhookBody {
    /// As the engine knows it.
    ///
    /// # Errors
    /// `invalid_request` for a list without events, which would tell nothing.
    pub(super) fn webhook(self) -> Result<Webhook, Refusal> {
        let mut events: Vec<Status> = match self.events {
            None => Webhook::all(),
            Some(events) => events.into_iter().map(|event| event.0).collect(),
        };
        if events.is_empty() {
            let message = "`webhook.events` is empty: leave it out for all of them";
            return Err(Refusal::field("webhook.events", message));
        }
        // In one order, each once: two lists of the same events are the same request.
        events.sort_unstable_by_key(|event| event.as_str());
        events.dedup();
        Ok(Webhook { url: self.url.0, events })
    }
}

/// One event for one receiver, and how telling it goes.
#[derive(Serialize, ToSchema)]
pub(super) struct DeliveryDto<'a> {
    /// As in `webhook-id`, the same at every try.
    #[schema(example = "dlv_01k9x0s7n2m4p6q8r0t2v4w6y8")]
    id: &'a str,
    /// `webhook_delivery`
    object: &'static str,
    team: &'a str,
    generation: &'a str,
    #[schema(example = "generation.completed")]
    event: &'a str,
    /// The receiver's address, without its query: that is the receiver's own business.
    url: &'a str,
    #[schema(schema_with = state_schema)]
    state: &'static str,
    /// Tries so far.
    tries: u32,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last tried.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_at: Option<Timestamp>,
    /// What the receiver answered then.
    last_status: Option<u32>,
    /// Why that was none that counts.
    last_error: Option<&'a str>,
    /// When it is tried next.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_at: Option<Timestamp>,
}

fn state_schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    words(&DeliveryState::ALL.map(DeliveryState::as_str))
}

impl<'a> From<&'a WebhookDelivery> for DeliveryDto<'a> {
    fn from(delivery: &'a WebhookDelivery) -> Self {
        Self {
            id: &delivery.id,
            object: "webhook_delivery",
            team: &delivery.team,
            generation: &delivery.generation,
            event: &delivery.event,
            url: delivery.url.split(['?', '#']).next().unwrap_or_default(),
            state: delivery.state.as_str(),
            tries: delivery.tries,
            created_at: delivery.created_at,
            last_at: delivery.last_at,
            last_status: delivery.last_status,
            last_error: delivery.last_error.as_deref(),
            next_at: delivery.next_at,
        }
    }
}

/// What signs a team's webhooks from now on.
#[derive(Serialize, ToSchema)]
pub(super) struct SecretDto<'a> {
    /// It cannot be told again.
    #[schema(example = "whsec_...")]
    pub(super) webhook_secret: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::json::parse;

    fn read(body: &str) -> Result<Webhook, String> {
        let param = |refusal: Refusal| refusal.param.unwrap_or_default();
        parse::<WebhookBody>(body.as_bytes()).map_err(param)?.webhook().map_err(param)
    }

    #[test]
    fn an_address_is_told_all_ends_or_those_that_are_named() {
        let all = read(r#"{"url": "https://a.example/"}"#).unwrap();
        assert_eq!((all.url.as_str(), all.events.len()), ("https://a.example/", 4));
        let named = r#"{"url": "https://a", "events": ["generation.failed", "generation.completed",
                        "generation.failed"]}"#;
        assert_eq!(read(named).unwrap().events, [Status::Completed, Status::Failed]);
    }

    #[test]
    fn bad_webhooks_name_the_field() {
        let long = format!(r#"{{"url": "https://a/{}"}}"#, "x".repeat(LONGEST_URL));
        for (body, param) in [
            ("{}", "url"),
            (r#"{"url": 5}"#, "url"),
            (r#"{"url": ""}"#, "url"),
            (long.as_str(), "url"),
            (r#"{"url": "https://a", "events": []}"#, "webhook.events"),
            (r#"{"url": "https://a", "events": ["generation.running"]}"#, "events[0]"),
            (r#"{"url": "https://a", "events": ["generation.failed", 5]}"#, "events[1]"),
            (r#"{"url": "https://a", "secret": "x"}"#, "secret"),
        ] {
            assert_eq!(read(body).unwrap_err(), param, "{body}");
        }
    }
}
