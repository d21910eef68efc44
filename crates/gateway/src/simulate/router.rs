//! The router on a virtual clock: one message in, one reply out.
#![expect(
    clippy::float_arithmetic,
    reason = "expectations are statistics; money stays in integers"
)]

use std::collections::BTreeMap;

use routing::{Decision, choose};

use super::{
    account::Account,
    calendar::{DAY, HOUR, MINUTE, SECOND},
    messages::{Also, Config, Message, Outcome, Quote, Reply, Request, Status, Verdict},
    offers::{FASTEST, SLOWEST, millis, sent_as},
    plan::Plan,
    prices::Prices,
    supply::{Hold, Supplier, Supplies, model, supplier, units},
};

/// What is not worth its cost now is looked at again this often, and for the last time when there is
/// just time for the quickest candidate.
const LOOK_AGAIN: i64 = 6 * HOUR;
/// A deferral is at least this long, so that it moves the clock.
const LEAST_WAIT: i64 = 20;

/// Everything that the router knows.
#[derive(Debug)]
pub(super) struct Router {
    pub(super) now: i64,
    pub(super) accounts: [Account; 3],
    pub(super) supplies: Supplies,
    pub(super) prices: Prices,
    pub(super) plan: Plan,
    /// What waits, by name.
    waiting: BTreeMap<String, Waiting>,
    flying: BTreeMap<String, Flight>,
    /// Something became free: what waits may go.
    freed: bool,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) request: Request,
    /// The allowance's vendor refused its content.
    pub(super) blocked: bool,
}

#[derive(Debug)]
struct Flight {
    request: Request,
    blocked: bool,
    quote: Quote,
    hold: Hold,
}

impl Router {
    pub(super) fn new(config: &Config) -> Self {
        let vendors = &config.vendors;
        let (prepaid, plan, credits) = (&vendors.zekron, &vendors.zsky, &vendors.generor);
        let rates =
            [(MINUTE, credits.per_minute), (HOUR, credits.per_hour), (DAY, credits.per_day)];
        Self {
            now: config.start,
            accounts: [
                Account::new(Some(prepaid.lanes), &[(MINUTE, prepaid.per_minute)]),
                Account::new(Some(plan.lanes), &[(MINUTE, plan.per_minute)]),
                Account::new(None, &rates),
            ],
            supplies: Supplies::new(config),
            prices: Prices::new(prepaid.models.clone(), credits.micro_usd_per_credit),
            plan: Plan::new(config.start, config.end),
            waiting: BTreeMap::new(),
            flying: BTreeMap::new(),
            freed: false,
        }
    }

    /// Takes in what happened and says what is to be done.
    pub(super) fn hear(&mut self, message: Message) -> Reply {
        let (asked, id) = match message {
            Message::Hello { .. } | Message::End => return Reply::default(),
            Message::Request(request) => {
                self.advance(request.t);
                self.plan.saw(&request);
                let id = request.id.clone();
                self.waiting.insert(id.clone(), Waiting { request: *request, blocked: false });
                (true, id)
            }
            Message::Wake { t, id } => {
                self.advance(t);
                (true, id)
            }
            Message::Expired { t, id } => {
                self.advance(t);
                self.waiting.remove(&id);
                (false, id)
            }
            Message::Outcome(outcome) => {
                self.advance(outcome.t);
                self.learn(&outcome);
                (outcome.need == "decision", outcome.id)
            }
        };
        let verdict = asked.then(|| self.decide(&id)).flatten();
        Reply { ready: None, verdict, also: self.let_go(&id) }
    }

    fn advance(&mut self, now: i64) {
        self.now = now;
        self.freed |= self.supplies.advance(now);
    }

    fn decide(&mut self, id: &str) -> Option<Verdict> {
        let waiting = self.waiting.values().map(|waiting| &waiting.request);
        self.plan.refresh(self.now, &self.supplies, &self.prices, waiting);
        let waiting = self.waiting.get(id)?;
        Some(match self.choice(waiting) {
            Decision::Send(candidate) => self.send(id, candidate)?,
            Decision::Wait(until) => {
                let wait = (until - self.now).max(LEAST_WAIT);
                Verdict::Defer { defer_s: units(wait.unsigned_abs()) / 1_000.0 }
            }
            Decision::GiveUp => {
                self.waiting.remove(id);
                Verdict::Reject { reject: true }
            }
        })
    }

    /// Sends what waited for what has become free, the most pressing first.
    fn let_go(&mut self, but: &str) -> Vec<Also> {
        if !std::mem::take(&mut self.freed) {
            return Vec::new();
        }
        let others = self.waiting.iter().filter(|(id, _)| *id != but);
        let mut pressing: Vec<(i64, String)> =
            others.map(|(id, waiting)| (waiting.request.deadline, id.clone())).collect();
        pressing.sort_unstable();
        let mut also = Vec::new();
        for (_, id) in pressing {
            let choice = self.waiting.get(&id).map(|waiting| self.choice(waiting));
            if let Some(Decision::Send(candidate)) = choice
                && let Some(verdict) = self.send(&id, candidate)
            {
                also.push(Also { id, verdict });
            }
        }
        also
    }

    fn choice(&self, waiting: &Waiting) -> Decision {
        let request = &waiting.request;
        let decision = choose(&self.offers(waiting), request.penalty, self.now);
        if decision != Decision::GiveUp {
            return decision;
        }
        let quickest = request.quotes.iter().map(|quote| quote.est_ms).fold(f64::MAX, f64::min);
        let last = request.deadline - millis(quickest * SLOWEST) - 2 * SECOND;
        if last > self.now { Decision::Wait(last.min(self.now + LOOK_AGAIN)) } else { decision }
    }

    fn send(&mut self, id: &str, candidate: usize) -> Option<Verdict> {
        let Waiting { request, blocked } = self.waiting.remove(id)?;
        let quote = request.quotes.get(candidate)?.clone();
        let supplier = supplier(&quote.candidate);
        let money = self.prices.charge(&request, &quote).money;
        let hold = self.supplies.take(&request, supplier, money, self.now);
        let end = self.now + millis(quote.est_ms * f64::midpoint(FASTEST, SLOWEST));
        let sent = sent_as(&request, supplier);
        self.accounts[supplier.index()].sent(self.now, id, sent, end);
        let verdict = Verdict::Send { candidate: quote.candidate.clone() };
        self.flying.insert(id.to_owned(), Flight { request, blocked, quote, hold });
        Some(verdict)
    }

    fn learn(&mut self, outcome: &Outcome) {
        let Some(flight) = self.flying.remove(&outcome.id) else { return };
        let Flight { request, mut blocked, quote, hold } = flight;
        let supplier = supplier(&quote.candidate);
        let account = &mut self.accounts[supplier.index()];
        account.ended(&outcome.id);
        self.freed = true;
        self.supplies.settle(&hold, outcome.cost, outcome.team_charge, outcome.units);
        match outcome.status {
            Status::Failed => account.failed(self.now),
            Status::Refused => match outcome.reason.as_str() {
                "balance" => self.supplies.balance_is_short_of(&hold),
                "team_budget" => self.supplies.budget_is_short_of(&hold),
                _ => account.hold(self.now + outcome.retry_after_ms.max(SECOND)),
            },
            Status::Success | Status::Blocked => {
                account.answered();
                let was_blocked = outcome.status == Status::Blocked;
                match supplier {
                    Supplier::Prepaid => {
                        self.prices.learn_prepaid(&request, model(&quote.candidate), outcome.cost);
                    }
                    Supplier::Credits => self.prices.learn_credits(&quote, outcome.credits),
                    Supplier::Allowance => {
                        blocked |= was_blocked;
                        self.supplies.recorded(self.now, was_blocked);
                        self.prices.learn_blocked(&request, was_blocked);
                    }
                }
            }
        }
        if !outcome.settled {
            self.waiting.insert(outcome.id.clone(), Waiting { request, blocked });
        }
    }
}
