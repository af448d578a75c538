//! Halves the scalar of a verification.
//!
//! A multiple of a point is claimed. Both sides may be multiplied by any odd
//! number below the group's order, and Euclid's algorithm finds one that is half
//! as long as the order, by which the scalar becomes as short: Antipa, Brown,
//! Gallant, Lambert, Struik and Vanstone, "Accelerated Verification of ECDSA
//! Signatures" (2005). Everything here is public.

use super::field::bytes;
use super::scalar::Scalar;

/// Bits that the halved scalar has at most, but for the rare one.
const HALF: u32 = 128;

/// Eight times the order of the base point, which every point times it is the
/// neutral one. With the order alone, what follows would be wrong of points that
/// are no multiples of the base point.
const ORDER: Number = [
    0xc093_18d2_e7ae_9f68,
    0xa6f7_cef5_17bc_e6b2,
    0,
    0x8000_0000_0000_0000,
];

/// From the lowest word to the highest.
type Number = [u64; 4];

/// A scalar times a factor is another scalar, or its negative.
pub(super) struct Halves {
    /// Odd, and not much longer than half of the order.
    pub(super) factor: [u8; 32],
    /// As long.
    pub(super) scalar: [u8; 32],
    pub(super) is_negative: bool,
}

/// The halves of a scalar.
pub(super) fn halved(scalar: &Scalar) -> Halves {
    let (words, _) = scalar.as_bytes().as_chunks();
    let scalar = core::array::from_fn(|at| u64::from_le_bytes(words[at]));
    // Each rest is the scalar times its factor, modulo the order; of two in a
    // row, one is so of its factor's negative.
    let (mut last, mut rest) = ((ORDER, [0; 4]), (scalar, [1, 0, 0, 0]));
    let mut is_negative = false;
    while bits(&rest.0) > HALF {
        while let Some(mut shift) = bits(&last.0).checked_sub(bits(&rest.0)) {
            let mut part = shifted(&rest.0, shift);
            if part.iter().rev().gt(last.0.iter().rev()) {
                if shift == 0 {
                    break;
                }
                shift -= 1;
                part = shifted(&rest.0, shift);
            }
            subtract(&mut last.0, &part);
            add(&mut last.1, &shifted(&rest.1, shift));
        }
        (last, rest) = (rest, last);
        is_negative = !is_negative;
    }
    if rest.1[0] & 1 == 0 {
        // Of two factors in a row, one is odd.
        subtract(&mut last.0, &rest.0);
        add(&mut last.1, &rest.1);
        rest = last;
        is_negative = !is_negative;
    }
    Halves {
        factor: bytes(&rest.1),
        scalar: bytes(&rest.0),
        is_negative,
    }
}

fn bits(number: &Number) -> u32 {
    let at = number.iter().rposition(|word| *word != 0);
    at.map_or(0, |at| 64 * (at as u32 + 1) - number[at].leading_zeros())
}

fn shifted(number: &Number, by: u32) -> Number {
    let (mut shifted, mut carry) = ([0; 4], 0);
    let places = shifted.iter_mut().skip((by / 64) as usize);
    for (place, word) in places.zip(number) {
        *place = word << (by % 64) | carry;
        carry = word >> 1 >> (63 - by % 64);
    }
    shifted
}

fn subtract(number: &mut Number, other: &Number) {
    let mut borrow = false;
    for (word, other) in number.iter_mut().zip(other) {
        (*word, borrow) = word.borrowing_sub(*other, borrow);
    }
}

fn add(number: &mut Number, other: &Number) {
    let mut carry = false;
    for (word, other) in number.iter_mut().zip(other) {
        (*word, carry) = word.carrying_add(*other, carry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use curve25519_dalek::scalar::Scalar as Theirs;
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// The number as a scalar, and what is left of it by eight.
    fn residues(bytes: &[u8; 32]) -> (Theirs, u8) {
        (Theirs::from_bytes_mod_order(*bytes), bytes[0] % 8)
    }

    #[test]
    fn the_halves_of_every_scalar_mean_the_same() {
        let mut rng = Rng::from_seed([8; 32]);
        let powers = (0..253).map(|power| {
            let mut bytes = [0; 32];
            bytes[power / 8] = 1 << (power % 8);
            Theirs::from_bytes_mod_order(bytes)
        });
        // Small ones, and those whose first quotients are large.
        let edges = powers.flat_map(|power| [power, power - Theirs::ONE, -power, power.invert()]);
        let any = (0..2_000).map(|_| Theirs::from_bytes_mod_order(rng.array()));
        let mut lengths = Vec::new();
        for scalar in [Theirs::ZERO].into_iter().chain(edges).chain(any) {
            let halves = halved(&Scalar::from_bytes_mod_order(scalar.to_bytes()));
            let (factor, factor_by_8) = residues(&halves.factor);
            let (half, half_by_8) = residues(&halves.scalar);
            let (half, half_by_8) = match halves.is_negative {
                true => (-half, half_by_8.wrapping_neg() % 8),
                false => (half, half_by_8),
            };
            assert_eq!(scalar * factor, half);
            let by_8 = scalar.as_bytes()[0] % 8;
            assert_eq!(by_8.wrapping_mul(factor_by_8) % 8, half_by_8);
            assert_eq!(factor_by_8 % 2, 1);
            assert!(factor != Theirs::ZERO);
            lengths.push([halves.factor, halves.scalar].map(|bytes| {
                let highest = bytes.iter().rposition(|byte| *byte != 0);
                highest.map_or(0, |at| at + 1)
            }));
        }
        assert!(lengths.iter().all(|[factor, _]| *factor <= 17));
        // Of two thousand, hardly one is a byte too long.
        let long = lengths[lengths.len() - 2_000..].iter();
        let long = long.filter(|[_, scalar]| *scalar > 17).count();
        assert!(long < 20, "{long}");
    }
}
