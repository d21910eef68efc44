//! Who can be asked for what: every vendor, and the names that teams ask for.

use std::{collections::BTreeMap, sync::Arc};

use provider::{Description, Kind, MicroUsd, Model};
use routing::Policy;

use crate::{Account, Code, Refusal, Shadow, Variants, Vendor};

/// A name that teams ask for.
#[derive(Debug, Clone)]
pub struct Alias {
    /// The name.
    pub name: String,
    /// What its candidates make.
    pub kind: Kind,
    /// `provider/model`, of equal standing.
    pub candidates: Vec<String>,
    /// What a request without a seed gets when the same was made before; none is what is usual.
    pub variants: Option<Variants>,
    /// How one of them is chosen.
    pub rules: AliasRules,
}

/// How an alias chooses among its candidates; what is none is as everywhere else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AliasRules {
    /// What is preferred.
    pub policy: Option<Policy>,
    /// What a second of waiting is worth.
    pub second_price: Option<MicroUsd>,
    /// How often each candidate goes first beside the others, by its name; one without a weight has 1
    /// where any has one.
    pub weights: BTreeMap<String, u32>,
    /// A model that is tried.
    pub canary: Option<Canary>,
    /// A model that is tried without anybody who asks being given what it makes.
    pub shadow: Option<Shadow>,
}

impl AliasRules {
    /// Whether the policy alone says who goes first.
    pub(crate) fn put_nobody_first(&self) -> bool {
        self.weights.is_empty() && self.canary.is_none()
    }
}

/// A model that is tried with a share of the requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// `provider/model`
    pub model: String,
    /// It goes first in so many requests of a million, and is the last resort of all others.
    pub per_million: u32,
}

/// One model at one vendor.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The vendor.
    pub vendor: Arc<Vendor>,
    /// The vendor's description as it was when this was looked up.
    description: Arc<Description>,
    /// The model's place in it.
    index: usize,
}

impl Listing {
    /// The model.
    pub fn model(&self) -> &Model {
        &self.description.models[self.index]
    }

    /// Whether it is the same model at the same vendor.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.model().name == other.model().name && self.vendor.name == other.vendor.name
    }

    /// `provider/model`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.vendor.name, self.model().name)
    }
}

/// Everything that can be asked for.
#[derive(Debug, Clone, Default)]
pub struct Market {
    vendors: BTreeMap<String, Arc<Vendor>>,
    aliases: BTreeMap<String, Alias>,
    defaults: BTreeMap<Kind, String>,
}

/// What a request's `model` stands for.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The kind that will be made.
    pub kind: Kind,
    /// The name as asked, or the default's.
    pub name: String,
    /// The candidates.
    pub listings: Vec<Listing>,
    /// What the name stands for, as a hash: of an alias its candidates, so that one which is changed is
    /// another, and one with another name is not.
    pub(crate) version: [u8; 32],
    /// What a request without a seed gets when the same was made before.
    pub(crate) variants: Option<Variants>,
    /// How one of them is chosen.
    pub(crate) rules: Arc<AliasRules>,
    /// The number that weights and canaries go by; none where nobody's turn it is.
    pub(crate) drawn: Option<u64>,
}

/// A number of a generation's own for one purpose: as even as a hash, and the same whenever it is asked for.
pub(crate) fn number(purpose: &str, generation: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(purpose.as_bytes()).update(&[0]).update(generation.as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// A hash of what a name stands for. Not of how one of them is chosen: they are of equal standing.
fn version<'a>(
    kind: Kind,
    variants: Option<Variants>,
    candidates: impl Iterator<Item = &'a str>,
) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let variants = match variants {
        None => 0,
        Some(Variants::Reuse) => 1,
        Some(Variants::Fresh) => 2,
    };
    hasher.update(kind.as_str().as_bytes()).update(&[0, variants]);
    for name in candidates {
        // No name of a model has a zero byte.
        hasher.update(name.as_bytes()).update(&[0]);
    }
    *hasher.finalize().as_bytes()
}

impl Alias {
    fn version(&self) -> [u8; 32] {
        version(self.kind, self.variants, self.models())
    }

    /// How often each model goes first beside the others; nothing where the policy alone says it.
    pub fn weights(&self) -> BTreeMap<String, u32> {
        let AliasRules { weights, canary, .. } = &self.rules;
        if weights.is_empty() {
            return BTreeMap::new();
        }
        let is_canary = |name: &String| canary.as_ref().is_some_and(|one| one.model == *name);
        let regular = self.candidates.iter().filter(|name| !is_canary(name));
        regular.map(|name| (name.clone(), weights.get(name).copied().unwrap_or(1))).collect()
    }

    /// Everybody who may be asked: the candidates, and the canary after them.
    fn models(&self) -> impl Iterator<Item = &str> {
        let canary = self.rules.canary.iter().map(|canary| &canary.model);
        let canary = canary.filter(|model| !self.candidates.contains(model));
        self.candidates.iter().chain(canary).map(String::as_str)
    }
}

impl Resolved {
    /// One model by its own name.
    fn of_one(kind: Kind, name: &str, listings: Vec<Listing>) -> Self {
        let version = version(kind, None, std::iter::once(name));
        let name = name.to_owned();
        Self { kind, name, listings, version, variants: None, rules: Arc::default(), drawn: None }
    }

    /// Draws whose turn it is, the same for a generation whenever it is planned.
    pub(crate) fn drawn_for(self, generation: &str) -> Self {
        Self { drawn: Some(number("turn", generation)), ..self }
    }
}

impl Market {
    /// A market of these vendors, aliases and default aliases by kind.
    pub fn new(
        vendors: Vec<Vendor>,
        aliases: Vec<Alias>,
        defaults: BTreeMap<Kind, String>,
    ) -> Self {
        Self {
            vendors: vendors.into_iter().map(|v| (v.name.clone(), Arc::new(v))).collect(),
            aliases: aliases.into_iter().map(|a| (a.name.clone(), a)).collect(),
            defaults,
        }
    }

    /// Every vendor, by name.
    pub fn vendors(&self) -> impl Iterator<Item = &Arc<Vendor>> {
        self.vendors.values()
    }

    /// One vendor.
    pub fn vendor(&self, name: &str) -> Option<&Arc<Vendor>> {
        self.vendors.get(name)
    }

    /// Every account, those that were taken out too: what they had begun still counts.
    pub(crate) fn accounts(&self) -> Vec<Arc<Account>> {
        self.vendors.values().flat_map(|vendor| vendor.all()).collect()
    }

    /// Every alias.
    pub fn aliases(&self) -> impl Iterator<Item = &Alias> {
        self.aliases.values()
    }

    /// Every model of every vendor.
    pub fn listings(&self) -> Vec<Listing> {
        let of = |vendor: &Arc<Vendor>| {
            let (vendor, description) = (Arc::clone(vendor), vendor.description());
            (0..description.models.len()).map(move |index| Listing {
                vendor: Arc::clone(&vendor),
                description: Arc::clone(&description),
                index,
            })
        };
        self.vendors.values().flat_map(of).collect()
    }

    /// The model named `provider/model`, if it is there.
    pub fn listing(&self, name: &str) -> Option<Listing> {
        let (provider, model) = name.split_once('/')?;
        let vendor = self.vendors.get(provider)?;
        let description = vendor.description();
        let index = description.models.iter().position(|m| m.name == model)?;
        Some(Listing { vendor: Arc::clone(vendor), description, index })
    }

    /// As [`resolve`](Market::resolve), for a generation that was accepted once: a model that has left
    /// its vendor's catalogue since then has no candidates.
    pub(crate) fn resolve_again(
        &self,
        model: Option<&str>,
        kind: Kind,
    ) -> Result<Resolved, Refusal> {
        let resolved = self.resolve(model, Some(kind));
        let provider = model.and_then(|name| name.split_once('/')).map(|(provider, _)| provider);
        match (resolved, model) {
            (Err(_), Some(name))
                if provider.is_some_and(|name| self.vendors.contains_key(name)) =>
            {
                Ok(Resolved::of_one(kind, name, Vec::new()))
            }
            (resolved, _) => resolved,
        }
    }

    /// The model, or, where the vendor's catalogue no longer has it, what is left of it: a name under
    /// which the vendor's books can still be asked. Nothing new can be asked of it.
    pub(crate) fn listing_or_past(
        &self,
        provider: &str,
        model: &str,
        kind: Kind,
    ) -> Option<Listing> {
        let there = self.listing(&format!("{provider}/{model}"));
        there.or_else(|| {
            let vendor = self.vendors.get(provider)?;
            let past = Model::past(model, kind);
            let description = Description { models: vec![past], ..(*vendor.description()).clone() };
            let (vendor, description) = (Arc::clone(vendor), Arc::new(description));
            Some(Listing { vendor, description, index: 0 })
        })
    }

    /// What a request's `model` and `kind` stand for.
    ///
    /// # Errors
    /// `model_not_found` for a name that is nobody's; `invalid_request` where neither tells the kind,
    /// or where they contradict each other.
    pub fn resolve(&self, model: Option<&str>, kind: Option<Kind>) -> Result<Resolved, Refusal> {
        let Some(name) = model else {
            let kind = kind.ok_or_else(|| {
                Refusal::field("kind", "say what to make: give `kind`, or a `model` that tells it")
            })?;
            return Ok(self.default_for(kind));
        };
        let resolved = match self.aliases.get(name) {
            Some(alias) => self.of_alias(alias),
            None => {
                let listing = self.listing(name).ok_or_else(|| {
                    Refusal::new(Code::ModelNotFound, format!("there is no model {name:?}"))
                        .at("model")
                })?;
                let kind = listing.model().kind;
                Resolved::of_one(kind, name, vec![listing])
            }
        };
        match kind {
            Some(kind) if kind != resolved.kind => Err(Refusal::field(
                "kind",
                format!("the model {name:?} makes {}, not {kind}", resolved.kind),
            )),
            _ => Ok(resolved),
        }
    }

    fn of_alias(&self, alias: &Alias) -> Resolved {
        Resolved {
            kind: alias.kind,
            name: alias.name.clone(),
            listings: alias.models().filter_map(|name| self.listing(name)).collect(),
            version: alias.version(),
            variants: alias.variants,
            rules: Arc::new(alias.rules.clone()),
            drawn: None,
        }
    }

    /// The kind's default alias, or every model of the kind.
    fn default_for(&self, kind: Kind) -> Resolved {
        match self.defaults.get(&kind).and_then(|name| self.aliases.get(name)) {
            Some(alias) => self.of_alias(alias),
            None => Resolved {
                kind,
                name: kind.as_str().to_owned(),
                listings: self.listings().into_iter().filter(|l| l.model().kind == kind).collect(),
                // Whatever there is, however many that are today.
                version: version(kind, None, std::iter::once("*")),
                variants: None,
                rules: Arc::default(),
                drawn: None,
            },
        }
    }
}
