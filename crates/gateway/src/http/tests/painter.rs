//! A vendor whose prompts say what happens.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use provider::{
    AccountStatus, Audio, Blame, Call, Capabilities, Delivery, Description, Durations, Error,
    ErrorKind, Finished, InputRule, Kind, Limits, Lost, MicroUsd, Model, Output, OutputHint,
    OutputSink, OutputWriter, Polled, Price, Provider, Quote, QuoteSource, Recovered, Recovery,
    RemoteOutput, Result, Retry, Role, Size, Sizes, Submitted, Tariff, Ticket, Timestamp, Work,
};
use secrecy::SecretString;

use super::talents;

/// What a picture costs.
pub(super) const COST: i64 = 26_700;

/// A picture of two pixels, and whatever follows it up to `size` bytes.
pub(super) fn picture(size: usize) -> Bytes {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let pixels = image::RgbImage::from_pixel(2, 1, image::Rgb([200, 30, 30]));
    pixels.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    let mut bytes = bytes.into_inner();
    bytes.extend((bytes.len()..size).map(|n| u8::try_from(n % 251).unwrap()));
    bytes.into()
}

/// A clip that nobody could watch, of `size` bytes: its head says what it is.
pub(super) fn clip(size: usize) -> Bytes {
    let mut bytes = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom".to_vec();
    bytes.extend((bytes.len()..size).map(|n| u8::try_from(n % 251).unwrap()));
    bytes.into()
}

/// How long a clip takes, as the painter says.
pub(super) const CLIP_TAKES: Duration = Duration::from_secs(100);

/// Large enough that it is not kept in memory, and no multiple of three.
pub(super) const LARGE: usize = 400_001;

#[derive(Debug)]
pub(super) struct Painter;

#[async_trait::async_trait]
impl Provider for Painter {
    fn describe(&self) -> Arc<Description> {
        let rule = |role| InputRule {
            min: 0,
            role,
            max: 2,
            media_types: vec!["image/*".to_owned()],
            by_url: false,
        };
        let capabilities = Capabilities {
            prompt_chars: 1..=32_000,
            negative_prompt: false,
            sizes: Sizes::Listed(vec![Size::new(2, 1), Size::new(4, 2)]),
            seed: true,
            seconds: Durations::Not,
            audio: Audio::Never,
            max_count: 1,
            inputs: vec![rule(Role::Source), rule(Role::Mask)],
            no_retention: true,
            options: Vec::new(),
            delivery: Delivery::Inline,
            recovery: Recovery::Nothing,
        };
        let model = Model {
            name: "oil".to_owned(),
            title: "Oil".to_owned(),
            kind: Kind::Image,
            capabilities,
            tariff: Tariff::PerOutput {
                least: MicroUsd::from_micros(COST),
                most: MicroUsd::from_micros(COST),
                most_from_chars: 1,
            },
            usual: Duration::from_secs(1),
        };
        let film = Model {
            name: "film".to_owned(),
            title: "Film".to_owned(),
            kind: Kind::Video,
            capabilities: Capabilities {
                seconds: Durations::Within { min: 1, max: 10, default: 5 },
                audio: Audio::Choice,
                ..model.capabilities.clone()
            },
            usual: CLIP_TAKES,
            ..model.clone()
        };
        let mut models = talents::models(&model);
        models.splice(0..0, [model, film]);
        Arc::new(Description {
            provider: "painter".to_owned(),
            models,
            low_balance: None,
            low_allowance: None,
            can_rotate: false,
            keys_overlap: false,
            tells_account: false,
            can_forget: false,
        })
    }

    fn knowledge(&self) -> Option<&dyn provider::Knowledge> {
        None
    }

    /// An account named `prepaid` has a plan.
    fn limits(&self, account: &str) -> Limits {
        let fee = (account == "prepaid").then_some(MicroUsd::from_micros(99_000_000));
        Limits { monthly_fee: fee, ..Limits::none(Duration::from_secs(30)) }
    }

    async fn quote(&self, _: Call<'_>, _: &Work) -> Result<Quote> {
        let cost = MicroUsd::from_micros(COST);
        let price = Price { expected: cost, upper: cost };
        let duration = Duration::from_secs(1);
        Ok(Quote {
            price,
            source: QuoteSource::Listed,
            age: Duration::ZERO,
            duration,
            adjustments: provider::Adjustments::new(),
        })
    }

    async fn submit(
        &self,
        _: Call<'_>,
        work: &Work,
        sink: &mut dyn OutputSink,
    ) -> Result<Submitted> {
        let size = match work.prompt.as_str() {
            "blocked" => {
                let error = Error::new(ErrorKind::Blocked, Blame::Caller, Retry::No, "not this");
                return Err(error);
            }
            "broken" => {
                let error = Error::new(ErrorKind::Failed, Blame::Vendor, Retry::No, "it broke");
                return Err(error);
            }
            "slow" => std::future::pending().await,
            "large" => LARGE,
            _ => 0,
        };
        let output = match talents::perform(work, sink).await {
            Some(output) => output,
            None => {
                let mut writer = sink.open(OutputHint::default()).await.unwrap();
                let whole = if work.kind == Kind::Video { clip(size) } else { picture(size) };
                for piece in whole.chunks(50_000) {
                    writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
                }
                Output::Written(writer.finish().await.unwrap())
            }
        };
        Ok(Submitted::Finished(Finished {
            reference: None,
            outputs: vec![output],
            charge: talents::charge(work.kind),
            balance: None,
            adjustments: provider::Adjustments::new(),
        }))
    }

    async fn poll(&self, _: Call<'_>, _: &Ticket) -> Result<Polled> {
        Err(never())
    }

    async fn fetch(&self, _: Call<'_>, _: &RemoteOutput, _: &mut dyn OutputWriter) -> Result<()> {
        Err(never())
    }

    async fn cancel(&self, _: Call<'_>, _: &Ticket) -> Result<()> {
        Ok(())
    }

    async fn recover(&self, _: Call<'_>, _: &Lost) -> Result<Recovered> {
        Ok(Recovered::CannotTell)
    }

    async fn account(&self, _: Call<'_>) -> Result<AccountStatus> {
        Ok(AccountStatus::default())
    }

    async fn statement(
        &self,
        _: Call<'_>,
        _: Timestamp,
        _: Option<String>,
    ) -> Result<provider::Statement> {
        Err(never())
    }

    async fn rotate(&self, _: Call<'_>) -> Result<SecretString> {
        Err(never())
    }

    async fn retire(&self, _call: Call<'_>, _old: &SecretString) -> Result<()> {
        Ok(())
    }

    async fn forget(&self, _: Call<'_>, _: &str, _: &[RemoteOutput]) -> Result<()> {
        Err(never())
    }
}

fn never() -> Error {
    Error::new(ErrorKind::Unsupported, Blame::Caller, Retry::No, "the painter does not do this")
}
