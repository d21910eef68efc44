//! What every OpenAI-shaped route tells of a generation: the facts as headers, a bad end as an error.

use std::time::Duration;

use actix_web::HttpResponseBuilder;
use engine::{Code, Generation, Refusal, Started, Status};

use super::{
    dto_generation::provider_model,
    error::{ApiError, Result},
    idempotency::REPLAYED,
};

/// The names of the parameters for which something else was used, parted by commas.
pub(super) const ADJUSTED: &str = "x-atelier-adjusted";
/// When to try again where every provider was unavailable: about as long as an account rests.
const TRY_AGAIN: Duration = Duration::from_secs(15);

/// The facts of a generation, as headers.
pub(super) fn tell(builder: &mut HttpResponseBuilder, generation: &Generation) {
    builder.insert_header(("x-atelier-generation", generation.id.as_str()));
    builder.insert_header(("x-atelier-cost-usd", generation.cost.charged.to_string()));
    builder.insert_header(("x-atelier-cache", generation.cache.as_str()));
    if let Some(provider) = &generation.provider {
        builder.insert_header(("x-atelier-provider", provider.as_str()));
    }
    if let Some(model) = provider_model(generation) {
        builder.insert_header(("x-atelier-model", model));
    }
    if let Some(account) = &generation.account {
        builder.insert_header(("x-atelier-account", account.as_str()));
    }
    if !generation.adjustments.is_empty() {
        let names: Vec<&str> = generation.adjustments.keys().map(String::as_str).collect();
        builder.insert_header((ADJUSTED, names.join(",")));
    }
}

/// Says that an answer is an earlier request's, where it is, and under which key the cache has it.
pub(super) fn tell_replay(builder: &mut HttpResponseBuilder, started: &Started) {
    if started.replayed {
        builder.insert_header((REPLAYED, "true"));
    }
    if let Some(key) = started.cache_key {
        let key = blake3::Hash::from_bytes(key).to_hex();
        builder.insert_header(("x-atelier-cache-key", key.as_str()));
    }
}

/// Refuses to answer with a generation that did not end well.
///
/// # Errors
/// Why there is no output, with the generation's id.
pub(super) fn expect_completed(generation: &Generation) -> Result<()> {
    if generation.status == Status::Completed {
        return Ok(());
    }
    Err(ApiError::from(refusal_of(generation)).of_generation(&generation.id))
}

/// The output of a generation whose outputs nobody might keep: they were in the first answer only.
pub(super) fn not_kept(generation: &Generation) -> ApiError {
    let message = "the output was in the first answer only: nothing was to be kept";
    ApiError::from(Refusal::new(Code::Expired, message)).of_generation(&generation.id)
}

/// Why a generation is no answer in OpenAI's shape.
fn refusal_of(generation: &Generation) -> Refusal {
    let failed = generation.error.as_ref();
    let message = |otherwise: &str| {
        failed.map_or_else(|| otherwise.to_owned(), |failure| failure.message.clone())
    };
    match generation.status {
        Status::Queued | Status::Running => {
            let message = "it takes longer than this request may; the generation goes on";
            Refusal::new(Code::DeadlineExceeded, message)
        }
        Status::Blocked => {
            Refusal::new(Code::ContentBlocked, message("a provider's safety check stopped it"))
        }
        Status::Cancelled => Refusal::new(Code::NotReady, "the generation was cancelled"),
        Status::Completed | Status::Failed => {
            let code = failed.and_then(|failure| code_of(&failure.code));
            let code = code.unwrap_or(Code::ProviderError);
            let refusal = Refusal::new(code, message("no provider made it"));
            if code == Code::ProvidersUnavailable { refusal.after(TRY_AGAIN) } else { refusal }
        }
    }
}

/// The codes that a generation can end with.
fn code_of(text: &str) -> Option<Code> {
    const ENDS: [Code; 10] = [
        Code::InvalidRequest,
        Code::UnsupportedParameter,
        Code::InvalidImage,
        Code::BudgetExceeded,
        Code::NoCandidate,
        Code::ContentBlocked,
        Code::InternalError,
        Code::ProviderError,
        Code::ProvidersUnavailable,
        Code::DeadlineExceeded,
    ];
    ENDS.into_iter().find(|code| code.as_str() == text)
}
