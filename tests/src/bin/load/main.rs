//! What a request through the gateway costs, beside an nginx proxy in front of the same upstream.
//!
//! The upstream is the simulated vendor in a process of its own; every answer is another picture, every
//! prompt another text, and the gateway stores and books each of them, so that no hash, id or cache
//! saves work that a user would pay. Both proxies run with their own defaults, access logs included.
//! They are asked in turns within one run, so that whatever else the machine does hits both.
//!
//! What counts is CPU time per request as the kernel accounts it to the processes: the proxies share the
//! machine with the upstream and with this program, so a rate of requests would say little.
//!
//! `load ATELIER NGINX OUT [quick]` writes `OUT/proxy.md` and `OUT/proxy.json`.

mod callers;
mod footprint;
mod nginx;
mod process;
mod proxy;
mod report;
mod upstream;

use std::{
    env,
    error::Error,
    io::Write as _,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

/// Whatever went wrong ends the run.
type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// Where the programs are and where the results go.
#[derive(Debug)]
struct Setup {
    atelier: PathBuf,
    nginx: PathBuf,
    out: PathBuf,
    /// A tenth of the work: to see that it runs, not for figures.
    quick: bool,
}

fn main() -> ExitCode {
    let done = setup().and_then(|setup| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(run(&setup))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("the run failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn setup() -> Result<Setup> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let mut next = || arguments.next().ok_or("usage: load ATELIER NGINX OUT [quick]");
    let (atelier, nginx, out) = (next()?, next()?, next()?);
    let quick = arguments.next().is_some_and(|word| word.as_os_str() == "quick");
    Ok(Setup { atelier: atelier.canonicalize()?, nginx, out, quick })
}

/// So long ext4 looks back for deleted files wherever it makes a new one, which costs a gateway that
/// stores small answers more than all the rest: what an earlier run deleted shall be forgotten.
const FORGOTTEN: Duration = Duration::from_secs(40);

async fn run(setup: &Setup) -> Result<()> {
    let begun = Instant::now();
    let mut folders = Vec::new();
    let footprint = footprint::measure(setup, &mut folders).await?;
    if !setup.quick {
        tokio::time::sleep(FORGOTTEN.saturating_sub(begun.elapsed())).await;
    }
    let mut cells = Vec::new();
    for durability in ["process", "full"] {
        cells.extend(proxy::measure(setup, durability, &mut folders).await?);
    }
    report::write(setup, &footprint, &cells)
}

/// Progress, for who watches.
fn say(line: &str) {
    let mut error = std::io::stderr().lock();
    // Nobody listening is no reason to stop.
    let _ = writeln!(error, "{line}");
}
