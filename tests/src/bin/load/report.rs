//! The figures, for people and for programs.

use std::{fmt::Write as _, fs, time::Duration};

use serde_json::{Value, json};

use crate::{
    Result, Setup,
    footprint::Footprint,
    proxy::{Cell, Cost},
};

/// Writes both files.
pub(crate) fn write(setup: &Setup, footprint: &Footprint, cells: &[Cell]) -> Result<()> {
    let text = markdown(setup, footprint, cells)?;
    crate::say(&text);
    fs::write(setup.out.join("proxy.md"), text)?;
    let numbers = serde_json::to_string_pretty(&numbers(setup, footprint, cells))?;
    fs::write(setup.out.join("proxy.json"), numbers)?;
    Ok(())
}

fn markdown(setup: &Setup, footprint: &Footprint, cells: &[Cell]) -> Result<String> {
    let mut text = String::from(
        "# A request through Atelier, beside an nginx proxy in front of the same upstream\n\n",
    );
    if setup.quick {
        text += "**A quick run: these are no figures.**\n\n";
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    writeln!(
        text,
        "CPU time per request as the kernel accounts it to each proxy's processes, on {cores} cores \
         shared with the upstream and the callers. The gateway authenticates, quotes, books and \
         stores every picture; nginx passes it on. Every prompt and every picture is another. Before each \
         turn memory is touched that the machine then has ready.\n"
    )?;
    text += "| durability | answer | at once | nginx µs | Atelier µs | ratio | \
             nginx req/s | Atelier req/s | nginx p50 ms | Atelier p50 ms |\n\
             | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
    for cell in cells {
        let Cell { durability, answer, parallel, nginx, gateway } = cell;
        writeln!(
            text,
            "| {durability} | {answer} | {parallel} | {} | {} | {} | {} | {} | {} | {} |",
            nginx.each() / 1000,
            gateway.each() / 1000,
            hundredths(cell.ratio()),
            nginx.rate,
            gateway.rate,
            millis(nginx.median),
            millis(gateway.median),
        )?;
    }
    let starts = &footprint.cold_starts;
    let start = |place: usize| starts.get(place).copied().map(millis).unwrap_or_default();
    writeln!(
        text,
        "\n| footprint | |\n| --- | ---: |\n\
         | cold start to ready, median of {} | {} ms |\n\
         | the slowest of them | {} ms |\n\
         | resident memory, idle | {} kB |",
        starts.len(),
        start(starts.len() / 2),
        start(starts.len().saturating_sub(1)),
        footprint.idle_kb,
    )?;
    for (delivery, added) in &footprint.in_flight {
        writeln!(text, "| 64 pictures of 1.5 MB in flight as `{delivery}` add | {added} kB |")?;
    }
    Ok(text)
}

fn numbers(setup: &Setup, footprint: &Footprint, cells: &[Cell]) -> Value {
    let cost = |cost: &Cost| {
        json!({
            "requests": cost.requests,
            "cpu_ms": to_u64(cost.cpu.as_millis()),
            "cpu_ns_per_request": to_u64(cost.each()),
            "requests_per_second": to_u64(cost.rate),
            "median_us": to_u64(cost.median.as_micros()),
        })
    };
    let cells: Vec<Value> = cells
        .iter()
        .map(|cell| {
            json!({
                "durability": cell.durability,
                "answer": cell.answer,
                "parallel": cell.parallel,
                "nginx": cost(&cell.nginx),
                "atelier": cost(&cell.gateway),
                "ratio_hundredths": to_u64(cell.ratio()),
            })
        })
        .collect();
    let starts: Vec<u64> =
        footprint.cold_starts.iter().map(|took| to_u64(took.as_micros())).collect();
    let in_flight: Vec<Value> = footprint
        .in_flight
        .iter()
        .map(|(delivery, added)| json!({ "delivery": delivery, "added_kb": added }))
        .collect();
    json!({
        "quick": setup.quick,
        "cells": cells,
        "cold_starts_us": starts,
        "idle_kb": footprint.idle_kb,
        "in_flight": in_flight,
    })
}

pub(crate) fn to_u64(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

pub(crate) fn hundredths(number: u128) -> String {
    format!("{}.{:02}", number / 100, number % 100)
}

pub(crate) fn millis(span: Duration) -> String {
    hundredths(span.as_micros() / 10)
}
