//! Rows of towers with lit windows, the farther the paler, over wet streets.

#![expect(clippy::float_arithmetic, reason = "coordinates and brightness, never money")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "coordinates of a picture are small and clamped"
)]

use super::{
    canvas::{Canvas, Rgb},
    landscape,
    noise::{Dice, Noise, lerp, mix},
    palette::Palette,
};

const GROUND: f32 = 0.80;

pub(crate) fn paint(canvas: &mut Canvas, colours: &Palette, dice: &mut Dice) {
    let sun = (dice.between(0.2, 0.8), dice.between(0.15, 0.4));
    landscape::sky(canvas, colours, dice, sun, GROUND);
    for row in 0..4_u8 {
        let depth = f32::from(row) / 3.0;
        towers(canvas, colours, dice, depth);
        haze(canvas, colours, depth);
    }
    street(canvas, colours, dice);
}

struct Tower {
    left: f32,
    right: f32,
    top: f32,
    body: Rgb,
    seed: u64,
    /// Share of windows with somebody at home.
    lit: f32,
    accent: Rgb,
}

fn towers(canvas: &mut Canvas, colours: &Palette, dice: &mut Dice, depth: f32) {
    let (width, height) = canvas.extent();
    let aspect = width / height;
    let mut left = -0.05_f32;
    while left < 1.02 {
        let wide = lerp(0.035, 0.085, depth) * dice.between(0.6, 1.5) / aspect;
        let centre = 1.0 - (left - 0.5).abs() * 1.1;
        let tall = lerp(0.36, 0.3, depth) * dice.between(0.35, 1.25) * centre;
        let shade = colours.far.mix(colours.near, 0.25 + 0.7 * depth);
        let tower = Tower {
            left: left * width,
            right: (left + wide) * width,
            top: (GROUND - tall) * height,
            body: shade.mix(colours.sky[1], dice.between(0.0, 0.15)),
            seed: dice.next(),
            lit: if colours.night { dice.between(0.25, 0.6) } else { dice.between(0.06, 0.25) },
            accent: colours.accent(dice.below(3)),
        };
        raise(canvas, colours, &tower, depth);
        if dice.chance(0.35) {
            antenna(canvas, &tower, height * dice.between(0.02, 0.07));
        }
        left += wide + dice.between(-0.01, 0.02) / aspect;
    }
}

fn raise(canvas: &mut Canvas, colours: &Palette, tower: &Tower, depth: f32) {
    let (_, height) = canvas.extent();
    let cell = (height * lerp(0.0085, 0.017, depth)).max(3.0);
    let ground = (GROUND * height) as usize;
    for y in tower.top.max(0.0) as usize..ground {
        let floor = ((y as f32 - tower.top) / cell) as u64;
        let in_floor = ((y as f32 - tower.top) / cell).fract();
        let sunk = (y as f32 - tower.top) / (GROUND * height - tower.top);
        for x in tower.left.max(0.0) as usize..tower.right.max(0.0) as usize {
            let across = (x as f32 - tower.left) / (tower.right - tower.left);
            let mut pixel = tower.body.scale(1.12 - 0.35 * across);
            let column = (x as f32 - tower.left) / (cell * 0.8);
            let pane = (0.22..0.78).contains(&in_floor) && (0.25..0.8).contains(&column.fract());
            let random = mix(tower.seed ^ (floor << 20) ^ column as u64);
            let home = (random % 1000) as f32 / 1000.0 < tower.lit && floor > 0;
            if pane && home {
                let lamp = if random & 0x7000 == 0 { tower.accent } else { colours.light };
                let glow = 0.35 + 0.6 * ((random >> 20) % 100) as f32 / 100.0;
                pixel = pixel.mix(lamp, glow * lerp(0.5, 1.0, depth));
            } else if pane {
                pixel = pixel.mix(colours.sky[1], 0.12);
            }
            canvas.blend(x, y, pixel.mix(colours.sky[2], sunk * 0.25 * (1.0 - depth)), 1.0);
        }
    }
}

fn antenna(canvas: &mut Canvas, tower: &Tower, tall: f32) {
    let x = (f32::midpoint(tower.left, tower.right)).max(0.0);
    for y in (tower.top - tall).max(0.0) as usize..tower.top.max(0.0) as usize {
        canvas.blend(x as usize, y, tower.body.scale(0.8), 0.9);
    }
    for _ in 0..3 {
        canvas.shine(x, (tower.top - tall).max(0.0), tower.accent, 0.9);
    }
}

fn haze(canvas: &mut Canvas, colours: &Palette, depth: f32) {
    let strength = 0.34 * (1.0 - depth);
    canvas.paint(|_, v, pixel| {
        let low = ((v - 0.42) / (GROUND - 0.42)).clamp(0.0, 1.0);
        pixel.mix(colours.sky[2], low * low * strength)
    });
}

/// The ground mirrors the towers, smeared downwards as wet asphalt does.
fn street(canvas: &mut Canvas, colours: &Palette, dice: &mut Dice) {
    let (width, height) = canvas.extent();
    let ripples = Noise::new(dice.next());
    let ground = (GROUND * height) as usize;
    for y in ground..canvas.height {
        let down = (y - ground) as f32 / (height * (1.0 - GROUND));
        for x in 0..canvas.width {
            let u = x as f32 / width;
            let ripple = ripples.fractal(u * 40.0, (0.1 + down).ln() * 14.0, 2) - 0.5;
            let from_y = (GROUND - down * 0.3 + ripple * 0.05) * height;
            let from_x = (u + ripple * 0.012) * width;
            let seen = canvas.get(from_x.max(0.0) as usize, (from_y as usize).min(ground - 1));
            let pixel = seen.scale(0.85).mix(colours.near, 0.3 + 0.45 * down);
            canvas.blend(x, y, pixel, 1.0);
        }
    }
}
