//! The generators that the vendor lists, and the schemas of those that are asked for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::RwLock;
use provider::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{options::is_slug, schema::Schema};

/// The list, and each schema, is read again after this.
pub(crate) const GOOD_FOR: Duration = Duration::from_secs(60 * 60);
/// What could not be read is tried again after this,
const FAILED_PAUSE: Duration = Duration::from_secs(60);
/// and what the vendor does not have after this.
const ABSENT_PAUSE: Duration = Duration::from_secs(60 * 60);
/// So many schemas are kept: callers name generators.
const SCHEMAS_MAX: usize = 500;

/// When something was read, and when to read it again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Due {
    read_at: Option<Timestamp>,
    not_before: Timestamp,
}

impl Due {
    pub(crate) fn read(at: Timestamp) -> Self {
        Self { read_at: Some(at), not_before: Timestamp::default() }
    }

    /// Whether it should be read now.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let old = self.read_at.is_none_or(|at| now.since(at) >= GOOD_FOR);
        old && self.not_before <= now
    }

    /// It could not be read: `absent` where the vendor said that there is no such thing.
    pub(crate) fn failed(&mut self, absent: bool, now: Timestamp) {
        self.not_before = now.plus(if absent { ABSENT_PAUSE } else { FAILED_PAUSE });
    }
}

/// What is known of the generators.
#[derive(Debug, Default)]
pub(crate) struct Generators(RwLock<Inner>);

#[derive(Debug, Default)]
struct Inner {
    due: Due,
    listed: BTreeSet<String>,
    schemas: BTreeMap<String, Page>,
}

/// One generator's page.
#[derive(Debug, Default)]
struct Page {
    due: Due,
    /// As it was read, for a later process.
    raw: Value,
    schema: Option<Arc<Schema>>,
}

/// All of it across a restart.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    at: Option<Timestamp>,
    listed: BTreeSet<String>,
    schemas: BTreeMap<String, KeptSchema>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptSchema {
    at: Timestamp,
    parameters: Value,
}

impl Generators {
    /// Whether the vendor lists it; nobody knows before the list was read.
    pub(crate) fn lists(&self, slug: &str) -> Option<bool> {
        let inner = self.0.read();
        (!inner.listed.is_empty()).then(|| inner.listed.contains(slug))
    }

    /// The schema, where it was read; where not, it is wanted from now on.
    pub(crate) fn schema(&self, slug: &str) -> Option<Arc<Schema>> {
        if let Some(page) = self.0.read().schemas.get(slug) {
            return page.schema.clone();
        }
        self.want(slug);
        None
    }

    /// Has the schema read.
    pub(crate) fn want(&self, slug: &str) {
        let mut inner = self.0.write();
        if inner.schemas.len() < SCHEMAS_MAX && is_slug(slug) {
            inner.schemas.entry(slug.to_owned()).or_default();
        }
    }

    /// Whether the list should be read now.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.0.read().due.is_due(now)
    }

    /// The generators whose schema should be read now: those of which nothing is known, or the others.
    pub(crate) fn due_schemas(&self, missing: bool, now: Timestamp) -> Vec<String> {
        let inner = self.0.read();
        let due = inner.schemas.iter().filter(|(_, page)| page.due.is_due(now));
        due.filter(|(_, page)| page.schema.is_none() == missing)
            .map(|(slug, _)| slug.clone())
            .collect()
    }

    /// Takes the rows of the list; whether there was a generator among them.
    pub(crate) fn learn_list(&self, rows: &[Value], now: Timestamp) -> bool {
        let slug = |row: &Value| {
            let slug = row.as_str().or_else(|| row.get("slug")?.as_str())?;
            is_slug(slug).then(|| slug.to_owned())
        };
        let listed: BTreeSet<String> = rows.iter().filter_map(slug).collect();
        if listed.is_empty() {
            return false;
        }
        let mut inner = self.0.write();
        (inner.listed, inner.due) = (listed, Due::read(now));
        true
    }

    /// Takes a generator's page; whether there was a schema in it.
    pub(crate) fn learn_schema(&self, slug: &str, parameters: Value, now: Timestamp) -> bool {
        let Some(schema) = Schema::read(&parameters) else { return false };
        let page = Page { due: Due::read(now), raw: parameters, schema: Some(Arc::new(schema)) };
        self.0.write().schemas.insert(slug.to_owned(), page);
        true
    }

    /// The list could not be read.
    pub(crate) fn list_failed(&self, now: Timestamp) {
        self.0.write().due.failed(false, now);
    }

    /// A schema could not be read; what was known of it stays.
    pub(crate) fn schema_failed(&self, slug: &str, absent: bool, now: Timestamp) {
        if let Some(page) = self.0.write().schemas.get_mut(slug) {
            page.due.failed(absent, now);
        }
    }

    pub(crate) fn kept(&self) -> Kept {
        let inner = self.0.read();
        let schemas = inner.schemas.iter().filter_map(|(slug, page)| {
            let at = page.due.read_at?;
            Some((slug.clone(), KeptSchema { at, parameters: page.raw.clone() }))
        });
        Kept { at: inner.due.read_at, listed: inner.listed.clone(), schemas: schemas.collect() }
    }

    /// What an earlier process knew. Nothing that was read since is replaced.
    pub(crate) fn recall(&self, kept: Kept, now: Timestamp) {
        let unread = self.0.read().due.read_at.is_none();
        if let (Some(at), true) = (kept.at, unread) {
            let mut inner = self.0.write();
            (inner.listed, inner.due) = (kept.listed, Due::read(at.min(now)));
        }
        for (slug, KeptSchema { at, parameters }) in kept.schemas.into_iter().take(SCHEMAS_MAX) {
            let known = self.0.read().schemas.get(&slug).is_some_and(|page| page.schema.is_some());
            if is_slug(&slug) && !known {
                self.learn_schema(&slug, parameters, at.min(now));
            }
        }
    }
}
