//! What people do beside generating: comments, ratings, follows and teams, as the sum of what happened.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Something that happened.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    Commented(Comment),
    Uncommented { comment: u64 },
    Voted { comment: u64, user_id: u64, up: bool },
    Rated { creation: u64, user_id: u64, score: u32 },
    Followed { user_id: u64, other: u64, follows: bool },
    TeamMade(Team),
    TeamJoined { team: u64, user_id: u64 },
    TeamLeft { team: u64, user_id: u64 },
    Invite { team: u64, code: String },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    pub(crate) creation: u64,
    pub(crate) user_id: u64,
    pub(crate) text: String,
    pub(crate) parent_id: Option<u64>,
    pub(crate) at_ms: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Team {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) owner: u64,
    pub(crate) members: Vec<u64>,
    pub(crate) invite_code: String,
    pub(crate) at_ms: i64,
}

impl Team {
    pub(crate) fn has(&self, user_id: u64) -> bool {
        self.members.contains(&user_id)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Community {
    pub(crate) comments: BTreeMap<u64, Comment>,
    votes: BTreeMap<(u64, u64), bool>,
    ratings: BTreeMap<(u64, u64), u32>,
    /// Who follows whom.
    follows: BTreeSet<(u64, u64)>,
    pub(crate) teams: BTreeMap<u64, Team>,
    last_comment: u64,
    last_team: u64,
}

impl Community {
    pub(crate) fn next_comment(&self) -> u64 {
        self.last_comment + 1
    }

    pub(crate) fn next_team(&self) -> u64 {
        self.last_team + 1
    }

    /// Nobody and nothing, but numbers that go on.
    pub(crate) fn emptied(&self) -> Self {
        let (last_comment, last_team) = (self.last_comment, self.last_team);
        Self { last_comment, last_team, ..Self::default() }
    }

    pub(crate) fn apply(&mut self, event: Event) {
        match event {
            Event::Commented(comment) => {
                self.last_comment = self.last_comment.max(comment.id);
                self.comments.insert(comment.id, comment);
            }
            Event::Uncommented { comment } => drop(self.comments.remove(&comment)),
            Event::Voted { comment, user_id, up } => {
                self.votes.insert((comment, user_id), up);
            }
            Event::Rated { creation, user_id, score } => {
                self.ratings.insert((creation, user_id), score);
            }
            Event::Followed { user_id, other, follows: true } => {
                self.follows.insert((user_id, other));
            }
            Event::Followed { user_id, other, follows: false } => {
                self.follows.remove(&(user_id, other));
            }
            Event::TeamMade(team) => {
                self.last_team = self.last_team.max(team.id);
                self.teams.insert(team.id, team);
            }
            Event::TeamJoined { team, user_id } => {
                if let Some(team) = self.teams.get_mut(&team).filter(|team| !team.has(user_id)) {
                    team.members.push(user_id);
                }
            }
            Event::TeamLeft { team, user_id } => {
                if let Some(team) = self.teams.get_mut(&team) {
                    team.members.retain(|member| *member != user_id);
                }
            }
            Event::Invite { team, code } => {
                if let Some(team) = self.teams.get_mut(&team) {
                    team.invite_code = code;
                }
            }
        }
    }

    pub(crate) fn does_follow(&self, user_id: u64, other: u64) -> bool {
        self.follows.contains(&(user_id, other))
    }

    pub(crate) fn following(&self, user_id: u64) -> Vec<u64> {
        let follows = self.follows.iter().filter(|(who, _)| *who == user_id);
        follows.map(|(_, other)| *other).collect()
    }

    pub(crate) fn followers(&self, user_id: u64) -> Vec<u64> {
        let follows = self.follows.iter().filter(|(_, other)| *other == user_id);
        follows.map(|(who, _)| *who).collect()
    }

    /// Votes for it less those against.
    pub(crate) fn score(&self, comment: u64) -> i64 {
        let votes = self.votes.range((comment, 0)..=(comment, u64::MAX));
        votes.map(|(_, up)| if *up { 1 } else { -1 }).sum()
    }

    /// The average in hundredths, and of how many.
    pub(crate) fn rating(&self, creation: u64) -> (u64, u64) {
        let of: Vec<_> = self.ratings.range((creation, 0)..=(creation, u64::MAX)).collect();
        let count = u64::try_from(of.len()).unwrap_or(0);
        let sum: u64 = of.into_iter().map(|(_, score)| u64::from(*score)).sum();
        ((sum * 100 + count / 2) / count.max(1), count)
    }
}
