//! Which field of `/generate` an input goes into: all of them are addresses that the vendor fetches.

use provider::{Error, Input, Role, Unsupported};
use serde::Serialize;

use crate::facts::Takes;

/// The addresses of an order, by field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct References<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ending_frame_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) reference_images: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) reference_videos: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reference_audio: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) video_url: Option<&'a str>,
}

/// Stands in an estimate where the order has an address: prices depend on whether a picture is there,
/// and a link of ours, which opens the caller's picture, is nobody's business before the order.
const SOMEWHERE: &str = "https://example.com/reference";

impl<'a> References<'a> {
    /// Sorts the inputs into fields, in their order.
    ///
    /// # Errors
    /// Where the model does not look at a field, or has not so many places in it.
    pub(crate) fn of(inputs: &'a [Input], takes: Takes) -> Result<Self, Error> {
        let mut references = Self::default();
        for input in inputs {
            let url = input.url.as_deref().ok_or_else(|| {
                refused("the vendor must fetch this input, and cannot reach us".to_owned())
            })?;
            references.put(input, url, takes)?;
        }
        references.is_enough(takes)?;
        Ok(references)
    }

    fn put(&mut self, input: &Input, url: &'a str, takes: Takes) -> Result<(), Error> {
        let is = |prefix: &str| input.media_type.starts_with(prefix);
        let one = usize::from;
        match input.role {
            Role::Source | Role::FirstFrame if is("image/") => {
                set(&mut self.image_url, url, "image_url", takes.picture)
            }
            Role::LastFrame if is("image/") => {
                set(&mut self.ending_frame_url, url, "ending_frame_url", takes.end_frame)
            }
            Role::Video if is("video/") => set(&mut self.video_url, url, "video_url", takes.clip),
            Role::Audio if is("audio/") => {
                set(&mut self.reference_audio, url, "reference_audio", takes.sound)
            }
            Role::Reference if is("audio/") => {
                set(&mut self.reference_audio, url, "reference_audio", takes.sound)
            }
            Role::Reference if is("image/") => {
                add(&mut self.reference_images, url, "reference_images", one(takes.images))
            }
            Role::Reference if is("video/") => {
                add(&mut self.reference_videos, url, "reference_videos", one(takes.videos))
            }
            role => {
                let media_type = &input.media_type;
                Err(refused(format!("the vendor takes no {media_type} in the role {role:?}")))
            }
        }
    }

    fn is_enough(&self, takes: Takes) -> Result<(), Error> {
        let missing = [
            ("a picture to start from", takes.needs_picture && self.image_url.is_none()),
            ("a clip to work on", takes.needs_clip && self.video_url.is_none()),
            ("a reference picture", self.reference_images.len() < usize::from(takes.needs_images)),
        ];
        let first = missing.into_iter().find(|(_, missing)| *missing);
        first.map_or(Ok(()), |(what, _)| Err(refused(format!("the model needs {what}"))))
    }

    /// The same with a place holder for every address.
    pub(crate) fn anonymous(&self) -> References<'static> {
        let one = |url: Option<&str>| url.map(|_| SOMEWHERE);
        References {
            image_url: one(self.image_url),
            ending_frame_url: one(self.ending_frame_url),
            reference_images: vec![SOMEWHERE; self.reference_images.len()],
            reference_videos: vec![SOMEWHERE; self.reference_videos.len()],
            reference_audio: one(self.reference_audio),
            video_url: one(self.video_url),
        }
    }

    /// How many addresses there are of each field, for a name of the order.
    pub(crate) fn counts(&self) -> [u8; 6] {
        let many = |urls: &[&str]| u8::try_from(urls.len()).unwrap_or(u8::MAX);
        [
            u8::from(self.image_url.is_some()),
            u8::from(self.ending_frame_url.is_some()),
            many(&self.reference_images),
            many(&self.reference_videos),
            u8::from(self.reference_audio.is_some()),
            u8::from(self.video_url.is_some()),
        ]
    }
}

fn set<'a>(
    field: &mut Option<&'a str>,
    url: &'a str,
    name: &str,
    takes: bool,
) -> Result<(), Error> {
    if !takes {
        return Err(refused(format!("the model does not look at {name}")));
    }
    match field.replace(url) {
        None => Ok(()),
        Some(_) => Err(refused(format!("the vendor has one place for {name}"))),
    }
}

fn add<'a>(fields: &mut Vec<&'a str>, url: &'a str, name: &str, most: usize) -> Result<(), Error> {
    if fields.len() >= most {
        return Err(refused(format!("the model takes at most {most} {name}")));
    }
    fields.push(url);
    Ok(())
}

fn refused(reason: String) -> Error {
    Error::unsupported(vec![Unsupported { param: "inputs".to_owned(), reason }])
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const ALL: Takes = Takes {
        picture: true,
        needs_picture: false,
        end_frame: true,
        images: 2,
        needs_images: 0,
        videos: 1,
        sound: true,
        clip: true,
        needs_clip: false,
    };

    fn input(role: Role, media_type: &str, url: &str) -> Input {
        let (media_type, url) = (media_type.to_owned(), Some(url.to_owned()));
        Input { role, media_type, bytes: Bytes::new(), url }
    }

    #[test]
    fn every_role_has_its_field() {
        let inputs = [
            input(Role::FirstFrame, "image/png", "1"),
            input(Role::LastFrame, "image/webp", "2"),
            input(Role::Reference, "image/png", "3"),
            input(Role::Reference, "video/mp4", "4"),
            input(Role::Reference, "image/jpeg", "5"),
            input(Role::Reference, "audio/mpeg", "6"),
            input(Role::Video, "video/mp4", "7"),
        ];
        let references = References::of(&inputs, ALL).unwrap();
        assert_eq!(
            serde_json::to_value(&references).unwrap(),
            serde_json::json!({"image_url": "1", "ending_frame_url": "2",
                "reference_images": ["3", "5"], "reference_videos": ["4"],
                "reference_audio": "6", "video_url": "7"})
        );
        assert_eq!(references.counts(), [1, 1, 2, 1, 1, 1]);
        let hidden = serde_json::to_string(&references.anonymous()).unwrap();
        assert!(!hidden.contains("\"5\"") && hidden.matches(SOMEWHERE).count() == 7, "{hidden}");
    }

    #[test]
    fn what_has_no_place_is_refused() {
        let picture = |role| input(role, "image/png", "1");
        let nothing = Takes::default();
        let two = Takes { needs_picture: true, ..ALL };
        for (inputs, takes) in [
            (vec![picture(Role::Source)], nothing),
            (vec![picture(Role::Source), picture(Role::FirstFrame)], ALL),
            (vec![picture(Role::Reference); 3], ALL),
            (vec![picture(Role::Mask)], ALL),
            (vec![picture(Role::Video)], ALL),
            (vec![Input { url: None, ..picture(Role::Source) }], ALL),
            (vec![], two),
            (vec![], Takes { needs_clip: true, ..ALL }),
            (vec![], Takes { needs_images: 1, ..ALL }),
        ] {
            let error = References::of(&inputs, takes).unwrap_err();
            assert_eq!(error.reasons()[0].param, "inputs", "{error}");
        }
        assert!(References::of(&[picture(Role::Source)], two).is_ok());
    }
}
