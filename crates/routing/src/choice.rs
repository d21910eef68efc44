//! Now, later or never: the last step of a decision.
//!
//! Waiting is a choice like any other: a lane that is busy, a vendor that is down or a month that is
//! about to begin is an offer of a later moment. It has to save a little, since every wait may end
//! otherwise than expected.
#![expect(
    clippy::float_arithmetic,
    reason = "expectations are statistics; money stays in integers"
)]

/// A later offer is taken when it costs at most this share of the best one that can be had now.
const WORTH_WAITING: f64 = 0.98;

/// One candidate at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offer {
    /// Which candidate.
    pub candidate: usize,
    /// Expected money, the worth of what it takes, and the risk of being late, in micro-USD.
    pub cost: f64,
    /// The first moment at which it can be had, in Unix milliseconds; now or before: at once.
    pub at: i64,
}

/// What to do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Send it to this candidate now.
    Send(usize),
    /// Look again at this moment.
    Wait(i64),
    /// Nothing is worth its cost: not serving it is cheaper.
    GiveUp,
}

/// Chooses among offers; equal ones in the order in which they are listed. Not serving the request
/// costs `penalty`.
pub fn choose(offers: &[Offer], penalty: f64, now: i64) -> Decision {
    let cheapest = |later: bool| {
        let mut best: Option<&Offer> = None;
        for offer in offers.iter().filter(|offer| (offer.at > now) == later) {
            if best.is_none_or(|best| offer.cost < best.cost) {
                best = Some(offer);
            }
        }
        best.filter(|offer| offer.cost <= penalty)
    };
    match (cheapest(false), cheapest(true)) {
        (Some(now), Some(later)) if later.cost < WORTH_WAITING * now.cost => {
            Decision::Wait(later.at)
        }
        (Some(now), _) => Decision::Send(now.candidate),
        (None, Some(later)) => Decision::Wait(later.at),
        (None, None) => Decision::GiveUp,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_000;

    fn offers() -> impl Strategy<Value = Vec<Offer>> {
        let offer = (0..1_000_i32, 0..2_000_i64).prop_map(|(cost, at)| (f64::from(cost), at));
        prop::collection::vec(offer, 0..12).prop_map(|offers| {
            let numbered = offers.into_iter().enumerate();
            numbered.map(|(candidate, (cost, at))| Offer { candidate, cost, at }).collect()
        })
    }

    proptest! {
        #[test]
        fn it_never_sends_what_was_not_offered_now(offers in offers(), penalty in 0..1_500_i32) {
            let penalty = f64::from(penalty);
            match choose(&offers, penalty, NOW) {
                Decision::Send(candidate) => {
                    let sent = offers[candidate];
                    prop_assert!(sent.at <= NOW && sent.cost <= penalty);
                    let now = offers.iter().filter(|offer| offer.at <= NOW);
                    prop_assert!(now.clone().all(|offer| offer.cost >= sent.cost));
                }
                Decision::Wait(at) => {
                    prop_assert!(at > NOW && offers.iter().any(|offer| offer.at == at));
                }
                Decision::GiveUp => {
                    prop_assert!(offers.iter().all(|offer| offer.cost > penalty));
                }
            }
        }

        #[test]
        fn a_lower_price_never_loses(offers in offers(), penalty in 0..1_500_i32, less in 0..500_i32) {
            let penalty = f64::from(penalty);
            if let Decision::Send(candidate) = choose(&offers, penalty, NOW) {
                let mut cheaper = offers.clone();
                cheaper[candidate].cost = (cheaper[candidate].cost - f64::from(less)).max(0.0);
                prop_assert_eq!(choose(&cheaper, penalty, NOW), Decision::Send(candidate));
            }
        }

        #[test]
        fn names_and_order_do_not_matter(offers in offers(), penalty in 0..1_500_i32) {
            let penalty = f64::from(penalty);
            // Equal costs are told apart by their place alone, so there are none here.
            let mut distinct = offers;
            for (place, offer) in (0_i32..).zip(&mut distinct) {
                offer.cost += f64::from(place) / 1_000.0;
            }
            let mut turned = distinct.clone();
            turned.reverse();
            prop_assert_eq!(choose(&turned, penalty, NOW), choose(&distinct, penalty, NOW));
        }
    }
}
