//! Open water under a low light: the sky again, upside down and broken by waves.

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
    noise::{Dice, Noise, step},
    palette::Palette,
};

pub(crate) fn paint(canvas: &mut Canvas, colours: &Palette, dice: &mut Dice) {
    let horizon = dice.between(0.5, 0.6);
    let sun = (dice.between(0.25, 0.75), horizon - dice.between(0.07, 0.24));
    landscape::sky(canvas, colours, dice, sun, horizon);
    islands(canvas, colours, dice, horizon);
    water(canvas, colours, dice, sun.0, horizon);
    boat(canvas, colours, dice, horizon);
}

fn islands(canvas: &mut Canvas, colours: &Palette, dice: &mut Dice, horizon: f32) {
    let (width, height) = canvas.extent();
    for layer in 0..3_u8 {
        let depth = f32::from(layer) / 2.0;
        let noise = Noise::new(dice.next());
        let colour = colours.far.mix(colours.near, 0.15 + depth * 0.45);
        let rise = dice.between(0.10, 0.2);
        for x in 0..canvas.width {
            let u = x as f32 / width;
            let land = noise.fractal(u * 2.3 + depth * 31.0, 1.0, 6) - 0.47;
            let top = (horizon - land.max(0.0) * rise * 2.6) * height;
            let shore = horizon * height;
            for y in (top.max(0.0) as usize)..=(shore as usize) {
                let haze = ((y as f32 - top) / (shore - top + 1.0)).clamp(0.0, 1.0);
                let lit = colour.mix(colours.sky[2], haze * 0.4 * (1.0 - depth));
                canvas.blend(x, y, lit, y as f32 - top + 1.0);
            }
        }
    }
}

fn water(canvas: &mut Canvas, colours: &Palette, dice: &mut Dice, sun: f32, horizon: f32) {
    let (width, height) = canvas.extent();
    let waves = Noise::new(dice.next());
    let shore = (horizon * height) as usize;
    for y in shore..canvas.height {
        let down = (y - shore) as f32 / (height - shore as f32);
        // Waves are seen ever more from the side with distance: finer and flatter towards the horizon.
        let near = 0.03 + down;
        for x in 0..canvas.width {
            let u = x as f32 / width;
            let place = ((u - 0.5) * 5.0 / near, 26.0 * near.ln());
            let wave = waves.fractal(place.0, place.1, 3) - 0.5;
            let mirror = horizon - down * (horizon * 0.9) + wave * 0.22 * near;
            let from = (u + wave * 0.05 * near).clamp(0.0, 1.0);
            let seen = canvas.get(
                (from * width) as usize,
                (mirror.clamp(0.0, horizon - 0.004) * height) as usize,
            );
            let mut pixel = seen.scale(0.92).mix(colours.near, 0.18 + 0.5 * down);
            pixel = pixel.plus(colours.sky[2], wave * 0.34);
            let path = (-((u - sun) / (0.035 + 0.16 * down)).powi(2)).exp();
            let glint = step(0.06, 0.26, wave) * path;
            pixel = pixel.plus(colours.light, glint * 0.8);
            canvas.blend(x, y, pixel, 1.0);
        }
    }
}

/// A small sail, so that the water has a size.
fn boat(canvas: &mut Canvas, colours: &Palette, dice: &mut Dice, horizon: f32) {
    let (width, height) = canvas.extent();
    let tall = dice.between(0.05, 0.11) * height;
    let (left, foot) =
        (dice.between(0.15, 0.85) * width, (horizon + dice.between(0.03, 0.14)) * height);
    let sail = Rgb::WHITE.mix(colours.accent(0), 0.25);
    for row in 0..tall as usize {
        let up = row as f32;
        let share = 1.0 - up / tall;
        for (side, reach, colour) in [(-1.0, 0.5, sail), (1.0, 0.3, sail.scale(0.8))] {
            let reach = (reach * tall * share) as usize;
            for step in 1..reach {
                let (x, y) = (left + side * step as f32, foot - up - tall * 0.09);
                canvas.blend(x.max(0.0) as usize, y.max(0.0) as usize, colour, 0.95);
                let (y, alpha) = (foot + tall * 0.14 + up * 0.6, 0.22 * share);
                let sway = (up * 0.7).sin() * tall * 0.03;
                canvas.blend((x + sway).max(0.0) as usize, y as usize, colour, alpha);
            }
        }
    }
    let hull = (tall * 0.1).max(2.0);
    for row in 0..hull as usize {
        let half = tall * (0.5 - 0.16 * row as f32 / hull);
        for x in (left - half).max(0.0) as usize..(left + half).max(0.0) as usize {
            canvas.blend(x, (foot - tall * 0.07) as usize + row, colours.near, 1.0);
        }
    }
}
