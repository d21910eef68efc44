//! Those who wait for leases: fairly between teams, in the order of asking within one.
//!
//! # How
//! Weighted fair queueing by a virtual clock in integers. The head of each team's line has a start,
//! the later of the clock and the team's last finish, and a finish, the start plus [`SCALE`] divided
//! by the weight. The least finish is served next, and its start becomes the clock. A tie goes to the
//! team that was served longest ago, then to who asked first: so equal teams take turns one by one.
//!
//! Only what is served is charged, so who gives up has cost its team nothing. A team without
//! anybody waiting is remembered only until the clock has passed its last finish; when nobody at all
//! waits, everybody who asked was served, and nothing is remembered.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use tokio::sync::Notify;

use crate::Share;

/// The virtual time of one service of a team of weight 1. It is a multiple of all numbers up to 20,
/// so that their ties are exact, and far above any weight; 128 bits of it outlast any process.
const SCALE: u128 = 232_792_560 << 20;

/// A line of teams' lines. Serving costs the logarithm of the number of teams, however many wait.
#[derive(Debug, Default)]
pub(super) struct FairLine {
    /// Teams with somebody waiting, and those whose last finish the clock has not passed.
    teams: HashMap<Arc<str>, Team>,
    /// The head of each team that waits; the first is next.
    heads: BTreeMap<Rank, Arc<str>>,
    /// Teams that wait no longer, by their last finish.
    resting: BTreeSet<(u128, Arc<str>)>,
    clock: u128,
    served: u64,
    waiting: usize,
}

#[derive(Debug, Default)]
struct Team {
    /// In the order of asking.
    waiters: VecDeque<Waiter>,
    /// The start of its head; where nobody waits, its last finish.
    start: u128,
    /// Which service its last was; zero for a team that is not remembered.
    last_served: u64,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    weight: u32,
    bell: Arc<Notify>,
}

/// Who is served first: the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    finish: u128,
    last_served: u64,
    number: u64,
}

impl Team {
    fn rank(&self) -> Option<Rank> {
        let head = self.waiters.front()?;
        let finish = self.start + SCALE / u128::from(head.weight.max(1));
        Some(Rank { finish, last_served: self.last_served, number: head.number })
    }
}

impl FairLine {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    pub(super) fn len(&self) -> usize {
        self.waiting
    }

    /// Joins the end of the team's line; answers the team, by which to leave, and the bell. `number`
    /// must be greater than that of anybody here.
    pub(super) fn join(&mut self, number: u64, share: Share<'_>) -> (Arc<str>, Arc<Notify>) {
        let known = self.teams.get_key_value(share.team).map(|(name, _)| Arc::clone(name));
        let name = known.unwrap_or_else(|| Arc::from(share.team));
        let team = self.teams.entry(Arc::clone(&name)).or_default();
        let bell = Arc::new(Notify::new());
        let first = team.waiters.is_empty();
        let waiter = Waiter { number, weight: share.weight, bell: Arc::clone(&bell) };
        team.waiters.push_back(waiter);
        self.waiting += 1;
        if first {
            self.resting.remove(&(team.start, Arc::clone(&name)));
            team.start = team.start.max(self.clock);
            self.place(&name);
        }
        (name, bell)
    }

    pub(super) fn is_head(&self, number: u64) -> bool {
        self.heads.first_key_value().is_some_and(|(rank, _)| rank.number == number)
    }

    /// The head is served: it is charged to its team, and stands here no longer.
    pub(super) fn serve(&mut self) {
        let Some((rank, name)) = self.heads.pop_first() else { return };
        let Some(team) = self.teams.get_mut(&name) else { return };
        self.clock = self.clock.max(team.start);
        self.served += 1;
        team.waiters.pop_front();
        team.start = rank.finish;
        team.last_served = self.served;
        self.waiting -= 1;
        self.place(&name);
        while let Some((finish, _)) = self.resting.first()
            && *finish < self.clock
        {
            let Some((_, name)) = self.resting.pop_first() else { break };
            self.teams.remove(&name);
        }
        self.forget_if_empty();
    }

    /// Leaves unserved, from wherever in its team's line; nothing happens to who is not here.
    pub(super) fn leave(&mut self, name: &Arc<str>, number: u64) {
        let Some(team) = self.teams.get_mut(name) else { return };
        let found = team.waiters.binary_search_by_key(&number, |waiter| waiter.number);
        let Ok(place) = found else { return };
        let rank = team.rank().filter(|_| place == 0);
        team.waiters.remove(place);
        self.waiting -= 1;
        if let Some(rank) = rank {
            self.heads.remove(&rank);
            self.place(name);
        }
        self.forget_if_empty();
    }

    /// Wakes the head. A head that does not sleep yet finds the ring stored.
    pub(super) fn wake(&self) {
        let next = self.heads.first_key_value().and_then(|(_, name)| self.teams.get(name));
        if let Some(head) = next.and_then(|team| team.waiters.front()) {
            head.bell.notify_one();
        }
    }

    /// Puts a team whose head is new, or gone, where it belongs.
    fn place(&mut self, name: &Arc<str>) {
        let Some(team) = self.teams.get(name) else { return };
        match team.rank() {
            Some(rank) => {
                self.heads.insert(rank, Arc::clone(name));
            }
            // One level with the clock still has to let those go first who were served before it.
            None if team.last_served > 0 && team.start >= self.clock => {
                self.resting.insert((team.start, Arc::clone(name)));
            }
            None => {
                self.teams.remove(name);
            }
        }
    }

    fn forget_if_empty(&mut self) {
        if self.waiting == 0 {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(team: &str, weight: u32) -> Share<'_> {
        Share { team, weight }
    }

    fn head(line: &FairLine) -> u64 {
        line.heads.first_key_value().unwrap().0.number
    }

    #[test]
    fn a_team_is_remembered_until_the_clock_has_passed_it() {
        let mut line = FairLine::default();
        for number in 0..5 {
            line.join(number, share("stays", 1));
        }
        for number in 5..1005 {
            line.join(number, share(&format!("passes {number}"), 1));
        }
        for _ in 0..1001 {
            line.serve();
        }
        assert_eq!(line.teams.len(), 1001, "each was served once, at the same moment");
        line.serve();
        line.serve();
        assert_eq!((line.teams.len(), line.resting.len(), line.len()), (1, 0, 2));
    }

    #[test]
    fn a_team_that_gave_up_unserved_is_forgotten() {
        let mut line = FairLine::default();
        line.join(0, share("stays", 1));
        for number in 1..100 {
            let (team, _) = line.join(number, share(&format!("goes {number}"), 1));
            line.leave(&team, number);
        }
        assert_eq!((line.teams.len(), line.resting.len(), line.len()), (1, 0, 1));
    }

    #[test]
    fn nobody_waiting_is_nothing_remembered() {
        let mut line = FairLine::default();
        line.join(0, share("a", 1));
        let (b, _) = line.join(1, share("b", 1));
        line.serve();
        assert_eq!(line.resting.len(), 1);
        line.leave(&b, 1);
        line.leave(&b, 1);
        assert!(line.is_empty() && line.teams.is_empty() && line.heads.is_empty());
        assert_eq!((line.resting.len(), line.clock), (0, 0));
    }

    #[test]
    fn a_team_that_comes_back_soon_still_owes_its_last_service() {
        let mut line = FairLine::default();
        line.join(0, share("a", 1));
        for number in 1..4 {
            line.join(number, share("b", 1));
        }
        line.serve();
        line.join(4, share("a", 1));
        assert_eq!(head(&line), 1, "a was served just now");
        line.serve();
        assert_eq!(head(&line), 4, "a was served longer ago");
    }

    #[test]
    fn any_weight_counts() {
        let mut line = FairLine::default();
        line.join(0, share("none", 0));
        line.join(1, share("most", u32::MAX));
        line.join(2, share("most", u32::MAX));
        assert_eq!(head(&line), 1);
        line.serve();
        assert_eq!(head(&line), 2);
        line.serve();
        assert_eq!(head(&line), 0);
    }
}
