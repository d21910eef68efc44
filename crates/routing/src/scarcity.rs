//! What a unit of something scarce is worth: bid prices.
//!
//! A month's allowance, a prepaid balance or a team's budget is taken from whoever comes later. What
//! a unit costs the bill is therefore not what its vendor charges, but what the request that goes
//! without it pays elsewhere: the dual price of the constraint in a fluid plan of everything that is
//! still to come. A request then takes the way whose money and bid prices sum up to least.
//!
//! # How the prices are found
//! Each constraint in turn gets the least price at which the forecast keeps within its supply, while
//! the others' prices are held; a few rounds of this settle, because constraints meet only where one
//! request may draw on two of them. A constraint that does not bind costs one look and has price 0:
//! whatever is left over near its reset is free.
#![expect(clippy::float_arithmetic, reason = "forecasts are statistics; money stays in integers")]

/// Halvings in the search for one price: to a quarter of a millionth of the dearest sensible one.
const HALVINGS: usize = 22;

/// Something of which there is only so much.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// What becomes of what is left over.
    pub leftover: Leftover,
    /// How much there is, by period, in time's order. Never empty.
    pub supplies: Vec<Supply>,
    /// The dual price of each supply, per unit, in micro-USD.
    pub prices: Vec<f64>,
}

/// What becomes of what is left over at a period's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leftover {
    /// It is lost: each supply is its period's own.
    Lost,
    /// It is carried over: a supply is all that there is from now until its period's end.
    Carried,
}

/// How much there is until a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Supply {
    /// The period's end, in Unix milliseconds.
    pub until: i64,
    /// Units: results, or micro-USD where the resource is money.
    pub amount: f64,
}

impl Resource {
    /// A resource that nobody has priced yet.
    pub fn new(leftover: Leftover, supplies: Vec<Supply>) -> Self {
        let prices = vec![0.0; supplies.len()];
        Self { leftover, supplies, prices }
    }

    /// What a unit costs at a moment, in micro-USD. Units that carry over are also taken from every
    /// later period.
    pub fn price(&self, at: i64) -> f64 {
        let period = self.period(at);
        match self.leftover {
            Leftover::Lost => self.prices.get(period).copied().unwrap_or(0.0),
            Leftover::Carried => self.prices.iter().skip(period).sum(),
        }
    }

    /// Takes over the prices of another plan for the periods that both know.
    pub fn start_from(&mut self, other: &Self) {
        for (supply, price) in self.supplies.iter().zip(&mut self.prices) {
            let known = other.supplies.iter().position(|known| known.until == supply.until);
            *price = known.and_then(|known| other.prices.get(known).copied()).unwrap_or(0.0);
        }
    }

    fn period(&self, at: i64) -> usize {
        let last = self.supplies.len().saturating_sub(1);
        self.supplies.iter().position(|supply| at < supply.until).unwrap_or(last)
    }

    fn counts(&self, period: usize, at: i64) -> bool {
        match self.leftover {
            Leftover::Lost => self.period(at) == period,
            Leftover::Carried => self.period(at) <= period,
        }
    }
}

/// One way to serve a request, or to do without.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Way {
    /// Expected money, in micro-USD; a penalty where the request is not served.
    pub cash: f64,
    /// What it draws on.
    pub draws: Vec<Draw>,
}

/// So much of a resource.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// Its index among the resources.
    pub resource: usize,
    /// Units, more than nothing.
    pub amount: f64,
}

/// A request as it is expected again, so many times.
#[derive(Debug, Clone, PartialEq)]
pub struct Typical {
    /// Its share among all, or how often it comes.
    pub weight: f64,
    /// The ways to serve it. One of them draws on nothing (doing without).
    pub ways: Vec<Way>,
}

/// A stretch of time in which every resource is in one period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// Its beginning, in Unix milliseconds.
    pub from: i64,
    /// How many requests are expected in it.
    pub requests: f64,
}

/// What is expected to come.
#[derive(Debug, Clone, Copy)]
pub struct Forecast<'a> {
    /// The time ahead, in order.
    pub ahead: &'a [Stretch],
    /// What a request is like.
    pub typical: &'a [Typical],
    /// What waits already: it comes once, in the first stretch.
    pub waiting: &'a [Typical],
}

/// Prices the resources so that the forecast keeps within every supply, beginning with the prices
/// that they have.
pub fn set_bid_prices(resources: &mut [Resource], forecast: Forecast<'_>, rounds: usize) {
    let drawing: Vec<Vec<&Typical>> = (0..resources.len())
        .map(|index| forecast.typical.iter().filter(|typical| draws_on(typical, index)).collect())
        .collect();
    for _ in 0..rounds {
        for (index, drawing) in drawing.iter().enumerate() {
            // Later periods first: what carries over is priced there, if anywhere.
            for period in (0..resources[index].supplies.len()).rev() {
                resources[index].prices[period] = 0.0;
                let bids = bids(resources, (index, period), drawing, forecast);
                let supply = resources[index].supplies[period].amount;
                resources[index].prices[period] = clearing(&bids, supply);
            }
        }
    }
}

fn draws_on(typical: &Typical, resource: usize) -> bool {
    typical.ways.iter().any(|way| way.draws.iter().any(|draw| draw.resource == resource))
}

/// One kind of request in one stretch, seen from one supply.
struct Bid {
    requests: f64,
    /// The least that it costs without.
    without: f64,
    /// What it costs besides, and how many units it takes.
    with: Vec<(f64, f64)>,
}

impl Bid {
    /// Units wanted at a price.
    fn wanted(&self, price: f64) -> f64 {
        let mut best = (self.without, 0.0);
        for (cost, units) in &self.with {
            let cost = cost + price * units;
            if cost < best.0 {
                best = (cost, *units);
            }
        }
        best.1 * self.requests
    }

    /// The highest price at which it still takes any.
    fn highest(&self) -> f64 {
        let highest = self.with.iter().map(|(cost, units)| (self.without - cost) / units);
        highest.fold(0.0, f64::max)
    }
}

fn bids(
    resources: &[Resource],
    (index, period): (usize, usize),
    drawing: &[&Typical],
    forecast: Forecast<'_>,
) -> Vec<Bid> {
    let mut bids = Vec::new();
    for (place, stretch) in forecast.ahead.iter().enumerate() {
        if !resources[index].counts(period, stretch.from) {
            continue;
        }
        let prices: Vec<f64> = resources.iter().map(|other| other.price(stretch.from)).collect();
        let expected = drawing.iter().map(|typical| (*typical, stretch.requests));
        bids.extend(expected.map(|(typical, times)| bid(typical, times, index, &prices)));
        if place == 0 {
            let waiting = forecast.waiting.iter().filter(|waiting| draws_on(waiting, index));
            bids.extend(waiting.map(|typical| bid(typical, 1.0, index, &prices)));
        }
    }
    bids
}

fn bid(typical: &Typical, times: f64, index: usize, prices: &[f64]) -> Bid {
    let mut bid = Bid { requests: typical.weight * times, without: f64::MAX, with: Vec::new() };
    for way in &typical.ways {
        let mut cost = way.cash;
        let mut units = 0.0;
        for draw in &way.draws {
            cost += draw.amount * prices[draw.resource];
            if draw.resource == index {
                units += draw.amount;
            }
        }
        if units > 0.0 {
            bid.with.push((cost, units));
        } else {
            bid.without = bid.without.min(cost);
        }
    }
    bid
}

/// The least price at which no more is wanted than there is.
fn clearing(bids: &[Bid], supply: f64) -> f64 {
    let wanted = |price: f64| bids.iter().map(|bid| bid.wanted(price)).sum::<f64>();
    if wanted(0.0) <= supply {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, bids.iter().map(Bid::highest).fold(0.0, f64::max));
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if wanted(middle) > supply {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
#[path = "scarcity_tests.rs"]
mod tests;
