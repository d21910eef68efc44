//! The transaction that is open: what is in it, and when it ends.
//!
//! A list is *noted* or *committed*. Noted (`journal`): made in the open transaction, written beside the
//! database, answered. Committed: the transaction ends with it, and whatever was noted before is in the same
//! commit. What must survive a power cut is never noted, and has a transaction of its own: no commit of what
//! need not waits for the disk.
//!
//! Where a change fails, everything of its list is taken back, so that no statement needs a journal of its own:
//! those that would keep one (of several rows, or with a subquery) say `OR FAIL`, which spares copying every
//! page that they touch. Taking back ends the transaction; what was noted in it is made once more.

use std::{mem, time::Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{journal::Journal, make, run};
use crate::{Change, Result};

/// Noted lists in one commit: a page that they share is written once for so many.
const LISTS: usize = 256;
/// Bytes of them.
const BYTES: u64 = 1 << 20;

/// A list of changes, and who waits for it, if anybody does.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) changes: Vec<Change>,
    /// The list as it is noted; none where it is committed.
    pub(super) record: Option<Vec<u8>>,
    pub(super) answer: Option<oneshot::Sender<Result<()>>>,
}

/// The connection that writes, and what is in its transaction.
#[derive(Debug)]
pub(super) struct Committer {
    conn: Connection,
    journal: Option<Journal>,
    /// What is noted and not committed. It is in the open transaction, or there is none: then it is made again
    /// before anything else.
    noted: Vec<Vec<Change>>,
    /// Whether what is committed is to survive a power cut.
    firm: bool,
    /// Whether the connection's commits do at this moment.
    waits: bool,
    /// Whether lists are likely to be refused: then each has a savepoint.
    careful: bool,
    /// Whether one was since the last commit.
    refused: bool,
    quiet_since: Instant,
}

impl Committer {
    pub(super) fn new(conn: Connection, journal: Option<Journal>, firm: bool) -> Self {
        Self {
            conn,
            journal,
            noted: Vec::new(),
            firm,
            waits: firm,
            careful: false,
            refused: false,
            quiet_since: Instant::now(),
        }
    }

    /// Whether something is noted, which readers do not see yet.
    pub(super) const fn is_behind(&self) -> bool {
        !self.noted.is_empty()
    }

    /// When the last commit ended.
    pub(super) const fn quiet_since(&self) -> Instant {
        self.quiet_since
    }

    /// Makes these lists; each has a result of its own. An error of the whole means that nothing of any of
    /// them is made.
    pub(super) fn make(&mut self, batch: &mut [Job]) -> Result<Vec<Result<()>>> {
        let done = self.try_make(batch);
        if done.is_err() {
            self.roll_back();
        }
        done
    }

    fn try_make(&mut self, batch: &mut [Job]) -> Result<Vec<Result<()>>> {
        let firm = self.firm && batch.iter().any(|job| job.record.is_none());
        if self.is_full() || (firm && !self.waits) {
            self.commit()?;
        }
        self.begin(firm)?;
        let results = self.apply(batch, firm)?;
        self.refused |= results.iter().any(Result::is_err);
        let plain = batch.iter().any(|job| job.record.is_none());
        let made = batch.iter_mut().zip(&results).filter(|(_, result)| result.is_ok());
        let made: Vec<_> = made.map(|(job, _)| job).collect();
        if made.is_empty() {
            if self.noted.is_empty() {
                self.roll_back();
            }
        } else if !self.note(made) {
            self.end()?;
            // A list of this kind may be one that erases: what it erased lies in no file.
            if plain && let Some(journal) = &mut self.journal {
                journal.wipe();
            }
        }
        Ok(results)
    }

    fn is_full(&self) -> bool {
        let bytes = self.journal.as_ref().map_or(0, Journal::len);
        self.noted.len() >= LISTS || bytes >= BYTES
    }

    /// Commits what is noted. After a failure it still is.
    pub(super) fn commit(&mut self) -> Result<()> {
        if self.noted.is_empty() {
            return Ok(());
        }
        let done = self.begin(false).and_then(|()| self.end());
        if done.is_err() {
            self.roll_back();
        }
        done
    }

    /// Commits what is noted, and leaves nothing to be made again.
    pub(super) fn close(&mut self) {
        match (self.commit(), &mut self.journal) {
            (Err(error), _) => {
                tracing::error!(%error, "what is noted is made at the next start");
            }
            (Ok(()), Some(journal)) => journal.wipe(),
            (Ok(()), None) => {}
        }
    }

    /// Sees to it that a transaction is open, with what is noted in it.
    fn begin(&mut self, firm: bool) -> Result<()> {
        if !self.conn.is_autocommit() {
            return Ok(());
        }
        if self.waits != firm {
            let level = if firm { "full" } else { "normal" };
            self.conn.pragma_update(None, "synchronous", level)?;
            self.waits = firm;
        }
        run(&self.conn, "BEGIN IMMEDIATE", [])?;
        self.noted.iter().flatten().try_for_each(|change| make(&self.conn, change))
    }

    fn end(&mut self) -> Result<()> {
        if let Some(journal) = &self.journal {
            journal.sign(&self.conn)?;
        }
        run(&self.conn, "COMMIT", [])?;
        self.noted.clear();
        if let Some(journal) = &mut self.journal {
            journal.restart();
        }
        self.careful = mem::take(&mut self.refused);
        self.quiet_since = Instant::now();
        Ok(())
    }

    /// Leaves no transaction open: not after a failed commit, nor after an error of the disk's that did not end
    /// it by itself.
    fn roll_back(&self) {
        if !self.conn.is_autocommit()
            && let Err(error) = run(&self.conn, "ROLLBACK", [])
        {
            tracing::error!(%error, "a failed transaction could not be rolled back");
        }
    }

    /// Writes down what was made; whether all of it is.
    fn note(&mut self, made: Vec<&mut Job>) -> bool {
        let Some(journal) = &mut self.journal else { return false };
        let records = made.iter().map(|job| job.record.as_deref());
        let Some(records) = records.collect::<Option<Vec<_>>>() else { return false };
        if journal.write(records).is_err() {
            return false;
        }
        self.noted.extend(made.into_iter().map(|job| mem::take(&mut job.changes)));
        true
    }

    /// Applies every list of a batch; one that fails leaves nothing behind and spoils no other.
    ///
    /// A savepoint copies every page that its list is the first to change, and hardly any list fails: so a batch
    /// goes without, and once more with them where one did. Where one did a moment ago (a budget is exhausted,
    /// and everybody tries), savepoints come first.
    fn apply(&mut self, batch: &[Job], firm: bool) -> Result<Vec<Result<()>>> {
        let alone = batch.len() == 1 && self.noted.is_empty();
        if self.careful && !alone {
            return self.apply_apart(batch);
        }
        let mut all = batch.iter().flat_map(|job| &job.changes);
        let Err(error) = all.try_for_each(|change| make(&self.conn, change)) else {
            return Ok(vec![Ok(()); batch.len()]);
        };
        if self.conn.is_autocommit() {
            // A full or broken disk ends the whole transaction.
            return Err(error);
        }
        if alone {
            return Ok(vec![Err(error)]);
        }
        run(&self.conn, "ROLLBACK", [])?;
        self.careful = true;
        self.begin(firm)?;
        self.apply_apart(batch)
    }

    /// The same, each list in a savepoint of its own.
    fn apply_apart(&self, batch: &[Job]) -> Result<Vec<Result<()>>> {
        let conn = &self.conn;
        let mut results = Vec::with_capacity(batch.len());
        for job in batch {
            run(conn, "SAVEPOINT job", [])?;
            let result = job.changes.iter().try_for_each(|change| make(conn, change));
            if let Err(error) = &result
                && conn.is_autocommit()
            {
                // A full or broken disk ends the whole transaction, the lists before this one too.
                return Err(error.clone());
            }
            if result.is_err() {
                run(conn, "ROLLBACK TO job", [])?;
            }
            run(conn, "RELEASE job", [])?;
            results.push(result);
        }
        Ok(results)
    }
}

#[cfg(test)]
impl Committer {
    pub(super) const fn connection(&self) -> &Connection {
        &self.conn
    }

    /// Ends as a killed process does.
    pub(super) fn die(&mut self) {
        self.roll_back();
        self.noted.clear();
        self.journal = None;
    }
}
