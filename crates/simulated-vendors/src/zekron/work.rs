//! The work itself: reserve the price, take the time, draw, charge.
//!
//! It runs as a task of its own, because a customer who hangs up does not stop it: like the real vendor's, the work
//! goes on, is charged, and can be found in the history.

use std::{sync::Arc, time::Duration};

use super::{
    Zekron,
    order::{Order, not_base64},
    refusal::{Dialect, Refusal},
    settings::Settings,
};
use crate::{
    books::{Charge, Reservation, Work},
    keys::KeyId,
    limits::Slot,
    pictures::{Brief, Picture, PictureError, Recipe, noise::mix},
};

const VENDOR: &str = "Zekron";

/// Who pays, and the slot that the work holds until it is done.
#[derive(Debug)]
pub(crate) struct Customer {
    pub(crate) key: KeyId,
    pub(crate) slot: Arc<Slot>,
}

impl Zekron {
    /// Does what was ordered and charges it; answers when it is done.
    pub(crate) async fn make(
        self: &Arc<Self>,
        order: Order,
        dialect: Dialect,
        settings: Arc<Settings>,
        customer: Customer,
    ) -> Result<(Arc<Charge>, Picture), Refusal> {
        let house = Arc::clone(self);
        let work = self.tasks.spawn(async move {
            let done = house.work(order, dialect, &settings, &customer.key).await;
            drop(customer.slot);
            done
        });
        // Nothing comes back when the house is closed under the work, or the work itself broke.
        work.await.ok().flatten().unwrap_or_else(|| Err(Refusal::failed()))
    }

    async fn work(
        &self,
        order: Order,
        dialect: Dialect,
        settings: &Settings,
        key: &KeyId,
    ) -> Result<(Arc<Charge>, Picture), Refusal> {
        let kind = order.kind();
        let sources = self.studio.take_in(order.sources.clone()).await.map_err(refused_source)?;
        let reservation = self.reserve(&order, dialect, settings, key)?;
        let random = mix(settings.seed ^ mix(reservation.ticket));
        tokio::time::sleep(Duration::from_millis(settings.latency_ms.of(random))).await;
        let token = self.token(settings.seed, reservation.ticket);
        let recipe = Recipe {
            seed: random,
            width: order.width,
            height: order.height,
            format: settings.image_format,
            sources,
            padded_to: settings.picture_bytes,
        };
        let brief = brief(&recipe, &token, &order.prompt, &order.model);
        let picture = self.studio.draw(brief).await.map_err(|error| failed(&error))?;
        let work = Work {
            token,
            dialect: dialect.name(),
            kind,
            model: order.model,
            size: order.size,
            prompt: order.prompt,
            negative_prompt: order.negative_prompt,
            created_at_ms: self.stage.clock.now_ms(),
            picture: recipe,
        };
        let charge = reservation.charge(work).map_err(|error| {
            tracing::warn!(%error, "the books could not be written");
            Refusal::failed()
        })?;
        Ok((charge, picture))
    }

    /// The picture of a charge, drawn again.
    pub(crate) async fn drawn(&self, charge: Arc<Charge>) -> Result<Picture, Refusal> {
        let brief = brief(&charge.picture, &charge.token, &charge.prompt, &charge.model);
        self.studio.draw(brief).await.map_err(|error| failed(&error))
    }

    fn reserve(
        &self,
        order: &Order,
        dialect: Dialect,
        settings: &Settings,
        key: &KeyId,
    ) -> Result<Reservation, Refusal> {
        let prices = match dialect {
            Dialect::V1 => &settings.prices.v1,
            Dialect::Preview => &settings.prices.preview,
        };
        let range = prices.get(&order.model).ok_or_else(Refusal::failed)?;
        let chars = order.prompt.chars().count();
        let random = mix(settings.seed.wrapping_add(self.books.tickets()));
        let price = range.price(chars, settings.price_noise_micros, random);
        self.books
            .reserve(key, settings.starting_balance_micros, price)
            .map_err(|_| Refusal::unpaid())
    }

    /// A secure token: no two pieces of work share one, across restarts and resets.
    fn token(&self, seed: u64, ticket: u64) -> String {
        let now_ms = self.stage.clock.now_ms();
        let hash = blake3::hash(format!("{seed}/{ticket}/{now_ms}/{}", self.own_url).as_bytes());
        hash.to_hex().get(..48).unwrap_or_default().to_owned()
    }
}

fn brief(recipe: &Recipe, token: &str, prompt: &str, model: &str) -> Brief {
    // The preview's longer name is an address more than a name.
    let model = model.split(':').next().unwrap_or(model);
    Brief {
        recipe: recipe.clone(),
        token: token.to_owned(),
        prompt: prompt.to_owned(),
        signature: format!("{VENDOR} · {model}"),
    }
}

fn refused_source(error: PictureError) -> Refusal {
    match error {
        PictureError::Undecodable => not_base64("Image data could not be decoded"),
        PictureError::Broken(_) => failed(&error),
    }
}

fn failed(error: &PictureError) -> Refusal {
    tracing::warn!(%error, "a picture was not drawn");
    Refusal::failed()
}
