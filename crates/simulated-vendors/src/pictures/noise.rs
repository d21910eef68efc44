//! Randomness that is the same on every machine and in every version: a picture is drawn again from its seed years
//! later, which the generators of `rand` do not promise.

#![expect(clippy::float_arithmetic, reason = "coordinates and brightness, never money")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "coordinates of a picture are far inside every integer's range"
)]

/// One step of splitmix64: a good hash of a number.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// In `0.0..1.0`.
    pub(crate) fn unit(&mut self) -> f32 {
        unit(self.next())
    }

    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(1).max(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    pub(crate) fn chance(&mut self, of_one: f32) -> bool {
        self.unit() < of_one
    }
}

fn unit(random: u64) -> f32 {
    // 24 bits are what an f32 holds exactly.
    f32::from_bits(0x3F80_0000 | ((random >> 41) as u32)) - 1.0
}

/// Smooth value noise and its sums.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noise(u32);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self((mix(seed) >> 32) as u32)
    }

    fn at(self, x: i32, y: i32) -> f32 {
        let mut hash = self.0 ^ (x as u32).wrapping_mul(0x85EB_CA6B);
        hash ^= (y as u32).wrapping_mul(0xC2B2_AE35).rotate_left(15);
        hash = (hash ^ (hash >> 16)).wrapping_mul(0x7FEB_352D);
        hash = (hash ^ (hash >> 15)).wrapping_mul(0x846C_A68B);
        f32::from_bits(0x3F80_0000 | ((hash ^ (hash >> 16)) >> 9)) - 1.0
    }

    /// In `0.0..1.0`.
    pub(crate) fn value(self, x: f32, y: f32) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        let (u, v) = (smooth(x - left), smooth(y - top));
        let (left, top) = (left as i32, top as i32);
        let (right, bottom) = (left.wrapping_add(1), top.wrapping_add(1));
        let upper = lerp(self.at(left, top), self.at(right, top), u);
        let lower = lerp(self.at(left, bottom), self.at(right, bottom), u);
        lerp(upper, lower, v)
    }

    /// Octaves of noise, each finer and fainter; in `0.0..1.0`, around a half.
    pub(crate) fn fractal(self, x: f32, y: f32, octaves: u32) -> f32 {
        let (mut sum, mut weight, mut whole, mut scale) = (0.0, 0.5, 0.0, 1.0);
        for octave in 0..octaves {
            let layer = Self(self.0.wrapping_add(octave.wrapping_mul(0x9E37_79B9)));
            sum += weight * layer.value(x * scale, y * scale);
            whole += weight;
            weight *= 0.5;
            scale *= 2.03;
        }
        sum / whole
    }
}

pub(crate) fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

fn smooth(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

/// From 0 at `from` to 1 at `to`, smoothly.
pub(crate) fn step(from: f32, to: f32, x: f32) -> f32 {
    smooth(((x - from) / (to - from)).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::{Dice, Noise};

    #[test]
    fn chance_is_even_and_noise_keeps_its_bounds() {
        let mut dice = Dice::new(3);
        let heads = (0..10_000).filter(|_| dice.chance(0.5)).count();
        assert!((4_800..5_200).contains(&heads), "{heads}");
        let noise = Noise::new(3);
        for n in 0..10_000_i16 {
            let x = f32::from(n) * 0.37 - 900.0;
            let value = noise.fractal(x, x * 0.7, 4);
            assert!((0.0..=1.0).contains(&value), "{value}");
        }
    }
}
