//! The canonical request: one key for what is the same work, and another for what is not.
//!
//! # What is the same
//! Two requests are the same work when whatever answers one would answer the other as well. So these are
//! part of the key:
//!
//! - who may share an answer: the team, or everybody;
//! - the kind, and the candidates that the model stands for: no model is the kind's default alias, an alias
//!   is its candidates (change those, and it is another), and a `provider/model` is itself;
//! - the words, in Unicode's NFC and without white space around them; a negative prompt that is empty is
//!   none;
//! - pixels, ratio (in lowest terms), length, sound, seed, how many;
//! - the inputs: role and hash of the contents, in their order within a role;
//! - the format that was asked for, because it decides the bytes;
//! - strictness, the providers it is limited to (a set), vendors' own options (by name, objects in any
//!   order), and the parameters that nobody heeds, because the answer tells them.
//!
//! These are not, because the outputs would be no others: how they are delivered, metadata, the webhook, the
//! deadline, the policy that orders candidates of equal standing, the most that it may cost (what was made
//! costs nothing), what happens after a safety stop (only what was completed is kept), and the wishes about
//! the cache itself. `store: false` has no key at all.
//!
//! # Why an encoding of its own
//! Every field has a mark of its own and every text its length, so that no two requests are written alike. A
//! JSON document would not do: the order of a map, a number's shape, a new field of [`Request`] that is no
//! one's meaning would change the key, and a renamed one as well.

mod encode;
mod kin;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use coordination::{CacheKey, Kin};
use icu_normalizer::ComposingNormalizerBorrowed;

use self::encode::Encoder;
use crate::{Request, market::Resolved};

/// Who may share an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharers<'a> {
    /// One team.
    Team(&'a str),
    /// Everybody.
    All,
}

/// The key of a request.
pub(crate) fn key(sharers: Sharers<'_>, resolved: &Resolved, request: &Request) -> CacheKey {
    let mut all = without_prompt("atelier request 1", sharers, resolved, request);
    all.text("prompt", &plain(&request.prompt));
    all.finish()
}

/// Where a request stands among the team's that differ from it by the prompt alone; none where the prompt
/// has no words.
pub(crate) fn kin(team: &str, resolved: &Resolved, request: &Request) -> Option<Kin> {
    let signature = kin::signature(&plain(&request.prompt))?;
    let team = Sharers::Team(team);
    let group = without_prompt("atelier kin 1", team, resolved, request).finish();
    Some(Kin { group, signature: signature.into() })
}

fn without_prompt(
    domain: &str,
    sharers: Sharers<'_>,
    resolved: &Resolved,
    request: &Request,
) -> Encoder {
    let mut all = Encoder::new(domain);
    match sharers {
        Sharers::Team(team) => all.text("team", team),
        Sharers::All => all.text("everybody", ""),
    }
    all.text("kind", resolved.kind.as_str());
    all.bytes("model", &resolved.version);
    let negative = request.negative_prompt.as_deref().map(plain);
    all.maybe("negative", negative.as_deref().filter(|text| !text.is_empty()));
    all.maybe("size", request.size.map(|size| size.to_string()).as_deref());
    all.maybe("ratio", request.aspect_ratio.map(|ratio| ratio.to_string()).as_deref());
    all.number("count", i64::from(request.count.max(1)));
    all.maybe_number("seed", request.seed);
    all.maybe_number("seconds", request.seconds.map(i64::from));
    all.maybe_number("audio", request.audio.map(i64::from));
    all.maybe("format", request.format.map(|format| format.as_str()));
    all.number("strict", i64::from(request.strict));
    inputs(&mut all, request);
    providers(&mut all, request);
    for (provider, options) in &request.provider_options {
        // Options that are none are not said.
        for (name, value) in options {
            all.text("options of", provider);
            all.text("option", name);
            all.json(value);
        }
    }
    for (name, value) in &request.without_effect {
        all.text("without effect", name);
        all.json(value);
    }
    all
}

/// The order of two inputs of one role may mean something; that of two roles does not.
fn inputs(all: &mut Encoder, request: &Request) {
    let mut inputs: Vec<_> = request.inputs.iter().collect();
    inputs.sort_by_key(|input| input.role);
    for input in inputs {
        all.text("input", input.role.as_str());
        all.text("contents", &input.hash);
    }
}

fn providers(all: &mut Encoder, request: &Request) {
    let mut names: Vec<&str> = request.routing.providers.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        all.text("only", name);
    }
}

/// Words as they are compared: in NFC, without white space around them. That within them may mean something
/// to whoever reads them aloud.
fn plain(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(text.trim())
}
