//! Accounts that take no work for now, and what is known of their money.
//!
//! Trouble with an account is never the caller's: the account is held and the request goes on with
//! the next candidate. A hold ends by itself after a while; the next request then is the test.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;
use provider::{Calendar, Error, ErrorKind, FreeCredits, HoldReason, Kind, MicroUsd, Timestamp};

/// How long an account without money rests before it is tried again: a top-up happens outside.
const BALANCE_REST: Duration = Duration::from_secs(15);
/// How long a refused credential rests at first; it doubles with every refusal.
const CREDENTIAL_REST: Duration = Duration::from_secs(60);
/// How often the rest of a refused credential doubles: it ends at about an hour.
const MOST_DOUBLINGS: u32 = 6;
/// How long an account without allowance rests: the vendor's counters tell more.
const ALLOWANCE_REST: Duration = Duration::from_secs(15 * 60);
/// How long a suspended account rests where the vendor does not say: the longest that one documents.
const SUSPENDED_REST: Duration = Duration::from_secs(24 * 3600);

/// How often a vendor is asked about an account out of turn.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// Why an account takes no work, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// The reason.
    pub reason: HoldReason,
    /// Until when, where it ends by itself.
    pub until: Option<Timestamp>,
}

#[derive(Debug, Clone, Default)]
struct State {
    hold: Option<Hold>,
    /// When the hold began.
    since: Timestamp,
    /// Whether an operator lets it take no work, however well it is.
    by_operator: bool,
    /// Times in a row that the credential was refused.
    refusals: u32,
    balance: Option<MicroUsd>,
    /// The part of it that was given.
    free: Option<FreeCredits>,
    /// When the balance was told.
    told_at: Option<Timestamp>,
    /// What is wrong though it takes work.
    warnings: Vec<String>,
    /// Limits of its prepaid units that little is left of.
    low: Vec<(Kind, Calendar)>,
    /// When the vendor was last asked about the account out of turn.
    asked: Option<Timestamp>,
    /// Whether the last question about the account was refused.
    turned_away: bool,
}

/// What is known of every account, in this process.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<HashMap<String, State>>);

impl Health {
    /// The hold on an account, if it still stands.
    pub(crate) fn hold(&self, account: &str, now: Timestamp) -> Option<Hold> {
        let all = self.0.lock();
        let state = all.get(account)?;
        if state.by_operator {
            return Some(Hold { reason: HoldReason::Operator, until: None });
        }
        let hold = state.hold?;
        hold.until.is_none_or(|until| until > now).then_some(hold)
    }

    /// An operator lets the account take no work, or work again. Nothing else lifts it.
    pub(crate) fn by_operator(&self, account: &str, held: bool) {
        self.0.lock().entry(account.to_owned()).or_default().by_operator = held;
    }

    /// Whether an operator lets the account take no work.
    pub(crate) fn is_held_by_operator(&self, account: &str) -> bool {
        self.0.lock().get(account).is_some_and(|state| state.by_operator)
    }

    /// The balance as last told.
    pub(crate) fn balance(&self, account: &str) -> Option<MicroUsd> {
        self.0.lock().get(account)?.balance
    }

    /// The vendor told which part of the balance was given.
    pub(crate) fn told_free(&self, account: &str, free: Option<FreeCredits>) {
        self.0.lock().entry(account.to_owned()).or_default().free = free;
    }

    /// The part of the balance that was given, where the vendor tells it.
    pub(crate) fn free(&self, account: &str) -> Option<FreeCredits> {
        self.0.lock().get(account)?.free.clone()
    }

    /// How much of the balance was given.
    pub(crate) fn free_left(&self, account: &str) -> MicroUsd {
        let all = self.0.lock();
        let free = all.get(account).and_then(|state| state.free.as_ref());
        free.map_or(MicroUsd::ZERO, |free| free.left)
    }

    /// Whether the balance was told after `since`, and nothing is wrong with the account: who asks then
    /// learns nothing new.
    pub(crate) fn is_known(&self, account: &str, since: Timestamp) -> bool {
        let all = self.0.lock();
        let Some(state) = all.get(account) else { return false };
        state.hold.is_none() && state.told_at.is_some_and(|at| at > since)
    }

    /// What is wrong with the account though it takes work, as last told.
    pub(crate) fn warnings(&self, account: &str) -> Vec<String> {
        self.0.lock().get(account).map(|state| state.warnings.clone()).unwrap_or_default()
    }

    /// What is wrong now; answers what was not wrong before.
    pub(crate) fn warn(&self, account: &str, warnings: Vec<String>) -> Vec<String> {
        let mut all = self.0.lock();
        let state = all.entry(account.to_owned()).or_default();
        let is_new = |warning: &&String| !state.warnings.contains(warning);
        let fresh = warnings.iter().filter(is_new).cloned().collect();
        state.warnings = warnings;
        fresh
    }

    /// The limits that little is left of now; answers those that had enough before.
    pub(crate) fn low(&self, account: &str, low: Vec<(Kind, Calendar)>) -> Vec<(Kind, Calendar)> {
        let mut all = self.0.lock();
        let state = all.entry(account.to_owned()).or_default();
        let fresh = low.iter().filter(|limit| !state.low.contains(limit)).copied().collect();
        state.low = low;
        fresh
    }

    /// The vendor told the balance; true where it fell below `threshold` just now.
    pub(crate) fn told(
        &self,
        account: &str,
        balance: MicroUsd,
        threshold: Option<MicroUsd>,
        now: Timestamp,
    ) -> bool {
        let mut all = self.0.lock();
        let state = all.entry(account.to_owned()).or_default();
        state.told_at = Some(now);
        let before = state.balance.replace(balance);
        // Until the vendor tells it again: what was given is taken to be spent before what was bought.
        if let (Some(free), Some(before)) = (&mut state.free, before) {
            let spent = (before - balance).max(MicroUsd::ZERO);
            free.left = (free.left - spent).max(MicroUsd::ZERO);
        }
        if balance > MicroUsd::ZERO
            && state.hold.is_some_and(|hold| hold.reason == HoldReason::Balance)
        {
            state.hold = None;
        }
        threshold.is_some_and(|t| balance < t && before.is_none_or(|before| before >= t))
    }

    /// Takes notice of an error; true where it put the account on hold.
    pub(crate) fn notice(&self, account: &str, error: &Error, now: Timestamp) -> bool {
        let (reason, rest) = match error.kind() {
            ErrorKind::Unpaid => (HoldReason::Balance, BALANCE_REST),
            ErrorKind::Unauthorised => (HoldReason::Credential, self.refused(account, now)),
            ErrorKind::Suspended => (HoldReason::Suspended, SUSPENDED_REST),
            ErrorKind::Exhausted => (HoldReason::Allowance, ALLOWANCE_REST),
            ErrorKind::Invalid
            | ErrorKind::Unsupported
            | ErrorKind::Blocked
            | ErrorKind::RateLimited
            | ErrorKind::NotFound
            | ErrorKind::Unavailable
            | ErrorKind::TimedOut
            | ErrorKind::Failed => return false,
        };
        self.put(account, Hold { reason, until: Some(now.plus(rest)) }, now);
        true
    }

    /// The credential was refused; answers how long it rests. Calls that were under way together are
    /// one refusal: the first of them put the account on hold.
    fn refused(&self, account: &str, now: Timestamp) -> Duration {
        let mut all = self.0.lock();
        let state = all.entry(account.to_owned()).or_default();
        let stands = state.hold.is_some_and(|hold| {
            hold.reason == HoldReason::Credential && hold.until.is_none_or(|until| until > now)
        });
        if !stands {
            state.refusals += 1;
        }
        CREDENTIAL_REST * 2_u32.pow(state.refusals.saturating_sub(1).min(MOST_DOUBLINGS))
    }

    /// Puts an account on hold.
    pub(crate) fn put(&self, account: &str, hold: Hold, now: Timestamp) {
        let mut all = self.0.lock();
        let state = all.entry(account.to_owned()).or_default();
        // Heard again, a suspension ends no later than when it was heard first.
        let stands = state.hold.filter(|old| old.until.is_some_and(|until| until > now));
        let same = stands.filter(|old| {
            old.reason == HoldReason::Suspended && hold.reason == HoldReason::Suspended
        });
        // One without an end is lifted, never replaced.
        let endless = state.hold.filter(|old| old.until.is_none());
        state.hold = Some(endless.or(same).unwrap_or(hold));
        state.since = now;
    }

    /// The reason is gone.
    pub(crate) fn lift(&self, account: &str, reason: HoldReason) {
        if let Some(state) = self.0.lock().get_mut(account) {
            state.hold = state.hold.filter(|hold| hold.reason != reason);
            if reason == HoldReason::Credential {
                state.refusals = 0;
            }
        }
    }

    /// The vendor was asked about the account, and answered or turned us away. One that was turned
    /// away before and is answered now is let in again.
    pub(crate) fn answered(&self, account: &str, turned_away: bool) {
        let mut all = self.0.lock();
        let state = all.entry(account.to_owned()).or_default();
        let of_the_key =
            |hold: &Hold| matches!(hold.reason, HoldReason::Suspended | HoldReason::Credential);
        if state.turned_away && !turned_away {
            state.hold = state.hold.filter(|hold| !of_the_key(hold));
            state.refusals = 0;
        }
        state.turned_away = turned_away;
    }

    /// Work that was sent at `sent` was done: whatever stopped the account before that is over.
    pub(crate) fn works(&self, account: &str, sent: Timestamp) {
        if let Some(state) = self.0.lock().get_mut(account)
            && state.since <= sent
        {
            state.hold = None;
            state.refusals = 0;
        }
    }

    /// Whether the vendor may be asked about the account again, out of turn.
    pub(crate) fn may_ask(&self, account: &str, now: Timestamp) -> bool {
        let mut all = self.0.lock();
        let state = all.entry(account.to_owned()).or_default();
        let may = state.asked.is_none_or(|asked| now.since(asked) >= ASK_AGAIN);
        if may {
            state.asked = Some(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use provider::{Blame, Retry};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn error(kind: ErrorKind) -> Error {
        Error::new(kind, Blame::Account, Retry::Safe { after: None }, "refused")
    }

    #[test]
    fn a_refused_credential_rests_longer_each_time_that_it_is_tried() {
        let health = Health::default();
        let mut now = NOW;
        for minutes in [1, 2, 4, 8, 16, 32, 64, 64] {
            // Those that were under way together are one refusal.
            for _ in 0..5 {
                assert!(health.notice("a", &error(ErrorKind::Unauthorised), now));
            }
            let until = health.hold("a", now).unwrap().until.unwrap();
            assert_eq!(until.since(now), Duration::from_secs(minutes * 60));
            now = until;
            assert_eq!(health.hold("a", now), None);
        }
        health.works("a", now);
        health.notice("a", &error(ErrorKind::Unauthorised), now);
        let until = health.hold("a", now).unwrap().until.unwrap();
        assert_eq!(until.since(now), Duration::from_secs(60), "it had worked since");
    }

    #[test]
    fn an_operators_hold_is_lifted_by_nothing_else_and_hides_no_other() {
        let health = Health::default();
        health.by_operator("a", true);
        health.notice("a", &error(ErrorKind::Unpaid), NOW);
        let reason = |health: &Health| health.hold("a", NOW).map(|hold| hold.reason);
        assert_eq!(reason(&health), Some(HoldReason::Operator));
        health.by_operator("a", false);
        assert_eq!(reason(&health), Some(HoldReason::Balance));
        health.by_operator("a", true);
        health.told("a", MicroUsd::from_micros(1), None, NOW);
        health.works("a", NOW);
        health.answered("a", true);
        health.answered("a", false);
        health.lift("a", HoldReason::Credential);
        assert_eq!(reason(&health), Some(HoldReason::Operator));
    }

    #[test]
    fn what_was_given_is_spent_first_until_it_is_told_again() {
        let health = Health::default();
        let usd = MicroUsd::from_micros;
        let told = |balance| health.told("a", usd(balance), None, NOW);
        told(100);
        let free = FreeCredits { left: usd(30), most: None, bonuses: Vec::new() };
        health.told_free("a", Some(free.clone()));
        told(80);
        assert_eq!(health.free_left("a"), usd(10));
        told(150);
        assert_eq!(health.free_left("a"), usd(10), "what came may be bought");
        told(60);
        assert_eq!(health.free_left("a"), usd(0));
        health.told_free("a", Some(free));
        assert_eq!(health.free_left("a"), usd(30));
    }

    #[test]
    fn a_low_limit_is_news_once_until_it_has_enough_again() {
        let health = Health::default();
        let (day, month) = ((Kind::Video, Calendar::Day), (Kind::Video, Calendar::Month));
        assert_eq!(health.low("a", vec![day]), [day]);
        assert_eq!(health.low("a", vec![day, month]), [month]);
        assert!(health.low("a", vec![month]).is_empty());
        assert_eq!(health.low("a", vec![day, month]), [day], "a new day ran low too");
        assert_eq!(health.low("b", vec![day]), [day], "another account");
    }
}
