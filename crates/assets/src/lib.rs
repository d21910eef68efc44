//! Bytes: where outputs and inputs are kept, how they come in and go out, and what they are.
//!
//! # How bytes move
//! A picture is megabytes and a clip tens of them, so bytes stream: a [`BlobWriter`] hashes, counts,
//! looks at and stores what comes, piece by piece, and a [`Blob`] is read the same way. What is
//! small is handed back with the result, so that an answer need not read the disk. Whatever must be
//! whole in memory (callers' inputs, pictures to convert) is first taken from a [`ByteBudget`].
//!
//! # What is believed
//! Nobody's word about bytes counts, neither a vendor's nor a caller's: media types are found by
//! looking ([`sniff()`]), a picture's size is read from its header before anything is decoded
//! ([`images`]), and a caller's URL is fetched by the one [`Fetcher`] that checks where it leads.
//!
//! The records know which blobs there are and whose; this crate only keeps them under their ids.
#![warn(missing_docs)]

pub mod base64;
mod budget;
mod fetch;
pub mod images;
mod link;
mod measure;
mod room;
mod sniff;
mod store;

pub use budget::{BudgetError, ByteBudget, Held};
pub use fetch::{
    Allow, BadAllow, FetchError, FetchLimits, Fetched, Fetcher, Resolver, SystemResolver,
};
pub use link::{LinkError, LinkKey};
pub use sniff::sniff;
pub use store::{Base64, Blob, BlobSink, BlobWriter, INLINE_MAX, Store, StoreError, Stored, Swept};
