//! An export of the ledger as a trace: what was charged and where is known, and nothing of what else there
//! was. The other candidates are those of the configuration's aliases that have the model, at listed prices.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use engine::{Considered, Decision, Listing, Market};
use provider::{Kind, MicroUsd, Tariff, Timestamp};
use routing::{Policy, Standing};

use super::{Asked, Place, ReplayError, Spent, Trace, Was, file::Lines};

/// The columns that are read, by their names.
const COLUMNS: [&str; 8] =
    ["transaction", "at", "account", "amount_usd", "kind", "team", "model", "generation"];

/// One entry at a provider's account.
#[derive(Debug)]
struct Entry {
    transaction: String,
    at: Timestamp,
    /// `NAME/ACCOUNT`, perhaps with `/allowance` or `/overage`.
    account: String,
    amount: MicroUsd,
    kind: String,
    team: String,
    model: String,
    generation: String,
}

/// Reads an export.
pub(super) fn read(mut lines: Lines<'_>, market: &Market) -> Result<Trace, ReplayError> {
    let head = record(&mut lines)?.ok_or_else(|| lines.wrong_at(1, "the file is empty"))?;
    let mut places = [0; COLUMNS.len()];
    for (place, name) in places.iter_mut().zip(COLUMNS) {
        let found = head.iter().position(|cell| cell.trim_start_matches('\u{feff}') == name);
        *place = found.ok_or_else(|| {
            lines.wrong_at(1, format!("there is no column {name}; is it an export of the ledger?"))
        })?;
    }
    let mut entries: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    let mut drift = MicroUsd::ZERO;
    loop {
        let first = lines.line() + 1;
        let Some(cells) = record(&mut lines)? else { break };
        if cells.len() != head.len() {
            let reason = format!("it has {} cells and the head {}", cells.len(), head.len());
            return Err(lines.wrong_at(first, reason));
        }
        let entry = entry(&cells, places).map_err(|reason| lines.wrong_at(first, reason))?;
        match entry {
            Some(entry) if entry.generation.is_empty() => drift += entry.amount,
            Some(entry) => entries.entry(entry.generation.clone()).or_default().push(entry),
            None => {}
        }
    }
    let mut priced = Priced::of(market);
    let requests = entries.values().map(|of_one| priced.asked(of_one)).collect();
    Ok(Trace {
        requests,
        span: Default::default(),
        is_past: true,
        terms: None,
        notes: priced.notes(drift),
    })
}

/// The cells of the next record after RFC 4180; it may go over several lines.
fn record(lines: &mut Lines<'_>) -> Result<Option<Vec<String>>, ReplayError> {
    let Some(mut text) = lines.next()? else { return Ok(None) };
    let first = lines.line();
    while text.matches('"').count() % 2 == 1 {
        let more = lines.next()?;
        text.push_str(&more.ok_or_else(|| lines.wrong_at(first, "a quote does not end"))?);
    }
    let text = text.trim_end_matches(['\r', '\n']);
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '"' if quoted && rest.peek() == Some(&'"') => {
                cell.push('"');
                rest.next();
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            other => cell.push(other),
        }
    }
    cells.push(cell);
    Ok(Some(cells))
}

/// What is booked at a provider's account; none for the other side of it.
fn entry(cells: &[String], places: [usize; 8]) -> Result<Option<Entry>, String> {
    let [transaction, at, account, amount, kind, team, model, generation] =
        places.map(|place| cells.get(place).map_or("", String::as_str));
    let moment = Timestamp::parse(at).ok_or_else(|| format!("{at:?} is not a time"))?;
    let amount = amount.parse().map_err(|_| format!("{amount:?} is not an amount"))?;
    let Some(account) = account.strip_prefix("provider:") else { return Ok(None) };
    if !account.contains('/') {
        return Err(format!("{account:?} is not an account of a provider"));
    }
    Ok(Some(Entry {
        transaction: transaction.to_owned(),
        at: moment,
        account: account.to_owned(),
        amount,
        kind: kind.to_owned(),
        team: team.to_owned(),
        model: model.to_owned(),
        generation: generation.to_owned(),
    }))
}

/// What the configuration says of models and their prices.
struct Priced<'a> {
    market: &'a Market,
    /// What may stand in for a model: every candidate of the aliases that have it.
    equals: HashMap<String, BTreeSet<String>>,
    unpriced: BTreeSet<String>,
    alone: u64,
}

impl<'a> Priced<'a> {
    fn of(market: &'a Market) -> Self {
        let mut equals: HashMap<String, BTreeSet<String>> = HashMap::new();
        for alias in market.aliases() {
            for name in &alias.candidates {
                equals.entry(name.clone()).or_default().extend(alias.candidates.iter().cloned());
            }
        }
        Self { market, equals, unpriced: BTreeSet::new(), alone: 0 }
    }

    fn asked(&mut self, entries: &[Entry]) -> Asked {
        let mut attempts: BTreeMap<&str, Spent> = BTreeMap::new();
        for entry in entries {
            let spent = attempts.entry(&entry.transaction).or_insert_with(|| spent(entry));
            spent.charged += entry.amount;
            match entry.account.rsplit_once('/') {
                Some((_, "allowance")) if entry.kind == "allowance" => spent.units = 1,
                Some((_, "overage")) => spent.bought = 1,
                _ => {}
            }
        }
        let spent: Vec<Spent> = attempts.into_values().collect();
        let paid = |spent: &&Spent| !spent.charged.is_zero() || spent.units + spent.bought > 0;
        let served: BTreeSet<Place> =
            spent.iter().filter(paid).map(|spent| spent.place.clone()).collect();
        let kind = spent.iter().find_map(|spent| self.kind(&spent.place.model));
        let decision = Decision {
            policy: Policy::default(),
            candidates: kind.map_or_else(Vec::new, |kind| self.candidates(&spent, kind)),
        };
        if decision.candidates.len() < 2 {
            self.alone += 1;
        }
        Asked {
            at: entries.iter().map(|entry| entry.at).min().unwrap_or_default(),
            team: entries.first().map_or_else(String::new, |entry| entry.team.clone()),
            kind: kind.unwrap_or(Kind::Image),
            decision,
            patience: None,
            max_cost: None,
            was: Some(Was { spent, served, failed: BTreeSet::new() }),
        }
    }

    fn kind(&self, model: &str) -> Option<Kind> {
        let listed = self.market.listing(model).map(|listing| listing.model().kind);
        let mut aliases = self.market.aliases();
        let has = |alias: &&engine::Alias| alias.candidates.iter().any(|name| name == model);
        listed.or_else(|| aliases.find(has).map(|alias| alias.kind))
    }

    /// Every model of equal standing with that which made it, at each account.
    fn candidates(&mut self, spent: &[Spent], kind: Kind) -> Vec<Considered> {
        let Some(made) = spent.last().map(|spent| &spent.place) else { return Vec::new() };
        let outputs = self.outputs(spent);
        let mut names = self.equals.get(&made.model).cloned().unwrap_or_default();
        names.insert(made.model.clone());
        let charged: MicroUsd = spent.iter().map(|spent| spent.charged).sum();
        let mut candidates = Vec::new();
        for name in names {
            let listing = self.market.listing(&name);
            let price = listing.as_ref().and_then(|listing| each(&listing.model().tariff));
            let of_made = (name == made.model).then_some(charged);
            let bare = price.map(|price| price.times(i64::from(outputs))).or(of_made);
            let Some(bare) = bare else {
                self.unpriced.insert(name);
                continue;
            };
            match &listing {
                Some(listing) => candidates.extend(at_accounts(listing, kind, bare, outputs)),
                None => candidates.push(considered(&name, made.name(), bare, 0)),
            }
        }
        candidates
    }

    /// How many outputs the request had, as far as its charges tell.
    fn outputs(&self, spent: &[Spent]) -> u32 {
        let of_one = |spent: &Spent| {
            let listing = self.market.listing(&spent.place.model);
            let price = listing.and_then(|listing| each(&listing.model().tariff));
            let price = price.map_or(0, MicroUsd::micros);
            if price <= 0 {
                return 1;
            }
            let rounded = (spent.charged.micros() + price / 2) / price;
            u32::try_from(rounded).unwrap_or(1).max(1)
        };
        spent.iter().map(of_one).sum::<u32>().max(1)
    }

    fn notes(&self, drift: MicroUsd) -> Vec<String> {
        let mut notes = vec![
            "an export tells what was charged and where: what else there was is taken from the aliases of \
             the configuration, at listed prices"
                .to_owned(),
            "the number of outputs is told from the charge; lanes are taken as free".to_owned(),
            "a policy starts with nothing known and learns from the requests as they come".to_owned(),
        ];
        if !self.unpriced.is_empty() {
            let names: Vec<&str> = self.unpriced.iter().map(String::as_str).collect();
            let names = names.join(", ");
            notes.push(format!("not compared, because no price by the piece is listed: {names}"));
        }
        if self.alone > 0 {
            notes.push(format!("{} requests could have been made nowhere else", self.alone));
        }
        if !drift.is_zero() {
            notes.push(format!("drift of {drift} USD belongs to no request and is in no row"));
        }
        notes
    }
}

fn spent(entry: &Entry) -> Spent {
    let mut parts = entry.account.splitn(3, '/');
    let (provider, name) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let place = Place { account: format!("{provider}/{name}"), model: entry.model.clone() };
    Spent { place, charged: MicroUsd::ZERO, units: 0, bought: 0 }
}

fn at_accounts(listing: &Listing, kind: Kind, bare: MicroUsd, outputs: u32) -> Vec<Considered> {
    let time = listing.model().usual;
    let one = |account: &std::sync::Arc<engine::Account>| {
        let units = if account.limits.is_prepaid(kind) { outputs } else { 0 };
        let bare = if units > 0 { MicroUsd::ZERO } else { bare };
        let standing = Some(Standing { time, ..Standing::default() });
        let one = considered(&listing.name(), &account.name, bare, units);
        Considered { standing, busy: time.saturating_mul(outputs), ..one }
    };
    listing.vendor.accounts().iter().map(one).collect()
}

fn considered(model: &str, account: &str, bare: MicroUsd, units: u32) -> Considered {
    Considered {
        model: model.to_owned(),
        account: account.to_owned(),
        bare: Some(bare),
        units,
        busy: std::time::Duration::ZERO,
        standing: None,
        reason: None,
        used_up: false,
    }
}

/// What one output costs as it is listed; none where that depends on what nobody recorded.
fn each(tariff: &Tariff) -> Option<MicroUsd> {
    match tariff {
        Tariff::PerOutput { least, most, .. } => {
            Some(MicroUsd::from_micros((least.micros() + most.micros()) / 2))
        }
        Tariff::Allowance { .. } => Some(MicroUsd::ZERO),
        Tariff::Credits { each, credit } => Some(credit.times(i64::from(*each))),
        Tariff::PerSecond { .. } | Tariff::Unlisted => None,
    }
}
