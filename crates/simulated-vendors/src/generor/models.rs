//! What is sold: the models of the page with its ids, prices and names, and enough others to be a catalogue.

use std::collections::BTreeMap;

use super::catalogue::{MediaType, Model, Unit, VideoModel};

/// The models of the page and some more, by id.
pub(crate) fn models() -> BTreeMap<u32, Model> {
    let mut models = BTreeMap::new();
    words(&mut models);
    pictures(&mut models);
    clips(&mut models);
    sounds(&mut models);
    workshop(&mut models);
    for (number, model) in (1..).zip(models.values_mut()) {
        if model.dropdown == 0 {
            model.dropdown = number;
        }
        if model.description.is_empty() {
            model.description = format!("{} by {}.", model.name, model.provider);
        }
    }
    models
}

fn model(media: MediaType, name: &str, provider: &str, credit_cost: u64, seconds: u32) -> Model {
    let (name, provider) = (name.to_owned(), provider.to_owned());
    Model { name, media, provider, credit_cost, seconds, ..Model::default() }
}

fn words(models: &mut BTreeMap<u32, Model>) {
    let text = |name, provider, cost| model(MediaType::Text, name, provider, cost, 8);
    models.insert(12, text("Claude Haiku 4.5", "anthropic", 4));
    models.insert(21, text("DeepSeek V3.2", "deepseek", 1));
    let needs = vec!["image_url".to_owned()];
    let sees = Model { supports_img2img: true, needs, ..text("Qwen VL Max", "alibaba", 2) };
    models.insert(34, sees);
    let reported_name = Some("Gemini 3.5 Flash".to_owned());
    let nano = Model { reported_name, dropdown: 3, ..text("GPT 5 Nano", "openai", 1) };
    models.insert(37, nano);
    models.insert(41, text("GPT 5", "openai", 12));
}

fn pictures(models: &mut BTreeMap<u32, Model>) {
    let image = |name, provider, cost, supports_img2img| Model {
        supports_img2img,
        supports_aspect_ratio: true,
        ..model(MediaType::Image, name, provider, cost, 14)
    };
    let description = "High-quality image generation...".to_owned();
    let pro = Model { description, ..image("Flux 1.1 Pro", "replicate", 80, true) };
    models.insert(10001, pro);
    models.insert(10002, image("Stable Diffusion 3.5", "replicate", 65, true));
    let reported_name = Some("black-forest-labs/flux-schnell".to_owned());
    let schnell = Model { reported_name, ..image("Flux Schnell", "replicate", 6, false) };
    models.insert(10003, schnell);
    models.insert(10011, image("Seedream 4", "byteplus", 60, true));
    models.insert(10016, image("Nano Banana", "google", 78, true));
    let plain =
        Model { supports_aspect_ratio: false, ..image("Imagen 4 Fast", "google", 40, false) };
    models.insert(10020, plain);
}

fn clips(models: &mut BTreeMap<u32, Model>) {
    let clip = |name: &str, provider, cost, durations: &[u32], quality: &str, group: &str| Model {
        per: Unit::Second,
        supports_aspect_ratio: true,
        supports_img2img: true,
        video: Some(VideoModel {
            supported_durations: durations.to_vec(),
            default_duration: durations.iter().copied().find(|s| *s >= 8).unwrap_or(5),
            supports_audio: false,
            audio_cost_multiplier: 1,
            supports_end_frame: false,
            quality: quality.to_owned(),
            group_slug: group.to_owned(),
            group_name: name.split(" (").next().unwrap_or(name).to_owned(),
        }),
        ..model(MediaType::Video, name, provider, cost, 60)
    };
    let with = |model: Model, audio: Option<u64>, end_frame: bool| {
        let video = model.video.map(|video| VideoModel {
            supports_audio: audio.is_some(),
            audio_cost_multiplier: audio.unwrap_or(1),
            supports_end_frame: end_frame,
            ..video
        });
        Model { video, ..model }
    };
    let veo = with(clip("Veo 3.1", "google", 40, &[4, 6, 8], "720p", "veo-3-1"), Some(2), true);
    models.insert(20010, Model { reference_images: 3, ..veo });
    let one = clip("Seedance 1.5 Pro", "replicate", 10, &[4, 5, 8, 10, 12], "720p", "seedance-1-5");
    models.insert(20021, with(one, Some(2), false));
    let two = clip("Seedance 2.0", "replicate", 14, &[5, 8, 10], "720p", "seedance-2");
    models.insert(20025, Model { reference_images: 9, reference_videos: 3, ..two });
    let needs = |field: &str| vec![field.to_owned()];
    let wan = with(clip("Wan 2.6 I2V", "alibaba", 8, &[5, 10, 15], "720p", "wan-2-6"), None, true);
    models.insert(20030, Model { needs: needs("image_url"), ..wan });
    let kling = clip("Kling v3", "replicate", 18, &[5, 10], "1080p", "kling-v3");
    models.insert(20041, with(kling, None, true));
    let horse = clip("Happy Horse 1.0 R2V", "alibaba", 9, &[3, 5, 6, 8, 10], "720p", "happy-horse");
    models.insert(20050, Model { reference_images: 9, needs: needs("reference_images"), ..horse });
    let edit =
        clip("Happy Horse Video Edit", "alibaba", 9, &[3, 5, 8, 10], "720p", "happy-horse-edit");
    let needs = needs("video_url");
    models.insert(20051, Model { reference_images: 5, source_video: true, needs, ..edit });
    for (id, quality, cost) in [(20060, "480p", 3), (20061, "720p", 6), (20062, "1080p", 14)] {
        let name = format!("Dreamina Seedance 2.0 ({quality})");
        let durations = &[5, 6, 7, 8, 10, 12, 15];
        let group = "dreamina-seedance-2-direct";
        let dreamina =
            with(clip(&name, "byteplus", cost, durations, quality, group), Some(1), true);
        let (reference_images, reference_videos) = (9, 3);
        let dreamina = Model { reference_images, reference_videos, ..dreamina };
        models.insert(id, Model { reference_audio: true, source_video: true, ..dreamina });
    }
}

fn sounds(models: &mut BTreeMap<u32, Model>) {
    let per = Unit::Characters;
    let voice = model(MediaType::Speech, "Eleven Multilingual v2", "elevenlabs", 5, 6);
    models.insert(30001, Model { per, ..voice });
    let voice = model(MediaType::Speech, "MiniMax Speech 2.6", "replicate", 3, 5);
    models.insert(30004, Model { per, ..voice });
    models.insert(40001, model(MediaType::Music, "Lyria 2", "google", 60, 30));
    let music = model(MediaType::Music, "MiniMax Music 2", "replicate", 35, 40);
    models.insert(40003, Model { reference_audio: true, ..music });
    models
        .insert(50001, model(MediaType::Soundeffect, "Eleven Sound Effects", "elevenlabs", 12, 8));
}

/// Pictures made from pictures, and drawings. The page gives no range for their ids.
fn workshop(models: &mut BTreeMap<u32, Model>) {
    let from_picture = |media, name, cost| Model {
        supports_img2img: true,
        needs: vec!["image_url".to_owned()],
        ..model(media, name, "replicate", cost, 10)
    };
    models.insert(60001, from_picture(MediaType::Upscale, "Real-ESRGAN", 4));
    models.insert(60002, from_picture(MediaType::Upscale, "Clarity Upscaler", 30));
    models.insert(70001, model(MediaType::Vector, "Recraft v3 SVG", "recraft", 160, 16));
    models.insert(80001, from_picture(MediaType::Backgroundremoval, "BRIA RMBG 2.0", 8));
}
