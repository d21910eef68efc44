//! Who changed what: whole, filtered, paged, and gone only from the old end.

use std::sync::Arc;

use super::samples::*;
use crate::{AuditEntry, AuditFilter, Change, Page, Records, Role};

fn entry(actor: &str, action: &str, target: &str, when: i64) -> AuditEntry {
    AuditEntry {
        id: 0,
        at: at(when),
        actor: actor.to_owned(),
        role: Role::Admin,
        address: Some("2001:db8::1".to_owned()),
        action: action.to_owned(),
        target: target.to_owned(),
        before: None,
        after: Some(r#"{"name":"cr\"ew"}"#.to_owned()),
    }
}

async fn add(records: &Arc<dyn Records>, entry: AuditEntry) {
    apply(records, Change::Audit(Box::new(entry))).await;
}

/// The moments of what a filter finds, newest first.
async fn found(records: &Arc<dyn Records>, filter: &AuditFilter) -> Vec<i64> {
    let entries = records.audit(filter.clone(), Page::first(100)).await.unwrap();
    entries.iter().map(|entry| entry.at.millis() - at(0).millis()).collect()
}

/// Entries keep everything, grow by their ids, and a change that is refused takes its entry with it.
pub async fn audit_keeps_everything(records: Arc<dyn Records>) {
    let first = entry("usr_1", "team.create", "team_1", 5);
    let second = AuditEntry {
        role: Role::Owner,
        address: None,
        before: Some("{}".to_owned()),
        after: None,
        ..entry("cli", "team.revoke", "team_1", 4)
    };
    add(&records, first.clone()).await;
    add(&records, second.clone()).await;
    let list = vec![
        Change::Audit(Box::new(entry("usr_1", "key.revoke", "key_x", 6))),
        Change::RevokeKey("key_x".to_owned(), at(6)),
    ];
    records.apply(list).await.unwrap_err();
    let kept = records.audit(AuditFilter::default(), Page::first(10)).await.unwrap();
    assert_eq!(kept.len(), 2);
    assert!(kept[0].id > kept[1].id && kept[1].id > 0);
    let (first_id, second_id) = (kept[1].id, kept[0].id);
    assert_eq!(
        kept,
        [AuditEntry { id: second_id, ..second }, AuditEntry { id: first_id, ..first }]
    );
}

/// Every filter alone and all together; the cursor is an id, and an odd one finds nothing.
pub async fn audit_is_filtered_and_paged(records: Arc<dyn Records>) {
    for when in 0..12 {
        let pick = |few: [&'static str; 2], every: i64| few[usize::from(when % every == 0)];
        let actor = pick(["usr_1", "usr_2"], 2);
        let (action, target) = (pick(["key.create", "key.revoke"], 3), pick(["key_1", "key_2"], 4));
        add(&records, entry(actor, action, target, when)).await;
    }
    let any = AuditFilter::default;
    let text = |text: &str| Some(text.to_owned());
    for (filter, moments) in [
        (any(), &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0][..]),
        (AuditFilter { actor: text("usr_2"), ..any() }, &[10, 8, 6, 4, 2, 0]),
        (AuditFilter { action: text("key.revoke"), ..any() }, &[9, 6, 3, 0]),
        (AuditFilter { target: text("key_2"), ..any() }, &[8, 4, 0]),
        (AuditFilter { from: Some(at(9)), ..any() }, &[11, 10, 9]),
        (AuditFilter { to: Some(at(2)), ..any() }, &[1, 0]),
        (AuditFilter { target: text("key_3"), ..any() }, &[]),
        (
            AuditFilter {
                actor: text("usr_2"),
                action: text("key.create"),
                target: text("key_2"),
                from: Some(at(4)),
                to: Some(at(11)),
            },
            &[8, 4],
        ),
    ] {
        assert_eq!(found(&records, &filter).await, moments, "{filter:?}");
        let mut walked = Vec::new();
        let mut page = Page::first(2);
        loop {
            let rows = records.audit(filter.clone(), page.clone()).await.unwrap();
            let Some(last) = rows.last() else { break };
            page.after = Some(last.id.to_string());
            walked.extend(rows.iter().map(|row| row.at.millis() - at(0).millis()));
        }
        assert_eq!(walked, moments, "in pages: {filter:?}");
    }
    let odd = Page { after: Some("1 OR 1".to_owned()), ..Page::first(5) };
    assert!(records.audit(any(), odd).await.unwrap().is_empty());
    let up = Page { ascending: true, ..Page::first(1) };
    assert_eq!(records.audit(any(), up).await.unwrap()[0].at, at(0));
}

/// Only the old end is forgotten; an id is never used again.
pub async fn audit_goes_from_its_old_end(records: Arc<dyn Records>) {
    let any = AuditFilter::default();
    apply(&records, Change::ForgetAudit { before: at(99) }).await;
    // The clock was set back before the third of them.
    for when in [10, 20, 5, 30] {
        add(&records, entry("admin", "key.create", "key_1", when)).await;
    }
    for (before, left) in [(10, &[30, 5, 20, 10][..]), (11, &[30, 5, 20]), (20, &[30, 5, 20])] {
        apply(&records, Change::ForgetAudit { before: at(before) }).await;
        assert_eq!(found(&records, &any).await, left, "before {before}");
    }
    apply(&records, Change::ForgetAudit { before: at(21) }).await;
    assert_eq!(found(&records, &any).await, [30]);
    let last = records.audit(any.clone(), Page::first(1)).await.unwrap()[0].id;
    apply(&records, Change::ForgetAudit { before: at(99) }).await;
    assert!(found(&records, &any).await.is_empty());
    add(&records, entry("admin", "key.create", "key_1", 40)).await;
    assert!(records.audit(any, Page::first(1)).await.unwrap()[0].id > last);
}
