//! The vendors and our accounts there.

use std::time::Duration;

use engine::Terms;
use provider::{Limits, RateWindow};
use secrecy::SecretString;

use super::{
    options::{ACCOUNTS, Options, OptionsError},
    prices,
    section::{Findings, Problem, Section},
    tree::{Node, Origin, Shape},
    values,
};
use crate::registry::{self, Vendor};

/// A vendor's adapter with its accounts.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    /// The name in `provider/model`.
    pub name: String,
    /// Where its API is.
    pub base_url: BaseUrl,
    /// What is known of its prices beside its page, for accounts that have no agreed one.
    pub prices: Terms,
    /// Our accounts, the first one first.
    pub accounts: Vec<AccountConfig>,
    /// Whose API it is.
    pub(crate) vendor: &'static Vendor,
    /// What only the adapter understands.
    pub(crate) options: Options,
}

/// Where a vendor's API is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BaseUrl {
    /// In this process.
    Simulated,
    /// There.
    At(String),
}

/// One credential at a vendor.
#[derive(Debug, Clone)]
pub struct AccountConfig {
    /// For messages, metrics and books.
    pub name: String,
    /// The credential.
    pub key: SecretString,
    /// Our own word on the vendor's limits.
    pub limits: LimitOverrides,
    /// What was agreed with the vendor on prices.
    pub prices: Terms,
}

/// What replaces a vendor's documented limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LimitOverrides {
    /// Requests in a sliding minute.
    pub requests_per_minute: Option<u32>,
    /// Requests in a sliding hour.
    pub requests_per_hour: Option<u32>,
    /// Requests in a sliding day.
    pub requests_per_day: Option<u32>,
    /// Requests at once.
    pub concurrent: Option<u32>,
    /// How long a call that we lost sight of can still be working.
    pub work_seconds: Option<u32>,
    /// Whether looking at a job counts as a request.
    pub count_polls: Option<bool>,
}

impl LimitOverrides {
    /// The documented limits with these in their place.
    pub(crate) fn over(&self, documented: Limits) -> Limits {
        let mut limits = documented;
        limits.concurrent = self.concurrent.or(limits.concurrent);
        if let Some(seconds) = self.work_seconds {
            limits.work_ceiling = Duration::from_secs(seconds.into());
        }
        limits.count_reads = self.count_polls.unwrap_or(limits.count_reads);
        for (calls, seconds) in [
            (self.requests_per_minute, 60),
            (self.requests_per_hour, 60 * 60),
            (self.requests_per_day, 24 * 60 * 60),
        ] {
            let span = Duration::from_secs(seconds);
            if let Some(calls) = calls {
                limits.windows.retain(|window| window.span != span);
                limits.windows.push(RateWindow { span, calls });
            }
        }
        limits
    }
}

/// Why an account cannot be added to a provider: where its settings are wrong, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountError {
    /// `name`, a path below the settings (`plan.images`), or nothing.
    pub(crate) place: String,
    /// For people.
    pub(crate) reason: String,
}

impl ProviderConfig {
    /// The same provider with this account alone; its settings are read as the configuration's are.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub(crate) fn with_account(
        &self,
        name: &str,
        key: SecretString,
        settings: &serde_json::Value,
    ) -> Result<Self, AccountError> {
        if !is_name(name) {
            let reason = NAME.to_owned();
            return Err(AccountError { place: "name".to_owned(), reason });
        }
        let findings = Findings::default();
        let node = Node::from_json(Origin::File, settings);
        let mut section = Section::new(String::new(), node, &findings);
        let limits = read_limits(section.section("limits"));
        let prices = prices::read(section.section("prices"));
        let (rest, _) = section.into_rest();
        if let Some(problem) = findings.into_list().into_iter().next() {
            return Err(AccountError { place: problem.key, reason: problem.reason });
        }
        let mut options = self.options.clone();
        options.node.remove(ACCOUNTS);
        if let (Shape::Table(entries), Shape::Table(given)) = (&mut options.node.shape, &rest.shape)
            && !given.is_empty()
        {
            let accounts = Shape::Table(vec![(name.to_owned(), rest)]);
            entries.push((ACCOUNTS.to_owned(), Node { origin: Origin::File, shape: accounts }));
        }
        (self.vendor.check)(&options).map_err(|wrong| self.account_error(name, &wrong))?;
        let accounts = vec![AccountConfig { name: name.to_owned(), key, limits, prices }];
        Ok(Self { accounts, options, ..self.clone() })
    }

    /// What is wrong with an account, told from its settings and not from the whole configuration.
    pub(crate) fn account_error(&self, name: &str, wrong: &OptionsError) -> AccountError {
        let inside = format!("{ACCOUNTS}.{name}.");
        let whole = format!("{}.{inside}", self.options.path);
        let reason = wrong.reason.replace(&whole, "");
        if let Some(place) = wrong.key.strip_prefix(&whole) {
            return AccountError { place: place.to_owned(), reason };
        }
        // An adapter that refuses values says itself where they are.
        match reason.strip_prefix(&inside).and_then(|rest| rest.split_once(": ")) {
            Some((place, reason)) => {
                AccountError { place: place.to_owned(), reason: reason.to_owned() }
            }
            None => AccountError { place: String::new(), reason },
        }
    }
}

/// Every provider that makes sense; what does not is a problem.
pub(super) fn read(section: Section<'_>) -> Vec<ProviderConfig> {
    section.named().into_iter().filter_map(|(name, section)| read_one(&name, section)).collect()
}

fn read_one(name: &str, mut section: Section<'_>) -> Option<ProviderConfig> {
    if !is_name(name) {
        section.problem("", NAME);
        return None;
    }
    let path = section.path_of("");
    let known = registry::VENDORS.each_ref().map(|vendor| (vendor.name, vendor));
    let vendor = if section.has("type") {
        section.value("type", |text| values::one_of(&known, text))?
    } else if let Some(vendor) = registry::vendor(name) {
        vendor
    } else {
        section.problem("type", "say whose API this is");
        return None;
    };
    let base_url = section.value("base_url", |text| match text {
        "simulated" => Ok(BaseUrl::Simulated),
        text => values::http_url(text).map(BaseUrl::At),
    });
    let base_url = base_url.unwrap_or(BaseUrl::Simulated);
    let prices = prices::read(section.section("prices"));
    let accounts = section.section(ACCOUNTS);
    let (accounts, account_options) = read_accounts(accounts, vendor, &base_url);
    let findings = section.findings();
    let (mut node, taken) = section.into_rest();
    if let (Shape::Table(entries), Some(options)) = (&mut node.shape, account_options) {
        entries.push((ACCOUNTS.to_owned(), options));
    }
    let options = Options { path: path.trim_end_matches('.').to_owned(), taken, node };
    if let Err(wrong) = (vendor.check)(&options) {
        findings.add(Problem::new(wrong.origin, &wrong.key, wrong.reason));
        return None;
    }
    Some(ProviderConfig { name: name.to_owned(), base_url, prices, accounts, vendor, options })
}

/// The accounts, and what only the adapter understands of them.
fn read_accounts(
    section: Section<'_>,
    vendor: &Vendor,
    base_url: &BaseUrl,
) -> (Vec<AccountConfig>, Option<Node>) {
    let origin = section.origin();
    let findings = section.findings();
    let parent = section.path_of("");
    let mut named = section.named();
    if named.is_empty() {
        let main = Section::new(format!("{parent}main"), Node::table(origin), findings);
        named.push(("main".to_owned(), main));
    }
    let (mut accounts, mut options) = (Vec::new(), Vec::new());
    for (name, mut section) in named {
        if !is_name(&name) {
            section.problem("", NAME);
            continue;
        }
        let limits = read_limits(section.section("limits"));
        let prices = prices::read(section.section("prices"));
        let key =
            section.secret("key", Ok).or_else(|| spare_key(&section, vendor, base_url, &name));
        let (rest, _) = section.into_rest();
        if matches!(&rest.shape, Shape::Table(entries) if !entries.is_empty()) {
            options.push((name.clone(), rest));
        }
        accounts.extend(key.map(|key| AccountConfig { name, key, limits, prices }));
    }
    let options = (!options.is_empty()).then_some(Node { origin, shape: Shape::Table(options) });
    (accounts, options)
}

/// A simulated vendor takes a key that everybody may know; a real one needs a real one.
fn spare_key(
    section: &Section<'_>,
    vendor: &Vendor,
    base_url: &BaseUrl,
    account: &str,
) -> Option<SecretString> {
    match base_url {
        BaseUrl::Simulated if account == "main" => Some(vendor.simulated_key.into()),
        BaseUrl::Simulated => Some(format!("{}_{account}", vendor.simulated_key).into()),
        BaseUrl::At(_) => {
            section.problem("key", "is empty; a vendor that is not simulated needs a key");
            None
        }
    }
}

fn read_limits(mut section: Section<'_>) -> LimitOverrides {
    let limits = LimitOverrides {
        requests_per_minute: section.value("requests_per_minute", values::count),
        requests_per_hour: section.value("requests_per_hour", values::count),
        requests_per_day: section.value("requests_per_day", values::count),
        concurrent: section.value("concurrent", values::count),
        work_seconds: section.value("work_seconds", values::count),
        count_polls: section.value("count_polls", values::flag),
    };
    section.finish();
    limits
}

/// What a name of a provider or an account is.
const NAME: &str = "a name has letters, digits, `-` and `_` only";

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !name.is_empty() && name.len() <= 64 && name.chars().all(plain)
}
