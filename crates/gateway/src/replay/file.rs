//! Traces from files: which kind each is, and its lines.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use engine::Market;
use flate2::read::MultiGzDecoder;
use provider::Timestamp;

use super::{ReplayError, Trace, export, game};

/// A longer line is none of ours.
const LONGEST: u64 = 4 << 20;

/// Reads a file. `market` has the prices for what is not in it.
pub(crate) fn read(
    file: &Path,
    market: &Market,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<Trace, ReplayError> {
    let name = file.file_name().map(|name| name.to_string_lossy().to_lowercase());
    let name = name.unwrap_or_default();
    let opened = File::open(file).map_err(|error| ReplayError::Io(file.to_owned(), error));
    let trace = if name.ends_with(".csv") {
        export::read(Lines::new(file, opened?), market)?
    } else if name.ends_with(".jsonl") {
        game::read(Lines::new(file, opened?))?
    } else if name.ends_with(".jsonl.gz") {
        game::read(Lines::new(file, MultiGzDecoder::new(opened?)))?
    } else {
        return Err(ReplayError::Unknown(file.to_owned()));
    };
    trace.within(from, to).filled(file.display().to_string())
}

/// The lines of a file, each known by its number.
pub(super) struct Lines<'a> {
    file: &'a Path,
    input: BufReader<Box<dyn Read>>,
    /// The number of the line that was read last.
    line: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(file: &'a Path, input: impl Read + 'static) -> Self {
        Self { file, input: BufReader::new(Box::new(input)), line: 0 }
    }

    /// The next line with its end; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<String>, ReplayError> {
        let mut text = String::new();
        let read = self.input.by_ref().take(LONGEST).read_line(&mut text);
        self.line += 1;
        match read {
            Ok(0) => Ok(None),
            Ok(_) if text.len() as u64 >= LONGEST => Err(self.wrong("it is too long")),
            Ok(_) => Ok(Some(text)),
            Err(error) => Err(self.wrong(error)),
        }
    }

    /// That the line which was read last is wrong.
    pub(super) fn wrong(&self, reason: impl std::fmt::Display) -> ReplayError {
        self.wrong_at(self.line, reason)
    }

    pub(super) fn wrong_at(&self, line: usize, reason: impl std::fmt::Display) -> ReplayError {
        ReplayError::Line { file: self.file.to_owned(), line, reason: reason.to_string() }
    }

    pub(super) const fn line(&self) -> usize {
        self.line
    }
}
