//! The vendor's models as data.

use std::time::Duration;

use provider::{
    Audio, Capabilities, Delivery, Description, Durations, InputRule, Kind, Limits, LowBalance,
    MicroUsd, Model, RateWindow, Recovery, Role, Size, Sizes, SlotUse, Tariff,
};

use crate::{Config, Dialect};

/// The one model that both dialects serve.
pub(crate) const FLAGSHIP: &str = "zekron-image-1";
/// Most source pictures of an edit.
const SOURCES_MAX: usize = 2;
/// The pages name no limit for prompts; this is the gateway's own.
const PROMPT_CHARS_MAX: usize = 32_000;
/// From this length on a prompt is expected to cost the most: a guess until charges were seen.
const MOST_FROM_CHARS: u32 = 1000;

const ADVICE: &str = "Top up with the vendor's Telegram bot: Telegram Stars at once and without \
    fee, or USDT on TON with a 2 % fee and a 30-minute window. A first deposit of $30 or more \
    earns a $5 bonus.";

/// One key: five requests at once and sixty a minute, reads too, both dialects together.
pub(crate) fn limits(config: &Config) -> Limits {
    Limits {
        concurrent: Some(5),
        slot: SlotUse::Request,
        windows: vec![RateWindow { span: Duration::from_secs(60), calls: 60 }],
        count_reads: true,
        ..Limits::none(Duration::from_secs(config.work_ceiling_s.into()))
    }
}

pub(crate) fn describe(config: Config) -> Description {
    Description {
        provider: config.name,
        models: vec![
            // The pages disagree on the upper bound of this one: the larger is held.
            model(FLAGSHIP, "Zekron Image v0.1.1", config.dialect, [25_000, 29_000]),
            model("zekron-xl", "Zekron XL", Dialect::Preview, [20_000, 25_000]),
            model("zekron-flash", "Zekron Flash", Dialect::Preview, [15_000, 20_000]),
            model("zekron-art", "Zekron Art", Dialect::Preview, [20_000, 25_000]),
        ],
        low_balance: Some(LowBalance {
            threshold: config.low_balance_usd,
            advice: ADVICE.to_owned(),
        }),
        low_allowance: None,
        can_rotate: false,
        keys_overlap: false,
        tells_account: true,
        can_forget: false,
    }
}

fn model(name: &str, title: &str, dialect: Dialect, [least, most]: [i64; 2]) -> Model {
    Model {
        name: name.to_owned(),
        title: title.to_owned(),
        kind: Kind::Image,
        capabilities: capabilities(dialect),
        tariff: Tariff::PerOutput {
            least: MicroUsd::from_micros(least),
            most: MicroUsd::from_micros(most),
            most_from_chars: MOST_FROM_CHARS,
        },
        usual: Duration::from_secs(4),
    }
}

fn capabilities(dialect: Dialect) -> Capabilities {
    let square = |side| Size::new(side, side);
    let v1 = dialect == Dialect::V1;
    let source = || InputRule {
        min: 0,
        role: Role::Source,
        max: SOURCES_MAX,
        media_types: ["image/png", "image/jpeg", "image/webp"].map(str::to_owned).to_vec(),
        by_url: false,
    };
    Capabilities {
        prompt_chars: 1..=PROMPT_CHARS_MAX,
        negative_prompt: !v1,
        sizes: Sizes::Listed(match dialect {
            Dialect::V1 => {
                vec![square(1024), square(512), Size::new(1024, 768), Size::new(768, 1024)]
            }
            Dialect::Preview => vec![square(1024), square(512), square(256)],
        }),
        seed: false,
        seconds: Durations::Not,
        audio: Audio::Never,
        max_count: 1,
        inputs: if v1 { vec![source()] } else { Vec::new() },
        no_retention: false,
        options: Vec::new(),
        delivery: if v1 { Delivery::Inline } else { Delivery::Remote },
        recovery: if v1 { Recovery::History } else { Recovery::Nothing },
    }
}
