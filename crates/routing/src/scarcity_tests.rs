use super::*;

/// Requests whose next best costs 1, 2, … 100, equally often, each worth one unit.
fn ladder() -> Vec<Typical> {
    (1..=100_i32)
        .map(|cost| Typical {
            weight: 0.01,
            ways: vec![
                Way { cash: f64::from(cost), draws: Vec::new() },
                Way { cash: 0.0, draws: vec![Draw { resource: 0, amount: 1.0 }] },
            ],
        })
        .collect()
}

fn one(leftover: Leftover, supplies: &[(i64, f64)]) -> Vec<Resource> {
    let supplies = supplies.iter().map(|(until, amount)| Supply { until: *until, amount: *amount });
    vec![Resource::new(leftover, supplies.collect())]
}

fn price(resources: &mut [Resource], ahead: &[(i64, f64)], typical: &[Typical], doubt: f64) {
    let stretch =
        |(from, requests): &(i64, f64)| Stretch { from: *from, requests: *requests, doubt };
    let ahead: Vec<Stretch> = ahead.iter().map(stretch).collect();
    set_bid_prices(resources, Forecast { ahead: &ahead, typical, waiting: &[] }, 3);
}

/// So many that chance plays no part.
const MANY: f64 = 1e8;

#[test]
fn a_unit_is_worth_what_the_first_one_without_it_pays() {
    let mut resources = one(Leftover::Lost, &[(10, 0.305 * MANY)]);
    price(&mut resources, &[(0, MANY)], &ladder(), 0.0);
    // Thirty of a hundred get one, and half of those at 70.
    assert!((69.9..=70.1).contains(&resources[0].price(0)), "{resources:?}");
}

#[test]
fn what_is_left_over_is_free() {
    let mut resources = one(Leftover::Lost, &[(10, 1.1 * MANY), (20, 0.3 * MANY)]);
    price(&mut resources, &[(0, MANY), (10, MANY)], &ladder(), 0.0);
    assert!(resources[0].price(0).abs() < 1e-9);
    assert!(resources[0].price(15) > 69.0);
}

#[test]
fn what_carries_over_is_saved_for_a_dear_time() {
    // Enough for the first period alone, not for both: the later need is felt at once.
    let mut resources = one(Leftover::Carried, &[(10, 1.2 * MANY), (20, 1.2 * MANY)]);
    price(&mut resources, &[(0, MANY), (10, MANY)], &ladder(), 0.0);
    assert!((39.0..=42.0).contains(&resources[0].price(0)), "{resources:?}");
    assert!((resources[0].price(0) - resources[0].price(15)).abs() < 1e-9);
}

#[test]
fn more_supply_never_makes_it_dearer() {
    let mut last = f64::MAX;
    for amount in 0..=120_i32 {
        let mut resources = one(Leftover::Lost, &[(10, f64::from(amount))]);
        price(&mut resources, &[(0, 100.0)], &ladder(), 0.3);
        assert!(resources[0].price(0) <= last + 1e-6, "{amount}: {resources:?}");
        last = resources[0].price(0);
    }
}

#[test]
fn doubt_makes_spare_units_worth_something_and_scarce_ones_less() {
    let price_of = |share: f64, doubt: f64| {
        let mut resources = one(Leftover::Lost, &[(10, share * MANY)]);
        price(&mut resources, &[(0, MANY)], &ladder(), doubt);
        resources[0].price(0)
    };
    assert!(price_of(1.1, 0.0).abs() < 1e-9);
    assert!((1.0..40.0).contains(&price_of(1.1, 0.4)), "{}", price_of(1.1, 0.4));
    assert!(price_of(0.1, 0.4) < price_of(0.1, 0.0), "{}", price_of(0.1, 0.4));
}

#[test]
fn chance_in_few_large_requests_is_kept_for() {
    let price_of = |size: f64, requests: f64| {
        let typical = [Typical {
            weight: 1.0,
            ways: vec![
                Way { cash: 8.0 * size, draws: Vec::new() },
                Way { cash: size, draws: vec![Draw { resource: 0, amount: size }] },
            ],
        }];
        let mut resources = one(Leftover::Lost, &[(10, 1_500.0)]);
        price(&mut resources, &[(0, requests)], &typical, 0.0);
        resources[0].price(0)
    };
    // A thousand are expected and half as many to spare. Many small ones will hardly pass that.
    assert!(price_of(1.0, 1_000.0).abs() < 1e-9);
    assert!((0.5..7.0).contains(&price_of(500.0, 2.0)), "{}", price_of(500.0, 2.0));
}

#[test]
fn what_takes_less_takes_the_place_of_what_takes_more() {
    // Three units for nothing, one for 30, none for 100: a unit is worth 15, then 70.
    let typical = [Typical {
        weight: 1.0,
        ways: vec![
            Way { cash: 100.0, draws: Vec::new() },
            Way { cash: 0.0, draws: vec![Draw { resource: 0, amount: 3.0 }] },
            Way { cash: 30.0, draws: vec![Draw { resource: 0, amount: 1.0 }] },
        ],
    }];
    for (supply, worth) in [(3.1, 0.0), (2.0, 15.0), (0.5, 70.0)] {
        let mut resources = one(Leftover::Lost, &[(10, supply * MANY)]);
        price(&mut resources, &[(0, MANY)], &typical, 0.0);
        assert!((resources[0].price(0) - worth).abs() < 1e-6, "{supply}: {resources:?}");
    }
}

#[test]
fn what_waits_is_certain() {
    let mut resources = one(Leftover::Lost, &[(10, 4.0)]);
    let waiting: Vec<Typical> =
        ladder().into_iter().skip(90).map(|typical| Typical { weight: 1.0, ..typical }).collect();
    let ahead = [Stretch { from: 0, requests: 0.0, doubt: 0.8 }];
    let forecast = Forecast { ahead: &ahead, typical: &[], waiting: &waiting };
    set_bid_prices(&mut resources, forecast, 1);
    assert!((resources[0].price(0) - 96.0).abs() < 1e-9, "{resources:?}");
}

#[test]
fn at_its_prices_the_forecast_keeps_within_every_supply() {
    // Two resources, and a way that draws on both.
    for seed in 0..20_i32 {
        let typical: Vec<Typical> = (0..60_i32)
            .map(|index| {
                let cost = f64::from((index * 37 + seed * 11) % 97 + 1);
                Typical {
                    weight: 1.0,
                    ways: vec![
                        Way { cash: cost, draws: Vec::new() },
                        Way { cash: 1.0, draws: vec![Draw { resource: 0, amount: 1.0 }] },
                        Way {
                            cash: cost / 3.0,
                            draws: vec![
                                Draw { resource: 0, amount: 0.5 },
                                Draw { resource: 1, amount: cost / 3.0 },
                            ],
                        },
                    ],
                }
            })
            .collect();
        let mut resources = one(Leftover::Lost, &[(10, 12.0 * MANY)]);
        resources.extend(one(Leftover::Lost, &[(10, 150.0 * MANY)]));
        let ahead = [(0, MANY)];
        for _ in 0..3 {
            price(&mut resources, &ahead, &typical, 0.0);
        }
        for index in 0..2 {
            let prices: Vec<f64> = resources.iter().map(|resource| resource.price(0)).collect();
            let taken: f64 = typical.iter().map(|typical| taken(typical, index, &prices)).sum();
            let supply = resources[index].supplies[0].amount / MANY;
            // The one that was priced first may be off by what the second's last step moved.
            assert!(taken <= supply * 1.1 + 1.0, "{seed}: {index}: {taken} of {supply}");
        }
    }
}

/// What a request takes of a resource at given prices; as little as it can where ways cost the same.
fn taken(typical: &Typical, index: usize, prices: &[f64]) -> f64 {
    let cost = |way: &Way| {
        way.cash + way.draws.iter().map(|draw| draw.amount * prices[draw.resource]).sum::<f64>()
    };
    let least = typical.ways.iter().map(cost).fold(f64::MAX, f64::min);
    let cheap = typical.ways.iter().filter(|way| cost(way) <= least + 1e-6);
    let units = |way: &Way| {
        way.draws.iter().filter(|draw| draw.resource == index).map(|draw| draw.amount).sum()
    };
    cheap.map(units).fold(f64::MAX, f64::min)
}

#[test]
fn prices_are_taken_over_by_period() {
    let mut old = one(Leftover::Lost, &[(10, 1.0), (20, 1.0)]);
    old[0].prices = vec![3.0, 7.0];
    let mut new = one(Leftover::Lost, &[(20, 1.0), (30, 1.0)]);
    new[0].start_from(&old[0]);
    assert_eq!(new[0].prices, [7.0, 0.0]);
}
