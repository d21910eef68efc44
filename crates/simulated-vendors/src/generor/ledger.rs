//! The ledger: all that the vendor knows, as the sum of its lines. A line is in the journal before it is applied, and
//! reading the journal back applies the same lines again.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::Path,
    sync::Arc,
};

use super::{
    community::Community,
    entries::{Account, Entry, KeyRow, Scope},
    generation::{Charge, Creation, Fate, Generation, Record, Transaction},
    settings::Purses,
};
use crate::{journal::Journal, keys::KeyId};

/// The page's word for what comes every day.
const DAILY_BONUS: &str = "daily_bonus";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How many recent generations tell how long the next takes.
const SAMPLES: usize = 10;

/// The last numbers that were given. They go on after a reset: none is given twice.
#[derive(Debug, Clone, Copy)]
struct Last {
    user: u64,
    key: u64,
    generation: u64,
    creation: u64,
    charge: u64,
    transaction: u64,
}

impl Default for Last {
    fn default() -> Self {
        // The page's own examples come next: user 2 and creation 6144.
        Self { user: 1, key: 0, generation: 0, creation: 6143, charge: 0, transaction: 0 }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    journal: Option<Journal>,
    closed: bool,
    pub(crate) keys: BTreeMap<u64, KeyRow>,
    by_hash: HashMap<String, u64>,
    pub(crate) accounts: BTreeMap<u64, Account>,
    pub(crate) generations: BTreeMap<u64, Record>,
    pub(crate) creations: BTreeMap<u64, Creation>,
    pub(crate) charges: Vec<Charge>,
    pub(crate) community: Community,
    last: Last,
}

/// Why nothing is begun.
#[derive(Debug)]
pub(crate) enum NotBegun {
    Unpaid,
    Broken(io::Error),
}

/// What a call is begun with.
#[derive(Debug)]
pub(crate) struct Beginning {
    pub(crate) user_id: u64,
    pub(crate) key: String,
    pub(crate) order: super::order::Order,
    pub(crate) sources: Vec<super::references::Source>,
    pub(crate) estimated: u64,
    pub(crate) seed: u64,
    pub(crate) now_ms: i64,
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

    pub(crate) fn key(&self, hash: &str) -> Option<&KeyRow> {
        self.by_hash.get(hash).and_then(|id| self.keys.get(id))
    }

    /// A new account for a key that was not seen before.
    pub(crate) fn join(
        &mut self,
        key: &KeyId,
        presented: &str,
        opening: Purses,
        now_ms: i64,
    ) -> io::Result<()> {
        let user_id = self.last.user + 1;
        let key = self.key_row(user_id, key, presented, "Default".to_owned(), Vec::new(), now_ms);
        self.write(Entry::Joined { user_id, key, opening })
    }

    pub(crate) fn next_key(&self) -> u64 {
        self.last.key + 1
    }

    pub(crate) fn key_row(
        &self,
        user_id: u64,
        key: &KeyId,
        whole: &str,
        name: String,
        scopes: Vec<Scope>,
        made_at_ms: i64,
    ) -> KeyRow {
        // A short key must not be shown whole by its own prefix.
        let prefix = whole.chars().take((whole.chars().count() / 2).min(17)).collect();
        let (hash, fingerprint) = (key.hash.clone(), key.fingerprint.clone());
        let key_id = self.last.key + 1;
        KeyRow { key_id, user_id, hash, fingerprint, prefix, name, scopes, made_at_ms, alive: true }
    }

    /// Takes a call in: its estimate is set aside, so that calls at once can't spend the same credit.
    pub(crate) fn begin(&mut self, from: Beginning) -> Result<Arc<Generation>, NotBegun> {
        let account = self.accounts.get(&from.user_id).ok_or(NotBegun::Unpaid)?;
        if account.purses.total().saturating_sub(account.reserved) < from.estimated {
            return Err(NotBegun::Unpaid);
        }
        let id = self.last.generation + 1;
        let first = self.last.creation + 1;
        let generation = Generation {
            id,
            user_id: from.user_id,
            key: from.key,
            sources: from.sources,
            art_seed: crate::pictures::noise::mix(from.seed ^ crate::pictures::noise::mix(id)),
            begun_at_ms: from.now_ms,
            creations: (first..first + u64::from(from.order.count)).collect(),
            estimated: from.estimated,
            order: from.order,
        };
        self.write(Entry::Begun(Box::new(generation))).map_err(NotBegun::Broken)?;
        if let Some(account) = self.accounts.get_mut(&from.user_id) {
            account.reserved += from.estimated;
        }
        let record = self.generations.get_mut(&id);
        let record = record.ok_or_else(|| NotBegun::Broken(io::Error::other("a line was lost")))?;
        record.fate = Fate::Begun { running: true };
        Ok(Arc::clone(&record.generation))
    }

    /// The work is done and charged, or failed and is not. No account goes below nothing.
    pub(crate) fn end(
        &mut self,
        generation: &Generation,
        credits: Option<u64>,
        took_ms: u64,
        now_ms: i64,
    ) -> io::Result<Option<Charge>> {
        let gone = || io::Error::other("the books were reset while the work was done");
        self.generations.get(&generation.id).ok_or_else(gone)?;
        let account = self.accounts.get_mut(&generation.user_id).ok_or_else(gone)?;
        account.reserved = account.reserved.saturating_sub(generation.estimated);
        let order = &generation.order;
        let charge = credits.map(|credits| {
            let credits = credits.min(account.purses.total());
            Charge {
                id: self.last.charge + 1,
                key: generation.key.clone(),
                account: account.account.clone(),
                user_id: generation.user_id,
                generation: generation.id,
                generator: order.generator.clone(),
                model_id: order.model_id,
                media: order.media,
                count: order.count,
                seconds: order.seconds,
                prompt: order.prompt.clone(),
                privacy_mode: order.privacy_mode,
                creations: generation.creations.clone(),
                credits_estimated: generation.estimated,
                credits,
                left: account.purses.less(credits),
                submitted_at_ms: generation.begun_at_ms,
                created_at_ms: now_ms,
            }
        });
        let generation = generation.id;
        self.write(Entry::Ended { generation, took_ms, charge: charge.clone() })?;
        Ok(charge)
    }

    /// Gives credits to an account, or takes some, as anything but a generation does.
    pub(crate) fn move_credits(
        &mut self,
        user_id: u64,
        kind: &str,
        left: Purses,
        now_ms: i64,
    ) -> io::Result<()> {
        let had = self.accounts.get(&user_id).map(|account| account.purses.total());
        let signed = |credits: u64| i64::try_from(credits).unwrap_or(i64::MAX);
        let transaction = Transaction {
            id: self.last.transaction + 1,
            kind: kind.to_owned(),
            amount: signed(left.total()) - signed(had.unwrap_or(0)),
            left,
            description: kind.replace('_', " "),
            creation: None,
            at_ms: now_ms,
        };
        self.write(Entry::Credits { user_id, transaction })
    }

    /// Gives an account the bonuses of the midnights that passed since the last one, or since it joined. Who has all
    /// the free credits that there can be gets nothing.
    pub(crate) fn give_bonuses(
        &mut self,
        user_id: u64,
        (bonus, most): (u64, u64),
        now_ms: i64,
    ) -> io::Result<()> {
        let Some(account) = self.accounts.get(&user_id).filter(|_| bonus > 0) else {
            return Ok(());
        };
        let is_bonus = |row: &&Transaction| row.kind == DAILY_BONUS;
        let last = account.transactions.iter().rev().find(is_bonus).map(|row| row.at_ms);
        let mut day = last.unwrap_or(account.joined_ms).div_euclid(DAY_MS) + 1;
        while day * DAY_MS <= now_ms {
            let purses = self.accounts.get(&user_id).map(|of| of.purses).unwrap_or_default();
            let free = purses.free.saturating_add(bonus).min(most).max(purses.free);
            self.move_credits(user_id, DAILY_BONUS, Purses { free, ..purses }, day * DAY_MS)?;
            day += 1;
        }
        Ok(())
    }

    /// All the credits of an account.
    pub(crate) fn credits(&self, user_id: u64) -> u64 {
        self.accounts.get(&user_id).map_or(0, |account| account.purses.total())
    }

    /// How many milliseconds an item of the last generations took, of that generator and model.
    pub(crate) fn samples(&self, generator: &str, model_id: u32) -> Vec<u64> {
        let took = |record: &Record| {
            let order = &record.generation.order;
            let is_such = order.generator == generator && order.model_id == model_id;
            match record.fate {
                Fate::Completed { took_ms } if is_such => Some(took_ms / u64::from(order.count)),
                _ => None,
            }
        };
        self.generations.values().rev().filter_map(took).take(SAMPLES).collect()
    }

    fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Joined { user_id, key, opening } => self.apply_joined(user_id, key, opening),
            Entry::Begun(generation) => self.apply_begun(*generation),
            Entry::Ended { generation, took_ms, charge } => {
                if let Some(record) = self.generations.get_mut(&generation) {
                    let is_charged = charge.is_some();
                    record.fate =
                        if is_charged { Fate::Completed { took_ms } } else { Fate::Failed };
                }
                if let Some(charge) = charge {
                    self.apply_charge(charge);
                }
            }
            Entry::Changed { creation, privacy_mode, license } => {
                if let Some(creation) = self.creations.get_mut(&creation) {
                    (creation.privacy_mode, creation.license) = (privacy_mode, license);
                }
            }
            Entry::Deleted { creation } => {
                if let Some(creation) = self.creations.get_mut(&creation) {
                    creation.deleted = true;
                }
            }
            Entry::Credits { user_id, transaction } => {
                if let Some(account) = self.accounts.get_mut(&user_id) {
                    account.purses = transaction.left;
                }
                self.apply_transaction(user_id, transaction);
            }
            Entry::Tier { user_id, tier } => {
                if let Some(account) = self.accounts.get_mut(&user_id) {
                    account.tier = Some(tier);
                }
            }
            Entry::KeyMade(key) => self.apply_key(key),
            Entry::KeyRevoked { key_id } => {
                if let Some(key) = self.keys.get_mut(&key_id) {
                    key.alive = false;
                }
            }
            Entry::Profile { user_id, bio, website } => {
                if let Some(account) = self.accounts.get_mut(&user_id) {
                    (account.bio, account.website) = (bio, website);
                }
            }
            Entry::Community(event) => self.community.apply(event),
            Entry::Reset {} => {
                *self = Self {
                    journal: self.journal.take(),
                    closed: self.closed,
                    last: self.last,
                    community: self.community.emptied(),
                    ..Self::default()
                };
            }
        }
    }

    fn apply_joined(&mut self, user_id: u64, key: KeyRow, opening: Purses) {
        self.last.user = self.last.user.max(user_id);
        let (at_ms, account) = (key.made_at_ms, key.hash.clone());
        let fingerprint = key.fingerprint.clone();
        self.apply_key(key);
        let new = Account {
            user_id,
            account,
            fingerprint,
            joined_ms: at_ms,
            purses: opening,
            ..Account::default()
        };
        self.accounts.insert(user_id, new);
        let bonus = Purses { paid: 0, ..opening };
        for (kind, left) in [("signup_bonus", bonus), ("purchase", opening)] {
            let credits = if kind == "purchase" { opening.paid } else { bonus.total() };
            let amount = i64::try_from(credits).unwrap_or(i64::MAX);
            let (kind, description) = (kind.to_owned(), kind.replace('_', " "));
            let id = self.last.transaction + 1;
            let row = Transaction { id, kind, amount, left, description, creation: None, at_ms };
            self.apply_transaction(user_id, row);
        }
    }

    fn apply_key(&mut self, key: KeyRow) {
        self.last.key = self.last.key.max(key.key_id);
        self.by_hash.insert(key.hash.clone(), key.key_id);
        self.keys.insert(key.key_id, key);
    }

    fn apply_begun(&mut self, generation: Generation) {
        self.last.generation = self.last.generation.max(generation.id);
        for (index, id) in generation.creations.iter().enumerate() {
            self.last.creation = self.last.creation.max(*id);
            let creation = Creation {
                id: *id,
                generation: generation.id,
                index,
                user_id: generation.user_id,
                privacy_mode: generation.order.privacy_mode,
                license: 1,
                deleted: false,
            };
            self.creations.insert(*id, creation);
        }
        let fate = Fate::Begun { running: false };
        self.generations.insert(generation.id, Record { generation: Arc::new(generation), fate });
    }

    fn apply_charge(&mut self, charge: Charge) {
        self.last.charge = self.last.charge.max(charge.id);
        let Some(account) = self.accounts.get_mut(&charge.user_id) else { return };
        account.purses = charge.left;
        account.spent += charge.credits;
        account.charges += 1;
        let row = Transaction {
            id: self.last.transaction + 1,
            kind: "spend".to_owned(),
            amount: -i64::try_from(charge.credits).unwrap_or(i64::MAX),
            left: charge.left,
            description: format!("{} generation", charge.generator),
            creation: charge.creations.first().copied(),
            at_ms: charge.created_at_ms,
        };
        self.apply_transaction(charge.user_id, row);
        self.charges.push(charge);
    }

    fn apply_transaction(&mut self, user_id: u64, row: Transaction) {
        self.last.transaction = self.last.transaction.max(row.id);
        if let Some(account) = self.accounts.get_mut(&user_id) {
            account.transactions.push(row);
        }
    }
}
