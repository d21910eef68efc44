//! `atelier accounts`

use std::io::Read as _;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use super::{
    Session,
    args::{AccountVerb, AccountsArgs, AccountsVerb, CredentialArgs, NewAccountArgs},
    client::{Client, path_to},
    failure::Failure,
    reseal,
    show::{self, Column},
    target::Target,
    teams::put,
};

const ACCOUNTS: [&str; 3] = ["admin", "v1", "accounts"];
/// Where the vendor's key stands when no flag names it.
const KEY_VARIABLE: &str = "ATELIER_ACCOUNT_KEY";
/// No vendor's key is longer.
const KEY_MAX: u64 = 16 * 1024;

const COLUMNS: [Column; 8] = [
    ("ID", |account| show::plain(&account["id"])),
    ("ACCOUNT", name),
    ("STATE", state),
    ("BALANCE", |account| show::dollars(&account["balance_usd"])),
    ("ALLOWANCE LEFT", allowances),
    ("IN FLIGHT", |account| show::plain(&account["in_flight"])),
    ("WAITING", |account| show::plain(&account["waiting"])),
    ("WARNINGS", |account| show::plain(&account["warnings"])),
];

fn name(account: &Value) -> String {
    format!("{}/{}", show::plain(&account["provider"]), show::plain(&account["name"]))
}

fn state(account: &Value) -> String {
    let hold = &account["hold"];
    match (hold["reason"].as_str(), hold["until"].as_str()) {
        (None, _) => "ready".to_owned(),
        (Some(reason), None) => format!("held: {reason}"),
        (Some(reason), Some(_)) => {
            format!("held: {reason} until {}", show::minute(&hold["until"]))
        }
    }
}

fn allowances(account: &Value) -> String {
    let words = |lot: &Value| {
        let text = |field: &str| show::plain(&lot[field]);
        format!("{} {}/{} {}", text("kind"), text("remaining"), text("limit"), text("window"))
    };
    let all: Vec<String> = show::each(&account["allowances"]).map(words).collect();
    if all.is_empty() { show::NOTHING.to_owned() } else { all.join("; ") }
}

pub(super) async fn run(session: &Session<'_>, args: AccountsArgs) -> Result<(), Failure> {
    let verb = match args.verb {
        AccountsVerb::Reseal { old_key_file } => {
            return reseal::run(session, old_key_file.as_deref()).await;
        }
        AccountsVerb::Running(verb) => verb,
    };
    let client = Target::admin(session, args.remote)?;
    match verb {
        AccountVerb::List => {
            let accounts = client.list(&ACCOUNTS, &[]).await?;
            show::rows(session, accounts, &COLUMNS);
        }
        AccountVerb::Get { account } => {
            let id = id(&client, account).await?;
            let account = client.get(&path_to(&ACCOUNTS, &id, &[]), &[]).await?;
            one(session, account);
        }
        AccountVerb::Add(new) => {
            let body = new_account(session, new)?;
            one(session, client.post(&ACCOUNTS, &body).await?);
        }
        AccountVerb::Rotate { account, credential } => {
            let key = key(session, credential)?;
            let id = id(&client, account).await?;
            let path = path_to(&ACCOUNTS, &id, &["rotate"]);
            let account = match key {
                Some(key) => client.post(&path, &json!({ "key": key.expose_secret() })).await?,
                None => client.act(&path, &[]).await?,
            };
            one(session, account);
        }
        AccountVerb::Hold { account } => hold(session, &client, account, true).await?,
        AccountVerb::Release { account } => hold(session, &client, account, false).await?,
        AccountVerb::Remove { account } => {
            let id = id(&client, account).await?;
            let gone = client.delete(&path_to(&ACCOUNTS, &id, &[])).await?;
            show::done(session, &gone, &id, "removed");
        }
    }
    Ok(())
}

async fn hold(
    session: &Session<'_>,
    client: &Client,
    account: String,
    held: bool,
) -> Result<(), Failure> {
    let id = id(client, account).await?;
    let path = path_to(&ACCOUNTS, &id, &[]);
    one(session, client.patch(&path, &json!({ "hold": held })).await?);
    Ok(())
}

fn one(session: &Session<'_>, account: Value) {
    if session.json {
        return super::output::json(&account);
    }
    show::table(&[account], &COLUMNS);
}

/// An account's id; of one that is named `provider/name`, it is looked for.
async fn id(client: &Client, account: String) -> Result<String, Failure> {
    if !account.contains('/') {
        return Ok(account);
    }
    let all = client.list(&ACCOUNTS, &[]).await?;
    let found = all.iter().find(|row| name(row) == account);
    let id = found.and_then(|row| row["id"].as_str()).map(str::to_owned);
    id.ok_or_else(|| Failure::failed(format!("there is no account {account}")))
}

fn new_account(session: &Session<'_>, new: NewAccountArgs) -> Result<Value, Failure> {
    let key = key(session, new.credential)?.ok_or_else(|| {
        Failure::usage(format!(
            "this takes the vendor's key: give --key-file, or set {KEY_VARIABLE}"
        ))
    })?;
    let mut body = Map::new();
    let fields = [
        ("provider", Some(json!(new.provider))),
        ("name", Some(json!(new.name))),
        ("key", Some(json!(key.expose_secret()))),
        ("plan", new.plan),
        ("tier", new.tier.map(Value::String)),
        ("limits", new.limits),
        ("prices", new.prices),
    ];
    put(&mut body, fields);
    Ok(Value::Object(body))
}

/// The vendor's key, from where the command line says or the environment has it.
fn key(session: &Session<'_>, given: CredentialArgs) -> Result<Option<SecretString>, Failure> {
    let variable = || session.environment.filled(KEY_VARIABLE).map(SecretString::from);
    let Some(file) = given.key_file else { return Ok(given.vendor_key.or_else(variable)) };
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("{} cannot be read: {error}", file.display()))
    };
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin().take(KEY_MAX).read_to_string(&mut text).map_err(unreadable)?;
    } else {
        let opened = std::fs::File::open(&file).map_err(unreadable)?;
        opened.take(KEY_MAX).read_to_string(&mut text).map_err(unreadable)?;
    }
    match text.trim() {
        "" => Err(Failure::usage(format!("there is no key in {}", file.display()))),
        key => Ok(Some(SecretString::from(key))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_one_line() {
        let account = json!({
            "provider": "zsky", "name": "main", "hold": { "reason": "allowance",
            "until": "2026-12-01T00:00:00.000Z" },
            "allowances": [{ "kind": "video", "remaining": 0, "limit": 300, "window": "month" },
                           { "kind": "image", "remaining": 7, "limit": 200, "window": "day" }],
        });
        assert_eq!(name(&account), "zsky/main");
        assert_eq!(state(&account), "held: allowance until 2026-12-01 00:00");
        assert_eq!(allowances(&account), "video 0/300 month; image 7/200 day");
        assert_eq!(state(&json!({ "hold": null })), "ready");
    }
}
