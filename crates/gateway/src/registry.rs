//! Which vendors there are, and how a configuration becomes a market.
//!
//! This is the one place outside the vendors' own crates that knows their names. A new vendor is one
//! line of [`VENDORS`]: its adapter's configuration type derives how its options are read, so nothing
//! else here or in [`crate::config`] learns of it.

mod prices;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, io, path::Path, sync::Arc};

use engine::{
    Account, Alias, AliasRules, Canary, Code, Market, OpenAccount, Refusal, Shadow,
    Vendor as MarketVendor,
};
use provider::{Provider, SystemClock};
use secrecy::SecretString;
use serde_json::Value;
use simulated_vendors::{Placement, Running, Vendors, VendorsSettings};

use crate::config::{
    AccountConfig, AccountError, AliasConfig, BaseUrl, Config, Options, OptionsError, Problems,
    ProviderConfig,
};

/// A vendor's API that we know.
pub(crate) struct Vendor {
    /// The configuration's `type`.
    pub(crate) name: &'static str,
    /// Whether its options can be used.
    pub(crate) check: fn(&Options) -> Result<(), OptionsError>,
    build: Build,
    /// A key that the simulated vendor takes.
    pub(crate) simulated_key: &'static str,
}

type Build = fn(
    &ProviderConfig,
    &str,
    Arc<provider_http::Client>,
) -> Result<Arc<dyn Provider>, OptionsError>;

impl fmt::Debug for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vendor").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A vendor whose adapter is the type `$adapter`, made with `$config`.
macro_rules! vendor {
    ($name:literal, $config:ty, $adapter:ty, $simulated_key:literal) => {
        Vendor {
            name: $name,
            check: |options| options.read::<$config>().map(drop),
            build: |given, base_url, client| {
                let mut config = given.options.read::<$config>()?;
                config.name.clone_from(&given.name);
                base_url.clone_into(&mut config.base_url);
                let adapter = <$adapter>::new(config, client);
                Ok(Arc::new(adapter.map_err(|error| given.options.wrong(&error))?))
            },
            simulated_key: $simulated_key,
        }
    };
}

/// Every vendor.
pub(crate) static VENDORS: [Vendor; 3] = [
    vendor!("zekron", provider_zekron::Config, provider_zekron::Zekron, "zk_simulated"),
    vendor!("zsky", provider_zsky::Config, provider_zsky::Zsky, "zsky_live_simulated"),
    vendor!("generor", provider_generor::Config, provider_generor::Generor, "gnr_live_simulated"),
];

/// The vendor with this name.
pub(crate) fn vendor(name: &str) -> Option<&'static Vendor> {
    VENDORS.iter().find(|vendor| vendor.name == name)
}

/// The simulated vendors of a configuration, by the providers' names.
pub(crate) type Simulated = BTreeMap<String, Running>;

/// Starts a simulated vendor for each provider that wants one, its state under `folder`.
pub(crate) async fn simulate(config: &Config, folder: &Path) -> io::Result<Simulated> {
    let mut simulated = Simulated::new();
    for provider in &config.providers {
        if provider.base_url == BaseUrl::Simulated {
            let placement = Placement::default().in_folder(folder.join(&provider.name));
            let settings = VendorsSettings::default();
            let running = Vendors::start_one(provider.vendor.name, placement, settings).await?;
            simulated.insert(provider.name.clone(), running);
        }
    }
    Ok(simulated)
}

/// Where a simulated vendor is while nobody has started it: good enough to describe it.
const NOWHERE: &str = "http://127.0.0.1";

/// Everything that can be asked for.
///
/// # Errors
/// What no one but the adapters could see: a model that is not there, or makes something else.
pub(crate) fn market(
    config: &Config,
    simulated: &Simulated,
    client: &Arc<provider_http::Client>,
) -> Result<Market, Problems> {
    let mut problems = Problems::of(config);
    let mut vendors = Vec::new();
    for given in &config.providers {
        let base_url = match &given.base_url {
            BaseUrl::At(url) => url.clone(),
            BaseUrl::Simulated => {
                simulated.get(&given.name).map_or_else(|| NOWHERE.to_owned(), Running::base_url)
            }
        };
        match (given.vendor.build)(given, &base_url, Arc::clone(client)) {
            Ok(adapter) => {
                prices::check(given, &*adapter, &mut problems);
                vendors.push(with_accounts(given, adapter, is_loopback(&base_url)));
            }
            Err(wrong) => problems.add_option(wrong),
        }
    }
    let mut aliases = Vec::new();
    for given in &config.models.aliases {
        let alias = alias(given, &vendors, &mut problems);
        if !(given.is_built_in() && alias.candidates.is_empty()) {
            aliases.push(alias);
        }
    }
    problems.into_result()?;
    Ok(Market::new(vendors, aliases, config.models.defaults.clone()))
}

/// An alias with those of its models that are there; what is wrong with the others is told.
fn alias(given: &AliasConfig, vendors: &[MarketVendor], problems: &mut Problems) -> Alias {
    let mut is_there = |name: &str, key: &str| match there(given, name, vendors) {
        Ok(is_there) => is_there,
        Err(reason) => {
            problems.add_alias(given, key, reason);
            false
        }
    };
    let candidates: Vec<_> =
        given.candidates.iter().filter(|one| is_there(&one.model, "candidates")).collect();
    let canary = given.canary.iter().find(|canary| is_there(&canary.model, "canary.model"));
    let shadow = given.shadow.iter().find(|shadow| is_there(&shadow.model, "shadow.model"));
    let weights = candidates.iter().filter_map(|one| Some((one.model.clone(), one.weight?)));
    Alias {
        name: given.name.clone(),
        kind: given.kind,
        variants: given.variants,
        rules: AliasRules {
            policy: given.policy,
            second_price: given.second_price,
            weights: weights.collect(),
            canary: canary.map(|canary| Canary {
                model: canary.model.clone(),
                per_million: canary.per_million,
            }),
            shadow: shadow.map(|shadow| Shadow {
                model: shadow.model.clone(),
                per_million: shadow.per_million,
                limit: shadow.limit,
                period: shadow.period,
            }),
        },
        candidates: candidates.into_iter().map(|one| one.model.clone()).collect(),
    }
}

/// Whether an alias may name this model; a built-in one leaves out what is not there.
///
/// # Errors
/// Why not.
fn there(alias: &AliasConfig, name: &str, vendors: &[MarketVendor]) -> Result<bool, String> {
    let (provider, model) = name.split_once('/').unwrap_or((name, ""));
    let vendor = vendors.iter().find(|vendor| vendor.name == provider);
    let description = vendor.map(MarketVendor::description);
    match description.as_ref().and_then(|known| known.model(model)) {
        Some(model) if model.kind == alias.kind => Ok(true),
        _ if alias.is_built_in() => Ok(false),
        // A catalogue that nobody has read yet may have it.
        None if vendor.is_some_and(|vendor| vendor.adapter.knowledge().is_some()) => Ok(true),
        Some(model) => Err(format!("`{name}` makes {}, not {}", model.kind, alias.kind)),
        None => {
            let models = description.as_ref().map(|known| &*known.models);
            let known = models.unwrap_or_default().iter().map(|model| &*model.name);
            Err(crate::config::no_such_model(name, provider, model, known))
        }
    }
}

/// Whether a vendor runs on this machine.
fn is_loopback(base_url: &str) -> bool {
    let url = url::Url::parse(base_url).ok();
    match url.as_ref().and_then(url::Url::host) {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Whether a configuration names only what is there. Nothing is started.
///
/// # Errors
/// What is not there.
pub(crate) fn check(config: &Config) -> Result<(), CheckError> {
    let clock = Arc::new(SystemClock);
    let client = provider_http::Client::new(provider_http::Settings::default(), clock)?;
    market(config, &Simulated::new(), &Arc::new(client))?;
    Ok(())
}

/// Why a configuration could not be found good.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) enum CheckError {
    /// It is wrong.
    Wrong(#[from] Problems),
    /// It could not be looked at.
    Client(#[from] provider_http::BuildError),
}

fn with_accounts(
    given: &ProviderConfig,
    adapter: Arc<dyn Provider>,
    loopback: bool,
) -> MarketVendor {
    let opened = |account| Arc::new(opened(given, account, &*adapter));
    let accounts = given.accounts.iter().map(opened).collect();
    MarketVendor::new(&*given.name, adapter, accounts, loopback)
}

fn opened(given: &ProviderConfig, account: &AccountConfig, adapter: &dyn Provider) -> Account {
    Account {
        name: account.name.clone(),
        id: format!("{}/{}", given.name, account.name),
        key: account.key.clone().into(),
        limits: account.limits.over(adapter.limits(&account.name)),
        terms: account.prices.clone().or(&given.prices),
    }
}

/// Makes accounts that come while the gateway runs, by the configuration's own rules.
#[derive(Debug)]
pub(crate) struct Opener {
    providers: Vec<ProviderConfig>,
    client: Arc<provider_http::Client>,
}

impl Opener {
    /// For the providers of a configuration.
    pub(crate) fn new(config: &Config, client: &Arc<provider_http::Client>) -> Self {
        Self { providers: config.providers.clone(), client: Arc::clone(client) }
    }
}

impl OpenAccount for Opener {
    fn open(
        &self,
        provider: &str,
        name: &str,
        key: SecretString,
        settings: &Value,
    ) -> engine::Result<Account> {
        let given = self.providers.iter().find(|given| given.name == provider);
        let given = given.ok_or_else(|| {
            Refusal::field("provider", format!("no provider {provider:?} is configured"))
        })?;
        let with = given.with_account(name, key, settings).map_err(refused)?;
        // An adapter takes its accounts' settings for nothing but their limits: this one, which knows
        // the new account, is asked for those and sends nothing.
        let adapter = (with.vendor.build)(&with, NOWHERE, Arc::clone(&self.client))
            .map_err(|wrong| refused(with.account_error(name, &wrong)))?;
        let account = with.accounts.first().ok_or_else(|| Refusal::internal(&"no account"))?;
        let wrong = account.prices.models().find_map(|model| {
            let reason = prices::none(&with, &*adapter, model)?;
            Some(AccountError { place: format!("prices.{model}"), reason })
        });
        if let Some(wrong) = wrong {
            return Err(refused(wrong));
        }
        Ok(opened(&with, account, &*adapter))
    }
}

fn refused(AccountError { place, reason }: AccountError) -> Refusal {
    let code = match reason.starts_with("this key is unknown") {
        true => Code::UnsupportedParameter,
        false => Code::InvalidRequest,
    };
    match place.as_str() {
        "" => Refusal::new(code, reason),
        place => Refusal::new(code, format!("`{place}`: {reason}")).at(place),
    }
}
