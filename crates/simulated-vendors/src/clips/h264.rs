//! H.264, constrained baseline: key frames of flat blocks, and frames between them that send only what changed.
//!
//! Every coded macroblock is predicted from the mean of its neighbours (Intra 16x16, DC) and corrected by one number for
//! each block of four by four pixels; all other coefficients are left out. Between key frames what did not change is
//! skipped. Intra prediction is constrained to intra neighbours, so that the encoder need not know what the deblocking
//! filter made of the frame before.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "samples are clamped to a byte, and frames are at most 2560 pixels wide"
)]

use super::{FRAME_RATE, bits::Bits, cavlc};

/// At this quantiser a step of a luma level is exactly one shade of grey, and of chroma two.
const QUANTISER: i32 = 28;
/// How strongly the decoder smooths the steps between blocks, of -6 to 6.
const SMOOTHING: i32 = 4;
/// A coefficient counts from this many sixteenths of a step: less than half of one, for what is small is not seen.
const ROUNDING: i32 = 6;
/// Where each level in scanning order lies in a block of four by four.
const SCAN: [usize; 16] = [0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15];

/// A frame in flat blocks: a luma sample for four by four pixels, a chroma pair for eight by eight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mosaic {
    /// In macroblocks of sixteen by sixteen pixels.
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    pub(crate) luma: Vec<u8>,
    pub(crate) chroma: [Vec<u8>; 2],
}

impl Mosaic {
    pub(crate) fn grey(width: u32, height: u32) -> Self {
        let (columns, rows) = (width.div_ceil(16) as usize, height.div_ceil(16) as usize);
        let area = columns * rows;
        Self {
            columns,
            rows,
            luma: vec![128; area * 16],
            chroma: [vec![128; area * 4], vec![128; area * 4]],
        }
    }

    fn luma_at(&self, column: usize, row: usize, place: usize) -> usize {
        (row * 4 + place / 4) * self.columns * 4 + column * 4 + place % 4
    }

    fn chroma_at(&self, column: usize, row: usize, place: usize) -> usize {
        (row * 2 + place / 2) * self.columns * 2 + column * 2 + place % 2
    }

    fn differs(&self, other: &Self, column: usize, row: usize) -> bool {
        let luma = (0..16).map(|place| self.luma_at(column, row, place));
        let chroma = (0..4).map(|place| self.chroma_at(column, row, place));
        luma.into_iter().any(|at| self.luma[at] != other.luma[at])
            || chroma.into_iter().any(|at| {
                self.chroma[0][at] != other.chroma[0][at]
                    || self.chroma[1][at] != other.chroma[1][at]
            })
    }
}

/// The parameter sets, without start codes.
#[derive(Debug)]
pub(crate) struct Parameters {
    pub(crate) sequence: Vec<u8>,
    pub(crate) picture: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Encoder {
    width: u32,
    height: u32,
    /// The last frame as it was asked for.
    asked: Mosaic,
    /// The present frame as a decoder has it before it smooths.
    shown: Mosaic,
    /// Which macroblocks of the present frame are coded.
    coded: Vec<bool>,
    frame_number: u32,
    key_number: u32,
}

impl Encoder {
    pub(crate) fn new(width: u32, height: u32) -> Self {
        let blank = Mosaic::grey(width, height);
        let coded = vec![false; blank.columns * blank.rows];
        Self {
            width,
            height,
            shown: blank.clone(),
            asked: blank,
            coded,
            frame_number: 0,
            key_number: 0,
        }
    }

    /// The next frame, as one unit with its length before it.
    pub(crate) fn encode(&mut self, frame: Mosaic, is_key: bool) -> Vec<u8> {
        if is_key {
            self.frame_number = 0;
            self.key_number += 1;
        }
        let mut bits = self.slice_header(is_key);
        self.coded.fill(false);
        let mut skipped = 0;
        for row in 0..frame.rows {
            for column in 0..frame.columns {
                if !is_key {
                    if !frame.differs(&self.asked, column, row) {
                        skipped += 1;
                        continue;
                    }
                    bits.golomb(skipped);
                    skipped = 0;
                }
                self.macroblock(&mut bits, &frame, column, row, is_key);
                self.coded[row * frame.columns + column] = true;
            }
        }
        if skipped > 0 {
            bits.golomb(skipped);
        }
        self.asked = frame;
        self.frame_number = (self.frame_number + 1) % 16;
        let unit = unit(if is_key { 0x65 } else { 0x41 }, bits);
        let mut sample = (unit.len() as u32).to_be_bytes().to_vec();
        sample.extend_from_slice(&unit);
        sample
    }

    fn slice_header(&self, is_key: bool) -> Bits {
        let mut bits = Bits::default();
        bits.golomb(0);
        bits.golomb(if is_key { 7 } else { 5 });
        bits.golomb(0);
        bits.put(self.frame_number, 4);
        if is_key {
            bits.golomb(self.key_number % 2);
            bits.put(0, 2);
        } else {
            bits.put(0, 3);
        }
        bits.signed_golomb(0);
        bits.golomb(0);
        bits.signed_golomb(SMOOTHING);
        bits.signed_golomb(SMOOTHING);
        bits
    }

    fn macroblock(
        &mut self,
        bits: &mut Bits,
        frame: &Mosaic,
        column: usize,
        row: usize,
        is_key: bool,
    ) {
        let luma = self.luma(frame, column, row);
        let chroma = [0, 1].map(|plane| self.chroma(frame, plane, column, row));
        let has_chroma = chroma.as_flattened().iter().any(|level| *level != 0);
        // Intra 16x16, predicted by the mean, without luma AC; chroma DC or nothing.
        let kind = if has_chroma { 7 } else { 3 };
        bits.golomb(if is_key { kind } else { kind + 5 });
        bits.golomb(0);
        bits.signed_golomb(0);
        cavlc::luma_dc(bits, &luma);
        if has_chroma {
            for levels in &chroma {
                cavlc::chroma_dc(bits, levels);
            }
        }
    }

    /// Whether the macroblock above and the one to the left are coded in this frame.
    fn neighbours(&self, column: usize, row: usize) -> (bool, bool) {
        let at = |column: usize, row: usize| self.coded[row * self.shown.columns + column];
        (row > 0 && at(column, row - 1), column > 0 && at(column - 1, row))
    }

    fn luma(&mut self, frame: &Mosaic, column: usize, row: usize) -> [i32; 16] {
        let (above, left) = self.neighbours(column, row);
        let shown = &self.shown;
        let sum = |places: [usize; 4], column: usize, row: usize| -> i32 {
            places
                .iter()
                .map(|place| i32::from(shown.luma[shown.luma_at(column, row, *place)]) * 4)
                .sum()
        };
        let top = if above { sum([12, 13, 14, 15], column, row - 1) } else { 0 };
        let side = if left { sum([3, 7, 11, 15], column - 1, row) } else { 0 };
        let predicted = match (above, left) {
            (true, true) => (top + side + 16) >> 5,
            (false, false) => 128,
            _ => (top + side + 8) >> 4,
        };
        let wanted = std::array::from_fn(|place| {
            i32::from(frame.luma[frame.luma_at(column, row, place)]) - predicted
        });
        let levels = hadamard(&wanted).map(|sum| quantised(sum, 16));
        for (place, residue) in hadamard(&levels).iter().enumerate() {
            let at = self.shown.luma_at(column, row, place);
            self.shown.luma[at] = (predicted + residue).clamp(0, 255) as u8;
        }
        SCAN.map(|place| levels[place])
    }

    fn chroma(&mut self, frame: &Mosaic, plane: usize, column: usize, row: usize) -> [i32; 4] {
        let (above, left) = self.neighbours(column, row);
        let shown = &self.shown;
        let at = |column, row, place| {
            i32::from(shown.chroma[plane][shown.chroma_at(column, row, place)])
        };
        let predicted: [i32; 4] = std::array::from_fn(|place| {
            let top = above.then(|| at(column, row - 1, place % 2 + 2));
            let side = left.then(|| at(column - 1, row, place / 2 * 2 + 1));
            // The two blocks on the diagonal take the mean of both sides, the others the nearer one.
            match (place, top, side) {
                (0 | 3, Some(top), Some(side)) => (top + side + 1) >> 1,
                (1, Some(top), _) => top,
                (2, _, Some(side)) => side,
                (_, Some(one), _) | (_, _, Some(one)) => one,
                (_, None, None) => 128,
            }
        });
        let wanted = std::array::from_fn(|place| {
            i32::from(frame.chroma[plane][frame.chroma_at(column, row, place)]) - predicted[place]
        });
        let levels = butterfly(wanted).map(|sum| quantised(sum, 8));
        for (place, residue) in butterfly(levels).iter().enumerate() {
            let at = self.shown.chroma_at(column, row, place);
            self.shown.chroma[plane][at] = (predicted[place] + 2 * residue).clamp(0, 255) as u8;
        }
        levels
    }

    pub(crate) fn parameters(&self) -> Parameters {
        Parameters { sequence: self.sequence(), picture: picture() }
    }

    fn sequence(&self) -> Vec<u8> {
        let (columns, rows) = (self.shown.columns as u32, self.shown.rows as u32);
        let mut bits = Bits::default();
        // Constrained baseline.
        bits.put(66, 8);
        bits.put(0xC0, 8);
        bits.put(level(columns * rows), 8);
        for number in [0, 0, 2, 1] {
            bits.golomb(number);
        }
        bits.flag(false);
        bits.golomb(columns - 1);
        bits.golomb(rows - 1);
        bits.put(0b11, 2);
        let (right, bottom) = ((columns * 16 - self.width) / 2, (rows * 16 - self.height) / 2);
        let is_cropped = right > 0 || bottom > 0;
        bits.flag(is_cropped);
        if is_cropped {
            for side in [0, right, 0, bottom] {
                bits.golomb(side);
            }
        }
        // What a player wants to know besides: colours as BT.709, and the pace.
        bits.put(0b1001, 4);
        bits.put(5, 3);
        bits.put(0b01, 2);
        bits.put(0x0001_0101, 24);
        bits.put(0b01, 2);
        bits.put(1, 32);
        bits.put(2 * FRAME_RATE, 32);
        bits.put(0b1_0000, 5);
        unit(0x67, bits)
    }
}

fn picture() -> Vec<u8> {
    let mut bits = Bits::default();
    bits.golomb(0);
    bits.golomb(0);
    bits.put(0, 2);
    for number in [0, 0, 0] {
        bits.golomb(number);
    }
    bits.put(0, 3);
    bits.signed_golomb(QUANTISER - 26);
    bits.signed_golomb(0);
    bits.signed_golomb(0);
    // The filter is set by each slice, intra prediction keeps to intra neighbours, no picture is sent twice.
    bits.put(0b110, 3);
    unit(0x68, bits)
}

/// The lowest level whose frame size and pace have room for so many macroblocks.
fn level(macroblocks: u32) -> u32 {
    let levels =
        [(1620, 40_500, 30), (3600, 108_000, 31), (8192, 245_760, 40), (22_080, 589_824, 50)];
    let fits = |(size, pace, _): &&(u32, u32, u32)| {
        macroblocks <= *size && macroblocks * FRAME_RATE <= *pace
    };
    levels.iter().find(fits).map_or(51, |(_, _, level)| *level)
}

fn quantised(sum: i32, step: i32) -> i32 {
    sum.signum() * ((sum.abs() + step * ROUNDING / 16) / step)
}

/// The Hadamard transform of four by four numbers; applied twice it gives sixteen times the first.
fn hadamard(block: &[i32; 16]) -> [i32; 16] {
    let four =
        |[a, b, c, d]: [i32; 4]| [a + b + c + d, a + b - c - d, a - b - c + d, a - b + c - d];
    let mut rows = [[0; 4]; 4];
    for (row, numbers) in rows.iter_mut().zip(block.as_chunks::<4>().0) {
        *row = four(*numbers);
    }
    let mut out = [0; 16];
    for column in 0..4 {
        let done = four([rows[0][column], rows[1][column], rows[2][column], rows[3][column]]);
        for (row, number) in done.into_iter().enumerate() {
            out[row * 4 + column] = number;
        }
    }
    out
}

/// The same of two by two, four times the first when applied twice.
fn butterfly([a, b, c, d]: [i32; 4]) -> [i32; 4] {
    [a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d]
}

/// A unit of the stream: its header, its bits and their end, with no three bytes in it that look like a start code.
fn unit(header: u8, mut bits: Bits) -> Vec<u8> {
    bits.flag(true);
    bits.align();
    let mut unit = vec![header];
    let mut zeros = 0;
    for byte in bits.into_bytes() {
        if zeros == 2 && byte <= 3 {
            unit.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        unit.push(byte);
    }
    unit
}
