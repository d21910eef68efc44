//! The first keys: made at the first start, told once, kept as hashes.

use std::{collections::BTreeMap, time::Duration};

use engine::{
    Engine, Refusal, Scope,
    keys::{Actor, AdminKey, NewKey, NewTeam},
};
use provider::Timestamp;
use records::{Change, Rules};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Purpose, StartError};

/// Keys that were made just now and are told only now.
#[derive(Debug)]
pub struct FirstStart {
    /// The operator's, where the configuration has none.
    pub admin_key: Option<SecretString>,
    /// The demo team's.
    pub team_key: SecretString,
}

/// The operator's key.
pub(super) struct Admin {
    pub(super) hash: AdminKey,
    /// The key itself, where it was made just now.
    pub(super) made: Option<SecretString>,
}

/// Who the audit says it was.
pub(super) const ACTOR: &str = "cli";
const ADMIN_KEY: &str = "admin_key";
const DEMO_TEAM: &str = "demo_team";
const COMMAND_TEAM: &str = "command_team";
/// Longer than any command runs; a key that a killed command left behind ends then.
const COMMAND_KEY_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// The configured key, the one that was made before, or a new one.
pub(super) async fn admin_key(
    engine: &Engine,
    configured: Option<&SecretString>,
    purpose: Purpose,
) -> Result<Admin, StartError> {
    let keys = engine.keys();
    if let Some(key) = configured {
        return Ok(Admin { hash: keys.admin_key(key.expose_secret()), made: None });
    }
    let kept = engine.records().find_setting(ADMIN_KEY).await?;
    if let Some(hash) = kept.as_deref().and_then(AdminKey::parse) {
        return Ok(Admin { hash, made: None });
    }
    let key = keys.new_admin_key();
    let hash = keys.admin_key(key.expose_secret());
    // A command tells no keys, so it keeps none: the first real start makes the one that counts.
    if purpose == Purpose::Serve {
        let value = hash.to_string();
        let setting = Change::Setting { name: ADMIN_KEY.to_owned(), value };
        engine.records().apply(vec![setting]).await?;
    }
    Ok(Admin { hash, made: Some(key) })
}

/// Makes the demo team with its key, unless that was done before.
pub(super) async fn first_start(
    engine: &Engine,
    admin_key: Option<SecretString>,
) -> Result<Option<FirstStart>, StartError> {
    if engine.records().find_setting(DEMO_TEAM).await?.is_some() {
        return Ok(None);
    }
    let by = Actor::system(ACTOR);
    let new = NewTeam { name: "demo".to_owned(), ..NewTeam::default() };
    let team = engine.keys().create_team(&by, new).await.map_err(refused)?;
    let asked = new_key(team.id.clone(), "first start", None);
    let (_, team_key) = engine.keys().create_key(&by, asked).await.map_err(refused)?;
    // Last: a process that dies before this line has told no key, and makes another the next time.
    engine.records().setting(DEMO_TEAM, team.id).await?;
    Ok(Some(FirstStart { admin_key, team_key }))
}

/// A key for a command of this process, and its id.
pub(super) async fn command_key(engine: &Engine) -> Result<(String, SecretString), StartError> {
    let (keys, by) = (engine.keys(), Actor::system(ACTOR));
    let team = match engine.records().find_setting(COMMAND_TEAM).await? {
        Some(team) => team,
        None => {
            let new = NewTeam { name: "command line".to_owned(), ..NewTeam::default() };
            let team = keys.create_team(&by, new).await.map_err(refused)?;
            engine.records().setting(COMMAND_TEAM, team.id).await?
        }
    };
    let ends = engine.clock().now().plus(COMMAND_KEY_LIFE);
    let (key, text) =
        keys.create_key(&by, new_key(team, "command", Some(ends))).await.map_err(refused)?;
    Ok((key.id, text))
}

fn new_key(team: String, name: &str, expires_at: Option<Timestamp>) -> NewKey {
    NewKey {
        team,
        name: name.to_owned(),
        scopes: vec![Scope::Generate, Scope::Read],
        models: Vec::new(),
        rules: Rules::default(),
        networks: Vec::new(),
        metadata: BTreeMap::new(),
        expires_at,
    }
}

fn refused(refusal: Refusal) -> StartError {
    StartError::other("the first keys cannot be made", &refusal)
}
