//! Which candidate to ask, in which order, and why: pure and deterministic.
//!
//! A candidate comes with what it would cost and how long it would take, or with the reason why it
//! cannot be asked. Out comes an ordered plan in which every candidate keeps its verdict in words,
//! so that `/v1/estimates` and a real decision are the same code. No I/O and no clock: whatever
//! changes with time is an argument.

mod charge;
mod choice;
mod demand;
mod drift;
mod lead;
mod outlook;
mod plan;
mod policy;
mod rise;
mod scarcity;

pub use charge::{Share, above, hoped_ratio};
pub use choice::{Decision, Offer, choose};
pub use demand::{Demand, Expected};
pub use drift::{Drift, Learned};
pub use lead::{Entrant, Lead, Role, Turn, draw};
pub use outlook::Outlook;
pub use plan::{Barrier, Candidate, Plan, SECOND_PRICE, Standing, Verdict, Wishes, plan, spare};
pub use policy::Policy;
pub use rise::{Published, Rise, Risen};
pub use scarcity::{
    Draw, Forecast, Leftover, Resource, Stretch, Supply, Typical, Way, set_bid_prices,
};
