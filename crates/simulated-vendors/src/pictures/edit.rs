//! An edit: what was sent in, in the light of what was asked for.

#![expect(clippy::float_arithmetic, reason = "coordinates and brightness, never money")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "coordinates of a picture are small and clamped"
)]

use image::RgbImage;

use super::{
    canvas::{Canvas, Rgb},
    noise::{Dice, Noise, step},
    palette::Palette,
};

pub(crate) fn paint(canvas: &mut Canvas, colours: &Palette, dice: &mut Dice, sources: &[RgbImage]) {
    let (width, height) = canvas.extent();
    let aspect = width / height;
    let drift = Noise::new(dice.next());
    let light = (dice.between(0.1, 0.9), dice.between(-0.25, -0.1));
    let [first, .., last] = sources else {
        if let [only] = sources {
            canvas.paint(|u, v, _| tint(colours, sample(only, u, v, aspect), v));
            glow(canvas, colours, &drift, light);
        }
        return;
    };
    canvas.paint(|u, v, _| {
        // The seam between two sources leans and wavers, so that both are seen to be there.
        let seam = 0.5 + (v - 0.5) * -0.35 + (drift.fractal(u * 3.0, v * 3.0, 3) - 0.5) * 0.25;
        let share = step(seam - 0.06, seam + 0.06, u);
        let both = sample(first, u, v, aspect).mix(sample(last, u, v, aspect), share);
        tint(colours, both, v)
    });
    glow(canvas, colours, &drift, light);
}

/// The source's shadows and lights, pulled towards the palette's.
fn tint(colours: &Palette, pixel: Rgb, v: f32) -> Rgb {
    let bright = pixel.brightness();
    let graded = if bright < 0.5 {
        colours.near.mix(colours.far, bright * 2.0)
    } else {
        colours.far.mix(colours.light, bright * 2.0 - 1.0)
    };
    pixel.mix(graded, 0.34).mix(colours.sky_at(v), 0.08)
}

fn glow(canvas: &mut Canvas, colours: &Palette, drift: &Noise, light: (f32, f32)) {
    canvas.paint(|u, v, pixel| {
        let (x, y) = (u - light.0, v - light.1);
        let distance = (x * x + y * y).sqrt();
        // Beams are noise around a circle: by angle alone there would be a seam where the angle starts anew.
        let beam = drift.fractal(x / distance * 5.0, y / distance * 5.0, 3);
        pixel.plus(colours.light, (beam - 0.2).max(0.0) * (-distance * 1.6).exp() * 0.6)
    });
}

/// The source fills the canvas, cut off evenly where the proportions differ; bilinear.
fn sample(source: &RgbImage, u: f32, v: f32, aspect: f32) -> Rgb {
    let (width, height) = (source.width() as f32, source.height() as f32);
    let own = width / height;
    let (across, down) = if own > aspect { (aspect / own, 1.0) } else { (1.0, own / aspect) };
    let x = ((0.5 + (u - 0.5) * across) * width - 0.5).clamp(0.0, width - 1.0);
    let y = ((0.5 + (v - 0.5) * down) * height - 0.5).clamp(0.0, height - 1.0);
    let at = |dx: u32, dy: u32| {
        let (x, y) = (x as u32 + dx, y as u32 + dy);
        let pixel = source.get_pixel(x.min(source.width() - 1), y.min(source.height() - 1));
        Rgb(pixel.0.map(|channel| f32::from(channel) / 255.0))
    };
    let (s, t) = (x.fract(), y.fract());
    at(0, 0).mix(at(1, 0), s).mix(at(0, 1).mix(at(1, 1), s), t)
}
