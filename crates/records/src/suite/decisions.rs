//! How requests were decided.

use std::sync::Arc;

use provider::{Kind, Timestamp};

use super::{budgets::DAY, samples::*};
use crate::{Change, Decided, Demanded, NewGeneration, Records, Status};

const HOUR: i64 = 3_600_000;

fn decided(id: &str, kind: Kind, millis: i64) -> Decided {
    Decided {
        generation: id.to_owned(),
        team: TEAM.to_owned(),
        key: "key_1".to_owned(),
        kind,
        at: at(millis),
        body: format!("why {id}"),
    }
}

/// A decision is its team's, goes with its generation, and is counted by hour and kind.
pub async fn decisions_are_kept_and_counted(records: Arc<dyn Records>) {
    // The samples begin a quarter past an hour.
    let all = [
        decided("gen_1", Kind::Image, 0),
        decided("gen_2", Kind::Image, HOUR / 2),
        decided("gen_3", Kind::Video, HOUR),
        decided("gen_4", Kind::Image, 2 * HOUR),
    ];
    for one in &all {
        let Decided { generation: id, kind, at, body, .. } = one.clone();
        let new = NewGeneration { at, kind, ..generation(&id, TEAM) };
        let decide = Change::Decide { generation: id, at, body };
        records.apply(vec![accepts(new), decide]).await.unwrap();
    }
    let said = |team: &'static str| {
        let records = Arc::clone(&records);
        async move { records.decision(team, "gen_1").await.unwrap() }
    };
    assert_eq!(said(TEAM).await.as_deref(), Some("why gen_1"));
    assert_eq!(said("team_2").await, None, "another team's");
    let newest = records.decisions(3).await.unwrap();
    assert_eq!(newest, [all[3].clone(), all[2].clone(), all[1].clone()]);

    let hours = |since: i64| {
        let records = Arc::clone(&records);
        async move {
            let mut all = records.demand(at(since)).await.unwrap();
            all.sort_by_key(|one| one.hour);
            all
        }
    };
    let hour = |millis: i64| {
        let hours = at(millis).millis().div_euclid(HOUR);
        Timestamp::from_millis(hours * HOUR)
    };
    let counted = |kind, millis: i64, requests| Demanded { kind, hour: hour(millis), requests };
    let image = counted(Kind::Image, 0, 2);
    let rest = [counted(Kind::Video, HOUR, 1), counted(Kind::Image, 2 * HOUR, 1)];
    assert_eq!(hours(0).await, [image, rest[0], rest[1]]);
    assert_eq!(hours(HOUR).await, rest, "from the hour of that moment on");

    records.apply(vec![ends("gen_1", Status::Failed)]).await.unwrap();
    apply(&records, Change::ForgetGenerations { before: at(DAY), limit: 9 }).await;
    assert_eq!(said(TEAM).await, None);
    assert_eq!(records.decisions(9).await.unwrap().len(), 3);
}
