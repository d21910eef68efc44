//! What time takes away, and what it leaves.

use std::sync::Arc;

use provider::{Kind, MicroUsd};

use super::{
    budgets::{DAY, people},
    samples::*,
};
use crate::{
    Change, Dimension, EndGeneration, LedgerFilter, NewGeneration, OutputRecord, Page, Purse,
    Records, Saving, SavingReason, Span, Status, Units, UnitsState,
};

fn forget_words(before: i64, limit: u32) -> Change {
    Change::ForgetWords { before: at(before), limit }
}

fn forget(before: i64, limit: u32) -> Change {
    Change::ForgetGenerations { before: at(before), limit }
}

/// A generation made at that moment, charged 10 and ended with a text; `gen_NN` with `att_NN`.
async fn lived(records: &Arc<dyn Records>, n: i64) {
    let (id, of) = (format!("gen_{n:02}"), format!("att_{n:02}"));
    let text = OutputRecord { text: Some("a fox, it said".to_owned()), ..OutputRecord::default() };
    let last = EndGeneration { outputs: vec![text, output("ast_1")], ..end(&id, Status::Failed) };
    let life = vec![
        accepts(NewGeneration { at: at(n), ..generation(&id, TEAM) }),
        attempts(attempt(&of, &id)),
        books(booking(&of, Some(&of), 10)),
        ended(&of),
        Change::EndGeneration(Box::new(last)),
    ];
    records.apply(life).await.unwrap();
}

async fn worded(records: &Arc<dyn Records>) -> Vec<String> {
    let page = Page { limit: 100, after: None, ascending: true };
    let all = records.generations(TEAM, None, page).await.unwrap();
    all.into_iter().filter(|one| !one.request.is_empty()).map(|one| one.id).collect()
}

/// The words of old generations go, a few at a time, oldest first; what they made and cost stays. One
/// that is not over keeps its words, and holds no other up.
pub async fn old_words_are_forgotten(records: Arc<dyn Records>) {
    for n in 0..3 {
        lived(&records, n).await;
    }
    apply(&records, accepts(NewGeneration { at: at(3), ..generation("gen_03", TEAM) })).await;
    apply(&records, accepts(NewGeneration { at: at(4), ..generation("gen_04", TEAM) })).await;
    let still = vec![attempts(attempt("att_04", "gen_04")), ends("gen_04", Status::Failed)];
    records.apply(still).await.unwrap();
    for n in 5..8 {
        lived(&records, n).await;
    }
    let before = find(&records, "gen_00").await;
    let ids = |these: &[i64]| these.iter().map(|n| format!("gen_{n:02}")).collect::<Vec<_>>();
    for (change, left) in [
        (forget_words(0, 9), ids(&[0, 1, 2, 3, 4, 5, 6, 7])),
        (forget_words(7, 0), ids(&[0, 1, 2, 3, 4, 5, 6, 7])),
        (forget_words(7, 2), ids(&[2, 3, 4, 5, 6, 7])),
        (forget_words(7, 2), ids(&[3, 4, 6, 7])),
        (forget_words(7, 2), ids(&[3, 4, 7])),
        (forget_words(7, 2), ids(&[3, 4, 7])),
    ] {
        apply(&records, change.clone()).await;
        assert_eq!(worded(&records).await, left, "{change:?}");
    }
    records.apply(vec![ends("gen_03", Status::Failed), ended("att_04")]).await.unwrap();
    apply(&records, forget_words(DAY, 9)).await;
    assert_eq!(worded(&records).await, ids(&[]));

    let after = find(&records, "gen_00").await;
    assert!(after.metadata.is_empty() && after.outputs[0].text.is_none());
    assert_eq!(after.outputs[1], before.outputs[1]);
    let code = |one: &crate::Generation| one.error.clone().map(|error| error.code);
    assert_eq!(code(&after), code(&before));
    assert_eq!(after.error.unwrap().message, "");
    assert_eq!((after.cost, after.attempts), (before.cost, before.attempts));
    assert_eq!(records.verify().await.unwrap(), []);
}

/// Old generations go with all that belongs to them, a few at a time; the books, the savings and the
/// counts of budgets stay. One that is not over, or may still be charged, stays.
pub async fn old_generations_are_forgotten(records: Arc<dyn Records>) {
    people(&records).await;
    for n in 0..4 {
        lived(&records, n).await;
    }
    begun(&records, "gen_04", "att_04").await;
    begun(&records, "gen_05", "att_05").await;
    records.apply(vec![ends("gen_05", Status::Failed), belongings("att_00")]).await.unwrap();
    let saving = Saving {
        generation: "gen_00".to_owned(),
        team: TEAM.to_owned(),
        key: "key_1".to_owned(),
        model: "zsky/video".to_owned(),
        reason: SavingReason::Cache,
        amount: MicroUsd::from_micros(77),
        at: at(9),
    };
    apply(&records, Change::Save(Box::new(saving))).await;
    let entries = ledger(&records).await;
    let quarter = 900_000;
    let since = at(0).millis() / quarter * quarter;
    let span = Span {
        owner: "key_1".to_owned(),
        since: provider::Timestamp::from_millis(since),
        until: provider::Timestamp::from_millis(since + DAY),
    };
    let standing = records.standings(vec![span.clone()]).await.unwrap();
    assert_eq!((standing[0].outputs, standing[0].charged.micros()), (8, 40));
    for (change, left) in [
        (forget(0, 9), 6),
        (forget(3, 0), 6),
        (forget(3, 2), 4),
        (forget(3, 2), 3),
        (forget(3, 2), 3),
        (forget(DAY, 9), 2),
    ] {
        apply(&records, change.clone()).await;
        let found = records.generations(TEAM, None, Page::first(99)).await.unwrap();
        assert_eq!(found.len(), left, "{change:?}");
    }
    assert_eq!(records.generation(TEAM, "gen_00").await.unwrap(), None);
    assert_eq!(records.units_since(at(0)).await.unwrap(), []);
    assert_eq!(records.judged_since(at(0)).await.unwrap(), []);
    assert_eq!(ledger(&records).await, entries);
    let usage = records.usage(TEAM, None, at(0), at(DAY)).await.unwrap();
    assert_eq!((usage.charged.micros(), usage.saved.micros()), (40, 77));
    assert_eq!(records.standings(vec![span]).await.unwrap(), standing);
    let late = vec![books(booking("att_05", None, 5)), ended("att_05"), ended("att_04")];
    records.apply(late).await.unwrap();
    records.apply(vec![ends("gen_04", Status::Failed), forget(DAY, 9)]).await.unwrap();
    assert_eq!(records.generations(TEAM, None, Page::first(99)).await.unwrap(), []);
    assert_eq!(ledger(&records).await.len(), entries.len() + 2);
    assert_eq!(records.verify().await.unwrap(), []);
}

fn belongings(attempt: &str) -> Change {
    Change::TakeUnits(Box::new(Units {
        attempt: attempt.to_owned(),
        account: "zsky/main".to_owned(),
        kind: Kind::Video,
        units: 3,
        overage_units: 0,
        price: MicroUsd::ZERO,
        at: at(1),
        state: UnitsState::Used,
    }))
}

/// Where an allowance's generation is gone, its entry counts as one unit.
pub async fn forgotten_allowances_count_as_one(records: Arc<dyn Records>) {
    begun(&records, "gen_1", "att_1").await;
    let free = crate::Booking { purse: Purse::Allowance, ..booking("att_1", None, 0) };
    let life =
        vec![books(free), belongings("att_1"), ended("att_1"), ends("gen_1", Status::Failed)];
    records.apply(life).await.unwrap();
    for (change, units) in [(Change::Prune(at(0)), 3), (forget(DAY, 9), 1)] {
        apply(&records, change).await;
        let by = vec![Dimension::Provider];
        let spent = records.spend(by, LedgerFilter::default()).await.unwrap();
        assert_eq!((spent[0].generations, spent[0].units), (1, units));
    }
}
