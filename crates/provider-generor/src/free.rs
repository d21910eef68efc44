//! Free credits: what the vendor gives away, and when it will give more.
//!
//! The page shows a balance's `free` part and a `max`, and names daily and weekly bonuses among the
//! transactions. It does not say how much a bonus brings, when, or whether all of a balance's given parts
//! count towards `max`. So the bonuses are read from the books as they came: one that came once is
//! expected again a day, or a week, later; where it did not come it is expected no more. `max` is read as the
//! bound of the free part alone, under which a credit is thought lost later rather than sooner.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;
use secrecy::SecretString;

use provider::{Bonus, Call, MicroUsd, Timestamp};

use crate::{client::Api, credits::Credits, keys::name_of, spend::Spend};

const DAY: Duration = Duration::from_secs(86_400);
/// The transactions on the page that come again and again.
const KINDS: [(&str, Duration); 2] =
    [("daily_bonus", DAY), ("weekly_bonus", Duration::from_secs(7 * 86_400))];
/// How long after its moment a bonus may still come: nobody promises the minute.
const LATE: Duration = Duration::from_secs(3600);
/// So many keys' bonuses are remembered.
const REMEMBERED: usize = 1000;

/// What is known of the bonuses of each key, and until when that is good. Not of their secrets: of a hash.
#[derive(Debug, Default)]
pub(crate) struct Bonuses(Mutex<HashMap<[u8; 32], Known>>);

#[derive(Debug)]
struct Known {
    until: Timestamp,
    bonuses: Vec<Bonus>,
}

impl Bonuses {
    fn get(&self, key: &SecretString, now: Timestamp) -> Option<Vec<Bonus>> {
        let known = self.0.lock();
        let known = known.get(&name_of(key))?;
        (now < known.until).then(|| known.bonuses.clone())
    }

    fn put(&self, key: &SecretString, now: Timestamp, bonuses: &[Bonus]) {
        let mut known = self.0.lock();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        // Looked for again when one should have come, and once a day in any case.
        let next = bonuses.iter().map(|bonus| bonus.next).min();
        let tomorrow = now.plus(DAY);
        let until = next.map_or(tomorrow, |next| next.min(tomorrow)).max(now.plus(LATE));
        known.insert(name_of(key), Known { until, bonuses: bonuses.to_vec() });
    }
}

/// The bonuses that an account gets. A look that fails is no news: it is tried again with the next one.
pub(crate) async fn bonuses(api: &Api, call: Call<'_>, credit: MicroUsd) -> Vec<Bonus> {
    let now = api.now();
    if let Some(known) = api.bonuses.get(call.key, now) {
        return known;
    }
    let mut bonuses = Vec::new();
    for (kind, every) in KINDS {
        let Ok(page) = api.transactions(call, kind, 1).await else { return bonuses };
        let rows: Vec<Spend> = page.rows.iter().filter_map(Spend::read).collect();
        bonuses.extend(bonus_after(&rows, every, page.date.unwrap_or(now), credit));
    }
    api.bonuses.put(call.key, now, &bonuses);
    bonuses
}

/// The next bonus after these; none where the last one is too long ago.
fn bonus_after(rows: &[Spend], every: Duration, now: Timestamp, credit: MicroUsd) -> Option<Bonus> {
    let last = rows.iter().filter_map(|row| row.at).max()?;
    // One that met the bound brought less than it could have.
    let amount =
        rows.iter().map(|row| row.amount).max().filter(|most| *most > Credits::default())?;
    let due = last.plus(every);
    (now < due.plus(LATE)).then(|| Bonus { amount: amount.at(credit), next: due.max(now), every })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(rows: &[(&str, i64)]) -> Vec<Spend> {
        let row = |(at, amount): &(&str, i64)| {
            Spend::read(&json!({ "id": 1, "amount": amount, "created_at": at })).unwrap()
        };
        rows.iter().map(row).collect()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_bonus_is_expected_as_it_came_and_no_longer_once_it_fails_to_come() {
        let credit = MicroUsd::from_micros(1000);
        let rows = rows(&[("2026-05-11 00:00:00", 10), ("2026-05-10 00:00:00", 50)]);
        let next = |now: &str| bonus_after(&rows, DAY, at(now), credit);
        let bonus = next("2026-05-11T08:00:00Z").unwrap();
        assert_eq!((bonus.amount.micros(), bonus.next), (50_000, at("2026-05-12T00:00:00Z")));
        let late = next("2026-05-12T00:10:00Z").unwrap();
        assert_eq!(late.next, at("2026-05-12T00:10:00Z"), "any moment now");
        assert_eq!(next("2026-05-12T02:00:00Z"), None);
        assert_eq!(bonus_after(&[], DAY, at("2026-05-12T02:00:00Z"), credit), None);
    }
}
