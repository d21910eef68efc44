//! Answers from the cache as 1.5 MB of base64, beside nginx that serves the same bytes from a file: one picture
//! again and again, which is answered from memory before long, and many different ones, which are not.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{Gateway, Team};

use super::{IMAGES, charged, target};
use crate::{
    Result, Setup,
    callers::{Target, ask, ask_together},
    nginx::Nginx,
    process,
    proxy::{explained, start_gateway},
    say,
    upstream::Upstream,
};

const BASE64: &str = r#"{"prompt":"PROMPT","size":"512x512","response_format":"b64_json"}"#;
/// In base64 one and a half megabytes.
const PICTURE: u64 = 1_125_000;
/// How often the different ones are asked for again.
const AGAIN: u64 = 3;

/// So many answers in flight.
const TOGETHER: u64 = 64;

/// The same bytes from the cache and from a file.
#[derive(Debug)]
pub(super) struct Beside {
    pub(super) asked: &'static str,
    pub(super) parallel: u64,
    pub(super) nginx: u128,
    pub(super) gateway: u128,
}

/// The gateway and what it is measured by.
struct Pair<'a> {
    setup: &'a Setup,
    upstream: Upstream,
    gateway: Gateway,
    nginx: Nginx,
    team: Team,
}

/// The same answers, from both.
struct Same {
    cache: Arc<Target>,
    file: Arc<Target>,
}

pub(super) async fn run(setup: &Setup, folders: &mut Vec<TempDir>) -> Result<(Vec<Beside>, u64)> {
    let upstream = Upstream::start(setup).await?;
    upstream.set(json!({ "picture_bytes": PICTURE })).await?;
    let gateway = start_gateway(setup, &upstream, "process").await;
    let team = gateway.team("bench").await;
    let nginx = Nginx::start(setup, &upstream.url).await?;
    let pair = Pair { setup, upstream, gateway, nginx, team };
    let mut all = pair.one().await?;
    all.extend(pair.many().await?);
    let added = pair.added().await?;
    charged(&pair.upstream, &pair.gateway, 1 + pair.pictures() + TOGETHER).await?;
    folders.push(pair.gateway.end().await);
    folders.push(pair.nginx.stop().await?);
    Ok((all, added))
}

impl Pair<'_> {
    /// One picture again and again.
    async fn one(&self) -> Result<Vec<Beside>> {
        let same = self.make("same", 1).await?;
        let requests = if self.setup.quick { 200 } else { 1000 };
        let mut all = Vec::new();
        for parallel in [1, 8] {
            self.side_by_side(&same, requests / 20, parallel).await?;
            all.push(self.measure("one, again and again", &same, requests, parallel).await?);
        }
        Ok(all)
    }

    /// Many pictures, once after they were made and then again: more than are kept in memory.
    async fn many(&self) -> Result<Vec<Beside>> {
        let pictures = self.pictures();
        let many = self.make("many", pictures).await?;
        Ok(vec![
            self.measure("many, each for the first time", &many, pictures, 1).await?,
            self.measure("many, each again", &many, pictures * AGAIN, 1).await?,
            self.measure("many, each again", &many, pictures * AGAIN, 8).await?,
        ])
    }

    fn pictures(&self) -> u64 {
        if self.setup.quick { 24 } else { 200 }
    }

    /// Has so many pictures made, gives nginx the answers, and says where to ask for both.
    async fn make(&self, name: &'static str, pictures: u64) -> Result<Same> {
        let (url, file) = (self.gateway.url(), self.nginx.url.as_str());
        let cache = target(url, IMAGES, &self.team, (BASE64, name, pictures), PICTURE);
        for number in 0..pictures {
            let body: Value = serde_json::from_str(&cache.body_of(number))?;
            let answer = self.team.client.post(IMAGES, &body).await;
            self.nginx.keep(&format!("{name}-number-{number:06}.json"), &answer.body)?;
        }
        let file = target(file, "/files/PROMPT.json", &self.team, ("", name, pictures), PICTURE);
        Ok(Same { cache, file })
    }

    /// In turns, so that whatever else the machine does hits both.
    async fn measure(
        &self,
        asked: &'static str,
        same: &Same,
        requests: u64,
        parallel: u64,
    ) -> Result<Beside> {
        let before = self.cpu()?;
        let turns = (requests / 100).max(1);
        for _ in 0..turns {
            self.side_by_side(same, requests / turns, parallel).await?;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let after = self.cpu()?;
        let each = |spent: Duration| spent.as_nanos() / u128::from(requests / turns * turns);
        let nginx = each(after.0.saturating_sub(before.0));
        let gateway = each(after.1.saturating_sub(before.1));
        let (theirs, ours) = (nginx / 1000, gateway / 1000);
        say(&format!("1.5 MB, {asked}, x{parallel}: nginx {theirs} us, atelier {ours} us"));
        Ok(Beside { asked, parallel, nginx, gateway })
    }

    async fn side_by_side(&self, same: &Same, requests: u64, parallel: u64) -> Result<()> {
        ask(&same.file, requests, parallel).await?;
        let asked = ask(&same.cache, requests, parallel).await;
        asked.map_err(|error| explained(&error, &self.gateway.logged()))?;
        Ok(())
    }

    fn cpu(&self) -> Result<(Duration, Duration)> {
        Ok((process::cpu(&self.nginx.pids)?, process::cpu(&[self.gateway.pid()])?))
    }

    /// What 64 of them in flight add to the gateway's memory.
    async fn added(&self) -> Result<u64> {
        let many = self.make("flight", TOGETHER).await?;
        let (resident, _) = process::memory(self.gateway.pid())?;
        process::forget_peak(self.gateway.pid())?;
        ask_together(&many.cache, usize::try_from(TOGETHER)?).await?;
        let (_, peak) = process::memory(self.gateway.pid())?;
        say(&format!("1.5 MB, {TOGETHER} in flight: {resident} kB at rest, {peak} kB at most"));
        Ok(peak.saturating_sub(resident))
    }
}
