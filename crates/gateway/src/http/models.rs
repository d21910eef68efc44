//! What can be asked for.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use engine::{Alias, Caller, Code, Listing, Market, Refusal};
use provider::{Audio, Capabilities, Durations, InputRule, Kind, MicroUsd, Role, Sizes, Tariff};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    State, auth,
    error::{ErrorBody, Result},
    fields::kind_schema,
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
}

/// What a model can do.
#[derive(Serialize, ToSchema)]
struct CapabilitiesDto {
    prompt_chars: Span,
    negative_prompt: bool,
    sizes: SizesDto,
    seed: bool,
    seconds: SecondsDto,
    /// `never`, `always` or `choice`.
    audio: &'static str,
    /// Most outputs of one call.
    max_count: u8,
    inputs: Vec<InputRuleDto>,
    /// Whether the vendor can be told to keep nothing.
    no_retention: bool,
    /// Further fields, for `provider_options`.
    options: Vec<String>,
}

/// From here to there, both included.
#[derive(Serialize, ToSchema)]
struct Span {
    min: usize,
    max: usize,
}

/// The sizes a model makes.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum SizesDto {
    /// It has none.
    None,
    /// Exactly these; the first is the default.
    Listed { sizes: Vec<String> },
    /// Any within these bounds, in pixels a side.
    Within { min: u32, max: u32, default: String },
    /// Ratios; the first is the default.
    Ratios { ratios: Vec<String> },
}

/// The clip lengths a model makes.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum SecondsDto {
    /// It makes no clips.
    None,
    /// Any whole second.
    Within { min: u32, max: u32, default: u32 },
    /// Exactly these.
    Listed { seconds: Vec<u32>, default: u32 },
}

/// Inputs of one role.
#[derive(Serialize, ToSchema)]
struct InputRuleDto {
    #[schema(value_type = String)]
    role: Role,
    max: usize,
    mime_types: Vec<String>,
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

/// Lists what this key may ask for: aliases first.
#[utoipa::path(get, path = "/v1/models", tag = "OpenAI-shaped",
    responses((status = 200, description = "The models", body = ModelsAnswer),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn list(request: HttpRequest, state: Data<State>) -> Result {
    let caller = auth::any_caller(&request, &state).await?;
    let market = state.engine.market();
    let aliases = market.aliases().map(of_alias);
    let models = market.listings().into_iter().map(|listing| of_listing(&listing));
    let data = aliases.chain(models).filter(|model| may_see(&caller, &model.id)).collect();
    let answer = ModelsAnswer { object: "list", data, has_more: false, next_cursor: None };
    Ok(HttpResponse::Ok().json(answer))
}

/// One model; its id has a slash.
#[utoipa::path(get, path = "/v1/models/{id}", tag = "OpenAI-shaped",
    params(("id" = String, Path, description = "An alias or `provider/model`")),
    responses((status = 200, description = "The model", body = ModelDto),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn get(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    let caller = auth::any_caller(&request, &state).await?;
    let found = find(state.engine.market(), &id).filter(|_| may_see(&caller, &id));
    let model = found.ok_or_else(|| {
        Refusal::new(Code::ModelNotFound, format!("there is no model {:?}", id.as_str())).at("id")
    })?;
    Ok(HttpResponse::Ok().json(model))
}

fn may_see(caller: &Caller, id: &str) -> bool {
    caller.may_ask_for(id).is_ok()
}

fn find(market: &Market, id: &str) -> Option<ModelDto> {
    let alias = market.aliases().find(|alias| alias.name == id).map(of_alias);
    alias.or_else(|| market.listing(id).map(|listing| of_listing(&listing)))
}

fn of_alias(alias: &Alias) -> ModelDto {
    ModelDto {
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
    }
}

fn of_listing(listing: &Listing) -> ModelDto {
    let model = listing.model();
    ModelDto {
        id: listing.name(),
        object: "model",
        created: 0,
        owned_by: listing.vendor.name.clone(),
        title: Some(model.title.clone()),
        kind: model.kind,
        candidates: None,
        capabilities: Some(capabilities(&model.capabilities)),
        price: Some(price(&model.tariff)),
        usual_s: Some(rounded_up(model.usual)),
    }
}

fn rounded_up(span: Duration) -> u64 {
    u64::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u64::MAX)
}

fn capabilities(can: &Capabilities) -> CapabilitiesDto {
    let sizes = match &can.sizes {
        Sizes::Not => SizesDto::None,
        Sizes::Listed(sizes) => {
            SizesDto::Listed { sizes: sizes.iter().map(ToString::to_string).collect() }
        }
        Sizes::Within { min, max, default } => {
            SizesDto::Within { min: *min, max: *max, default: default.to_string() }
        }
        Sizes::Ratios(ratios) => {
            SizesDto::Ratios { ratios: ratios.iter().map(ToString::to_string).collect() }
        }
    };
    let seconds = match &can.seconds {
        Durations::Not => SecondsDto::None,
        Durations::Within { min, max, default } => {
            SecondsDto::Within { min: *min, max: *max, default: *default }
        }
        Durations::Listed { seconds, default } => {
            SecondsDto::Listed { seconds: seconds.clone(), default: *default }
        }
    };
    CapabilitiesDto {
        prompt_chars: Span { min: *can.prompt_chars.start(), max: *can.prompt_chars.end() },
        negative_prompt: can.negative_prompt,
        sizes,
        seed: can.seed,
        seconds,
        audio: match can.audio {
            Audio::Never => "never",
            Audio::Always => "always",
            Audio::Choice => "choice",
        },
        max_count: can.max_count,
        inputs: can.inputs.iter().map(input_rule).collect(),
        no_retention: can.no_retention,
        options: can.options.clone(),
    }
}

fn input_rule(rule: &InputRule) -> InputRuleDto {
    InputRuleDto { role: rule.role, max: rule.max, mime_types: rule.media_types.clone() }
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
