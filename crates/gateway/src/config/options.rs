//! A vendor's own options, for the reader that its adapter derives.
//!
//! The adapter's type says which keys there are; here the texts of the tree become whatever the
//! type asks for, and what goes wrong gets its whole path and the nearest key back.

use serde::de::{
    self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor,
    value::{Error, MapDeserializer, SeqDeserializer},
};

use super::{
    section::unknown,
    tree::{Node, Origin, Shape},
};

/// Under this key a vendor finds its options of accounts, by the accounts' names.
pub(crate) const ACCOUNTS: &str = "accounts";
/// The keys of an account that the gateway knows itself.
const ACCOUNT_KEYS: [&str; 2] = ["key", "limits"];

/// Keys that the gateway does not know itself.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Where they are, e.g. `providers.zekron`.
    pub(crate) path: String,
    /// The keys beside them that the gateway knows.
    pub(crate) taken: Vec<&'static str>,
    /// The keys with their values.
    pub(crate) node: Node,
}

/// Why options cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionsError {
    pub(crate) origin: Origin,
    pub(crate) key: String,
    pub(crate) reason: String,
}

impl Options {
    /// Reads them as the vendor's own type.
    ///
    /// # Errors
    /// The first key that is unknown or has a wrong value.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, OptionsError> {
        serde_path_to_error::deserialize(&self.node).map_err(|error| {
            let (place, message) = (error.path().to_string(), error.inner().to_string());
            let place = if place == "." { String::new() } else { place };
            self.explained(&place, &message)
        })
    }

    /// Says that the adapter cannot be made with them.
    pub(crate) fn wrong(&self, reason: &dyn std::fmt::Display) -> OptionsError {
        let reason = reason.to_string();
        OptionsError { origin: self.node.origin, key: self.path.clone(), reason }
    }

    fn explained(&self, place: &str, message: &str) -> OptionsError {
        let at = |key: &str| {
            [&self.path, place, key]
                .iter()
                .filter(|part| !part.is_empty())
                .map(|part| (**part).to_owned())
                .collect::<Vec<_>>()
                .join(".")
        };
        let origin = self.node.origin;
        let Some(rest) = message.strip_prefix("unknown field `") else {
            let reason = match message.strip_prefix("unknown variant ") {
                Some(rest) => rest.replacen(", expected ", " is not ", 1),
                None => message.to_owned(),
            };
            return OptionsError { origin, key: at(""), reason };
        };
        // serde names the place as the unknown key's own where it can, and lists the known ones.
        let (key, rest) = rest.split_once('`').unwrap_or((rest, ""));
        let parent = match place.rsplit_once('.') {
            Some((parent, last)) if last == key => parent,
            None if place == key => "",
            _ => place,
        };
        if parent.is_empty() && key == ACCOUNTS {
            return self.unknown_account_key(origin);
        }
        let mut known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
        if parent.strip_prefix("accounts.").is_some_and(|name| !name.contains('.')) {
            known.extend(ACCOUNT_KEYS);
        }
        if parent.is_empty() {
            known.extend(&self.taken);
        }
        let parent =
            if parent.is_empty() { self.path.clone() } else { format!("{}.{parent}", self.path) };
        let reason = unknown(&parent, key, known.into_iter());
        OptionsError { origin, key: format!("{parent}.{key}"), reason }
    }
}

impl Options {
    /// The vendor knows no options of accounts: the first one that is there is the unknown key.
    fn unknown_account_key(&self, origin: Origin) -> OptionsError {
        let table = |node: &'_ Node| match &node.shape {
            Shape::Table(entries) => entries.first().cloned(),
            Shape::Nothing | Shape::Scalar { .. } | Shape::List(_) => None,
        };
        let account = match &self.node.shape {
            Shape::Table(entries) => entries.iter().find(|(key, _)| key == ACCOUNTS),
            Shape::Nothing | Shape::Scalar { .. } | Shape::List(_) => None,
        };
        let (name, node) = account
            .and_then(|(_, accounts)| table(accounts))
            .unwrap_or_else(|| (String::new(), Node::table(origin)));
        let (key, origin) = table(&node).map_or((String::new(), origin), |(k, n)| (k, n.origin));
        let parent = format!("{}.{ACCOUNTS}.{name}", self.path);
        let reason = unknown(&parent, &key, ACCOUNT_KEYS.into_iter());
        OptionsError { origin, key: format!("{parent}.{key}"), reason }
    }
}

impl<'de> IntoDeserializer<'de> for &'de Node {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

impl Node {
    fn wants(&self, what: &str) -> Error {
        de::Error::custom(format!("{what} belongs here, not {}", self.what()))
    }

    fn single(&self) -> Result<&str, Error> {
        match &self.shape {
            Shape::Scalar { text, .. } => Ok(text),
            Shape::Nothing | Shape::List(_) | Shape::Table(_) => Err(self.wants("a single value")),
        }
    }

    fn parsed<T: std::str::FromStr>(&self, what: &str) -> Result<T, Error> {
        let text = self.single()?;
        text.parse().map_err(|_| de::Error::custom(format!("`{text}` is not {what}")))
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.parsed("a whole number that fits")?)
        }
    )*};
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.shape {
            Shape::Nothing => visitor.visit_unit(),
            Shape::Scalar { text, .. } => visitor.visit_str(text),
            Shape::List(items) => visitor.visit_seq(SeqDeserializer::new(items.iter())),
            Shape::Table(entries) => visitor.visit_map(MapDeserializer::new(
                entries.iter().map(|(key, value)| (key.as_str(), value)),
            )),
        }
    }

    numbers! {
        deserialize_u8 visit_u8 deserialize_u16 visit_u16 deserialize_u32 visit_u32
        deserialize_u64 visit_u64 deserialize_i32 visit_i32 deserialize_i64 visit_i64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.parsed("`true` or `false`")?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.shape {
            Shape::Nothing => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self.single()?.into_deserializer())
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.shape {
            Shape::Table(_) => self.deserialize_any(visitor),
            _ => Err(self.wants("a table of keys")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct identifier ignored_any
    }
}
