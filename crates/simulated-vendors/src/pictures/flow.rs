//! Threads of light that follow a field of wind.

#![expect(clippy::float_arithmetic, reason = "coordinates and brightness, never money")]

use super::{
    canvas::Canvas,
    noise::{Dice, Noise, step},
    palette::Palette,
};

pub(crate) fn paint(canvas: &mut Canvas, colours: &Palette, dice: &mut Dice) {
    let (width, height) = canvas.extent();
    let clouds = Noise::new(dice.next());
    let deep = colours.near.mix(colours.sky[0], 0.35);
    canvas.paint(|u, v, _| {
        let cloud = clouds.fractal(u * 2.2, v * 2.2, 4);
        deep.scale(0.75).mix(colours.sky[1], step(0.42, 0.8, cloud) * 0.45)
    });
    let field = Noise::new(dice.next());
    let (swirl, zoom) = (dice.between(1.1, 2.2), dice.between(1.3, 2.4));
    let eye = (dice.between(0.3, 0.7), dice.between(0.25, 0.6));
    for thread in 0..1500 {
        let (mut u, mut v) = (dice.unit() * 1.2 - 0.1, dice.unit() * 1.2 - 0.1);
        let colour = match thread % 5 {
            0 => colours.light,
            number => colours.accent(number + dice.below(2)),
        };
        let light = dice.between(0.08, 0.34) * 1024.0 / (width.max(height) + 400.0);
        let steps = 90 + dice.below(170);
        let pace = 1.0 / width.max(height);
        for number in 0..steps {
            let bend = field.fractal(u * zoom, v * zoom, 2) * std::f32::consts::TAU * swirl;
            let (x, y) = (u - eye.0, v - eye.1);
            // Around the eye the wind turns in circles; directions are blended as arrows, for angles have a seam.
            let far = (x * x + y * y).sqrt().max(0.001);
            let pull = (-far * far * 9.0).exp();
            let along = (1.0 - pull) * bend.cos() - pull * y / far;
            let across = (1.0 - pull) * bend.sin() + pull * x / far;
            let speed = (along * along + across * across).sqrt().max(0.05);
            u += along / speed * pace;
            v += across / speed * pace;
            // A thread swells and thins out, so that none has an end.
            let progress = short(number) / short(steps);
            let swell = (progress * std::f32::consts::PI).sin();
            canvas.shine(u * width, v * height, colour, light * swell);
        }
    }
}

fn short(number: usize) -> f32 {
    f32::from(u16::try_from(number).unwrap_or(u16::MAX))
}
