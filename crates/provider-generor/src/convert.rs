//! Pure translation of the vendor's answers.

use secrecy::SecretString;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use provider::{Adjustment, Adjustments, Charge, Finished, FreeCredits, Kind, MicroUsd, Result};
use provider_http::{Effect, json_shape, unreadable};

use crate::{
    credits::Credits,
    estimates, outputs, refusals,
    wire::{Balance, Creation, Envelope, Made},
};

/// What was asked for, as far as the answer is read by it.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) kind: Kind,
    pub(crate) count: u8,
    /// Addresses that went with the request: an answer may repeat them.
    pub(crate) sent: Vec<&'a str>,
    /// What was changed before it was sent.
    pub(crate) adjustments: &'a Adjustments,
    /// The most that it can have cost, where the vendor does not say; none where nobody knows.
    pub(crate) upper: Option<MicroUsd>,
    /// What one credit costs.
    pub(crate) credit: MicroUsd,
}

impl Asked<'_> {
    fn money(&self, credits: Option<Credits>) -> Option<MicroUsd> {
        credits.filter(|credits| credits.is_price()).map(|credits| credits.at(self.credit))
    }
}

/// The data of an answer of success, which may still be a refusal in disguise.
pub(crate) fn data(body: &[u8], effect: Effect, key: &SecretString) -> Result<Value> {
    envelope(body, effect, key).map(|envelope| envelope.data.unwrap_or_default())
}

/// The same with what stands beside it; its data is there.
pub(crate) fn envelope(body: &[u8], effect: Effect, key: &SecretString) -> Result<Envelope> {
    let envelope: Envelope =
        serde_json::from_slice(body).map_err(|error| unreadable(effect, json_shape(&error)))?;
    let is_refusal = envelope.success == Some(false);
    match (&envelope.data, envelope.error) {
        (data, error) if is_refusal || data.is_none() && error.is_some() => {
            Err(refusals::in_success(effect, &error.unwrap_or_default(), key))
        }
        (None, _) => Err(unreadable(effect, "no data")),
        (Some(_), error) => Ok(Envelope { error, ..envelope }),
    }
}

/// Data in the shape that it should have.
pub(crate) fn shaped<T: DeserializeOwned>(data: Value, effect: Effect) -> Result<T> {
    // A list would be read as the fields of a struct in their order.
    if !data.is_object() {
        return Err(unreadable(effect, "the data is no object"));
    }
    T::deserialize(data).map_err(|error| unreadable(effect, json_shape(&error)))
}

/// The answer to a `generate`.
pub(crate) fn finished(body: &[u8], asked: &Asked<'_>, key: &SecretString) -> Result<Finished> {
    let data = data(body, Effect::Paid, key)?;
    let made: Made = shaped(data.clone(), Effect::Paid)?;
    let charge = charge(&made, asked)?;
    let creations = listed(made.creations, data);
    let found = works(creations.iter(), asked);
    if found.is_empty() {
        let lost = unreadable(Effect::Paid, "no creation with an output");
        return Err(if charge.certain { lost.with_charge(charge) } else { lost });
    }
    let mut adjustments = asked.adjustments.clone();
    adjust(&mut adjustments, &made.adjustments.unwrap_or_default(), key);
    adjustments.extend(fewer(found.len(), asked.count));
    Ok(Finished {
        reference: reference(&found),
        charge,
        balance: asked.money(made.credits_remaining),
        adjustments,
        outputs: found.into_iter().flat_map(|work| work.outputs).collect(),
    })
}

/// The creations of an answer. One that is not in a list is one all the same.
fn listed(creations: Option<Vec<Value>>, data: Value) -> Vec<Value> {
    creations.unwrap_or_else(|| match data.get("creation") {
        Some(creation) => vec![creation.clone()],
        None if data.get("creation_id").is_some() => vec![data],
        None => Vec::new(),
    })
}

/// The numbers of the creations in the answer to a `generate`, as far as they can be read.
pub(crate) fn creations(body: &[u8], key: &SecretString) -> Vec<String> {
    let data = data(body, Effect::Paid, key).unwrap_or_default();
    let made = shaped::<Made>(data.clone(), Effect::Paid).unwrap_or_default();
    let number = |creation: &Value| {
        let row = Creation::deserialize(creation).ok().filter(|_| creation.is_object())?;
        row.number().map(str::to_owned)
    };
    listed(made.creations, data).iter().filter_map(number).collect()
}

/// One creation's outputs.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) id: Option<String>,
    pub(crate) outputs: Vec<provider::Output>,
}

/// What a call's creations are claimed by, in whichever order they come: the lowest of their numbers.
pub(crate) fn reference(works: &[Work]) -> Option<String> {
    let ids = works.iter().filter_map(|work| work.id.as_deref());
    ids.min_by_key(|id| in_order(id)).map(str::to_owned)
}

/// Numbers in their order, though they come as text.
pub(crate) fn in_order(number: &str) -> (usize, &str) {
    (number.len(), number)
}

/// The creations that have outputs, with them.
pub(crate) fn works<'a>(
    creations: impl Iterator<Item = &'a Value>,
    asked: &Asked<'_>,
) -> Vec<Work> {
    let work = |creation: &Value| {
        let row = Creation::deserialize(creation).ok().filter(|_| creation.is_object())?;
        let id = row.number();
        let outputs = outputs::outputs(creation, id, asked.kind, &asked.sent);
        (!outputs.is_empty()).then(|| Work { id: id.map(str::to_owned), outputs })
    };
    creations.filter_map(work).collect()
}

/// The charge by the vendor's word, or else the most it can have been.
fn charge(made: &Made, asked: &Asked<'_>) -> Result<Charge> {
    let told = asked.money(made.credit_cost).map(Charge::exact);
    let charge = told.or_else(|| asked.upper.map(Charge::at_most));
    let charge = charge.ok_or_else(|| unreadable(Effect::Paid, "no readable credit_cost"))?;
    Ok(Charge { estimated: asked.money(made.credit_cost_estimated), ..charge })
}

/// That the vendor made fewer than it was asked for.
pub(crate) fn fewer(made: usize, count: u8) -> Option<(String, Adjustment)> {
    (made < usize::from(count)).then(|| {
        let reason = "the provider made fewer than it was asked for".to_owned();
        let (requested, used) = (Value::from(count), Value::from(made));
        ("count".to_owned(), Adjustment { requested, used, reason })
    })
}

/// What the vendor says that it changed, put to what was changed before: of a field that both changed, we
/// know what the caller said, and the vendor what it used.
fn adjust(adjustments: &mut Adjustments, told: &Value, key: &SecretString) {
    for (name, told) in estimates::adjustments(told) {
        let requested = match adjustments.get(&name) {
            Some(ours) => ours.requested.clone(),
            None => told.requested,
        };
        if requested != told.used {
            let reason = refusals::said(&told.reason, key);
            adjustments.insert(name, Adjustment { requested, used: told.used, reason });
        }
    }
}

/// The credits of all purses, in money, and those that were given, where they are told apart.
pub(crate) fn balance(data: Value, credit: MicroUsd) -> Result<(MicroUsd, Option<FreeCredits>)> {
    let balance: Balance = shaped(data, Effect::Read)?;
    let purses = || {
        let all = [balance.paid, balance.free, balance.earned];
        let told: Vec<MicroUsd> = all.into_iter().flatten().map(|of| of.at(credit)).collect();
        (!told.is_empty()).then(|| told.into_iter().sum())
    };
    let total = balance.total.map(|total| total.at(credit)).or_else(purses);
    let total = total.ok_or_else(|| unreadable(Effect::Read, "no readable balance"))?;
    let free = balance.free.map(|free| FreeCredits {
        left: free.at(credit),
        most: balance.max.map(|most| most.at(credit)),
        bonuses: Vec::new(),
    });
    Ok((total, free))
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
