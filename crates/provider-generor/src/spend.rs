//! What the vendor's books of credits say of creations. The page names the list and no field of its rows,
//! so they are read by what is in them: an amount, a moment, and the numbers of creations wherever they
//! appear.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use provider::{MicroUsd, Timestamp};

use crate::{convert::in_order, credits::Credits, window::Window};

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spend {
    pub(crate) at: Option<Timestamp>,
    pub(crate) amount: Credits,
    /// Every number in it that may be a creation's.
    names: BTreeSet<String>,
    /// Its words, in lower case.
    words: String,
}

/// Fields of an amount, the likeliest first.
const AMOUNTS: [&str; 8] =
    ["amount", "credits", "credit_cost", "credits_spent", "cost", "spent", "value", "total"];
/// Fields of a moment.
const MOMENTS: [&str; 6] = ["created_at", "date", "timestamp", "time", "at", "spent_at"];
/// Numbers in fields with these words are other numbers than a creation's.
const OTHERS: [&str; 16] = [
    "amount", "balance", "credit", "cost", "price", "spent", "user", "team", "date", "time", "_at",
    "count", "total", "left", "page", "model",
];

impl Spend {
    /// A row without an amount says nothing.
    pub(crate) fn read(row: &Value) -> Option<Self> {
        let members = row.as_object()?;
        let amount = AMOUNTS.iter().find_map(|name| members.get(*name).and_then(amount))?;
        let at = moment(row);
        let mut spend = Self { at, amount, names: BTreeSet::new(), words: String::new() };
        spend.gather(members, true);
        Some(spend)
    }

    /// Whether it speaks of this creation.
    pub(crate) fn names(&self, creation: &str) -> bool {
        self.names.contains(creation)
    }

    /// What a booking of it claims: the lowest of the creations that it names.
    pub(crate) fn reference(&self) -> Option<String> {
        self.names.iter().min_by_key(|id| in_order(id)).cloned()
    }

    /// Whether it names nothing, and is of that time.
    pub(crate) fn is_near(&self, window: Window) -> bool {
        self.names.is_empty() && self.at.is_some_and(|at| window.holds(at))
    }

    fn gather(&mut self, members: &Map<String, Value>, is_row: bool) {
        for (name, value) in members {
            let field = name.to_ascii_lowercase();
            // The row's own number is that of the transaction.
            let own = is_row && matches!(field.as_str(), "id" | "transaction_id");
            if !own && !OTHERS.iter().any(|other| field.contains(other)) {
                self.take(value);
            }
        }
    }

    fn take(&mut self, value: &Value) {
        match value {
            Value::Number(number) => {
                self.names.insert(number.to_string());
            }
            Value::String(text) => {
                self.names.extend(numbers(text).map(str::to_owned));
                self.words.push_str(&text.to_ascii_lowercase());
                self.words.push(' ');
            }
            Value::Array(items) => items.iter().for_each(|item| self.take(item)),
            Value::Object(members) => self.gather(members, false),
            Value::Null | Value::Bool(_) => {}
        }
    }
}

/// What was taken, whichever sign the vendor gives it.
fn amount(value: &Value) -> Option<Credits> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let unsigned = text.trim_start_matches(['-', '+']);
    serde_json::from_value(Value::from(unsigned)).ok()
}

/// When a row says that it was.
pub(crate) fn moment(row: &Value) -> Option<Timestamp> {
    let members = row.as_object()?;
    MOMENTS.iter().find_map(|name| members.get(*name).and_then(read_moment))
}

/// A moment as text, or in Unix seconds or milliseconds.
fn read_moment(value: &Value) -> Option<Timestamp> {
    let number = |number: i64| {
        let is_millis = number.abs() > 100_000_000_000;
        Timestamp::from_millis(if is_millis { number } else { number.saturating_mul(1000) })
    };
    match value {
        Value::String(text) => {
            Timestamp::parse(text).or_else(|| text.trim().parse().ok().map(number))
        }
        Value::Number(value) => value.as_i64().map(number),
        _ => None,
    }
}

/// The numbers in a text that are said to be a creation's: `6147`, `#6147`, `/creations/6147`,
/// `creation 6147`.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let whole = Some(text.trim()).filter(|text| digits(text));
    let parts = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    let within = parts.scan(("", ""), move |(mark, word), part| {
        let bare = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let named = matches!(*mark, "#" | "/") || word.eq_ignore_ascii_case("creation");
        let found = (named && digits(bare)).then_some(bare);
        *mark = part.get(bare.len()..).unwrap_or_default();
        if !bare.is_empty() {
            *word = bare;
        }
        Some(found)
    });
    whole.into_iter().chain(within.flatten())
}

/// What a call was charged whose creations are these, made then with this generator: the rows that name
/// one of them; or else, where rows name nothing, those of the time, if they agree.
pub(crate) fn charged(
    spends: &[Spend],
    creations: &[&str],
    slug: &str,
    window: Window,
    credit: MicroUsd,
) -> Option<MicroUsd> {
    let of_it = |spend: &&Spend| creations.iter().any(|id| spend.names(id));
    let named: Vec<&Spend> = spends.iter().filter(of_it).collect();
    if !named.is_empty() {
        return Some(named.iter().map(|spend| spend.amount.at(credit)).sum());
    }
    let near: Vec<&Spend> = spends.iter().filter(|spend| spend.is_near(window)).collect();
    let speaks = |spend: &&&Spend| spend.words.split_whitespace().any(|word| word == slug);
    let of_generator: Vec<&Spend> = near.iter().filter(speaks).copied().collect();
    let likely = if of_generator.is_empty() { near } else { of_generator };
    let (first, rest) = likely.split_first()?;
    rest.iter().all(|spend| spend.amount == first.amount).then(|| first.amount.at(credit))
}

#[cfg(test)]
#[path = "spend_tests.rs"]
mod tests;
