//! What the unit tests of several rooms share.

use std::sync::Arc;

use provider::{ManualClock, Pace, Result, Timestamp, Turn, Work};
use provider_http::{Base, Client, Settings};

use crate::{Config, knowledge::Known, order::Order};

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// Nobody listens there.
pub(crate) const NOWHERE: &str = "http://127.0.0.1:9/api/v1";

/// Knowledge about the vendor at that address, and the clock that it goes by.
pub(crate) fn known_at(config: &Config, base: &str) -> (Known, ManualClock) {
    let clock = ManualClock::at(NOW);
    let http = Client::new(Settings::default(), Arc::new(clock.clone())).unwrap();
    let base = Base::parse(base).unwrap();
    let known = Known::new(config, base, Arc::new(http), Arc::new(clock.clone())).unwrap();
    (known, clock)
}

/// What is known before anything was read.
pub(crate) fn known() -> Known {
    known_at(&Config::default(), NOWHERE).0
}

/// Work for a model of the page.
pub(crate) fn work(known: &Known, model: &str) -> Work {
    let kind = known.facts(model).unwrap().kind;
    Work { kind, ..Work::image(model, "a fox in the snow") }
}

pub(crate) fn order<'a>(known: &'a Known, work: &'a Work) -> Result<Order<'a>> {
    Order::read(&known.config, known, &known.facts(&work.model).unwrap(), work)
}

/// Never has a turn.
#[derive(Debug)]
pub(crate) struct Busy;

#[async_trait::async_trait]
impl Pace for Busy {
    async fn turn(&self) -> Result<Turn> {
        std::future::pending().await
    }
}
