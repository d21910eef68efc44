//! Checks of [`Turns`]: teams that wait for leases are served fairly. Give windows a margin of zero.

use std::time::Duration;

use provider::{Clock, Limits, ManualClock, RateWindow, Timestamp};

use super::{Waiting, now, start};
use crate::{Busy, Lease, Share, Turns};

const SECOND: Duration = Duration::from_secs(1);

/// Teams that wait at an account with one slot, which goes from one to the next.
pub struct Crowd<'a> {
    turns: &'a dyn Turns,
    limits: &'a Limits,
    held: Option<Lease>,
    asked: usize,
    waiting: Vec<Asked<'a>>,
}

struct Asked<'a> {
    number: usize,
    team: &'a str,
    lease: Waiting<'a, Result<Lease, Busy>>,
}

impl std::fmt::Debug for Crowd<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crowd").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

/// The limits of an account with one slot.
pub fn one_slot() -> Limits {
    Limits { concurrent: Some(1), ..Limits::none(SECOND) }
}

impl<'a> Crowd<'a> {
    /// An account whose only slot is taken. `limits` are those of [`one_slot`].
    pub async fn gather(turns: &'a dyn Turns, limits: &'a Limits) -> Self {
        let held = turns.try_lease("a", limits).await.ok();
        assert!(held.is_some(), "the account was not free");
        Self { turns, limits, held, asked: 0, waiting: Vec::new() }
    }

    /// One more waits for this team; answers its number, counted from zero.
    pub async fn ask(&mut self, team: &'a str, weight: u32) -> usize {
        self.ask_until(team, weight, None).await
    }

    async fn ask_until(&mut self, team: &'a str, weight: u32, until: Option<Timestamp>) -> usize {
        let share = Share { team, weight };
        let mut lease = start(self.turns.lease("a", self.limits, share, until));
        assert!(now(&mut lease).await.is_none(), "the slot is taken");
        let number = self.asked;
        self.asked += 1;
        self.waiting.push(Asked { number, team, lease });
        number
    }

    async fn ask_often(&mut self, team: &'a str, weight: u32, times: usize) {
        for _ in 0..times {
            self.ask(team, weight).await;
        }
    }

    /// The one of this number waits no longer, if it did.
    pub fn give_up(&mut self, number: usize) {
        self.waiting.retain(|asked| asked.number != number);
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The slot is free and goes to the next one: its team and its number. Somebody must wait.
    pub async fn serve(&mut self) -> (&'a str, usize) {
        self.held = None;
        let mut looked = 0;
        loop {
            assert!(looked < 100, "nobody is served");
            looked += 1;
            for place in 0..self.waiting.len() {
                let Some(lease) = now(&mut self.waiting[place].lease).await else { continue };
                let served = self.waiting.remove(place);
                self.held = lease.ok();
                assert!(self.held.is_some(), "{} was turned away", served.number);
                return (served.team, served.number);
            }
        }
    }

    /// The teams of the next ones.
    async fn serve_often(&mut self, times: usize) -> Vec<&'a str> {
        let mut teams = Vec::new();
        for _ in 0..times {
            teams.push(self.serve().await.0);
        }
        teams
    }
}

fn count(teams: &[&str], team: &str) -> usize {
    teams.iter().filter(|served| **served == team).count()
}

/// However many a team has in line, another team's few are served in between.
pub async fn a_large_team_keeps_nobody_waiting(turns: &dyn Turns) {
    let limits = one_slot();
    let mut crowd = Crowd::gather(turns, &limits).await;
    crowd.ask_often("large", 1, 100).await;
    crowd.ask_often("small", 1, 3).await;
    let first = crowd.serve_often(6).await;
    assert_eq!(first, ["large", "small", "large", "small", "large", "small"]);
    assert_eq!(count(&crowd.serve_often(97).await, "large"), 97, "the rest is not lost");
    assert_eq!(crowd.waiting(), 0);
}

/// Teams that keep waiting are served in proportion to their weights, at any time within one.
pub async fn weights_divide_the_slot(turns: &dyn Turns) {
    let limits = one_slot();
    let mut crowd = Crowd::gather(turns, &limits).await;
    crowd.ask_often("light", 1, 20).await;
    crowd.ask_often("heavy", 3, 60).await;
    let teams = crowd.serve_often(80).await;
    for so_far in 1..=80 {
        let heavy = count(&teams[..so_far], "heavy");
        let due = so_far * 3;
        assert!((heavy * 4).abs_diff(due) <= 4, "{heavy} of {so_far}");
    }
}

/// Who comes to a long line is served before any other team is served twice.
pub async fn a_newcomer_waits_for_one_of_each_team(turns: &dyn Turns) {
    let limits = one_slot();
    let mut crowd = Crowd::gather(turns, &limits).await;
    let others = ["one", "two", "three", "four"];
    for team in others {
        crowd.ask_often(team, 1, 10).await;
    }
    for before in 0..4 {
        crowd.serve_often(5).await;
        crowd.ask("new", 1).await;
        let mut ahead = Vec::new();
        loop {
            match crowd.serve().await {
                ("new", _) => break,
                (other, _) => ahead.push(other),
            }
        }
        for team in others {
            assert!(count(&ahead, team) <= 1, "{team} went twice, the {before}th time");
        }
    }
}

/// Teams of equal weight that ask again whenever they were served take turns, each time each one.
pub async fn equal_teams_take_turns(turns: &dyn Turns) {
    let limits = one_slot();
    let mut crowd = Crowd::gather(turns, &limits).await;
    let teams = ["one", "two", "three"];
    crowd.ask("one", 1).await;
    crowd.ask_often("two", 1, 9).await;
    crowd.ask_often("three", 1, 9).await;
    for _ in 0..8 {
        let mut round = Vec::new();
        for _ in teams {
            let (team, _) = crowd.serve().await;
            if team == "one" {
                crowd.ask("one", 1).await;
            }
            round.push(team);
        }
        assert!(teams.iter().all(|team| count(&round, team) == 1), "{round:?}");
    }
}

/// Within a team, who asked first is served first, whoever of it gives up.
pub async fn a_team_is_served_in_order(turns: &dyn Turns) {
    let limits = one_slot();
    let mut crowd = Crowd::gather(turns, &limits).await;
    for _ in 0..10 {
        crowd.ask("one", 1).await;
        crowd.ask("two", 2).await;
    }
    let gone = [0, 7, 8, 19];
    gone.into_iter().for_each(|number| crowd.give_up(number));
    let (mut ones, mut twos) = (Vec::new(), Vec::new());
    while crowd.waiting() > 0 {
        match crowd.serve().await {
            ("one", number) => ones.push(number),
            (_, number) => twos.push(number),
        }
    }
    let expected = |odd| (0..20).filter(|n| n % 2 == odd && !gone.contains(n)).collect::<Vec<_>>();
    assert_eq!((ones, twos), (expected(0), expected(1)));
}

/// A team that asked for nothing for a while comes back as an equal, not with what it has saved up.
pub async fn idling_earns_nothing(turns: &dyn Turns) {
    let limits = one_slot();
    let mut crowd = Crowd::gather(turns, &limits).await;
    crowd.ask_often("idle", 1, 1).await;
    crowd.ask_often("busy", 1, 60).await;
    crowd.serve_often(40).await;
    crowd.ask_often("idle", 1, 20).await;
    let teams = crowd.serve_often(20).await;
    for so_far in 1..=20 {
        let idle = count(&teams[..so_far], "idle");
        assert!((idle * 2).abs_diff(so_far) <= 2, "{idle} of {so_far}");
    }
}

/// Who gave up was not served, and its team is not put back for it.
pub async fn those_who_gave_up_cost_nothing(turns: &dyn Turns) {
    let limits = one_slot();
    let mut crowd = Crowd::gather(turns, &limits).await;
    crowd.ask_often("patient", 1, 12).await;
    for round in 0..3 {
        let mut gone = Vec::new();
        for _ in 0..30 {
            gone.push(crowd.ask("fickle", 1).await);
        }
        let middle = gone[15];
        // From the front, from the back, and from the middle outwards.
        gone.sort_by_key(|number| match round {
            0 => *number,
            1 => usize::MAX - *number,
            _ => number.abs_diff(middle),
        });
        gone.into_iter().for_each(|number| crowd.give_up(number));
    }
    assert_eq!(turns.load("a", &limits).await.waiting, 12);
    crowd.ask_often("fickle", 1, 4).await;
    let teams = crowd.serve_often(8).await;
    assert_eq!(count(&teams, "fickle"), 4, "{teams:?}");
}

/// Nor is a team put back for one whose deadline came.
pub async fn a_deadline_costs_nothing(turns: &dyn Turns, clock: &ManualClock) {
    let limits = one_slot();
    let mut crowd = Crowd::gather(turns, &limits).await;
    crowd.ask_often("patient", 1, 6).await;
    let until = clock.now().plus(SECOND);
    for _ in 0..10 {
        crowd.ask_until("hurried", 1, Some(until)).await;
    }
    clock.advance(SECOND);
    for asked in &mut crowd.waiting[6..] {
        assert!(matches!(now(&mut asked.lease).await, Some(Err(_))));
    }
    crowd.waiting.truncate(6);
    crowd.ask_often("hurried", 1, 3).await;
    assert_eq!(count(&crowd.serve_often(6).await, "hurried"), 3);
}

/// Where nobody waits, nothing is charged: who took many free slots stands in line as an equal.
pub async fn an_open_account_is_nobodys(turns: &dyn Turns) {
    let limits = one_slot();
    for _ in 0..50 {
        let share = Share { team: "early", weight: 1 };
        assert!(turns.lease("a", &limits, share, None).await.is_ok());
    }
    let mut crowd = Crowd::gather(turns, &limits).await;
    crowd.ask_often("early", 1, 2).await;
    crowd.ask_often("late", 1, 2).await;
    assert_eq!(crowd.serve_often(4).await, ["early", "late", "early", "late"]);
}

/// A window's calls are shared as slots are.
pub async fn windows_are_shared_too(turns: &dyn Turns, clock: &ManualClock) {
    let window = RateWindow { span: SECOND, calls: 1 };
    let limits = Limits { windows: vec![window], ..Limits::none(SECOND) };
    let mut crowd = Crowd::gather(turns, &limits).await;
    crowd.ask_often("large", 1, 10).await;
    crowd.ask_often("small", 1, 2).await;
    let mut teams = Vec::new();
    for _ in 0..4 {
        clock.advance(SECOND);
        teams.push(crowd.serve().await.0);
    }
    assert_eq!(teams, ["large", "small", "large", "small"]);
}
