//! Administration: the ledger, as pages or as one CSV, and whether it adds up.
#![expect(unused_qualifications, reason = "utoipa's `params(..)` expands to a qualified path")]

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    web::Data,
};
use bytes::Bytes;
use engine::{Engine, LedgerEntry, Page, Refusal, keys::Right};
use futures_util::{Stream, stream};
use provider::MicroUsd;
use records::LedgerFilter;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    State, auth,
    dto_books::{LedgerDto, VerdictDto},
    error::{ApiError, ErrorBody, Result},
    query::{self, List, PageQuery},
};

/// Entries that a CSV reads at a time: its memory is bounded, however long it gets.
const CSV_PAGE: u32 = 500;

/// The columns of the CSV, named as in JSON.
const COLUMNS: &str =
    "id,transaction,at,account,amount_usd,kind,team,key,provider,model,generation\r\n";

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct LedgerQuery {
    /// Only those of this team.
    team: Option<String>,
    /// Only those with this key.
    key: Option<String>,
    /// Only those at this provider.
    provider: Option<String>,
    /// A time or a day.
    from: Option<String>,
    /// A time or a day, not included.
    to: Option<String>,
    /// `json`, a page, or `csv`, every entry; `json` where it is left out.
    format: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// Lists the ledger's entries, newest first. The entries of a transaction add up to zero.
#[utoipa::path(get, path = "/admin/v1/ledger", tag = "administration", params(LedgerQuery),
    responses((status = 200, description = "A page, or all of them as a CSV",
               content((List<LedgerDto<'_>> = "application/json"), (String = "text/csv"))),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn list(request: HttpRequest, state: Data<State>) -> Result {
    auth::operator(&request, &state, Right::ReadMoney).await?;
    let asked: LedgerQuery = query::read(&request)?;
    let (from, to) = query::span(asked.from.as_deref(), asked.to.as_deref())?;
    let filter =
        LedgerFilter { team: asked.team, key: asked.key, provider: asked.provider, from, to };
    match asked.format.as_deref() {
        None | Some("json") => {
            let page = PageQuery::new(asked.limit, asked.cursor).page()?;
            let mut rows = state.engine.records().ledger(filter, page.clone()).await?;
            let more = query::cut(&mut rows, &page, |entry: &LedgerEntry| entry.id.to_string());
            Ok(HttpResponse::Ok().json(query::list(&rows, more, LedgerDto::from)))
        }
        Some("csv") if asked.limit.is_some() => {
            Err(Refusal::field("limit", "a CSV has every entry; leave `limit` out").into())
        }
        Some("csv") => {
            let after = PageQuery::new(None, asked.cursor).page()?.after;
            csv(state.engine.clone(), filter, after).await
        }
        Some(_) => Err(Refusal::field("format", "`format` is `json` or `csv`").into()),
    }
}

/// Answers with every entry. The first page is read before the answer begins: what is wrong then can still
/// be said; what goes wrong later breaks the connection off, so that nobody takes a part for the whole.
async fn csv(engine: Engine, filter: LedgerFilter, after: Option<String>) -> Result {
    let first = read(&engine, &filter, after).await?;
    let head = stream::once(async { Ok(Bytes::from_static(COLUMNS.as_bytes())) });
    let body = futures_util::StreamExt::chain(head, lines(engine, filter, first));
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"ledger.csv\""))
        .streaming(body))
}

async fn read(
    engine: &Engine,
    filter: &LedgerFilter,
    after: Option<String>,
) -> Result<Vec<LedgerEntry>> {
    let page = Page { limit: CSV_PAGE, after, ascending: false };
    Ok(engine.records().ledger(filter.clone(), page).await?)
}

/// Entry by entry behind the cursor: what is booked meanwhile is newer than all of them.
fn lines(
    engine: Engine,
    filter: LedgerFilter,
    first: Vec<LedgerEntry>,
) -> impl Stream<Item = Result<Bytes>> {
    stream::try_unfold((engine, filter, first), |(engine, filter, entries)| async move {
        let Some(last) = entries.last() else { return Ok::<_, ApiError>(None) };
        let mut text = String::new();
        for entry in &entries {
            write_line(&mut text, entry);
        }
        let next = read(&engine, &filter, Some(last.id.to_string())).await?;
        Ok(Some((Bytes::from(text), (engine, filter, next))))
    })
}

fn write_line(line: &mut String, entry: &LedgerEntry) {
    let (id, at, amount) = (entry.id.to_string(), entry.at.to_string(), entry.amount.to_string());
    let cells = [
        &id,
        &entry.transaction,
        &at,
        &entry.account,
        &amount,
        &entry.kind,
        &entry.team,
        &entry.key,
        &entry.provider,
        &entry.model,
        &entry.generation,
    ];
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        write_cell(line, cell);
    }
    line.push_str("\r\n");
}

/// Writes a cell after RFC 4180. A spreadsheet takes a text that begins like a formula for one, so such a
/// text gets an apostrophe before it; a number is a number.
fn write_cell(line: &mut String, text: &str) {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let formula = formula && text.parse::<MicroUsd>().is_err();
    let quoted = text.contains(['"', ',', '\r', '\n']);
    if quoted {
        line.push('"');
    }
    if formula {
        line.push('\'');
    }
    for character in text.chars() {
        if character == '"' {
            line.push('"');
        }
        line.push(character);
    }
    if quoted {
        line.push('"');
    }
}

/// Checks the whole ledger: every transaction sums up to zero, every sum that is kept beside it is its
/// sum, and no hold outlives what it was for. It reads everything, so it takes its time.
#[utoipa::path(get, path = "/admin/v1/ledger/verify", tag = "administration",
    responses((status = 200, description = "What does not add up", body = VerdictDto<'_>),
              (status = "default", description = "An error", body = ErrorBody<'_>)))]
pub(super) async fn verify(request: HttpRequest, state: Data<State>) -> Result {
    auth::operator(&request, &state, Right::ReadMoney).await?;
    let findings = state.engine.records().verify().await?;
    Ok(HttpResponse::Ok().json(VerdictDto::of(&findings)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be_and_never_formulas() {
        for (text, wanted) in [
            ("", ""),
            ("team_1", "team_1"),
            ("-0.026700", "-0.026700"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=SUM(A1)", "'=SUM(A1)"),
            ("=1,2", "\"'=1,2\""),
            ("+1", "'+1"),
            ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
            ("@x", "'@x"),
            ("\t=1", "'\t=1"),
        ] {
            let mut cell = String::new();
            write_cell(&mut cell, text);
            assert_eq!(cell, wanted, "{text:?}");
        }
    }
}
