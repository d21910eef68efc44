//! The fields of one generator's own, as `GET /generators/{slug}` lists them.
//!
//! The vendor drops what its schema does not have without a word; here it is seen beforehand, and told.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::credits::Credits;

/// The fields of one generator.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Schema {
    fields: BTreeMap<String, Field>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
struct Field {
    what: What,
    /// What its values multiply the price by: of each value its own, or one for any.
    multipliers: Multipliers,
}

#[derive(Debug, Clone, PartialEq)]
enum What {
    /// One of these values; any where none are listed.
    OneOf(Vec<String>),
    /// A number from the one to the other, where they are listed.
    Number { min: Option<f64>, max: Option<f64> },
    /// The model's dropdown: the request's `model_id` says the same.
    Model,
    /// A type that the page does not know.
    Other,
}

#[derive(Debug, Clone, PartialEq)]
enum Multipliers {
    /// No value changes the price.
    None,
    /// These do.
    Of(BTreeMap<String, Credits>),
    /// They are there, in a shape that the page does not show.
    Unreadable,
}

/// One times.
fn once() -> Credits {
    Credits::whole(1)
}

impl Schema {
    /// Reads the `parameters` array of an answer, a field that cannot be read left out of it.
    pub(crate) fn read(parameters: &Value) -> Option<Self> {
        let fields = match parameters {
            Value::Array(rows) => rows.iter().filter_map(|row| named(row, None)).collect(),
            Value::Object(rows) => {
                rows.iter().filter_map(|(id, row)| named(row, Some(id))).collect()
            }
            _ => return None,
        };
        Some(Self { fields })
    }

    /// Why the vendor would drop this field; none where it would take it.
    pub(crate) fn drops(&self, id: &str, value: &Value) -> Option<String> {
        let Some(field) = self.fields.get(id) else {
            return Some("the generator has no such field".to_owned());
        };
        match &field.what {
            What::Model => Some("the model is the request's own".to_owned()),
            What::OneOf(options) => {
                let said = text(value)?;
                let fits = options.is_empty() || options.contains(&said);
                (!fits).then(|| format!("the field takes one of {}", options.join(", ")))
            }
            What::Number { min, max } => {
                let number = match value {
                    Value::String(text) => text.trim().parse().ok(),
                    other => other.as_f64(),
                };
                let fits = number.is_some_and(|number: f64| {
                    min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max)
                });
                (!fits).then(|| "the field takes a number within its bounds".to_owned())
            }
            What::Other => None,
        }
    }

    /// Whether a price can depend on the field.
    pub(crate) fn is_priced(&self, id: &str) -> bool {
        self.fields.get(id).is_none_or(|field| field.multipliers != Multipliers::None)
    }

    /// What this value of the field multiplies the price by, as far as the schema says.
    pub(crate) fn multiplier(&self, id: &str, value: &Value) -> Credits {
        let of = self.fields.get(id).map(|field| &field.multipliers);
        match (of, text(value)) {
            (Some(Multipliers::Of(each)), Some(value)) => {
                each.get(&value).copied().unwrap_or_else(once)
            }
            _ => once(),
        }
    }
}

fn named(row: &Value, key: Option<&String>) -> Option<(String, Field)> {
    let id = row.get("id").or_else(|| row.get("name")).and_then(text);
    let id = id.or_else(|| key.cloned()).filter(|id| !id.is_empty())?;
    let number = |name: &str| row.get(name).and_then(Value::as_f64);
    let what = match row.get("type").and_then(Value::as_str) {
        Some("enum" | "select") => What::OneOf(row.get("options").map(options).unwrap_or_default()),
        Some("number" | "integer") => What::Number { min: number("min"), max: number("max") },
        Some("model") => What::Model,
        _ => What::Other,
    };
    let multipliers = row.get("cost_multipliers").map_or(Multipliers::None, multipliers);
    Some((id, Field { what, multipliers }))
}

/// The values of a dropdown: plain, or with a label beside, or as the names of an object.
fn options(listed: &Value) -> Vec<String> {
    match listed {
        Value::Array(rows) => {
            let value = |row: &Value| {
                row.get("value").or_else(|| row.get("id")).map_or_else(|| text(row), text)
            };
            rows.iter().filter_map(value).collect()
        }
        Value::Object(rows) => rows.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

fn multipliers(listed: &Value) -> Multipliers {
    let factor = |value: &Value| {
        let factor = serde_json::from_value::<Credits>(value.clone()).ok();
        factor.filter(|factor| factor.is_price())
    };
    match listed {
        Value::Null => Multipliers::None,
        Value::Array(rows) if rows.is_empty() => Multipliers::None,
        Value::Object(rows) => {
            let each = rows.iter().map(|(value, times)| Some((value.clone(), factor(times)?)));
            match each.collect::<Option<BTreeMap<_, _>>>() {
                Some(each) if each.values().all(|times| *times == once()) => Multipliers::None,
                Some(each) => Multipliers::Of(each),
                None => Multipliers::Unreadable,
            }
        }
        _ => Multipliers::Unreadable,
    }
}

/// A value as the site's dropdowns write it.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(said) => Some(said.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        let listed = json!([
            {"id": "horoscope-length", "type": "enum",
             "options": [{"value": "short", "label": "Short"}, {"value": "long", "label": "Long"}],
             "default": "short", "cost_multipliers": {"short": 1, "long": 1.5}},
            {"id": "tone", "type": "enum", "options": ["direct", "mystical"], "cost_multipliers": {}},
            {"id": "factor", "type": "number", "min": 1, "max": 10, "cost_multipliers": [1, 2]},
            {"id": "model-text", "type": "model", "options": [{"value": "3"}]},
            {"id": "pages", "type": "enum", "options": {"2": "Two", "4": "Four"}},
            {"id": "colour", "type": "colour"},
            {"no": "id"}, 7
        ]);
        Schema::read(&listed).unwrap()
    }

    #[test]
    fn what_the_vendor_would_drop_is_seen() {
        let schema = schema();
        for (id, value, taken) in [
            ("horoscope-length", json!("long"), true),
            ("horoscope-length", json!("endless"), false),
            ("tone", json!("direct"), true),
            ("pages", json!(4), true),
            ("pages", json!("3"), false),
            ("factor", json!(10), true),
            ("factor", json!("2"), true),
            ("factor", json!(10.5), false),
            ("factor", json!("two"), false),
            ("model-text", json!("3"), false),
            ("colour", json!("#fff"), true),
            ("unknown", json!(1), false),
        ] {
            assert_eq!(schema.drops(id, &value).is_none(), taken, "{id} {value}");
        }
        assert!(schema.drops("tone", &json!("x")).unwrap().contains("direct, mystical"));
    }

    #[test]
    fn prices_depend_on_what_the_schema_says() {
        let schema = schema();
        assert!(schema.is_priced("horoscope-length") && schema.is_priced("factor"));
        assert!(!schema.is_priced("tone") && !schema.is_priced("pages"));
        assert!(schema.is_priced("unknown"), "nothing says that it is not");
        let credits =
            |id: &str, value: Value| Credits::whole(2).scaled(schema.multiplier(id, &value));
        assert_eq!(credits("horoscope-length", json!("long")), Credits::whole(3));
        assert_eq!(credits("horoscope-length", json!("short")), Credits::whole(2));
        assert_eq!(credits("factor", json!(2)), Credits::whole(2));
    }

    #[test]
    fn an_answer_without_parameters_is_no_schema() {
        assert_eq!(Schema::read(&json!("none")), None);
        assert_eq!(Schema::read(&json!([])), Some(Schema::default()));
    }
}
