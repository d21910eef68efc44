//! What a text generator writes: the fields that the page shows of jokes and recipes, and `text` for the rest.

use serde_json::{Map, Value, json};

use super::generation::Generation;
use crate::pictures::noise::mix;

const JOKES: [(&str, &str); 4] = [
    (
        "Why do programmers prefer dark mode? Because light attracts bugs!",
        "a minimalist bug icon on a dark background",
    ),
    (
        "I told my gateway a joke. It answered 200, but I could tell it was cached.",
        "a smiling server",
    ),
    ("Why was the estimate sad? Nobody charged it.", "a lonely price tag in the rain"),
    ("There are two hard things: naming, caching, and counting.", "a hand with six fingers"),
];

const DISHES: [(&str, &[&str]); 3] = [
    ("Lemon Lentil Soup", &["200 g red lentils", "1 lemon", "1 onion", "cumin"]),
    ("Mushroom Risotto", &["300 g rice", "250 g mushrooms", "broth", "parmesan"]),
    ("Apple Crumble", &["5 apples", "100 g butter", "150 g flour", "80 g sugar"]),
];

fn pick<T>(choices: &[T], seed: u64) -> Option<&T> {
    let number = u64::try_from(choices.len()).unwrap_or(1).max(1);
    choices.get(usize::try_from(seed % number).unwrap_or(0))
}

/// The fields of one item.
pub(crate) fn written(generation: &Generation, seed: u64) -> Map<String, Value> {
    let order = &generation.order;
    let about = if order.prompt.is_empty() { "nothing in particular" } else { &order.prompt };
    let fields = match order.generator.as_str() {
        "joke" => pick(&JOKES, seed).map(|(text, picture)| {
            vec![("text", json!(text)), ("illustration_desc", json!(picture))]
        }),
        "recipe" | "cocktail" => pick(&DISHES, seed).map(|(dish, ingredients)| {
            vec![
                ("dish_name", json!(dish)),
                ("ingredients", json!(ingredients)),
                ("instructions", json!(["Chop.", "Cook until done.", "Serve warm."])),
            ]
        }),
        "horoscope" => {
            let sign = order.parameters.get("zodiac-sign").map_or("aries", String::as_str);
            let text = format!("{sign}: the stars take their time this week. So may you.");
            Some(vec![("text", json!(text)), ("lucky_number", json!(mix(seed) % 49 + 1))])
        }
        "vision" => generation.sources.first().map(|source| {
            let (width, height) = source.size;
            let text = format!("A picture of {width} by {height} pixels, mostly in soft colours.");
            vec![("text", json!(text))]
        }),
        _ => None,
    };
    let plain =
        || vec![("text", json!(format!("Some lines about {about}, number {}.", seed % 97)))];
    let fields = fields.unwrap_or_else(plain);
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
