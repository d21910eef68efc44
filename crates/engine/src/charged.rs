//! What a call is expected to be charged: the vendor's word, what was agreed with it, and what its charges
//! have taught.

use provider::{Charge, MicroUsd, Price, Quote, QuoteSource, Tariff, Work};
use routing::{Learned, Published, Risen};

use crate::{
    Engine, Listing,
    offers::USUAL_PROMPT,
    prices::{DRIFT, RISES, times},
    vendor::Account,
};

/// A price that rises with the prompt's length, as the vendor publishes it.
#[derive(Debug, Clone, Copy)]
struct Range {
    published: Published,
    full: usize,
}

impl Range {
    #[expect(clippy::cast_precision_loss, reason = "a price of one output is far below 2^53")]
    fn of(tariff: &Tariff) -> Option<Self> {
        let Tariff::PerOutput { least, most, most_from_chars } = *tariff else { return None };
        let published = Published { least: least.micros() as f64, most: most.micros() as f64 };
        Some(Self { published, full: usize::try_from(most_from_chars).ok()?.max(1) })
    }

    /// A prompt's share of the full length.
    #[expect(
        clippy::cast_precision_loss,
        clippy::float_arithmetic,
        reason = "a share, in a statistic"
    )]
    fn share(&self, chars: usize) -> f64 {
        chars.min(self.full) as f64 / self.full as f64
    }

    /// The price of a call as charges tell it.
    fn price(&self, risen: &Risen, work: &Work) -> Price {
        let share = self.share(work.prompt_chars());
        let count = i64::from(work.count);
        // A micro-USD times a ratio is that ratio in micro-USD, rounded up.
        let micros = |each: f64| times(MicroUsd::from_micros(1), each);
        let upper = micros(risen.upper(share));
        Price { expected: micros(risen.expected(share)).times(count), upper: upper.times(count) }
    }

    /// How far a prompt of usual length is from what is published.
    #[expect(clippy::float_arithmetic, reason = "a statistic for people")]
    fn drift(&self, risen: &Risen) -> Learned {
        let share = self.share(USUAL_PROMPT);
        let Published { least, most } = self.published;
        let listed = (least + (most - least) * share).max(1.0);
        Learned {
            ratio: risen.expected(share) / listed,
            upper: risen.upper(share) / listed,
            samples: risen.samples,
        }
    }
}

impl Engine {
    /// A vendor's quote as it will be charged to an account.
    pub(crate) fn as_charged(
        &self,
        listing: &Listing,
        account: &Account,
        work: &Work,
        quote: Quote,
    ) -> Quote {
        let model = listing.model();
        if let Some(agreed) = account.terms.at(&model.name, self.clock().now()) {
            let quote = agreed.quote(quote, work.count);
            return self.prices().correct(&agreed_price(listing, account), quote);
        }
        let name = listing.name();
        match self.line_of(listing, &name) {
            Some((range, risen)) => {
                let price = range.price(&risen, work);
                Quote { price, source: QuoteSource::Learned, ..quote }
            }
            None => self.prices().correct(&name, quote),
        }
    }

    /// What a charge teaches of its model's price.
    pub(crate) fn learn_charge(
        &self,
        listing: &Listing,
        account: &Account,
        work: &Work,
        charge: &Charge,
    ) {
        if !charge.certain {
            return;
        }
        let model = listing.model();
        let listed = || model.tariff.list(work).map(|price| price.expected);
        let estimated = charge.estimated.or_else(listed);
        if let Some(agreed) = account.terms.at(&model.name, self.clock().now()) {
            let estimated = agreed.estimate(estimated.unwrap_or_default(), work.count);
            self.prices().learn(&agreed_price(listing, account), estimated, charge.amount);
            return;
        }
        let name = listing.name();
        // The vendor's own word on this very call tells more than its page.
        let range = Range::of(&model.tariff).filter(|_| charge.estimated.is_none());
        let drift = match (range, estimated) {
            (Some(range), _) => self.learn_rise(&name, &range, work, charge.amount),
            (None, Some(estimated)) => self.prices().learn(&name, estimated, charge.amount),
            (None, None) => None,
        };
        if let Some(learned) = drift {
            self.observer().drift(&listing.vendor.name, &name, learned.ratio);
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::float_arithmetic,
        reason = "a price of one output, in a statistic"
    )]
    fn learn_rise(
        &self,
        name: &str,
        range: &Range,
        work: &Work,
        charged: MicroUsd,
    ) -> Option<Learned> {
        let each = charged.micros() as f64 / f64::from(work.count.max(1));
        let share = range.share(work.prompt_chars());
        let risen = self.prices().learn_rise(name, range.published, share, each)?;
        Some(range.drift(&risen))
    }

    /// How far a vendor's word on a model's price is off.
    pub(crate) fn drift_of(&self, listing: &Listing) -> Option<Learned> {
        let name = listing.name();
        match self.line_of(listing, &name) {
            Some((range, risen)) => Some(range.drift(&risen)),
            None => self.prices().learned(&name),
        }
    }

    /// The line that charges have drawn, if they have.
    fn line_of(&self, listing: &Listing, name: &str) -> Option<(Range, Risen)> {
        Some((Range::of(&listing.model().tariff)?, self.prices().risen(name)?))
    }

    /// What earlier processes learned of prices.
    pub(crate) async fn recall_prices(&self) -> records::Result<()> {
        if let Some(kept) = self.records().document(DRIFT).await? {
            self.prices().recall(&kept);
        }
        for (name, ratio) in self.prices().ratios() {
            // An agreed price is one account's, and told with nothing.
            if let Some((provider, _)) = name.split_once('/').filter(|_| !name.contains('@')) {
                self.observer().drift(provider, &name, ratio);
            }
        }
        if let Some(kept) = self.records().document(RISES).await? {
            let range = |name: &str| Range::of(&self.market().listing(name)?.model().tariff);
            self.prices().recall_rises(&kept, |name| Some(range(name)?.published));
            for listing in self.market().listings() {
                let name = listing.name();
                if let Some((range, risen)) = self.line_of(&listing, &name) {
                    let ratio = range.drift(&risen).ratio;
                    self.observer().drift(&listing.vendor.name, &name, ratio);
                }
            }
        }
        Ok(())
    }
}

/// The name of a price that was agreed for one account.
fn agreed_price(listing: &Listing, account: &Account) -> String {
    format!("{}@{}", listing.name(), account.name)
}
