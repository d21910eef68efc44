//! A queue with a plan: jobs, units of an allowance, a content check that suspends. What becomes of a
//! job is written in its prompt, so that tests may run many at once.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use engine::{Account, Alias, Market, Vendor};
use parking_lot::Mutex;
use provider::{
    AccountStatus, Allowance, AllowanceLimit, AllowanceUse, Audio, Blame, Calendar, Call,
    Capabilities, Charge, Clock, Delivery, Description, Durations, Error, ErrorKind, Finished,
    Kind, Limits, Lost, ManualClock, MicroUsd, Model, Output, OutputSink, OutputWriter, Overage,
    Polled, Price, Provider, Quote, QuoteSource, Recovered, Recovery, RemoteOutput, Result, Retry,
    SafetyRule, Share, Size, Sizes, SlotUse, Statement, Submitted, Tariff, Ticket, Timestamp, Work,
};
use secrecy::{ExposeSecret, SecretString};

use super::Stand;

/// What became of a job, as its prompt said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Fine,
    /// `bad`: found out when it is done.
    Blocked,
    /// `refused`: at once.
    Refused,
    /// `broken`: the vendor fails.
    Broken,
    /// `lost`: taken, and the answer is lost.
    Lost,
}

impl Fate {
    fn of(prompt: &str) -> Self {
        let says = |word| prompt.contains(word);
        match () {
            () if says("bad") => Self::Blocked,
            () if says("refused") => Self::Refused,
            () if says("broken") => Self::Broken,
            () if says("lost") => Self::Lost,
            () => Self::Fine,
        }
    }
}

/// A job in the vendor's own books.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) account: String,
    pub(crate) prompt: String,
    pub(crate) fate: Fate,
    pub(crate) at: Timestamp,
    pub(crate) deleted: bool,
    ends: Timestamp,
}

pub(crate) struct Queue {
    clock: ManualClock,
    jobs: Mutex<Vec<Job>>,
    /// How long a job takes.
    pub(crate) takes: Mutex<Duration>,
    pub(crate) limits: Mutex<Limits>,
    pub(crate) accounts: Mutex<Vec<String>>,
    pub(crate) polls: AtomicUsize,
    /// Polls that are answered «slow down».
    pub(crate) slow_downs: AtomicUsize,
    /// The most jobs that ran at once at one account.
    pub(crate) most: AtomicUsize,
    pub(crate) bad_fetches: AtomicUsize,
    /// Times that it fails to delete finished work.
    pub(crate) bad_forgets: AtomicUsize,
    /// What it was told to delete of finished work: where, which job, and which outputs.
    pub(crate) forgotten: Mutex<Vec<(String, String, Vec<String>)>>,
    /// The one key that is good.
    pub(crate) key: Mutex<String>,
    /// The answer to a rotation is lost, after the key was replaced.
    pub(crate) loses_rotation: AtomicBool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queue")
    }
}

/// A clip's smallest beginning.
const CLIP: &[u8] = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2mp41";

impl Queue {
    pub(crate) fn jobs(&self) -> Vec<Job> {
        self.jobs.lock().clone()
    }

    /// Units that the vendor counts: those of a 451 and of a failed job it does not.
    pub(crate) fn units(&self, since: Timestamp) -> usize {
        self.units_of(None, since)
    }

    fn units_of(&self, account: Option<&str>, since: Timestamp) -> usize {
        let counts = |job: &&Job| {
            !matches!(job.fate, Fate::Refused | Fate::Broken)
                && job.at >= since
                && account.is_none_or(|account| account == job.account)
        };
        self.jobs.lock().iter().filter(counts).count()
    }

    /// The vendor's rule: more than half of the last half hour's attempts, of at least ten.
    pub(crate) fn is_suspended(&self, account: &str) -> bool {
        let jobs = self.jobs.lock();
        let of_account: Vec<&Job> = jobs.iter().filter(|job| job.account == account).collect();
        let rejected = |job: &Job| matches!(job.fate, Fate::Blocked | Fate::Refused);
        of_account.iter().any(|last| {
            let from = last.ends.minus(Duration::from_secs(1800));
            let inside = |job: &&&Job| job.at >= from && job.at <= last.ends;
            let all = of_account.iter().filter(inside).count();
            let bad = of_account.iter().filter(inside).filter(|job| rejected(job)).count();
            all >= 10 && bad * 2 > all
        })
    }

    /// Somebody used the key by hand.
    pub(crate) fn used_elsewhere(&self, account: &str, units: usize, at: Timestamp) {
        let (account, prompt) = (account.to_owned(), "by hand".to_owned());
        let job = Job { account, prompt, fate: Fate::Fine, at, deleted: false, ends: at };
        self.jobs.lock().extend(std::iter::repeat_n(job, units));
    }

    fn check(&self, call: Call<'_>) -> Result<()> {
        if *self.key.lock() == call.key.expose_secret() {
            return Ok(());
        }
        let retry = Retry::Safe { after: None };
        Err(Error::new(ErrorKind::Unauthorised, Blame::Account, retry, "a wrong key"))
    }

    fn running(&self, account: &str, now: Timestamp) -> usize {
        let runs =
            |job: &&Job| job.account == account && job.ends > now && job.fate != Fate::Refused;
        self.jobs.lock().iter().filter(runs).count()
    }
}

fn unit(certain: bool) -> Charge {
    Charge {
        amount: MicroUsd::ZERO,
        certain,
        allowance: Some(AllowanceUse { units: 1 }),
        estimated: None,
    }
}

impl Stand for Queue {
    fn stand(clock: ManualClock) -> Self {
        let share = |percent, least| Share { percent, least };
        let allowance = |window, units| AllowanceLimit { kind: Kind::Video, window, units };
        let limits = Limits {
            concurrent: Some(3),
            slot: SlotUse::Job,
            count_reads: false,
            allowances: vec![allowance(Calendar::Day, 50), allowance(Calendar::Month, 300)],
            safety: Some(SafetyRule {
                span: Duration::from_secs(1800),
                team: share(30, 6),
                account: share(45, 8),
                vendor: share(50, 10),
                unbroken: 3,
            }),
            ..Limits::none(Duration::from_secs(120))
        };
        Self {
            clock,
            jobs: Mutex::default(),
            takes: Mutex::new(Duration::from_secs(8)),
            limits: Mutex::new(limits),
            accounts: Mutex::new(vec!["main".to_owned()]),
            polls: AtomicUsize::new(0),
            slow_downs: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            bad_fetches: AtomicUsize::new(0),
            bad_forgets: AtomicUsize::new(0),
            forgotten: Mutex::default(),
            key: Mutex::new("secret".to_owned()),
            loses_rotation: AtomicBool::new(false),
        }
    }

    fn market(vendor: &Arc<Self>) -> Market {
        let account = |name: &String| {
            Arc::new(Account {
                name: name.clone(),
                id: format!("queue/{name}"),
                key: "secret".into(),
                limits: vendor.limits(name),
                terms: engine::Terms::default(),
            })
        };
        let accounts = vendor.accounts.lock().iter().map(account).collect();
        let market_vendor =
            Vendor::new("queue", Arc::clone(vendor) as Arc<dyn Provider>, accounts, true);
        let alias = Alias {
            name: "clip".to_owned(),
            kind: Kind::Video,
            candidates: vec!["queue/video".to_owned()],
            variants: None,
            rules: engine::AliasRules::default(),
        };
        let defaults = BTreeMap::from([(Kind::Video, "clip".to_owned())]);
        Market::new(vec![market_vendor], vec![alias], defaults)
    }
}

#[async_trait::async_trait]
impl Provider for Queue {
    fn describe(&self) -> Arc<Description> {
        let capabilities = Capabilities {
            prompt_chars: 1..=2000,
            negative_prompt: false,
            sizes: Sizes::Within { min: 256, max: 2560, default: Size::new(1280, 720) },
            seed: true,
            seconds: Durations::Within { min: 1, max: 10, default: 5 },
            audio: Audio::Always,
            max_count: 1,
            inputs: Vec::new(),
            no_retention: true,
            options: Vec::new(),
            delivery: Delivery::Remote,
            recovery: Recovery::Nothing,
        };
        let overage = self.limits.lock().overage.as_ref().and_then(|o| o.price(Kind::Video));
        let model = Model {
            name: "video".to_owned(),
            title: "Video".to_owned(),
            kind: Kind::Video,
            capabilities,
            tariff: Tariff::Allowance { overage },
            usual: Duration::from_secs(60),
        };
        Arc::new(Description {
            provider: "queue".to_owned(),
            models: vec![model],
            low_balance: None,
            low_allowance: None,
            can_rotate: true,
            keys_overlap: false,
            tells_account: true,
            can_forget: true,
        })
    }

    fn knowledge(&self) -> Option<&dyn provider::Knowledge> {
        None
    }

    fn limits(&self, _: &str) -> Limits {
        self.limits.lock().clone()
    }

    async fn quote(&self, _: Call<'_>, _: &Work) -> Result<Quote> {
        let price = Price { expected: MicroUsd::ZERO, upper: MicroUsd::ZERO };
        let (age, duration) = (Duration::ZERO, Duration::from_secs(60));
        Ok(Quote {
            price,
            source: QuoteSource::Listed,
            age,
            duration,
            adjustments: provider::Adjustments::new(),
        })
    }

    async fn submit(
        &self,
        call: Call<'_>,
        work: &Work,
        _: &mut dyn OutputSink,
    ) -> Result<Submitted> {
        self.check(call)?;
        let now = self.clock.now();
        let fate = Fate::of(&work.prompt);
        let reference = {
            let mut jobs = self.jobs.lock();
            let (account, prompt) = (call.account.to_owned(), work.prompt.clone());
            let ends = if fate == Fate::Refused { now } else { now.plus(*self.takes.lock()) };
            jobs.push(Job { account, prompt, fate, at: now, deleted: false, ends });
            format!("job{}", jobs.len() - 1)
        };
        self.most.fetch_max(self.running(call.account, now), Ordering::SeqCst);
        match fate {
            Fate::Refused => {
                let refused = Error::new(ErrorKind::Blocked, Blame::Caller, Retry::No, "blocked");
                Err(refused.with_charge(unit(false)))
            }
            Fate::Lost => {
                let retry = Retry::Unknown { ended: false };
                Err(Error::new(ErrorKind::Failed, Blame::Network, retry, "the answer was lost"))
            }
            Fate::Fine | Fate::Blocked | Fate::Broken => {
                Ok(Submitted::Running(Ticket { reference, look_after: Duration::from_secs(2) }))
            }
        }
    }

    async fn poll(&self, call: Call<'_>, ticket: &Ticket) -> Result<Polled> {
        self.polls.fetch_add(1, Ordering::SeqCst);
        self.check(call)?;
        let slow = &self.slow_downs;
        if slow.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            let retry = Retry::Safe { after: None };
            return Err(Error::new(ErrorKind::RateLimited, Blame::Account, retry, "slow down"));
        }
        let number: usize = ticket.reference.trim_start_matches("job").parse().unwrap();
        let job = self.jobs.lock()[number].clone();
        if job.deleted {
            return Err(Error::new(ErrorKind::NotFound, Blame::Vendor, Retry::No, "no such job"));
        }
        if job.ends > self.clock.now() {
            return Ok(Polled::Running { look_after: Duration::from_secs(2), progress: None });
        }
        match job.fate {
            Fate::Blocked => {
                let blocked = Error::new(ErrorKind::Blocked, Blame::Caller, Retry::No, "blocked");
                Err(blocked.with_charge(unit(true)))
            }
            Fate::Broken => {
                let retry = Retry::Safe { after: None };
                let failed = Error::new(ErrorKind::Failed, Blame::Vendor, retry, "failed");
                Err(failed.with_charge(unit(false)))
            }
            Fate::Fine | Fate::Refused | Fate::Lost => Ok(Polled::Finished(Finished {
                reference: Some(ticket.reference.clone()),
                outputs: vec![Output::Remote(RemoteOutput {
                    location: ticket.reference.clone(),
                    expires_at: None,
                })],
                charge: unit(true),
                balance: None,
                adjustments: provider::Adjustments::new(),
            })),
        }
    }

    async fn fetch(
        &self,
        _: Call<'_>,
        _: &RemoteOutput,
        writer: &mut dyn OutputWriter,
    ) -> Result<()> {
        let bad = &self.bad_fetches;
        if bad.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            let retry = Retry::Safe { after: None };
            return Err(Error::new(ErrorKind::Unavailable, Blame::Network, retry, "not now"));
        }
        writer.write(Bytes::from_static(CLIP)).await.unwrap();
        Ok(())
    }

    async fn cancel(&self, _: Call<'_>, ticket: &Ticket) -> Result<()> {
        let number: usize = ticket.reference.trim_start_matches("job").parse().unwrap();
        self.jobs.lock()[number].deleted = true;
        Ok(())
    }

    async fn recover(&self, _: Call<'_>, _: &Lost) -> Result<Recovered> {
        Ok(Recovered::CannotTell)
    }

    async fn account(&self, call: Call<'_>) -> Result<AccountStatus> {
        self.check(call)?;
        let since = Calendar::Month.start(self.clock.now());
        let limits = self.limits.lock();
        let limit = limits.allowance(Kind::Video, Calendar::Month).unwrap_or(0);
        let used = u32::try_from(self.units_of(Some(call.account), since)).unwrap();
        let (kind, window) = (Kind::Video, Calendar::Month);
        let overage = used.saturating_sub(limit);
        let allowance = Allowance { kind, window, limit, used, overage, since: Some(since) };
        Ok(AccountStatus { allowances: vec![allowance], ..AccountStatus::default() })
    }

    async fn statement(&self, _: Call<'_>, _: Timestamp, _: Option<String>) -> Result<Statement> {
        Ok(Statement::totals())
    }

    async fn rotate(&self, call: Call<'_>) -> Result<SecretString> {
        self.check(call)?;
        let new = format!("{}+", call.key.expose_secret());
        self.key.lock().clone_from(&new);
        if self.loses_rotation.load(Ordering::SeqCst) {
            let retry = Retry::Unknown { ended: false };
            return Err(Error::new(ErrorKind::TimedOut, Blame::Network, retry, "locked out"));
        }
        Ok(new.into())
    }

    async fn retire(&self, _call: Call<'_>, _old: &SecretString) -> Result<()> {
        Ok(())
    }

    async fn forget(&self, call: Call<'_>, job: &str, outputs: &[RemoteOutput]) -> Result<()> {
        self.check(call)?;
        let bad = &self.bad_forgets;
        if bad.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            let retry = Retry::Safe { after: None };
            return Err(Error::new(ErrorKind::Unavailable, Blame::Network, retry, "not now"));
        }
        let number: usize = job.trim_start_matches("job").parse().unwrap();
        self.jobs.lock()[number].deleted = true;
        let places = outputs.iter().map(|output| output.location.clone()).collect();
        self.forgotten.lock().push((call.account.to_owned(), job.to_owned(), places));
        Ok(())
    }
}

/// Overage at fifty cents a clip.
pub(crate) fn overage(cap: i64) -> Overage {
    let price = MicroUsd::from_micros(500_000);
    Overage { prices: vec![(Kind::Video, price)], monthly_cap: MicroUsd::from_micros(cap) }
}
