//! The field of Ed25519 for WebAssembly with 128-bit vectors, one element or
//! four at a time.
//!
//! An element is ten limbs of 26 and 25 bits in turn, as in the reference
//! implementation of Ed25519; a vector holds one limb of each of four. Where
//! `e` is 2^26 at an even place and 2^25 at an odd one: what is multiplied has
//! limbs below 3.1e, what is squared below 2.1e, and what comes of either is
//! below 1.01e, which is less than the limbs of [`TWICE_P`]. Nothing branches
//! on an element.

use core::arch::wasm32::{
    i32x4_shuffle, u32x4, u32x4_add, u32x4_extract_lane, u32x4_mul, u32x4_splat, u32x4_sub,
    u64x2_add, u64x2_extmul_high_u32x4, u64x2_extmul_low_u32x4, u64x2_shl, u64x2_shr, u64x2_splat,
    v128, v128_and,
};

/// One for each limb. A macro, since the compiler unrolls no loop here.
macro_rules! limbs {
    (|$at:ident| $limb:expr) => {
        [
            limbs!($at 0 $limb), limbs!($at 1 $limb), limbs!($at 2 $limb), limbs!($at 3 $limb),
            limbs!($at 4 $limb), limbs!($at 5 $limb), limbs!($at 6 $limb), limbs!($at 7 $limb),
            limbs!($at 8 $limb), limbs!($at 9 $limb),
        ]
    };
    ($at:ident $place:literal $limb:expr) => {{
        const $at: usize = $place;
        $limb
    }};
}

macro_rules! sum {
    ($add:ident, $first:expr, $($more:expr),*) => {{
        let total = $first;
        $(let total = $add(total, $more);)*
        total
    }};
}

/// The limbs of a product, still as wide as they come.
#[rustfmt::skip]
macro_rules! product {
    ($mul:ident, $add:ident, $x:ident, $x2:ident, $y:ident, $y19:ident) => {{
        let (x, x2, y, y19) = ($x, $x2, $y, $y19);
        [
                sum!($add, $mul(x[0], y[0]), $mul(x2[1], y19[9]), $mul(x[2], y19[8]), $mul(x2[3], y19[7]), $mul(x[4], y19[6]), $mul(x2[5], y19[5]), $mul(x[6], y19[4]), $mul(x2[7], y19[3]), $mul(x[8], y19[2]), $mul(x2[9], y19[1])),
                sum!($add, $mul(x[0], y[1]), $mul(x[1], y[0]), $mul(x[2], y19[9]), $mul(x[3], y19[8]), $mul(x[4], y19[7]), $mul(x[5], y19[6]), $mul(x[6], y19[5]), $mul(x[7], y19[4]), $mul(x[8], y19[3]), $mul(x[9], y19[2])),
                sum!($add, $mul(x[0], y[2]), $mul(x2[1], y[1]), $mul(x[2], y[0]), $mul(x2[3], y19[9]), $mul(x[4], y19[8]), $mul(x2[5], y19[7]), $mul(x[6], y19[6]), $mul(x2[7], y19[5]), $mul(x[8], y19[4]), $mul(x2[9], y19[3])),
                sum!($add, $mul(x[0], y[3]), $mul(x[1], y[2]), $mul(x[2], y[1]), $mul(x[3], y[0]), $mul(x[4], y19[9]), $mul(x[5], y19[8]), $mul(x[6], y19[7]), $mul(x[7], y19[6]), $mul(x[8], y19[5]), $mul(x[9], y19[4])),
                sum!($add, $mul(x[0], y[4]), $mul(x2[1], y[3]), $mul(x[2], y[2]), $mul(x2[3], y[1]), $mul(x[4], y[0]), $mul(x2[5], y19[9]), $mul(x[6], y19[8]), $mul(x2[7], y19[7]), $mul(x[8], y19[6]), $mul(x2[9], y19[5])),
                sum!($add, $mul(x[0], y[5]), $mul(x[1], y[4]), $mul(x[2], y[3]), $mul(x[3], y[2]), $mul(x[4], y[1]), $mul(x[5], y[0]), $mul(x[6], y19[9]), $mul(x[7], y19[8]), $mul(x[8], y19[7]), $mul(x[9], y19[6])),
                sum!($add, $mul(x[0], y[6]), $mul(x2[1], y[5]), $mul(x[2], y[4]), $mul(x2[3], y[3]), $mul(x[4], y[2]), $mul(x2[5], y[1]), $mul(x[6], y[0]), $mul(x2[7], y19[9]), $mul(x[8], y19[8]), $mul(x2[9], y19[7])),
                sum!($add, $mul(x[0], y[7]), $mul(x[1], y[6]), $mul(x[2], y[5]), $mul(x[3], y[4]), $mul(x[4], y[3]), $mul(x[5], y[2]), $mul(x[6], y[1]), $mul(x[7], y[0]), $mul(x[8], y19[9]), $mul(x[9], y19[8])),
                sum!($add, $mul(x[0], y[8]), $mul(x2[1], y[7]), $mul(x[2], y[6]), $mul(x2[3], y[5]), $mul(x[4], y[4]), $mul(x2[5], y[3]), $mul(x[6], y[2]), $mul(x2[7], y[1]), $mul(x[8], y[0]), $mul(x2[9], y19[9])),
                sum!($add, $mul(x[0], y[9]), $mul(x[1], y[8]), $mul(x[2], y[7]), $mul(x[3], y[6]), $mul(x[4], y[5]), $mul(x[5], y[4]), $mul(x[6], y[3]), $mul(x[7], y[2]), $mul(x[8], y[1]), $mul(x[9], y[0])),
        ]
    }};
}

/// The same of a square.
#[rustfmt::skip]
macro_rules! square {
    ($mul:ident, $add:ident, $x:ident, $x2:ident, $x4:ident, $x19:ident) => {{
        let (x, x2, x4, y19) = ($x, $x2, $x4, $x19);
        [
                sum!($add, $mul(x[0], x[0]), $mul(x4[1], y19[9]), $mul(x2[2], y19[8]), $mul(x4[3], y19[7]), $mul(x2[4], y19[6]), $mul(x2[5], y19[5])),
                sum!($add, $mul(x2[0], x[1]), $mul(x2[2], y19[9]), $mul(x2[3], y19[8]), $mul(x2[4], y19[7]), $mul(x2[5], y19[6])),
                sum!($add, $mul(x2[0], x[2]), $mul(x2[1], x[1]), $mul(x4[3], y19[9]), $mul(x2[4], y19[8]), $mul(x4[5], y19[7]), $mul(x[6], y19[6])),
                sum!($add, $mul(x2[0], x[3]), $mul(x2[1], x[2]), $mul(x2[4], y19[9]), $mul(x2[5], y19[8]), $mul(x2[6], y19[7])),
                sum!($add, $mul(x2[0], x[4]), $mul(x4[1], x[3]), $mul(x[2], x[2]), $mul(x4[5], y19[9]), $mul(x2[6], y19[8]), $mul(x2[7], y19[7])),
                sum!($add, $mul(x2[0], x[5]), $mul(x2[1], x[4]), $mul(x2[2], x[3]), $mul(x2[6], y19[9]), $mul(x2[7], y19[8])),
                sum!($add, $mul(x2[0], x[6]), $mul(x4[1], x[5]), $mul(x2[2], x[4]), $mul(x2[3], x[3]), $mul(x4[7], y19[9]), $mul(x[8], y19[8])),
                sum!($add, $mul(x2[0], x[7]), $mul(x2[1], x[6]), $mul(x2[2], x[5]), $mul(x2[3], x[4]), $mul(x2[8], y19[9])),
                sum!($add, $mul(x2[0], x[8]), $mul(x4[1], x[7]), $mul(x2[2], x[6]), $mul(x4[3], x[5]), $mul(x[4], x[4]), $mul(x2[9], y19[9])),
                sum!($add, $mul(x2[0], x[9]), $mul(x2[1], x[8]), $mul(x2[2], x[7]), $mul(x2[3], x[6]), $mul(x2[4], x[5])),
        ]
    }};
}

/// Brings wide limbs back to their size.
macro_rules! carried {
    ($wide:expr, $add:ident, $shr:ident, $low:ident, $times19:ident) => {{
        let [a, b, c, d, e, f, g, h, i, j] = $wide;
        let (b, a) = ($add(b, $shr(a, 26)), $low(a, 26));
        let (f, e) = ($add(f, $shr(e, 26)), $low(e, 26));
        let (c, b) = ($add(c, $shr(b, 25)), $low(b, 25));
        let (g, f) = ($add(g, $shr(f, 25)), $low(f, 25));
        let (d, c) = ($add(d, $shr(c, 26)), $low(c, 26));
        let (h, g) = ($add(h, $shr(g, 26)), $low(g, 26));
        let (e, d) = ($add(e, $shr(d, 25)), $low(d, 25));
        let (i, h) = ($add(i, $shr(h, 25)), $low(h, 25));
        let (f, e) = ($add(f, $shr(e, 26)), $low(e, 26));
        let (j, i) = ($add(j, $shr(i, 26)), $low(i, 26));
        let (a, j) = ($add(a, $times19($shr(j, 25))), $low(j, 25));
        let (b, a) = ($add(b, $shr(a, 26)), $low(a, 26));
        [a, b, c, d, e, f, g, h, i, j]
    }};
}

/// Bits of a limb.
pub(super) const BITS: [u32; 10] = [26, 25, 26, 25, 26, 25, 26, 25, 26, 25];

/// Twice the prime: from this a limb is taken away that is not to become
/// negative.
const TWICE_P: [u32; 10] = limbs!(|AT| {
    let largest = (1 << BITS[AT]) - if AT == 0 { 19 } else { 1 };
    2 * largest
});

/// One element.
#[derive(Clone, Copy)]
pub(super) struct One(pub(super) [u32; 10]);

#[inline(always)]
fn times(x: u32, y: u32) -> u64 {
    u64::from(x) * u64::from(y)
}

#[inline(always)]
fn plus(x: u64, y: u64) -> u64 {
    x + y
}

#[inline(always)]
fn right(x: u64, by: u32) -> u64 {
    x >> by
}

#[inline(always)]
fn low(x: u64, bits: u32) -> u64 {
    x & ((1 << bits) - 1)
}

#[inline(always)]
fn times19(x: u64) -> u64 {
    19 * x
}

impl One {
    pub(super) const ONE: Self = Self([1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    pub(super) const ZERO: Self = Self([0; 10]);

    /// The low 255 bits.
    pub(super) const fn of(bytes: &[u8; 32]) -> Self {
        let mut limbs = [0; 10];
        let (mut at, mut bit) = (0, 0);
        while at < 10 {
            // Five bytes have each limb, wherever in a byte it begins.
            let (mut word, mut more) = (0, 0);
            while more < 5 && bit / 8 + more < 32 {
                word |= (bytes[bit / 8 + more] as u64) << (8 * more);
                more += 1;
            }
            limbs[at] = (word >> (bit % 8)) as u32 & ((1 << BITS[at]) - 1);
            bit += BITS[at] as usize;
            at += 1;
        }
        Self(limbs)
    }

    /// The one spelling below the prime.
    pub(super) fn to_bytes(self) -> [u8; 32] {
        let x = self.narrowed().narrowed().0;
        // Whether adding 19 passes 2^255 says whether the prime is in it.
        let mut carry = 19;
        limbs!(|AT| carry = (x[AT] + carry) >> BITS[AT]);
        let mut sum = (19 * carry) << BITS[9];
        let x = limbs!(|AT| {
            sum = x[AT] + (sum >> BITS[(AT + 9) % 10]);
            u64::from(sum & ((1 << BITS[AT]) - 1))
        });
        // Two limbs are 51 bits.
        let [a, b, c, d, e] = [0, 2, 4, 6, 8].map(|at| x[at] | x[at + 1] << 26);
        bytes(&[
            a | b << 51,
            b >> 13 | c << 38,
            c >> 26 | d << 25,
            d >> 39 | e << 12,
        ])
    }

    /// Each limb's surplus goes to the next.
    fn narrowed(self) -> Self {
        let x = self.0;
        Self(limbs!(|AT| {
            let carry = x[(AT + 9) % 10] >> BITS[(AT + 9) % 10];
            (x[AT] & ((1 << BITS[AT]) - 1)) + if AT == 0 { 19 * carry } else { carry }
        }))
    }

    #[inline(never)]
    pub(super) fn times(&self, other: &Self) -> Self {
        let (x, y) = (self.0, other.0);
        let x2 = limbs!(|AT| 2 * x[AT]);
        let y19 = limbs!(|AT| 19 * y[AT]);
        let wide = product!(times, plus, x, x2, y, y19);
        let wide = carried!(wide, plus, right, low, times19);
        Self(limbs!(|AT| wide[AT] as u32))
    }

    pub(super) fn squared(&self) -> Self {
        self.squared_often(1)
    }

    /// To the power of 2^count; the limbs never go to memory in between.
    #[inline(never)]
    fn squared_often(&self, count: u32) -> Self {
        let mut x = self.0;
        for _ in 0..count {
            let x2 = limbs!(|AT| 2 * x[AT]);
            let x4 = limbs!(|AT| 4 * x[AT]);
            let x19 = limbs!(|AT| 19 * x[AT]);
            let wide = square!(times, plus, x, x2, x4, x19);
            let wide = carried!(wide, plus, right, low, times19);
            x = limbs!(|AT| wide[AT] as u32);
        }
        Self(x)
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        Self(limbs!(|AT| self.0[AT] + other.0[AT])).narrowed()
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        Self(limbs!(|AT| self.0[AT] + TWICE_P[AT] - other.0[AT])).narrowed()
    }

    pub(super) fn negated(&self) -> Self {
        Self::ZERO.minus(self)
    }

    pub(super) fn equals(&self, other: &Self) -> bool {
        self.minus(other).to_bytes() == [0; 32]
    }

    pub(super) fn is_odd(self) -> bool {
        self.to_bytes()[0] & 1 == 1
    }

    /// To the power of 2^250 - 1, and of 11.
    fn powers(&self) -> (Self, Self) {
        let to_2 = self.squared();
        let to_9 = to_2.squared_often(2).times(self);
        let to_11 = to_9.times(&to_2);
        let to_5_bits = to_11.squared().times(&to_9);
        let to_10_bits = to_5_bits.squared_often(5).times(&to_5_bits);
        let to_20_bits = to_10_bits.squared_often(10).times(&to_10_bits);
        let to_40_bits = to_20_bits.squared_often(20).times(&to_20_bits);
        let to_50_bits = to_40_bits.squared_often(10).times(&to_10_bits);
        let to_100_bits = to_50_bits.squared_often(50).times(&to_50_bits);
        let to_200_bits = to_100_bits.squared_often(100).times(&to_100_bits);
        (to_200_bits.squared_often(50).times(&to_50_bits), to_11)
    }

    /// To the power of p - 2.
    pub(super) fn inverted(&self) -> Self {
        let (power, to_11) = self.powers();
        power.squared_often(5).times(&to_11)
    }

    /// To the power of (p - 5) / 8.
    pub(super) fn to_root(self) -> Self {
        let (power, _) = self.powers();
        power.squared_often(2).times(&self)
    }
}

/// Words from the lowest on, as bytes from the lowest on.
pub(super) fn bytes(words: &[u64; 4]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// Four elements, one in each lane.
#[derive(Clone, Copy)]
pub(super) struct Four(pub(super) [v128; 10]);

#[inline(always)]
fn low_of_two(x: v128, bits: u32) -> v128 {
    v128_and(x, u64x2_splat((1 << bits) - 1))
}

#[inline(always)]
fn times19_of_two(x: v128) -> v128 {
    u64x2_add(u64x2_add(x, u64x2_shl(x, 1)), u64x2_shl(x, 4))
}

/// Reads wide limbs of lanes 0 and 1, and of 2 and 3.
macro_rules! packed {
    ($low:expr, $high:expr) => {{
        let low = carried!($low, u64x2_add, u64x2_shr, low_of_two, times19_of_two);
        let high = carried!($high, u64x2_add, u64x2_shr, low_of_two, times19_of_two);
        limbs!(|AT| i32x4_shuffle::<0, 2, 4, 6>(low[AT], high[AT]))
    }};
}

impl Four {
    pub(super) fn of(lanes: [&One; 4]) -> Self {
        let [a, b, c, d] = lanes;
        Self(limbs!(|AT| u32x4(a.0[AT], b.0[AT], c.0[AT], d.0[AT])))
    }

    pub(super) fn lane<const LANE: usize>(&self) -> One {
        One(limbs!(|AT| u32x4_extract_lane::<LANE>(self.0[AT])))
    }

    /// Becomes the product of two others. What is large is written in place
    /// here, since each copy would be a call.
    #[inline(never)]
    pub(super) fn set_product(&mut self, x: &Self, y: &Self) {
        let (x, y) = (x.0, y.0);
        let x2 = limbs!(|AT| u32x4_add(x[AT], x[AT]));
        let y19 = limbs!(|AT| u32x4_mul(y[AT], u32x4_splat(19)));
        self.0 = packed!(
            product!(u64x2_extmul_low_u32x4, u64x2_add, x, x2, y, y19),
            product!(u64x2_extmul_high_u32x4, u64x2_add, x, x2, y, y19)
        );
    }

    #[inline(never)]
    pub(super) fn square(&mut self) {
        let x = self.0;
        let x2 = limbs!(|AT| u32x4_add(x[AT], x[AT]));
        let x4 = limbs!(|AT| u32x4_add(x2[AT], x2[AT]));
        let x19 = limbs!(|AT| u32x4_mul(x[AT], u32x4_splat(19)));
        self.0 = packed!(
            square!(u64x2_extmul_low_u32x4, u64x2_add, x, x2, x4, x19),
            square!(u64x2_extmul_high_u32x4, u64x2_add, x, x2, x4, x19)
        );
    }
}

/// Each limb taken from twice the prime.
#[inline(always)]
pub(super) fn negative(limb: v128, at: usize) -> v128 {
    u32x4_sub(u32x4_splat(TWICE_P[at]), limb)
}

pub(super) use limbs;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// Limbs as large as the formulas ever make them.
    #[test]
    fn the_largest_limbs_overflow_nothing() {
        let mut rng = Rng::from_seed([3; 32]);
        let largest = |times: u32, rng: &mut Rng| {
            One(limbs!(|AT| {
                let limit = (1_u32 << BITS[AT]) / 10 * times;
                if rng.below(2) == 0 {
                    limit
                } else {
                    rng.below(limit + 1)
                }
            }))
        };
        let spelled = |one: &One| One::of(&one.to_bytes());
        for _ in 0..2_000 {
            let [a, b, c, d] = core::array::from_fn(|_| largest(31, &mut rng));
            let product = spelled(&a).times(&spelled(&b)).to_bytes();
            assert_eq!(a.times(&b).to_bytes(), product);
            let mut four = Four::of([&One::ZERO; 4]);
            four.set_product(&Four::of([&a, &b, &c, &d]), &Four::of([&b, &c, &d, &a]));
            let last = spelled(&d).times(&spelled(&a)).to_bytes();
            assert_eq!(four.lane::<0>().to_bytes(), product);
            assert_eq!(four.lane::<3>().to_bytes(), last);
            let [a, b, c, d] = core::array::from_fn(|_| largest(21, &mut rng));
            let square = spelled(&a).times(&spelled(&a)).to_bytes();
            assert_eq!(a.squared().to_bytes(), square);
            let mut four = Four::of([&b, &a, &c, &d]);
            four.square();
            assert_eq!(four.lane::<1>().to_bytes(), square);
            let last = spelled(&d).times(&spelled(&d)).to_bytes();
            assert_eq!(four.lane::<3>().to_bytes(), last);
            for limbs in [four.lane::<0>(), four.lane::<2>()] {
                assert!(
                    limbs
                        .0
                        .iter()
                        .zip(BITS)
                        .all(|(limb, bits)| limb >> bits <= 1)
                );
            }
        }
    }
}
