//! The adapter as the tests of this crate use it.

use std::sync::Arc;

use provider::{Call, SystemClock};
use provider_conformance::{MemorySink, Turns};
use provider_http::{Client, Settings};
use provider_zsky::{Config, Zsky};
use secrecy::SecretString;

pub(crate) fn client() -> Arc<Client> {
    Arc::new(Client::new(Settings::default(), Arc::new(SystemClock)).unwrap())
}

pub(crate) fn zsky(base_url: &str) -> Zsky {
    let config = Config { base_url: base_url.to_owned(), ..Config::default() };
    Zsky::new(config, client()).unwrap()
}

/// Whoever calls: a key, its turns and a place for outputs.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) key: SecretString,
    pub(crate) turns: Turns,
    pub(crate) sink: MemorySink,
}

impl Caller {
    pub(crate) fn new() -> Self {
        Self {
            key: SecretString::from("zsky_live_0123456789abcdef".to_owned()),
            turns: Turns::default(),
            sink: MemorySink::default(),
        }
    }

    pub(crate) fn call(&self) -> Call<'_> {
        Call { account: "main", key: &self.key, pace: &self.turns }
    }
}
