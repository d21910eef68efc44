//! From submit to bytes and money.

use serde_json::{Value, json};

use provider::{Finished, Recovery};

use crate::{Fixture, stage::Stage};

/// Asking twice gives the same price, a sane one, without a word to the vendor.
pub async fn quote_is_stable(fixture: &impl Fixture) {
    let stage = Stage::good(fixture);
    let first = stage.provider.quote(stage.call(), &stage.work).await.expect("a quote");
    let again = stage.provider.quote(stage.call(), &stage.work).await.expect("a quote");
    assert_eq!(first.price, again.price);
    assert_eq!(first.source, again.source);
    assert!(first.price.expected.micros() >= 0, "{first:?}");
    assert!(first.price.expected <= first.price.upper, "{first:?}");
}

/// Whatever the prompt's length, the documented maximum is within the quote's upper bound.
pub async fn quote_bounds_charge(fixture: &impl Fixture) {
    let stage = Stage::good(fixture);
    let longest = *stage.model().capabilities.prompt_chars.end();
    for chars in [1, longest.min(500), longest] {
        let mut work = stage.work.clone();
        work.prompt = "x".repeat(chars);
        let quote = stage.provider.quote(stage.call(), &work).await.expect("a quote");
        let finished = stage.finish(&work).await.expect("finished work");
        assert_eq!(finished.charge.amount, fixture.charge(), "{finished:?}");
        assert!(finished.charge.amount <= quote.price.upper, "{quote:?} {finished:?}");
    }
}

/// Work ends with its bytes, its exact charge and the vendor's name for it.
pub async fn submit_finishes(fixture: &impl Fixture) {
    let stage = Stage::good(fixture);
    let finished = stage.finish(&stage.work).await.expect("finished work");
    is_good(fixture, &stage, &finished).await;
    assert_eq!(stage.submits(fixture), 1);
}

pub(super) async fn is_good(fixture: &impl Fixture, stage: &Stage, finished: &Finished) {
    assert_eq!(finished.reference, Some(fixture.reference()));
    assert_eq!(finished.charge.amount, fixture.charge());
    assert!(finished.charge.certain, "the vendor said what it charged");
    assert_eq!(finished.outputs.len(), 1, "one output for one asked");
    let bytes = stage.bytes(&finished.outputs[0]).await.expect("the output's bytes");
    assert!(bytes == fixture.output(), "{} bytes are not the vendor's", bytes.len());
}

/// Members that no page names change nothing.
pub async fn unknown_fields_survive(fixture: &impl Fixture) {
    let stage = Stage::scripted(fixture, |_, answer| match answer.as_json() {
        Some(mut body) => {
            add_unknown(&mut body);
            answer.with_json(&body)
        }
        None => answer,
    });
    let finished = stage.finish(&stage.work).await.expect("finished work");
    is_good(fixture, &stage, &finished).await;
}

fn add_unknown(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(add_unknown);
            members.insert("aa_unknown".to_owned(), json!({"deep": [1, null, "b64_json"]}));
            members.insert("zz_unknown".to_owned(), Value::Null);
        }
        Value::Array(items) => items.iter_mut().for_each(add_unknown),
        _ => {}
    }
}

/// A value that no page lists, where a list may grow, is no failure.
pub async fn unknown_enum_value_survives(fixture: &impl Fixture) {
    let names = fixture.enum_members();
    let stage = Stage::scripted(fixture, move |_, answer| match answer.as_json() {
        Some(mut body) => {
            rename(&mut body, names);
            answer.with_json(&body)
        }
        None => answer,
    });
    let finished = stage.finish(&stage.work).await.expect("finished work");
    is_good(fixture, &stage, &finished).await;
    if stage.model().capabilities.recovery == Recovery::History {
        stage.recover().await.expect("a history with unknown values is read");
    }
}

fn rename(value: &mut Value, names: &[&str]) {
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                if inner.is_string() && names.contains(&name.as_str()) {
                    *inner = json!("zz_unheard_of");
                } else {
                    rename(inner, names);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, names)),
        _ => {}
    }
}

/// The engine takes the turn of a submit's first request; the adapter that of each other one.
pub async fn every_further_request_takes_a_turn(fixture: &impl Fixture) {
    let stage = Stage::good(fixture);
    let finished = stage.finish(&stage.work).await.expect("finished work");
    stage.bytes(&finished.outputs[0]).await.expect("the output's bytes");
    if stage.provider.describe().tells_account {
        stage.provider.account(stage.call()).await.expect("the account");
    }
    stage.recover().await.expect("what the history says");
    let counted = stage.vendor.requests().iter().filter(|r| fixture.is_counted(r)).count();
    let further = counted - stage.submits(fixture);
    assert_eq!(stage.turns.taken(), further, "{:?}", stage.vendor.requests());
}
