//! Money is an integer of micro-US-dollars: vendors' prices go below a cent, and floats drift.

use std::{fmt, iter::Sum, ops, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An amount in micro-US-dollars (`1_000_000` is one dollar). May be negative in a ledger.
///
/// Arithmetic saturates: at nine trillion dollars there are other problems than a wrapped sum.
/// Outside it is a decimal string with six places, `"0.026700"`; in a form that no human reads the number of
/// micro-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MicroUsd(i64);

/// Why a text is not an amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal amount in US dollars")]
pub struct ParseMoneyError;

impl MicroUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// That many millionths of a US dollar.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Millionths of a US dollar.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This amount `count` times.
    pub const fn times(self, count: i64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// Whether there is anything here.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl FromStr for MicroUsd {
    type Err = ParseMoneyError;

    /// Reads a decimal such as `9.9733`, `-0.5` or `2.6e-2`; digits past the sixth place round
    /// away from zero, because a bound that is cut off is no bound.
    fn from_str(text: &str) -> Result<Self, ParseMoneyError> {
        let text = text.trim();
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exp)) => (mantissa, exp.parse::<i32>().map_err(|_| ParseMoneyError)?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(ParseMoneyError);
        }
        let mut digits = String::with_capacity(whole.len() + fraction.len());
        digits.push_str(whole);
        digits.push_str(fraction);
        if !digits.bytes().all(|b| b.is_ascii_digit()) || digits.len() > 30 {
            return Err(ParseMoneyError);
        }
        let places = i32::try_from(fraction.len()).map_err(|_| ParseMoneyError)?;
        let value: i128 = digits.parse().map_err(|_| ParseMoneyError)?;
        let shift = 6_i32.checked_sub(places).and_then(|s| s.checked_add(exponent));
        let micros = scale(value, shift.ok_or(ParseMoneyError)?)?;
        let micros = i64::try_from(micros).map_err(|_| ParseMoneyError)?;
        Ok(Self(if negative { -micros } else { micros }))
    }
}

/// `value * 10^shift`, rounding up when the shift is negative.
fn scale(value: i128, shift: i32) -> Result<i128, ParseMoneyError> {
    let power = 10_i128.checked_pow(shift.unsigned_abs()).filter(|_| shift.unsigned_abs() <= 30);
    match (power, shift >= 0) {
        (Some(power), true) => value.checked_mul(power).ok_or(ParseMoneyError),
        (Some(power), false) => Ok(value / power + i128::from(value % power != 0)),
        (None, _) if value == 0 => Ok(0),
        (None, _) => Err(ParseMoneyError),
    }
}

impl fmt::Display for MicroUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let micros = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
    }
}

impl Serialize for MicroUsd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return serializer.serialize_i64(self.0);
        }
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MicroUsd {
    /// Takes a decimal string or a JSON number: vendors send both.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return i64::deserialize(deserializer).map(Self);
        }
        deserializer.deserialize_any(Amount)
    }
}

struct Amount;

impl de::Visitor<'_> for Amount {
    type Value = MicroUsd;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount of money, as a number or a decimal text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<MicroUsd, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<MicroUsd, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<MicroUsd, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<MicroUsd, E> {
        self.visit_str(&number.to_string())
    }
}

impl ops::Add for MicroUsd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl ops::AddAssign for MicroUsd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl ops::Sub for MicroUsd {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl ops::Neg for MicroUsd {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl Sum for MicroUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, ops::Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_vendors_write() {
        for (text, micros) in [
            ("0.0267", 26_700),
            ("9.9733", 9_973_300),
            ("0.026", 26_000),
            ("5", 5_000_000),
            ("-0.5", -500_000),
            ("2.6e-2", 26_000),
            ("1E2", 100_000_000),
            (".5", 500_000),
            ("0.0000001", 1),
            ("0e-99", 0),
        ] {
            assert_eq!(text.parse(), Ok(MicroUsd(micros)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_money() {
        for text in
            ["", ".", "-", "1,5", "0x9", "NaN", "1e99", "9999999999999999999", "1.2.3", "$1"]
        {
            assert_eq!(text.parse::<MicroUsd>(), Err(ParseMoneyError), "{text}");
        }
    }

    #[test]
    fn json_numbers_and_strings_are_the_same_money() {
        let both: Vec<MicroUsd> = serde_json::from_str(r#"[0.026, "0.0260"]"#).unwrap();
        assert_eq!(both, [MicroUsd(26_000), MicroUsd(26_000)]);
        assert_eq!(serde_json::to_string(&MicroUsd(-26_700)).unwrap(), "\"-0.026700\"");
    }
}
