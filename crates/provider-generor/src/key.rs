//! The name under which an estimate is remembered.

/// The names of what determines a price, hashed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(pub(crate) [u8; 16]);

impl Key {
    /// As text, in what is wanted and what is kept.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut key = [0; 16];
        let digits = text.as_bytes().chunks_exact(2);
        if text.len() != 32 {
            return None;
        }
        for (byte, digits) in key.iter_mut().zip(digits) {
            *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(key))
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written() {
        let key = Key([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 254, 255]);
        assert_eq!(key.to_string(), "000102030405060708090a0b0c0d feff".replace(' ', ""));
        assert_eq!(Key::parse(&key.to_string()), Some(key));
        for bad in ["", "00", "zz0102030405060708090a0b0c0dfeff", "é00102030405060708090a0b0c0dfef"]
        {
            assert_eq!(Key::parse(bad), None, "{bad}");
        }
    }
}
