//! A window of verdicts, and when a rule of suspension lets a team go on.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use provider::{SafetyRule, Share, Timestamp};

/// What a team with a rejection leaves: were it let up to the vendor's line, nobody could go on, and
/// nobody's fine work could make room again.
const ROOM_FOR_OTHERS: u32 = 1;

/// The judged attempts of the window, by the moment from which they count; forgotten as they leave.
#[derive(Debug, Default)]
pub(super) struct Verdicts(VecDeque<Verdict>);

#[derive(Debug)]
struct Verdict {
    team: Arc<str>,
    at: Timestamp,
    rejected: bool,
}

/// The attempts in flight, as one question sees them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flights {
    pub(super) all: usize,
    /// Those of the team that asks.
    pub(super) of_team: usize,
    /// Whether they are taken to end well.
    pub(super) fine: bool,
}

/// What a part of the window holds; those in flight included.
#[derive(Debug, Clone, Copy)]
struct Counts {
    attempts: u32,
    rejected: u32,
    team_rejected: u32,
    team_in_flight: u32,
    team_fine: u32,
}

impl Verdicts {
    pub(super) fn add(&mut self, team: Arc<str>, at: Timestamp, rejected: bool) {
        let place = self.0.partition_point(|verdict| verdict.at <= at);
        self.0.insert(place, Verdict { team, at, rejected });
    }

    /// Forgets what has counted since `gone` or longer.
    pub(super) fn forget(&mut self, gone: Timestamp) {
        let left = self.0.partition_point(|verdict| verdict.at <= gone);
        self.0.drain(..left);
    }

    /// How many, and how many of them rejected.
    pub(super) fn counts(&self) -> (u32, u32) {
        let rejected = self.0.iter().filter(|verdict| verdict.rejected).count();
        (count(self.0.len()), count(rejected))
    }

    /// The teams with a rejection.
    pub(super) fn rejected_teams(&self) -> BTreeSet<Arc<str>> {
        self.0.iter().filter(|v| v.rejected).map(|verdict| Arc::clone(&verdict.team)).collect()
    }

    /// From when a team (none: one that nothing is known of) may go on if nothing else happens; none
    /// where it may now.
    ///
    /// One pass from the newest verdict to the oldest: each step adds one verdict to a later part of
    /// the window, which is the whole window once everything before it has left.
    pub(super) fn opens_at(
        &self,
        rule: &SafetyRule,
        team: Option<&str>,
        flights: Flights,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let gone = self.0.partition_point(|verdict| verdict.at.plus(rule.span) <= now);
        let mut counts = Counts::of(flights, team.is_some());
        let mut safety = Safety::default();
        let mut open = safety.holds_with(&counts, rule) && !counts.is_stopped(rule);
        // Were even the empty window closed, nothing could be said but to ask again later.
        let mut opens = now.plus(rule.span);
        for (index, verdict) in self.0.iter().enumerate().skip(gone).rev() {
            let last_to_leave = self.0.get(index + 1).is_none_or(|next| next.at > verdict.at);
            if open && last_to_leave {
                opens = verdict.at.plus(rule.span);
            }
            counts.add(verdict, team);
            open = safety.holds_with(&counts, rule) && !counts.is_stopped(rule);
        }
        (!open).then_some(opens)
    }
}

impl Counts {
    fn of(flights: Flights, of_a_team: bool) -> Self {
        let team = if of_a_team { count(flights.of_team) } else { 0 };
        let attempts = count(flights.all);
        let (rejected, team_in_flight, team_fine) =
            if flights.fine { (0, 0, team) } else { (attempts, team, 0) };
        Self { attempts, rejected, team_rejected: 0, team_in_flight, team_fine }
    }

    fn add(&mut self, verdict: &Verdict, team: Option<&str>) {
        let is_teams = team == Some(&*verdict.team);
        self.attempts += 1;
        self.rejected += u32::from(verdict.rejected);
        self.team_rejected += u32::from(is_teams && verdict.rejected);
        self.team_fine += u32::from(is_teams && !verdict.rejected);
    }

    /// Whether our own lines stop the team.
    fn is_stopped(&self, rule: &SafetyRule) -> bool {
        // Where nothing was rejected there is no share to speak of, whatever the line.
        let reached =
            |share: Share| self.rejected > 0 && share.is_reached(self.rejected, self.attempts);
        let had_rejections = self.team_rejected > 0;
        let unbroken = self.team_fine == 0
            && had_rejections
            && self.team_rejected.saturating_add(self.team_in_flight) >= rule.unbroken;
        reached(rule.account) || (had_rejections && reached(rule.team)) || unbroken
    }

    /// Whether this part of the window stays within the vendor's line with `more` rejections, and
    /// does so with any number of fine attempts that only the vendor counts: were there enough to
    /// tell only with them, they would tip it.
    fn stands(&self, rule: &SafetyRule, more: u32) -> bool {
        let rejected = self.rejected.saturating_add(more);
        let attempts = self.attempts.saturating_add(more).max(rule.vendor.least);
        !rule.vendor.is_passed(rejected, attempts)
    }
}

/// Whether the vendor's line holds in every part of the window so far.
#[derive(Debug)]
struct Safety {
    /// With the attempt rejected.
    holds: bool,
    /// And room left for others.
    leaves_room: bool,
}

impl Default for Safety {
    fn default() -> Self {
        Self { holds: true, leaves_room: true }
    }
}

impl Safety {
    /// Takes the next larger part in, and says whether the team may go on.
    fn holds_with(&mut self, counts: &Counts, rule: &SafetyRule) -> bool {
        self.holds &= counts.stands(rule, 1);
        self.leaves_room &= counts.stands(rule, 1 + ROOM_FOR_OTHERS);
        if counts.team_rejected > 0 { self.leaves_room } else { self.holds }
    }
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
