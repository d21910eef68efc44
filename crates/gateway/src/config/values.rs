//! What single values mean. Each function reads one text and says what would have been right.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use ipnet::IpNet;
use provider::MicroUsd;
use routing::Policy;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use url::Url;

/// Longer spans are a slip of the finger, and overflow sums of times.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "is not an address with a port, such as `127.0.0.1:8080`".to_owned())
}

/// A span, `0s` included.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let span = humantime::parse_duration(text)
        .map_err(|_| "is not a span of time such as `500ms`, `300s`, `24h` or `30d`".to_owned())?;
    if span > LONGEST { Err("is longer than ten years".to_owned()) } else { Ok(span) }
}

/// A span that is not nothing.
pub(super) fn some_span(text: &str) -> Result<Duration, String> {
    match span(text)? {
        Duration::ZERO => Err("must be more than nothing".to_owned()),
        span => Ok(span),
    }
}

/// A span that is not nothing, or `never`.
pub(super) fn span_or_never(text: &str) -> Result<Option<Duration>, String> {
    if text == "never" {
        return Ok(None);
    }
    let not_either = |reason: String| match reason.strip_prefix("is not a span of time") {
        Some(_) => "is neither `never` nor a span of time such as `24h` or `90d`".to_owned(),
        None => reason,
    };
    some_span(text).map(Some).map_err(not_either)
}

const UNITS: [(&str, u64); 9] = [
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// A number of bytes.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()));
    match (number.parse::<u64>(), factor) {
        (Ok(number), Some((_, factor))) => {
            number.checked_mul(*factor).ok_or_else(|| "is too large".to_owned())
        }
        _ => Err("is not a size such as `256MiB` or `64kB`".to_owned()),
    }
}

/// A size in the largest unit that keeps it whole.
pub(super) fn show_bytes(bytes: u64) -> String {
    let whole = |(_, factor): &&(&str, u64)| bytes >= *factor && bytes.is_multiple_of(*factor);
    match UNITS.iter().rev().find(whole) {
        Some((unit, factor)) => format!("{}{unit}", bytes / factor),
        None => bytes.to_string(),
    }
}

pub(super) fn flag(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "is neither `true` nor `false`".to_owned())
}

/// A number of at least one.
pub(super) fn count(text: &str) -> Result<u32, String> {
    let wrong = || "is not a whole number of at least 1".to_owned();
    text.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)
}

/// A network, or a single address.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "is not a network such as `10.0.0.0/8`".to_owned())
}

/// The root of an HTTP service; without a slash at its end.
pub(super) fn http_url(text: &str) -> Result<String, String> {
    let wrong = || "is not an http or https address such as `https://atelier.example`".to_owned();
    let url = Url::parse(text).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not carry credentials".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must end with its path".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// What a request without a seed gets when the same was made before.
pub(super) const VARIANTS: &[(&str, engine::Variants)] =
    &[("reuse", engine::Variants::Reuse), ("fresh", engine::Variants::Fresh)];

/// A part of one, more than nothing, in thousandths.
pub(super) fn thousandths(text: &str) -> Result<u32, String> {
    let wrong = || "is not a part of 1 with at most three places, such as `0.9`".to_owned();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let plain = part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    let part = format!("{part:0<3}").parse::<u32>().ok().filter(|_| plain);
    let number = whole.parse::<u32>().ok().zip(part);
    match number {
        Some((0, part)) if part > 0 => Ok(part),
        Some((1, 0)) => Ok(1000),
        _ => Err(wrong()),
    }
}

/// A policy's name.
pub(super) fn policy(text: &str) -> Result<Policy, String> {
    one_of(&Policy::ALL.map(|policy| (policy.as_str(), policy)), text)
}

/// Money that nobody owes.
pub(super) fn dollars(text: &str) -> Result<MicroUsd, String> {
    match text.parse::<MicroUsd>() {
        Ok(amount) if amount >= MicroUsd::ZERO => Ok(amount),
        _ => Err("is not an amount of US dollars such as `0.001`".to_owned()),
    }
}

/// A share, in millionths.
pub(super) fn share(text: &str) -> Result<u32, String> {
    // Decimals of six places are read as money is: exactly.
    let millionths = text.parse::<MicroUsd>().ok().map(MicroUsd::micros);
    let share = millionths.and_then(|millionths| u32::try_from(millionths).ok());
    share
        .filter(|share| *share <= 1_000_000)
        .ok_or_else(|| "is not a share from 0 to 1 such as `0.05`".to_owned())
}

/// A weight beside others.
pub(super) fn weight(text: &str) -> Result<u32, String> {
    const MOST: u32 = 1000;
    let weight = text.parse().ok().filter(|weight| *weight <= MOST);
    weight.ok_or_else(|| format!("is not a weight from 0 to {MOST}"))
}

/// One of these words.
pub(super) fn one_of<T: Copy>(words: &[(&str, T)], text: &str) -> Result<T, String> {
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let all: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        format!("is none of {}", all.join(", "))
    })
}

/// 32 bytes in base64. The reason never shows them.
pub(super) fn key_bytes(secret: &SecretString) -> Result<SecretBox<[u8; 32]>, String> {
    let wrong = "must be 32 bytes in base64, as `openssl rand -base64 32` makes them";
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let mut bytes = Box::new([0_u8; 32]);
    let decoded = GeneralPurpose::new(&alphabet::STANDARD, lenient)
        .decode_slice(secret.expose_secret().trim(), bytes.as_mut_slice());
    match decoded {
        Ok(32) => Ok(SecretBox::new(bytes)),
        _ => Err(wrong.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_units() {
        assert_eq!(span("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(span("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(span("30d"), Ok(Duration::from_secs(30 * 86_400)));
        for bad in ["", "300", "-3s", "3 moons", "99999999999y", "11y"] {
            assert!(span(bad).is_err(), "{bad}");
        }
        assert!(span("0s").is_ok() && some_span("0s").is_err());
        assert_eq!(span_or_never("never"), Ok(None));
        assert_eq!(span_or_never("90d"), Ok(Some(Duration::from_secs(90 * 86_400))));
        for bad in ["0s", "Never", "", "11y"] {
            assert!(span_or_never(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_have_units_and_bounds() {
        for (text, size) in
            [("256MiB", 256 << 20), ("64kB", 64_000), ("7", 7), ("1 gib", 1 << 30), ("9B", 9)]
        {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for bad in ["", "MiB", "-1", "1.5MiB", "99999999999TiB", "3 apples"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
        assert_eq!(show_bytes(32 << 20), "32MiB");
        assert_eq!(show_bytes(1001), "1001B");
        assert_eq!(show_bytes(0), "0");
    }

    #[test]
    fn addresses_carry_no_credentials() {
        assert_eq!(http_url("https://a.example/x/").as_deref(), Ok("https://a.example/x"));
        for bad in ["ftp://a", "a.example", "https://u:p@a", "https://a?x=1", "https://a#b", ""] {
            assert!(http_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn networks_may_be_single_addresses() {
        assert!(network("10.0.0.0/8").is_ok() && network("::1").is_ok());
        assert!(network("10.0.0.0/40").is_err());
    }

    #[test]
    fn keys_have_32_bytes() {
        let good = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        assert!(key_bytes(&good.into()).is_ok());
        assert!(key_bytes(&good.trim_end_matches('=').into()).is_ok());
        for bad in ["", "AAAA", "no base64!", &format!("AAAA{good}")] {
            let reason = key_bytes(&bad.into()).unwrap_err();
            assert!(bad.is_empty() || !reason.contains(bad), "{reason}");
        }
    }
}
