//! The limits of an account, by what the vendor sold us.

use std::time::Duration;

use provider::{Limits, RateWindow};

use crate::{Config, Tier};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The page's table. Every request with a key counts; how many may run at once it does not say.
pub(crate) fn limits(config: &Config, account: &str) -> Limits {
    let tier = config.accounts.get(account).map(|account| account.tier).unwrap_or_default();
    let calls = match tier {
        Tier::Free => [30, 500, 5_000],
        Tier::Basic => [60, 2_000, 20_000],
        Tier::Pro => [120, 5_000, 50_000],
        Tier::Enterprise => [300, 20_000, 200_000],
    };
    let windows = [MINUTE, HOUR, DAY].into_iter().zip(calls);
    Limits {
        windows: windows.map(|(span, calls)| RateWindow { span, calls }).collect(),
        ..Limits::none(Duration::from_secs(config.work_ceiling_s.into()))
    }
}

#[cfg(test)]
mod tests {
    use provider::SlotUse;

    use super::*;
    use crate::AccountConfig;

    #[test]
    fn an_account_has_its_tiers_limits_and_an_unknown_one_the_least() {
        let account = AccountConfig { tier: Tier::Pro };
        let config =
            Config { accounts: [("main".to_owned(), account)].into(), ..Config::default() };
        let calls = |name: &str| {
            let windows = limits(&config, name).windows;
            windows.iter().map(|window| (window.span.as_secs(), window.calls)).collect::<Vec<_>>()
        };
        assert_eq!(calls("main"), [(60, 120), (3600, 5_000), (86_400, 50_000)]);
        assert_eq!(calls("other"), [(60, 30), (3600, 500), (86_400, 5_000)]);
        let limits = limits(&config, "main");
        assert!(limits.count_reads && limits.concurrent.is_none());
        assert_eq!(limits.slot, SlotUse::Request);
        assert_eq!(limits.work_ceiling, Duration::from_secs(600));
    }
}
