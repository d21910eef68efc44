//! How a request was decided: every candidate with its verdict, kept with the generation.
//!
//! It answers two questions later on. A person's: why was it this one? And our own: what do requests
//! look like, and what would each have cost elsewhere? From that follows what scarce things are worth
//! (`scarcity`). So the candidates that only time stood in the way of are in it with their prices too: an
//! allowance that is gone today is wanted again tomorrow.

use std::time::Duration;

use provider::MicroUsd;
use routing::{Policy, Standing, Turn};
use serde::{Deserialize, Serialize};

use crate::{Engine, Result};

/// Everything that was considered for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What was preferred.
    pub policy: Policy,
    /// In the order in which they are listed.
    pub candidates: Vec<Considered>,
}

/// One account at one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Considered {
    /// `provider/model`.
    pub model: String,
    /// The account.
    pub account: String,
    /// What the whole request is expected to be charged there, what is bought past an allowance not
    /// counted; none where it is not to be had, whatever the time.
    pub bare: Option<MicroUsd>,
    /// Units of an allowance that it takes there.
    pub units: u32,
    /// For how long it would hold a slot there, all of its calls one after the other; nothing where it is
    /// not to be had, or was decided before that was kept.
    pub busy: Duration,
    /// How it stood, if it could be asked.
    pub standing: Option<Standing>,
    /// Why it could not.
    pub reason: Option<String>,
    /// Whether nothing but a used-up allowance was why: with another plan it could have been.
    pub used_up: bool,
}

/// As it is kept: a row for every request, so short.
#[derive(Serialize, Deserialize)]
struct Kept {
    p: Policy,
    c: Vec<KeptCandidate>,
}

#[derive(Serialize, Deserialize)]
struct KeptCandidate {
    m: String,
    a: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    b: Option<i64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    n: u32,
    /// Milliseconds of a slot.
    #[serde(default, skip_serializing_if = "is_nothing")]
    d: u64,
    /// Price, worth, risk, milliseconds, rank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s: Option<(i64, i64, i64, u64, usize)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t: Option<Turn>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    u: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
const fn is_nothing(millis: &u64) -> bool {
    *millis == 0
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl Decision {
    /// As it is kept.
    pub(crate) fn to_kept(&self) -> String {
        let candidate = |one: &Considered| KeptCandidate {
            m: one.model.clone(),
            a: one.account.clone(),
            b: one.bare.map(MicroUsd::micros),
            n: one.units,
            d: millis(one.busy),
            s: one.standing.map(|Standing { price, worth, risk, time, rank, .. }| {
                (price.micros(), worth.micros(), risk.micros(), millis(time), rank)
            }),
            t: one.standing.and_then(|standing| standing.turn),
            x: one.reason.clone(),
            u: one.used_up,
        };
        let kept = Kept { p: self.policy, c: self.candidates.iter().map(candidate).collect() };
        serde_json::to_string(&kept).unwrap_or_default()
    }

    /// From what was kept; none where it cannot be read.
    pub fn from_kept(kept: &str) -> Option<Self> {
        let Kept { p, c } = serde_json::from_str(kept).ok()?;
        let candidate = |one: KeptCandidate| Considered {
            model: one.m,
            account: one.a,
            bare: one.b.map(MicroUsd::from_micros),
            units: one.n,
            busy: Duration::from_millis(one.d),
            standing: one.s.map(|(price, worth, risk, millis, rank)| Standing {
                price: MicroUsd::from_micros(price),
                worth: MicroUsd::from_micros(worth),
                risk: MicroUsd::from_micros(risk),
                time: Duration::from_millis(millis),
                rank,
                turn: one.t,
            }),
            reason: one.x,
            used_up: one.u,
        };
        Some(Self { policy: p, candidates: c.into_iter().map(candidate).collect() })
    }
}

impl Engine {
    /// How one of a team's generations was decided; none where it is not the team's, or was decided
    /// before that was kept.
    ///
    /// # Errors
    /// The records cannot be read.
    pub async fn decision(&self, team: &str, generation: &str) -> Result<Option<Decision>> {
        let kept = self.records().decision(team, generation).await?;
        Ok(kept.as_deref().and_then(Decision::from_kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_kept_whole() {
        let usable = Considered {
            model: "a/b".to_owned(),
            account: "main".to_owned(),
            bare: Some(MicroUsd::from_micros(26_000)),
            units: 0,
            busy: Duration::from_millis(8_000),
            standing: Some(Standing {
                price: MicroUsd::from_micros(26_000),
                worth: MicroUsd::from_micros(1_200),
                risk: MicroUsd::from_micros(7),
                time: Duration::from_millis(8_500),
                rank: 1,
                turn: Some(Turn::Behind),
            }),
            reason: None,
            used_up: false,
        };
        let gone = Considered {
            model: "c/d".to_owned(),
            bare: Some(MicroUsd::ZERO),
            units: 3,
            standing: None,
            reason: Some("the units are gone".to_owned()),
            used_up: true,
            ..usable.clone()
        };
        let never = Considered { bare: None, units: 0, busy: Duration::ZERO, ..gone.clone() };
        let decision = Decision { policy: Policy::Cost, candidates: vec![usable, gone, never] };
        let kept = decision.to_kept();
        assert_eq!(Decision::from_kept(&kept), Some(decision), "{kept}");
        assert_eq!(Decision::from_kept("{ not ours"), None);
    }
}
