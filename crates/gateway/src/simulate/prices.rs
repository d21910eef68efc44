//! What candidates are expected to charge, learned from what they charged.
#![expect(
    clippy::float_arithmetic,
    reason = "expectations are statistics; money stays in integers"
)]

use std::collections::BTreeMap;

use provider::MicroUsd;
use routing::{Drift, Published, Rise, Risen, Share, above, hoped_ratio};

use super::{
    messages::{PrepaidModel, Quote, Request},
    supply::{Supplier, model, supplier},
};

/// Charges lie within this share of the expectation, by the kind of supply (the vendors' own noise).
const PREPAID_NOISE: f64 = 0.015;
const CREDITS_NOISE: f64 = 0.08;
/// Prompts count up to this length.
const FULL_LENGTH: f64 = 1_000.0;
/// So often work is blocked where nothing is known.
const USUALLY_BLOCKED: f64 = 0.03;

/// What is known of prices and of blocked work.
#[derive(Debug)]
pub(super) struct Prices {
    published: BTreeMap<String, PrepaidModel>,
    rises: BTreeMap<String, (Rise, Option<Risen>)>,
    drifts: BTreeMap<String, Drift>,
    credit: f64,
    blocked: Share,
    blocked_in: BTreeMap<String, Share>,
    blocked_of: BTreeMap<(String, String), Share>,
}

/// One charge as expected.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charge {
    /// What the vendor takes, in micro-USD.
    pub(super) money: f64,
    /// That and what of it is above the request's ceiling, which counts twice.
    pub(super) cost: f64,
    /// What it takes at least, in micro-USD.
    pub(super) least: f64,
    /// What it takes at most, in micro-USD.
    pub(super) most: f64,
}

impl Prices {
    pub(super) fn new(published: BTreeMap<String, PrepaidModel>, credit: f64) -> Self {
        Self {
            published,
            rises: BTreeMap::new(),
            drifts: BTreeMap::new(),
            credit,
            blocked: Share::default(),
            blocked_in: BTreeMap::new(),
            blocked_of: BTreeMap::new(),
        }
    }

    /// What a candidate would charge; an allowance nothing.
    pub(super) fn charge(&self, request: &Request, quote: &Quote) -> Charge {
        let model = model(&quote.candidate);
        let (money, noise) = match supplier(&quote.candidate) {
            Supplier::Prepaid => {
                (f64::from(request.n) * self.per_result(request, model), PREPAID_NOISE)
            }
            Supplier::Allowance => (0.0, 0.0),
            Supplier::Credits => (quote.est * self.ratio(model), CREDITS_NOISE),
        };
        let ceiling = request.max_price.unwrap_or(f64::MAX);
        Charge {
            money,
            cost: money + above(ceiling, money, noise),
            least: money * (1.0 - noise),
            most: money * (1.0 + noise),
        }
    }

    fn per_result(&self, request: &Request, model: &str) -> f64 {
        let Some(published) = self.published.get(model) else { return 0.0 };
        match self.rises.get(model).and_then(|(_, risen)| *risen) {
            Some(risen) => risen.expected(length(request)),
            None => published.min + (published.max - published.min) * length(request),
        }
    }

    fn ratio(&self, model: &str) -> f64 {
        let of = |drift: &Drift| drift.learned().map(|learned| learned.ratio);
        let known = self.drifts.get(model).and_then(of);
        known.unwrap_or_else(|| hoped_ratio(self.drifts.values().filter_map(of)))
    }

    /// A prepaid vendor charged so much, in micro-USD.
    pub(super) fn learn_prepaid(&mut self, request: &Request, model: &str, cost: f64) {
        if let Some(published) = self.published.get(model) {
            let published = Published { least: published.min, most: published.max };
            let each = cost / f64::from(request.n.max(1));
            let (rise, risen) = self.rises.entry(model.to_owned()).or_default();
            *risen = rise.learn(length(request), each, published);
        }
    }

    /// A vendor with credits charged so many of them.
    pub(super) fn learn_credits(&mut self, quote: &Quote, credits: f64) {
        // Charges are rounded up to whole credits, half a one too much on average.
        let charged = (credits - 0.5).max(0.0) * self.credit;
        let drift = self.drifts.entry(model(&quote.candidate).to_owned()).or_default();
        drift.learn(micros(quote.est), micros(charged));
    }

    /// Work of a class and a team ended, blocked or not.
    pub(super) fn learn_blocked(&mut self, request: &Request, blocked: bool) {
        let of = (request.class.clone(), request.team.clone());
        self.blocked.learn(blocked);
        self.blocked_in.entry(request.class.clone()).or_default().learn(blocked);
        self.blocked_of.entry(of).or_default().learn(blocked);
    }

    /// How likely it is blocked: as its class and team, drawn to its class, drawn to all.
    pub(super) fn blocked(&self, request: &Request) -> f64 {
        let of = (request.class.clone(), request.team.clone());
        let narrow = self.blocked_of.get(&of).copied().unwrap_or_default();
        let class = self.blocked_in.get(&request.class).copied().unwrap_or_default();
        narrow.drawn_to(class.drawn_to(self.blocked.drawn_to(USUALLY_BLOCKED)))
    }
}

fn length(request: &Request) -> f64 {
    (f64::from(request.prompt_chars) / FULL_LENGTH).min(1.0)
}

#[expect(clippy::cast_possible_truncation, reason = "whole micro-USD far below 2^53")]
fn micros(amount: f64) -> MicroUsd {
    MicroUsd::from_micros(amount.round() as i64)
}
