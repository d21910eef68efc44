//! Everything that can be written, as data.

use std::collections::BTreeMap;

use provider::{Adjustments, Kind, MicroUsd, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Asset, AuditEntry, CacheResult, Check, DeliveryTried, DriftEntry, Failure, Idempotency, Key,
    KeyHash, Lost, NewDelivery, Outcome, OutputRecord, Purse, Reserve, Saving, SealedPlace, Status,
    StoredAccount, StoredCredential, Team, Units, UnitsState, User, model::Remote,
};

/// One change of the records.
///
/// Those that every generation consists of can be written down as they are (and read again by a newer binary:
/// their parts are found by name, so that a new field needs a default and a renamed one its old name as an
/// alias). The others (`skip`) cannot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Change {
    /// The value under a name, where there is none yet; otherwise nothing.
    #[serde(skip)]
    Setting { name: String, value: String },
    /// What was learned, under a name; it takes the place of what was there.
    #[serde(skip)]
    Document { name: String, body: String },
    /// A new team.
    #[serde(skip)]
    Team(Team),
    /// A team's name, models and rules are these from now on.
    #[serde(skip)]
    UpdateTeam(Team),
    /// A team may work no longer.
    #[serde(skip)]
    RevokeTeam(String, Timestamp),
    /// The words of a team that may work no longer are gone: its name, its keys' and operators' names, its
    /// keys' metadata, its webhook secret, its idempotency keys, its generations (as by [`Change::Erase`]), its webhook deliveries; its assets
    /// expire now, and its keys and operators are revoked. The books keep the money. Fails with [`Error::Stale`](crate::Error::Stale) where the
    /// team is not revoked.
    #[serde(skip)]
    EraseTeam(String, Timestamp),
    /// A new key, by its hash.
    #[serde(skip)]
    Key(Key, KeyHash),
    /// A key's name, scopes, models, rules, networks, metadata and end are these from now on.
    #[serde(skip)]
    UpdateKey(Key),
    /// A key has another text from now on; the old one is good until `old_until`.
    #[serde(skip)]
    RotateKey { id: String, hash: KeyHash, prefix: String, old_until: Timestamp },
    /// A key was used; only told about once a minute.
    KeyUsed(String, Timestamp),
    /// A key is refused from now on, its old text too.
    #[serde(skip)]
    RevokeKey(String, Timestamp),
    /// A new operator, by the hash of their key.
    #[serde(skip)]
    User(User, KeyHash),
    /// An operator's key has another text from now on; the old one is refused at once.
    #[serde(skip)]
    RotateUser { id: String, hash: KeyHash, prefix: String },
    /// An operator's key was used; only told about once a minute.
    UserUsed(String, Timestamp),
    /// An operator's key is refused from now on.
    #[serde(skip)]
    RevokeUser(String, Timestamp),
    /// Who changed what; append-only.
    #[serde(skip)]
    Audit(Box<AuditEntry>),
    /// What is known of an account that was changed at run time; it takes the place of what was there.
    #[serde(skip)]
    Account(Box<StoredAccount>),
    /// A sealed text is sealed anew.
    #[serde(skip)]
    Reseal(SealedPlace, String),
    /// A setting is gone: its value has a place of its own now.
    #[serde(skip)]
    DropSetting(String),

    /// A generation is accepted. Fails with [`Error::Used`](crate::Error::Used) where its idempotency
    /// key stands for another one, and with [`Error::Budget`](crate::Error::Budget) where a hard budget
    /// does not cover what is to be reserved for it.
    Accept(Box<NewGeneration>),
    /// How it was decided who is asked, as [`Decided`](crate::Decided) tells.
    Decide {
        /// Its generation.
        generation: String,
        /// When.
        at: Timestamp,
        /// Every candidate with its verdict.
        body: String,
    },
    /// A generation is accepted and completed at once, with what another one made. Fails with
    /// [`Error::Used`](crate::Error::Used) as [`Change::Accept`] does, and with
    /// [`Error::Stale`](crate::Error::Stale) where its source is gone.
    Answer(Box<Answer>),
    /// A generation that waited for another one's outputs pays for its own from now on. Fails with
    /// [`Error::Budget`](crate::Error::Budget) as [`Change::Accept`] does.
    TakeOn(Box<TakeOn>),
    /// A generation has begun to run.
    Run(String),
    /// An attempt is about to be sent, its worst price held: taken from what is reserved for its
    /// generation, and past that only where its budgets cover it (otherwise
    /// [`Error::Budget`](crate::Error::Budget)).
    Attempt(Box<NewAttempt>),
    /// The vendor works on it.
    Ticket { attempt: String, ticket: String },
    /// The answer was lost.
    Lost { attempt: String, lost: Lost },
    /// The vendor's work is this attempt's, and what it cost is on the books; the hold is gone.
    /// Fails with [`Error::Claimed`](crate::Error::Claimed) where another attempt has it.
    Book(Box<Booking>),
    /// Of an attempt's booked charge so much was none, by the vendor's later word: a new entry takes it
    /// back.
    #[serde(skip)]
    Correct { attempt: String, amount: MicroUsd, at: Timestamp },
    /// An attempt's certain charge paid for nothing that could be kept: the team bears it no longer, by
    /// a new entry against `loss`. Once for an attempt; without a charge nothing.
    #[serde(skip)]
    Lose { attempt: String, at: Timestamp },
    /// The vendor charged more or less than is booked, for no generation that is known.
    #[serde(skip)]
    Drift(Box<DriftEntry>),
    /// A generation was cheaper than it would have been.
    Save(Box<Saving>),
    /// The attempt is over; its hold is gone.
    EndAttempt(EndAttempt),
    /// Bytes are kept.
    Asset(Box<Asset>),
    /// An asset that is another one's bytes under a name of its own. Fails with
    /// [`Error::Stale`](crate::Error::Stale) where that one is gone.
    Share(Box<Share>),
    /// The generation is final; nothing is reserved for it any more. Where it shows another one's outputs
    /// and that one is gone, it fails with [`Error::Stale`](crate::Error::Stale) of that one.
    EndGeneration(Box<EndGeneration>),
    /// Outputs that came after the generation was final; they are added to those it has, its status
    /// stays. An erased generation takes none.
    #[serde(skip)]
    LateOutputs { generation: String, outputs: Vec<OutputRecord> },
    /// The generation's words and outputs are gone, and what still comes of them is not kept; the
    /// books keep the money.
    #[serde(skip)]
    Erase { generation: String },
    /// An asset is gone.
    #[serde(skip)]
    DropAsset(String),
    /// Something is to be told by webhook; nothing of an erased generation.
    Delivery(Box<NewDelivery>),
    /// A try of it is over.
    DeliveryTried(Box<DeliveryTried>),
    /// It shall be tried once more, now.
    #[serde(skip)]
    Redeliver { delivery: String, at: Timestamp },
    /// A team's webhook secret, sealed; where it has one already only with `replace`.
    #[serde(skip)]
    WebhookSecret { team: String, sealed: String, replace: bool },
    /// The process lives, and may be believed to until then.
    Heartbeat { worker: String, until: Timestamp },
    /// A dead process's open generations are another's from now on. Fails with
    /// [`Error::Stale`](crate::Error::Stale) where it lives, or another one was first.
    #[serde(skip)]
    TakeOver { from: String, to: String, now: Timestamp },
    /// Every open generation is this process's: for one that is certainly alone.
    #[serde(skip)]
    TakeAll { to: String },
    /// What is known of an account's credential. None sealed keeps the one that is stored, if it comes
    /// from the same configured one.
    #[serde(skip)]
    Credential(Box<StoredCredential>),
    /// An attempt took units of its account's allowance.
    TakeUnits(Box<Units>),
    /// What became of them; used and free are final.
    EndUnits { attempt: String, state: UnitsState },
    /// A request went to a vendor's account.
    Call { account: String, at: Timestamp },
    /// Calls, idempotency keys, holds, tallies and old texts of keys from before this are of no use any
    /// more.
    #[serde(skip)]
    Prune(Timestamp),
    /// The words of final generations that were made before this are gone (the request, metadata, texts,
    /// errors' and attempts' words); the generations stay. At most `limit` of them.
    #[serde(skip)]
    ForgetWords { before: Timestamp, limit: u32 },
    /// Final generations that were made before this are gone, with their attempts, units and
    /// deliveries; the books and the savings stay. At most `limit` of them.
    #[serde(skip)]
    ForgetGenerations { before: Timestamp, limit: u32 },
    /// What was changed before this is forgotten.
    #[serde(skip)]
    ForgetAudit { before: Timestamp },
}

/// A generation as it is accepted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewGeneration {
    /// `gen_...`
    pub id: String,
    /// Whose.
    pub team: String,
    /// Asked for with this key.
    pub key: String,
    /// What it makes.
    pub kind: Kind,
    /// The model as the caller named it.
    pub model: String,
    /// The request as a document.
    pub request: String,
    /// The caller's own words.
    pub metadata: BTreeMap<String, String>,
    /// What it will probably cost.
    pub estimated: MicroUsd,
    /// Now.
    pub at: Timestamp,
    /// The caller's idempotency key, bound to this generation with it.
    pub idempotency: Option<Idempotency>,
    /// Whether it runs at once.
    pub running: bool,
    /// The process that drives it.
    pub worker: String,
    /// What is held for it until its attempts hold it.
    pub reserve: Reserve,
    /// The hard budgets that must cover the reserve.
    pub checks: Vec<Check>,
    /// What the cache has to do with it.
    pub cache: CacheResult,
    /// The generation whose outputs it shows or waits for.
    pub source: Option<String>,
}

/// A generation that is answered with what another one made: its beginning and its end in one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// As it is accepted; nothing is reserved for it.
    pub new: NewGeneration,
    /// As it ends.
    pub end: EndGeneration,
}

/// An asset whose bytes are another one's; all that is known of them is taken over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Share {
    /// `ast_...`
    pub id: String,
    /// The asset under whose name the bytes lie.
    pub of: String,
    /// Whose the new one is.
    pub team: String,
    /// The generation that shows it.
    pub generation: String,
    /// Now.
    pub at: Timestamp,
    /// Until when the new one is kept.
    pub expires_at: Timestamp,
}

/// A generation that pays for itself, though it was accepted as one that would not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TakeOn {
    /// The generation.
    pub generation: String,
    /// Whose.
    pub team: String,
    /// Asked for with this key.
    pub key: String,
    /// What it will probably cost.
    pub estimated: MicroUsd,
    /// What is held for it until its attempts hold it.
    pub reserve: Reserve,
    /// The hard budgets that must cover the reserve.
    pub checks: Vec<Check>,
}

/// An attempt as it is about to be sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewAttempt {
    /// `att_...`
    pub id: String,
    /// Of which generation.
    pub generation: String,
    /// Whose; the hold is theirs.
    pub team: String,
    /// Asked for with this key.
    pub key: String,
    /// Which of the generation's calls.
    pub slot: u32,
    /// The provider.
    pub provider: String,
    /// The account.
    pub account: String,
    /// The provider's own name of the model.
    pub model: String,
    /// Outputs asked for.
    pub count: u8,
    /// The worst price: what is held.
    pub upper: MicroUsd,
    /// Now.
    pub at: Timestamp,
    /// When the hold may be swept if its owner died.
    pub hold_until: Timestamp,
    /// The hard budgets that must cover what the reserve does not.
    pub checks: Vec<Check>,
}

/// A charge, as the vendor said it or, where `uncertain`, at its ceiling.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Booking {
    /// The attempt.
    pub attempt: String,
    /// The vendor's own name of the work; claimed for this attempt.
    pub reference: Option<String>,
    /// What was charged.
    pub amount: MicroUsd,
    /// Whether it is a ceiling.
    pub uncertain: bool,
    /// What it came from.
    pub purse: Purse,
    /// What is still at the vendor; where there is something the attempt goes to `Fetching`.
    pub remote: Vec<Remote>,
    /// Now.
    pub at: Timestamp,
}

/// The end of an attempt.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EndAttempt {
    /// The attempt.
    pub attempt: String,
    /// How it ended.
    pub outcome: Outcome,
    /// For operators: the error's private words.
    pub detail: Option<String>,
    /// Whether what it held is kept in reserve for the generation's next attempt.
    pub keep_reserved: bool,
    /// Now.
    pub at: Timestamp,
}

/// The end of a generation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EndGeneration {
    /// The generation.
    pub id: String,
    /// One of the four final ones.
    pub status: Status,
    /// Its outputs.
    pub outputs: Vec<OutputRecord>,
    /// The provider, the provider's own name of the model, and the account that made it.
    pub made_by: Option<(String, String, String)>,
    /// What was used instead of what was asked for.
    pub adjustments: Adjustments,
    /// Why it failed.
    pub error: Option<Failure>,
    /// Now.
    pub at: Timestamp,
    /// The generation whose outputs these are, where they are another one's: then they were paid for once,
    /// and count in no budget of outputs.
    pub source: Option<String>,
}
