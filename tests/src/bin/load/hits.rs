//! What an answer from the cache costs: as a link, and as base64 ([`pictures`]).

mod pictures;

use std::{
    fmt::Write as _,
    fs,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{Gateway, Team};

use self::pictures::Beside;
use crate::{
    Result, Setup,
    callers::{Seen, Target, ask},
    process,
    proxy::{explained, start_gateway},
    report::{hundredths, millis, to_u64},
    say,
    upstream::Upstream,
};

pub(crate) const IMAGES: &str = "/v1/images/generations";
const LINK: &str = r#"{"prompt":"the same","size":"512x512","response_format":"url"}"#;

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

pub(crate) async fn run(setup: &Setup, folders: &mut Vec<TempDir>) -> Result<()> {
    let mut links = Vec::new();
    for durability in ["process", "full"] {
        links.extend(link_hits(setup, durability, folders).await?);
    }
    let (beside, added) = pictures::run(setup, folders).await?;
    write(setup, &links, &beside, added)
}

/// The body, the name of its prompts, and how many there are.
type Words<'a> = (&'static str, &'a str, u64);

fn target(
    url: &str,
    path: &'static str,
    team: &Team,
    (body, name, distinct): Words<'_>,
    least: u64,
) -> Arc<Target> {
    let (url, key, name) = (url.to_owned(), team.key.clone(), name.to_owned());
    Arc::new(Target { url, path, key, body, name, distinct, least, asked: AtomicU64::new(0) })
}

async fn link_hits(
    setup: &Setup,
    durability: &'static str,
    folders: &mut Vec<TempDir>,
) -> Result<Vec<Cell>> {
    let upstream = Upstream::start(setup).await?;
    let gateway = start_gateway(setup, &upstream, durability).await;
    let team = gateway.team("bench").await;
    let target = target(gateway.url(), IMAGES, &team, (LINK, "", 1), 1);
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
    charged(&upstream, &gateway, 1).await?;
    folders.push(gateway.end().await);
    Ok(cells)
}

/// However many were answered, so many were paid for.
async fn charged(upstream: &Upstream, gateway: &Gateway, paid: u64) -> Result<()> {
    let (charges, _) = upstream.spent(crate::upstream::GATEWAYS_KEY).await?;
    let labels = [("result", "hit")];
    let hits = gateway.metric("atelier_cache_requests_total", &labels).await.unwrap_or(0);
    if charges == paid && hits > 0 {
        Ok(())
    } else {
        Err(format!("{charges} charges, {hits} hits").into())
    }
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
             | pictures | at once | nginx µs | Atelier µs | ratio |\n\
             | --- | ---: | ---: | ---: | ---: |\n";
    for Beside { asked, parallel, nginx, gateway } in beside {
        let ratio = hundredths(gateway * 100 / (*nginx).max(1));
        let (nginx, gateway) = (nginx / 1000, gateway / 1000);
        writeln!(text, "| {asked} | {parallel} | {nginx} | {gateway} | {ratio} |")?;
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
                "pictures": one.asked,
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
