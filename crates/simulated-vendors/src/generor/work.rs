//! The work itself: the catalogue told, a call estimated, and a call done: references fetched, the estimate set aside, the
//! time taken, the charge made.
//!
//! A generation runs as a task of its own, because a customer who hangs up does not stop it: it goes on, is charged, and
//! is found in the creations and the transactions.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{
    Generor,
    catalogue::{MATCH_INPUT, MediaType, Model},
    entries::KeyRow,
    generation::{Charge, Generation, decimal},
    generators::{self, Generator},
    ledger::{Beginning, NotBegun},
    media,
    order::{Order, Purpose, has_word},
    quote::{self, Quote},
    references::{self, Source},
    refusal::Refusal,
    reply::{Reply, parameter},
    service::Visit,
    settings::Settings,
    words,
};
use crate::{faults::FaultKind, pictures::noise::mix};

/// Sets the chance of a charge apart from those of a picture and of its latency.
const CHANCE_OF_CHARGE: u64 = 0x6368_6172_6765;

/// A piece of work that was let in.
#[derive(Debug)]
struct Job {
    order: Order,
    generator: &'static Generator,
    model: Model,
    sources: Vec<Source>,
    customer: KeyRow,
    settings: Arc<Settings>,
    oddity: Option<FaultKind>,
}

/// A piece of work that was done.
#[derive(Debug)]
struct Done {
    generation: Arc<Generation>,
    charge: Charge,
    cost: u64,
    remaining: u64,
    took_ms: u64,
}

impl Generor {
    pub(crate) fn generators(&self, visit: &Visit<'_>) -> Reply {
        let status = parameter(&visit.request.query, "status");
        let status = status.unwrap_or_else(|| "active".to_owned());
        let rows: Vec<_> = generators::generators(&status).collect();
        // The page promises an array of all of them, and names no pages here.
        let all = rows.iter().map(|generator| generator.row()).collect();
        Reply::all(all)
    }

    pub(crate) fn generator(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        Reply::ok(asked(visit)?.shown(&visit.settings))
    }

    pub(crate) fn models(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let of = |media: MediaType| (media.name().to_owned(), json!(listed(media, visit)));
        let grouped: Map<_, _> = MediaType::ALL.into_iter().map(of).collect();
        Reply::ok(Value::Object(grouped))
    }

    pub(crate) fn models_of(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let media = MediaType::of(visit.hole(0));
        let media = media.ok_or_else(|| Refusal::invalid("Invalid model type"))?;
        Reply::ok(json!(listed(media, visit)))
    }

    pub(crate) fn model(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let media = MediaType::of(visit.hole(0));
        let media = media.ok_or_else(|| Refusal::invalid("Invalid model type"))?;
        let models = &visit.settings.models;
        let id = u32::try_from(visit.id(1)).unwrap_or(0);
        let model = models.get(&id).filter(|model| model.media == media);
        let model = model.ok_or_else(|| Refusal::not_found("Model"))?;
        Reply::ok(model.shown(id, models))
    }

    pub(crate) fn estimate(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let (generator, settings) = (asked(visit)?, &visit.settings);
        let order = Order::read(visit.body()?, generator, settings, Purpose::Estimate)?;
        let model = model_of(&order, settings)?;
        let samples = self.books.lock().samples(&order.generator, order.model_id);
        let mut data = described(&order, model);
        let cost = Quote::of(&order, model, generator, settings).shown();
        data.insert("credit_cost".to_owned(), cost);
        data.insert("time_estimate".to_owned(), quote::time(&order, model, &samples));
        data.insert("applied_parameters".to_owned(), json!(order.parameters));
        quote::adjust(&mut data, &order, model);
        Reply::ok(Value::Object(data))
    }

    /// Does what was ordered and charges it; answers when it is done.
    pub(crate) async fn generate(self: &Arc<Self>, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let (generator, settings) = (asked(visit)?, Arc::clone(&visit.settings));
        let customer = visit.owner()?.clone();
        let mut order = Order::read(visit.body()?, generator, &settings, Purpose::Generate)?;
        self.check_team(&order, &customer)?;
        if has_word(&order.prompt, &settings.refused_words) {
            return Err(Refusal::unsafe_prompt());
        }
        let model = model_of(&order, &settings)?.clone();
        let sources = references::fetch(&order, &settings, &self.studio, &self.tasks).await?;
        measure(&mut order, &sources);
        let shown = (order.clone(), model.clone());
        let oddity = visit.oddity;
        let job = Job { order, generator, model, sources, customer, settings, oddity };
        let house = Arc::clone(self);
        let work = self.tasks.spawn(async move { house.work(job).await });
        // Nothing comes back when the house is closed under the work, or the work itself broke.
        let done = work.await.ok().flatten().unwrap_or_else(|| Err(Refusal::failed()))?;
        let mut data = described(&shown.0, &shown.1);
        data.insert("creations".to_owned(), self.made(&done.generation, &visit.settings));
        data.insert("credit_cost".to_owned(), json!(done.cost));
        data.insert("credit_cost_estimated".to_owned(), json!(done.charge.credits_estimated));
        data.insert("credits_remaining".to_owned(), json!(done.remaining));
        data.insert("time_taken_seconds".to_owned(), decimal(done.took_ms / 10));
        quote::adjust(&mut data, &shown.0, &shown.1);
        Reply::created(Value::Object(data))
    }

    fn check_team(&self, order: &Order, customer: &KeyRow) -> Result<(), Refusal> {
        let Some(id) = order.team_id else { return Ok(()) };
        let books = self.books.lock();
        let team = books.community.teams.get(&id).ok_or_else(|| Refusal::not_found("Team"))?;
        if team.has(customer.user_id) {
            return Ok(());
        }
        Err(Refusal::forbidden("You are not a member of this team"))
    }

    async fn work(&self, job: Job) -> Result<Done, Refusal> {
        let Job { order, settings, customer, .. } = &job;
        let estimated = Quote::of(order, &job.model, job.generator, settings).total;
        let credits = quote::charged(order, &job.model, job.generator, settings);
        let fails = matches!(job.oddity, Some(FaultKind::JobFailed | FaultKind::JobBlocked))
            || has_word(&order.prompt, &settings.failing_words);
        let beginning = Beginning {
            user_id: customer.user_id,
            key: customer.fingerprint.clone(),
            order: order.clone(),
            sources: job.sources.clone(),
            estimated,
            seed: settings.seed,
            now_ms: self.stage.clock.now_ms(),
        };
        let (generation, before) = {
            let mut books = self.books.lock();
            let before = books.credits(customer.user_id);
            (books.begin(beginning).map_err(not_begun)?, before)
        };
        // Another number than the one that the pictures are drawn from.
        let chance = mix(generation.art_seed ^ CHANCE_OF_CHARGE);
        let credits = quote::off_by_chance(credits, settings.charge_noise_percent, chance);
        let started = Instant::now();
        if job.oddity == Some(FaultKind::JobStuck) {
            return std::future::pending().await;
        }
        let wait_ms = settings.latency_ms.of(order.media).of(mix(generation.art_seed));
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let now_ms = self.stage.clock.now_ms();
        let mut books = self.books.lock();
        let charge = books
            .end(&generation, (!fails).then_some(credits), took_ms, now_ms)
            .map_err(|error| Refusal::broken(&error))?;
        let remaining = books.credits(customer.user_id);
        drop(books);
        let charge = charge.ok_or_else(|| match job.oddity {
            Some(FaultKind::JobBlocked) => Refusal::unsafe_prompt(),
            _ => Refusal::failed(),
        })?;
        let by_balance = before.saturating_sub(remaining);
        let cost = if settings.cost_by_balance { by_balance } else { charge.credits };
        Ok(Done { generation, charge, cost, remaining, took_ms })
    }

    /// The creations as `generate` shows them.
    fn made(&self, generation: &Generation, settings: &Settings) -> Value {
        let base = settings.public_url.as_deref().unwrap_or(&self.own_url);
        let shown = generation.creations.iter().zip(0_u64..).map(|(id, index)| {
            let mut creation = match generation.order.media {
                MediaType::Text => words::written(generation, mix(generation.art_seed ^ index)),
                _ => Map::new(),
            };
            creation.insert("creation_id".to_owned(), json!(id));
            if let Some(path) = media::path(generation, *id, settings.image_format, settings) {
                let field = media::url_field(generation.order.media);
                creation.insert(field.to_owned(), json!(format!("{base}{path}")));
            }
            Value::Object(creation)
        });
        shown.collect()
    }
}

fn asked(visit: &Visit<'_>) -> Result<&'static Generator, Refusal> {
    generators::find(visit.hole(0)).ok_or_else(|| Refusal::not_found("Generator"))
}

fn listed(media: MediaType, visit: &Visit<'_>) -> Vec<Value> {
    let models = &visit.settings.models;
    let of_type = models.iter().filter(|(_, model)| model.media == media);
    of_type.map(|(id, model)| model.shown(*id, models)).collect()
}

fn model_of<'a>(order: &Order, settings: &'a Settings) -> Result<&'a Model, Refusal> {
    settings.models.get(&order.model_id).ok_or_else(Refusal::failed)
}

/// What `estimate` and `generate` begin with.
fn described(order: &Order, model: &Model) -> Map<String, Value> {
    let fields = BTreeMap::from([
        ("generator", json!(order.generator)),
        ("model_id", json!(order.model_id)),
        ("model_type", json!(order.media)),
        ("model_name", json!(model.reported_name())),
    ]);
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What is made from a picture has its size from it.
fn measure(order: &mut Order, sources: &[Source]) {
    let input = sources.iter().find(|source| source.field == "image_url");
    let Some((width, height)) = input.map(|source| source.size) else { return };
    let factor = match order.parameters.get("upscale-factor").map(String::as_str) {
        Some("4") => 4,
        _ => 2,
    };
    let bounded = |side: u32, times: u32, most| side.saturating_mul(times).clamp(16, most);
    match order.media {
        MediaType::Upscale => {
            order.size = Some((bounded(width, factor, 4096), bounded(height, factor, 4096)));
        }
        MediaType::Backgroundremoval => {
            order.size = Some((bounded(width, 1, 4096), bounded(height, 1, 4096)));
        }
        MediaType::Image if order.aspect_ratio.as_deref() == Some(MATCH_INPUT) => {
            order.size = Some((bounded(width, 1, 2048), bounded(height, 1, 2048)));
        }
        _ => {}
    }
}

fn not_begun(not: NotBegun) -> Refusal {
    match not {
        NotBegun::Unpaid => Refusal::unpaid(),
        NotBegun::Broken(error) => Refusal::broken(&error),
    }
}
