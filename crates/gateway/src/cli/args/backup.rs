//! `atelier backup` and `atelier restore`: their flags.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct BackupArgs {
    /// A new folder for it
    pub(in crate::cli) folder: PathBuf,
    /// Put the encryption key into it: whoever has the backup then has every secret in it
    #[arg(long)]
    pub(in crate::cli) with_key: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RestoreArgs {
    /// A folder that `atelier backup` made
    pub(in crate::cli) folder: PathBuf,
    /// Put it in the place of what is there; the database that was there is kept beside it
    #[arg(long)]
    pub(in crate::cli) force: bool,
}
