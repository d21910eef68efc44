//! A generation as callers see it: every key is there, `null` where there is nothing.

use std::collections::BTreeMap;

use engine::{
    CacheResult, Delivery, Done, Engine, Generation, Outcome, OutputRecord, Refusal, Status,
};
use provider::{Adjustments, Kind, MicroUsd, Timestamp};
use records::Attempt;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    fields::{kind_schema, words},
    pictures::Holes,
    progress::progress,
};

/// One generation.
#[derive(Serialize, ToSchema)]
pub(super) struct GenerationDto<'a> {
    #[schema(example = "gen_01k9x0s7n2m4p6q8r0t2v4w6y8")]
    id: &'a str,
    /// `generation`
    object: &'static str,
    #[schema(schema_with = kind_schema)]
    kind: Kind,
    #[schema(schema_with = status_schema)]
    status: Status,
    /// As it was asked for.
    model: &'a str,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<Timestamp>,
    /// Percent; while it is made an estimate from the time that the model usually takes.
    #[schema(maximum = 100)]
    progress: u8,
    outputs: Vec<OutputDto<'a>>,
    /// The provider that made them.
    provider: Option<&'a str>,
    /// `provider/model`
    provider_model: Option<String>,
    /// The provider's account.
    account: Option<&'a str>,
    cost: CostDto,
    /// `hit` and `similar`: what another generation made before; `coalesced`: what another one was
    /// making; `miss`: made for this one; `off`: the cache was not asked.
    #[schema(schema_with = cache_schema)]
    cache: CacheResult,
    /// What was used instead of what was asked for, by parameter.
    #[schema(value_type = BTreeMap<String, AdjustmentDto>)]
    adjustments: &'a Adjustments,
    /// Every try at a provider's account, the successful one too.
    attempts: Vec<AttemptDto<'a>>,
    error: Option<FailureDto<'a>>,
    /// The caller's own words.
    metadata: &'a BTreeMap<String, String>,
}

/// One output.
#[derive(Serialize, ToSchema)]
struct OutputDto<'a> {
    asset: Option<&'a str>,
    /// A signed link.
    url: Option<String>,
    /// Base64, where it was asked for.
    b64: Option<String>,
    text: Option<&'a str>,
    mime_type: &'a str,
    width: Option<u32>,
    height: Option<u32>,
    /// Length of a clip or a sound.
    seconds: Option<f64>,
    bytes: u64,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// What it costs: decimal US dollars.
#[derive(Serialize, ToSchema)]
struct CostDto {
    #[schema(value_type = String, example = "0.026000")]
    estimated_usd: MicroUsd,
    /// What the books hold for all attempts.
    #[schema(value_type = String, example = "0.026700")]
    charged_usd: MicroUsd,
    /// The part of it that is a ceiling, because the vendor's charge could not be known.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "is_nothing")]
    uncertain_usd: MicroUsd,
}

fn is_nothing(amount: &MicroUsd) -> bool {
    amount.is_zero()
}

/// One try.
#[derive(Serialize, ToSchema)]
struct AttemptDto<'a> {
    provider: &'a str,
    account: &'a str,
    #[schema(schema_with = outcome_schema)]
    outcome: Option<Outcome>,
    #[schema(value_type = String)]
    charged_usd: MicroUsd,
    /// Whether that is a ceiling.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    uncertain: bool,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
}

/// Why a generation failed.
#[derive(Serialize, ToSchema)]
struct FailureDto<'a> {
    code: &'a str,
    message: &'a str,
}

/// One adjustment.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used; the values are the engine's own")]
pub(super) struct AdjustmentDto {
    #[schema(value_type = Object)]
    requested: (),
    #[schema(value_type = Object)]
    used: (),
    reason: String,
}

fn status_schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    words(&Status::ALL.map(Status::as_str))
}

fn cache_schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    words(&CacheResult::ALL.map(CacheResult::as_str))
}

fn outcome_schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    words(&Outcome::ALL.map(Outcome::as_str))
}

/// How a generation was to be delivered, as far as its request is still there.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    delivery: Delivery,
    store: bool,
}

fn wanted(engine: &Engine, generation: &Generation) -> Wanted {
    match engine.request_of(generation) {
        Some(request) => Wanted { delivery: request.delivery, store: request.store },
        None => Wanted { delivery: Delivery::Url, store: true },
    }
}

/// A generation without its bytes: for lists, events and answers that come before the end.
pub(super) fn plain<'a>(engine: &Engine, generation: &'a Generation) -> GenerationDto<'a> {
    let wanted = wanted(engine, generation);
    let outputs = generation.outputs.iter().map(|output| plain_output(engine, wanted, output));
    dto(engine, generation, outputs.collect())
}

/// A generation with its bytes where they were asked for, and the holes to put them into.
///
/// # Errors
/// An output's bytes are gone.
pub(super) async fn whole<'a>(
    engine: &Engine,
    done: &'a Done,
) -> Result<(GenerationDto<'a>, Holes), Refusal> {
    let generation = &*done.generation;
    let wanted = wanted(engine, generation);
    // Of what is not kept this answer is the only one.
    let once = !wanted.store && wanted.delivery == Delivery::None;
    let mut holes = Holes::default();
    let mut outputs = Vec::with_capacity(generation.outputs.len());
    for record in &generation.outputs {
        let mut output = plain_output(engine, wanted, record);
        if once || wanted.delivery == Delivery::B64 {
            output.b64 = holes.add(engine, done, record).await?;
        }
        if once {
            (output.asset, output.expires_at) = (None, None);
        }
        outputs.push(output);
    }
    Ok((dto(engine, generation, outputs), holes))
}

fn plain_output<'a>(engine: &Engine, wanted: Wanted, output: &'a OutputRecord) -> OutputDto<'a> {
    let linked = output.asset.as_deref().zip(output.expires_at);
    let linked = linked.filter(|_| wanted.delivery != Delivery::None);
    OutputDto {
        asset: output.asset.as_deref(),
        url: linked.map(|(asset, until)| engine.asset_link(asset, until)),
        b64: None,
        text: output.text.as_deref(),
        mime_type: &output.media_type,
        width: output.width,
        height: output.height,
        seconds: output.millis.map(|ms| std::time::Duration::from_millis(ms).as_secs_f64()),
        bytes: output.bytes,
        expires_at: output.expires_at,
    }
}

fn dto<'a>(
    engine: &Engine,
    generation: &'a Generation,
    outputs: Vec<OutputDto<'a>>,
) -> GenerationDto<'a> {
    let error = generation.error.as_ref();
    GenerationDto {
        id: &generation.id,
        object: "generation",
        kind: generation.kind,
        status: generation.status,
        model: &generation.model,
        created_at: generation.created_at,
        completed_at: generation.completed_at,
        progress: progress(generation, engine.market(), engine.clock().now()),
        outputs,
        provider: generation.provider.as_deref(),
        provider_model: provider_model(generation),
        account: generation.account.as_deref(),
        cost: CostDto {
            estimated_usd: generation.cost.estimated,
            charged_usd: generation.cost.charged,
            uncertain_usd: generation.cost.uncertain,
        },
        cache: generation.cache,
        adjustments: &generation.adjustments,
        attempts: generation.attempts.iter().map(attempt).collect(),
        error: error.map(|e| FailureDto { code: &e.code, message: &e.message }),
        metadata: &generation.metadata,
    }
}

fn attempt(attempt: &Attempt) -> AttemptDto<'_> {
    AttemptDto {
        provider: &attempt.provider,
        account: &attempt.account,
        outcome: attempt.outcome,
        charged_usd: attempt.charged,
        uncertain: attempt.uncertain,
        started_at: attempt.started_at,
        ended_at: attempt.ended_at,
    }
}

/// `provider/model` of whoever made it.
pub(super) fn provider_model(generation: &Generation) -> Option<String> {
    let (provider, model) = generation.provider.as_ref().zip(generation.provider_model.as_ref())?;
    Some(format!("{provider}/{model}"))
}
