//! A vendor's own books and counters, read at the account's pace.

use std::{collections::HashSet, sync::Arc, time::Duration};

use provider::{AccountStatus, ErrorKind, Retry, Statement, StatementCharge, Timestamp, Told};

use crate::{Account, Engine, Vendor, turns::AccountPace};

/// Pages of one statement that are read at most.
const PAGES_MAX: usize = 200;
/// Looks at one page before it is given up.
const PAGE_TRIES: u32 = 3;
/// The first rest between two of them; it doubles.
const REST: Duration = Duration::from_secs(1);
/// What a vendor's books told.
#[derive(Debug)]
pub(super) struct There {
    pub(super) charges: Vec<StatementCharge>,
    pub(super) told: Told,
    pub(super) incomplete: bool,
    pub(super) problem: Option<String>,
}

impl Engine {
    /// The vendor's charges since then, page by page, each with a turn of the account's.
    pub(super) async fn read_books(
        &self,
        vendor: &Vendor,
        account: &Arc<Account>,
        since: Timestamp,
    ) -> There {
        let mut there =
            There { charges: Vec::new(), told: Told::Nothing, incomplete: false, problem: None };
        let mut entries = HashSet::new();
        let mut cursor = None;
        for number in 0..PAGES_MAX {
            let page = match self.read_page(vendor, account, since, cursor).await {
                Ok(page) => page,
                Err(problem) => {
                    (there.incomplete, there.problem) = (true, Some(problem));
                    return there;
                }
            };
            if number == 0 {
                there.told = page.told;
            } else if page.told != there.told {
                // A part that it lists no more, and does not say why.
                there.incomplete = true;
            }
            // Charges that come while we page move older ones to the next page: some come twice.
            let is_new = |charge: &StatementCharge| {
                charge.entry.clone().is_none_or(|entry| entries.insert(entry))
            };
            there.charges.extend(page.charges.into_iter().filter(is_new));
            cursor = page.next;
            if cursor.is_none() {
                return there;
            }
        }
        there.incomplete = true;
        there
    }

    async fn read_page(
        &self,
        vendor: &Vendor,
        account: &Arc<Account>,
        since: Timestamp,
        cursor: Option<String>,
    ) -> Result<Statement, String> {
        let mut rest = REST;
        for left in (0..PAGE_TRIES).rev() {
            if self.stopping().is_cancelled() {
                return Err("the gateway is stopping".to_owned());
            }
            let pace = AccountPace::new(self, account).await;
            let page = vendor.adapter.statement(pace.call(), since, cursor.clone()).await;
            // While it rests, its credential may be replaced.
            drop(pace);
            let error = match page {
                Ok(page) => return Ok(page),
                Err(error) => error,
            };
            self.health().notice(&account.id, &error, self.clock().now());
            let Retry::Safe { after } = error.retry() else {
                return Err(error.public().to_owned());
            };
            if left == 0 {
                return Err(error.public().to_owned());
            }
            if error.kind() == ErrorKind::RateLimited {
                self.slow_down(account, after).await;
            } else {
                self.clock().sleep_until(self.clock().now().plus(self.jitter(rest))).await;
                rest *= 2;
            }
        }
        Err("the vendor's books cannot be read".to_owned())
    }

    pub(super) async fn counters(
        &self,
        vendor: &Vendor,
        account: &Arc<Account>,
    ) -> Result<AccountStatus, String> {
        if !vendor.description().tells_account {
            return Ok(AccountStatus::default());
        }
        let pace = AccountPace::new(self, account).await;
        let status = vendor.adapter.account(pace.call()).await;
        status.map_err(|error| error.public().to_owned())
    }
}
