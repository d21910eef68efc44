//! Fair sharing between teams, whatever they do: nobody starves, nobody is forgotten.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{collections::HashMap, sync::Arc, time::Duration};

use coordination::{
    memory::MemoryTurns,
    suite::shares::{Crowd, one_slot},
};
use proptest::prelude::*;
use provider::{ManualClock, Timestamp};

const TEAMS: [&str; 6] = ["one", "two", "three", "four", "five", "six"];

#[derive(Debug, Clone)]
enum Step {
    Ask(usize, usize),
    GiveUp(usize),
    Serve,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..TEAMS.len(), 1_usize..4).prop_map(|(team, times)| Step::Ask(team, times)),
        1 => any::<usize>().prop_map(Step::GiveUp),
        4 => Just(Step::Serve),
    ];
    prop::collection::vec(step, 1..70)
}

/// A plain model of who waits: each team's numbers in the order of asking, and how often each other
/// team was served since the team's first in line stood first.
#[derive(Debug, Default)]
struct Model<'a> {
    lines: HashMap<&'a str, Vec<usize>>,
    passed_by: HashMap<&'a str, HashMap<&'a str, u32>>,
}

impl<'a> Model<'a> {
    fn ask(&mut self, team: &'a str, number: usize) {
        let line = self.lines.entry(team).or_default();
        if line.is_empty() {
            self.passed_by.insert(team, HashMap::new());
        }
        line.push(number);
    }

    fn give_up(&mut self, nth: usize) -> Option<usize> {
        let mut all: Vec<_> = self.lines.values().flatten().copied().collect();
        all.sort_unstable();
        let number = *all.get(nth.checked_rem(all.len())?)?;
        self.lines.values_mut().for_each(|line| line.retain(|waits| *waits != number));
        Some(number)
    }

    fn serve(&mut self, team: &'a str) -> usize {
        for (waits, passed_by) in &mut self.passed_by {
            if *waits != team && !self.lines[waits].is_empty() {
                *passed_by.entry(team).or_default() += 1;
            }
        }
        self.passed_by.insert(team, HashMap::new());
        self.lines.get_mut(team).unwrap().remove(0)
    }

    /// No team that waits was passed by more often than the weights allow.
    fn check(&self, weight: impl Fn(&str) -> u32) -> Result<(), TestCaseError> {
        for (waits, passed_by) in &self.passed_by {
            for (other, times) in passed_by.iter().filter(|_| !self.lines[waits].is_empty()) {
                let (light, heavy) = (weight(waits), weight(other));
                let most = if light == heavy { 1 } else { (2 * heavy).div_ceil(light) };
                prop_assert!(*times <= most, "{other} was served {times} times before {waits}");
            }
        }
        Ok(())
    }
}

/// Every step is done, then everybody who still waits is served.
async fn live(steps: Vec<Step>, weights: &[u32]) -> Result<(), TestCaseError> {
    let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
    let turns = MemoryTurns::new(Arc::new(clock), Duration::ZERO);
    let limits = one_slot();
    let mut crowd = Crowd::gather(&turns, &limits).await;
    let mut model = Model::default();
    let weight = |team: &str| weights[TEAMS.iter().position(|name| *name == team).unwrap()];
    let rest = std::iter::repeat_n(Step::Serve, 3 * steps.len());
    for step in steps.into_iter().chain(rest) {
        match step {
            Step::Ask(team, times) => {
                for _ in 0..times {
                    let number = crowd.ask(TEAMS[team], weights[team]).await;
                    model.ask(TEAMS[team], number);
                }
            }
            Step::GiveUp(nth) => {
                if let Some(number) = model.give_up(nth) {
                    crowd.give_up(number);
                }
            }
            Step::Serve if crowd.waiting() > 0 => {
                let (team, number) = crowd.serve().await;
                prop_assert_eq!(model.serve(team), number, "out of the team's order");
                model.check(weight)?;
            }
            Step::Serve => {}
        }
    }
    prop_assert_eq!(crowd.waiting(), 0);
    Ok(())
}

fn run(steps: Vec<Step>, weights: &[u32]) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(live(steps, weights))
}

proptest! {
    /// Of equal teams, none is served twice while another waits.
    #[test]
    fn equal_teams_never_pass_each_other_twice(steps in steps()) {
        run(steps, &[1; 6])?;
    }

    /// Of any teams, none is served more often while another waits than their weights allow.
    #[test]
    fn no_team_starves_another(
        steps in steps(),
        weights in prop::collection::vec(1_u32..10, 6),
    ) {
        run(steps, &weights)?;
    }
}
