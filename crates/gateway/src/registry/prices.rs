//! Whether prices can be agreed for the models that a configuration names.

use provider::{Model, Provider, Tariff};

use crate::config::{Problems, ProviderConfig, no_such_model};

/// Whether the models that prices were agreed for are there, and are paid by the piece.
pub(super) fn check(given: &ProviderConfig, adapter: &dyn Provider, problems: &mut Problems) {
    let places = given.accounts.iter().map(|a| (format!("accounts.{}.", a.name), &a.prices));
    for (place, terms) in std::iter::once((String::new(), &given.prices)).chain(places) {
        for model in terms.models() {
            if let Some(reason) = none(given, adapter, model) {
                problems.add_price(given, &format!("{place}prices.{model}"), reason);
            }
        }
    }
}

/// Why no price can be agreed for a model, if none can.
pub(super) fn none(given: &ProviderConfig, adapter: &dyn Provider, model: &str) -> Option<String> {
    let description = adapter.describe();
    match description.model(model) {
        Some(Model { tariff: Tariff::Allowance { .. }, .. }) => {
            Some("it is paid by an allowance: its price is the account's `plan`".to_owned())
        }
        Some(_) => None,
        // A catalogue that nobody has read yet may have it.
        None if adapter.knowledge().is_some() => None,
        None => {
            let known = description.models.iter().map(|model| &*model.name);
            Some(no_such_model(model, &given.name, model, known))
        }
    }
}
