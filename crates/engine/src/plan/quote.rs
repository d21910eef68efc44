//! What one call would cost at one account, or why it cannot be asked.

use std::{sync::Arc, time::Duration};

use provider::{HoldReason, Input, MicroUsd, Price, Quote, Work};
use routing::Barrier;

use super::work;
use crate::{
    Engine, Request,
    knowledge::{NoTurns, PublicPace},
    market::Listing,
    turns::AccountPace,
    vendor::Account,
};

/// Who asks for what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) kind: provider::Kind,
    pub(super) team: &'a str,
    /// Outputs of one call.
    pub(super) count: u8,
    /// Whether there are so few candidates that each may be asked for its price now.
    pub(super) few: bool,
}

/// What one call at one account would cost, or why it is not to be had.
#[derive(Debug)]
pub(super) struct Offered {
    /// What it costs, its units too, or what stands in the way.
    pub(super) quote: Result<Quote, Barrier>,
    /// The same without its units, if nothing but time stands in the way.
    pub(super) bare: Option<Bare>,
}

/// What one call needs, whoever has units left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bare {
    /// What it costs without its units.
    pub(super) price: Price,
    /// How long it takes.
    pub(super) usual: Duration,
}

impl Bare {
    const fn of(quote: &Quote) -> Self {
        Self { price: quote.price, usual: quote.duration }
    }
}

impl Offered {
    const fn never(barrier: Barrier) -> Self {
        Self { quote: Err(barrier), bare: None }
    }
}

impl Engine {
    pub(super) async fn quote(
        &self,
        request: &Request,
        listing: &Listing,
        account: &Arc<Account>,
        Asking { kind, team, count, few }: Asking<'_>,
    ) -> Offered {
        let wanted = &request.routing.providers;
        if !wanted.is_empty() && !wanted.contains(&listing.vendor.name) {
            let said = "not among the providers asked for".to_owned();
            return Offered::never(Barrier::Lasting(said));
        }
        let work = work(request, kind, listing, count, Vec::new());
        let work = Work { inputs: self.input_shapes(request, listing), ..work };
        if let Err(missing) = listing.model().admit(&work) {
            return Offered::never(Barrier::Lasting(said(&missing)));
        }
        let stopped = self.stopped(account, team).await;
        // Nobody is asked for the price of what is not to be had.
        let quote =
            match (self.price(listing, account, &work, few && stopped.is_none()).await, stopped) {
                (Ok(quote), None) => quote,
                (Ok(quote), Some(stopped)) => {
                    return Offered { quote: Err(stopped), bare: Some(Bare::of(&quote)) };
                }
                (Err(_), Some(stopped)) => return Offered::never(stopped),
                (Err(barrier), None) => return Offered::never(barrier),
            };
        if let Some(barrier) = refused_adjustments(request, &quote) {
            return Offered::never(barrier);
        }
        let bare = Bare::of(&quote);
        let with_units = |units: MicroUsd| {
            let Price { expected, upper } = bare.price;
            let price = Price { expected: expected + units, upper: upper + units };
            Quote { price, ..quote }
        };
        let units = self.units_price(listing, account, kind, &work).await;
        Offered { quote: units.map(with_units), bare: Some(bare) }
    }

    /// Why the account takes no work of this team now, whatever it is.
    async fn stopped(&self, account: &Account, team: &str) -> Option<Barrier> {
        if let Some(hold) = self.health().hold(&account.id, self.clock().now()) {
            let said = format!("the account is on hold ({})", hold.reason.as_str());
            return Some(match hold.reason {
                HoldReason::Allowance => Barrier::UsedUp(said),
                _ => Barrier::Passing(said),
            });
        }
        let rule = account.limits.safety.as_ref()?;
        let stopped = self.guard().look(&account.id, rule, team).await.err()?;
        Some(Barrier::Passing(stopped.to_string()))
    }

    /// The adapter's price, as charges say it will be.
    async fn price(
        &self,
        listing: &Listing,
        account: &Arc<Account>,
        work: &Work,
        few: bool,
    ) -> Result<Quote, Barrier> {
        let pace = AccountPace::new(self, account).await;
        let mut call = pace.call();
        let public = PublicPace::of(self, &listing.vendor, false);
        if let Some(public) = &public {
            call.pace = if few { public } else { &NoTurns };
        }
        let quote = listing.vendor.adapter.quote(call, work).await.map_err(|error| match error
            .reasons()
        {
            [] => Barrier::Lasting(format!("no price is known: {}", error.public())),
            reasons => Barrier::Lasting(said(reasons)),
        })?;
        Ok(self.as_charged(listing, account, work, quote))
    }

    /// What the units of one call cost: nothing within the allowance, overage past it.
    async fn units_price(
        &self,
        listing: &Listing,
        account: &Arc<Account>,
        kind: provider::Kind,
        work: &Work,
    ) -> Result<MicroUsd, Barrier> {
        let Account { id, limits, .. } = &**account;
        if !limits.is_prepaid(kind) {
            return Ok(MicroUsd::ZERO);
        }
        let units = u32::from(work.count);
        let first = self.lots().look(id, limits, kind, units).await;
        // Before anybody is turned away the vendor's own counters are asked, though not every time.
        let look = match first.is_err() && self.health().may_ask(id, self.clock().now()) {
            true => {
                self.look_at(&listing.vendor, account).await;
                self.lots().look(id, limits, kind, units).await
            }
            false => first,
        };
        look.map_err(|gone| Barrier::UsedUp(gone.to_string()))
    }

    /// The inputs as capabilities see them: role, type and a link, no bytes.
    fn input_shapes(&self, request: &Request, listing: &Listing) -> Vec<Input> {
        let inputs = request.inputs.iter().map(|input| Input {
            role: input.role,
            media_type: input.media_type.clone(),
            bytes: bytes::Bytes::new(),
            url: self.input_link(input, &listing.vendor),
        });
        inputs.collect()
    }
}

/// A strict request takes nothing but what it asked for.
fn refused_adjustments(request: &Request, quote: &Quote) -> Option<Barrier> {
    if !request.strict || quote.adjustments.is_empty() {
        return None;
    }
    let change = |(name, change): (&String, &provider::Adjustment)| {
        format!("{name}: {} would be used, and the request is strict", change.used)
    };
    let said: Vec<String> = quote.adjustments.iter().map(change).collect();
    Some(Barrier::Lasting(said.join("; ")))
}

fn said(missing: &[provider::Unsupported]) -> String {
    let each = |one: &provider::Unsupported| format!("{}: {}", one.param, one.reason);
    missing.iter().map(each).collect::<Vec<_>>().join("; ")
}
