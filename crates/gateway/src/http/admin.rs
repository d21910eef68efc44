//! What administration's rooms share: reading a body, names of models, secrets that are told once.

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{StatusCode, header::CACHE_CONTROL},
    web::Payload,
};
use engine::{Market, Refusal, keys::Actor};
use records::{Budget, Limits};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    body,
    dto_rules::{BudgetsDto, LimitsDto},
    error::Result,
    json,
};

/// Bytes of an administration body: names and lists of names.
const BODY: usize = 64 * 1024;

/// Reads a body.
///
/// # Errors
/// As [`json::parse`]; `unsupported_media_type`, `request_too_large`.
pub(super) async fn read<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
) -> Result<T> {
    json::expect_json(request.headers())?;
    let bytes = body::collect(request.headers(), payload, BODY).await?;
    Ok(json::parse(&bytes)?)
}

/// As [`read`], where the body may be left out.
///
/// # Errors
/// As [`read`].
pub(super) async fn read_if_any<T: DeserializeOwned + Default>(
    request: &HttpRequest,
    payload: Payload,
) -> Result<T> {
    let bytes = body::collect(request.headers(), payload, BODY).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    json::expect_json(request.headers())?;
    Ok(json::parse(&bytes)?)
}

/// Names that nobody answers to would lock a team out without a word, and a limit of a model that is not
/// there would limit nothing.
///
/// # Errors
/// `invalid_request` naming the first one that is not there.
pub(super) fn known_names(
    market: &Market,
    models: &[String],
    limits: Option<&LimitsDto>,
) -> Result<(), Refusal> {
    for (index, name) in models.iter().enumerate() {
        known_model(market, name).map_err(|refusal| refusal.at(format!("models[{index}]")))?;
    }
    for name in limits.into_iter().flat_map(LimitsDto::models) {
        known_model(market, name).map_err(|refusal| refusal.at(format!("limits.models.{name}")))?;
    }
    Ok(())
}

fn known_model(market: &Market, name: &str) -> Result<(), Refusal> {
    if market.listing(name).is_some() || market.aliases().any(|alias| alias.name == name) {
        return Ok(());
    }
    Err(Refusal::field("models", format!("there is no model {name:?}")))
}

/// What a team or key may ask for and spend, as far as it shall be different.
pub(super) struct Changed {
    pub(super) models: Option<Vec<String>>,
    pub(super) budgets: Option<Vec<Budget>>,
    pub(super) limits: Option<Limits>,
}

/// What a change says of a team or key; `null` takes away what there was.
///
/// # Errors
/// As [`known_names`].
pub(super) fn changed(
    market: &Market,
    models: Option<Option<Vec<String>>>,
    budgets: Option<Option<BudgetsDto>>,
    limits: Option<Option<LimitsDto>>,
) -> Result<Changed, Refusal> {
    let models = models.map(Option::unwrap_or_default);
    let named = limits.as_ref().and_then(Option::as_ref);
    known_names(market, models.as_deref().unwrap_or_default(), named)?;
    Ok(Changed {
        models,
        budgets: budgets.map(|all| all.map(BudgetsDto::into_budgets).unwrap_or_default()),
        limits: limits.map(|limits| limits.map(Limits::from).unwrap_or_default()),
    })
}

/// An answer with a secret that is told this once: nobody on its way may keep it.
pub(super) fn told_once(status: StatusCode, answer: impl Serialize) -> HttpResponse {
    HttpResponseBuilder::new(status).insert_header((CACHE_CONTROL, "no-store")).json(answer)
}

/// Whose rows a list has: those that were asked for, and a team's admin sees that team's only.
///
/// # Errors
/// `not_found` for a team's admin that asks for another team.
pub(super) fn visible_team(
    actor: &Actor,
    asked: Option<String>,
) -> Result<Option<String>, Refusal> {
    match (actor.of_team(), asked) {
        (None, asked) => Ok(asked),
        (Some(own), Some(asked)) if asked != own => Err(Refusal::not_found("team").at("team")),
        (Some(own), _) => Ok(Some(own.to_owned())),
    }
}

/// Hides what is another team's from a team's admin.
///
/// # Errors
/// `not_found`, as for what never was.
pub(super) fn expect_visible(actor: &Actor, team: &str, what: &str) -> Result<(), Refusal> {
    match actor.of_team() {
        Some(own) if own != team => Err(Refusal::not_found(what)),
        _ => Ok(()),
    }
}
