//! The gateway and nginx in front of the same vendor, asked in turns.

use std::{
    error::Error,
    fmt::Display,
    path::Path,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;
use tests::{Gateway, Run, Team, config_at, micros};

use crate::{
    Result, Setup,
    callers::{Seen, Target, ask},
    machine,
    nginx::Nginx,
    process, say,
    upstream::{GATEWAYS_KEY, NGINX_KEY, Upstream},
};

/// An answer's size: its name, the picture's bytes, and requests in one turn of the gateway.
const SIZES: [(&str, usize, u64); 3] =
    [("2 kB", 1_500, 1_500), ("200 kB", 150_000, 400), ("1.5 MB", 1_125_000, 120)];
/// nginx is asked more often in its turn: the kernel accounts CPU time in steps of 10 ms.
const NGINX_FACTOR: u64 = 4;
const PARALLEL: [u64; 3] = [1, 8, 64];
const TURNS: u64 = 5;

const WORDS: &str = r#"{"prompt":"PROMPT","size":"512x512","response_format":"b64_json"}"#;
const VENDORS_WORDS: &str = r#"{"prompt":"PROMPT","size":"512x512"}"#;

/// One proxy in one cell.
#[derive(Debug, Clone)]
pub(crate) struct Cost {
    pub(crate) requests: u64,
    pub(crate) cpu: Duration,
    pub(crate) rate: u128,
    pub(crate) median: Duration,
}

impl Cost {
    /// CPU time of one request in nanoseconds.
    pub(crate) fn each(&self) -> u128 {
        self.cpu.as_nanos() / u128::from(self.requests.max(1))
    }
}

/// A size of answers with so many callers at once.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) durability: &'static str,
    pub(crate) answer: &'static str,
    pub(crate) parallel: u64,
    pub(crate) nginx: Cost,
    pub(crate) gateway: Cost,
}

impl Cell {
    /// The gateway's CPU time per request in hundredths of nginx's.
    pub(crate) fn ratio(&self) -> u128 {
        self.gateway.each() * 100 / self.nginx.each().max(1)
    }
}

/// Every size with every number of callers. The gateways' folders go into `folders`: files that were
/// deleted a moment ago make new ones dear (ext4 passes their inodes over), so all are deleted at the end.
pub(crate) async fn measure(
    setup: &Setup,
    durability: &'static str,
    folders: &mut Vec<TempDir>,
) -> Result<Vec<Cell>> {
    let mut cells = Vec::new();
    let wanted = SIZES.into_iter().filter(|(answer, ..)| setup.wants_size(durability, answer));
    for (answer, bytes, requests) in wanted {
        // A vendor, a gateway and a folder of their own, so that what one size left costs the next nothing.
        let upstream = Upstream::start(setup).await?;
        upstream.set(json!({ "picture_bytes": bytes })).await?;
        let nginx = Nginx::start(setup, &upstream.url).await?;
        let gateway = start_gateway(setup, &upstream, durability).await;
        let team = gateway.team("bench").await;
        let stage = Stage { nginx: &nginx, gateway: &gateway, team: &team, bytes };
        // Commits that wait for the disk make a run long; they cost little CPU.
        let turns = if durability == "full" { 2 } else { TURNS };
        let requests = if setup.quick { requests / 10 } else { requests };
        if !setup.quick {
            machine::settle(gateway.folder()).await?;
        }
        stage.make_folders(requests * 2).await?;
        for parallel in PARALLEL {
            let cell = stage.measure(durability, answer, parallel, requests, turns).await?;
            say(&format!(
                "{durability:8} {answer:>7} x{parallel:<3} nginx {:>6} us  atelier {:>6} us  {}.{:02}x",
                cell.nginx.each() / 1000,
                cell.gateway.each() / 1000,
                cell.ratio() / 100,
                cell.ratio() % 100
            ));
            cells.push(cell);
        }
        all_booked(&upstream, &team).await?;
        folders.push(gateway.end().await);
        folders.push(nginx.stop().await?);
    }
    Ok(cells)
}

/// A gateway as a user runs it, in front of that vendor.
pub(crate) async fn start_gateway(setup: &Setup, upstream: &Upstream, durability: &str) -> Gateway {
    let limits = json!({ "requests_per_minute": 1_000_000_000, "concurrent": 256 });
    let account = json!({ "key": GATEWAYS_KEY, "limits": limits });
    let change = json!({
        "storage": { "durability": durability },
        // As it is by default.
        "cache": { "enabled": true },
        "providers": { "zekron": { "accounts": { "main": account } } },
    });
    run(&setup.atelier).gateway(&config_at(&upstream.url, &change)).await
}

fn run(atelier: &Path) -> Run {
    Run::of(atelier)
}

/// What one size is measured with.
struct Stage<'a> {
    nginx: &'a Nginx,
    gateway: &'a Gateway,
    team: &'a Team,
    bytes: usize,
}

impl Stage<'_> {
    /// A gateway's first thousands of pictures make the folders that all later ones lie in.
    async fn make_folders(&self, pictures: u64) -> Result<()> {
        ask(&self.gateway("the first pictures".to_owned())?, pictures, 8).await.map(drop)
    }

    fn nginx(&self, name: String) -> Result<Arc<Target>> {
        self.target(&self.nginx.url, "/v1/generate", NGINX_KEY, VENDORS_WORDS, name)
    }

    fn gateway(&self, name: String) -> Result<Arc<Target>> {
        self.target(self.gateway.url(), "/v1/images/generations", &self.team.key, WORDS, name)
    }

    fn target(
        &self,
        url: &str,
        path: &'static str,
        key: &str,
        body: &'static str,
        name: String,
    ) -> Result<Arc<Target>> {
        let (url, key, asked) = (url.to_owned(), key.to_owned(), AtomicU64::new(0));
        let least = u64::try_from(self.bytes)?;
        Ok(Arc::new(Target { url, path, key, body, name, distinct: u64::MAX, least, asked }))
    }

    async fn measure(
        &self,
        durability: &'static str,
        answer: &'static str,
        parallel: u64,
        requests: u64,
        turns: u64,
    ) -> Result<Cell> {
        let name = |who| format!("{who}, {answer}, {parallel} at once,");
        let nginx = self.nginx(name("nginx"))?;
        let gateway = self.gateway(name("atelier"))?;
        // Connections, caches and allocators warm up before anything counts.
        ask(&nginx, requests / 4 + parallel, parallel).await?;
        ask(&gateway, requests / 4 + parallel, parallel).await?;
        let gateways = [self.gateway.pid()];
        let before = (process::cpu(&self.nginx.pids)?, process::cpu(&gateways)?);
        let mut seen = (Seen::default(), Seen::default());
        for _ in 0..turns {
            machine::warm()?;
            seen.0.add(ask(&nginx, requests * NGINX_FACTOR, parallel).await?);
            machine::warm()?;
            let asked = ask(&gateway, requests, parallel).await;
            seen.1.add(asked.map_err(|error| explained(&error, &self.gateway.logged()))?);
        }
        // What a proxy does behind its last answer is its cost, too.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let after = (process::cpu(&self.nginx.pids)?, process::cpu(&gateways)?);
        let cost = |mut seen: Seen, cpu: Duration| {
            let requests = u64::try_from(seen.took.len()).unwrap_or(u64::MAX);
            Cost { requests, cpu, rate: seen.rate(), median: seen.median() }
        };
        Ok(Cell {
            durability,
            answer,
            parallel,
            nginx: cost(seen.0, after.0.saturating_sub(before.0)),
            gateway: cost(seen.1, after.1.saturating_sub(before.1)),
        })
    }
}

/// An error with what the gateway logged about it.
pub(crate) fn explained(error: &dyn Display, log: &str) -> Box<dyn Error + Send + Sync> {
    let notable = |line: &&str| line.contains("WARN") || line.contains("ERROR");
    let lines: Vec<&str> = log.lines().filter(notable).take(20).collect();
    format!("{error}\n{}", lines.join("\n")).into()
}

/// Every picture is on the books: a fast gateway that forgot some would be none.
async fn all_booked(upstream: &Upstream, team: &Team) -> Result<()> {
    let (charges, spent) = upstream.spent(GATEWAYS_KEY).await?;
    let usage = team.client.get("/v1/usage").await.json();
    let rows = usage["data"].as_array().into_iter().flatten();
    let made: u64 = rows.filter_map(|row| row["generations"].as_u64()).sum();
    let charged = micros(&usage["charged_usd"]);
    if charges == 0 || (made, charged) != (charges, spent) {
        let told = format!("the vendor charged {charges} pictures with {spent} micro-dollars");
        return Err(format!("{told}, the books have {made} with {charged}").into());
    }
    Ok(())
}
