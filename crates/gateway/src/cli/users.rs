//! `atelier users`

use serde_json::{Map, Value, json};

use super::{
    Session,
    args::{UsersArgs, UsersVerb},
    client::path_to,
    failure::Failure,
    show::{self, Column},
    target::Target,
    teams::put,
};

const USERS: [&str; 3] = ["admin", "v1", "users"];

const COLUMNS: [Column; 8] = [
    ("ID", |user| show::plain(&user["id"])),
    ("NAME", |user| show::plain(&user["name"])),
    ("ROLE", |user| show::plain(&user["role"])),
    ("TEAM", |user| show::plain(&user["team_id"])),
    ("PREFIX", |user| show::plain(&user["prefix"])),
    ("EXPIRES", |user| show::minute(&user["expires_at"])),
    ("LAST USED", |user| show::minute(&user["last_used_at"])),
    ("REVOKED", |user| show::minute(&user["revoked_at"])),
];

pub(super) async fn run(session: &Session<'_>, args: UsersArgs) -> Result<(), Failure> {
    let client = Target::admin(session, args.remote)?;
    match args.verb {
        UsersVerb::List => {
            let users = client.list(&USERS, &[]).await?;
            show::rows(session, users, &COLUMNS);
        }
        UsersVerb::Create { name, role, team, expires_at } => {
            let mut body = Map::new();
            let fields = [
                ("name", Some(json!(name))),
                ("role", Some(json!(role))),
                ("team_id", team.map(Value::String)),
                ("expires_at", expires_at.map(|at| json!(at))),
            ];
            put(&mut body, fields);
            let user = client.post(&USERS, &Value::Object(body)).await?;
            show::fields(session, &user, &["id", "key"]);
        }
        UsersVerb::Rotate { id } => {
            let user = client.act(&path_to(&USERS, &id, &["rotate"]), &[]).await?;
            show::fields(session, &user, &["id", "key"]);
        }
        UsersVerb::Revoke { id } => {
            let gone = client.delete(&path_to(&USERS, &id, &[])).await?;
            show::done(session, &gone, &id, "revoked");
        }
    }
    Ok(())
}
