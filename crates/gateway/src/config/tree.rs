//! The raw configuration: a tree of texts that remember where they came from.
//!
//! Scalars stay texts until somebody who knows what they mean reads them. So a number from the
//! environment and one from the file are the same thing, money never becomes a float of ours, and
//! an error can say where a value came from.

use std::fmt;

use config::{FileFormat, Format as _, Value, ValueKind};

/// The variable prefix of overrides: `ATELIER__SERVER__LISTEN`.
pub(crate) const PREFIX: &str = "ATELIER__";

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Built in.
    Default,
    /// The configuration file.
    File,
    /// An `ATELIER__` variable.
    Environment,
}

/// What a scalar was before it was a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// A text.
    Text,
    /// A number or boolean without quotes: YAML has normalised it, so `007` has lost its zeros.
    Plain,
}

/// One value with its origin.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) origin: Origin,
    pub(crate) shape: Shape,
}

/// What a value is.
#[derive(Clone)]
pub(crate) enum Shape {
    /// Nothing: a key without a value counts as absent.
    Nothing,
    /// A text; `as_written` is what an error may show of it, which is never what a `${}` stands for.
    Scalar { text: String, as_written: String, written: Written },
    /// Values in a row.
    List(Vec<Node>),
    /// Values by name, in the order of the file.
    Table(Vec<(String, Node)>),
}

// A tree holds secrets.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Node {
    /// A text.
    pub(crate) fn text(origin: Origin, text: &str) -> Self {
        let text = text.to_owned();
        let as_written = text.clone();
        Self { origin, shape: Shape::Scalar { text, as_written, written: Written::Text } }
    }

    /// An empty table.
    pub(crate) const fn table(origin: Origin) -> Self {
        Self { origin, shape: Shape::Table(Vec::new()) }
    }

    /// What is built in.
    pub(crate) fn defaults() -> Self {
        const DEFAULTS: &str = include_str!("defaults.yaml");
        // A test reads them; a binary whose own defaults cannot be read would find every key missing.
        Self::from_yaml(Origin::Default, DEFAULTS).unwrap_or_else(|_| Self::table(Origin::Default))
    }

    /// A YAML document, which must hold a table or nothing.
    ///
    /// # Errors
    /// The reason, which never quotes a value.
    pub(crate) fn from_yaml(origin: Origin, text: &str) -> Result<Self, String> {
        // The library counts a document without content as a wrong root, and quotes a wrong one.
        if is_blank(text) {
            return Ok(Self::table(origin));
        }
        let whole = FileFormat::Yaml.parse(None, text).map_err(|cause| {
            if cause.is::<Box<config::ConfigError>>() {
                "the file must hold keys with values".to_owned()
            } else {
                format!("this is not YAML: {cause}")
            }
        })?;
        let entries = whole.into_iter().map(|(key, value)| (key, Self::from_value(origin, value)));
        Ok(Self { origin, shape: Shape::Table(entries.collect()) })
    }

    /// A JSON value.
    pub(crate) fn from_json(origin: Origin, value: &serde_json::Value) -> Self {
        use serde_json::Value;
        let shape = match value {
            Value::Null => Shape::Nothing,
            Value::String(text) => return Self::text(origin, text),
            Value::Bool(value) => plain(value.to_string()),
            Value::Number(value) => plain(value.to_string()),
            Value::Array(values) => {
                Shape::List(values.iter().map(|value| Self::from_json(origin, value)).collect())
            }
            Value::Object(entries) => {
                let entry =
                    |(key, value): (&String, &Value)| (key.clone(), Self::from_json(origin, value));
                Shape::Table(entries.iter().map(entry).collect())
            }
        };
        Self { origin, shape }
    }

    fn from_value(origin: Origin, value: Value) -> Self {
        let shape = match value.kind {
            ValueKind::Nil => Shape::Nothing,
            ValueKind::String(text) => return Self::text(origin, &text),
            ValueKind::Boolean(value) => plain(value.to_string()),
            ValueKind::I64(value) => plain(value.to_string()),
            ValueKind::I128(value) => plain(value.to_string()),
            ValueKind::U64(value) => plain(value.to_string()),
            ValueKind::U128(value) => plain(value.to_string()),
            // The shortest text that stands for this float: what was written, in any sane file.
            ValueKind::Float(value) => plain(value.to_string()),
            ValueKind::Array(values) => Shape::List(
                values.into_iter().map(|value| Self::from_value(origin, value)).collect(),
            ),
            ValueKind::Table(table) => Shape::Table(
                table
                    .into_iter()
                    .map(|(key, value)| (key, Self::from_value(origin, value)))
                    .collect(),
            ),
        };
        Self { origin, shape }
    }

    /// Puts a text at a path, making the tables on the way.
    pub(crate) fn put(&mut self, path: &[&str], value: &str) {
        let Some((key, rest)) = path.split_first() else {
            *self = Self::text(Origin::Environment, value);
            return;
        };
        if !matches!(self.shape, Shape::Table(_)) {
            *self = Self::table(Origin::Environment);
        }
        let Shape::Table(entries) = &mut self.shape else { return };
        let index = entries.iter().position(|(name, _)| name == key).unwrap_or_else(|| {
            entries.push(((*key).to_owned(), Self::table(Origin::Environment)));
            entries.len() - 1
        });
        entries[index].1.put(rest, value);
    }

    /// Lays another tree over this one: tables join, everything else is replaced.
    pub(crate) fn overlay(&mut self, over: Self) {
        match (&mut self.shape, over.shape) {
            (Shape::Table(under), Shape::Table(entries)) => {
                self.origin = over.origin;
                for (key, value) in entries {
                    match under.iter_mut().find(|(name, _)| *name == key) {
                        Some((_, below)) => below.overlay(value),
                        None => under.push((key, value)),
                    }
                }
            }
            (_, Shape::Nothing) => {}
            (shape, over_shape) => {
                *shape = over_shape;
                self.origin = over.origin;
            }
        }
    }

    /// Removes the entry with this name.
    pub(crate) fn remove(&mut self, key: &str) {
        if let Shape::Table(entries) = &mut self.shape {
            entries.retain(|(name, _)| name != key);
        }
    }

    /// Whether there is a value with this name.
    pub(crate) fn has(&self, key: &str) -> bool {
        matches!(&self.shape, Shape::Table(entries)
        if entries.iter().any(|(name, node)| {
            name == key && !matches!(node.shape, Shape::Nothing)
        }))
    }

    /// What it is, for an error.
    pub(crate) const fn what(&self) -> &'static str {
        match self.shape {
            Shape::Nothing => "nothing",
            Shape::Scalar { .. } => "a single value",
            Shape::List(_) => "a list",
            Shape::Table(_) => "a table",
        }
    }
}

/// A number or boolean.
fn plain(text: String) -> Shape {
    Shape::Scalar { as_written: text.clone(), text, written: Written::Plain }
}

/// Whether a document has no content: comments, markers and white space only.
fn is_blank(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| {
        line.is_empty() || line.starts_with('#') || matches!(line, "---" | "..." | "~" | "null")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Node {
        Node::from_yaml(Origin::File, text).unwrap()
    }

    fn entry<'a>(node: &'a Node, key: &str) -> &'a Node {
        let Shape::Table(entries) = &node.shape else { panic!("a {}", node.what()) };
        &entries.iter().find(|(name, _)| name == key).unwrap().1
    }

    #[test]
    fn a_file_without_content_is_an_empty_table() {
        for text in ["", "\n# only words\n", "---\n", "--- \n# x\n...\n"] {
            assert!(matches!(&yaml(text).shape, Shape::Table(e) if e.is_empty()), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_table_is_refused_without_being_quoted() {
        for text in ["zk_secret", "[zk_secret]", "a: 1\na: zk_secret", "a: [zk_secret"] {
            let reason = Node::from_yaml(Origin::File, text).unwrap_err();
            assert!(!reason.contains("zk_secret"), "{reason}");
        }
    }

    #[test]
    fn tables_join_and_values_replace() {
        let mut under = yaml("a: { x: 1, y: 2 }\nb: [1, 2]\nc: 3");
        under.overlay(yaml("a: { y: 5 }\nb: [9]\nc:"));
        let Shape::Scalar { text, .. } = &entry(entry(&under, "a"), "y").shape else { panic!() };
        assert_eq!(text, "5");
        assert!(entry(&under, "a").has("x"));
        assert!(matches!(&entry(&under, "b").shape, Shape::List(items) if items.len() == 1));
        assert!(under.has("c"), "a key without a value changes nothing");
    }
}
