//! Generor: estimate and generate, credits, nine types of media.
//!
//! | what | how |
//! | --- | --- |
//! | models, generators and their fields | `GET /models`, `GET /generators`, `GET /generators/{slug}`, without a key |
//! | a price | `POST /generators/{slug}/estimate`, without a key, remembered by what determines it |
//! | submit | `POST /generators/{slug}/generate`: one call that answers when the work is done |
//! | the bytes | from the addresses in the answer, at the site itself, without the key |
//! | a lost answer | `GET /creations`, `/creations/{id}`, `/creations/{id}/status`; its charge from `GET /credits/transactions` |
//! | what was charged | `GET /credits/transactions` of the types `spend` and `refund` |
//! | balance | `GET /credits/balance`; its bonuses from `GET /credits/transactions`; what the key lacks from `GET /api-keys` |
//! | a new key | `POST /api-keys`, later `DELETE /api-keys/{id}` of the old one |
//! | delete | `DELETE /creations/{id}` of each |
//! | another license | `PATCH /creations/{id}` of each, once it is made |
//!
//! # Readings where the vendor's page is silent
//! * Credits are «denominated in USD» without a rate: [`Config::usd_per_credit`] is what one costs us. A
//!   charge is `credit_cost`; where an answer has none that can be read, the most that it can have been.
//! * The answers of most types are not shown: any `*_url`, or list of objects with a `url`, is an output
//!   (`outputs`). A creation of media that shows no address is asked for by its number when it is fetched.
//! * A failure in the vendor's own envelope has ended; any other 5xx comes from something in between that
//!   may have given up on a call which lasts minutes, and the vendor may work on.
//! * No code names a safety refusal: a `VALIDATION_ERROR` that speaks of one is taken for it.
//! * No list says which creations one call made, nor what they cost (`recover`, `spend`).
//! * An answer lost in a rotation locks nobody out: the old key works on, and a new one is left over.
//! * Times without a zone are UTC.
#![warn(missing_docs)]

mod capabilities;
mod catalogue;
mod choices;
mod client;
mod config;
mod convert;
mod credits;
mod estimates;
mod facts;
mod free;
mod generators;
mod key;
mod keys;
mod knowledge;
mod learn;
mod license;
mod limits;
mod options;
mod order;
mod outputs;
mod parameters;
mod public;
mod quote;
mod recover;
mod references;
mod refusals;
mod schema;
mod site;
mod spend;
mod statement;
#[cfg(test)]
mod testing;
mod window;
mod wire;

pub use config::{AccountConfig, Config, ConfigError, Privacy, Tier};

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use secrecy::SecretString;

use provider::{
    AccountStatus, Adjustment, Adjustments, Call, Description, Error, Knowledge, Limits, Lost,
    MicroUsd, OutputSink, OutputWriter, Polled, Provider, Quote, QuoteSource, Recovered,
    RemoteOutput, Result, Statement, Submitted, Ticket, Timestamp, Unsupported, Work,
};
use provider_http::Base;

use crate::{
    client::Api,
    convert::Asked,
    facts::Facts,
    knowledge::Known,
    options::{GENERATOR, PARAMETERS},
    order::{Order, default_slug},
    recover::Search,
};

/// The adapter.
#[derive(Debug)]
pub struct Generor {
    config: Config,
    known: Arc<Known>,
    api: Api,
}

impl Generor {
    /// An adapter for this configuration, sending through the process's one client.
    ///
    /// # Errors
    /// When the base URL is not one, or a value is out of its range.
    pub fn new(config: Config, http: Arc<provider_http::Client>) -> Result<Self, ConfigError> {
        let base = Base::parse(&config.base_url).map_err(|_| ConfigError::BaseUrl)?;
        let clock = Arc::clone(http.clock());
        let known = Known::new(&config, base.clone(), Arc::clone(&http), clock)?;
        let work_ceiling = Duration::from_secs(config.work_ceiling_s.into());
        let api = Api::new(base, http, work_ceiling, config.usd_per_credit);
        Ok(Self { config, known: Arc::new(known), api })
    }

    /// What is known of the model, if it can do all of the work; nothing is sent where it cannot.
    fn admit(&self, work: &Work) -> Result<Arc<Facts>> {
        let no_model = || refused("model", format!("the provider has no model {}", work.model));
        let description = self.known.description();
        let model = description.model(&work.model).ok_or_else(no_model)?;
        model.admit(work).map_err(Error::unsupported)?;
        self.known.facts(&work.model).ok_or_else(no_model)
    }

    /// The most that an order can be charged, as far as it is known without asking; and what is used
    /// instead of what was asked for.
    fn remembered(&self, order: &Order<'_>) -> (Option<MicroUsd>, Adjustments) {
        if let Some(told) = self.known.remembered(order) {
            return (Some(told.price.upper), told.adjustments);
        }
        let ceiling = i64::from(self.config.estimate_ceiling);
        let listed = order.listed().map(|cost| cost.at(self.config.usd_per_credit).times(ceiling));
        (listed, order.adjustments.clone())
    }

    /// The generator's own fields of work, where nobody knows yet which of them the generator has.
    fn unchecked<'a>(&self, order: &Order<'_>, work: &'a Work) -> Option<&'a serde_json::Value> {
        let given = work.options.get(PARAMETERS)?;
        self.known.schema(order.slug).is_none().then_some(given)
    }

    /// Their name for callers.
    fn parameters(&self) -> String {
        format!("provider_options.{}.{PARAMETERS}", self.config.name)
    }

    /// The generators that work may have been sent to, the likeliest first.
    fn slugs<'a>(&'a self, work: &'a Work) -> Vec<&'a str> {
        if let Some(slug) = work.options.get(GENERATOR).and_then(serde_json::Value::as_str) {
            return vec![slug];
        }
        let mut slugs: Vec<&str> = Vec::new();
        let of_config = self.config.generators.get(&work.kind).map(String::as_str);
        // Text has another default once the vendor's list is known.
        let defaults = [true, false].map(|lists_text| default_slug(work.kind, lists_text));
        for slug in of_config.into_iter().chain(defaults) {
            if !slugs.contains(&slug) {
                slugs.push(slug);
            }
        }
        slugs
    }
}

fn refused(param: &str, reason: impl Into<String>) -> Error {
    Error::unsupported(vec![Unsupported { param: param.to_owned(), reason: reason.into() }])
}

/// Addresses that go with the work, so that an answer that repeats them is not taken for outputs.
fn sent(work: &Work) -> Vec<&str> {
    work.inputs.iter().filter_map(|input| input.url.as_deref()).collect()
}

/// The work as it was sent, as far as an order can be read of it: what it was sent with is not needed to
/// find it, but that it was.
fn as_sent(work: &Work) -> Work {
    let mut work = work.clone();
    for input in &mut work.inputs {
        input.url.get_or_insert_with(|| "https://input.invalid/".to_owned());
    }
    work
}

#[async_trait]
impl Provider for Generor {
    fn describe(&self) -> Arc<Description> {
        self.known.description()
    }

    fn knowledge(&self) -> Option<&dyn Knowledge> {
        Some(&*self.known)
    }

    fn limits(&self, account: &str) -> Limits {
        limits::limits(&self.config, account)
    }

    async fn quote(&self, call: Call<'_>, work: &Work) -> Result<Quote> {
        let facts = self.admit(work)?;
        let order = Order::read(&self.config, &self.known, &facts, work)?;
        let mut quote = self.known.quote(call.pace, &order).await.map(Quote::from)?;
        if quote.source == QuoteSource::Listed
            && let Some(parameters) = self.unchecked(&order, work)
        {
            let change = Adjustment {
                requested: parameters.clone(),
                used: serde_json::Value::Null,
                reason: "the vendor has not told yet which of them it takes".to_owned(),
            };
            quote.adjustments.insert(self.parameters(), change);
        }
        Ok(quote)
    }

    async fn submit(
        &self,
        call: Call<'_>,
        work: &Work,
        _sink: &mut dyn OutputSink,
    ) -> Result<Submitted> {
        let facts = self.admit(work)?;
        let mut order = Order::read(&self.config, &self.known, &facts, work)?;
        if self.unchecked(&order, work).is_some() {
            // What it would drop in silence is told here: one turn more, once for each generator. Where
            // the vendor does not say, the caller's word is sent as it is.
            let told = self.known.learn_schema(order.slug, call.pace).await;
            if told.is_ok() {
                order = Order::read(&self.config, &self.known, &facts, work)?;
            }
        }
        let (upper, adjustments) = self.remembered(&order);
        let asked = Asked {
            kind: work.kind,
            count: work.count,
            sent: sent(work),
            adjustments: &adjustments,
            upper,
            credit: self.config.usd_per_credit,
        };
        let made = self.api.generate(call, order.slug, order.generate_body(), &asked).await;
        let named_team = work.options.contains_key("team_id");
        let made = made.map_err(|error| if named_team { refusals::of_team(error) } else { error });
        let (mut finished, creations) = made?;
        if let Some(license) = license::wished(work)
            && let Err(error) = self.api.license(call, &creations, license).await
        {
            let not_set = license::not_set(&self.config, license, error.public());
            finished.adjustments.extend([not_set]);
        }
        Ok(Submitted::Finished(finished))
    }

    async fn poll(&self, _call: Call<'_>, _ticket: &Ticket) -> Result<Polled> {
        Err(refused("poll", "the vendor answers when the work is done: it has no queued jobs"))
    }

    async fn fetch(
        &self,
        call: Call<'_>,
        output: &RemoteOutput,
        writer: &mut dyn OutputWriter,
    ) -> Result<()> {
        self.api.fetch(call, &output.location, writer).await
    }

    async fn cancel(&self, _call: Call<'_>, _ticket: &Ticket) -> Result<()> {
        Err(refused(
            "cancel",
            "the vendor answers when the work is done: nothing can be called back",
        ))
    }

    async fn recover(&self, call: Call<'_>, lost: &Lost) -> Result<Recovered> {
        let work = as_sent(&lost.work);
        // A model that the catalogue no longer has was sent all the same: its creations are looked for.
        let facts = self.known.facts(&work.model);
        let order = facts
            .as_ref()
            .and_then(|facts| Order::read(&self.config, &self.known, facts, &work).ok());
        let (upper, mut adjustments) =
            order.as_ref().map(|order| self.remembered(order)).unwrap_or_default();
        if let Some(license) = license::wished(&work) {
            let reason = "the answer was lost, and with it the moment to set the license";
            adjustments.extend([license::not_set(&self.config, license, reason)]);
        }
        let search = Search {
            lost,
            prompt: order.as_ref().map_or(work.prompt.as_str(), |of| of.prompt.unwrap_or_default()),
            slugs: self.slugs(&work),
            asked: Asked {
                kind: work.kind,
                count: work.count,
                sent: sent(&lost.work),
                adjustments: &adjustments,
                upper,
                credit: self.config.usd_per_credit,
            },
            ceiling: Duration::from_secs(self.config.work_ceiling_s.into()),
        };
        recover::candidates(&self.api, call, &search).await
    }

    async fn account(&self, call: Call<'_>) -> Result<AccountStatus> {
        self.api.account(call).await
    }

    async fn statement(
        &self,
        call: Call<'_>,
        since: Timestamp,
        cursor: Option<String>,
    ) -> Result<Statement> {
        let credit = self.config.usd_per_credit;
        statement::page(&self.api, call, since, cursor.as_deref(), credit).await
    }

    async fn rotate(&self, call: Call<'_>) -> Result<SecretString> {
        self.api.rotate(call).await
    }

    async fn retire(&self, call: Call<'_>, old: &SecretString) -> Result<()> {
        self.api.retire(call, old).await
    }

    async fn forget(
        &self,
        call: Call<'_>,
        reference: &str,
        outputs: &[RemoteOutput],
    ) -> Result<()> {
        self.api.forget(call, &outputs::creations(reference, outputs)?).await
    }
}
