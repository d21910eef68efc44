//! Who changes or reads what is everybody's, and what they may.

use records::Role;

use crate::{Code, Refusal, Result};

/// Who does something as an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `admin` (the configured key), `usr_...`, or `cli`.
    pub id: String,
    /// What they may do.
    pub role: Role,
    /// Whose, of a team's admin.
    pub team: Option<String>,
    /// From where, if they came over the network.
    pub address: Option<String>,
}

/// What an operator may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Right {
    /// Read teams, keys, accounts, models and routing.
    Read,
    /// Read the ledger and what was spent.
    ReadMoney,
    /// Read who changed what.
    ReadAudit,
    /// Change teams, accounts and settings.
    Write,
    /// Read and change operators.
    Users,
    /// List, make, change, rotate and revoke keys; a team's admin those of the own team.
    Keys,
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 6] =
        [Self::Read, Self::ReadMoney, Self::ReadAudit, Self::Write, Self::Users, Self::Keys];

    /// The name outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ReadMoney => "read_money",
            Self::ReadAudit => "read_audit",
            Self::Write => "write",
            Self::Users => "users",
            Self::Keys => "keys",
        }
    }
}

const fn has(role: Role, right: Right) -> bool {
    match role {
        Role::Owner => true,
        Role::Admin => !matches!(right, Right::Users),
        Role::Billing => matches!(right, Right::Read | Right::ReadMoney),
        Role::Viewer => matches!(right, Right::Read),
        Role::TeamAdmin => matches!(right, Right::Keys),
    }
}

impl Actor {
    /// Somebody who came no way that has an address: an owner.
    pub fn system(id: impl Into<String>) -> Self {
        Self { id: id.into(), role: Role::Owner, team: None, address: None }
    }

    /// Refuses what their role does not allow.
    ///
    /// # Errors
    /// `forbidden`, naming the right.
    pub fn needs(&self, right: Right) -> Result<()> {
        if has(self.role, right) {
            return Ok(());
        }
        let (right, role) = (right.as_str(), self.role.as_str());
        let message = format!("this takes the right {right:?}, which the role {role:?} lacks");
        Err(Refusal::new(Code::Forbidden, message))
    }

    /// The team that everything is limited to: a team's admin's own. One without a team is limited to
    /// none.
    pub fn of_team(&self) -> Option<&str> {
        (self.role == Role::TeamAdmin).then(|| self.team.as_deref().unwrap_or_default())
    }

    /// Whether a key of this team is any of their business.
    pub(super) fn reaches(&self, team: &str) -> bool {
        self.of_team().is_none_or(|own| own == team)
    }
}
