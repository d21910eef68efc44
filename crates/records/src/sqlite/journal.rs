//! Lists of changes that are made and not committed yet, in a file beside the database.
//!
//! # Why
//! A commit writes every page that its changes touched, whole: for a generation some thirty of them, each with
//! a frame of the log and a system call or two, though what changed is a few hundred bytes in each. The list
//! itself is a kilobyte or two and one write. So a list that need not survive a power cut is made in a
//! transaction that stays open, written here, and answered; a commit puts many of them into the database
//! at once, and each page once. What a killed process left here is made again at the next start.
//!
//! # Form
//! One record after the other: the database's own id for these lists (8 bytes), the record's number (8), the
//! length (4) and the CRC-32 (4) of what follows, all little-endian, and a list of changes as `MessagePack` with
//! the fields' names. Numbers go on for as long as the database lives, and the database says in the same commit
//! up to which one it has them. The file is written over from its beginning after a commit: what is left of an
//! earlier round has too low a number, and what a crash cut off a wrong sum, so that reading ends there.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::{make, run};
use crate::{Change, Error, Result};

const HEAD: usize = 24;

/// The file, open for writing; nobody else has it.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    id: [u8; 8],
    /// The last record's number.
    number: i64,
    /// Where the next record begins.
    end: u64,
    /// Whether there is anything in the file, of this round or an earlier one.
    used: bool,
    /// Whether a write of this round failed: nothing that followed would be read.
    broken: bool,
    /// Whether that was told.
    told: bool,
    buffer: Vec<u8>,
}

impl Journal {
    /// Opens the file beside `database`, and first makes in `conn` what a killed process left in it. None where
    /// somebody else has it open.
    pub(super) fn open(database: &Path, conn: &Connection) -> Result<Option<Self>> {
        let path = beside(database);
        let cannot = |error: io::Error| Error::Storage(format!("{}: {error}", path.display()));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(cannot)?;
        if file.try_lock().is_err() {
            return Ok(None);
        }
        let mut left = Vec::new();
        file.read_to_end(&mut left).map_err(cannot)?;
        if !left.is_empty() {
            let lists = make_again(conn, &left).map_err(|error| cannot_be_made(&path, &error))?;
            if lists > 0 {
                tracing::info!(lists, "changes that were noted before the last end are made");
            }
            file.set_len(0).map_err(cannot)?;
        }
        let (id, number) = state(conn)?;
        Ok(Some(Self {
            file,
            id,
            number,
            end: 0,
            used: false,
            broken: false,
            told: false,
            buffer: Vec::new(),
        }))
    }

    /// Writes lists, each as [`encode`] made it: all of them, or none that counts.
    pub(super) fn write(&mut self, lists: Vec<&[u8]>) -> io::Result<()> {
        self.buffer.clear();
        let mut number = self.number;
        for list in lists {
            number += 1;
            let length = u32::try_from(list.len()).map_err(io::Error::other)?;
            self.buffer.extend_from_slice(&self.id);
            self.buffer.extend_from_slice(&number.to_le_bytes());
            self.buffer.extend_from_slice(&length.to_le_bytes());
            self.buffer.extend_from_slice(&crc32fast::hash(list).to_le_bytes());
            self.buffer.extend_from_slice(list);
        }
        self.number = number;
        let written = self.append();
        if let Err(error) = &written {
            if !self.told {
                tracing::warn!(%error, "changes cannot be noted beside the database: each is committed");
            }
            self.broken = true;
            // The first of several may be whole.
            drop(self.file.set_len(self.end));
        }
        self.told = written.is_err();
        written
    }

    fn append(&mut self) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("an earlier write failed"));
        }
        if self.end == 0 {
            self.file.rewind()?;
        }
        self.used = true;
        self.file.write_all(&self.buffer)?;
        self.end += self.buffer.len() as u64;
        Ok(())
    }

    /// Bytes of lists that are not committed.
    pub(super) const fn len(&self) -> u64 {
        self.end
    }

    /// Says in the open transaction that every list is in it.
    pub(super) fn sign(&self, conn: &Connection) -> Result<()> {
        if self.end == 0 && !self.broken {
            return Ok(());
        }
        run(conn, "UPDATE noted SET number = ?", [self.number]).map(drop)
    }

    /// All of it is committed: the next record is the first one.
    pub(super) const fn restart(&mut self) {
        self.end = 0;
        self.broken = false;
    }

    /// All of it is committed, and nothing of it may stay readable.
    pub(super) fn wipe(&mut self) {
        self.restart();
        if !self.used {
            return;
        }
        match self.file.set_len(0) {
            Ok(()) => self.used = false,
            Err(error) => tracing::error!(%error, "committed changes stay beside the database"),
        }
    }
}

/// A list as it is written; none where a change of it is not of the kind that is.
pub(super) fn encode(changes: &[Change]) -> Option<Vec<u8>> {
    rmp_serde::to_vec_named(changes).ok()
}

/// Makes what lies beside `database` in a copy of it too, and gives the copy an id of its own.
pub(super) fn carry_over(database: &Path, copy: &Connection) -> Result<()> {
    let path = beside(database);
    let left = match std::fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        read => read.map_err(|error| Error::Storage(format!("{}: {error}", path.display())))?,
    };
    make_again(copy, &left).map_err(|error| cannot_be_made(&path, &error))?;
    run(copy, "UPDATE noted SET id = randomblob(8)", []).map(drop)
}

/// `DATABASE-changes`
fn beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-changes");
    PathBuf::from(path)
}

fn cannot_be_made(path: &Path, error: &Error) -> Error {
    Error::Storage(format!(
        "{}: what was noted before the last end cannot be made: {error}",
        path.display()
    ))
}

/// The id of the database's lists, and the number of the last one that is in it.
fn state(conn: &Connection) -> Result<([u8; 8], i64)> {
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    Ok(conn.query_row("SELECT id, number FROM noted", [], read)?)
}

/// Makes every list of `left` that is not in the database yet, in one commit; how many that were.
fn make_again(conn: &Connection, left: &[u8]) -> Result<usize> {
    let (id, last) = state(conn)?;
    let mut lists = Vec::new();
    let (mut rest, mut number) = (left, last);
    while let Some((list, after)) = next(rest, id, number + 1) {
        let list: Vec<Change> =
            rmp_serde::from_slice(list).map_err(|error| Error::Storage(error.to_string()))?;
        lists.push(list);
        (rest, number) = (after, number + 1);
    }
    if lists.is_empty() {
        return Ok(0);
    }
    let all = conn.unchecked_transaction()?;
    lists.iter().flatten().try_for_each(|change| make(&all, change))?;
    run(&all, "UPDATE noted SET id = randomblob(8), number = ?", [number])?;
    all.commit()?;
    Ok(lists.len())
}

/// The record at the beginning of `bytes` if it is whole and the one that is looked for, and what follows it.
fn next(bytes: &[u8], id: [u8; 8], number: i64) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let (whose, head) = head.split_first_chunk::<8>()?;
    let (count, head) = head.split_first_chunk::<8>()?;
    let (length, sum) = head.split_first_chunk::<4>()?;
    if *whose != id || i64::from_le_bytes(*count) != number {
        return None;
    }
    let (list, after) =
        rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    (crc32fast::hash(list).to_le_bytes() == *sum).then_some((list, after))
}

#[cfg(test)]
mod tests;
