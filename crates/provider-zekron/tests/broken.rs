//! The suite is worth what it catches: an adapter broken in one way fails the check of that way.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod vendor;

use std::{
    fs,
    panic::AssertUnwindSafe,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use async_trait::async_trait;
use futures_util::FutureExt;
use provider::{
    AccountStatus, Call, Charge, Description, Error, ErrorKind, Limits, Lost, MicroUsd, OutputSink,
    OutputWriter, Polled, Provider, Quote, Recovered, RemoteOutput, Result, Retry, Submitted,
    Ticket, Work,
};
use provider_conformance::{Answer, Fixture, Means, MemorySink, Recorded, checks};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

use vendor::{Preview, V1};

/// What is wrong with the adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    Nothing,
    AdvertisesSeeds,
    HidesNegativePrompts,
    QuotesAnew,
    QuotesLow,
    ChargesMore,
    LosesReference,
    SubmitsTwice,
    CallsAllSafe,
    CallsAllUnknown,
    CallsAllFailed,
    ForgetsRetryAfter,
    ShowsVendorsWords,
    ShowsKey,
    LogsPrompt,
    LeavesTask,
    TakesTwoTurns,
    PollsAnything,
    CancelsAnything,
    RotatesAnything,
    KnowsNoBalance,
    FindsNothing,
    ChangesPrompt,
}

#[derive(Debug)]
struct Broken {
    inner: Arc<dyn Provider>,
    flaw: Flaw,
    asked: AtomicI64,
}

impl Broken {
    fn error(&self, call: Call<'_>, error: Error) -> Error {
        let (kind, blame, public) = (error.kind(), error.blame(), error.public().to_owned());
        let again = |kind, retry, public: String| {
            let again = Error::new(kind, blame, retry, public).with_private(error.private());
            error.status().into_iter().fold(again, Error::with_status)
        };
        match self.flaw {
            Flaw::CallsAllSafe => error.with_retry(Retry::Safe { after: None }),
            Flaw::CallsAllUnknown => error.with_retry(Retry::Unknown { ended: false }),
            Flaw::CallsAllFailed => again(ErrorKind::Failed, error.retry(), public),
            Flaw::ShowsVendorsWords => again(kind, error.retry(), error.private().to_owned()),
            Flaw::ShowsKey => error.with_private(call.key.expose_secret()),
            Flaw::ForgetsRetryAfter => match error.retry() {
                Retry::Safe { .. } => error.with_retry(Retry::Safe { after: None }),
                Retry::No | Retry::Unknown { .. } => error,
            },
            _ => error,
        }
    }
}

#[async_trait]
impl Provider for Broken {
    fn describe(&self) -> Arc<Description> {
        let mut description = Description::clone(&self.inner.describe());
        for model in &mut description.models {
            model.capabilities.seed |= self.flaw == Flaw::AdvertisesSeeds;
            model.capabilities.negative_prompt &= self.flaw != Flaw::HidesNegativePrompts;
        }
        Arc::new(description)
    }

    fn limits(&self, account: &str) -> Limits {
        self.inner.limits(account)
    }

    async fn quote(&self, call: Call<'_>, work: &Work) -> Result<Quote> {
        let mut quote = self.inner.quote(call, work).await?;
        match self.flaw {
            Flaw::QuotesAnew => {
                let times = self.asked.fetch_add(1, Ordering::SeqCst);
                quote.price.upper += MicroUsd::from_micros(times);
            }
            Flaw::QuotesLow => quote.price.upper = quote.price.expected,
            _ => {}
        }
        Ok(quote)
    }

    async fn submit(
        &self,
        call: Call<'_>,
        work: &Work,
        sink: &mut dyn OutputSink,
    ) -> Result<Submitted> {
        let mut work = work.clone();
        match self.flaw {
            Flaw::LogsPrompt => tracing::info!(work.prompt, "submitting"),
            Flaw::LeavesTask => {
                drop(tokio::runtime::Handle::current().spawn(std::future::pending::<()>()));
            }
            Flaw::ChangesPrompt => work.prompt.push('!'),
            _ => {}
        }
        let mut submitted = self.inner.submit(call, &work, sink).await;
        if self.flaw == Flaw::SubmitsTwice && submitted.is_err() {
            let mut other = MemorySink::default();
            submitted = self.inner.submit(call, &work, &mut other).await;
        }
        if let Ok(Submitted::Finished(finished)) = &mut submitted {
            match self.flaw {
                Flaw::ChargesMore => finished.charge = Charge::exact(MicroUsd::from_micros(1)),
                Flaw::LosesReference => finished.reference = None,
                _ => {}
            }
        }
        submitted.map_err(|error| self.error(call, error))
    }

    async fn poll(&self, call: Call<'_>, ticket: &Ticket) -> Result<Polled> {
        if self.flaw == Flaw::PollsAnything {
            return Ok(Polled::Running { look_after: ticket.look_after, progress: None });
        }
        self.inner.poll(call, ticket).await
    }

    async fn fetch(
        &self,
        call: Call<'_>,
        output: &RemoteOutput,
        writer: &mut dyn OutputWriter,
    ) -> Result<()> {
        if self.flaw == Flaw::TakesTwoTurns {
            drop(call.pace.turn().await?);
        }
        self.inner.fetch(call, output, writer).await
    }

    async fn cancel(&self, call: Call<'_>, ticket: &Ticket) -> Result<()> {
        if self.flaw == Flaw::CancelsAnything {
            Ok(())
        } else {
            self.inner.cancel(call, ticket).await
        }
    }

    async fn recover(&self, call: Call<'_>, lost: &Lost) -> Result<Recovered> {
        let recovered = self.inner.recover(call, lost).await?;
        let nothing = Recovered::Candidates(Vec::new());
        Ok(if self.flaw == Flaw::FindsNothing { nothing } else { recovered })
    }

    async fn account(&self, call: Call<'_>) -> Result<AccountStatus> {
        let status = self.inner.account(call).await?;
        Ok(if self.flaw == Flaw::KnowsNoBalance { AccountStatus::default() } else { status })
    }

    async fn rotate(&self, call: Call<'_>) -> Result<SecretString> {
        if self.flaw == Flaw::RotatesAnything {
            Ok(call.key.clone())
        } else {
            self.inner.rotate(call).await
        }
    }
}

/// A sound fixture around a flawed adapter. Its golden files are a copy: a check that finds a
/// difference writes beside them.
#[derive(Debug, Clone)]
struct Flawed<F>(F, Flaw, Arc<TempDir>);

impl<F: Fixture> Flawed<F> {
    fn new(fixture: F, flaw: Flaw) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for part in ["requests", "responses"] {
            let to = folder.path().join(part);
            fs::create_dir(&to).unwrap();
            for file in fs::read_dir(fixture.golden().join(part)).unwrap() {
                let file = file.unwrap();
                fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        }
        Self(fixture, flaw, Arc::new(folder))
    }
}

impl<F: Fixture> Fixture for Flawed<F> {
    fn provider(&self, base_url: &str, means: Means) -> Arc<dyn Provider> {
        let inner = self.0.provider(base_url, means);
        Arc::new(Broken { inner, flaw: self.1, asked: AtomicI64::new(0) })
    }
    fn work(&self) -> Work {
        self.0.work()
    }
    fn answer(&self, request: &Recorded) -> Answer {
        self.0.answer(request)
    }
    fn is_submit(&self, request: &Recorded) -> bool {
        self.0.is_submit(request)
    }
    fn output(&self) -> Vec<u8> {
        self.0.output()
    }
    fn charge(&self) -> MicroUsd {
        self.0.charge()
    }
    fn reference(&self) -> String {
        self.0.reference()
    }
    fn error(&self, status: u16, message: &str) -> Answer {
        self.0.error(status, message)
    }
    fn content_refusal(&self) -> Answer {
        self.0.content_refusal()
    }
    fn enum_members(&self) -> &'static [&'static str] {
        self.0.enum_members()
    }
    fn golden(&self) -> PathBuf {
        self.2.path().to_owned()
    }
    fn golden_work(&self) -> Vec<(&'static str, Work)> {
        self.0.golden_work()
    }
}

/// A check that takes a status, as one that takes none.
async fn maps_status_429(fixture: &impl Fixture) {
    checks::maps_status(fixture, 429).await;
}

/// Demands that a check passes the sound adapter and catches each of these flaws.
macro_rules! catches {
    ($($name:ident: $check:path, $fixture:ident: $($flaw:ident)+;)+) => {$(
        #[tokio::test]
        async fn $name() {
            $check(&Flawed::new($fixture, Flaw::Nothing)).await;
            $({
                let flawed = Flawed::new($fixture, Flaw::$flaw);
                let checked = AssertUnwindSafe($check(&flawed)).catch_unwind().await;
                assert!(checked.is_err(), "{:?} got through", flawed.1);
            })+
        }
    )+};
}

catches! {
    capabilities_are_honest: checks::capabilities_are_honest, Preview: HidesNegativePrompts;
    advertised_parameters_are_sent: checks::advertised_parameters_are_sent, V1: AdvertisesSeeds;
    quote_is_stable: checks::quote_is_stable, V1: QuotesAnew;
    quote_bounds_charge: checks::quote_bounds_charge, V1: QuotesLow ChargesMore;
    submit_finishes: checks::submit_finishes, V1: LosesReference ChargesMore;
    every_further_request_takes_a_turn: checks::every_further_request_takes_a_turn, Preview: TakesTwoTurns;
    terminal_is_terminal: checks::terminal_is_terminal, V1: PollsAnything;
    cancel_is_idempotent: checks::cancel_is_idempotent, V1: CancelsAnything;
    rotation_is_honest: checks::rotation_is_honest, V1: RotatesAnything;
    account_is_honest: checks::account_is_honest, V1: KnowsNoBalance;
    recovery_is_honest: checks::recovery_is_honest, V1: FindsNothing;
    maps_status: maps_status_429, V1: CallsAllUnknown CallsAllFailed SubmitsTwice;
    retry_after_is_kept: checks::retry_after_is_kept, V1: ForgetsRetryAfter;
    content_refusal_is_not_retryable: checks::content_refusal_is_not_retryable, V1: CallsAllFailed CallsAllSafe;
    a_proxys_failure_proves_nothing: checks::a_proxys_failure_proves_nothing, Preview: CallsAllSafe;
    malformed_json: checks::malformed_json, V1: CallsAllSafe CallsAllUnknown;
    truncated_body: checks::truncated_body, V1: CallsAllSafe CallsAllUnknown;
    oversized_body: checks::oversized_body, V1: CallsAllSafe;
    wrong_content_type: checks::wrong_content_type, V1: CallsAllSafe;
    slow_vendor_hits_deadline: checks::slow_vendor_hits_deadline, V1: CallsAllSafe CallsAllUnknown CallsAllFailed;
    refused_connection_is_safe: checks::refused_connection_is_safe, V1: CallsAllUnknown CallsAllFailed;
    connection_reset_after_send_is_unknown: checks::connection_reset_after_send_is_unknown, V1: CallsAllSafe;
    no_second_submit_on_unknown: checks::no_second_submit_on_unknown, V1: SubmitsTwice;
    dropped_future_leaves_no_task: checks::dropped_future_leaves_no_task, V1: LeavesTask;
    secret_never_in_debug_display_or_log: checks::secret_never_in_debug_display_or_log, V1: ShowsKey LogsPrompt;
    vendor_error_text_never_in_public_message: checks::vendor_error_text_never_in_public_message, V1: ShowsVendorsWords;
    golden_requests: checks::golden_requests, V1: ChangesPrompt;
    golden_responses: checks::golden_responses, V1: CallsAllFailed LosesReference;
}
