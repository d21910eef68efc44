//! Rows to check with, and short ways to write and read them.

use std::{collections::BTreeMap, sync::Arc};

use provider::{Kind, MicroUsd, RemoteOutput, Timestamp};

use crate::{
    Asset, Booking, CacheResult, Change, EndAttempt, EndGeneration, Error, Failure, Generation,
    Idempotency, Key, KeyHash, LedgerEntry, LedgerFilter, NewAttempt, NewGeneration, Outcome,
    OutputRecord, Page, Purse, Records, Remote, Reserve, Rules, Scope, Status, Team,
};

pub(crate) const TEAM: &str = "team_1";

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

pub(crate) fn team(id: &str) -> Team {
    Team {
        id: id.to_owned(),
        name: format!("name of {id}"),
        models: vec!["photo".to_owned()],
        rules: Rules::default(),
        created_at: at(0),
        revoked_at: None,
    }
}

pub(crate) fn key(id: &str, team: &str) -> Key {
    Key {
        id: id.to_owned(),
        team: team.to_owned(),
        name: format!("name of {id}"),
        prefix: "atl_abc".to_owned(),
        scopes: vec![Scope::Generate, Scope::Read],
        models: vec!["photo".to_owned(), "clip".to_owned()],
        rules: Rules::default(),
        networks: Vec::new(),
        metadata: BTreeMap::new(),
        created_at: at(1),
        expires_at: Some(at(9)),
        revoked_at: None,
        last_used_at: None,
    }
}

pub(crate) fn hash(byte: u8) -> KeyHash {
    KeyHash([byte; 32])
}

pub(crate) fn generation(id: &str, team: &str) -> NewGeneration {
    NewGeneration {
        id: id.to_owned(),
        team: team.to_owned(),
        key: "key_1".to_owned(),
        kind: Kind::Image,
        model: "photo".to_owned(),
        request: r#"{"prompt":"a fox"}"#.to_owned(),
        metadata: BTreeMap::from([("order".to_owned(), "7".to_owned())]),
        estimated: MicroUsd::from_micros(26_000),
        at: at(0),
        idempotency: None,
        running: true,
        worker: "wrk_1".to_owned(),
        reserve: Reserve::default(),
        checks: Vec::new(),
        cache: CacheResult::Miss,
        source: None,
    }
}

pub(crate) fn idempotent(id: &str, team: &str, key: &str, body: u8) -> NewGeneration {
    let idempotency =
        Idempotency { key: key.to_owned(), body: [body; 32], generation: id.to_owned() };
    NewGeneration { idempotency: Some(idempotency), ..generation(id, team) }
}

pub(crate) fn attempt(id: &str, generation: &str) -> NewAttempt {
    NewAttempt {
        id: id.to_owned(),
        generation: generation.to_owned(),
        team: TEAM.to_owned(),
        key: "key_1".to_owned(),
        slot: 0,
        provider: "zekron".to_owned(),
        account: "main".to_owned(),
        model: "zekron-image-1".to_owned(),
        count: 1,
        upper: MicroUsd::from_micros(40_000),
        at: at(10),
        hold_until: at(1000),
        checks: Vec::new(),
    }
}

pub(crate) fn booking(attempt: &str, reference: Option<&str>, micros: i64) -> Booking {
    Booking {
        attempt: attempt.to_owned(),
        reference: reference.map(str::to_owned),
        amount: MicroUsd::from_micros(micros),
        uncertain: false,
        purse: Purse::Balance,
        remote: Vec::new(),
        at: at(20),
    }
}

pub(crate) fn remote(location: &str) -> Remote {
    let output = RemoteOutput { location: location.to_owned(), expires_at: Some(at(99)) };
    Remote::from(&output)
}

pub(crate) fn ended(attempt: &str) -> Change {
    Change::EndAttempt(EndAttempt {
        attempt: attempt.to_owned(),
        outcome: Outcome::Completed,
        detail: Some("a fox, said the vendor".to_owned()),
        keep_reserved: false,
        at: at(30),
    })
}

pub(crate) fn end(id: &str, status: Status) -> EndGeneration {
    let failed = status != Status::Completed;
    EndGeneration {
        id: id.to_owned(),
        status,
        outputs: if failed { Vec::new() } else { vec![output("ast_1")] },
        made_by: (!failed)
            .then(|| ("zekron".to_owned(), "zekron-image-1".to_owned(), "main".to_owned())),
        adjustments: BTreeMap::new(),
        error: failed.then(|| Failure {
            code: "provider_error".to_owned(),
            message: "the vendor would not draw a fox".to_owned(),
        }),
        at: at(40),
        source: None,
    }
}

pub(crate) fn ends(id: &str, status: Status) -> Change {
    Change::EndGeneration(Box::new(end(id, status)))
}

pub(crate) fn output(asset: &str) -> OutputRecord {
    OutputRecord {
        asset: Some(asset.to_owned()),
        text: None,
        media_type: "image/png".to_owned(),
        width: Some(1024),
        height: Some(768),
        millis: None,
        bytes: 1_500_000,
        expires_at: Some(at(500)),
        blob: None,
    }
}

pub(crate) fn asset(id: &str, generation: Option<&str>) -> Asset {
    Asset {
        id: id.to_owned(),
        team: TEAM.to_owned(),
        generation: generation.map(str::to_owned),
        media_type: "image/png".to_owned(),
        bytes: 1_500_000,
        hash: [7; 32],
        width: Some(1024),
        height: None,
        millis: Some(5_042),
        created_at: at(20),
        expires_at: at(500),
        blob: None,
    }
}

pub(crate) fn accepts(new: NewGeneration) -> Change {
    Change::Accept(Box::new(new))
}

pub(crate) fn attempts(new: NewAttempt) -> Change {
    Change::Attempt(Box::new(new))
}

pub(crate) fn books(booking: Booking) -> Change {
    Change::Book(Box::new(booking))
}

/// A running generation of [`TEAM`] with one attempt that was just sent.
pub(crate) async fn begun(records: &Arc<dyn Records>, id: &str, attempt_id: &str) {
    let changes = vec![accepts(generation(id, TEAM)), attempts(attempt(attempt_id, id))];
    records.apply(changes).await.unwrap();
}

pub(crate) async fn apply(records: &Arc<dyn Records>, change: Change) {
    records.apply(vec![change]).await.unwrap();
}

/// Makes a change that must be refused, and returns why.
pub(crate) async fn refused(records: &Arc<dyn Records>, change: Change) -> Error {
    records.apply(vec![change]).await.unwrap_err()
}

pub(crate) fn is_stale(error: &Error, what: &str) -> bool {
    matches!(error, Error::Stale(stale) if stale == what)
}

pub(crate) async fn find(records: &Arc<dyn Records>, id: &str) -> Generation {
    records.generation(TEAM, id).await.unwrap().unwrap()
}

pub(crate) async fn ledger(records: &Arc<dyn Records>) -> Vec<LedgerEntry> {
    records.ledger(LedgerFilter::default(), Page::first(1000)).await.unwrap()
}

/// The entries of a team.
pub(crate) fn of_team(team: &str) -> LedgerFilter {
    LedgerFilter { team: Some(team.to_owned()), ..LedgerFilter::default() }
}

pub(crate) async fn held(records: &Arc<dyn Records>) -> i64 {
    records.held(TEAM).await.unwrap().micros()
}
