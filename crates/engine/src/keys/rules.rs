//! What teams and keys may be given: refusals name the field as the contract writes it.

use std::{collections::BTreeMap, time::Duration};

use provider::{MicroUsd, Timestamp};
use records::{Budget, Limits, Pace, Rules, Scope, TeamRouting};
use routing::Policy;

use super::networks;
use crate::{Refusal, Result, budgets::is_zone};

/// The longest name of a team, a key or an operator, in characters.
const LONGEST_NAME: usize = 200;
/// Budgets of one team or key: each is a sum to be checked with every generation.
const MOST_BUDGETS: usize = 8;
/// The greatest share of scarce slots.
const MOST_WEIGHT: u32 = 1000;
/// Networks of one key: each request is compared with all of them.
const MOST_NETWORKS: usize = 64;
/// Entries of a key's metadata, and the most characters of a name and a value.
const MOST_METADATA: (usize, usize, usize) = (16, 64, 512);
/// The longest time that an old text of a key is good beside the new one.
const LONGEST_GRACE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

pub(super) fn check_name(name: &str) -> Result<()> {
    let chars = name.chars().count();
    if name.trim().is_empty() || chars > LONGEST_NAME || name.chars().any(char::is_control) {
        let message = format!("a name has 1 to {LONGEST_NAME} characters, none of them control");
        return Err(Refusal::field("name", message));
    }
    Ok(())
}

pub(super) fn check_rules(rules: &Rules) -> Result<()> {
    check_budgets(&rules.budgets)?;
    check_limits(&rules.limits)?;
    check_weight(rules.weight)?;
    check_routing(&rules.routing)?;
    check_time_zone(rules.time_zone.as_deref())
}

pub(super) fn check_budgets(budgets: &[Budget]) -> Result<()> {
    if budgets.len() > MOST_BUDGETS {
        return Err(Refusal::field(
            "budget",
            format!("there may be {MOST_BUDGETS} budgets at most"),
        ));
    }
    for (nth, budget) in budgets.iter().enumerate() {
        // One budget is written as an object, several as a list.
        let path = if budgets.len() == 1 { "budget".to_owned() } else { format!("budget[{nth}]") };
        check_budget(budget, &path)?;
    }
    Ok(())
}

fn check_budget(budget: &Budget, path: &str) -> Result<()> {
    if budget.limit.is_none() && budget.outputs.is_none() {
        let message = "a budget limits money (limit_usd), outputs (limit_outputs), or both";
        return Err(Refusal::field(format!("{path}.limit_usd"), message));
    }
    if budget.limit.is_some_and(|limit| limit < MicroUsd::ZERO) {
        return Err(Refusal::field(format!("{path}.limit_usd"), "a limit is not negative"));
    }
    if budget.outputs.is_some_and(|outputs| i64::try_from(outputs).is_err()) {
        let message = "nobody will ever make so many outputs";
        return Err(Refusal::field(format!("{path}.limit_outputs"), message));
    }
    match budget.alert_at.iter().position(|share| !(1..=100).contains(share)) {
        None => Ok(()),
        Some(nth) => {
            let message = "a share is 1 to 100 percent";
            Err(Refusal::field(format!("{path}.alert_at[{nth}]"), message))
        }
    }
}

pub(super) fn check_limits(limits: &Limits) -> Result<()> {
    check_pace(&limits.all, "limits")?;
    for (kind, pace) in &limits.kinds {
        check_pace(pace, &format!("limits.kinds.{kind}"))?;
    }
    for (model, pace) in &limits.models {
        check_pace(pace, &format!("limits.models.{model}"))?;
    }
    Ok(())
}

fn check_pace(pace: &Pace, path: &str) -> Result<()> {
    for (name, limit) in
        [("requests_per_minute", pace.requests_per_minute), ("concurrent", pace.concurrent)]
    {
        if limit == Some(0) {
            let message = "a limit is 1 or more; without one there is no limit";
            return Err(Refusal::field(format!("{path}.{name}"), message));
        }
    }
    Ok(())
}

pub(super) fn check_weight(weight: Option<u32>) -> Result<()> {
    if weight.is_some_and(|weight| !(1..=MOST_WEIGHT).contains(&weight)) {
        return Err(Refusal::field("weight", format!("a weight is 1 to {MOST_WEIGHT}")));
    }
    Ok(())
}

pub(super) fn check_routing(routing: &TeamRouting) -> Result<()> {
    let Some(name) = &routing.policy else { return Ok(()) };
    let known = Policy::ALL.map(Policy::as_str);
    if known.contains(&name.as_str()) {
        return Ok(());
    }
    let message = format!("a policy is one of {}", known.join(", "));
    Err(Refusal::field("routing.policy", message))
}

pub(super) fn check_time_zone(name: Option<&str>) -> Result<()> {
    match name {
        Some(name) if !is_zone(name) => {
            let message = "there is no such time zone; write it as in \"Europe/Zurich\"";
            Err(Refusal::field("time_zone", message))
        }
        _ => Ok(()),
    }
}

pub(super) fn check_scopes(scopes: &[Scope]) -> Result<()> {
    if scopes.is_empty() {
        return Err(Refusal::field("scopes", "a key without scopes is good for nothing"));
    }
    Ok(())
}

pub(super) fn check_networks(texts: &[String]) -> Result<()> {
    if texts.len() > MOST_NETWORKS {
        let message = format!("there may be {MOST_NETWORKS} networks at most");
        return Err(Refusal::field("allowed_ips", message));
    }
    match texts.iter().position(|text| networks::parse(text).is_none()) {
        None => Ok(()),
        Some(nth) => {
            let message = "a network is written as 10.0.0.0/8 or 2001:db8::/32, or as one address";
            Err(Refusal::field(format!("allowed_ips[{nth}]"), message))
        }
    }
}

pub(super) fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<()> {
    let (entries, name_chars, value_chars) = MOST_METADATA;
    if metadata.len() > entries {
        let message = format!("there may be {entries} entries at most");
        return Err(Refusal::field("metadata", message));
    }
    for (name, value) in metadata {
        if name.is_empty() || name.chars().count() > name_chars {
            let message = format!("a name in it has 1 to {name_chars} characters");
            return Err(Refusal::field("metadata", message));
        }
        if value.chars().count() > value_chars {
            let message = format!("a value has at most {value_chars} characters");
            return Err(Refusal::field(format!("metadata.{name}"), message));
        }
    }
    Ok(())
}

pub(super) fn check_end(end: Option<Timestamp>, now: Timestamp) -> Result<()> {
    if end.is_some_and(|end| end <= now) {
        return Err(Refusal::field("expires_at", "this moment has passed"));
    }
    Ok(())
}

pub(super) fn check_grace(grace: Duration) -> Result<()> {
    if grace > LONGEST_GRACE {
        return Err(Refusal::field("grace", "an old key is good for 30 days more at most"));
    }
    Ok(())
}
