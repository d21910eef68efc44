//! Ridges behind ridges under a wide sky, the last one with firs on it.

#![expect(clippy::float_arithmetic, reason = "coordinates and brightness, never money")]
#![expect(clippy::cast_precision_loss, reason = "coordinates of a picture are small")]

use super::{
    canvas::{Canvas, Rgb},
    noise::{Dice, Noise, lerp, step},
    palette::Palette,
};

pub(crate) fn paint(canvas: &mut Canvas, colours: &Palette, dice: &mut Dice) {
    let sun = (dice.between(0.2, 0.8), dice.between(0.16, 0.42));
    sky(canvas, colours, dice, sun, 0.72);
    let ridges = 5 + dice.below(3);
    for ridge in 0..ridges {
        let depth = ridge as f32 / (ridges - 1) as f32;
        paint_ridge(canvas, colours, dice, depth, ridge + 1 == ridges, sun.0);
    }
}

/// Gradient, clouds, stars and the light with its halo. The light stands at `sun`; the horizon at that height.
pub(crate) fn sky(
    canvas: &mut Canvas,
    colours: &Palette,
    dice: &mut Dice,
    sun: (f32, f32),
    horizon: f32,
) {
    let clouds = Noise::new(dice.next());
    let (width, height) = canvas.extent();
    let aspect = width / height;
    let cover = dice.between(0.44, 0.58);
    let radius = if colours.night { dice.between(0.035, 0.06) } else { dice.between(0.05, 0.085) };
    let edge = 1.5 / height;
    canvas.paint(|u, v, _| {
        let (x, y) = ((u - sun.0) * aspect, v - sun.1);
        let distance = (x * x + y * y).sqrt();
        let mut pixel = colours.sky_at(v / horizon);
        pixel = pixel.plus(colours.light, 0.34 * (-distance * 5.0).exp());
        pixel = pixel.mix(colours.light, 1.0 - step(radius - edge, radius + edge, distance));
        let wisps = clouds.fractal(u * aspect * 2.6 + v, v * 9.0 / (0.35 + v), 4);
        let cloud = step(cover, cover + 0.3, wisps) * step(0.0, 0.5, v) * 0.55;
        let lit = colours.light.mix(colours.sky[1], (distance * 1.3).clamp(0.0, 0.85));
        pixel.mix(lit, cloud)
    });
    if colours.night {
        stars(canvas, dice, horizon);
    }
}

fn stars(canvas: &mut Canvas, dice: &mut Dice, horizon: f32) {
    let (width, height) = canvas.extent();
    for _ in 0..420 {
        let (u, v) = (dice.unit(), dice.unit() * dice.unit());
        let (x, y, light) = (u * width, v * height * horizon, dice.between(0.1, 0.8) * (1.0 - v));
        canvas.shine(x, y, Rgb::WHITE, light);
        if dice.chance(0.06) {
            for (dx, dy) in [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0)] {
                canvas.shine(x + dx, y + dy, Rgb::WHITE, light * 0.6);
            }
        }
    }
}

/// One ridge: far ones are pale, soft and high on the canvas; near ones dark, rough and low.
fn paint_ridge(
    canvas: &mut Canvas,
    colours: &Palette,
    dice: &mut Dice,
    depth: f32,
    firs: bool,
    sun: f32,
) {
    let noise = Noise::new(dice.next());
    let (width, height) = canvas.extent();
    let base = lerp(0.52, 0.86, depth) + dice.between(-0.02, 0.02);
    let rise = lerp(0.24, 0.13, depth);
    let frequency = lerp(2.2, 3.4, depth) * width / height;
    let colour = colours.far.mix(colours.near, depth.powf(0.8));
    let mist = colours.sky_at(1.0).mix(colours.far, 0.25 + 0.5 * depth);
    let trees = Noise::new(dice.next());
    for x in 0..canvas.width {
        let u = x as f32 / width;
        let shape = noise.fractal(u * frequency, depth * 7.0, 6);
        let ridged = 1.0 - (2.0 * noise.fractal(u * frequency * 1.6 + 9.0, 3.0, 4) - 1.0).abs();
        let mut top = base - rise * (0.62 * shape + 0.38 * ridged * (1.0 - depth));
        if firs {
            top -= fir(&trees, u * width / height) * 0.075;
        }
        let glow = (-(u - sun) * (u - sun) * 14.0).exp() * (1.0 - depth) * 0.5;
        let crest = colour.mix(colours.light, glow);
        let first = top * height;
        for y in 0..canvas.height {
            let under = y as f32 - first;
            if under <= -1.0 {
                continue;
            }
            let fall = (under / height / (0.20 + 0.12 * depth)).clamp(0.0, 1.0);
            let shade = noise.value(u * frequency * 14.0, y as f32 / height * 24.0) - 0.5;
            let lit = crest.mix(mist, fall * fall * 0.75 * (1.0 - depth * 0.85));
            let lit = lit.plus(colours.light, shade * 0.05 * (1.0 - fall));
            canvas.blend(x, y, lit, under + 1.0);
        }
    }
}

/// The outline of a row of firs: narrow, jagged triangles of uneven height.
fn fir(noise: &Noise, u: f32) -> f32 {
    let mut tallest = 0.0_f32;
    for (spacing, offset) in [(34.0, 0.0), (21.0, 0.37)] {
        let place = u * spacing + offset;
        let tree = place.floor();
        let tall = 0.25 + 0.75 * noise.value(tree * 7.3, offset * 50.0);
        let stands = noise.fractal(tree * 0.21, 5.0, 2) > 0.4;
        let across = ((place - tree) * 2.0 - 1.0).abs();
        let branches = 0.12 * (((1.0 - across) * 17.0).fract() - 0.5);
        if stands {
            tallest = tallest.max(tall * (1.0 - across * 1.7 + branches).max(0.0));
        }
    }
    tallest
}
