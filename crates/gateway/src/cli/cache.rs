//! `atelier cache`

use serde_json::Value;

use super::{
    Session,
    args::{CacheArgs, CacheVerb},
    failure::Failure,
    output,
    target::Target,
};

pub(super) async fn run(session: &Session<'_>, args: CacheArgs) -> Result<(), Failure> {
    let client = Target::admin(session, args.remote)?;
    let CacheVerb::Purge { team, model, key_prefix, all: _ } = args.verb;
    let words = [("team", team), ("model", model), ("key_prefix", key_prefix)];
    let query: Vec<(&str, &str)> =
        words.iter().filter_map(|(name, word)| Some((*name, word.as_deref()?))).collect();
    let told = client.delete_where(&["admin", "v1", "cache"], &query).await?;
    if session.json {
        output::json(&told);
    } else {
        let forgotten = told.get("forgotten").and_then(Value::as_u64).unwrap_or_default();
        output::line(format_args!("{forgotten} answers are forgotten"));
    }
    Ok(())
}
