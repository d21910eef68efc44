//! Which picture a prompt becomes.

use image::RgbImage;

use super::{
    Brief,
    canvas::Canvas,
    caption::{self, Caption},
    city, edit, flow, glass, landscape,
    noise::Dice,
    palette::{self, speaks_of},
    sea,
};

type Painter = fn(&mut Canvas, &palette::Palette, &mut Dice);

const PAINTERS: [(&[&str], Painter); 5] = [
    (
        &[
            "mountain",
            "landscape",
            "forest",
            "hill",
            "valley",
            "snow",
            "winter",
            "tree",
            "meadow",
            "desert",
        ],
        landscape::paint,
    ),
    (
        &[
            "sea",
            "ocean",
            "lake",
            "beach",
            "river",
            "island",
            "harbour",
            "harbor",
            "boat",
            "ship",
            "lighthouse",
            "wave",
            "coast",
        ],
        sea::paint,
    ),
    (
        &["city", "street", "skyline", "tokyo", "tower", "building", "urban", "neon", "house"],
        city::paint,
    ),
    (
        &[
            "abstract", "flow", "silk", "smoke", "dream", "galaxy", "energy", "wind", "hair",
            "music",
        ],
        flow::paint,
    ),
    (
        &["glass", "mosaic", "crystal", "geometric", "logo", "pattern", "icon", "gem", "church"],
        glass::paint,
    ),
];

/// Draws what the brief says; its caption tells that size, which is another than the picture's for a clip's still.
pub(crate) fn paint(brief: &Brief, sources: &[RgbImage], size: (u32, u32)) -> RgbImage {
    let recipe = &brief.recipe;
    let prompt = brief.prompt.to_lowercase();
    let hash = blake3::hash(format!("{}\n{}", recipe.seed, brief.prompt).as_bytes());
    let seed = hash.as_bytes().iter().take(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte));
    let mut dice = Dice::new(seed);
    let colours = palette::choose(&prompt, &mut dice);
    let mut canvas = Canvas::new(recipe.width, recipe.height);
    if sources.is_empty() {
        let asked: Vec<_> =
            PAINTERS.iter().filter(|(words, _)| speaks_of(&prompt, words)).collect();
        // A prompt that names no scene gets one that could be about anything; a city is about itself.
        let any = || PAINTERS.iter().filter(|(words, _)| !words.contains(&"city"));
        let pool = if asked.is_empty() { any().collect() } else { asked };
        if let Some((_, painter)) = pool.get(dice.below(pool.len())) {
            painter(&mut canvas, &colours, &mut dice);
        }
    } else {
        edit::paint(&mut canvas, &colours, &mut dice, sources);
    }
    let grain =
        u32::from_be_bytes([hash.as_bytes()[8], hash.as_bytes()[9], hash.as_bytes()[10], 7]);
    let mut image = canvas.develop(grain);
    let over_letters = !sources.is_empty();
    let text = if over_letters { format!("Edit: {}", brief.prompt) } else { brief.prompt.clone() };
    let (signature, accent) = (brief.signature.as_str(), colours.accent(0));
    let caption = Caption { text: &text, signature, seed, size, accent, over_letters };
    caption::write(&mut image, &caption);
    image
}
