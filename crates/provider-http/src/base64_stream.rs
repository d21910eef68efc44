//! Base64 that comes in pieces, decoded as it comes.
//!
//! Long runs are decoded where they lie; short ones (a vendor that escapes every slash makes runs
//! of some sixty characters) are gathered first, so that the SIMD decoder always gets a mouthful.

use base64_simd::{STANDARD_NO_PAD, forgiving_decode_to_vec};
use bytes::Bytes;
use memchr::memchr;

/// Most characters that one [`Decoder::push`] should be given: a multiple of four, so that about
/// 64 KiB of bytes come of it. Below 128 KiB the allocator reuses memory instead of mapping it.
pub(crate) const PIECE: usize = 87_380;
/// Runs shorter than this are gathered before they are decoded.
const SHORT: usize = 4096;
/// So much is gathered.
const GATHERED: usize = 64 * 1024;
/// The longest `data:` prefix that is believed.
const PREFIX_MAX: usize = 256;

/// The text is not base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotBase64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Head {
    /// The first characters decide whether a `data:` prefix comes first.
    Undecided,
    /// Within the prefix.
    Prefix,
    /// In the base64 itself.
    Passed,
}

#[derive(Debug)]
pub(crate) struct Decoder {
    gathered: Vec<u8>,
    head: Head,
    /// Padding was seen: nothing may follow.
    closed: bool,
    media_type: Option<String>,
}

impl Decoder {
    pub(crate) fn new() -> Self {
        Self { gathered: Vec::new(), head: Head::Undecided, closed: false, media_type: None }
    }

    /// The media type that a `data:` prefix named.
    pub(crate) fn media_type(&self) -> Option<&str> {
        self.media_type.as_deref()
    }

    /// Takes the next characters (without white space) and returns what they completed.
    pub(crate) fn push(&mut self, run: &[u8]) -> Result<Option<Bytes>, NotBase64> {
        if self.head != Head::Passed {
            self.gathered.extend_from_slice(run);
            return if self.pass_head()? { self.drain() } else { Ok(None) };
        }
        if run.len() < SHORT {
            self.gathered.extend_from_slice(run);
            return if self.gathered.len() < GATHERED { Ok(None) } else { self.drain() };
        }
        let missing = (4 - self.gathered.len() % 4) % 4;
        let (first, rest) = run.split_at(missing);
        self.gathered.extend_from_slice(first);
        let whole = rest.len() - rest.len() % 4;
        let mut out = Vec::with_capacity((self.gathered.len() + whole) / 4 * 3);
        quanta(&self.gathered, &mut self.closed, &mut out)?;
        quanta(&rest[..whole], &mut self.closed, &mut out)?;
        self.gathered.clear();
        self.gathered.extend_from_slice(&rest[whole..]);
        Ok(some(out))
    }

    /// The end of the text: returns the last bytes, whether or not padding is there.
    pub(crate) fn finish(&mut self) -> Result<Option<Bytes>, NotBase64> {
        if self.head == Head::Prefix {
            return Err(NotBase64);
        }
        self.head = Head::Passed;
        let whole = self.gathered.len() - self.gathered.len() % 4;
        let mut out = Vec::with_capacity(whole / 4 * 3 + 3);
        quanta(&self.gathered[..whole], &mut self.closed, &mut out)?;
        let mut tail = &self.gathered[whole..];
        if !tail.is_empty() {
            while let [rest @ .., b'='] = tail {
                tail = rest;
            }
            if self.closed || tail.is_empty() {
                return Err(NotBase64);
            }
            out.extend(forgiving_decode_to_vec(tail).map_err(|_| NotBase64)?);
        }
        self.gathered.clear();
        Ok(some(out))
    }

    /// Decodes the whole quanta of what was gathered and keeps the rest.
    fn drain(&mut self) -> Result<Option<Bytes>, NotBase64> {
        let whole = self.gathered.len() - self.gathered.len() % 4;
        let mut out = Vec::with_capacity(whole / 4 * 3);
        quanta(&self.gathered[..whole], &mut self.closed, &mut out)?;
        self.gathered.drain(..whole);
        Ok(some(out))
    }

    /// Whether the head is passed; a `data:` prefix is taken off.
    fn pass_head(&mut self) -> Result<bool, NotBase64> {
        const DATA: &[u8] = b"data:";
        if self.head == Head::Undecided {
            let seen = self.gathered.len().min(DATA.len());
            self.head = match self.gathered[..seen] == DATA[..seen] {
                true if seen == DATA.len() => Head::Prefix,
                true => return Ok(false),
                false => Head::Passed,
            };
        }
        if self.head == Head::Prefix {
            let window = &self.gathered[..self.gathered.len().min(PREFIX_MAX)];
            let Some(comma) = memchr(b',', window) else {
                return if window.len() == PREFIX_MAX { Err(NotBase64) } else { Ok(false) };
            };
            let named = window[DATA.len()..comma].split(|b| *b == b';').next().unwrap_or_default();
            self.media_type = str::from_utf8(named).ok().map(str::to_owned);
            self.gathered.drain(..=comma);
            self.head = Head::Passed;
        }
        Ok(true)
    }
}

/// Decodes whole groups of four characters; padding may only end the last of all groups.
fn quanta(text: &[u8], closed: &mut bool, out: &mut Vec<u8>) -> Result<(), NotBase64> {
    if text.is_empty() {
        return Ok(());
    }
    if *closed {
        return Err(NotBase64);
    }
    let padded = text.last() == Some(&b'=');
    let (plain, last) = text.split_at(if padded { text.len() - 4 } else { text.len() });
    STANDARD_NO_PAD.decode_append(plain, out).map_err(|_| NotBase64)?;
    if padded {
        *closed = true;
        out.extend(forgiving_decode_to_vec(last).map_err(|_| NotBase64)?);
    }
    Ok(())
}

fn some(out: Vec<u8>) -> Option<Bytes> {
    (!out.is_empty()).then(|| Bytes::from(out))
}
