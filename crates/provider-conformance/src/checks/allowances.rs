//! Prepaid units: told by the account, taken by the work.

use provider::Calendar;

use crate::{Fixture, stage::Stage};

/// Where an account has prepaid units, the vendor's counters are read and finished work takes some;
/// where it has none, neither speaks of any.
pub async fn allowances_are_told(fixture: &impl Fixture) {
    let stage = Stage::good(fixture);
    let limits = stage.provider.limits(stage.call().account);
    let finished = stage.finish(&stage.work).await.expect("finished work");
    let taken = finished.charge.allowance.map_or(0, |taken| taken.units);
    assert_eq!(taken > 0, limits.is_prepaid(stage.work.kind), "{finished:?} {limits:?}");
    if !stage.provider.describe().tells_account {
        println!("the account tells nothing");
        return;
    }
    let status = stage.provider.account(stage.call()).await.expect("the account");
    assert_eq!(status.allowances, fixture.allowances());
    let months = limits.allowances.iter().filter(|limit| limit.window == Calendar::Month);
    for limit in months {
        let told = status.allowances.iter().find(|told| told.kind == limit.kind);
        let told = told.unwrap_or_else(|| panic!("{limit:?} is not told: {status:?}"));
        assert_eq!(told.window, Calendar::Month);
        assert!(told.since.is_some(), "a counter without its beginning: {told:?}");
        assert!(told.overage <= told.used, "{told:?}");
    }
}
