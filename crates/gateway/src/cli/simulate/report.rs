//! What was played, as a table and as JSON.

use std::path::Path;

use provider::MicroUsd;
use serde_json::{Value, json};

use crate::{
    cli::{output, show},
    replay::{Choice, Day, Row, Trace, Use},
};

/// What was played, and what came of it.
pub(super) struct Report<'a> {
    pub(super) source: &'a Path,
    pub(super) trace: &'a Trace,
    pub(super) rows: &'a [Row],
    /// What the rows called changed have changed.
    pub(super) changes: Option<String>,
}

const HEAD: [&str; 8] =
    ["POLICY", "CHARGED", "PLAN FEES", "TOTAL", "DIFFERENCE", "UNITS USED", "UNUSED", "REQUESTS"];

impl Report<'_> {
    /// The row that the others are compared with: what really was, or else the table of prices.
    fn base(&self) -> Option<&Row> {
        let named = |choice: Choice| self.rows.iter().find(|row| row.label == choice.as_str());
        named(Choice::Was).or_else(|| named(Choice::Table)).or_else(|| self.rows.first())
    }

    /// Prints the table, and under it what one should know.
    pub(super) fn print(&self) {
        let Some(base) = self.base() else { return };
        let (from, to) = self.trace.span;
        output::line(format_args!(
            "{}: {} requests, {} to {}",
            self.source.display(),
            self.trace.played().count(),
            show::minute(&json!(from)),
            show::minute(&json!(to)),
        ));
        let rows = self.rows.iter().map(|row| {
            vec![
                row.label.clone(),
                dollars(row.charged),
                dollars(row.fees),
                dollars(row.total()),
                difference(row, base),
                each_kind(row, used),
                each_kind(row, |line| line.unused.to_string()),
                requests(row),
            ]
        });
        output::table(&HEAD, rows.collect());
        for note in self.notes(base) {
            output::line(format_args!("- {note}"));
        }
    }

    fn notes(&self, base: &Row) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(changes) = &self.changes {
            notes.push(format!("changed: {changes}"));
        }
        notes.push(format!("the difference is that of the totals to the row {:?}", base.label));
        notes.extend(self.trace.notes.iter().cloned());
        notes
    }

    /// The same for programs, with every day.
    pub(super) fn json(&self) -> Value {
        let Some(base) = self.base() else { return Value::Null };
        let (from, to) = self.trace.span;
        json!({
            "source": self.source.display().to_string(),
            "from": from,
            "to": to,
            "requests": self.trace.played().count(),
            "changes": self.changes,
            "compared_with": base.label,
            "rows": self.rows.iter().map(|row| self::row(row, base)).collect::<Vec<_>>(),
            "notes": self.notes(base),
        })
    }
}

fn row(row: &Row, base: &Row) -> Value {
    let units = row.units.iter().map(|(kind, Use { used, bought, unused })| {
        json!({ "kind": kind, "used": used, "bought": bought, "unused": unused })
    });
    let day = |Day { day, charged, left }: &Day| json!({ "day": day.to_string().get(..10), "charged_usd": charged, "left": left });
    json!({
        "policy": row.label,
        "charged_usd": row.charged,
        "plan_fees_usd": row.fees,
        "total_usd": row.total(),
        "difference_usd": row.total() - base.total(),
        "difference_percent": percent(row, base).and_then(|text| text.parse::<serde_json::Number>().ok()),
        "units": units.collect::<Vec<_>>(),
        "requests": row.served,
        "nobody": row.nobody,
        "days": row.days.iter().map(day).collect::<Vec<_>>(),
    })
}

/// How much more it is, in percent with one place; none where there is nothing to compare with.
fn percent(row: &Row, base: &Row) -> Option<String> {
    let (total, base) = (i128::from(row.total().micros()), i128::from(base.total().micros()));
    if base == 0 {
        return None;
    }
    let scaled = (total - base) * 2_000;
    let tenths = (scaled + base * scaled.signum()) / (2 * base);
    let sign = if tenths < 0 { "-" } else { "" };
    let tenths = tenths.unsigned_abs();
    Some(format!("{sign}{}.{}", tenths / 10, tenths % 10))
}

fn difference(row: &Row, base: &Row) -> String {
    let more = row.total() - base.total();
    if std::ptr::eq(row, base) {
        return show::NOTHING.to_owned();
    }
    let sign = if more > MicroUsd::ZERO { "+" } else { "" };
    match percent(row, base) {
        Some(percent) => format!("{sign}{} ({sign}{percent} %)", dollars(more)),
        None => format!("{sign}{}", dollars(more)),
    }
}

/// Cents, where there are dollars; exact where there are none.
fn dollars(amount: MicroUsd) -> String {
    const CENT: i64 = 10_000;
    let micros = amount.micros();
    let shown = match micros.unsigned_abs() < 1_000_000 {
        true => micros,
        false => (micros + CENT / 2).div_euclid(CENT) * CENT,
    };
    show::dollars(&json!(MicroUsd::from_micros(shown)))
}

fn used(line: &Use) -> String {
    match line.bought {
        0 => line.used.to_string(),
        bought => format!("{} and {bought} bought", line.used),
    }
}

fn each_kind(row: &Row, tell: impl Fn(&Use) -> String) -> String {
    let all: Vec<String> =
        row.units.iter().map(|(kind, line)| format!("{kind} {}", tell(line))).collect();
    if all.is_empty() { show::NOTHING.to_owned() } else { all.join(", ") }
}

fn requests(row: &Row) -> String {
    let served = row.served.iter().map(|(provider, count)| format!("{provider} {count}"));
    let nobody = (row.nobody > 0).then(|| format!("NOBODY {}", row.nobody));
    let all: Vec<String> = served.chain(nobody).collect();
    if all.is_empty() { show::NOTHING.to_owned() } else { all.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(micros: i64) -> Row {
        Row { charged: MicroUsd::from_micros(micros), ..Row::default() }
    }

    #[test]
    fn differences_are_of_totals_and_rounded_evenly() {
        let base = of(200_000_000);
        assert_eq!(difference(&of(290_110_000), &base), "+$90.11 (+45.1 %)");
        assert_eq!(difference(&of(150_000_000), &base), "-$50.00 (-25.0 %)");
        assert_eq!(difference(&of(200_000_000), &base), "$0.00 (0.0 %)");
        assert_eq!(difference(&base, &base), "-");
        assert_eq!(difference(&of(26_700), &of(0)), "+$0.0267");
        assert_eq!(percent(&of(3), &of(2)).as_deref(), Some("50.0"));
        assert_eq!(
            percent(&of(199_900_000), &base).as_deref(),
            Some("-0.1"),
            "half away from nothing"
        );
    }

    #[test]
    fn large_amounts_have_cents_and_small_ones_all_that_they_have() {
        let shown =
            [26_700, 999_999, 1_005_000, -2_345_678].map(|m| dollars(MicroUsd::from_micros(m)));
        assert_eq!(shown, ["$0.0267", "$0.999999", "$1.01", "-$2.35"]);
    }
}
