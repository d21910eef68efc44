//! One setting, played from the first request to the last.

use std::{collections::HashMap, time::Duration};

use engine::{
    Considered, Decision,
    scarcity::{History, STANDING, Seen, Taking, Weighed, rest},
};
use provider::{Adjustments, Calendar, MicroUsd, Price, Quote, QuoteSource, Timestamp};
use routing::{Barrier, Candidate, Policy, Wishes};

use super::{
    Asked, Place, Row, Spent, Terms, Trace, Was,
    books::{Books, Taken},
};

/// How candidates are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// As it really was.
    Was,
    /// The least price, as a table of prices would say: nothing else is looked at.
    Table,
    /// As the running gateway does.
    Policy(Policy),
}

/// What is played.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// Its name.
    pub(crate) label: String,
    /// How candidates are chosen.
    pub(crate) choice: Choice,
    /// What accounts may use.
    pub(crate) terms: Terms,
    /// Providers that are not there.
    pub(crate) without: Vec<String>,
}

impl Choice {
    /// Every one that can be asked for.
    pub(crate) fn all() -> Vec<Self> {
        Policy::ALL.into_iter().map(Self::Policy).chain([Self::Table]).collect()
    }

    /// Those that are played where nobody says.
    pub(crate) fn usual() -> Vec<Self> {
        vec![Self::Policy(Policy::Cost), Self::Table]
    }

    /// The name outside.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Was => "as it was",
            Self::Table => "table",
            Self::Policy(policy) => policy.as_str(),
        }
    }
}

/// Plays a trace with one setting.
pub(crate) fn play(trace: &Trace, setting: &Setting) -> Row {
    let opened = trace.requests.first().map_or(trace.span.0, |first| first.at);
    let mut player = Player {
        setting,
        facts: Facts::of(trace),
        books: Books::new(&setting.terms, opened.min(trace.span.0)),
        history: History::default(),
        seen: Vec::new(),
        weighed: Weighed::default(),
        // As in a gateway that was started a moment before its first request.
        next: opened.plus(rest(0)),
        row: Row { label: setting.label.clone(), ..Row::default() },
    };
    let (from, to) = trace.span;
    for asked in &trace.requests {
        if asked.at < from {
            player.books.turn(asked.at, false);
            player.book_as_it_was(asked);
        } else {
            player.row.end_days(&mut player.books, from, asked.at);
            player.books.turn(asked.at, true);
            player.serve(asked);
        }
        player.learn(asked);
    }
    let Player { mut row, books, .. } = player;
    row.end(books, trace.span);
    let mut month = Calendar::Month.start(from);
    while month < to {
        row.fees += setting.terms.monthly_fee();
        month = Calendar::Month.end(month);
    }
    row
}

struct Player<'a> {
    setting: &'a Setting,
    facts: Facts,
    books: Books,
    history: History,
    seen: Vec<Seen>,
    weighed: Weighed,
    /// When it is weighed again.
    next: Timestamp,
    row: Row,
}

/// A candidate that was chosen.
struct Chosen<'a> {
    one: &'a Considered,
    place: Place,
}

impl Player<'_> {
    fn serve(&mut self, asked: &Asked) {
        let choice = self.setting.choice;
        if choice == Choice::Was {
            return self.serve_as_it_was(asked);
        }
        if asked.is_fixed() {
            return self.serve_fixed(asked);
        }
        if matches!(choice, Choice::Policy(policy) if policy != Policy::Ordered) {
            self.weigh(asked.at);
        }
        let decision = self.present(&asked.decision);
        let Some(chosen) = self.choose(asked, &decision) else {
            self.row.nobody += 1;
            return;
        };
        *self.row.served.entry(chosen.place.provider().to_owned()).or_default() += 1;
        match asked.was.as_ref().filter(|was| was.served.contains(&chosen.place)) {
            Some(was) => self.pay_again(asked, was),
            None => self.pay(asked, &chosen),
        }
    }

    /// What it really cost and took.
    fn serve_as_it_was(&mut self, asked: &Asked) {
        let Some(was) = &asked.was else { return };
        for spent in &was.spent {
            self.row.charged += spent.charged;
            self.row.take(asked.kind, spent.units, spent.bought);
        }
        self.book_as_it_was(asked);
        if let Some(place) = was.served.first() {
            *self.row.served.entry(place.provider().to_owned()).or_default() += 1;
        }
    }

    fn book_as_it_was(&mut self, asked: &Asked) {
        for spent in asked.was.iter().flat_map(|was| &was.spent) {
            self.books.note(asked.kind, spent);
        }
    }

    /// A request of which nobody knows what else could have become: it is made where it was, if that is
    /// still there.
    fn serve_fixed(&mut self, asked: &Asked) {
        let Some(was) = &asked.was else { return };
        let mut places = was.spent.iter().map(|spent| &spent.place).chain(&was.served);
        if places.any(|place| self.is_gone(place.provider())) {
            self.row.nobody += u64::from(!was.served.is_empty());
            return;
        }
        self.pay_again(asked, was);
        if let Some(place) = was.served.first() {
            *self.row.served.entry(place.provider().to_owned()).or_default() += 1;
        }
    }

    /// The same as then, under the terms of now.
    fn pay_again(&mut self, asked: &Asked, was: &Was) {
        for Spent { place, charged, units, bought } in &was.spent {
            if units + bought == 0 {
                self.row.charged += *charged;
                continue;
            }
            let taken = self.books.take(&place.account, asked.kind, units + bought);
            self.take(asked, taken);
        }
    }

    /// A choice that was not made then.
    fn pay(&mut self, asked: &Asked, Chosen { one, place }: &Chosen<'_>) {
        self.row.charged += self.facts.charge(&one.model, one.bare.unwrap_or_default());
        if one.units > 0 {
            let taken = self.books.take(&place.account, asked.kind, one.units);
            self.take(asked, taken);
        }
    }

    fn take(&mut self, asked: &Asked, Taken { units, bought, price }: Taken) {
        self.row.charged += price;
        self.row.take(asked.kind, units, bought);
    }

    /// Who is asked first.
    fn choose<'a>(&self, asked: &Asked, decision: &'a Decision) -> Option<Chosen<'a>> {
        let candidates = decision.candidates.iter().map(|one| self.candidate(asked, one));
        let candidates: Vec<Candidate> = candidates.collect();
        let wishes = match self.setting.choice {
            Choice::Policy(policy) => Wishes { patience: asked.patience, ..Wishes::new(policy) },
            Choice::Table | Choice::Was => Wishes::new(Policy::Cost),
        };
        let wishes = Wishes { max_cost: asked.max_cost, ..wishes };
        let plan = routing::plan(&candidates, wishes);
        let one = decision.candidates.get(*plan.order.first()?)?;
        Some(Chosen { one, place: Place::of(one) })
    }

    fn candidate(&self, asked: &Asked, one: &Considered) -> Candidate {
        let offer = self.offer(asked, one);
        let money = offer.as_ref().map_or(MicroUsd::ZERO, |quote| quote.price.expected);
        let worth = match (&offer, self.setting.choice) {
            (Ok(_), Choice::Policy(_)) => self.weighed.worth(&Taking {
                account: &Place::of(one).account,
                kind: asked.kind,
                // Units that cost money are bought past the allowance.
                units: if money.is_zero() { one.units } else { 0 },
                bought: one.units > 0 && !money.is_zero(),
                money,
                free: MicroUsd::ZERO,
                busy: one.busy,
                team: &asked.team,
                now: asked.at,
            }),
            _ => MicroUsd::ZERO,
        };
        Candidate { offer, wait: Duration::ZERO, worth }
    }

    /// What it would cost, or why it is not to be had.
    fn offer(&self, asked: &Asked, one: &Considered) -> Result<Quote, Barrier> {
        let place = Place::of(one);
        let was = asked.was.as_ref();
        // Whoever made it could.
        let could = was.is_some_and(|was| was.served.contains(&place));
        if !could {
            if let Some(reason) = one.reason.as_ref().filter(|_| !one.used_up) {
                return Err(Barrier::Passing(reason.clone()));
            }
            if was.is_some_and(|was| was.failed.contains(&place)) {
                return Err(Barrier::Passing("it failed".to_owned()));
            }
        }
        let no_price = || Barrier::Lasting("no price is known".to_owned());
        let bare = one.bare.ok_or_else(no_price)?;
        let units = match one.units {
            0 => Taken::default(),
            units => {
                let look = self.books.look(&place.account, asked.kind, units);
                look.map_err(Barrier::UsedUp)?
            }
        };
        let expected = bare + units.price;
        Ok(Quote {
            price: Price { expected, upper: expected },
            source: QuoteSource::Remembered,
            age: Duration::ZERO,
            duration: self.facts.usual(one),
            adjustments: Adjustments::new(),
        })
    }

    /// The candidates whose providers are there.
    fn present(&self, decision: &Decision) -> Decision {
        let there = |one: &&Considered| {
            let (provider, _) = one.model.split_once('/').unwrap_or((&one.model, ""));
            !self.is_gone(provider)
        };
        let candidates = decision.candidates.iter().filter(there).cloned().collect();
        Decision { policy: decision.policy, candidates }
    }

    fn is_gone(&self, provider: &str) -> bool {
        self.setting.without.iter().any(|gone| gone == provider)
    }

    /// Finds anew what scarce things are worth, where that is due, from what was played so far.
    fn weigh(&mut self, now: Timestamp) {
        if now < self.next {
            return;
        }
        self.history.forget(now);
        let Some(demand) = self.history.demand() else { return };
        let newest = usize::try_from(STANDING).unwrap_or(usize::MAX);
        let newest = self.seen.len().saturating_sub(newest);
        let seen = self.seen.get(newest..).unwrap_or_default();
        let end = Calendar::Month.end(Calendar::Month.end(now));
        let things = self.books.things(end);
        let shares = self.history.shares();
        self.weighed = Weighed::again(&self.weighed, things, (now, end), (&demand, seen), &shares);
        self.next = now.plus(rest(seen.len()));
    }

    /// Whatever came is what may come again.
    fn learn(&mut self, asked: &Asked) {
        if asked.decision.candidates.is_empty() {
            return;
        }
        self.history.saw(asked.at, asked.kind);
        let decision = self.present(&asked.decision);
        self.seen.push(Seen { team: asked.team.clone(), kind: asked.kind, decision });
    }
}

impl Place {
    /// Where a candidate is.
    pub(super) fn of(one: &Considered) -> Self {
        let (provider, _) = one.model.split_once('/').unwrap_or((&one.model, ""));
        Self { account: format!("{provider}/{}", one.account), model: one.model.clone() }
    }
}

/// What the whole trace tells of models: how their charges were, and how long they took.
#[derive(Debug, Default)]
struct Facts {
    /// Charged and expected, of what was charged by the piece.
    charges: HashMap<String, (i128, i128)>,
    times: HashMap<String, (Duration, u32)>,
}

impl Facts {
    fn of(trace: &Trace) -> Self {
        let mut facts = Self::default();
        for asked in &trace.requests {
            for one in &asked.decision.candidates {
                if let Some(standing) = one.standing {
                    let (sum, count) = facts.times.entry(one.model.clone()).or_default();
                    *sum += standing.time;
                    *count += 1;
                }
            }
            facts.learn(asked);
        }
        facts
    }

    /// A charge tells something where nobody but one place charged for the request.
    fn learn(&mut self, asked: &Asked) {
        let Some(was) = &asked.was else { return };
        let mut places = was.served.iter();
        let (Some(place), None) = (places.next(), places.next()) else { return };
        if was.spent.iter().any(|spent| spent.place != *place || spent.units + spent.bought > 0) {
            return;
        }
        let charged: MicroUsd = was.spent.iter().map(|spent| spent.charged).sum();
        let mut candidates = asked.decision.candidates.iter();
        let bare = candidates.find(|one| Place::of(one) == *place).and_then(|one| one.bare);
        // What came for nothing (a vendor's free credits) does not come again for being chosen more often.
        if let Some(bare) = bare.filter(|bare| !bare.is_zero() && !charged.is_zero()) {
            let (charges, expected) = self.charges.entry(place.model.clone()).or_default();
            *charges += i128::from(charged.micros());
            *expected += i128::from(bare.micros());
        }
    }

    /// What is charged where so much is expected.
    fn charge(&self, model: &str, bare: MicroUsd) -> MicroUsd {
        let Some((charged, expected)) = self.charges.get(model).copied() else { return bare };
        let micros = (i128::from(bare.micros()) * charged + expected / 2) / expected.max(1);
        MicroUsd::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }

    /// How long it takes: as it was thought then, or as usual.
    fn usual(&self, one: &Considered) -> Duration {
        let of_model = || {
            let (sum, count) = self.times.get(&one.model).copied()?;
            sum.checked_div(count)
        };
        one.standing.map(|standing| standing.time).or_else(of_model).unwrap_or_default()
    }
}
