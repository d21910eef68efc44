//! The administration's answers as people read them: fields, rows, amounts.

use serde_json::{Value, json};

use super::{Session, output};

/// What stands where there is nothing.
pub(super) const NOTHING: &str = "-";

/// One answer: as JSON, or these fields of it, a line each.
pub(super) fn fields(session: &Session<'_>, value: &Value, fields: &[&str]) {
    if session.json {
        return output::json(value);
    }
    for field in fields {
        output::line(format_args!("{field}  {}", plain(&value[*field])));
    }
}

/// A list: as JSON, or a table of it. A column is a head and what stands under it.
pub(super) fn rows(session: &Session<'_>, rows: Vec<Value>, columns: &[Column]) {
    if session.json {
        return output::json(&Value::Array(rows));
    }
    table(&rows, columns);
}

/// A column: its head, and what it shows of a row.
pub(super) type Column = (&'static str, fn(&Value) -> String);

pub(super) fn table(rows: &[Value], columns: &[Column]) {
    let heads: Vec<&str> = columns.iter().map(|(head, _)| *head).collect();
    let row = |row: &Value| columns.iter().map(|(_, show)| show(row)).collect();
    output::table(&heads, rows.iter().map(row).collect());
}

/// That something was done to `id`: the answer where there is one, `done` otherwise.
pub(super) fn done(session: &Session<'_>, answer: &Value, id: &str, done: &str) {
    match answer {
        Value::Null if session.json => output::json(&json!({ "id": id, done: true })),
        answer if session.json => output::json(answer),
        _ => output::line(format_args!("{id} is {done}")),
    }
}

/// A value as people write it.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => NOTHING.to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => NOTHING.to_owned(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            // What is not set says nothing.
            let set = fields.iter().map(|(name, value)| (name, plain(value)));
            let set = set.filter(|(_, value)| value != NOTHING);
            let all: Vec<String> = set.map(|(name, value)| format!("{name}={value}")).collect();
            if all.is_empty() { NOTHING.to_owned() } else { format!("{{{}}}", all.join(" ")) }
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// An amount as people write it: `50.000000` is `$50.00`.
pub(super) fn dollars(value: &Value) -> String {
    let Some(text) = value.as_str() else { return NOTHING.to_owned() };
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |text| ("-", text));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = part.trim_end_matches('0');
    format!("{sign}${whole}.{part:0<2}")
}

/// The minute of a moment: what a table has room for.
pub(super) fn minute(value: &Value) -> String {
    match value.as_str().and_then(|text| text.get(..16)) {
        Some(text) => text.replace('T', " "),
        None => plain(value),
    }
}

/// Budgets in words: `$50.00 a month; 10 outputs a day (soft)`.
pub(super) fn budgets(value: &Value) -> String {
    let all: Vec<String> = each(value).map(budget).collect();
    if all.is_empty() { NOTHING.to_owned() } else { all.join("; ") }
}

/// One thing, each of several, or nothing.
pub(super) fn each(value: &Value) -> impl Iterator<Item = &Value> {
    let (one, several) = match value {
        Value::Array(several) => (None, several.as_slice()),
        Value::Null => (None, &[][..]),
        one => (Some(one), &[][..]),
    };
    one.into_iter().chain(several)
}

fn budget(budget: &Value) -> String {
    let money = budget["limit_usd"].as_str().map(|_| dollars(&budget["limit_usd"]));
    let outputs = budget["limit_outputs"].as_u64().map(|count| format!("{count} outputs"));
    let amount: Vec<String> = money.into_iter().chain(outputs).collect();
    let period = match budget["period"].as_str() {
        Some("total") | None => "in all".to_owned(),
        Some(period) => format!("a {period}"),
    };
    let soft = if budget["hard"] == false { " (soft)" } else { "" };
    format!("{} {period}{soft}", amount.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_cents_and_what_is_finer() {
        let cases = [
            ("50.000000", "$50.00"),
            ("0.026700", "$0.0267"),
            ("-1.500000", "-$1.50"),
            ("12.345678", "$12.345678"),
        ];
        for (text, shown) in cases {
            assert_eq!(dollars(&json!(text)), shown);
        }
        assert_eq!(dollars(&Value::Null), "-");
    }

    #[test]
    fn budgets_are_words() {
        let one = json!({ "limit_usd": "50.000000", "limit_outputs": null, "period": "month",
                          "hard": true });
        assert_eq!(budgets(&one), "$50.00 a month");
        let two = json!([one, { "limit_outputs": 10, "period": "total", "hard": false }]);
        assert_eq!(budgets(&two), "$50.00 a month; 10 outputs in all (soft)");
        assert_eq!(budgets(&Value::Null), "-");
    }

    #[test]
    fn what_is_not_set_says_nothing() {
        let limits = json!({ "requests_per_minute": 60, "concurrent": null, "kinds": {},
                             "models": { "photo": { "concurrent": 2 } } });
        assert_eq!(plain(&limits), "{models={photo={concurrent=2}} requests_per_minute=60}");
        assert_eq!(plain(&json!({ "kinds": {}, "models": [] })), "-");
        assert_eq!(plain(&json!(["a", 1, true])), "a, 1, true");
    }

    #[test]
    fn a_table_has_minutes() {
        assert_eq!(minute(&json!("2026-11-21T08:39:00.123Z")), "2026-11-21 08:39");
        assert_eq!(minute(&Value::Null), "-");
    }
}
