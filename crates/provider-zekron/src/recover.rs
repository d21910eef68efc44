//! What the history says of a submit whose answer was lost.
//!
//! A row is a candidate when it shows the same prompt, model, size and type, is completed, and was
//! made while the lost call can have been working. The vendor stamps rows by its own clock and in
//! whole seconds, so the window is moved by the difference of the clocks (the `Date` of its answer
//! against ours) and opened by a slack. Which candidate belongs to whom is the caller's to decide:
//! it knows what other generations have claimed.

use std::{collections::HashSet, time::Duration};

use tokio::time::Instant;

use provider::{
    Adjustments, Blame, Call, Error, ErrorKind, Finished, Found, Lost, Model, Output, Recovered,
    RemoteOutput, Result, Retry, Timestamp,
};

use crate::{client::Api, convert, wire::Row};

/// Rows of one page: the most that the vendor gives.
pub(crate) const PAGE: usize = 100;
/// Pages that are read at most; at the documented 60 calls a minute a window fills one or two.
const PAGES_MAX: usize = 50;
/// `created_at` and `Date` are cut to whole seconds, each.
const SLACK: Duration = Duration::from_secs(2);

pub(crate) async fn candidates(
    api: &Api,
    call: Call<'_>,
    model: &Model,
    lost: &Lost,
    ceiling: Duration,
) -> Result<Recovered> {
    // The turn may be waited for, so that «now» is not what it was when the caller said it.
    let begun = Instant::now();
    let wanted = Wanted::of(model, lost);
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    let mut offset = 0;
    for _ in 0..PAGES_MAX {
        let (page, date) = api.history(call, PAGE, offset).await?;
        let ours = lost.now.plus(begun.elapsed());
        let window = Window::of(lost, ceiling, date.unwrap_or(ours), ours);
        let rows = page.generations;
        offset += rows.len();
        let more = page.pagination.and_then(|pages| pages.has_more);
        let ended =
            rows.is_empty() || !more.unwrap_or(rows.len() == PAGE) || are_last(&rows, window.from);
        for row in rows {
            // Rows that come while we page move the older ones to the next page: some come twice.
            if let Some(row) = wanted.accept(row, &window, model)
                && seen.insert(row.reference.clone())
            {
                found.push(row);
            }
        }
        if ended {
            // Rows without a readable time go last: any other is likelier.
            found.sort_by_key(|row| (row.created_at.is_none(), row.created_at));
            return Ok(Recovered::Candidates(found));
        }
    }
    // An answer of «not there» would let the caller pay again; this makes it ask again.
    let public = "the vendor's history is too long to be searched";
    Err(Error::new(ErrorKind::Failed, Blame::Vendor, Retry::Safe { after: None }, public))
}

/// When, by the vendor's clock, the lost work can have been made.
#[derive(Debug)]
struct Window {
    from: Timestamp,
    to: Timestamp,
}

impl Window {
    fn of(lost: &Lost, ceiling: Duration, theirs: Timestamp, ours: Timestamp) -> Self {
        let shifted = |at: Timestamp| {
            let ahead = theirs.since(ours);
            let behind = ours.since(theirs);
            at.plus(ahead).minus(behind)
        };
        Self {
            from: shifted(lost.sent_at).minus(SLACK),
            to: shifted(lost.lost_at).plus(ceiling).plus(SLACK),
        }
    }

    fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at <= self.to
    }
}

/// Whether everything after these rows is older than that: only where the page is indeed sorted with the
/// newest first, as the vendor's example shows and its page does not say.
pub(crate) fn are_last(rows: &[Row], than: Timestamp) -> bool {
    let times: Vec<Timestamp> = rows.iter().filter_map(|row| row.created_at).collect();
    let sorted = times.windows(2).all(|pair| pair[0] >= pair[1]);
    let newer_first = times.first() > times.last() || times.len() == 1;
    sorted && newer_first && times.last().is_some_and(|last| *last < than)
}

/// What a row must show.
#[derive(Debug)]
struct Wanted<'a> {
    prompt: &'a str,
    model: &'a str,
    size: Option<String>,
    kind: &'static str,
}

impl<'a> Wanted<'a> {
    fn of(model: &'a Model, lost: &'a Lost) -> Self {
        Self {
            prompt: lost.work.prompt.trim(),
            model: &model.name,
            size: convert::size(model, &lost.work).map(|size| size.to_string()),
            kind: if lost.has_inputs() { "edit" } else { "create" },
        }
    }

    /// A field that a row does not show excludes nothing, but for the prompt and the status: a row
    /// that is not completed may still become one, and is «not yet».
    fn accept(&self, row: Row, window: &Window, model: &Model) -> Option<Found> {
        let same = |shown: &Option<String>, wanted: &str| {
            shown.as_deref().is_none_or(|shown| shown == wanted)
        };
        let fits = row.prompt.as_deref().map(str::trim) == Some(self.prompt)
            && row.status.as_deref() == Some("completed")
            && same(&row.model, self.model)
            && same(&row.kind, self.kind)
            && self.size.as_deref().is_none_or(|size| same(&row.size, size))
            && row.created_at.is_none_or(|at| window.holds(at));
        let token = row.token.filter(|token| fits && !token.is_empty())?;
        let remote = RemoteOutput { location: token.clone(), expires_at: row.expires_at };
        let finished = Finished {
            reference: Some(token.clone()),
            outputs: vec![Output::Remote(remote)],
            charge: convert::charge(row.cost, model),
            balance: None,
            adjustments: Adjustments::new(),
        };
        Some(Found { reference: token, created_at: row.created_at, finished })
    }
}
