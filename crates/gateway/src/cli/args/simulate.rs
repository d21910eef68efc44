//! `atelier simulate`: its flags.

use std::path::PathBuf;

use clap::Args;
use provider::Timestamp;

use super::time;
use crate::replay::{Assignment, Choice};

#[derive(Debug, Args)]
pub(in crate::cli) struct SimulateArgs {
    /// Talk the routing protocol on standard input and output: a message a line, a reply a line
    #[arg(long, required_unless_present = "trace", conflicts_with = "trace")]
    pub(in crate::cli) protocol: bool,
    /// Play requests of the past again: `ledger` (the configured database), an export of the ledger (.csv),
    /// or a trace of the routing game (.jsonl, .jsonl.gz)
    #[arg(long, value_name = "ledger|FILE")]
    pub(in crate::cli) trace: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) replay: ReplayArgs,
}

#[derive(Debug, Args)]
#[group(id = "replay", conflicts_with = "protocol", multiple = true)]
pub(in crate::cli) struct ReplayArgs {
    /// From then on, a time in RFC 3339 or a day; the first request where nobody says
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(in crate::cli) from: Option<Timestamp>,
    /// Before then; the last request where nobody says
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(in crate::cli) to: Option<Timestamp>,
    /// How candidates are chosen: cost, latency, balanced, ordered, or table (the least price, which
    /// knows nothing of the worth of an allowance); may be given several times; cost and table where nobody says
    #[arg(long = "policy", value_name = "NAME", value_parser = choice)]
    pub(in crate::cli) policies: Vec<Choice>,
    /// Another allowance of a plan: images, videos, `daily_images` or `daily_videos`; may be given several times
    #[arg(long, value_name = "PROVIDER.WHAT=UNITS")]
    pub(in crate::cli) allowance: Vec<Assignment>,
    /// Another monthly fee of a plan
    #[arg(long, value_name = "PROVIDER=USD")]
    pub(in crate::cli) monthly_fee: Vec<Assignment>,
    /// Other terms of units past the allowance: `image_usd`, `video_usd` or `monthly_cap_usd`
    #[arg(long, value_name = "PROVIDER.WHAT=USD")]
    pub(in crate::cli) overage: Vec<Assignment>,
    /// Without this provider; may be given several times
    #[arg(long, value_name = "PROVIDER")]
    pub(in crate::cli) without: Vec<String>,
    /// Write a chart of spending by day to this file
    #[arg(long, value_name = "FILE.svg")]
    pub(in crate::cli) chart: Option<PathBuf>,
}

fn choice(text: &str) -> Result<Choice, String> {
    let choices = Choice::all();
    let found = choices.iter().find(|choice| choice.as_str() == text).copied();
    let names = || choices.iter().map(|choice| choice.as_str()).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| format!("one of {}", names()))
}
