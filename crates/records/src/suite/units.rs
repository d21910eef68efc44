//! What is taken of allowances, and what was judged.

use std::sync::Arc;

use provider::{Kind, MicroUsd};

use super::samples::{apply, at, attempt, begun};
use crate::{Change, EndAttempt, NewAttempt, Outcome, Records, Units, UnitsState};

fn units(attempt: &str, millis: i64, state: UnitsState) -> Units {
    Units {
        attempt: attempt.to_owned(),
        account: "zsky/main".to_owned(),
        kind: Kind::Video,
        units: 1,
        overage_units: 0,
        price: MicroUsd::ZERO,
        at: at(millis),
        state,
    }
}

/// Units stand from the moment they are taken; free ones are gone, doubts and money are remembered
/// from before the span too.
pub async fn units_are_remembered(records: Arc<dyn Records>) {
    let open = |name: &str, millis| units(name, millis, UnitsState::Open);
    let paid = Units { overage_units: 1, price: MicroUsd::from_micros(50_000), ..open("paid", 1) };
    let all = [open("old", 0), paid, open("doubt", 2), open("used", 10), open("free", 11)];
    for taken in all {
        apply(&records, Change::TakeUnits(Box::new(taken))).await;
    }
    let end = |name: &str, state| Change::EndUnits { attempt: name.to_owned(), state };
    for (name, state) in [
        ("old", UnitsState::Used),
        ("paid", UnitsState::Used),
        ("doubt", UnitsState::Doubt),
        ("used", UnitsState::Used),
        ("free", UnitsState::Free),
    ] {
        apply(&records, end(name, state)).await;
    }
    let names = || async {
        let since = records.units_since(at(5)).await.unwrap();
        since.into_iter().map(|taken| (taken.attempt, taken.state)).collect::<Vec<_>>()
    };
    let expected = |doubt| {
        let mut all = vec![("paid".to_owned(), UnitsState::Used)];
        all.extend(doubt);
        all.push(("used".to_owned(), UnitsState::Used));
        all
    };
    assert_eq!(names().await, expected(Some(("doubt".to_owned(), UnitsState::Doubt))));
    apply(&records, end("doubt", UnitsState::Free)).await;
    assert_eq!(names().await, expected(None));
    let again = records.apply(vec![end("used", UnitsState::Free)]).await;
    assert!(again.is_err(), "what was used stays used");
    let whole = records.units_since(at(0)).await.unwrap();
    assert_eq!((whole.len(), whole[1].overage_units, whole[1].price.micros()), (3, 1, 50_000));
}

/// Only what a vendor's content check saw to its end is a judgement, with the team that asked.
pub async fn judgements_are_remembered(records: Arc<dyn Records>) {
    begun(&records, "gen_1", "att_0").await;
    let outcomes = [Outcome::Blocked, Outcome::Completed, Outcome::Failed, Outcome::RateLimited];
    for (nth, outcome) in (1..).zip(outcomes) {
        let name = format!("att_{nth}");
        let new = NewAttempt { at: at(nth), ..attempt(&name, "gen_1") };
        apply(&records, Change::Attempt(Box::new(new))).await;
        let over =
            EndAttempt { attempt: name, outcome, detail: None, keep_reserved: false, at: at(30) };
        apply(&records, Change::EndAttempt(over)).await;
    }
    let judged = records.judged_since(at(0)).await.unwrap();
    let told: Vec<_> = judged.iter().map(|one| (one.at, one.rejected)).collect();
    assert_eq!(told, [(at(30), true), (at(2), false)]);
    assert!(judged.iter().all(|one| one.team == "team_1" && one.account == "zekron/main"));
    assert_eq!(records.judged_since(at(31)).await.unwrap(), []);
}
