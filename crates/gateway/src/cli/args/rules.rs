//! Budgets and limits as flags, and as the API writes them.

use clap::Args;
use provider::MicroUsd;
use serde_json::{Map, Value, json};

use super::{json as any_json, money};
use crate::cli::failure::Failure;

/// One budget by flags, or several as the API writes them.
#[derive(Debug, Default, Args)]
pub(in crate::cli) struct BudgetArgs {
    /// The most money within the period, in US dollars
    #[arg(long, value_name = "USD", value_parser = money)]
    pub(in crate::cli) budget_usd: Option<MicroUsd>,
    /// The most outputs within the period
    #[arg(long, value_name = "N")]
    pub(in crate::cli) budget_outputs: Option<u64>,
    /// day, week, month or total; a month where nobody says
    #[arg(long, value_parser = ["day", "week", "month", "total"])]
    pub(in crate::cli) period: Option<String>,
    /// The budget refuses nothing, it only tells
    #[arg(long)]
    pub(in crate::cli) soft: bool,
    /// Shares of the budget, in percent, at which operators are told, e.g. 50,80,100
    #[arg(long, value_name = "PERCENT", value_delimiter = ',',
          value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(in crate::cli) alert_at: Vec<u8>,
    /// Several budgets that all hold, as the API writes them
    #[arg(long, value_name = "JSON", value_parser = any_json,
          conflicts_with_all = ["budget_usd", "budget_outputs", "period", "soft", "alert_at"])]
    pub(in crate::cli) budgets: Option<Value>,
}

impl BudgetArgs {
    /// The API's `budget`; none where no flag names one.
    ///
    /// # Errors
    /// Where flags describe a budget that has no amount.
    pub(in crate::cli) fn body(&self) -> Result<Option<Value>, Failure> {
        if self.budgets.is_some() {
            return Ok(self.budgets.clone());
        }
        if self.budget_usd.is_none() && self.budget_outputs.is_none() {
            let described = self.period.is_some() || self.soft || !self.alert_at.is_empty();
            return match described {
                true => Err(Failure::usage("a budget needs --budget-usd or --budget-outputs")),
                false => Ok(None),
            };
        }
        let mut budget = Map::new();
        if let Some(limit) = self.budget_usd {
            budget.insert("limit_usd".to_owned(), json!(limit));
        }
        if let Some(outputs) = self.budget_outputs {
            budget.insert("limit_outputs".to_owned(), json!(outputs));
        }
        budget.insert("period".to_owned(), json!(self.period.as_deref().unwrap_or("month")));
        budget.insert("hard".to_owned(), json!(!self.soft));
        if !self.alert_at.is_empty() {
            budget.insert("alert_at".to_owned(), json!(self.alert_at));
        }
        Ok(Some(Value::Object(budget)))
    }
}

/// How fast somebody may ask.
#[derive(Debug, Default, Args)]
pub(in crate::cli) struct LimitArgs {
    /// Accepted requests within any minute
    #[arg(long, value_name = "N")]
    pub(in crate::cli) requests_per_minute: Option<u32>,
    /// Generations under way at once
    #[arg(long, value_name = "N")]
    pub(in crate::cli) concurrent: Option<u32>,
    /// All limits, for single kinds and models too, as the API writes them
    #[arg(long, value_name = "JSON", value_parser = any_json,
          conflicts_with_all = ["requests_per_minute", "concurrent"])]
    pub(in crate::cli) limits: Option<Value>,
}

impl LimitArgs {
    /// The API's `limits`; none where no flag names one.
    pub(in crate::cli) fn body(&self) -> Option<Value> {
        if self.limits.is_some() {
            return self.limits.clone();
        }
        let given =
            [("requests_per_minute", self.requests_per_minute), ("concurrent", self.concurrent)];
        let limits: Map<String, Value> = given
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), json!(value?))))
            .collect();
        (!limits.is_empty()).then_some(Value::Object(limits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_one_budget() {
        let budget = BudgetArgs {
            budget_usd: Some(MicroUsd::from_micros(50_000_000)),
            alert_at: vec![50, 80],
            ..BudgetArgs::default()
        };
        let wanted = json!({ "limit_usd": "50.000000", "period": "month", "hard": true,
                             "alert_at": [50, 80] });
        assert_eq!(budget.body().unwrap(), Some(wanted));
        let outputs = BudgetArgs {
            budget_outputs: Some(10),
            period: Some("day".to_owned()),
            soft: true,
            ..BudgetArgs::default()
        };
        let wanted = json!({ "limit_outputs": 10, "period": "day", "hard": false });
        assert_eq!(outputs.body().unwrap(), Some(wanted));
    }

    #[test]
    fn what_is_not_said_is_not_sent() {
        assert_eq!(BudgetArgs::default().body().unwrap(), None);
        assert_eq!(LimitArgs::default().body(), None);
        let aimless = BudgetArgs { soft: true, ..BudgetArgs::default() };
        assert!(aimless.body().unwrap_err().message.contains("--budget-usd"));
        let slow = LimitArgs { concurrent: Some(2), ..LimitArgs::default() };
        assert_eq!(slow.body(), Some(json!({ "concurrent": 2 })));
    }
}
