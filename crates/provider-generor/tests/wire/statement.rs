//! The books of credits as a list of what was charged.

use provider::{ErrorKind, Provider, Result, Retry, Statement, Timestamp, Told};
use serde_json::{Value, json};

use crate::adapter::{Scene, page, refused};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

const SINCE: &str = "2026-02-20T12:00:00Z";

fn row(id: u32, kind: &str, credits: i64, creation: u32, second: u32) -> Value {
    json!({"transaction_id": id, "type": kind, "amount": credits, "creation_id": creation,
        "created_at": format!("2026-02-20 12:00:{second:02}")})
}

async fn look(scene: &Scene, cursor: Option<String>) -> Result<Statement> {
    scene.adapter.statement(scene.call(), at(SINCE), cursor).await
}

/// Every page, as a caller reads them.
async fn all(scene: &Scene) -> Vec<(String, i64)> {
    let (mut lines, mut cursor) = (Vec::new(), None);
    loop {
        let page = look(scene, cursor).await.unwrap();
        assert_eq!(page.told, Told::Each { but: Vec::new() });
        let line = |charge: &provider::StatementCharge| {
            (charge.reference.clone().unwrap_or_default(), charge.amount.micros())
        };
        lines.extend(page.charges.iter().map(line));
        cursor = page.next;
        if cursor.is_none() {
            return lines;
        }
    }
}

#[tokio::test]
async fn what_was_spent_is_read_first_and_what_was_given_back_after_it() {
    let scene = Scene::of(|_, path| {
        let rows = match (path.contains("type=refund"), path.contains("page=1&")) {
            (false, true) => vec![row(9, "spend", -24, 6147, 9), row(8, "spend", -80, 6146, 8)],
            (false, false) => vec![row(7, "spend", -3, 6144, 7)],
            (true, _) => vec![row(10, "refund", 80, 6146, 30)],
        };
        page(&rows, path.contains("type=spend") && path.contains("page=1&"))
    });
    let lines = all(&scene).await;
    let named = |name: &str, micros| (name.to_owned(), micros);
    assert_eq!(
        lines,
        [named("6147", 24_000), named("6146", 80_000), named("6144", 3000), named("6146", -80_000)]
    );
    assert_eq!(
        scene.asked(),
        [
            "GET /credits/transactions?type=spend&page=1&per_page=100",
            "GET /credits/transactions?type=spend&page=2&per_page=100",
            "GET /credits/transactions?type=refund&page=1&per_page=100"
        ]
    );
    assert_eq!(scene.turns.taken(), 3, "each page takes a turn");
}

#[tokio::test]
async fn pages_end_where_the_time_is_passed() {
    let scene = Scene::of(|_, _| {
        let mut old = row(8, "spend", -80, 6146, 8);
        old["created_at"] = json!("2026-02-20 11:59:59");
        page(&[row(9, "spend", -24, 6147, 9), old], true)
    });
    let first = look(&scene, None).await.unwrap();
    assert_eq!(first.next.as_deref(), Some("refund:1"));
    assert_eq!(first.charges[0].entry.as_deref(), Some("9"));
    assert_eq!(first.charges[0].at, at("2026-02-20T12:00:09Z"));
}

#[tokio::test]
async fn a_vendor_that_sorts_nothing_out_is_sorted_out() {
    let scene = Scene::of(|_, _| {
        let rows = vec![
            row(4, "refund", 80, 6146, 9),
            row(3, "purchase", 1000, 0, 8),
            row(2, "zz_unheard_of", -5, 6145, 7),
            row(1, "spend", -80, 6146, 6),
        ];
        page(&rows, false)
    });
    let spent = look(&scene, None).await.unwrap();
    let amounts: Vec<i64> = spent.charges.iter().map(|charge| charge.amount.micros()).collect();
    assert_eq!(amounts, [5000, 80_000], "what no page lists is taken by the list that it is in");
    assert_eq!(spent.charges[0].entry.as_deref(), Some("2"));
    let back = look(&scene, spent.next).await.unwrap();
    assert_eq!(back.charges[0].amount.micros(), -80_000);
    let known = back.charges[1].entry.as_deref();
    assert_eq!(known, Some("2"), "by which a caller knows that it was told before");
}

#[tokio::test]
async fn rows_are_read_by_what_is_in_them() {
    let scene = Scene::of(|_, _| {
        let rows = vec![
            json!({"id": 9, "type": "spend", "credits": 24, "note": "image generation",
                "date": "2026-02-20 12:00:04"}),
            json!({"id": "8", "type": "spend", "amount": "-3.00",
                "reference": {"type": "creation", "id": "6147"}, "timestamp": 1_771_588_803}),
            json!({"id": 7, "amount": 4, "creations": [6150, 6149], "at": "2026-02-20T12:00:02Z"}),
        ];
        page(&rows, false)
    });
    let page = look(&scene, None).await.unwrap();
    let lines: Vec<_> = page
        .charges
        .iter()
        .map(|charge| {
            (charge.entry.as_deref(), charge.reference.as_deref(), charge.amount.micros())
        })
        .collect();
    assert_eq!(
        lines,
        [
            (Some("9"), None, 24_000),
            (Some("8"), Some("6147"), 3000),
            (Some("7"), Some("6149"), 4000)
        ]
    );
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_an_error_and_no_charge_of_nothing() {
    for bad in [
        json!({"transaction_id": 8, "type": "spend", "created_at": "2026-02-20 12:00:04"}),
        json!({"transaction_id": 8, "amount": "some", "created_at": "2026-02-20 12:00:04"}),
        json!({"transaction_id": 8, "amount": -24, "creation_id": 6147}),
        json!([24]),
    ] {
        let wrong = bad.clone();
        let scene =
            Scene::of(move |_, _| page(&[row(9, "spend", -24, 6147, 9), wrong.clone()], false));
        let error = look(&scene, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed, "{bad}");
        assert!(matches!(error.retry(), Retry::Safe { .. }), "{bad}");
    }
    let scene = Scene::of(|_, _| page(&[], false));
    for stray in ["7", "gift:1", "spend:x"] {
        let error = look(&scene, Some(stray.to_owned())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{stray}");
    }
    assert!(scene.asked().is_empty());
}

#[tokio::test]
async fn a_key_without_the_scope_tells_nothing() {
    let scene = Scene::of(|_, _| refused(403, "FORBIDDEN"));
    assert_eq!(look(&scene, None).await.unwrap(), Statement::nothing());
}
