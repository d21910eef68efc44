//! Creations: browsed, looked at, changed and deleted.

use serde_json::{Map, Value, json};

use super::{
    Generor,
    catalogue::MediaType,
    entries::{Entry, username},
    generation::{Creation, Fate, Generation, Record, stamp},
    ledger::Ledger,
    media,
    refusal::Refusal,
    reply::{Reply, parameter, unescaped},
    routes::Act,
    service::Visit,
    settings::Settings,
    words,
};
use crate::pictures::noise::mix;

impl Ledger {
    /// A creation that is there for whoever may see it, and the call that made it.
    fn there(&self, id: u64) -> Option<(&Creation, &Record)> {
        let creation = self.creations.get(&id).filter(|creation| !creation.deleted)?;
        let record = self.generations.get(&creation.generation)?;
        matches!(record.fate, Fate::Completed { .. }).then_some((creation, record))
    }

    /// The same for that user: public, or its own.
    pub(crate) fn visible(&self, id: u64, user_id: Option<u64>) -> Option<(&Creation, &Record)> {
        let there = self.there(id);
        there.filter(|(of, _)| of.privacy_mode == 0 || Some(of.user_id) == user_id)
    }

    fn owned(&self, id: u64, user_id: u64) -> Result<&Creation, Refusal> {
        let (creation, _) =
            self.visible(id, Some(user_id)).ok_or_else(|| Refusal::not_found("Creation"))?;
        if creation.user_id == user_id {
            return Ok(creation);
        }
        Err(Refusal::forbidden("You do not own this creation"))
    }
}

impl Generor {
    /// Every list of creations: whose, of what, and with which words.
    pub(crate) fn browse(&self, act: Act, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let query = &visit.request.query;
        let mut generator = parameter(query, "generator");
        if act == Act::GeneratorCreations {
            super::generators::find(visit.hole(0))
                .ok_or_else(|| Refusal::not_found("Generator"))?;
            generator = Some(visit.hole(0).to_owned());
        }
        let words = parameter(query, "q").map(|words| words.to_lowercase()).unwrap_or_default();
        if act == Act::Search && words.trim().is_empty() {
            return Err(Refusal::invalid("q is required"));
        }
        let books = self.books.lock();
        let own = visit.customer().map(|key| key.user_id);
        let whose = match act {
            Act::Creations => Some(vec![visit.owner()?.user_id]),
            Act::Feed => Some(books.community.following(visit.owner()?.user_id)),
            Act::UserCreations => Some(vec![books.user(&unescaped(visit.hole(0)))?.user_id]),
            _ => None,
        };
        let team = match act {
            Act::TeamCreations => Some(books.team_of(visit)?.id),
            _ => None,
        };
        let is_listed = |creation: &&Creation| {
            let Some((_, Record { generation, .. })) = books.there(creation.id) else {
                return false;
            };
            let order = &generation.order;
            let may = match act {
                Act::Creations => own == Some(creation.user_id),
                Act::TeamCreations => order.team_id == team,
                _ => creation.privacy_mode == 0,
            };
            let wanted = generator.as_ref().is_none_or(|slug| *slug == order.generator);
            let found = act != Act::Search || {
                let prompt = order.prompt.to_lowercase();
                words.split_whitespace().all(|word| prompt.contains(word))
            };
            let of_them = whose.as_ref().is_none_or(|users| users.contains(&creation.user_id));
            may && wanted && found && of_them
        };
        let rows: Vec<_> = books.creations.values().filter(is_listed).collect();
        Ok(visit.page().sorted(rows, |creation| {
            let record = books.generations.get(&creation.generation);
            record.map_or(Value::Null, |of| shown(creation, &of.generation, &visit.settings))
        }))
    }

    pub(crate) fn creation(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let books = self.books.lock();
        let user_id = visit.customer().map(|key| key.user_id);
        let seen = books.visible(visit.id(0), user_id);
        let (creation, record) = seen.ok_or_else(|| Refusal::not_found("Creation"))?;
        Reply::ok(shown(creation, &record.generation, &visit.settings))
    }

    /// Of one's own, whatever became of them.
    pub(crate) fn status(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let user_id = visit.owner()?.user_id;
        let books = self.books.lock();
        let creation = books.creations.get(&visit.id(0));
        let own = creation.filter(|of| of.user_id == user_id && !of.deleted);
        let creation = own.ok_or_else(|| Refusal::not_found("Creation"))?;
        let record = books.generations.get(&creation.generation);
        let status = record.map_or("cancelled", Record::status);
        Reply::ok(json!({ "creation_id": creation.id, "status": status }))
    }

    pub(crate) fn change_creation(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let (user_id, fields) = (visit.owner()?.user_id, visit.fields()?);
        let narrow = |number: Option<u32>| number.and_then(|number| u8::try_from(number).ok());
        let privacy_mode = narrow(fields.within("privacy_mode", 0, 1)?);
        let license = narrow(fields.within("license", 1, 2)?);
        if privacy_mode.is_none() && license.is_none() {
            return Err(Refusal::invalid("privacy_mode or license is required"));
        }
        let mut books = self.books.lock();
        let now = books.owned(visit.id(0), user_id)?.clone();
        let entry = Entry::Changed {
            creation: now.id,
            privacy_mode: privacy_mode.unwrap_or(now.privacy_mode),
            license: license.unwrap_or(now.license),
        };
        books.write(entry).map_err(|error| Refusal::broken(&error))?;
        let changed = books.there(now.id).ok_or_else(Refusal::failed)?;
        Reply::ok(shown(changed.0, &changed.1.generation, &visit.settings))
    }

    pub(crate) fn delete_creation(&self, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        let user_id = visit.owner()?.user_id;
        let mut books = self.books.lock();
        let creation = books.owned(visit.id(0), user_id)?.id;
        books.write(Entry::Deleted { creation }).map_err(|error| Refusal::broken(&error))?;
        Reply::done("Creation deleted")
    }
}

/// As the page shows it.
pub(crate) fn shown(creation: &Creation, generation: &Generation, settings: &Settings) -> Value {
    let order = &generation.order;
    let kind = match order.media {
        MediaType::Text => "text",
        MediaType::Image | MediaType::Upscale | MediaType::Backgroundremoval => "img",
        MediaType::Vector => "svg",
        MediaType::Video => "video",
        MediaType::Speech | MediaType::Music | MediaType::Soundeffect => "audio",
    };
    let mut shown = json!({
        "creation_id": creation.id,
        "generator": order.generator,
        "user_id": creation.user_id,
        "username": username(creation.user_id),
        "prompt": order.prompt,
        "created_at": stamp(generation.begun_at_ms),
        "privacy_mode": creation.privacy_mode,
        "type": kind,
        "license": creation.license,
        "images": [],
        "generator_data": data(creation, generation),
    });
    let Some(url) = media::path(generation, creation.id, settings.creation_format, settings) else {
        return shown;
    };
    let list = match kind {
        "video" => "videos",
        "audio" => "audio",
        _ => "images",
    };
    let mut file = Map::new();
    file.insert("url".to_owned(), json!(url));
    if let Some((width, height)) = order.size {
        file.insert("width".to_owned(), json!(width));
        file.insert("height".to_owned(), json!(height));
    }
    if let Some(seconds) = media::seconds(generation) {
        file.insert("seconds".to_owned(), json!(seconds));
    }
    shown[list] = json!([file]);
    shown
}

fn data(creation: &Creation, generation: &Generation) -> Value {
    let order = &generation.order;
    let mut data = match order.media {
        MediaType::Text => {
            let index = u64::try_from(creation.index).unwrap_or(0);
            words::written(generation, mix(generation.art_seed ^ index))
        }
        _ => Map::new(),
    };
    data.insert("model_id".to_owned(), json!(order.model_id));
    data.insert("parameters".to_owned(), json!(order.parameters));
    Value::Object(data)
}
