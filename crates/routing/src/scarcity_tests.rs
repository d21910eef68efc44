use super::*;

/// Hundred requests whose next best costs 1, 2, … 100, each worth one unit.
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

fn price(resources: &mut [Resource], ahead: &[(i64, f64)], typical: &[Typical]) {
    let ahead: Vec<Stretch> =
        ahead.iter().map(|(from, requests)| Stretch { from: *from, requests: *requests }).collect();
    set_bid_prices(resources, Forecast { ahead: &ahead, typical, waiting: &[] }, 3);
}

#[test]
fn a_unit_is_worth_what_the_first_one_without_it_pays() {
    let mut resources = one(Leftover::Lost, &[(10, 30.0)]);
    price(&mut resources, &[(0, 100.0)], &ladder());
    // Thirty of a hundred get one: the dearest, down to 71; the one at 70 goes without.
    assert!((69.9..=71.0).contains(&resources[0].price(0)), "{resources:?}");
}

#[test]
fn what_is_left_over_is_free() {
    let mut resources = one(Leftover::Lost, &[(10, 100.0), (20, 30.0)]);
    price(&mut resources, &[(0, 100.0), (10, 100.0)], &ladder());
    assert!(resources[0].price(0).abs() < 1e-9);
    assert!(resources[0].price(15) > 69.0);
}

#[test]
fn what_carries_over_is_saved_for_a_dear_time() {
    // Enough for the first period alone, not for both: the later need is felt at once.
    let mut resources = one(Leftover::Carried, &[(10, 120.0), (20, 120.0)]);
    price(&mut resources, &[(0, 100.0), (10, 100.0)], &ladder());
    assert!((39.0..=42.0).contains(&resources[0].price(0)), "{resources:?}");
    assert!((resources[0].price(0) - resources[0].price(15)).abs() < 1e-9);
}

#[test]
fn more_supply_never_makes_it_dearer() {
    let mut last = f64::MAX;
    for amount in 0..=100_i32 {
        let mut resources = one(Leftover::Lost, &[(10, f64::from(amount))]);
        price(&mut resources, &[(0, 100.0)], &ladder());
        assert!(resources[0].price(0) <= last + 1e-6, "{amount}: {resources:?}");
        last = resources[0].price(0);
    }
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
        let mut resources = one(Leftover::Lost, &[(10, 12.0)]);
        resources.extend(one(Leftover::Lost, &[(10, 150.0)]));
        let ahead = [Stretch { from: 0, requests: 1.0 }];
        let forecast = Forecast { ahead: &ahead, typical: &typical, waiting: &[] };
        set_bid_prices(&mut resources, forecast, 8);
        for index in 0..2 {
            let prices: Vec<f64> = resources.iter().map(|resource| resource.price(0)).collect();
            let wanted: f64 = typical
                .iter()
                .map(|typical| {
                    let mut others = prices.clone();
                    others[index] = 0.0;
                    bid(typical, 1.0, index, &others).wanted(prices[index])
                })
                .sum();
            let supply = resources[index].supplies[0].amount;
            // The one that was priced first may be off by what the second's last step moved.
            assert!(wanted <= supply * 1.1 + 1.0, "{seed}: {index}: {wanted} of {supply}");
        }
    }
}

#[test]
fn prices_are_taken_over_by_period() {
    let mut old = one(Leftover::Lost, &[(10, 1.0), (20, 1.0)]);
    old[0].prices = vec![3.0, 7.0];
    let mut new = one(Leftover::Lost, &[(20, 1.0), (30, 1.0)]);
    new[0].start_from(&old[0]);
    assert_eq!(new[0].prices, [7.0, 0.0]);
}
