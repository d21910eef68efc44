//! The ledger and the decisions of the database as a trace.

use std::{collections::BTreeSet, path::Path};

use engine::{Decision, scarcity::HISTORY};
use provider::{MicroUsd, Timestamp};
use records::{
    Outcome, Status,
    sqlite::{History, PastAttempt, PastRequest},
};
use routing::Policy;

use super::{Asked, Place, ReplayError, Spent, Trace, Was};

/// Reads what is on record of a span, and as much of the time before it as a policy would have known. The
/// gateway may be running.
pub(crate) fn recall(
    database: &Path,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<Trace, ReplayError> {
    if !database.is_file() {
        return Err(ReplayError::NoDatabase(database.to_owned()));
    }
    let failed = |error| ReplayError::Records(database.to_owned(), error);
    let history = History::open(database).map_err(failed)?;
    let since = from.map_or(Timestamp::from_millis(0), |from| from.minus(HISTORY));
    let requests = history.requests(since).map_err(failed)?;
    let trace = Trace {
        requests: requests.iter().map(asked).collect(),
        span: Default::default(),
        is_past: true,
        terms: None,
        notes: Vec::new(),
    };
    let mut trace = trace.within(from, to).filled("the ledger")?;
    let (from, to) = trace.span;
    trace.notes = notes(&trace, history.drift(from, to).map_err(failed)?);
    Ok(trace)
}

fn asked(past: &PastRequest) -> Asked {
    let decision = past.decision.as_deref().and_then(Decision::from_kept);
    let none = || Decision { policy: Policy::default(), candidates: Vec::new() };
    let wishes: Option<engine::Wishes> =
        past.wishes.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let wishes = wishes.unwrap_or_default();
    Asked {
        at: past.at,
        team: past.team.clone(),
        kind: past.kind,
        decision: decision.unwrap_or_else(none),
        patience: wishes.deadline,
        max_cost: wishes.max_cost,
        was: Some(was(past)),
    }
}

/// Where a generation is gone, what is booked is all that is known of it.
fn was(past: &PastRequest) -> Was {
    let place = |attempt: &PastAttempt| Place {
        account: attempt.account.clone(),
        model: attempt.model.clone(),
    };
    let spent = past.attempts.iter().map(|attempt| Spent {
        place: place(attempt),
        charged: attempt.charged,
        units: attempt.units,
        bought: attempt.overage_units,
    });
    let served: BTreeSet<Place> = match past.status {
        Some(Status::Completed) => {
            let made = |attempt: &&PastAttempt| attempt.outcome == Some(Outcome::Completed);
            past.attempts.iter().filter(made).map(place).collect()
        }
        Some(_) => BTreeSet::new(),
        None => past.attempts.iter().map(place).collect(),
    };
    let tried: BTreeSet<Place> = past.attempts.iter().map(place).collect();
    let failed = tried.difference(&served).cloned().collect();
    let nothing = |spent: &Spent| spent.charged.is_zero() && spent.units + spent.bought == 0;
    Was { spent: spent.filter(|spent| !nothing(spent)).collect(), served, failed }
}

fn notes(trace: &Trace, drift: MicroUsd) -> Vec<String> {
    let mut notes = Vec::new();
    let unmade = |asked: &&Asked| asked.was.as_ref().is_some_and(|was| was.served.is_empty());
    let unknown = |asked: &&Asked| asked.is_fixed() && !unmade(asked);
    let count = |what: &dyn Fn(&&Asked) -> bool| trace.played().filter(|asked| what(asked)).count();
    match count(&unmade) {
        0 => {}
        n => notes.push(format!("{n} requests did not complete: every row has them as they were")),
    }
    match count(&unknown) {
        0 => {}
        n => notes.push(format!(
            "of {n} requests only the charge is on record: every row has them as they were"
        )),
    }
    let before = trace.requests.len() - trace.played().count();
    notes.push(match before {
        0 => "a policy starts with nothing known and learns from the requests as they come"
            .to_owned(),
        n => format!("a policy starts with what {n} requests from before taught, and learns on"),
    });
    if !drift.is_zero() {
        notes.push(format!("drift of {drift} USD belongs to no request and is in no row"));
    }
    notes.push(
        "lanes are taken as free; what was refused at once or given again from the cache is in no row"
            .to_owned(),
    );
    notes
}
