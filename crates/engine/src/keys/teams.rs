//! Teams, and what they may do.

use records::{Budget, Change, Limits, Page, Rules, Team, TeamRouting};
use serde_json::json;

use super::{
    Actor, Keyring, Right, audit,
    rules::{
        check_budgets, check_limits, check_name, check_routing, check_rules, check_time_zone,
        check_weight,
    },
};
use crate::{Code, Refusal, Result};

/// What a new team shall be.
#[derive(Debug, Clone, Default)]
pub struct NewTeam {
    /// For people.
    pub name: String,
    /// Models and aliases it may ask for; empty means all.
    pub models: Vec<String>,
    /// What it may spend, and how fast it may ask.
    pub rules: Rules,
}

/// What shall be different about a team; what is none stays.
#[derive(Debug, Clone, Default)]
pub struct TeamPatch {
    /// For people.
    pub name: Option<String>,
    /// Models and aliases it may ask for; empty means all.
    pub models: Option<Vec<String>>,
    /// All of its budgets.
    pub budgets: Option<Vec<Budget>>,
    /// All of its limits.
    pub limits: Option<Limits>,
    /// Its share of scarce slots; inner none means 1.
    pub weight: Option<Option<u32>>,
    /// How its requests are routed.
    pub routing: Option<TeamRouting>,
    /// Where its days begin; inner none means UTC.
    pub time_zone: Option<Option<String>>,
}

impl TeamPatch {
    fn check(&self) -> Result<()> {
        self.name.as_deref().map_or(Ok(()), check_name)?;
        self.budgets.as_deref().map_or(Ok(()), check_budgets)?;
        self.limits.as_ref().map_or(Ok(()), check_limits)?;
        self.weight.map_or(Ok(()), check_weight)?;
        self.routing.as_ref().map_or(Ok(()), check_routing)?;
        check_time_zone(self.time_zone.as_ref().and_then(Option::as_deref))
    }

    fn apply(self, team: &Team) -> Team {
        let was = team.clone();
        Team {
            name: self.name.unwrap_or(was.name),
            models: self.models.unwrap_or(was.models),
            rules: Rules {
                budgets: self.budgets.unwrap_or(was.rules.budgets),
                limits: self.limits.unwrap_or(was.rules.limits),
                weight: self.weight.unwrap_or(was.rules.weight),
                routing: self.routing.unwrap_or(was.rules.routing),
                time_zone: self.time_zone.unwrap_or(was.rules.time_zone),
            },
            ..was
        }
    }
}

impl Keyring {
    /// A new team.
    ///
    /// # Errors
    /// `forbidden`; `invalid_request` for a name or rules that make no sense.
    pub async fn create_team(&self, by: &Actor, new: NewTeam) -> Result<Team> {
        by.needs(Right::Write)?;
        check_name(&new.name)?;
        check_rules(&new.rules)?;
        let team = Team {
            id: self.ids.next("team_"),
            name: new.name,
            models: new.models,
            rules: new.rules,
            created_at: self.clock.now(),
            revoked_at: None,
        };
        let entry = self.entry(by, "team.create", &team.id, None, Some(audit::of_team(&team)));
        self.commit(vec![Change::Team(team.clone()), entry], "team").await?;
        Ok(team)
    }

    /// A team with what shall be different; its keys follow it at once.
    ///
    /// # Errors
    /// `forbidden`; `not_found` for a team that is not there or works no longer; `invalid_request` for a
    /// name or rules that make no sense.
    pub async fn update_team(&self, by: &Actor, id: &str, patch: TeamPatch) -> Result<Team> {
        by.needs(Right::Write)?;
        patch.check()?;
        let _turn = self.changing.lock().await;
        let was = self.living_team(id).await?;
        let team = patch.apply(&was);
        if team == was {
            return Ok(team);
        }
        let (before, after) = (audit::of_team(&was), audit::of_team(&team));
        let entry = self.difference(by, "team.update", id, before, after);
        self.commit(vec![Change::UpdateTeam(team.clone()), entry], "team").await?;
        Ok(team)
    }

    /// A team works no longer, nor does any of its keys, nor its admins'.
    ///
    /// # Errors
    /// `forbidden`, `not_found`.
    pub async fn revoke_team(&self, by: &Actor, id: &str) -> Result<()> {
        by.needs(Right::Write)?;
        let _turn = self.changing.lock().await;
        let was = self.team(id).await?.ok_or_else(|| Refusal::not_found("team"))?;
        if was.revoked_at.is_some() {
            return Ok(());
        }
        let at = self.clock.now();
        let team = Team { revoked_at: Some(at), ..was.clone() };
        let (before, after) = (audit::of_team(&was), audit::of_team(&team));
        let entry = self.difference(by, "team.revoke", id, before, after);
        self.commit(vec![Change::RevokeTeam(id.to_owned(), at), entry], "team").await
    }

    /// The words of a revoked team are gone; the books keep the money.
    ///
    /// # Errors
    /// `forbidden`; `not_found`; `invalid_request` for a team that may still work.
    pub async fn erase_team(&self, by: &Actor, id: &str) -> Result<()> {
        by.needs(Right::Write)?;
        let _turn = self.changing.lock().await;
        let team = self.team(id).await?.ok_or_else(|| Refusal::not_found("team"))?;
        if team.revoked_at.is_none() {
            let message = "only a revoked team can be erased: revoke it first";
            return Err(Refusal::new(Code::InvalidRequest, message));
        }
        let at = self.clock.now();
        // What is erased is not told: the audit must not keep it.
        let entry = self.entry(by, "team.erase", id, None, Some(json!({ "erased_at": at })));
        self.commit(vec![Change::EraseTeam(id.to_owned(), at), entry], "team").await
    }

    /// The house's own team of that name, made once; its budgets are these from now on. It has no key, so
    /// that no caller is of it. One that an operator revoked stays so.
    pub(crate) async fn house_team(
        &self,
        name: &str,
        budgets: Vec<Budget>,
    ) -> records::Result<Team> {
        let id = self.records.setting(&house(name), self.ids.next("team_")).await?;
        let by = Actor::system("gateway");
        let _turn = self.changing.lock().await;
        let (team, changes) = match self.records.team(&id).await? {
            Some(was) if was.rules.budgets == budgets || was.revoked_at.is_some() => {
                return Ok(was);
            }
            Some(was) => {
                let rules = Rules { budgets, ..was.rules.clone() };
                let team = Team { rules, ..was.clone() };
                let (before, after) = (audit::of_team(&was), audit::of_team(&team));
                let entry = self.difference(&by, "team.update", &id, before, after);
                (team.clone(), vec![Change::UpdateTeam(team), entry])
            }
            None => {
                let team = Team {
                    id,
                    name: name.to_owned(),
                    models: Vec::new(),
                    rules: Rules { budgets, ..Rules::default() },
                    created_at: self.clock.now(),
                    revoked_at: None,
                };
                let after = Some(audit::of_team(&team));
                let entry = self.entry(&by, "team.create", &team.id, None, after);
                (team.clone(), vec![Change::Team(team), entry])
            }
        };
        self.records.apply(changes).await?;
        Ok(team)
    }

    /// The id of the house's own team of that name, if there ever was one.
    pub(crate) async fn find_house_team(&self, name: &str) -> Result<Option<String>> {
        Ok(self.records.find_setting(&house(name)).await?)
    }

    /// Teams, newest first, revoked ones too.
    pub async fn teams(&self, page: Page) -> Result<Vec<Team>> {
        Ok(self.records.teams(page).await?)
    }

    /// One team, whether it may work or not.
    pub async fn team(&self, id: &str) -> Result<Option<Team>> {
        Ok(self.records.team(id).await?)
    }

    pub(super) async fn living_team(&self, id: &str) -> Result<Team> {
        let team = self.team(id).await?.filter(|team| team.revoked_at.is_none());
        team.ok_or_else(|| Refusal::not_found("team"))
    }

    /// The team that a body names, if it may work.
    pub(super) async fn named_team(&self, id: &str) -> Result<Team> {
        self.living_team(id).await.map_err(in_body)
    }
}

/// Under which name the records know the id of a team of the house.
fn house(name: &str) -> String {
    format!("house_team:{name}")
}

/// A team that is not there, where it was the body that named it.
pub(super) fn in_body(refusal: Refusal) -> Refusal {
    if refusal.code == Code::NotFound { refusal.at("team_id") } else { refusal }
}
