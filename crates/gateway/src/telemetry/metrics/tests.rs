use std::collections::BTreeMap;

use coordination::{LotLoad, Open};
use engine::{Attempt, AttemptState, Cost, Hold, ModelLoad, Seen, Status};
use provider::{Adjustments, Calendar, Kind};

use super::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn attempt(from: i64, to: i64) -> Attempt {
    Attempt {
        id: "att_1".to_owned(),
        generation: "gen_1".to_owned(),
        slot: 0,
        provider: "zekron".to_owned(),
        account: "main".to_owned(),
        model: "m".to_owned(),
        count: 1,
        state: AttemptState::Ended,
        outcome: Some(Outcome::Completed),
        charged: MicroUsd::ZERO,
        uncertain: false,
        upper: MicroUsd::ZERO,
        reference: None,
        ticket: None,
        remote: Vec::new(),
        lost: None,
        started_at: at(from),
        ended_at: Some(at(to)),
    }
}

fn generation(attempts: Vec<Attempt>) -> Generation {
    Generation {
        id: "gen_1".to_owned(),
        team: "team_1".to_owned(),
        key: "key_1".to_owned(),
        kind: Kind::Image,
        status: Status::Completed,
        model: "a caller's words".to_owned(),
        request: String::new(),
        created_at: at(0),
        completed_at: Some(at(100)),
        outputs: Vec::new(),
        provider: None,
        provider_model: None,
        account: None,
        cost: Cost::default(),
        adjustments: Adjustments::default(),
        attempts,
        error: None,
        metadata: BTreeMap::new(),
        cache: CacheResult::Miss,
        source: None,
    }
}

#[test]
fn attempts_that_overlap_count_once() {
    let own = |attempts| own_time(&generation(attempts)).unwrap().as_millis();
    assert_eq!(own(vec![]), 100);
    assert_eq!(own(vec![attempt(10, 60), attempt(20, 50), attempt(55, 90)]), 20);
}

fn standing(model: &str, open: Option<Open>) -> ModelLoad {
    ModelLoad { model: model.to_owned(), open, judged: 1, seen: Seen::default() }
}

fn load(in_flight: u32, waiting: usize) -> AccountLoad {
    let open = Open { since: at(0), until: None };
    AccountLoad {
        provider: "zekron".to_owned(),
        account: "main".to_owned(),
        in_flight,
        slots: Some(5),
        waiting,
        calls_in_window: 0,
        hold: Some(Hold {
            reason: HoldReason::Suspended,
            until: Some(Timestamp::from_millis(9_500)),
        }),
        balance: None,
        allowances: vec![LotLoad {
            kind: Kind::Video,
            window: Calendar::Month,
            limit: 300,
            used: 47,
            remaining: 253,
            resets_at: Timestamp::from_millis(0),
            overage: None,
        }],
        safety: None,
        warnings: Vec::new(),
        models: vec![standing("bright", None), standing("dark", Some(open))],
    }
}

#[test]
fn an_account_is_dark_where_nothing_that_was_asked_of_it_works() {
    let metrics = Metrics::new().unwrap();
    let open = Some(Open { since: at(0), until: None });
    let forgotten = ModelLoad { judged: 0, ..standing("old", None) };
    for (models, available) in [
        (vec![], 1),
        (vec![standing("one", None)], 1),
        (vec![standing("one", None), standing("two", open)], 1),
        (vec![standing("two", open), forgotten], 0),
    ] {
        let load = AccountLoad { hold: None, models, ..load(1, 1) };
        let text = metrics.render(&[load]);
        let line =
            format!(r#"atelier_account_available{{account="main",provider="zekron"}} {available}"#);
        assert!(text.lines().any(|there| there == line), "{line}\n{text}");
    }
}

#[test]
fn the_contracts_names_are_rendered() {
    let metrics = Metrics::new().unwrap();
    metrics.http("/v1/models", "GET", 200, Duration::from_millis(3));
    metrics.http("unmatched", "BREW", 404, Duration::from_millis(3));
    metrics.attempt("zekron", "main", "m", Outcome::Completed, Duration::from_secs(2));
    metrics.generation(&generation(vec![attempt(10, 60)]));
    metrics.generation(&Generation {
        provider: Some("zekron".to_owned()),
        provider_model: Some("m".to_owned()),
        cache: CacheResult::Coalesced,
        ..generation(Vec::new())
    });
    metrics.booked("team_1", "zekron", "zekron/m", MicroUsd::from_micros(26_700));
    metrics.booked("team_1", "zekron", "zekron/m", MicroUsd::from_micros(-1));
    metrics.balance("zekron", "main", MicroUsd::from_micros(9_973_300));
    metrics.webhook(DeliveryState::Pending);
    metrics.looked("zsky", Duration::from_millis(40));
    metrics.render(&[load(1, 1)]);
    let text = metrics.render(&[load(2, 3)]);
    for line in [
        r#"atelier_http_requests_total{method="GET",route="/v1/models",status="200"} 1"#,
        r#"atelier_http_requests_total{method="other",route="unmatched",status="404"} 1"#,
        r#"atelier_http_request_duration_seconds_count{route="/v1/models"} 1"#,
        "atelier_gateway_overhead_seconds_count 1",
        r#"atelier_generations_total{kind="image",model="zekron/m",provider="zekron",status="completed"} 1"#,
        r#"atelier_generations_total{kind="image",model="zekron/m",provider="cache",status="completed"} 1"#,
        r#"atelier_cache_requests_total{result="miss"} 1"#,
        r#"atelier_cache_requests_total{result="coalesced"} 1"#,
        r#"atelier_attempts_total{account="main",outcome="completed",provider="zekron"} 1"#,
        r#"atelier_attempt_duration_seconds_count{model="zekron/m",provider="zekron"} 1"#,
        r#"atelier_spend_usd_total{model="zekron/m",provider="zekron",team="team_1"} 0.0267"#,
        r#"atelier_account_balance_usd{account="main",provider="zekron"} 9.9733"#,
        r#"atelier_account_available{account="main",provider="zekron"} 0"#,
        r#"atelier_breaker_open{account="main",model="zekron/bright",provider="zekron"} 0"#,
        r#"atelier_breaker_open{account="main",model="zekron/dark",provider="zekron"} 1"#,
        r#"atelier_account_hold_until_seconds{account="main",provider="zekron",reason="suspended"} 9"#,
        r#"atelier_account_allowance_remaining{account="main",kind="video",provider="zekron",window="month"} 253"#,
        r#"atelier_poll_delay_seconds_count{provider="zsky"} 1"#,
        r#"atelier_queue_depth{provider="zekron"} 3"#,
        r#"atelier_webhook_deliveries_total{outcome="retried"} 1"#,
        r#"atelier_inflight{account="main",provider="zekron"} 2"#,
    ] {
        assert!(text.lines().any(|there| there == line), "{line}\n{text}");
    }
    assert!(!text.contains("caller's"), "{text}");
}
