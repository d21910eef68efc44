//! Signed links to the storage host, in the manner of S3: whoever has one may fetch for as long as it says, and nobody
//! may change a letter of it.

use chrono::NaiveDateTime;

use crate::clock;

const STAMP: &str = "%Y%m%dT%H%M%SZ";

/// Why a link opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shut {
    WrongSignature,
    Expired,
}

/// What comes after the `?`.
pub(crate) fn signed(seed: u64, path: &str, now_ms: i64, expires_s: u32) -> String {
    let at = clock::date(now_ms);
    let (stamp, day) = (at.format(STAMP).to_string(), at.format("%Y%m%d"));
    let expires = expires_s.to_string();
    let signature = signature(seed, path, &stamp, &expires);
    format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=zskysimulated%2F{day}%2Fauto%2Fs3%2Faws4_request\
         &X-Amz-Date={stamp}&X-Amz-Expires={expires}&X-Amz-SignedHeaders=host&X-Amz-Signature={signature}"
    )
}

pub(crate) fn check(seed: u64, path: &str, query: &str, now_ms: i64) -> Result<(), Shut> {
    let field = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    };
    let (stamp, expires) = (field("X-Amz-Date"), field("X-Amz-Expires"));
    if signature(seed, path, stamp, expires) != field("X-Amz-Signature") {
        return Err(Shut::WrongSignature);
    }
    let issued = NaiveDateTime::parse_from_str(stamp, STAMP).map_err(|_| Shut::WrongSignature)?;
    let expires_s: u32 = expires.parse().map_err(|_| Shut::WrongSignature)?;
    let age_ms = now_ms.saturating_sub(issued.and_utc().timestamp_millis());
    if age_ms >= i64::from(expires_s) * 1000 { Err(Shut::Expired) } else { Ok(()) }
}

/// The secret comes from the seed, so that links outlive a killed process.
fn signature(seed: u64, path: &str, stamp: &str, expires: &str) -> String {
    let secret = blake3::derive_key("simulated ZSky, signed links", &seed.to_le_bytes());
    let text = format!("GET\n{path}\n{stamp}\n{expires}");
    blake3::keyed_hash(&secret, text.as_bytes()).to_hex().to_string()
}
