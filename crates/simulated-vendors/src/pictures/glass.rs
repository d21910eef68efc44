//! Stained glass: panes between leads, the light behind one of them.

#![expect(clippy::float_arithmetic, reason = "coordinates and brightness, never money")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a pane's place in the grid is small"
)]

use super::{
    canvas::{Canvas, Rgb},
    noise::{Dice, Noise, mix, step},
    palette::Palette,
};

pub(crate) fn paint(canvas: &mut Canvas, colours: &Palette, dice: &mut Dice) {
    let (width, height) = canvas.extent();
    let aspect = width / height;
    let panes = dice.between(7.0, 12.0);
    let seed = dice.next();
    let light = (dice.between(0.25, 0.75), dice.between(0.2, 0.5));
    let streaks = Noise::new(dice.next());
    let lead = dice.between(0.05, 0.085);
    canvas.paint(|u, v, _| {
        let place = (u * aspect * panes, v * panes);
        let (pane, edge, centre) = nearest(seed, place);
        let (x, y) = (u * aspect - light.0 * aspect, v - light.1);
        let distance = (x * x + y * y).sqrt();
        let colour = glass(colours, pane, centre.1 / panes);
        let streak = streaks.fractal(u * 30.0 + v * 6.0, v * 9.0, 3) - 0.5;
        let bevel = step(lead, lead + 0.22, edge);
        let mut pixel = colour.scale(0.48 + 0.36 * bevel + streak * 0.4);
        pixel = pixel.plus(colours.light, 0.42 * (-distance * 3.6).exp() * (0.6 + 0.4 * bevel));
        let ray = ((y.atan2(x) * 7.0).sin() * 0.5 + 0.5) * (-distance * 2.2).exp();
        pixel = pixel.plus(colours.light, ray * 0.12);
        pixel.mix(Rgb::hex(0x0D_0C_12), 1.0 - step(lead * 0.55, lead, edge))
    });
}

/// The pane that a place lies in, how far it is from the pane's edge, and the pane's centre.
fn nearest(seed: u64, place: (f32, f32)) -> (u64, f32, (f32, f32)) {
    let (column, row) = (place.0.floor() as i32, place.1.floor() as i32);
    let mut first = (f32::MAX, 0, (0.0, 0.0));
    let mut second = first;
    for dy in -1..=1 {
        for dx in -1..=1 {
            let (x, y) = (column + dx, row + dy);
            let random = mix(seed ^ u64::from(x as u32) ^ (u64::from(y as u32) << 32));
            let mut shift = Dice::new(random);
            let centre = (
                f32::from(x as i16) + shift.between(0.08, 0.92),
                f32::from(y as i16) + shift.between(0.08, 0.92),
            );
            let (a, b) = (centre.0 - place.0, centre.1 - place.1);
            let distance = a * a + b * b;
            if distance < first.0 {
                second = first;
                first = (distance, random, centre);
            } else if distance < second.0 {
                second = (distance, random, centre);
            }
        }
    }
    (first.1, second.0.sqrt() - first.0.sqrt(), first.2)
}

fn glass(colours: &Palette, pane: u64, height: f32) -> Rgb {
    let mut dice = Dice::new(pane);
    let ground = if height < 0.62 {
        colours.sky_at(height / 0.62)
    } else {
        colours.far.mix(colours.near, (height - 0.62) * 1.6)
    };
    let accent = colours.accent(dice.below(3));
    ground.mix(accent, if dice.chance(0.3) { 0.75 } else { 0.12 }).scale(dice.between(0.8, 1.2))
}
