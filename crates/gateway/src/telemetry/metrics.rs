//! The metrics, by the contract's names.
//!
//! Labels are bounded: routes are patterns, methods are the known ones, and everything else comes
//! from the configuration or the records of teams, never from a request.
#![expect(clippy::float_arithmetic, reason = "Prometheus counts in floats; nothing here is booked")]

use std::{fmt, time::Duration};

use engine::{AccountLoad, DeliveryState, Generation, Observer, Outcome};
use prometheus::{
    CounterVec, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts,
    Registry, TextEncoder, core::Collector,
};
use provider::{HoldReason, MicroUsd, Timestamp};
use records::SavingReason;

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    http_requests: IntCounterVec,
    http_duration: HistogramVec,
    overhead: Histogram,
    generations: IntCounterVec,
    attempts: IntCounterVec,
    attempt_duration: HistogramVec,
    spend: CounterVec,
    saved: CounterVec,
    budget_remaining: GaugeVec,
    account_available: IntGaugeVec,
    account_balance: GaugeVec,
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

/// Up to a vendor's slowest clip.
const LONG: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0];
/// From an answer out of memory to a picture.
const WIDE: &[f64] = &[0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];
/// How late a look may come; two seconds are the promise.
const LATE: &[f64] = &[0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];
/// What the gateway itself takes.
const SHORT: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// The label of what is not there.
const NONE: &str = "none";

/// A metric's name, what it is, and its labels.
type Spec = (&'static str, &'static str, &'static [&'static str]);

const HTTP_REQUESTS: Spec =
    ("atelier_http_requests_total", "Requests answered.", &["route", "method", "status"]);
const HTTP_DURATION: Spec =
    ("atelier_http_request_duration_seconds", "Time to the answer's head.", &["route"]);
const OVERHEAD: Spec = (
    "atelier_gateway_overhead_seconds",
    "A generation's time outside its attempts at providers.",
    &[],
);
const GENERATIONS: Spec = (
    "atelier_generations_total",
    "Generations that became final.",
    &["kind", "provider", "model", "status"],
);
const ATTEMPTS: Spec = (
    "atelier_attempts_total",
    "Attempts at providers' accounts.",
    &["provider", "account", "outcome"],
);
const ATTEMPT_DURATION: Spec =
    ("atelier_attempt_duration_seconds", "Time of an attempt.", &["provider", "model"]);
const SPEND: Spec =
    ("atelier_spend_usd_total", "US dollars booked.", &["team", "provider", "model"]);
const SAVED: Spec = (
    "atelier_saved_usd_total",
    "US dollars saved against the price of the next best provider.",
    &["reason"],
);
const BUDGET_REMAINING: Spec = (
    "atelier_budget_remaining_usd",
    "What is neither charged nor held of the tightest of a team's budgets.",
    &["team"],
);
const ACCOUNT_AVAILABLE: Spec =
    ("atelier_account_available", "1 where an account takes work.", &["provider", "account"]);
const ACCOUNT_BALANCE: Spec =
    ("atelier_account_balance_usd", "An account's balance as last told.", &["provider", "account"]);
const ALLOWANCE: Spec = (
    "atelier_account_allowance_remaining",
    "Prepaid units left.",
    &["provider", "account", "kind", "window"],
);
const ESTIMATE_DRIFT: Spec = (
    "atelier_estimate_drift_ratio",
    "What a model's charges are in times of its vendor's estimates.",
    &["provider", "model"],
);
const HOLD_UNTIL: Spec = (
    "atelier_account_hold_until_seconds",
    "When a hold ends, in Unix seconds.",
    &["provider", "account", "reason"],
);
const POLL_DELAY: Spec =
    ("atelier_poll_delay_seconds", "How much too late a job is looked at.", &["provider"]);
const QUEUE_DEPTH: Spec =
    ("atelier_queue_depth", "Calls that wait for a provider's turn.", &["provider"]);
const INFLIGHT: Spec =
    ("atelier_inflight", "Calls at a provider's account.", &["provider", "account"]);
const WEBHOOK_DELIVERIES: Spec =
    ("atelier_webhook_deliveries_total", "Tries to deliver a webhook.", &["outcome"]);

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
            attempts: counts(ATTEMPTS)?,
            attempt_duration: times(ATTEMPT_DURATION, LONG)?,
            spend: sums(SPEND)?,
            saved: sums(SAVED)?,
            budget_remaining: amounts(BUDGET_REMAINING)?,
            account_available: gauges(ACCOUNT_AVAILABLE)?,
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
            let labels = [&*load.provider, &*load.account];
            self.account_available.with_label_values(&labels).set(i64::from(load.hold.is_none()));
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
        let provider = provider.unwrap_or(NONE);
        self.generations.with_label_values(&[kind, provider, &*model, status]).inc();
        if let Some(own) = own_time(generation) {
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
mod tests {
    use std::collections::BTreeMap;

    use coordination::LotLoad;
    use engine::{Attempt, AttemptState, Cost, Hold, Status};
    use provider::{Adjustments, Calendar, Kind};

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn attempt(from: i64, to: i64) -> Attempt {
        Attempt {
            id: "att_1".to_owned(),
            generation: "gen_1".to_owned(),
            slot: 0,
            provider: "zekron".to_owned(),
            account: "main".to_owned(),
            model: "m".to_owned(),
            count: 1,
            state: AttemptState::Ended,
            outcome: Some(Outcome::Completed),
            charged: MicroUsd::ZERO,
            uncertain: false,
            upper: MicroUsd::ZERO,
            reference: None,
            ticket: None,
            remote: Vec::new(),
            lost: None,
            started_at: at(from),
            ended_at: Some(at(to)),
        }
    }

    fn generation(attempts: Vec<Attempt>) -> Generation {
        Generation {
            id: "gen_1".to_owned(),
            team: "team_1".to_owned(),
            key: "key_1".to_owned(),
            kind: Kind::Image,
            status: Status::Completed,
            model: "a caller's words".to_owned(),
            request: String::new(),
            created_at: at(0),
            completed_at: Some(at(100)),
            outputs: Vec::new(),
            provider: None,
            provider_model: None,
            account: None,
            cost: Cost::default(),
            adjustments: Adjustments::default(),
            attempts,
            error: None,
            metadata: BTreeMap::new(),
        }
    }

    #[test]
    fn attempts_that_overlap_count_once() {
        let own = |attempts| own_time(&generation(attempts)).unwrap().as_millis();
        assert_eq!(own(vec![]), 100);
        assert_eq!(own(vec![attempt(10, 60), attempt(20, 50), attempt(55, 90)]), 20);
    }

    #[test]
    fn the_contracts_names_are_rendered() {
        let metrics = Metrics::new().unwrap();
        metrics.http("/v1/models", "GET", 200, Duration::from_millis(3));
        metrics.http("unmatched", "BREW", 404, Duration::from_millis(3));
        metrics.attempt("zekron", "main", "m", Outcome::Completed, Duration::from_secs(2));
        metrics.generation(&generation(vec![attempt(10, 60)]));
        metrics.booked("team_1", "zekron", "zekron/m", MicroUsd::from_micros(26_700));
        metrics.booked("team_1", "zekron", "zekron/m", MicroUsd::from_micros(-1));
        metrics.balance("zekron", "main", MicroUsd::from_micros(9_973_300));
        metrics.webhook(DeliveryState::Pending);
        metrics.looked("zsky", Duration::from_millis(40));
        let load = |in_flight, waiting| AccountLoad {
            provider: "zekron".to_owned(),
            account: "main".to_owned(),
            in_flight,
            slots: Some(5),
            waiting,
            calls_in_window: 0,
            hold: Some(Hold {
                reason: HoldReason::Suspended,
                until: Some(Timestamp::from_millis(9_500)),
            }),
            balance: None,
            allowances: vec![LotLoad {
                kind: Kind::Video,
                window: Calendar::Month,
                limit: 300,
                used: 47,
                remaining: 253,
                resets_at: Timestamp::from_millis(0),
                overage: None,
            }],
            safety: None,
            warnings: Vec::new(),
        };
        metrics.render(&[load(1, 1)]);
        let text = metrics.render(&[load(2, 3)]);
        for line in [
            r#"atelier_http_requests_total{method="GET",route="/v1/models",status="200"} 1"#,
            r#"atelier_http_requests_total{method="other",route="unmatched",status="404"} 1"#,
            r#"atelier_http_request_duration_seconds_count{route="/v1/models"} 1"#,
            "atelier_gateway_overhead_seconds_count 1",
            r#"atelier_generations_total{kind="image",model="zekron/m",provider="zekron",status="completed"} 1"#,
            r#"atelier_attempts_total{account="main",outcome="completed",provider="zekron"} 1"#,
            r#"atelier_attempt_duration_seconds_count{model="zekron/m",provider="zekron"} 1"#,
            r#"atelier_spend_usd_total{model="zekron/m",provider="zekron",team="team_1"} 0.0267"#,
            r#"atelier_account_balance_usd{account="main",provider="zekron"} 9.9733"#,
            r#"atelier_account_available{account="main",provider="zekron"} 0"#,
            r#"atelier_account_hold_until_seconds{account="main",provider="zekron",reason="suspended"} 9"#,
            r#"atelier_account_allowance_remaining{account="main",kind="video",provider="zekron",window="month"} 253"#,
            r#"atelier_poll_delay_seconds_count{provider="zsky"} 1"#,
            r#"atelier_queue_depth{provider="zekron"} 3"#,
            r#"atelier_webhook_deliveries_total{outcome="retried"} 1"#,
            r#"atelier_inflight{account="main",provider="zekron"} 2"#,
        ] {
            assert!(text.lines().any(|there| there == line), "{line}\n{text}");
        }
        assert!(!text.contains("caller's"), "{text}");
    }
}
