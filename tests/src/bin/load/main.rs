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
//! And what it costs to keep thousands of generations open whose clips a vendor takes minutes to make:
//! see [`queue`].
//!
//! And what an answer from the cache costs: see [`hits`].
//!
//! `load ATELIER NGINX OUT [quick] [proxy | hits | queue] [only=SIZE]` writes `proxy.md`, `hits.md` and `queue.md`
//! into `OUT`, each with a `.json` beside it; only one of them where it is named. `only=process 2 kB` leaves the
//! other sizes of answers out.

mod callers;
mod footprint;
mod hits;
mod machine;
mod nginx;
mod process;
mod proxy;
mod queue;
mod report;
mod upstream;
mod vendor_process;

use std::{env, error::Error, fs, io::Write as _, path::PathBuf, process::ExitCode};

use tempfile::TempDir;

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
    /// The one part that is wanted; none where all are.
    part: Option<String>,
    /// The sizes of the part beside nginx that are wanted, as `process 2 kB`; none where all are.
    only: Option<String>,
}

impl Setup {
    fn wants(&self, part: &str) -> bool {
        self.part.as_deref().is_none_or(|wanted| wanted == part)
    }

    fn wants_size(&self, durability: &str, answer: &str) -> bool {
        let name = format!("{durability} {answer}");
        self.only.as_deref().is_none_or(|wanted| name.contains(wanted))
    }
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
    let usage = "usage: load ATELIER NGINX OUT [quick] [proxy | hits | queue] [only=SIZE]";
    let mut next = || arguments.next().ok_or(usage);
    let (atelier, nginx, out) = (next()?, next()?, next()?);
    let (mut quick, mut part, mut only) = (false, None, None);
    for word in arguments {
        match word.to_str() {
            Some("quick") => quick = true,
            Some(name @ ("proxy" | "hits" | "queue")) => part = Some(name.to_owned()),
            Some(word) => only = Some(word.strip_prefix("only=").ok_or(usage)?.to_owned()),
            None => return Err(usage.into()),
        }
    }
    Ok(Setup { atelier: atelier.canonicalize()?, nginx, out, quick, part, only })
}

async fn run(setup: &Setup) -> Result<()> {
    fs::create_dir_all(&setup.out)?;
    let mut folders = Vec::new();
    if setup.wants("proxy") {
        proxies(setup, &mut folders).await?;
    }
    if setup.wants("hits") {
        hits::run(setup, &mut folders).await?;
    }
    if setup.wants("queue") {
        queue::run(setup, &mut folders).await?;
    }
    Ok(())
}

async fn proxies(setup: &Setup, folders: &mut Vec<TempDir>) -> Result<()> {
    let footprint = footprint::measure(setup, folders).await?;
    let mut cells = Vec::new();
    for durability in ["process", "full"] {
        cells.extend(proxy::measure(setup, durability, folders).await?);
    }
    report::write(setup, &footprint, &cells)
}

/// Progress, for who watches.
fn say(line: &str) {
    let mut error = std::io::stderr().lock();
    // Nobody listening is no reason to stop.
    let _ = writeln!(error, "{line}");
}
