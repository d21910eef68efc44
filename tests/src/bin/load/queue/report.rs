//! The queue's figures beside their limits, for people and for programs.

use std::{fmt::Write as _, fs, time::Duration};

use serde_json::{Value, json};

use super::{CALLS_OF_A_KEY, JOBS_OF_A_KEY, Seen};
use crate::{Result, Setup};

/// Writes both files.
pub(super) fn write(setup: &Setup, seen: &Seen) -> Result<()> {
    let text = markdown(setup, seen)?;
    crate::say(&text);
    fs::write(setup.out.join("queue.md"), text)?;
    let numbers = serde_json::to_string_pretty(&numbers(setup, seen))?;
    fs::write(setup.out.join("queue.json"), numbers)?;
    Ok(())
}

fn markdown(setup: &Setup, seen: &Seen) -> Result<String> {
    let Seen { size, window, books, .. } = seen;
    let mut text = format!("# {} open generations over {} accounts\n\n", size.clips, size.accounts);
    if setup.quick {
        text += "**A quick run: these are no figures.**\n\n";
    }
    let [least, most] = size.takes_ms.map(|millis| millis / 1000);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    writeln!(
        text,
        "Clips of a second, 256x256, at the simulated ZSky in a process of its own, which takes {least} \
         to {most} s for each and keeps to its page: {JOBS_OF_A_KEY} jobs at once and {CALLS_OF_A_KEY} \
         generate calls a minute of a key, and the page's allowances, which nobody reaches. One gateway \
         with its own defaults (every commit waits for the disk), on {cores} cores shared with the vendor \
         and with this program.\n"
    )?;
    text += "| queue | limit | seen |\n| --- | ---: | ---: |\n";
    for (what, limit, figure) in limits(seen) {
        writeln!(text, "| {what} | {limit} | {figure} |")?;
    }
    let [from, to] = window.at_ms.map(|at| books.running_at(at));
    writeln!(
        text,
        "\nCPU time is that of a window of {} s in which {from} jobs ran at its beginning, {to} at its \
         end, and {} ended; all other processes took {} % of a core meanwhile, the vendor {} %. An end is \
         seen when the generation is complete: the look that tells it, and the bytes' way from the vendor \
         onto the disk. Compared are {} ends.\n",
        seconds(window.span),
        books.ended_within(window.at_ms),
        percent(window.others, window.span),
        percent(window.vendor, window.span),
        seen.ends.count(),
    )?;
    text += "| besides | |\n| --- | ---: |\n";
    for (what, figure) in besides(seen) {
        writeln!(text, "| {what} | {figure} |")?;
    }
    Ok(text)
}

/// What was promised.
fn limits(seen: &Seen) -> Vec<(&'static str, String, String)> {
    let Seen { window, books, delays, ends, .. } = seen;
    let row = |what, limit: &str, figure: String| (what, limit.to_owned(), figure);
    let late = |bound| format!("{} of {}", delays.over(bound), delays.looks());
    let over_two = "looks begun more than 2 s after they were due";
    vec![
        row(
            "CPU time of the gateway while jobs run",
            "10 % of a core",
            format!("{} %", percent(window.gateway, window.span)),
        ),
        row(
            "resident memory at its highest",
            "100 MB",
            format!("{} MB", megabytes(seen.memory_kb.1)),
        ),
        row("requests that the vendor answered with 429", "0", books.answered("429").to_string()),
        row(
            "most jobs of a key at once",
            &JOBS_OF_A_KEY.to_string(),
            books.most_at_once().to_string(),
        ),
        row(
            "most generate calls of a key in a minute",
            &CALLS_OF_A_KEY.to_string(),
            books.most_in_a_minute().to_string(),
        ),
        row(over_two, "0", late("2")),
        row("looks begun more than 1 s after they were due", "–", late("1")),
        row("no look was later than", "2 s", format!("{} s", delays.bound())),
        row(
            "ends seen within a look's interval and 2 s more",
            "99 %",
            format!("{} %", hundredths(ends.in_time())),
        ),
        row("ends seen late, half of them at most", "–", percentile(seen, 50)),
        row("99 of 100 at most", "7 s", percentile(seen, 99)),
        row("the latest", "–", percentile(seen, 100)),
    ]
}

/// What helps to understand it.
fn besides(seen: &Seen) -> Vec<(&'static str, String)> {
    let Seen { size, window, ordering, books, ends, .. } = seen;
    let (fewest, most) = books.share();
    let counts = |counts: Vec<String>| counts.join(", ");
    let statuses = ends.statuses.iter().map(|(status, count)| format!("{count} {status}"));
    let answers = books.answers().iter().map(|(status, count)| format!("{count} × {status}"));
    vec![
        (
            "looks in a second",
            (u128::from(window.looks) * 1000 / window.span.as_millis().max(1)).to_string(),
        ),
        (
            "CPU time of a look, all else included",
            format!("{} µs", each(window.gateway, window.looks)),
        ),
        ("resident memory before the first order", format!("{} MB", megabytes(seen.memory_kb.0))),
        ("resident memory at the window's end", format!("{} MB", megabytes(window.memory_kb))),
        ("all ordered after", format!("{} s", seconds(ordering.took))),
        (
            "CPU time of taking in an order",
            format!("{} µs", each(ordering.cpu, to_u64(size.clips))),
        ),
        ("all ended, or given up, after", format!("{} s", seconds(seen.took))),
        ("generations", counts(statuses.collect())),
        ("attempts, and jobs at the vendor", format!("{}, {}", ends.attempts, books.count())),
        ("fewest and most jobs of a key in all", format!("{fewest}, {most}")),
        ("answers of the vendor", counts(answers.collect())),
    ]
}

fn numbers(setup: &Setup, seen: &Seen) -> Value {
    let Seen { size, window, ordering, books, delays, ends, .. } = seen;
    let [running_from, running_to] = window.at_ms.map(|at| books.running_at(at));
    let late_ms = |percent| to_u64(ends.percentile(percent).as_millis());
    let (fewest, most) = books.share();
    json!({
        "quick": setup.quick,
        "accounts": size.accounts,
        "generations": ends.statuses,
        "takes_ms": size.takes_ms,
        "window": {
            "ms": to_u64(window.span.as_millis()),
            "running": [running_from, running_to],
            "ended": books.ended_within(window.at_ms),
            "looks": window.looks,
            "gateway_cpu_ms": to_u64(window.gateway.as_millis()),
            "vendor_cpu_ms": to_u64(window.vendor.as_millis()),
            "other_processes_cpu_ms": to_u64(window.others.as_millis()),
            "gateway_cpu_percent_hundredths": to_u64(share(window.gateway, window.span)),
        },
        "memory_kb": {
            "before": seen.memory_kb.0, "window": window.memory_kb, "most": seen.memory_kb.1,
        },
        "ordering": {
            "ms": to_u64(ordering.took.as_millis()), "cpu_ms": to_u64(ordering.cpu.as_millis()),
        },
        "took_ms": to_u64(seen.took.as_millis()),
        "vendor": {
            "answers": books.answers(), "jobs": books.count(), "jobs_of_a_key": [fewest, most],
            "most_at_once": books.most_at_once(), "most_in_a_minute": books.most_in_a_minute(),
        },
        "looks": {
            "all": delays.looks(), "over_1_s": delays.over("1"), "over_2_5_s": delays.over("2.5"),
            "none_later_than_s": delays.bound(),
        },
        "ends": {
            "compared": ends.count(), "in_time_percent_hundredths": ends.in_time(),
            "late_ms": { "p50": late_ms(50), "p99": late_ms(99), "most": late_ms(100) },
        },
        "limits": {
            "cpu_percent": 10, "memory_mb": 100, "answers_429": 0, "jobs_of_a_key": JOBS_OF_A_KEY,
            "calls_of_a_key_in_a_minute": CALLS_OF_A_KEY, "look_late_s": 2, "ends_in_time_percent": 99,
        },
    })
}

fn percentile(seen: &Seen, percent: usize) -> String {
    format!("{} s", seconds(seen.ends.percentile(percent)))
}

/// One span in another, in hundredths of a percent.
fn share(part: Duration, whole: Duration) -> u128 {
    part.as_micros() * 10_000 / whole.as_micros().max(1)
}

fn percent(part: Duration, whole: Duration) -> String {
    hundredths(usize::try_from(share(part, whole)).unwrap_or(usize::MAX))
}

fn each(all: Duration, count: u64) -> u128 {
    all.as_micros() / u128::from(count.max(1))
}

fn seconds(span: Duration) -> String {
    hundredths(usize::try_from(span.as_millis() / 10).unwrap_or(usize::MAX))
}

/// Millions of bytes, of the kernel's kB of 1,024.
fn megabytes(kb: u64) -> String {
    hundredths(usize::try_from(kb * 1024 / 10_000).unwrap_or(usize::MAX))
}

fn hundredths(number: usize) -> String {
    format!("{}.{:02}", number / 100, number % 100)
}

fn to_u64(number: impl TryInto<u64>) -> u64 {
    number.try_into().unwrap_or(u64::MAX)
}
