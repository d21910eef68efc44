//! The metrics, by the contract's names.
//!
//! Labels are bounded: routes are patterns, methods are the known ones, and everything else comes
//! from the configuration or the records of teams, never from a request.
#![expect(clippy::float_arithmetic, reason = "Prometheus counts in floats; nothing here is booked")]

mod specs;

use std::{fmt, time::Duration};

use engine::{AccountLoad, CacheResult, DeliveryState, Generation, Observer, Outcome};
use prometheus::{
    CounterVec, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts,
    Registry, TextEncoder, core::Collector,
};
use provider::{HoldReason, MicroUsd, Timestamp};
use records::SavingReason;

use self::specs::{
    ACCOUNT_AVAILABLE, ACCOUNT_BALANCE, ALLOWANCE, ATTEMPT_DURATION, ATTEMPTS, BREAKER_OPEN,
    BUDGET_REMAINING, CACHE_REQUESTS, ESTIMATE_DRIFT, GENERATIONS, HOLD_UNTIL, HTTP_DURATION,
    HTTP_REQUESTS, INFLIGHT, LATE, LONG, OVERHEAD, POLL_DELAY, QUEUE_DEPTH, SAVED, SHADOWS, SHORT,
    SPEND, Spec, WEBHOOK_DELIVERIES, WIDE,
};

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    http_requests: IntCounterVec,
    http_duration: HistogramVec,
    overhead: Histogram,
    generations: IntCounterVec,
    cache_requests: IntCounterVec,
    attempts: IntCounterVec,
    attempt_duration: HistogramVec,
    spend: CounterVec,
    saved: CounterVec,
    shadows: IntCounterVec,
    budget_remaining: GaugeVec,
    account_available: IntGaugeVec,
    account_balance: GaugeVec,
    breaker_open: IntGaugeVec,
    estimate_drift: GaugeVec,
    allowance: IntGaugeVec,
    hold_until: IntGaugeVec,
    poll_delay: HistogramVec,
    queue_depth: IntGaugeVec,
    inflight: IntGaugeVec,
    webhook_deliveries: IntCounterVec,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// The provider of what nobody was paid for.
const CACHE: &str = "cache";
/// The label of what is not there.
const NONE: &str = "none";

impl Metrics {
    /// All of them at nothing.
    ///
    /// # Errors
    /// When two have one name, which a test would see.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let r = &registry;
        let counts = |(name, help, labels): Spec| {
            registered(r, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        let gauges = |(name, help, labels): Spec| {
            registered(r, IntGaugeVec::new(Opts::new(name, help), labels)?)
        };
        let times = |(name, help, labels): Spec, buckets: &[f64]| {
            registered(r, HistogramVec::new(wide(name, help, buckets), labels)?)
        };
        let own = Histogram::with_opts(wide(OVERHEAD.0, OVERHEAD.1, SHORT))?;
        let sums = |(name, help, labels): Spec| {
            registered(r, CounterVec::new(Opts::new(name, help), labels)?)
        };
        let amounts = |(name, help, labels): Spec| {
            registered(r, GaugeVec::new(Opts::new(name, help), labels)?)
        };
        Ok(Self {
            http_requests: counts(HTTP_REQUESTS)?,
            http_duration: times(HTTP_DURATION, WIDE)?,
            overhead: registered(r, own)?,
            generations: counts(GENERATIONS)?,
            cache_requests: counts(CACHE_REQUESTS)?,
            attempts: counts(ATTEMPTS)?,
            attempt_duration: times(ATTEMPT_DURATION, LONG)?,
            spend: sums(SPEND)?,
            saved: sums(SAVED)?,
            shadows: counts(SHADOWS)?,
            budget_remaining: amounts(BUDGET_REMAINING)?,
            account_available: gauges(ACCOUNT_AVAILABLE)?,
            breaker_open: gauges(BREAKER_OPEN)?,
            account_balance: amounts(ACCOUNT_BALANCE)?,
            estimate_drift: amounts(ESTIMATE_DRIFT)?,
            allowance: gauges(ALLOWANCE)?,
            hold_until: gauges(HOLD_UNTIL)?,
            poll_delay: times(POLL_DELAY, LATE)?,
            queue_depth: gauges(QUEUE_DEPTH)?,
            inflight: gauges(INFLIGHT)?,
            webhook_deliveries: counts(WEBHOOK_DELIVERIES)?,
            registry,
        })
    }

    /// A request was answered. `route` is a pattern, never a path.
    pub fn http(&self, route: &str, method: &str, status: u16, took: Duration) {
        const METHODS: [&str; 7] = ["GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH"];
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or("other");
        self.http_requests.with_label_values(&[route, method, &status.to_string()]).inc();
        self.http_duration.with_label_values(&[route]).observe(took.as_secs_f64());
    }

    /// Prometheus' text format, the accounts as they are now.
    pub fn render(&self, loads: &[AccountLoad]) -> String {
        self.queue_depth.reset();
        self.hold_until.reset();
        for load in loads {
            self.render_lots(load);
            self.render_breakers(load);
            let labels = [&*load.provider, &*load.account];
            self.account_available.with_label_values(&labels).set(i64::from(load.is_available()));
            self.inflight.with_label_values(&labels).set(load.in_flight.into());
            let waiting = i64::try_from(load.waiting).unwrap_or(i64::MAX);
            self.queue_depth.with_label_values(&[&*load.provider]).add(waiting);
        }
        let families = self.registry.gather();
        TextEncoder::new().encode_to_string(&families).unwrap_or_else(|error| {
            tracing::error!(%error, "the metrics cannot be written");
            String::new()
        })
    }
}

impl Metrics {
    fn render_breakers(&self, load: &AccountLoad) {
        for model in &load.models {
            let name = full_name(&load.provider, &model.model);
            let labels = [&*load.provider, &*load.account, &*name];
            self.breaker_open.with_label_values(&labels).set(i64::from(model.open.is_some()));
        }
    }

    /// An account's prepaid units and its hold.
    fn render_lots(&self, load: &AccountLoad) {
        let (provider, account) = (&*load.provider, &*load.account);
        for lot in &load.allowances {
            let labels = [provider, account, lot.kind.as_str(), lot.window.as_str()];
            self.allowance.with_label_values(&labels).set(lot.remaining.into());
        }
        if let Some(until) = load.hold.and_then(|hold| hold.until) {
            let reason = load.reason().map_or(NONE, HoldReason::as_str);
            let labels = [provider, account, reason];
            self.hold_until.with_label_values(&labels).set(until.seconds());
        }
    }
}

impl Observer for Metrics {
    fn attempt(
        &self,
        provider: &str,
        account: &str,
        model: &str,
        outcome: Outcome,
        took: Duration,
    ) {
        self.attempts.with_label_values(&[provider, account, outcome.as_str()]).inc();
        let model = full_name(provider, model);
        self.attempt_duration.with_label_values(&[provider, &*model]).observe(took.as_secs_f64());
    }

    fn generation(&self, generation: &Generation) {
        let last = generation.attempts.last();
        let provider = generation.provider.as_deref().or_else(|| last.map(|last| &*last.provider));
        let model = generation.provider_model.as_deref().or_else(|| last.map(|last| &*last.model));
        let model = match (provider, model) {
            (Some(provider), Some(model)) => full_name(provider, model),
            _ => NONE.to_owned(),
        };
        let (kind, status) = (generation.kind.as_str(), generation.status.as_str());
        // Whoever made it was paid once, and counted for that.
        let provider = if generation.cache.is_shared() { CACHE } else { provider.unwrap_or(NONE) };
        self.cache_requests.with_label_values(&[generation.cache.as_str()]).inc();
        self.generations.with_label_values(&[kind, provider, &*model, status]).inc();
        // One that waited for another one's outputs was idle, not slow.
        if let Some(own) =
            own_time(generation).filter(|_| generation.cache != CacheResult::Coalesced)
        {
            self.overhead.observe(own.as_secs_f64());
        }
    }

    fn booked(&self, team: &str, provider: &str, model: &str, amount: MicroUsd) {
        // A Prometheus counter cannot fall.
        if amount > MicroUsd::ZERO {
            self.spend.with_label_values(&[team, provider, model]).inc_by(dollars(amount));
        }
    }

    fn saved(&self, reason: SavingReason, amount: MicroUsd) {
        self.saved.with_label_values(&[reason.as_str()]).inc_by(dollars(amount));
    }

    fn shadow(&self, alias: &str, sent: bool) {
        let result = if sent { "sent" } else { "dropped" };
        self.shadows.with_label_values(&[alias, result]).inc();
    }

    fn budget(&self, team: &str, remaining: MicroUsd) {
        self.budget_remaining.with_label_values(&[team]).set(dollars(remaining));
    }

    fn looked(&self, provider: &str, late: Duration) {
        self.poll_delay.with_label_values(&[provider]).observe(late.as_secs_f64());
    }

    fn balance(&self, provider: &str, account: &str, balance: MicroUsd) {
        self.account_balance.with_label_values(&[provider, account]).set(dollars(balance));
    }

    fn drift(&self, provider: &str, model: &str, ratio: f64) {
        self.estimate_drift.with_label_values(&[provider, model]).set(ratio);
    }

    fn webhook(&self, state: DeliveryState) {
        let outcome = match state {
            DeliveryState::Pending => "retried",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Failed => "failed",
        };
        self.webhook_deliveries.with_label_values(&[outcome]).inc();
    }
}

fn wide(name: &str, help: &str, buckets: &[f64]) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(buckets.to_vec())
}

/// The metric, known to the registry.
fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

/// `provider/model`, which some tellers say already.
fn full_name(provider: &str, model: &str) -> String {
    if model.strip_prefix(provider).is_some_and(|rest| rest.starts_with('/')) {
        model.to_owned()
    } else {
        format!("{provider}/{model}")
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge of nine trillion dollars may be off")]
fn dollars(amount: MicroUsd) -> f64 {
    amount.micros() as f64 / 1e6
}

/// How much of a generation's time no attempt was under way.
fn own_time(generation: &Generation) -> Option<Duration> {
    let end = generation.completed_at?;
    let mut spans: Vec<(Timestamp, Timestamp)> = generation
        .attempts
        .iter()
        .map(|attempt| (attempt.started_at, attempt.ended_at.unwrap_or(end)))
        .collect();
    spans.sort_unstable();
    let (mut own, mut until) = (Duration::ZERO, generation.created_at);
    for (from, to) in spans {
        own += from.since(until);
        until = until.max(to);
    }
    Some(own + end.since(until))
}

#[cfg(test)]
mod tests;
