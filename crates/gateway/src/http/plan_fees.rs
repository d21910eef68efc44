//! Plans' monthly fees, shared over what was made with their units. A fee is no charge of a generation, so
//! it is never in the ledger; it is shown beside it.
//!
//! # How a fee is shared
//! Each calendar month (UTC) has its own fee, and each unit of the month bears an equal part of it. A line
//! of spending bears the parts of its units; what other teams, other days and other providers' lines used
//! stays with them, so the lines of a whole month without a filter bear the whole fee, to the last
//! micro-dollar. A month without a unit has a fee that nobody bears.

use std::collections::HashMap;

use engine::{Engine, Result};
use provider::{MicroUsd, Timestamp};
use records::{Dimension, LedgerFilter, SpendRow};

/// The plans at one provider: units are counted by provider, so its accounts' fees are shared together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// The provider.
    pub(super) provider: String,
    /// Its accounts that have a plan.
    pub(super) accounts: Vec<String>,
    /// The fees of all of them for a month.
    pub(super) monthly_fee: MicroUsd,
    /// The fees of the months that the span touches.
    pub(super) fee: MicroUsd,
    /// Units of the lines that are shown.
    pub(super) units: u64,
    /// What those lines bear.
    pub(super) shared: MicroUsd,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// What the lines are told apart by.
    pub(super) by: Vec<Dimension>,
    /// Which entries.
    pub(super) filter: LedgerFilter,
    /// From then on.
    pub(super) from: Timestamp,
    /// Before then.
    pub(super) to: Timestamp,
}

/// What each line of spending bears, by the values of its dimensions, and the plans.
#[derive(Debug, Default)]
pub(super) struct Fees {
    pub(super) by_line: HashMap<Vec<String>, MicroUsd>,
    pub(super) plans: Vec<Plan>,
}

/// Shares the fees of the span's months.
///
/// # Errors
/// The records cannot be read.
pub(super) async fn shared(engine: &Engine, asked: &Asked) -> Result<Fees> {
    let mut fees = Fees { by_line: HashMap::new(), plans: plans(engine, &asked.filter) };
    if fees.plans.is_empty() {
        return Ok(fees);
    }
    // The provider is told apart too, as the last dimension where nobody asked for it.
    let place = asked.by.iter().position(|dimension| *dimension == Dimension::Provider);
    let mut by = asked.by.clone();
    if place.is_none() {
        by.push(Dimension::Provider);
    }
    let place = place.unwrap_or(asked.by.len());
    for (begins, ends) in months(asked.from, asked.to) {
        let whole = LedgerFilter { from: Some(begins), to: Some(ends), ..LedgerFilter::default() };
        let whole = engine.records().spend(vec![Dimension::Provider], whole).await?;
        let (from, to) = (begins.max(asked.from), ends.min(asked.to));
        let filter = LedgerFilter { from: Some(from), to: Some(to), ..asked.filter.clone() };
        let lines = engine.records().spend(by.clone(), filter).await?;
        for plan in &mut fees.plans {
            let all = whole.iter().find(|row| row.by.first() == Some(&plan.provider));
            let ours: Vec<&SpendRow> =
                lines.iter().filter(|row| row.by.get(place) == Some(&plan.provider)).collect();
            let units: Vec<u64> = ours.iter().map(|row| row.units).collect();
            let parts = split(plan.monthly_fee, &units, all.map_or(0, |row| row.units));
            plan.fee += plan.monthly_fee;
            plan.units += units.iter().sum::<u64>();
            for (row, part) in ours.into_iter().zip(parts) {
                plan.shared += part;
                let line = row.by.iter().take(asked.by.len()).cloned().collect();
                *fees.by_line.entry(line).or_default() += part;
            }
        }
    }
    Ok(fees)
}

/// The plans that the accounts have now, at the provider that is asked for or at all.
fn plans(engine: &Engine, filter: &LedgerFilter) -> Vec<Plan> {
    let mut plans = Vec::new();
    for vendor in engine.market().vendors() {
        if filter.provider.as_ref().is_some_and(|name| *name != vendor.name) {
            continue;
        }
        let accounts = vendor.accounts();
        let with_fee = accounts
            .iter()
            .filter_map(|account| Some((&account.name, account.limits.monthly_fee?)));
        let (names, amounts): (Vec<String>, Vec<MicroUsd>) =
            with_fee.map(|(name, fee)| (name.clone(), fee)).unzip();
        if !names.is_empty() {
            plans.push(Plan {
                provider: vendor.name.clone(),
                accounts: names,
                monthly_fee: amounts.into_iter().sum(),
                fee: MicroUsd::ZERO,
                units: 0,
                shared: MicroUsd::ZERO,
            });
        }
    }
    plans
}

/// Each part's share of `amount` where `total` parts bear it in all. What rounding leaves goes to the parts
/// that lost most by it, so that the shares of all parts add up to the amount.
fn split(amount: MicroUsd, parts: &[u64], total: u64) -> Vec<MicroUsd> {
    let shown: u64 = parts.iter().sum();
    // An entry that came between the two looks is in the one and not in the other.
    let total = i128::from(total.max(shown));
    if total == 0 {
        return vec![MicroUsd::ZERO; parts.len()];
    }
    let others = total - i128::from(shown);
    let amount = i128::from(amount.micros());
    let weights: Vec<i128> = parts.iter().map(|part| i128::from(*part)).chain([others]).collect();
    let mut shares: Vec<i128> = weights.iter().map(|weight| amount * weight / total).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|index| {
        std::cmp::Reverse(weights.get(*index).map_or(0, |weight| amount * weight % total))
    });
    let left = usize::try_from(amount - shares.iter().sum::<i128>()).unwrap_or(0);
    for index in order.into_iter().take(left) {
        if let Some(share) = shares.get_mut(index) {
            *share += 1;
        }
    }
    let money = |share: &i128| MicroUsd::from_micros(i64::try_from(*share).unwrap_or(i64::MAX));
    shares.iter().take(parts.len()).map(money).collect()
}

/// The calendar months (UTC) that a span touches, each with its end.
fn months(from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let mut months = Vec::new();
    let mut next = month_of(from);
    while let Some((year, month)) = next {
        let after = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        let (Some(begins), Some(ends)) = (first_of(year, month), first_of(after.0, after.1)) else {
            break;
        };
        if begins >= to {
            break;
        }
        months.push((begins, ends));
        next = Some(after);
    }
    months
}

fn month_of(at: Timestamp) -> Option<(u32, u32)> {
    let text = at.to_string();
    let (year, rest) = text.split_once('-')?;
    Some((year.parse().ok()?, rest.split('-').next()?.parse().ok()?))
}

fn first_of(year: u32, month: u32) -> Option<Timestamp> {
    Timestamp::parse(&format!("{year:04}-{month:02}-01T00:00:00Z"))
}

/// The first of the month of a moment.
pub(super) fn first_of_month(now: Timestamp) -> Timestamp {
    month_of(now).and_then(|(year, month)| first_of(year, month)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(amount: i64, parts: &[u64], total: u64) -> Vec<i64> {
        let parts = split(MicroUsd::from_micros(amount), parts, total);
        parts.into_iter().map(MicroUsd::micros).collect()
    }

    #[test]
    fn shares_add_up_to_the_fee_to_the_last_micro_dollar() {
        assert_eq!(shares(100, &[1, 1, 1], 3), [34, 33, 33]);
        assert_eq!(shares(99_000_000, &[7, 0, 6], 13), [53_307_692, 0, 45_692_308]);
        for parts in [&[1, 2, 3][..], &[7, 7, 7, 7, 7, 7, 7], &[1], &[999_999, 1, 3]] {
            let total = parts.iter().sum();
            assert_eq!(shares(99_000_001, parts, total).iter().sum::<i64>(), 99_000_001);
        }
    }

    #[test]
    fn what_others_used_stays_with_them() {
        assert_eq!(shares(100, &[1], 4), [25]);
        assert_eq!(shares(100, &[0], 4), [0]);
        assert_eq!(shares(100, &[], 4), [] as [i64; 0]);
        assert_eq!(shares(100, &[0, 0], 0), [0, 0]);
        // A unit that was booked between the two looks.
        assert_eq!(shares(100, &[3], 2), [100]);
        assert_eq!(shares(i64::MAX, &[u64::MAX / 2], u64::MAX / 2), [i64::MAX]);
    }

    #[test]
    fn a_span_touches_its_months() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let found = |from, to| -> Vec<String> {
            months(at(from), at(to))
                .iter()
                .map(|(begins, _)| begins.to_string()[..7].into())
                .collect()
        };
        assert_eq!(found("2026-11-10T00:00:00Z", "2026-11-20T00:00:00Z"), ["2026-11"]);
        assert_eq!(found("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"), ["2026-11"]);
        assert_eq!(
            found("2026-11-30T23:59:59Z", "2027-01-01T00:00:01Z"),
            ["2026-11", "2026-12", "2027-01"]
        );
        assert!(found("2026-11-10T00:00:00Z", "2026-11-10T00:00:00Z").len() < 2);
        let (_, ends) = months(at("2026-12-05T00:00:00Z"), at("2026-12-06T00:00:00Z"))[0];
        assert_eq!(ends.to_string(), "2027-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_month_begins_on_its_first() {
        let now = Timestamp::parse("2026-11-21T08:39:00.123Z").unwrap();
        assert_eq!(first_of_month(now).to_string(), "2026-11-01T00:00:00.000Z");
    }
}
