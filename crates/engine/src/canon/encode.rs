//! An encoding in which no two lists of fields look alike.

use coordination::CacheKey;
use serde_json::Value;

/// Writes fields into a hash. Names and contents carry their lengths.
#[derive(Debug)]
pub(super) struct Encoder(blake3::Hasher);

impl Encoder {
    /// Keys of one domain never meet those of another.
    pub(super) fn new(domain: &str) -> Self {
        Self(blake3::Hasher::new_derive_key(domain))
    }

    pub(super) fn bytes(&mut self, name: &str, contents: &[u8]) {
        self.part(name.as_bytes());
        self.part(contents);
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.bytes(name, text.as_bytes());
    }

    /// What is not there is not written: names tell the others apart.
    pub(super) fn maybe(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    pub(super) fn number(&mut self, name: &str, number: i64) {
        self.bytes(name, &number.to_le_bytes());
    }

    pub(super) fn maybe_number(&mut self, name: &str, number: Option<i64>) {
        if let Some(number) = number {
            self.number(name, number);
        }
    }

    /// A JSON value; the members of an object in the order of their names.
    pub(super) fn json(&mut self, value: &Value) {
        match value {
            Value::Null => self.text("null", ""),
            Value::Bool(is) => self.number("bool", i64::from(*is)),
            Value::Number(number) => self.text("number", &number.to_string()),
            Value::String(text) => self.text("string", text),
            Value::Array(items) => {
                self.count("array", items.len());
                items.iter().for_each(|item| self.json(item));
            }
            Value::Object(members) => {
                self.count("object", members.len());
                let mut names: Vec<&String> = members.keys().collect();
                names.sort_unstable();
                for name in names {
                    self.text("member", name);
                    self.json(&members[name]);
                }
            }
        }
    }

    pub(super) fn finish(self) -> CacheKey {
        *self.0.finalize().as_bytes()
    }

    fn count(&mut self, name: &str, count: usize) {
        self.number(name, i64::try_from(count).unwrap_or(i64::MAX));
    }

    fn part(&mut self, part: &[u8]) {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        self.0.update(&length.to_le_bytes());
        self.0.update(part);
    }
}
