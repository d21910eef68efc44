//! A vendor and our accounts there, which come and go while the gateway runs.

use std::sync::Arc;

use parking_lot::RwLock;
use provider::{Description, Limits, Provider};

use crate::{Credential, Terms};

/// One credential at one vendor.
#[derive(Debug)]
pub struct Account {
    /// Its name in the configuration.
    pub name: String,
    /// `provider/name`: how turns, calls and books know it.
    pub id: String,
    /// The credential.
    pub key: Credential,
    /// The vendor's documented limits, with what the configuration overrides.
    pub limits: Limits,
    /// What it pays, where it is not what the vendor's page says.
    pub terms: Terms,
}

/// One vendor: its adapter and our accounts there.
#[derive(Debug)]
pub struct Vendor {
    /// The provider's name in the configuration.
    pub name: String,
    /// The adapter.
    pub adapter: Arc<dyn Provider>,
    /// Whether it runs on this machine, and so can fetch from a loopback `public_url`.
    pub loopback: bool,
    accounts: RwLock<Accounts>,
    /// Held by whoever adds, holds or takes out an account: a row and what it says change together.
    pub(crate) changing: tokio::sync::Mutex<()>,
}

/// Accounts come and go while the gateway runs.
#[derive(Debug)]
struct Accounts {
    /// Those that take new work; the first is asked first. Shared, so that a look at them copies none.
    current: Arc<[Arc<Account>]>,
    /// Those that were taken out: what they had begun is still theirs to end.
    past: Vec<Arc<Account>>,
}

impl Vendor {
    /// A vendor with these accounts.
    pub fn new(
        name: impl Into<String>,
        adapter: Arc<dyn Provider>,
        accounts: Vec<Arc<Account>>,
        loopback: bool,
    ) -> Self {
        let accounts = RwLock::new(Accounts { current: accounts.into(), past: Vec::new() });
        let changing = tokio::sync::Mutex::default();
        Self { name: name.into(), adapter, loopback, accounts, changing }
    }

    /// Our accounts that take new work; the first is asked first.
    pub fn accounts(&self) -> Arc<[Arc<Account>]> {
        Arc::clone(&self.accounts.read().current)
    }

    /// Every account, those that were taken out too.
    pub(crate) fn all(&self) -> Vec<Arc<Account>> {
        let accounts = self.accounts.read();
        accounts.current.iter().chain(&accounts.past).cloned().collect()
    }

    /// The account of that name, if it takes new work.
    pub(crate) fn current(&self, name: &str) -> Option<Arc<Account>> {
        self.accounts.read().current.iter().find(|account| account.name == name).cloned()
    }

    /// The account of that name, one that was taken out too.
    pub(crate) fn account(&self, name: &str) -> Option<Arc<Account>> {
        let accounts = self.accounts.read();
        let mut all = accounts.current.iter().chain(&accounts.past);
        all.find(|account| account.name == name).cloned()
    }

    /// A further account takes work from now on; one of the same name that was taken out is forgotten.
    pub(crate) fn add(&self, account: Arc<Account>) {
        let mut accounts = self.accounts.write();
        accounts.past.retain(|past| past.name != account.name);
        let others = accounts.current.iter().filter(|known| known.name != account.name).cloned();
        accounts.current = others.chain([Arc::clone(&account)]).collect();
    }

    /// The account takes no new work; false where it takes none already.
    pub(crate) fn take_out(&self, name: &str) -> bool {
        let mut accounts = self.accounts.write();
        let Some(gone) = accounts.current.iter().find(|account| account.name == name).cloned()
        else {
            return false;
        };
        accounts.current = accounts.current.iter().filter(|a| a.name != name).cloned().collect();
        accounts.past.push(gone);
        true
    }

    /// What the adapter says now that it can do: a catalogue may change.
    pub fn description(&self) -> Arc<Description> {
        self.adapter.describe()
    }
}
