//! Whose key a text is.

use std::net::IpAddr;

use records::{Change, User};

use super::{Actor, AdminKey, Keyring, LONGEST, TEAM_PREFIX, USER_PREFIX, cache::Known, invalid};
use crate::{Caller, Code, Refusal, Result};

impl Keyring {
    /// Who this key belongs to. `from` is the caller's own address; none passes only keys that may come
    /// from everywhere.
    ///
    /// # Errors
    /// `invalid_api_key` for what is unknown, expired or revoked: the three look the same. `forbidden`
    /// where a good key may not come from that address.
    pub async fn authenticate(&self, text: &str, from: Option<IpAddr>) -> Result<Caller> {
        if !text.starts_with(TEAM_PREFIX) || text.len() > LONGEST {
            return Err(invalid());
        }
        let hash = self.hash(text);
        let now = self.clock.now();
        let (caller, is_news) = match self.cache.ask(&hash, now, |known| known.admit(from, now)) {
            Ok(answer) => answer?,
            Err(edition) => {
                let (key, team) =
                    self.records.key_by_hash(&hash, now).await?.ok_or_else(invalid)?;
                let last_use = self.cache.last_use(&key.id, key.last_used_at);
                let known = Known::new(key, team, last_use, now);
                let answer = known.admit(from, now);
                self.cache.remember(hash, known, edition);
                answer?
            }
        };
        if is_news {
            self.records.apply_soon(vec![Change::KeyUsed(caller.key.id.clone(), now)]);
        }
        Ok(caller)
    }

    /// Which operator this key belongs to. `from` is their own address.
    ///
    /// # Errors
    /// `forbidden` for a team's key: who holds one may know that it is not the right one here.
    /// `invalid_api_key` for what is unknown, expired or revoked: the three look the same.
    pub async fn administrator(
        &self,
        admin: &AdminKey,
        text: &str,
        from: Option<IpAddr>,
    ) -> Result<Actor> {
        let address = from.map(|from| from.to_canonical().to_string());
        if self.is_admin(admin, text) {
            return Ok(Actor { address, ..Actor::system("admin") });
        }
        if text.starts_with(USER_PREFIX) && text.len() <= LONGEST {
            let user = self.user_of(text).await?;
            return Ok(Actor { id: user.id, role: user.role, team: user.team, address });
        }
        self.authenticate(text, from).await?;
        Err(Refusal::new(Code::Forbidden, "this takes the admin key"))
    }

    /// The operator whose key this is, if it is good.
    async fn user_of(&self, text: &str) -> Result<User> {
        let now = self.clock.now();
        let user = self.records.user_by_hash(&self.hash(text)).await?.ok_or_else(invalid)?;
        if user.revoked_at.is_some() || user.expires_at.is_some_and(|end| end <= now) {
            return Err(invalid());
        }
        if let Some(team) = &user.team {
            let team = self.records.team(team).await?;
            if team.is_none_or(|team| team.revoked_at.is_some()) {
                return Err(invalid());
            }
        }
        if self.cache.last_use(&user.id, user.last_used_at).is_news(now) {
            self.records.apply_soon(vec![Change::UserUsed(user.id.clone(), now)]);
        }
        Ok(user)
    }
}
