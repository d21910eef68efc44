//! What the catalogue says of one model, beyond what every vendor's models have.

use provider::{AspectRatio, Kind};
use serde::{Deserialize, Serialize};

use crate::credits::Credits;

/// The vendor's types of models; a model that looks at pictures is of type `text`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Media {
    Text,
    Image,
    Video,
    Speech,
    Music,
    SoundEffect,
    Upscale,
    Vector,
    BackgroundRemoval,
}

impl Media {
    /// Every type, in the page's order.
    pub(crate) const ALL: [Self; 9] = [
        Self::Text,
        Self::Image,
        Self::Video,
        Self::Speech,
        Self::Music,
        Self::SoundEffect,
        Self::Upscale,
        Self::Vector,
        Self::BackgroundRemoval,
    ];

    /// The page's name, as in `GET /models/{type}`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Video => "video",
            Self::Speech => "speech",
            Self::Music => "music",
            Self::SoundEffect => "soundeffect",
            Self::Upscale => "upscale",
            Self::Vector => "vector",
            Self::BackgroundRemoval => "backgroundremoval",
        }
    }

    /// The type of that name, whatever its case and whatever stands between its words.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let letters = name.chars().filter(char::is_ascii_alphabetic);
        let plain: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
        Self::ALL.into_iter().find(|media| media.name() == plain)
    }

    /// The type of an id, where the page gives its range.
    pub(crate) const fn of_id(id: u32) -> Option<Self> {
        match id {
            1..=9_999 => Some(Self::Text),
            10_001..=19_999 => Some(Self::Image),
            20_001..=29_999 => Some(Self::Video),
            30_001..=39_999 => Some(Self::Speech),
            40_001..=49_999 => Some(Self::Music),
            50_001..=59_999 => Some(Self::SoundEffect),
            _ => None,
        }
    }

    /// What such a model makes, if it does not look at pictures.
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Text => Kind::Text,
            Self::Image => Kind::Image,
            Self::Video => Kind::Video,
            Self::Speech => Kind::Speech,
            Self::Music => Kind::Music,
            Self::SoundEffect => Kind::SoundEffect,
            Self::Upscale => Kind::Upscale,
            Self::Vector => Kind::Vector,
            Self::BackgroundRemoval => Kind::BackgroundRemoval,
        }
    }

    /// Whether the page gives no range of ids for it.
    pub(crate) const fn has_no_range(self) -> bool {
        matches!(self, Self::Upscale | Self::Vector | Self::BackgroundRemoval)
    }
}

/// A proportion that a model makes. Ids mean other ones for pictures than for clips.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ratio {
    /// By the vendor's number.
    pub(crate) id: u32,
    /// As it is sent: `16:9`, or `match_input_image`.
    pub(crate) ratio: String,
    /// For people: `Wide`.
    pub(crate) label: String,
    /// As numbers, where it is some.
    pub(crate) exact: Option<AspectRatio>,
}

impl Ratio {
    pub(crate) fn new(id: u32, ratio: &str, label: &str) -> Self {
        let exact = ratio.parse().ok();
        Self { id, ratio: ratio.to_owned(), label: label.to_owned(), exact }
    }

    /// Whether a caller's id, ratio or name means this one.
    pub(crate) fn is(&self, said: &str) -> bool {
        self.ratio == said || self.label.eq_ignore_ascii_case(said) || self.id.to_string() == said
    }
}

/// What a model takes besides its prompt, by the fields of `/generate`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Takes {
    /// `image_url`.
    pub(crate) picture: bool,
    /// `image_url` must be there.
    pub(crate) needs_picture: bool,
    /// `ending_frame_url`.
    pub(crate) end_frame: bool,
    /// How many `reference_images`.
    pub(crate) images: u8,
    /// How many `reference_images` there must be.
    pub(crate) needs_images: u8,
    /// How many `reference_videos`.
    pub(crate) videos: u8,
    /// `reference_audio`.
    pub(crate) sound: bool,
    /// `video_url`.
    pub(crate) clip: bool,
    /// `video_url` must be there.
    pub(crate) needs_clip: bool,
}

/// What is known of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The vendor's id.
    pub(crate) id: u32,
    /// The same as text: the name of the [`provider::Model`].
    pub(crate) name: String,
    /// The vendor's type.
    pub(crate) media: Media,
    /// What it makes: its type's kind, or [`Kind::Vision`] where it looks at pictures.
    pub(crate) kind: Kind,
    /// The name for people. It may lie: decide by id.
    pub(crate) title: String,
    /// Who runs it.
    pub(crate) provider: String,
    /// Listed, per item or per second (the page does not say which); none where nothing is listed.
    pub(crate) credit_cost: Option<Credits>,
    /// The proportions it makes, the default first; empty where it does not vary them.
    pub(crate) ratios: Vec<Ratio>,
    /// The lengths it makes, in seconds, rising; empty where none are listed.
    pub(crate) durations: Vec<u32>,
    /// Its length where nobody says, in seconds.
    pub(crate) default_duration: Option<u32>,
    /// Whether `generate_audio` is looked at.
    pub(crate) supports_audio: bool,
    /// What `generate_audio` multiplies the price by.
    pub(crate) audio_multiplier: Credits,
    /// What it takes besides the prompt.
    pub(crate) takes: Takes,
}

impl Facts {
    /// Whether it makes words, of a prompt or of a picture.
    pub(crate) fn is_text(&self) -> bool {
        self.media == Media::Text
    }

    /// Whether a prompt may be left out: what works on a picture alone.
    pub(crate) fn prompt_is_optional(&self) -> bool {
        matches!(self.kind, Kind::Vision | Kind::Upscale | Kind::BackgroundRemoval)
    }

    /// The length of a clip that this many seconds come to: the nearest that it makes, the lower of two
    /// that are equally near.
    pub(crate) fn snapped(&self, seconds: u32) -> u32 {
        let distance = |made: &u32| (made.abs_diff(seconds), *made);
        self.durations.iter().copied().min_by_key(distance).unwrap_or(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_found_by_name_and_by_id() {
        for media in Media::ALL {
            assert_eq!(Media::of(media.name()), Some(media));
            let json = serde_json::to_string(&media).unwrap();
            assert_eq!(json, format!("\"{}\"", media.name()));
        }
        assert_eq!(Media::of("Sound_Effect"), Some(Media::SoundEffect));
        assert_eq!(Media::of("img"), None);
        for (id, media) in [
            (1, Some(Media::Text)),
            (9_999, Some(Media::Text)),
            (10_000, None),
            (10_001, Some(Media::Image)),
            (20_062, Some(Media::Video)),
            (30_001, Some(Media::Speech)),
            (40_001, Some(Media::Music)),
            (59_999, Some(Media::SoundEffect)),
            (60_001, None),
            (0, None),
        ] {
            assert_eq!(Media::of_id(id), media, "{id}");
        }
    }

    #[test]
    fn a_ratio_goes_by_its_number_its_ratio_and_its_name() {
        let wide = Ratio::new(4, "16:9", "Wide");
        assert!(wide.is("4") && wide.is("16:9") && wide.is("wide") && !wide.is("1"));
        assert_eq!(wide.exact, Some(AspectRatio::new(16, 9)));
        assert_eq!(Ratio::new(6, "match_input_image", "Match").exact, None);
    }
}
