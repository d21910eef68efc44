//! Webhook deliveries: due in turn, tried, told again, gone with what they tell of.

use std::sync::Arc;

use provider::Timestamp;

use super::samples::*;
use crate::{Change, Delivery, DeliveryState, DeliveryTried, NewDelivery, Page, Records, Status};

fn new(id: &str, team: &str, generation: &str, when: i64) -> NewDelivery {
    NewDelivery {
        id: id.to_owned(),
        team: team.to_owned(),
        generation: generation.to_owned(),
        event: "generation.completed".to_owned(),
        url: "https://receiver.example/hook?token=1".to_owned(),
        at: at(when),
    }
}

async fn asked(records: &Arc<dyn Records>, new: NewDelivery) {
    apply(records, Change::Delivery(Box::new(new))).await;
}

/// A try of a delivery that was due at `due`: it failed, and is due again at `next`.
fn failed(id: &str, due: Option<i64>, next: Option<i64>) -> DeliveryTried {
    DeliveryTried {
        delivery: id.to_owned(),
        due: due.map(at),
        at: at(50),
        status: Some(500),
        error: Some("it answered with status 500".to_owned()),
        state: if next.is_some() { DeliveryState::Pending } else { DeliveryState::Failed },
        next_at: next.map(at),
    }
}

fn tried(tried: DeliveryTried) -> Change {
    Change::DeliveryTried(Box::new(tried))
}

async fn one(records: &Arc<dyn Records>, id: &str) -> Delivery {
    records.delivery(id).await.unwrap().unwrap()
}

async fn due(records: &Arc<dyn Records>, now: i64, except: &[&str]) -> Vec<String> {
    let except = except.iter().map(|&team| team.to_owned()).collect();
    let rows = records.due_deliveries(at(now), except, 100).await.unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

/// Every fact of a delivery comes back as it was written, and a try changes what it must.
pub async fn deliveries_keep_everything(records: Arc<dyn Records>) {
    let asked_for = new("dlv_1", TEAM, "gen_1", 10);
    asked(&records, asked_for.clone()).await;
    let first = Delivery {
        id: asked_for.id,
        team: asked_for.team,
        generation: asked_for.generation,
        event: asked_for.event,
        url: asked_for.url,
        state: DeliveryState::Pending,
        tries: 0,
        next_at: Some(at(10)),
        last_at: None,
        last_status: None,
        last_error: None,
        created_at: at(10),
    };
    assert_eq!(one(&records, "dlv_1").await, first);
    apply(&records, tried(failed("dlv_1", Some(10), Some(90)))).await;
    let second = Delivery {
        tries: 1,
        next_at: Some(at(90)),
        last_at: Some(at(50)),
        last_status: Some(500),
        last_error: Some("it answered with status 500".to_owned()),
        ..first
    };
    assert_eq!(one(&records, "dlv_1").await, second);
    let taken = DeliveryTried {
        status: Some(204),
        error: None,
        state: DeliveryState::Delivered,
        ..failed("dlv_1", Some(90), None)
    };
    apply(&records, tried(taken)).await;
    let third = Delivery {
        state: DeliveryState::Delivered,
        tries: 2,
        next_at: None,
        last_status: Some(204),
        last_error: None,
        ..second
    };
    assert_eq!(one(&records, "dlv_1").await, third);
    assert_eq!(records.delivery("dlv_2").await.unwrap(), None);
    for nobodys in [
        tried(failed("dlv_2", None, None)),
        Change::Redeliver { delivery: "dlv_2".to_owned(), at: at(1) },
    ] {
        let error = refused(&records, nobodys).await;
        assert!(is_stale(&error, "dlv_2"), "{error}");
    }
}

/// What is due comes in the order in which it is due; what is over never comes, unless somebody asks
/// for it again, even while a try is under way.
pub async fn deliveries_are_due_in_turn(records: Arc<dyn Records>) {
    for (id, team, when) in
        [("dlv_1", TEAM, 30), ("dlv_2", "team_2", 10), ("dlv_3", TEAM, 20), ("dlv_4", TEAM, 40)]
    {
        asked(&records, new(id, team, "gen_1", when)).await;
    }
    assert!(due(&records, 9, &[]).await.is_empty());
    assert_eq!(due(&records, 30, &[]).await, ["dlv_2", "dlv_3", "dlv_1"]);
    assert_eq!(due(&records, 30, &["team_2"]).await, ["dlv_3", "dlv_1"]);
    assert!(due(&records, 99, &[TEAM, "team_2"]).await.is_empty());
    let two = records.due_deliveries(at(99), Vec::new(), 2).await.unwrap();
    assert_eq!(two.len(), 2);
    let next = |after: i64| {
        let records = Arc::clone(&records);
        async move { records.next_delivery(at(after)).await.unwrap().map(Timestamp::millis) }
    };
    assert_eq!(next(0).await, Some(at(10).millis()));
    assert_eq!(next(30).await, Some(at(40).millis()));
    assert_eq!(next(40).await, None);

    apply(&records, tried(failed("dlv_2", Some(10), None))).await;
    apply(&records, tried(failed("dlv_3", Some(20), Some(60)))).await;
    assert_eq!(due(&records, 59, &[]).await, ["dlv_1", "dlv_4"]);
    let again = |id: &str, when| Change::Redeliver { delivery: id.to_owned(), at: at(when) };
    apply(&records, again("dlv_2", 55)).await;
    assert_eq!(one(&records, "dlv_2").await.state, DeliveryState::Pending);
    assert_eq!(due(&records, 59, &[]).await, ["dlv_1", "dlv_4", "dlv_2"]);
    // Asked for while the try that was due at 30 is under way.
    apply(&records, again("dlv_1", 58)).await;
    apply(&records, tried(failed("dlv_1", Some(30), None))).await;
    let asked = one(&records, "dlv_1").await;
    assert_eq!((asked.state, asked.next_at), (DeliveryState::Pending, Some(at(58))));
}

/// An erased generation tells nothing more, nor does what comes after its erasure.
pub async fn deliveries_go_with_the_generation(records: Arc<dyn Records>) {
    for id in ["gen_1", "gen_2"] {
        apply(&records, accepts(generation(id, TEAM))).await;
        let told = Change::Delivery(Box::new(new(&format!("dlv_{id}"), TEAM, id, 40)));
        records.apply(vec![ends(id, Status::Completed), told]).await.unwrap();
    }
    apply(&records, Change::Erase { generation: "gen_1".to_owned() }).await;
    assert_eq!(due(&records, 99, &[]).await, ["dlv_gen_2"]);
    asked(&records, new("dlv_late", TEAM, "gen_1", 50)).await;
    assert_eq!(records.delivery("dlv_late").await.unwrap(), None);
    assert!(is_stale(
        &refused(&records, tried(failed("dlv_gen_1", None, None))).await,
        "dlv_gen_1"
    ));
}

/// The log, of one team, of one generation, of one within the other, or of all.
pub async fn deliveries_page_both_ways(records: Arc<dyn Records>) {
    let mut all = Vec::new();
    for n in 0..12 {
        let (id, team) = (format!("dlv_{n:02}"), format!("team_{}", n % 2));
        let generation = format!("gen_{}", n % 3);
        asked(&records, new(&id, &team, &generation, n)).await;
        all.push((id, team, generation));
    }
    for team in [None, Some("team_0"), Some("team_9")] {
        for generation in [None, Some("gen_2"), Some("gen_9")] {
            let wanted: Vec<String> = all
                .iter()
                .filter(|row| team.is_none_or(|team| row.1 == team))
                .filter(|row| generation.is_none_or(|generation| row.2 == generation))
                .map(|row| row.0.clone())
                .collect();
            for ascending in [true, false] {
                let mut found: Vec<String> = Vec::new();
                loop {
                    let page = Page { limit: 2, after: found.last().cloned(), ascending };
                    let rows = records.deliveries(team, generation, page).await.unwrap();
                    if rows.is_empty() {
                        break;
                    }
                    found.extend(rows.into_iter().map(|row| row.id));
                }
                if !ascending {
                    found.reverse();
                }
                assert_eq!(found, wanted, "{team:?} {generation:?} {ascending}");
            }
        }
    }
}

/// A secret is made once and replaced only on purpose.
pub async fn webhook_secrets_are_kept_sealed(records: Arc<dyn Records>) {
    apply(&records, Change::Team(team(TEAM))).await;
    assert_eq!(records.webhook_secret(TEAM).await.unwrap(), None);
    for (sealed, replace, then) in
        [("one", false, "one"), ("two", false, "one"), ("three", true, "three")]
    {
        let (team, sealed) = (TEAM.to_owned(), sealed.to_owned());
        apply(&records, Change::WebhookSecret { team, sealed, replace }).await;
        assert_eq!(records.webhook_secret(TEAM).await.unwrap().as_deref(), Some(then));
    }
    assert_eq!(records.webhook_secret("team_2").await.unwrap(), None);
    let (team, sealed) = ("team_2".to_owned(), "x".to_owned());
    let error = refused(&records, Change::WebhookSecret { team, sealed, replace: true }).await;
    assert!(is_stale(&error, "team_2"), "{error}");
    // The team itself comes back as it was.
    assert_eq!(records.team(TEAM).await.unwrap(), Some(super::samples::team(TEAM)));
}
