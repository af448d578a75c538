//! Scalars of Ed25519 for WebAssembly: numbers modulo the order of the base
//! point, in a fraction of the library's code. `group.rs` has the library's
//! elsewhere, which in tests is what these are held against.
//!
//! Nothing branches on or looks up by a number.

use core::ops::{Add, Mul};
use zeroize::Zeroize;

/// Words of 32 bits that a scalar fits into.
const WORDS: usize = 8;

/// 2^512 by the order, rounded down.
const INVERSE: [u32; WORDS + 1] = [
    0x0a2c_131b,
    0xed9c_e5a3,
    0x0863_29a7,
    0x2106_215d,
    0xffff_ffeb,
    0xffff_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0x0000_000f,
];

/// The order taken from 2^288.
const NEGATIVE_ORDER: [u32; WORDS + 1] = [
    0xa30a_2c13,
    0xa7ed_9ce5,
    0x5d08_6329,
    0xeb21_0621,
    0xffff_ffff,
    0xffff_ffff,
    0xffff_ffff,
    0xefff_ffff,
    0xffff_ffff,
];

/// A number below the order, in 32 bytes from the lowest on.
#[derive(Clone, Copy, PartialEq, Eq, Zeroize)]
#[cfg_attr(test, derive(Debug))]
pub(super) struct Scalar([u8; 32]);

impl Scalar {
    pub(super) fn from_bytes_mod_order(bytes: [u8; 32]) -> Self {
        reduced(&words(&bytes))
    }

    pub(super) fn from_bytes_mod_order_wide(bytes: &[u8; 64]) -> Self {
        reduced(&words(bytes))
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What is below the order already.
pub(super) fn canonical(bytes: [u8; 32]) -> Option<Scalar> {
    let scalar = Scalar::from_bytes_mod_order(bytes);
    (scalar.0 == bytes).then_some(scalar)
}

impl Mul for Scalar {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let mut product = [0; 2 * WORDS];
        add_product(&mut product, &words(&self.0), &words(&other.0)[..WORDS]);
        reduced(&product)
    }
}

impl Add for Scalar {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let mut sum = words(&self.0);
        add_product(&mut sum, &[1], &words(&other.0)[..WORDS]);
        reduced(&sum)
    }
}

fn words(bytes: &[u8]) -> [u32; 2 * WORDS] {
    let mut words = [0; _];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    words
}

/// Adds a product to a sum, of which no more is kept than there is room for.
fn add_product(sum: &mut [u32], one: &[u32], other: &[u32]) {
    for (at, one) in one.iter().enumerate() {
        let mut carry = 0;
        let others = other.iter().chain(core::iter::repeat(&0));
        for (place, other) in sum[at..].iter_mut().zip(others) {
            // At most (2^32 - 1)^2 + 2 (2^32 - 1), which is 2^64 - 1.
            carry += u64::from(*one) * u64::from(*other) + u64::from(*place);
            *place = carry as u32;
            carry >>= 32;
        }
    }
}

/// By Barrett's reduction (Menezes, van Oorschot and Vanstone, "Handbook of
/// Applied Cryptography", algorithm 14.42): the quotient that is found is too
/// small by two at most.
fn reduced(number: &[u32; 2 * WORDS]) -> Scalar {
    let mut quotient = [0; 2 * WORDS + 2];
    add_product(&mut quotient, &number[WORDS - 1..], &INVERSE);
    let mut rest = [0; WORDS + 1];
    rest.copy_from_slice(&number[..=WORDS]);
    add_product(&mut rest, &quotient[WORDS + 1..], &NEGATIVE_ORDER);
    for _ in 0..2 {
        let mut less = rest;
        add_product(&mut less, &[1], &NEGATIVE_ORDER);
        let is_negative = (less[WORDS] as i32 >> 31) as u32;
        for (place, less) in rest.iter_mut().zip(less) {
            *place = *place & is_negative | less & !is_negative;
        }
    }
    let mut bytes = [0; 32];
    for (place, word) in bytes.as_chunks_mut().0.iter_mut().zip(rest) {
        *place = word.to_le_bytes();
    }
    Scalar(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use curve25519_dalek::scalar::Scalar as Theirs;
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// Numbers about multiples of the order, then extreme and any.
    fn numbers(rng: &mut Rng) -> Vec<[u8; 64]> {
        let mut numbers = Vec::new();
        for factor in (0..40_u64).chain((0..62).map(|power| 1 << power)) {
            let mut multiple = [0; 16];
            let order = NEGATIVE_ORDER.map(|word| !word);
            let factor = [factor as u32, (factor >> 32) as u32];
            // The order less one is all the bits of its negative turned.
            add_product(&mut multiple, &factor, &order[..WORDS]);
            add_product(&mut multiple, &factor, &[1]);
            for more in 0..3 {
                let mut number = multiple;
                add_product(&mut number, &[1], &[more]);
                numbers.push(number);
                let less = number.map(|word| !word);
                numbers.push(less);
            }
        }
        let mut numbers: Vec<[u8; 64]> = numbers
            .into_iter()
            .map(|number| {
                let mut bytes = [0; 64];
                for (place, word) in bytes.as_chunks_mut().0.iter_mut().zip(number) {
                    *place = u32::to_le_bytes(word);
                }
                bytes
            })
            .collect();
        for _ in 0..3_000 {
            let mut bytes = rng.array();
            for word in bytes.as_chunks_mut::<4>().0 {
                match rng.below(4) {
                    0 => *word = [0; 4],
                    1 => *word = [0xff; 4],
                    _ => {}
                }
            }
            numbers.push(bytes);
        }
        numbers
    }

    #[test]
    fn sums_products_and_rests_are_as_the_library_has_them() {
        let mut rng = Rng::from_seed([9; 32]);
        let numbers = numbers(&mut rng);
        let mut last = (Scalar([0; 32]), Theirs::ZERO);
        let mut below = 0;
        for number in &numbers {
            let (low, _) = number.split_first_chunk::<32>().unwrap();
            let ours = Scalar::from_bytes_mod_order_wide(number);
            let theirs = Theirs::from_bytes_mod_order_wide(number);
            assert_eq!(ours.as_bytes(), theirs.as_bytes(), "{number:?}");
            assert_eq!((ours * last.0).as_bytes(), (theirs * last.1).as_bytes());
            assert_eq!((ours + last.0).as_bytes(), (theirs + last.1).as_bytes());
            let rest = Scalar::from_bytes_mod_order(*low);
            assert_eq!(rest.0, Theirs::from_bytes_mod_order(*low).to_bytes());
            let found = canonical(*low);
            let expected = Option::<Theirs>::from(Theirs::from_canonical_bytes(*low));
            assert_eq!(found.is_some(), expected.is_some(), "{low:?}");
            below += usize::from(found.is_some());
            last = (ours, theirs);
        }
        assert!(below > 200 && below < numbers.len() - 200, "{below}");
    }
}
