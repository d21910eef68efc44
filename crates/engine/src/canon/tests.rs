//! What is the same work has the same key, and what is not never has.

use std::{collections::BTreeMap, time::Duration};

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use proptest::{prelude::*, sample::select};
use provider::{AspectRatio, ImageFormat, Kind, MicroUsd, Role, Size};
use records::Status;
use routing::Policy;
use serde_json::{Value, json};

use super::*;
use crate::{
    Alias, AliasRules, CacheUse, Canary, Delivery, InputRef, Market, Variants, Webhook, Wishes,
};

fn alias(name: &str, candidates: &[&str]) -> Alias {
    Alias {
        name: name.to_owned(),
        kind: Kind::Image,
        candidates: candidates.iter().map(|&name| name.to_owned()).collect(),
        variants: None,
        rules: AliasRules::default(),
    }
}

fn market(aliases: Vec<Alias>) -> Market {
    let default = BTreeMap::from([(Kind::Image, aliases[0].name.clone())]);
    Market::new(Vec::new(), aliases, default)
}

fn resolved() -> Resolved {
    market(vec![alias("photo", &["a/one", "b/two"])]).resolve(Some("photo"), None).unwrap()
}

fn key_of(request: &Request) -> CacheKey {
    key(Sharers::Team("team_1"), &resolved(), request)
}

/// Words with everything that may be written in several ways.
fn words() -> impl Strategy<Value = String> {
    let part = select(vec![
        "a", "fox", "é", "e\u{301}", "Å", "ａ", "한", " ", "  ", "\n", "\u{a0}", ",", "\0", "ﬁ",
        "", "team", "7", "🦊",
    ]);
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        Just(json!(1)),
        Just(json!(1.5)),
        words().prop_map(Value::String),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::btree_map("[ab]", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn input() -> impl Strategy<Value = InputRef> {
    let roles = vec![Role::Source, Role::Reference, Role::Mask];
    (select(roles), select(vec!["aa", "bb", "aabb"]), "[a-z]{4}").prop_map(|(role, hash, id)| {
        InputRef {
            role,
            asset: format!("ast_{id}"),
            media_type: "image/png".to_owned(),
            hash: hash.to_owned(),
            bytes: 7,
        }
    })
}

fn options() -> impl Strategy<Value = BTreeMap<String, BTreeMap<String, Value>>> {
    prop::collection::btree_map("[ab]", prop::collection::btree_map("[xy]", value(), 0..3), 0..3)
}

prop_compose! {
    fn request()(
        prompt in words(),
        negative_prompt in prop::option::of(words()),
        size in prop::option::of((1_u32..3, 1_u32..3)),
        ratio in prop::option::of((1_u32..5, 1_u32..5)),
        (count, seed, seconds) in (1_u8..4, prop::option::of(-1_i64..3), prop::option::of(1_u32..4)),
        (audio, strict) in (prop::option::of(any::<bool>()), any::<bool>()),
        inputs in prop::collection::vec(input(), 0..4),
        format in prop::option::of(select(ImageFormat::ALL.to_vec())),
        providers in prop::collection::vec(select(vec!["a", "b", "ab"]), 0..3),
        provider_options in options(),
        without_effect in prop::collection::btree_map("[qs]", value(), 0..2),
    ) -> Request {
        Request {
            negative_prompt,
            size: size.map(|(width, height)| Size::new(width, height)),
            aspect_ratio: ratio.map(|(width, height)| AspectRatio::new(width, height)),
            count,
            seed,
            seconds,
            audio,
            strict,
            inputs,
            format,
            routing: Wishes {
                providers: providers.into_iter().map(str::to_owned).collect(),
                ..Wishes::default()
            },
            provider_options,
            without_effect,
            ..Request::image(prompt)
        }
    }
}

/// The same work, said in another way.
fn rewritten(request: &Request, how: u32) -> Request {
    let mut other = request.clone();
    let on = |bit: u32| how & (1 << bit) != 0;
    if on(0) {
        other.prompt =
            DecomposingNormalizerBorrowed::new_nfd().normalize(&other.prompt).into_owned();
    }
    if on(1) {
        other.prompt = format!("\n {}\u{a0}\t", other.prompt);
    }
    if on(2) && other.negative_prompt.is_none() {
        other.negative_prompt = Some(" ".to_owned());
    }
    if on(3) {
        // Stable: the order within a role stays.
        other.inputs.sort_by_key(|input| std::cmp::Reverse(input.role));
        other.inputs.iter_mut().for_each(|input| input.asset.push('2'));
    }
    if on(4) {
        other.routing.providers.reverse();
        other.routing.providers.extend(request.routing.providers.clone());
    }
    if on(5) {
        other.provider_options.entry("c".to_owned()).or_default();
    }
    if on(6) {
        other.delivery = Delivery::B64;
        other.metadata.insert("order".to_owned(), "7".to_owned());
        let events = vec![Status::Completed];
        other.webhook = Some(Webhook { url: "https://a.example".to_owned(), events });
    }
    if on(7) {
        other.routing.policy = Some(Policy::Latency);
        other.routing.max_cost = Some(MicroUsd::from_micros(9));
        other.routing.deadline = Some(Duration::from_secs(9));
        other.routing.next_on_blocked = true;
    }
    if on(8) {
        other.cache = Some(CacheUse::Refresh);
        other.max_age = Some(Duration::from_secs(60));
        other.only_cached = true;
    }
    if on(9) {
        // Whoever wrote this document had its members in another order.
        let text = serde_json::to_string(&other.provider_options).unwrap();
        other.provider_options = serde_json::from_str(&text).unwrap();
    }
    other
}

/// What a request means, written down in another way than the key is made: for comparing.
fn meaning(request: &Request) -> impl PartialEq + std::fmt::Debug {
    let plain =
        |text: &str| ComposingNormalizerBorrowed::new_nfc().normalize(text.trim()).into_owned();
    let negative = request.negative_prompt.as_deref().map(plain).filter(|text| !text.is_empty());
    let mut inputs: BTreeMap<Role, Vec<String>> = BTreeMap::new();
    for input in &request.inputs {
        inputs.entry(input.role).or_default().push(input.hash.clone());
    }
    let providers: std::collections::BTreeSet<_> =
        request.routing.providers.iter().cloned().collect();
    let mut options = request.provider_options.clone();
    options.retain(|_, options| !options.is_empty());
    let Request { size, aspect_ratio, count, seed, seconds, audio, format, strict, .. } = request;
    let numbers = (*size, *aspect_ratio, *count, *seed, *seconds, *audio, *format, *strict);
    let words = (plain(&request.prompt), negative);
    (words, numbers, inputs, providers, options, request.without_effect.clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// However the same work is said, it is the same.
    #[test]
    fn rewriting_changes_nothing(request in request(), how in 0_u32..1024) {
        prop_assert_eq!(key_of(&request), key_of(&rewritten(&request, how)));
    }

    /// Two requests have one key just when they mean the same.
    #[test]
    fn another_meaning_is_another_key(one in request(), other in request()) {
        prop_assert_eq!(key_of(&one) == key_of(&other), meaning(&one) == meaning(&other));
    }

    /// Any one thing that is changed makes another key: neighbours are what a hash must tell apart.
    #[test]
    fn one_change_is_enough(request in request(), which in 0_usize..14) {
        let mut other = request.clone();
        match which {
            0 => other.prompt = format!("x{}", other.prompt),
            1 => other.negative_prompt = Some(format!("{} x", other.negative_prompt.unwrap_or_default())),
            2 => other.size = Some(Size::new(7, request.size.map_or(1, |size| size.height))),
            3 => other.aspect_ratio = Some(AspectRatio::new(7, 11)),
            4 => other.count += 1,
            5 => other.seed = Some(other.seed.map_or(0, |seed| seed + 1)),
            6 => other.seconds = Some(other.seconds.map_or(1, |seconds| seconds + 1)),
            7 => other.audio = if other.audio.is_none() { Some(false) } else { None },
            8 => other.format = match other.format {
                Some(ImageFormat::Png) => Some(ImageFormat::Webp),
                _ => Some(ImageFormat::Png),
            },
            9 => other.strict = !other.strict,
            10 => other.routing.providers.push("zz".to_owned()),
            11 => {
                other.provider_options.entry("a".to_owned()).or_default().insert("z".to_owned(), json!(0));
            }
            12 => {
                other.without_effect.insert("zz".to_owned(), json!("hd"));
            }
            _ => other.inputs.push(InputRef {
                role: Role::Video,
                asset: "ast_v".to_owned(),
                media_type: "video/mp4".to_owned(),
                hash: "cc".to_owned(),
                bytes: 1,
            }),
        }
        prop_assert_ne!(key_of(&request), key_of(&other));
    }
}

#[test]
fn a_model_is_what_it_stands_for() {
    let request = Request::image("a fox");
    let key_in = |market: &Market, model: Option<&str>| {
        let resolved = market.resolve(model, Some(Kind::Image)).unwrap();
        key(Sharers::Team("team_1"), &resolved, &request)
    };
    let today = market(vec![alias("photo", &["a/one", "b/two"]), alias("cheap", &["a/one"])]);
    let photo = key_in(&today, Some("photo"));
    assert_eq!(photo, key_in(&today, None), "nothing is the default");
    assert_ne!(photo, key_in(&today, Some("cheap")));
    let renamed = market(vec![alias("picture", &["a/one", "b/two"])]);
    assert_eq!(photo, key_in(&renamed, Some("picture")));
    let changed = market(vec![alias("photo", &["a/one", "b/three"])]);
    assert_ne!(photo, key_in(&changed, Some("photo")));
    let fresh = Alias { variants: Some(Variants::Fresh), ..alias("photo", &["a/one", "b/two"]) };
    assert_ne!(photo, key_in(&market(vec![fresh]), Some("photo")));
    let ruled = |rules: AliasRules| {
        let ruled = Alias { rules, ..alias("photo", &["a/one", "b/two"]) };
        key_in(&market(vec![ruled]), Some("photo"))
    };
    let order = AliasRules {
        policy: Some(Policy::Latency),
        second_price: Some(MicroUsd::from_micros(7)),
        weights: BTreeMap::from([("b/two".to_owned(), 3)]),
        ..AliasRules::default()
    };
    assert_eq!(photo, ruled(order), "how one of them is chosen is nothing of it");
    let canary = |per_million| {
        let canary = Some(Canary { model: "c/three".to_owned(), per_million });
        ruled(AliasRules { canary, ..AliasRules::default() })
    };
    assert_ne!(photo, canary(1), "what a canary makes is not given where there is none");
    assert_eq!(canary(1), canary(500_000));
    let parted = market(vec![alias("photo", &["a/on", "eb/two"])]);
    assert_ne!(photo, key_in(&parted, Some("photo")));
}

#[test]
fn what_teams_share_is_no_teams() {
    let (request, resolved) = (Request::image("a fox"), resolved());
    let of = |sharers| key(sharers, &resolved, &request);
    assert_ne!(of(Sharers::Team("team_1")), of(Sharers::Team("team_2")));
    assert_ne!(of(Sharers::Team("")), of(Sharers::All));
    let other = Resolved { kind: Kind::Vector, ..resolved.clone() };
    assert_ne!(of(Sharers::All), key(Sharers::All, &other, &request));
}

fn near(one: &str, other: &str) -> u32 {
    let kin_of = |prompt: &str| kin("team_1", &resolved(), &Request::image(prompt)).unwrap();
    kin_of(one).nearness(&kin_of(other).signature)
}

#[test]
fn kin_is_told_by_the_words_alone() {
    let fox = "A red fox, jumping over the lazy dog";
    assert_eq!(near(fox, "a RED fox jumping -- over the lazy dog!"), 1000);
    assert_eq!(near(fox, "the lazy dog: a red fox jumping over"), 1000);
    assert_eq!(near("cafe\u{301} au lait", "CAFÉ au lait"), 1000);
    assert!(near(fox, "a red fox jumping over the lazy cat") < 900);
    assert!(near("very very red", "very red") < 900, "how often a word comes is counted");
    assert!(near(fox, "nothing of that kind at all") < 100);
    assert!(kin("team_1", &resolved(), &Request::image(" ?! ")).is_none());
}

#[test]
fn nearness_is_about_the_part_of_words_that_is_shared() {
    let prompt = |from: u32, to: u32| (from..to).map(|n| format!("word{n} ")).collect::<String>();
    for (shared, jaccard) in [(50, 333), (80, 667), (95, 905)] {
        let near = near(&prompt(0, 100), &prompt(100 - shared, 200 - shared));
        // Three standard deviations of 128 places.
        assert!(near.abs_diff(jaccard) < 130, "{near} for {jaccard}");
    }
}

#[test]
fn only_the_prompt_may_differ_among_kin() {
    let group = |team: &str, request: Request| kin(team, &resolved(), &request).unwrap().group;
    let fox = group("team_1", Request::image("a fox"));
    assert_eq!(fox, group("team_1", Request::image("a hare")));
    assert_ne!(fox, group("team_2", Request::image("a fox")));
    assert_ne!(fox, group("team_1", Request { seed: Some(7), ..Request::image("a fox") }));
    assert_ne!(fox, group("team_1", Request { count: 2, ..Request::image("a fox") }));
}
