//! The generators, and the schema of each one's parameters: the same dropdowns that the site shows.

use serde_json::{Map, Value, json};

use super::{
    catalogue::{MediaType, ratios},
    settings::Settings,
};

/// A generator of the site.
#[derive(Debug)]
pub(crate) struct Generator {
    pub(crate) slug: &'static str,
    pub(crate) title: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) media: MediaType,
    pub(crate) status: &'static str,
    pub(crate) similar: &'static [&'static str],
    fields: &'static [Field],
}

/// A dropdown of a generator's own.
#[derive(Debug)]
struct Field {
    id: &'static str,
    options: &'static [&'static str],
    /// What an option multiplies the price by, where it is not 1.
    multipliers: &'static [(&'static str, u64)],
}

const fn field(id: &'static str, options: &'static [&'static str]) -> Field {
    Field { id, options, multipliers: &[] }
}

const fn priced(
    id: &'static str,
    options: &'static [&'static str],
    multipliers: &'static [(&'static str, u64)],
) -> Field {
    Field { id, options, multipliers }
}

const fn generator(
    slug: &'static str,
    title: &'static str,
    icon: &'static str,
    media: MediaType,
    similar: &'static [&'static str],
    fields: &'static [Field],
) -> Generator {
    Generator { slug, title, icon, media, status: "active", similar, fields }
}

const HOROSCOPE: [Field; 5] = [
    field(
        "zodiac-sign",
        &[
            "aries",
            "taurus",
            "gemini",
            "cancer",
            "leo",
            "virgo",
            "libra",
            "scorpio",
            "sagittarius",
            "capricorn",
            "aquarius",
            "pisces",
        ],
    ),
    field("horoscope-timeframe", &["daily", "weekly", "monthly"]),
    field("horoscope-tone", &["friendly", "mystical", "direct"]),
    priced("horoscope-length", &["medium", "short", "long"], &[("medium", 2), ("long", 3)]),
    field("horoscope-focus", &["general", "career", "love", "health"]),
];

const STORY: [Field; 2] = [
    priced("story-length", &["short", "medium", "long"], &[("medium", 2), ("long", 4)]),
    field("story-genre", &["adventure", "mystery", "fairytale"]),
];

const WALLART: [Field; 2] = [
    field("wallart-type", &["poster", "framed-print", "canvas"]),
    field("wallart-orientation", &["portrait", "landscape", "square"]),
];

const IMAGE: [Field; 1] = [priced("image-quality", &["standard", "high"], &[("high", 2)])];

const UPSCALE: [Field; 1] = [priced("upscale-factor", &["2", "4"], &[("4", 2)])];

use MediaType as M;

static GENERATORS: [Generator; 25] = [
    generator(
        "joke",
        "Joke",
        "😂",
        M::Text,
        &["poem", "riddle"],
        &[field("joke-type", &["pun", "one-liner", "dad-joke"])],
    ),
    generator("horoscope", "Horoscope", "♈", M::Text, &["tarot"], &HOROSCOPE),
    generator(
        "recipe",
        "Recipe",
        "🍳",
        M::Text,
        &["cocktail"],
        &[field("recipe-diet", &["any", "vegetarian", "vegan"])],
    ),
    generator("cocktail", "Cocktail", "🍸", M::Text, &["recipe"], &[]),
    generator(
        "poem",
        "Poem",
        "📜",
        M::Text,
        &["joke", "lyrics"],
        &[field("poem-style", &["haiku", "sonnet", "free-verse"])],
    ),
    generator("lyrics", "Lyrics", "🎤", M::Text, &["poem"], &[]),
    generator("riddle", "Riddle", "❓", M::Text, &["joke"], &[]),
    generator("tarot", "Tarot", "🔮", M::Text, &["horoscope"], &[]),
    generator("story", "Story", "📖", M::Text, &["story-part"], &STORY),
    generator("story-part", "Story Part", "📑", M::Text, &["story"], &[]),
    generator("storyboard", "Storyboard", "🎬", M::Text, &["story"], &[]),
    generator("solution", "Solution", "💡", M::Text, &["riddle"], &[]),
    generator("slogan", "Slogan", "📣", M::Text, &["logo"], &[]),
    generator("vision", "Image Description", "👁", M::Text, &["image"], &[]),
    generator("image", "Image", "🖼", M::Image, &["wallart", "logo"], &IMAGE),
    generator("wallart", "Wall Art", "🎨", M::Image, &["image"], &WALLART),
    generator(
        "logo",
        "Logo",
        "🔷",
        M::Image,
        &["vector"],
        &[field("logo-style", &["flat", "mascot", "wordmark"])],
    ),
    generator("avatar", "Avatar", "🧑", M::Image, &["image"], &[]),
    generator("video", "Video", "🎥", M::Video, &["image"], &[]),
    generator("speech", "Speech", "🗣", M::Speech, &["music"], &[]),
    generator("music", "Music", "🎵", M::Music, &["soundeffect"], &[]),
    generator("soundeffect", "Sound Effect", "🔊", M::Soundeffect, &["music"], &[]),
    generator("upscale", "Upscaler", "🔍", M::Upscale, &["image"], &UPSCALE),
    generator("vector", "Vector", "📐", M::Vector, &["logo"], &[]),
    generator(
        "backgroundremoval",
        "Background Removal",
        "✂",
        M::Backgroundremoval,
        &["upscale"],
        &[],
    ),
];

static IN_DEVELOPMENT: Generator = Generator {
    slug: "game",
    title: "Game",
    icon: "🎮",
    media: MediaType::Text,
    status: "development",
    similar: &["story"],
    fields: &[],
};

/// Those of that status, or `all`.
pub(crate) fn generators(status: &str) -> impl Iterator<Item = &'static Generator> {
    let all = status == "all";
    let every = GENERATORS.iter().chain([&IN_DEVELOPMENT]);
    let status = status.to_owned();
    every.filter(move |generator| all || generator.status == status)
}

pub(crate) fn find(slug: &str) -> Option<&'static Generator> {
    generators("all").find(|generator| generator.slug == slug)
}

impl Generator {
    /// A row of the list.
    pub(crate) fn row(&self) -> Value {
        json!({
            "slug": self.slug,
            "title": format!("{} Generator", self.title),
            "description": format!("Make {} with AI.", self.title.to_lowercase()),
            "icon": self.icon,
            "status": self.status,
            "similar": self.similar,
        })
    }

    /// The row, the models' type and the schema.
    pub(crate) fn shown(&self, settings: &Settings) -> Value {
        let mut shown = self.row();
        shown["model_type"] = json!(self.media);
        shown["parameters"] = json!(self.schema(settings));
        shown
    }

    pub(crate) fn model_field(&self) -> String {
        format!("model-{}", self.media.name())
    }

    pub(crate) fn count_field(&self) -> String {
        format!("{}-count", self.slug)
    }

    fn schema(&self, settings: &Settings) -> Vec<Value> {
        let own = self.fields.iter().map(|field| {
            let multipliers: Map<_, _> = field
                .options
                .iter()
                .map(|option| ((*option).to_owned(), json!(field.multiplier(option))))
                .collect();
            json!({
                "id": field.id,
                "type": "enum",
                "options": options(field.options.iter().copied()),
                "default": field.options.first(),
                "cost_multipliers": multipliers,
            })
        });
        let mut schema: Vec<_> = own.collect();
        if self.media == MediaType::Image {
            let ids = ["1", "2", "3", "4", "5"];
            schema.push(json!({
                "id": RATIO_FIELD,
                "type": "enum",
                "options": options(ids.into_iter()),
                "default": "1",
                "cost_multipliers": {},
            }));
        }
        let of_type = settings.models.values().filter(|model| model.media == self.media);
        let models: Vec<_> = of_type
            .map(|model| json!({ "value": model.dropdown.to_string(), "label": model.name }))
            .collect();
        schema.push(json!({
            "id": self.model_field(),
            "type": "model",
            "default": models.first().map(|model| model["value"].clone()),
            "options": models,
            "cost_multipliers": {},
        }));
        schema.push(json!({
            "id": self.count_field(),
            "type": "number",
            "min": 1,
            "max": 10,
            "default": 1,
            "cost_multipliers": {},
        }));
        schema
    }

    /// Whether a value of the request is one that this dropdown has.
    pub(crate) fn takes(&self, id: &str, value: &str) -> bool {
        if id == RATIO_FIELD {
            return self.media == MediaType::Image
                && ratios(self.media).iter().any(|ratio| ratio.id.to_string() == value);
        }
        if id == self.count_field() {
            return value.parse().is_ok_and(|count: u32| (1..=10).contains(&count));
        }
        self.fields.iter().any(|field| field.id == id && field.options.contains(&value))
    }

    /// What a value multiplies the price by.
    pub(crate) fn multiplier(&self, id: &str, value: &str) -> u64 {
        let field = self.fields.iter().find(|field| field.id == id);
        field.map_or(1, |field| field.multiplier(value))
    }
}

impl Field {
    fn multiplier(&self, option: &str) -> u64 {
        let mut known = self.multipliers.iter();
        known.find(|(name, _)| *name == option).map_or(1, |(_, times)| *times)
    }
}

/// The dropdown of proportions that every picture generator has.
pub(crate) const RATIO_FIELD: &str = "image-aspect-ratio";

fn options<'a>(values: impl Iterator<Item = &'a str>) -> Vec<Value> {
    values.map(|value| json!({ "value": value, "label": value.replace('-', " ") })).collect()
}
