//! The price of a quote for a kind of order that the vendor was asked about before: every candidate of
//! every request takes one, so it answers from memory, without a request and without JSON.
#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up has no figure")]

use std::{collections::BTreeMap, hint::black_box, sync::Arc};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use provider::{Call, Input, Kind, MicroUsd, Provider, QuoteSource, Role, Size, SystemClock, Work};
use provider_conformance::{Answer, Turns, Vendor};
use provider_generor::{Config, Generor};
use provider_http::{Client, Settings};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// As many as a catalogue of the page's size would have.
const MODELS: u32 = 400;

fn said(path: &str) -> Value {
    if !path.ends_with("/estimate") {
        let model = |n: u32| {
            json!({"id": 10_001 + n, "name": format!("Painter {n}"), "credit_cost": 6,
                "supports_img2img": true, "supports_aspect_ratio": true})
        };
        return json!({"image": (0..MODELS).map(model).collect::<Vec<_>>()});
    }
    json!({"credit_cost": {"total": 24, "per_item": 6, "count": 4, "discount_percent": 4},
        "time_estimate": {"seconds": 30}, "applied_parameters": {"image-quality": "high"}})
}

/// What is asked for: plain, and with about everything that a picture can be asked with.
fn works() -> [(&'static str, Work); 2] {
    let plain = Work::image((10_000 + MODELS).to_string(), "a fox in the snow, ".repeat(15));
    let options = json!({"generator": "wallart", "preference": "calm", "privacy_mode": 1,
        "parameters": {"image-quality": "high"}});
    let picture = Input {
        role: Role::Source,
        media_type: "image/png".to_owned(),
        bytes: vec![0; 1024].into(),
        url: Some("https://us.example/assets/ast_1?signature=x".to_owned()),
    };
    let full = Work {
        count: 4,
        size: Some(Size::new(1024, 1024)),
        inputs: vec![picture],
        options: options.as_object().unwrap().clone().into_iter().collect::<BTreeMap<_, _>>(),
        ..plain.clone()
    };
    assert_eq!(plain.kind, Kind::Image);
    [("plain", plain), ("full", full)]
}

fn bench(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let vendor = Vendor::start(|request| {
        Answer::json(200, &json!({"success": true, "data": said(&request.path)}))
    });
    let config = Config { base_url: format!("{}/api/v1", vendor.url()), ..Config::default() };
    let http = Client::new(Settings::default(), Arc::new(SystemClock)).unwrap();
    let generor = Generor::new(config, Arc::new(http)).unwrap();
    let (pace, key) = (Turns::default(), SecretString::from("gnr_live_bench".to_owned()));
    let call = Call { account: "main", key: &key, pace: &pace };
    runtime.block_on(generor.knowledge().unwrap().learn(&pace, "models")).unwrap();

    let mut group = criterion.benchmark_group("remembered quote");
    group.throughput(Throughput::Elements(1));
    for (name, work) in works() {
        let live = runtime.block_on(generor.quote(call, &work)).unwrap();
        assert_eq!(
            (live.source, live.price.expected),
            (QuoteSource::Live, MicroUsd::from_micros(24_000))
        );
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let quote = runtime.block_on(generor.quote(call, black_box(&work))).unwrap();
                assert_eq!(quote.source, QuoteSource::Remembered);
                quote
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
