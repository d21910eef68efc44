//! What is charged is booked once, whole, and nothing is held longer than it must.

use std::sync::Arc;

use provider::{Kind, MicroUsd};
use tokio::task::JoinSet;

use super::samples::*;
use crate::{
    AttemptState, Booking, Change, Error, LedgerFilter, Lost, NewAttempt, NewGeneration, Page,
    Records, Status,
};

/// However often a charge is told, by its reference or another, it is booked once.
pub async fn paid_once(records: Arc<dyn Records>) {
    begun(&records, "gen_1", "att_1").await;
    apply(&records, books(booking("att_1", Some("work-1"), 26_700))).await;
    for again in [Some("work-1"), Some("work-2"), None] {
        let error = refused(&records, books(booking("att_1", again, 26_700))).await;
        assert!(is_stale(&error, "att_1"), "{again:?}: {error}");
    }
    apply(&records, ended("att_1")).await;
    let error = refused(&records, books(booking("att_1", Some("work-1"), 26_700))).await;
    assert!(is_stale(&error, "att_1"), "{error}");

    let entries = ledger(&records).await;
    let sides: Vec<_> = entries
        .iter()
        .rev()
        .map(|entry| (entry.account.as_str(), entry.amount.micros(), entry.kind.as_str()))
        .collect();
    let charge = "charge";
    assert_eq!(
        sides,
        [("team:team_1/key_1", -26_700, charge), ("provider:zekron/main", 26_700, charge)]
    );
    for entry in &entries {
        assert_eq!(entry.transaction, "att_1");
        assert_eq!((entry.team.as_str(), entry.key.as_str()), (TEAM, "key_1"));
        assert_eq!(entry.provider, "zekron");
        assert_eq!(entry.model, "zekron/zekron-image-1");
        assert_eq!((entry.generation.as_str(), entry.at), ("gen_1", at(20)));
    }
    let found = find(&records, "gen_1").await;
    assert_eq!(found.cost.charged.micros(), 26_700);
    assert_eq!(found.attempts[0].charged.micros(), 26_700);
    assert_eq!(found.attempts[0].reference.as_deref(), Some("work-1"));
}

/// Of many attempts that race for one piece of the vendor's work, one gets it; the same name at
/// another account is another piece.
pub async fn one_of_many_claims_wins(records: Arc<dyn Records>) {
    let mut racing = JoinSet::new();
    for n in 0..32 {
        let (generation, id) = (format!("gen_{n}"), format!("att_{n}"));
        begun(&records, &generation, &id).await;
        let records = Arc::clone(&records);
        racing.spawn(async move {
            records.apply(vec![books(booking(&id, Some("work-1"), 1000)), ended(&id)]).await
        });
    }
    let results = racing.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    let claimed = |error: &Error| matches!(error, Error::Claimed(name) if name == "work-1");
    assert!(results.iter().all(|result| result.as_ref().err().is_none_or(claimed)));
    assert_eq!(ledger(&records).await.len(), 2);
    assert_eq!(held(&records).await, 31 * 40_000, "losers keep their holds");

    apply(&records, accepts(generation("gen_x", TEAM))).await;
    let other = NewAttempt { account: "second".to_owned(), ..attempt("att_x", "gen_x") };
    let booked = books(booking("att_x", Some("work-1"), 1000));
    records.apply(vec![attempts(other), booked]).await.unwrap();
}

/// Whatever fails in a list, and wherever, nothing of the list is written.
pub async fn a_list_is_all_or_nothing(records: Arc<dyn Records>) {
    begun(&records, "gen_1", "att_1").await;
    begun(&records, "gen_2", "att_2").await;
    apply(&records, books(booking("att_1", Some("work-1"), 1000))).await;
    let before = (find(&records, "gen_1").await, find(&records, "gen_2").await);
    let error = records
        .apply(vec![
            Change::Asset(Box::new(asset("ast_1", Some("gen_2")))),
            Change::Call { account: "zekron/main".to_owned(), at: at(11) },
            accepts(generation("gen_3", TEAM)),
            ends("gen_2", Status::Completed),
            ended("att_2"),
            books(booking("att_2", Some("work-1"), 1000)),
        ])
        .await
        .unwrap_err();
    assert!(matches!(&error, Error::Claimed(name) if name == "work-1"), "{error}");
    let after = (find(&records, "gen_1").await, find(&records, "gen_2").await);
    assert_eq!(before, after);
    assert_eq!(records.generation(TEAM, "gen_3").await.unwrap(), None);
    assert_eq!(records.asset("ast_1").await.unwrap(), None);
    assert_eq!(records.calls_since(at(0)).await.unwrap().len(), 2);
    assert_eq!((ledger(&records).await.len(), held(&records).await), (2, 40_000));
}

/// Work that cost nothing is claimed like any other, and leaves the books as they are.
pub async fn zero_claims_and_books_nothing(records: Arc<dyn Records>) {
    begun(&records, "gen_1", "att_1").await;
    begun(&records, "gen_2", "att_2").await;
    apply(&records, books(booking("att_1", Some("work-1"), 0))).await;
    assert!(ledger(&records).await.is_empty());
    assert_eq!(held(&records).await, 40_000);
    let error = refused(&records, books(booking("att_2", Some("work-1"), 0))).await;
    assert!(matches!(error, Error::Claimed(_)), "{error}");
    let error = refused(&records, books(booking("att_1", None, 5))).await;
    assert!(is_stale(&error, "att_1"), "{error}");
}

/// A charge that is only a ceiling is told apart in the attempt, the sum and the books.
pub async fn ceilings_are_told_apart(records: Arc<dyn Records>) {
    begun(&records, "gen_1", "att_1").await;
    apply(&records, attempts(attempt("att_2", "gen_1"))).await;
    apply(&records, books(Booking { uncertain: true, ..booking("att_1", None, 40_000) })).await;
    apply(&records, books(booking("att_2", None, 26_700))).await;
    let found = find(&records, "gen_1").await;
    assert_eq!(found.cost.charged.micros(), 66_700);
    assert_eq!(found.cost.uncertain.micros(), 40_000);
    assert_eq!(found.cost.estimated.micros(), 26_000);
    let uncertain: Vec<_> = found.attempts.iter().map(|attempt| attempt.uncertain).collect();
    assert_eq!(uncertain, [true, false]);
    let kinds: Vec<_> = ledger(&records).await.into_iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, ["charge", "charge", "charge_uncertain", "charge_uncertain"]);
}

/// A hold is there from the attempt to its booking or its end, and no longer.
pub async fn holds_go_with_booking_or_end(records: Arc<dyn Records>) {
    begun(&records, "gen_1", "att_1").await;
    apply(&records, attempts(attempt("att_2", "gen_1"))).await;
    assert_eq!(held(&records).await, 80_000);
    let lost = Lost { at: at(15), ended: false };
    apply(&records, Change::Lost { attempt: "att_2".to_owned(), lost }).await;
    assert_eq!(held(&records).await, 80_000, "a lost answer may still cost");
    apply(&records, books(booking("att_1", None, 1000))).await;
    assert_eq!(held(&records).await, 40_000);
    apply(&records, ended("att_2")).await;
    assert_eq!(held(&records).await, 0);
    assert_eq!(records.held("team_2").await.unwrap(), MicroUsd::ZERO);
}

/// What a vendor charges after a generation failed is added to its cost, and it stays failed.
pub async fn a_late_charge_is_booked(records: Arc<dyn Records>) {
    begun(&records, "gen_1", "att_1").await;
    apply(&records, ends("gen_1", Status::Failed)).await;
    let late = Booking { remote: vec![remote("here")], ..booking("att_1", Some("w"), 26_700) };
    apply(&records, books(late)).await;
    let found = find(&records, "gen_1").await;
    assert_eq!((found.status, found.cost.charged.micros()), (Status::Failed, 26_700));
    assert_eq!(found.attempts[0].state, AttemptState::Fetching);
    assert_eq!(found.attempts[0].remote, [remote("here")]);

    // Even one that was given up.
    begun(&records, "gen_2", "att_2").await;
    records.apply(vec![ended("att_2"), ends("gen_2", Status::Failed)]).await.unwrap();
    let late = Booking { remote: vec![remote("there")], ..booking("att_2", Some("v"), 300) };
    apply(&records, books(late)).await;
    let found = find(&records, "gen_2").await;
    assert_eq!(found.cost.charged.micros(), 300);
    assert_eq!(found.attempts[0].state, AttemptState::Ended);
    assert_eq!(ledger(&records).await.len(), 4);
}

/// Usage is what the books say, by day, provider, model and kind; a generation counts once a line.
pub async fn usage_adds_up(records: Arc<dyn Records>) {
    let day = 86_400_000;
    let charges = [
        ("gen_1", "att_1", "zekron", Kind::Image, 0, 100),
        ("gen_1", "att_2", "zekron", Kind::Image, 5, 20),
        ("gen_2", "att_3", "zekron", Kind::Image, 6, 3),
        ("gen_3", "att_4", "zsky", Kind::Video, day, 4000),
        ("gen_4", "att_5", "zsky", Kind::Video, 3 * day, 50_000),
    ];
    for (id, of, provider, kind, when, micros) in charges {
        if records.generation(TEAM, id).await.unwrap().is_none() {
            let new = NewGeneration { kind, ..generation(id, TEAM) };
            apply(&records, accepts(new)).await;
        }
        let new = NewAttempt { provider: provider.to_owned(), ..attempt(of, id) };
        let charge = Booking { at: at(when), ..booking(of, None, micros) };
        records.apply(vec![attempts(new), books(charge)]).await.unwrap();
    }
    apply(&records, accepts(generation("gen_5", "team_2"))).await;
    apply(&records, attempts(attempt("att_6", "gen_5"))).await;
    apply(&records, books(booking("att_6", None, 9))).await;

    let usage = records.usage(TEAM, None, at(0), at(3 * day)).await.unwrap();
    let rows: Vec<_> = usage
        .rows
        .iter()
        .map(|row| (row.day.as_str(), row.model.as_str(), row.generations, row.charged.micros()))
        .collect();
    let expected = [
        ("2023-11-14", "zekron/zekron-image-1", 2, 123),
        ("2023-11-15", "zsky/zekron-image-1", 1, 4000),
    ];
    assert_eq!(rows, expected);
    assert_eq!((usage.rows[1].provider.as_str(), usage.rows[1].kind.as_str()), ("zsky", "video"));
    assert_eq!(usage.charged.micros(), 4123);
    assert_eq!(records.usage(TEAM, None, at(1), at(6)).await.unwrap().charged.micros(), 20);
    assert_eq!(records.usage("team_2", None, at(0), at(day)).await.unwrap().charged.micros(), 9);
    assert!(records.usage("team_3", None, at(0), at(day)).await.unwrap().rows.is_empty());
    let all = records.ledger(LedgerFilter::default(), Page::first(100)).await.unwrap();
    assert_eq!(all.iter().map(|entry| entry.amount).sum::<MicroUsd>(), MicroUsd::ZERO);
}

/// A correction takes back what was booked and was no charge: new entries, the old ones stay; once.
pub async fn corrections_are_new_entries(records: Arc<dyn Records>) {
    begun(&records, "gen_1", "att_1").await;
    let uncertain = Booking { uncertain: true, ..booking("att_1", None, 50_000) };
    apply(&records, Change::Book(Box::new(uncertain))).await;
    let correct = |micros| Change::Correct {
        attempt: "att_1".to_owned(),
        amount: MicroUsd::from_micros(micros),
        at: at(50),
    };
    let too_much = records.apply(vec![correct(50_001)]).await;
    assert!(matches!(too_much, Err(Error::Stale(_))), "{too_much:?}");
    apply(&records, correct(50_000)).await;
    let twice = records.apply(vec![correct(50_000)]).await;
    assert!(twice.is_err(), "it was taken back already");
    let generation = find(&records, "gen_1").await;
    assert_eq!(
        (generation.cost.charged, generation.cost.uncertain),
        (MicroUsd::ZERO, MicroUsd::ZERO)
    );
    let attempt = &generation.attempts[0];
    assert_eq!((attempt.charged, attempt.uncertain), (MicroUsd::ZERO, false));
    let entries = records.ledger(LedgerFilter::default(), Page::first(10)).await.unwrap();
    assert_eq!(entries.len(), 4, "{entries:?}");
    assert_eq!(entries.iter().map(|entry| entry.amount.micros()).sum::<i64>(), 0);
    let at_provider = entries.iter().filter(|entry| entry.account.starts_with("provider:"));
    assert_eq!(at_provider.map(|entry| entry.amount.micros()).sum::<i64>(), 0);
    assert_eq!(entries.iter().filter(|entry| entry.kind == "correction").count(), 2);
}
