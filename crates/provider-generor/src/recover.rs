//! What the vendor's books say of a call whose answer was lost.
//!
//! A call of `generate` makes as many creations as it was asked for, and the list of creations does not
//! say which belong together. Those that show the same prompt, generator, model and type, and were made
//! while the lost call can have been working, are put together by the books of credits: each call is
//! charged once, so a creation that a charge names begins a call, and those of the same moment that no
//! charge names belong to it. The lowest number is what is claimed, here and where the answer came. Where
//! charges name nothing and creations of one moment may be anybody's, nothing is said: to claim another
//! generation's would be to book what was never charged.

use std::{collections::HashSet, time::Duration};

use serde::Deserialize;
use serde_json::Value;

use provider::{
    Blame, Call, Charge, Error, ErrorKind, Finished, Found, Kind, Lost, Recovered, Result, Retry,
    Timestamp,
};

use crate::{
    client::Api,
    convert::{self, Asked},
    outputs, refusals,
    spend::{self, Spend},
    window::{SLACK, Window},
    wire::Creation,
};

/// Pages that are read at most; at the highest tier's 300 calls a minute a window fills a few dozen.
const PAGES_MAX: usize = 50;
/// Most creations of one call.
const COUNT_MAX: usize = 10;

/// What is looked for.
#[derive(Debug)]
pub(crate) struct Search<'a> {
    pub(crate) lost: &'a Lost,
    /// The prompt as it was sent.
    pub(crate) prompt: &'a str,
    /// The generators that it may have been sent to: another default may have been known then.
    pub(crate) slugs: Vec<&'a str>,
    pub(crate) asked: Asked<'a>,
    /// The longest that the vendor works on a call.
    pub(crate) ceiling: Duration,
}

pub(crate) async fn candidates(
    api: &Api,
    call: Call<'_>,
    search: &Search<'_>,
) -> Result<Recovered> {
    match looked_up(api, call, search).await {
        Ok(found) => Ok(Recovered::Candidates(found)),
        // Asking again changes nothing, and a caller waits: the account's warnings say what is missing.
        Err(error) if refusals::lacks_scope(&error) => Ok(Recovered::CannotTell),
        Err(error) => Err(error),
    }
}

async fn looked_up(api: &Api, call: Call<'_>, search: &Search<'_>) -> Result<Vec<Found>> {
    let (listed, window) = creations(api, call, search).await?;
    let mut rows = Vec::new();
    for mut row in listed {
        match state(api, call, search, &row).await? {
            State::Done(value) => row.value = value,
            State::Going => row.is_going = true,
            State::Ended => continue,
        }
        rows.push(row);
    }
    if rows.iter().all(|row| row.is_going) {
        return Ok(Vec::new());
    }
    let spends = spends(api, call, window).await?;
    let calls = together(rows, &spends, search.asked.count.into());
    if are_mixed_up(&calls, &spends, window) {
        let public = "the vendor's books do not tell which of the creations one call made";
        return Err(Error::new(
            ErrorKind::Failed,
            Blame::Vendor,
            Retry::Safe { after: None },
            public,
        ));
    }
    let mut found = Vec::new();
    for made in calls {
        found.extend(search.settle(&made, &spends, window)?);
    }
    // Fewer than were asked for may be equal work that asked for fewer, whose own search takes them at
    // once: they are this call's only when it can make no more.
    found.retain(|(short, _)| !short || search.is_over());
    // As many as were asked for are likelier than fewer, and those with a readable time than others.
    found.sort_by_key(|(short, row)| (*short, row.created_at.is_none(), row.created_at));
    Ok(found.into_iter().map(|(_, row)| row).collect())
}

/// The creations that the lost call may have made, by number, and its window by the vendor's clock.
async fn creations(api: &Api, call: Call<'_>, search: &Search<'_>) -> Result<(Vec<Row>, Window)> {
    // The turn may be waited for, so that «now» is not what it was when the caller said it.
    let begun = api.now();
    let only = match search.slugs.as_slice() {
        [slug] => Some(*slug),
        _ => None,
    };
    let (mut seen, mut rows) = (HashSet::new(), Vec::new());
    for number in 1..=PAGES_MAX {
        let page = api.creations(call, only, number).await?;
        let ours = search.lost.now.plus(api.now().since(begun));
        let window = Window::of(search.lost, search.ceiling, page.date.unwrap_or(ours), ours);
        let is_last = !page.has_next || window.passed(&page, created_at);
        for value in page.rows {
            // Rows that come while we page move the older ones to the next page: some come twice.
            if let Some(row) = search.accept(value, window)
                && seen.insert(row.id.clone())
            {
                rows.push(row);
            }
        }
        if is_last {
            rows.sort_by(|a, b| a.order().cmp(&b.order()));
            return Ok((rows, window));
        }
    }
    Err(too_long())
}

async fn spends(api: &Api, call: Call<'_>, window: Window) -> Result<Vec<Spend>> {
    let mut all = Vec::new();
    for number in 1..=PAGES_MAX {
        let page = api.transactions(call, "spend", number).await?;
        let is_last = !page.has_next || window.passed(&page, spend::moment);
        all.extend(page.rows.iter().filter_map(Spend::read));
        if is_last {
            return Ok(all);
        }
    }
    Err(too_long())
}

/// An answer of «not there» would let the caller pay again; this makes it ask again.
fn too_long() -> Error {
    let public = "the vendor's books are too long to be searched";
    Error::new(ErrorKind::Failed, Blame::Vendor, Retry::Safe { after: None }, public)
}

fn created_at(row: &Value) -> Option<Timestamp> {
    Creation::deserialize(row).ok()?.created_at
}

/// A creation that may be of the lost call.
#[derive(Debug)]
struct Row {
    id: String,
    at: Option<Timestamp>,
    slug: Option<String>,
    value: Value,
    status: Option<String>,
    /// Whether the list shows its prompt whole; otherwise the creation itself has to.
    is_sure: bool,
    is_going: bool,
}

impl Row {
    fn order(&self) -> (usize, &str) {
        convert::in_order(&self.id)
    }

    /// Whether it may have been made at the same time as another.
    fn is_of_moment(&self, other: &Self) -> bool {
        let both = self.at.zip(other.at);
        both.is_none_or(|(a, b)| a.since(b) <= SLACK && b.since(a) <= SLACK)
    }
}

impl Search<'_> {
    /// Whether the vendor can be working on it no longer.
    fn is_over(&self) -> bool {
        self.lost.now >= self.lost.sent_at.plus(self.ceiling)
    }

    /// A field that a row does not show excludes nothing, but for its number.
    fn accept(&self, value: Value, window: Window) -> Option<Row> {
        let row = Creation::deserialize(&value).ok().filter(|_| value.is_object())?;
        let id = row.number()?.to_owned();
        let slug_fits = row.generator.as_deref().is_none_or(|slug| self.slugs.contains(&slug));
        let is_sure = self.same_prompt(row.prompt.as_deref())?;
        let fits = slug_fits
            && row.created_at.is_none_or(|at| window.holds(at))
            && self.same_model(&row)
            && row.kind.as_deref().is_none_or(|kind| may_be(kind, self.asked.kind));
        fits.then_some(Row {
            id,
            at: row.created_at,
            slug: row.generator,
            value,
            status: row.status,
            is_sure,
            is_going: false,
        })
    }

    /// `None` where it is another one; whether it is sure to be the same. A list may cut it short.
    fn same_prompt(&self, shown: Option<&str>) -> Option<bool> {
        let wanted = self.prompt.trim();
        let Some(shown) = shown.map(str::trim) else { return Some(wanted.is_empty()) };
        let cut = shown.strip_suffix("...").or_else(|| shown.strip_suffix('…'));
        match cut {
            _ if shown == wanted => Some(true),
            Some(begin) if wanted.starts_with(begin.trim_end()) => Some(false),
            _ => None,
        }
    }

    fn same_model(&self, row: &Creation) -> bool {
        let model = &self.lost.work.model;
        let within = row.generator_data.as_ref().and_then(|data| data.get("model_id"));
        let within = within.map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned));
        row.model_id.as_ref().or(within.as_ref()).is_none_or(|shown| shown == model)
    }

    /// What the creations of one call came to; none while one of them is still being made. Beside it,
    /// whether they are fewer than were asked for.
    fn settle(
        &self,
        made: &[Row],
        spends: &[Spend],
        window: Window,
    ) -> Result<Option<(bool, Found)>> {
        let asked = &self.asked;
        let works = convert::works(made.iter().map(|row| &row.value), asked);
        let (Some(reference), Some(row)) = (convert::reference(&works), made.first()) else {
            return Ok(None);
        };
        if made.iter().any(|row| row.is_going) {
            return Ok(None);
        }
        let ids: Vec<&str> = made.iter().map(|row| row.id.as_str()).collect();
        let slug = row.slug.as_deref().or_else(|| self.slugs.first().copied()).unwrap_or_default();
        let since = row.at.map_or(window.from, |at| at.minus(SLACK));
        let charged =
            spend::charged(spends, &ids, slug, Window { from: since, ..window }, asked.credit);
        let charge = charged.map(Charge::exact).or_else(|| asked.upper.map(Charge::at_most));
        let charge = charge.ok_or_else(|| {
            let public = "the vendor's books do not tell what the work cost";
            Error::new(ErrorKind::Failed, Blame::Vendor, Retry::Safe { after: None }, public)
        })?;
        let mut adjustments = asked.adjustments.clone();
        adjustments.extend(convert::fewer(works.len(), asked.count));
        let short = works.len() < usize::from(asked.count);
        let finished = Finished {
            reference: Some(reference.clone()),
            outputs: works.into_iter().flat_map(|work| work.outputs).collect(),
            charge,
            balance: None,
            adjustments,
        };
        Ok(Some((short, Found { reference, created_at: row.at, finished })))
    }
}

/// Whether a creation's `type` may be that of a kind. The page shows `img` and no other.
fn may_be(shown: &str, kind: Kind) -> bool {
    let own: &[&str] = match kind {
        Kind::Image | Kind::Upscale | Kind::BackgroundRemoval => &["img", "image"],
        Kind::Video => &["video"],
        Kind::Speech | Kind::Music | Kind::SoundEffect => &["audio"],
        Kind::Text => &["text"],
        Kind::Vector | Kind::Vision => return true,
    };
    let known = ["img", "image", "video", "audio", "text"];
    own.contains(&shown) || !known.contains(&shown)
}

/// Creations by the call that made them. `count`: as many as one call was asked for.
fn together(rows: Vec<Row>, spends: &[Spend], count: usize) -> Vec<Vec<Row>> {
    let charge_of = |row: &Row| spends.iter().position(|spend| spend.names(&row.id));
    let charges: HashSet<usize> = rows.iter().filter_map(charge_of).collect();
    // Where each creation has a charge of its own, charges do not tell calls.
    let told = !charges.is_empty() && (count == 1 || charges.len() < rows.len());
    let most = if told { COUNT_MAX } else { count };
    let mut calls: Vec<Vec<Row>> = Vec::new();
    for row in rows {
        let belongs = calls.last().is_some_and(|call: &Vec<Row>| {
            let first = &call[0];
            let charge = charge_of(&row);
            let same_charge = !told || charge.is_none() || charge == charge_of(first);
            // One call's may be stamped one by one, as each is done.
            let missing = told && charge.is_none() && count > 1 && call.len() < count;
            call.len() < most && same_charge && (row.is_of_moment(first) || missing)
        });
        match calls.last_mut().filter(|_| belongs) {
            Some(call) => call.push(row),
            None => calls.push(vec![row]),
        }
    }
    // More than were asked for are another call's.
    calls.retain(|call| call.len() <= count);
    calls
}

/// Whether some of these may be parts of one call that made more: creations of the same moment, and fewer
/// charges than calls, none of which says what it is for. Another generation may have claimed that call.
fn are_mixed_up(calls: &[Vec<Row>], spends: &[Spend], window: Window) -> bool {
    let is_told = |row: &Row| spends.iter().any(|spend| spend.names(&row.id));
    let near = spends.iter().filter(|spend| spend.is_near(window)).count();
    calls.windows(2).any(|pair| pair[0][0].is_of_moment(&pair[1][0]))
        && near < calls.len()
        && !calls.iter().flatten().any(is_told)
}

/// What has become of one creation.
#[derive(Debug)]
enum State {
    /// As it is shown, outputs and all.
    Done(Value),
    /// It is still being made.
    Going,
    /// It never came to be, or is another one after all.
    Ended,
}

/// A list that shows the output says enough; otherwise the vendor is asked about the creation itself.
async fn state(api: &Api, call: Call<'_>, search: &Search<'_>, row: &Row) -> Result<State> {
    let kind = search.asked.kind;
    match word(row.status.as_deref()) {
        Some(ended) => return Ok(ended),
        None if row.is_sure && outputs::is_shown(&row.value, kind, &search.asked.sent) => {
            return Ok(State::Done(row.value.clone()));
        }
        None => {}
    }
    let status = api.status(call, &row.id).await?;
    if let Some(ended) = word(status.as_deref()) {
        return Ok(ended);
    }
    let Some(whole) = api.creation(call, &row.id).await? else { return Ok(State::Ended) };
    let prompt = whole.get("prompt").and_then(Value::as_str);
    if !row.is_sure && search.same_prompt(prompt) != Some(true) {
        return Ok(State::Ended);
    }
    let is_done = outputs::is_shown(&whole, kind, &search.asked.sent)
        || status.is_some_and(|status| status.eq_ignore_ascii_case("completed"));
    Ok(if is_done { State::Done(whole) } else { State::Going })
}

/// What the vendor's word says, where it says that there is nothing (yet).
fn word(status: Option<&str>) -> Option<State> {
    match status?.to_ascii_lowercase().as_str() {
        "pending" | "generating" => Some(State::Going),
        "failed" | "cancelled" | "canceled" => Some(State::Ended),
        _ => None,
    }
}

#[cfg(test)]
#[path = "recover_tests.rs"]
mod tests;
