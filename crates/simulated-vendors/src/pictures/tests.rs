//! A picture is what its recipe says, every time.

use std::sync::Arc;

use image::ImageFormat;

use super::{Brief, Format, Picture, Recipe, Studio};

fn brief(prompt: &str, seed: u64, (width, height): (u32, u32), format: Format) -> Brief {
    let recipe = Recipe { seed, width, height, format, sources: Vec::new(), padded_to: None };
    let (token, signature) = ("t".repeat(48), "Zekron · zekron-image-1".to_owned());
    Brief { recipe, token, prompt: prompt.to_owned(), signature }
}

async fn draw(brief: Brief) -> Picture {
    Arc::new(Studio::open(None).unwrap()).draw(brief).await.unwrap()
}

fn bytes(picture: &Picture) -> Vec<u8> {
    picture.frames().concat()
}

#[tokio::test]
async fn every_format_and_size_is_truly_as_asked() {
    for (format, guess) in [
        (Format::Png, ImageFormat::Png),
        (Format::Jpeg, ImageFormat::Jpeg),
        (Format::Webp, ImageFormat::WebP),
    ] {
        for size in [(256, 256), (512, 512), (1024, 768), (768, 1024)] {
            let picture = bytes(&draw(brief("A robot in a garden", 5, size, format)).await);
            assert_eq!(image::guess_format(&picture).unwrap(), guess);
            let decoded = image::load_from_memory(&picture).unwrap();
            assert_eq!((decoded.width(), decoded.height()), size);
        }
    }
}

#[tokio::test]
async fn a_recipe_draws_the_same_bytes_again_and_another_seed_draws_others() {
    let one = brief("A city at night", 5, (512, 512), Format::Jpeg);
    let first = bytes(&draw(one.clone()).await);
    assert_eq!(first, bytes(&draw(one).await));
    assert_ne!(first, bytes(&draw(brief("A city at night", 6, (512, 512), Format::Jpeg)).await));
}

#[tokio::test]
async fn a_padded_picture_is_valid_distinct_and_of_the_weight() {
    let mut one = brief("x", 1, (1024, 768), Format::Jpeg);
    one.recipe.padded_to = Some(200_000);
    let mut other = one.clone();
    other.token = "u".repeat(48);
    let studio = Arc::new(Studio::open(None).unwrap());
    let (one, other) = (studio.draw(one).await.unwrap(), studio.draw(other).await.unwrap());
    assert_ne!(bytes(&one), bytes(&other));
    assert_eq!(bytes(&one).len(), 200_000);
    let decoded = image::load_from_memory(&bytes(&one)).unwrap();
    assert_eq!((decoded.width(), decoded.height()), (1024, 768));
    let joined = one.base64().concat();
    assert_eq!(base64_simd::STANDARD.decode_to_vec(&joined).unwrap(), bytes(&one));
}

#[tokio::test]
async fn odd_prompts_are_drawn_too() {
    for prompt in ["", " ", "\u{0}\n\u{7f}", "春の山と海", &"word ".repeat(8000), &"W".repeat(500)]
    {
        let picture = draw(brief(prompt, 3, (256, 256), Format::Png)).await;
        assert!(image::load_from_memory(&bytes(&picture)).is_ok(), "{prompt:.20}");
    }
}
