//! `atelier audit`

use serde_json::Value;

use super::{
    Session,
    args::AuditArgs,
    failure::Failure,
    keys::given,
    show::{self, Column},
    target::Target,
};

const COLUMNS: [Column; 6] = [
    ("AT", |entry| show::plain(&entry["at"])),
    ("ACTOR", |entry| show::plain(&entry["actor"])),
    ("ROLE", |entry| show::plain(&entry["role"])),
    ("ACTION", |entry| show::plain(&entry["action"])),
    ("TARGET", |entry| show::plain(&entry["target"])),
    ("CHANGED", changes),
];

/// The fields that are others than before, as they are now.
fn changes(entry: &Value) -> String {
    let (before, Some(after)) = (&entry["before"], entry["after"].as_object()) else {
        return show::NOTHING.to_owned();
    };
    let other = |(name, value): (&String, &Value)| {
        let same = before.get(name).unwrap_or(&Value::Null) == value;
        (!same).then(|| format!("{name}={}", show::plain(value)))
    };
    let all: Vec<String> = after.iter().filter_map(other).collect();
    if all.is_empty() { show::NOTHING.to_owned() } else { all.join(" ") }
}

pub(super) async fn run(session: &Session<'_>, args: AuditArgs) -> Result<(), Failure> {
    let client = Target::admin(session, args.remote)?;
    let query = [
        ("actor", args.actor),
        ("action", args.action),
        ("target", args.target),
        ("from", args.from.map(|at| at.to_string())),
        ("to", args.to.map(|at| at.to_string())),
    ];
    let most = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let mut entries = Vec::new();
    let path = ["admin", "v1", "audit"];
    client.pages(&path, &given(&query), most, |rows| entries.extend(rows)).await?;
    show::rows(session, entries, &COLUMNS);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_other_than_before_is_shown() {
        let entry = json!({ "before": { "name": "a", "weight": null },
                            "after": { "name": "b", "weight": null, "models": ["photo"] } });
        assert_eq!(changes(&entry), "models=photo name=b");
        assert_eq!(changes(&json!({ "before": null, "after": { "name": "a" } })), "name=a");
        assert_eq!(changes(&json!({ "before": { "name": "a" }, "after": null })), "-");
    }
}
