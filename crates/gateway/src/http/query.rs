//! What a query asks for: pages and spans.

use std::time::Duration;

use actix_web::{HttpRequest, web::Query};
use engine::{Page, Refusal};
use provider::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::{IntoParams, ToSchema};

use super::plan_fees::first_of_month;

/// Rows of a page where nobody says.
const USUAL: u32 = 20;
/// Rows of a page at most.
const MOST: u32 = 100;
/// An unknown name is told back where it is no longer than this.
const LONGEST_NAME: usize = 64;

/// Reads a query.
///
/// # Errors
/// `invalid_request` where it cannot be read at all; single values are checked by their readers,
/// which know their names.
pub(super) fn read<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Refusal> {
    let read = Query::<T>::from_query(request.query_string());
    read.map(Query::into_inner).map_err(|error| {
        let error = error.to_string();
        let unknown =
            error.split_once("unknown field `").and_then(|(_, rest)| rest.split_once('`'));
        let message = match unknown {
            Some((name, _)) if name.len() <= LONGEST_NAME => {
                format!("there is no `{name}` in this query")
            }
            _ => "the query cannot be read, or names something twice".to_owned(),
        };
        Refusal::field("query", message)
    })
}

/// Which part of a list.
#[derive(Deserialize, IntoParams, Default)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// Rows wanted, 1 to 100; 20 where it is left out.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

impl PageQuery {
    /// Of a query that asks for more than a page.
    pub(super) fn new(limit: Option<String>, cursor: Option<String>) -> Self {
        Self { limit, cursor }
    }

    /// The page, with one row more than asked for: whether it is there tells whether more follow.
    ///
    /// # Errors
    /// `invalid_request` naming `limit` or `cursor`.
    pub(super) fn page(self) -> Result<Page, Refusal> {
        let limit = match self.limit {
            None => USUAL,
            Some(text) => {
                let number = text.parse().ok().filter(|n| (1..=MOST).contains(n));
                number.ok_or_else(|| {
                    Refusal::field("limit", format!("`limit` is a number from 1 to {MOST}"))
                })?
            }
        };
        let sane = |cursor: &String| {
            (1..=64).contains(&cursor.len())
                && cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        if self.cursor.as_ref().is_some_and(|cursor| !sane(cursor)) {
            return Err(Refusal::field("cursor", "`cursor` is no `next_cursor` of a list"));
        }
        Ok(Page { limit: limit + 1, after: self.cursor, ascending: false })
    }
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct List<T> {
    data: Vec<T>,
    has_more: bool,
    next_cursor: Option<String>,
}

/// Cuts the row off that only told that more follow. The cursor is the last row that is shown.
pub(super) fn cut<R>(
    rows: &mut Vec<R>,
    page: &Page,
    id: impl Fn(&R) -> String,
) -> (bool, Option<String>) {
    let most = usize::try_from(page.limit.saturating_sub(1)).unwrap_or(usize::MAX);
    let has_more = rows.len() > most;
    rows.truncate(most);
    (has_more, rows.last().filter(|_| has_more).map(id))
}

/// A page of rows, each shown as `show` says.
pub(super) fn list<'r, R, T>(
    rows: &'r [R],
    (has_more, next_cursor): (bool, Option<String>),
    show: impl Fn(&'r R) -> T,
) -> List<T> {
    List { data: rows.iter().map(show).collect(), has_more, next_cursor }
}

/// A moment in a query: RFC 3339, or a day.
///
/// # Errors
/// `invalid_request` naming `param`.
pub(super) fn moment(param: &str, text: Option<&str>) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    // In a query a `+` that was not escaped has become a space.
    let text = text.replace(' ', "+");
    let day = (text.len() == 10).then(|| format!("{text}T00:00:00Z"));
    let found = Timestamp::parse(day.as_deref().unwrap_or(&text));
    found.map(Some).ok_or_else(|| {
        Refusal::field(param, format!("`{param}` is no time such as `2026-11-21T08:00:00Z`"))
    })
}

/// A span in a query: `from` and `to`, each as [`moment`] reads it.
///
/// # Errors
/// `invalid_request` naming `from` or `to`; the span must not end before it begins.
pub(super) fn span(
    from: Option<&str>,
    to: Option<&str>,
) -> Result<(Option<Timestamp>, Option<Timestamp>), Refusal> {
    let (from, to) = (moment("from", from)?, moment("to", to)?);
    in_order(from, to)?;
    Ok((from, to))
}

/// As [`span`], of what was charged: this month so far, as far as it is left out.
///
/// # Errors
/// As [`span`]; a span that is left out in part must not end before it begins either.
pub(super) fn charged_span(
    from: Option<&str>,
    to: Option<&str>,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Refusal> {
    let (from, to) = (moment("from", from)?, moment("to", to)?);
    let from = from.unwrap_or_else(|| first_of_month(now));
    // The end is not included, and what was charged in this very millisecond shall be.
    let to = to.unwrap_or_else(|| now.plus(Duration::from_millis(1)));
    in_order(Some(from), Some(to))?;
    Ok((from, to))
}

fn in_order(from: Option<Timestamp>, to: Option<Timestamp>) -> Result<(), Refusal> {
    match from.zip(to) {
        Some((from, to)) if from > to => Err(Refusal::field("from", "`from` is later than `to`")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_bounded() {
        let page = |limit: Option<&str>, cursor: Option<&str>| {
            let (limit, cursor) = (limit.map(str::to_owned), cursor.map(str::to_owned));
            PageQuery { limit, cursor }.page().map(|p| p.limit).map_err(|r| r.param.unwrap())
        };
        assert_eq!(page(None, None), Ok(21));
        assert_eq!(page(Some("100"), Some("gen_1")), Ok(101));
        for bad in ["0", "101", "-1", "x", ""] {
            assert_eq!(page(Some(bad), None), Err("limit".to_owned()), "{bad}");
        }
        for bad in ["", "a b", "' or 1=1", &"x".repeat(65)] {
            assert_eq!(page(None, Some(bad)), Err("cursor".to_owned()), "{bad}");
        }
    }

    #[test]
    fn the_extra_row_tells_that_more_follow() {
        let page = Page::first(3);
        let id = |n: &i32| n.to_string();
        let mut rows = vec![3, 2, 1];
        assert_eq!(cut(&mut rows, &page, id), (true, Some("2".to_owned())));
        assert_eq!(rows, [3, 2]);
        assert_eq!(cut(&mut vec![3, 2], &page, id), (false, None));
        assert_eq!(cut(&mut vec![], &page, id), (false, None));
    }

    #[test]
    fn moments_are_times_or_days() {
        let at = |text| moment("from", Some(text)).map(|t| t.map(Timestamp::seconds)).ok();
        assert_eq!(at("1970-01-02"), Some(Some(86_400)));
        assert_eq!(at("1970-01-01T00:01:00Z"), Some(Some(60)));
        assert_eq!(at("1970-01-01T01:00:00 01:00"), Some(Some(0)));
        assert_eq!(at("yesterday"), None);
        assert_eq!(moment("from", None).unwrap(), None);
    }
}
