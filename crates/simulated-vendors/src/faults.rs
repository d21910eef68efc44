//! Faults on order: a script («the next three generate calls lose their answer») and seeded rates.
//!
//! A fault is drawn for a request that was let in (its key is good, its limits are kept) and strikes either before
//! the work, which then costs nothing, or after it, when the charge stands and only the answer suffers. The kinds
//! that speak (a 402, a 500) are worded by the vendor in its own shape; those of the wire are applied here.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::{
    answer::{Answer, Ending},
    pictures::noise::mix,
};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The connection is reset before any work.
    ResetBefore,
    /// The work is done and charged; the connection is reset instead of an answer.
    ResetAfter,
    /// 500 in the vendor's own shape, before the work or (`after_work`) after it.
    #[serde(rename = "status_500")]
    Status500,
    /// 500 with an HTML page for a body.
    #[serde(rename = "status_500_html")]
    Status500Html,
    /// 502 with a proxy's HTML page.
    #[serde(rename = "status_502")]
    Status502,
    /// 503 with a proxy's HTML page.
    #[serde(rename = "status_503")]
    Status503,
    /// The whole length announced, half the body sent, the connection closed.
    TruncatedBody,
    /// A well-framed body whose JSON breaks off.
    MalformedJson,
    /// The right body, labelled `text/html`.
    WrongContentType,
    /// The right body, then blanks: up to `bytes` in all, or without end.
    OversizedBody,
    /// The right answer, `delay_ms` later.
    Slow,
    /// No answer ever, before the work or (`after_work`) after it.
    Hang,
    /// 429 with `Retry-After`.
    RateLimited,
    /// 402.
    Unpaid,
    /// 401.
    Unauthorised,
    /// 400, as for a prompt that the vendor will not draw.
    Blocked,
    /// Fields and enum values that the page does not document.
    UnknownFields,
    /// A media type that is none of the documented ones.
    WrongMime,
    /// The answer leaves out what it cost.
    MissingCost,
    /// Headers sent twice, with different values.
    DuplicateHeaders,
    /// The work is charged, and its bytes are no picture.
    BadPicture,
    /// 200 and nothing.
    EmptyBody,
    /// The job that this call makes ends as failed.
    JobFailed,
    /// The job that this call makes is stopped when its output is checked.
    JobBlocked,
    /// The job that this call makes never ends.
    JobStuck,
}

/// The kind of path that a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathClass {
    /// A generation, in any dialect and of any kind.
    Generate,
    /// A picture by token or storage address.
    Images,
    /// The balance.
    Balance,
    /// The history.
    Generations,
    /// A job's state, or its end.
    Jobs,
    /// The counters of an allowance.
    Usage,
    /// A new key for an old one.
    Rotate,
    /// A result on the storage host, or the site.
    Results,
    /// What a generation would cost.
    Estimate,
    /// What was made, one by one or as a list of one's own.
    Creations,
    /// The history of credits.
    Transactions,
    /// Models and generators.
    Catalogue,
    /// Keys listed, made and revoked.
    Keys,
    /// What other people see and do.
    Community,
}

impl PathClass {
    /// The name as a script gives it and as the request log counts it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Images => "images",
            Self::Balance => "balance",
            Self::Generations => "generations",
            Self::Jobs => "jobs",
            Self::Usage => "usage",
            Self::Rotate => "rotate",
            Self::Results => "results",
            Self::Estimate => "estimate",
            Self::Creations => "creations",
            Self::Transactions => "transactions",
            Self::Catalogue => "catalogue",
            Self::Keys => "keys",
            Self::Community => "community",
        }
    }
}

/// A fault and how it strikes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Where; anywhere when absent.
    #[serde(default)]
    pub on: Option<PathClass>,
    /// For kinds that can strike on either side of the work.
    #[serde(default)]
    pub after_work: bool,
    /// How often a scripted fault strikes.
    #[serde(default = "once")]
    pub times: u32,
    /// For [`FaultKind::Slow`].
    #[serde(default = "one_second")]
    pub delay_ms: u64,
    /// For [`FaultKind::RateLimited`].
    #[serde(default = "one_as_seconds")]
    pub retry_after_s: u64,
    /// For [`FaultKind::OversizedBody`].
    #[serde(default)]
    pub bytes: Option<u64>,
}

/// A fault that strikes by chance, the same for the same seed and the same order of requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRate {
    /// In how many requests of a million that the fault could strike.
    pub per_million: u64,
    /// The fault; `times` means nothing here.
    pub fault: Fault,
}

fn once() -> u32 {
    1
}

fn one_second() -> u64 {
    1000
}

fn one_as_seconds() -> u64 {
    1
}

#[derive(Debug, Default)]
pub(crate) struct Faults {
    script: Mutex<VecDeque<Fault>>,
    drawn: AtomicU64,
}

impl Faults {
    pub(crate) fn add(&self, faults: Vec<Fault>) {
        self.script.lock().extend(faults.into_iter().filter(|fault| fault.times > 0));
    }

    pub(crate) fn clear(&self) {
        self.script.lock().clear();
    }

    pub(crate) fn script(&self) -> Vec<Fault> {
        self.script.lock().iter().cloned().collect()
    }

    /// The fault of this request: the first scripted one that fits, or one by chance.
    pub(crate) fn draw(&self, class: PathClass, rates: &[FaultRate], seed: u64) -> Option<Fault> {
        self.scripted(class).or_else(|| self.by_chance(class, rates, seed))
    }

    fn scripted(&self, class: PathClass) -> Option<Fault> {
        let mut script = self.script.lock();
        let place = script.iter().position(|fault| fault.strikes(class))?;
        let fault = script.get_mut(place)?;
        fault.times -= 1;
        if fault.times > 0 { Some(fault.clone()) } else { script.remove(place) }
    }

    fn by_chance(&self, class: PathClass, rates: &[FaultRate], seed: u64) -> Option<Fault> {
        if rates.is_empty() {
            return None;
        }
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        let roll = mix(seed ^ mix(number)) % 1_000_000;
        let mut below = 0;
        let mut fitting = rates.iter().filter(|rate| rate.fault.strikes(class));
        fitting
            .find(|rate| {
                below = rate.per_million.saturating_add(below);
                roll < below
            })
            .map(|rate| rate.fault.clone())
    }
}

impl Fault {
    /// A fault of that kind that strikes once, anywhere, before the work where it has the choice.
    pub fn new(kind: FaultKind) -> Self {
        let (times, delay_ms, retry_after_s) = (once(), one_second(), one_as_seconds());
        Self { kind, on: None, after_work: false, times, delay_ms, retry_after_s, bytes: None }
    }

    fn strikes(&self, class: PathClass) -> bool {
        self.on.is_none_or(|on| on == class)
    }

    /// The name as a script gives it.
    pub(crate) fn name(&self) -> String {
        serde_json::to_string(&self.kind).unwrap_or_default().trim_matches('"').to_owned()
    }

    /// Whether it strikes before the work.
    pub(crate) fn before_work(&self) -> bool {
        use FaultKind as Kind;
        match self.kind {
            Kind::ResetBefore
            | Kind::RateLimited
            | Kind::Unpaid
            | Kind::Unauthorised
            | Kind::Blocked => true,
            Kind::Status500
            | Kind::Status500Html
            | Kind::Status502
            | Kind::Status503
            | Kind::Hang => !self.after_work,
            _ => false,
        }
    }

    /// What the wire makes of an answer. The vendor's own words (a 500 in its shape, odd fields) come before this.
    pub(crate) async fn spoil(&self, mut answer: Answer) -> Answer {
        match self.kind {
            FaultKind::ResetBefore | FaultKind::ResetAfter => return Answer::reset(),
            FaultKind::Status500Html => return proxy_page(StatusCode::INTERNAL_SERVER_ERROR),
            FaultKind::Status502 => return proxy_page(StatusCode::BAD_GATEWAY),
            FaultKind::Status503 => return proxy_page(StatusCode::SERVICE_UNAVAILABLE),
            FaultKind::Hang => return std::future::pending().await,
            FaultKind::Slow => tokio::time::sleep(Duration::from_millis(self.delay_ms)).await,
            FaultKind::TruncatedBody => answer.ending = Ending::Cut,
            FaultKind::OversizedBody => answer.ending = Ending::Flood(self.bytes),
            FaultKind::MalformedJson => answer.truncate(answer.len() - answer.len() / 4),
            FaultKind::EmptyBody => answer.frames = vec![Bytes::new()],
            FaultKind::WrongContentType => answer = answer.with(CONTENT_TYPE, "text/html"),
            FaultKind::DuplicateHeaders => {
                for (name, value) in
                    [("content-type", "text/plain"), ("x-request-id", "1"), ("x-request-id", "2")]
                {
                    let name = HeaderName::from_static(name);
                    answer.headers.append(name, HeaderValue::from_static(value));
                }
            }
            FaultKind::Status500
            | FaultKind::RateLimited
            | FaultKind::Unpaid
            | FaultKind::Unauthorised
            | FaultKind::Blocked
            | FaultKind::UnknownFields
            | FaultKind::WrongMime
            | FaultKind::MissingCost
            | FaultKind::BadPicture
            | FaultKind::JobFailed
            | FaultKind::JobBlocked
            | FaultKind::JobStuck => {}
        }
        answer
    }
}

/// What a reverse proxy in front of the vendor says when the vendor does not.
fn proxy_page(status: StatusCode) -> Answer {
    let page = format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n\
         <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    Answer::new(status, "text/html", vec![page.into()])
}

#[cfg(test)]
mod tests {
    use super::{Fault, FaultKind, FaultRate, Faults, PathClass};

    #[test]
    fn a_scripted_fault_strikes_its_class_as_often_as_said() {
        let faults = Faults::default();
        let mut twice = Fault::new(FaultKind::ResetAfter);
        (twice.on, twice.times) = (Some(PathClass::Generate), 2);
        faults.add(vec![twice, Fault::new(FaultKind::Hang)]);
        let kind = |class| faults.draw(class, &[], 0).map(|fault| fault.kind);
        assert_eq!(kind(PathClass::Generate), Some(FaultKind::ResetAfter));
        assert_eq!(kind(PathClass::Balance), Some(FaultKind::Hang));
        assert_eq!(kind(PathClass::Generate), Some(FaultKind::ResetAfter));
        assert_eq!(kind(PathClass::Generate), None);
    }

    #[test]
    fn chance_keeps_its_rate_and_repeats_with_its_seed() {
        let rates = [FaultRate { per_million: 200_000, fault: Fault::new(FaultKind::Status500) }];
        let run = |seed| {
            let faults = Faults::default();
            let draw = |_| faults.draw(PathClass::Generate, &rates, seed).is_some();
            (0..1000).map(draw).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        let struck = run(7).into_iter().filter(|struck| *struck).count();
        assert!((150..250).contains(&struck), "{struck}");
    }
}
