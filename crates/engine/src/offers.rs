//! What can be asked for, as callers and operators see it: every model with its price as it stands.

use provider::{Input, Quote, Work};
use routing::Learned;

use crate::{Engine, Listing, knowledge::NoTurns, turns::AccountPace};

/// The prompt that a plain price is quoted for: about as long as usual ones.
pub(crate) const USUAL_PROMPT: usize = 100;

/// One model as it stands.
#[derive(Debug)]
pub struct Offer {
    /// The model; its name, kind and capabilities are the vendor's.
    pub listing: Listing,
    /// What one plain call costs: one output, the model's defaults, a prompt of usual length; none
    /// where nobody knows.
    pub quote: Option<Quote>,
    /// How far the vendor's estimates are off, where charges have shown it.
    pub drift: Option<Learned>,
    /// Why it takes no work now, if it takes none.
    pub reason: Option<String>,
}

impl Engine {
    /// Every model, as it stands. No vendor is asked.
    pub async fn offers(&self) -> Vec<Offer> {
        let mut offers = Vec::new();
        for listing in self.market().listings() {
            offers.push(self.offer(listing).await);
        }
        offers
    }

    /// One model, as it stands. No vendor is asked.
    pub async fn offer(&self, listing: Listing) -> Offer {
        let now = self.clock().now();
        let accounts = listing.vendor.accounts();
        let holds: Vec<_> = accounts.iter().map(|a| self.health().hold(&a.id, now)).collect();
        let reason = match holds.iter().all(Option::is_some) {
            true => holds.into_iter().flatten().next().map(|hold| hold.reason.as_str().to_owned()),
            false => None,
        };
        let reason = match accounts.is_empty() {
            true => Some("the provider has no account".to_owned()),
            false => reason,
        };
        let quote = self.plain_quote(&listing).await;
        Offer { quote, drift: self.drift_of(&listing), reason, listing }
    }

    async fn plain_quote(&self, listing: &Listing) -> Option<Quote> {
        let account = listing.vendor.accounts().first().cloned()?;
        let pace = AccountPace::new(self, &account).await;
        let call = provider::Call { pace: &NoTurns, ..pace.call() };
        let adapter = &listing.vendor.adapter;
        // Some models need a picture or a clip, whichever: then the first of what they take.
        for inputs in [0, 1] {
            let work = plain_work(listing, inputs);
            if let Ok(quote) = adapter.quote(call, &work).await {
                return Some(self.as_charged(listing, &account, &work, quote));
            }
        }
        None
    }
}

/// The least that can be asked of a model, with at least so many inputs of the first role.
fn plain_work(listing: &Listing, first: usize) -> Work {
    let model = listing.model();
    let can = &model.capabilities;
    let length = USUAL_PROMPT.clamp(*can.prompt_chars.start(), *can.prompt_chars.end());
    let mut work = Work::image(model.name.clone(), "x".repeat(length));
    work.kind = model.kind;
    for (place, rule) in can.inputs.iter().enumerate() {
        let least = if place == 0 { rule.min.max(first) } else { rule.min };
        let media_type = rule.media_types.first().map_or("image/png", String::as_str);
        let input = Input {
            role: rule.role,
            media_type: media_type.replace('*', "png"),
            bytes: bytes::Bytes::new(),
            url: Some("https://atelier.invalid/input".to_owned()),
        };
        work.inputs.extend(std::iter::repeat_n(input, least));
    }
    work
}
