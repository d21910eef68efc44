//! Fields of OpenAI's that some vendors know under the same name.

use std::collections::BTreeSet;

use engine::{Market, Refusal, Request};
use serde_json::Value;

/// Passes a field on as an option of the vendors where every candidate documents one of that very
/// name. Otherwise it is reported as without effect: one candidate that heeds it and one that does
/// not would make the same request mean two things.
///
/// # Errors
/// `model_not_found` and its like; `invalid_request` where `provider_options` says something else.
pub(super) fn pass_on(
    request: &mut Request,
    market: &Market,
    name: &'static str,
    value: Value,
) -> Result<(), Refusal> {
    let resolved = market.resolve(request.model.as_deref(), request.kind)?;
    let wanted = &request.routing.providers;
    let asked = |vendor: &String| wanted.is_empty() || wanted.contains(vendor);
    let candidates: Vec<_> =
        resolved.listings.iter().filter(|listing| asked(&listing.vendor.name)).collect();
    let is_known =
        candidates.iter().all(|l| l.model().capabilities.options.iter().any(|o| o == name));
    if candidates.is_empty() || !is_known {
        request.without_effect.insert(name.to_owned(), value);
        return Ok(());
    }
    let vendors: BTreeSet<&String> = candidates.iter().map(|l| &l.vendor.name).collect();
    for vendor in vendors {
        let options = request.provider_options.entry(vendor.clone()).or_default();
        let given = options.entry(name.to_owned()).or_insert_with(|| value.clone());
        if *given != value {
            let message =
                format!("`{name}` and `provider_options.{vendor}.{name}` are not the same");
            return Err(Refusal::field(name, message));
        }
    }
    Ok(())
}
