//! Outputs on their way into the assets: looked at, converted where another format was asked for.

use bytes::Bytes;
use provider::{Adjustment, Adjustments, ImageFormat, Kind, SinkError, Timestamp};
use records::OutputRecord;
use serde_json::json;

use crate::{Engine, journey::Journey};

/// An output that is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) stored: Option<assets::Stored>,
    pub(crate) text: Option<String>,
    pub(crate) adjustments: Adjustments,
}

impl Kept {
    pub(crate) fn text(text: String) -> Self {
        Self { stored: None, text: Some(text), adjustments: Adjustments::new() }
    }

    /// As the generation shows it.
    pub(crate) fn record(&self, expires_at: Timestamp) -> OutputRecord {
        let Some(stored) = &self.stored else {
            let bytes = self.text.as_ref().map_or(0, String::len);
            return OutputRecord {
                text: self.text.clone(),
                media_type: "text/plain".to_owned(),
                bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
                ..OutputRecord::default()
            };
        };
        OutputRecord {
            asset: Some(stored.id.clone()),
            text: None,
            media_type: stored.media_type.to_owned(),
            width: stored.width,
            height: stored.height,
            millis: stored.millis,
            bytes: stored.bytes,
            expires_at: Some(expires_at),
            blob: None,
        }
    }
}

impl Engine {
    /// Checks what came and converts it where the caller wants another format.
    ///
    /// # Errors
    /// Why it is no output of its kind: a page of text labelled as a picture, say.
    pub(crate) async fn keep(
        &self,
        journey: &Journey,
        stored: assets::Stored,
    ) -> Result<Kept, String> {
        if !fits(journey.kind, stored.media_type) {
            return Err(format!("{} is no {}", stored.media_type, journey.kind));
        }
        let have = ImageFormat::from_media_type(stored.media_type);
        if have.is_some() && stored.width.is_none() {
            return Err(format!("the header of the {} is damaged", stored.media_type));
        }
        let mut adjustments = size_note(journey, &stored);
        let stored = match (journey.request.format, have) {
            (Some(want), Some(have)) if want != have => {
                match self.convert(journey, &stored, want).await {
                    Ok(converted) => converted,
                    Err(reason) => {
                        // The picture is paid for: in another format it is better than none.
                        tracing::error!(%reason, asset = %stored.id, "a picture was not converted");
                        adjustments.insert(
                            "output_format".to_owned(),
                            Adjustment {
                                requested: json!(want.as_str()),
                                used: json!(have.as_str()),
                                reason: "the picture could not be converted".to_owned(),
                            },
                        );
                        stored
                    }
                }
            }
            _ => stored,
        };
        Ok(Kept { stored: Some(stored), text: None, adjustments })
    }

    async fn convert(
        &self,
        journey: &Journey,
        stored: &assets::Stored,
        want: ImageFormat,
    ) -> Result<assets::Stored, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let bytes = match &stored.inline {
            Some(bytes) => bytes.clone(),
            None => {
                let most = self.settings().max_asset_bytes;
                journey.store().bytes(&stored.id, most).await.map_err(|e| text(&e))?
            }
        };
        let converted = self.images().convert(bytes, want, None).await.map_err(|e| text(&e))?;
        let kept = self.keep_whole(journey.store(), converted).await.map_err(|e| text(&e))?;
        if let Err(error) = journey.store().delete(&stored.id).await {
            // The sweep finds it: nobody has recorded it.
            tracing::warn!(%error, asset = %stored.id, "the original was not deleted");
        }
        Ok(kept)
    }

    /// Keeps bytes that are whole in memory.
    pub(crate) async fn keep_whole(
        &self,
        store: &assets::Store,
        bytes: Bytes,
    ) -> Result<assets::Stored, SinkError> {
        let id = self.ids().next("ast_");
        let most = self.settings().max_asset_bytes;
        let mut writer = store.writer(&id, most).map_err(SinkError::from)?;
        writer.push(bytes).await?;
        writer.keep().await
    }
}

/// A picture that came in another size than asked for is kept, and said.
fn size_note(journey: &Journey, stored: &assets::Stored) -> Adjustments {
    let mut notes = Adjustments::new();
    if let (Some(asked), Some(width), Some(height)) =
        (journey.request.size, stored.width, stored.height)
        && (asked.width, asked.height) != (width, height)
    {
        let used = json!(format!("{width}x{height}"));
        let reason = "the provider made another size".to_owned();
        notes.insert(
            "size".to_owned(),
            Adjustment { requested: json!(asked.to_string()), used, reason },
        );
    }
    notes
}

fn fits(kind: Kind, media_type: &str) -> bool {
    let begins = |prefix: &str| media_type.starts_with(prefix);
    match kind {
        Kind::Image | Kind::Upscale | Kind::BackgroundRemoval | Kind::Vector => begins("image/"),
        Kind::Video => begins("video/"),
        Kind::Speech | Kind::Music | Kind::SoundEffect => begins("audio/"),
        Kind::Text | Kind::Vision => true,
    }
}
