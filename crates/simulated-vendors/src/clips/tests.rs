//! A clip is what its script says, every time. What the bits show is for a decoder to tell; here the file's own index
//! is read, and the stream is followed as far as its units go.

use super::{
    Script,
    h264::{Encoder, Mosaic},
    make,
};

fn script(width: u32, height: u32, frames: u32) -> Script {
    Script {
        seed: 7,
        prompt: "A lighthouse by the sea at sunset".to_owned(),
        signature: "ZSky AI".to_owned(),
        width,
        height,
        frames,
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// The boxes one after the other: kind and content.
fn boxes(mut bytes: &[u8]) -> Vec<([u8; 4], &[u8])> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let length = usize::try_from(word(bytes, 0)).unwrap();
        found.push((bytes[4..8].try_into().unwrap(), &bytes[8..length]));
        bytes = &bytes[length..];
    }
    found
}

fn inside<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> &'a [u8] {
    path.iter().fold(bytes, |bytes, kind| {
        boxes(bytes).into_iter().find(|(found, _)| found == *kind).unwrap().1
    })
}

/// The samples of a track, by its own table.
fn samples<'a>(file: &'a [u8], track: &[u8]) -> Vec<&'a [u8]> {
    let table = inside(track, &[b"mdia", b"minf", b"stbl"]);
    let sizes = inside(table, &[b"stsz"]);
    let mut at = usize::try_from(word(inside(table, &[b"stco"]), 8)).unwrap();
    let count = usize::try_from(word(sizes, 8)).unwrap();
    let mut take = |number| {
        let size = usize::try_from(word(sizes, 12 + 4 * number)).unwrap();
        at += size;
        &file[at - size..at]
    };
    (0..count).map(&mut take).collect()
}

#[test]
fn the_index_tells_what_was_asked_and_leads_to_every_sample() {
    for (width, height, frames) in [(1280, 720, 121), (256, 256, 25), (300, 2560, 49)] {
        let file = make(&script(width, height, frames));
        let kinds: Vec<_> = boxes(&file).iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [*b"ftyp", *b"moov", *b"mdat"], "the index comes before the data");
        let movie = inside(&file, &[b"moov"]);
        let header = inside(movie, &[b"mvhd"]);
        assert_eq!((word(header, 12), word(header, 16)), (24_000, frames * 1000));
        let tracks: Vec<_> =
            boxes(movie).into_iter().filter(|(kind, _)| kind == b"trak").map(|(_, t)| t).collect();
        let size = inside(tracks[0], &[b"tkhd"]);
        assert_eq!((word(size, 76) >> 16, word(size, 80) >> 16), (width, height));
        let pictures = samples(&file, tracks[0]);
        assert_eq!(pictures.len(), usize::try_from(frames).unwrap());
        for (number, picture) in pictures.iter().enumerate() {
            assert_eq!(usize::try_from(word(picture, 0)).unwrap() + 4, picture.len());
            assert_eq!(picture[4], if number % 48 == 0 { 0x65 } else { 0x41 });
            assert!(!picture[5..].windows(3).any(|bytes| bytes[..2] == [0, 0] && bytes[2] < 3));
        }
        let sound = samples(&file, tracks[1]);
        assert!(sound.iter().all(|frame| frame[..2] == [0xFF, 0xF8]));
        let end = sound.last().unwrap().as_ptr_range().end;
        assert_eq!(end, file.as_ptr_range().end, "the last sample ends the file");
        let times = inside(tracks[1], &[b"mdia", b"minf", b"stbl", b"stts"]);
        let runs = (0..usize::try_from(word(times, 4)).unwrap()).map(|run| 8 + 8 * run);
        let heard: u32 = runs.map(|at| word(times, at) * word(times, at + 4)).sum();
        assert_eq!(heard, frames * 1000, "the sound is as long as the picture");
    }
}

#[test]
fn a_clip_is_made_again_the_same_moves_and_is_small() {
    let first = make(&script(1280, 720, 121));
    assert_eq!(first, make(&script(1280, 720, 121)));
    assert_ne!(first, make(&Script { seed: 8, ..script(1280, 720, 121) }));
    assert!((50_000..700_000).contains(&first.len()), "{}", first.len());
    let movie = inside(&first, &[b"moov"]);
    let pictures = samples(&first, inside(movie, &[b"trak"]));
    assert!(pictures.iter().all(|picture| picture.len() > 100), "every frame brings something new");
    let odd = make(&script(257, 301, 25));
    let size = inside(inside(&odd, &[b"moov", b"trak"]), &[b"tkhd"]);
    assert_eq!((word(size, 76) >> 16, word(size, 80) >> 16), (256, 300));
}

#[test]
fn what_did_not_change_is_not_sent_again() {
    let mut frame = Mosaic::grey(640, 480);
    let mut encoder = Encoder::new(640, 480);
    let key = encoder.encode(frame.clone(), true);
    let same = encoder.encode(frame.clone(), false);
    assert!(same.len() < 20 && key.len() > 1000, "{} after {}", same.len(), key.len());
    frame.luma[0] = 200;
    assert!(encoder.encode(frame, false).len() > same.len());
}
