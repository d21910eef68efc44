//! Who asks.

use std::sync::Arc;

use records::{Key, Scope, Team};

use crate::{Code, Refusal};

/// A team and the key it came with, both good when they were looked up.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The team.
    pub team: Arc<Team>,
    /// The key.
    pub key: Arc<Key>,
}

impl Caller {
    /// Refuses what the key was not made for.
    pub fn needs(&self, scope: Scope) -> Result<(), Refusal> {
        if self.key.scopes.contains(&scope) {
            return Ok(());
        }
        let name = match scope {
            Scope::Generate => "generate",
            Scope::Read => "read",
        };
        Err(Refusal::new(Code::Forbidden, format!("this key lacks the scope {name:?}")))
    }

    /// Refuses a model or alias that the team or the key may not ask for.
    pub fn may_ask_for(&self, model: &str) -> Result<(), Refusal> {
        let listed = |list: &[String]| list.is_empty() || list.iter().any(|name| name == model);
        if listed(&self.team.models) && listed(&self.key.models) {
            return Ok(());
        }
        let message = format!("this key may not ask for the model {model:?}");
        Err(Refusal::new(Code::ModelNotAllowed, message).at("model"))
    }
}
