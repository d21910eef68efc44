//! Forms with files, as OpenAI's edits and our uploads take them.

use bytes::Bytes;

const BOUNDARY: &str = "----atelier-tests-5c0f0d2e";

/// A `multipart/form-data` body in the making.
#[derive(Debug, Default)]
pub struct Form(Vec<u8>);

impl Form {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a field.
    #[must_use]
    pub fn text(self, name: &str, value: &str) -> Self {
        let head = format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        self.part(&head, value.as_bytes())
    }

    /// With a file.
    #[must_use]
    pub fn file(self, name: &str, media_type: &str, bytes: &[u8]) -> Self {
        let head = format!(
            "Content-Disposition: form-data; name=\"{name}\"; filename=\"picture\"\r\n\
             Content-Type: {media_type}\r\n\r\n"
        );
        self.part(&head, bytes)
    }

    fn part(mut self, head: &str, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(format!("--{BOUNDARY}\r\n{head}").as_bytes());
        self.0.extend_from_slice(bytes);
        self.0.extend_from_slice(b"\r\n");
        self
    }

    /// The header that goes with it.
    pub fn content_type() -> String {
        format!("multipart/form-data; boundary={BOUNDARY}")
    }

    /// The whole body.
    pub fn body(mut self) -> Bytes {
        self.0.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.0.into()
    }

    /// The body without its end.
    pub fn cut_off(self) -> Bytes {
        self.0.into()
    }
}
