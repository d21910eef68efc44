//! What is bound to generations: idempotency keys, assets, calls, and how all of it goes.

use std::sync::Arc;

use provider::MicroUsd;
use tokio::task::JoinSet;

use super::samples::*;
use crate::{
    Booking, Change, EndAttempt, EndGeneration, Error, Idempotency, Lost, NewAttempt,
    NewGeneration, Outcome, Page, Records, Status, Unheard,
};

/// Of many requests with one idempotency key one becomes a generation, and the others learn which.
pub async fn idempotency_keys_stand_for_one(records: Arc<dyn Records>) {
    let mut racing = JoinSet::new();
    for n in 0..16_u8 {
        let records = Arc::clone(&records);
        let new = idempotent(&format!("gen_{n}"), TEAM, "once", n);
        racing.spawn(async move { (n, records.apply(vec![accepts(new)]).await) });
    }
    let results = racing.join_all().await;
    let (winners, losers): (Vec<_>, Vec<_>) =
        results.into_iter().partition(|(_, result)| result.is_ok());
    assert_eq!(winners.len(), 1);
    let winner = winners[0].0;
    let used = Idempotency {
        key: "once".to_owned(),
        body: [winner; 32],
        generation: format!("gen_{winner}"),
    };
    for (n, result) in losers {
        assert!(matches!(&result, Err(Error::Used(by)) if *by == used), "{n}: {result:?}");
        assert_eq!(records.generation(TEAM, &format!("gen_{n}")).await.unwrap(), None);
    }
    assert_eq!(records.idempotent(TEAM, "once").await.unwrap(), Some(used));
    assert_eq!(records.idempotent(TEAM, "twice").await.unwrap(), None);
    assert_eq!(records.idempotent("team_2", "once").await.unwrap(), None);
    apply(&records, accepts(idempotent("gen_other", "team_2", "once", 1))).await;
}

/// Attempts are listed call by call, each call's tries in their order, whatever their ids.
pub async fn attempts_come_in_order(records: Arc<dyn Records>) {
    apply(&records, accepts(generation("gen_1", TEAM))).await;
    for (id, slot, when) in [("att_4", 1, 5), ("att_1", 1, 9), ("att_3", 0, 8), ("att_2", 0, 7)] {
        let new = NewAttempt { slot, at: at(when), ..attempt(id, "gen_1") };
        apply(&records, attempts(new)).await;
    }
    let found = find(&records, "gen_1").await;
    let ids: Vec<_> = found.attempts.iter().map(|attempt| attempt.id.as_str()).collect();
    assert_eq!(ids, ["att_2", "att_3", "att_4", "att_1"]);
}

/// Outputs that come late are added, and the status stays what it was.
pub async fn late_outputs_are_added(records: Arc<dyn Records>) {
    let late = |asset| Change::LateOutputs {
        generation: "gen_1".to_owned(),
        outputs: vec![output(asset)],
    };
    begun(&records, "gen_1", "att_1").await;
    let early = refused(&records, late("ast_0")).await;
    assert!(is_stale(&early, "gen_1"), "a running one gets its outputs with its end: {early}");
    apply(&records, ends("gen_1", Status::Failed)).await;
    apply(&records, late("ast_1")).await;
    apply(&records, late("ast_2")).await;
    let found = find(&records, "gen_1").await;
    assert_eq!(found.outputs, [output("ast_1"), output("ast_2")]);
    assert_eq!((found.status, found.completed_at), (Status::Failed, Some(at(40))));
}

/// An erased generation is gone from every list with its words, outputs and assets; its money is
/// not.
pub async fn erasing_keeps_the_books(records: Arc<dyn Records>) {
    begun(&records, "gen_1", "att_1").await;
    begun(&records, "gen_2", "att_2").await;
    records
        .apply(vec![
            Change::Asset(Box::new(asset("ast_1", Some("gen_1")))),
            Change::Asset(Box::new(asset("ast_2", Some("gen_2")))),
            Change::Asset(Box::new(asset("ast_3", None))),
            books(booking("att_1", Some("work-1"), 26_700)),
            ended("att_1"),
            ends("gen_1", Status::Completed),
        ])
        .await
        .unwrap();
    let before = ledger(&records).await;
    apply(&records, Change::Erase { generation: "gen_1".to_owned() }).await;
    assert_eq!(records.generation(TEAM, "gen_1").await.unwrap(), None);
    let left = records.generations(TEAM, None, Page::first(10)).await.unwrap();
    assert_eq!(left.iter().map(|found| found.id.as_str()).collect::<Vec<_>>(), ["gen_2"]);
    assert_eq!(records.asset("ast_1").await.unwrap(), None);
    assert!(records.asset("ast_2").await.unwrap().is_some());
    assert!(records.asset("ast_3").await.unwrap().is_some());
    assert_eq!(ledger(&records).await, before);
    assert_eq!(records.usage(TEAM, None, at(0), at(99)).await.unwrap().charged.micros(), 26_700);
    let twice = refused(&records, Change::Erase { generation: "gen_1".to_owned() }).await;
    assert!(is_stale(&twice, "gen_1"), "{twice}");
    let claimed = refused(&records, books(booking("att_2", Some("work-1"), 1))).await;
    assert!(matches!(claimed, Error::Claimed(_)), "the claim outlives the words: {claimed}");
}

/// What a vendor still brings of an erased generation is booked, and nothing of it is kept.
pub async fn what_comes_after_erasing_is_not_kept(records: Arc<dyn Records>) {
    begun(&records, "gen_1", "att_1").await;
    apply(&records, Change::Erase { generation: "gen_1".to_owned() }).await;
    let open = records.unfinished().await.unwrap();
    assert_eq!(open.len(), 1, "its attempt may still be charged");
    assert_eq!(open[0].generation.request, "");
    assert!(open[0].generation.metadata.is_empty());
    let late = Booking { remote: vec![remote("here")], ..booking("att_1", Some("w"), 26_700) };
    records
        .apply(vec![
            books(late),
            Change::Asset(Box::new(asset("ast_1", Some("gen_1")))),
            Change::EndGeneration(Box::new(EndGeneration {
                outputs: vec![output("ast_1")],
                ..end("gen_1", Status::Failed)
            })),
            Change::LateOutputs { generation: "gen_1".to_owned(), outputs: vec![output("ast_1")] },
        ])
        .await
        .unwrap();
    let open = records.unfinished().await.unwrap();
    let settling = &open[0].generation;
    assert_eq!((settling.status, settling.outputs.len()), (Status::Failed, 0));
    let words = settling.error.as_ref().map(|error| error.message.as_str());
    assert!(words.unwrap_or_default().is_empty(), "{words:?}");
    assert_eq!(settling.attempts[0].remote, [remote("here")], "needed until the attempt is over");
    apply(&records, ended("att_1")).await;
    assert!(records.unfinished().await.unwrap().is_empty());
    assert_eq!(records.unknown_assets(vec!["ast_1".to_owned()]).await.unwrap(), ["ast_1"]);
    assert_eq!(ledger(&records).await.len(), 2);
}

/// A restart finds what has not ended, and what has but may still be charged; nothing else.
pub async fn unfinished_finds_what_it_must(records: Arc<dyn Records>) {
    apply(&records, accepts(NewGeneration { running: false, ..generation("gen_1", TEAM) })).await;
    apply(&records, accepts(generation("gen_2", "team_2"))).await;
    for n in 3..=5 {
        begun(&records, &format!("gen_{n}"), &format!("att_{n}")).await;
    }
    apply(&records, ends("gen_4", Status::Failed)).await;
    records.apply(vec![ended("att_5"), ends("gen_5", Status::Completed)]).await.unwrap();
    let found = records.unfinished().await.unwrap();
    let ids: Vec<_> = found
        .iter()
        .map(|one| (one.generation.id.as_str(), one.generation.attempts.len()))
        .collect();
    assert_eq!(ids, [("gen_1", 0), ("gen_2", 0), ("gen_3", 1), ("gen_4", 1)]);
    assert_eq!(found[2].generation, find(&records, "gen_3").await);
}

/// Assets are found by name, expire, and what was never recorded is known to be unknown.
pub async fn assets_live_and_go(records: Arc<dyn Records>) {
    let first = asset("ast_1", None);
    let own =
        |ids: &[&str]| ids.iter().map(|id| (id.to_string(), id.to_string())).collect::<Vec<_>>();
    let mut second = asset("ast_2", Some("gen_1"));
    second.expires_at = at(400);
    for asset in [&first, &second] {
        apply(&records, Change::Asset(Box::new(asset.clone()))).await;
        assert_eq!(records.asset(&asset.id).await.unwrap().as_ref(), Some(asset));
    }
    assert!(records.expired_assets(at(400), 9).await.unwrap().is_empty());
    assert_eq!(records.expired_assets(at(401), 9).await.unwrap(), own(&["ast_2"]));
    assert_eq!(records.expired_assets(at(999), 9).await.unwrap(), own(&["ast_2", "ast_1"]));
    assert_eq!(records.expired_assets(at(999), 1).await.unwrap(), own(&["ast_2"]));
    let ids = ["ast_0", "ast_1", "ast_2", "ast_3"].map(str::to_owned).to_vec();
    assert_eq!(records.unknown_assets(ids).await.unwrap(), ["ast_0", "ast_3"]);
    apply(&records, Change::DropAsset("ast_2".to_owned())).await;
    assert_eq!(records.asset("ast_2").await.unwrap(), None);
    apply(&records, Change::DropAsset("ast_2".to_owned())).await;
}

/// Calls are remembered one by one, those of one millisecond too, and every attempt is one.
pub async fn calls_are_remembered(records: Arc<dyn Records>) {
    begun(&records, "gen_1", "att_1").await;
    let call = |account: &str, millis| Change::Call { account: account.to_owned(), at: at(millis) };
    records
        .apply(vec![call("zsky/b", 3), call("zekron/main", 10), call("zsky/b", 3)])
        .await
        .unwrap();
    let calls = records.calls_since(at(3)).await.unwrap();
    let calls: Vec<_> = calls.iter().map(|(account, at)| (account.as_str(), *at)).collect();
    let zekron = ("zekron/main", at(10));
    assert_eq!(calls, [("zsky/b", at(3)), ("zsky/b", at(3)), zekron, zekron]);
    assert_eq!(records.calls_since(at(4)).await.unwrap().len(), 2);
}

/// A submit that nobody heard of again is told from every other, with its moment of sending.
pub async fn unheard_submits_are_remembered(records: Arc<dyn Records>) {
    for (number, outcome) in
        [Outcome::Unknown, Outcome::Failed, Outcome::Unknown, Outcome::RateLimited]
            .iter()
            .enumerate()
    {
        let attempt = format!("att_{number}");
        begun(&records, &format!("gen_{number}"), &attempt).await;
        if number != 0 {
            let lost = Lost { at: at(20), ended: number == 2 };
            apply(&records, Change::Lost { attempt: attempt.clone(), lost }).await;
        }
        let (outcome, detail) = (*outcome, None);
        apply(
            &records,
            Change::EndAttempt(EndAttempt {
                attempt,
                outcome,
                detail,
                keep_reserved: false,
                at: at(30),
            }),
        )
        .await;
    }
    begun(&records, "gen_9", "att_9").await;
    let mut unheard = records.unheard_since(at(10)).await.unwrap();
    unheard.sort_by_key(|one| one.ended);
    let one = |ended| Unheard { account: "zekron/main".to_owned(), sent_at: at(10), ended };
    assert_eq!(unheard, [one(false), one(true)]);
    assert_eq!(records.unheard_since(at(11)).await.unwrap(), []);
}

/// Pruning forgets calls and idempotency keys that are older, and no hold of an attempt under way.
pub async fn pruning_forgets_only_the_old(records: Arc<dyn Records>) {
    begun(&records, "gen_0", "att_0").await;
    for (id, when) in [("gen_1", 1000), ("gen_2", 2000)] {
        let new = NewGeneration { at: at(when), ..idempotent(id, TEAM, id, 1) };
        let call = Change::Call { account: "a".to_owned(), at: at(when) };
        records.apply(vec![accepts(new), call]).await.unwrap();
    }
    apply(&records, Change::Prune(at(2000))).await;
    assert_eq!(records.idempotent(TEAM, "gen_1").await.unwrap(), None);
    assert!(records.idempotent(TEAM, "gen_2").await.unwrap().is_some());
    assert_eq!(records.calls_since(at(1000)).await.unwrap(), [("a".to_owned(), at(2000))]);
    assert_eq!(held(&records).await, 40_000, "its hold is past its time, its attempt is not over");
    assert!(records.generation(TEAM, "gen_1").await.unwrap().is_some());
    assert_eq!(find(&records, "gen_0").await.cost.charged, MicroUsd::ZERO);
}
