//! Our ledger, read over the administration's routes.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Client;

/// All entries, added up.
#[derive(Debug, Default)]
pub struct Ledger {
    /// What each account stands at, in micro-dollars.
    pub accounts: BTreeMap<String, i64>,
    /// The sum of each transaction: all must be 0.
    pub transactions: BTreeMap<String, i64>,
    /// The entries as they came.
    pub entries: Vec<Value>,
}

impl Ledger {
    /// Reads all of it, page by page.
    pub async fn read(admin: &Client) -> Self {
        let mut ledger = Self::default();
        let mut cursor = String::new();
        loop {
            let path = format!("/admin/v1/ledger?limit=100{cursor}");
            let page = admin.get(&path).await.expect(200).json();
            for entry in page["data"].as_array().expect("a list") {
                ledger.add(entry);
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return ledger,
            }
        }
    }

    fn add(&mut self, entry: &Value) {
        let text = |name: &str| {
            let value = entry[name].as_str();
            value.unwrap_or_else(|| panic!("{name} is missing: {entry}")).to_owned()
        };
        let amount = micros(&entry["amount_usd"]);
        *self.accounts.entry(text("account")).or_default() += amount;
        *self.transactions.entry(text("transaction")).or_default() += amount;
        self.entries.push(entry.clone());
    }

    /// What the accounts whose names begin so add up to.
    pub fn sum(&self, prefix: &str) -> i64 {
        let ours = self.accounts.iter().filter(|(name, _)| name.starts_with(prefix));
        ours.map(|(_, amount)| amount).sum()
    }

    /// Every transaction adds up to nothing.
    #[track_caller]
    pub fn assert_balanced(&self) {
        let odd: Vec<_> = self.transactions.iter().filter(|(_, sum)| **sum != 0).collect();
        assert!(odd.is_empty(), "transactions that do not balance: {odd:?}");
    }
}

/// `"0.026700"` in micro-dollars.
#[track_caller]
pub fn micros(amount: &Value) -> i64 {
    let text = amount.as_str().unwrap_or_else(|| panic!("not an amount: {amount}"));
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').expect("a decimal point");
    assert_eq!(fraction.len(), 6, "six places: {text}");
    let number = |digits: &str| digits.parse::<i64>().expect("digits");
    sign * (number(whole) * 1_000_000 + number(fraction))
}

/// Micro-dollars as amounts are written: `"0.026700"`.
pub fn usd(micros: i64) -> String {
    let (sign, whole) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
    format!("{sign}{}.{:06}", whole / 1_000_000, whole % 1_000_000)
}
