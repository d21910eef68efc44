//! What only this vendor's control port has: what the dashboard and the support would do.

use std::io;

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Zsky,
    books::Customer,
    calendar::{self, Month},
    ledger::Ledger,
    settings::Settings,
};
use crate::{
    clock,
    control::{Outcome, bad_request, parse},
    server::Received,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OverageCommand {
    key: String,
    /// Opts in with that cap, or out when null.
    monthly_cap_cents: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SuspensionCommand {
    key: String,
    /// For how long from now; 0 lifts it.
    for_s: u32,
}

pub(crate) fn answer(zsky: &Zsky, request: &Received) -> Option<Outcome> {
    match (&request.method, request.path.as_str()) {
        (&Method::POST, "/overage") => Some(parse(request).and_then(|order| overage(zsky, order))),
        (&Method::POST, "/suspension") => {
            Some(parse(request).and_then(|order| suspension(zsky, &order)))
        }
        _ => None,
    }
}

fn overage(zsky: &Zsky, command: OverageCommand) -> Outcome {
    let (settings, now_ms) = (zsky.settings(), zsky.stage.clock.now_ms());
    let customer = customer(zsky, &command.key)?;
    let mut books = zsky.books.at(now_ms, &settings);
    books
        .set_overage(&customer, Month::of(now_ms), command.monthly_cap_cents)
        .map_err(|error| broken(&error))?;
    Ok(standing(&books, &customer.account, &settings, now_ms))
}

fn suspension(zsky: &Zsky, command: &SuspensionCommand) -> Outcome {
    let (settings, now_ms) = (zsky.settings(), zsky.stage.clock.now_ms());
    let customer = customer(zsky, &command.key)?;
    let mut books = zsky.books.at(now_ms, &settings);
    let until_ms = now_ms.saturating_add(i64::from(command.for_s) * 1000);
    books.suspend(&customer, until_ms).map_err(|error| broken(&error))?;
    Ok(standing(&books, &customer.account, &settings, now_ms))
}

fn customer(zsky: &Zsky, key: &str) -> Result<Customer, (StatusCode, String)> {
    zsky.customer(key).ok_or_else(|| bad_request("the vendor does not accept that key"))
}

fn broken(error: &io::Error) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

/// The books as the control port shows them.
pub(crate) fn books(zsky: &Zsky, since: u64) -> Map<String, Value> {
    let (settings, now_ms) = (zsky.settings(), zsky.stage.clock.now_ms());
    let books = zsky.books.at(now_ms, &settings);
    let charges: Vec<_> = books.charges.iter().filter(|charge| charge.id > since).collect();
    let jobs: Vec<_> = books.order.iter().filter_map(|id| job(&books, id)).collect();
    let accounts = books.accounts.keys();
    let keys: Vec<_> =
        accounts.map(|account| standing(&books, account, &settings, now_ms)).collect();
    Map::from_iter([
        ("charges".to_owned(), json!(charges)),
        ("jobs".to_owned(), json!(jobs)),
        ("keys".to_owned(), json!(keys)),
    ])
}

fn job(books: &Ledger, id: &str) -> Option<Value> {
    let record = books.record(id)?;
    let job = &record.job;
    let status = record.ended_at_ms.map_or("working", |_| job.ending.status());
    Some(json!({
        "job_id": job.id,
        "key": job.key,
        "account": job.account,
        "status": status,
        "order": job.order,
        "inline": job.inline,
        "purged": record.purged,
        "overage_cents": job.overage_cents,
        "submitted_at_ms": job.submitted_at_ms,
        "due_at_ms": job.due_at_ms,
        "ended_at_ms": record.ended_at_ms,
    }))
}

fn standing(books: &Ledger, account: &str, settings: &Settings, now_ms: i64) -> Value {
    let Some(of) = books.accounts.get(account) else { return Value::Null };
    let (month, rule) = (Month::of(now_ms), &settings.safety.suspension);
    let (tally, today) = (of.month(month), of.day(calendar::day(now_ms)));
    let (attempts, rejected) = of.tried(now_ms, rule.window_s);
    let until = of.suspended_until_ms.filter(|until| now_ms < *until);
    json!({
        "key": of.fingerprint,
        "account": account,
        "month": month.to_string(),
        "images_used": tally.used.images,
        "videos_used": tally.used.videos,
        "images_overage": tally.overage.images,
        "videos_overage": tally.overage.videos,
        "overage_cents": tally.overage_cents,
        "overage": of.overage,
        "overage_left_cents": of.budget_cents(month),
        "images_today": today.images,
        "videos_today": today.videos,
        "charges": of.charges,
        "working": of.working,
        "attempts": attempts,
        "rejected": rejected,
        "suspended_until": until.map(|until| clock::date(until).to_rfc3339()),
    })
}
