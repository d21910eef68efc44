//! Models that an alias tries: with a share of its requests, before anybody relies on them.

use provider::MicroUsd;
use records::Period;

use super::{section::Section, values};

/// What shadows may cost where nobody says: five dollars in a month.
const SHADOW_LIMIT: MicroUsd = MicroUsd::from_micros(5_000_000);

/// A model that is tried with a share of the requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryConfig {
    /// `provider/model`
    pub model: String,
    /// In requests of a million.
    pub per_million: u32,
}

/// A model that a share of the requests is sent to as well, for nobody but the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowConfig {
    /// `provider/model`
    pub model: String,
    /// In requests of a million.
    pub per_million: u32,
    /// The most that it may cost in a period.
    pub limit: MicroUsd,
    /// When that begins anew.
    pub period: Period,
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

/// Reads a shadow; `there` is as for [`read_canary`].
pub(super) fn read_shadow(
    mut section: Section<'_>,
    there: impl Fn(&str) -> Result<Option<String>, String>,
) -> Option<ShadowConfig> {
    let (model, per_million) = read_tried(&mut section, there);
    let mut budget = section.section("budget");
    let periods = Period::ALL.map(|period| (period.as_str(), period));
    let (says_limit, says_period) = (budget.has("limit_usd"), budget.has("period"));
    let limit = budget.value("limit_usd", values::dollars);
    let period = budget.value("period", |text| values::one_of(&periods, text));
    budget.finish();
    section.finish();
    Some(ShadowConfig {
        model: model?,
        per_million: per_million?,
        limit: if says_limit { limit? } else { SHADOW_LIMIT },
        period: if says_period { period? } else { Period::Month },
    })
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
