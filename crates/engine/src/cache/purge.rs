//! Revoking answers: a picture that must not be given again, a team that goes, a model that turned out bad.

use coordination::Purge;
use serde_json::json;

use crate::{
    Engine, Refusal, Result,
    keys::{Actor, Right, SHOWN_CHARS, TEAM_PREFIX},
};

impl Engine {
    /// Forgets the answers that every given word fits, and says how many there were. Generations that were
    /// answered with them stay as they are.
    ///
    /// # Errors
    /// `forbidden`; more of a team's key than anybody knows; the audit cannot be written.
    pub async fn purge_cache(&self, actor: &Actor, what: &Purge) -> Result<u64> {
        actor.needs(Right::Write)?;
        let asked = what.key_prefix.as_deref().unwrap_or_default();
        if asked.starts_with(TEAM_PREFIX) && asked.chars().count() > SHOWN_CHARS {
            // It would fit nothing, and whoever revokes must not think that it did.
            let message = format!("only the first {SHOWN_CHARS} characters of a key are known");
            return Err(Refusal::field("key_prefix", message));
        }
        let forgotten = self.cache().purge(what).await;
        let after = json!({
            "team": what.team,
            "model": what.model,
            "key_prefix": what.key_prefix,
            "forgotten": forgotten,
        });
        let entry = self.keys().entry(actor, "cache.purge", "cache", None, Some(after));
        self.records().apply(vec![entry]).await?;
        Ok(forgotten)
    }
}
