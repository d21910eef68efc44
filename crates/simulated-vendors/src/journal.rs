//! An append-only file of JSON lines: what survives a killed process.
//!
//! A line is handed to the operating system in one write before anybody is told of what it says, so a killed
//! process loses nothing that it answered for. It is not synced to the disk: a power cut is no promise of a simulation.
//! A line torn by the kill was never answered for, and is cut off on start.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
};

use serde::{Serialize, de::DeserializeOwned};

#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    good: u64,
}

impl Journal {
    /// Opens or creates the file and reads its lines. A second process on the same file is refused: two writers
    /// would each count the other's money as its own.
    pub(crate) fn open<T: DeserializeOwned>(path: &Path) -> io::Result<(Self, Vec<T>)> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        file.try_lock().map_err(io::Error::from)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let mut lines = Vec::new();
        let mut good = 0_u64;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            if line.last() != Some(&b'\n') {
                break;
            }
            lines.push(serde_json::from_slice(line)?);
            good += u64::try_from(line.len()).map_err(io::Error::other)?;
        }
        file.set_len(good)?;
        file.seek(SeekFrom::Start(good))?;
        Ok((Self { file, good }, lines))
    }

    /// Appends one line; when that fails half-way the file is cut back, so that the next line does not join a torn one.
    pub(crate) fn append<T: Serialize>(&mut self, entry: &T) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            self.file.set_len(self.good)?;
            self.file.seek(SeekFrom::Start(self.good))?;
            return Err(error);
        }
        self.good += u64::try_from(line.len()).map_err(io::Error::other)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::Journal;

    #[test]
    fn a_torn_last_line_is_cut_off_and_the_next_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j.jsonl");
        let (mut journal, lines) = Journal::open::<u32>(&path).unwrap();
        assert!(lines.is_empty());
        journal.append(&1).unwrap();
        drop(journal);
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"2345").unwrap();
        let (mut journal, lines) = Journal::open::<u32>(&path).unwrap();
        assert_eq!(lines, [1]);
        journal.append(&7).unwrap();
        drop(journal);
        assert_eq!(Journal::open::<u32>(&path).unwrap().1, [1, 7]);
    }

    #[test]
    fn two_writers_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j.jsonl");
        let _first = Journal::open::<u32>(&path).unwrap();
        assert!(Journal::open::<u32>(&path).is_err());
    }
}
