//! The group of Ed25519 for WebAssembly with 128-bit vectors: the four
//! coordinates of a point are multiplied at once.
//!
//! The formulas are those of Hisil, Wong, Carter and Dawson, "Twisted Edwards
//! Curves Revisited" (2008), in extended coordinates, four multiplications at a
//! time. They are complete: no point is special. Nothing branches on or looks
//! up by a secret.

use super::field::{BITS, Four, One, limbs, negative};
use super::halves::halved;
pub(super) use super::scalar::{Scalar, canonical};
use core::arch::wasm32::{
    i32x4_shuffle, i32x4_splat, i64x2_shuffle, u32x4, u32x4_add, u32x4_mul, u32x4_shr, u32x4_splat,
    v128_and, v128_bitselect, v128_xor,
};
use core::hint::black_box;
use std::sync::OnceLock;
use zeroize::Zeroize as _;

/// A table costs as much time as it saves in half as many verifications.
pub(super) const KEY_USES: u32 = 8;

/// A point (X : Y : Z : T) with x = X/Z, y = Y/Z, xy = T/Z.
#[derive(Clone, Copy)]
pub(super) struct Point(Four);

/// A point as it is added to others: (Y - X, Y + X, 2Z, 2dT).
#[derive(Clone, Copy)]
struct Addend(Four);

const D: One = One::of(&[
    0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75, 0xab, 0xd8, 0x41, 0x41, 0x4d, 0x0a, 0x70, 0x00,
    0x98, 0xe8, 0x79, 0x77, 0x79, 0x40, 0xc7, 0x8c, 0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52,
]);
/// A square root of -1.
const ROOT: One = One::of(&[
    0xb0, 0xa0, 0x0e, 0x4a, 0x27, 0x1b, 0xee, 0xc4, 0x78, 0xe4, 0x2f, 0xad, 0x06, 0x18, 0x43, 0x2f,
    0xa7, 0xd7, 0xfb, 0x3d, 0x99, 0x00, 0x4d, 0x2b, 0x0b, 0xdf, 0xc1, 0x4f, 0x80, 0x24, 0x83, 0x2b,
]);
/// The base point, compressed (RFC 8032, section 5.1).
const BASE: [u8; 32] = {
    let mut bytes = [0x66; 32];
    bytes[0] = 0x58;
    bytes
};

impl Point {
    fn of(x: &One, y: &One) -> Self {
        Self(Four::of([x, y, &One::ONE, &x.times(y)]))
    }

    /// The neutral one.
    fn neutral() -> Self {
        Self(Four::of([&One::ZERO, &One::ONE, &One::ONE, &One::ZERO]))
    }

    /// The point of this spelling, if there is one (RFC 8032, section 5.1.3);
    /// as the library does, also of a y that is not below the prime and of an
    /// x that is zero with a sign.
    pub(super) fn decompress(bytes: &[u8; 32]) -> Option<Self> {
        let y = One::of(bytes);
        let yy = y.squared();
        let (u, v) = (yy.minus(&One::ONE), yy.times(&D).plus(&One::ONE));
        let vvv = v.squared().times(&v);
        let to_root = vvv.squared().times(&v).times(&u).to_root();
        let mut x = to_root.times(&vvv).times(&u);
        let square = x.squared().times(&v);
        if square.equals(&u.negated()) {
            x = x.times(&ROOT);
        } else if !square.equals(&u) {
            return None;
        }
        if x.is_odd() != (bytes[31] >> 7 == 1) {
            x = x.negated();
        }
        Some(Self::of(&x, &y))
    }

    /// The same of the one spelling that [`Point::compress`] has for it, or of
    /// a point of small order.
    fn decompress_only(bytes: &[u8; 32]) -> Option<Self> {
        let mut below = *bytes;
        below[31] &= 0x7f;
        // Where a sign says nothing, x is zero and the order is small.
        let is_below = |y: &Self| y.0.lane::<1>().to_bytes() == below;
        Self::decompress(bytes).filter(is_below)
    }

    pub(super) fn compress(&self) -> [u8; 32] {
        let inverse = self.0.lane::<2>().inverted();
        let x = self.0.lane::<0>().times(&inverse);
        let y = self.0.lane::<1>().times(&inverse);
        let mut bytes = y.to_bytes();
        bytes[31] ^= u8::from(x.is_odd()) << 7;
        bytes
    }

    pub(super) fn negated(&self) -> Self {
        let (x, y) = (self.0.lane::<0>().negated(), self.0.lane::<1>());
        let t = self.0.lane::<3>().negated();
        Self(Four::of([&x, &y, &self.0.lane::<2>(), &t]))
    }

    /// Whether eight times this is the neutral point.
    pub(super) fn is_small_order(&self) -> bool {
        let mut eight = *self;
        (0..3).for_each(|_| eight.double());
        eight.is_neutral()
    }

    fn is_neutral(&self) -> bool {
        let [x, y] = [self.0.lane::<0>(), self.0.lane::<1>()];
        x.equals(&One::ZERO) && y.equals(&self.0.lane::<2>())
    }

    #[inline(never)]
    fn add(&mut self, other: &Addend) {
        // A, B, D, C: (Y1 - X1)(Y2 - X2), (Y1 + X1)(Y2 + X2), 2Z1Z2, 2dT1T2.
        let differences = differences(&self.0);
        self.0.set_product(&differences, &other.0);
        let products = self.0.0;
        // E, H, F, G: B - A, B + A, D - C, D + C.
        let sums = limbs!(|AT| {
            let of = products[AT];
            let second = i32x4_shuffle::<0, 0, 3, 3>(of, of);
            let second = i32x4_shuffle::<0, 5, 2, 7>(negative(second, AT), second);
            u32x4_add(i32x4_shuffle::<1, 1, 2, 2>(of, of), second)
        });
        let left = Four(limbs!(|AT| i32x4_shuffle::<0, 3, 2, 0>(sums[AT], sums[AT])));
        let right = Four(limbs!(|AT| i32x4_shuffle::<2, 1, 3, 1>(sums[AT], sums[AT])));
        self.0.set_product(&left, &right);
    }

    #[inline(never)]
    fn double(&mut self) {
        // A, B, C/2, S: squares of X, Y, Z, X + Y.
        let zero = u32x4_splat(0);
        let before = self.0.0;
        self.0.0 = limbs!(|AT| {
            let of = before[AT];
            let y = i32x4_shuffle::<4, 4, 4, 1>(of, zero);
            u32x4_add(i32x4_shuffle::<0, 1, 2, 0>(of, of), y)
        });
        self.0.square();
        let squares = self.0.0;
        // E, H, G, F, each with the other sign: A + B - S, A + B, A - B,
        // C + A - B.
        let sums = limbs!(|AT| {
            let of = squares[AT];
            let b = i32x4_shuffle::<1, 1, 1, 1>(of, of);
            let b = i32x4_shuffle::<0, 1, 6, 7>(b, negative(b, AT));
            let last = i32x4_shuffle::<3, 3, 6, 6>(negative(of, AT), u32x4_add(of, of));
            let last = v128_and(last, u32x4(u32::MAX, 0, 0, u32::MAX));
            u32x4_add(u32x4_add(i32x4_shuffle::<0, 0, 0, 0>(of, of), b), last)
        });
        let sums = limbs!(|AT| {
            const BEFORE: usize = (AT + 9) % 10;
            let carry = u32x4_shr(sums[BEFORE], BITS[BEFORE]);
            let carry = if AT == 0 {
                u32x4_mul(carry, u32x4_splat(19))
            } else {
                carry
            };
            u32x4_add(v128_and(sums[AT], u32x4_splat((1 << BITS[AT]) - 1)), carry)
        });
        let left = Four(limbs!(|AT| i32x4_shuffle::<0, 2, 3, 0>(sums[AT], sums[AT])));
        let right = Four(limbs!(|AT| i32x4_shuffle::<3, 1, 2, 1>(sums[AT], sums[AT])));
        self.0.set_product(&left, &right);
    }

    #[inline(never)]
    fn addend(&self) -> Addend {
        let two = One([2, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let factors = Four::of([&One::ONE, &One::ONE, &two, &D.plus(&D)]);
        let mut addend = Addend(factors);
        addend.0.set_product(&differences(&self.0), &factors);
        addend
    }

    /// Once, three, five and seven times this.
    fn odd_multiples(&self) -> [Addend; 4] {
        let mut last = *self;
        last.double();
        let twice = last.addend();
        last = *self;
        let mut odd = [last.addend(); 4];
        for one in &mut odd[1..] {
            last.add(&twice);
            *one = last.addend();
        }
        odd
    }

    /// Adds a multiple as often as its digit's sign says.
    fn add_signed(&mut self, multiple: &Addend, digit: i8) {
        if digit > 0 {
            self.add(multiple);
        } else {
            self.add(&multiple.negated());
        }
    }
}

/// Whether a claimed point, which is none of small order, is a sum of a point
/// and the base point, times their scalars; all of it public.
///
/// Both sides are multiplied by an odd number below the group's order, which no
/// two points survive as one. It is chosen such that the scalars of the claimed
/// point and of the other are half as long, and that of the base point, which
/// has a table, any: so half of the doublings are enough.
pub(super) fn is_sum(claimed: &[u8; 32], point: &Point, scalar: &Scalar, of_base: &Scalar) -> bool {
    let Some(claimed) = Point::decompress_only(claimed) else {
        return false;
    };
    let halves = halved(scalar);
    let mut point = *point;
    if halves.is_negative {
        point = point.negated();
    }
    let of_base = *of_base * Scalar::from_bytes_mod_order(halves.factor);
    let difference = public_sum(
        &[(base_table(), of_base.as_bytes())],
        &[
            (&point, &halves.scalar),
            (&claimed.negated(), &halves.factor),
        ],
    );
    difference.is_neutral() && !claimed.is_small_order()
}

/// The sum of products; all of it public.
fn public_sum(tables: &[(&Table, &[u8; 32])], points: &[(&Point, &[u8; 32])]) -> Point {
    let tables: Vec<_> = tables
        .iter()
        .map(|(table, scalar)| (table, sparse_digits(scalar)))
        .collect();
    let points: Vec<_> = points
        .iter()
        .map(|(point, scalar)| (point.odd_multiples(), sparse_digits(scalar)))
        .collect();
    let digits = points.iter().map(|(_, digits)| digits);
    let highest = |digits: &[i8; 256]| digits.iter().rposition(|digit| *digit != 0);
    let top = digits.filter_map(highest).fold(7, usize::max);
    let mut sum = Point::neutral();
    for place in (0..=top).rev() {
        sum.double();
        for (odd, digits) in &points {
            let digit = digits[place];
            if digit != 0 {
                sum.add_signed(&odd[usize::from(digit.unsigned_abs() / 2)], digit);
            }
        }
        // A table has the multiples by 256^n, so eight doublings are enough.
        for (table, digits) in tables.iter().filter(|_| place < 8) {
            for (row, digits) in table.0.iter().zip(digits.chunks_exact(8)) {
                let digit = digits[place];
                if digit != 0 {
                    sum.add_signed(&row[usize::from(digit.unsigned_abs() - 1)], digit);
                }
            }
        }
    }
    sum
}

/// (Y - X, Y + X, Z, T) of a point.
#[inline(always)]
fn differences(point: &Four) -> Four {
    let zero = u32x4_splat(0);
    Four(limbs!(|AT| {
        let of = point.0[AT];
        let x = i32x4_shuffle::<0, 4, 0, 4>(negative(of, AT), of);
        u32x4_add(
            i32x4_shuffle::<1, 1, 2, 3>(of, of),
            i64x2_shuffle::<0, 2>(x, zero),
        )
    }))
}

impl Addend {
    #[inline(always)]
    fn negated(&self) -> Self {
        Self(Four(limbs!(|AT| {
            let of = self.0.0[AT];
            i32x4_shuffle::<1, 0, 2, 7>(of, negative(of, AT))
        })))
    }
}

/// Digits to the base 2, each 0 or odd and from -7 to 7: of four in a row, one
/// at most is not 0.
fn sparse_digits(scalar: &[u8; 32]) -> [i8; 256] {
    const WIDTH: usize = 4;
    let mut digits = [0; 256];
    let byte = |at: usize| scalar.get(at).copied().unwrap_or_default();
    let (mut at, mut carry) = (0, 0);
    while at < 256 {
        let two = u16::from_le_bytes([byte(at / 8), byte(at / 8 + 1)]);
        let window = i32::from(two >> (at % 8)) % (1 << WIDTH) + carry;
        if window & 1 == 0 {
            at += 1;
            continue;
        }
        // What is more than half is taken from the next digit.
        carry = i32::from(window > 1 << (WIDTH - 1));
        digits[at] = (window - (carry << WIDTH)) as i8;
        at += WIDTH;
    }
    digits
}

/// Multiples of a point, by which it is multiplied in a quarter of the time:
/// 1 to 8 times 256^n.
pub(super) struct Table(Vec<[Addend; 8]>);

impl Table {
    pub(super) fn of(point: &Point) -> Self {
        let mut base = *point;
        let mut rows = Vec::with_capacity(32);
        for _ in 0..32 {
            let first = base.addend();
            let mut row = [first; 8];
            for one in &mut row[1..] {
                base.add(&first);
                *one = base.addend();
            }
            // Eight times it was; 256 times it is.
            (0..5).for_each(|_| base.double());
            rows.push(row);
        }
        Self(rows)
    }

    /// The point times a scalar and the base point times another; all of it
    /// public.
    pub(super) fn public_sum(&self, scalar: &Scalar, of_base: &Scalar) -> Point {
        public_sum(
            &[
                (self, scalar.as_bytes()),
                (base_table(), of_base.as_bytes()),
            ],
            &[],
        )
    }

    /// The point times a scalar below 2^253, which may be secret.
    fn times(&self, scalar: &[u8; 32]) -> Point {
        let mut digits = [0_i8; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(scalar) {
            pair[0] = (byte & 15) as i8;
            pair[1] = (byte >> 4) as i8;
        }
        // From 0 to 15 to -8 to 8.
        let mut carry = 0;
        for digit in &mut digits {
            *digit += carry;
            carry = (*digit + 8) >> 4;
            *digit -= carry << 4;
        }
        digits[63] += carry << 4;
        let mut result = Point::neutral();
        for odd in [1, 0] {
            for (row, pair) in self.0.iter().zip(digits.chunks_exact(2)) {
                result.add(&selected(row, pair[odd]));
            }
            if odd == 1 {
                (0..4).for_each(|_| result.double());
            }
        }
        digits.zeroize();
        result
    }
}

/// A digit times the point whose multiples these are; every one is looked at.
#[inline(never)]
fn selected(row: &[Addend; 8], digit: i8) -> Addend {
    let digit = i32::from(black_box(digit));
    let sign = digit >> 31;
    let size = (digit ^ sign) - sign;
    let is = |number: i32| i32x4_splat(((size ^ number) - 1) >> 31);
    // None is the neutral point, which is (1, 1, 2, 0) here.
    let none = is(0);
    let mut found = Four(limbs!(|AT| {
        if AT == 0 {
            v128_and(none, u32x4(1, 1, 2, 0))
        } else {
            u32x4_splat(0)
        }
    }));
    for (one, number) in row.iter().zip(1..) {
        let mask = is(number);
        let (all, of) = (found.0, one.0.0);
        found = Four(limbs!(|AT| v128_xor(all[AT], v128_and(mask, of[AT]))));
    }
    let (all, turned) = (found.0, Addend(found).negated().0.0);
    let sign = i32x4_splat(sign);
    Addend(Four(limbs!(|AT| v128_bitselect(turned[AT], all[AT], sign))))
}

fn base() -> Point {
    Point::decompress(&BASE).unwrap_or_else(Point::neutral)
}

fn base_table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| Table::of(&base()))
}

/// The base point times a scalar, which may be secret.
pub(super) fn times_base(scalar: &Scalar) -> Point {
    base_table().times(scalar.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
    use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
    use curve25519_dalek::scalar::Scalar as Theirs;
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// Some at the edges, then any.
    fn scalars(rng: &mut Rng) -> Vec<Theirs> {
        let small = [
            0,
            1,
            2,
            7,
            8,
            9,
            15,
            16,
            17,
            127,
            128,
            129,
            255,
            256,
            u64::MAX,
        ];
        let small = small.map(Theirs::from);
        let large = small.map(|scalar| -scalar);
        // Nibbles of 8 carry all the way.
        let eights = Theirs::from_bytes_mod_order([0x88; 32]);
        let sevens = Theirs::from_bytes_mod_order([0x77; 32]);
        let any = (0..40).map(|_| Theirs::from_bytes_mod_order(rng.array()));
        let edges = small.into_iter().chain(large).chain([eights, sevens]);
        edges.chain(any).collect()
    }

    fn ours(point: &EdwardsPoint) -> Point {
        Point::decompress(point.compress().as_bytes()).unwrap()
    }

    #[test]
    fn every_product_is_as_the_library_has_it() {
        let mut rng = Rng::from_seed([1; 32]);
        let scalars = scalars(&mut rng);
        for (at, scalar) in scalars.iter().enumerate() {
            let other = scalars[scalars.len() - 1 - at];
            let [ours_scalar, ours_other] =
                [scalar, &other].map(|one| Scalar::from_bytes_mod_order(one.to_bytes()));
            let mut point = ED25519_BASEPOINT_POINT * Theirs::from_bytes_mod_order(rng.array());
            if at % 3 == 0 {
                point += EIGHT_TORSION[at % 8];
            }
            let expected = |point: EdwardsPoint| point.compress().to_bytes();
            let base = ED25519_BASEPOINT_POINT * scalar;
            assert_eq!(times_base(&ours_scalar).compress(), expected(base));
            let theirs = point * scalar + ED25519_BASEPOINT_POINT * other;
            let is_sum = |claimed: EdwardsPoint| {
                is_sum(&expected(claimed), &ours(&point), &ours_scalar, &ours_other)
            };
            assert_eq!(is_sum(theirs), !theirs.is_small_order());
            // Nor is it a point that some multiple of makes no difference.
            for torsion in &EIGHT_TORSION[1..] {
                assert!(!is_sum(theirs + torsion));
            }
            assert!(!is_sum(theirs + point) && !is_sum(-theirs));
            if at % 8 == 0 {
                let table = Table::of(&ours(&point));
                let product = table.times(scalar.as_bytes());
                assert_eq!(product.compress(), expected(point * scalar));
                let sum = table.public_sum(&ours_scalar, &ours_other);
                assert_eq!(sum.compress(), expected(theirs));
            }
        }
    }

    #[test]
    fn what_is_a_point_and_which_is_judged_as_by_the_library() {
        let mut rng = Rng::from_seed([2; 32]);
        let mut spellings: Vec<[u8; 32]> = (0..1_000).map(|_| rng.array()).collect();
        // About zero and about the prime, with and without a sign.
        for low in 0..=u8::MAX {
            for (middle, high) in [(0, 0), (0, 0x80), (0xff, 0x7f), (0xff, 0xff)] {
                let mut bytes = [middle; 32];
                (bytes[0], bytes[31]) = (low, high);
                spellings.push(bytes);
            }
        }
        spellings.extend(EIGHT_TORSION.map(|point| point.compress().to_bytes()));
        let (mut points, mut small) = (0, 0);
        for bytes in spellings {
            let theirs = CompressedEdwardsY(bytes).decompress();
            let found = Point::decompress(&bytes);
            let spelled = found.as_ref().map(Point::compress);
            assert_eq!(
                spelled,
                theirs.map(|one| one.compress().to_bytes()),
                "{bytes:?}"
            );
            if let (Some(found), Some(theirs)) = (found, theirs) {
                assert_eq!(found.is_small_order(), theirs.is_small_order(), "{bytes:?}");
                points += 1;
                small += u32::from(theirs.is_small_order());
            }
        }
        assert!(points > 800 && small > 8, "{points}, {small}");
    }
}
