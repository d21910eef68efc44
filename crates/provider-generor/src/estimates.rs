//! What the vendor said a kind of order would cost, remembered by what determines it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use moka::sync::Cache;
use parking_lot::Mutex;
use provider::{Adjustment, Adjustments, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{credits::Credits, key::Key};

/// So many kinds of orders are remembered; the least used of more is forgotten.
const REMEMBERED_MAX: u64 = 10_000;
/// And so many are kept across restarts, the most used ones: all of them would be megabytes to write.
const KEPT_MAX: usize = 2_000;
/// One is good for an hour. It is asked for again before that, in time for the vendor's limits.
const REFRESHED_AFTER: Duration = Duration::from_secs(48 * 60);
/// So many are refreshed at a time, the most used ones.
const REFRESHED_AT_ONCE: usize = 10;
/// So many that were never asked for are named at a time.
const MISSING_AT_ONCE: usize = 100;
/// After a live question failed, none for so long.
const PAUSE: Duration = Duration::from_secs(30);
/// A question that could not be asked is asked again after this,
const FAILED_PAUSE: Duration = Duration::from_secs(60);
/// and one that the vendor refused after this.
const REFUSED_PAUSE: Duration = Duration::from_secs(10 * 60);

/// What the vendor answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// For all items, after the bulk discount.
    pub(crate) total: Credits,
    /// For one item, before it.
    pub(crate) per_item: Option<Credits>,
    /// What is taken off for the number of items, in percent.
    pub(crate) discount_percent: Option<Credits>,
    /// How long the work will take.
    pub(crate) seconds: Option<u32>,
    /// The generator's own fields that it used; none where it did not say.
    pub(crate) applied: Option<Map<String, Value>>,
    /// What it would use instead of what was asked for.
    pub(crate) adjustments: Adjustments,
    /// When it was said.
    pub(crate) at: Timestamp,
}

/// A kind of order, and what is known of its price.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Whom to ask.
    pub(crate) slug: String,
    /// What to ask: [`Order::estimate_body`](crate::order::Order::estimate_body).
    pub(crate) body: Bytes,
    state: Mutex<State>,
    /// Quotes since the last answer.
    uses: AtomicU32,
    asking: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    answer: Option<Arc<Answer>>,
    not_before: Timestamp,
}

/// How a question went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The vendor has no answer to that question.
    Refused,
    /// There was no answer, to this or to any.
    Unanswered,
}

/// The one live question of an entry.
#[derive(Debug)]
pub(crate) struct Asking<'e>(&'e Entry);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.asking.store(false, Ordering::Release);
    }
}

/// All that are remembered.
#[derive(Debug)]
pub(crate) struct Estimates {
    entries: Cache<Key, Arc<Entry>>,
    /// No live question before this, in Unix milliseconds.
    paused_until: AtomicI64,
}

/// One of them across a restart.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    key: String,
    slug: String,
    body: String,
    answer: Answer,
}

impl Answer {
    /// Reads the `data` of an estimate; none where it tells no price.
    pub(crate) fn read(data: &Value, at: Timestamp) -> Option<Self> {
        let credits = |value: &Value| {
            let read = serde_json::from_value::<Credits>(value.clone()).ok();
            read.filter(|credits| credits.is_price())
        };
        let cost = data.get("credit_cost")?;
        let part = |name: &str| cost.get(name).and_then(credits);
        let time = data.get("time_estimate");
        let seconds = time.map(|time| time.get("seconds").unwrap_or(time)).and_then(credits);
        Some(Self {
            total: part("total").or_else(|| credits(cost))?,
            per_item: part("per_item"),
            discount_percent: part("discount_percent"),
            seconds: seconds.map(Credits::rounded_up),
            applied: match data.get("applied_parameters") {
                Some(Value::Object(applied)) => Some(applied.clone()),
                // An empty object, as PHP writes one.
                Some(Value::Array(none)) if none.is_empty() => Some(Map::new()),
                _ => None,
            },
            adjustments: data.get("adjustments").map(adjustments).unwrap_or_default(),
            at,
        })
    }
}

/// Reads the vendor's `adjustments` block, which `/estimate` and `/generate` share. A value that is not as
/// the page shows it is still told: as what was used.
pub(crate) fn adjustments(block: &Value) -> Adjustments {
    let Some(block) = block.as_object() else { return Adjustments::new() };
    let read = |(name, told): (&String, &Value)| {
        let part = |part: &str| told.get(part).cloned().unwrap_or(Value::Null);
        let reason = told.get("reason").and_then(Value::as_str);
        let adjustment = Adjustment {
            requested: part("requested"),
            used: if told.is_object() { part("used") } else { told.clone() },
            reason: reason.unwrap_or("the vendor adjusted it").to_owned(),
        };
        let name = if name == "generate_audio" { "audio" } else { name };
        (name.to_owned(), adjustment)
    };
    block.iter().map(read).collect()
}

impl Entry {
    fn new(slug: String, body: Bytes) -> Self {
        let (uses, asking) = (AtomicU32::new(0), AtomicBool::new(false));
        Self { slug, body, state: Mutex::default(), uses, asking }
    }

    /// Counts a quote, and says what is remembered.
    pub(crate) fn used(&self) -> Option<Arc<Answer>> {
        self.uses.fetch_add(1, Ordering::Relaxed);
        self.state.lock().answer.clone()
    }

    /// What is remembered.
    pub(crate) fn answer(&self) -> Option<Arc<Answer>> {
        self.state.lock().answer.clone()
    }

    /// Remembers an answer.
    pub(crate) fn answered(&self, answer: Answer) -> Arc<Answer> {
        let answer = Arc::new(answer);
        *self.state.lock() =
            State { answer: Some(Arc::clone(&answer)), not_before: Timestamp::default() };
        self.uses.store(0, Ordering::Relaxed);
        answer
    }

    /// Waits a while before the next question; an answer that is there stays.
    pub(crate) fn failed(&self, how: Failure, now: Timestamp) {
        let pause = if how == Failure::Refused { REFUSED_PAUSE } else { FAILED_PAUSE };
        self.state.lock().not_before = now.plus(pause);
    }

    /// The right to ask about this entry while somebody waits, which only one has at a time.
    pub(crate) fn ask(&self, now: Timestamp) -> Option<Asking<'_>> {
        let may = self.state.lock().not_before <= now;
        // Made only where it is held: dropping it gives the right back.
        (may && !self.asking.swap(true, Ordering::AcqRel)).then(|| Asking(self))
    }
}

impl Estimates {
    pub(crate) fn new() -> Self {
        Self { entries: Cache::new(REMEMBERED_MAX), paused_until: AtomicI64::new(i64::MIN) }
    }

    pub(crate) fn find(&self, key: Key) -> Option<Arc<Entry>> {
        self.entries.get(&key)
    }

    /// The entry of that key, made where there is none.
    pub(crate) fn want(&self, key: Key, question: impl FnOnce() -> (String, Bytes)) -> Arc<Entry> {
        self.entries.get_with(key, || {
            let (slug, body) = question();
            Arc::new(Entry::new(slug, body))
        })
    }

    /// Whether live questions are asked at all for now.
    pub(crate) fn is_paused(&self, now: Timestamp) -> bool {
        now.millis() < self.paused_until.load(Ordering::Relaxed)
    }

    /// A live question failed: nobody waits for another for a while.
    pub(crate) fn pause(&self, now: Timestamp) {
        self.paused_until.store(now.plus(PAUSE).millis(), Ordering::Relaxed);
    }

    /// Orders that nothing is known of, the most used first.
    pub(crate) fn missing(&self, now: Timestamp) -> Vec<Key> {
        self.due(now, MISSING_AT_ONCE, |answer| answer.is_none())
    }

    /// Those in use whose answer grows old, the most used first.
    pub(crate) fn stale(&self, now: Timestamp) -> Vec<Key> {
        let old = |answer: &Answer| now.since(answer.at) >= REFRESHED_AFTER;
        self.due(now, REFRESHED_AT_ONCE, |answer| answer.is_some_and(old))
    }

    fn due(&self, now: Timestamp, most: usize, is: impl Fn(Option<&Answer>) -> bool) -> Vec<Key> {
        let mut due = Vec::new();
        for (key, entry) in &self.entries {
            let uses = entry.uses.load(Ordering::Relaxed);
            let state = entry.state.lock();
            if uses > 0 && state.not_before <= now && is(state.answer.as_deref()) {
                due.push((std::cmp::Reverse(uses), *key));
            }
        }
        due.sort_unstable();
        due.into_iter().take(most).map(|(_, key)| key).collect()
    }

    /// Those with an answer, the most used first.
    pub(crate) fn kept(&self) -> Vec<Kept> {
        let mut all: Vec<_> = (&self.entries)
            .into_iter()
            .filter_map(|(key, entry)| {
                let answer = entry.state.lock().answer.clone()?;
                let uses = std::cmp::Reverse(entry.uses.load(Ordering::Relaxed));
                Some((uses, std::cmp::Reverse(answer.at), *key, entry, answer))
            })
            .collect();
        all.sort_unstable_by_key(|(uses, at, key, ..)| (*uses, *at, *key));
        let keep = |(_, _, key, entry, answer): (_, _, Key, Arc<Entry>, Arc<Answer>)| Kept {
            key: key.to_string(),
            slug: entry.slug.clone(),
            body: String::from_utf8_lossy(&entry.body).into_owned(),
            answer: Answer::clone(&answer),
        };
        all.into_iter().take(KEPT_MAX).map(keep).collect()
    }

    /// What an earlier process was told. Nothing that is known already is replaced.
    pub(crate) fn recall(&self, kept: Vec<Kept>, now: Timestamp) {
        for Kept { key, slug, body, mut answer } in kept {
            let Some(key) = Key::parse(&key) else { continue };
            let entry = self.want(key, || (slug, body.into()));
            answer.at = answer.at.min(now);
            entry.state.lock().answer.get_or_insert_with(|| Arc::new(answer));
        }
    }
}

#[cfg(test)]
#[path = "estimates_tests.rs"]
mod tests;
