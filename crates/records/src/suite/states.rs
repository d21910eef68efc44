//! The states of generations and attempts, and that every fact of them is kept.

use std::{collections::BTreeMap, sync::Arc};

use provider::{Adjustment, MicroUsd};
use serde_json::json;

use super::samples::*;
use crate::{
    Attempt, AttemptState, Booking, CacheResult, Change, Cost, EndAttempt, EndGeneration,
    Generation, Lost, NewAttempt, NewGeneration, Outcome, Records, Status,
};

fn ticket(attempt: &str) -> Change {
    Change::Ticket { attempt: attempt.to_owned(), ticket: "job-1".to_owned() }
}

fn lost(attempt: &str) -> Change {
    Change::Lost { attempt: attempt.to_owned(), lost: Lost { at: at(15), ended: true } }
}

async fn state(records: &Arc<dyn Records>) -> AttemptState {
    find(records, "gen_1").await.attempts[0].state
}

/// Every fact of a generation and its attempts comes back as it was written.
pub async fn generations_keep_everything(records: Arc<dyn Records>) {
    let cache = CacheResult::Off;
    let new = NewGeneration { running: false, cache, ..generation("gen_1", TEAM) };
    apply(&records, accepts(new.clone())).await;
    assert_eq!(find(&records, "gen_1").await.status, Status::Queued);
    apply(&records, Change::Run("gen_1".to_owned())).await;
    assert_eq!(find(&records, "gen_1").await.status, Status::Running);
    let attempt = whole_attempt(&records).await;
    let adjustment =
        Adjustment { requested: json!(3), used: json!(5), reason: "the nearest".to_owned() };
    let adjustments = BTreeMap::from([("seconds".to_owned(), adjustment)]);
    let last = EndGeneration { adjustments, ..end("gen_1", Status::Completed) };
    apply(&records, Change::EndGeneration(Box::new(last.clone()))).await;
    let (provider, provider_model, account) = last.made_by.unwrap();
    let expected = Generation {
        id: new.id,
        team: new.team,
        key: new.key,
        kind: new.kind,
        status: Status::Completed,
        model: new.model,
        request: new.request,
        created_at: new.at,
        completed_at: Some(last.at),
        outputs: last.outputs,
        provider: Some(provider),
        provider_model: Some(provider_model),
        account: Some(account),
        cost: Cost {
            estimated: new.estimated,
            charged: attempt.charged,
            uncertain: MicroUsd::ZERO,
        },
        adjustments: last.adjustments,
        attempts: vec![attempt],
        error: None,
        metadata: new.metadata,
        cache: new.cache,
        source: None,
    };
    assert_eq!(find(&records, "gen_1").await, expected);
}

/// Writes an attempt with every fact that one can have, and returns it as it must be read.
async fn whole_attempt(records: &Arc<dyn Records>) -> Attempt {
    let tried = NewAttempt { slot: 3, count: 2, ..attempt("att_1", "gen_1") };
    let remotes = vec![remote("https://vendor.example/1"), remote("2")];
    let booked = Booking { remote: remotes.clone(), ..booking("att_1", Some("w"), 26_700) };
    let written = vec![
        attempts(tried.clone()),
        ticket("att_1"),
        lost("att_1"),
        books(booked.clone()),
        ended("att_1"),
    ];
    records.apply(written).await.unwrap();
    Attempt {
        id: tried.id,
        generation: tried.generation,
        slot: 3,
        provider: tried.provider,
        account: tried.account,
        model: tried.model,
        count: 2,
        state: AttemptState::Ended,
        outcome: Some(Outcome::Completed),
        charged: booked.amount,
        uncertain: false,
        upper: tried.upper,
        reference: Some("w".to_owned()),
        ticket: Some("job-1".to_owned()),
        remote: remotes,
        lost: Some(Lost { at: at(15), ended: true }),
        started_at: at(10),
        ended_at: Some(at(30)),
    }
}

/// A generation ends once, in any of the four ways; nothing begins after that.
pub async fn generations_end_once(records: Arc<dyn Records>) {
    let finals = Status::ALL.into_iter().filter(|status| status.is_final());
    for (n, status) in finals.enumerate() {
        let id = format!("gen_{n}");
        apply(&records, accepts(NewGeneration { running: n > 1, ..generation(&id, TEAM) })).await;
        for open in [Status::Queued, Status::Running] {
            assert!(is_stale(&refused(&records, ends(&id, open)).await, &id), "{open:?}");
        }
        apply(&records, ends(&id, status)).await;
        let ended = find(&records, &id).await;
        assert_eq!((ended.status, ended.completed_at), (status, Some(at(40))));
        assert_eq!(ended.error, end(&id, status).error);
        for late in
            [ends(&id, Status::Completed), Change::Run(id.clone()), attempts(attempt("att_1", &id))]
        {
            assert!(is_stale(&refused(&records, late).await, &id));
        }
        assert_eq!(find(&records, &id).await, ended);
    }
    for unknown in [
        ends("gen_x", Status::Failed),
        Change::Run("gen_x".to_owned()),
        attempts(attempt("att_1", "gen_x")),
        Change::Erase { generation: "gen_x".to_owned() },
    ] {
        assert!(is_stale(&refused(&records, unknown).await, "gen_x"));
    }
}

/// An attempt may be lost and found again, but what is booked is not submitted again, and what has
/// ended stays so.
pub async fn attempts_move_only_forward(records: Arc<dyn Records>) {
    begun(&records, "gen_1", "att_1").await;
    assert_eq!(state(&records).await, AttemptState::Submitting);
    for (change, then) in [
        (lost("att_1"), AttemptState::Lost),
        (ticket("att_1"), AttemptState::Running),
        (lost("att_1"), AttemptState::Lost),
        (books(booking("att_1", None, 10)), AttemptState::Lost),
    ] {
        apply(&records, change).await;
        assert_eq!(state(&records).await, then);
    }
    begun(&records, "gen_2", "att_2").await;
    let fetching = Booking { remote: vec![remote("here")], ..booking("att_2", None, 10) };
    apply(&records, books(fetching)).await;
    for earlier in [lost("att_2"), ticket("att_2")] {
        assert!(is_stale(&refused(&records, earlier).await, "att_2"));
    }
    for outcome in Outcome::ALL {
        let id = format!("att_{}", outcome.as_str());
        apply(&records, attempts(attempt(&id, "gen_1"))).await;
        let end = EndAttempt {
            attempt: id.clone(),
            outcome,
            detail: None,
            keep_reserved: false,
            at: at(30),
        };
        apply(&records, Change::EndAttempt(end)).await;
        let found = find(&records, "gen_1").await;
        let ended = found.attempts.iter().find(|attempt| attempt.id == id).unwrap();
        assert_eq!(
            (ended.state, ended.outcome, ended.ended_at),
            (AttemptState::Ended, Some(outcome), Some(at(30)))
        );
        for late in [lost(&id), ticket(&id), super::samples::ended(&id)] {
            assert!(is_stale(&refused(&records, late).await, &id));
        }
    }
    for unknown in
        [lost("att_x"), ticket("att_x"), ended("att_x"), books(booking("att_x", None, 1))]
    {
        assert!(is_stale(&refused(&records, unknown).await, "att_x"));
    }
}
