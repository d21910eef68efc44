//! What a team asked to be told by webhook, and how the telling went.

use provider::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DeliveryState {
    /// It waits for a try, its first or a later one.
    Pending,
    /// The receiver has taken it.
    Delivered,
    /// Nobody took it, and nobody will be asked again by itself.
    Failed,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// The name outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// One event for one receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// `dlv_...`, the same at every try: receivers tell repetitions by it.
    pub id: String,
    /// Whose.
    pub team: String,
    /// What it is about.
    pub generation: String,
    /// `generation.STATUS`
    pub event: String,
    /// The receiver's address.
    pub url: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Tries so far.
    pub tries: u32,
    /// When the next try is due; none once it is over.
    pub next_at: Option<Timestamp>,
    /// When it was last tried.
    pub last_at: Option<Timestamp>,
    /// What the receiver last answered, if it did.
    pub last_status: Option<u32>,
    /// Why the last try was none that counts.
    pub last_error: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
}

/// A delivery as it is asked for: pending, due at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewDelivery {
    /// `dlv_...`
    pub id: String,
    /// Whose.
    pub team: String,
    /// What it is about.
    pub generation: String,
    /// `generation.STATUS`
    pub event: String,
    /// The receiver's address.
    pub url: String,
    /// Now.
    pub at: Timestamp,
}

/// How a try went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryTried {
    /// The delivery.
    pub delivery: String,
    /// When the try was due: who asked for another one while it ran changed that, and gets it.
    pub due: Option<Timestamp>,
    /// Now.
    pub at: Timestamp,
    /// What the receiver answered, if it did.
    pub status: Option<u32>,
    /// Why the try was none that counts.
    pub error: Option<String>,
    /// Where the delivery stands now.
    pub state: DeliveryState,
    /// When to try again.
    pub next_at: Option<Timestamp>,
}
