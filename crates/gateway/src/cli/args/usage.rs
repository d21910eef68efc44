//! `atelier usage` and `atelier audit`: their flags.

use clap::Args;
use provider::Timestamp;

use super::{Remote, time};

#[derive(Debug, Args)]
pub(in crate::cli) struct UsageArgs {
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
    /// From then on, a time in RFC 3339 or a day; the first of this month where nobody says
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(in crate::cli) from: Option<Timestamp>,
    /// Before then; now where nobody says
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(in crate::cli) to: Option<Timestamp>,
    /// What the sums are told apart by: any of day, team, key, provider, model, kind
    #[arg(long, value_name = "WORDS", value_delimiter = ',',
          value_parser = ["day", "team", "key", "provider", "model", "kind"])]
    pub(in crate::cli) by: Vec<String>,
    /// Only this team
    #[arg(long, value_name = "TEAM_ID")]
    pub(in crate::cli) team: Option<String>,
    /// Only this key
    #[arg(long, value_name = "KEY_ID")]
    pub(in crate::cli) key_id: Option<String>,
    /// Only this provider
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) provider: Option<String>,
    /// Whether the books add up; exit 1 and the findings where they do not
    #[arg(long, conflicts_with_all = ["reconcile", "ledger", "from", "to", "by", "team", "key_id", "provider"])]
    pub(in crate::cli) verify: bool,
    /// Compare the books with each vendor's own, and list the differences
    #[arg(long, conflicts_with_all = ["ledger", "by", "team", "key_id", "provider"])]
    pub(in crate::cli) reconcile: bool,
    /// Book the differences that are certain as drift
    #[arg(long, requires = "reconcile")]
    pub(in crate::cli) book: bool,
    /// Write the ledger's entries, a line of JSON for each, newest first
    #[arg(long, conflicts_with = "by")]
    pub(in crate::cli) ledger: bool,
    /// Write them as CSV
    #[arg(long, requires = "ledger")]
    pub(in crate::cli) csv: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct AuditArgs {
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
    /// Only what they did: `usr_...`, admin or cli
    #[arg(long)]
    pub(in crate::cli) actor: Option<String>,
    /// Only this, e.g. team.create
    #[arg(long)]
    pub(in crate::cli) action: Option<String>,
    /// Only what was done to this id
    #[arg(long)]
    pub(in crate::cli) target: Option<String>,
    /// From then on, a time in RFC 3339 or a day
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(in crate::cli) from: Option<Timestamp>,
    /// Before then
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(in crate::cli) to: Option<Timestamp>,
    /// How many, the newest first
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) limit: u32,
}
