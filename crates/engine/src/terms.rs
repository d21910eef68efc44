//! What was agreed with a vendor, or is known to change on a day, where it is not what its page says.

use std::collections::BTreeMap;

use provider::{MicroUsd, Price, Quote, QuoteSource, Timestamp};

/// Agreed prices of one account, by the vendor's own names of its models.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms(BTreeMap<String, Vec<(Timestamp, Agreed)>>);

/// An agreed price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreed {
    /// One output costs this, whatever the prompt.
    Output(MicroUsd),
    /// So many millionths of what it would cost otherwise.
    Millionths(u32),
}

impl Terms {
    /// From a day on a model costs this, until a later day's word.
    pub fn agree(&mut self, model: &str, from: Timestamp, agreed: Agreed) {
        let of = self.0.entry(model.to_owned()).or_default();
        of.push((from, agreed));
        of.sort_by_key(|(from, _)| *from);
    }

    /// What these do not speak of is as the others say.
    #[must_use]
    pub fn or(mut self, others: &Self) -> Self {
        for (model, terms) in &others.0 {
            self.0.entry(model.clone()).or_insert_with(|| terms.clone());
        }
        self
    }

    /// The models that they speak of.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What a model costs at a time, if it is not what the vendor's page says.
    pub fn at(&self, model: &str, now: Timestamp) -> Option<Agreed> {
        let terms = self.0.get(model)?;
        terms.iter().rev().find(|(from, _)| *from <= now).map(|(_, agreed)| *agreed)
    }
}

impl Agreed {
    /// The price of a call for so many outputs.
    pub(crate) fn price(self, listed: Price, count: u8) -> Price {
        match self {
            Self::Output(each) => {
                let all = each.times(i64::from(count));
                Price { expected: all, upper: all }
            }
            Self::Millionths(share) => {
                let part = |amount: MicroUsd| part(amount, share);
                Price { expected: part(listed.expected), upper: part(listed.upper) }
            }
        }
    }

    /// A vendor's quote as agreed.
    pub(crate) fn quote(self, quote: Quote, count: u8) -> Quote {
        let source = match self {
            Self::Output(_) => QuoteSource::Listed,
            Self::Millionths(_) => quote.source,
        };
        Quote { price: self.price(quote.price, count), source, ..quote }
    }

    /// What a vendor's own estimate comes to as agreed.
    pub(crate) fn estimate(self, estimated: MicroUsd, count: u8) -> MicroUsd {
        self.price(Price { expected: estimated, upper: estimated }, count).expected
    }
}

/// Rounded up: a price is never made smaller by rounding.
fn part(amount: MicroUsd, millionths: u32) -> MicroUsd {
    let product = i128::from(amount.micros()).saturating_mul(i128::from(millionths));
    let whole = product.saturating_add(999_999) / 1_000_000;
    MicroUsd::from_micros(i64::try_from(whole).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(0).plus(Duration::from_secs(seconds))
    }

    const fn usd(micros: i64) -> MicroUsd {
        MicroUsd::from_micros(micros)
    }

    #[test]
    fn a_price_holds_from_its_day_until_the_next_one() {
        let mut terms = Terms::default();
        terms.agree("a", at(200), Agreed::Output(usd(20)));
        terms.agree("a", at(100), Agreed::Output(usd(10)));
        assert_eq!(terms.at("a", at(99)), None);
        assert_eq!(terms.at("a", at(100)), Some(Agreed::Output(usd(10))));
        assert_eq!(terms.at("a", at(199)), Some(Agreed::Output(usd(10))));
        assert_eq!(terms.at("a", at(200)), Some(Agreed::Output(usd(20))));
        assert_eq!(terms.at("b", at(200)), None);
    }

    #[test]
    fn an_accounts_word_goes_before_its_providers() {
        let (mut own, mut all) = (Terms::default(), Terms::default());
        own.agree("a", at(0), Agreed::Output(usd(10)));
        all.agree("a", at(0), Agreed::Output(usd(99)));
        all.agree("b", at(0), Agreed::Millionths(900_000));
        let both = own.or(&all);
        assert_eq!(both.at("a", at(1)), Some(Agreed::Output(usd(10))));
        assert_eq!(both.at("b", at(1)), Some(Agreed::Millionths(900_000)));
        assert_eq!(both.models().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_share_is_rounded_up_and_a_price_is_for_each_output() {
        let listed = Price { expected: usd(1_001), upper: usd(2_001) };
        let half = Agreed::Millionths(500_000).price(listed, 3);
        assert_eq!(half, Price { expected: usd(501), upper: usd(1_001) });
        let each = Agreed::Output(usd(7)).price(listed, 3);
        assert_eq!(each, Price { expected: usd(21), upper: usd(21) });
        assert_eq!(Agreed::Millionths(500_000).estimate(usd(1_001), 3), usd(501));
    }
}
