//! `atelier cache`: its verbs and flags.

use clap::{Args, Subcommand};

use super::Remote;

#[derive(Debug, Args)]
pub(in crate::cli) struct CacheArgs {
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
    #[command(subcommand)]
    pub(in crate::cli) verb: CacheVerb,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum CacheVerb {
    /// Forget answers, so that they are not given again; of several words all must fit
    #[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
    Purge {
        /// Made for this team
        #[arg(long, value_name = "TEAM_ID", group = "which")]
        team: Option<String>,
        /// Asked for as this alias, or made by this `provider/model`
        #[arg(long, group = "which")]
        model: Option<String>,
        /// Asked for with a key that begins so, or kept under a key of the cache that does
        #[arg(long, value_name = "PREFIX", group = "which")]
        key_prefix: Option<String>,
        /// Every answer
        #[arg(long, group = "which", conflicts_with_all = ["team", "model", "key_prefix"])]
        all: bool,
    },
}
