//! Thousands of open generations kept by one process: what their waiting costs.
//!
//! The vendor makes clips as its page says: three jobs at once and twenty generate calls a minute for
//! each key, «~60 seconds» for a clip, and a day's and a month's allowance that nobody reaches here. So
//! with 200 keys 600 jobs run and the others of 2,000 wait for their turn. All are ordered within
//! seconds, and no clip takes less than a minute: between the last order and the first end there is a
//! window in which jobs run, none ends, and the gateway does nothing but look at them. Its CPU time in
//! that window is what looking costs.
//!
//! Then everything ends. The vendor's books say when each job did, the generation's `completed_at` when
//! that was seen and its bytes were stored. Both clocks are the machine's.

mod books;
mod clips;
mod delays;
mod report;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{ADMIN_KEY, Gateway, Run, Team};

use crate::{Result, Setup, process, proxy::explained, say, vendor_process::VendorProcess};

use self::{books::Books, clips::Ends, delays::Delays};

/// Jobs of one key at once, as the vendor's page says.
const JOBS_OF_A_KEY: usize = 3;
/// Generate calls of one key in a minute, as the vendor's page says.
const CALLS_OF_A_KEY: usize = 20;
/// What is begun with a window shall not be counted in it.
const CALM: Duration = Duration::from_secs(2);

/// How much of it.
#[derive(Debug)]
struct Size {
    accounts: usize,
    clips: usize,
    /// How long a clip takes, in milliseconds.
    takes_ms: [u64; 2],
    /// How long the window is at least and at most.
    window: [Duration; 2],
    /// What has not ended by then is left.
    patience: Duration,
}

const FULL: Size = Size {
    accounts: 200,
    clips: 2000,
    takes_ms: [60_000, 70_000],
    window: [Duration::from_secs(30), Duration::from_secs(40)],
    patience: Duration::from_secs(330),
};
const QUICK: Size = Size {
    accounts: 20,
    clips: 200,
    takes_ms: [12_000, 15_000],
    window: [Duration::from_secs(3), Duration::from_secs(6)],
    patience: Duration::from_secs(100),
};

/// What was measured.
#[derive(Debug)]
struct Seen {
    size: &'static Size,
    /// Resident memory before the first order, and the most of the whole run, in kB.
    memory_kb: (u64, u64),
    ordering: Ordering,
    window: Window,
    /// From the first order to the last end.
    took: Duration,
    delays: Delays,
    books: Books,
    ends: Ends,
}

/// While all was ordered.
#[derive(Debug)]
struct Ordering {
    took: Duration,
    cpu: Duration,
}

/// While jobs ran.
#[derive(Debug)]
struct Window {
    span: Duration,
    /// By the vendor's clock.
    at_ms: [i64; 2],
    gateway: Duration,
    vendor: Duration,
    /// Of all other processes but this one.
    others: Duration,
    looks: u64,
    memory_kb: u64,
}

/// Orders, watches, and writes `queue.md` and `queue.json`.
pub(crate) async fn run(setup: &Setup, folders: &mut Vec<TempDir>) -> Result<()> {
    let size = if setup.quick { &QUICK } else { &FULL };
    let vendor = VendorProcess::start(setup, "zsky").await?;
    let [min, max] = size.takes_ms;
    vendor.set(json!({ "video_latency_ms": { "min": min, "max": max } })).await?;
    let gateway = Run::of(&setup.atelier).gateway(&config(&vendor.url, size)).await;
    let team = gateway.team("queue").await;
    let stage = Stage { size, vendor, gateway, team };
    let seen = stage.measure().await.map_err(|error| explained(&error, &stage.gateway.logged()))?;
    folders.push(stage.gateway.end().await);
    report::write(setup, &seen)
}

/// A gateway with its own defaults, and so many accounts at one vendor.
fn config(vendor: &str, size: &Size) -> Value {
    let account = |number| {
        let key = json!({ "key": format!("zsky_live_of_the_bench_{number:03}") });
        (format!("key-{number:03}"), key)
    };
    let accounts: serde_json::Map<_, _> = (1..=size.accounts).map(account).collect();
    json!({
        "server": { "listen": "127.0.0.1:0" },
        "admin": { "key": ADMIN_KEY },
        "providers": {
            "zsky": { "type": "zsky", "base_url": vendor, "accounts": accounts },
        },
    })
}

/// Who plays.
struct Stage {
    size: &'static Size,
    vendor: VendorProcess,
    gateway: Gateway,
    team: Team,
}

impl Stage {
    async fn measure(&self) -> Result<Seen> {
        let (idle_kb, _) = process::memory(self.gateway.pid())?;
        let begun = Instant::now();
        let before = self.cpu()?;
        clips::order(&self.team, self.size.clips).await?;
        let ordering = Ordering { took: begun.elapsed(), cpu: self.cpu()?.saturating_sub(before) };
        say(&format!("{} clips ordered in {:?}", self.size.clips, ordering.took));
        self.all_run(begun).await?;
        tokio::time::sleep(CALM).await;
        let window = self.watch().await?;
        say(&format!("{:?} of CPU time in {:?}", window.gateway, window.span));
        self.all_end(begun).await?;
        let took = begun.elapsed();
        let (_, peak_kb) = process::memory(self.gateway.pid())?;
        let delays = self.delays().await?;
        let books = Books::read(&self.vendor).await?;
        let ends = Ends::read(&self.team, &books).await?;
        let memory_kb = (idle_kb, peak_kb);
        Ok(Seen { size: self.size, memory_kb, ordering, window, took, delays, books, ends })
    }

    /// Waits until every key has as many jobs as it may have.
    async fn all_run(&self, begun: Instant) -> Result<()> {
        let wanted = self.size.accounts * JOBS_OF_A_KEY;
        loop {
            let running = Books::read(&self.vendor).await?.working();
            if running >= wanted {
                return Ok(());
            }
            if begun.elapsed() > self.size.patience {
                return Err(format!("of {wanted} jobs {running} run").into());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn watch(&self) -> Result<Window> {
        let [least, most] = self.size.window;
        let (due_ms, now_ms) =
            (Books::read(&self.vendor).await?.first_due_ms(), self.now_ms().await?);
        let left = Duration::from_millis(u64::try_from(due_ms - now_ms).unwrap_or(0));
        let span = left.saturating_sub(Duration::from_secs(1)).clamp(least, most);
        let looks = self.delays().await?.looks();
        let from_ms = self.now_ms().await?;
        let (begun, before) = (Instant::now(), self.clocks()?);
        tokio::time::sleep(span).await;
        let (after, span) = (self.clocks()?, begun.elapsed());
        let to_ms = self.now_ms().await?;
        let (memory_kb, _) = process::memory(self.gateway.pid())?;
        let looks = self.delays().await?.looks().saturating_sub(looks);
        let [gateway, vendor, own, machine] =
            [0, 1, 2, 3].map(|place: usize| after[place].saturating_sub(before[place]));
        let others = machine.saturating_sub(gateway + vendor + own);
        Ok(Window { span, at_ms: [from_ms, to_ms], gateway, vendor, others, looks, memory_kb })
    }

    /// Waits until nothing is open, or for as long as there is patience.
    async fn all_end(&self, begun: Instant) -> Result<()> {
        let clips = u64::try_from(self.size.clips)?;
        let mut told = Instant::now();
        loop {
            let ended = delays::total(&self.metrics().await?, "atelier_generations_total");
            if ended >= clips || begun.elapsed() > self.size.patience {
                return Ok(());
            }
            if told.elapsed() > Duration::from_secs(20) {
                told = Instant::now();
                say(&format!("{ended} ended after {:?}", begun.elapsed()));
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    fn cpu(&self) -> Result<Duration> {
        process::cpu(&[self.gateway.pid()])
    }

    /// The CPU time of the gateway, of the vendor, of this program and of the whole machine.
    fn clocks(&self) -> Result<[Duration; 4]> {
        let vendor = process::cpu(&[self.vendor.pid()?])?;
        let own = process::cpu(&[std::process::id()])?;
        Ok([self.cpu()?, vendor, own, process::machine_cpu()?])
    }

    async fn now_ms(&self) -> Result<i64> {
        Ok(self.vendor.look("/clock").await?["now_ms"].as_i64().ok_or("the vendor has no clock")?)
    }

    async fn delays(&self) -> Result<Delays> {
        Ok(Delays::read(&self.metrics().await?))
    }

    async fn metrics(&self) -> Result<String> {
        let answer = self.gateway.anyone().try_send("GET", "/metrics", &[], "").await;
        Ok(answer.map_err(|error| format!("the gateway: {error}"))?.text())
    }
}
