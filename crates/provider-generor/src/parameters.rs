//! The generator's own fields in a request: which of them the vendor will take.

use provider::{Adjustment, Adjustments, Result};
use serde_json::{Map, Value};

use crate::{
    Config,
    credits::Credits,
    facts::Media,
    options::{PARAMETERS, refused},
    schema::{Schema, text},
};

/// One field of the generator's own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter<'a> {
    pub(crate) id: &'a str,
    pub(crate) value: &'a Value,
    /// Whether a price can depend on it.
    pub(crate) priced: bool,
    /// What it multiplies the price by, as far as the schema says.
    pub(crate) multiplier: Credits,
}

/// What the generator's own fields are read with.
pub(crate) struct Parameters<'s> {
    pub(crate) config: &'s Config,
    /// The generator.
    pub(crate) slug: &'s str,
    /// What is known of its fields.
    pub(crate) schema: Option<&'s Schema>,
}

impl Parameters<'_> {
    /// Those that the vendor will take, by name; the others are told in the adjustments and not sent.
    pub(crate) fn read<'a>(
        &self,
        asked: &'a Map<String, Value>,
        adjustments: &mut Adjustments,
    ) -> Result<Vec<Parameter<'a>>> {
        let mut taken = Vec::with_capacity(asked.len());
        for (id, value) in asked {
            if text(value).is_none() {
                let reason = format!("{id:?} must be a string, a number, true or false");
                return Err(refused(PARAMETERS, reason));
            }
            if let Some(reason) = self.drops(id, value) {
                let used = Value::Null;
                let adjustment = Adjustment { requested: value.clone(), used, reason };
                adjustments.insert(parameter_name(self.config, id), adjustment);
                continue;
            }
            let priced = self.schema.is_none_or(|schema| schema.is_priced(id));
            let multiplier = self
                .schema
                .map_or_else(|| Credits::whole(1), |schema| schema.multiplier(id, value));
            taken.push(Parameter { id, value, priced, multiplier });
        }
        // Sorted: a name of the order depends on it, and what a map's own order is does not.
        taken.sort_unstable_by_key(|of| of.id);
        Ok(taken)
    }

    /// The site's own dropdowns of model and number would say something else than what was quoted.
    fn drops(&self, id: &str, value: &Value) -> Option<String> {
        let model = id.strip_prefix("model-").and_then(Media::of).is_some();
        let count = id.strip_suffix("-count").is_some_and(|of| of == self.slug);
        match (model, count) {
            (true, _) => Some("the model is the request's own".to_owned()),
            (_, true) => Some("the number is the request's `count`".to_owned()),
            _ => self.schema.and_then(|schema| schema.drops(id, value)),
        }
    }
}

/// How an adjustment names a generator's own field.
pub(crate) fn parameter_name(config: &Config, id: &str) -> String {
    format!("provider_options.{}.{PARAMETERS}.{id}", config.name)
}
