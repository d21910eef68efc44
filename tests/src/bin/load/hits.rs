//! What an answer from the cache costs: as a link, and as base64 beside nginx that serves the same bytes from
//! a file.

use std::{
    fmt::Write as _,
    fs,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{Gateway, Team};

use crate::{
    Result, Setup,
    callers::{Seen, Target, ask, ask_together},
    nginx::Nginx,
    process,
    proxy::{explained, start_gateway},
    report::{hundredths, millis, to_u64},
    say,
    upstream::Upstream,
};

const IMAGES: &str = "/v1/images/generations";
const LINK: &str = r#"{"prompt":"the same","size":"512x512","response_format":"url"}"#;
const BASE64: &str = r#"{"prompt":"the same","size":"512x512","response_format":"b64_json"}"#;
/// In base64 one and a half megabytes.
const PICTURE: u64 = 1_125_000;
const TURNS: u64 = 5;

/// Answers from the cache under one load.
#[derive(Debug)]
struct Cell {
    durability: &'static str,
    parallel: u64,
    requests: u64,
    cpu: Duration,
    rate: u128,
    median: Duration,
}

impl Cell {
    fn each(&self) -> u128 {
        self.cpu.as_nanos() / u128::from(self.requests.max(1))
    }
}

/// The same bytes from the cache and from a file.
#[derive(Debug)]
struct Beside {
    parallel: u64,
    nginx: u128,
    gateway: u128,
}

pub(crate) async fn run(setup: &Setup, folders: &mut Vec<TempDir>) -> Result<()> {
    let mut links = Vec::new();
    for durability in ["process", "full"] {
        links.extend(link_hits(setup, durability, folders).await?);
    }
    let (beside, added) = pictures(setup, folders).await?;
    write(setup, &links, &beside, added)
}

fn target(
    url: &str,
    path: &'static str,
    team: &Team,
    body: &'static str,
    least: u64,
) -> Arc<Target> {
    let (url, key, name) = (url.to_owned(), team.key.clone(), String::new());
    Arc::new(Target { url, path, key, body, name, least, asked: AtomicU64::new(0) })
}

async fn link_hits(
    setup: &Setup,
    durability: &'static str,
    folders: &mut Vec<TempDir>,
) -> Result<Vec<Cell>> {
    let upstream = Upstream::start(setup).await?;
    let gateway = start_gateway(setup, &upstream, durability).await;
    let team = gateway.team("bench").await;
    let target = target(gateway.url(), IMAGES, &team, LINK, 1);
    let requests = if setup.quick { 1_000 } else { 10_000 };
    // The first one is paid for; the others warm everything up.
    ask(&target, 1, 1).await?;
    ask(&target, requests / 4, 64).await?;
    let mut cells = Vec::new();
    for parallel in [1, 64] {
        let before = process::cpu(&[gateway.pid()])?;
        let mut seen = Seen::default();
        for _ in 0..2 {
            let asked = ask(&target, requests, parallel).await;
            seen.add(asked.map_err(|error| explained(&error, &gateway.logged()))?);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let cpu = process::cpu(&[gateway.pid()])?.saturating_sub(before);
        let requests = u64::try_from(seen.took.len())?;
        let (rate, median) = (seen.rate(), seen.median());
        let cell = Cell { durability, parallel, requests, cpu, rate, median };
        let (each, micros) = (cell.each() / 1000, cell.median.as_micros());
        say(&format!(
            "hits, {durability:8} x{parallel:<3} {each} us of CPU, {rate}/s, p50 {micros} us"
        ));
        cells.push(cell);
    }
    one_charge(&upstream, &gateway).await?;
    folders.push(gateway.end().await);
    Ok(cells)
}

/// However many were answered, one was paid for.
async fn one_charge(upstream: &Upstream, gateway: &Gateway) -> Result<()> {
    let (charges, _) = upstream.spent(crate::upstream::GATEWAYS_KEY).await?;
    let labels = [("result", "hit")];
    let hits = gateway.metric("atelier_cache_requests_total", &labels).await.unwrap_or(0);
    if charges == 1 && hits > 0 {
        Ok(())
    } else {
        Err(format!("{charges} charges, {hits} hits").into())
    }
}

/// Answers in base64 beside nginx, and what 64 of them in flight add to the gateway's memory.
async fn pictures(setup: &Setup, folders: &mut Vec<TempDir>) -> Result<(Vec<Beside>, u64)> {
    let upstream = Upstream::start(setup).await?;
    upstream.set(json!({ "picture_bytes": PICTURE })).await?;
    let gateway = start_gateway(setup, &upstream, "process").await;
    let team = gateway.team("bench").await;
    let nginx = Nginx::start(setup, &upstream.url).await?;
    let body: Value = serde_json::from_str(BASE64)?;
    let answer = team.client.post(IMAGES, &body).await;
    nginx.keep("answer.json", &answer.body)?;
    let from_cache = target(gateway.url(), IMAGES, &team, BASE64, PICTURE);
    let from_file = target(&nginx.url, "/files/answer.json", &team, "", PICTURE);
    let requests = if setup.quick { 40 } else { 200 };
    let mut all = Vec::new();
    for parallel in [1, 8] {
        ask(&from_cache, requests / 4, parallel).await?;
        ask(&from_file, requests / 4, parallel).await?;
        let before = (process::cpu(&nginx.pids)?, process::cpu(&[gateway.pid()])?);
        for _ in 0..TURNS {
            ask(&from_file, requests * 2, parallel).await?;
            let asked = ask(&from_cache, requests, parallel).await;
            asked.map_err(|error| explained(&error, &gateway.logged()))?;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let after = (process::cpu(&nginx.pids)?, process::cpu(&[gateway.pid()])?);
        let each = |spent: Duration, count: u64| spent.as_nanos() / u128::from(count * TURNS);
        let beside = Beside {
            parallel,
            nginx: each(after.0.saturating_sub(before.0), requests * 2),
            gateway: each(after.1.saturating_sub(before.1), requests),
        };
        let (theirs, ours) = (beside.nginx / 1000, beside.gateway / 1000);
        say(&format!("1.5 MB hits x{parallel}: nginx {theirs} us, atelier {ours} us"));
        all.push(beside);
    }
    let (resident, _) = process::memory(gateway.pid())?;
    process::forget_peak(gateway.pid())?;
    ask_together(&from_cache, 64).await?;
    let (_, peak) = process::memory(gateway.pid())?;
    one_charge(&upstream, &gateway).await?;
    folders.push(gateway.end().await);
    folders.push(nginx.stop().await?);
    Ok((all, peak.saturating_sub(resident)))
}

fn write(setup: &Setup, links: &[Cell], beside: &[Beside], added: u64) -> Result<()> {
    let mut text = String::from("# An answer from the cache\n\n");
    if setup.quick {
        text += "**A quick run: these are no figures.**\n\n";
    }
    text += "Each is a generation of its own, written before it is answered. As a link:\n\n\
             | durability | at once | CPU µs | per second | p50 ms |\n\
             | --- | ---: | ---: | ---: | ---: |\n";
    for cell in links {
        let Cell { durability, parallel, rate, median, .. } = cell;
        let (each, median) = (cell.each() / 1000, millis(*median));
        writeln!(text, "| {durability} | {parallel} | {each} | {rate} | {median} |")?;
    }
    text += "\nAs 1.5 MB of base64, beside nginx that serves the same bytes from a file:\n\n\
             | at once | nginx µs | Atelier µs | ratio |\n| ---: | ---: | ---: | ---: |\n";
    for Beside { parallel, nginx, gateway } in beside {
        let ratio = hundredths(gateway * 100 / (*nginx).max(1));
        writeln!(text, "| {parallel} | {} | {} | {ratio} |", nginx / 1000, gateway / 1000)?;
    }
    writeln!(text, "\n64 of them in flight add {added} kB to its memory.")?;
    say(&text);
    fs::write(setup.out.join("hits.md"), &text)?;
    let links: Vec<Value> = links
        .iter()
        .map(|cell| {
            json!({
                "durability": cell.durability,
                "parallel": cell.parallel,
                "cpu_ns_per_request": to_u64(cell.each()),
                "requests_per_second": to_u64(cell.rate),
                "median_us": to_u64(cell.median.as_micros()),
            })
        })
        .collect();
    let base64: Vec<Value> = beside
        .iter()
        .map(|one| {
            json!({
                "parallel": one.parallel,
                "nginx_ns_per_request": to_u64(one.nginx),
                "atelier_ns_per_request": to_u64(one.gateway),
            })
        })
        .collect();
    let numbers =
        json!({ "quick": setup.quick, "links": links, "base64": base64, "added_kb": added });
    fs::write(setup.out.join("hits.json"), serde_json::to_string_pretty(&numbers)?)?;
    Ok(())
}
