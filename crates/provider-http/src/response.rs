//! An answer, read piece by piece within its deadlines and limits.

use std::{fmt, time::Duration};

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderName, RETRY_AFTER};
use tokio::time::{Instant, timeout};

use provider::{
    Error, OutputHint, OutputSink, OutputWriter, Receipt, Result, SinkError, Timestamp,
};

use crate::{
    Effect, Settings,
    error::{self, json_shape},
    json_stream::{Scanner, Step},
    status_error, unreadable,
};

/// An error's body is read up to here.
const ERROR_BODY_MAX: u64 = 64 * 1024;

/// An answer whose head has come.
pub struct Response {
    inner: reqwest::Response,
    effect: Effect,
    operation: &'static str,
    idle: Duration,
    ends: Instant,
    json_max: usize,
    body_max: u64,
    seen: u64,
    /// What was looked at and still is to be told.
    ahead: Bytes,
    received_at: Timestamp,
}

/// A JSON answer whose large member was lifted out.
#[derive(Debug)]
pub struct Extracted {
    /// The answer, the member's text replaced by its index in `taken`, as a string.
    pub json: Vec<u8>,
    /// What became of each text, in the order of the document.
    pub taken: Vec<Taken>,
    /// How many bytes came of each of them.
    pub lengths: Vec<u64>,
}

/// What became of one lifted text.
#[derive(Debug, Clone)]
pub enum Taken {
    /// It is kept.
    Written(Receipt),
    /// There were no bytes in it.
    Empty,
    /// It was not base64.
    Spoiled,
    /// Our side could not keep it. The rest of the answer was read all the same: it tells the money.
    NotKept(SinkError),
}

impl Response {
    pub(crate) fn new(
        inner: reqwest::Response,
        effect: Effect,
        operation: &'static str,
        ends: Instant,
        settings: &Settings,
        received_at: Timestamp,
    ) -> Self {
        Self {
            inner,
            effect,
            operation,
            idle: settings.deadlines.idle,
            ends,
            json_max: settings.json_max_bytes,
            body_max: settings.body_max_bytes,
            seen: 0,
            ahead: Bytes::new(),
            received_at,
        }
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.inner.status().as_u16()
    }

    /// Whether the status says that it worked.
    pub fn is_success(&self) -> bool {
        self.inner.status().is_success()
    }

    /// The media type as the vendor labels it, without parameters, in lower case.
    pub fn media_type(&self) -> Option<String> {
        let label = self.header(&CONTENT_TYPE)?;
        Some(label.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    /// The vendor's clock, in whole seconds.
    pub fn date(&self) -> Option<Timestamp> {
        self.header(&DATE).and_then(http_date)
    }

    /// How long the vendor asks to wait: in seconds, or as a date by its own clock (ours, where it
    /// does not show its own).
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.header(&RETRY_AFTER)?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        Some(http_date(text)?.since(self.date().unwrap_or(self.received_at)))
    }

    /// The error that this status stands for, and what there is of its body (which never fails to
    /// be read: the status has already said what matters).
    pub async fn refusal(mut self) -> (Error, Bytes) {
        let error = status_error(self.status(), self.effect, self.retry_after());
        self.body_max = self.body_max.min(ERROR_BODY_MAX);
        let mut body = BytesMut::new();
        while let Ok(Some(piece)) = self.chunk().await {
            body.extend_from_slice(&piece);
        }
        (error, body.freeze())
    }

    /// All of a small JSON body: of one that is as large as the settings, or its request, allow.
    pub async fn json(mut self) -> Result<Bytes> {
        self.body_max = self.body_max.min(u64::try_from(self.json_max).unwrap_or(u64::MAX));
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.chunk().await? else { return Ok(first) };
        let mut body = BytesMut::from(first);
        body.extend_from_slice(&second);
        while let Some(piece) = self.chunk().await? {
            body.extend_from_slice(&piece);
        }
        Ok(body.freeze())
    }

    /// How the body begins: at least `count` bytes, fewer only where it is shorter. They come again with
    /// the rest. For answers whose label may lie.
    pub async fn peek(&mut self, count: usize) -> Result<Bytes> {
        while self.ahead.len() < count {
            let Some(piece) = self.arriving().await? else { break };
            self.ahead = match self.ahead.is_empty() {
                true => piece,
                false => [&self.ahead[..], &piece[..]].concat().into(),
            };
        }
        Ok(self.ahead.clone())
    }

    /// The next piece of the body, `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        match std::mem::take(&mut self.ahead) {
            ahead if ahead.is_empty() => self.arriving().await,
            ahead => Ok(Some(ahead)),
        }
    }

    async fn arriving(&mut self) -> Result<Option<Bytes>> {
        let (effect, operation) = (self.effect, self.operation);
        if self.inner.content_length().is_some_and(|length| length > self.body_max - self.seen) {
            return Err(error::too_large(effect, operation, self.body_max));
        }
        let left = self.ends.saturating_duration_since(Instant::now());
        let piece = timeout(self.idle.min(left), self.inner.chunk())
            .await
            .map_err(|_| error::stalled(effect, operation))?
            .map_err(|broken| error::broken_off(broken, effect, operation))?;
        if let Some(bytes) = &piece {
            self.seen = self.seen.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            if self.seen > self.body_max {
                return Err(error::too_large(effect, operation, self.body_max));
            }
        }
        Ok(piece)
    }

    /// All of the body into a writer that the caller finishes; returns the number of bytes.
    pub async fn copy_to(mut self, writer: &mut dyn OutputWriter) -> Result<u64> {
        while let Some(piece) = self.chunk().await? {
            writer.write(piece).await.map_err(|failed| error::sink_error(&failed))?;
        }
        Ok(self.seen)
    }

    /// Reads a JSON body whose `member` holds a large base64 text: the bytes go into `sink` while
    /// they arrive, the rest comes back as JSON. Outputs are finished when all of the body has come,
    /// so that an answer which fails leaves none behind.
    ///
    /// # Errors
    /// When the body breaks off, stalls, is too large or no JSON. A text that is no base64 or cannot
    /// be kept is no error here: what it cost stands in the rest.
    pub async fn take_base64(
        self,
        member: &'static str,
        sink: &mut dyn OutputSink,
    ) -> Result<Extracted> {
        let scanner = Scanner::new(member, self.json_max);
        self.take(scanner, sink).await
    }

    /// The same for a vendor that does not say which member it is: every text of more than `longer_than`
    /// characters that begins as base64 does is lifted out. A shorter one stays in the JSON.
    ///
    /// # Errors
    /// As [`Response::take_base64`].
    pub async fn take_long_base64(
        self,
        longer_than: usize,
        sink: &mut dyn OutputSink,
    ) -> Result<Extracted> {
        let scanner = Scanner::long(longer_than, self.json_max);
        self.take(scanner, sink).await
    }

    async fn take(mut self, mut scanner: Scanner, sink: &mut dyn OutputSink) -> Result<Extracted> {
        let (mut ended, mut lengths) = (Vec::new(), Vec::new());
        let mut open = Open::Nothing;
        let mut length = 0_u64;
        while let Some(piece) = self.chunk().await? {
            let mut rest = &piece[..];
            loop {
                let step = scanner
                    .step(&mut rest)
                    .map_err(|_| unreadable(self.effect, "more JSON than allowed"))?;
                match step {
                    Step::More => break,
                    Step::Data(bytes) => {
                        length += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                        open.write(bytes, scanner.media_type(), sink).await;
                    }
                    Step::End(decoded) => {
                        let whole = std::mem::take(&mut open);
                        ended.push(if decoded.is_ok() { whole } else { Open::Spoiled });
                        lengths.push(std::mem::take(&mut length));
                    }
                }
            }
        }
        let json = scanner.into_skeleton();
        serde_json::from_slice::<serde::de::IgnoredAny>(&json)
            .map_err(|error| unreadable(self.effect, json_shape(&error)))?;
        let mut taken = Vec::with_capacity(ended.len());
        for open in ended {
            taken.push(open.finish().await);
        }
        Ok(Extracted { json, taken, lengths })
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.inner.headers().get(name)?.to_str().ok()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("operation", &self.operation)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

/// An output on its way into the sink.
#[derive(Default)]
enum Open {
    #[default]
    Nothing,
    Writer(Box<dyn OutputWriter>),
    Failed(SinkError),
    Spoiled,
}

impl Open {
    async fn write(&mut self, bytes: Bytes, media_type: Option<&str>, sink: &mut dyn OutputSink) {
        if let Self::Nothing = self {
            let hint = OutputHint { media_type: media_type.map(str::to_owned), length: None };
            *self = match sink.open(hint).await {
                Ok(writer) => Self::Writer(writer),
                Err(failed) => Self::Failed(failed),
            };
        }
        if let Self::Writer(writer) = self
            && let Err(failed) = writer.write(bytes).await
        {
            *self = Self::Failed(failed);
        }
    }

    async fn finish(self) -> Taken {
        match self {
            Self::Nothing => Taken::Empty,
            Self::Spoiled => Taken::Spoiled,
            Self::Failed(failed) => Taken::NotKept(failed),
            Self::Writer(writer) => match writer.finish().await {
                Ok(receipt) => Taken::Written(receipt),
                Err(failed) => Taken::NotKept(failed),
            },
        }
    }
}

/// The form of dates in HTTP: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<Timestamp> {
    let at = chrono::DateTime::parse_from_rfc2822(text.trim()).ok()?;
    Some(Timestamp::from_millis(at.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates_are_read() {
        let at = http_date("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(at.map(Timestamp::millis), Some(784_111_777_000));
        assert_eq!(http_date("tomorrow"), None);
    }
}
