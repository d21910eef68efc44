//! `atelier teams` and `atelier keys`: the administration's routes.

use serde_json::{Value, json};

use super::{
    Session,
    args::{KeysArgs, KeysVerb, TeamsArgs, TeamsVerb},
    failure::Failure,
    output,
    target::Target,
};

const TEAMS: [&str; 3] = ["admin", "v1", "teams"];
const KEYS: [&str; 3] = ["admin", "v1", "keys"];

pub(super) async fn teams(session: &Session<'_>, args: TeamsArgs) -> Result<(), Failure> {
    let client = Target::admin(session, args.remote)?;
    match args.verb {
        TeamsVerb::List => {
            let teams = client.list(&TEAMS, &[]).await?;
            show_list(session, teams, &["id", "name", "models", "created_at", "revoked_at"]);
        }
        TeamsVerb::Create { name, models } => {
            let team = client.post(&TEAMS, &json!({ "name": name, "models": models })).await?;
            show(session, &team, &["id", "webhook_secret"]);
        }
        TeamsVerb::Revoke { id } => {
            let gone = client.delete(&[&TEAMS[..], &[&*id]].concat()).await?;
            revoked(session, &gone, &id);
        }
    }
    Ok(())
}

pub(super) async fn keys(session: &Session<'_>, args: KeysArgs) -> Result<(), Failure> {
    let client = Target::admin(session, args.remote)?;
    match args.verb {
        KeysVerb::List { team } => {
            let query: Vec<(&str, &str)> = team.iter().map(|team| ("team", &**team)).collect();
            let keys = client.list(&KEYS, &query).await?;
            let columns = ["id", "team_id", "name", "prefix", "scopes", "expires_at", "revoked_at"];
            show_list(session, keys, &columns);
        }
        KeysVerb::Create { team, name, scopes, models, expires_at } => {
            let scopes = if scopes.is_empty() {
                vec!["generate".to_owned(), "read".to_owned()]
            } else {
                scopes
            };
            let mut body = json!({
                "team_id": team, "name": name, "scopes": scopes, "models": models,
            });
            if let Some(at) = expires_at {
                body["expires_at"] = json!(at);
            }
            let key = client.post(&KEYS, &body).await?;
            show(session, &key, &["id", "key"]);
        }
        KeysVerb::Revoke { id } => {
            let gone = client.delete(&[&KEYS[..], &[&*id]].concat()).await?;
            revoked(session, &gone, &id);
        }
    }
    Ok(())
}

fn revoked(session: &Session<'_>, answer: &Value, id: &str) {
    match answer {
        Value::Null if session.json => output::json(&json!({ "id": id, "revoked": true })),
        answer if session.json => output::json(answer),
        _ => output::line(format_args!("{id} is revoked")),
    }
}

fn show(session: &Session<'_>, value: &Value, fields: &[&str]) {
    if session.json {
        return output::json(value);
    }
    for field in fields {
        output::line(format_args!("{field}  {}", plain(&value[*field])));
    }
}

fn show_list(session: &Session<'_>, rows: Vec<Value>, columns: &[&str]) {
    if session.json {
        return output::json(&Value::Array(rows));
    }
    let row = |row: &Value| columns.iter().map(|column| plain(&row[*column])).collect();
    output::table(columns, rows.iter().map(row).collect());
}

/// A value as people write it.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}
