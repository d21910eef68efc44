//! What was made, as a document: what the cache keeps and what a leader shares.

use bytes::Bytes;
use provider::{Adjustments, MicroUsd, Timestamp};
use records::{Change, Failure, OutputRecord, Saving, SavingReason, Share as ShareAsset};
use serde::{Deserialize, Serialize};

use crate::Engine;

/// What one generation made, for others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Made {
    /// The generation.
    pub(crate) generation: String,
    pub(crate) outputs: Vec<OutputRecord>,
    /// Provider, the provider's own name of the model, account.
    pub(crate) by: Option<(String, String, String)>,
    pub(crate) adjustments: Adjustments,
    /// What it cost, or would have without a prepaid unit: what whoever gets it for nothing saves.
    pub(crate) price: MicroUsd,
}

/// What a leader tells those who follow it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum News {
    /// It was made.
    Made(Box<Made>),
    /// A vendor's safety check stopped it: it would stop each of them.
    Blocked(Failure),
}

impl Made {
    /// The first moment at which not everything is there any more.
    pub(crate) fn until(&self, at_most: Timestamp) -> Timestamp {
        self.outputs.iter().filter_map(|output| output.expires_at).fold(at_most, Ord::min)
    }
}

/// A document as the cache keeps it; none where it cannot be written, which is no reason to fail.
pub(crate) fn write<T: Serialize>(document: &T) -> Option<Bytes> {
    let written = serde_json::to_vec(document);
    written
        .inspect_err(|error| tracing::error!(%error, "an answer cannot be kept"))
        .ok()
        .map(Into::into)
}

/// Reads a document; none where another version wrote it.
pub(crate) fn read<'a, T: Deserialize<'a>>(document: &'a [u8]) -> Option<T> {
    let read = serde_json::from_slice(document);
    read.inspect_err(|error| tracing::warn!(%error, "an answer cannot be read")).ok()
}

/// For whom something is given again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Receiver<'a> {
    pub(crate) generation: &'a str,
    pub(crate) team: &'a str,
    pub(crate) key: &'a str,
}

/// What another generation gets of it: outputs with assets of their own, and what is written for that.
#[derive(Debug)]
pub(crate) struct Copies {
    pub(crate) outputs: Vec<OutputRecord>,
    pub(crate) changes: Vec<Change>,
}

impl Engine {
    /// Outputs of what was made, for another generation.
    pub(crate) fn copies(&self, made: &Made, to: Receiver<'_>, at: Timestamp) -> Copies {
        let expires_at = at.plus(self.settings().asset_ttl);
        let mut changes = Vec::with_capacity(made.outputs.len() + 1);
        let copy = |output: &OutputRecord| {
            let Some(of) = output.asset.clone() else { return output.clone() };
            let id = self.ids().next("ast_");
            changes.push(Change::Share(Box::new(ShareAsset {
                id: id.clone(),
                of: of.clone(),
                team: to.team.to_owned(),
                generation: to.generation.to_owned(),
                at,
                expires_at,
            })));
            OutputRecord {
                asset: Some(id),
                blob: Some(of),
                expires_at: Some(expires_at),
                ..output.clone()
            }
        };
        let outputs = made.outputs.iter().map(copy).collect();
        Copies { outputs, changes }
    }

    /// What somebody saves who gets it for nothing.
    pub(crate) fn saving(
        made: &Made,
        to: Receiver<'_>,
        reason: SavingReason,
        at: Timestamp,
    ) -> Option<Change> {
        let (provider, model, _) = made.by.as_ref().filter(|_| made.price > MicroUsd::ZERO)?;
        Some(Change::Save(Box::new(Saving {
            generation: to.generation.to_owned(),
            team: to.team.to_owned(),
            key: to.key.to_owned(),
            model: format!("{provider}/{model}"),
            reason,
            amount: made.price,
            at,
        })))
    }
}
