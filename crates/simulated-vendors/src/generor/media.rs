//! Where creations lie on the site, and what is delivered there: bytes made again from their recipe whenever they are
//! asked for. No key is asked for: an address is open to whoever has it, as on a host of static files.

use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;

use super::{
    Generor,
    catalogue::MediaType,
    drawing,
    generation::{Creation, Fate, Generation},
    service::no_such_file,
    settings::Settings,
    sound,
};
use crate::{
    answer::Answer,
    clips::{FRAME_RATE, Script},
    faults::{Fault, FaultKind, PathClass},
    pictures::{Brief, Format, Picture, PictureError, Recipe},
    server::Received,
};

const SIGNATURE: &str = "Generor · simulated";

/// The field in which `generate` tells an address. The page shows `image_url` alone.
pub(crate) fn url_field(media: MediaType) -> &'static str {
    match media {
        MediaType::Video => "video_url",
        MediaType::Speech | MediaType::Music | MediaType::Soundeffect => "audio_url",
        MediaType::Vector => "vector_url",
        MediaType::Text | MediaType::Image | MediaType::Upscale | MediaType::Backgroundremoval => {
            "image_url"
        }
    }
}

/// Where a creation lies on the site, its pictures in that format; words lie nowhere.
pub(crate) fn path(
    generation: &Generation,
    id: u64,
    format: Format,
    settings: &Settings,
) -> Option<String> {
    let (folder, extension) = match generation.order.media {
        MediaType::Text => return None,
        MediaType::Image if settings.picture_bytes.is_some() => ("img", "png"),
        MediaType::Image | MediaType::Upscale => ("img", format.extension()),
        MediaType::Backgroundremoval => ("img", "png"),
        MediaType::Vector => ("svg", "svg"),
        MediaType::Video => ("video", "mp4"),
        MediaType::Speech | MediaType::Music | MediaType::Soundeffect => ("audio", "wav"),
    };
    let (user, slug) = (generation.user_id, &generation.order.generator);
    Some(format!("/users/{user}/{folder}/{slug}-{id}.{extension}"))
}

/// How long a sound is.
pub(crate) fn seconds(generation: &Generation) -> Option<u32> {
    let order = &generation.order;
    let spoken = || u32::try_from(order.prompt.chars().count() / 15).unwrap_or(60).clamp(1, 60);
    match order.media {
        MediaType::Video => order.seconds,
        MediaType::Speech => Some(spoken()),
        MediaType::Music => Some(8),
        MediaType::Soundeffect => Some(3),
        _ => None,
    }
}

/// What lies at an address.
struct Lying {
    generation: Arc<Generation>,
    creation: Creation,
    format: Format,
}

impl Generor {
    /// Anything that is not under the API's base.
    pub(crate) async fn deliver(self: &Arc<Self>, request: &Received) -> (Answer, Option<Fault>) {
        let settings = self.settings();
        let is_read = request.method.as_str() == "GET";
        let Some(lying) = self.lying(&request.path, &settings).filter(|_| is_read) else {
            return (no_such_file(), None);
        };
        let fault = self.stage.faults.draw(PathClass::Results, &settings.faults, settings.seed);
        let oddity = fault.as_ref().map(|fault| fault.kind);
        let mut answer = match (self.drawn(&lying, &settings).await, oddity) {
            (Err(error), _) => {
                tracing::warn!(%error, "a creation was not made");
                failed()
            }
            (_, Some(FaultKind::Status500)) => failed(),
            (Ok((mime, _)), Some(FaultKind::BadPicture)) => {
                Answer::new(StatusCode::OK, mime, Picture::ruined().frames())
            }
            (Ok((_, frames)), Some(FaultKind::WrongMime)) => {
                Answer::new(StatusCode::OK, "application/x-generor", frames)
            }
            (Ok((mime, frames)), _) => Answer::new(StatusCode::OK, mime, frames),
        };
        if let Some(fault) = &fault {
            answer = fault.spoil(answer).await;
        }
        (answer, fault)
    }

    /// Pictures lie there in every format; the page's own examples show two addresses of one.
    fn lying(&self, asked: &str, settings: &Settings) -> Option<Lying> {
        let (stem, _) = asked.rsplit_once('.')?;
        let id = stem.rsplit_once('-')?.1.parse().ok()?;
        let books = self.books.lock();
        let creation = books.creations.get(&id).filter(|creation| !creation.deleted)?;
        let record = books.generations.get(&creation.generation)?;
        if !matches!(record.fate, Fate::Completed { .. }) {
            return None;
        }
        let formats = [Format::Webp, Format::Png, Format::Jpeg];
        let here = |format: &Format| {
            path(&record.generation, id, *format, settings).as_deref() == Some(asked)
        };
        let format = formats.into_iter().find(here)?;
        let (generation, creation) = (Arc::clone(&record.generation), creation.clone());
        drop(books);
        Some(Lying { generation, creation, format })
    }

    async fn drawn(
        &self,
        lying: &Lying,
        settings: &Settings,
    ) -> Result<(&'static str, Vec<Bytes>), PictureError> {
        let generation = &lying.generation;
        let (order, seed) = (&generation.order, lying.creation.seed(generation));
        let size = order.size.unwrap_or((1024, 1024));
        let prompt = order.prompt.clone();
        let source = generation.sources.first().map(|source| source.hash.clone());
        match order.media {
            MediaType::Text => Err(PictureError::Undecodable),
            MediaType::Image => {
                let brief = brief(lying, settings);
                let picture = self.studio.draw(brief).await?;
                Ok((picture.mime(), picture.frames()))
            }
            MediaType::Video => {
                let (width, height) = size;
                let frames = order.seconds.unwrap_or(1).saturating_mul(FRAME_RATE) + 1;
                let signature = SIGNATURE.to_owned();
                let script = Script { seed, prompt, signature, width, height, frames };
                Ok(("video/mp4", vec![self.studio.film(script).await?]))
            }
            MediaType::Speech | MediaType::Music | MediaType::Soundeffect => {
                let seconds = seconds(generation).unwrap_or(1);
                let wav = self.studio.at_an_easel(move |_| Ok(sound::wav(seed, seconds))).await?;
                Ok(("audio/wav", vec![wav]))
            }
            MediaType::Vector => Ok(("image/svg+xml", vec![drawing::vector(seed, &prompt, size)])),
            MediaType::Upscale | MediaType::Backgroundremoval => {
                let source = self.studio.kept(source.unwrap_or_default()).await?;
                let (media, format) = (order.media, lying.format);
                let made = self.studio.at_an_easel(move |_| match media {
                    MediaType::Upscale => drawing::resized(&source, size, format),
                    _ => drawing::cut_out(&source, size),
                });
                let is_upscaled = media == MediaType::Upscale;
                let mime = if is_upscaled { format.mime() } else { Format::Png.mime() };
                Ok((mime, vec![made.await?]))
            }
        }
    }
}

fn brief(lying: &Lying, settings: &Settings) -> Brief {
    let (generation, creation) = (&lying.generation, &lying.creation);
    let (width, height) = generation.order.size.unwrap_or((1024, 1024));
    let recipe = Recipe {
        seed: creation.seed(generation),
        width,
        height,
        format: lying.format,
        sources: generation.sources.iter().map(|source| source.hash.clone()).collect(),
        padded_to: settings.picture_bytes,
    };
    let (token, prompt) = (creation.id.to_string(), generation.order.prompt.clone());
    Brief { recipe, token, prompt, signature: SIGNATURE.to_owned() }
}

fn failed() -> Answer {
    Answer::new(StatusCode::INTERNAL_SERVER_ERROR, "text/html", vec!["<h1>500</h1>".into()])
}
