//! What the vendor says that it charged, page by page.

use std::{collections::HashSet, time::Duration};

use provider::{Result, Retry, Statement, StatementCharge, Timestamp, Told};

use super::secrets::WORDS;
use crate::{
    Answer, Fixture,
    stage::{SENT_AT, Stage},
};

/// A statement of one charge that goes on longer has no end.
const PAGES_MAX: usize = 10;

fn noon() -> Timestamp {
    Timestamp::parse(SENT_AT).expect("a time")
}

/// One page; that it took one request at most, with a turn of its own, and no money.
async fn page<F: Fixture>(
    fixture: &F,
    stage: &Stage,
    since: Timestamp,
    cursor: Option<String>,
) -> Result<Statement> {
    let (before, turns) = (stage.vendor.requests().len(), stage.turns.taken());
    let page = stage.provider.statement(stage.call(), since, cursor).await;
    let sent = stage.vendor.requests().len() - before;
    assert!(sent <= 1, "a page is one request at most: {:?}", stage.vendor.requests());
    assert_eq!(stage.turns.taken() - turns, sent, "each request takes a turn");
    assert_eq!(stage.submits(fixture), 0, "looking costs nothing");
    page
}

/// Every page, as a caller reads them.
async fn pages<F: Fixture>(fixture: &F, stage: &Stage, since: Timestamp) -> Vec<Statement> {
    let mut all = Vec::new();
    let mut cursor = None;
    for _ in 0..PAGES_MAX {
        let mut page = page(fixture, stage, since, cursor).await.expect("a page");
        cursor = page.next.take();
        all.push(page);
        if cursor.is_none() {
            return all;
        }
    }
    panic!("the statement has no end: {all:?}");
}

/// The adapter before a vendor that answers every look at its books like this.
fn told_badly<F: Fixture>(fixture: &F, instead: &Answer) -> Stage {
    let (known, instead) = (fixture.clone(), instead.clone());
    let is_look = fixture.books().expect("books").is_look;
    Stage::scripted(fixture, move |request, answer| {
        if !known.is_submit(request) && is_look(request) { instead.clone() } else { answer }
    })
}

/// Where the vendor lists its charges, each is told once with its sum, its moment and the name that a
/// booking claims, and one that cannot be read is an error. Where it does not, nothing is sent.
pub async fn statement_is_honest(fixture: &impl Fixture) {
    let stage = Stage::good(fixture);
    let pages = pages(fixture, &stage, noon()).await;
    let told = pages.first().expect("a page").told.clone();
    let charges: Vec<StatementCharge> = pages.into_iter().flat_map(|page| page.charges).collect();
    let Some(books) = fixture.books() else {
        println!("no list of charges: the adapter must say so");
        assert!(!matches!(told, Told::Each { .. }), "{told:?} is told without books");
        assert!(charges.is_empty(), "{charges:?}");
        assert_eq!(stage.vendor.requests().len(), 0, "nothing is there to be asked");
        let tells = stage.provider.describe().tells_account;
        assert!(told != Told::Totals || tells, "totals are what the account tells");
        return;
    };
    let Told::Each { but } = told else { panic!("the books tell each charge: {told:?}") };
    assert!(!but.contains(&stage.work.model), "the work's model is in the books");
    let own = charges.iter().filter(|row| row.reference.as_ref() == Some(&fixture.reference()));
    let own: Vec<&StatementCharge> = own.collect();
    let [own] = own.as_slice() else { panic!("the work's charge, once: {charges:?}") };
    assert_eq!(own.amount, fixture.charge());
    let span = Duration::from_secs(5);
    assert!(noon() <= own.at && own.at <= noon().plus(span), "{own:?}");
    let mut entries = HashSet::new();
    let is_new =
        |row: &StatementCharge| row.entry.clone().is_none_or(|entry| entries.insert(entry));
    assert!(charges.iter().all(is_new), "an entry is told twice: {charges:?}");

    assert!(!books.bad.is_empty(), "entries that cannot be read are tried");
    for (what, answer) in &books.bad {
        let stage = told_badly(fixture, answer);
        let error = page(fixture, &stage, noon(), None).await;
        let error = error.expect_err(&format!("{what} is no statement"));
        assert!(matches!(error.retry(), Retry::Safe { .. }), "{what}: {error:?}");
    }
    let stage = told_badly(fixture, &fixture.error(500, WORDS));
    let error = page(fixture, &stage, noon(), None).await.expect_err("half of the books");
    assert!(matches!(error.retry(), Retry::Safe { .. }), "{error:?}");
    let stage = Stage::good(fixture);
    let stray = page(fixture, &stage, noon(), Some("zz-unknown".to_owned())).await;
    assert!(stray.is_err(), "a cursor that no page ended with: {stray:?}");
    assert_eq!(stage.vendor.requests().len(), 0, "and the vendor never hears of it");
}
