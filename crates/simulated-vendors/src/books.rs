//! The vendor's books: what each key has, and every charge ever made, in order.
//!
//! A piece of work first reserves its price, so that five at once cannot spend the same last cent, and is charged
//! exactly once, when the work is done. The charge is a line in the journal before it is visible to anybody; work
//! that is given up (a refusal, a failure, a stopped vendor) drops its reservation and cost nothing.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::Path,
    sync::Arc,
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::{journal::Journal, keys::KeyId, money::Micros, pictures::Recipe};

/// One line of the books, and all that is needed to draw its picture again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Charge {
    /// The vendor's own number, rising without gaps.
    pub id: u64,
    /// Fingerprint of the key that paid.
    pub key: String,
    /// Hash of the key that paid: who may fetch the result.
    pub account: String,
    /// The result's secure token.
    pub token: String,
    /// Which of the vendor's dialects was spoken.
    pub dialect: String,
    /// `create` or `edit`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The model as the dialect names it.
    pub model: String,
    /// `WIDTHxHEIGHT`.
    pub size: String,
    /// The prompt, whole.
    pub prompt: String,
    /// What was to be left out, where the dialect knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative_prompt: Option<String>,
    /// What was charged.
    pub cost_micros: Micros,
    /// When the work was done, by the vendor's clock.
    pub created_at_ms: i64,
    /// The key's balance after this charge.
    pub balance_after_micros: Micros,
    /// The number of the piece of work; no two ever share one, charged or not.
    pub ticket: u64,
    /// How to draw the picture.
    pub picture: Recipe,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Charge(#[serde(with = "shared")] Arc<Charge>),
    Balance { account: String, key: String, micros: Micros },
    Reset {},
}

/// A charge is shared between the book's indexes, and written and read as if it were not.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::Charge;

    pub(super) fn serialize<S: Serializer>(charge: &Arc<Charge>, to: S) -> Result<S::Ok, S::Error> {
        charge.as_ref().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Charge>, D::Error> {
        Charge::deserialize(from).map(Arc::new)
    }
}

#[derive(Debug, Default)]
struct Account {
    fingerprint: String,
    balance: Micros,
    reserved: Micros,
    spent: Micros,
    charges: Vec<Arc<Charge>>,
}

/// What a key has and has spent.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Standing {
    pub(crate) key: String,
    pub(crate) balance_micros: Micros,
    pub(crate) spent_micros: Micros,
    pub(crate) charges: usize,
}

#[derive(Debug, Default)]
struct Inner {
    journal: Option<Journal>,
    closed: bool,
    charges: Vec<Arc<Charge>>,
    by_token: HashMap<String, Arc<Charge>>,
    accounts: BTreeMap<String, Account>,
    last_id: u64,
    last_ticket: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Books(Mutex<Inner>);

/// A price set aside for a piece of work in the making.
#[derive(Debug)]
pub(crate) struct Reservation {
    books: Arc<Books>,
    account: String,
    price: Micros,
    pub(crate) ticket: u64,
}

/// The key cannot pay.
#[derive(Debug)]
pub(crate) struct Unpaid;

/// What a finished piece of work says of itself; the books add number, key, money and balance.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) token: String,
    pub(crate) dialect: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) model: String,
    pub(crate) size: String,
    pub(crate) prompt: String,
    pub(crate) negative_prompt: Option<String>,
    pub(crate) created_at_ms: i64,
    pub(crate) picture: Recipe,
}

impl Inner {
    fn account(&mut self, key: &KeyId, opening: Micros) -> &mut Account {
        self.accounts.entry(key.hash.clone()).or_insert_with(|| Account {
            fingerprint: key.fingerprint.clone(),
            balance: opening,
            ..Account::default()
        })
    }

    fn write(&mut self, entry: &Entry) -> io::Result<()> {
        if self.closed {
            return Err(io::Error::other("the vendor is closed"));
        }
        self.journal.as_mut().map_or(Ok(()), |journal| journal.append(entry))
    }

    fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Charge(charge) => {
                self.last_id = self.last_id.max(charge.id);
                self.last_ticket = self.last_ticket.max(charge.ticket);
                let account = self.accounts.entry(charge.account.clone()).or_default();
                account.fingerprint.clone_from(&charge.key);
                account.balance = charge.balance_after_micros;
                account.spent += charge.cost_micros;
                account.charges.push(Arc::clone(&charge));
                self.by_token.insert(charge.token.clone(), Arc::clone(&charge));
                self.charges.push(charge);
            }
            Entry::Balance { account, key, micros } => {
                let account = self.accounts.entry(account).or_default();
                account.fingerprint = key;
                account.balance = micros;
            }
            Entry::Reset {} => {
                self.charges.clear();
                self.by_token.clear();
                self.accounts.clear();
            }
        }
    }
}

impl Books {
    /// Opens the books: from the journal in that folder, or in memory alone.
    pub(crate) fn open(journal: Option<&Path>) -> io::Result<Self> {
        let mut inner = Inner::default();
        if let Some(path) = journal {
            let (journal, entries) = Journal::open::<Entry>(path)?;
            inner.journal = Some(journal);
            for entry in entries {
                inner.apply(entry);
            }
        }
        Ok(Self(Mutex::new(inner)))
    }

    /// No charge can be made from here on, and the journal is free for another process.
    pub(crate) fn close(&self) {
        let mut inner = self.0.lock();
        inner.closed = true;
        inner.journal = None;
    }

    /// How many pieces of work were ever begun.
    pub(crate) fn tickets(&self) -> u64 {
        self.0.lock().last_ticket
    }

    pub(crate) fn reserve(
        self: &Arc<Self>,
        key: &KeyId,
        opening: Micros,
        price: Micros,
    ) -> Result<Reservation, Unpaid> {
        let mut inner = self.0.lock();
        let account = inner.account(key, opening);
        if account.balance.minus(account.reserved) < price {
            return Err(Unpaid);
        }
        account.reserved += price;
        inner.last_ticket += 1;
        Ok(Reservation {
            books: Arc::clone(self),
            account: key.hash.clone(),
            price,
            ticket: inner.last_ticket,
        })
    }

    pub(crate) fn standing(&self, key: &KeyId, opening: Micros) -> Standing {
        self.0.lock().account(key, opening).standing()
    }

    pub(crate) fn standings(&self) -> Vec<Standing> {
        self.0.lock().accounts.values().map(Account::standing).collect()
    }

    pub(crate) fn charges(&self) -> Vec<Arc<Charge>> {
        self.0.lock().charges.clone()
    }

    pub(crate) fn find(&self, token: &str) -> Option<Arc<Charge>> {
        self.0.lock().by_token.get(token).cloned()
    }

    /// A key's own charges in that dialect, newest first: the page asked for, and how many there are.
    pub(crate) fn history(
        &self,
        key: &KeyId,
        dialect: &str,
        limit: usize,
        offset: usize,
    ) -> (Vec<Arc<Charge>>, usize) {
        let inner = self.0.lock();
        let charges = inner.accounts.get(&key.hash).map_or(&[][..], |account| &account.charges);
        let newest_first = || charges.iter().rev().filter(|charge| charge.dialect == dialect);
        let page = newest_first().skip(offset).take(limit).cloned().collect();
        (page, newest_first().count())
    }

    pub(crate) fn set_balance(&self, key: &KeyId, micros: Micros) -> io::Result<Standing> {
        let mut inner = self.0.lock();
        let (account, fingerprint) = (key.hash.clone(), key.fingerprint.clone());
        let entry = Entry::Balance { account, key: fingerprint, micros };
        inner.write(&entry)?;
        inner.apply(entry);
        Ok(inner.account(key, micros).standing())
    }

    pub(crate) fn reset(&self) -> io::Result<()> {
        let mut inner = self.0.lock();
        let entry = Entry::Reset {};
        inner.write(&entry)?;
        inner.apply(entry);
        Ok(())
    }
}

impl Account {
    fn standing(&self) -> Standing {
        Standing {
            key: self.fingerprint.clone(),
            balance_micros: self.balance,
            spent_micros: self.spent,
            charges: self.charges.len(),
        }
    }
}

impl Reservation {
    /// The work is done: charged, once, and written down before anybody can know.
    pub(crate) fn charge(self, work: Work) -> io::Result<Arc<Charge>> {
        let mut inner = self.books.0.lock();
        let Some(account) = inner.accounts.get(&self.account) else {
            return Err(io::Error::other("the books were reset while the work was done"));
        };
        let charge = Arc::new(Charge {
            id: inner.last_id + 1,
            key: account.fingerprint.clone(),
            account: self.account.clone(),
            balance_after_micros: account.balance.minus(self.price),
            token: work.token,
            dialect: work.dialect.to_owned(),
            kind: work.kind.to_owned(),
            model: work.model,
            size: work.size,
            prompt: work.prompt,
            negative_prompt: work.negative_prompt,
            cost_micros: self.price,
            created_at_ms: work.created_at_ms,
            ticket: self.ticket,
            picture: work.picture,
        });
        let entry = Entry::Charge(Arc::clone(&charge));
        inner.write(&entry)?;
        inner.apply(entry);
        drop(inner);
        Ok(charge)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(account) = self.books.0.lock().accounts.get_mut(&self.account) {
            account.reserved = account.reserved.minus(self.price);
        }
    }
}
