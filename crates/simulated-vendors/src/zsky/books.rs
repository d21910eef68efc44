//! The vendor's books: whose each key is, what every account has used, and every job with what became of it.
//!
//! The queue has no workers. A job is taken in with the moment at which it is due and the way in which it will end, and
//! ends in the books when anybody next looks at them after that moment: so the same happens under a clock that a test
//! sets, and whatever is killed in between. Its unit of allowance is reserved when it is taken in and becomes a
//! [`Charge`] when it ends; work that failed gives it back. Every step is a line in the journal before it is visible
//! to anybody.

use std::{io, path::Path, sync::Arc};

use parking_lot::{Mutex, MutexGuard};

use super::{
    account::UsedUp,
    calendar::{self, Month},
    job::{Charge, Ending, Job, Record},
    ledger::{Entry, Ledger},
    order::{Kind, Order},
    settings::Settings,
};
use crate::keys::KeyId;

/// Why a job is not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    TooManyJobs,
    Day,
    UsedUp(UsedUp),
    Broken,
}

/// Who comes: the account, and the key that was shown.
#[derive(Debug, Clone)]
pub(crate) struct Customer {
    pub(crate) account: String,
    pub(crate) key: KeyId,
}

/// What the books are told of a job besides what was ordered.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) inline: bool,
    pub(crate) ending: Ending,
    /// How long it takes; for ever when absent.
    pub(crate) takes_ms: Option<i64>,
    pub(crate) id: String,
    pub(crate) art_seed: u64,
    pub(crate) ticket: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Books(Mutex<Ledger>);

impl Books {
    /// Opens the books: from the journal in that folder, or in memory alone.
    pub(crate) fn open(journal: Option<&Path>) -> io::Result<Self> {
        Ok(Self(Mutex::new(Ledger::open(journal)?)))
    }

    /// No line can be written from here on, and the journal is free for another process.
    pub(crate) fn close(&self) {
        self.0.lock().close();
    }

    /// The books as they are at that moment: what is due has ended.
    pub(crate) fn at(&self, now_ms: i64, settings: &Settings) -> MutexGuard<'_, Ledger> {
        let mut ledger = self.0.lock();
        ledger.settle(now_ms, settings);
        ledger
    }

    pub(crate) fn reset(&self) -> io::Result<()> {
        self.0.lock().write(Entry::Reset {})
    }

    /// A number that no two pieces of work share.
    pub(crate) fn ticket(&self) -> u64 {
        let mut ledger = self.0.lock();
        ledger.last_ticket += 1;
        ledger.last_ticket
    }

    /// Whose that key is. One that the books do not know is an account of its own if it is accepted at all.
    pub(crate) fn account_of(&self, key: &KeyId, accepted: bool) -> Option<String> {
        let ledger = self.0.lock();
        match ledger.keys.get(&key.hash) {
            Some(issued) => issued.alive.then(|| issued.account.clone()),
            None => accepted.then(|| key.hash.clone()),
        }
    }
}

impl Ledger {
    /// Ends what is due, in the order in which it is due.
    fn settle(&mut self, now_ms: i64, settings: &Settings) {
        let due_at = |id: &String| {
            let job = &self.jobs.get(id)?.job;
            job.due_at_ms.filter(|due| *due <= now_ms).map(|due| (due, job.ticket, id.clone()))
        };
        let mut due: Vec<_> = self.working.iter().filter_map(due_at).collect();
        due.sort();
        for (at_ms, _, id) in due {
            self.end(&id, at_ms, settings);
        }
    }

    /// Ends a job that has not ended.
    pub(crate) fn end(&mut self, id: &str, at_ms: i64, settings: &Settings) {
        let Some(record) = self.jobs.get(id).filter(|record| record.ended_at_ms.is_none()) else {
            return;
        };
        let job = Arc::clone(&record.job);
        let used = job.ending != Ending::Failed || settings.safety.failures_use_allowance;
        let charge = used.then(|| Charge {
            id: self.last_charge + 1,
            key: job.key.clone(),
            account: job.account.clone(),
            job_id: Some(job.id.clone()),
            kind: job.order.kind,
            units: 1,
            overage_cents: job.overage_cents.unwrap_or(0),
            outcome: job.ending.status().to_owned(),
            prompt: job.order.prompt.clone(),
            month: job.month().to_string(),
            submitted_at_ms: job.submitted_at_ms,
            created_at_ms: at_ms,
        });
        if let Err(error) = self.write(Entry::Ended { job: id.to_owned(), at_ms, charge }) {
            tracing::warn!(%error, "a job did not end, for the books could not be written");
            return;
        }
        if job.ending == Ending::Blocked {
            self.judge(&job.account, at_ms, settings);
        }
    }

    fn judge(&mut self, account: &str, now_ms: i64, settings: &Settings) {
        let Some(of) = self.accounts.get_mut(account) else { return };
        let Some(until_ms) = of.judged(now_ms, &settings.safety.suspension) else { return };
        let (account, key) = (account.to_owned(), of.fingerprint.clone());
        if let Err(error) = self.write(Entry::Suspended { account, key, until_ms }) {
            tracing::warn!(%error, "a key was not suspended, for the books could not be written");
        }
    }

    pub(crate) fn is_suspended(&self, account: &str, now_ms: i64) -> bool {
        self.accounts.get(account).is_some_and(|account| account.is_suspended(now_ms))
    }

    /// The input check refuses a prompt.
    pub(crate) fn refuse(
        &mut self,
        customer: &Customer,
        order: &Order,
        at_ms: i64,
        settings: &Settings,
    ) -> io::Result<()> {
        let charge = settings.safety.refusals_use_allowance.then(|| Charge {
            id: self.last_charge + 1,
            key: customer.key.fingerprint.clone(),
            account: customer.account.clone(),
            job_id: None,
            kind: order.kind,
            units: 1,
            overage_cents: 0,
            outcome: "refused".to_owned(),
            prompt: order.prompt.clone(),
            month: Month::of(at_ms).to_string(),
            submitted_at_ms: at_ms,
            created_at_ms: at_ms,
        });
        let (account, key) = (customer.account.clone(), customer.key.fingerprint.clone());
        self.write(Entry::Refused { account, key, at_ms, charge })?;
        self.judge(&customer.account, at_ms, settings);
        Ok(())
    }

    /// Takes a job in, if there is room for it in the queue, the day and the month.
    pub(crate) fn submit(
        &mut self,
        customer: &Customer,
        order: Order,
        terms: Terms,
        now_ms: i64,
        settings: &Settings,
    ) -> Result<Arc<Job>, NotTaken> {
        let (limits, kind) = (&settings.limits, order.kind);
        let (account, key) = (customer.account.clone(), customer.key.fingerprint.clone());
        let of = self.account_mut(&account, &key);
        if of.working >= limits.concurrent_jobs {
            return Err(NotTaken::TooManyJobs);
        }
        let a_day = match kind {
            Kind::Image => limits.images_per_day,
            Kind::Video => limits.videos_per_day,
        };
        if of.day(calendar::day(now_ms)).get(kind) >= a_day {
            return Err(NotTaken::Day);
        }
        let overage_cents =
            of.price(Month::of(now_ms), kind, &settings.allowance).map_err(NotTaken::UsedUp)?;
        let job = Job {
            id: terms.id.clone(),
            account,
            key,
            ticket: terms.ticket,
            order,
            art_seed: terms.art_seed,
            submitted_at_ms: now_ms,
            due_at_ms: terms.takes_ms.map(|takes| now_ms.saturating_add(takes)),
            ending: terms.ending,
            inline: terms.inline,
            overage_cents,
        };
        // Of what is never persisted the books keep the numbers, not the words.
        let words = if job.inline { String::new() } else { job.order.prompt.clone() };
        let order = Order { prompt: words, ..job.order.clone() };
        let written = Job { order, ..job.clone() };
        self.write(Entry::Submitted(Box::new(written))).map_err(|error| {
            tracing::warn!(%error, "the books could not be written");
            NotTaken::Broken
        })?;
        self.settle(now_ms, settings);
        Ok(Arc::new(job))
    }

    pub(crate) fn record(&self, id: &str) -> Option<&Record> {
        self.jobs.get(id)
    }

    /// A job that this account can still ask for.
    pub(crate) fn own(
        &self,
        account: &str,
        id: &str,
        now_ms: i64,
        settings: &Settings,
    ) -> Option<&Record> {
        let record = self.jobs.get(id).filter(|record| record.job.account == account);
        record.filter(|record| record.is_kept(now_ms, settings.retention_s))
    }

    pub(crate) fn purge(&mut self, id: &str) -> io::Result<()> {
        self.write(Entry::Purged { job: id.to_owned() })
    }

    /// A new key for the account; the shown one is dead from here on.
    pub(crate) fn rotate(
        &mut self,
        customer: &Customer,
        new: &KeyId,
        ticket: u64,
    ) -> io::Result<()> {
        let (account, fingerprint) = (customer.account.clone(), new.fingerprint.clone());
        let (old, new) = (customer.key.hash.clone(), new.hash.clone());
        self.write(Entry::Rotated { account, old, new, fingerprint, ticket })
    }

    /// Opts in to overage from that month on, or out.
    pub(crate) fn set_overage(
        &mut self,
        customer: &Customer,
        month: Month,
        monthly_cap_cents: Option<u64>,
    ) -> io::Result<()> {
        let (account, key) = (customer.account.clone(), customer.key.fingerprint.clone());
        let of = self.account_mut(&account, &key);
        let overage = monthly_cap_cents.map(|cap| of.overage_from(month, cap));
        self.write(Entry::Overage { account, key, overage })
    }

    /// Suspends until that moment, or no longer when it has passed.
    pub(crate) fn suspend(&mut self, customer: &Customer, until_ms: i64) -> io::Result<()> {
        let (account, key) = (customer.account.clone(), customer.key.fingerprint.clone());
        self.write(Entry::Suspended { account, key, until_ms })
    }
}
