//! The command line.
//!
//! Every verb returns what it has to say or a `Failure` with one of the contract's exit codes; only
//! `output` prints, so that standard output carries results and nothing else.

mod accounts;
mod args;
mod audit;
mod backup;
mod cache;
mod client;
mod failure;
mod generate;
mod keys;
mod output;
mod place;
mod reseal;
mod serve;
mod show;
mod simulate;
mod target;
mod teams;
mod usage;
mod users;
mod vendors;

use std::{path::Path, process::ExitCode};

use clap::Parser as _;
use tracing_subscriber::filter::LevelFilter;

use self::{
    args::{Cli, Command},
    failure::{Exit, Failure},
};
use crate::{
    config::{Config, Environment, Summary},
    registry, server, telemetry,
};

/// Reads the command line, does what it says, and tells how it ended.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => {
            output::usage(&told);
            // Asking for help is no mistake.
            return if told.use_stderr() { Exit::Usage.into() } else { ExitCode::SUCCESS };
        }
    };
    let environment = Environment::read();
    match run(cli, &environment) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failure(&failure);
            failure.exit.into()
        }
    }
}

fn run(cli: Cli, environment: &Environment) -> Result<(), Failure> {
    let command = cli.command.unwrap_or(Command::Serve);
    // A command's own gateway is quiet: its result is what was asked for.
    let level = match command {
        Command::Serve => LevelFilter::INFO,
        Command::Vendors(_) => LevelFilter::WARN,
        _ => LevelFilter::ERROR,
    };
    telemetry::start(environment, level);
    let session = Session { environment, config: cli.config.as_deref(), json: cli.json };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(server::threads())
        // Files of assets are written here; SQLite has threads of its own.
        .max_blocking_threads(32)
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("the runtime cannot be started: {error}")))?;
    runtime.block_on(async {
        match command {
            Command::Serve => serve::serve(&session).await,
            Command::Check => check(&session),
            Command::Generate(work) => Box::pin(generate::generate(&session, work)).await,
            Command::Estimate(work) => Box::pin(generate::estimate(&session, work)).await,
            Command::Vendors(args) => vendors::run(&session, args).await,
            Command::Simulate(args) => simulate::run(&session, *args),
            Command::Teams(args) => teams::run(&session, *args).await,
            Command::Keys(args) => keys::run(&session, *args).await,
            Command::Users(args) => users::run(&session, args).await,
            Command::Audit(args) => audit::run(&session, args).await,
            Command::Accounts(args) => accounts::run(&session, args).await,
            Command::Cache(args) => cache::run(&session, args).await,
            Command::Usage(args) => usage::run(&session, args).await,
            Command::Backup(args) => Box::pin(backup::backup(&session, args)).await,
            Command::Restore(args) => Box::pin(backup::restore(&session, args)).await,
        }
    })
}

/// What every verb knows.
struct Session<'a> {
    environment: &'a Environment,
    config: Option<&'a Path>,
    json: bool,
}

impl Session<'_> {
    fn load(&self) -> Result<Config, Failure> {
        Config::load(self.config, self.environment).map_err(Failure::configuration)
    }
}

/// `atelier check`
fn check(session: &Session<'_>) -> Result<(), Failure> {
    let config = session.load()?;
    registry::check(&config).map_err(Failure::configuration)?;
    if session.json {
        let file = config.file.as_ref().map(|file| file.display().to_string());
        output::json(&serde_json::json!({
            "ok": true,
            "file": file,
            "warnings": config.warnings,
        }));
        return Ok(());
    }
    output::line(Summary(&config));
    for warning in &config.warnings {
        output::line(format_args!("warning: {warning}"));
    }
    match &config.file {
        Some(file) => output::line(format_args!("{} is good", file.display())),
        None => output::line("there is no gateway.yaml; the defaults are good"),
    }
    Ok(())
}
