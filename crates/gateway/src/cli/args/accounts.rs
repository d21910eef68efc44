//! `atelier accounts`: its verbs and flags.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use secrecy::SecretString;
use serde_json::Value;

use super::{Remote, json};

#[derive(Debug, Args)]
pub(in crate::cli) struct AccountsArgs {
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
    #[command(subcommand)]
    pub(in crate::cli) verb: AccountsVerb,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AccountsVerb {
    #[command(flatten)]
    Running(AccountVerb),
    /// Seal every stored secret under the configured encryption key; the gateway must not run
    Reseal {
        /// The key that sealed them (or `ATELIER_OLD_ENCRYPTION_KEY`); without it the key file beside the
        /// database
        #[arg(long, value_name = "FILE")]
        old_key_file: Option<PathBuf>,
    },
}

/// What is asked of a running gateway.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AccountVerb {
    /// Every account: how well it is, what it has left, why it takes no work where it does not
    List,
    /// One account
    Get {
        /// `acct_...` or provider/name
        account: String,
    },
    /// A further account at a provider of the configuration
    Add(NewAccountArgs),
    /// Replace an account's key: by the provider itself, or by the one given
    Rotate {
        /// `acct_...` or provider/name
        account: String,
        #[command(flatten)]
        credential: CredentialArgs,
    },
    /// The account takes no new work until it is released
    Hold {
        /// `acct_...` or provider/name
        account: String,
    },
    /// The account takes work again
    Release {
        /// `acct_...` or provider/name
        account: String,
    },
    /// Take an account out; what is under way there goes on to its end
    Remove {
        /// `acct_...` or provider/name
        account: String,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct NewAccountArgs {
    /// The provider's name in the configuration
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) provider: String,
    /// The account's own name
    #[arg(long)]
    pub(in crate::cli) name: String,
    #[command(flatten)]
    pub(in crate::cli) credential: CredentialArgs,
    /// Its plan, as the configuration writes it
    #[arg(long, value_name = "JSON", value_parser = json)]
    pub(in crate::cli) plan: Option<Value>,
    /// Its tier, as the configuration writes it
    #[arg(long)]
    pub(in crate::cli) tier: Option<String>,
    /// Limits of its own, as the configuration writes them
    #[arg(long, value_name = "JSON", value_parser = json)]
    pub(in crate::cli) limits: Option<Value>,
    /// Prices that were agreed with the vendor, as the configuration writes them
    #[arg(long, value_name = "JSON", value_parser = json)]
    pub(in crate::cli) prices: Option<Value>,
}

/// The vendor's key (or `ATELIER_ACCOUNT_KEY`).
#[derive(Debug, Args)]
pub(in crate::cli) struct CredentialArgs {
    /// A file with the vendor's key, - is standard input (or set `ATELIER_ACCOUNT_KEY`)
    #[arg(long, value_name = "FILE", conflicts_with = "vendor_key")]
    pub(in crate::cli) key_file: Option<PathBuf>,
    /// The vendor's key itself: it stays in the shell's history and shows in the list of processes
    #[arg(long, value_name = "KEY")]
    pub(in crate::cli) vendor_key: Option<SecretString>,
}
