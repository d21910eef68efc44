//! MP4 and its kin (ISO 14496-12): boxes in boxes, each with its length before it.
//!
//! The box that tells length and size (`moov`) may come after all pictures, so a file is walked as its
//! bytes stream by: what is not needed is stepped over, and of what is needed a hundred bytes are
//! kept at a time. Only `moov` and the tracks in it are entered.

use super::{Measured, millis, size, u32_at, u64_at};

/// The longest payload that is looked at: a track's header in its longer version.
const PAYLOAD_MAX: usize = 96;
/// No file is longer, and no sum of two such lengths overflows.
const LONGEST: u64 = u64::MAX / 2;
/// Length and name of a box.
const HEADER: usize = 8;
/// The same with a length of eight bytes.
const LONG_HEADER: usize = 16;

/// Walks one file as it comes. It takes anything for an MP4; what is none, or contradicts itself, is
/// "unknown" in the end.
#[derive(Debug)]
pub(crate) struct Mp4 {
    /// Bytes walked.
    at: u64,
    /// Where the next header or payload begins.
    next: u64,
    /// What is being read there, as far as it has come.
    kept: [u8; PAYLOAD_MAX],
    have: usize,
    reading: Reading,
    /// Where the entered boxes end.
    movie_end: Option<u64>,
    track_end: Option<u64>,
    /// What the movie that is being walked told so far.
    found: Measured,
    /// What a whole movie told.
    told: Measured,
}

/// What is read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// A box's header, of so many bytes.
    Header(usize),
    /// The payload of a box that ends there.
    Payload { which: Payload, size: usize, end: u64 },
    /// Nothing any more.
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Payload {
    Movie,
    Track,
}

impl Default for Mp4 {
    fn default() -> Self {
        Self {
            at: 0,
            next: 0,
            kept: [0; PAYLOAD_MAX],
            have: 0,
            reading: Reading::Header(HEADER),
            movie_end: None,
            track_end: None,
            found: Measured::default(),
            told: Measured::default(),
        }
    }
}

impl Mp4 {
    /// Takes the next bytes of the file.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        loop {
            let want = match self.reading {
                Reading::Header(size) | Reading::Payload { size, .. } => size,
                Reading::Nothing => return,
            };
            if self.at < self.next {
                let gap = usize::try_from(self.next - self.at).unwrap_or(usize::MAX);
                bytes = self.pass(bytes, gap);
            }
            if self.at >= self.next {
                let taken = (want - self.have).min(bytes.len());
                self.kept[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
                self.have += taken;
                // What is kept belongs to what begins at `next`, so the walk stands behind it.
                bytes = self.pass(bytes, taken);
            }
            if self.have < want {
                return;
            }
            if self.step(want).is_none() {
                self.reading = Reading::Nothing;
            }
        }
    }

    /// What the whole file told.
    pub(crate) fn finish(mut self) -> Measured {
        // A movie without a length of its own ends where the file does, after a whole box.
        let between = self.reading == Reading::Header(HEADER) && self.have == 0;
        if self.movie_end == Some(u64::MAX) && between && self.at == self.next {
            self.leave_movie();
        }
        self.told
    }

    /// The bytes after so many, or after all there are.
    fn pass<'a>(&mut self, bytes: &'a [u8], count: usize) -> &'a [u8] {
        let count = count.min(bytes.len());
        self.at = self.at.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        &bytes[count..]
    }

    /// Does what the read bytes say; none where they make no sense.
    fn step(&mut self, read: usize) -> Option<()> {
        match self.reading {
            Reading::Header(_) => self.enter(read)?,
            Reading::Payload { which, size, end } => {
                let payload = self.kept;
                let payload = &payload[..size];
                match which {
                    Payload::Movie => self.found.millis = movie(payload),
                    Payload::Track => self.see_track(payload),
                }
                self.go_to(end);
            }
            Reading::Nothing => {}
        }
        Some(())
    }

    /// Enters the box whose header was read, or steps over it.
    fn enter(&mut self, read: usize) -> Option<()> {
        let length = match (u32_at(&self.kept, 0)?, read) {
            // The length follows the name.
            (1, HEADER) => {
                self.reading = Reading::Header(LONG_HEADER);
                return Some(());
            }
            (1, _) => Some(u64_at(&self.kept, HEADER).filter(|length| *length <= LONGEST)?),
            // To the end of whatever this box is in.
            (0, _) => None,
            (length, _) => Some(u64::from(length)),
        };
        let header = u64::try_from(read).ok()?;
        let begin = self.next;
        let around = self.track_end.or(self.movie_end).unwrap_or(u64::MAX);
        let end = match length {
            Some(length) => begin.checked_add(length)?,
            None => around,
        };
        let inside = begin.checked_add(header)?;
        if end < inside || end > around {
            return None;
        }
        let name = *self.kept.get(4..)?.first_chunk::<4>()?;
        // Whatever is no MP4 shows it in its first box.
        if begin == 0 && &name != b"ftyp" {
            return None;
        }
        match (&name, self.movie_end.is_some(), self.track_end.is_some()) {
            (b"moov", false, _) => {
                self.found = Measured::default();
                self.movie_end = Some(end);
                self.go_to(inside);
            }
            (b"trak", true, false) => {
                self.track_end = Some(end);
                self.go_to(inside);
            }
            (b"mvhd", true, false) => self.read(Payload::Movie, inside, end),
            (b"tkhd", true, true) => self.read(Payload::Track, inside, end),
            _ => self.go_to(end),
        }
        Some(())
    }

    /// Reads the beginning of a payload.
    fn read(&mut self, which: Payload, begin: u64, end: u64) {
        let size = usize::try_from(end - begin).unwrap_or(usize::MAX).min(PAYLOAD_MAX);
        self.reading = Reading::Payload { which, size, end };
        self.next = begin;
        self.have = 0;
    }

    /// Goes on with the header there, out of every box that ends before it could.
    fn go_to(&mut self, mut next: u64) {
        let room = |next: u64, end: u64| end.checked_sub(next).is_some_and(|room| room >= 8);
        if let Some(end) = self.track_end.filter(|end| !room(next, *end)) {
            self.track_end = None;
            next = end;
        }
        if let Some(end) = self.movie_end.filter(|end| !room(next, *end)) {
            self.leave_movie();
            next = end;
        }
        self.reading = Reading::Header(HEADER);
        self.next = next;
        self.have = 0;
    }

    fn leave_movie(&mut self) {
        self.movie_end = None;
        self.track_end = None;
        self.told.millis = self.told.millis.or(self.found.millis);
        self.told.size = self.told.size.or(self.found.size);
    }

    /// The largest track is the picture; sound has no size.
    fn see_track(&mut self, header: &[u8]) {
        let pixels = |size: &(u32, u32)| u64::from(size.0) * u64::from(size.1);
        self.found.size = self.found.size.into_iter().chain(track(header)).max_by_key(pixels);
    }
}

/// The length in a movie's header.
fn movie(header: &[u8]) -> Option<u64> {
    match header.first()? {
        0 => {
            let duration = u32_at(header, 16).filter(|duration| *duration != u32::MAX)?;
            millis(u64::from(duration), u64::from(u32_at(header, 12)?))
        }
        1 => {
            let duration = u64_at(header, 24).filter(|duration| *duration != u64::MAX)?;
            millis(duration, u64::from(u32_at(header, 20)?))
        }
        _ => None,
    }
}

/// The size in a track's header, as it is shown: a matrix that turns by a quarter swaps the sides.
fn track(header: &[u8]) -> Option<(u32, u32)> {
    let matrix = match header.first()? {
        0 => 40,
        1 => 52,
        _ => return None,
    };
    let entry = |index: usize| u32_at(header, matrix + index * 4);
    let turned = entry(0)? == 0 && entry(4)? == 0 && entry(1)? != 0 && entry(3)? != 0;
    // Sixteen bits of whole pixels, sixteen of fractions.
    let (width, height) = (entry(9)? >> 16, entry(10)? >> 16);
    if turned { size(height, width) } else { size(width, height) }
}
