//! The vendor's endpoints that need a key.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use provider::{
    AccountStatus, Blame, Call, Finished, FreeCredits, MicroUsd, Result, Retry, Timestamp,
};
use provider_http::{Base, Client, Effect, Request, Response, unreadable};

use crate::{
    convert::{self, Asked},
    free::{self, Bonuses},
    keys::{self, Scopes},
    refusals,
    wire::{Envelope, KeyRow, NewKey},
};

/// Rows of one page: the most that the vendor gives.
pub(crate) const PAGE: usize = 100;
/// A page of rows may repeat a hundred prompts of 10,000 characters.
const LIST_BYTES: usize = 8 * 1024 * 1024;
/// Ten creations may be long texts each.
const MADE_BYTES: usize = 4 * 1024 * 1024;

/// Where the API is.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) http: Arc<Client>,
    pub(crate) base: Base,
    /// How long the vendor may work before it answers.
    work_ceiling: Duration,
    /// What one credit costs.
    credit: MicroUsd,
    scopes: Scopes,
    pub(crate) bonuses: Bonuses,
}

/// One page of a list, and the vendor's time as it answered.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Value>,
    pub(crate) has_next: bool,
    pub(crate) date: Option<Timestamp>,
}

impl Api {
    pub(crate) fn new(
        base: Base,
        http: Arc<Client>,
        work_ceiling: Duration,
        credit: MicroUsd,
    ) -> Self {
        Self {
            http,
            base,
            work_ceiling,
            credit,
            scopes: Scopes::default(),
            bonuses: Bonuses::default(),
        }
    }

    /// The time by our clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.http.clock().now()
    }

    /// The one call that is paid for, and the creations that it made.
    pub(crate) async fn generate(
        &self,
        call: Call<'_>,
        slug: &str,
        body: Bytes,
        asked: &Asked<'_>,
    ) -> Result<(Finished, Vec<String>)> {
        let url = self.url(&["generators", slug, "generate"])?;
        let request = Request::paid("generate", url, body)
            .works_for(self.work_ceiling)
            .json_up_to(MADE_BYTES);
        let answer = self.succeed(call.key, request).await?;
        let is_accepted = answer.status() == 202;
        let body = answer.json().await?;
        let finished =
            convert::finished(&body, asked, call.key).map_err(|error| match error.retry() {
                // No page speaks of it, but who says «accepted» may be at it still.
                Retry::Unknown { .. } if is_accepted => {
                    error.with_retry(Retry::Unknown { ended: false })
                }
                _ => error,
            })?;
        Ok((finished, convert::creations(&body, call.key)))
    }

    /// One page of the account's creations, newest first.
    pub(crate) async fn creations(
        &self,
        call: Call<'_>,
        generator: Option<&str>,
        page: usize,
    ) -> Result<Page> {
        let mut url = self.url(&["creations"])?;
        if let Some(slug) = generator {
            url.query_pairs_mut().append_pair("generator", slug);
        }
        url.query_pairs_mut().append_pair("sort", "newest");
        self.page(call, "creations", url, page).await
    }

    /// One page of the books of credits, newest first; of one type, in the vendor's word.
    pub(crate) async fn transactions(
        &self,
        call: Call<'_>,
        kind: &str,
        page: usize,
    ) -> Result<Page> {
        let mut url = self.url(&["credits", "transactions"])?;
        url.query_pairs_mut().append_pair("type", kind);
        self.page(call, "transactions", url, page).await
    }

    async fn page(
        &self,
        call: Call<'_>,
        operation: &'static str,
        mut url: Url,
        page: usize,
    ) -> Result<Page> {
        url.query_pairs_mut()
            .append_pair("page", &page.to_string())
            .append_pair("per_page", &PAGE.to_string());
        let (envelope, date) = self.read(call, operation, url).await?;
        let more = envelope.meta.and_then(|meta| meta.has_next);
        let rows = rows(envelope.data)?;
        Ok(Page { has_next: more.unwrap_or(rows.len() >= PAGE) && !rows.is_empty(), rows, date })
    }

    /// One creation, whole; none where the vendor no longer has it.
    pub(crate) async fn creation(&self, call: Call<'_>, id: &str) -> Result<Option<Value>> {
        let url = self.url(&["creations", id])?;
        let read = refusals::or_gone(self.read(call, "creation", url).await)?;
        Ok(read.and_then(|(envelope, _)| envelope.data))
    }

    /// What has become of a creation, in the vendor's word; none where it has none.
    pub(crate) async fn status(&self, call: Call<'_>, id: &str) -> Result<Option<String>> {
        let url = self.url(&["creations", id, "status"])?;
        let read = refusals::or_gone(self.read(call, "status", url).await)?;
        let status = read.and_then(|(envelope, _)| envelope.data);
        Ok(status.and_then(|data| Some(data.get("status")?.as_str()?.to_owned())))
    }

    /// The balance, and what the key cannot do.
    pub(crate) async fn account(&self, call: Call<'_>) -> Result<AccountStatus> {
        let url = self.url(&["credits", "balance"])?;
        let (balance, free) = match self.read(call, "balance", url).await {
            Ok((envelope, _)) => convert::balance(envelope.data.unwrap_or_default(), self.credit)?,
            // It may make things all the same: no reason to give it no work.
            Err(error) if refusals::lacks_scope(&error) => {
                let others = ["write", "generate"].map(str::to_owned);
                let warnings = keys::warnings(Some(&others));
                return Ok(AccountStatus { warnings, ..AccountStatus::default() });
            }
            Err(error) => return Err(error),
        };
        let scopes = self.scopes_of(call).await;
        let warnings = keys::warnings(scopes.as_deref());
        let free = match free {
            Some(free) => {
                let bonuses = free::bonuses(self, call, self.credit).await;
                Some(FreeCredits { bonuses, ..free })
            }
            None => None,
        };
        Ok(AccountStatus { balance: Some(balance), free, warnings, ..AccountStatus::default() })
    }

    /// Asked for once. A failure is no news of the account: it is asked again with the next look.
    async fn scopes_of(&self, call: Call<'_>) -> Option<Vec<String>> {
        if let Some(known) = self.scopes.get(call.key) {
            return known;
        }
        let rows = self.keys(call).await.ok()?;
        let own = keys::row_of(&rows, call.key);
        let scopes = own.map(|row| row.scopes.clone().unwrap_or_default());
        self.scopes.put(call.key, scopes.clone());
        scopes
    }

    async fn keys(&self, call: Call<'_>) -> Result<Vec<KeyRow>> {
        let mut url = self.url(&["api-keys"])?;
        url.query_pairs_mut().append_pair("per_page", &PAGE.to_string());
        let (envelope, _) = self.read(call, "keys", url).await?;
        let rows = rows(envelope.data)?.into_iter();
        Ok(rows.filter_map(|row| KeyRow::deserialize(row).ok()).collect())
    }

    /// A new key with what the old one may do. The old one lives on until it is retired.
    pub(crate) async fn rotate(&self, call: Call<'_>) -> Result<SecretString> {
        let known = self.scopes.get(call.key).flatten();
        let scopes = known.unwrap_or_else(|| keys::SCOPES.map(str::to_owned).to_vec());
        let body = serde_json::to_vec(&NewKey { name: keys::NAME, scopes: &scopes });
        let request =
            Request::change_with("rotate", self.url(&["api-keys"])?, body.unwrap_or_default());
        let _turn = call.pace.turn().await?;
        let answer = self.succeed(call.key, request).await.map_err(keys::not_made)?;
        let body = answer.json().await.map_err(keys::not_made)?;
        keys::made(&body, call.key)
    }

    /// Revokes the old key with the new one. What is not in the list is revoked already.
    pub(crate) async fn retire(&self, call: Call<'_>, old: &SecretString) -> Result<()> {
        let rows = self.keys(call).await?;
        if keys::is_ambiguous(&rows, old, call.key) {
            return Err(keys::not_told_apart());
        }
        let own = keys::rows_of_old(&rows, old, call.key);
        let id = match own.as_slice() {
            [] => return Ok(()),
            [row] => row.number().ok_or_else(keys::not_told_apart)?,
            _ => return Err(keys::not_told_apart()),
        };
        let request = Request::delete("revoke", self.url(&["api-keys", id])?);
        let _turn = call.pace.turn().await?;
        refusals::or_gone(self.succeed(call.key, request).await).map(drop)
    }

    /// Deletes creations. One that cannot be deleted keeps none of the others; only where the account
    /// itself may not, or not now, the rest is left for the next time.
    pub(crate) async fn forget(&self, call: Call<'_>, creations: &[String]) -> Result<()> {
        let mut result = Ok(());
        for id in creations {
            let request = Request::delete("forget", self.url(&["creations", id])?);
            match refusals::or_gone(self.told(call, request).await) {
                Ok(_) => {}
                Err(error) if error.blame() == Blame::Account => {
                    return Err(refusals::needs_write(error));
                }
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }

    /// Has the vendor do something; what it says of it, if it did it, does not matter.
    pub(crate) async fn told<'a>(&self, call: Call<'a>, request: Request<'a>) -> Result<()> {
        let _turn = call.pace.turn().await?;
        self.succeed(call.key, request).await.map(drop)
    }

    async fn read(
        &self,
        call: Call<'_>,
        operation: &'static str,
        url: Url,
    ) -> Result<(Envelope, Option<Timestamp>)> {
        let request = Request::read(operation, url).json_up_to(LIST_BYTES);
        let _turn = call.pace.turn().await?;
        let answer = self.succeed(call.key, request).await?;
        let date = answer.date();
        Ok((convert::envelope(&answer.json().await?, Effect::Read, call.key)?, date))
    }

    /// Sends to the API itself, with the credential, and makes an error of every answer that is no
    /// success.
    async fn succeed<'a>(&self, key: &'a SecretString, request: Request<'a>) -> Result<Response> {
        let answer = self.http.send(request.bearer(key)).await?;
        if answer.is_success() {
            return Ok(answer);
        }
        let (by_status, body) = answer.refusal().await;
        Err(refusals::refusal(by_status, &body, key))
    }

    /// The address of a path below the API's. A name that steps upwards, or is none, leads nowhere.
    pub(crate) fn url(&self, path: &[&str]) -> Result<Url> {
        let mut url = self.base.url().clone();
        let named = path.iter().all(|name| !matches!(*name, "" | "." | ".."));
        let joined = named
            && url.path_segments_mut().is_ok_and(|mut segments| {
                segments.pop_if_empty().extend(path);
                true
            });
        if joined { Ok(url) } else { Err(refusals::no_such("path")) }
    }
}

/// The rows of a list, or of the one list within an object.
fn rows(data: Option<Value>) -> Result<Vec<Value>> {
    match data {
        Some(Value::Array(rows)) => Ok(rows),
        Some(Value::Object(members)) => {
            let mut lists = members.into_iter().filter_map(|(_, value)| match value {
                Value::Array(rows) => Some(rows),
                _ => None,
            });
            let first = lists.next().filter(|_| lists.next().is_none());
            first.ok_or_else(|| unreadable(Effect::Read, "no list"))
        }
        _ => Err(unreadable(Effect::Read, "no list")),
    }
}
