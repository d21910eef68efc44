//! A vendor by script: each submit does the next act, and the vendor keeps honest books of its own.

use std::{
    collections::{HashMap, VecDeque},
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use provider::{
    AccountStatus, Audio, Blame, Call, Capabilities, Charge, Clock, Delivery, Description,
    Durations, Error, ErrorKind, Finished, Found, Kind, Limits, Lost, ManualClock, MicroUsd, Model,
    Output, OutputHint, OutputSink, OutputWriter, Polled, Price, Provider, Quote, QuoteSource,
    Recovered, Recovery, RemoteOutput, Result, Retry, Size, Sizes, Statement, StatementCharge,
    Submitted, Tariff, Ticket, Timestamp, Told, Work,
};
use secrecy::SecretString;
use tokio::sync::watch;

/// What a submit does. Without a script it makes the picture.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Makes it and answers.
    Make,
    /// Makes it and keeps it, to be fetched.
    MakeRemote,
    /// Makes it; the answer is lost.
    MakeAndLose { ended: bool },
    /// The answer is lost and nothing was made.
    LoseOnly { ended: bool },
    /// Refuses; nothing is charged.
    Refuse(ErrorKind),
    /// The same, and not to be asked again for so long.
    RefuseFor(ErrorKind, Duration),
    /// Makes it, charges, and never answers until the gates are opened.
    MakeAndHang,
    /// Waits before it makes it, until the gates are opened.
    Wait,
    /// Waits until the gates are opened, then refuses; nothing is charged.
    WaitAndRefuse(ErrorKind),
    /// Takes it into a queue; done at the third look.
    Queue,
    /// Makes a page of text and calls it a picture.
    MakeNonsense,
}

pub(crate) struct Row {
    pub(crate) reference: String,
    pub(crate) prompt: String,
    pub(crate) cost: MicroUsd,
    pub(crate) at: Timestamp,
}

/// How the vendor tells its own books.
#[derive(Debug)]
pub(crate) struct Telling {
    /// Charges of one page.
    pub(crate) page: usize,
    /// Whether charges name the work.
    pub(crate) names: bool,
    /// Models that it does not list.
    pub(crate) but: Vec<String>,
    /// Looks that fail before one succeeds.
    pub(crate) failures: usize,
    /// Whether every page says that another one follows.
    pub(crate) endless: bool,
}

impl Telling {
    /// Every charge, in pages of a hundred.
    pub(crate) fn all() -> Self {
        Self { page: 100, names: true, but: Vec::new(), failures: 0, endless: false }
    }
}

pub(crate) struct Scripted {
    clock: ManualClock,
    acts: Mutex<VecDeque<Act>>,
    /// What single accounts do, over and over, whatever the script says.
    ways: Mutex<HashMap<String, VecDeque<Act>>>,
    /// The account of every submit.
    pub(crate) asked: Mutex<Vec<String>>,
    /// What single accounts are expected to cost and take, in micro-dollars and seconds.
    pub(crate) offers: Mutex<HashMap<&'static str, (i64, u64)>>,
    /// The alias' rules.
    pub(crate) rules: Mutex<engine::AliasRules>,
    /// Provider and account, as the market lists them.
    pub(crate) accounts: Mutex<Vec<(&'static str, &'static str)>>,
    pub(crate) rows: Mutex<Vec<Row>>,
    pub(crate) submits: AtomicUsize,
    pub(crate) fetches: AtomicUsize,
    /// Fetches that fail before one succeeds.
    pub(crate) bad_fetches: AtomicUsize,
    looks: AtomicUsize,
    gates: watch::Sender<bool>,
    pub(crate) telling: Mutex<Telling>,
    pub(crate) pages_told: AtomicUsize,
    /// Whether the history tells anything.
    pub(crate) has_history: std::sync::atomic::AtomicBool,
    /// What happens once, as its history is looked at.
    pub(crate) at_look: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    /// What it was made to delete; none where it can delete nothing.
    pub(crate) forgotten: Mutex<Option<Vec<String>>>,
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

pub(crate) const COST: i64 = 26_700;
/// The smallest picture that has everything a picture must have.
const PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";

impl Scripted {
    pub(crate) fn new(clock: ManualClock) -> Self {
        Self {
            clock,
            acts: Mutex::default(),
            ways: Mutex::default(),
            asked: Mutex::default(),
            offers: Mutex::default(),
            rules: Mutex::default(),
            accounts: Mutex::new(vec![("scripted", "main")]),
            rows: Mutex::default(),
            submits: AtomicUsize::new(0),
            fetches: AtomicUsize::new(0),
            bad_fetches: AtomicUsize::new(0),
            looks: AtomicUsize::new(0),
            gates: watch::Sender::new(false),
            telling: Mutex::new(Telling::all()),
            pages_told: AtomicUsize::new(0),
            forgotten: Mutex::default(),
            has_history: std::sync::atomic::AtomicBool::new(true),
            at_look: Mutex::default(),
        }
    }

    pub(crate) fn script(&self, acts: impl IntoIterator<Item = Act>) {
        self.acts.lock().extend(acts);
    }

    /// From now on it makes what it is asked for.
    pub(crate) fn forget_script(&self) {
        self.acts.lock().clear();
    }

    /// From now on this account does one of these after the other, over and over; nothing: as the
    /// script says.
    pub(crate) fn always(&self, account: &str, ways: impl IntoIterator<Item = Act>) {
        self.ways.lock().insert(account.to_owned(), ways.into_iter().collect());
    }

    /// How often an account was asked.
    pub(crate) fn asked(&self, account: &str) -> usize {
        self.asked.lock().iter().filter(|asked| *asked == account).count()
    }

    fn act(&self, account: &str) -> Act {
        let mut ways = self.ways.lock();
        if let Some(ways) = ways.get_mut(account)
            && let Some(act) = ways.pop_front()
        {
            ways.push_back(act.clone());
            return act;
        }
        self.acts.lock().pop_front().unwrap_or(Act::Make)
    }

    pub(crate) fn open_gates(&self) {
        self.gates.send_replace(true);
    }

    /// What the vendor's own books say it charged.
    pub(crate) fn charged(&self) -> i64 {
        self.rows.lock().iter().map(|row| row.cost.micros()).sum()
    }

    pub(crate) fn made(&self) -> usize {
        self.rows.lock().len()
    }

    fn make(&self, work: &Work) -> (String, MicroUsd) {
        let mut rows = self.rows.lock();
        let reference = format!("ref{}", rows.len());
        let cost = MicroUsd::from_micros(COST + i64::try_from(rows.len()).unwrap());
        let at = self.clock.now();
        rows.push(Row { reference: reference.clone(), prompt: work.prompt.clone(), cost, at });
        (reference, cost)
    }

    async fn gate(&self) {
        let _ = self.gates.subscribe().wait_for(|open| *open).await;
    }
}

fn finished(reference: String, cost: MicroUsd, output: Output) -> Finished {
    Finished {
        reference: Some(reference),
        outputs: vec![output],
        charge: Charge::exact(cost),
        balance: None,
        adjustments: provider::Adjustments::new(),
    }
}

fn remote(reference: &str) -> Output {
    Output::Remote(RemoteOutput { location: reference.to_owned(), expires_at: None })
}

fn lost(ended: bool) -> Error {
    let retry = Retry::Unknown { ended };
    Error::new(ErrorKind::Failed, Blame::Network, retry, "the answer was lost")
}

async fn write(sink: &mut dyn OutputSink, bytes: &'static [u8]) -> Output {
    let mut writer = sink.open(OutputHint::default()).await.unwrap();
    writer.write(Bytes::from_static(bytes)).await.unwrap();
    Output::Written(writer.finish().await.unwrap())
}

#[async_trait::async_trait]
impl Provider for Scripted {
    fn describe(&self) -> Arc<Description> {
        let prompts: RangeInclusive<usize> = 1..=1000;
        let capabilities = Capabilities {
            prompt_chars: prompts,
            negative_prompt: false,
            sizes: Sizes::Listed(vec![Size::new(1, 1), Size::new(2, 1)]),
            seed: false,
            seconds: Durations::Not,
            audio: Audio::Never,
            max_count: 1,
            inputs: Vec::new(),
            no_retention: true,
            options: Vec::new(),
            delivery: Delivery::Inline,
            recovery: Recovery::History,
        };
        let model = Model {
            name: "one".to_owned(),
            title: "One".to_owned(),
            kind: Kind::Image,
            capabilities,
            tariff: Tariff::Unlisted,
            usual: Duration::from_secs(1),
        };
        Arc::new(Description {
            provider: "scripted".to_owned(),
            models: vec![model],
            low_balance: None,
            low_allowance: None,
            can_rotate: false,
            keys_overlap: false,
            tells_account: false,
            can_forget: self.forgotten.lock().is_some(),
        })
    }

    fn knowledge(&self) -> Option<&dyn provider::Knowledge> {
        None
    }

    fn limits(&self, _: &str) -> Limits {
        Limits { concurrent: Some(3), ..Limits::none(Duration::from_secs(30)) }
    }

    async fn quote(&self, call: Call<'_>, _: &Work) -> Result<Quote> {
        let offer = self.offers.lock().get(call.account).copied();
        let (expected, seconds) = offer.unwrap_or((COST, 1));
        let price = Price {
            expected: MicroUsd::from_micros(expected),
            upper: MicroUsd::from_micros(COST * 2),
        };
        let duration = Duration::from_secs(seconds);
        Ok(Quote {
            price,
            source: QuoteSource::Listed,
            age: Duration::ZERO,
            duration,
            adjustments: provider::Adjustments::new(),
        })
    }

    async fn submit(
        &self,
        call: Call<'_>,
        work: &Work,
        sink: &mut dyn OutputSink,
    ) -> Result<Submitted> {
        self.submits.fetch_add(1, Ordering::SeqCst);
        self.asked.lock().push(call.account.to_owned());
        let act = self.act(call.account);
        if matches!(act, Act::Wait | Act::WaitAndRefuse(_)) {
            self.gate().await;
        }
        match act {
            Act::Make | Act::Wait => {
                let (reference, cost) = self.make(work);
                let output = write(sink, PNG).await;
                Ok(Submitted::Finished(finished(reference, cost, output)))
            }
            Act::MakeNonsense => {
                let (reference, cost) = self.make(work);
                let output = write(sink, b"<html>sorry</html>").await;
                Ok(Submitted::Finished(finished(reference, cost, output)))
            }
            Act::MakeRemote => {
                let (reference, cost) = self.make(work);
                let output = remote(&reference);
                Ok(Submitted::Finished(finished(reference, cost, output)))
            }
            Act::MakeAndLose { ended } => {
                self.make(work);
                Err(lost(ended))
            }
            Act::LoseOnly { ended } => Err(lost(ended)),
            Act::MakeAndHang => {
                self.make(work);
                self.gate().await;
                Err(lost(false))
            }
            Act::RefuseFor(kind, span) => {
                let retry = Retry::Safe { after: Some(span) };
                Err(Error::new(kind, Blame::Vendor, retry, "refused"))
            }
            Act::Refuse(kind) | Act::WaitAndRefuse(kind) => {
                let retry = Retry::Safe { after: None };
                Err(Error::new(kind, Blame::Vendor, retry, "refused"))
            }
            Act::Queue => {
                let (reference, _) = self.make(work);
                Ok(Submitted::Running(Ticket { reference, look_after: Duration::from_secs(1) }))
            }
        }
    }

    async fn poll(&self, _: Call<'_>, ticket: &Ticket) -> Result<Polled> {
        if self.looks.fetch_add(1, Ordering::SeqCst) < 2 {
            return Ok(Polled::Running { look_after: Duration::from_secs(1), progress: None });
        }
        let rows = self.rows.lock();
        let row = rows.iter().find(|row| row.reference == ticket.reference).unwrap();
        let output = remote(&row.reference);
        Ok(Polled::Finished(finished(row.reference.clone(), row.cost, output)))
    }

    async fn fetch(
        &self,
        _: Call<'_>,
        _: &RemoteOutput,
        writer: &mut dyn OutputWriter,
    ) -> Result<()> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let bad = &self.bad_fetches;
        if bad.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            let retry = Retry::Safe { after: None };
            return Err(Error::new(ErrorKind::Unavailable, Blame::Network, retry, "not now"));
        }
        writer.write(Bytes::from_static(PNG)).await.unwrap();
        Ok(())
    }

    async fn cancel(&self, _: Call<'_>, _: &Ticket) -> Result<()> {
        Ok(())
    }

    async fn recover(&self, _: Call<'_>, lost: &Lost) -> Result<Recovered> {
        if !self.has_history.load(Ordering::SeqCst) {
            return Ok(Recovered::CannotTell);
        }
        if let Some(happens) = self.at_look.lock().take() {
            happens();
        }
        let rows = self.rows.lock();
        let mine = rows.iter().filter(|r| r.prompt == lost.work.prompt && r.at >= lost.sent_at);
        let found = mine.map(|row| Found {
            reference: row.reference.clone(),
            created_at: Some(row.at),
            finished: finished(row.reference.clone(), row.cost, remote(&row.reference)),
        });
        Ok(Recovered::Candidates(found.collect()))
    }

    async fn account(&self, _: Call<'_>) -> Result<AccountStatus> {
        Ok(AccountStatus::default())
    }

    async fn statement(
        &self,
        call: Call<'_>,
        _: Timestamp,
        cursor: Option<String>,
    ) -> Result<Statement> {
        let _turn = call.pace.turn().await?;
        self.pages_told.fetch_add(1, Ordering::SeqCst);
        let mut telling = self.telling.lock();
        if telling.failures > 0 {
            telling.failures -= 1;
            let retry = Retry::Safe { after: None };
            return Err(Error::new(ErrorKind::Unavailable, Blame::Vendor, retry, "not now"));
        }
        let before: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let rows = self.rows.lock();
        let named = |row: &Row| telling.names.then(|| row.reference.clone());
        let charge = |row: &Row| StatementCharge {
            entry: named(row),
            reference: named(row),
            amount: row.cost,
            at: row.at,
        };
        let page = rows.iter().rev().skip(before).take(telling.page);
        let end = before + telling.page;
        Ok(Statement {
            charges: page.map(charge).collect(),
            told: Told::Each { but: telling.but.clone() },
            next: (telling.endless || end < rows.len()).then(|| end.to_string()),
        })
    }

    async fn rotate(&self, _: Call<'_>) -> Result<SecretString> {
        let kind = ErrorKind::Unsupported;
        Err(Error::new(kind, Blame::Caller, Retry::No, "this vendor has no rotation"))
    }

    async fn retire(&self, _call: Call<'_>, _old: &SecretString) -> Result<()> {
        Ok(())
    }

    async fn forget(&self, _: Call<'_>, reference: &str, _: &[RemoteOutput]) -> Result<()> {
        let mut forgotten = self.forgotten.lock();
        let Some(forgotten) = forgotten.as_mut() else { panic!("it deletes nothing") };
        forgotten.push(reference.to_owned());
        Ok(())
    }
}
