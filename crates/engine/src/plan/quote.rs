//! What one call would cost at one account, or why it cannot be asked.

use std::sync::Arc;

use provider::{Input, MicroUsd, Price, Quote, Work};
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

impl Engine {
    pub(super) async fn quote(
        &self,
        request: &Request,
        listing: &Listing,
        account: &Arc<Account>,
        Asking { kind, team, count, few }: Asking<'_>,
    ) -> Result<Quote, Barrier> {
        let wanted = &request.routing.providers;
        if !wanted.is_empty() && !wanted.contains(&listing.vendor.name) {
            return Err(Barrier::Lasting("not among the providers asked for".to_owned()));
        }
        let work = work(request, kind, listing, count, Vec::new());
        let work = Work { inputs: self.input_shapes(request, listing), ..work };
        if let Err(missing) = listing.model().admit(&work) {
            return Err(Barrier::Lasting(said(&missing)));
        }
        if let Some(hold) = self.health().hold(&account.id, self.clock().now()) {
            let reason = hold.reason.as_str();
            return Err(Barrier::Passing(format!("the account is on hold ({reason})")));
        }
        if let Some(rule) = &account.limits.safety
            && let Err(stopped) = self.guard().look(&account.id, rule, team).await
        {
            return Err(Barrier::Passing(stopped.to_string()));
        }
        let units = self.units_price(listing, account, kind, &work).await?;
        let quote = self.price(listing, account, &work, few).await?;
        if let (true, false) = (request.strict, quote.adjustments.is_empty()) {
            let change = |(name, change): (&String, &provider::Adjustment)| {
                format!("{name}: {} would be used, and the request is strict", change.used)
            };
            let said: Vec<String> = quote.adjustments.iter().map(change).collect();
            return Err(Barrier::Lasting(said.join("; ")));
        }
        let Price { expected, upper } = quote.price;
        Ok(Quote { price: Price { expected: expected + units, upper: upper + units }, ..quote })
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
        Ok(self.prices().correct(&listing.name(), quote))
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
        look.map_err(|gone| Barrier::Passing(gone.to_string()))
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

fn said(missing: &[provider::Unsupported]) -> String {
    let each = |one: &provider::Unsupported| format!("{}: {}", one.param, one.reason);
    missing.iter().map(each).collect::<Vec<_>>().join("; ")
}
