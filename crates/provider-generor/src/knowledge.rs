//! What is known of the vendor without a credential: models, generators' fields, and prices.
//!
//! The vendor's limits are 15 requests a minute for all of us together, so nothing here is asked for per
//! request: quotes are answered from memory, and what is remembered is refreshed while it is in use.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use parking_lot::RwLock;
use provider::{Clock, Description, Kind, Knowledge, Limits, Pace, RateWindow, Result, Timestamp};
use provider_http::{Base, Client};
use serde::{Deserialize, Serialize};

use crate::{
    Config, ConfigError,
    catalogue::{self, Catalogue, Listed},
    estimates::{self, Estimates},
    facts::Facts,
    generators::{self, Due, Generators},
    key::Key,
    order::default_slug,
    public::Public,
    schema::Schema,
};

/// The shape of what is kept. Another one is not read.
const VERSION: u32 = 1;
/// The page: «Unauthenticated requests are limited to 15/minute per IP».
const CALLS_A_MINUTE: u32 = 15;

const MODELS: &str = "models";
const GENERATORS: &str = "generators";
const GENERATOR: &str = "generator/";
const ESTIMATE: &str = "estimate/";

/// What is known.
pub(crate) struct Known {
    pub(crate) config: Config,
    pub(crate) public: Public,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) estimates: Estimates,
    pub(crate) catalogue: RwLock<Arc<Catalogue>>,
    pub(crate) catalogue_due: RwLock<Due>,
    pub(crate) generators: Generators,
    /// Whether something was learned that nobody has kept yet.
    learned: AtomicBool,
}

/// All of it across a restart.
#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    catalogue_at: Option<Timestamp>,
    models: Vec<Listed>,
    generators: generators::Kept,
    estimates: Vec<estimates::Kept>,
}

/// Of a document of any version.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Known {
    /// Knows what the vendor's page says, until more was read.
    ///
    /// # Errors
    /// What is wrong in the configuration.
    pub(crate) fn new(
        config: &Config,
        base: Base,
        http: Arc<Client>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        let catalogue = Catalogue::new(config, catalogue::of_the_page(), None);
        let generators = Generators::default();
        for kind in Kind::ALL {
            let of_config = config.generators.get(&kind).map(String::as_str);
            generators.want(of_config.unwrap_or_else(|| default_slug(kind, false)));
        }
        Ok(Self {
            config: config.clone(),
            public: Public::new(base, http),
            clock,
            estimates: Estimates::new(),
            catalogue: RwLock::new(Arc::new(catalogue)),
            catalogue_due: RwLock::default(),
            generators,
            learned: AtomicBool::new(false),
        })
    }

    /// The newest catalogue; before any was read, the models that the page itself names.
    pub(crate) fn description(&self) -> Arc<Description> {
        Arc::clone(&self.catalogue.read().description)
    }

    /// What the newest catalogue says of a model.
    pub(crate) fn facts(&self, model: &str) -> Option<Arc<Facts>> {
        self.catalogue.read().facts(model).cloned()
    }

    /// The generator's own fields, where they were read; where not, they are wanted from now on.
    pub(crate) fn schema(&self, generator: &str) -> Option<Arc<Schema>> {
        self.generators.schema(generator)
    }

    /// Whether the vendor lists this generator; nobody knows before the list was read.
    pub(crate) fn lists(&self, generator: &str) -> Option<bool> {
        self.generators.lists(generator)
    }

    /// How old the catalogue's prices are.
    pub(crate) fn catalogue_age(&self, now: Timestamp) -> Duration {
        self.catalogue.read().at.map_or(Duration::ZERO, |at| now.since(at))
    }

    /// Something is known that was not.
    pub(crate) fn has_learned(&self) {
        self.learned.store(true, Ordering::Relaxed);
    }
}

#[async_trait]
impl Knowledge for Known {
    fn limits(&self) -> Limits {
        let span = Duration::from_secs(60);
        Limits {
            windows: vec![RateWindow { span, calls: CALLS_A_MINUTE }],
            ..Limits::none(Duration::from_secs(self.config.work_ceiling_s.into()))
        }
    }

    fn wanted(&self) -> Vec<String> {
        let now = self.clock.now();
        let mut wanted = Vec::new();
        if self.catalogue_due.read().is_due(now) {
            wanted.push(MODELS.to_owned());
        }
        if self.generators.is_due(now) {
            wanted.push(GENERATORS.to_owned());
        }
        let estimates = |keys: Vec<Key>| keys.into_iter().map(|key| format!("{ESTIMATE}{key}"));
        let schemas =
            |slugs: Vec<String>| slugs.into_iter().map(|slug| format!("{GENERATOR}{slug}"));
        wanted.extend(estimates(self.estimates.missing(now)));
        wanted.extend(schemas(self.generators.due_schemas(true, now)));
        wanted.extend(estimates(self.estimates.stale(now)));
        wanted.extend(schemas(self.generators.due_schemas(false, now)));
        wanted
    }

    async fn learn(&self, pace: &dyn Pace, wanted: &str) -> Result<()> {
        let learned = match wanted {
            MODELS => self.learn_models(pace).await,
            GENERATORS => self.learn_generators(pace).await,
            other => match (other.strip_prefix(GENERATOR), other.strip_prefix(ESTIMATE)) {
                (Some(slug), _) => self.learn_schema(slug, pace).await,
                (_, Some(key)) => self.learn_estimate(key, pace).await,
                (None, None) => return Ok(()),
            },
        };
        if learned.is_ok() {
            self.has_learned();
        }
        learned
    }

    fn to_keep(&self) -> Option<String> {
        if !self.learned.swap(false, Ordering::Relaxed) {
            return None;
        }
        let catalogue = Arc::clone(&self.catalogue.read());
        let document = Document {
            version: VERSION,
            catalogue_at: catalogue.at,
            models: catalogue.at.map(|_| catalogue.listed.clone()).unwrap_or_default(),
            generators: self.generators.kept(),
            estimates: self.estimates.kept(),
        };
        serde_json::to_string(&document).ok()
    }

    fn recall(&self, kept: &str) {
        let version = serde_json::from_str::<Versioned>(kept).map(|of| of.version);
        if !version.is_ok_and(|version| version == VERSION) {
            return;
        }
        let Ok(document) = serde_json::from_str::<Document>(kept) else { return };
        let now = self.clock.now();
        let unread = self.catalogue.read().at.is_none();
        if let (Some(at), true, false) = (document.catalogue_at, unread, document.models.is_empty())
        {
            let at = at.min(now);
            let catalogue = Catalogue::new(&self.config, document.models, Some(at));
            *self.catalogue.write() = Arc::new(catalogue);
            *self.catalogue_due.write() = Due::read(at);
        }
        self.generators.recall(document.generators, now);
        self.estimates.recall(document.estimates, now);
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").field("provider", &self.config.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Known {
    /// A generator's fields as if they had been read.
    pub(crate) fn learn_fields(&self, slug: &str, parameters: serde_json::Value) {
        assert!(self.generators.learn_schema(slug, parameters, self.clock.now()));
    }
}

#[cfg(test)]
#[path = "knowledge_tests.rs"]
mod tests;
