//! Many callers at once: what a backend commits together is still each caller's own.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::samples::*;
use crate::{Change, Records};

/// Among hundreds of lists at once those that fail leave nothing, and the others lack nothing.
pub async fn a_bad_list_spoils_no_other(records: Arc<dyn Records>) {
    let mut racing = JoinSet::new();
    for n in 0..400 {
        let records = Arc::clone(&records);
        let (id, of) = (format!("gen_{n:03}"), format!("att_{n:03}"));
        let mut changes = vec![
            accepts(generation(&id, TEAM)),
            attempts(attempt(&of, &id)),
            books(booking(&of, None, 10)),
        ];
        if n % 4 == 0 {
            changes.push(Change::RevokeKey("key_x".to_owned(), at(0)));
        }
        racing.spawn(async move { (n, records.apply(changes).await) });
    }
    let mut done = 0;
    while let Some(one) = racing.join_next().await {
        let (n, result) = one.unwrap();
        let found = records.generation(TEAM, &format!("gen_{n:03}")).await.unwrap();
        match result {
            Ok(()) => assert_eq!(found.unwrap().cost.charged.micros(), 10),
            Err(error) => {
                assert!(n % 4 == 0 && is_stale(&error, "key_x"), "{n}: {error}");
                assert_eq!(found, None, "{n}");
            }
        }
        done += 1;
    }
    assert_eq!(done, 400);
    assert_eq!(ledger(&records).await.len(), 600);
}

/// What nobody waits for is written before what is applied after it, and fails alone.
pub async fn queued_changes_come_before_later_ones(records: Arc<dyn Records>) {
    for n in 0..100 {
        let call = Change::Call { account: "a".to_owned(), at: at(n) };
        records.apply_soon(vec![call.clone()]);
        records.apply_soon(vec![call, Change::RevokeKey("key_x".to_owned(), at(0))]);
    }
    apply(&records, accepts(generation("gen_1", TEAM))).await;
    assert_eq!(records.calls_since(at(0)).await.unwrap().len(), 100);
}
