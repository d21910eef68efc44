//! Lists page both ways without gap or repetition, and teams never see each other's.

use std::sync::Arc;

use provider::Kind;

use super::samples::*;
use crate::{Change, KeyFilter, LedgerFilter, NewGeneration, Page, Records};

fn page(limit: u32, after: Option<&String>, ascending: bool) -> Page {
    Page { limit, after: after.cloned(), ascending }
}

/// Reads a list to its end in pages of `limit`, and returns its ids. `$read` is an expression of
/// the page.
macro_rules! walk {
    ($limit:expr, $ascending:expr, |$page:ident| $read:expr, |$row:ident| $id:expr) => {{
        let mut ids: Vec<String> = Vec::new();
        loop {
            let $page = page($limit, ids.last(), $ascending);
            let rows = $read.await.unwrap();
            assert!(rows.len() <= usize::try_from($limit).unwrap());
            if rows.is_empty() {
                break ids;
            }
            ids.extend(rows.iter().map(|$row| $id));
        }
    }};
}

fn whose(team: Option<&str>) -> LedgerFilter {
    LedgerFilter { team: team.map(str::to_owned), ..LedgerFilter::default() }
}

fn keys_of(team: &str) -> KeyFilter {
    KeyFilter { team: Some(team.to_owned()), ..KeyFilter::default() }
}

/// The same ids the other way round.
fn reversed(ids: &[String]) -> Vec<String> {
    ids.iter().rev().cloned().collect()
}

/// Generations of one kind or all, in pages of any size, newest or oldest first.
pub async fn generations_page_both_ways(records: Arc<dyn Records>) {
    let mut all = Vec::new();
    for n in 0..20 {
        let id = format!("gen_{n:02}");
        let kind = Kind::ALL[[0, 1, 0, 2][n % 4]];
        apply(&records, accepts(NewGeneration { kind, ..generation(&id, TEAM) })).await;
        if n % 5 == 4 {
            apply(&records, Change::Erase { generation: id }).await;
        } else {
            all.push((id, kind));
        }
    }
    for kind in [None, Some(Kind::Image), Some(Kind::Video), Some(Kind::Music)] {
        let wanted = all.iter().filter(|(_, has)| kind.is_none_or(|kind| kind == *has));
        let wanted: Vec<String> = wanted.map(|(id, _)| id.clone()).collect();
        for limit in [1, 2, 7, 16, 100] {
            let down = walk!(limit, false, |page| records.generations(TEAM, kind, page), |row| row
                .id
                .clone());
            assert_eq!(down, reversed(&wanted), "{kind:?} by {limit}");
            let up = walk!(limit, true, |page| records.generations(TEAM, kind, page), |row| row
                .id
                .clone());
            assert_eq!(up, wanted, "{kind:?} by {limit}");
        }
    }
    assert!(records.generations(TEAM, None, Page::first(0)).await.unwrap().is_empty());
    let first = records.generations(TEAM, None, Page::first(1)).await.unwrap();
    assert_eq!(first[0], find(&records, "gen_18").await, "a list has whole generations");
}

/// Teams, and keys of one team or all.
pub async fn keys_and_teams_page_both_ways(records: Arc<dyn Records>) {
    let (mut teams, mut keys, mut firsts) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..9_u8 {
        let of = format!("team_{n}");
        apply(&records, Change::Team(team(&of))).await;
        for of in ["team_0", &of] {
            let id = format!("key_{n}_{of}");
            if keys.contains(&id) {
                continue;
            }
            let byte = u8::try_from(keys.len()).unwrap();
            apply(&records, Change::Key(key(&id, of), hash(byte))).await;
            if of == "team_0" {
                firsts.push(id.clone());
            }
            keys.push(id);
        }
        teams.push(of);
    }
    keys.sort();
    for limit in [1, 4, 100] {
        for ascending in [true, false] {
            let order = |ids: &[String]| if ascending { ids.to_vec() } else { reversed(ids) };
            let read = walk!(limit, ascending, |page| records.teams(page), |row| row.id.clone());
            assert_eq!(read, order(&teams));
            let read =
                walk!(limit, ascending, |page| records.keys(KeyFilter::default(), page), |row| row
                    .id
                    .clone());
            assert_eq!(read, order(&keys));
            let read =
                walk!(limit, ascending, |page| records.keys(keys_of("team_0"), page), |row| row
                    .id
                    .clone());
            assert_eq!(read, order(&firsts));
        }
    }
}

/// Ledger entries of one team or all; an odd cursor finds nothing and harms nothing.
pub async fn ledgers_page_both_ways(records: Arc<dyn Records>) {
    for n in 0..6 {
        let (id, of) = (format!("gen_{n}"), format!("att_{n}"));
        let team = if n % 3 == 0 { "team_2" } else { TEAM };
        let changes = vec![
            accepts(generation(&id, team)),
            attempts(attempt(&of, &id)),
            books(booking(&of, None, 10)),
        ];
        records.apply(changes).await.unwrap();
    }
    for (team, entries) in [(None, 12), (Some(TEAM), 8), (Some("team_2"), 4), (Some("x"), 0)] {
        for limit in [1, 3, 100] {
            let up = walk!(limit, true, |page| records.ledger(whose(team), page), |row| row
                .id
                .to_string());
            assert_eq!(up.len(), entries);
            let numbers: Vec<i64> = up.iter().map(|id| id.parse().unwrap()).collect();
            assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
            let down = walk!(limit, false, |page| records.ledger(whose(team), page), |row| row
                .id
                .to_string());
            assert_eq!(down, reversed(&up));
        }
    }
    for odd in ["", "x", "1; DROP TABLE ledger", "99999999999999999999"] {
        let page = page(10, Some(&odd.to_owned()), false);
        assert!(records.ledger(LedgerFilter::default(), page).await.unwrap().is_empty(), "{odd}");
    }
}

/// No team finds another's generation by its id, in its lists, or in its books.
pub async fn teams_are_walled_off(records: Arc<dyn Records>) {
    begun(&records, "gen_1", "att_1").await;
    apply(&records, books(booking("att_1", None, 10))).await;
    apply(&records, accepts(generation("gen_2", "team_2"))).await;
    assert_eq!(records.generation("team_2", "gen_1").await.unwrap(), None);
    assert_eq!(records.generation(TEAM, "gen_2").await.unwrap(), None);
    let theirs = records.generations("team_2", None, Page::first(9)).await.unwrap();
    assert_eq!(theirs.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["gen_2"]);
    assert!(records.ledger(of_team("team_2"), Page::first(9)).await.unwrap().is_empty());
    assert!(records.usage("team_2", None, at(0), at(99)).await.unwrap().rows.is_empty());
    let beyond = Page { limit: 9, after: Some("gen_1".to_owned()), ascending: true };
    assert!(records.generations(TEAM, None, beyond).await.unwrap().is_empty());
}
