//! Adapters that are broken in one way each: what the suite has to catch.
//!
//! ```text
//! provider_conformance::catches! {
//!     quote_is_stable: checks::quote_is_stable, FIXTURE => QuotesAnew;
//! }
//! ```
//! demands that the check passes the sound adapter and fails the flawed one.

use std::{
    fs,
    io::Write,
    net::TcpStream,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use async_trait::async_trait;
use provider::{
    AccountStatus, Allowance, Call, Charge, Description, Error, ErrorKind, Knowledge, Limits, Lost,
    MicroUsd, OutputSink, OutputWriter, Polled, Provider, Quote, Recovered, RemoteOutput, Result,
    Retry, Statement, Submitted, Ticket, Timestamp, Told, Work,
};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

use crate::{
    Answer, Books, Fixture, Means, MemorySink, NothingKept, Queue, Recorded, Rotation, Turns,
    Vendor,
    relay::{self, Spoils},
};

#[doc(hidden)]
pub use futures_util::FutureExt;

/// What is wrong with the adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Flaw {
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
    CallsAllFinal,
    CallsAllUnauthorised,
    ForgetsRetryAfter,
    ForgetsCharges,
    ShowsVendorsWords,
    ShowsKey,
    LogsPrompt,
    LeavesTask,
    TakesTwoTurns,
    PollsAnything,
    TellsProgress,
    CancelsAnything,
    CancelsOnce,
    CancelsFirst,
    ForgetsNothing,
    ForgetsFirst,
    ForgetsUncounted,
    RotatesAnything,
    RotatesNothing,
    LogsNewKey,
    KnowsNoBalance,
    TakesNoUnits,
    FindsNothing,
    ChangesPrompt,
    KeepsEverything,
    SendsKeyAlong,
    RefusesUnknownFields,
    RefusesUnknownValues,
    NeverLooksTwice,
    StatesNothing,
    StatesZeros,
    StatesTwice,
    StatesUncounted,
    StatesTotalsOnly,
    LooksTwice,
    IgnoresBadEntries,
}

#[derive(Debug)]
struct Broken {
    inner: Arc<dyn Provider>,
    flaw: Flaw,
    asked: AtomicI64,
    // What stands between the adapter and the vendor lives as long as the adapter.
    _relay: Option<Vendor>,
}

impl Broken {
    fn error(&self, call: Call<'_>, error: Error) -> Error {
        let (kind, retry, public) = (error.kind(), error.retry(), error.public().to_owned());
        let again = |kind, public: String, private: &str| {
            let again = Error::new(kind, error.blame(), retry, public).with_private(private);
            error.status().into_iter().fold(again, Error::with_status)
        };
        let private = error.private();
        match self.flaw {
            Flaw::CallsAllSafe => error.with_retry(Retry::Safe { after: None }),
            Flaw::CallsAllUnknown => error.with_retry(Retry::Unknown { ended: false }),
            Flaw::CallsAllFinal => error.with_retry(Retry::No),
            Flaw::CallsAllFailed => again(ErrorKind::Failed, public, private),
            Flaw::CallsAllUnauthorised => again(ErrorKind::Unauthorised, public, private),
            Flaw::ForgetsCharges => again(kind, public, private),
            Flaw::ShowsVendorsWords => again(kind, private.to_owned(), private),
            Flaw::ShowsKey => error.with_private(call.key.expose_secret()),
            Flaw::ForgetsRetryAfter => match retry {
                Retry::Safe { .. } => error.with_retry(Retry::Safe { after: None }),
                Retry::No | Retry::Unknown { .. } => error,
            },
            _ => error,
        }
    }

    fn finished(&self, finished: &mut provider::Finished) {
        match self.flaw {
            Flaw::ChargesMore => finished.charge = Charge::exact(MicroUsd::from_micros(1)),
            Flaw::LosesReference => finished.reference = None,
            Flaw::TakesNoUnits => finished.charge.allowance = None,
            _ => {}
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

    fn knowledge(&self) -> Option<&dyn Knowledge> {
        self.inner.knowledge()
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
            Flaw::KeepsEverything => work.retain = true,
            _ => {}
        }
        let mut submitted = self.inner.submit(call, &work, sink).await;
        if self.flaw == Flaw::SubmitsTwice && submitted.is_err() {
            let mut other = MemorySink::default();
            submitted = self.inner.submit(call, &work, &mut other).await;
        }
        if let Ok(Submitted::Finished(finished)) = &mut submitted {
            self.finished(finished);
        }
        submitted.map_err(|error| self.error(call, error))
    }

    async fn poll(&self, call: Call<'_>, ticket: &Ticket) -> Result<Polled> {
        let running = |progress| Ok(Polled::Running { look_after: ticket.look_after, progress });
        if self.flaw == Flaw::PollsAnything {
            return running(None);
        }
        match self.inner.poll(call, ticket).await {
            Ok(Polled::Running { .. }) if self.flaw == Flaw::TellsProgress => running(Some(50)),
            Ok(Polled::Finished(mut finished)) => {
                self.finished(&mut finished);
                Ok(Polled::Finished(finished))
            }
            Ok(running) => Ok(running),
            Err(error) => Err(self.error(call, error)),
        }
    }

    async fn fetch(
        &self,
        call: Call<'_>,
        output: &RemoteOutput,
        writer: &mut dyn OutputWriter,
    ) -> Result<()> {
        match self.flaw {
            Flaw::TakesTwoTurns => drop(call.pace.turn().await?),
            Flaw::SendsKeyAlong => send_key(&output.location, call),
            _ => {}
        }
        let fetched = self.inner.fetch(call, output, writer).await;
        fetched.map_err(|error| self.error(call, error))
    }

    async fn cancel(&self, call: Call<'_>, ticket: &Ticket) -> Result<()> {
        let again = self.asked.fetch_add(1, Ordering::SeqCst) > 0;
        match self.flaw {
            Flaw::CancelsAnything => Ok(()),
            Flaw::CancelsOnce if again => Ok(()),
            Flaw::CancelsFirst if again => Err(nothing_there()),
            _ => self.inner.cancel(call, ticket).await.map_err(|error| self.error(call, error)),
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

    async fn statement(
        &self,
        call: Call<'_>,
        since: Timestamp,
        cursor: Option<String>,
    ) -> Result<Statement> {
        let uncounted = Turns::default();
        let call = match self.flaw {
            Flaw::StatesUncounted => Call { pace: &uncounted, ..call },
            Flaw::StatesTotalsOnly => return Ok(Statement::totals()),
            _ => call,
        };
        if self.flaw == Flaw::LooksTwice {
            self.inner.statement(call, since, cursor.clone()).await?;
        }
        let empty = Statement { told: Told::Each { but: Vec::new() }, ..Statement::nothing() };
        let mut told = match self.inner.statement(call, since, cursor).await {
            Err(_) if self.flaw == Flaw::IgnoresBadEntries => return Ok(empty),
            told => told.map_err(|error| self.error(call, error))?,
        };
        match self.flaw {
            Flaw::StatesNothing => told = empty,
            Flaw::StatesTwice => told.charges.extend(told.charges.clone()),
            Flaw::StatesZeros => {
                told.charges.iter_mut().for_each(|row| row.amount = MicroUsd::ZERO);
            }
            _ => {}
        }
        Ok(told)
    }

    async fn rotate(&self, call: Call<'_>) -> Result<SecretString> {
        if self.flaw == Flaw::RotatesAnything {
            return Ok(call.key.clone());
        }
        if self.flaw == Flaw::RotatesNothing {
            return Err(nothing_there());
        }
        let rotated = self.inner.rotate(call).await.map_err(|error| self.error(call, error));
        if let (Flaw::LogsNewKey, Ok(key)) = (self.flaw, &rotated) {
            tracing::info!(key = key.expose_secret(), "rotated");
        }
        rotated
    }

    async fn retire(&self, call: Call<'_>, old: &SecretString) -> Result<()> {
        self.inner.retire(call, old).await
    }

    async fn forget(
        &self,
        call: Call<'_>,
        reference: &str,
        outputs: &[RemoteOutput],
    ) -> Result<()> {
        match self.flaw {
            Flaw::ForgetsNothing => return Ok(()),
            Flaw::ForgetsFirst if self.asked.fetch_add(1, Ordering::SeqCst) > 0 => {
                return Err(nothing_there());
            }
            Flaw::ForgetsUncounted => {
                let call = Call { pace: &Turns::default(), ..call };
                return self.inner.forget(call, reference, outputs).await;
            }
            _ => {}
        }
        let forgotten = self.inner.forget(call, reference, outputs).await;
        forgotten.map_err(|error| self.error(call, error))
    }
}

fn nothing_there() -> Error {
    Error::new(ErrorKind::NotFound, provider::Blame::Vendor, Retry::No, "there is nothing there")
}

/// Asks the first address in a location with the credential.
fn send_key(location: &str, call: Call<'_>) {
    let Some((_, address)) = location.split_once("http://") else { return };
    let end = address.find(['/', '"']).unwrap_or(address.len());
    if let Ok(mut stream) = TcpStream::connect(&address[..end]) {
        let head = format!("GET / HTTP/1.1\r\nx-key: {}\r\n\r\n", call.key.expose_secret());
        let _ = stream.write_all(head.as_bytes());
        // The answer's end: by then the request was counted.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    }
}

/// A sound fixture around a flawed adapter. Its golden files are a copy: a check that finds a
/// difference writes beside them.
#[derive(Debug, Clone)]
pub struct Flawed<F>(F, Flaw, Arc<TempDir>);

impl<F: Fixture> Flawed<F> {
    /// This fixture with this flaw.
    pub fn new(fixture: F, flaw: Flaw) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for part in ["requests", "responses"] {
            let to = folder.path().join(part);
            fs::create_dir(&to).expect("a folder");
            for file in fs::read_dir(fixture.golden().join(part)).expect("golden files") {
                let file = file.expect("a golden file");
                fs::copy(file.path(), to.join(file.file_name())).expect("a copy");
            }
        }
        Self(fixture, flaw, Arc::new(folder))
    }
}

impl<F: Fixture> Fixture for Flawed<F> {
    fn provider(&self, base_url: &str, means: Means) -> Arc<dyn Provider> {
        let spoils = match self.1 {
            Flaw::RefusesUnknownFields => Some(Spoils::AnswersWith("zz_unknown")),
            Flaw::RefusesUnknownValues => Some(Spoils::AnswersWith("zz_unheard_of")),
            Flaw::NeverLooksTwice => Some(Spoils::SecondLooks),
            _ => None,
        };
        let relay = spoils.map(|spoils| relay::start(base_url, spoils));
        let url = relay.as_ref().map_or_else(|| base_url.to_owned(), Vendor::url);
        let inner = self.0.provider(&url, means);
        Arc::new(Broken { inner, flaw: self.1, asked: AtomicI64::new(0), _relay: relay })
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

    fn is_counted(&self, request: &Recorded) -> bool {
        self.0.is_counted(request)
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
    fn queue(&self) -> Option<Queue> {
        self.0.queue()
    }
    fn nothing_kept(&self) -> Option<NothingKept> {
        self.0.nothing_kept()
    }
    fn rotation(&self) -> Option<Rotation> {
        self.0.rotation()
    }
    fn allowances(&self) -> Vec<Allowance> {
        self.0.allowances()
    }
    fn books(&self) -> Option<Books> {
        self.0.books()
    }
    fn is_forget(&self, request: &Recorded) -> bool {
        self.0.is_forget(request)
    }
}

/// Demands that a check passes the sound adapter and catches each of these flaws. A status goes with the
/// checks of statuses: `maps_status_400: [400], FIXTURE => CallsAllSafe;`.
#[macro_export]
macro_rules! catches {
    ($($name:ident: $([$status:literal])? $($check:path)?, $fixture:expr => $($flaw:ident)+;)+) => {$(
        #[tokio::test]
        async fn $name() {
            use $crate::flaws::{Flaw, Flawed, FutureExt as _};
            let check = $crate::catches!(@check $($status)? $($check)?);
            check(&Flawed::new($fixture, Flaw::Nothing)).await;
            $({
                let flawed = Flawed::new($fixture, Flaw::$flaw);
                let checked = std::panic::AssertUnwindSafe(check(&flawed)).catch_unwind().await;
                assert!(checked.is_err(), "{:?} got through", Flaw::$flaw);
            })+
        }
    )+};
    (@check $status:literal) => {
        async |fixture: &_| $crate::checks::maps_status(fixture, $status).await
    };
    (@check $check:path) => { $check };
}
