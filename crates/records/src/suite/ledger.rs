//! The accounts of the ledger: purses, losses, differences; and how it is asked.

use std::sync::Arc;

use provider::MicroUsd;

use super::samples::*;
use crate::{
    Booking, Change, DriftEntry, LedgerEntry, LedgerFilter, NewAttempt, NewGeneration, Page, Purse,
    Records,
};

/// Both sides of each transaction in their order: account, amount, kind.
fn sides(entries: &[LedgerEntry]) -> Vec<(&str, i64, &str)> {
    let side = |entry: &LedgerEntry| entry.amount.micros();
    entries.iter().rev().map(|one| (one.account.as_str(), side(one), one.kind.as_str())).collect()
}

/// Prepaid units are on the books with nothing, what goes past them with its price, each in an account
/// of its own; what is taken back goes where it came from.
pub async fn purses_have_accounts(records: Arc<dyn Records>) {
    begun(&records, "gen_1", "att_1").await;
    for of in ["att_2", "att_3"] {
        apply(&records, attempts(attempt(of, "gen_1"))).await;
    }
    for (of, purse, micros) in [
        ("att_1", Purse::Allowance, 0),
        ("att_2", Purse::Overage, 50),
        ("att_3", Purse::Overage, 0),
    ] {
        apply(&records, books(Booking { purse, ..booking(of, None, micros) })).await;
    }
    let amount = MicroUsd::from_micros(20);
    apply(&records, Change::Correct { attempt: "att_2".to_owned(), amount, at: at(60) }).await;
    let team = "team:team_1/key_1";
    let overage = "provider:zekron/main/overage";
    let expected = [
        (team, 0, "allowance"),
        ("provider:zekron/main/allowance", 0, "allowance"),
        (team, -50, "charge"),
        (overage, 50, "charge"),
        (team, 20, "correction"),
        (overage, -20, "correction"),
    ];
    assert_eq!(sides(&ledger(&records).await), expected);
    assert_eq!(find(&records, "gen_1").await.cost.charged.micros(), 30);
    assert_eq!(records.verify().await.unwrap(), []);
}

/// A certain charge is lost once: the team bears it no longer, the vendor keeps it. What the vendor
/// gives back of it then is the loss's, not the team's.
pub async fn losses_are_entered_once(records: Arc<dyn Records>) {
    begun(&records, "gen_1", "att_1").await;
    for of in ["att_2", "att_3"] {
        apply(&records, attempts(attempt(of, "gen_1"))).await;
    }
    let lose = |attempt: &str| Change::Lose { attempt: attempt.to_owned(), at: at(50) };
    let early = refused(&records, lose("att_1")).await;
    assert!(is_stale(&early, "att_1"), "nothing is booked yet: {early}");
    apply(&records, books(booking("att_1", None, 100))).await;
    apply(&records, books(Booking { uncertain: true, ..booking("att_2", None, 7) })).await;
    apply(&records, books(booking("att_3", None, 0))).await;
    apply(&records, lose("att_1")).await;
    for stale in ["att_1", "att_2", "att_x"] {
        assert!(is_stale(&refused(&records, lose(stale)).await, stale), "{stale}");
    }
    apply(&records, lose("att_3")).await;
    let amount = MicroUsd::from_micros(40);
    apply(&records, Change::Correct { attempt: "att_1".to_owned(), amount, at: at(60) }).await;
    let (team, vendor) = ("team:team_1/key_1", "provider:zekron/main");
    let lost = "loss:zekron/main";
    let expected = [
        (team, -100, "charge"),
        (vendor, 100, "charge"),
        (team, -7, "charge_uncertain"),
        (vendor, 7, "charge_uncertain"),
        (team, 100, "loss"),
        (lost, -100, "loss"),
        (lost, 40, "correction"),
        (vendor, -40, "correction"),
    ];
    assert_eq!(sides(&ledger(&records).await), expected);
    assert_eq!(find(&records, "gen_1").await.cost.charged.micros(), 67, "as the vendor charged");
    let usage = records.usage(TEAM, None, at(0), at(99)).await.unwrap();
    assert_eq!((usage.charged.micros(), usage.rows[0].generations), (7, 1));
    assert_eq!(records.verify().await.unwrap(), []);
}

/// A difference to the vendor's own books is entered once, and is nobody's.
pub async fn drifts_are_entered_once(records: Arc<dyn Records>) {
    let drift = |id: &str, micros| {
        Change::Drift(Box::new(DriftEntry {
            id: id.to_owned(),
            provider: "zekron".to_owned(),
            account: "main".to_owned(),
            amount: MicroUsd::from_micros(micros),
            at: at(5),
        }))
    };
    apply(&records, drift("adj_1", 12)).await;
    apply(&records, drift("adj_2", -5)).await;
    assert!(is_stale(&refused(&records, drift("adj_1", 12)).await, "adj_1"));
    let entries = ledger(&records).await;
    let expected = [
        ("drift:zekron/main", -12, "drift"),
        ("provider:zekron/main", 12, "drift"),
        ("drift:zekron/main", 5, "drift"),
        ("provider:zekron/main", -5, "drift"),
    ];
    assert_eq!(sides(&entries), expected);
    for entry in &entries {
        let nobody = [&entry.team, &entry.key, &entry.model, &entry.generation];
        assert!(nobody.iter().all(|text| text.is_empty()) && entry.provider == "zekron");
    }
    assert_eq!(records.verify().await.unwrap(), []);
}

/// The ledger is asked by team, key, provider and span, each alone and all together, page by page.
pub async fn ledgers_are_filtered(records: Arc<dyn Records>) {
    let mut written = Vec::new();
    for n in 0..24_i64 {
        let (id, of) = (format!("gen_{n:02}"), format!("att_{n:02}"));
        let team = ["team_1", "team_2"][usize::from(n % 2 == 1)];
        let key = format!("{team}_key_{}", n % 3);
        let provider = ["zekron", "zsky"][usize::from(n % 4 > 1)].to_owned();
        let new = NewGeneration { key: key.clone(), ..generation(&id, team) };
        let tried = NewAttempt { provider: provider.clone(), ..attempt(&of, &id) };
        // One clock is a little behind.
        let when = if n == 13 { 11 } else { n };
        let charge = Booking { at: at(when), ..booking(&of, None, 10) };
        let life = vec![accepts(new), attempts(tried), books(charge)];
        records.apply(life).await.unwrap();
        written.push((team, key, provider, when, id));
    }
    for mask in 0..32_u8 {
        let asked = |bit: u8| mask & (1 << bit) != 0;
        let filter = LedgerFilter {
            team: asked(0).then(|| "team_1".to_owned()),
            key: asked(1).then(|| "team_1_key_2".to_owned()),
            provider: asked(2).then(|| "zsky".to_owned()),
            from: asked(3).then(|| at(4)),
            to: asked(4).then(|| at(12)),
        };
        let wanted: Vec<_> = written
            .iter()
            .filter(|(team, key, provider, when, _)| {
                filter.team.as_ref().is_none_or(|one| one == team)
                    && filter.key.as_ref().is_none_or(|one| one == key)
                    && filter.provider.as_ref().is_none_or(|one| one == provider)
                    && filter.from.is_none_or(|from| at(*when) >= from)
                    && filter.to.is_none_or(|to| at(*when) < to)
            })
            .flat_map(|(.., id)| [id.clone(), id.clone()])
            .collect();
        for (ascending, limit) in [(true, 100), (false, 100), (true, 3), (false, 5)] {
            let (mut found, mut after): (Vec<String>, _) = (Vec::new(), None);
            loop {
                let page = Page { limit, after, ascending };
                let entries = records.ledger(filter.clone(), page).await.unwrap();
                let Some(last) = entries.last() else { break };
                after = Some(last.id.to_string());
                found.extend(entries.into_iter().map(|entry| entry.generation));
            }
            if !ascending {
                found.reverse();
            }
            assert_eq!(found, wanted, "{filter:?} ascending {ascending} by {limit}");
        }
    }
}
