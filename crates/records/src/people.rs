//! People and accounts: teams, their keys, the operators, vendors' credentials, and who changed what.

use std::{collections::BTreeMap, fmt};

use provider::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Rules;

/// A keyed hash of a key; the key itself is never stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(..)")
    }
}

/// A team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// `team_...`
    pub id: String,
    /// For people.
    pub name: String,
    /// Models and aliases it may ask for; empty means all.
    pub models: Vec<String>,
    /// What it may spend, and how fast it may ask.
    pub rules: Rules,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when it may work.
    pub revoked_at: Option<Timestamp>,
}

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Ask for generations.
    Generate,
    /// Look at the team's own.
    Read,
}

/// A team's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// `key_...`
    pub id: String,
    /// Whose.
    pub team: String,
    /// For people.
    pub name: String,
    /// The first characters of the key, to tell keys apart.
    pub prefix: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Models and aliases it may ask for; empty means all of the team's.
    pub models: Vec<String>,
    /// What it may spend, and how fast it may ask.
    pub rules: Rules,
    /// The networks (CIDR) that it may come from; empty means all.
    pub networks: Vec<String>,
    /// The operator's own words.
    pub metadata: BTreeMap<String, String>,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when, if it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// Since when it is refused.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// Which keys; what is none is not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyFilter {
    /// Of this team.
    pub team: Option<String>,
    /// Whose shown prefix begins so.
    pub prefix: Option<String>,
}

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, operators too.
    Owner,
    /// Everything but operators.
    Admin,
    /// Read money: the ledger, spending, teams, accounts.
    Billing,
    /// Read everything but money and the audit.
    Viewer,
    /// One team's keys.
    TeamAdmin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] =
        [Self::Owner, Self::Admin, Self::Billing, Self::Viewer, Self::TeamAdmin];

    /// The name outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Billing => "billing",
            Self::Viewer => "viewer",
            Self::TeamAdmin => "team_admin",
        }
    }
}

/// An operator with a key of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// `usr_...`
    pub id: String,
    /// For people.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whose, of a team's admin.
    pub team: Option<String>,
    /// The first characters of the key.
    pub prefix: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when, if it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// Since when it is refused.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// A vendor's account that was added, held or taken out at run time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAccount {
    /// `provider/name`.
    pub id: String,
    /// The credential it was added with, sealed; none for an account of the configuration.
    pub sealed: Option<String>,
    /// Its settings as the operator gave them: a JSON object.
    pub settings: String,
    /// Whether an operator lets it take no work.
    pub held: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// Since when it is gone.
    pub removed_at: Option<Timestamp>,
}

/// Where a sealed text lies.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SealedPlace {
    /// A setting, by its name; only settings whose names begin with `sealed_` are sealed.
    Setting(String),
    /// A team's webhook secret.
    Webhook(String),
    /// A credential that a vendor made, by `provider/name`.
    Credential(String),
    /// The credential that an account was added with, by `provider/name`.
    Account(String),
}

/// Who changed what and when. Secrets are not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Grows with every entry; 0 in one that is to be written.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// `usr_...`, `admin` (the configured key), `key_...` or `cli`.
    pub actor: String,
    /// What they were allowed to do.
    pub role: Role,
    /// From where, if it came over the network.
    pub address: Option<String>,
    /// `team.create`, `key.rotate`, ...
    pub action: String,
    /// What was changed: an id.
    pub target: String,
    /// How it was: a JSON object.
    pub before: Option<String>,
    /// How it is: a JSON object.
    pub after: Option<String>,
}

/// Which entries of the audit; what is none is not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// Who.
    pub actor: Option<String>,
    /// What was done.
    pub action: Option<String>,
    /// To what.
    pub target: Option<String>,
    /// Then or later.
    pub from: Option<Timestamp>,
    /// Before then.
    pub to: Option<Timestamp>,
}

/// A credential that a vendor made for an account of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCredential {
    /// `provider/name`.
    pub account: String,
    /// A hash of the configured credential: where that is another one by now, this is of the past.
    pub origin: String,
    /// The newest one, sealed.
    pub sealed: Option<String>,
    /// Whether a replacement was asked for and its answer is not here.
    pub begun: bool,
    /// When.
    pub at: Timestamp,
}
