//! What was charged and saved, by team and key, by any dimension.

use std::sync::Arc;

use provider::{Kind, MicroUsd};

use super::{budgets::DAY, samples::*};
use crate::{
    Booking, Change, Dimension, LedgerFilter, NewAttempt, NewGeneration, Purse, Records, Saving,
    SavingReason, SpendRow, Units, UnitsState,
};

fn saves(generation: &str, key: &str, reason: SavingReason, micros: i64, when: i64) -> Change {
    Change::Save(Box::new(Saving {
        generation: generation.to_owned(),
        team: TEAM.to_owned(),
        key: key.to_owned(),
        model: "zsky/video".to_owned(),
        reason,
        amount: MicroUsd::from_micros(micros),
        at: at(when),
    }))
}

/// What one generation cost: its team, its key, its provider, its purse, how many units, how much, when.
type Cost = (&'static str, &'static str, &'static str, Purse, u32, i64, i64);

const COSTS: [Cost; 6] = [
    (TEAM, "key_1", "zekron", Purse::Balance, 0, 100, 0),
    (TEAM, "key_2", "zekron", Purse::Balance, 0, 20, DAY),
    (TEAM, "key_1", "zsky", Purse::Allowance, 3, 0, 1),
    (TEAM, "key_2", "zsky", Purse::Overage, 4, 7, 2),
    ("team_2", "key_3", "zsky", Purse::Allowance, 1, 0, 3),
    ("team_2", "key_3", "zekron", Purse::Balance, 0, 1000, DAY),
];

async fn spent(records: &Arc<dyn Records>) {
    for (n, (team, key, provider, purse, units, micros, when)) in COSTS.into_iter().enumerate() {
        let (id, of) = (format!("gen_{n}"), format!("att_{n}"));
        let kind = if provider == "zsky" { Kind::Video } else { Kind::Image };
        let new = NewGeneration { key: key.to_owned(), kind, ..generation(&id, team) };
        let tried = NewAttempt { provider: provider.to_owned(), ..attempt(&of, &id) };
        let mut changes = vec![accepts(new), attempts(tried)];
        if units > 0 {
            changes.push(Change::TakeUnits(Box::new(Units {
                attempt: of.clone(),
                account: "zsky/main".to_owned(),
                kind,
                units,
                overage_units: u32::from(purse == Purse::Overage),
                price: MicroUsd::ZERO,
                at: at(when),
                state: UnitsState::Used,
            })));
        }
        changes.push(books(Booking { purse, at: at(when), ..booking(&of, None, micros) }));
        records.apply(changes).await.unwrap();
    }
    let lose = Change::Lose { attempt: "att_1".to_owned(), at: at(2 * DAY) };
    let saved = vec![
        lose,
        saves("gen_2", "key_1", SavingReason::Allowance, 50, 4),
        saves("gen_2", "key_1", SavingReason::Allowance, 50, 4),
        saves("gen_2", "key_1", SavingReason::Cache, 5, 5),
        saves("gen_x", "key_9", SavingReason::Coalesced, 900, DAY),
    ];
    records.apply(saved).await.unwrap();
}

/// Usage counts what an allowance made and what was saved, of a team or one of its keys; what was lost
/// is used no more.
pub async fn usage_tells_savings_and_keys(records: Arc<dyn Records>) {
    spent(&records).await;
    let whole = records.usage(TEAM, None, at(0), at(3 * DAY)).await.unwrap();
    assert_eq!((whole.charged.micros(), whole.saved.micros()), (107, 955));
    let rows: Vec<_> = whole
        .rows
        .iter()
        .map(|row| (row.day.as_str(), row.kind.as_str(), row.generations, row.charged.micros()))
        .collect();
    let expected = [
        ("2023-11-14", "image", 1, 100),
        ("2023-11-14", "video", 2, 7),
        ("2023-11-15", "image", 1, 20),
        ("2023-11-16", "image", 0, -20),
    ];
    assert_eq!(rows, expected);
    let of_key = records.usage(TEAM, Some("key_1"), at(0), at(3 * DAY)).await.unwrap();
    assert_eq!((of_key.charged.micros(), of_key.saved.micros()), (100, 55));
    assert_eq!(of_key.rows.iter().map(|row| row.generations).sum::<u64>(), 2);
    let none = records.usage(TEAM, Some("key_3"), at(0), at(3 * DAY)).await.unwrap();
    assert_eq!((none.charged, none.saved, none.rows.len()), (MicroUsd::ZERO, MicroUsd::ZERO, 0));
    let first = records.usage(TEAM, None, at(0), at(5)).await.unwrap();
    assert_eq!((first.charged.micros(), first.saved.micros()), (107, 50));
}

async fn spend(
    records: &Arc<dyn Records>,
    by: &[Dimension],
    filter: LedgerFilter,
) -> Vec<(String, u64, i64, i64, u64)> {
    let rows = records.spend(by.to_vec(), filter).await.unwrap();
    let told = |row: SpendRow| {
        (row.by.join(" "), row.generations, row.charged.micros(), row.saved.micros(), row.units)
    };
    rows.into_iter().map(told).collect()
}

fn row(
    by: &str,
    generations: u64,
    charged: i64,
    saved: i64,
    units: u64,
) -> (String, u64, i64, i64, u64) {
    (by.to_owned(), generations, charged, saved, units)
}

/// Spending by any dimensions, in their order, with what was saved and the units that a plan's fee is
/// shared by; every way to ask adds up to the same.
pub async fn spending_adds_up_by_any_dimension(records: Arc<dyn Records>) {
    spent(&records).await;
    let all = LedgerFilter::default;
    assert_eq!(spend(&records, &[], all()).await, [row("", 6, 1107, 955, 7)]);
    assert_eq!(
        spend(&records, &[Dimension::Team], all()).await,
        [row("team_1", 4, 107, 955, 6), row("team_2", 2, 1000, 0, 1)]
    );
    let by = [Dimension::Provider, Dimension::Key];
    assert_eq!(
        spend(&records, &by, of_team(TEAM)).await,
        [
            row("zekron key_1", 1, 100, 0, 0),
            row("zekron key_2", 1, 0, 0, 0),
            row("zsky key_1", 1, 0, 55, 3),
            row("zsky key_2", 1, 7, 0, 3),
            row("zsky key_9", 0, 0, 900, 0),
        ]
    );
    let zsky = LedgerFilter { provider: Some("zsky".to_owned()), ..all() };
    let by = [Dimension::Kind, Dimension::Day];
    assert_eq!(spend(&records, &by, zsky).await, [row("video 2023-11-14", 3, 7, 0, 7)]);
    let span = LedgerFilter { from: Some(at(DAY)), to: Some(at(2 * DAY)), ..all() };
    let by = [Dimension::Model];
    assert_eq!(
        spend(&records, &by, span).await,
        [row("zekron/zekron-image-1", 2, 1020, 0, 0), row("zsky/video", 0, 0, 900, 0)]
    );
    let key = LedgerFilter { key: Some("key_2".to_owned()), ..all() };
    assert_eq!(spend(&records, &[], key).await, [row("", 2, 7, 0, 3)]);
    assert_eq!(spend(&records, &[], of_team("team_9")).await, []);
    for one in Dimension::ALL {
        for other in Dimension::ALL {
            let rows = records.spend(vec![one, other], all()).await.unwrap();
            assert_eq!(rows.iter().map(|row| row.charged.micros()).sum::<i64>(), 1107);
            assert_eq!(rows.iter().map(|row| row.units).sum::<u64>(), 7);
            let saved = if [one, other].contains(&Dimension::Kind) { 0 } else { 955 };
            assert_eq!(rows.iter().map(|row| row.saved.micros()).sum::<i64>(), saved);
            assert!(rows.is_sorted_by(|a, b| a.by < b.by));
        }
    }
}
