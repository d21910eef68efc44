//! What a unit of something scarce is worth: bid prices.
//!
//! A month's allowance, a prepaid balance or a team's budget is taken from whoever comes later. What
//! a unit costs the bill is therefore not what its vendor charges, but what the request that goes
//! without it pays elsewhere: the dual price of the constraint in a fluid plan of everything that is
//! still to come. A request then takes the way whose money and bid prices sum up to least.
//!
//! # How the prices are found
//! Each supply in turn gets its price while the others' are held; a few rounds of this settle, because
//! supplies meet only where one request may draw on two of them. Every request is worth a unit up to
//! some price; laid in order these are a curve of demand, and the least price at which no more is
//! wanted than there is can be read from it. A supply that does not bind has price 0: whatever is left
//! over near its reset is free.
//!
//! # Why it is a mean
//! How much will be wanted is not known. Running out costs a penalty or a dear vendor, having some left
//! over costs nothing but its worth; so a supply's price is the mean of what it would be in each of
//! several cases of demand. How far they lie apart is the supply's own: what everything is off by, and
//! the chance in few large requests. A team that makes three dear clips a month may as well make one or
//! six, a thousand pictures will be about a thousand.
#![expect(clippy::float_arithmetic, reason = "forecasts are statistics; money stays in integers")]

/// Demand is taken at the middles of so many equally likely parts of its law.
const CASES: usize = 8;
/// Those middles, for a normal law of mean 0 and variance 1.
const MIDDLES: [f64; CASES] = [-1.534, -0.887, -0.489, -0.157, 0.157, 0.489, 0.887, 1.534];
/// Requests come in company: so many together are one piece of chance.
const COMPANY: f64 = 2.0;

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
    /// The relative standard error of how many come from now until its end.
    pub doubt: f64,
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
                let wanted = wanted(resources, (index, period), drawing, forecast);
                let supply = resources[index].supplies[period].amount;
                resources[index].prices[period] = wanted.worth(supply);
            }
        }
    }
}

fn draws_on(typical: &Typical, resource: usize) -> bool {
    typical.ways.iter().any(|way| way.draws.iter().any(|draw| draw.resource == resource))
}

/// What is wanted of one supply, by the price up to which it is.
#[derive(Default)]
struct Wanted {
    steps: Vec<Step>,
    /// Sums over what is expected, were it free: units, and units by the size of the request.
    units: f64,
    squares: f64,
    /// How far off all of what is expected may be.
    doubt: f64,
}

/// Units that are wanted up to a price.
struct Step {
    price: f64,
    expected: f64,
    /// What waits already will want them whatever comes.
    certain: f64,
}

impl Wanted {
    fn add(&mut self, options: &mut Options, requests: f64, certain: bool) {
        let mut best = options.without;
        let mut units = 0.0;
        for (cost, of) in &options.with {
            if *cost < best {
                (best, units) = (*cost, *of);
            }
        }
        if !certain {
            self.units += requests * units;
            self.squares += requests * units * units;
        }
        options.with.push((options.without, 0.0));
        while units > 0.0 {
            // The first price at which something that takes less is no dearer.
            let (mut price, mut next) = (f64::MAX, 0.0);
            for (cost, of) in &options.with {
                if *of < units {
                    let at = (cost - best) / (units - of);
                    if at < price || (at <= price && *of < next) {
                        (price, next) = (at, *of);
                    }
                }
            }
            let less = requests * (units - next);
            let (expected, certain) = if certain { (0.0, less) } else { (less, 0.0) };
            self.steps.push(Step { price, expected, certain });
            best += price * (units - next);
            units = next;
        }
    }

    /// The mean price over the cases, for so many units.
    fn worth(mut self, supply: f64) -> f64 {
        self.steps.sort_unstable_by(|one, other| other.price.total_cmp(&one.price));
        let chance =
            if self.units > 0.0 { COMPANY * self.squares / self.units.powi(2) } else { 0.0 };
        // A law that is never below nothing, with mean 1 and this variance.
        let width = (self.doubt * self.doubt + chance).ln_1p();
        let prices = MIDDLES.iter().map(|middle| {
            let times = (middle * width.sqrt() - width / 2.0).exp();
            self.clearing(supply, times)
        });
        prices.sum::<f64>() / CASES_COUNT
    }

    /// The least price at which no more is wanted than there is.
    fn clearing(&self, supply: f64, times: f64) -> f64 {
        let mut wanted = 0.0;
        for step in &self.steps {
            wanted += times * step.expected + step.certain;
            if wanted > supply {
                return step.price;
            }
        }
        0.0
    }
}

#[expect(clippy::cast_precision_loss, reason = "eight")]
const CASES_COUNT: f64 = CASES as f64;

/// One request's choice, seen from one supply.
#[derive(Default)]
struct Options {
    /// The least that it costs without.
    without: f64,
    /// What it costs besides, and how many units it takes.
    with: Vec<(f64, f64)>,
}

impl Options {
    /// The same for another request.
    fn fill(&mut self, typical: &Typical, index: usize, prices: &[f64]) {
        self.without = f64::MAX;
        self.with.clear();
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
                self.with.push((cost, units));
            } else {
                self.without = self.without.min(cost);
            }
        }
    }
}

fn wanted(
    resources: &[Resource],
    (index, period): (usize, usize),
    drawing: &[&Typical],
    forecast: Forecast<'_>,
) -> Wanted {
    let mut wanted = Wanted::default();
    let mut options = Options::default();
    for (place, stretch) in forecast.ahead.iter().enumerate() {
        if !resources[index].counts(period, stretch.from) {
            continue;
        }
        wanted.doubt = stretch.doubt;
        let prices: Vec<f64> = resources.iter().map(|other| other.price(stretch.from)).collect();
        for typical in drawing {
            options.fill(typical, index, &prices);
            wanted.add(&mut options, typical.weight * stretch.requests, false);
        }
        if place == 0 {
            for typical in forecast.waiting.iter().filter(|waiting| draws_on(waiting, index)) {
                options.fill(typical, index, &prices);
                wanted.add(&mut options, 1.0, true);
            }
        }
    }
    wanted
}

#[cfg(test)]
#[path = "scarcity_tests.rs"]
mod tests;
