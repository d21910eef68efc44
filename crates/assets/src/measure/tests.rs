//! Headers made by hand, whole, cut and hostile.

use proptest::prelude::*;

use super::*;

fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 8).unwrap();
    [&length.to_be_bytes(), name.as_slice(), content].concat()
}

fn long_boxed(name: &[u8; 4], length: u64, content: &[u8]) -> Vec<u8> {
    [&1_u32.to_be_bytes(), name.as_slice(), &length.to_be_bytes(), content].concat()
}

fn ftyp() -> Vec<u8> {
    boxed(b"ftyp", b"isom\0\0\x02\0isommp42")
}

fn mvhd(per_second: u32, duration: u32) -> Vec<u8> {
    let times = [[0; 4], [0; 4], [0; 4], per_second.to_be_bytes(), duration.to_be_bytes()];
    boxed(b"mvhd", &[times.concat(), vec![0; 80]].concat())
}

fn long_mvhd(per_second: u32, duration: u64) -> Vec<u8> {
    let times = [&[1, 0, 0, 0][..], &[0; 16], &per_second.to_be_bytes(), &duration.to_be_bytes()];
    boxed(b"mvhd", &[times.concat(), vec![0; 80]].concat())
}

fn tkhd(version: u8, width: u16, height: u16, turned: bool) -> Vec<u8> {
    let before = if version == 0 { 39 } else { 51 };
    let (straight, across) = if turned { (0_u32, 1_u32 << 16) } else { (1 << 16, 0) };
    let matrix = [straight, across, 0, across, straight, 0, 0, 0, 1 << 30];
    let sides = [u32::from(width) << 16, u32::from(height) << 16];
    let numbers: Vec<u8> = matrix.into_iter().chain(sides).flat_map(u32::to_be_bytes).collect();
    boxed(b"tkhd", &[vec![version], vec![0; before], numbers].concat())
}

fn trak(tkhd: &[u8]) -> Vec<u8> {
    boxed(b"trak", &[tkhd, &boxed(b"mdia", &[7; 300])].concat())
}

fn moov() -> Vec<u8> {
    let sound = trak(&tkhd(0, 0, 0, false));
    let picture = trak(&tkhd(0, 1280, 720, false));
    boxed(b"moov", &[mvhd(600, 3025), boxed(b"udta", b"abc"), sound, picture].concat())
}

fn walk(file: &[u8], piece: usize) -> Measured {
    let mut walker = Mp4::default();
    file.chunks(piece).for_each(|piece| walker.feed(piece));
    walker.finish()
}

const CLIP: Measured = Measured { size: Some((1280, 720)), millis: Some(5041) };
const UNKNOWN: Measured = Measured { size: None, millis: None };

#[test]
fn a_movie_is_measured_wherever_its_header_is() {
    let pictures = boxed(b"mdat", &[9; 5000]);
    let endless = [&0_u32.to_be_bytes(), b"mdat".as_slice(), &[9; 500]].concat();
    let long = long_boxed(b"mdat", 5016, &[9; 5000]);
    for file in [
        [ftyp(), moov(), pictures.clone()].concat(),
        [ftyp(), pictures, moov()].concat(),
        [ftyp(), long, moov(), boxed(b"free", b"")].concat(),
        [ftyp(), moov(), endless].concat(),
        // A header that goes to the end of the file.
        [ftyp(), vec![0; 4], moov()[4..].to_vec()].concat(),
    ] {
        for piece in [1, 2, 7, 100, 5000, 100_000] {
            assert_eq!(walk(&file, piece), CLIP, "in pieces of {piece}");
        }
    }
}

#[test]
fn headers_have_versions_and_turns() {
    let file = |mvhd: Vec<u8>, tkhd: Vec<u8>| {
        walk(&[ftyp(), boxed(b"moov", &[mvhd, trak(&tkhd)].concat())].concat(), 64)
    };
    let turned = Measured { size: Some((720, 1280)), millis: Some(2000) };
    assert_eq!(file(long_mvhd(1000, 2000), tkhd(1, 1280, 720, true)), turned);
    let lying = [mvhd(0, 5), mvhd(1, 0), mvhd(1, u32::MAX), long_mvhd(1, u64::MAX - 1)];
    for mvhd in lying {
        assert_eq!(file(mvhd, tkhd(0, 0, 5, false)), UNKNOWN);
    }
    assert_eq!(file(mvhd(1, 1)[..20].to_vec(), Vec::new()), UNKNOWN, "lengths that do not fit");
}

#[test]
fn hostile_movies_are_unknown() {
    let half = moov().len() / 2;
    let nested = (0..5000).fold(moov(), |inner, _| boxed(b"trak", &inner));
    let mut within = moov();
    // The first child claims a byte more than its parent has.
    let claimed = u32::try_from(within.len() - 7).unwrap();
    within[8..12].copy_from_slice(&claimed.to_be_bytes());
    let hostile = [
        long_boxed(b"moov", u64::MAX, &moov()[8..]),
        long_boxed(b"moov", u64::MAX - 40, &moov()[8..]),
        long_boxed(b"moov", u64::MAX / 2, &moov()[8..]),
        long_boxed(b"moov", 15, &moov()[8..]),
        [&7_u32.to_be_bytes(), b"moov".as_slice(), &moov()].concat(),
        [&u32::MAX.to_be_bytes(), &moov()[4..]].concat(),
        moov()[..half].to_vec(),
        boxed(b"moov", &nested),
        boxed(b"moov", &vec![0; 100_000]),
        vec![0; 100_000],
        within,
    ];
    for (number, after) in hostile.iter().enumerate() {
        assert_eq!(walk(&[ftyp(), after.clone()].concat(), 1000), UNKNOWN, "{number}");
    }
    assert_eq!(walk(&moov(), 1000), UNKNOWN, "no MP4 begins so");
    let twice = [ftyp(), moov(), boxed(b"moov", &mvhd(1, 1))].concat();
    assert_eq!(walk(&twice, 1000), CLIP, "the first one holds");
}

fn element(name: &[u8], content: &[u8]) -> Vec<u8> {
    let length = u64::try_from(content.len()).unwrap() | 1 << 56;
    [name, &length.to_be_bytes(), content].concat()
}

fn webm_file(info: &[u8], endless: bool) -> Vec<u8> {
    let video = [element(&[0xb0], &[5, 0]), element(&[0xba], &[2, 0xd0])].concat();
    let sound = element(&[0xae], &element(&[0xd7], &[1]));
    let picture = element(&[0xae], &element(&[0xe0], &video));
    let tracks = element(&[0x16, 0x54, 0xae, 0x6b], &[sound, picture].concat());
    let cluster = [&[0x1f, 0x43, 0xb6, 0x75, 0xff][..], &[3; 400]].concat();
    let inside = [element(&[0x15, 0x49, 0xa9, 0x66], info), tracks, cluster].concat();
    let segment = [0x18, 0x53, 0x80, 0x67];
    let segment = match endless {
        true => [&segment[..], &[1, 255, 255, 255, 255, 255, 255, 255], &inside].concat(),
        false => element(&segment, &inside),
    };
    [element(&[0x1a, 0x45, 0xdf, 0xa3], &element(&[0x42, 0x82], b"webm")), segment].concat()
}

#[test]
fn webm_is_measured() {
    let ticks = element(&[0x44, 0x89], &5041.7_f64.to_be_bytes());
    assert_eq!(webm(&webm_file(&ticks, false)), CLIP);
    assert_eq!(webm(&webm_file(&ticks, true)), CLIP);
    let scale = element(&[0x2a, 0xd7, 0xb1], &[0x07, 0xa1, 0x20]);
    let halves = element(&[0x44, 0x89], &10_083_f32.to_be_bytes());
    assert_eq!(webm(&webm_file(&[scale, halves].concat(), false)), CLIP);
    let size_alone = Measured { millis: None, ..CLIP };
    assert_eq!(webm(&webm_file(&[], false)), size_alone, "live");
    for lie in [f64::NAN, f64::INFINITY, -1.0, 1e300, 1e18, 0.0] {
        let ticks = element(&[0x44, 0x89], &lie.to_be_bytes());
        assert_eq!(webm(&webm_file(&ticks, false)), size_alone, "{lie}");
    }
}

fn wav(claimed: u32, there: usize) -> (Option<Wav>, u64) {
    let format =
        [&[1, 0, 1, 0][..], &24_000_u32.to_le_bytes(), &48_000_u32.to_le_bytes(), &[2, 0, 16, 0]];
    let file = [
        &b"RIFF\xff\xff\xff\xffWAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0"[..],
        &format.concat(),
        b"data",
        &claimed.to_le_bytes(),
        &vec![0; there],
    ]
    .concat();
    let total = u64::try_from(file.len()).unwrap();
    (Wav::read(&file[..file.len().min(100)]), total)
}

#[test]
fn sound_is_as_long_as_it_is_there() {
    for (claimed, there, length) in [
        (96_000, 96_000, Some(2000)),
        (96_000, 97_000, Some(2000)),
        (u32::MAX, 96_000, Some(2000)),
        (0, 48_000, Some(1000)),
        (96_000, 0, None),
    ] {
        let (wav, total) = wav(claimed, there);
        assert_eq!(wav.unwrap().millis(total), length, "{claimed} claimed, {there} there");
    }
    assert_eq!(Wav::read(b"RIFF....WAVEdata\x04\0\0\0abcd"), None, "no format");
    assert_eq!(Wav::read(b"RIFF....WAVEJUNK\xff\xff\xff\xffabcd"), None);
    let silent =
        b"RIFF....WAVEfmt \x10\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\x02\0\x10\0data\x04\0\0\0abcd";
    assert_eq!(Wav::read(silent).unwrap().millis(100), None, "no bytes in a second");
}

proptest! {
    /// However it is cut, a walk tells the same; and whatever comes, it ends.
    #[test]
    fn anything_can_be_walked(
        mut file in prop::sample::select(vec![
            [ftyp(), moov(), boxed(b"mdat", b"")].concat(),
            webm_file(&element(&[0x44, 0x89], &1_f32.to_be_bytes()), true),
        ]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        piece in 1_usize..50,
        keep: prop::sample::Index,
    ) {
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = byte;
        }
        let file = &file[..=keep.index(file.len())];
        prop_assert_eq!(walk(file, piece), walk(file, file.len()));
        webm(file);
        Wav::read(file);
    }
}
