//! Money: whole micro-dollars, so that the books can be compared to the last digit.

use std::{fmt, ops::AddAssign};

use serde::{Deserialize, Serialize};

/// Micro-dollars.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Micros(pub u64);

impl Micros {
    /// Dollars with at least `places` decimals, and as many more (up to six) as exactness needs.
    pub fn dollars(self, places: usize) -> String {
        let mut fraction = format!("{:06}", self.0 % 1_000_000);
        while fraction.len() > places && fraction.ends_with('0') {
            fraction.pop();
        }
        let whole = self.0 / 1_000_000;
        if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl AddAssign for Micros {
    fn add_assign(&mut self, other: Self) {
        *self = self.plus(other);
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}", self.dollars(2))
    }
}

#[cfg(test)]
mod tests {
    use super::Micros;

    #[test]
    fn decimals_are_exact_and_at_least_as_many_as_asked() {
        assert_eq!(Micros(26_700).dollars(4), "0.0267");
        assert_eq!(Micros(26_713).dollars(4), "0.026713");
        assert_eq!(Micros(10_000_000).dollars(4), "10.0000");
        assert_eq!(Micros(26_000).dollars(0), "0.026");
        assert_eq!(Micros(3_000_000).dollars(0), "3");
    }
}
