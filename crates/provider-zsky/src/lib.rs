//! `ZSky`: queued jobs on a flat monthly plan, images and video.
//!
//! | what | how |
//! | --- | --- |
//! | submit | `POST /v1/images/generate`, `POST /v1/videos/generate`: a job id |
//! | follow | `GET /v1/jobs/{id}`: a status, at the end a signed address |
//! | the bytes | from that address, at another host, without the credential; good for 24 hours, issued anew by the same `GET` for 7 days |
//! | nothing kept | `X-ZSky-Store: 0` at the submit: the answer itself is the output |
//! | delete | `DELETE /v1/jobs/{id}` |
//! | units used | `GET /v1/usage` |
//! | a new key | `POST /v1/keys/rotate` |
//!
//! Nothing costs money by the piece: a job takes one unit of the month's allowance, so every charge is
//! nothing and one unit. What a unit past the month's costs is the plan's to say ([`Plan`]).
//!
//! # Readings where the vendor's page is silent
//! * There is no list of jobs. A submit whose answer is lost is never found again, and a 503 says
//!   «queued — please retry»: every 5xx of a submit is unknown, and perhaps still being worked on.
//! * Whether a 451 at once or a `failed` job takes a unit is not said: such a charge is not certain, and
//!   `GET /v1/usage` tells. A `blocked` job takes one; that is said.
//! * A failed job is an error that carries a charge and may be tried again as new work. That charge is
//!   what tells the end of a job from a poll that went wrong.
//! * 429 is a short rate limit, a day's or a month's allowance; nothing in it tells them apart, so it is
//!   always the first here. The account's counters tell.
//! * In what shape bytes come inline is not said: a body of a media type, or JSON with base64 under any
//!   name, are both taken; so is a job after all.
//! * `*_used` may include `*_overage` or not; both readings come to the same number (`convert::usage`).
//! * An unknown status is work that goes on, unless a result's address comes with it.
//! * Length is in frames: 121 are «about 5 seconds», so n seconds are 24 n + 1.
//! * No unit of time is given for the longest job; [`Config::work_ceiling_s`] says what is assumed.
mod client;
mod config;
mod convert;
mod keys;
mod models;
mod wire;

pub use config::{AccountConfig, Config, ConfigError, Plan, PlanOverage, Safety};

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use secrecy::SecretString;

use provider::{
    AccountStatus, Call, Description, Error, Limits, Lost, Model, OutputSink, OutputWriter, Polled,
    Provider, Quote, QuoteSource, Recovered, RemoteOutput, Result, Statement, Submitted, Ticket,
    Timestamp, Unsupported, Work,
};

use crate::client::Api;

/// The adapter.
#[derive(Debug)]
pub struct Zsky {
    description: Arc<Description>,
    config: Config,
    api: Api,
}

impl Zsky {
    /// An adapter for this configuration, sending through the process's one client.
    ///
    /// # Errors
    /// When the base URL is not one, or an account's value is out of its range.
    pub fn new(config: Config, http: Arc<provider_http::Client>) -> Result<Self, ConfigError> {
        config.validate()?;
        let work_ceiling = Duration::from_secs(config.work_ceiling_s.into());
        let api = Api::new(&config.base_url, work_ceiling, http)?;
        Ok(Self { description: Arc::new(models::describe(&config)), config, api })
    }

    /// The model, if it can do all of the work; nothing is sent where it cannot.
    fn admit(&self, work: &Work) -> Result<&Model> {
        let model = self
            .description
            .model(&work.model)
            .ok_or_else(|| refused("model", format!("the provider has no model {}", work.model)))?;
        model.admit(work).map_err(Error::unsupported)?;
        models::frames(model, work)?;
        Ok(model)
    }
}

fn refused(param: &str, reason: impl Into<String>) -> Error {
    Error::unsupported(vec![Unsupported { param: param.to_owned(), reason: reason.into() }])
}

#[async_trait]
impl Provider for Zsky {
    fn describe(&self) -> Arc<Description> {
        Arc::clone(&self.description)
    }

    fn knowledge(&self) -> Option<&dyn provider::Knowledge> {
        None
    }

    fn limits(&self, account: &str) -> Limits {
        models::limits(&self.config, account)
    }

    async fn quote(&self, _call: Call<'_>, work: &Work) -> Result<Quote> {
        let model = self.admit(work)?;
        let price = model
            .tariff
            .list(work)
            .ok_or_else(|| refused("model", "the model has no listed price"))?;
        let source = QuoteSource::Listed;
        Ok(Quote {
            price,
            source,
            age: Duration::ZERO,
            duration: model.usual,
            adjustments: provider::Adjustments::new(),
        })
    }

    async fn submit(
        &self,
        call: Call<'_>,
        work: &Work,
        sink: &mut dyn OutputSink,
    ) -> Result<Submitted> {
        let model = self.admit(work)?;
        self.api.submit(call, model, work, sink).await
    }

    async fn poll(&self, call: Call<'_>, ticket: &Ticket) -> Result<Polled> {
        self.api.poll(call, ticket).await
    }

    async fn fetch(
        &self,
        call: Call<'_>,
        output: &RemoteOutput,
        writer: &mut dyn OutputWriter,
    ) -> Result<()> {
        self.api.fetch(call, &output.location, writer).await
    }

    async fn cancel(&self, call: Call<'_>, ticket: &Ticket) -> Result<()> {
        self.api.delete(call, &ticket.reference).await
    }

    async fn recover(&self, _call: Call<'_>, _lost: &Lost) -> Result<Recovered> {
        Ok(Recovered::CannotTell)
    }

    async fn account(&self, call: Call<'_>) -> Result<AccountStatus> {
        self.api.usage(call, &self.limits(call.account)).await
    }

    async fn statement(
        &self,
        _call: Call<'_>,
        _since: Timestamp,
        _cursor: Option<String>,
    ) -> Result<Statement> {
        // There is no list of jobs or charges: `GET /v1/usage` has the month's counters.
        Ok(Statement::totals())
    }

    async fn rotate(&self, call: Call<'_>) -> Result<SecretString> {
        self.api.rotate(call).await
    }

    async fn retire(&self, _call: Call<'_>, _old: &SecretString) -> Result<()> {
        // The old one died when the new one was made.
        Ok(())
    }

    async fn forget(&self, call: Call<'_>, job: &str, _: &[RemoteOutput]) -> Result<()> {
        // With the job goes its result.
        self.api.delete(call, job).await
    }
}
