//! Bits, most significant first, as both codecs write them.

#[derive(Debug, Default)]
pub(crate) struct Bits {
    bytes: Vec<u8>,
    pending: u64,
    count: u32,
}

impl Bits {
    /// The lowest `count` bits of `value`, at most 32 of them.
    pub(crate) fn put(&mut self, value: u32, count: u32) {
        let mask = (1_u64 << count) - 1;
        self.pending = (self.pending << count) | (u64::from(value) & mask);
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let [.., byte] = (self.pending >> self.count).to_be_bytes();
            self.bytes.push(byte);
        }
        self.pending &= (1 << self.count) - 1;
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.put(u32::from(flag), 1);
    }

    /// So many zeros, then a one.
    pub(crate) fn unary(&mut self, mut zeros: u32) {
        while zeros > 24 {
            self.put(0, 24);
            zeros -= 24;
        }
        self.put(1, zeros + 1);
    }

    /// Exponential Golomb code of a number.
    pub(crate) fn golomb(&mut self, number: u32) {
        let shifted = number + 1;
        let length = 32 - shifted.leading_zeros();
        self.put(0, length - 1);
        self.put(shifted, length);
    }

    /// The same, of a number with a sign.
    pub(crate) fn signed_golomb(&mut self, number: i32) {
        let doubled = number.unsigned_abs() * 2;
        self.golomb(if number > 0 { doubled - 1 } else { doubled });
    }

    /// Fills the last byte with zeros.
    pub(crate) fn align(&mut self) {
        if self.count > 0 {
            self.put(0, 8 - self.count);
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Of whole bytes only: [`Self::align`] comes before this.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
