//! `atelier teams`

use serde_json::{Map, Value, json};

use super::{
    Session,
    args::{NewTeamArgs, TeamChange, TeamsArgs, TeamsVerb},
    client::{Client, path_to},
    failure::Failure,
    show::{self, Column},
    target::Target,
};

const TEAMS: [&str; 3] = ["admin", "v1", "teams"];

pub(super) async fn run(session: &Session<'_>, args: TeamsArgs) -> Result<(), Failure> {
    let client = Target::admin(session, args.remote)?;
    match args.verb {
        TeamsVerb::List => list(session, &client).await?,
        TeamsVerb::Get { id } => {
            let team = client.get(&path_to(&TEAMS, &id, &[]), &[]).await?;
            one(session, &team);
        }
        TeamsVerb::Create(new) => {
            let team = client.post(&TEAMS, &new_team(&new)?).await?;
            show::fields(session, &team, &["id", "webhook_secret"]);
        }
        TeamsVerb::Update(change) => {
            let team = client.patch(&path_to(&TEAMS, &change.id, &[]), &changed(&change)?).await?;
            one(session, &team);
        }
        TeamsVerb::Revoke { id } => {
            let gone = client.delete(&path_to(&TEAMS, &id, &[])).await?;
            show::done(session, &gone, &id, "revoked");
        }
        TeamsVerb::Erase { id } => {
            let gone = client.act(&path_to(&TEAMS, &id, &["erase"]), &[]).await?;
            show::done(session, &gone, &id, "erased");
        }
        TeamsVerb::WebhookSecret { id } => {
            let secret = client.act(&path_to(&TEAMS, &id, &["webhook-secret"]), &[]).await?;
            show::fields(session, &secret, &["webhook_secret"]);
        }
    }
    Ok(())
}

const COLUMNS: [Column; 7] = [
    ("ID", |team| show::plain(&team["id"])),
    ("NAME", |team| show::plain(&team["name"])),
    ("MODELS", |team| show::plain(&team["models"])),
    ("BUDGET", |team| show::budgets(&team["budget"])),
    ("SPENT", |team| of_each_budget(team, "charged_usd", "outputs")),
    ("LEFT", |team| of_each_budget(team, "remaining_usd", "remaining_outputs")),
    ("REVOKED", |team| show::minute(&team["revoked_at"])),
];

/// A list of teams has no money in it: whoever lists them for people asks each one how it stands.
async fn list(session: &Session<'_>, client: &Client) -> Result<(), Failure> {
    let mut teams = client.list(&TEAMS, &[]).await?;
    if !session.json {
        for team in &mut teams {
            if team["budget"].is_null() || !team["revoked_at"].is_null() {
                continue;
            }
            if let Some(id) = team["id"].as_str() {
                *team = client.get(&path_to(&TEAMS, id, &[]), &[]).await?;
            }
        }
    }
    show::rows(session, teams, &COLUMNS);
    Ok(())
}

/// What is said of each of a team's budgets: money, or outputs where it counts those alone.
fn of_each_budget(team: &Value, money: &str, outputs: &str) -> String {
    let amount = |state: &Value| match &state["limit_usd"] {
        Value::Null => format!("{} outputs", show::plain(&state[outputs])),
        _ => show::dollars(&state[money]),
    };
    let all: Vec<String> = show::each(&team["standing"]).map(amount).collect();
    if all.is_empty() { show::NOTHING.to_owned() } else { all.join("; ") }
}

const STANDING: [Column; 8] = [
    ("BUDGET", show::budgets),
    ("OF", |state| show::plain(&state["owner"])),
    ("SPENT", |state| show::dollars(&state["charged_usd"])),
    ("HELD", |state| show::dollars(&state["held_usd"])),
    ("LEFT", |state| show::dollars(&state["remaining_usd"])),
    ("OUTPUTS", |state| show::plain(&state["outputs"])),
    ("LEFT", |state| show::plain(&state["remaining_outputs"])),
    ("BEGINS ANEW", |state| show::minute(&state["resets_at"])),
];

/// How budgets stand.
pub(super) fn standing(states: &Value) {
    let states: Vec<Value> = show::each(states).cloned().collect();
    if !states.is_empty() {
        show::table(&states, &STANDING);
    }
}

fn one(session: &Session<'_>, team: &Value) {
    let names = [
        "id",
        "name",
        "models",
        "limits",
        "weight",
        "routing",
        "time_zone",
        "created_at",
        "revoked_at",
    ];
    show::fields(session, team, &names);
    if !session.json {
        super::output::line(format_args!("budget  {}", show::budgets(&team["budget"])));
        standing(&team["standing"]);
    }
}

fn new_team(new: &NewTeamArgs) -> Result<Value, Failure> {
    let mut body = Map::new();
    body.insert("name".to_owned(), json!(new.name));
    body.insert("models".to_owned(), json!(new.models));
    let rest = [
        ("budget", new.budget.body()?),
        ("limits", new.limits.body()),
        ("weight", new.weight.map(|weight| json!(weight))),
        ("routing", new.policy.as_ref().map(|policy| json!({ "policy": policy }))),
        ("time_zone", new.time_zone.as_ref().map(|zone| json!(zone))),
    ];
    put(&mut body, rest);
    Ok(Value::Object(body))
}

/// What a change says: `null` clears, what is left out stays.
fn changed(change: &TeamChange) -> Result<Value, Failure> {
    let mut body = Map::new();
    let cleared = |flag: bool| flag.then_some(Value::Null);
    let models = (!change.models.is_empty()).then(|| json!(change.models));
    let policy = change.policy.as_ref().map(|policy| json!({ "policy": policy }));
    let fields = [
        ("name", change.name.as_ref().map(|name| json!(name))),
        ("models", models.or_else(|| cleared(change.all_models))),
        ("budget", change.budget.body()?.or_else(|| cleared(change.no_budget))),
        ("limits", change.limits.body().or_else(|| cleared(change.no_limits))),
        ("weight", change.weight.map(|weight| json!(weight))),
        ("routing", policy.or_else(|| cleared(change.no_policy))),
        ("time_zone", change.time_zone.as_ref().map(|zone| json!(zone))),
    ];
    put(&mut body, fields);
    if body.is_empty() {
        return Err(Failure::usage("nothing is to be changed: name something by a flag"));
    }
    Ok(Value::Object(body))
}

/// Adds the fields that have a value.
pub(super) fn put<const N: usize>(
    body: &mut Map<String, Value>,
    fields: [(&str, Option<Value>); N],
) {
    let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    body.extend(given);
}
