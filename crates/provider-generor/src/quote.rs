//! What an order would cost: remembered, or asked for where that is possible at once, or listed.

use std::{
    future::{Future as _, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use provider::{
    Adjustment, Adjustments, Blame, Error, ErrorKind, Pace, Price, Quote, QuoteSource, Result,
    Retry, Timestamp, Turn,
};
use serde_json::Value;

use crate::{
    capabilities::usual,
    credits::Credits,
    estimates::{Answer, Entry, Failure},
    knowledge::Known,
    learn::failure,
    order::Order,
    parameters::parameter_name,
    schema::text,
};

/// A caller waits no longer for the vendor's word on a price.
const LIVE: Duration = Duration::from_secs(2);
/// A longer question is not remembered, and so not asked: callers write some of its fields.
const QUESTION_MAX: usize = 8 * 1024;

/// What an order would cost.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Estimate {
    /// In money: as estimated, and at most.
    pub(crate) price: Price,
    /// In credits, as estimated.
    pub(crate) credits: Credits,
    /// How it is known.
    pub(crate) source: QuoteSource,
    /// How old that is.
    pub(crate) age: Duration,
    /// How long the work will take.
    pub(crate) duration: Duration,
    /// What would be used instead of what was asked for.
    pub(crate) adjustments: Adjustments,
}

impl From<Estimate> for Quote {
    fn from(of: Estimate) -> Self {
        let Estimate { price, source, age, duration, adjustments, credits: _ } = of;
        Self { price, source, age, duration, adjustments }
    }
}

impl Known {
    /// What an order would cost. Answered from memory where the vendor was asked before about one of its
    /// kind; else the vendor is asked, if `pace` has a turn at once; else by the catalogue.
    ///
    /// # Errors
    /// Where neither the vendor's word nor a listed price is known.
    pub(crate) async fn quote(&self, pace: &dyn Pace, order: &Order<'_>) -> Result<Estimate> {
        let now = self.clock.now();
        let key = order.key();
        let entry = match self.estimates.find(key) {
            Some(entry) => entry,
            None => match order.estimate_body() {
                body if body.len() > QUESTION_MAX => return self.listed(order, now),
                body => self.estimates.want(key, || (order.slug.to_owned(), body)),
            },
        };
        if let Some(answer) = entry.used() {
            return Ok(self.told(order, &answer, QuoteSource::Remembered, now));
        }
        match self.live(pace, &entry, now).await {
            Some(answer) => Ok(self.told(order, &answer, QuoteSource::Live, self.clock.now())),
            None => self.listed(order, now),
        }
    }

    /// What was told of this kind of order before, without asking and without counting as a use.
    pub(crate) fn remembered(&self, order: &Order<'_>) -> Option<Estimate> {
        let answer = self.estimates.find(order.key())?.answer()?;
        Some(self.told(order, &answer, QuoteSource::Remembered, self.clock.now()))
    }

    /// Asks while somebody waits: one at a time of a kind, and not while the vendor does not answer.
    async fn live(
        &self,
        pace: &dyn Pace,
        entry: &Entry,
        now: Timestamp,
    ) -> Option<std::sync::Arc<Answer>> {
        if self.estimates.is_paused(now) {
            return None;
        }
        let _asking = entry.ask(now)?;
        // Who asked before us may have been answered between our look and our turn.
        if let Some(answer) = entry.answer() {
            return Some(answer);
        }
        let turn = at_once(pace).await?;
        let told = self.ask(entry, Some(LIVE), turn).await;
        if let Err(error) = &told
            && failure(error) == Failure::Unanswered
        {
            self.estimates.pause(self.clock.now());
        }
        told.ok()
    }

    fn told(
        &self,
        order: &Order<'_>,
        answer: &Answer,
        source: QuoteSource,
        now: Timestamp,
    ) -> Estimate {
        let mut adjustments = order.adjustments.clone();
        for (name, adjustment) in &answer.adjustments {
            // Ours was made before the vendor was asked: it names what the caller really said.
            adjustments.entry(name.clone()).or_insert_with(|| adjustment.clone());
        }
        if let Some(applied) = &answer.applied {
            self.compare(order, applied, &mut adjustments);
        }
        let usual = usual(order.facts.media);
        Estimate {
            price: self.price(answer.total),
            credits: answer.total,
            source,
            age: now.since(answer.at),
            duration: answer.seconds.map_or(usual, |n| Duration::from_secs(n.into())),
            adjustments,
        }
    }

    /// Whatever of the generator's own fields the vendor said that it would not use as it was given.
    fn compare(
        &self,
        order: &Order<'_>,
        applied: &serde_json::Map<String, Value>,
        adjustments: &mut Adjustments,
    ) {
        for of in order.priced_parameters() {
            let used = applied.get(of.id);
            if used.is_some_and(|used| text(used) == text(of.value)) {
                continue;
            }
            let reason = match used {
                Some(_) => "the vendor uses another value",
                None => "the vendor drops the field",
            };
            let adjustment = Adjustment {
                requested: of.value.clone(),
                used: used.cloned().unwrap_or(Value::Null),
                reason: reason.to_owned(),
            };
            adjustments.insert(parameter_name(&self.config, of.id), adjustment);
        }
    }

    fn listed(&self, order: &Order<'_>, now: Timestamp) -> Result<Estimate> {
        let credits = order.listed().ok_or_else(|| {
            let public = "the vendor has not said yet what this would cost";
            let retry = Retry::Safe { after: None };
            Error::new(ErrorKind::Unavailable, Blame::Vendor, retry, public)
        })?;
        Ok(Estimate {
            price: self.price(credits),
            credits,
            source: QuoteSource::Listed,
            age: self.catalogue_age(now),
            duration: usual(order.facts.media),
            adjustments: order.adjustments.clone(),
        })
    }

    /// An estimate in money. The page: the real charge often differs; how far, before any was seen, the
    /// operator says.
    fn price(&self, credits: Credits) -> Price {
        let expected = credits.at(self.config.usd_per_credit);
        Price { expected, upper: expected.times(self.config.estimate_ceiling.into()) }
    }
}

/// A turn, if there is one without waiting.
async fn at_once(pace: &dyn Pace) -> Option<Turn> {
    let mut turn = pin!(pace.turn());
    let looked = poll_fn(|context| Poll::Ready(turn.as_mut().poll(context))).await;
    match looked {
        Poll::Ready(Ok(turn)) => Some(turn),
        Poll::Ready(Err(_)) | Poll::Pending => None,
    }
}

#[cfg(test)]
#[path = "quote_tests.rs"]
mod tests;
