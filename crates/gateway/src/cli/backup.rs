//! `atelier backup` and `atelier restore`: the embedded storage, from the configuration.

use provider::{Clock as _, SystemClock};
use serde_json::json;

use super::{
    Session,
    args::{BackupArgs, RestoreArgs},
    failure::Failure,
    output,
};
use crate::{
    backup::{self, BackupError},
    server::folder,
};

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Start(error) => error.into(),
            BackupError::NoDatabase(_)
            | BackupError::Taken(_)
            | BackupError::NoKey
            | BackupError::NoBackup(..)
            | BackupError::Exists(_) => Self::usage(error.to_string()),
            BackupError::Io(..) | BackupError::Store(_) | BackupError::Records(_) => {
                Self::failed(error.to_string())
            }
        }
    }
}

pub(super) async fn backup(session: &Session<'_>, args: BackupArgs) -> Result<(), Failure> {
    let storage = session.load()?.storage;
    let key = match args.with_key {
        true => Some(folder::found_key(&storage)?.ok_or(BackupError::NoKey)?),
        false => None,
    };
    let bar = output::progress("copying");
    let tell = |files| bar.set_message(format!("copying, {files} assets"));
    let made = backup::save(&storage, key.as_ref(), &args.folder, SystemClock.now(), tell).await;
    bar.finish_and_clear();
    let made = made?;
    if session.json {
        let mut told = json!(made);
        told["folder"] = json!(args.folder.display().to_string());
        output::json(&told);
    } else {
        output::line(format_args!(
            "{} holds {} teams, {} generations, {} ledger entries and {} assets ({} bytes)",
            args.folder.display(),
            made.database.teams,
            made.database.generations,
            made.database.ledger_entries,
            made.assets.files,
            made.assets.bytes.saturating_add(made.database.bytes),
        ));
    }
    if made.assets.missing > 0 {
        output::note(format_args!("{} assets were not there any more", made.assets.missing));
    }
    if made.assets.damaged > 0 {
        let count = made.assets.damaged;
        output::note(format_args!("{count} assets are damaged and were left out"));
    }
    if !made.encryption_key {
        output::note(
            "the encryption key is not in it, and without that key nobody opens the secrets in it: keep \
             the key elsewhere, or make the backup with --with-key",
        );
    }
    Ok(())
}

pub(super) async fn restore(session: &Session<'_>, args: RestoreArgs) -> Result<(), Failure> {
    let storage = session.load()?.storage;
    let bar = output::progress("restoring");
    let tell = |files| bar.set_message(format!("restoring, {files} assets"));
    let restored = backup::restore(&storage, &args.folder, args.force, tell).await;
    bar.finish_and_clear();
    let restored = restored?;
    let kept = restored.kept.as_ref().map(|path| path.display().to_string());
    if session.json {
        output::json(&json!({
            "database": storage.database.display().to_string(),
            "assets": storage.assets.display().to_string(),
            "manifest": restored.manifest,
            "former_database": kept,
            "warnings": restored.warnings,
        }));
    } else {
        output::line(format_args!(
            "{} is as it was at {}",
            storage.database.display(),
            restored.manifest.made_at
        ));
        if let Some(kept) = kept {
            output::line(format_args!("the former database is {kept}"));
        }
    }
    for warning in &restored.warnings {
        output::note(warning);
    }
    Ok(())
}
