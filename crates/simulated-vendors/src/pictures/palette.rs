//! Colours that go together, and the words of a prompt that ask for them.

#![expect(clippy::float_arithmetic, reason = "a gradient's position, never money")]

use super::{canvas::Rgb, noise::Dice};

/// The colours of one picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Palette {
    /// From the zenith to the horizon.
    pub(crate) sky: [Rgb; 3],
    /// Sun, moon or lamp.
    pub(crate) light: Rgb,
    pub(crate) far: Rgb,
    pub(crate) near: Rgb,
    /// What stands out.
    pub(crate) accents: [Rgb; 3],
    pub(crate) night: bool,
}

struct Sheet {
    words: &'static [&'static str],
    sky: [u32; 3],
    light: u32,
    far: u32,
    near: u32,
    accents: [u32; 3],
    night: bool,
}

const SHEETS: [Sheet; 9] = [
    Sheet {
        words: &["sunset", "golden", "evening", "warm", "autumn", "fire"],
        sky: [0x2B_2D_5B, 0xD9_5D_6A, 0xFF_C9_7A],
        light: 0xFF_F1_C9,
        far: 0xC8_6B_74,
        near: 0x1E_14_2E,
        accents: [0xFF_9E_57, 0xF2_5C_78, 0xFF_E0_9A],
        night: false,
    },
    Sheet {
        words: &["night", "midnight", "moon", "star", "space", "galaxy", "dark"],
        sky: [0x06_0B_22, 0x14_2A_5A, 0x4B_62_9C],
        light: 0xF4_F1_DE,
        far: 0x35_4A_82,
        near: 0x05_08_17,
        accents: [0x8E_C5_FF, 0xF7_D0_8A, 0xC3_9B_FF],
        night: true,
    },
    Sheet {
        words: &["neon", "cyber", "futur", "tokyo", "synth"],
        sky: [0x0D_06_26, 0x48_12_6B, 0xE0_3C_8A],
        light: 0xFF_C6_E8,
        far: 0x6B_24_8A,
        near: 0x09_05_1A,
        accents: [0x2D_E2_E6, 0xFF_38_9C, 0xF9_C8_0E],
        night: true,
    },
    Sheet {
        words: &["forest", "garden", "green", "spring", "jungle", "meadow", "leaf"],
        sky: [0x5F_9E_A8, 0xA9_D3_C4, 0xF4_F1_CE],
        light: 0xFF_FB_E0,
        far: 0x8F_BB_A6,
        near: 0x12_2F_28,
        accents: [0x7B_C0_6A, 0xF2_D1_6B, 0x3E_8E_7E],
        night: false,
    },
    Sheet {
        words: &["winter", "snow", "ice", "cold", "frost", "arctic"],
        sky: [0x6D_93_BF, 0xB6_CC_E2, 0xF6_E6_E4],
        light: 0xFF_F8_EE,
        far: 0xC2_D2_E6,
        near: 0x2A_42_63,
        accents: [0xFF_FF_FF, 0x9F_C7_E8, 0xF3_B6_B6],
        night: false,
    },
    Sheet {
        words: &["desert", "sand", "dune", "mars", "canyon", "africa"],
        sky: [0x4E_86_A4, 0xE9_C2_9A, 0xFB_E3_B8],
        light: 0xFF_F4_D6,
        far: 0xDD_A1_72,
        near: 0x5A_2A_22,
        accents: [0xE0_7A_3F, 0xF6_BD_60, 0x84_A5_9D],
        night: false,
    },
    Sheet {
        words: &["dawn", "sunrise", "morning", "mist", "fog", "serene", "pastel"],
        sky: [0x5B_6C_A8, 0xD7_9E_B8, 0xFF_E3_C2],
        light: 0xFF_F6_E4,
        far: 0xB5_98_BC,
        near: 0x25_2A_4E,
        accents: [0xF7_B2_A8, 0x8A_A6_E0, 0xFF_E9_B0],
        night: false,
    },
    Sheet {
        words: &["storm", "rain", "thunder", "noir", "gothic"],
        sky: [0x1C_25_2E, 0x46_58_66, 0xB9_BE_AF],
        light: 0xE9_EC_DF,
        far: 0x66_76_80,
        near: 0x0C_12_17,
        accents: [0x7F_B0_B8, 0xD8_C5_8A, 0x4C_6A_78],
        night: false,
    },
    Sheet {
        words: &["aurora", "magic", "dream", "fantasy", "dragon", "crystal"],
        sky: [0x0B_14_33, 0x1D_6B_6F, 0x9D_E0_B6],
        light: 0xF0_FF_F2,
        far: 0x2F_6F_7D,
        near: 0x06_12_20,
        accents: [0x7C_FF_CB, 0xB0_8C_FF, 0xFF_A8_D8],
        night: true,
    },
];

/// Whether the prompt speaks of one of those words, as a word's beginning.
pub(crate) fn speaks_of(prompt: &str, words: &[&str]) -> bool {
    let mut spoken = prompt.split(|letter: char| !letter.is_alphanumeric());
    spoken.any(|spoken| words.iter().any(|word| spoken.starts_with(word)))
}

/// The palette that a lower-case prompt asks for; a random one when it asks for none.
pub(crate) fn choose(prompt: &str, dice: &mut Dice) -> Palette {
    let asked: Vec<_> = SHEETS.iter().filter(|sheet| speaks_of(prompt, sheet.words)).collect();
    let pool = if asked.is_empty() { SHEETS.iter().collect() } else { asked };
    let place = dice.below(pool.len());
    let sheet = pool.get(place).copied().unwrap_or(&SHEETS[0]);
    Palette {
        sky: sheet.sky.map(Rgb::hex),
        light: Rgb::hex(sheet.light),
        far: Rgb::hex(sheet.far),
        near: Rgb::hex(sheet.near),
        accents: sheet.accents.map(Rgb::hex),
        night: sheet.night,
    }
}

impl Palette {
    /// The sky's colour from the zenith (0) to the horizon (1).
    pub(crate) fn sky_at(&self, height: f32) -> Rgb {
        let [zenith, middle, horizon] = self.sky;
        let t = height.clamp(0.0, 1.0);
        if t < 0.55 { zenith.mix(middle, t / 0.55) } else { middle.mix(horizon, (t - 0.55) / 0.45) }
    }

    pub(crate) fn accent(&self, number: usize) -> Rgb {
        self.accents.get(number % self.accents.len()).copied().unwrap_or(self.light)
    }
}
