//! Who drives what, and who takes over from the dead.

use std::sync::Arc;

use super::samples::{TEAM, accepts, apply, at, end, generation};
use crate::{Change, EndGeneration, Error, NewGeneration, Records, Status};

fn alive(worker: &str, millis: i64) -> Change {
    Change::Heartbeat { worker: worker.to_owned(), until: at(millis) }
}

fn over(from: &str, to: &str, millis: i64) -> Change {
    Change::TakeOver { from: from.to_owned(), to: to.to_owned(), now: at(millis) }
}

async fn of(records: &Arc<dyn Records>, worker: &str) -> Vec<String> {
    let all = records.unfinished().await.unwrap();
    let mine = all.into_iter().filter(|one| one.worker == worker);
    mine.map(|one| one.generation.id).collect()
}

/// The dead one's open generations go to whoever comes first, whole; the living keep theirs.
pub async fn the_dead_are_taken_over_once(records: Arc<dyn Records>) {
    apply(&records, alive("w_1", 100)).await;
    apply(&records, alive("w_2", 500)).await;
    for (id, worker) in [("gen_1", "w_1"), ("gen_2", "w_1"), ("gen_3", "w_2"), ("gen_4", "w_1")] {
        let worker = worker.to_owned();
        apply(&records, accepts(NewGeneration { worker, ..generation(id, TEAM) })).await;
    }
    let ended: EndGeneration = end("gen_4", Status::Failed);
    apply(&records, Change::EndGeneration(Box::new(ended))).await;
    assert!(records.dead_workers(at(99)).await.unwrap().is_empty());
    let early = records.apply(vec![over("w_1", "w_2", 99)]).await;
    assert!(matches!(early, Err(Error::Stale(_))), "{early:?}");
    assert_eq!(records.dead_workers(at(100)).await.unwrap(), ["w_1"]);
    apply(&records, over("w_1", "w_2", 100)).await;
    let twice = records.apply(vec![over("w_1", "w_3", 100)]).await;
    assert!(matches!(twice, Err(Error::Stale(_))), "{twice:?}");
    assert_eq!(of(&records, "w_2").await, ["gen_1", "gen_2", "gen_3"]);
    // One that is certainly alone takes everything, whoever says to live.
    apply(&records, Change::TakeAll { to: "w_9".to_owned() }).await;
    assert_eq!(of(&records, "w_9").await, ["gen_1", "gen_2", "gen_3"]);
    assert!(records.dead_workers(at(9999)).await.unwrap().is_empty());
}
