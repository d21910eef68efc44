//! Who changed what: the entries, and how teams, keys and operators are told in them.

use records::{AuditEntry, AuditFilter, Budget, Change, Key, Page, Rules, Team, User};
use serde_json::{Map, Value, json};

use super::{Actor, Keyring};
use crate::Result;

impl Keyring {
    /// Who changed what, newest first; the cursor is an entry's id.
    pub async fn audit(&self, filter: AuditFilter, page: Page) -> Result<Vec<AuditEntry>> {
        Ok(self.records.audit(filter, page).await?)
    }

    /// The entry that somebody did something (`team.create`) to an id, to be written in the same list as
    /// the change. How it was and is are JSON objects without secrets, hashes or texts of keys.
    pub fn entry(
        &self,
        by: &Actor,
        action: &str,
        target: &str,
        before: Option<Value>,
        after: Option<Value>,
    ) -> Change {
        Change::Audit(Box::new(AuditEntry {
            id: 0,
            at: self.clock.now(),
            actor: by.id.clone(),
            role: by.role,
            address: by.address.clone(),
            action: action.to_owned(),
            target: target.to_owned(),
            before: before.map(|value| value.to_string()),
            after: after.map(|value| value.to_string()),
        }))
    }

    /// An entry that tells only what became different.
    pub(super) fn difference(
        &self,
        by: &Actor,
        action: &str,
        target: &str,
        before: Value,
        after: Value,
    ) -> Change {
        let (before, after) = differences(before, after);
        self.entry(by, action, target, Some(before), Some(after))
    }
}

/// The members that differ; both are objects with the same members.
fn differences(before: Value, after: Value) -> (Value, Value) {
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        return (Value::Object(Map::new()), Value::Object(Map::new()));
    };
    let only = |of: &Map<String, Value>, beside: &Map<String, Value>| {
        let differs = |(name, value): &(&String, &Value)| beside.get(*name) != Some(*value);
        let members = of.iter().filter(differs);
        Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    (only(&before, &after), only(&after, &before))
}

pub(super) fn of_team(team: &Team) -> Value {
    json!({
        "name": team.name,
        "models": team.models,
        "budgets": budgets(&team.rules),
        "limits": team.rules.limits,
        "weight": team.rules.weight,
        "routing": team.rules.routing,
        "time_zone": team.rules.time_zone,
        "revoked_at": team.revoked_at,
    })
}

pub(super) fn of_key(key: &Key) -> Value {
    json!({
        "team_id": key.team,
        "name": key.name,
        "prefix": key.prefix,
        "scopes": key.scopes,
        "models": key.models,
        "budgets": budgets(&key.rules),
        "limits": key.rules.limits,
        "allowed_ips": key.networks,
        "metadata": key.metadata,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    })
}

pub(super) fn of_user(user: &User) -> Value {
    json!({
        "name": user.name,
        "role": user.role,
        "team_id": user.team,
        "prefix": user.prefix,
        "expires_at": user.expires_at,
        "revoked_at": user.revoked_at,
    })
}

fn budgets(rules: &Rules) -> Vec<Value> {
    let tell = |budget: &Budget| {
        json!({
            "limit_usd": budget.limit,
            "limit_outputs": budget.outputs,
            "period": budget.period,
            "hard": budget.hard,
            "alert_at": budget.alert_at,
        })
    };
    rules.budgets.iter().map(tell).collect()
}
