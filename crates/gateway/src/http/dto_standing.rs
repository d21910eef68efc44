//! Budgets as they stand, for operators and for the keys that they bind.

use engine::BudgetState;
use provider::{MicroUsd, Timestamp};
use records::Period;
use serde::Serialize;
use utoipa::ToSchema;

use super::dto_rules::period_schema;

/// A budget as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StandingDto {
    /// The team or key whose it is.
    #[schema(example = "team_01k9x0s7n2m4p6q8r0t2v4w6y8")]
    owner: String,
    #[schema(value_type = Option<String>, example = "50.000000")]
    limit_usd: Option<MicroUsd>,
    limit_outputs: Option<u64>,
    #[schema(schema_with = period_schema)]
    period: Period,
    hard: bool,
    /// Charged within the period.
    #[schema(value_type = String)]
    charged_usd: MicroUsd,
    /// Held for what is under way.
    #[schema(value_type = String)]
    held_usd: MicroUsd,
    /// What is left of the money; `null` without such a limit.
    #[schema(value_type = Option<String>)]
    remaining_usd: Option<MicroUsd>,
    /// Outputs made within the period and under way.
    outputs: u64,
    /// What is left of the outputs; `null` without such a limit.
    remaining_outputs: Option<u64>,
    /// When it begins anew; `null`: never.
    #[schema(value_type = Option<String>, format = DateTime)]
    resets_at: Option<Timestamp>,
}

impl From<&BudgetState> for StandingDto {
    fn from(state: &BudgetState) -> Self {
        Self {
            owner: state.owner.clone(),
            limit_usd: state.budget.limit,
            limit_outputs: state.budget.outputs,
            period: state.budget.period,
            hard: state.budget.hard,
            charged_usd: state.charged,
            held_usd: state.held,
            remaining_usd: state.remaining,
            outputs: state.outputs,
            remaining_outputs: state.outputs_remaining,
            resets_at: state.resets_at,
        }
    }
}
