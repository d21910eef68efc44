//! How fast it starts, and how much memory it takes.

use std::{
    net::TcpListener,
    process::Stdio,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use serde_json::json;
use tempfile::TempDir;
use tests::Client;
use tokio::process::{Child, Command};

use crate::{
    Result, Setup,
    callers::{Target, ask, ask_together},
    process,
    proxy::start_gateway,
    say,
    upstream::Upstream,
};

const STARTS: usize = 11;
/// Pictures in flight at once, and their bytes.
const PICTURES: usize = 64;
const PICTURE: usize = 1_500_000;

/// What was measured.
#[derive(Debug)]
pub(crate) struct Footprint {
    /// From the process's start in an empty folder to readiness, sorted.
    pub(crate) cold_starts: Vec<Duration>,
    /// Resident memory of a gateway that has nothing to do, in kB.
    pub(crate) idle_kb: u64,
    /// What so many pictures in flight added to it at most, in kB.
    pub(crate) in_flight: Vec<(&'static str, u64)>,
}

/// Starts gateways, and has pictures in flight through one.
pub(crate) async fn measure(setup: &Setup, folders: &mut Vec<TempDir>) -> Result<Footprint> {
    let mut cold_starts = Vec::new();
    let mut idle_kb = 0;
    for _ in 0..STARTS {
        let (took, child, _folder) = cold_start(setup).await?;
        cold_starts.push(took);
        if idle_kb == 0 {
            tokio::time::sleep(Duration::from_secs(2)).await;
            idle_kb = process::memory(child.id().ok_or("it ended")?)?.0;
        }
    }
    cold_starts.sort_unstable();
    say(&format!("cold starts {cold_starts:?}, idle {idle_kb} kB"));
    let mut in_flight = Vec::new();
    for (delivery, body) in [
        ("b64_json", r#"{"prompt":"PROMPT","size":"512x512","response_format":"b64_json"}"#),
        ("url", r#"{"prompt":"PROMPT","size":"512x512","response_format":"url"}"#),
    ] {
        let added = pictures_in_flight(setup, delivery, body, folders).await?;
        say(&format!("{PICTURES} pictures of {PICTURE} bytes as {delivery}: {added} kB more"));
        in_flight.push((delivery, added));
    }
    Ok(Footprint { cold_starts, idle_kb, in_flight })
}

/// The built-in configuration in an empty folder, its simulated vendor included.
async fn cold_start(setup: &Setup) -> Result<(Duration, Child, TempDir)> {
    let folder = tempfile::tempdir()?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let client = Client::new(format!("http://{address}"));
    let begun = Instant::now();
    let child = Command::new(&setup.atelier)
        .arg("serve")
        .current_dir(folder.path())
        .env_clear()
        .env("ATELIER__SERVER__LISTEN", address.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    while begun.elapsed() < Duration::from_secs(20) {
        let answer = client.try_send("GET", "/readyz", &[], "").await;
        if answer.is_ok_and(|answer| answer.status == 200) {
            return Ok((begun.elapsed(), child, folder));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Err("it does not become ready".into())
}

/// All pictures come from the vendor at the same moment, and no caller reads one before all have begun to
/// come: what the gateway holds of them then is the most it ever holds.
async fn pictures_in_flight(
    setup: &Setup,
    delivery: &str,
    body: &'static str,
    folders: &mut Vec<TempDir>,
) -> Result<u64> {
    let upstream = Upstream::start(setup).await?;
    upstream.set(json!({ "picture_bytes": 1500 })).await?;
    let gateway = start_gateway(setup, &upstream, "process").await;
    let team = gateway.team("memory").await;
    let target = |name: &str, least| {
        let (path, asked) = ("/v1/images/generations", AtomicU64::new(0));
        let (url, key, name) = (gateway.url().to_owned(), team.key.clone(), name.to_owned());
        Arc::new(Target { url, path, key, body, name, distinct: u64::MAX, least, asked })
    };
    // Threads and connections are there before the pictures.
    ask(&target("small", 1), 640, 64).await?;
    upstream
        .set(json!({ "picture_bytes": PICTURE, "latency_ms": { "min": 2000, "max": 2000 } }))
        .await?;
    let (before, _) = process::memory(gateway.pid())?;
    process::forget_peak(gateway.pid())?;
    let least = if delivery == "url" { 1 } else { PICTURE };
    ask_together(&target("large", u64::try_from(least)?), PICTURES).await?;
    let (_, peak) = process::memory(gateway.pid())?;
    folders.push(gateway.end().await);
    Ok(peak.saturating_sub(before))
}
