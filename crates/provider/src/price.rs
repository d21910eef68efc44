//! What a vendor lists as its price, in typed dimensions, and what one request would cost.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Adjustments, MicroUsd, Work};

/// How a vendor lists the price of one model. Each variant is a dimension that some vendor really
/// charges by; an unknown price is [`Tariff::Unlisted`], never zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tariff {
    /// Per output, within a range that grows with the prompt's length.
    PerOutput {
        /// The least for one output.
        least: MicroUsd,
        /// The most for one output.
        most: MicroUsd,
        /// Prompt length in characters from which the most is charged.
        most_from_chars: u32,
    },
    /// A unit of a prepaid allowance per output: nothing to pay until the allowance is gone.
    Allowance {
        /// What one output past the allowance costs, where overage is on.
        overage: Option<MicroUsd>,
    },
    /// Per second of output.
    PerSecond {
        /// For one second.
        each: MicroUsd,
    },
    /// Credits per output; the vendor's estimate is asked for the truth.
    Credits {
        /// Listed credits per output.
        each: u32,
        /// What one credit costs.
        credit: MicroUsd,
    },
    /// The vendor lists no price: it must be asked, or a ceiling configured.
    Unlisted,
}

/// A price with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// What it probably costs.
    pub expected: MicroUsd,
    /// What it costs at most; holds are taken for this.
    pub upper: MicroUsd,
}

/// How a quote is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuoteSource {
    /// The vendor was asked just now.
    Live,
    /// The vendor was asked before.
    Remembered,
    /// From the vendor's page.
    Listed,
    /// From charges seen.
    Learned,
}

impl QuoteSource {
    /// The name outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Remembered => "remembered",
            Self::Listed => "listed",
            Self::Learned => "learned",
        }
    }
}

/// What one request would cost at one model, and how that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Quote {
    /// The price in money.
    pub price: Price,
    /// How it is known.
    pub source: QuoteSource,
    /// How old the knowledge is.
    pub age: Duration,
    /// How long the work usually takes.
    pub duration: Duration,
    /// What would be used instead of what was asked for, as far as it is known beforehand.
    pub adjustments: Adjustments,
}

impl Tariff {
    /// The listed price of a request; `None` where the vendor must be asked.
    pub fn list(&self, work: &Work) -> Option<Price> {
        let count = i64::from(work.count);
        match self {
            Self::PerOutput { least, most, most_from_chars } => {
                let chars = i64::try_from(work.prompt_chars()).unwrap_or(i64::MAX);
                let full = i64::from((*most_from_chars).max(1));
                let span = (*most - *least).micros();
                let expected = least.micros() + span.saturating_mul(chars.min(full)) / full;
                Some(Price {
                    expected: MicroUsd::from_micros(expected).times(count),
                    upper: most.times(count),
                })
            }
            Self::Allowance { .. } => {
                Some(Price { expected: MicroUsd::ZERO, upper: MicroUsd::ZERO })
            }
            Self::PerSecond { each } => {
                let total = each.times(i64::from(work.seconds?)).times(count);
                Some(Price { expected: total, upper: total })
            }
            Self::Credits { .. } | Self::Unlisted => None,
        }
    }
}
