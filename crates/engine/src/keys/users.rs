//! Operators with keys of their own.

use provider::Timestamp;
use records::{Change, Page, Role, User};
use secrecy::SecretString;

use super::{
    Actor, Fresh, Keyring, Right, USER_PREFIX, audit,
    rules::{check_end, check_name},
    teams::in_body,
};
use crate::{Refusal, Result};

/// What a new operator shall be.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// For people.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whose; of a team's admin, and of nobody else.
    pub team: Option<String>,
    /// Until when, if their key ends by itself.
    pub expires_at: Option<Timestamp>,
}

impl Keyring {
    /// A new operator and the text of their key, which is told this once.
    ///
    /// # Errors
    /// `forbidden`; `invalid_request` for a name, a team or an end that make no sense; `not_found` for a
    /// team that is not there or works no longer.
    pub async fn create_user(&self, by: &Actor, new: NewUser) -> Result<(User, SecretString)> {
        by.needs(Right::Users)?;
        let now = self.clock.now();
        check_name(&new.name)?;
        check_end(new.expires_at, now)?;
        let _turn = self.changing.lock().await;
        self.check_team(&new).await?;
        let Fresh { text, hash, prefix } = self.fresh(USER_PREFIX);
        let user = User {
            id: self.ids.next("usr_"),
            name: new.name,
            role: new.role,
            team: new.team,
            prefix,
            created_at: now,
            expires_at: new.expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        let entry = self.entry(by, "user.create", &user.id, None, Some(audit::of_user(&user)));
        self.commit(vec![Change::User(user.clone(), hash), entry], "team")
            .await
            .map_err(in_body)?;
        Ok((user, text))
    }

    async fn check_team(&self, new: &NewUser) -> Result<()> {
        match (&new.team, new.role == Role::TeamAdmin) {
            (None, false) => Ok(()),
            (None, true) => Err(Refusal::field("team_id", "a team's admin has a team")),
            (Some(_), false) => Err(Refusal::field("team_id", "only a team's admin has a team")),
            (Some(team), true) => self.named_team(team).await.map(drop),
        }
    }

    /// Operators, newest first, revoked ones too.
    pub async fn users(&self, page: Page) -> Result<Vec<User>> {
        Ok(self.records.users(page).await?)
    }

    /// Gives an operator's key another text, which is told this once; the old one is refused at once.
    ///
    /// # Errors
    /// `forbidden`; `not_found` for an operator who is not there or is revoked.
    pub async fn rotate_user(&self, by: &Actor, id: &str) -> Result<(User, SecretString)> {
        by.needs(Right::Users)?;
        let _turn = self.changing.lock().await;
        let was = self.user(id).await?;
        if was.revoked_at.is_some() {
            return Err(Refusal::not_found("user"));
        }
        let Fresh { text, hash, prefix } = self.fresh(USER_PREFIX);
        let user = User { prefix: prefix.clone(), ..was.clone() };
        let (before, after) = (audit::of_user(&was), audit::of_user(&user));
        let entry = self.difference(by, "user.rotate", id, before, after);
        let rotate = Change::RotateUser { id: id.to_owned(), hash, prefix };
        self.commit(vec![rotate, entry], "user").await?;
        Ok((user, text))
    }

    /// An operator's key is refused from now on.
    ///
    /// # Errors
    /// `forbidden`, `not_found`.
    pub async fn revoke_user(&self, by: &Actor, id: &str) -> Result<()> {
        by.needs(Right::Users)?;
        let _turn = self.changing.lock().await;
        let was = self.user(id).await?;
        if was.revoked_at.is_some() {
            return Ok(());
        }
        let at = self.clock.now();
        let user = User { revoked_at: Some(at), ..was.clone() };
        let (before, after) = (audit::of_user(&was), audit::of_user(&user));
        let entry = self.difference(by, "user.revoke", id, before, after);
        self.commit(vec![Change::RevokeUser(id.to_owned(), at), entry], "user").await
    }

    async fn user(&self, id: &str) -> Result<User> {
        self.records.user(id).await?.ok_or_else(|| Refusal::not_found("user"))
    }
}
