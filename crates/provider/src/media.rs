//! Kinds of output, sizes, ratios and formats.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What a generation makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Image,
    Video,
    Text,
    Vision,
    Speech,
    Music,
    SoundEffect,
    Upscale,
    Vector,
    BackgroundRemoval,
}

impl Kind {
    /// Every kind, in the order of the contract.
    pub const ALL: [Self; 10] = [
        Self::Image,
        Self::Video,
        Self::Text,
        Self::Vision,
        Self::Speech,
        Self::Music,
        Self::SoundEffect,
        Self::Upscale,
        Self::Vector,
        Self::BackgroundRemoval,
    ];

    /// The name outside, e.g. `sound_effect`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Text => "text",
            Self::Vision => "vision",
            Self::Speech => "speech",
            Self::Music => "music",
            Self::SoundEffect => "sound_effect",
            Self::Upscale => "upscale",
            Self::Vector => "vector",
            Self::BackgroundRemoval => "background_removal",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// Width and height in pixels, both at least 1. Outside: `1024x768`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl Size {
    /// A size of these pixels.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// The ratio in lowest terms.
    pub const fn ratio(self) -> AspectRatio {
        AspectRatio::new(self.width, self.height)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl FromStr for Size {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (width, height) = pair(text, 'x').ok_or(())?;
        Ok(Self { width, height })
    }
}

/// Two positive numbers of at most five digits around `mark`, and nothing else.
fn pair(text: &str, mark: char) -> Option<(u32, u32)> {
    let (left, right) = text.split_once(mark)?;
    let number = |part: &str| {
        let plain = (1..=5).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<u32>().ok().filter(|n| plain && *n > 0)
    };
    Some((number(left)?, number(right)?))
}

/// Width to height, in lowest terms. Outside: `16:9`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AspectRatio {
    width: u32,
    height: u32,
}

impl AspectRatio {
    /// The ratio of these two, reduced.
    pub const fn new(width: u32, height: u32) -> Self {
        let (mut a, mut b) = (width, height);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let divisor = if a == 0 { 1 } else { a };
        Self { width: width / divisor, height: height / divisor }
    }
}

impl fmt::Display for AspectRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.width, self.height)
    }
}

impl FromStr for AspectRatio {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (width, height) = pair(text, ':').ok_or(())?;
        Ok(Self::new(width, height))
    }
}

/// The formats of pictures that Atelier reads, writes and converts between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ImageFormat {
    Png,
    Jpeg,
    Webp,
}

impl ImageFormat {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Png, Self::Jpeg, Self::Webp];

    /// The name outside, e.g. `jpeg`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
        }
    }

    /// The media type, e.g. `image/jpeg`.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }

    /// The format of a media type, if it is one of ours.
    pub fn from_media_type(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.media_type() == text)
    }
}

impl FromStr for ImageFormat {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|format| format.as_str() == text).ok_or(())
    }
}

macro_rules! as_text {
    ($($type:ty: $what:literal),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(|()| de::Error::custom(concat!("not ", $what)))
            }
        }
    )*};
}
as_text!(Size: "a size such as 1024x1024", AspectRatio: "a ratio such as 16:9");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_strict() {
        assert_eq!("1024x768".parse(), Ok(Size::new(1024, 768)));
        for bad in
            ["0x9", "x", "10", "-1x5", "+1x5", "1x5x6", "1024X768", "123456x1", "9x0", " 1x1"]
        {
            assert_eq!(bad.parse::<Size>(), Err(()), "{bad}");
        }
    }

    #[test]
    fn ratios_reduce() {
        assert_eq!(Size::new(1920, 1080).ratio().to_string(), "16:9");
        assert_eq!("32:18".parse::<AspectRatio>(), Ok(AspectRatio::new(16, 9)));
    }
}
