//! The environment, read once, here and nowhere else in the whole house.

use std::{collections::BTreeMap, ffi::OsString, fmt};

use super::tree::{Node, Origin, PREFIX};

/// The process's environment at its start. Tests bring their own.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

// It holds secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("variables", &self.0.len()).finish_non_exhaustive()
    }
}

impl Environment {
    /// The process's own.
    pub fn read() -> Self {
        let unicode = |(name, value): (OsString, OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(unicode).collect())
    }

    /// Exactly these variables.
    pub fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self(variables.into_iter().map(owned).collect())
    }

    /// One variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// One variable, where it is set to something.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// The overrides: `ATELIER__SERVER__LISTEN` is `server.listen`.
    pub(crate) fn overrides(&self) -> Node {
        let mut tree = Node::table(Origin::Environment);
        for (name, value) in &self.0 {
            if let Some(path) = name.strip_prefix(PREFIX) {
                let path = path.to_lowercase();
                tree.put(&path.split("__").collect::<Vec<_>>(), value);
            }
        }
        tree
    }
}
