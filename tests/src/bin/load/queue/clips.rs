//! The clips: ordered all at once, and how late their ends were seen.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tests::Team;
use tokio::task::JoinSet;

use super::books::{Books, Job};
use crate::Result;

/// Orders under way at once.
const CALLERS: usize = 32;
/// How long the gateway waits between two looks at a clip at most,
const LOOK: Duration = Duration::from_secs(5);
/// unless it has run for so many times as long.
const LOOKS_PER_AGE: u32 = 20;
/// How much later than a look may be an end is seen, its bytes fetched and stored.
const GRACE: Duration = Duration::from_secs(2);

fn prompt(number: &str) -> String {
    format!("a lighthouse at dusk, clip number {number}")
}

/// Orders so many, of the smallest size and the shortest length, and waits for none.
pub(super) async fn order(team: &Team, clips: usize) -> Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (client, next) = (team.client.clone(), Arc::clone(&next));
        callers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= clips {
                    return Ok::<_, String>(());
                }
                let number = format!("{number:04}");
                let body = json!({
                    "kind": "video",
                    "prompt": prompt(&number),
                    "size": "256x256",
                    "seconds": 1,
                    "metadata": { "number": number },
                });
                let headers = [("content-type", "application/json"), ("prefer", "respond-async")];
                let path = "/v1/generations";
                let answer = client.try_send("POST", path, &headers, body.to_string()).await?;
                if answer.status != 202 {
                    return Err(format!("{}: {}", answer.status, answer.text()));
                }
            }
        });
    }
    while let Some(done) = callers.join_next().await {
        done??;
    }
    Ok(())
}

/// How the generations ended.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// Generations by status.
    pub(super) statuses: BTreeMap<String, usize>,
    /// Attempts of all of them.
    pub(super) attempts: usize,
    /// How long after its job's end each was complete, the least first.
    late: Vec<Duration>,
    /// How many of them within a look's interval and [`GRACE`].
    in_time: usize,
}

impl Ends {
    /// Reads all generations of the team.
    pub(super) async fn read(team: &Team, books: &Books) -> Result<Self> {
        let mut ends = Self::default();
        for generation in team.generations().await {
            let status = generation["status"].as_str().unwrap_or_default().to_owned();
            *ends.statuses.entry(status).or_default() += 1;
            ends.attempts += generation["attempts"].as_array().map_or(0, Vec::len);
            let number = generation["metadata"]["number"].as_str().unwrap_or_default();
            let job = books.job(&prompt(number));
            let ended_ms = job.and_then(|job| job.ended_ms);
            if let (Some(job), Some(ended)) = (job, ended_ms)
                && generation["status"] == "completed"
            {
                ends.add(job, ended, completed_ms(&generation)?);
            }
        }
        ends.late.sort_unstable();
        Ok(ends)
    }

    fn add(&mut self, job: Job, ended_ms: i64, seen_ms: i64) {
        let span =
            |from: i64, to: i64| Duration::from_millis(u64::try_from(to - from).unwrap_or(0));
        let late = span(ended_ms, seen_ms);
        let interval = LOOK.max(span(job.submitted_ms, ended_ms) / LOOKS_PER_AGE);
        self.in_time += usize::from(late <= interval + GRACE);
        self.late.push(late);
    }

    /// How many were compared.
    pub(super) fn count(&self) -> usize {
        self.late.len()
    }

    /// The share that was seen in time, in hundredths of a percent.
    pub(super) fn in_time(&self) -> usize {
        self.in_time * 10_000 / self.late.len().max(1)
    }

    /// So many of a hundred were at most so late.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let place = (self.late.len() * percent).div_ceil(100).saturating_sub(1);
        self.late.get(place).copied().unwrap_or_default()
    }
}

fn completed_ms(generation: &Value) -> Result<i64> {
    let text =
        generation["completed_at"].as_str().ok_or("a completed generation without its end")?;
    Ok(chrono::DateTime::parse_from_rfc3339(text)?.timestamp_millis())
}
