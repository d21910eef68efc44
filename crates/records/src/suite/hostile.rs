//! Text is text, whatever it looks like.

use std::{collections::BTreeMap, sync::Arc};

use super::samples::*;
use crate::{
    Asset, Booking, Change, EndAttempt, EndGeneration, Failure, Idempotency, Key, KeyFilter,
    NewAttempt, NewGeneration, Outcome, OutputRecord, Page, Records, Status, Team,
};

fn nasty() -> Vec<String> {
    vec![
        "'; DROP TABLE generations; --".to_owned(),
        "\" OR 1=1 --".to_owned(),
        "?1 :name @name $name %s {} {0}".to_owned(),
        "nul\0inside".to_owned(),
        "\u{1f98a}\u{200d}\u{202e}\u{0301}\u{feff}".to_owned(),
        "line\r\nbreak\ttab\u{1b}[31m\\".to_owned(),
        "%_*[a-z]".to_owned(),
        "{\"json\": [1]}".to_owned(),
        "x".repeat(300_000),
    ]
}

/// A whole life in which every column of text has the same hostile text.
pub async fn hostile_text_is_only_text(records: Arc<dyn Records>) {
    for text in nasty() {
        people(&records, &text).await;
        life(&records, &text).await;
    }
    let all = records.generations("x", None, Page::first(99)).await.unwrap();
    assert!(all.is_empty());
    assert_eq!(ledger(&records).await.len(), nasty().len() * 2);
}

async fn people(records: &Arc<dyn Records>, text: &str) {
    let own = || text.to_owned();
    let team = Team { id: own(), name: own(), models: vec![own()], ..team("") };
    let byte = u8::try_from(nasty().iter().position(|one| one == text).unwrap()).unwrap();
    let key = Key {
        id: own(),
        team: own(),
        name: own(),
        prefix: own(),
        models: vec![own()],
        ..key("", "")
    };
    let written = vec![Change::Team(team.clone()), Change::Key(key.clone(), hash(byte))];
    records.apply(written).await.unwrap();
    let found = records.key_by_hash(&hash(byte), at(0)).await.unwrap();
    assert!(found == Some((key.clone(), team.clone())));
    assert!(records.team(text).await.unwrap() == Some(team));
    assert!(
        records
            .keys(KeyFilter { team: Some(own()), ..KeyFilter::default() }, Page::first(9))
            .await
            .unwrap()
            == [key]
    );
    assert!(records.setting(text, own()).await.unwrap() == text);
    assert!(records.find_setting(text).await.unwrap().as_deref() == Some(text));
}

async fn life(records: &Arc<dyn Records>, text: &str) {
    let own = || text.to_owned();
    let idempotency = Idempotency { key: own(), body: [1; 32], generation: own() };
    let new = NewGeneration {
        key: own(),
        model: own(),
        request: own(),
        metadata: BTreeMap::from([(own(), own())]),
        idempotency: Some(idempotency.clone()),
        ..generation(text, text)
    };
    let tried = NewAttempt {
        team: own(),
        key: own(),
        provider: own(),
        account: own(),
        model: own(),
        ..attempt(text, text)
    };
    let booked = Booking { remote: vec![remote(text)], ..booking(text, Some(text), 10) };
    let over = EndAttempt {
        attempt: own(),
        outcome: Outcome::Failed,
        detail: Some(own()),
        keep_reserved: false,
        at: at(30),
    };
    let kept = Asset { team: own(), media_type: own(), ..asset(text, Some(text)) };
    let output = OutputRecord { text: Some(own()), media_type: own(), ..output(text) };
    let last = EndGeneration {
        outputs: vec![output],
        made_by: Some((own(), own(), own())),
        error: Some(Failure { code: own(), message: own() }),
        ..end(text, Status::Failed)
    };
    records
        .apply(vec![
            accepts(new.clone()),
            attempts(tried.clone()),
            Change::Ticket { attempt: own(), ticket: own() },
            books(booked.clone()),
            Change::EndAttempt(over),
            Change::Asset(Box::new(kept.clone())),
            Change::EndGeneration(Box::new(last.clone())),
        ])
        .await
        .unwrap();
    let found = records.generation(text, text).await.unwrap().unwrap();
    assert!(found.request == text && found.key == text && found.model == text);
    assert!(found.metadata == new.metadata && found.outputs == last.outputs);
    assert!(found.provider_model.as_deref() == Some(text) && found.error == last.error);
    let attempt = &found.attempts[0];
    assert!(attempt.provider == text && attempt.account == text && attempt.model == text);
    assert!(attempt.reference.as_deref() == Some(text) && attempt.ticket.as_deref() == Some(text));
    assert!(attempt.remote == booked.remote);
    assert!(records.generations(text, None, Page::first(9)).await.unwrap() == [found]);
    assert!(records.idempotent(text, text).await.unwrap() == Some(idempotency));
    assert!(records.asset(text).await.unwrap() == Some(kept));
    let entries = records.ledger(of_team(text), Page::first(9)).await.unwrap();
    assert!(entries[1].account == format!("team:{text}/{text}"));
    assert!(entries[0].account == format!("provider:{text}/{text}"));
    let usage = records.usage(text, None, at(0), at(99)).await.unwrap();
    assert!(usage.rows[0].model == format!("{text}/{text}"));
    let calls = records.calls_since(at(0)).await.unwrap();
    assert!(calls.contains(&(format!("{text}/{text}"), tried.at)));
}

/// References that differ in case, in an accent's spelling or after a NUL are different work.
pub async fn claims_differ_by_a_byte(records: Arc<dyn Records>) {
    let similar = ["a", "A", "a ", "a\0", "a\0b", "\u{e9}", "e\u{301}", "", "1", "1.0", "01"];
    for (n, reference) in similar.iter().enumerate() {
        let (id, of) = (format!("gen_{n}"), format!("att_{n}"));
        begun(&records, &id, &of).await;
        apply(&records, books(booking(&of, Some(reference), 10))).await;
    }
    let references: Vec<_> = records
        .unfinished()
        .await
        .unwrap()
        .into_iter()
        .map(|one| one.generation.attempts[0].reference.clone().unwrap())
        .collect();
    assert_eq!(references.len(), similar.len());
    assert!(similar.iter().all(|one| references.iter().any(|read| read == one)));
}
