//! The records in one `SQLite` file: the default, for one machine.
//!
//! # One writer, few readers
//! `SQLite` lets one connection write at a time. Instead of many that wait for each other's locks there is one,
//! whose lists of changes are made one after the other (`writer`). Where a commit waits for the disk, what queued
//! up meanwhile goes into the next one together; where none does, a list is noted in a file beside the
//! database and committed a little later with others (`journal`, `commit`). Readers never wait for a writer (WAL):
//! they see the last commit, and what is noted is committed before they look.
//!
//! # Short and long reads
//! A point read is a few descents through pages that are in memory: some ten microseconds, as much
//! as a handover to another thread would take. So it runs where it is asked for, and lists run on
//! blocking threads (`readers`).

mod accounts;
mod answers;
mod asked;
mod assets;
mod attempts;
mod audit;
mod books;
mod budgets;
mod claims;
mod commit;
mod copy;
mod credentials;
mod decisions;
mod deliveries;
mod generations;
mod history;
mod journal;
mod lists;
mod people;
mod readers;
mod reports;
mod retention;
mod schema;
mod sealed;
mod stored;
#[cfg(test)]
mod tests;
mod units;
mod users;
mod verify;
mod workers;
mod writer;

use std::{path::Path, sync::Arc};

use provider::{Kind, Timestamp};
use rusqlite::{Connection, Params};

pub use self::{
    copy::{Contents, NamedAsset, Snapshot, copy_to},
    history::{History, PastAttempt, PastRequest},
};
use self::{journal::Journal, readers::Readers, writer::Writer};
use crate::{
    Accepted, Asset, Change, Decided, Delivery, Demanded, Error, Generation, Idempotency,
    Judgement, Page, Records, Result, Unfinished, Unheard, Units,
};

/// What a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// A power cut.
    Full,
    /// The death of the process.
    Process,
}

/// The records in one `SQLite` file. Dropping it writes what is queued, then closes the file.
#[derive(Debug)]
pub struct Sqlite {
    // Readers go first: the last connection to close folds the log into the file, and only the
    // writer may.
    readers: Arc<Readers>,
    writer: Writer,
}

impl Sqlite {
    /// Opens the database, making it and its folder where there is none, and brings its schema up
    /// to date.
    ///
    /// # Errors
    /// Where the file cannot be opened, is no database, or is of a newer version than this binary.
    pub fn open(path: &Path, durability: Durability) -> Result<Self> {
        let writing = schema::open(path, durability)?;
        let journal = Journal::open(path, &writing)?;
        let readers = Arc::new(Readers::open(path)?);
        let writer = Writer::start(writing, journal, durability == Durability::Full)?;
        Ok(Self { readers, writer })
    }

    /// Reads a row or few by key: everything that was answered is seen.
    async fn point<T, F>(&self, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.writer.settle().await?;
        self.readers.point(read).await
    }

    /// Reads what may take long.
    async fn list<T, F>(&self, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.writer.settle().await?;
        self.readers.list(read).await
    }
}

/// Makes one change.
fn make(conn: &Connection, change: &Change) -> Result<()> {
    match change {
        Change::Setting { name, value } => people::set(conn, name, value),
        Change::Team(team) => people::add_team(conn, team),
        Change::RevokeTeam(id, at) => people::revoke_team(conn, id, *at),
        Change::Key(key, hash) => people::add_key(conn, key, hash),
        Change::RevokeKey(id, at) => people::revoke_key(conn, id, *at),
        Change::Accept(new) => generations::accept(conn, new),
        Change::Decide { generation, at, body } => decisions::add(conn, generation, *at, body),
        Change::Answer(answer) => answers::add(conn, answer),
        Change::TakeOn(taken) => answers::take_on(conn, taken),
        Change::Run(id) => generations::start(conn, id),
        Change::EndGeneration(end) => generations::end(conn, end),
        Change::LateOutputs { generation, outputs } => generations::late(conn, generation, outputs),
        Change::Erase { generation } => generations::erase(conn, generation),
        Change::Asset(asset) => assets::add(conn, asset),
        Change::Share(share) => assets::share(conn, share),
        Change::DropAsset(id) => assets::remove(conn, id),
        Change::Attempt(new) => attempts::begin(conn, new),
        Change::Ticket { attempt, ticket } => attempts::ticket(conn, attempt, ticket),
        Change::Lost { attempt, lost } => attempts::lose(conn, attempt, *lost),
        Change::EndAttempt(end) => attempts::end(conn, end),
        Change::Call { account, at } => attempts::call(conn, account, *at),
        Change::Book(booking) => books::book(conn, booking),
        Change::Correct { attempt, amount, at } => books::correct(conn, attempt, *amount, *at),
        Change::Credential(row) => credentials::put(conn, row),
        Change::Document { name, body } => people::put_document(conn, name, body),
        Change::Heartbeat { worker, until } => workers::heartbeat(conn, worker, *until),
        Change::TakeOver { from, to, now } => workers::take_over(conn, from, to, *now),
        Change::TakeAll { to } => workers::take_all(conn, to),
        Change::TakeUnits(taken) => units::take(conn, taken),
        Change::EndUnits { attempt, state } => units::end(conn, attempt, *state),
        Change::Delivery(new) => deliveries::add(conn, new),
        Change::DeliveryTried(tried) => deliveries::tried(conn, tried),
        Change::Redeliver { delivery, at } => deliveries::again(conn, delivery, *at),
        Change::WebhookSecret { team, sealed, replace } => {
            deliveries::set_secret(conn, team, sealed, *replace)
        }
        Change::UpdateTeam(team) => people::update_team(conn, team),
        Change::EraseTeam(id, at) => people::erase_team(conn, id, *at),
        Change::UpdateKey(key) => people::update_key(conn, key),
        Change::RotateKey { id, hash, prefix, old_until } => {
            people::rotate_key(conn, id, hash, prefix, *old_until)
        }
        Change::KeyUsed(id, at) => people::used_key(conn, id, *at),
        Change::User(user, hash) => users::add(conn, user, hash),
        Change::RotateUser { id, hash, prefix } => users::rotate(conn, id, hash, prefix),
        Change::UserUsed(id, at) => users::used(conn, id, *at),
        Change::RevokeUser(id, at) => users::revoke(conn, id, *at),
        Change::Audit(entry) => audit::add(conn, entry),
        Change::Account(account) => accounts::put(conn, account),
        Change::Reseal(place, sealed) => sealed::replace(conn, place, sealed),
        Change::DropSetting(name) => people::drop_setting(conn, name),
        Change::Lose { attempt, at } => books::lose(conn, attempt, *at),
        Change::Drift(entry) => books::drift(conn, entry),
        Change::Save(saving) => reports::save(conn, saving),
        Change::ForgetWords { before, limit } => retention::words(conn, *before, *limit),
        Change::ForgetGenerations { before, limit } => {
            retention::generations(conn, *before, *limit)
        }
        Change::ForgetAudit { before } => audit::forget(conn, *before),
        Change::Prune(before) => attempts::prune(conn, *before),
    }
}

/// Runs a prepared statement and counts the rows that it changed.
fn run(conn: &Connection, sql: &str, params: impl Params) -> Result<usize> {
    Ok(conn.prepare_cached(sql)?.execute(params)?)
}

/// Runs a prepared statement that must change something of `what`.
fn must(conn: &Connection, what: &str, sql: &str, params: impl Params) -> Result<()> {
    match run(conn, sql, params)? {
        0 => Err(Error::Stale(what.to_owned())),
        _ => Ok(()),
    }
}

#[async_trait::async_trait]
impl Records for Sqlite {
    async fn apply(&self, changes: Vec<Change>) -> Result<()> {
        self.writer.apply(changes).await
    }

    fn apply_soon(&self, changes: Vec<Change>) {
        self.writer.apply_soon(changes);
    }

    async fn document(&self, name: &str) -> Result<Option<String>> {
        let name = name.to_owned();
        self.point(move |conn| people::find_document(conn, &name)).await
    }

    async fn setting(&self, name: &str, value: String) -> Result<String> {
        let name = name.to_owned();
        self.apply(vec![Change::Setting { name: name.clone(), value }]).await?;
        let stored = self.find_setting(&name).await?;
        stored.ok_or_else(|| Error::Storage(format!("the setting {name} vanished")))
    }

    async fn find_setting(&self, name: &str) -> Result<Option<String>> {
        let name = name.to_owned();
        self.point(move |conn| people::setting(conn, &name)).await
    }

    async fn generation(&self, team: &str, id: &str) -> Result<Option<Generation>> {
        let (team, id) = (team.to_owned(), id.to_owned());
        self.point(move |conn| generations::find(conn, &team, &id)).await
    }

    async fn generations(
        &self,
        team: &str,
        kind: Option<Kind>,
        page: Page,
    ) -> Result<Vec<Generation>> {
        let team = team.to_owned();
        self.list(move |conn| lists::generations(conn, &team, kind, &page)).await
    }

    async fn unfinished(&self) -> Result<Vec<Unfinished>> {
        self.list(lists::unfinished).await
    }

    async fn accepted_since(&self, since: Timestamp) -> Result<Vec<Accepted>> {
        self.list(move |conn| lists::accepted_since(conn, since)).await
    }

    async fn decision(&self, team: &str, generation: &str) -> Result<Option<String>> {
        let (team, generation) = (team.to_owned(), generation.to_owned());
        self.point(move |conn| decisions::find(conn, &team, &generation)).await
    }

    async fn decisions(&self, limit: u32) -> Result<Vec<Decided>> {
        self.list(move |conn| decisions::newest(conn, limit)).await
    }

    async fn demand(&self, since: Timestamp) -> Result<Vec<Demanded>> {
        self.list(move |conn| decisions::demand(conn, since)).await
    }

    async fn idempotent(&self, team: &str, key: &str) -> Result<Option<Idempotency>> {
        let (team, key) = (team.to_owned(), key.to_owned());
        self.point(move |conn| generations::idempotent(conn, &team, &key)).await
    }

    async fn asset(&self, id: &str) -> Result<Option<Asset>> {
        let id = id.to_owned();
        self.point(move |conn| assets::find(conn, &id)).await
    }

    async fn expired_assets(&self, now: Timestamp, limit: u32) -> Result<Vec<(String, String)>> {
        self.list(move |conn| assets::expired(conn, now, limit)).await
    }

    async fn unknown_assets(&self, ids: Vec<String>) -> Result<Vec<String>> {
        self.list(move |conn| assets::unknown(conn, ids)).await
    }

    async fn calls_since(&self, since: Timestamp) -> Result<Vec<(String, Timestamp)>> {
        self.list(move |conn| lists::calls_since(conn, since)).await
    }

    async fn unheard_since(&self, since: Timestamp) -> Result<Vec<Unheard>> {
        self.list(move |conn| lists::unheard_since(conn, since)).await
    }

    async fn dead_workers(&self, now: Timestamp) -> Result<Vec<String>> {
        self.point(move |conn| workers::dead(conn, now)).await
    }

    async fn units_since(&self, since: Timestamp) -> Result<Vec<Units>> {
        self.list(move |conn| units::since(conn, since)).await
    }

    async fn judged_since(&self, since: Timestamp) -> Result<Vec<Judgement>> {
        self.list(move |conn| units::judged(conn, since)).await
    }

    async fn due_deliveries(
        &self,
        now: Timestamp,
        except: Vec<String>,
        limit: u32,
    ) -> Result<Vec<Delivery>> {
        self.list(move |conn| deliveries::due(conn, now, &except, limit)).await
    }

    async fn next_delivery(&self, now: Timestamp) -> Result<Option<Timestamp>> {
        self.point(move |conn| deliveries::next(conn, now)).await
    }

    async fn delivery(&self, id: &str) -> Result<Option<Delivery>> {
        let id = id.to_owned();
        self.point(move |conn| deliveries::find(conn, &id)).await
    }

    async fn deliveries(
        &self,
        team: Option<&str>,
        generation: Option<&str>,
        page: Page,
    ) -> Result<Vec<Delivery>> {
        let (team, generation) = (team.map(str::to_owned), generation.map(str::to_owned));
        let read = move |conn: &Connection| {
            deliveries::list(conn, team.as_deref(), generation.as_deref(), &page)
        };
        self.list(read).await
    }
}
