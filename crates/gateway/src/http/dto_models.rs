//! Models as callers and operators see them.

use std::time::Duration;

use engine::{Alias, Offer};
use provider::{Kind, MicroUsd, Quote, QuoteSource, Tariff};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    dto_capabilities::CapabilitiesDto,
    fields::{kind_schema, source_schema},
};

/// Every model, on one page.
#[derive(Serialize, ToSchema)]
pub(super) struct ModelsAnswer {
    /// `list`
    object: &'static str,
    data: Vec<ModelDto>,
    has_more: bool,
    next_cursor: Option<String>,
}

impl ModelsAnswer {
    pub(super) fn new(data: Vec<ModelDto>) -> Self {
        Self { object: "list", data, has_more: false, next_cursor: None }
    }
}

/// A model of a vendor, or an alias for several.
#[derive(Serialize, ToSchema)]
pub(super) struct ModelDto {
    /// `provider/model`, or the alias.
    #[schema(example = "zekron/zekron-image-1")]
    id: String,
    /// `model`
    object: &'static str,
    /// Unix seconds; vendors do not tell it.
    created: i64,
    /// The provider; of an alias the gateway.
    owned_by: String,
    /// The name for people.
    title: Option<String>,
    #[schema(schema_with = kind_schema)]
    kind: Kind,
    /// What an alias stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    candidates: Option<Vec<String>>,
    /// What it can do.
    capabilities: Option<CapabilitiesDto>,
    /// What the vendor lists as its price.
    price: Option<PriceDto>,
    /// How long one call usually takes.
    usual_s: Option<u64>,
    /// What a plain call costs as it stands; all `null` for an alias.
    #[serde(flatten)]
    expected: ExpectedDto,
}

/// What one plain call costs: one output, the model's defaults, a prompt of usual length. All `null`
/// where nobody knows.
#[derive(Serialize, ToSchema, Default)]
struct ExpectedDto {
    #[schema(value_type = Option<String>, example = "0.026000")]
    expected_usd: Option<MicroUsd>,
    /// At most.
    #[schema(value_type = Option<String>, example = "0.030000")]
    upper_usd: Option<MicroUsd>,
    /// How that is known.
    #[schema(schema_with = source_schema)]
    source: Option<QuoteSource>,
    /// How old that knowledge is.
    age_s: Option<u64>,
}

/// A model as operators see it.
#[derive(Serialize, ToSchema)]
pub(super) struct OfferDto {
    /// `provider/model`
    #[schema(example = "zekron/zekron-image-1")]
    id: String,
    /// `model`
    object: &'static str,
    provider: String,
    /// The provider's own name of it.
    model: String,
    /// The name for people.
    title: String,
    #[schema(schema_with = kind_schema)]
    kind: Kind,
    capabilities: CapabilitiesDto,
    /// What the vendor lists as its price.
    price: PriceDto,
    #[serde(flatten)]
    expected: ExpectedDto,
    /// How far the vendor's estimates are off, where charges have shown it.
    drift: Option<DriftDto>,
    /// Whether it takes work.
    available: bool,
    /// Why it takes none.
    reason: Option<String>,
}

/// How a vendor's charges compare with its estimates.
#[derive(Serialize, ToSchema)]
struct DriftDto {
    /// What an estimate is multiplied by for the expected charge.
    ratio: f64,
    /// What it is multiplied by for the most that will be charged.
    upper: f64,
    /// How many charges this is from.
    samples: usize,
}

/// A listed price, in the dimension that the vendor charges by.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum PriceDto {
    /// Per output, growing with the prompt.
    PerOutput {
        #[schema(value_type = String)]
        least_usd: MicroUsd,
        #[schema(value_type = String)]
        most_usd: MicroUsd,
        most_from_chars: u32,
    },
    /// A unit of a prepaid allowance.
    Allowance {
        #[schema(value_type = Option<String>)]
        overage_usd: Option<MicroUsd>,
    },
    /// Per second of output.
    PerSecond {
        #[schema(value_type = String)]
        each_usd: MicroUsd,
    },
    /// In credits.
    Credits {
        credits: u32,
        #[schema(value_type = String)]
        credit_usd: MicroUsd,
    },
    /// The vendor must be asked.
    Unlisted,
}

impl From<&Alias> for ModelDto {
    fn from(alias: &Alias) -> Self {
        Self {
            id: alias.name.clone(),
            object: "model",
            created: 0,
            owned_by: "atelier".to_owned(),
            title: None,
            kind: alias.kind,
            candidates: Some(alias.candidates.clone()),
            capabilities: None,
            price: None,
            usual_s: None,
            expected: ExpectedDto::default(),
        }
    }
}

impl From<&Offer> for ModelDto {
    fn from(offer: &Offer) -> Self {
        let Offer { listing, quote, .. } = offer;
        let model = listing.model();
        Self {
            id: listing.name(),
            object: "model",
            created: 0,
            owned_by: listing.vendor.name.clone(),
            title: Some(model.title.clone()),
            kind: model.kind,
            candidates: None,
            capabilities: Some(CapabilitiesDto::from(&model.capabilities)),
            price: Some(price(&model.tariff)),
            usual_s: Some(rounded_up(model.usual)),
            expected: quote.as_ref().map(ExpectedDto::from).unwrap_or_default(),
        }
    }
}

impl From<&Quote> for ExpectedDto {
    fn from(quote: &Quote) -> Self {
        Self {
            expected_usd: Some(quote.price.expected),
            upper_usd: Some(quote.price.upper),
            source: Some(quote.source),
            age_s: Some(quote.age.as_secs()),
        }
    }
}

impl From<&Offer> for OfferDto {
    fn from(offer: &Offer) -> Self {
        let Offer { listing, quote, drift, reason } = offer;
        let model = listing.model();
        let drift = drift.as_ref();
        Self {
            id: listing.name(),
            object: "model",
            provider: listing.vendor.name.clone(),
            model: model.name.clone(),
            title: model.title.clone(),
            kind: model.kind,
            capabilities: CapabilitiesDto::from(&model.capabilities),
            price: price(&model.tariff),
            expected: quote.as_ref().map(ExpectedDto::from).unwrap_or_default(),
            drift: drift.map(|learned| DriftDto {
                ratio: learned.ratio,
                upper: learned.upper,
                samples: learned.samples,
            }),
            available: reason.is_none(),
            reason: reason.clone(),
        }
    }
}

fn rounded_up(span: Duration) -> u64 {
    u64::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u64::MAX)
}

fn price(tariff: &Tariff) -> PriceDto {
    match tariff {
        Tariff::PerOutput { least, most, most_from_chars } => PriceDto::PerOutput {
            least_usd: *least,
            most_usd: *most,
            most_from_chars: *most_from_chars,
        },
        Tariff::Allowance { overage } => PriceDto::Allowance { overage_usd: *overage },
        Tariff::PerSecond { each } => PriceDto::PerSecond { each_usd: *each },
        Tariff::Credits { each, credit } => {
            PriceDto::Credits { credits: *each, credit_usd: *credit }
        }
        Tariff::Unlisted => PriceDto::Unlisted,
    }
}
