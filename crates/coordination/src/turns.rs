//! An account's turns: its slots for calls at once, and its sliding windows of calls.

use std::fmt;

use provider::{Limits, Timestamp};

/// Hands out turns at accounts, so that a vendor's documented limits hold.
///
/// A *lease* is one paid call: it holds a slot until it is dropped and counts once in the windows.
/// A *turn* is one further request (a poll, a look at the balance): it counts where the vendor counts
/// reads, and holds a slot until it is dropped where every request does ([`Limits::slot`]).
/// Turns wait in the order of asking. Leases go before turns, because they are what callers wait
/// for; one turn in five goes first all the same, because polls that starve leave paid work
/// unfetched.
///
/// # Who is next among leases
/// Those who wait for a lease are served by weighted fair queueing between teams, and in the order
/// of asking within a team. Each service of a team puts the team back by the inverse of its weight,
/// so that teams that keep waiting are served in proportion to their weights, however many each has
/// in line. A team that had nobody waiting for a while comes back at where the others are: it has
/// saved nothing up. Only what is served while somebody waits counts; who gives up has cost nothing.
///
/// While a team of weight `w` waits, any other team of weight `v` is served at most `2v / w` times,
/// rounded up, before it; once at most where the weights are equal.
#[async_trait::async_trait]
pub trait Turns: Send + Sync + fmt::Debug {
    /// A lease, if it can be had now and nobody waits for one.
    ///
    /// # Errors
    /// [`Busy`] otherwise; nothing is counted then.
    async fn try_lease(&self, account: &str, limits: &Limits) -> Result<Lease, Busy>;

    /// A lease as soon as it is this team's, and within the team this caller's, turn. A dropped
    /// future gives its place up.
    ///
    /// # Errors
    /// [`Busy`] once it is certain that there is none by the deadline, which may be well before it.
    async fn lease(
        &self,
        account: &str,
        limits: &Limits,
        share: Share<'_>,
        deadline: Option<Timestamp>,
    ) -> Result<Lease, Busy>;

    /// One further request as soon as it is this caller's turn; what it returns lives until the
    /// request's answer has been read.
    ///
    /// # Errors
    /// As for [`lease`](Turns::lease).
    async fn turn(
        &self,
        account: &str,
        limits: &Limits,
        deadline: Option<Timestamp>,
    ) -> Result<Lease, Busy>;

    /// Hands out nothing at this account before `until`: the vendor said so (429, `Retry-After`).
    /// An earlier moment than one already told changes nothing.
    async fn pause(&self, account: &str, until: Timestamp);

    /// Counts calls that were sent before a restart, in any order; once, before the first lease.
    async fn restore(&self, account: &str, sent: &[Timestamp]);

    /// The slot of a call that a killed process left behind: taken whatever the limits say and
    /// counted in no window, to be dropped when the call is resolved.
    async fn adopt(&self, account: &str) -> Lease;

    /// How busy the account is now.
    async fn load(&self, account: &str, limits: &Limits) -> Load;
}

/// Whose waiting it is, and how much of a scarce account the team gets beside others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share<'a> {
    /// The team; any name that tells teams apart.
    pub team: &'a str,
    /// How many times as often as a team of weight 1 it is served while both wait; 0 counts as 1.
    pub weight: u32,
}

/// No turn now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the account's limits allow no call now")]
pub struct Busy {
    /// The earliest moment that the windows allow; none where only the end of a call in flight
    /// makes room.
    pub retry_at: Option<Timestamp>,
}

/// How busy an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Slots taken.
    pub in_flight: u32,
    /// Calls within the longest window.
    pub calls_in_window: u32,
    /// Those who wait for a lease or a turn.
    pub waiting: usize,
    /// When windows and pauses allow a call again; none where they do now.
    pub free_at: Option<Timestamp>,
}

/// One slot at an account. Dropped, it is free again.
pub struct Lease(Option<Box<dyn FnOnce(Sent) + Send + Sync>>);

/// Whether the call of a lease went to the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It may have: it counts in the windows.
    Yes,
    /// Not a byte of it: it counts nowhere.
    No,
}

impl Lease {
    /// A lease that runs `free` when it ends; for implementations.
    pub fn new(free: impl FnOnce(Sent) + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(free)))
    }

    /// One that holds nothing.
    pub const fn free() -> Self {
        Self(None)
    }

    /// Ends it; the same as dropping it, for places where that should be seen.
    pub fn release(self) {}

    /// Ends it, its call not sent: the windows have its place again.
    pub fn unsent(mut self) {
        if let Some(free) = self.0.take() {
            free(Sent::No);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(free) = self.0.take() {
            free(Sent::Yes);
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").finish_non_exhaustive()
    }
}
