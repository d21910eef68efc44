//! `atelier teams`: its verbs and flags.

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use routing::Policy;

use super::{BudgetArgs, LimitArgs, Remote};

#[derive(Debug, Args)]
pub(in crate::cli) struct TeamsArgs {
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
    #[command(subcommand)]
    pub(in crate::cli) verb: TeamsVerb,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TeamsVerb {
    /// Every team, newest first, with what it may spend and has spent
    List,
    /// One team, with how its budgets stand
    Get {
        /// `team_...`
        id: String,
    },
    /// A new team; the secret of its webhooks is shown this once
    Create(NewTeamArgs),
    /// Change a team; what no flag names stays, budgets and limits are replaced whole
    Update(TeamChange),
    /// A team and all its keys work no longer
    Revoke {
        /// `team_...`
        id: String,
    },
    /// Forget a revoked team's words and outputs, for good; the books keep the money
    Erase {
        /// `team_...`
        id: String,
    },
    /// A new secret for a team's webhooks, shown this once
    WebhookSecret {
        /// `team_...`
        id: String,
    },
}

fn policies() -> PossibleValuesParser {
    PossibleValuesParser::new(Policy::ALL.map(Policy::as_str))
}

#[derive(Debug, Args)]
pub(in crate::cli) struct NewTeamArgs {
    /// For people
    pub(in crate::cli) name: String,
    /// A model or alias that it may ask for; none means all
    #[arg(long = "model", value_name = "MODEL")]
    pub(in crate::cli) models: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) budget: BudgetArgs,
    #[command(flatten)]
    pub(in crate::cli) limits: LimitArgs,
    /// Its share of scarce slots beside other teams'; 1 where nobody says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(in crate::cli) weight: Option<u32>,
    /// What its requests prefer where they do not say it: cost, latency, balanced or ordered
    #[arg(long, value_name = "POLICY", value_parser = policies())]
    pub(in crate::cli) policy: Option<String>,
    /// Where its days, weeks and months begin, e.g. Europe/Berlin; UTC where nobody says
    #[arg(long, value_name = "ZONE")]
    pub(in crate::cli) time_zone: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct TeamChange {
    /// `team_...`
    pub(in crate::cli) id: String,
    /// A new name
    #[arg(long)]
    pub(in crate::cli) name: Option<String>,
    /// A model or alias that it may ask for; those given replace all there were
    #[arg(long = "model", value_name = "MODEL")]
    pub(in crate::cli) models: Vec<String>,
    /// It may ask for every model
    #[arg(long, conflicts_with = "models")]
    pub(in crate::cli) all_models: bool,
    #[command(flatten)]
    pub(in crate::cli) budget: BudgetArgs,
    /// It may spend without limit
    #[arg(long, conflicts_with_all = ["budget_usd", "budget_outputs", "period", "soft", "alert_at", "budgets"])]
    pub(in crate::cli) no_budget: bool,
    #[command(flatten)]
    pub(in crate::cli) limits: LimitArgs,
    /// It may ask as fast as it likes
    #[arg(long, conflicts_with_all = ["requests_per_minute", "concurrent", "limits"])]
    pub(in crate::cli) no_limits: bool,
    /// Its share of scarce slots beside other teams'
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(in crate::cli) weight: Option<u32>,
    /// What its requests prefer where they do not say it: cost, latency, balanced or ordered
    #[arg(long, value_name = "POLICY", value_parser = policies())]
    pub(in crate::cli) policy: Option<String>,
    /// Its requests are routed as everybody's
    #[arg(long, conflicts_with = "policy")]
    pub(in crate::cli) no_policy: bool,
    /// Where its days, weeks and months begin, e.g. Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    pub(in crate::cli) time_zone: Option<String>,
}
