//! `atelier users`: its verbs and flags.

use clap::{Args, Subcommand};
use provider::Timestamp;

use super::{Remote, time};

#[derive(Debug, Args)]
pub(in crate::cli) struct UsersArgs {
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
    #[command(subcommand)]
    pub(in crate::cli) verb: UsersVerb,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum UsersVerb {
    /// Every operator, newest first
    List,
    /// A new operator; the key is shown this once
    Create {
        /// For people
        name: String,
        /// What they may do: owner everything, admin everything but operators, billing money, viewer look,
        /// `team_admin` one team's keys
        #[arg(long, value_parser = ["owner", "admin", "billing", "viewer", "team_admin"])]
        role: String,
        /// Whose keys, of a `team_admin`
        #[arg(long, value_name = "TEAM_ID")]
        team: Option<String>,
        /// When the key ends, a time in RFC 3339 or a day
        #[arg(long, value_name = "TIME", value_parser = time)]
        expires_at: Option<Timestamp>,
    },
    /// A new key for an operator, shown this once; the old one works no longer
    Rotate {
        /// `usr_...`
        id: String,
    },
    /// An operator's key works no longer
    Revoke {
        /// `usr_...`
        id: String,
    },
}
