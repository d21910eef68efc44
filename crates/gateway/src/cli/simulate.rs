//! `atelier simulate`: the router on a virtual clock, against a judge or over requests of the past.

mod report;

use std::{
    io::{stdin, stdout},
    path::Path,
    sync::Arc,
};

use engine::Market;
use provider::SystemClock;

use self::report::Report;
use super::{
    Session,
    args::{ReplayArgs, SimulateArgs},
    failure::Failure,
    output,
};
use crate::{
    config::Config,
    registry::{self, Simulated},
    replay::{self, Choice, ReplayError, Row, Setting, Terms, Trace, chart},
    simulate,
};

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Records(..) => Self::failed(error.to_string()),
            _ => Self::usage(error.to_string()),
        }
    }
}

/// Talks the routing protocol on standard input and output until it is told to end, or plays a trace.
pub(super) fn run(session: &Session<'_>, args: SimulateArgs) -> Result<(), Failure> {
    match args.trace {
        Some(trace) => play(session, &trace, &args.replay),
        None => simulate::play(stdin().lock(), stdout().lock())
            .map_err(|error| Failure::failed(error.to_string())),
    }
}

fn play(session: &Session<'_>, source: &Path, args: &ReplayArgs) -> Result<(), Failure> {
    let config = session.load()?;
    let market = market(&config)?;
    let bar = output::progress("playing requests of the past");
    let trace = if source == Path::new("ledger") {
        replay::recall(&config.storage.database, args.from, args.to)?
    } else {
        replay::read(source, &market, args.from, args.to)?
    };
    let settings = settings(&trace, &market, args)?;
    let rows = rows(&trace, &settings)?;
    bar.finish_and_clear();
    if let Some(file) = &args.chart {
        std::fs::write(file, chart::draw(&rows))
            .map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
    }
    let report = Report { source, trace: &trace, rows: &rows, changes: changes(args) };
    if session.json {
        output::json(&report.json());
    } else {
        report.print();
    }
    Ok(())
}

/// Models, prices and plans of the configuration. Nothing is started and nobody is asked.
fn market(config: &Config) -> Result<Market, Failure> {
    let client =
        provider_http::Client::new(provider_http::Settings::default(), Arc::new(SystemClock));
    let client = client.map_err(|error| Failure::failed(error.to_string()))?;
    registry::market(config, &Simulated::new(), &Arc::new(client)).map_err(Failure::configuration)
}

/// What is played: as it was, each policy under the terms as they are, and again under changed ones.
fn settings(trace: &Trace, market: &Market, args: &ReplayArgs) -> Result<Vec<Setting>, Failure> {
    let terms = trace.terms.clone().unwrap_or_else(|| Terms::of(market));
    let known = trace.providers(&terms);
    if let Some(name) = args.without.iter().find(|name| !known.contains(*name)) {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        return Err(Failure::usage(format!("no provider {name:?} is in it; {}", known.join(", "))));
    }
    let mut changed = terms.clone();
    args.allowance.iter().try_for_each(|change| changed.allow(change))?;
    args.monthly_fee.iter().try_for_each(|change| changed.charge(change))?;
    args.overage.iter().try_for_each(|change| changed.sell(change))?;
    changed.without(&args.without);
    let mut choices = args.policies.clone();
    if choices.is_empty() {
        choices = Choice::usual();
    }
    choices.dedup();
    let setting = |choice: &Choice| Setting {
        label: choice.as_str().to_owned(),
        choice: *choice,
        terms: terms.clone(),
        without: Vec::new(),
    };
    let was = trace.is_past.then_some(Choice::Was);
    let mut settings: Vec<Setting> = was.iter().chain(&choices).map(setting).collect();
    if changes(args).is_some() {
        settings.extend(choices.iter().map(|choice| Setting {
            label: format!("{}, changed", choice.as_str()),
            terms: changed.clone(),
            without: args.without.clone(),
            ..setting(choice)
        }));
    }
    Ok(settings)
}

/// What is changed, in words.
fn changes(args: &ReplayArgs) -> Option<String> {
    let without = args.without.iter().map(|name| format!("without {name}"));
    let assigned = args.allowance.iter().chain(&args.monthly_fee).chain(&args.overage);
    let all: Vec<String> = assigned.map(ToString::to_string).chain(without).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// Plays every setting, each on a thread of its own.
fn rows(trace: &Trace, settings: &[Setting]) -> Result<Vec<Row>, Failure> {
    std::thread::scope(|scope| {
        let played = |setting| scope.spawn(move || replay::play(trace, setting));
        let threads: Vec<_> = settings.iter().map(played).collect();
        let rows = threads.into_iter().map(|thread| thread.join());
        rows.map(|row| row.map_err(|_| Failure::failed("playing ended abruptly"))).collect()
    })
}
