//! Hard budgets: never passed, however many race, and nobody refused whom they cover.

use std::sync::Arc;

use provider::{MicroUsd, Timestamp};
use tokio::task::JoinSet;

use super::samples::*;
use crate::{
    Change, Check, EndGeneration, Error, NewAttempt, NewGeneration, Records, Reserve, Result,
    Short, Span, Standing, Status,
};

pub(super) const DAY: i64 = 86_400_000;
const KEY: &str = "key_1";

/// The day that begins so many milliseconds after the first moment.
fn day(owner: &str, since: i64) -> Span {
    Span { owner: owner.to_owned(), since: at(since), until: at(since + DAY) }
}

fn total(owner: &str) -> Span {
    let (since, until) = (Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX));
    Span { owner: owner.to_owned(), since, until }
}

pub(super) fn money(span: Span, micros: i64) -> Check {
    Check { span, limit: Some(MicroUsd::from_micros(micros)), outputs: None }
}

pub(super) fn outputs(span: Span, outputs: u64) -> Check {
    Check { span, limit: None, outputs: Some(outputs) }
}

fn reserving(id: &str, micros: i64, outputs: u64, checks: Vec<Check>) -> NewGeneration {
    let reserve = Reserve { amount: MicroUsd::from_micros(micros), outputs };
    NewGeneration { reserve, checks, ..generation(id, TEAM) }
}

fn holding(id: &str, generation: &str, micros: i64, checks: Vec<Check>) -> Change {
    let upper = MicroUsd::from_micros(micros);
    attempts(NewAttempt { upper, checks, ..attempt(id, generation) })
}

/// The team and the key that the samples use, as people make them.
pub(super) async fn people(records: &Arc<dyn Records>) {
    let made = vec![Change::Team(team(TEAM)), Change::Key(key(KEY, TEAM), hash(1))];
    records.apply(made).await.unwrap();
}

pub(super) fn short(result: Result<()>) -> Short {
    match result {
        Err(Error::Budget(short)) => short,
        other => unreachable!("{other:?}"),
    }
}

pub(super) async fn standing(records: &Arc<dyn Records>, span: Span) -> (i64, i64, u64, u64) {
    let found = records.standings(vec![span]).await.unwrap();
    let Standing { charged, held, outputs, outputs_held } = found[0];
    (charged.micros(), held.micros(), outputs, outputs_held)
}

pub(super) async fn sound(records: &Arc<dyn Records>) {
    assert_eq!(records.verify().await.unwrap(), []);
}

/// Of many that race for a budget as many pass as it covers, to the micro-dollar.
pub async fn racing_never_passes_a_budget(records: Arc<dyn Records>) {
    people(&records).await;
    let mut racing = JoinSet::new();
    for n in 0..96 {
        let records = Arc::clone(&records);
        let checks = vec![money(day(TEAM, 0), 300), money(total(KEY), 305)];
        racing.spawn(async move {
            let (id, of) = (format!("gen_{n:02}"), format!("att_{n:02}"));
            let new = accepts(reserving(&id, 10, 0, checks));
            let begun = records.apply(vec![new, holding(&of, &id, 10, vec![])]).await;
            if begun.is_ok() && n % 2 == 0 {
                let settled =
                    vec![books(booking(&of, None, 10)), ended(&of), ends(&id, Status::Completed)];
                records.apply(settled).await.unwrap();
            }
            begun
        });
    }
    let results = racing.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 30);
    for result in results.into_iter().filter(Result::is_err) {
        let told = short(result);
        assert_eq!((told.span, told.left), (day(TEAM, 0), Some(MicroUsd::ZERO)));
        assert_eq!(told.outputs_left, None);
    }
    let (charged, held, ..) = standing(&records, day(TEAM, 0)).await;
    assert_eq!(charged + held, 300);
    assert_eq!(held, records.held(TEAM).await.unwrap().micros());
    sound(&records).await;
}

/// What is covered to the micro-dollar passes; what is free always does; of several budgets that are
/// short the one with the least money left is told.
pub async fn budgets_cover_to_the_last(records: Arc<dyn Records>) {
    people(&records).await;
    let checks = |limit| vec![money(day(TEAM, 0), limit)];
    apply(&records, accepts(reserving("gen_1", 60, 1, checks(100)))).await;
    let told = short(records.apply(vec![accepts(reserving("gen_2", 41, 0, checks(100)))]).await);
    assert_eq!((told.left, told.outputs_left), (Some(MicroUsd::from_micros(40)), None));
    assert_eq!(records.generation(TEAM, "gen_2").await.unwrap(), None);
    apply(&records, accepts(reserving("gen_2", 40, 0, checks(100)))).await;
    apply(&records, accepts(reserving("gen_3", 0, 1, checks(0)))).await;

    let counted = |limit| vec![outputs(total(KEY), limit)];
    let told = short(records.apply(vec![accepts(reserving("gen_4", 9, 2, counted(3)))]).await);
    assert_eq!((told.left, told.outputs_left), (None, Some(1)));
    apply(&records, accepts(reserving("gen_4", 0, 1, counted(3)))).await;
    apply(&records, accepts(reserving("gen_5", 9, 0, counted(1)))).await;
    let told = short(records.apply(vec![accepts(reserving("gen_6", 9, 1, counted(1)))]).await);
    assert_eq!(told.outputs_left, Some(0), "never less than nothing");

    let several = vec![
        outputs(day(TEAM, 0), 3),
        money(total(TEAM), 125),
        money(day(KEY, 0), 120),
        money(total(KEY), 130),
    ];
    let told = short(records.apply(vec![accepts(reserving("gen_6", 30, 1, several))]).await);
    assert_eq!((told.span, told.left), (day(KEY, 0), Some(MicroUsd::from_micros(11))));
    assert_eq!(standing(&records, total(TEAM)).await, (0, 109, 0, 3));
    sound(&records).await;
}

/// What is reserved becomes what attempts hold, then what they are charged; what an attempt leaves is
/// the next one's, and with the generation everything is free.
pub async fn reserves_become_holds_and_charges(records: Arc<dyn Records>) {
    people(&records).await;
    let checks = || vec![money(day(TEAM, 0), 120), money(day(KEY, 0), 500)];
    let state = async || {
        sound(&records).await;
        let (charged, held, ..) = standing(&records, day(TEAM, 0)).await;
        assert_eq!(records.held(TEAM).await.unwrap().micros(), held);
        (charged, held)
    };
    apply(&records, accepts(reserving("gen_1", 100, 2, checks()))).await;
    apply(&records, holding("att_1", "gen_1", 60, checks())).await;
    assert_eq!(state().await, (0, 100));
    let beyond = records.apply(vec![holding("att_2", "gen_1", 61, checks())]).await;
    assert_eq!(short(beyond).left, Some(MicroUsd::from_micros(20)), "40 are reserved, 20 left");
    apply(&records, holding("att_2", "gen_1", 60, checks())).await;
    assert_eq!(state().await, (0, 120));
    apply(&records, books(booking("att_1", None, 25))).await;
    assert_eq!(state().await, (25, 60));
    apply(&records, ended("att_1")).await;
    apply(&records, keeping("att_2")).await;
    assert_eq!(state().await, (25, 60), "it is reserved for the next attempt");
    apply(&records, holding("att_3", "gen_1", 60, checks())).await;
    apply(&records, ended("att_3")).await;
    assert_eq!(state().await, (25, 0));
    apply(&records, holding("att_4", "gen_1", 7, checks())).await;
    apply(&records, ends("gen_1", Status::Completed)).await;
    assert_eq!(state().await, (25, 7), "the vendor may still charge it");
    assert_eq!(standing(&records, day(KEY, 0)).await, (25, 7, 1, 0));
    apply(&records, keeping("att_4")).await;
    assert_eq!(state().await, (25, 0), "a final generation keeps nothing in reserve");
    apply(&records, books(booking("att_4", None, 3))).await;
    assert_eq!(state().await, (28, 0), "what comes late is charged all the same");
}

fn keeping(attempt: &str) -> Change {
    match ended(attempt) {
        Change::EndAttempt(end) => {
            Change::EndAttempt(crate::EndAttempt { keep_reserved: true, ..end })
        }
        other => other,
    }
}

/// A budget that is new counts what was charged, held and made before; one for a day begins anew with
/// it, and carries what is held along.
pub async fn budgets_count_what_was_before(records: Arc<dyn Records>) {
    people(&records).await;
    begun(&records, "gen_1", "att_1").await;
    begun(&records, "gen_2", "att_2").await;
    let made = end("gen_1", Status::Completed);
    let made = EndGeneration { outputs: vec![output("ast_1"), output("ast_2")], ..made };
    let settled = vec![
        books(booking("att_1", None, 100)),
        ended("att_1"),
        Change::EndGeneration(Box::new(made)),
        Change::Erase { generation: "gen_1".to_owned() },
    ];
    records.apply(settled).await.unwrap();
    for owner in [TEAM, KEY] {
        assert_eq!(standing(&records, day(owner, 0)).await, (100, 40_000, 2, 0));
        assert_eq!(standing(&records, day(owner, DAY)).await, (0, 40_000, 0, 0));
        assert_eq!(standing(&records, day(owner, 20)).await, (100, 40_000, 2, 0));
        assert_eq!(standing(&records, day(owner, 21)).await, (0, 40_000, 2, 0));
        let until = Span { until: at(40), ..day(owner, 0) };
        assert_eq!(standing(&records, until).await, (100, 40_000, 0, 0));
        let short_by_one = vec![money(day(owner, 0), 40_100 + 9)];
        let told = records.apply(vec![accepts(reserving("gen_3", 10, 0, short_by_one))]).await;
        assert_eq!(short(told).left, Some(MicroUsd::from_micros(9)));
        let few = vec![outputs(total(owner), 4)];
        let told = records.apply(vec![accepts(reserving("gen_3", 10, 3, few))]).await;
        assert_eq!(short(told).outputs_left, Some(2));
    }
    let checks = vec![money(day(TEAM, 0), 40_110), outputs(total(KEY), 3)];
    apply(&records, accepts(reserving("gen_3", 10, 1, checks))).await;
    let told = vec![money(day(KEY, DAY), 40_010)];
    let told = records.apply(vec![accepts(reserving("gen_4", 1, 0, told))]).await;
    assert_eq!(short(told).left, Some(MicroUsd::ZERO));
    let late = Change::LateOutputs { generation: "gen_2".to_owned(), outputs: vec![output("x")] };
    records.apply(vec![ends("gen_2", Status::Failed), late]).await.unwrap();
    assert_eq!(standing(&records, total(KEY)).await, (100, 40_010, 3, 1));
    apply(&records, Change::Prune(at(3 * DAY))).await;
    assert_eq!(standing(&records, total(KEY)).await, (100, 40_010, 3, 1));
    assert_eq!(standing(&records, day(TEAM, 0)).await, (100, 40_010, 3, 1));
    sound(&records).await;
}

/// What is taken back or lost is spent no more; what is taken back on a later day is no leave to spend
/// more than that day's budget.
pub async fn corrections_and_losses_free_budgets(records: Arc<dyn Records>) {
    people(&records).await;
    let checks = |since, limit| vec![money(day(TEAM, since), limit)];
    for n in 1..=3 {
        let (id, of) = (format!("gen_{n}"), format!("att_{n}"));
        apply(&records, accepts(reserving(&id, 100, 0, checks(0, 300)))).await;
        let settled = vec![
            holding(&of, &id, 100, vec![]),
            books(booking(&of, None, 100)),
            ended(&of),
            ends(&id, Status::Failed),
        ];
        records.apply(settled).await.unwrap();
    }
    assert_eq!(standing(&records, day(TEAM, 0)).await, (300, 0, 0, 0));
    let amount = MicroUsd::from_micros(30);
    let correct = |attempt: &str, at| Change::Correct { attempt: attempt.to_owned(), amount, at };
    apply(&records, correct("att_1", at(50))).await;
    apply(&records, Change::Lose { attempt: "att_1".to_owned(), at: at(51) }).await;
    assert_eq!(standing(&records, day(TEAM, 0)).await, (200, 0, 0, 0));
    apply(&records, accepts(reserving("gen_4", 100, 0, checks(0, 300)))).await;
    assert_eq!(standing(&records, day(TEAM, DAY)).await, (0, 100, 0, 0));
    apply(&records, correct("att_2", at(DAY))).await;
    let told = records.apply(vec![accepts(reserving("gen_5", 1, 0, checks(DAY, 100)))]).await;
    assert_eq!(short(told).left, Some(MicroUsd::ZERO));
    assert_eq!(standing(&records, day(TEAM, DAY)).await, (-30, 100, 0, 0));
    sound(&records).await;
}
