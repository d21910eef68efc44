//! The one place that prints.

use std::{
    fmt::Display,
    io::{IsTerminal as _, Write as _, stderr, stdout},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::failure::Failure;

/// A result.
pub(super) fn line(text: impl Display) {
    // Whoever reads may have gone (`| head`); that is no failure of ours.
    let _ = writeln!(stdout(), "{text}");
}

/// A result for programs: one line of it, so that one can read it from a process that goes on.
pub(super) fn json(value: &Value) {
    if stdout().is_terminal() { line(format_args!("{value:#}")) } else { line(value) }
}

/// A part of a result that comes in pieces.
pub(super) fn bytes(bytes: &[u8]) {
    let _ = stdout().write_all(bytes);
}

/// What whoever reads results should know besides.
pub(super) fn note(text: impl Display) {
    let _ = writeln!(stderr(), "atelier: {text}");
}

/// What went wrong.
pub(super) fn failure(failure: &Failure) {
    let _ = writeln!(stderr(), "atelier: {}", failure.message);
}

/// Help, or what is wrong with a command line.
pub(super) fn usage(told: &clap::Error) {
    let _ = told.print();
}

/// Something that moves while long work goes on: on a terminal only.
pub(super) fn progress(message: &'static str) -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
    let bar = ProgressBar::new_spinner().with_message(message);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// Rows under a head.
pub(super) fn table(head: &[&str], rows: Vec<Vec<String>>) {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING).set_header(head.iter().copied());
    table.add_rows(rows);
    line(table.trim_fmt());
}
