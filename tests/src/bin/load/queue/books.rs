//! What the vendor's books say of its jobs.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::{Result, vendor_process::VendorProcess};

/// One job, its times by the vendor's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    pub(super) submitted_ms: i64,
    pub(super) ended_ms: Option<i64>,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Books {
    /// By account, in the order in which they were taken in.
    accounts: BTreeMap<String, Vec<Job>>,
    /// By prompt: the latest with it.
    by_prompt: HashMap<String, Job>,
    /// When the next job ends.
    due_ms: Option<i64>,
    /// Answers by status.
    answers: BTreeMap<String, u64>,
}

impl Books {
    pub(super) async fn read(vendor: &VendorProcess) -> Result<Self> {
        let told = vendor.books().await?;
        let mut accounts: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut by_prompt = HashMap::new();
        let mut due_ms: Option<i64> = None;
        for row in told["jobs"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let submitted_ms =
                row["submitted_at_ms"].as_i64().ok_or("a job without a beginning")?;
            let job = Job { submitted_ms, ended_ms: row["ended_at_ms"].as_i64() };
            accounts.entry(text(&row["account"])).or_default().push(job);
            by_prompt.insert(text(&row["order"]["prompt"]), job);
            if let (None, Some(due)) = (job.ended_ms, row["due_at_ms"].as_i64()) {
                due_ms = Some(due_ms.map_or(due, |first| first.min(due)));
            }
        }
        let answers = &told["requests"]["by_status"];
        let answer = |(status, count): (&String, &Value)| Some((status.clone(), count.as_u64()?));
        let answers = answers.as_object().into_iter().flatten().filter_map(answer).collect();
        Ok(Self { accounts, by_prompt, due_ms, answers })
    }

    fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.accounts.values().flatten()
    }

    pub(super) fn count(&self) -> usize {
        self.jobs().count()
    }

    pub(super) fn job(&self, prompt: &str) -> Option<Job> {
        self.by_prompt.get(prompt).copied()
    }

    /// Jobs that have not ended.
    pub(super) fn working(&self) -> usize {
        self.jobs().filter(|job| job.ended_ms.is_none()).count()
    }

    /// When the next job ends; with none, at the beginning of time.
    pub(super) fn first_due_ms(&self) -> i64 {
        self.due_ms.unwrap_or(0)
    }

    /// Jobs that were running at that moment.
    pub(super) fn running_at(&self, at_ms: i64) -> usize {
        self.jobs().filter(|job| job.runs_at(at_ms)).count()
    }

    /// Jobs that ended in between.
    pub(super) fn ended_within(&self, [from_ms, to_ms]: [i64; 2]) -> usize {
        let within = |ended: i64| (from_ms..to_ms).contains(&ended);
        self.jobs().filter(|job| job.ended_ms.is_some_and(within)).count()
    }

    /// The most jobs that one key had at once.
    pub(super) fn most_at_once(&self) -> usize {
        // The number changes only where a job begins.
        let most = |jobs: &Vec<Job>| {
            let at =
                |job: &Job| jobs.iter().filter(|other| other.runs_at(job.submitted_ms)).count();
            jobs.iter().map(at).max()
        };
        self.accounts.values().filter_map(most).max().unwrap_or(0)
    }

    /// The most jobs that one key began within a minute.
    pub(super) fn most_in_a_minute(&self) -> usize {
        let most = |jobs: &Vec<Job>| {
            let from = |job: &Job| {
                let minute = job.submitted_ms..job.submitted_ms + 60_000;
                jobs.iter().filter(|other| minute.contains(&other.submitted_ms)).count()
            };
            jobs.iter().map(from).max()
        };
        self.accounts.values().filter_map(most).max().unwrap_or(0)
    }

    /// The fewest and the most jobs that one key had in all.
    pub(super) fn share(&self) -> (usize, usize) {
        let counts = || self.accounts.values().map(Vec::len);
        (counts().min().unwrap_or(0), counts().max().unwrap_or(0))
    }

    /// How many requests were answered so.
    pub(super) fn answered(&self, status: &str) -> u64 {
        self.answers.get(status).copied().unwrap_or(0)
    }

    /// All answers.
    pub(super) fn answers(&self) -> &BTreeMap<String, u64> {
        &self.answers
    }
}

impl Job {
    fn runs_at(self, at_ms: i64) -> bool {
        self.submitted_ms <= at_ms && self.ended_ms.is_none_or(|ended| at_ms < ended)
    }
}
