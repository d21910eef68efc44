//! The vendor's two models and an account's limits, as data.

use std::time::Duration;

use provider::{
    AllowanceLimit, Audio, Calendar, Capabilities, Delivery, Description, Durations, Error, Kind,
    Limits, LowAllowance, MicroUsd, Model, Overage, RateWindow, Recovery, Result, SafetyRule,
    Share, Size, Sizes, SlotUse, Tariff, Unsupported, Work,
};
use serde_json::Value;

use crate::{
    Config,
    config::{PlanOverage, VENDOR_LEAST, VENDOR_PERCENT},
};

/// The vendor names no models: these are its two kinds.
pub(crate) const IMAGE: &str = "image";
pub(crate) const VIDEO: &str = "video";
/// The one field of the vendor's that no normalized parameter is exactly: frames, not seconds.
const LENGTH: &str = "length";
const PROMPT_CHARS_MAX: usize = 2000;
/// 121 frames are «about 5 seconds»: five times 24 and the first one.
const FRAMES_A_SECOND: u32 = 24;
const FRAMES: std::ops::RangeInclusive<u32> = 25..=241;
const SECONDS_DEFAULT: u32 = 5;

/// Of a month's 1,000 images a hundred: with the daily cap of 200 that is half a day's work.
const LOW_PERCENT: u32 = 10;
const ADVICE: &str = "The month's units begin anew on the 1st at 00:00 UTC, and none carry over. For \
    more, have the vendor's support enable overage with a monthly cap, or ask it for a higher \
    volume; it lifts the day's soft caps on request.";

/// One key: three jobs at once, twenty requests a minute, and the plan's units.
pub(crate) fn limits(config: &Config, account: &str) -> Limits {
    let account = config.accounts.get(account).cloned().unwrap_or_default();
    let (plan, safety) = (account.plan, account.safety);
    let units = |kind, window, units| AllowanceLimit { kind, window, units };
    Limits {
        concurrent: Some(3),
        slot: SlotUse::Job,
        windows: vec![RateWindow { span: Duration::from_secs(60), calls: 20 }],
        // The page does not say whether polls count, and its own sample polls thirty times a minute.
        count_reads: false,
        work_ceiling: Duration::from_secs(config.work_ceiling_s.into()),
        allowances: vec![
            units(Kind::Image, Calendar::Day, plan.daily_images),
            units(Kind::Image, Calendar::Month, plan.images),
            units(Kind::Video, Calendar::Day, plan.daily_videos),
            units(Kind::Video, Calendar::Month, plan.videos),
        ],
        overage: plan.overage.enabled.then(|| Overage {
            prices: vec![
                (Kind::Image, plan.overage.image_usd),
                (Kind::Video, plan.overage.video_usd),
            ],
            monthly_cap: plan.overage.monthly_cap_usd,
        }),
        monthly_fee: Some(plan.monthly_fee_usd),
        safety: Some(SafetyRule {
            span: Duration::from_secs(30 * 60),
            team: Share { percent: safety.team_percent, least: safety.team_least },
            account: Share { percent: safety.account_percent, least: safety.account_least },
            vendor: Share { percent: VENDOR_PERCENT, least: VENDOR_LEAST },
            unbroken: safety.unbroken,
        }),
    }
}

pub(crate) fn describe(config: &Config) -> Description {
    Description {
        provider: config.name.clone(),
        models: vec![image(config), video(config)],
        low_balance: None,
        low_allowance: Some(LowAllowance { percent: LOW_PERCENT, advice: ADVICE.to_owned() }),
        can_rotate: true,
        keys_overlap: false,
        tells_account: true,
        can_forget: true,
    }
}

fn image(config: &Config) -> Model {
    Model {
        name: IMAGE.to_owned(),
        title: "ZSky image".to_owned(),
        kind: Kind::Image,
        capabilities: Capabilities {
            negative_prompt: true,
            sizes: Sizes::Within { min: 256, max: 2048, default: Size::new(1024, 1024) },
            ..capabilities()
        },
        tariff: tariff(config, |overage| overage.image_usd),
        usual: Duration::from_secs(6),
    }
}

fn video(config: &Config) -> Model {
    Model {
        name: VIDEO.to_owned(),
        title: "ZSky video".to_owned(),
        kind: Kind::Video,
        capabilities: Capabilities {
            sizes: Sizes::Within { min: 256, max: 2560, default: Size::new(1280, 720) },
            seconds: Durations::Within {
                min: (FRAMES.start() - 1) / FRAMES_A_SECOND,
                max: (FRAMES.end() - 1) / FRAMES_A_SECOND,
                default: SECONDS_DEFAULT,
            },
            audio: Audio::Always,
            options: vec![LENGTH.to_owned()],
            ..capabilities()
        },
        tariff: tariff(config, |overage| overage.video_usd),
        usual: Duration::from_secs(60),
    }
}

/// What both models share. There is no list of jobs: a submit whose answer is lost is never found again.
fn capabilities() -> Capabilities {
    Capabilities {
        prompt_chars: 1..=PROMPT_CHARS_MAX,
        negative_prompt: false,
        sizes: Sizes::Not,
        seed: true,
        seconds: Durations::Not,
        audio: Audio::Never,
        max_count: 1,
        inputs: Vec::new(),
        no_retention: true,
        options: Vec::new(),
        delivery: Delivery::Remote,
        recovery: Recovery::Nothing,
    }
}

/// A unit of the plan. Accounts may differ in what comes after: listed is the dearest of them.
fn tariff(config: &Config, price: impl Fn(&PlanOverage) -> MicroUsd) -> Tariff {
    let plans = config.accounts.values().map(|account| &account.plan.overage);
    Tariff::Allowance { overage: plans.filter(|plan| plan.enabled).map(price).max() }
}

/// The frames of a clip: by the vendor's own field, by seconds, or the vendor's default. `None` where
/// the model makes no clips.
///
/// # Errors
/// When the field is no number of frames that the vendor makes, or says the same thing twice.
pub(crate) fn frames(model: &Model, work: &Work) -> Result<Option<u32>> {
    if model.kind != Kind::Video {
        return Ok(None);
    }
    let by_seconds = |seconds: u32| seconds.saturating_mul(FRAMES_A_SECOND) + 1;
    let frames = match (work.options.get(LENGTH), work.seconds) {
        (None, seconds) => by_seconds(seconds.unwrap_or(SECONDS_DEFAULT)),
        (Some(_), Some(_)) => {
            return Err(no_length("length and seconds both say how long: give one".to_owned()));
        }
        (Some(asked), None) => asked
            .as_u64()
            .and_then(|frames| u32::try_from(frames).ok())
            .filter(|frames| FRAMES.contains(frames))
            .ok_or_else(|| no_length(out_of_range(asked)))?,
    };
    Ok(Some(frames))
}

fn out_of_range(asked: &Value) -> String {
    let (least, most) = (FRAMES.start(), FRAMES.end());
    let asked = if asked.is_number() { asked.to_string() } else { "this".to_owned() };
    format!("{asked} is not a number of frames within {least} to {most}")
}

fn no_length(reason: String) -> Error {
    Error::unsupported(vec![Unsupported { param: format!("provider_options.{LENGTH}"), reason }])
}
