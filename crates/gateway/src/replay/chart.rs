//! The rows as a picture: what was spent by each day, and what was left of allowances.
//!
//! It is one file of SVG without scripts, fonts or anything to fetch, in the colours of whoever looks at
//! it: light or dark. Everything is placed in whole units.

use std::fmt::Write as _;

use provider::{Kind, MicroUsd, Timestamp};

use super::Row;

const WIDTH: i64 = 960;
/// What the values at the left and the edge at the right take.
const LEFT: i64 = 76;
const RIGHT: i64 = 24;
const TOP: i64 = 62;
/// A line of the legend, and how many entries stand in it.
const LEGEND: i64 = 20;
const PER_LINE: usize = 3;
const MAIN: i64 = 300;
const SMALL: i64 = 90;
/// Between panels: the days' names and the next panel's title.
const GAP: i64 = 58;
/// Days' names need so much room each.
const NAME: i64 = 64;

const STYLE: &str = "\
svg{--ground:#fff;--ink:#1f2328;--soft:#59636e;--grid:#d1d9e0;\
--c0:#6e7781;--c1:#0969da;--c2:#bc4c00;--c3:#1a7f37;--c4:#8250df;--c5:#bf3989;--c6:#9a6700}\
@media(prefers-color-scheme:dark){svg{--ground:#0d1117;--ink:#f0f6fc;--soft:#9198a1;--grid:#30363d;\
--c0:#9198a1;--c1:#58a6ff;--c2:#f0883e;--c3:#3fb950;--c4:#bc8cff;--c5:#f778ba;--c6:#d29922}}\
text{font:13px system-ui,sans-serif;fill:var(--soft)}.title{font-size:17px;font-weight:600;fill:var(--ink)}\
.name{fill:var(--ink)}.grid{stroke:var(--grid)}.axis{stroke:var(--soft)}\
polyline{fill:none;stroke-width:2.2;stroke-linejoin:round}.first{stroke-width:6;stroke-opacity:.5}.end{text-anchor:end}.middle{text-anchor:middle}";

/// So many colours; after them they come again, with other dashes.
const COLOURS: usize = 7;
const DASHES: [&str; 4] = ["", "7 4", "2 3", "9 3 2 3"];

/// One panel: where it stands, and what its axes reach to.
struct Panel {
    top: i64,
    height: i64,
    days: i64,
    most: i64,
}

/// Draws the rows, which have the same days.
pub(crate) fn draw(rows: &[Row]) -> String {
    let days: Vec<Timestamp> =
        rows.first().map_or_else(Vec::new, |row| row.days.iter().map(|day| day.day).collect());
    let kinds = kinds(rows);
    let legend = i64::try_from(rows.len().div_ceil(PER_LINE)).unwrap_or(1) * LEGEND;
    let small = i64::try_from(kinds.len()).unwrap_or(0) * (SMALL + GAP);
    let main_top = TOP + legend;
    let height = main_top + MAIN + GAP + small - 12;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" aria-label=\"Charged in US dollars, added up by day\">\n\
         <style>{STYLE}</style>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"var(--ground)\"/>\n\
         <text class=\"title\" x=\"{}\" y=\"32\">Charged by vendors, added up by day, US dollars</text>\n",
        LEFT - 52,
    );
    write_legend(&mut svg, rows);
    let count = i64::try_from(days.len()).unwrap_or(1).max(1);
    let charged = |row: &Row| -> Vec<i64> {
        let days = row.days.iter().map(|day| day.charged.micros());
        std::iter::once(0).chain(days).collect()
    };
    let lines: Vec<Vec<i64>> = rows.iter().map(charged).collect();
    let panel = Panel { top: main_top, height: MAIN, days: count, most: most(&lines) };
    panel.axes(&mut svg, &days, money);
    panel.lines(&mut svg, &lines, 0);
    for (nth, kind) in (0..).zip(kinds) {
        let top = main_top + MAIN + GAP + nth * (SMALL + GAP);
        let _ = writeln!(
            svg,
            "<text class=\"name\" x=\"{}\" y=\"{}\">Units left of the month's allowance: {kind}</text>",
            LEFT - 52,
            top - 12
        );
        let left = |row: &Row| -> Vec<i64> {
            let left = row.days.iter().map(|day| day.left.get(&kind).copied().unwrap_or(0));
            left.map(|units| i64::try_from(units).unwrap_or(i64::MAX)).collect()
        };
        let lines: Vec<Vec<i64>> = rows.iter().map(left).collect();
        let panel = Panel { top, height: SMALL, days: count, most: most(&lines) };
        panel.axes(&mut svg, &days, |units| units.to_string());
        panel.lines(&mut svg, &lines, 1);
    }
    svg.push_str("</svg>\n");
    svg
}

/// Kinds of which any unit was there to be used.
fn kinds(rows: &[Row]) -> Vec<Kind> {
    let of = |kind: &Kind| {
        let mut days = rows.iter().flat_map(|row| &row.days);
        let used = rows.iter().any(|row| row.units.get(kind).is_some_and(|line| line.used > 0));
        used && days.any(|day| day.left.get(kind).is_some_and(|left| *left > 0))
    };
    Kind::ALL.into_iter().filter(of).collect()
}

fn most(lines: &[Vec<i64>]) -> i64 {
    lines.iter().flatten().copied().max().unwrap_or(0).max(1)
}

fn write_legend(svg: &mut String, rows: &[Row]) {
    let wide = (WIDTH - LEFT - RIGHT) / i64::try_from(PER_LINE).unwrap_or(1);
    for (index, row) in rows.iter().enumerate() {
        let column = i64::try_from(index % PER_LINE).unwrap_or(0);
        let line = i64::try_from(index / PER_LINE).unwrap_or(0);
        let (x, y) = (LEFT - 52 + column * wide, 58 + line * LEGEND);
        let _ = writeln!(
            svg,
            "<polyline {} points=\"{x},{} {},{}\"/><text class=\"name\" x=\"{}\" y=\"{y}\">{} ({})</text>",
            stroke(index),
            y - 4,
            x + 28,
            y - 4,
            x + 36,
            escaped(&row.label),
            money(row.charged.micros()),
        );
    }
}

fn stroke(index: usize) -> String {
    let dashes = DASHES.get(index % DASHES.len()).copied().unwrap_or_default();
    let dashes = match dashes {
        "" => String::new(),
        dashes => format!(" stroke-dasharray=\"{dashes}\""),
    };
    // Others often lie upon the first: it is wider, so that both are seen.
    let wide = if index == 0 { " class=\"first\"" } else { "" };
    format!("stroke=\"var(--c{})\"{wide}{dashes}", index % COLOURS)
}

impl Panel {
    fn x(&self, day: i64) -> i64 {
        LEFT + (WIDTH - LEFT - RIGHT) * day / self.days
    }

    fn y(&self, value: i64) -> i64 {
        let share = i128::from(value) * i128::from(self.height) / i128::from(self.top_value());
        self.top + self.height - i64::try_from(share).unwrap_or(0)
    }

    /// The value at the upper edge: the first whole step above the most.
    fn top_value(&self) -> i64 {
        let step = self.step();
        (self.most + step - 1) / step * step
    }

    /// A round step, of which there are few: one, two or five times a power of ten.
    fn step(&self) -> i64 {
        let wanted = if self.height > SMALL { 6 } else { 3 };
        let mut power = 1_i64;
        loop {
            for step in [1, 2, 5] {
                let step = power.saturating_mul(step);
                if self.most / step < wanted || power > i64::MAX / 20 {
                    return step;
                }
            }
            power = power.saturating_mul(10);
        }
    }

    fn axes(&self, svg: &mut String, days: &[Timestamp], name: impl Fn(i64) -> String) {
        let (step, bottom) = (self.step(), self.top + self.height);
        let mut value = 0;
        while value <= self.top_value() {
            let y = self.y(value);
            let class = if value == 0 { "axis" } else { "grid" };
            let _ = writeln!(
                svg,
                "<path class=\"{class}\" d=\"M{LEFT} {y}H{}\"/>\
                 <text class=\"end\" x=\"{}\" y=\"{}\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 8,
                y + 4,
                name(value)
            );
            value += step;
        }
        let fit = (WIDTH - LEFT - RIGHT) / NAME;
        let every = (self.days + fit - 1) / fit;
        for (index, day) in (0..).zip(days).filter(|(index, _)| index % every == 0) {
            let x = self.x(index);
            let _ = writeln!(
                svg,
                "<path class=\"axis\" d=\"M{x} {bottom}v5\"/>\
                 <text class=\"{}\" x=\"{x}\" y=\"{}\">{}</text>",
                if index == 0 { "start" } else { "middle" },
                bottom + 20,
                date(*day)
            );
        }
    }

    /// Lines whose first value stands so many days after the beginning.
    fn lines(&self, svg: &mut String, lines: &[Vec<i64>], after: i64) {
        for (index, line) in lines.iter().enumerate() {
            let point = |(day, value): (i64, &i64)| format!("{},{}", self.x(day), self.y(*value));
            let points: Vec<String> = (after..).zip(line).map(point).collect();
            let _ = writeln!(svg, "<polyline {} points=\"{}\"/>", stroke(index), points.join(" "));
        }
    }
}

/// Dollars: whole cents where there are dollars, what is finer where there are none.
fn money(micros: i64) -> String {
    let unit = if micros < 1_000_000 { 100 } else { 10_000 };
    let text = MicroUsd::from_micros((micros + unit / 2) / unit * unit).to_string();
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    match part.trim_end_matches('0') {
        "" => format!("${whole}"),
        part => format!("${whole}.{part:0<2}"),
    }
}

/// `3 Nov`
fn date(day: Timestamp) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = day.to_string();
    let part = |from, to| text.get(from..to).and_then(|text| text.parse::<usize>().ok());
    let month = part(5, 7).and_then(|month| MONTHS.get(month.checked_sub(1)?));
    format!("{} {}", part(8, 10).unwrap_or(0), month.unwrap_or(&""))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Day;

    const DAY: i64 = 86_400_000;

    /// A row that spends so much a day.
    fn row(label: &str, days: i64, each: i64) -> Row {
        let day = |nth: i64| Day {
            day: Timestamp::from_millis(1_764_547_200_000 + nth * DAY),
            charged: MicroUsd::from_micros(each * (nth + 1)),
            left: [(Kind::Image, u64::try_from(1000 - nth * 3).unwrap())].into(),
        };
        let charged = MicroUsd::from_micros(each * days);
        let mut row = Row { label: label.to_owned(), charged, ..Row::default() };
        row.days = (0..days).map(day).collect();
        row.units.entry(Kind::Image).or_default().used = 3;
        row
    }

    #[test]
    fn a_point_stands_where_its_day_and_its_value_say() {
        let panel = Panel { top: 100, height: MAIN, days: 30, most: 29_000_000 };
        assert_eq!((panel.step(), panel.top_value()), (5_000_000, 30_000_000));
        assert_eq!((panel.y(0), panel.y(30_000_000), panel.y(15_000_000)), (400, 100, 250));
        assert_eq!((panel.x(0), panel.x(30)), (LEFT, WIDTH - RIGHT));
    }

    #[test]
    fn every_row_has_a_line_in_every_panel_and_nothing_lies_outside() {
        let rows = [row("as it was", 31, 5_000_000), row("a <b> & c", 31, 7_123_456)];
        let svg = draw(&rows);
        assert_eq!(svg.matches("<polyline").count(), 2 + 2 + 2, "legend, money, units");
        assert!(svg.contains("a &lt;b&gt; &amp; c ($220.83)") && svg.contains(">1 Dec<"), "{svg}");
        assert!(svg.contains(">$250<") && svg.contains("allowance: image"), "{svg}");
        let height: i64 =
            svg.split("height=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
        for points in svg.split("points=\"").skip(1) {
            for point in points.split('"').next().unwrap().split(' ') {
                let (x, y) = point.split_once(',').unwrap();
                let (x, y): (i64, i64) = (x.parse().unwrap(), y.parse().unwrap());
                assert!(
                    (0..=WIDTH - RIGHT).contains(&x) && (TOP - 20..height).contains(&y),
                    "{point}"
                );
            }
        }
    }

    #[test]
    fn amounts_and_days_are_short() {
        let shown = [0, 500, 26_700, 1_500_000, 20_000_000, 1_234_567_890].map(money);
        assert_eq!(shown, ["$0", "$0.0005", "$0.0267", "$1.50", "$20", "$1234.57"]);
        assert_eq!(date(Timestamp::parse("2026-03-09T00:00:00Z").unwrap()), "9 Mar");
    }

    #[test]
    fn nothing_spent_in_one_day_is_a_picture_too() {
        let svg = draw(&[row("as it was", 1, 0)]);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    }
}
