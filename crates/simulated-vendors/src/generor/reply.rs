//! What is answered when all is well: the page's envelope, and its pages.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::refusal::Refusal;
use crate::answer::Answer;

#[derive(Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    pub(crate) data: Value,
    meta: Option<Value>,
}

impl Reply {
    pub(crate) fn ok(data: Value) -> Result<Self, Refusal> {
        Ok(Self { status: StatusCode::OK, data, meta: None })
    }

    pub(crate) fn created(data: Value) -> Result<Self, Refusal> {
        Ok(Self { status: StatusCode::CREATED, data, meta: None })
    }

    /// A list that has no pages.
    pub(crate) fn all(rows: Vec<Value>) -> Self {
        Self { status: StatusCode::OK, data: Value::Array(rows), meta: None }
    }

    /// What only says that it was done.
    pub(crate) fn done(message: &str) -> Result<Self, Refusal> {
        Self::ok(json!({ "message": message }))
    }

    pub(crate) fn answer(self) -> Answer {
        let mut body = json!({ "success": true, "data": self.data });
        if let Some(meta) = self.meta {
            body["meta"] = meta;
        }
        Answer::json(self.status, &body)
    }
}

/// Which part of a list is wanted. What is out of bounds is brought within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    number: usize,
    per_page: usize,
    pub(crate) oldest_first: bool,
}

impl Page {
    pub(crate) fn of(query: &str) -> Self {
        let number = |name| parameter(query, name).and_then(|text| text.parse::<usize>().ok());
        Self {
            number: number("page").unwrap_or(1).max(1),
            per_page: number("per_page").unwrap_or(20).clamp(1, 100),
            oldest_first: parameter(query, "sort").as_deref() == Some("oldest"),
        }
    }

    /// That part of them, in their order.
    pub(crate) fn cut<T>(self, rows: &[T], mut shown: impl FnMut(&T) -> Value) -> Reply {
        let total = rows.len();
        let total_pages = total.div_ceil(self.per_page);
        let skipped = (self.number - 1).saturating_mul(self.per_page);
        let page = rows.iter().skip(skipped).take(self.per_page);
        let data = page.map(&mut shown).collect();
        let meta = json!({
            "page": self.number,
            "per_page": self.per_page,
            "total": total,
            "total_pages": total_pages,
            "has_next": self.number < total_pages,
            "has_prev": self.number > 1,
        });
        Reply { status: StatusCode::OK, data, meta: Some(meta) }
    }

    /// The same of rows that come oldest first.
    pub(crate) fn sorted<T>(self, mut rows: Vec<T>, shown: impl FnMut(&T) -> Value) -> Reply {
        if !self.oldest_first {
            rows.reverse();
        }
        self.cut(&rows, shown)
    }
}

/// A parameter of the query string, its escapes undone.
pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    Some(unescaped(&value.replace('+', " ")))
}

/// `%41` is `A`.
pub(crate) fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let byte = match more {
            [high, low, ..] if *first == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        bytes.push(byte.map_or(*first, |(high, low)| high * 16 + low));
        rest = more.get(if byte.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::parameter;

    #[test]
    fn escapes_are_undone() {
        let query = "q=sunset+%C3%BCber%20100%&page=2";
        assert_eq!(parameter(query, "q").as_deref(), Some("sunset über 100%"));
        assert_eq!(parameter(query, "page").as_deref(), Some("2"));
        assert_eq!(parameter(query, "sort"), None);
    }
}
