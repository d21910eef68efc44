//! The verbs and their flags.

mod accounts;
mod backup;
mod cache;
mod keys;
mod rules;
mod simulate;
mod teams;
mod usage;
mod users;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use provider::{AspectRatio, ImageFormat, Kind, MicroUsd, Size, Timestamp};
use routing::Policy;
use secrecy::SecretString;

pub(super) use self::{
    accounts::{AccountVerb, AccountsArgs, AccountsVerb, CredentialArgs, NewAccountArgs},
    backup::{BackupArgs, RestoreArgs},
    cache::{CacheArgs, CacheVerb},
    keys::{KeyChange, KeyRights, KeysArgs, KeysVerb, NewKeyArgs},
    rules::{BudgetArgs, LimitArgs},
    simulate::{ReplayArgs, SimulateArgs},
    teams::{NewTeamArgs, TeamChange, TeamsArgs, TeamsVerb},
    usage::{AuditArgs, UsageArgs},
    users::{UsersArgs, UsersVerb},
};

/// One gateway in front of image and video vendors.
#[derive(Debug, Parser)]
#[command(name = "atelier", version, about, propagate_version = true)]
pub(super) struct Cli {
    /// The configuration; without it `gateway.yaml` of the working folder, where there is one
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the gateway (the default command)
    Serve,
    /// Validate a configuration
    Check,
    /// Make a picture or a clip, and save it
    Generate(Work),
    /// Show what a picture or a clip would cost, and at whom
    Estimate(Work),
    /// Run the simulated vendors alone, on loopback
    Vendors(VendorsArgs),
    /// Route recorded or invented requests on a virtual clock
    Simulate(Box<SimulateArgs>),
    /// Teams: who they are, what they may spend
    Teams(Box<TeamsArgs>),
    /// Teams' keys
    Keys(Box<KeysArgs>),
    /// Operators and what they may do
    Users(UsersArgs),
    /// Who changed what and when
    Audit(AuditArgs),
    /// Accounts at vendors
    Accounts(AccountsArgs),
    /// Answers that may be given again
    Cache(CacheArgs),
    /// Spending, the ledger, and whether it adds up
    Usage(UsageArgs),
    /// Copy everything that is stored, while the gateway runs or not
    Backup(BackupArgs),
    /// Bring a backup back
    Restore(RestoreArgs),
}

/// A running gateway.
#[derive(Debug, Clone, Args)]
pub(super) struct Remote {
    /// A running gateway (or `ATELIER_URL`)
    #[arg(long, global = true, value_name = "URL")]
    pub(super) url: Option<String>,
    /// The key for it (or `ATELIER_KEY`)
    #[arg(long, global = true, value_name = "KEY")]
    pub(super) key: Option<SecretString>,
}

/// What to make.
#[derive(Debug, Args)]
pub(super) struct Work {
    /// What it shall show
    pub(super) prompt: String,
    /// Where to save it; a folder keeps the name that the prompt gives
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// An alias, or `provider/model`
    #[arg(long, short)]
    pub(super) model: Option<String>,
    /// What to make, where the model does not tell; a picture if nobody says
    #[arg(long, value_parser = kind)]
    pub(super) kind: Option<Kind>,
    /// Width and height in pixels, e.g. 1024x1024
    #[arg(long, value_parser = size)]
    pub(super) size: Option<Size>,
    /// Width to height, e.g. 16:9
    #[arg(long, value_parser = aspect_ratio, conflicts_with = "size")]
    pub(super) aspect_ratio: Option<AspectRatio>,
    /// How many
    #[arg(long, short = 'n', default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=10))]
    pub(super) count: u8,
    /// The same seed makes the same picture, where the model honours it
    #[arg(long, allow_negative_numbers = true)]
    pub(super) seed: Option<i64>,
    /// What it shall not show
    #[arg(long)]
    pub(super) negative_prompt: Option<String>,
    /// png, jpeg or webp
    #[arg(long, value_parser = format)]
    pub(super) format: Option<ImageFormat>,
    /// The length of a clip
    #[arg(long)]
    pub(super) seconds: Option<u32>,
    /// Whether a clip has sound
    #[arg(long, value_name = "BOOL")]
    pub(super) audio: Option<bool>,
    /// cost, latency, balanced or ordered
    #[arg(long, value_parser = policy)]
    pub(super) policy: Option<Policy>,
    /// Only this provider; may be given several times
    #[arg(long = "provider", value_name = "NAME")]
    pub(super) providers: Vec<String>,
    /// The most that it may cost, in US dollars
    #[arg(long, value_name = "USD", value_parser = money)]
    pub(super) max_cost: Option<MicroUsd>,
    /// Refuse whatever the model would adjust
    #[arg(long)]
    pub(super) strict: bool,
    #[command(flatten)]
    pub(super) remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct VendorsArgs {
    /// The first of eight ports; without it free ones
    #[arg(long, value_name = "P")]
    pub(super) port_base: Option<u16>,
    /// A folder in which books and pictures survive
    #[arg(long, value_name = "DIR")]
    pub(super) state: Option<PathBuf>,
}

fn kind(text: &str) -> Result<Kind, String> {
    text.parse().map_err(|()| format!("one of {}", Kind::ALL.map(|kind| kind.as_str()).join(", ")))
}

fn size(text: &str) -> Result<Size, &'static str> {
    text.parse().map_err(|()| "a size is written 1024x1024")
}

fn aspect_ratio(text: &str) -> Result<AspectRatio, &'static str> {
    text.parse().map_err(|()| "a ratio is written 16:9")
}

fn format(text: &str) -> Result<ImageFormat, &'static str> {
    text.parse().map_err(|()| "one of png, jpeg, webp")
}

fn policy(text: &str) -> Result<Policy, &'static str> {
    let found = Policy::ALL.into_iter().find(|policy| policy.as_str() == text);
    found.ok_or("one of cost, latency, balanced, ordered")
}

fn money(text: &str) -> Result<MicroUsd, &'static str> {
    let amount: Option<MicroUsd> = text.parse().ok();
    amount.filter(|amount| *amount >= MicroUsd::ZERO).ok_or("an amount is written 0.05")
}

/// A moment, or the beginning of a day.
fn time(text: &str) -> Result<Timestamp, &'static str> {
    let day = (text.len() == 10).then(|| format!("{text}T00:00:00Z"));
    let found = Timestamp::parse(day.as_deref().unwrap_or(text));
    found.ok_or("a time is written 2026-12-31T00:00:00Z, a day 2026-12-31")
}

/// A span, in the API's words.
fn span(text: &str) -> Result<String, &'static str> {
    let known = humantime::parse_duration(text).is_ok();
    if known { Ok(text.to_owned()) } else { Err("a span of time is written 24h, 30m or 7d") }
}

fn json(text: &str) -> Result<serde_json::Value, String> {
    serde_json::from_str(text).map_err(|error| format!("this is no JSON: {error}"))
}

/// `name=value`
fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("it is written name=value")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_verb_may_be_left_out_and_flags_may_stand_anywhere() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' ')).unwrap();
        let bare = parse("atelier --config a.yaml");
        assert!(bare.command.is_none());
        assert_eq!(bare.config.unwrap().to_str(), Some("a.yaml"));
        assert!(parse("atelier check --config a.yaml --json").json);
        for line in [
            "atelier keys list --url u --key k",
            "atelier keys --url u rotate key_1 --grace 24h",
            "atelier keys create --team t --expires-at 2027-01-01 --allow-ip 10.0.0.0/8",
        ] {
            assert!(matches!(parse(line).command, Some(Command::Keys(_))), "{line}");
        }
        for line in [
            "atelier cache purge --all",
            "atelier cache purge --team team_1 --model photo --key-prefix atl_abc",
        ] {
            assert!(matches!(parse(line).command, Some(Command::Cache(_))), "{line}");
        }
        for line in [
            "atelier simulate --protocol",
            "atelier simulate --trace ledger --policy cost --policy table --without zsky --chart a.svg",
            "atelier simulate --trace a.csv --allowance zsky.images=5 --monthly-fee zsky=9 --json",
        ] {
            assert!(matches!(parse(line).command, Some(Command::Simulate(_))), "{line}");
        }
        for line in [
            "atelier usage --by team,provider --from 2026-11-01 --key-id key_1",
            "atelier usage --ledger --csv",
            "atelier usage --reconcile --book",
        ] {
            assert!(matches!(parse(line).command, Some(Command::Usage(_))), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for line in [
            "atelier generate",
            "atelier generate x --size 0x9",
            "atelier generate x --count 11",
            "atelier generate x --kind picture",
            "atelier generate x --format gif",
            "atelier generate x --max-cost -1",
            "atelier generate x --size 1x1 --aspect-ratio 1:1",
            "atelier paint",
            "atelier keys create --team t --scope write",
            "atelier keys create --team t --expires-at tomorrow",
            "atelier keys create --team t --metadata word",
            "atelier keys rotate key_1 --grace soon",
            "atelier keys update key_1 --expires-at 2027-01-01 --no-expiry",
            "atelier teams create a --period year",
            "atelier teams create a --budget-usd -1",
            "atelier teams create a --alert-at 101",
            "atelier teams create a --weight 0",
            "atelier teams create a --budgets {",
            "atelier teams create a --policy luck",
            "atelier teams update team_1 --policy cost --no-policy",
            "atelier teams update team_1 --budget-usd 5 --no-budget",
            "atelier users create ann",
            "atelier users create ann --role king",
            "atelier audit --limit 0",
            "atelier accounts add --provider zekron --name b --key-file f --vendor-key k",
            "atelier usage --verify --reconcile",
            "atelier usage --csv",
            "atelier usage --book",
            "atelier usage --by moon",
            "atelier cache purge",
            "atelier cache purge --all --team team_1",
            "atelier backup",
            "atelier simulate",
            "atelier simulate --protocol --trace ledger",
            "atelier simulate --protocol --policy cost",
            "atelier simulate --policy cost",
            "atelier simulate --trace ledger --policy cheapest",
            "atelier simulate --trace ledger --allowance zsky.images",
            "atelier simulate --trace ledger --from yesterday",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
