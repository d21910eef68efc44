//! What the books of credits say was charged: `GET /credits/transactions`, first what was spent, then what
//! was given back. Purchases, bonuses and gifts are no charges.

use serde::Deserialize;
use serde_json::Value;

use provider::{Call, Error, MicroUsd, Result, Statement, StatementCharge, Timestamp, Told};
use provider_http::{Effect, lenient, unreadable};

use crate::{client::Api, refusals, refused, spend, spend::Spend, window::are_last};

/// The types of transactions on the page that are no charges.
const OTHERS: [&str; 6] =
    ["purchase", "daily_bonus", "weekly_bonus", "signup_bonus", "gift_sent", "gift_received"];

/// The two lists that are read, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Spend,
    Refund,
}

impl List {
    /// The vendor's word, and ours in a cursor.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Spend => "spend",
            Self::Refund => "refund",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Spend => Self::Refund,
            Self::Refund => Self::Spend,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Spend, Self::Refund].into_iter().find(|list| list.as_str() == text)
    }
}

/// What a transaction shows beside its amount and moment.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    #[serde(deserialize_with = "lenient::name")]
    transaction_id: Option<String>,
    #[serde(deserialize_with = "lenient::name")]
    id: Option<String>,
    #[serde(rename = "type", deserialize_with = "lenient::field")]
    kind: Option<String>,
}

/// One page. A cursor is a list and the number of its page.
pub(crate) async fn page(
    api: &Api,
    call: Call<'_>,
    since: Timestamp,
    cursor: Option<&str>,
    credit: MicroUsd,
) -> Result<Statement> {
    let (list, number) = place(cursor)?;
    let page = match api.transactions(call, list.as_str(), number).await {
        Ok(page) => page,
        // The account's warnings say what is missing.
        Err(error) if refusals::lacks_scope(&error) => return Ok(Statement::nothing()),
        Err(error) => return Err(error),
    };
    let ended = !page.has_next || are_last(&page, since, spend::moment);
    let next = match (ended, list) {
        (false, list) => Some(format!("{}:{}", list.as_str(), number.saturating_add(1))),
        (true, List::Spend) => Some(format!("{}:1", List::Refund.as_str())),
        (true, List::Refund) => None,
    };
    let mut charges = Vec::new();
    for row in &page.rows {
        charges.extend(charge(row, list, credit)?);
    }
    Ok(Statement { charges, told: Told::Each { but: Vec::new() }, next })
}

fn place(cursor: Option<&str>) -> Result<(List, usize)> {
    let Some(cursor) = cursor else { return Ok((List::Spend, 1)) };
    let place = cursor.split_once(':');
    place
        .and_then(|(list, number)| Some((List::parse(list)?, number.parse().ok()?)))
        .ok_or_else(|| refused("cursor", "no page ended with this cursor"))
}

/// None where the row is of another list: the vendor may not have sorted them out.
fn charge(row: &Value, list: List, credit: MicroUsd) -> Result<Option<StatementCharge>> {
    let entry = Entry::deserialize(row).ok().filter(|_| row.is_object());
    let entry = entry.ok_or_else(|| no("shape"))?;
    let is_other = |kind: &str| kind == list.other().as_str() || OTHERS.contains(&kind);
    if entry.kind.as_deref().is_some_and(is_other) {
        return Ok(None);
    }
    let spend = Spend::read(row).ok_or_else(|| no("amount"))?;
    let amount = spend.amount.at(credit);
    Ok(Some(StatementCharge {
        entry: entry.transaction_id.or(entry.id),
        reference: spend.reference(),
        amount: if list == List::Refund { -amount } else { amount },
        at: spend.at.ok_or_else(|| no("moment"))?,
    }))
}

fn no(what: &str) -> Error {
    unreadable(Effect::Read, format!("a transaction without a readable {what}"))
}
