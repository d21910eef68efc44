//! Zekron: synchronous, paid per picture.
//!
//! The vendor has two dialects of one API, and the dialect belongs to the model:
//!
//! | | `v1` | `preview` |
//! | --- | --- | --- |
//! | models | `zekron-image-1` | `zekron-image-1`, `zekron-xl`, `zekron-flash`, `zekron-art` |
//! | submit | `POST /v1/generate` | `POST /api/v1/zekron-image-1:image-preview` |
//! | the picture | base64 in the answer, and by token for 24 h | by address |
//! | edits up to 2 sources | yes | no |
//! | negative prompt | no | yes |
//! | a lost answer | found in the history | lost: nothing tells |
//!
//! Balance (`GET /v1/balance`), history (`GET /v1/generations`) and pictures by token
//! (`GET /v1/images/{token}`) are `v1`'s; the credential and its limits are shared by both.
//!
//! # Readings where the vendor's pages are silent or disagree
//! * Prices are ranges by prompt length without a formula, and the two pages differ in the upper
//!   bound of `zekron-image-1` (0.028, 0.029): the larger is held, the length guides the expectation.
//! * `mime_type` lies in the vendor's own example; it is not read.
//! * A 5xx proves nothing: in `v1` the history decides; in `preview` one in the vendor's own error
//!   shape is taken as not made, any other as unknown.
//! * An answer without a readable cost is unknown in `v1`, whose history tells the cost. `preview`
//!   has no history, so there the picture is kept and the ceiling booked.
//! * The history is `v1`'s: work in `preview` is taken to be in no list, and no list to speak of it. A row
//!   in a state of work that is under way or came to nothing is no charge; any other has to tell its cost.
//! * Times without a zone are UTC.
mod client;
mod config;
mod convert;
mod models;
mod recover;
mod statement;
mod wire;

pub use config::{Config, ConfigError, Dialect};

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
pub struct Zekron {
    description: Arc<Description>,
    limits: Limits,
    dialect: Dialect,
    api: Api,
}

impl Zekron {
    /// An adapter for this configuration, sending through the process's one client.
    ///
    /// # Errors
    /// When the base URL is not one.
    pub fn new(config: Config, http: Arc<provider_http::Client>) -> Result<Self, ConfigError> {
        let api = Api::new(&config.base_url, http)?;
        let dialect = config.dialect;
        let limits = models::limits(&config);
        Ok(Self { description: Arc::new(models::describe(config)), limits, dialect, api })
    }

    /// The model, if it can do all of the work; nothing is sent where it cannot.
    fn admit(&self, work: &Work) -> Result<&Model> {
        let model = self
            .description
            .model(&work.model)
            .ok_or_else(|| refused("model", format!("the provider has no model {}", work.model)))?;
        model.admit(work).map_err(Error::unsupported)?;
        Ok(model)
    }

    /// Only one model is served in both dialects.
    fn dialect_of(&self, model: &str) -> Dialect {
        if model == models::FLAGSHIP { self.dialect } else { Dialect::Preview }
    }
}

fn refused(param: &str, reason: impl Into<String>) -> Error {
    Error::unsupported(vec![Unsupported { param: param.to_owned(), reason: reason.into() }])
}

#[async_trait]
impl Provider for Zekron {
    fn describe(&self) -> Arc<Description> {
        Arc::clone(&self.description)
    }

    fn knowledge(&self) -> Option<&dyn provider::Knowledge> {
        None
    }

    fn limits(&self, _account: &str) -> Limits {
        self.limits.clone()
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
        let finished = match self.dialect_of(&work.model) {
            Dialect::V1 => self.api.generate(call, model, work, sink).await?,
            Dialect::Preview => self.api.preview(call, model, work).await?,
        };
        Ok(Submitted::Finished(finished))
    }

    async fn poll(&self, _call: Call<'_>, _ticket: &Ticket) -> Result<Polled> {
        Err(refused("poll", "the vendor answers at once: it has no queued jobs"))
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
        Err(refused("cancel", "the vendor answers at once: there is nothing to call back"))
    }

    async fn recover(&self, call: Call<'_>, lost: &Lost) -> Result<Recovered> {
        let Some(model) = self.description.model(&lost.work.model) else {
            return Ok(Recovered::CannotTell);
        };
        match self.dialect_of(&model.name) {
            Dialect::Preview => Ok(Recovered::CannotTell),
            Dialect::V1 => {
                let ceiling = self.limits.work_ceiling;
                recover::candidates(&self.api, call, model, lost, ceiling).await
            }
        }
    }

    async fn account(&self, call: Call<'_>) -> Result<AccountStatus> {
        self.api.balance(call).await
    }

    async fn statement(
        &self,
        call: Call<'_>,
        since: Timestamp,
        cursor: Option<String>,
    ) -> Result<Statement> {
        let models = self.description.models.iter().map(|model| model.name.as_str());
        let unlisted: Vec<&str> =
            models.filter(|model| self.dialect_of(model) == Dialect::Preview).collect();
        if unlisted.contains(&models::FLAGSHIP) {
            // Nothing of ours is in the history; the balance tells the sum.
            return Ok(Statement::totals());
        }
        statement::page(&self.api, call, since, cursor.as_deref(), &unlisted).await
    }

    async fn rotate(&self, _call: Call<'_>) -> Result<SecretString> {
        Err(refused("rotate", "the vendor gives keys out by hand only"))
    }

    async fn retire(&self, _call: Call<'_>, _old: &SecretString) -> Result<()> {
        Ok(())
    }

    async fn forget(&self, _: Call<'_>, _: &str, _: &[RemoteOutput]) -> Result<()> {
        Err(refused(
            "forget",
            "the vendor deletes nothing on request: pictures expire by themselves",
        ))
    }
}
