//! The work itself: what is made of a job, and the ways in which its bytes reach the customer.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::json;

use super::{
    Zsky,
    account::UsedUp,
    books::{Customer, NotTaken, Terms},
    job::{Ending, Job},
    order::{Kind, Order, has_word},
    refusal::Refusal,
    settings::{Inline, Settings},
};
use crate::{
    answer::Answer,
    clips::Script,
    faults::FaultKind,
    pictures::{Brief, PictureError, Recipe, noise::mix},
};

const SIGNATURE: &str = "ZSky AI · simulated";

/// What a job made.
#[derive(Debug)]
pub(crate) struct Media {
    pub(crate) mime: &'static str,
    pub(crate) frames: Vec<Bytes>,
}

/// What a vendor's broken storage gives for a result.
pub(crate) fn ruined() -> Bytes {
    Bytes::from_static(b"RIFF\x10\x00\x00\x00WEBPthis was a picture once")
}

impl Zsky {
    /// Looks at a prompt, and takes the job in.
    pub(crate) fn take_in(
        &self,
        order: Order,
        customer: &Customer,
        inline: bool,
        oddity: Option<FaultKind>,
        settings: &Settings,
    ) -> Result<Arc<Job>, Refusal> {
        let now_ms = self.stage.clock.now_ms();
        if has_word(&order.prompt, &settings.safety.refused_words) {
            let mut books = self.books.at(now_ms, settings);
            books.refuse(customer, &order, now_ms, settings).map_err(|error| {
                tracing::warn!(%error, "the books could not be written");
                Refusal::failed()
            })?;
            return Err(Refusal::unsafe_prompt());
        }
        let terms = self.terms(&order, inline, oddity, settings);
        let taken =
            self.books.at(now_ms, settings).submit(customer, order, terms, now_ms, settings);
        taken.map_err(|not| not_taken(not, settings))
    }

    fn terms(
        &self,
        order: &Order,
        inline: bool,
        oddity: Option<FaultKind>,
        settings: &Settings,
    ) -> Terms {
        let ticket = self.books.ticket();
        let random = mix(settings.seed ^ mix(ticket));
        let latency = match order.kind {
            Kind::Image => settings.image_latency_ms,
            Kind::Video => settings.video_latency_ms,
        };
        let has = |words| has_word(&order.prompt, words);
        let ending = match oddity {
            Some(FaultKind::JobFailed) => Ending::Failed,
            Some(FaultKind::JobBlocked) => Ending::Blocked,
            _ if has(&settings.safety.failing_words) => Ending::Failed,
            _ if has(&settings.safety.blocked_words) => Ending::Blocked,
            _ => Ending::Completed,
        };
        let takes_ms = i64::try_from(latency.of(random)).unwrap_or(i64::MAX);
        Terms {
            inline,
            ending,
            takes_ms: (oddity != Some(FaultKind::JobStuck)).then_some(takes_ms),
            id: self.secret("job", ticket, 32),
            art_seed: order.seed.map_or(random, i64::cast_unsigned),
            ticket,
        }
    }

    /// Letters that no two tickets share, across restarts and resets.
    pub(crate) fn secret(&self, purpose: &str, ticket: u64, length: usize) -> String {
        let (seed, now_ms) = (self.settings().seed, self.stage.clock.now_ms());
        let text = format!("{purpose}/{seed}/{ticket}/{now_ms}/{}", self.own_url);
        blake3::hash(text.as_bytes()).to_hex().get(..length).unwrap_or_default().to_owned()
    }

    /// The bytes of a completed job, drawn from its recipe whenever they are asked for.
    pub(crate) async fn made(&self, job: &Job, settings: &Settings) -> Result<Media, Refusal> {
        let order = &job.order;
        let made = match order.kind {
            Kind::Image => self
                .studio
                .draw(brief(job, settings))
                .await
                .map(|picture| Media { mime: picture.mime(), frames: picture.frames() }),
            Kind::Video => {
                let script = Script {
                    seed: job.art_seed,
                    prompt: order.prompt.clone(),
                    signature: SIGNATURE.to_owned(),
                    width: order.width,
                    height: order.height,
                    frames: order.length.unwrap_or(1),
                };
                let clip = self.studio.film(script).await;
                clip.map(|clip| Media { mime: "video/mp4", frames: vec![clip] })
            }
        };
        made.map_err(|error: PictureError| {
            tracing::warn!(%error, "a result was not drawn");
            Refusal::failed()
        })
    }

    /// Waits for the job, and gives its bytes with the answer.
    pub(crate) async fn inline(
        &self,
        job: &Arc<Job>,
        oddity: Option<FaultKind>,
        settings: &Settings,
    ) -> Result<Answer, Refusal> {
        let Some(due_at_ms) = job.due_at_ms else { return std::future::pending().await };
        let left = u64::try_from(due_at_ms.saturating_sub(job.submitted_at_ms)).unwrap_or(0);
        // The customer waits in real time, whatever the vendor's clock does meanwhile.
        tokio::time::sleep(Duration::from_millis(left)).await;
        let now_ms = self.stage.clock.now_ms();
        self.books.at(now_ms, settings).end(&job.id, now_ms, settings);
        let reason = job.ending.error(job.order.kind).unwrap_or_default();
        match job.ending {
            Ending::Blocked => return Err(Refusal::stopped(reason)),
            Ending::Failed => return Err(Refusal::failed()),
            Ending::Completed => {}
        }
        let mut media = self.made(job, settings).await?;
        match oddity {
            Some(FaultKind::BadPicture) => media.frames = vec![ruined()],
            Some(FaultKind::WrongMime) => media.mime = "application/x-zsky",
            _ => {}
        }
        Ok(enveloped(media, job, settings.inline))
    }
}

fn enveloped(media: Media, job: &Job, inline: Inline) -> Answer {
    if inline == Inline::Media {
        return Answer::new(StatusCode::OK, media.mime, media.frames);
    }
    let bytes = media.frames.concat();
    let base64 = base64_simd::STANDARD.encode_to_string(&bytes);
    let data = match inline {
        Inline::DataUrl => format!("data:{};base64,{base64}", media.mime),
        Inline::Media | Inline::Json => base64,
    };
    let (status, kind) = (job.ending.status(), job.order.kind.name());
    let body = json!({ "status": status, "kind": kind, "content_type": media.mime, "data": data });
    Answer::json(StatusCode::OK, &body)
}

fn brief(job: &Job, settings: &Settings) -> Brief {
    let recipe = Recipe {
        seed: job.art_seed,
        width: job.order.width,
        height: job.order.height,
        format: settings.image_format,
        sources: Vec::new(),
        padded_to: settings.picture_bytes,
    };
    let (token, prompt) = (job.id.clone(), job.order.prompt.clone());
    Brief { recipe, token, prompt, signature: SIGNATURE.to_owned() }
}

fn not_taken(not: NotTaken, settings: &Settings) -> Refusal {
    let limits = &settings.limits;
    let message = match not {
        NotTaken::Broken => return Refusal::failed(),
        NotTaken::TooManyJobs => {
            format!("Too many concurrent jobs ({} per API key)", limits.concurrent_jobs)
        }
        NotTaken::Day => format!(
            "Daily cap reached ({} videos / {} images per UTC day)",
            limits.videos_per_day, limits.images_per_day
        ),
        NotTaken::UsedUp(UsedUp::Month) => "Monthly allowance reached".to_owned(),
        NotTaken::UsedUp(UsedUp::Budget) => {
            "Monthly allowance and overage budget reached".to_owned()
        }
    };
    let soon = (not == NotTaken::TooManyJobs && settings.retry_after).then_some(1);
    Refusal::too_many(message, soon)
}
