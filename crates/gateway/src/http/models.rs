//! What can be asked for, for how much.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use engine::{Caller, Code, Engine, Refusal, keys::Right};

use super::{
    State, auth,
    dto_models::{ModelDto, ModelsAnswer, OfferDto},
    error::{ErrorBody, Result},
    query::{self, List},
};

/// Lists what this key may ask for: aliases first.
#[utoipa::path(get, path = "/v1/models", tag = "OpenAI-shaped",
    responses((status = 200, description = "The models", body = ModelsAnswer),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn list(request: HttpRequest, state: Data<State>) -> Result {
    let caller = auth::any_caller(&request, &state).await?;
    let engine = &state.engine;
    let market = engine.market();
    let aliases = market.aliases().filter(|alias| may_see(&caller, &alias.name));
    let mut data: Vec<ModelDto> = aliases.map(ModelDto::from).collect();
    for listing in market.listings() {
        if may_see(&caller, &listing.name()) {
            data.push(ModelDto::from(&engine.offer(listing).await));
        }
    }
    Ok(HttpResponse::Ok().json(ModelsAnswer::new(data)))
}

/// One model; its id has a slash.
#[utoipa::path(get, path = "/v1/models/{id}", tag = "OpenAI-shaped",
    params(("id" = String, Path, description = "An alias or `provider/model`")),
    responses((status = 200, description = "The model", body = ModelDto),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn get(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result {
    let caller = auth::any_caller(&request, &state).await?;
    let found = if may_see(&caller, &id) { find(&state.engine, &id).await } else { None };
    let model = found.ok_or_else(|| {
        Refusal::new(Code::ModelNotFound, format!("there is no model {:?}", id.as_str())).at("id")
    })?;
    Ok(HttpResponse::Ok().json(model))
}

fn may_see(caller: &Caller, id: &str) -> bool {
    caller.may_ask_for(id).is_ok()
}

async fn find(engine: &Engine, id: &str) -> Option<ModelDto> {
    let market = engine.market();
    if let Some(alias) = market.aliases().find(|alias| alias.name == id) {
        return Some(ModelDto::from(alias));
    }
    let offer = engine.offer(market.listing(id)?).await;
    Some(ModelDto::from(&offer))
}

/// Lists every model of every provider with its price as it stands, how far the provider's estimates
/// are off, and why it takes no work where it takes none. It is one page.
#[utoipa::path(get, path = "/admin/v1/models", tag = "administration",
    responses((status = 200, description = "All of them", body = List<OfferDto>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn list_offers(request: HttpRequest, state: Data<State>) -> Result {
    auth::operator(&request, &state, Right::Read).await?;
    let offers = state.engine.offers().await;
    let list = query::list(&offers, (false, None), OfferDto::from);
    Ok(HttpResponse::Ok().json(list))
}
