//! Plans of accounts, and what an operator would change in them.

use std::{fmt, str::FromStr};

use engine::Market;
use provider::{AllowanceLimit, Calendar, Kind, Limits, MicroUsd, Overage};

use super::ReplayError;

/// What each account may use and what that costs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Terms {
    /// `provider/name` with its limits.
    pub(crate) accounts: Vec<(String, Limits)>,
    /// Units that were used in the first month before anything is played.
    pub(crate) used: Vec<(String, Kind, u32)>,
}

/// `zsky.images=2000`: what is changed, of whom, and to what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// A provider, or `provider/account`.
    target: String,
    field: Option<String>,
    value: String,
}

impl FromStr for Assignment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "it is written PROVIDER.WHAT=VALUE, or PROVIDER/ACCOUNT.WHAT=VALUE";
        let (name, value) = text.split_once('=').ok_or(FORM)?;
        let (target, field) = match name.rsplit_once('.') {
            Some((target, field)) => (target, Some(field.to_owned())),
            None => (name, None),
        };
        if target.is_empty() || value.is_empty() {
            return Err(FORM);
        }
        Ok(Self { target: target.to_owned(), field, value: value.to_owned() })
    }
}

impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, field, value } = self;
        match field {
            Some(field) => write!(f, "{target}.{field}={value}"),
            None => write!(f, "{target}={value}"),
        }
    }
}

impl Terms {
    /// The terms of a configuration's accounts.
    pub(crate) fn of(market: &Market) -> Self {
        let mut accounts = Vec::new();
        for vendor in market.vendors() {
            for account in vendor.accounts().iter() {
                accounts.push((account.id.clone(), account.limits.clone()));
            }
        }
        Self { accounts, used: Vec::new() }
    }

    /// With another allowance: `images`, `videos`, `daily_images` or `daily_videos`.
    pub(crate) fn allow(&mut self, change: &Assignment) -> Result<(), ReplayError> {
        let (kind, window) = match change.field.as_deref() {
            Some("images") => (Kind::Image, Calendar::Month),
            Some("videos") => (Kind::Video, Calendar::Month),
            Some("daily_images") => (Kind::Image, Calendar::Day),
            Some("daily_videos") => (Kind::Video, Calendar::Day),
            _ => return Err(change.wrong("images, videos, daily_images or daily_videos")),
        };
        let units = change.value.parse().map_err(|_| change.no("a number of units"))?;
        self.change(change, |limits| {
            limits.allowances.retain(|one| (one.kind, one.window) != (kind, window));
            limits.allowances.push(AllowanceLimit { kind, window, units });
        })
    }

    /// With another fee.
    pub(crate) fn charge(&mut self, change: &Assignment) -> Result<(), ReplayError> {
        if change.field.is_some() {
            return Err(setting("a fee is written PROVIDER=USD"));
        }
        let fee = change.money()?;
        self.change(change, |limits| limits.monthly_fee = Some(fee))
    }

    /// With other prices for units past the allowance: `image_usd`, `video_usd` or `monthly_cap_usd`.
    pub(crate) fn sell(&mut self, change: &Assignment) -> Result<(), ReplayError> {
        let amount = change.money()?;
        let kind = match change.field.as_deref() {
            Some("image_usd") => Some(Kind::Image),
            Some("video_usd") => Some(Kind::Video),
            Some("monthly_cap_usd") => None,
            _ => return Err(change.wrong("image_usd, video_usd or monthly_cap_usd")),
        };
        self.change(change, |limits| {
            let none = || Overage { prices: Vec::new(), monthly_cap: MicroUsd::ZERO };
            let overage = limits.overage.get_or_insert_with(none);
            match kind {
                Some(kind) => {
                    overage.prices.retain(|(of, _)| *of != kind);
                    overage.prices.push((kind, amount));
                }
                None => overage.monthly_cap = amount,
            }
        })
    }

    /// Without the accounts of these providers.
    pub(crate) fn without(&mut self, providers: &[String]) {
        let is_of = |account: &str, provider: &String| {
            account.strip_prefix(provider.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        self.accounts.retain(|(account, _)| !providers.iter().any(|name| is_of(account, name)));
    }

    /// What a month of all plans costs.
    pub(crate) fn monthly_fee(&self) -> MicroUsd {
        self.accounts.iter().filter_map(|(_, limits)| limits.monthly_fee).sum()
    }

    fn change(
        &mut self,
        change: &Assignment,
        act: impl Fn(&mut Limits),
    ) -> Result<(), ReplayError> {
        let planned = |limits: &Limits| !limits.allowances.is_empty();
        let mut known = Vec::new();
        let mut found = false;
        for (account, limits) in self.accounts.iter_mut().filter(|(_, limits)| planned(limits)) {
            let provider = account.split_once('/').map_or(&**account, |(provider, _)| provider);
            if *account == change.target || provider == change.target {
                act(limits);
                found = true;
            }
            known.push(account.clone());
        }
        match (found, known.is_empty()) {
            (true, _) => Ok(()),
            (false, true) => Err(setting("no account has a plan with units")),
            (false, false) => Err(ReplayError::Setting(format!(
                "{} has no plan with units; {} has one",
                change.target,
                known.join(", ")
            ))),
        }
    }
}

impl Assignment {
    fn money(&self) -> Result<MicroUsd, ReplayError> {
        let amount: Option<MicroUsd> = self.value.parse().ok();
        amount
            .filter(|amount| *amount >= MicroUsd::ZERO)
            .ok_or_else(|| self.no("an amount in US dollars"))
    }

    fn no(&self, what: &str) -> ReplayError {
        ReplayError::Setting(format!("{:?} is not {what}", self.value))
    }

    fn wrong(&self, fields: &str) -> ReplayError {
        let field = self.field.as_deref().unwrap_or_default();
        ReplayError::Setting(format!("{}.{field}: it is {fields} that can be set", self.target))
    }
}

fn setting(text: &str) -> ReplayError {
    ReplayError::Setting(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> Terms {
        let plain = Limits::none(std::time::Duration::from_secs(60));
        let mut planned = plain.clone();
        planned.monthly_fee = Some(MicroUsd::from_micros(99_000_000));
        let (kind, window) = (Kind::Image, Calendar::Month);
        planned.allowances = vec![AllowanceLimit { kind, window, units: 1000 }];
        let accounts = vec![
            ("flat/main".to_owned(), planned.clone()),
            ("flat/other".to_owned(), planned),
            ("paid/main".to_owned(), plain),
        ];
        Terms { accounts, used: Vec::new() }
    }

    fn said(text: &str) -> Assignment {
        text.parse().unwrap()
    }

    #[test]
    fn a_change_is_of_a_provider_or_of_one_account() {
        let images = |terms: &Terms| -> Vec<Option<u32>> {
            let of =
                |(_, limits): &(String, Limits)| limits.allowance(Kind::Image, Calendar::Month);
            terms.accounts.iter().map(of).collect()
        };
        let mut all = terms();
        all.allow(&said("flat.images=2000")).unwrap();
        assert_eq!(images(&all), [Some(2000), Some(2000), None]);
        let mut one = terms();
        one.allow(&said("flat/other.images=5")).unwrap();
        assert_eq!(images(&one), [Some(1000), Some(5), None]);
        one.allow(&said("flat/other.daily_videos=7")).unwrap();
        assert_eq!(one.accounts[1].1.allowance(Kind::Video, Calendar::Day), Some(7));
        one.charge(&said("flat/other=149.5")).unwrap();
        assert_eq!(one.monthly_fee(), MicroUsd::from_micros(248_500_000));
        one.without(&["flat".to_owned(), "pai".to_owned()]);
        assert_eq!(one.accounts.len(), 1, "a name is whole");
        let mut sold = terms();
        sold.sell(&said("flat/main.image_usd=0.04")).unwrap();
        sold.sell(&said("flat/main.monthly_cap_usd=20")).unwrap();
        let overage = sold.accounts[0].1.overage.clone().unwrap();
        assert_eq!(overage.price(Kind::Image), Some(MicroUsd::from_micros(40_000)));
        assert_eq!(overage.monthly_cap, MicroUsd::from_micros(20_000_000));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for text in ["flat.images", "=5", ".images=5", "flat="] {
            assert!(text.parse::<Assignment>().is_err(), "{text}");
        }
        let mut terms = terms();
        for (text, told) in [
            ("flat.pictures=5", "daily_images"),
            ("flat.images=many", "\"many\" is not a number"),
            ("paid.images=5", "paid has no plan with units; flat/main, flat/other"),
        ] {
            let error = terms.allow(&said(text)).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
        assert!(
            terms.charge(&said("flat=-1")).is_err() && terms.charge(&said("flat.x=1")).is_err()
        );
        assert!(terms.sell(&said("flat.seconds=1")).is_err());
    }
}
