//! Reading a raw tree: each key is taken once, by someone who knows what it means; what nobody took
//! is an unknown key. Every problem is collected, so that one run of `check` tells them all.

use std::{cell::RefCell, fmt, path::PathBuf};

use secrecy::SecretString;

use super::{
    Config,
    models::AliasConfig,
    options::OptionsError,
    providers::ProviderConfig,
    tree::{Node, Origin, PREFIX, Shape, Written},
};

/// What is wrong with one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    origin: Origin,
    pub(crate) key: String,
    pub(crate) reason: String,
}

impl Problem {
    pub(crate) fn new(origin: Origin, key: &str, reason: impl Into<String>) -> Self {
        Self { origin, key: key.to_owned(), reason: reason.into() }
    }
}

/// Why a configuration is refused: everything that is wrong with it. Shows no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The file, if there is one.
    pub(crate) file: Option<PathBuf>,
    pub(crate) list: Vec<Problem>,
}

impl Problems {
    /// None yet.
    pub(crate) fn of(config: &Config) -> Self {
        Self { file: config.file.clone(), list: Vec::new() }
    }

    /// Something is wrong with a vendor's options.
    pub(crate) fn add_option(&mut self, wrong: OptionsError) {
        self.list.push(Problem::new(wrong.origin, &wrong.key, wrong.reason));
    }

    /// Something is wrong with an alias' candidates, or with another key of it.
    pub(crate) fn add_alias(&mut self, alias: &AliasConfig, key: &str, reason: String) {
        let key = format!("models.{}.{key}", alias.name);
        self.list.push(Problem::new(alias.origin, &key, reason));
    }

    /// Something is wrong with a provider's prices.
    pub(crate) fn add_price(&mut self, given: &ProviderConfig, place: &str, reason: String) {
        let key = joined(&given.options.path, place);
        self.list.push(Problem::new(Origin::File, &key, reason));
    }

    /// These problems, if there are any.
    pub(crate) fn into_result(self) -> Result<(), Self> {
        if self.list.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            match (problem.origin, &self.file) {
                (Origin::Environment, _) => {
                    let name = problem.key.replace('.', "__").to_uppercase();
                    write!(f, "environment variable {PREFIX}{name}: ")?;
                }
                (Origin::File, Some(file)) => write!(f, "{}: ", file.display())?,
                (Origin::Default | Origin::File, _) => write!(f, "configuration: ")?,
            }
            if !problem.key.is_empty() {
                write!(f, "{}: ", problem.key)?;
            }
            f.write_str(&problem.reason)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Problems as they are found.
#[derive(Debug, Default)]
pub(crate) struct Findings(RefCell<Vec<Problem>>);

impl Findings {
    pub(crate) fn add(&self, problem: Problem) {
        self.0.borrow_mut().push(problem);
    }

    pub(crate) fn into_list(self) -> Vec<Problem> {
        self.0.into_inner()
    }
}

/// `path.key`.
pub(crate) fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A table that is being read.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    path: String,
    origin: Origin,
    entries: Vec<(String, Node)>,
    known: Vec<&'static str>,
    findings: &'a Findings,
}

impl<'a> Section<'a> {
    /// Reads `node`, which must be a table or nothing.
    pub(crate) fn new(path: String, node: Node, findings: &'a Findings) -> Self {
        let origin = node.origin;
        let entries = match node.shape {
            Shape::Table(entries) => entries,
            Shape::Nothing => Vec::new(),
            Shape::Scalar { .. } | Shape::List(_) => {
                let reason = format!("a table of keys belongs here, not {}", node.what());
                findings.add(Problem::new(origin, &path, reason));
                Vec::new()
            }
        };
        Self { path, origin, entries, known: Vec::new(), findings }
    }

    /// Where its keys came from.
    pub(crate) const fn origin(&self) -> Origin {
        self.origin
    }

    /// The whole path of one of its keys.
    pub(crate) fn path_of(&self, key: &str) -> String {
        joined(&self.path, key)
    }

    /// Where problems go.
    pub(crate) const fn findings(&self) -> &'a Findings {
        self.findings
    }

    /// Whether nobody took this key yet and it has a value.
    pub(crate) fn has(&self, key: &str) -> bool {
        let there =
            |(name, node): &(String, Node)| name == key && !matches!(node.shape, Shape::Nothing);
        self.entries.iter().any(there)
    }

    /// Tells a problem of one of its keys, or with an empty key of itself.
    pub(crate) fn problem(&self, key: &str, reason: impl Into<String>) {
        let path = if key.is_empty() { self.path.clone() } else { self.path_of(key) };
        self.findings.add(Problem::new(self.origin, &path, reason));
    }

    fn take(&mut self, key: &'static str) -> Option<Node> {
        self.known.push(key);
        let index = self.entries.iter().position(|(name, _)| name == key)?;
        let (_, node) = self.entries.remove(index);
        (!matches!(node.shape, Shape::Nothing)).then_some(node)
    }

    /// A single value, where there is one that can be read.
    pub(crate) fn value<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let node = self.take(key)?;
        read(&self.path_of(key), &node, self.findings, parse)
    }

    /// A secret; an empty one is none. Never quoted, and `parse` must not quote it either.
    pub(crate) fn secret<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(SecretString) -> Result<T, String>,
    ) -> Option<T> {
        let node = self.take(key)?;
        let reason = match node.shape {
            Shape::Scalar { written: Written::Text, text, .. } if text.is_empty() => return None,
            Shape::Scalar { written: Written::Text, text, .. } => {
                match parse(SecretString::from(text)) {
                    Ok(value) => return Some(value),
                    Err(reason) => reason,
                }
            }
            Shape::Scalar { .. } => "write it in quotes, or YAML changes it".to_owned(),
            Shape::Nothing | Shape::List(_) | Shape::Table(_) => {
                format!("a text belongs here, not {}", node.what())
            }
        };
        self.findings.add(Problem::new(node.origin, &self.path_of(key), reason));
        None
    }

    /// A list; a single text is one with commas, as variables have it.
    pub(crate) fn list<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let read = |(path, item): (String, Node)| read(&path, &item, self.findings, &parse);
        self.items(key).into_iter().filter_map(read).collect()
    }

    /// As [`list`](Self::list), where an item may also be a table.
    pub(crate) fn list_or_tables<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
        of_table: impl Fn(Self) -> Option<T>,
    ) -> Vec<T> {
        let read = |(path, item): (String, Node)| match item.shape {
            Shape::Table(_) => of_table(Section::new(path, item, self.findings)),
            _ => read(&path, &item, self.findings, &parse),
        };
        self.items(key).into_iter().filter_map(read).collect()
    }

    /// The items of a list, with their paths.
    fn items(&mut self, key: &'static str) -> Vec<(String, Node)> {
        let Some(node) = self.take(key) else { return Vec::new() };
        let path = self.path_of(key);
        let items = match node.shape {
            Shape::List(items) => items,
            Shape::Scalar { text, .. } => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                parts.map(|part| Node::text(node.origin, part)).collect()
            }
            Shape::Nothing | Shape::Table(_) => {
                let reason = format!("a list belongs here, not {}", node.what());
                self.findings.add(Problem::new(node.origin, &path, reason));
                Vec::new()
            }
        };
        let with_path = |(index, item)| (format!("{path}[{index}]"), item);
        items.into_iter().enumerate().map(with_path).collect()
    }

    /// A table in it; an absent one is empty.
    pub(crate) fn section(&mut self, key: &'static str) -> Self {
        let origin = self.origin;
        let node = self.take(key).unwrap_or_else(|| Node::table(origin));
        Section::new(self.path_of(key), node, self.findings)
    }

    /// A table in it, if there is one.
    pub(crate) fn maybe(&mut self, key: &'static str) -> Option<Self> {
        let is_there = self.has(key);
        let section = self.section(key);
        is_there.then_some(section)
    }

    /// Every entry that nobody took, each as a table of its own: for maps whose keys are names.
    pub(crate) fn named(self) -> Vec<(String, Self)> {
        let Self { path, entries, findings, .. } = self;
        let section = |(name, node): (String, Node)| {
            let section = Section::new(joined(&path, &name), node, findings);
            (name, section)
        };
        entries.into_iter().map(section).collect()
    }

    /// Every entry that nobody took, as single values: for maps whose keys are names.
    pub(crate) fn named_values(self) -> Vec<(String, Origin, String)> {
        let Self { path, entries, findings, .. } = self;
        let value = |(name, node): (String, Node)| {
            let text = read(&joined(&path, &name), &node, findings, |text| Ok(text.to_owned()))?;
            Some((name, node.origin, text))
        };
        entries.into_iter().filter_map(value).collect()
    }

    /// What nobody took, for a reader with keys of its own, and the keys that were taken.
    pub(crate) fn into_rest(self) -> (Node, Vec<&'static str>) {
        let node = Node { origin: self.origin, shape: Shape::Table(self.entries) };
        (node, self.known)
    }

    /// Whatever nobody took is unknown.
    pub(crate) fn finish(self) {
        for (key, node) in &self.entries {
            let reason = match built_in_path(key) {
                Some(path) => format!("this key is unknown here; it belongs to `{path}`"),
                None => unknown(&self.path, key, self.known.iter().copied()),
            };
            self.findings.add(Problem::new(node.origin, &self.path_of(key), reason));
        }
    }
}

/// Where a key that is right in itself belongs: whoever wrote it one level too high or low is not
/// helped by the nearest name there.
fn built_in_path(key: &str) -> Option<String> {
    let Shape::Table(sections) = Node::defaults().shape else { return None };
    let owner = sections.iter().find(|(_, section)| section.has(key))?;
    Some(joined(&owner.0, key))
}

/// Says that a key is unknown, and which known one is nearest.
pub(crate) fn unknown<'k>(path: &str, key: &str, known: impl Iterator<Item = &'k str>) -> String {
    let nearest = known.min_by_key(|name| (strsim::damerau_levenshtein(key, name), name.len()));
    match nearest {
        Some(name) => format!("this key is unknown; the nearest is `{}`", joined(path, name)),
        None => "this key is unknown; no key belongs here".to_owned(),
    }
}

/// Says that a provider has no such model, and which one is nearest.
pub(crate) fn no_such_model<'m>(
    name: &str,
    provider: &str,
    model: &str,
    models: impl Iterator<Item = &'m str>,
) -> String {
    let nearest = models.min_by_key(|known| strsim::damerau_levenshtein(model, known));
    match nearest {
        Some(known) => {
            format!("`{name}`: {provider} has no such model; the nearest is `{provider}/{known}`")
        }
        None => format!("`{name}`: {provider} has no models"),
    }
}

fn read<T>(
    path: &str,
    node: &Node,
    findings: &Findings,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let reason = match &node.shape {
        Shape::Scalar { text, as_written, .. } => match parse(text) {
            Ok(value) => return Some(value),
            Err(reason) => format!("{} {reason}", quoted(as_written)),
        },
        Shape::Nothing | Shape::List(_) | Shape::Table(_) => {
            format!("a single value belongs here, not {}", node.what())
        }
    };
    findings.add(Problem::new(node.origin, path, reason));
    None
}

/// A value as an error may show it: short, and without what an address may carry of credentials.
fn quoted(as_written: &str) -> String {
    let scheme = as_written.split_once("://").map_or(String::new(), |(s, _)| format!("{s}://"));
    let shown = match as_written.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}..@{host}"),
        None => as_written.to_owned(),
    };
    let shown = match shown.split_once('?') {
        Some((address, _)) if !scheme.is_empty() => format!("{address}?.."),
        _ => shown,
    };
    if shown.chars().count() > 80 {
        return format!("`{}..`", shown.chars().take(80).collect::<String>());
    }
    format!("`{shown}`")
}
