//! Poly1305 (RFC 8439, section 2.5) for WebAssembly with 128-bit vectors, over
//! whole blocks: four at a time, each summed up in a lane of its own.
//!
//! A number is five limbs of 26 bits, and a vector holds one limb of each of
//! four. Lane 0 has every fourth block from the first on, and so forth; so
//! what is summed up is multiplied by r⁴ from one group of blocks to the next,
//! and behind the last group by r⁴, r³, r² and r. Before the first block there
//! are as many lanes of zero as make the groups full.
//!
//! Nothing branches on or looks up by a secret.

use crate::base::chacha::row_of;
use core::arch::wasm32::{
    i32x4_shuffle, i64x2_shuffle, u32x4, u32x4_add, u32x4_mul, u32x4_shl, u32x4_shr, u32x4_splat,
    u64x2_add, u64x2_extmul_high_u32x4, u64x2_extmul_low_u32x4, u64x2_extract_lane,
    u64x2_replace_lane, u64x2_shr, v128, v128_and, v128_or,
};
use core::hint::black_box;
use core::slice::from_ref;

const BLOCK: usize = 16;
const LANES: usize = 4;
type Group = [u8; BLOCK * LANES];

const LIMB: u32 = (1 << 26) - 1;
/// What is added to each block, 2^128, in its highest limb.
const END: u32 = 1 << 24;

/// Four numbers. What is multiplied has limbs below 2^27 + 2^10 on the one
/// side, and below 2^26 + 2^10 on the other.
type Four = [v128; 5];

/// The authenticator under one key.
pub(super) struct Poly1305 {
    /// r⁴ in each lane.
    step: Four,
    /// r⁴, r³, r², r.
    last: Four,
    /// What is added at the end.
    end: u128,
    sum: Four,
    /// Blocks that are not in the sum yet; the last group never is.
    group: Group,
    /// Of `group`, in bytes.
    filled: usize,
    /// What is added to the blocks of the next group.
    ends: v128,
}

impl Poly1305 {
    /// For as many blocks as will be given.
    pub(super) fn new(r: &[u8; BLOCK], end: &[u8; BLOCK], blocks: usize) -> Self {
        const KEPT: u128 = 0x0fff_fffc_0fff_fffc_0fff_fffc_0fff_ffff;
        let r = u128::from_le_bytes(*r) & KEPT;
        let (low, high) = (r as u64, (r >> 64) as u64);
        let limbs = [
            low,
            low >> 26,
            low >> 52 | high << 12,
            high >> 14,
            high >> 40,
        ];
        let r = limbs.map(|limb| u32x4_splat(limb as u32 & LIMB));
        let none = u32x4_splat(0);
        let mut square = r;
        add(&mut square, &r, &[[0; _]], none);
        // (r², r, 1, 1) by (r², r², r², r).
        let (mut last, mut by) = ([none; 5], [none; 5]);
        for at in 0..5 {
            let ones = if at == 0 { 1 << 32 | 1 } else { 0 };
            let low = i32x4_shuffle::<0, 4, 1, 5>(square[at], r[at]);
            last[at] = u64x2_replace_lane::<1>(low, ones);
            by[at] = i32x4_shuffle::<0, 1, 2, 4>(square[at], r[at]);
        }
        add(&mut last, &by, &[[0; _]], none);
        let empty = blocks.wrapping_neg() % LANES;
        let end_of = |lane| if lane < empty { 0 } else { END };
        Self {
            step: last.map(|limb| i32x4_shuffle::<0, 0, 0, 0>(limb, limb)),
            last,
            end: u128::from_le_bytes(*end),
            sum: [none; 5],
            group: [0; _],
            filled: empty * BLOCK,
            ends: u32x4(end_of(0), end_of(1), end_of(2), END),
        }
    }

    /// How many blocks a text has, filled up with zeros.
    pub(super) fn blocks(text: &[u8]) -> usize {
        text.len().div_ceil(BLOCK)
    }

    /// Takes a text, filled up with zeros. What is taken last fills no more
    /// than one group.
    pub(super) fn take(&mut self, mut text: &[u8]) {
        while !text.is_empty() {
            if self.filled == self.group.len() {
                add(&mut self.sum, &self.step, from_ref(&self.group), self.ends);
                self.ends = u32x4_splat(END);
                self.filled = 0;
            }
            if self.filled == 0 {
                let (groups, rest) = text.as_chunks();
                add(&mut self.sum, &self.step, groups, self.ends);
                text = rest;
            }
            let room = &mut self.group[self.filled..];
            let (now, later) = text.split_at(text.len().min(room.len()));
            let (filled, rest) = room.split_at_mut(now.len());
            filled.copy_from_slice(now);
            rest.fill(0);
            self.filled += now.len().next_multiple_of(BLOCK);
            text = later;
        }
    }

    /// The tag, when all blocks have been given.
    pub(super) fn finish(&mut self) -> [u8; BLOCK] {
        add(&mut self.sum, &self.last, from_ref(&self.group), self.ends);
        let mut limbs = self.sum.map(|limb| {
            let pairs = u64x2_add(v128_and(limb, u32x4(!0, 0, !0, 0)), u64x2_shr(limb, 32));
            u64x2_extract_lane::<0>(pairs) + u64x2_extract_lane::<1>(pairs)
        });
        let mut carry = 0;
        for _ in 0..2 {
            for limb in &mut limbs {
                *limb += carry;
                carry = *limb >> 26;
                *limb &= u64::from(LIMB);
            }
            carry *= 5;
        }
        // The second time nothing is left over but where all limbs are small.
        limbs[0] += carry;
        // Whether adding 5 passes 2^130 says whether the prime is in it.
        let carry = limbs.iter().fold(5, |carry, limb| (limb + carry) >> 26);
        limbs[0] += 5 * carry;
        let number = limbs.iter().rev().fold(0_u128, |number, limb| {
            (number << 26).wrapping_add(u128::from(*limb))
        });
        number.wrapping_add(self.end).to_le_bytes()
    }
}

impl Drop for Poly1305 {
    fn drop(&mut self) {
        (self.step, self.last) = ([u32x4_splat(0); 5], [u32x4_splat(0); 5]);
        self.end = 0;
        black_box(self);
    }
}

macro_rules! sum {
    ($first:expr, $($more:expr),*) => {{
        let total = $first;
        $(let total = u64x2_add(total, $more);)*
        total
    }};
}

/// The limbs of a product, still as wide as they come.
#[rustfmt::skip]
macro_rules! product {
    ($mul:ident, $h:ident, $r:ident) => {
        [
            sum!($mul($h[0], $r[0]), $mul($h[1], $r[8]), $mul($h[2], $r[7]), $mul($h[3], $r[6]), $mul($h[4], $r[5])),
            sum!($mul($h[0], $r[1]), $mul($h[1], $r[0]), $mul($h[2], $r[8]), $mul($h[3], $r[7]), $mul($h[4], $r[6])),
            sum!($mul($h[0], $r[2]), $mul($h[1], $r[1]), $mul($h[2], $r[0]), $mul($h[3], $r[8]), $mul($h[4], $r[7])),
            sum!($mul($h[0], $r[3]), $mul($h[1], $r[2]), $mul($h[2], $r[1]), $mul($h[3], $r[0]), $mul($h[4], $r[8])),
            sum!($mul($h[0], $r[4]), $mul($h[1], $r[3]), $mul($h[2], $r[2]), $mul($h[3], $r[1]), $mul($h[4], $r[0])),
        ]
    };
}

#[inline(always)]
fn times_5(limbs: v128) -> v128 {
    u32x4_mul(limbs, u32x4_splat(5))
}

/// Adds each group to the sum and multiplies it.
fn add(sum: &mut Four, by: &Four, groups: &[Group], ends: v128) {
    let [a, b, c, d, e] = *by;
    let by = [
        a,
        b,
        c,
        d,
        e,
        times_5(b),
        times_5(c),
        times_5(d),
        times_5(e),
    ];
    for group in groups {
        add_group(sum, &by, group, ends);
    }
}

/// Not a part of the loop: what does not change in it would be widened before
/// it, and then no instruction would be left that multiplies and widens.
#[inline(never)]
fn add_group(sum: &mut Four, by: &[v128; 9], group: &Group, ends: v128) {
    let mask = u32x4_splat(LIMB);
    let (rows, _) = group.as_chunks();
    let (w, x) = (row_of(&rows[0]), row_of(&rows[1]));
    let (y, z) = (row_of(&rows[2]), row_of(&rows[3]));
    let wx = i32x4_shuffle::<0, 4, 1, 5>(w, x);
    let yz = i32x4_shuffle::<0, 4, 1, 5>(y, z);
    let (w, x, y, z) = (
        i64x2_shuffle::<0, 2>(wx, yz),
        i64x2_shuffle::<1, 3>(wx, yz),
        i32x4_shuffle::<2, 6, 3, 7>(w, x),
        i32x4_shuffle::<2, 6, 3, 7>(y, z),
    );
    let (y, z) = (i64x2_shuffle::<0, 2>(y, z), i64x2_shuffle::<1, 3>(y, z));
    let second = v128_or(u32x4_shr(w, 26), u32x4_shl(x, 6));
    let third = v128_or(u32x4_shr(x, 20), u32x4_shl(y, 12));
    let fourth = v128_or(u32x4_shr(y, 14), u32x4_shl(z, 18));
    let h = [
        u32x4_add(sum[0], v128_and(w, mask)),
        u32x4_add(sum[1], v128_and(second, mask)),
        u32x4_add(sum[2], v128_and(third, mask)),
        u32x4_add(sum[3], v128_and(fourth, mask)),
        u32x4_add(sum[4], v128_or(u32x4_shr(z, 8), ends)),
    ];
    // Each below 21 · 2^53.1, so what is carried has 32 bits at most; and of
    // the highest limb, to which nothing came around, less than a fifth of it.
    let low = product!(u64x2_extmul_low_u32x4, h, by);
    let high = product!(u64x2_extmul_high_u32x4, h, by);
    macro_rules! rest {
        ($at:literal) => {
            v128_and(i32x4_shuffle::<0, 2, 4, 6>(low[$at], high[$at]), mask)
        };
    }
    macro_rules! carry {
        ($at:literal) => {
            i32x4_shuffle::<0, 2, 4, 6>(u64x2_shr(low[$at], 26), u64x2_shr(high[$at], 26))
        };
    }
    let a = u32x4_add(rest!(0), times_5(carry!(4)));
    let b = u32x4_add(rest!(1), carry!(0));
    let c = u32x4_add(rest!(2), carry!(1));
    let d = u32x4_add(rest!(3), carry!(2));
    let e = u32x4_add(rest!(4), carry!(3));
    *sum = [
        u32x4_add(v128_and(a, mask), times_5(u32x4_shr(e, 26))),
        u32x4_add(v128_and(b, mask), u32x4_shr(a, 26)),
        u32x4_add(v128_and(c, mask), u32x4_shr(b, 26)),
        u32x4_add(v128_and(d, mask), u32x4_shr(c, 26)),
        u32x4_add(v128_and(e, mask), u32x4_shr(d, 26)),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use poly1305::universal_hash::{KeyInit as _, UniversalHash as _};
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn ours(key: &[u8; 32], text: &[u8]) -> [u8; 16] {
        let (halves, _) = key.as_chunks();
        // The last is given alone, as the lengths are.
        let (text, last) = text.split_at(text.len() - 16);
        let mut tag = Poly1305::new(&halves[0], &halves[1], Poly1305::blocks(text) + 1);
        tag.take(text);
        tag.take(last);
        tag.finish()
    }

    fn theirs(key: &[u8; 32], text: &[u8]) -> [u8; 16] {
        let mut tag = poly1305::Poly1305::new(key.into());
        tag.update_padded(text);
        tag.finalize().into()
    }

    /// Bits that are all set, none, all but one, or any.
    fn extreme(rng: &mut Rng, bytes: &mut [u8]) {
        match rng.below(5) {
            0 => bytes.fill(0xff),
            1 => bytes.fill(0),
            2 => {
                bytes.fill(0xff);
                bytes[0] = 0xfa + rng.below(6) as u8;
            }
            3 => {
                bytes.fill(0);
                bytes[0] = rng.below(6) as u8;
            }
            _ => bytes.fill_with(|| rng.below(256) as u8),
        }
    }

    #[test]
    fn extreme_keys_and_blocks_have_the_tag_that_the_library_gives_them() {
        let mut rng = Rng::from_seed([4; 32]);
        for round in 0..40_000 {
            let mut key = [0; 32];
            key.chunks_mut(16).for_each(|half| extreme(&mut rng, half));
            let mut text = vec![0; 16 * (1 + rng.below(13) as usize)];
            if round % 8 == 0 {
                text.fill(0xff);
            } else {
                text.chunks_mut(16)
                    .for_each(|block| extreme(&mut rng, block));
            }
            assert_eq!(ours(&key, &text), theirs(&key, &text), "{key:?}, {text:?}");
        }
    }

    #[test]
    fn the_longest_text_of_set_bits_carries_nothing_away() {
        let text = vec![0xff; 1 << 16];
        assert_eq!(ours(&[0xff; 32], &text), theirs(&[0xff; 32], &text));
    }

    /// RFC 8439, appendix A.3, from the seventh on: sums about the prime.
    #[test]
    fn sums_about_the_prime_are_reduced_as_the_standard_shows() {
        let block = |low: u8, rest: u8| {
            let mut block = [rest; 16];
            block[0] = low;
            block
        };
        let (one, two) = (block(1, 0), block(2, 0));
        let ones = [0xff; 16];
        for (r, end, text, tag) in [
            (two, [0; 16], vec![ones], block(3, 0)),
            (two, ones, vec![two], block(3, 0)),
            (
                one,
                [0; 16],
                vec![ones, block(0xf0, 0xff), block(0x11, 0)],
                block(5, 0),
            ),
            (
                one,
                [0; 16],
                vec![ones, block(0xfb, 0xfe), [1; 16]],
                [0; 16],
            ),
            (two, [0; 16], vec![block(0xfd, 0xff)], block(0xfa, 0xff)),
        ] {
            let key: [u8; 32] = [r, end].concat().try_into().unwrap();
            assert_eq!(ours(&key, text.as_flattened()), tag);
        }
    }
}
