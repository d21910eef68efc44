use serde_json::json;

use super::*;
use crate::testing::NOW;

fn key(n: u16) -> Key {
    let mut key = [0; 16];
    key[..2].copy_from_slice(&n.to_be_bytes());
    Key(key)
}

fn answer(at: Timestamp) -> Answer {
    Answer::read(&json!({"credit_cost": {"total": 24}}), at).unwrap()
}

/// An entry that was quoted so often.
fn used(estimates: &Estimates, n: u16, uses: u16) -> Arc<Entry> {
    let entry = estimates.want(key(n), || ("image".to_owned(), format!("{{\"n\":{n}}}").into()));
    (0..uses).for_each(|_| drop(entry.used()));
    entry
}

#[test]
fn a_whole_answer_is_read() {
    let data = json!({
        "credit_cost": {"total": 15, "per_item": 3, "count": 5, "discount": 0, "discount_percent": 5},
        "time_estimate": {"seconds": 50, "per_item": 10, "source": "historical"},
        "applied_parameters": {"model-text": "3"},
        "adjustments": {"seconds": {"requested": 3, "used": 5, "supported": [5], "reason": "snapped"}}
    });
    let read = Answer::read(&data, NOW).unwrap();
    let credits = |n| Some(Credits::whole(n));
    assert_eq!(
        (Some(read.total), read.per_item, read.discount_percent),
        (credits(15), credits(3), credits(5))
    );
    assert_eq!((read.seconds, read.applied.map(|applied| applied.len())), (Some(50), Some(1)));
    let told = &read.adjustments["seconds"];
    assert_eq!(
        (&told.requested, &told.used, told.reason.as_str()),
        (&json!(3), &json!(5), "snapped")
    );
}

#[test]
fn an_odd_answer_is_read_as_far_as_it_goes() {
    for data in [
        json!({"credit_cost": 24}),
        json!({"credit_cost": {"total": "24", "per_item": []}, "time_estimate": "soon",
            "applied_parameters": 7, "adjustments": null}),
    ] {
        assert_eq!(Answer::read(&data, NOW), Some(answer(NOW)), "{data}");
    }
    let empty = json!({"credit_cost": 24, "applied_parameters": [], "time_estimate": 9.2});
    let empty = Answer::read(&empty, NOW).unwrap();
    assert_eq!((empty.applied, empty.seconds), (Some(Map::new()), Some(10)));
    assert_eq!(adjustments(&json!([1])), Adjustments::new());
}

#[test]
fn the_most_used_come_first_and_only_so_many() {
    let estimates = Estimates::new();
    for n in 0..150 {
        used(&estimates, n, 1 + n % 3);
    }
    used(&estimates, 200, 0);
    let missing = estimates.missing(NOW);
    assert_eq!(missing.len(), 100);
    let thrice = (0..50).map(|n| key(n * 3 + 2));
    assert_eq!(missing[..50], thrice.collect::<Vec<_>>(), "by use, then by name");
    for n in 0..150 {
        used(&estimates, n, 0).answered(answer(NOW));
        used(&estimates, n, 1);
    }
    let later = NOW.plus(REFRESHED_AFTER);
    assert_eq!(estimates.missing(later), []);
    assert_eq!(estimates.stale(later), (0..10).map(key).collect::<Vec<_>>());
    assert_eq!(estimates.stale(later.minus(Duration::from_millis(1))), []);
}

#[test]
fn what_went_wrong_waits_and_leaves_what_was_known() {
    let estimates = Estimates::new();
    let entry = used(&estimates, 1, 1);
    for (how, pause) in [(Failure::Unanswered, 60), (Failure::Refused, 600)] {
        entry.failed(how, NOW);
        let before = NOW.plus(Duration::from_secs(pause - 1));
        assert!(estimates.missing(before).is_empty() && entry.ask(before).is_none());
        let after = NOW.plus(Duration::from_secs(pause));
        assert!(estimates.missing(after).len() == 1 && entry.ask(after).is_some());
    }
    entry.answered(answer(NOW));
    entry.failed(Failure::Unanswered, NOW);
    assert_eq!(entry.answer().as_deref(), Some(&answer(NOW)));
}

#[test]
fn only_one_has_the_right_to_ask() {
    let estimates = Estimates::new();
    let entry = used(&estimates, 1, 1);
    let first = entry.ask(NOW).unwrap();
    assert!(entry.ask(NOW).is_none() && entry.ask(NOW).is_none());
    drop(first);
    assert!(entry.ask(NOW).is_some());
}

#[test]
fn the_most_used_are_kept_and_come_back() {
    let estimates = Estimates::new();
    let most = u16::try_from(KEPT_MAX).unwrap();
    for n in 0..most + 5 {
        used(&estimates, n, 0).answered(answer(NOW));
    }
    used(&estimates, most + 4, 3);
    used(&estimates, most + 10, 3);
    let kept = estimates.kept();
    assert_eq!((kept.len(), kept[0].key.clone()), (KEPT_MAX, key(most + 4).to_string()));
    let later = Estimates::new();
    later.recall(kept, NOW);
    let entry = later.find(key(most + 4)).unwrap();
    assert_eq!(entry.answer().as_deref(), Some(&answer(NOW)));
    assert_eq!((entry.slug.as_str(), &entry.body[..]), ("image", &b"{\"n\":2004}"[..]));
    assert!(later.stale(NOW.plus(REFRESHED_AFTER)).is_empty(), "nobody has used it yet");
}
