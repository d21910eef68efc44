//! What the body of everything that is made takes beside its own fields: wishes about the route, the
//! cache, what is kept, who is told.

use std::{collections::BTreeMap, time::Duration};

use engine::{CacheUse, Code, Market, Refusal, Request, Wishes};
use routing::Policy;
use serde::Deserialize;
use serde_json::Value;
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

use super::{
    dto_webhook::WebhookBody,
    fields::{Metadata, Money, Seconds, words},
    json::unknown_name,
};

/// Declares a body with the fields of [`Extras`] behind its own, and a method `extras` that takes them
/// out of it. Where `store` needs words of its own, they stand behind the body with its name.
///
/// Serde's `flatten` would be the other way to write these fields once, but a refusal of a flattened
/// field does not know where in the body it stands.
macro_rules! with_extras {
    (
        $(#[$about:meta])*
        pub(super) struct $name:ident $(<$life:lifetime>)? { $($own:tt)* }
    ) => {
        $crate::http::extras::with_extras! {
            $(#[$about])*
            pub(super) struct $name $(<$life>)? { $($own)* }

            /// Whether anything may be kept.
            store
        }
    };
    (
        $(#[$about:meta])*
        pub(super) struct $name:ident $(<$life:lifetime>)? { $($own:tt)* }

        $(#[$about_store:meta])*
        store
    ) => {
        $(#[$about])*
        pub(super) struct $name $(<$life>)? {
            $($own)*
            /// Wishes about the route.
            routing: Option<$crate::http::extras::RoutingBody>,
            /// Whether an earlier answer may do; without it `Cache-Control` says, and without that it may.
            #[schema(schema_with = $crate::http::extras::cache_schema)]
            cache: Option<engine::CacheUse>,
            /// Refuse every adjustment.
            strict: Option<bool>,
            $(#[$about_store])*
            store: Option<bool>,
            /// The caller's own words: 16 pairs at most.
            #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
            metadata: Option<$crate::http::fields::Metadata>,
            /// Who is told when it ends.
            webhook: Option<$crate::http::dto_webhook::WebhookBody>,
            /// Documented fields of vendors under their own names, by provider.
            #[schema(value_type = Option<Object>)]
            provider_options: Option<$crate::http::extras::ProviderOptions>,
        }

        impl $(<$life>)? $name $(<$life>)? {
            fn extras(&mut self) -> $crate::http::extras::Extras {
                $crate::http::extras::Extras {
                    routing: self.routing.take(),
                    cache: self.cache.take(),
                    strict: self.strict.take(),
                    store: self.store.take(),
                    metadata: self.metadata.take(),
                    webhook: self.webhook.take(),
                    provider_options: self.provider_options.take(),
                }
            }
        }
    };
}
pub(super) use with_extras;

/// What every body that makes something takes.
pub(super) struct Extras {
    pub(super) routing: Option<RoutingBody>,
    pub(super) cache: Option<CacheUse>,
    pub(super) strict: Option<bool>,
    pub(super) store: Option<bool>,
    pub(super) metadata: Option<Metadata>,
    pub(super) webhook: Option<WebhookBody>,
    pub(super) provider_options: Option<ProviderOptions>,
}

/// Options of vendors under their own names.
pub(super) type ProviderOptions = BTreeMap<String, BTreeMap<String, Value>>;

/// Wishes about the route.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RoutingBody {
    /// Instead of the configured policy.
    #[schema(schema_with = policy_schema)]
    policy: Option<Policy>,
    /// Only these providers.
    providers: Option<Vec<String>>,
    /// The most that the whole generation may cost.
    #[schema(value_type = Option<String>, example = "0.05")]
    max_cost_usd: Option<Money>,
    /// When the caller stops waiting, in seconds from acceptance.
    #[schema(value_type = Option<u32>)]
    deadline_s: Option<Seconds>,
    /// After a safety stop: stop, or try the next vendor.
    on_blocked: Option<OnBlocked>,
}

/// What to do after a safety stop.
#[derive(Deserialize, ToSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum OnBlocked {
    Stop,
    Next,
}

pub(super) fn cache_schema() -> RefOr<Schema> {
    words(&["use", "refresh", "off"])
}

pub(super) fn policy_schema() -> RefOr<Schema> {
    words(&Policy::ALL.map(Policy::as_str))
}

impl Extras {
    /// Writes these fields into a request.
    ///
    /// # Errors
    /// `unsupported_parameter` for names of providers that are nobody's, `invalid_request` for a
    /// webhook that would tell nothing.
    pub(super) fn write(self, request: &mut Request, market: &Market) -> Result<(), Refusal> {
        let options = self.provider_options.unwrap_or_default();
        for name in options.keys() {
            known_provider(market, name, &format!("provider_options.{name}"))?;
        }
        if let Some(routing) = self.routing {
            request.routing = routing.wishes(market)?;
        }
        request.cache = self.cache;
        request.strict = self.strict.unwrap_or_default();
        request.store = self.store.unwrap_or(true);
        request.metadata = self.metadata.map(|pairs| pairs.0).unwrap_or_default();
        request.provider_options = options;
        request.webhook = self.webhook.map(WebhookBody::webhook).transpose()?;
        Ok(())
    }
}

impl RoutingBody {
    fn wishes(self, market: &Market) -> Result<Wishes, Refusal> {
        let providers = self.providers.unwrap_or_default();
        for (index, name) in providers.iter().enumerate() {
            let path = format!("routing.providers[{index}]");
            known_provider(market, name, &path).map_err(|mut refusal| {
                refusal.code = Code::InvalidRequest;
                refusal.message = format!("there is no provider {name:?}");
                refusal
            })?;
        }
        Ok(Wishes {
            policy: self.policy,
            providers,
            max_cost: self.max_cost_usd.map(|money| money.0),
            deadline: self.deadline_s.map(|seconds| Duration::from_secs(u64::from(seconds.0))),
            next_on_blocked: self.on_blocked == Some(OnBlocked::Next),
        })
    }
}

fn known_provider(market: &Market, name: &str, path: &str) -> Result<(), Refusal> {
    if market.vendor(name).is_some() {
        return Ok(());
    }
    Err(unknown_name(path, name, market.vendors().map(|vendor| vendor.name.as_str())))
}

/// Takes OpenAI's `user` along in the metadata, beside those that [`Extras::write`] put there.
///
/// # Errors
/// `invalid_request` for one that is too long, or another than `metadata.user`.
pub(super) fn add_user(request: &mut Request, user: Option<String>) -> Result<(), Refusal> {
    let Some(user) = user else { return Ok(()) };
    if user.len() > 512 {
        return Err(Refusal::field("user", "`user` is longer than 512 bytes"));
    }
    match request.metadata.get("user") {
        Some(other) if *other != user => {
            Err(Refusal::field("user", "`user` and `metadata.user` are not the same"))
        }
        _ => {
            request.metadata.insert("user".to_owned(), user);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::json::parse;

    with_extras! {
        #[derive(Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct Body {
            user: Option<String>,
        }
    }

    fn read(body: &str) -> Result<Request, Refusal> {
        let mut body: Body = parse(body.as_bytes())?;
        let mut request = Request::image("x");
        body.extras().write(&mut request, &Market::default())?;
        add_user(&mut request, body.user)?;
        Ok(request)
    }

    #[test]
    fn every_field_reaches_the_request() {
        let body = r#"{"routing": {"policy": "latency"}, "cache": "refresh", "strict": true,
            "store": false, "metadata": {"a": "b"}, "webhook": {"url": "https://a"},
            "provider_options": {}, "user": "u"}"#;
        let request = read(body).unwrap();
        assert_eq!(request.routing.policy, Some(Policy::Latency));
        assert_eq!((request.cache, request.strict), (Some(CacheUse::Refresh), true));
        assert!(!request.store);
        assert_eq!((&*request.metadata["a"], &*request.metadata["user"]), ("b", "u"));
        assert_eq!(request.webhook.unwrap().url, "https://a");
        let request = read("{}").unwrap();
        assert_eq!((request.strict, request.store), (false, true));
        assert!(request.metadata.is_empty() && request.webhook.is_none());
    }

    #[test]
    fn refusals_know_where_in_the_body_they_stand() {
        let (invalid, unknown) = (Code::InvalidRequest, Code::UnsupportedParameter);
        for (body, code, param) in [
            (r#"{"routing": {"policy": "luck"}}"#, invalid, "routing.policy"),
            (r#"{"routing": {"providers": ["no"]}}"#, invalid, "routing.providers[0]"),
            (r#"{"routing": {"polcy": "cost"}}"#, unknown, "routing.polcy"),
            (r#"{"metadata": {"a": 1}}"#, invalid, "metadata.a"),
            (r#"{"provider_options": {"acme": {}}}"#, unknown, "provider_options.acme"),
            (r#"{"strict": "yes"}"#, invalid, "strict"),
            (r#"{"stroe": true}"#, unknown, "stroe"),
        ] {
            let refusal = read(body).unwrap_err();
            assert_eq!((refusal.code, refusal.param.as_deref()), (code, Some(param)), "{body}");
        }
    }
}
