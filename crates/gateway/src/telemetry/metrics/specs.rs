//! The metrics' names, what they are, and their labels: the contract with whoever scrapes them.

/// Up to a vendor's slowest clip.
pub(super) const LONG: &[f64] =
    &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0];
/// From an answer out of memory to a picture.
pub(super) const WIDE: &[f64] =
    &[0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];
/// How late a look may come; two seconds are the promise.
pub(super) const LATE: &[f64] = &[0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];
/// What the gateway itself takes.
pub(super) const SHORT: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// A metric's name, what it is, and its labels.
pub(super) type Spec = (&'static str, &'static str, &'static [&'static str]);

pub(super) const HTTP_REQUESTS: Spec =
    ("atelier_http_requests_total", "Requests answered.", &["route", "method", "status"]);
pub(super) const HTTP_DURATION: Spec =
    ("atelier_http_request_duration_seconds", "Time to the answer's head.", &["route"]);
pub(super) const OVERHEAD: Spec = (
    "atelier_gateway_overhead_seconds",
    "A generation's time outside its attempts at providers.",
    &[],
);
pub(super) const GENERATIONS: Spec = (
    "atelier_generations_total",
    "Generations that became final.",
    &["kind", "provider", "model", "status"],
);
pub(super) const CACHE_REQUESTS: Spec = (
    "atelier_cache_requests_total",
    "Generations that became final, by what the cache had to do with them.",
    &["result"],
);
pub(super) const ATTEMPTS: Spec = (
    "atelier_attempts_total",
    "Attempts at providers' accounts.",
    &["provider", "account", "outcome"],
);
pub(super) const ATTEMPT_DURATION: Spec =
    ("atelier_attempt_duration_seconds", "Time of an attempt.", &["provider", "model"]);
pub(super) const SPEND: Spec =
    ("atelier_spend_usd_total", "US dollars booked.", &["team", "provider", "model"]);
pub(super) const SAVED: Spec = (
    "atelier_saved_usd_total",
    "US dollars saved against the price of the next best provider.",
    &["reason"],
);
pub(super) const SHADOWS: Spec = (
    "atelier_shadows_total",
    "Requests that were drawn to be sent to a model that is tried too, by what became of that.",
    &["alias", "result"],
);
pub(super) const BUDGET_REMAINING: Spec = (
    "atelier_budget_remaining_usd",
    "What is neither charged nor held of the tightest of a team's budgets.",
    &["team"],
);
pub(super) const ACCOUNT_AVAILABLE: Spec =
    ("atelier_account_available", "1 where an account takes work.", &["provider", "account"]);
pub(super) const BREAKER_OPEN: Spec = (
    "atelier_breaker_open",
    "1 where a model is left alone at an account because it fails there, 0 where it serves.",
    &["provider", "account", "model"],
);
pub(super) const ACCOUNT_BALANCE: Spec =
    ("atelier_account_balance_usd", "An account's balance as last told.", &["provider", "account"]);
pub(super) const ALLOWANCE: Spec = (
    "atelier_account_allowance_remaining",
    "Prepaid units left.",
    &["provider", "account", "kind", "window"],
);
pub(super) const ESTIMATE_DRIFT: Spec = (
    "atelier_estimate_drift_ratio",
    "What a model's charges are in times of its vendor's estimates.",
    &["provider", "model"],
);
pub(super) const HOLD_UNTIL: Spec = (
    "atelier_account_hold_until_seconds",
    "When a hold ends, in Unix seconds.",
    &["provider", "account", "reason"],
);
pub(super) const POLL_DELAY: Spec =
    ("atelier_poll_delay_seconds", "How much too late a job is looked at.", &["provider"]);
pub(super) const QUEUE_DEPTH: Spec =
    ("atelier_queue_depth", "Calls that wait for a provider's turn.", &["provider"]);
pub(super) const INFLIGHT: Spec =
    ("atelier_inflight", "Calls at a provider's account.", &["provider", "account"]);
pub(super) const WEBHOOK_DELIVERIES: Spec =
    ("atelier_webhook_deliveries_total", "Tries to deliver a webhook.", &["outcome"]);
