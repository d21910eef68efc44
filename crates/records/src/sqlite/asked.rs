//! The questions about people and books, on the readers.

use provider::{MicroUsd, Timestamp};

use super::{
    Sqlite, accounts, audit, books, budgets, claims, credentials, deliveries, lists, people,
    reports, sealed, users, verify,
};
use crate::{
    AuditEntry, AuditFilter, Books, Claimed, Dimension, DriftEntry, Finding, Key, KeyFilter,
    KeyHash, LedgerEntry, LedgerFilter, Page, People, Result, SealedPlace, Span, SpendRow,
    Standing, StoredAccount, StoredCredential, Team, Usage, User,
};

#[async_trait::async_trait]
impl People for Sqlite {
    async fn teams(&self, page: Page) -> Result<Vec<Team>> {
        self.list(move |conn| lists::teams(conn, &page)).await
    }

    async fn team(&self, id: &str) -> Result<Option<Team>> {
        let id = id.to_owned();
        self.point(move |conn| people::team(conn, &id)).await
    }

    async fn keys(&self, filter: KeyFilter, page: Page) -> Result<Vec<Key>> {
        self.list(move |conn| lists::keys(conn, &filter, &page)).await
    }

    async fn key(&self, id: &str) -> Result<Option<Key>> {
        let id = id.to_owned();
        self.point(move |conn| people::key(conn, &id)).await
    }

    async fn key_by_hash(&self, hash: &KeyHash, now: Timestamp) -> Result<Option<(Key, Team)>> {
        let hash = *hash;
        self.point(move |conn| people::key_by_hash(conn, &hash, now)).await
    }

    async fn users(&self, page: Page) -> Result<Vec<User>> {
        self.list(move |conn| users::list(conn, &page)).await
    }

    async fn user(&self, id: &str) -> Result<Option<User>> {
        let id = id.to_owned();
        self.point(move |conn| users::find(conn, &id)).await
    }

    async fn user_by_hash(&self, hash: &KeyHash) -> Result<Option<User>> {
        let hash = *hash;
        self.point(move |conn| users::by_hash(conn, &hash)).await
    }

    async fn audit(&self, filter: AuditFilter, page: Page) -> Result<Vec<AuditEntry>> {
        self.list(move |conn| audit::list(conn, &filter, &page)).await
    }

    async fn accounts(&self) -> Result<Vec<StoredAccount>> {
        self.point(accounts::list).await
    }

    async fn credentials(&self) -> Result<Vec<StoredCredential>> {
        self.point(credentials::list).await
    }

    async fn webhook_secret(&self, team: &str) -> Result<Option<String>> {
        let team = team.to_owned();
        self.point(move |conn| deliveries::secret(conn, &team)).await
    }

    async fn sealed(&self) -> Result<Vec<(SealedPlace, String)>> {
        self.list(sealed::list).await
    }
}

#[async_trait::async_trait]
impl Books for Sqlite {
    async fn held(&self, team: &str) -> Result<MicroUsd> {
        let team = team.to_owned();
        self.point(move |conn| books::held(conn, &team)).await
    }

    async fn standings(&self, spans: Vec<Span>) -> Result<Vec<Standing>> {
        self.point(move |conn| budgets::standings(conn, &spans)).await
    }

    async fn usage(
        &self,
        team: &str,
        key: Option<&str>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Usage> {
        let (team, key) = (team.to_owned(), key.map(str::to_owned));
        self.list(move |conn| reports::usage(conn, &team, key.as_deref(), from, to)).await
    }

    async fn spend(&self, by: Vec<Dimension>, filter: LedgerFilter) -> Result<Vec<SpendRow>> {
        self.list(move |conn| reports::spend(conn, &by, &filter)).await
    }

    async fn ledger(&self, filter: LedgerFilter, page: Page) -> Result<Vec<LedgerEntry>> {
        self.list(move |conn| books::ledger(conn, &filter, &page)).await
    }

    async fn claims(
        &self,
        provider: &str,
        account: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Claimed>> {
        let (provider, account) = (provider.to_owned(), account.to_owned());
        self.list(move |conn| claims::claims(conn, &provider, &account, from, to)).await
    }

    async fn drifts(
        &self,
        provider: &str,
        account: &str,
        from: Timestamp,
    ) -> Result<Vec<DriftEntry>> {
        let (provider, account) = (provider.to_owned(), account.to_owned());
        self.list(move |conn| claims::drifts(conn, &provider, &account, from)).await
    }

    async fn verify(&self) -> Result<Vec<Finding>> {
        self.list(verify::verify).await
    }
}
