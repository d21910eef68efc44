//! A vendor of credits: its models are a catalogue that is read, its prices are estimates that are
//! asked for, and its charges are something else. Beside it stands one with a firm price.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use engine::{Account, Alias, Market, Vendor};
use parking_lot::Mutex;
use provider::{
    AccountStatus, Adjustment, Adjustments, Audio, Blame, Call, Capabilities, Charge, Clock,
    Delivery, Description, Durations, Error, ErrorKind, Finished, Found, Kind, Knowledge, Limits,
    Lost, ManualClock, MicroUsd, Model, Output, OutputHint, OutputSink, OutputWriter, Pace, Polled,
    Price, Provider, Quote, QuoteSource, RateWindow, Recovered, Recovery, RemoteOutput, Result,
    Retry, Sizes, Statement, Submitted, Tariff, Ticket, Timestamp, Work,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use super::Stand;

/// A picture's smallest beginning.
const PICTURE: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";
/// An estimate of one output.
pub(crate) const ESTIMATE: i64 = 6000;
/// What the other vendor takes for one output.
pub(crate) const FIRM: i64 = 20_000;

pub(crate) struct Credits {
    clock: ManualClock,
    /// The models that the catalogue has besides the first.
    known: Mutex<Vec<String>>,
    read_at: Mutex<Option<Timestamp>>,
    /// What a charge is, in percent of its estimate.
    pub(crate) percent: AtomicU32,
    /// Percent off for each output more.
    pub(crate) discount: AtomicU32,
    pub(crate) estimates: AtomicUsize,
    pub(crate) calls: Mutex<Vec<(String, u8, String)>>,
    pub(crate) down: AtomicBool,
    pub(crate) keys: Mutex<Vec<String>>,
    /// Calls that came in.
    pub(crate) arrived: AtomicUsize,
    /// The words that the vendor's books show, if it has books.
    pub(crate) found: Mutex<Option<String>>,
    /// Calls wait for a permit of this while it is shut.
    pub(crate) gate: Semaphore,
}

impl std::fmt::Debug for Credits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credits")
    }
}

/// The vendor beside: a firm price.
#[derive(Debug)]
struct Firm(Arc<Credits>);

fn model(name: &str, kind: Kind, max_count: u8) -> Model {
    Model {
        name: name.to_owned(),
        title: name.to_owned(),
        kind,
        capabilities: Capabilities {
            prompt_chars: 1..=2000,
            negative_prompt: false,
            sizes: Sizes::Not,
            seed: false,
            seconds: Durations::Not,
            audio: Audio::Never,
            max_count,
            inputs: Vec::new(),
            no_retention: false,
            options: vec!["wish".to_owned()],
            delivery: Delivery::Inline,
            recovery: Recovery::Nothing,
        },
        tariff: Tariff::Credits { each: 6, credit: MicroUsd::from_micros(1000) },
        usual: Duration::from_secs(5),
    }
}

fn description(provider: &str, models: Vec<Model>, overlap: bool) -> Arc<Description> {
    Arc::new(Description {
        provider: provider.to_owned(),
        models,
        low_balance: None,
        low_allowance: None,
        can_rotate: overlap,
        keys_overlap: overlap,
        tells_account: false,
        can_forget: false,
    })
}

impl Credits {
    fn unreachable(&self) -> Result<()> {
        let retry = Retry::Safe { after: None };
        match self.down.load(Ordering::SeqCst) {
            true => Err(Error::new(ErrorKind::Unavailable, Blame::Network, retry, "down")),
            false => Ok(()),
        }
    }

    fn estimate(&self, count: u8) -> MicroUsd {
        let off = i64::from(self.discount.load(Ordering::SeqCst)) * i64::from(count - 1);
        MicroUsd::from_micros(ESTIMATE * i64::from(count) * (100 - off) / 100)
    }

    pub(crate) fn made(&self) -> Vec<u8> {
        self.calls.lock().iter().map(|(_, count, _)| *count).collect()
    }
}

impl Stand for Credits {
    fn stand(clock: ManualClock) -> Self {
        Self {
            clock,
            known: Mutex::default(),
            read_at: Mutex::default(),
            percent: AtomicU32::new(100),
            discount: AtomicU32::new(0),
            estimates: AtomicUsize::new(0),
            calls: Mutex::default(),
            down: AtomicBool::new(false),
            keys: Mutex::new(vec!["secret".to_owned()]),
            arrived: AtomicUsize::new(0),
            found: Mutex::default(),
            gate: Semaphore::new(1000),
        }
    }

    fn market(vendor: &Arc<Self>) -> Market {
        let of = |name: &str, adapter: Arc<dyn Provider>| {
            let account = Account {
                name: "main".to_owned(),
                id: format!("{name}/main"),
                key: "secret".into(),
                limits: adapter.limits("main"),
                terms: engine::Terms::default(),
            };
            let accounts = vec![Arc::new(account)];
            Vendor::new(name, adapter, accounts, true)
        };
        let firm = Arc::new(Firm(Arc::clone(vendor)));
        let vendors = vec![of("credits", Arc::clone(vendor) as _), of("firm", firm)];
        let candidates = vec!["credits/pix".to_owned(), "firm/pix".to_owned()];
        let alias = Alias {
            name: "photo".to_owned(),
            kind: Kind::Image,
            candidates,
            variants: None,
            rules: engine::AliasRules::default(),
        };
        Market::new(vendors, vec![alias], [(Kind::Image, "photo".to_owned())].into())
    }

    /// The next process is another adapter, which knows only what was kept.
    fn left(&self) {
        self.known.lock().clear();
        *self.read_at.lock() = None;
    }
}

#[async_trait::async_trait]
impl Knowledge for Credits {
    fn limits(&self) -> Limits {
        let window = RateWindow { span: Duration::from_secs(60), calls: 3 };
        Limits { windows: vec![window], ..Limits::none(Duration::from_secs(5)) }
    }

    fn wanted(&self) -> Vec<String> {
        let hour = Duration::from_secs(3600);
        let fresh = |at: Timestamp| at.plus(hour) > self.clock.now();
        match self.read_at.lock().is_some_and(fresh) {
            true => Vec::new(),
            false => vec!["catalogue".to_owned()],
        }
    }

    async fn learn(&self, pace: &dyn Pace, wanted: &str) -> Result<()> {
        assert_eq!(wanted, "catalogue");
        let _turn = pace.turn().await?;
        self.unreachable()?;
        *self.read_at.lock() = Some(self.clock.now());
        *self.known.lock() = vec!["words".to_owned()];
        Ok(())
    }

    fn to_keep(&self) -> Option<String> {
        let known = self.known.lock();
        (!known.is_empty()).then(|| known.join(","))
    }

    fn recall(&self, kept: &str) {
        *self.known.lock() = kept.split(',').map(str::to_owned).collect();
    }
}

#[async_trait::async_trait]
impl Provider for Credits {
    fn describe(&self) -> Arc<Description> {
        let mut models = vec![model("pix", Kind::Image, 10)];
        models.extend(self.known.lock().iter().map(|name| model(name, Kind::Text, 1)));
        description("credits", models, true)
    }

    fn knowledge(&self) -> Option<&dyn Knowledge> {
        Some(self)
    }

    fn limits(&self, _: &str) -> Limits {
        Limits::none(Duration::from_secs(60))
    }

    async fn quote(&self, call: Call<'_>, work: &Work) -> Result<Quote> {
        let asked = call.pace.turn().await.is_ok();
        self.estimates.fetch_add(usize::from(asked), Ordering::SeqCst);
        let expected = self.estimate(work.count);
        let mut adjustments = Adjustments::new();
        if let Some(wish) = work.options.get("wish") {
            let (requested, used) = (wish.clone(), serde_json::Value::Null);
            let reason = "nobody heeds it".to_owned();
            adjustments.insert("wish".to_owned(), Adjustment { requested, used, reason });
        }
        Ok(Quote {
            price: Price { expected, upper: expected.times(5) },
            source: if asked { QuoteSource::Live } else { QuoteSource::Listed },
            age: Duration::ZERO,
            duration: Duration::from_secs(5),
            adjustments,
        })
    }

    async fn submit(
        &self,
        call: Call<'_>,
        work: &Work,
        sink: &mut dyn OutputSink,
    ) -> Result<Submitted> {
        let key = call.key.expose_secret().to_owned();
        self.arrived.fetch_add(1, Ordering::SeqCst);
        let permit = self.gate.acquire().await.unwrap();
        assert!(self.keys.lock().contains(&key), "{key} was retired while it was used");
        let number = {
            let mut calls = self.calls.lock();
            calls.push((work.model.clone(), work.count, key));
            calls.len()
        };
        drop(permit);
        let estimated = self.estimate(work.count);
        let percent = i64::from(self.percent.load(Ordering::SeqCst));
        let mut outputs = Vec::new();
        for _ in 0..work.count {
            outputs.push(match work.kind {
                Kind::Text => Output::Text(format!("about {}", work.prompt)),
                _ => {
                    let hint = OutputHint { media_type: None, length: None };
                    let mut writer = sink.open(hint).await.unwrap();
                    writer.write(Bytes::from_static(PICTURE)).await.unwrap();
                    Output::Written(writer.finish().await.unwrap())
                }
            });
        }
        let amount = MicroUsd::from_micros(estimated.micros() * percent / 100);
        Ok(Submitted::Finished(Finished {
            reference: Some(format!("made{number}")),
            outputs,
            charge: Charge { estimated: Some(estimated), ..Charge::exact(amount) },
            balance: None,
            adjustments: Adjustments::new(),
        }))
    }

    async fn poll(&self, _: Call<'_>, _: &Ticket) -> Result<Polled> {
        panic!("nothing is queued here")
    }

    async fn fetch(&self, _: Call<'_>, _: &RemoteOutput, _: &mut dyn OutputWriter) -> Result<()> {
        panic!("everything comes inline here")
    }

    async fn cancel(&self, _: Call<'_>, _: &Ticket) -> Result<()> {
        Ok(())
    }

    async fn recover(&self, _: Call<'_>, _: &Lost) -> Result<Recovered> {
        let Some(text) = self.found.lock().clone() else { return Ok(Recovered::CannotTell) };
        let reference = "found".to_owned();
        let finished = Finished {
            reference: Some(reference.clone()),
            outputs: vec![Output::Text(text)],
            charge: Charge::exact(MicroUsd::from_micros(ESTIMATE)),
            balance: None,
            adjustments: Adjustments::new(),
        };
        Ok(Recovered::Candidates(vec![Found { reference, created_at: None, finished }]))
    }

    async fn account(&self, _: Call<'_>) -> Result<AccountStatus> {
        Ok(AccountStatus::default())
    }

    async fn statement(&self, _: Call<'_>, _: Timestamp, _: Option<String>) -> Result<Statement> {
        Ok(Statement::nothing())
    }

    async fn rotate(&self, call: Call<'_>) -> Result<SecretString> {
        let new = format!("{}+", call.key.expose_secret());
        self.keys.lock().push(new.clone());
        Ok(new.into())
    }

    async fn retire(&self, call: Call<'_>, old: &SecretString) -> Result<()> {
        assert_ne!(call.key.expose_secret(), old.expose_secret());
        self.keys.lock().retain(|key| key != old.expose_secret());
        Ok(())
    }

    async fn forget(&self, _: Call<'_>, _: &str, _: &[RemoteOutput]) -> Result<()> {
        panic!("it deletes nothing")
    }
}

#[async_trait::async_trait]
impl Provider for Firm {
    fn describe(&self) -> Arc<Description> {
        description("firm", vec![model("pix", Kind::Image, 1)], false)
    }

    fn knowledge(&self) -> Option<&dyn Knowledge> {
        None
    }

    fn limits(&self, _: &str) -> Limits {
        Limits::none(Duration::from_secs(60))
    }

    async fn quote(&self, _: Call<'_>, work: &Work) -> Result<Quote> {
        let price = MicroUsd::from_micros(FIRM).times(i64::from(work.count));
        Ok(Quote {
            price: Price { expected: price, upper: price },
            source: QuoteSource::Listed,
            age: Duration::ZERO,
            duration: Duration::from_secs(5),
            adjustments: Adjustments::new(),
        })
    }

    async fn submit(
        &self,
        call: Call<'_>,
        work: &Work,
        sink: &mut dyn OutputSink,
    ) -> Result<Submitted> {
        let submitted = self.0.submit(call, work, sink).await?;
        let Submitted::Finished(finished) = submitted else { return Ok(submitted) };
        let charge = Charge::exact(MicroUsd::from_micros(FIRM));
        Ok(Submitted::Finished(Finished { charge, ..finished }))
    }

    async fn poll(&self, call: Call<'_>, ticket: &Ticket) -> Result<Polled> {
        self.0.poll(call, ticket).await
    }

    async fn fetch(
        &self,
        call: Call<'_>,
        output: &RemoteOutput,
        writer: &mut dyn OutputWriter,
    ) -> Result<()> {
        self.0.fetch(call, output, writer).await
    }

    async fn cancel(&self, _: Call<'_>, _: &Ticket) -> Result<()> {
        Ok(())
    }

    async fn recover(&self, _: Call<'_>, _: &Lost) -> Result<Recovered> {
        Ok(Recovered::CannotTell)
    }

    async fn account(&self, _: Call<'_>) -> Result<AccountStatus> {
        Ok(AccountStatus::default())
    }

    async fn statement(&self, _: Call<'_>, _: Timestamp, _: Option<String>) -> Result<Statement> {
        Ok(Statement::nothing())
    }

    async fn rotate(&self, _: Call<'_>) -> Result<SecretString> {
        panic!("its keys are made by hand")
    }

    async fn retire(&self, _: Call<'_>, _: &SecretString) -> Result<()> {
        Ok(())
    }

    async fn forget(&self, _: Call<'_>, _: &str, _: &[RemoteOutput]) -> Result<()> {
        panic!("it deletes nothing")
    }
}
