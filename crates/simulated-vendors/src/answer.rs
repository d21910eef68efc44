//! An answer as the wire will carry it, with the ways in which it can go wrong there.
//!
//! An answer is a list of frames rather than one buffer, so that a megabyte of base64 is never copied to be put
//! between two pieces of JSON, and so that a fault can end it in the middle.

use std::{
    collections::VecDeque,
    fmt,
    future::Future as _,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    HeaderMap, Response, StatusCode,
    body::{Body, Frame},
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue},
};
use serde::Serialize;
use tokio::time::Sleep;

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As HTTP wants it.
    Whole,
    /// The whole length is announced, half of it is sent, and the connection closes.
    Cut,
    /// No answer: the connection is reset.
    Reset,
    /// Blanks follow the answer: so many that all is as long as said, or without end.
    Flood(Option<u64>),
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) frames: Vec<Bytes>,
    pub(crate) ending: Ending,
}

const FLOOD_FRAME: &[u8] = &[b' '; 64 * 1024];
/// Time for what was sent to leave before the connection is closed under it.
const BEFORE_THE_CUT: Duration = Duration::from_millis(20);

impl Answer {
    pub(crate) fn new(status: StatusCode, content_type: &'static str, frames: Vec<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, headers, frames, ending: Ending::Whole }
    }

    /// A JSON answer. What is serialised here are our own small structures; one that failed would be a defect of
    /// the simulation, and shows as a 500 without a body.
    pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(text) => Self::new(status, "application/json", vec![text.into()]),
            Err(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", Vec::new()),
        }
    }

    /// A status that has no body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), frames: Vec::new(), ending: Ending::Whole }
    }

    pub(crate) fn reset() -> Self {
        let mut answer = Self::new(StatusCode::OK, "text/plain", Vec::new());
        answer.ending = Ending::Reset;
        answer
    }

    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.frames.iter().map(Bytes::len).sum()
    }

    /// Keeps the first `length` bytes.
    pub(crate) fn truncate(&mut self, length: usize) {
        let mut left = length;
        for frame in &mut self.frames {
            frame.truncate(left);
            left -= frame.len();
        }
    }

    pub(crate) fn into_response(mut self) -> Response<AnswerBody> {
        let whole = self.len();
        let announced = match self.ending {
            Ending::Whole | Ending::Cut => u64::try_from(whole).ok(),
            Ending::Flood(total) => total.map(|total| total.max(whole.try_into().unwrap_or(total))),
            Ending::Reset => None,
        };
        if self.ending == Ending::Cut {
            self.truncate(whole / 2);
        }
        let sent = u64::try_from(self.len()).unwrap_or(u64::MAX);
        let body = AnswerBody {
            frames: self.frames.into(),
            flood_left: match self.ending {
                Ending::Flood(total) => Some(total.map(|total| total.saturating_sub(sent))),
                Ending::Whole | Ending::Cut | Ending::Reset => None,
            },
            cut: (self.ending == Ending::Cut).then(|| Box::pin(tokio::time::sleep(BEFORE_THE_CUT))),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        if let Some(length) = announced {
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        response
    }
}

/// The answer's bytes, frame by frame.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    frames: VecDeque<Bytes>,
    flood_left: Option<Option<u64>>,
    cut: Option<Pin<Box<Sleep>>>,
}

/// The connection is to be dropped, on purpose.
#[derive(Debug)]
pub(crate) struct CutShort;

impl fmt::Display for CutShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an injected fault ended the connection")
    }
}

impl std::error::Error for CutShort {}

impl AnswerBody {
    fn flood(&mut self) -> Option<Bytes> {
        let frame = Bytes::from_static(FLOOD_FRAME);
        match self.flood_left.as_mut()? {
            None => Some(frame),
            Some(0) => None,
            Some(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(FLOOD_FRAME.len());
                *left -= u64::try_from(length).unwrap_or(*left);
                Some(frame.slice(..length))
            }
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        if let Some(frame) = self.frames.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(frame))));
        }
        if let Some(cut) = self.cut.as_mut() {
            return cut.as_mut().poll(context).map(|()| Some(Err(CutShort)));
        }
        Poll::Ready(self.flood().map(|frame| Ok(Frame::data(frame))))
    }
}
