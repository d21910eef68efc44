//! An account's turns, as an adapter takes them for its further requests.

use std::{sync::Arc, time::Duration};

use provider::{Blame, Call, Error, ErrorKind, Pace, Retry, Turn};
use records::Change;

use crate::{Engine, credential::InUse, vendor::Account};

/// Takes turns at one account and remembers that they were taken: what was sent in the last minute
/// counts on after a restart.
#[derive(Debug)]
pub(crate) struct AccountPace {
    engine: Engine,
    account: Arc<Account>,
    key: InUse,
}

/// How long an account rests after «slow down» without a time.
const PAUSE: Duration = Duration::from_secs(5);
/// The longest that a vendor's `Retry-After` is believed.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(120);

impl Engine {
    /// The vendor said «slow down», and perhaps for how long.
    pub(crate) async fn slow_down(&self, account: &Account, told: Option<Duration>) {
        let span = told.unwrap_or(PAUSE).min(LONGEST_PAUSE);
        self.turns().pause(&account.id, self.clock().now().plus(span)).await;
    }
}

impl AccountPace {
    /// For one call to the vendor; while the credential is being replaced this waits.
    pub(crate) async fn new(engine: &Engine, account: &Arc<Account>) -> Self {
        let key = account.key.in_use().await;
        Self { engine: engine.clone(), account: Arc::clone(account), key }
    }

    /// For the one call that replaces the credential.
    pub(crate) fn with(engine: &Engine, account: &Arc<Account>, key: InUse) -> Self {
        Self { engine: engine.clone(), account: Arc::clone(account), key }
    }

    /// What the call carries.
    pub(crate) fn call(&self) -> Call<'_> {
        Call { account: &self.account.name, key: self.key.secret(), pace: self }
    }
}

#[async_trait::async_trait]
impl Pace for AccountPace {
    async fn turn(&self) -> provider::Result<Turn> {
        let limits = &self.account.limits;
        let turn = self.engine.turns().turn(&self.account.id, limits, None).await;
        let turn = turn.map_err(|_| {
            let public = "the account's rate limit leaves no turn";
            Error::new(ErrorKind::RateLimited, Blame::Account, Retry::Safe { after: None }, public)
        })?;
        if limits.count_reads {
            let at = self.engine.clock().now();
            let account = self.account.id.clone();
            self.engine.records().apply_soon(vec![Change::Call { account, at }]);
        }
        Ok(Turn::holding(turn))
    }
}
