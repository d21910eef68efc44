//! The books as operators see them: entries, what does not add up, and what vendors say.

use engine::LedgerEntry;
use provider::{MicroUsd, Timestamp};
use records::Finding;
use serde::Serialize;
use utoipa::ToSchema;

/// One side of a booking.
#[derive(Serialize, ToSchema)]
pub(super) struct LedgerDto<'a> {
    id: String,
    /// What belongs together; its entries add up to zero.
    transaction: &'a str,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// `team:ID/KEY`, `provider:NAME/ACCOUNT` (with `/allowance` or `/overage` for prepaid units and what
    /// goes past them), `loss:NAME/ACCOUNT` or `drift:NAME/ACCOUNT`
    account: &'a str,
    /// Signed.
    #[schema(value_type = String, example = "0.026700")]
    amount_usd: MicroUsd,
    /// `charge`, `charge_uncertain`, `allowance`, `correction`, `loss` or `drift`
    kind: &'a str,
    team: &'a str,
    key: &'a str,
    provider: &'a str,
    /// `provider/model`
    model: &'a str,
    generation: &'a str,
}

impl<'a> From<&'a LedgerEntry> for LedgerDto<'a> {
    fn from(entry: &'a LedgerEntry) -> Self {
        Self {
            id: entry.id.to_string(),
            transaction: &entry.transaction,
            at: entry.at,
            account: &entry.account,
            amount_usd: entry.amount,
            kind: &entry.kind,
            team: &entry.team,
            key: &entry.key,
            provider: &entry.provider,
            model: &entry.model,
            generation: &entry.generation,
        }
    }
}

/// Whether the books add up.
#[derive(Serialize, ToSchema)]
pub(super) struct VerdictDto<'a> {
    /// Whether there is nothing to tell.
    ok: bool,
    findings: Vec<FindingDto<'a>>,
}

/// Something that does not add up.
#[derive(Serialize, ToSchema)]
struct FindingDto<'a> {
    /// Which rule is broken: `transaction`, `generation`, `attempt`, `tally`, `held` or `hold`.
    rule: &'a str,
    /// Where: a transaction, a generation, an owner.
    place: &'a str,
    #[schema(value_type = String)]
    expected_usd: MicroUsd,
    #[schema(value_type = String)]
    found_usd: MicroUsd,
}

impl<'a> VerdictDto<'a> {
    pub(super) fn of(findings: &'a [Finding]) -> Self {
        let finding = |finding: &'a Finding| FindingDto {
            rule: finding.rule,
            place: &finding.place,
            expected_usd: finding.expected,
            found_usd: finding.found,
        };
        Self { ok: findings.is_empty(), findings: findings.iter().map(finding).collect() }
    }
}
