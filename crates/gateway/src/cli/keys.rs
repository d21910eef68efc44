//! `atelier keys`

use serde_json::{Map, Value, json};

use super::{
    Session,
    args::{KeyChange, KeyRights, KeysArgs, KeysVerb, NewKeyArgs},
    client::path_to,
    failure::Failure,
    output,
    show::{self, Column},
    target::Target,
    teams::{put, standing},
};

const KEYS: [&str; 3] = ["admin", "v1", "keys"];

pub(super) async fn run(session: &Session<'_>, args: KeysArgs) -> Result<(), Failure> {
    let client = Target::admin(session, args.remote)?;
    match args.verb {
        KeysVerb::List { team, prefix } => {
            let query = [("team", team), ("prefix", prefix)];
            let keys = client.list(&KEYS, &given(&query)).await?;
            show::rows(session, keys, &COLUMNS);
        }
        KeysVerb::Get { id } => {
            let key = client.get(&path_to(&KEYS, &id, &[]), &[]).await?;
            one(session, &key);
        }
        KeysVerb::Create(new) => {
            let key = client.post(&KEYS, &new_key(&new)?).await?;
            show::fields(session, &key, &["id", "key"]);
        }
        KeysVerb::Update(change) => {
            let key = client.patch(&path_to(&KEYS, &change.id, &[]), &changed(&change)?).await?;
            one(session, &key);
        }
        KeysVerb::Rotate { id, grace } => {
            let mut body = Map::new();
            put(&mut body, [("grace", grace.map(Value::String))]);
            let key = client.post(&path_to(&KEYS, &id, &["rotate"]), &Value::Object(body)).await?;
            show::fields(session, &key, &["id", "key"]);
        }
        KeysVerb::Revoke { id } => {
            let gone = client.delete(&path_to(&KEYS, &id, &[])).await?;
            show::done(session, &gone, &id, "revoked");
        }
    }
    Ok(())
}

/// The parts of a query that have a value.
pub(super) fn given<'a>(query: &'a [(&'a str, Option<String>)]) -> Vec<(&'a str, &'a str)> {
    query.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect()
}

const COLUMNS: [Column; 9] = [
    ("ID", |key| show::plain(&key["id"])),
    ("TEAM", |key| show::plain(&key["team_id"])),
    ("NAME", |key| show::plain(&key["name"])),
    ("PREFIX", |key| show::plain(&key["prefix"])),
    ("SCOPES", |key| show::plain(&key["scopes"])),
    ("BUDGET", |key| show::budgets(&key["budget"])),
    ("EXPIRES", |key| show::minute(&key["expires_at"])),
    ("LAST USED", |key| show::minute(&key["last_used_at"])),
    ("REVOKED", |key| show::minute(&key["revoked_at"])),
];

fn one(session: &Session<'_>, key: &Value) {
    let names = [
        "id",
        "team_id",
        "name",
        "prefix",
        "scopes",
        "models",
        "limits",
        "allowed_ips",
        "metadata",
        "created_at",
        "expires_at",
        "revoked_at",
        "last_used_at",
    ];
    show::fields(session, key, &names);
    if !session.json {
        output::line(format_args!("budget  {}", show::budgets(&key["budget"])));
        standing(&key["standing"]);
    }
}

/// The fields that flags name.
fn rights(rights: &KeyRights) -> Result<Map<String, Value>, Failure> {
    let list = |items: &[String]| (!items.is_empty()).then(|| json!(items));
    let metadata: Map<String, Value> =
        rights.metadata.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let mut body = Map::new();
    let fields = [
        ("scopes", list(&rights.scopes)),
        ("models", list(&rights.models)),
        ("expires_at", rights.expires_at.map(|at| json!(at))),
        ("allowed_ips", list(&rights.allowed_ips)),
        ("metadata", (!metadata.is_empty()).then_some(Value::Object(metadata))),
        ("budget", rights.budget.body()?),
        ("limits", rights.limits.body()),
    ];
    put(&mut body, fields);
    Ok(body)
}

fn new_key(new: &NewKeyArgs) -> Result<Value, Failure> {
    let mut body = rights(&new.rights)?;
    put(&mut body, [("team_id", Some(json!(new.team))), ("name", Some(json!(new.name)))]);
    Ok(Value::Object(body))
}

/// What a change says: `null` clears, what is left out stays.
fn changed(change: &KeyChange) -> Result<Value, Failure> {
    let mut body = rights(&change.rights)?;
    let cleared = |flag: bool| flag.then_some(Value::Null);
    let fields = [
        ("name", change.name.as_ref().map(|name| json!(name))),
        ("models", cleared(change.all_models)),
        ("expires_at", cleared(change.no_expiry)),
        ("allowed_ips", cleared(change.any_ip)),
        ("metadata", cleared(change.no_metadata)),
        ("budget", cleared(change.no_budget)),
        ("limits", cleared(change.no_limits)),
    ];
    put(&mut body, fields);
    if body.is_empty() {
        return Err(Failure::usage("nothing is to be changed: name something by a flag"));
    }
    Ok(Value::Object(body))
}
