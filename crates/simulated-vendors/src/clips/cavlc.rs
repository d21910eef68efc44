//! Context-adaptive variable-length codes of H.264 (clause 9.2 of the standard), as far as flat blocks need them: the
//! luma DC block without coded neighbours, and the chroma DC block.
//!
//! The tables are the standard's own, each as pairs of length and code.

use super::bits::Bits;

type Code = (u8, u8);

/// By trailing ones, then by the number of coefficients: `coeff_token` for a context of 0 and 1.
const TOKEN: [[Code; 17]; 4] = [
    [
        (1, 1),
        (6, 5),
        (8, 7),
        (9, 7),
        (10, 7),
        (11, 7),
        (13, 15),
        (13, 11),
        (13, 8),
        (14, 15),
        (14, 11),
        (15, 15),
        (15, 11),
        (16, 15),
        (16, 11),
        (16, 7),
        (16, 4),
    ],
    [
        (0, 0),
        (2, 1),
        (6, 4),
        (8, 6),
        (9, 6),
        (10, 6),
        (11, 6),
        (13, 14),
        (13, 10),
        (14, 14),
        (14, 10),
        (15, 14),
        (15, 10),
        (15, 1),
        (16, 14),
        (16, 10),
        (16, 6),
    ],
    [
        (0, 0),
        (0, 0),
        (3, 1),
        (7, 5),
        (8, 5),
        (9, 5),
        (10, 5),
        (11, 5),
        (13, 13),
        (13, 9),
        (14, 13),
        (14, 9),
        (15, 13),
        (15, 9),
        (16, 13),
        (16, 9),
        (16, 5),
    ],
    [
        (0, 0),
        (0, 0),
        (0, 0),
        (5, 3),
        (6, 3),
        (7, 4),
        (8, 4),
        (9, 4),
        (10, 4),
        (11, 4),
        (13, 12),
        (14, 12),
        (14, 8),
        (15, 12),
        (15, 8),
        (16, 12),
        (16, 8),
    ],
];

/// The same for chroma DC.
const CHROMA_TOKEN: [[Code; 5]; 4] = [
    [(2, 1), (6, 7), (6, 4), (6, 3), (6, 2)],
    [(0, 0), (1, 1), (6, 6), (7, 3), (8, 3)],
    [(0, 0), (0, 0), (3, 1), (7, 2), (8, 2)],
    [(0, 0), (0, 0), (0, 0), (6, 5), (7, 0)],
];

/// By the number of coefficients less one, then by the zeros among them: `total_zeros`.
const ZEROS: [&[Code]; 15] = [
    &[
        (1, 1),
        (3, 3),
        (3, 2),
        (4, 3),
        (4, 2),
        (5, 3),
        (5, 2),
        (6, 3),
        (6, 2),
        (7, 3),
        (7, 2),
        (8, 3),
        (8, 2),
        (9, 3),
        (9, 2),
        (9, 1),
    ],
    &[
        (3, 7),
        (3, 6),
        (3, 5),
        (3, 4),
        (3, 3),
        (4, 5),
        (4, 4),
        (4, 3),
        (4, 2),
        (5, 3),
        (5, 2),
        (6, 3),
        (6, 2),
        (6, 1),
        (6, 0),
    ],
    &[
        (4, 5),
        (3, 7),
        (3, 6),
        (3, 5),
        (4, 4),
        (4, 3),
        (3, 4),
        (3, 3),
        (4, 2),
        (5, 3),
        (5, 2),
        (6, 1),
        (5, 1),
        (6, 0),
    ],
    &[
        (5, 3),
        (3, 7),
        (4, 5),
        (4, 4),
        (3, 6),
        (3, 5),
        (3, 4),
        (4, 3),
        (3, 3),
        (4, 2),
        (5, 2),
        (5, 1),
        (5, 0),
    ],
    &[
        (4, 5),
        (4, 4),
        (4, 3),
        (3, 7),
        (3, 6),
        (3, 5),
        (3, 4),
        (3, 3),
        (4, 2),
        (5, 1),
        (4, 1),
        (5, 0),
    ],
    &[(6, 1), (5, 1), (3, 7), (3, 6), (3, 5), (3, 4), (3, 3), (3, 2), (4, 1), (3, 1), (6, 0)],
    &[(6, 1), (5, 1), (3, 5), (3, 4), (3, 3), (2, 3), (3, 2), (4, 1), (3, 1), (6, 0)],
    &[(6, 1), (4, 1), (5, 1), (3, 3), (2, 3), (2, 2), (3, 2), (3, 1), (6, 0)],
    &[(6, 1), (6, 0), (4, 1), (2, 3), (2, 2), (3, 1), (2, 1), (5, 1)],
    &[(5, 1), (5, 0), (3, 1), (2, 3), (2, 2), (2, 1), (4, 1)],
    &[(4, 0), (4, 1), (3, 1), (3, 2), (1, 1), (3, 3)],
    &[(4, 0), (4, 1), (2, 1), (1, 1), (3, 1)],
    &[(3, 0), (3, 1), (1, 1), (2, 1)],
    &[(2, 0), (2, 1), (1, 1)],
    &[(1, 0), (1, 1)],
];

/// The same for chroma DC.
const CHROMA_ZEROS: [&[Code]; 3] =
    [&[(1, 1), (2, 1), (3, 1), (3, 0)], &[(1, 1), (2, 1), (2, 0)], &[(1, 1), (1, 0)]];

/// By the zeros left (seven and more are one row), then by the zeros before this coefficient: `run_before`.
const RUN: [&[Code]; 7] = [
    &[(1, 1), (1, 0)],
    &[(1, 1), (2, 1), (2, 0)],
    &[(2, 3), (2, 2), (2, 1), (2, 0)],
    &[(2, 3), (2, 2), (2, 1), (3, 1), (3, 0)],
    &[(2, 3), (2, 2), (3, 3), (3, 2), (3, 1), (3, 0)],
    &[(2, 3), (3, 0), (3, 1), (3, 3), (3, 2), (3, 5), (3, 4)],
    &[
        (3, 7),
        (3, 6),
        (3, 5),
        (3, 4),
        (3, 3),
        (3, 2),
        (3, 1),
        (4, 1),
        (5, 1),
        (6, 1),
        (7, 1),
        (8, 1),
        (9, 1),
        (10, 1),
        (11, 1),
    ],
];

fn put(bits: &mut Bits, table: &[Code], place: usize) {
    if let Some((length, code)) = table.get(place) {
        bits.put(u32::from(*code), u32::from(*length));
    }
}

/// A luma DC block of sixteen levels in scanning order.
pub(crate) fn luma_dc(bits: &mut Bits, levels: &[i32; 16]) {
    block(bits, levels, &TOKEN.each_ref().map(|row| &row[..]), &ZEROS);
}

/// A chroma DC block of four levels.
pub(crate) fn chroma_dc(bits: &mut Bits, levels: &[i32; 4]) {
    block(bits, levels, &CHROMA_TOKEN.each_ref().map(|row| &row[..]), &CHROMA_ZEROS);
}

fn block(bits: &mut Bits, levels: &[i32], token: &[&[Code]; 4], zeros: &[&[Code]]) {
    // From the highest frequency down, each with the number of zeros right before it.
    let mut coded: Vec<(i32, usize)> = Vec::with_capacity(levels.len());
    let mut run = 0;
    for level in levels {
        if *level == 0 {
            run += 1;
        } else {
            coded.push((*level, run));
            run = 0;
        }
    }
    coded.reverse();
    let ones = coded.iter().take(3).take_while(|(level, _)| level.abs() == 1).count();
    put(bits, token[ones], coded.len());
    if coded.is_empty() {
        return;
    }
    for (level, _) in coded.iter().take(ones) {
        bits.flag(*level < 0);
    }
    put_levels(bits, &coded, ones);
    let mut left: usize = coded.iter().map(|(_, run)| run).sum();
    if coded.len() < levels.len()
        && let Some(table) = zeros.get(coded.len() - 1)
    {
        put(bits, table, left);
    }
    for (_, run) in coded.iter().take(coded.len() - 1) {
        if left == 0 {
            break;
        }
        put(bits, RUN[left.min(7) - 1], *run);
        left -= run;
    }
}

/// The levels that are no trailing ones, each with a prefix and a suffix whose length follows their size.
fn put_levels(bits: &mut Bits, coded: &[(i32, usize)], ones: usize) {
    let mut suffix = u32::from(coded.len() > 10 && ones < 3);
    for (number, (level, _)) in coded.iter().enumerate().skip(ones) {
        let magnitude = level.unsigned_abs();
        let mut code = 2 * magnitude - 2 + u32::from(*level < 0);
        // Had it been a one, it would have been counted as such: the smallest codes are free.
        if number == ones && ones < 3 {
            code -= 2;
        }
        let escape = if suffix == 0 { 30 } else { 15 << suffix };
        if code >= escape {
            bits.unary(15);
            bits.put(code - escape, 12);
        } else if suffix == 0 && code >= 14 {
            bits.unary(14);
            bits.put(code - 14, 4);
        } else {
            bits.unary(code >> suffix);
            if suffix > 0 {
                bits.put(code, suffix);
            }
        }
        suffix = suffix.max(1);
        if magnitude > 3 << (suffix - 1) && suffix < 6 {
            suffix += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CHROMA_TOKEN, CHROMA_ZEROS, Code, RUN, TOKEN, ZEROS};

    /// No code begins another, and together they leave at most what the standard leaves unused.
    fn assert_prefix_free<'a>(codes: impl Iterator<Item = &'a Code>) {
        let codes: Vec<_> = codes.filter(|(length, _)| *length > 0).collect();
        for (number, (length, code)) in codes.iter().enumerate() {
            for (longer, other) in
                codes.iter().enumerate().filter(|(n, _)| *n != number).map(|c| c.1)
            {
                let begins =
                    longer >= length && u32::from(*other) >> (longer - length) == u32::from(*code);
                assert!(!begins, "({length}, {code}) begins ({longer}, {other})");
            }
        }
        let filled: u32 = codes.iter().map(|(length, _)| 1 << (16 - length)).sum();
        assert!(filled > (1 << 16) - (1 << 11), "{filled}");
    }

    #[test]
    fn every_table_can_be_told_apart() {
        assert_prefix_free(TOKEN.iter().flatten());
        assert_prefix_free(CHROMA_TOKEN.iter().flatten());
        for table in ZEROS.iter().chain(&CHROMA_ZEROS).chain(&RUN) {
            assert_prefix_free(table.iter());
        }
    }
}
