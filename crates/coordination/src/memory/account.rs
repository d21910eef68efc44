//! What an account gives, and who may have it now.

use std::time::Duration;

use provider::{Limits, SlotUse, Timestamp};

use super::{fair::FairLine, line::Line, sent::Sent};
use crate::Busy;

/// So many leases may go before a waiting turn; then one turn goes first.
const LEASES_BEFORE_A_TURN: u32 = 4;

/// An account's state.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) in_flight: u32,
    pub(super) sent: Sent,
    pub(super) paused_until: Option<Timestamp>,
    pub(super) leases: FairLine,
    pub(super) turns: Line,
    /// Leases handed out while a turn waited.
    since_turn: u32,
    pub(super) next_number: u64,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    Lease,
    Turn,
}

impl Want {
    /// Whether it counts in the windows.
    pub(super) fn counts(self, limits: &Limits) -> bool {
        self == Self::Lease || limits.count_reads
    }

    /// Whether it holds a slot while it lasts.
    pub(super) fn holds_slot(self, limits: &Limits) -> bool {
        self == Self::Lease || limits.slot == SlotUse::Request
    }
}

/// Why not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// Nothing before this moment.
    Until(Timestamp),
    /// Somebody else must end or go first.
    Others,
}

impl State {
    /// When windows and pauses allow a call; none where they do now.
    pub(super) fn opens_at(
        &self,
        limits: &Limits,
        now: Timestamp,
        margin: Duration,
    ) -> Option<Timestamp> {
        let windows = self.sent.opens_at(&limits.windows, margin);
        windows.max(self.paused_until).filter(|at| *at > now)
    }

    /// The same for what is wanted: reads wait for no window where the vendor does not count them.
    fn opens_for(
        &self,
        want: Want,
        limits: &Limits,
        now: Timestamp,
        margin: Duration,
    ) -> Option<Timestamp> {
        match want.counts(limits) {
            true => self.opens_at(limits, now, margin),
            false => self.paused_until.filter(|at| *at > now),
        }
    }

    fn full(&self, limits: &Limits) -> bool {
        limits.concurrent.is_some_and(|most| self.in_flight >= most)
    }

    pub(super) fn busy(
        &self,
        want: Want,
        limits: &Limits,
        now: Timestamp,
        margin: Duration,
    ) -> Busy {
        Busy { retry_at: self.opens_for(want, limits, now, margin) }
    }

    /// Whether nobody goes before it in its line. Who has no number yet must find the line empty.
    fn is_next(&self, want: Want, number: Option<u64>) -> bool {
        match (want, number) {
            (Want::Lease, Some(number)) => self.leases.is_head(number),
            (Want::Lease, None) => self.leases.is_empty(),
            (Want::Turn, Some(number)) => self.turns.is_head(number),
            (Want::Turn, None) => self.turns.is_empty(),
        }
    }

    /// Whether somebody of the other kind goes first.
    fn yields(&self, want: Want, limits: &Limits) -> bool {
        let turn_is_due = !self.turns.is_empty() && self.since_turn >= LEASES_BEFORE_A_TURN;
        match want {
            Want::Lease => turn_is_due,
            // A lease that waits for a slot can make no use of the windows now, and no lease is kept
            // waiting by a turn that neither counts nor holds anything.
            Want::Turn => {
                let competes = want.counts(limits) || want.holds_slot(limits);
                competes && !self.leases.is_empty() && !self.full(limits) && !turn_is_due
            }
        }
    }

    /// Takes what is wanted, and leaves the line with it. `number` is the asker's in its line.
    pub(super) fn take(
        &mut self,
        want: Want,
        number: Option<u64>,
        limits: &Limits,
        now: Timestamp,
        margin: Duration,
    ) -> Result<Option<Timestamp>, Obstacle> {
        let no_slot = want.holds_slot(limits) && self.full(limits);
        if !self.is_next(want, number) || no_slot || self.yields(want, limits) {
            return Err(Obstacle::Others);
        }
        if let Some(at) = self.opens_for(want, limits, now, margin) {
            return Err(Obstacle::Until(at));
        }
        let counted = want.counts(limits).then(|| self.sent.count(now, &limits.windows));
        if want.holds_slot(limits) {
            self.in_flight += 1;
        }
        self.since_turn = match want {
            Want::Lease if !self.turns.is_empty() => self.since_turn + 1,
            Want::Lease | Want::Turn => 0,
        };
        match (want, number) {
            (Want::Lease, Some(_)) => self.leases.serve(),
            (Want::Turn, Some(number)) => self.turns.leave(number),
            (_, None) => {}
        }
        Ok(counted)
    }

    pub(super) fn wake_heads(&self) {
        self.leases.wake();
        self.turns.wake();
    }
}
