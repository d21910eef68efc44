//! Accounts that take no work for now, and what is known of their money.
//!
//! Trouble with an account is never the caller's: the account is held and the request goes on with
//! the next candidate. A hold ends by itself after a while; the next request then is the test.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;
use provider::{Error, ErrorKind, HoldReason, MicroUsd, Timestamp};

/// How long an account without money rests before it is tried again: a top-up happens outside.
const BALANCE_REST: Duration = Duration::from_secs(15);
/// How long a refused credential rests.
const CREDENTIAL_REST: Duration = Duration::from_secs(60);
/// How long a suspended account rests where the vendor does not say.
const SUSPENDED_REST: Duration = Duration::from_secs(15 * 60);

/// Why an account takes no work, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// The reason.
    pub reason: HoldReason,
    /// Until when, where it ends by itself.
    pub until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    hold: Option<Hold>,
    balance: Option<MicroUsd>,
}

/// What is known of every account, in this process.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<HashMap<String, State>>);

impl Health {
    /// The hold on an account, if it still stands.
    pub(crate) fn hold(&self, account: &str, now: Timestamp) -> Option<Hold> {
        let hold = self.0.lock().get(account)?.hold?;
        hold.until.is_none_or(|until| until > now).then_some(hold)
    }

    /// The balance as last told.
    pub(crate) fn balance(&self, account: &str) -> Option<MicroUsd> {
        self.0.lock().get(account)?.balance
    }

    /// The vendor told the balance; true where it fell below `threshold` just now.
    pub(crate) fn told(
        &self,
        account: &str,
        balance: MicroUsd,
        threshold: Option<MicroUsd>,
    ) -> bool {
        let mut all = self.0.lock();
        let state = all.entry(account.to_owned()).or_default();
        let before = state.balance.replace(balance);
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
            ErrorKind::Unauthorised => (HoldReason::Credential, CREDENTIAL_REST),
            ErrorKind::Suspended => (HoldReason::Suspended, SUSPENDED_REST),
            ErrorKind::Exhausted => (HoldReason::Allowance, SUSPENDED_REST),
            ErrorKind::Invalid
            | ErrorKind::Unsupported
            | ErrorKind::Blocked
            | ErrorKind::RateLimited
            | ErrorKind::NotFound
            | ErrorKind::Unavailable
            | ErrorKind::TimedOut
            | ErrorKind::Failed => return false,
        };
        let hold = Hold { reason, until: Some(now.plus(rest)) };
        self.0.lock().entry(account.to_owned()).or_default().hold = Some(hold);
        true
    }

    /// The account works again.
    pub(crate) fn works(&self, account: &str) {
        if let Some(state) = self.0.lock().get_mut(account) {
            state.hold = None;
        }
    }
}
