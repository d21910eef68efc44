//! Generations that show what another one made, and those that wait for it.

use std::sync::Arc;

use provider::MicroUsd;

use super::{
    budgets::{DAY, money, outputs, people, short, sound, standing},
    samples::*,
};
use crate::{
    Answer, Asset, CacheResult, Change, EndGeneration, Error, NewGeneration, OutputRecord, Records,
    Reserve, Share, Span, Status, TakeOn,
};

fn day() -> Span {
    Span { owner: TEAM.to_owned(), since: at(0), until: at(DAY) }
}

/// `gen_1`, paid and over, its picture `ast_1`.
async fn made(records: &Arc<dyn Records>) {
    begun(records, "gen_1", "att_1").await;
    let over = vec![
        books(booking("att_1", Some("work-1"), 26_700)),
        ended("att_1"),
        Change::Asset(Box::new(asset("ast_1", Some("gen_1")))),
        ends("gen_1", Status::Completed),
    ];
    records.apply(over).await.unwrap();
}

fn shared(id: &str, generation: &str) -> Asset {
    Asset { blob: Some("ast_1".to_owned()), ..asset(id, Some(generation)) }
}

fn shown(id: &str) -> OutputRecord {
    OutputRecord { blob: Some("ast_1".to_owned()), ..output(id) }
}

/// The generation `id` shows what `gen_1` made, with an asset of its own.
fn answer(new: NewGeneration, picture: &str) -> Vec<Change> {
    let new = NewGeneration { cache: CacheResult::Hit, ..new };
    let end = EndGeneration {
        outputs: vec![shown(picture)],
        source: Some("gen_1".to_owned()),
        ..end(&new.id, Status::Completed)
    };
    let picture = Change::Share(Box::new(Share {
        id: picture.to_owned(),
        of: "ast_1".to_owned(),
        team: new.team.clone(),
        generation: new.id.clone(),
        at: at(20),
        expires_at: at(500),
    }));
    vec![Change::Answer(Box::new(Answer { new, end })), picture]
}

/// An answer is accepted and over in one, costs nothing and counts in no budget.
pub async fn an_answer_is_whole_at_once(records: Arc<dyn Records>) {
    people(&records).await;
    let checks = vec![outputs(day(), 9)];
    apply(&records, accepts(NewGeneration { checks, ..generation("gen_0", TEAM) })).await;
    apply(&records, ends("gen_0", Status::Failed)).await;
    made(&records).await;
    let before = standing(&records, day()).await;
    records.apply(answer(idempotent("gen_2", TEAM, "once", 7), "ast_2")).await.unwrap();
    let found = find(&records, "gen_2").await;
    assert_eq!((found.status, found.cache), (Status::Completed, CacheResult::Hit));
    assert_eq!(found.source.as_deref(), Some("gen_1"));
    assert_eq!((found.outputs, found.cost.charged), (vec![shown("ast_2")], MicroUsd::ZERO));
    assert_eq!(found.completed_at, Some(at(40)));
    assert_eq!(found.provider.as_deref(), Some("zekron"));
    assert_eq!(records.asset("ast_2").await.unwrap(), Some(shared("ast_2", "gen_2")));
    assert!(records.unfinished().await.unwrap().is_empty());
    assert_eq!(standing(&records, day()).await, before);
    let used = records.idempotent(TEAM, "once").await.unwrap().unwrap();
    assert_eq!(used.generation, "gen_2");
    let again = records.apply(answer(idempotent("gen_3", TEAM, "once", 7), "ast_3")).await;
    assert!(matches!(again, Err(Error::Used(by)) if by.generation == "gen_2"));
    sound(&records).await;
}

/// Nothing is answered with what was deleted, and a refused answer uses no idempotency key up.
pub async fn answers_need_their_source(records: Arc<dyn Records>) {
    let gone = |result: Result<(), Error>, what: &str| {
        assert!(matches!(&result, Err(error) if is_stale(error, what)), "{what}: {result:?}");
    };
    let new = || idempotent("gen_2", TEAM, "once", 7);
    gone(records.apply(answer(new(), "ast_2")).await, "gen_1");
    made(&records).await;
    apply(&records, Change::DropAsset("ast_1".to_owned())).await;
    gone(records.apply(answer(new(), "ast_2")).await, "ast_1");
    assert_eq!(records.generation(TEAM, "gen_2").await.unwrap(), None);
    apply(&records, Change::Asset(Box::new(asset("ast_1", Some("gen_1"))))).await;
    records.apply(answer(new(), "ast_2")).await.unwrap();

    let words = Change::ForgetWords { before: at(DAY), limit: 9 };
    apply(&records, words).await;
    gone(records.apply(answer(generation("gen_3", TEAM), "ast_3")).await, "gen_1");
    apply(&records, Change::Erase { generation: "gen_1".to_owned() }).await;
    gone(records.apply(answer(generation("gen_3", TEAM), "ast_3")).await, "gen_1");
    let unsourced = EndGeneration { source: None, ..end("gen_3", Status::Completed) };
    let bare = Answer { new: generation("gen_3", TEAM), end: unsourced };
    gone(records.apply(vec![Change::Answer(Box::new(bare))]).await, "gen_3");

    // One that waited learns it as well, and is still open.
    let waits = NewGeneration { source: Some("gen_1".to_owned()), ..generation("gen_4", TEAM) };
    apply(&records, accepts(waits)).await;
    let last =
        EndGeneration { source: Some("gen_1".to_owned()), ..end("gen_4", Status::Completed) };
    gone(records.apply(vec![Change::EndGeneration(Box::new(last))]).await, "gen_1");
    assert_eq!(records.unfinished().await.unwrap().len(), 1);
}

/// Bytes are known as long as any asset names them, whichever goes first.
pub async fn shared_bytes_go_with_the_last(records: Arc<dyn Records>) {
    made(&records).await;
    records.apply(answer(generation("gen_2", TEAM), "ast_2")).await.unwrap();
    records.apply(answer(generation("gen_3", "team_2"), "ast_3")).await.unwrap();
    let unknown = || async {
        let places = ["ast_1", "ast_2"].map(str::to_owned).to_vec();
        records.unknown_assets(places).await.unwrap()
    };
    assert_eq!(unknown().await, ["ast_2"], "its bytes lie elsewhere");
    let place = |id: &str| (id.to_owned(), "ast_1".to_owned());
    let mut expired = records.expired_assets(at(DAY), 9).await.unwrap();
    expired.sort();
    assert_eq!(expired, [place("ast_1"), place("ast_2"), place("ast_3")]);
    apply(&records, Change::Erase { generation: "gen_1".to_owned() }).await;
    assert_eq!(unknown().await, ["ast_2"]);
    assert_eq!(records.asset("ast_1").await.unwrap(), None);
    assert!(records.asset("ast_2").await.unwrap().is_some());
    apply(&records, Change::Erase { generation: "gen_2".to_owned() }).await;
    assert_eq!(unknown().await, ["ast_2"]);
    apply(&records, Change::DropAsset("ast_3".to_owned())).await;
    assert_eq!(unknown().await, ["ast_1", "ast_2"]);
}

/// One that waited for another one's outputs holds nothing until it pays for its own, and then only what
/// its budgets cover.
pub async fn who_waited_in_vain_pays_for_itself(records: Arc<dyn Records>) {
    people(&records).await;
    let waits = NewGeneration {
        running: false,
        estimated: MicroUsd::ZERO,
        cache: CacheResult::Coalesced,
        source: Some("gen_1".to_owned()),
        ..generation("gen_2", TEAM)
    };
    apply(&records, accepts(waits)).await;
    assert_eq!(held(&records).await, 0);
    let take = |limit: i64| {
        Change::TakeOn(Box::new(TakeOn {
            generation: "gen_2".to_owned(),
            team: TEAM.to_owned(),
            key: "key_1".to_owned(),
            estimated: MicroUsd::from_micros(26_000),
            reserve: Reserve { amount: MicroUsd::from_micros(40_000), outputs: 1 },
            checks: vec![money(day(), limit)],
        }))
    };
    let told = short(records.apply(vec![take(39_999)]).await);
    assert_eq!(told.left, Some(MicroUsd::from_micros(39_999)));
    assert_eq!(find(&records, "gen_2").await.cache, CacheResult::Coalesced);
    apply(&records, take(40_000)).await;
    let found = find(&records, "gen_2").await;
    assert_eq!((found.cache, found.source), (CacheResult::Miss, None));
    assert_eq!(found.cost.estimated.micros(), 26_000);
    assert_eq!(held(&records).await, 40_000);
    apply(&records, ends("gen_2", Status::Failed)).await;
    assert_eq!(held(&records).await, 0);
    assert!(is_stale(&refused(&records, take(40_000)).await, "gen_2"), "it is over");
    sound(&records).await;
}
