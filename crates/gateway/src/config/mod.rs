//! The configuration: from texts of three layers to values that make sense together.
//!
//! Built-in defaults lie below the file, and `ATELIER__` variables above it; the three are one tree
//! of texts (`tree`). Then `${}` is completed (`substitute`), and the tree is read once, key by key
//! (`section`), into [`Config`]. Behind this module nothing is optional that has a default,
//! nothing is a text that means something, and no value needs checking again.
//!
//! # Why no derived deserialisation
//! A derived reader stops at the first error, quotes values (a secret in the wrong place among
//! them), and knows neither the nearest key nor the layer that a value came from. The vendors' own
//! options are derived all the same (`options`): their adapters must not know this module.
//!
//! Only this module reads the environment ([`Environment`]).

mod environment;
mod models;
mod options;
mod prices;
mod providers;
mod read;
mod section;
mod substitute;
mod summary;
mod tree;
mod trials;
mod values;

use std::{
    fmt, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use ipnet::IpNet;
use provider::MicroUsd;
use records::sqlite::Durability;
use routing::Policy;
use secrecy::{SecretBox, SecretString};

pub use self::{
    environment::Environment,
    models::{AliasConfig, CandidateConfig, Models},
    options::OptionsError,
    providers::{AccountConfig, BaseUrl, LimitOverrides, ProviderConfig},
    section::{Problem, Problems},
    trials::{CanaryConfig, ShadowConfig},
};
pub(crate) use self::{
    options::Options, providers::AccountError, section::no_such_model, summary::Summary,
};
use self::{
    section::{Findings, Section},
    substitute::Scope,
    tree::{Node, Origin},
};

/// Where the configuration is looked for when nobody says.
pub const DEFAULT_FILE: &str = "gateway.yaml";

/// A whole configuration that makes sense.
#[derive(Debug)]
pub struct Config {
    /// The file, where there is one.
    pub file: Option<PathBuf>,
    /// The listener and its limits.
    pub server: Server,
    /// The operator's key; one is made where there is none.
    pub admin_key: Option<SecretString>,
    /// Where things are kept.
    pub storage: Storage,
    /// How long words and records are kept.
    pub retention: Retention,
    /// Answers that may be given again.
    pub cache: Cache,
    /// Callers' addresses.
    pub fetch: Fetch,
    /// The vendors, in the order of the file.
    pub providers: Vec<ProviderConfig>,
    /// Names that teams ask for.
    pub models: Models,
    /// How a candidate is chosen.
    pub routing: Routing,
    /// What runs, but not as its author may think.
    pub warnings: Vec<String>,
}

/// The listener and its limits.
#[derive(Debug, Clone)]
pub struct Server {
    /// Port 0 picks one.
    pub listen: SocketAddr,
    /// How callers reach us; none is the address that was chosen.
    pub public_url: Option<String>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long an answer may take.
    pub request_timeout: Duration,
    /// How long running work is waited for at the end.
    pub shutdown_grace: Duration,
}

/// Where things are kept.
#[derive(Debug)]
pub struct Storage {
    /// The `SQLite` file.
    pub database: PathBuf,
    /// The folder of the assets.
    pub assets: PathBuf,
    /// How long an asset is kept.
    pub asset_ttl: Duration,
    /// What seals stored credentials; one is made beside the database where there is none.
    pub encryption_key: Option<SecretBox<[u8; 32]>>,
    /// What a commit survives.
    pub durability: Durability,
}

/// How long words and records are kept; none is for ever. Outputs have [`Storage::asset_ttl`], and the
/// books are kept for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Prompts, parameters and texts of generations.
    pub prompts: Option<Duration>,
    /// Generations themselves; no shorter than their prompts.
    pub records: Option<Duration>,
    /// Who changed what.
    pub audit: Option<Duration>,
}

/// Answers that may be given again.
#[derive(Debug, Clone)]
pub struct Cache {
    /// Whether there is a cache.
    pub enabled: bool,
    /// How long an answer may be given again.
    pub ttl: Duration,
    /// Bytes of memory for it.
    pub memory: u64,
    /// Who shares it.
    pub scope: CacheScope,
    /// An answer that nobody asked for since then is forgotten; none is kept for its whole time.
    pub idle: Option<Duration>,
    /// What a request without a seed gets when the same was made before.
    pub variants: engine::Variants,
    /// How near a prompt must be to another one for its answer to do, in thousandths; none where only the
    /// same one is.
    pub similar: Option<u32>,
}

/// Who shares a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheScope {
    /// Each team has its own.
    Team,
    /// Everybody.
    Global,
}

/// Callers' addresses.
#[derive(Debug, Clone)]
pub struct Fetch {
    /// Networks and hosts that may be reached besides public ones.
    pub allow: Vec<String>,
    /// Bytes of one input at most.
    pub max_bytes: u64,
    /// How long fetching one may take.
    pub timeout: Duration,
}

/// How a candidate is chosen.
#[derive(Debug, Clone, Copy)]
pub struct Routing {
    /// What is preferred.
    pub policy: Policy,
    /// What a second of waiting is worth to the policy `balanced`.
    pub second_price: MicroUsd,
    /// How many attempts one generation may have.
    pub attempts: u32,
}

/// Why there is no configuration.
#[derive(Debug)]
pub enum LoadError {
    /// The file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// It makes no sense.
    Wrong(Problems),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(file, error) => {
                write!(f, "{}: the file cannot be read: {error}", file.display())
            }
            Self::Wrong(problems) => problems.fmt(f),
        }
    }
}

impl std::error::Error for LoadError {}

impl Config {
    /// Loads `file`, or [`DEFAULT_FILE`] of the working folder where there is one, or the defaults.
    ///
    /// # Errors
    /// Everything that is wrong, with file, key and reason, and without any secret.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, LoadError> {
        let unreadable = |file: &Path, error| LoadError::Unreadable(file.to_path_buf(), error);
        let (file, text) = match file {
            Some(file) => {
                let text = std::fs::read_to_string(file);
                let text = text.map_err(|error| unreadable(file, error))?;
                (Some(file.to_path_buf()), text)
            }
            None => match std::fs::read_to_string(DEFAULT_FILE) {
                Ok(text) => (Some(PathBuf::from(DEFAULT_FILE)), text),
                Err(error) if error.kind() == io::ErrorKind::NotFound => (None, String::new()),
                Err(error) => return Err(unreadable(Path::new(DEFAULT_FILE), error)),
            },
        };
        // `gateway.yaml` has the parent "", which is the working folder, too.
        let folder =
            file.as_deref().and_then(Path::parent).map_or_else(PathBuf::new, Path::to_path_buf);
        Self::from_text(file, &folder, &text, environment).map_err(LoadError::Wrong)
    }

    /// Reads a file's text; relative paths are relative to `folder`.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn from_text(
        file: Option<PathBuf>,
        folder: &Path,
        text: &str,
        environment: &Environment,
    ) -> Result<Self, Problems> {
        let wrong = |list| Problems { file: file.clone(), list };
        let mut tree = layers(text, environment).map_err(|problem| wrong(vec![problem]))?;
        let mut problems = Vec::new();
        Scope { environment, folder }.complete(&mut tree, "", &mut problems);
        let findings = Findings::default();
        let config = read::whole(Section::new(String::new(), tree, &findings), folder);
        problems.append(&mut findings.into_list());
        match config {
            Some(config) if problems.is_empty() => Ok(Self { file, ..config }),
            _ => Err(wrong(problems)),
        }
    }
}

/// The encryption key that a text holds.
pub(crate) fn encryption_key(text: SecretString) -> Result<SecretBox<[u8; 32]>, String> {
    values::key_bytes(&text)
}

/// Defaults, file and environment as one tree.
fn layers(text: &str, environment: &Environment) -> Result<Node, Problem> {
    let mut tree = Node::defaults();
    let file = Node::from_yaml(Origin::File, text)
        .map_err(|reason| Problem::new(Origin::File, "", reason))?;
    // A real installation shall have no simulated vendor left over.
    for whole in ["providers", "models"] {
        if file.has(whole) {
            tree.remove(whole);
        }
    }
    tree.overlay(file);
    tree.overlay(environment.overrides());
    Ok(tree)
}

#[cfg(test)]
mod tests;
