//! FLAC, as far as a soft tone needs it: one channel of sixteen bits, fixed predictors, Rice codes.

#![expect(
    clippy::cast_possible_truncation,
    reason = "a block has at most 4,096 samples of sixteen bits"
)]

use super::{bits::Bits, tone::SAMPLE_RATE};

const BLOCK: usize = 4096;

/// A stream, cut into its frames.
#[derive(Debug)]
pub(crate) struct Sound {
    /// The block that describes the stream.
    pub(crate) info: Vec<u8>,
    /// Each frame with its number of samples.
    pub(crate) frames: Vec<(Vec<u8>, u32)>,
}

pub(crate) fn encode(samples: &[i16]) -> Sound {
    let blocks = samples.chunks(BLOCK).enumerate();
    let frames = blocks.map(|(number, block)| (frame(number as u32, block), block.len() as u32));
    Sound { info: info(samples.len() as u32), frames: frames.collect() }
}

fn info(samples: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(BLOCK as u32, 16);
    bits.put(BLOCK as u32, 16);
    // The sizes of frames, which need not be known.
    bits.put(0, 24);
    bits.put(0, 24);
    bits.put(SAMPLE_RATE, 20);
    bits.put(0, 3);
    bits.put(15, 5);
    bits.put(0, 4);
    bits.put(samples, 32);
    let mut info = bits.into_bytes();
    // A checksum of the samples, unknown too.
    info.extend_from_slice(&[0; 16]);
    info
}

fn frame(number: u32, block: &[i16]) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(0xFFF8, 16);
    let is_whole = block.len() == BLOCK;
    bits.put(if is_whole { 0b1100 } else { 0b0111 }, 4);
    // 24 kHz, one channel, sixteen bits.
    bits.put(0b0111, 4);
    bits.put(0b0000_1000, 8);
    put_number(&mut bits, number);
    if !is_whole {
        bits.put(block.len() as u32 - 1, 16);
    }
    let check = crc(bits.bytes(), 0x07, 8);
    bits.put(check, 8);
    put_samples(&mut bits, block);
    bits.align();
    let check = crc(bits.bytes(), 0x8005, 16);
    bits.put(check, 16);
    bits.into_bytes()
}

/// As UTF-8 writes a letter; a clip has a few dozen frames.
fn put_number(bits: &mut Bits, number: u32) {
    if number < 0x80 {
        bits.put(number, 8);
    } else {
        bits.put(0b1100_0000 | (number >> 6), 8);
        bits.put(0b1000_0000 | (number & 0x3F), 8);
    }
}

fn put_samples(bits: &mut Bits, block: &[i16]) {
    let mut best: Vec<i32> = block.iter().map(|sample| i32::from(*sample)).collect();
    let (mut order, mut differences) = (0, best.clone());
    let weight = |numbers: &[i32]| numbers.iter().map(|n| u64::from(n.unsigned_abs())).sum::<u64>();
    for next in 1..=4 {
        differences = differences.windows(2).map(|pair| pair[1] - pair[0]).collect();
        if weight(&differences) < weight(&best) {
            order = next;
            best.clone_from(&differences);
        }
    }
    bits.put(0b0001_0000 | ((order as u32) << 1), 8);
    for sample in block.iter().take(order) {
        bits.put(u32::from(sample.cast_unsigned()), 16);
    }
    let mean = weight(&best) * 2 / (best.len() as u64).max(1);
    let parameter = (u64::BITS - mean.leading_zeros()).saturating_sub(1).min(14);
    bits.put(0, 6);
    bits.put(parameter, 4);
    for residue in best {
        let folded = ((residue << 1) ^ (residue >> 31)).cast_unsigned();
        bits.unary(folded >> parameter);
        if parameter > 0 {
            bits.put(folded, parameter);
        }
    }
}

fn crc(bytes: &[u8], polynomial: u32, width: u32) -> u32 {
    let (top, mask) = (1 << (width - 1), (1_u32 << width) - 1);
    let mut crc = 0;
    for byte in bytes {
        crc ^= u32::from(*byte) << (width - 8);
        for _ in 0..8 {
            let carry = crc & top != 0;
            crc = (crc << 1) & mask;
            if carry {
                crc ^= polynomial;
            }
        }
    }
    crc
}
