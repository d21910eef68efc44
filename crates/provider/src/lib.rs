//! The vocabulary of Atelier and the contract of an adapter.
//!
//! Everything above this crate speaks in its words: a [`Work`] is what one vendor is asked to
//! do, a [`Model`] says what a vendor can do, a [`Quote`] what it would cost, a [`Charge`] what it
//! did cost, and an [`Error`] what went wrong, whose fault it was and whether trying again is safe.
//! The crate does no I/O.
//!
//! # Why this shape
//! Three kinds of vendor had to fit one flow: a synchronous call (Zekron), a queue with a flat
//! subscription (`ZSky`) and an estimate/generate pair in credits (Generor). So [`Provider::submit`]
//! answers [`Submitted::Finished`] *or* [`Submitted::Running`], money is always micro-US-dollars
//! with an upper bound, and every difference between vendors is data in [`Description`], never a
//! second method. The trait has no default bodies: a default that succeeds is a bug that compiles.
//!
//! An adapter translates. It never retries, never sleeps, never writes a record; each request it
//! sends after the first of a call goes through [`Pace`], so that the vendor's limits hold.
#![warn(missing_docs)]

mod capability;
mod clock;
mod error;
mod id;
mod knowledge;
mod limits;
mod media;
mod money;
mod outcome;
mod price;
mod sink;
mod statement;
mod work;

pub use capability::{
    Audio, Capabilities, Delivery, Description, Durations, InputRule, LowAllowance, LowBalance,
    Model, Recovery, Sizes, Unsupported,
};
pub use clock::{Clock, ManualClock, Sleep, SystemClock, Timestamp};
pub use error::{Blame, Error, ErrorKind, Result, Retry};
pub use id::{Entropy, Ids};
pub use knowledge::Knowledge;
pub use limits::{
    AllowanceLimit, Calendar, Limits, Overage, RateWindow, SafetyRule, Share, SlotUse,
};
pub use media::{AspectRatio, ImageFormat, Kind, Size};
pub use money::{MicroUsd, ParseMoneyError};
pub use outcome::{
    AccountStatus, Allowance, AllowanceUse, Bonus, Charge, Finished, Found, FreeCredits,
    HoldReason, Lost, Output, Polled, Recovered, RemoteOutput, Submitted, Ticket, VendorHold,
};
pub use price::{Price, Quote, QuoteSource, Tariff};
pub use sink::{OutputHint, OutputSink, OutputWriter, Receipt, SinkError};
pub use statement::{Statement, StatementCharge, Told};
pub use work::{Adjustment, Adjustments, Input, Role, Work};

use std::{any::Any, fmt::Debug, sync::Arc};

use secrecy::SecretString;

/// Waits for this account's turn to send one more request, and counts it.
///
/// The engine owns the vendor's rate windows and slots; an adapter awaits [`Pace::turn`] before every
/// request except the first request of [`Provider::submit`], whose turn the engine has already taken,
/// and except files that the vendor keeps outside its API, where no limit counts them.
#[async_trait::async_trait]
pub trait Pace: Send + Sync {
    /// Returns once the account's limits allow one more request. The turn lasts as long as what it
    /// returns: keep it until the request's answer has been read.
    async fn turn(&self) -> Result<Turn>;
}

/// One request's turn; dropped, whatever it held at the account is free again.
#[must_use = "the turn lasts as long as this lives"]
pub struct Turn(
    #[expect(dead_code, reason = "kept for its drop")] Option<Box<dyn Any + Send + Sync>>,
);

impl Turn {
    /// A turn that holds `slot` until it is dropped.
    pub fn holding(slot: impl Any + Send + Sync) -> Self {
        Self(Some(Box::new(slot)))
    }

    /// A turn that holds nothing.
    pub const fn free() -> Self {
        Self(None)
    }
}

impl Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Turn")
    }
}

/// What every call to a vendor carries: whose credential, and how to keep to the limits.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The account's name in the configuration; for messages, never sent.
    pub account: &'a str,
    /// The credential. Exposed only while a header is written.
    pub key: &'a SecretString,
    /// The account's turn-taking for further requests.
    pub pace: &'a dyn Pace,
}

impl Debug for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("account", &self.account).finish_non_exhaustive()
    }
}

/// One vendor's API, translated.
///
/// Every method takes `&self` and may run many times at once; an adapter keeps no state that
/// matters after a restart.
#[async_trait::async_trait]
pub trait Provider: Send + Sync + Debug {
    /// Models, capabilities and prices: data, at no cost. Where the vendor's catalogue changes, the
    /// newest that is known ([`Knowledge`]); who needs one state keeps the `Arc`.
    fn describe(&self) -> Arc<Description>;

    /// What is read of the vendor's public pages ahead of need; none where nothing has to be.
    fn knowledge(&self) -> Option<&dyn Knowledge>;

    /// The limits of the account with this name in the configuration: what is documented, or what its
    /// plan says instead. An unknown name has the documented ones.
    fn limits(&self, account: &str) -> Limits;

    /// What this work would cost in micro-US-dollars: an expectation, an upper bound, and how it is
    /// known. Refuses with [`ErrorKind::Unsupported`] what the model does not advertise.
    ///
    /// It is asked for every candidate of every request, so it answers from memory; a vendor that
    /// has [`Knowledge`] may be asked for what is not remembered, if `call.pace` has a turn at once.
    async fn quote(&self, call: Call<'_>, work: &Work) -> Result<Quote>;

    /// Asks the vendor to do the work. Bytes that come with the answer stream into `sink`.
    ///
    /// # Errors
    /// [`Retry::Unknown`] whenever the vendor may have charged; the caller then asks [`recover`].
    ///
    /// [`recover`]: Provider::recover
    async fn submit(
        &self,
        call: Call<'_>,
        work: &Work,
        sink: &mut dyn OutputSink,
    ) -> Result<Submitted>;

    /// Looks at a queued job. A terminal answer stays terminal, however often it is asked for.
    async fn poll(&self, call: Call<'_>, ticket: &Ticket) -> Result<Polled>;

    /// Fetches one output that the vendor keeps for us, into `writer`. The vendor's credential goes
    /// only where the vendor's own pages say it must.
    async fn fetch(
        &self,
        call: Call<'_>,
        output: &RemoteOutput,
        writer: &mut dyn OutputWriter,
    ) -> Result<()>;

    /// Ends the vendor's keeping of a result, or a job where the vendor can; idempotent.
    async fn cancel(&self, call: Call<'_>, ticket: &Ticket) -> Result<()>;

    /// What the vendor's books say of a submit whose answer was lost.
    async fn recover(&self, call: Call<'_>, lost: &Lost) -> Result<Recovered>;

    /// Balance and allowances of the account, as the vendor tells them now.
    async fn account(&self, call: Call<'_>) -> Result<AccountStatus>;

    /// One page of what the vendor says that it charged since then, read by one request at most: the
    /// caller pages, at its own pace, from no cursor to the one that each page ends with. Where the
    /// vendor tells counters only, or nothing, it says so and nothing is sent.
    ///
    /// # Errors
    /// An entry that cannot be read is an error and never a charge of nothing: half of the books would
    /// show differences that are none. [`ErrorKind::Unsupported`] for a cursor that no page ended with.
    async fn statement(
        &self,
        call: Call<'_>,
        since: Timestamp,
        cursor: Option<String>,
    ) -> Result<Statement>;

    /// Has the vendor make a new credential and returns it. The caller keeps it before it is used.
    async fn rotate(&self, call: Call<'_>) -> Result<SecretString>;

    /// Ends the credential that [`rotate`](Provider::rotate) replaced, once the new one (in `call`) is
    /// kept; nothing to do where the vendor did it at once. Idempotent.
    async fn retire(&self, call: Call<'_>, old: &SecretString) -> Result<()>;

    /// Has the vendor delete what it keeps of finished work: of the `reference` that was claimed, and of
    /// the `outputs` that were fetched, as far as they are still known. Idempotent: what is gone is gone.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the description does not say that the vendor
    /// [can](Description::can_forget).
    async fn forget(&self, call: Call<'_>, reference: &str, outputs: &[RemoteOutput])
    -> Result<()>;
}
