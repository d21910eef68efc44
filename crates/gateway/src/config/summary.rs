//! What `check` shows of a good configuration: enough to recognise it, and no secret.

use std::{fmt, time::Duration};

use records::sqlite::Durability;

use super::{
    BaseUrl, CacheScope, CanaryConfig, CandidateConfig, Config, ShadowConfig, values::show_bytes,
};

/// A configuration in words.
pub(crate) struct Summary<'a>(pub(crate) &'a Config);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { server, storage, retention, cache, fetch, routing, .. } = self.0;
        let span = humantime::format_duration;
        let set = |is_set: bool| if is_set { "set" } else { "made at the first start" };
        writeln!(f, "server     listens on {}", server.listen)?;
        if let Some(url) = &server.public_url {
            writeln!(f, "           public address {url}")?;
        }
        writeln!(
            f,
            "           requests end after {}, shutting down waits {}",
            span(server.request_timeout),
            span(server.shutdown_grace)
        )?;
        writeln!(f, "admin      key {}", set(self.0.admin_key.is_some()))?;
        let durability = match storage.durability {
            Durability::Full => "a power cut",
            Durability::Process => "the end of the process",
        };
        writeln!(f, "storage    database {}", storage.database.display())?;
        writeln!(f, "           a commit survives {durability}")?;
        writeln!(
            f,
            "           assets {}, kept for {}",
            storage.assets.display(),
            span(storage.asset_ttl)
        )?;
        writeln!(f, "           encryption key {}", set(storage.encryption_key.is_some()))?;
        let kept = |period: Option<_>| match period {
            Some(period) => format!("for {}", days(period)),
            None => "for ever".to_owned(),
        };
        writeln!(f, "retention  prompts {}", kept(retention.prompts))?;
        writeln!(
            f,
            "           records {}, audit {}",
            kept(retention.records),
            kept(retention.audit)
        )?;
        let scope = match cache.scope {
            CacheScope::Team => "per team",
            CacheScope::Global => "global",
        };
        if cache.enabled {
            let similar = if cache.similar.is_some() { ", similar prompts too" } else { "" };
            let (ttl, memory) = (span(cache.ttl), show_bytes(cache.memory));
            writeln!(f, "cache      {ttl}, {scope}, {memory}{similar}")?;
        } else {
            writeln!(f, "cache      off")?;
        }
        let allowed =
            if fetch.allow.is_empty() { "nothing else".to_owned() } else { fetch.allow.join(", ") };
        writeln!(
            f,
            "fetch      public addresses and {allowed}, up to {} within {}",
            show_bytes(fetch.max_bytes),
            span(fetch.timeout)
        )?;
        self.vendors(f)?;
        write!(f, "routing    {}, {} attempts", routing.policy.as_str(), routing.attempts)
    }
}

/// Long spans in days, as people write them: a month has no fixed length.
fn days(period: Duration) -> String {
    match period.as_secs() {
        seconds if seconds.is_multiple_of(86_400) => format!("{} days", seconds / 86_400),
        _ => humantime::format_duration(period).to_string(),
    }
}

impl Summary<'_> {
    fn vendors(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for provider in &self.0.providers {
            let place = match &provider.base_url {
                BaseUrl::Simulated => "simulated",
                BaseUrl::At(url) => url,
            };
            let accounts: Vec<&str> =
                provider.accounts.iter().map(|account| account.name.as_str()).collect();
            let accounts = accounts.join(", ");
            writeln!(f, "provider   {}: {place}, accounts {accounts}", provider.name)?;
        }
        for alias in &self.0.models.aliases {
            let is_default = self.0.models.defaults.values().any(|name| *name == alias.name);
            let mark = if is_default { " (default)" } else { "" };
            let candidate = |CandidateConfig { model, weight }: &CandidateConfig| match weight {
                Some(weight) => format!("{model} (weight {weight})"),
                None => model.clone(),
            };
            let candidates: Vec<String> = alias.candidates.iter().map(candidate).collect();
            let candidates = candidates.join(", ");
            write!(f, "model      {}: {}{mark}: {candidates}", alias.name, alias.kind)?;
            if let Some(CanaryConfig { model, per_million }) = &alias.canary {
                write!(f, "; canary {model}, {}", percent(*per_million))?;
            }
            if let Some(ShadowConfig { model, per_million, limit, period }) = &alias.shadow {
                let share = percent(*per_million);
                let period = period.as_str();
                write!(f, "; shadow {model}, {share}, {limit} USD ({period})")?;
            }
            if let Some(policy) = alias.policy {
                write!(f, "; {}", policy.as_str())?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// A share of a million, in percent.
fn percent(per_million: u32) -> String {
    let (whole, rest) = (per_million / 10_000, per_million % 10_000);
    format!("{whole}.{rest:04} %")
}
