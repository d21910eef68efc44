//! What the vendor says, and how its saying ends.

use serde_json::Value;

/// One answer of the vendor.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers besides `Content-Length` and `Connection`.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How it ends.
    pub ending: Ending,
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Whole,
    /// Closed after so many bytes of the body that was announced whole.
    CutAfter(usize),
    /// Nothing comes after so many bytes; the connection stays open.
    StallAfter(usize),
    /// The body's last byte is repeated until the client gives up.
    Endless,
    /// The request is read, nothing is answered and the connection stays open.
    Silent,
    /// The request is read and the connection reset.
    Reset,
}

impl Answer {
    /// A body of this type.
    pub fn new(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type", media_type.to_owned())];
        Self { status, headers, body: body.into(), ending: Ending::Whole }
    }

    /// A JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    /// With another header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With another ending.
    #[must_use]
    pub fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    /// The body as JSON, if it is.
    pub(crate) fn as_json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// With another JSON body.
    pub(crate) fn with_json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self
    }
}
