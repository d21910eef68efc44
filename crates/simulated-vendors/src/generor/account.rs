//! A customer's own: profile, credits and keys.

use serde_json::{Value, json};

use super::{
    Generor,
    entries::{Account, Entry, KeyRow, Scope},
    generation::{Transaction, stamp},
    ledger::Ledger,
    refusal::Refusal,
    reply::{Reply, parameter},
    service::{KEY_START, Visit},
    settings::{Settings, TransactionShape},
};
use crate::keys::KeyId;

const MOST_KEYS: usize = 10;

const TRANSACTION_TYPES: [&str; 8] = [
    "spend",
    "purchase",
    "daily_bonus",
    "weekly_bonus",
    "signup_bonus",
    "refund",
    "gift_sent",
    "gift_received",
];

impl Ledger {
    pub(crate) fn account(&self, user_id: u64) -> Result<&Account, Refusal> {
        self.accounts.get(&user_id).ok_or_else(Refusal::unauthorised)
    }
}

impl Generor {
    pub(crate) fn me(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let books = self.books.lock();
        let account = books.account(visit.owner()?.user_id)?;
        let user_id = account.user_id;
        let made = books.creations.values().filter(|of| of.user_id == user_id && !of.deleted);
        let teams = books.community.teams.values().filter(|team| team.has(user_id));
        let teams: Vec<_> =
            teams.map(|team| json!({ "team_id": team.id, "name": team.name })).collect();
        Reply::ok(json!({
            "user_id": user_id,
            "username": account.username(),
            "email": format!("{}@example.com", account.username()),
            "avatar": null,
            "bio": account.bio,
            "website": account.website,
            "joined": stamp(account.joined_ms),
            "credits": credits(account, &visit.settings),
            "creation_count": made.count(),
            "follower_count": books.community.followers(user_id).len(),
            "following_count": books.community.following(user_id).len(),
            "teams": teams,
        }))
    }

    pub(crate) fn change_me(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let (user_id, fields) = (visit.owner()?.user_id, visit.fields()?);
        let mut books = self.books.lock();
        let account = books.account(user_id)?;
        let text = |name, now: &String| {
            Ok::<_, Refusal>(fields.text(name)?.map_or_else(|| now.clone(), str::to_owned))
        };
        let (bio, website) = (text("bio", &account.bio)?, text("website", &account.website)?);
        let entry = Entry::Profile { user_id, bio, website };
        books.write(entry).map_err(|error| Refusal::broken(&error))?;
        drop(books);
        self.me(visit)
    }

    pub(crate) fn balance(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let books = self.books.lock();
        let account = books.account(visit.owner()?.user_id)?;
        Reply::ok(credits(account, &visit.settings))
    }

    pub(crate) fn transactions(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let kind = parameter(&visit.request.query, "type");
        if kind.as_ref().is_some_and(|kind| !TRANSACTION_TYPES.contains(&kind.as_str())) {
            return Err(Refusal::invalid("type is not a type of transaction"));
        }
        let books = self.books.lock();
        let account = books.account(visit.owner()?.user_id)?;
        let wanted = |row: &&Transaction| kind.as_ref().is_none_or(|kind| row.kind == *kind);
        let rows: Vec<_> = account.transactions.iter().filter(wanted).collect();
        let shape = visit.settings.transactions;
        Ok(visit.page().sorted(rows, |row| transaction(row, shape)))
    }

    pub(crate) fn keys(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let user_id = visit.owner()?.user_id;
        let books = self.books.lock();
        let active = books.keys.values().filter(|key| key.user_id == user_id && key.alive);
        let rows = active.map(|key| {
            json!({
                "key_id": key.key_id,
                "prefix": key.prefix,
                "name": key.name,
                "scopes": key.scopes,
                "created_at": stamp(key.made_at_ms),
            })
        });
        Ok(Reply::all(rows.collect()))
    }

    pub(crate) fn make_key(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let (user_id, fields) = (visit.owner()?.user_id, visit.fields()?);
        let name = fields.needed("name", 100)?;
        let scope = |name: &str| match name {
            "read" => Ok(Scope::Read),
            "write" => Ok(Scope::Write),
            "generate" => Ok(Scope::Generate),
            _ => Err(Refusal::invalid("scopes may be read, write and generate")),
        };
        let scopes = fields.texts("scopes")?.into_iter().map(scope).collect::<Result<_, _>>()?;
        let mut books = self.books.lock();
        let active = books.keys.values().filter(|key| key.user_id == user_id && key.alive);
        if active.count() >= MOST_KEYS {
            return Err(Refusal::invalid("Maximum 10 active keys per account"));
        }
        let number = books.next_key();
        let whole = format!("{KEY_START}{}", self.secret("key", number, visit, 40));
        let row = books.key_row(user_id, &KeyId::of(&whole), &whole, name, scopes, visit.now_ms);
        books.write(Entry::KeyMade(row.clone())).map_err(|error| Refusal::broken(&error))?;
        drop(books);
        Reply::created(json!({
            "key_id": row.key_id,
            "api_key": whole,
            "prefix": row.prefix,
            "name": row.name,
            "scopes": row.scopes,
            "message": "Save this API key now. It will not be shown again.",
        }))
    }

    pub(crate) fn revoke_key(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let (user_id, key_id) = (visit.owner()?.user_id, visit.id(0));
        let mut books = self.books.lock();
        let own = |key: &&KeyRow| key.user_id == user_id && key.alive;
        books.keys.get(&key_id).filter(own).ok_or_else(|| Refusal::not_found("API key"))?;
        books.write(Entry::KeyRevoked { key_id }).map_err(|error| Refusal::broken(&error))?;
        Reply::done("API key revoked")
    }

    /// Letters that no two numbers share, across restarts and resets.
    pub(crate) fn secret(
        &self,
        purpose: &str,
        number: u64,
        visit: &Visit<'_>,
        length: usize,
    ) -> String {
        let (seed, now_ms) = (visit.settings.seed, visit.now_ms);
        let text = format!("{purpose}/{seed}/{number}/{now_ms}/{}", self.own_url);
        blake3::hash(text.as_bytes()).to_hex().get(..length).unwrap_or_default().to_owned()
    }
}

fn credits(account: &Account, settings: &Settings) -> Value {
    let purses = account.purses;
    json!({
        "total": purses.total(),
        "paid": purses.paid,
        "free": purses.free,
        "earned": purses.earned,
        "max": settings.free_max,
    })
}

fn transaction(row: &Transaction, shape: TransactionShape) -> Value {
    let at = stamp(row.at_ms);
    match shape {
        TransactionShape::Linked => json!({
            "transaction_id": row.id,
            "type": row.kind,
            "amount": row.amount,
            "balance_after": row.left.total(),
            "description": row.description,
            "creation_id": row.creation,
            "created_at": at,
        }),
        TransactionShape::Bare => json!({
            "id": row.id,
            "type": row.kind,
            "credits": row.amount.unsigned_abs(),
            "note": row.description,
            "date": at,
        }),
        TransactionShape::Nested => json!({
            "id": row.id.to_string(),
            "type": row.kind,
            "amount": format!("{}.00", row.amount),
            "reference": { "type": "creation", "id": row.creation.map(|id| id.to_string()) },
            "timestamp": row.at_ms.div_euclid(1000),
        }),
    }
}
