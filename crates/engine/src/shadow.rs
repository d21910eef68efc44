//! Shadow traffic: what a model that is tried makes of a share of an alias' requests, and for how much.
//!
//! A request that was made well is sent once more, to the model that is tried, as an ordinary generation
//! of its own. The one who asked knows nothing of it, and it takes nothing from them:
//!
//! - not their time: everybody has been told of the end before it begins, in a task of its own;
//! - not their money or limits: it is a team's of the house, `shadow:ALIAS`, which has a hard budget and
//!   no key, so that no caller is of it;
//! - not their place in a line, nor a unit or a place that is worth something: it begins with what is free this very
//!   moment, or not at all.
//!
//! What cannot be sent is dropped. Nor is anything sent twice: only the process that wrote the end sends
//! it, after that, and its id is made of the first one's, so that the records would refuse a second. By
//! that id it is found when the first one is deleted, and goes with it.

use std::{collections::BTreeMap, sync::Arc};

use provider::{MicroUsd, Timestamp};
use records::{Budget, Change, Key, Period, Rules, Scope, Status, shadow_id};

use crate::{
    CacheUse, Caller, Code, Delivery, Engine, Keyring, Market, Refusal, Request, Result, Wishes,
    journey::Journey, market::number, opening::Opening, plan::busy, scarcity::Taking,
};

/// A model that is tried with a share of an alias' requests, behind the backs of those who ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// `provider/model`
    pub model: String,
    /// So many requests of a million are sent to it too.
    pub per_million: u32,
    /// The most that it may cost in a period.
    pub limit: MicroUsd,
    /// When that begins anew.
    pub period: Period,
}

/// The house's own teams, by the alias that they try a model for.
#[derive(Debug, Default)]
pub(crate) struct Houses(BTreeMap<String, String>);

impl Houses {
    /// Makes those that are not there yet, and gives all of them their budgets.
    pub(crate) async fn open(market: &Market, keys: &Keyring) -> records::Result<Self> {
        let mut teams = BTreeMap::new();
        for alias in market.aliases() {
            let Some(shadow) = &alias.rules.shadow else { continue };
            let budget = Budget {
                limit: Some(shadow.limit),
                outputs: None,
                period: shadow.period,
                hard: true,
                alert_at: Vec::new(),
            };
            let team = keys.house_team(&team_name(&alias.name), vec![budget]).await?;
            teams.insert(alias.name.clone(), team.id);
        }
        Ok(Self(teams))
    }

    /// Whether a team is one of them.
    pub(crate) fn has(&self, team: &str) -> bool {
        self.0.values().any(|house| house == team)
    }
}

/// The house's team for an alias.
fn team_name(alias: &str) -> String {
    format!("shadow:{alias}")
}

impl Journey {
    /// The generation is over and everybody was told: perhaps it has a shadow.
    pub(crate) fn cast_shadow(&self) {
        let Some(shadow) = &self.rules.shadow else { return };
        let state = self.flight.now();
        let is_drawn = number("shadow", &self.id) % 1_000_000 < u64::from(shadow.per_million);
        if !is_drawn || state.status != Status::Completed || !self.request.store {
            return;
        }
        let (engine, alias) = (self.engine.clone(), state.model.clone());
        let Some(house) = engine.houses().0.get(&alias).cloned() else { return };
        let of = Original { id: self.id.clone(), team: self.team.clone() };
        let request = once_more(&self.request, shadow, &of.id);
        self.engine.spawn(async move {
            let sent = engine.send_shadow(&house, &of, request).await;
            engine.observer().shadow(&alias, sent.is_ok());
            if let Err(refusal) = sent {
                let reason = refusal.message;
                tracing::debug!(generation = %of.id, %alias, %reason, "its shadow was dropped");
            }
        });
    }

    /// Whether it takes only what nobody else wants at this moment.
    pub(crate) fn is_shadow(&self) -> bool {
        self.engine.houses().has(&self.team)
    }

    /// The first attempt, if its account is free this very moment and neither a unit that it takes nor its
    /// place is worth anything to others.
    pub(crate) async fn open_spare(&self) -> Option<Opening> {
        let step = self.steps.first()?;
        let account = &step.account;
        let units = match account.limits.is_prepaid(self.kind) {
            true => self.slots.iter().copied().map(u32::from).sum(),
            false => 0,
        };
        let worth = self.engine.scarcity().worth(&Taking {
            account: &account.id,
            kind: self.kind,
            units,
            bought: false,
            money: MicroUsd::ZERO,
            free: MicroUsd::ZERO,
            busy: busy(step.usual, self.slots.len()),
            team: &self.team,
            now: self.engine.clock().now(),
        });
        if worth.is_zero() { self.try_open().await } else { None }
    }
}

/// Whose shadow it is.
struct Original {
    id: String,
    team: String,
}

/// The request for the model that is tried: what was asked for, and none of the wishes about the way there.
fn once_more(request: &Request, shadow: &Shadow, of: &str) -> Request {
    Request {
        model: Some(shadow.model.clone()),
        delivery: Delivery::Url,
        routing: Wishes::default(),
        cache: Some(CacheUse::Off),
        max_age: None,
        only_cached: false,
        metadata: BTreeMap::from([("shadow_of".to_owned(), of.to_owned())]),
        webhook: None,
        ..request.clone()
    }
}

impl Engine {
    async fn send_shadow(&self, house: &str, of: &Original, request: Request) -> Result<()> {
        if self.stopping().is_cancelled() {
            return Err(Refusal::new(Code::ProvidersUnavailable, "the engine is stopping"));
        }
        let team = self.records().team(house).await?.filter(|team| team.revoked_at.is_none());
        let team = team.ok_or_else(|| Refusal::not_found("team"))?;
        let key = Arc::new(no_key(house, self.clock().now()));
        let caller = Caller { team: Arc::new(team), key };
        let id = shadow_id(&of.id);
        self.start_as(id.clone(), &caller, request, None).await?;
        // Deleted meanwhile: whoever did so may have looked for a shadow before there was one.
        if self.records().generation(&of.team, &of.id).await?.is_none() {
            self.wipe_shadow(house, &id).await?;
        }
        Ok(())
    }

    /// Wipes the shadow of a generation that was asked for as `alias`, if it had one.
    pub(crate) async fn wipe_shadow_of(&self, generation: &str, alias: &str) -> Result<()> {
        // The alias may have no shadow any more.
        match self.keys().find_house_team(&team_name(alias)).await? {
            Some(house) => self.wipe_shadow(&house, &shadow_id(generation)).await,
            None => Ok(()),
        }
    }

    async fn wipe_shadow(&self, house: &str, id: &str) -> Result<()> {
        // None, or wiped already.
        let Some(shadow) = self.records().generation(house, id).await? else { return Ok(()) };
        match shadow.status.is_final() {
            true => self.wipe(&shadow).await,
            // What still comes of it is not kept.
            false => {
                let erase = Change::Erase { generation: id.to_owned() };
                self.records().apply(vec![erase]).await?;
                self.forget_later(id);
                Ok(())
            }
        }
    }
}

/// What stands where a caller's key does.
fn no_key(house: &str, now: Timestamp) -> Key {
    Key {
        id: "key_shadow".to_owned(),
        team: house.to_owned(),
        name: "shadow".to_owned(),
        prefix: String::new(),
        scopes: vec![Scope::Generate],
        models: Vec::new(),
        rules: Rules::default(),
        networks: Vec::new(),
        metadata: BTreeMap::new(),
        created_at: now,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}
