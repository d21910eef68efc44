//! Lifts one large base64 member out of a JSON document while it arrives.
//!
//! A picture of 1.5 MB comes as two million characters inside a document whose rest is some hundred
//! bytes. Parsing such a document keeps it in memory two or three times. Here the member's text is
//! found by `memchr`, decoded in place and handed on; everything else is copied into a small
//! skeleton that serde reads afterwards, with the member's text replaced by its index.
//!
//! Where the vendor does not say which member it is, every long text that begins as base64 does is taken
//! for one: by then it lies in the skeleton, is cut off there and read anew.
//!
//! The scanner does not validate: serde does, on the skeleton. It only has to know strings from the
//! rest, and in valid JSON a string is a key exactly when a colon follows it.

use bytes::Bytes;
use memchr::{memchr, memchr2, memchr3};

use crate::base64_stream::{Decoder, NotBase64, PIECE};

/// What a [`Scanner::step`] came to.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// The input is used up.
    More,
    /// The next bytes of the member at hand.
    Data(Bytes),
    /// The member at hand has ended; an error when it was not base64.
    End(Result<(), NotBase64>),
}

/// The document without its large member is larger than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SkeletonTooLarge;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Outside any string.
    Plain,
    /// In a string that belongs to the skeleton and began at this offset.
    Text(usize),
    /// The same, after a backslash.
    TextEscape(usize),
    /// After a string that reads like the member's name: a colon makes it a key.
    Named,
    /// After that colon.
    Colon,
    /// In the member's text.
    Value,
    /// The same, after a backslash.
    ValueEscape,
    /// The same, within the digits of `\uXXXX`.
    ValueUnicode { digits: u8, code: u16 },
    /// The member's last bytes were handed on, its end was not told yet.
    Ending,
}

/// Which texts are lifted.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    /// Those of the member with this name.
    Named(&'static str),
    /// Those of more than so many characters, as they are written.
    Long(usize),
}

#[derive(Debug)]
pub(crate) struct Scanner {
    wanted: Wanted,
    /// What was cut off the skeleton, to be read anew.
    again: Vec<u8>,
    /// Where the last long text began that is no base64; 0: none was met yet.
    plain_text: usize,
    skeleton: Vec<u8>,
    skeleton_max: usize,
    state: State,
    decoder: Decoder,
    spoiled: bool,
    found: usize,
}

impl Scanner {
    /// Lifts the texts of one member.
    pub(crate) fn new(member: &'static str, skeleton_max: usize) -> Self {
        Self::wanting(Wanted::Named(member), skeleton_max)
    }

    /// Lifts whatever reads like base64 for more than so many characters.
    pub(crate) fn long(longer_than: usize, skeleton_max: usize) -> Self {
        Self::wanting(Wanted::Long(longer_than), skeleton_max)
    }

    fn wanting(wanted: Wanted, skeleton_max: usize) -> Self {
        Self {
            wanted,
            again: Vec::new(),
            plain_text: 0,
            skeleton: Vec::with_capacity(1024),
            skeleton_max,
            state: State::Plain,
            decoder: Decoder::new(),
            spoiled: false,
            found: 0,
        }
    }

    /// The document with each taken text replaced by its index (`"0"`, `"1"`, ...).
    pub(crate) fn into_skeleton(self) -> Vec<u8> {
        self.skeleton
    }

    /// The media type that the member at hand named in a `data:` prefix.
    pub(crate) fn media_type(&self) -> Option<&str> {
        self.decoder.media_type()
    }

    /// Uses up input until something is to be told.
    pub(crate) fn step(&mut self, input: &mut &[u8]) -> Result<Step, SkeletonTooLarge> {
        loop {
            if !self.again.is_empty() {
                let again = std::mem::take(&mut self.again);
                let mut rest = &again[..];
                let step = self.advance(&mut rest)?;
                self.again = rest.to_vec();
                if step != Step::More {
                    return Ok(step);
                }
            }
            let step = self.advance(input)?;
            if step != Step::More || self.again.is_empty() {
                return Ok(step);
            }
        }
    }

    fn advance(&mut self, input: &mut &[u8]) -> Result<Step, SkeletonTooLarge> {
        loop {
            if self.state == State::Ending {
                return self.end();
            }
            if !self.again.is_empty() {
                return Ok(Step::More);
            }
            let Some(&next) = input.first() else { return Ok(Step::More) };
            match self.state {
                State::Plain => self.plain(input)?,
                State::Text(start) => self.text(input, start)?,
                State::TextEscape(start) => {
                    self.keep(input, 1)?;
                    self.state = State::Text(start);
                }
                State::Named | State::Colon if next.is_ascii_whitespace() => self.keep(input, 1)?,
                State::Named if next == b':' => {
                    self.keep(input, 1)?;
                    self.state = State::Colon;
                }
                State::Colon if next == b'"' => {
                    self.keep(input, 1)?;
                    self.begin();
                }
                State::Named | State::Colon => self.state = State::Plain,
                State::Value => {
                    if let Some(step) = self.value(input) {
                        return Ok(step);
                    }
                }
                State::ValueEscape | State::ValueUnicode { .. } => {
                    *input = &input[1..];
                    if let Some(step) = self.escape(next) {
                        return Ok(step);
                    }
                }
                State::Ending => {}
            }
        }
    }

    fn plain(&mut self, input: &mut &[u8]) -> Result<(), SkeletonTooLarge> {
        match memchr(b'"', input) {
            Some(at) => {
                self.keep(input, at + 1)?;
                self.state = State::Text(self.skeleton.len());
                Ok(())
            }
            None => self.keep(input, input.len()),
        }
    }

    fn text(&mut self, input: &mut &[u8], start: usize) -> Result<(), SkeletonTooLarge> {
        let mut window = *input;
        if let Wanted::Long(longer_than) = self.wanted
            && self.plain_text != start
        {
            let missing = (longer_than + 1).saturating_sub(self.skeleton.len() - start);
            if missing == 0 {
                self.judge(start);
                return Ok(());
            }
            window = &input[..missing.min(input.len())];
        }
        let Some(at) = memchr2(b'"', b'\\', window) else { return self.keep(input, window.len()) };
        let stop = input[at];
        self.keep(input, at + 1)?;
        self.state = match stop {
            b'\\' => State::TextEscape(start),
            _ if self.is_member(start) => State::Named,
            _ => State::Plain,
        };
        Ok(())
    }

    /// Decides of a text that has become long. Base64 is cut off the skeleton and read anew as a value.
    fn judge(&mut self, start: usize) {
        if is_base64_so_far(&self.skeleton[start..]) {
            self.again = self.skeleton.split_off(start);
            self.begin();
        } else {
            self.plain_text = start;
        }
    }

    /// Whether the string that has just ended and began at `start` is the member's name.
    fn is_member(&self, start: usize) -> bool {
        let Wanted::Named(member) = self.wanted else { return false };
        let raw = &self.skeleton[start..self.skeleton.len() - 1];
        if raw == member.as_bytes() {
            return true;
        }
        // A name may be written with escapes, six characters for one at most.
        memchr(b'\\', raw).is_some()
            && raw.len() <= member.len() * 6
            && serde_json::from_slice::<String>(&self.skeleton[start - 1..])
                .is_ok_and(|name| name == member)
    }

    fn begin(&mut self) {
        self.decoder = Decoder::new();
        self.spoiled = false;
        self.state = State::Value;
    }

    fn value(&mut self, input: &mut &[u8]) -> Option<Step> {
        let window = &input[..input.len().min(PIECE)];
        let stop = memchr3(b'"', b'\\', b' ', window);
        let (run, used) = match stop {
            Some(at) => (&window[..at], at + 1),
            None => (window, window.len()),
        };
        let mark = stop.map(|at| window[at]);
        *input = &input[used..];
        let step = self.decode(run);
        match mark {
            Some(b'\\') => self.state = State::ValueEscape,
            Some(b'"') => {
                if step.is_some() {
                    // The decoder's last bytes are told by the next step, then the end.
                    self.state = State::Ending;
                } else {
                    return self.last();
                }
            }
            // A space inside base64 means nothing.
            _ => {}
        }
        step
    }

    fn decode(&mut self, run: &[u8]) -> Option<Step> {
        if self.spoiled || run.is_empty() {
            return None;
        }
        match self.decoder.push(run) {
            Ok(bytes) => bytes.map(Step::Data),
            Err(NotBase64) => {
                self.spoiled = true;
                None
            }
        }
    }

    /// The bytes that only the end of the text completes, if there are any.
    fn last(&mut self) -> Option<Step> {
        self.state = State::Ending;
        if self.spoiled {
            return None;
        }
        match self.decoder.finish() {
            Ok(bytes) => bytes.map(Step::Data),
            Err(NotBase64) => {
                self.spoiled = true;
                None
            }
        }
    }

    fn end(&mut self) -> Result<Step, SkeletonTooLarge> {
        if let Some(step) = self.last() {
            return Ok(step);
        }
        let index = self.found.to_string();
        self.found += 1;
        self.state = State::Plain;
        self.append(index.as_bytes())?;
        self.append(b"\"")?;
        Ok(Step::End(if self.spoiled { Err(NotBase64) } else { Ok(()) }))
    }

    /// One character after a backslash inside the member's text.
    fn escape(&mut self, next: u8) -> Option<Step> {
        /// In no base64: spoils the text, as it should.
        const NEVER: u8 = 0xff;
        let (digits, code) = match self.state {
            State::ValueUnicode { digits, code } => {
                let Some(digit) = char::from(next).to_digit(16).and_then(|d| u16::try_from(d).ok())
                else {
                    self.state = State::Value;
                    return self.decode(&[NEVER]);
                };
                (digits + 1, code << 4 | digit)
            }
            _ if next == b'u' => (0, 0),
            _ => {
                self.state = State::Value;
                return match next {
                    b'/' => self.decode(b"/"),
                    b'n' | b'r' | b't' | b'f' => None,
                    _ => self.decode(&[NEVER]),
                };
            }
        };
        if digits < 4 {
            self.state = State::ValueUnicode { digits, code };
            return None;
        }
        self.state = State::Value;
        let plain = u8::try_from(code).unwrap_or(NEVER);
        if plain.is_ascii_whitespace() { None } else { self.decode(&[plain]) }
    }

    fn keep(&mut self, input: &mut &[u8], count: usize) -> Result<(), SkeletonTooLarge> {
        let (kept, rest) = input.split_at(count);
        *input = rest;
        self.append(kept)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), SkeletonTooLarge> {
        if self.skeleton.len() + bytes.len() > self.skeleton_max {
            return Err(SkeletonTooLarge);
        }
        self.skeleton.extend_from_slice(bytes);
        Ok(())
    }
}

/// Whether the beginning of a JSON text reads like base64, a `data:` prefix and escapes included.
fn is_base64_so_far(raw: &[u8]) -> bool {
    let text = match raw.strip_prefix(b"data:") {
        Some(rest) => match memchr(b',', rest) {
            Some(comma) => &rest[comma + 1..],
            None => return false,
        },
        None => raw,
    };
    // Beyond the alphabet: padding, the folds of wrapped text, and the backslash of an escape.
    text.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=\\ ".contains(b))
}

#[cfg(test)]
#[path = "json_stream_tests.rs"]
mod tests;
