//! The truth, transactional: teams, keys, generations, attempts, holds, assets and the ledger.
//!
//! # Why changes are data
//! A generation's life is a row before it is an act, and every step of it touches several tables at
//! once: settling books a charge, frees a hold, claims the vendor's work, names the asset and ends
//! the generation, or does none of it. So the writing side of [`Records`] is one method:
//! [`Records::apply`] takes a list of [`Change`]s and makes all of them or none. The engine composes
//! them; a backend may commit many callers' lists in one go (group commit) without their knowing.
//!
//! # Why `SQLite` is spoken to directly
//! One thread owns the writing connection and runs prepared statements without a task switch for
//! each; that keeps a whole settlement at a few tens of microseconds. An asynchronous driver puts a
//! channel round trip between any two statements.
//!
//! This room never knows how fast, shared state is kept (`coordination`), nor where bytes lie
//! (`assets`): an asset here is a name and its facts.

mod books;
mod change;
mod decisions;
mod delivery;
mod error;
mod model;
mod page;
mod people;
mod rules;
pub mod sqlite;
#[cfg(any(test, feature = "suite"))]
pub mod suite;
mod units;

pub use books::{
    Check, Claimed, Dimension, DriftEntry, Finding, LedgerEntry, LedgerFilter, Purse, Reserve,
    Saving, SavingReason, Short, Span, SpendRow, Standing, Usage, UsageRow,
};
pub use change::{
    Answer, Booking, Change, EndAttempt, EndGeneration, NewAttempt, NewGeneration, Share, TakeOn,
};
pub use decisions::{Decided, Demanded};
pub use delivery::{Delivery, DeliveryState, DeliveryTried, NewDelivery};
pub use error::{Error, Result};
pub use model::{
    Accepted, Asset, Attempt, AttemptState, CacheResult, Cost, Failure, Generation, Idempotency,
    Lost, Outcome, OutputRecord, Remote, Status, Unfinished, shadow_id,
};
pub use page::{Cursor, Page};
pub use people::{
    AuditEntry, AuditFilter, Key, KeyFilter, KeyHash, Role, Scope, SealedPlace, StoredAccount,
    StoredCredential, Team, User,
};
pub use rules::{Budget, Limits, Pace, Period, Rules, TeamRouting};
pub use units::{Judgement, Unheard, Units, UnitsState};

use provider::{Kind, MicroUsd, Timestamp};

/// The records. Every method may be called from many tasks at once.
#[async_trait::async_trait]
pub trait Records: People + Books {
    /// Makes all of these changes, durably, or none.
    async fn apply(&self, changes: Vec<Change>) -> Result<()>;

    /// Like [`apply`](Records::apply) for what is not worth waiting for: it is written with the next
    /// commit, and a failure is logged.
    fn apply_soon(&self, changes: Vec<Change>);

    /// The value under `name`; `value` is stored and returned where there was none.
    async fn setting(&self, name: &str, value: String) -> Result<String>;
    /// What was learned under that name, if anything was.
    async fn document(&self, name: &str) -> Result<Option<String>>;

    /// The value under `name`, if there is one.
    async fn find_setting(&self, name: &str) -> Result<Option<String>>;

    /// One generation of a team.
    async fn generation(&self, team: &str, id: &str) -> Result<Option<Generation>>;
    /// A team's generations, newest first, of one kind or all.
    async fn generations(
        &self,
        team: &str,
        kind: Option<Kind>,
        page: Page,
    ) -> Result<Vec<Generation>>;
    /// Every generation that has not ended, with what is needed to go on.
    async fn unfinished(&self) -> Result<Vec<Unfinished>>;
    /// Generations that were accepted since then, in any order.
    async fn accepted_since(&self, since: Timestamp) -> Result<Vec<Accepted>>;

    /// How a team's generation was decided.
    async fn decision(&self, team: &str, generation: &str) -> Result<Option<String>>;
    /// The newest decisions, newest first, at most `limit`.
    async fn decisions(&self, limit: u32) -> Result<Vec<Decided>>;
    /// How many decisions there were in each hour from that of `since` on, in any order.
    async fn demand(&self, since: Timestamp) -> Result<Vec<Demanded>>;

    /// The generation that an idempotency key stands for, if the key was used.
    async fn idempotent(&self, team: &str, key: &str) -> Result<Option<Idempotency>>;

    /// One asset.
    async fn asset(&self, id: &str) -> Result<Option<Asset>>;
    /// Assets that expired before `now`, at most `limit`: each one's id, and where its bytes lie.
    async fn expired_assets(&self, now: Timestamp, limit: u32) -> Result<Vec<(String, String)>>;
    /// Which of these places hold no asset's bytes, as far as anybody has recorded.
    async fn unknown_assets(&self, ids: Vec<String>) -> Result<Vec<String>>;

    /// When requests were sent to vendors' accounts since then, oldest first: `(account id, time)`.
    async fn calls_since(&self, since: Timestamp) -> Result<Vec<(String, Timestamp)>>;

    /// Submits of since then that ended with nobody knowing what became of them, in any order.
    async fn unheard_since(&self, since: Timestamp) -> Result<Vec<Unheard>>;

    /// Processes that may be believed to live no longer.
    async fn dead_workers(&self, now: Timestamp) -> Result<Vec<String>>;
    /// What attempts took of allowances since then, oldest first, but for what was free again; from
    /// before it whatever cost money or is not decided yet.
    async fn units_since(&self, since: Timestamp) -> Result<Vec<Units>>;
    /// What vendors' content checks said since then, in the order of sending.
    async fn judged_since(&self, since: Timestamp) -> Result<Vec<Judgement>>;

    /// Webhook deliveries that are due by `now`, the longest due first, at most `limit`, and none of
    /// the teams in `except`: a team whose receiver is slow must not hold up the others.
    async fn due_deliveries(
        &self,
        now: Timestamp,
        except: Vec<String>,
        limit: u32,
    ) -> Result<Vec<Delivery>>;
    /// When the first delivery after `now` is due.
    async fn next_delivery(&self, now: Timestamp) -> Result<Option<Timestamp>>;
    /// One delivery.
    async fn delivery(&self, id: &str) -> Result<Option<Delivery>>;
    /// Deliveries, newest first, of one team and one generation or of all.
    async fn deliveries(
        &self,
        team: Option<&str>,
        generation: Option<&str>,
        page: Page,
    ) -> Result<Vec<Delivery>>;
}

/// Teams, keys, operators, accounts, and who changed what.
#[async_trait::async_trait]
pub trait People: Send + Sync + std::fmt::Debug {
    /// Teams, newest first.
    async fn teams(&self, page: Page) -> Result<Vec<Team>>;

    /// One team.
    async fn team(&self, id: &str) -> Result<Option<Team>>;

    /// Keys, newest first.
    async fn keys(&self, filter: KeyFilter, page: Page) -> Result<Vec<Key>>;

    /// One key.
    async fn key(&self, id: &str) -> Result<Option<Key>>;

    /// The key with this hash and its team, whether it is still good or not. An old text of a rotated key
    /// is found until its grace is over.
    async fn key_by_hash(&self, hash: &KeyHash, now: Timestamp) -> Result<Option<(Key, Team)>>;

    /// Operators, newest first.
    async fn users(&self, page: Page) -> Result<Vec<User>>;

    /// One operator.
    async fn user(&self, id: &str) -> Result<Option<User>>;

    /// The operator whose key has this hash, whether it is still good or not.
    async fn user_by_hash(&self, hash: &KeyHash) -> Result<Option<User>>;

    /// Who changed what, newest first.
    async fn audit(&self, filter: AuditFilter, page: Page) -> Result<Vec<AuditEntry>>;

    /// Accounts that were changed at run time, those that are gone too.
    async fn accounts(&self) -> Result<Vec<StoredAccount>>;

    /// Every account's credential as far as it was replaced.
    async fn credentials(&self) -> Result<Vec<StoredCredential>>;

    /// The team's webhook secret as it was sealed, if it has one.
    async fn webhook_secret(&self, team: &str) -> Result<Option<String>>;

    /// Every sealed text.
    async fn sealed(&self) -> Result<Vec<(SealedPlace, String)>>;
}

/// The books, read.
#[async_trait::async_trait]
pub trait Books: Send + Sync + std::fmt::Debug {
    /// What is held for a team's generations and attempts.
    async fn held(&self, team: &str) -> Result<MicroUsd>;

    /// How spans stand, in their order.
    async fn standings(&self, spans: Vec<Span>) -> Result<Vec<Standing>>;

    /// What a team was charged and saved in a span, by day, provider, model and kind; a key's part of it
    /// where one is named.
    async fn usage(
        &self,
        team: &str,
        key: Option<&str>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Usage>;

    /// What was charged, by these dimensions, in their order. The filter's span is bounded by the caller.
    async fn spend(&self, by: Vec<Dimension>, filter: LedgerFilter) -> Result<Vec<SpendRow>>;

    /// Ledger entries, newest first.
    async fn ledger(&self, filter: LedgerFilter, page: Page) -> Result<Vec<LedgerEntry>>;

    /// What is booked of an account's charges, those whose booking falls within the span, oldest first.
    async fn claims(
        &self,
        provider: &str,
        account: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Claimed>>;

    /// Drift of an account that was entered then or later, oldest first.
    async fn drifts(
        &self,
        provider: &str,
        account: &str,
        from: Timestamp,
    ) -> Result<Vec<DriftEntry>>;

    /// What does not add up: nothing, while all is well.
    async fn verify(&self) -> Result<Vec<Finding>>;
}
