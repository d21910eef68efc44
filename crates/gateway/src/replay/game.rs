//! A trace of the routing game: its vendors with their published prices and limits, then a request a line.
//! Only what is public of it is read.

use std::{collections::BTreeMap, time::Duration};

use engine::{Considered, Decision};
use provider::{AllowanceLimit, Calendar, Kind, Limits, MicroUsd, Overage, Timestamp};
use routing::{Policy, Standing};
use serde::Deserialize;

use super::{Asked, ReplayError, Terms, Trace, file::Lines};

const FORMAT: &str = "routing-trace/1";

/// The first line.
#[derive(Deserialize)]
struct Head {
    format: String,
    public: Public,
}

#[derive(Deserialize)]
struct Public {
    vendors: Vendors,
    classes: BTreeMap<String, Class>,
}

#[derive(Deserialize)]
struct Class {
    kind: Kind,
    candidates: Vec<String>,
}

/// The vendors, each with the kind of supply that it has.
#[derive(Deserialize)]
struct Vendors {
    zekron: Prepaid,
    zsky: Plan,
    generor: Credits,
}

#[derive(Deserialize)]
struct Prepaid {
    models: BTreeMap<String, Range>,
}

#[derive(Deserialize)]
struct Range {
    min: i64,
    max: i64,
    max_side: u32,
    ms: u64,
}

#[derive(Deserialize)]
struct Plan {
    month_images: u32,
    month_videos: u32,
    day_images: u32,
    day_videos: u32,
    image_ms: u64,
    video_ms_per_second: u64,
    max_video_seconds: u32,
    #[serde(default)]
    used_images: u32,
    #[serde(default)]
    used_videos: u32,
    overage: Extra,
}

#[derive(Deserialize)]
struct Extra {
    on: bool,
    cap: i64,
    image: i64,
    video: i64,
}

#[derive(Deserialize)]
struct Credits {
    micro_usd_per_credit: i64,
    models: BTreeMap<String, Listed>,
}

#[derive(Deserialize)]
struct Listed {
    credits: i64,
    ms: u64,
    #[serde(default)]
    durations: Vec<u32>,
}

/// A line of the rest.
#[derive(Deserialize)]
struct Line {
    t: i64,
    class: String,
    team: String,
    n: u32,
    #[serde(default)]
    size: u32,
    #[serde(default)]
    seconds: u32,
    deadline: u64,
    max_price: Option<i64>,
}

/// Reads a trace.
pub(super) fn read(mut lines: Lines<'_>) -> Result<Trace, ReplayError> {
    let first = lines.next()?.ok_or_else(|| lines.wrong_at(1, "the file is empty"))?;
    let head: Head = serde_json::from_str(&first).map_err(|error| lines.wrong(error))?;
    if head.format != FORMAT {
        return Err(lines.wrong(format!("the format is {:?}, not {FORMAT:?}", head.format)));
    }
    let public = head.public;
    let mut requests = Vec::new();
    while let Some(text) = lines.next()? {
        let line: Line = serde_json::from_str(&text).map_err(|error| lines.wrong(error))?;
        requests.push(public.asked(&line).map_err(|reason| lines.wrong(reason))?);
    }
    Ok(Trace {
        requests,
        span: Default::default(),
        is_past: false,
        terms: Some(public.vendors.zsky.terms()),
        notes: vec![
            "prices are the published estimates: what vendors really charge is hidden in the trace"
                .to_owned(),
            "lanes are taken as free, balances as filled up, budgets as ample, free credits as none"
                .to_owned(),
            "a policy starts with nothing known and learns from the requests as they come".to_owned(),
        ],
    })
}

impl Public {
    fn asked(&self, line: &Line) -> Result<Asked, String> {
        let class = self.classes.get(&line.class);
        let class = class.ok_or_else(|| format!("there is no class {:?}", line.class))?;
        if line.n == 0 || line.n > 1_000 {
            return Err(format!("n is {}", line.n));
        }
        let candidates =
            class.candidates.iter().filter_map(|name| self.candidate(class, line, name));
        Ok(Asked {
            at: Timestamp::from_millis(line.t),
            team: line.team.clone(),
            kind: class.kind,
            decision: Decision { policy: Policy::default(), candidates: candidates.collect() },
            patience: Some(Duration::from_millis(line.deadline)),
            max_cost: line.max_price.map(MicroUsd::from_micros),
            was: None,
        })
    }

    /// A candidate with its published estimate; none where it cannot do that.
    fn candidate(&self, class: &Class, line: &Line, name: &str) -> Option<Considered> {
        let (vendor, model) = name.split_once('/')?;
        let n = i64::from(line.n);
        let (bare, millis) = match vendor {
            "zekron" => {
                let range = self.vendors.zekron.models.get(model)?;
                let each = (range.min + range.max) / 2;
                (line.size <= range.max_side).then_some((each * n, range.ms * u64::from(line.n)))?
            }
            "zsky" => {
                let plan = &self.vendors.zsky;
                let each = match class.kind {
                    Kind::Image => plan.image_ms,
                    _ if line.seconds > plan.max_video_seconds => return None,
                    _ => plan.video_ms_per_second * u64::from(line.seconds),
                };
                (0, each * u64::from(line.n))
            }
            _ => {
                let listed = self.vendors.generor.models.get(model)?;
                let (credits, millis) = listed.estimate(class.kind, line)?;
                (credits * self.vendors.generor.micro_usd_per_credit, millis)
            }
        };
        Some(Considered {
            model: name.to_owned(),
            account: "main".to_owned(),
            bare: Some(MicroUsd::from_micros(bare)),
            units: if vendor == "zsky" { line.n } else { 0 },
            busy: Duration::from_millis(millis),
            standing: Some(Standing { time: Duration::from_millis(millis), ..Standing::default() }),
            reason: None,
            used_up: false,
        })
    }
}

impl Listed {
    /// Credits and milliseconds of a request, the discount of several outputs in it.
    fn estimate(&self, kind: Kind, line: &Line) -> Option<(i64, u64)> {
        let (mut credits, mut millis) = (self.credits, self.ms);
        if kind == Kind::Video {
            let longest = self.durations.iter().max()?;
            if line.seconds > *longest {
                return None;
            }
            let near = |length: &&u32| (length.abs_diff(line.seconds), **length);
            let length = self.durations.iter().min_by_key(near)?;
            credits *= i64::from(*length);
            millis = millis * u64::from(*length) / 5;
        }
        let n = i64::from(line.n);
        let sum = credits * n;
        let millis = millis * (100 + 15 * u64::from(line.n - 1)) / 100;
        Some((sum - sum * n.min(10) / 100, millis))
    }
}

impl Plan {
    fn terms(&self) -> Terms {
        let account = "zsky/main";
        let limit = |kind, window, units| AllowanceLimit { kind, window, units };
        let mut limits = Limits::none(Duration::from_secs(300));
        limits.allowances = vec![
            limit(Kind::Image, Calendar::Day, self.day_images),
            limit(Kind::Image, Calendar::Month, self.month_images),
            limit(Kind::Video, Calendar::Day, self.day_videos),
            limit(Kind::Video, Calendar::Month, self.month_videos),
        ];
        let extra = &self.overage;
        limits.overage = extra.on.then(|| Overage {
            prices: vec![
                (Kind::Image, MicroUsd::from_micros(extra.image)),
                (Kind::Video, MicroUsd::from_micros(extra.video)),
            ],
            monthly_cap: MicroUsd::from_micros(extra.cap),
        });
        let used = [(Kind::Image, self.used_images), (Kind::Video, self.used_videos)];
        let used = used.map(|(kind, units)| (account.to_owned(), kind, units));
        // Accounts that are paid by the piece have no plan, but they are there.
        let paid = ["zekron/main", "generor/main"];
        let paid = paid.map(|name| (name.to_owned(), Limits::none(Duration::from_secs(300))));
        let accounts = std::iter::once((account.to_owned(), limits)).chain(paid).collect();
        Terms { accounts, used: used.to_vec() }
    }
}
