//! Names that teams ask for.
//!
//! Whether a candidate's model is there can only its adapter say; see [`crate::registry::market`].

use std::collections::BTreeMap;

use provider::{Kind, MicroUsd};
use routing::Policy;

use super::{
    providers::ProviderConfig,
    section::{Problem, Section, unknown},
    tree::Origin,
    trials::{self, CanaryConfig, ShadowConfig},
    values,
};

/// The aliases, and which one stands for a kind that is asked for without a model.
#[derive(Debug, Clone, Default)]
pub struct Models {
    /// In the order of the file.
    pub aliases: Vec<AliasConfig>,
    /// By kind.
    pub defaults: BTreeMap<Kind, String>,
}

/// A name that teams ask for.
#[derive(Debug, Clone)]
pub struct AliasConfig {
    /// The name.
    pub name: String,
    /// What it makes.
    pub kind: Kind,
    /// Of equal standing.
    pub candidates: Vec<CandidateConfig>,
    /// What is preferred among them; none is as everywhere.
    pub policy: Option<Policy>,
    /// What a second of waiting is worth; none is as everywhere.
    pub second_price: Option<MicroUsd>,
    /// A model that is tried.
    pub canary: Option<CanaryConfig>,
    /// A model that is tried behind the backs of those who ask.
    pub shadow: Option<ShadowConfig>,
    /// What a request without a seed gets when the same was made before; none is `cache.variants`.
    pub variants: Option<engine::Variants>,
    pub(crate) origin: Origin,
}

/// One of an alias' candidates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandidateConfig {
    /// `provider/model`
    pub model: String,
    /// How often it goes first beside the others.
    pub weight: Option<u32>,
}

impl AliasConfig {
    /// Whether it is built in: then what is not there is left out; otherwise it is an error.
    pub(crate) fn is_built_in(&self) -> bool {
        self.origin == Origin::Default
    }
}

pub(super) fn read(mut section: Section<'_>, providers: &[ProviderConfig]) -> Models {
    let defaults = section.section("default");
    let mut models = Models::default();
    for (name, section) in section.named() {
        if name.is_empty() || name.contains('/') {
            section.problem("", "the name of an alias has no `/`");
            continue;
        }
        let alias = read_alias(name, section, providers);
        models.aliases.extend(alias.filter(|a| !a.is_built_in() || !a.candidates.is_empty()));
    }
    read_defaults(defaults, &mut models);
    models
}

fn read_alias(
    name: String,
    mut section: Section<'_>,
    providers: &[ProviderConfig],
) -> Option<AliasConfig> {
    let origin = section.origin();
    let kinds = Kind::ALL.map(|kind| (kind.as_str(), kind));
    let (has_kind, has_candidates) = (section.has("kind"), section.has("candidates"));
    let kind = section.value("kind", |text| values::one_of(&kinds, text));
    let variants = section.value("variants", |text| values::one_of(values::VARIANTS, text));
    let built_in = origin == Origin::Default;
    let there = |text: &str| there(text, providers, built_in);
    let single = |text: &str| {
        let model = there(text)?;
        Ok(model.map(|model| CandidateConfig { model, weight: None }))
    };
    let candidates = section.list_or_tables("candidates", single, |mut section| {
        if !section.has("model") {
            section.problem("model", "the name of a model belongs here, as `provider/model`");
        }
        let model = section.value("model", there);
        let weight = section.value("weight", values::weight);
        section.finish();
        Some(model?.map(|model| CandidateConfig { model, weight }))
    });
    let policy = section.value("policy", values::policy);
    let second_price = section.value("second_usd", values::dollars);
    let canary = section.maybe("canary");
    let canary = canary.and_then(|section| trials::read_canary(section, there));
    let shadow = section.maybe("shadow");
    let shadow = shadow.and_then(|section| trials::read_shadow(section, there));
    for (missing, key) in [(!has_kind, "kind"), (!has_candidates, "candidates")] {
        if missing {
            section.problem(key, "an alias needs this key");
        }
    }
    section.finish();
    let candidates = candidates.into_iter().flatten().collect();
    Some(AliasConfig {
        name,
        kind: kind?,
        candidates,
        policy,
        second_price,
        canary,
        shadow,
        variants,
        origin,
    })
}

/// A model's name, where its provider is configured; none where a built-in alias names one that is not.
fn there(
    text: &str,
    providers: &[ProviderConfig],
    built_in: bool,
) -> Result<Option<String>, String> {
    let named = text.split_once('/').filter(|(_, model)| !model.is_empty());
    let (provider, _) = named.ok_or_else(|| "is not `provider/model`".to_owned())?;
    match providers.iter().find(|there| there.name == provider) {
        Some(_) => Ok(Some(text.to_owned())),
        None if built_in => Ok(None),
        None => Err(format!("names the provider `{provider}`, which is not configured")),
    }
}

fn read_defaults(section: Section<'_>, models: &mut Models) {
    let path = section.path_of("");
    let findings = section.findings();
    for (kind, origin, alias) in section.named_values() {
        let found = models.aliases.iter().find(|there| there.name == alias);
        let reason = match (kind.parse::<Kind>(), found) {
            (Err(()), _) => {
                let kinds = Kind::ALL.iter().map(|kind| kind.as_str());
                unknown("models.default", &kind, kinds)
            }
            (Ok(kind), Some(there)) if there.kind == kind => {
                models.defaults.insert(kind, alias);
                continue;
            }
            // A built-in alias that lost all its candidates is gone, and with it this default.
            (Ok(_), None) if origin == Origin::Default => continue,
            (Ok(_), None) => format!("names the alias `{alias}`, which is not there"),
            (Ok(kind), Some(there)) => {
                format!("names the alias `{alias}`, which makes {}, not {kind}", there.kind)
            }
        };
        findings.add(Problem::new(origin, &format!("{path}{kind}"), reason));
    }
}
