//! `atelier keys`: its verbs and flags.

use clap::{Args, Subcommand};
use provider::Timestamp;

use super::{BudgetArgs, LimitArgs, Remote, pair, span, time};

#[derive(Debug, Args)]
pub(in crate::cli) struct KeysArgs {
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
    #[command(subcommand)]
    pub(in crate::cli) verb: KeysVerb,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum KeysVerb {
    /// Every key, newest first
    List {
        /// Of this team only
        #[arg(long, value_name = "TEAM_ID")]
        team: Option<String>,
        /// Only those whose first characters are these
        #[arg(long)]
        prefix: Option<String>,
    },
    /// One key, with how its budgets stand
    Get {
        /// `key_...`
        id: String,
    },
    /// A new key, shown this once
    Create(NewKeyArgs),
    /// Change a key; what no flag names stays, budgets, limits and metadata are replaced whole
    Update(KeyChange),
    /// A new text for a key, shown this once; the old one is good until the grace is over
    Rotate {
        /// `key_...`
        id: String,
        /// How long the old text is good beside the new one; 24h where nobody says
        #[arg(long, value_name = "SPAN", value_parser = span)]
        grace: Option<String>,
    },
    /// A key works no longer
    Revoke {
        /// `key_...`
        id: String,
    },
}

/// What a key may be used for, from where, and what is written beside it.
#[derive(Debug, Args)]
pub(in crate::cli) struct KeyRights {
    /// generate or read; may be given several times, a new key without it has both
    #[arg(long = "scope", value_name = "SCOPE", value_parser = ["generate", "read"])]
    pub(in crate::cli) scopes: Vec<String>,
    /// A model or alias that it may ask for; none means all of the team's
    #[arg(long = "model", value_name = "MODEL")]
    pub(in crate::cli) models: Vec<String>,
    /// When it ends, a time in RFC 3339 or a day
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(in crate::cli) expires_at: Option<Timestamp>,
    /// A network (or address) that it may be used from; none means all
    #[arg(long = "allow-ip", value_name = "CIDR")]
    pub(in crate::cli) allowed_ips: Vec<String>,
    /// A word of your own beside it; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(in crate::cli) metadata: Vec<(String, String)>,
    #[command(flatten)]
    pub(in crate::cli) budget: BudgetArgs,
    #[command(flatten)]
    pub(in crate::cli) limits: LimitArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct NewKeyArgs {
    /// Whose
    #[arg(long, value_name = "TEAM_ID")]
    pub(in crate::cli) team: String,
    /// For people
    #[arg(long, default_value = "key")]
    pub(in crate::cli) name: String,
    #[command(flatten)]
    pub(in crate::cli) rights: KeyRights,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct KeyChange {
    /// `key_...`
    pub(in crate::cli) id: String,
    /// A new name
    #[arg(long)]
    pub(in crate::cli) name: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) rights: KeyRights,
    /// It may ask for all of the team's models
    #[arg(long, conflicts_with = "models")]
    pub(in crate::cli) all_models: bool,
    /// It does not end by itself
    #[arg(long, conflicts_with = "expires_at")]
    pub(in crate::cli) no_expiry: bool,
    /// It may be used from everywhere
    #[arg(long, conflicts_with = "allowed_ips")]
    pub(in crate::cli) any_ip: bool,
    /// Nothing is written beside it
    #[arg(long, conflicts_with = "metadata")]
    pub(in crate::cli) no_metadata: bool,
    /// It may spend as much as the team
    #[arg(long, conflicts_with_all = ["budget_usd", "budget_outputs", "period", "soft", "alert_at", "budgets"])]
    pub(in crate::cli) no_budget: bool,
    /// It may ask as fast as the team
    #[arg(long, conflicts_with_all = ["requests_per_minute", "concurrent", "limits"])]
    pub(in crate::cli) no_limits: bool,
}
