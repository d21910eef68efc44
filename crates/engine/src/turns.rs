//! An account's turns, as an adapter takes them for its further requests.

use std::sync::Arc;

use provider::{Blame, Error, ErrorKind, Pace, Retry, Turn};
use records::Change;

use crate::{Engine, market::Account};

/// Takes turns at one account and remembers that they were taken: what was sent in the last minute
/// counts on after a restart.
#[derive(Debug)]
pub(crate) struct AccountPace {
    engine: Engine,
    account: Arc<Account>,
}

impl AccountPace {
    pub(crate) fn new(engine: &Engine, account: &Arc<Account>) -> Self {
        Self { engine: engine.clone(), account: Arc::clone(account) }
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
