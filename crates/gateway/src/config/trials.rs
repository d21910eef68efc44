//! Models that an alias tries: with a share of its requests, before anybody relies on them.

use super::{section::Section, values};

/// A model that is tried with a share of the requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryConfig {
    /// `provider/model`
    pub model: String,
    /// In requests of a million.
    pub per_million: u32,
}

/// Reads a canary. `there` is none where a built-in alias names a provider that is not there.
pub(super) fn read_canary(
    mut section: Section<'_>,
    there: impl Fn(&str) -> Result<Option<String>, String>,
) -> Option<CanaryConfig> {
    let (model, per_million) = read_tried(&mut section, there);
    section.finish();
    Some(CanaryConfig { model: model?, per_million: per_million? })
}

/// The model and its share. What is wrong was told.
fn read_tried(
    section: &mut Section<'_>,
    there: impl Fn(&str) -> Result<Option<String>, String>,
) -> (Option<String>, Option<u32>) {
    for (key, needed) in [
        ("model", "the name of a model belongs here, as `provider/model`"),
        ("share", "it needs its share of the requests, such as `0.05`"),
    ] {
        if !section.has(key) {
            section.problem(key, needed);
        }
    }
    let model = section.value("model", there);
    let share = section.value("share", values::share);
    (model.flatten(), share)
}
