//! ChaCha20 for WebAssembly with 128-bit vectors: four blocks of the key stream
//! at a time, one word of each in a vector, in safe Rust. What seals and what
//! draws lots is made of it; elsewhere the library is.

use core::arch::wasm32::{
    i32x4_shuffle, i64x2_shuffle, u8x16_shuffle, u32x4, u32x4_add, u32x4_shl, u32x4_shr,
    u32x4_splat, u64x2, u64x2_extract_lane, v128, v128_or, v128_xor,
};
use core::hint::black_box;

const BLOCK: usize = 64;
/// Blocks that are made together.
pub(crate) const LANES: usize = 4;
const DOUBLE_ROUNDS: usize = 10;

pub(crate) type Batch = [u8; BLOCK * LANES];
/// Constants, key, counter and nonce (RFC 8439, section 2.3).
pub(crate) type State = [v128; 4];

/// The first row of each state.
pub(crate) const CONSTANTS: v128 = u32x4(0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574);

/// One word in each lane.
macro_rules! splat_of {
    ($row:expr, $at:expr) => {
        i32x4_shuffle::<{ $at }, { $at }, { $at }, { $at }>($row, $row)
    };
}

/// Each lane turned left.
macro_rules! turned {
    ($v:expr, 16) => {
        u8x16_shuffle::<2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13>($v, $v)
    };
    ($v:expr, $by:expr) => {
        v128_or(u32x4_shl($v, $by), u32x4_shr($v, 32 - $by))
    };
}

macro_rules! quarter_round {
    ($a:ident, $b:ident, $c:ident, $d:ident) => {
        $a = u32x4_add($a, $b);
        $d = turned!(v128_xor($d, $a), 16);
        $c = u32x4_add($c, $d);
        $b = turned!(v128_xor($b, $c), 12);
        $a = u32x4_add($a, $b);
        $d = turned!(v128_xor($d, $a), 8);
        $c = u32x4_add($c, $d);
        $b = turned!(v128_xor($b, $c), 7);
    };
}

/// Mixes in four words of each block, of which each vector has one. A macro,
/// as nothing here may become a call.
macro_rules! mix_words {
    ($words:ident, $at:literal, $rows:ident) => {
        let [w, x, y, z] = $words;
        let (wx, yz) = (
            i32x4_shuffle::<0, 4, 1, 5>(w, x),
            i32x4_shuffle::<0, 4, 1, 5>(y, z),
        );
        mix_row!($rows[$at], i64x2_shuffle::<0, 2>(wx, yz));
        mix_row!($rows[$at + 4], i64x2_shuffle::<1, 3>(wx, yz));
        let (wx, yz) = (
            i32x4_shuffle::<2, 6, 3, 7>(w, x),
            i32x4_shuffle::<2, 6, 3, 7>(y, z),
        );
        mix_row!($rows[$at + 8], i64x2_shuffle::<0, 2>(wx, yz));
        mix_row!($rows[$at + 12], i64x2_shuffle::<1, 3>(wx, yz));
    };
}

macro_rules! mix_row {
    ($row:expr, $with:expr) => {
        $row = bytes_of(v128_xor(row_of(&$row), $with));
    };
}

/// Mixes the key stream of four blocks, from this one on, into the batch. The
/// state's word for the counter is not used.
#[inline(never)]
pub(crate) fn mix(state: &State, counter: u32, batch: &mut Batch) {
    macro_rules! word {
        ($at:expr) => {
            splat_of!(state[$at / 4], $at % 4)
        };
    }
    macro_rules! sum {
        ($v:expr, $at:expr) => {
            u32x4_add($v, word!($at))
        };
    }
    let (rows, _) = batch.as_chunks_mut();
    let counters = u32x4_add(u32x4_splat(counter), u32x4(0, 1, 2, 3));
    let (mut a0, mut a1, mut a2, mut a3) = (word!(0), word!(1), word!(2), word!(3));
    let (mut b0, mut b1, mut b2, mut b3) = (word!(4), word!(5), word!(6), word!(7));
    let (mut c0, mut c1, mut c2, mut c3) = (word!(8), word!(9), word!(10), word!(11));
    let (mut d0, mut d1, mut d2, mut d3) = (counters, word!(13), word!(14), word!(15));
    for _ in 0..DOUBLE_ROUNDS {
        quarter_round!(a0, b0, c0, d0);
        quarter_round!(a1, b1, c1, d1);
        quarter_round!(a2, b2, c2, d2);
        quarter_round!(a3, b3, c3, d3);
        quarter_round!(a0, b1, c2, d3);
        quarter_round!(a1, b2, c3, d0);
        quarter_round!(a2, b3, c0, d1);
        quarter_round!(a3, b0, c1, d2);
    }
    let a = [sum!(a0, 0), sum!(a1, 1), sum!(a2, 2), sum!(a3, 3)];
    mix_words!(a, 0, rows);
    let b = [sum!(b0, 4), sum!(b1, 5), sum!(b2, 6), sum!(b3, 7)];
    mix_words!(b, 1, rows);
    let c = [sum!(c0, 8), sum!(c1, 9), sum!(c2, 10), sum!(c3, 11)];
    mix_words!(c, 2, rows);
    let d = [
        u32x4_add(d0, counters),
        sum!(d1, 13),
        sum!(d2, 14),
        sum!(d3, 15),
    ];
    mix_words!(d, 3, rows);
}

/// The rounds on one state, a row of it in each vector: without what is added
/// behind them, they are HChaCha20 (draft-irtf-cfrg-xchacha-03, section 2.2).
#[inline(never)]
pub(crate) fn rounds(state: &State) -> State {
    let [mut a, mut b, mut c, mut d] = *state;
    for _ in 0..DOUBLE_ROUNDS {
        quarter_round!(a, b, c, d);
        // Columns, then diagonals.
        b = i32x4_shuffle::<1, 2, 3, 0>(b, b);
        c = i32x4_shuffle::<2, 3, 0, 1>(c, c);
        d = i32x4_shuffle::<3, 0, 1, 2>(d, d);
        quarter_round!(a, b, c, d);
        b = i32x4_shuffle::<3, 0, 1, 2>(b, b);
        c = i32x4_shuffle::<2, 3, 0, 1>(c, c);
        d = i32x4_shuffle::<1, 2, 3, 0>(d, d);
    }
    [a, b, c, d]
}

/// What is overwritten here is not left out for being read by nobody.
pub(crate) fn wipe(batch: &mut Batch) {
    *batch = [0; _];
    black_box(batch);
}

/// Sixteen bytes as a vector.
#[inline(always)]
pub(crate) fn row_of(bytes: &[u8; 16]) -> v128 {
    let (words, _) = bytes.as_chunks();
    u64x2(u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1]))
}

#[inline(always)]
pub(crate) fn bytes_of(row: v128) -> [u8; 16] {
    let [low, high] = [u64x2_extract_lane::<0>(row), u64x2_extract_lane::<1>(row)];
    (u128::from(low) | u128::from(high) << 64).to_le_bytes()
}

/// The key stream of a seed, as the library's generator gives it out: in whole
/// words, so that what is left of one is passed over.
pub(super) struct Generator {
    state: State,
    counter: u64,
    batch: Batch,
    /// Of `batch`, in bytes.
    given: usize,
}

impl Generator {
    pub(super) fn from_seed(seed: &[u8; 32]) -> Self {
        let (halves, _) = seed.as_chunks();
        let state = [
            CONSTANTS,
            row_of(&halves[0]),
            row_of(&halves[1]),
            u64x2(0, 0),
        ];
        let batch = [0; _];
        Self {
            state,
            counter: 0,
            batch,
            given: batch.len(),
        }
    }

    pub(super) fn fill(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            if self.given == self.batch.len() {
                self.state[3] = u64x2(self.counter, 0);
                self.batch = [0; _];
                mix(&self.state, self.counter as u32, &mut self.batch);
                self.counter += LANES as u64;
                self.given = 0;
            }
            let left = &self.batch[self.given..];
            let (now, later) = bytes.split_at_mut(bytes.len().min(left.len()));
            now.copy_from_slice(&left[..now.len()]);
            self.given += now.len().next_multiple_of(4);
            bytes = later;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Generator;
    use crate::base::Rng;
    use chacha20::ChaCha20Rng;
    use chacha20::rand_core::{Rng as _, SeedableRng as _};
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_seed_gives_what_the_library_gives_in_pieces_of_any_length() {
        let mut lengths = Rng::from_seed([6; 32]);
        for seed in 0..4 {
            let mut ours = Generator::from_seed(&[seed; 32]);
            let mut theirs = ChaCha20Rng::from_seed([seed; 32]);
            for _ in 0..2_000 {
                let mut pair = [[0; 700]; 2];
                let len = lengths.below(700) as usize;
                let [one, other] = &mut pair;
                ours.fill(&mut one[..len]);
                theirs.fill_bytes(&mut other[..len]);
                assert_eq!(one, other);
                let mut word = [0; 8];
                ours.fill(&mut word);
                assert_eq!(u64::from_le_bytes(word), theirs.next_u64());
            }
        }
    }

    #[test]
    fn the_counter_has_sixty_four_bits() {
        let mut ours = Generator::from_seed(&[7; 32]);
        let mut theirs = ChaCha20Rng::from_seed([7; 32]);
        ours.counter = (1 << 32) - 4;
        theirs.set_word_pos(u128::from(ours.counter) * 16);
        let mut pair = [[0; 1_024]; 2];
        let [one, other] = &mut pair;
        ours.fill(one);
        theirs.fill_bytes(other);
        assert_eq!(one, other);
    }
}
