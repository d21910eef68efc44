//! The file: ISO base media, with the index before the data, so that playing begins before the end has come.

#![expect(clippy::cast_possible_truncation, reason = "a clip is some hundred kilobytes")]

use super::{
    flac::Sound,
    h264::Parameters,
    tone::{SAMPLE_RATE, SAMPLES_A_FRAME},
};

/// One coded picture.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) data: Vec<u8>,
    pub(crate) is_key: bool,
}

/// What the file is made of.
#[derive(Debug)]
pub(crate) struct Movie {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) parameters: Parameters,
    pub(crate) frames: Vec<Frame>,
    pub(crate) sound: Sound,
}

/// Seen or heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Track {
    Video = 1,
    Audio = 2,
}

impl Movie {
    pub(crate) fn into_file(self) -> Vec<u8> {
        let head = boxed(*b"ftyp", &[b"isom\0\0\x02\0isomiso2avc1mp41"]);
        // The index tells where the data lies, and is as long whatever it tells.
        let start = (head.len() + self.index(0, 0).len() + 8) as u32;
        let seen: usize = self.frames.iter().map(|frame| frame.data.len()).sum();
        let index = self.index(start, start + seen as u32);
        let frames = self.frames.iter().map(|frame| frame.data.as_slice());
        let sound = self.sound.frames.iter().map(|(data, _)| data.as_slice());
        let data: Vec<&[u8]> = frames.chain(sound).collect();
        [head, index, boxed(*b"mdat", &data)].concat()
    }

    /// In the pace of the sound, which is a whole number of times the frames'.
    fn duration(&self) -> u32 {
        self.frames.len() as u32 * SAMPLES_A_FRAME
    }

    fn index(&self, video_at: u32, audio_at: u32) -> Vec<u8> {
        let header = full(
            *b"mvhd",
            0,
            &words(&[0, 0, SAMPLE_RATE, self.duration(), 0x0001_0000, 0x0100_0000, 0, 0]),
            &[&MATRIX.map(u32::to_be_bytes).concat(), &[0; 24], &3_u32.to_be_bytes()],
        );
        let video = self.track(Track::Video, video_at);
        let audio = self.track(Track::Audio, audio_at);
        boxed(*b"moov", &[&header, &video, &audio])
    }

    fn track(&self, track: Track, at: u32) -> Vec<u8> {
        let (volume, width, height) = match track {
            Track::Video => (0, self.width << 16, self.height << 16),
            Track::Audio => (0x0100_0000, 0, 0),
        };
        let header = full(
            *b"tkhd",
            3,
            &words(&[0, 0, track as u32, 0, self.duration(), 0, 0, 0, volume]),
            &[&MATRIX.map(u32::to_be_bytes).concat(), &words(&[width, height])],
        );
        boxed(*b"trak", &[&header, &self.media(track, at)])
    }

    fn media(&self, track: Track, at: u32) -> Vec<u8> {
        // The language is unknown.
        let header =
            full(*b"mdhd", 0, &words(&[0, 0, SAMPLE_RATE, self.duration(), 0x55C4_0000]), &[]);
        let (kind, name): (&[u8; 4], &[u8]) = match track {
            Track::Video => (b"vide", b"video\0"),
            Track::Audio => (b"soun", b"sound\0"),
        };
        let handler = full(*b"hdlr", 0, &[0; 4], &[kind, &[0; 12], name]);
        let own = match track {
            Track::Video => full(*b"vmhd", 1, &[0; 8], &[]),
            Track::Audio => full(*b"smhd", 0, &[0; 4], &[]),
        };
        let here = full(*b"url ", 1, &[], &[]);
        let data = boxed(*b"dinf", &[&full(*b"dref", 0, &words(&[1]), &[&here])]);
        let information = boxed(*b"minf", &[&own, &data, &self.table(track, at)]);
        boxed(*b"mdia", &[&header, &handler, &information])
    }

    fn table(&self, track: Track, at: u32) -> Vec<u8> {
        let (entry, sizes, times): (_, Vec<u32>, Vec<u32>) = match track {
            Track::Video => (
                self.video_entry(),
                self.frames.iter().map(|frame| frame.data.len() as u32).collect(),
                vec![SAMPLES_A_FRAME; self.frames.len()],
            ),
            Track::Audio => (
                self.audio_entry(),
                self.sound.frames.iter().map(|(data, _)| data.len() as u32).collect(),
                self.sound.frames.iter().map(|(_, samples)| *samples).collect(),
            ),
        };
        let count = sizes.len() as u32;
        let description = full(*b"stsd", 0, &words(&[1]), &[&entry]);
        // Runs of samples that take equally long.
        let runs: Vec<_> = times.chunk_by(|a, b| a == b).collect();
        let mut times = vec![runs.len() as u32];
        times.extend(runs.iter().flat_map(|run| [run.len() as u32, run[0]]));
        let times = full(*b"stts", 0, &words(&times), &[]);
        let chunks = full(*b"stsc", 0, &words(&[1, 1, count, 1]), &[]);
        let sizes = full(*b"stsz", 0, &words(&[0, count]), &[&words(&sizes)]);
        let places = full(*b"stco", 0, &words(&[1, at]), &[]);
        let keys = match track {
            Track::Video => self.keys(),
            Track::Audio => Vec::new(),
        };
        boxed(*b"stbl", &[&description, &times, &keys, &chunks, &sizes, &places])
    }

    /// The frames that need no other, counted from one.
    fn keys(&self) -> Vec<u8> {
        let numbered = (1_u32..).zip(&self.frames);
        let keys: Vec<_> =
            numbered.filter(|(_, frame)| frame.is_key).map(|(number, _)| number).collect();
        full(*b"stss", 0, &words(&[keys.len() as u32]), &[&words(&keys)])
    }

    fn video_entry(&self) -> Vec<u8> {
        let Parameters { sequence, picture } = &self.parameters;
        let profile = sequence.get(1..4).unwrap_or_default();
        let length = |unit: &[u8]| (unit.len() as u16).to_be_bytes();
        let configuration = boxed(
            *b"avcC",
            &[
                &[1],
                profile,
                &[0xFF, 0xE1],
                &length(sequence),
                sequence,
                &[1],
                &length(picture),
                picture,
            ],
        );
        let size = ((self.width << 16) | self.height).to_be_bytes();
        let resolution = words(&[0x0048_0000, 0x0048_0000, 0]);
        boxed(
            *b"avc1",
            &[
                &[0, 0, 0, 0, 0, 0, 0, 1],
                &[0; 16],
                &size,
                &resolution,
                &[0, 1],
                &[0; 32],
                &[0, 24, 0xFF, 0xFF],
                &configuration,
            ],
        )
    }

    fn audio_entry(&self) -> Vec<u8> {
        let length = (self.sound.info.len() as u32 | 0x8000_0000).to_be_bytes();
        let configuration = full(*b"dfLa", 0, &length, &[&self.sound.info]);
        boxed(
            *b"fLaC",
            &[
                &[0, 0, 0, 0, 0, 0, 0, 1],
                &[0; 8],
                &[0, 1, 0, 16, 0, 0, 0, 0],
                &(SAMPLE_RATE << 16).to_be_bytes(),
                &configuration,
            ],
        )
    }
}

/// As it stands, neither turned nor scaled.
const MATRIX: [u32; 9] = [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000];

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn boxed(kind: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let length = 8 + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut out = Vec::with_capacity(length);
    out.extend_from_slice(&(length as u32).to_be_bytes());
    out.extend_from_slice(&kind);
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// A box with a version (always 0 here) and flags.
fn full(kind: [u8; 4], flags: u32, first: &[u8], rest: &[&[u8]]) -> Vec<u8> {
    let rest = rest.concat();
    boxed(kind, &[&flags.to_be_bytes(), first, &rest])
}
