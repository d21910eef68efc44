//! The ledger: all that the books know, as the sum of their lines. A line is in the journal before it is applied, and
//! reading the journal back applies the same lines again.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::Path,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    account::{Account, Overage},
    calendar::{self, Month},
    job::{Charge, Ending, Job, Record},
};
use crate::journal::Journal;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    Submitted(Box<Job>),
    Ended {
        job: String,
        at_ms: i64,
        charge: Option<Charge>,
    },
    /// A prompt that was refused at once.
    Refused {
        account: String,
        key: String,
        at_ms: i64,
        charge: Option<Charge>,
    },
    Purged {
        job: String,
    },
    Rotated {
        account: String,
        old: String,
        new: String,
        fingerprint: String,
        ticket: u64,
    },
    Overage {
        account: String,
        key: String,
        overage: Option<Overage>,
    },
    Suspended {
        account: String,
        key: String,
        until_ms: i64,
    },
    Reset {},
}

/// Whose a key is, and whether it still opens the door.
#[derive(Debug, Clone)]
pub(crate) struct Issued {
    pub(crate) account: String,
    pub(crate) alive: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    journal: Option<Journal>,
    closed: bool,
    pub(crate) keys: HashMap<String, Issued>,
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) jobs: HashMap<String, Record>,
    /// The jobs' ids in the order in which they came.
    pub(crate) order: Vec<String>,
    pub(crate) working: Vec<String>,
    pub(crate) charges: Vec<Charge>,
    pub(crate) last_charge: u64,
    pub(crate) last_ticket: u64,
}

impl Ledger {
    /// From the journal in that place, or in memory alone.
    pub(crate) fn open(journal: Option<&Path>) -> io::Result<Self> {
        let mut ledger = Self::default();
        if let Some(path) = journal {
            let (journal, entries) = Journal::open::<Entry>(path)?;
            ledger.journal = Some(journal);
            for entry in entries {
                ledger.apply(entry);
            }
        }
        Ok(ledger)
    }

    /// No line can be written from here on, and the journal is free for another process.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.journal = None;
    }

    pub(crate) fn write(&mut self, entry: Entry) -> io::Result<()> {
        if self.closed {
            return Err(io::Error::other("the vendor is closed"));
        }
        if let Some(journal) = self.journal.as_mut() {
            journal.append(&entry)?;
        }
        self.apply(entry);
        Ok(())
    }

    pub(crate) fn account_mut(&mut self, account: &str, fingerprint: &str) -> &mut Account {
        let account = self.accounts.entry(account.to_owned()).or_default();
        fingerprint.clone_into(&mut account.fingerprint);
        account
    }

    fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Submitted(job) => self.apply_submitted(*job),
            Entry::Ended { job, at_ms, charge } => self.apply_ended(&job, at_ms, charge),
            Entry::Refused { account, key, at_ms, charge } => {
                let of = self.account_mut(&account, &key);
                of.attempted(at_ms, None, true);
                if let Some(charge) = charge {
                    of.take(Month::of(at_ms), calendar::day(at_ms), charge.kind, None);
                    self.apply_charge(charge);
                }
            }
            Entry::Purged { job } => {
                if let Some(record) = self.jobs.get_mut(&job) {
                    record.purged = true;
                }
            }
            Entry::Rotated { account, old, new, fingerprint, ticket } => {
                self.last_ticket = self.last_ticket.max(ticket);
                self.account_mut(&account, &fingerprint);
                self.keys.insert(old, Issued { account: account.clone(), alive: false });
                self.keys.insert(new, Issued { account, alive: true });
            }
            Entry::Overage { account, key, overage } => {
                self.account_mut(&account, &key).overage = overage;
            }
            Entry::Suspended { account, key, until_ms } => {
                self.account_mut(&account, &key).suspend(until_ms);
            }
            Entry::Reset {} => {
                // Numbers go on: none is given twice.
                *self = Self {
                    journal: self.journal.take(),
                    closed: self.closed,
                    last_charge: self.last_charge,
                    last_ticket: self.last_ticket,
                    ..Self::default()
                };
            }
        }
    }

    fn apply_submitted(&mut self, job: Job) {
        self.last_ticket = self.last_ticket.max(job.ticket);
        let account = self.account_mut(&job.account, &job.key);
        let day = calendar::day(job.submitted_at_ms);
        account.take(job.month(), day, job.order.kind, job.overage_cents);
        account.attempted(job.submitted_at_ms, Some(job.id.clone()), false);
        account.working += 1;
        self.order.push(job.id.clone());
        self.working.push(job.id.clone());
        let id = job.id.clone();
        self.jobs.insert(id, Record { job: Arc::new(job), ended_at_ms: None, purged: false });
    }

    fn apply_ended(&mut self, id: &str, at_ms: i64, charge: Option<Charge>) {
        let Some(record) = self.jobs.get_mut(id) else { return };
        record.ended_at_ms = Some(at_ms);
        let job = Arc::clone(&record.job);
        self.working.retain(|working| working != id);
        if let Some(account) = self.accounts.get_mut(&job.account) {
            account.working = account.working.saturating_sub(1);
            if charge.is_none() {
                let day = calendar::day(job.submitted_at_ms);
                account.give(job.month(), day, job.order.kind, job.overage_cents);
            }
            if job.ending == Ending::Blocked {
                account.rejected(id);
            }
        }
        if let Some(charge) = charge {
            self.apply_charge(charge);
        }
    }

    fn apply_charge(&mut self, charge: Charge) {
        self.last_charge = self.last_charge.max(charge.id);
        if let Some(account) = self.accounts.get_mut(&charge.account) {
            account.charges += 1;
        }
        self.charges.push(charge);
    }
}
