//! What is long in messages is Base64: here it is scanned, read and written
//! many bytes at a time, in 128-bit vectors where WebAssembly has them.

pub(super) use kernel::Chunk;

use crate::base::base64;

/// The bytes that a scan stops at.
pub(super) trait Special {
    /// Whether this byte is one.
    fn is(byte: u8) -> bool;

    /// Whether one of these is.
    fn is_in(chunk: Chunk) -> bool;
}

/// How many bytes pass before the first that is special.
pub(super) fn plain_length<S: Special>(bytes: &[u8]) -> usize {
    let (chunks, _) = bytes.as_chunks();
    let mut at = 0;
    for chunk in chunks {
        if S::is_in(Chunk::of(chunk)) {
            break;
        }
        at += chunk.len();
    }
    while at < bytes.len() && !S::is(bytes[at]) {
        at += 1;
    }
    at
}

/// The bytes of a padded standard Base64 text, if it is one.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = vec![0; text.len() / 4 * 3];
    let (read, written) = kernel::decode(text.as_bytes(), &mut bytes);
    bytes.truncate(written);
    // How it ends, and whatever is wrong with it.
    base64::decode_into(text.as_bytes().get(read..)?, &mut bytes).map(|()| bytes)
}

/// Padded standard Base64.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    let mut text = vec![0; bytes.len().div_ceil(3) * 4];
    let (read, written) = kernel::encode(bytes, &mut text);
    text.truncate(written);
    // It is ASCII.
    let mut text = String::from_utf8(text).unwrap_or_default();
    base64::encode_into(bytes.get(read..).unwrap_or_default(), &mut text);
    text
}

#[cfg(not(all(target_family = "wasm", target_feature = "simd128")))]
mod kernel {
    use crate::base::base64;

    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * EACH;

    /// Eight bytes. The tests are right about whether there is one.
    #[derive(Clone, Copy)]
    pub(crate) struct Chunk(u64);

    impl Chunk {
        pub(super) fn of(bytes: &[u8; 8]) -> Self {
            Self(u64::from_ne_bytes(*bytes))
        }

        /// Whether one is less than `limit`, which is 128 at most.
        pub(crate) fn has_below(self, limit: u8) -> bool {
            self.0.wrapping_sub(EACH * u64::from(limit)) & !self.0 & HIGH != 0
        }

        pub(crate) fn has(self, byte: u8) -> bool {
            Self(self.0 ^ (EACH * u64::from(byte))).has_below(1)
        }

        /// Whether one is no ASCII.
        pub(crate) fn has_high(self) -> bool {
            self.0 & HIGH != 0
        }
    }

    /// Writes what a text starts with, four characters at a time, up to where
    /// one is no digit; returns how much it has read and written.
    pub(super) fn decode(text: &[u8], bytes: &mut [u8]) -> (usize, usize) {
        let (fours, _) = text.as_chunks::<4>();
        let (places, _) = bytes.as_chunks_mut::<3>();
        let mut done = 0;
        for (four, place) in fours.iter().zip(places) {
            let values = four.map(|digit| u32::from(base64::VALUES[usize::from(digit)]));
            let [a, b, c, d] = values;
            if (a | b | c | d) > 63 {
                break;
            }
            let [_, whole @ ..] = (a << 18 | b << 12 | c << 6 | d).to_be_bytes();
            *place = whole;
            done += 1;
        }
        (4 * done, 3 * done)
    }

    /// Writes what bytes start with, three at a time; returns how much it has
    /// read and written.
    pub(super) fn encode(bytes: &[u8], text: &mut [u8]) -> (usize, usize) {
        let (threes, _) = bytes.as_chunks::<3>();
        let (places, _) = text.as_chunks_mut::<4>();
        for ([a, b, c], place) in threes.iter().zip(places) {
            let word = u32::from_be_bytes([0, *a, *b, *c]);
            let digit = |shift: u32| base64::DIGITS[(word >> shift & 63) as usize];
            *place = [digit(18), digit(12), digit(6), digit(0)];
        }
        (3 * threes.len(), 4 * threes.len())
    }
}

/// The lookups are those of Wojciech Muła and Daniel Lemire, "Faster Base64
/// Encoding and Decoding using AVX2 Instructions" (2018).
#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
mod kernel {
    use core::arch::wasm32::{
        i8x16, i8x16_swizzle, u8x16, u8x16_add, u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_shr,
        u8x16_shuffle, u8x16_splat, u8x16_sub_sat, u16x8_shl, u16x8_shr, u16x8_splat, u32x4_shl,
        u32x4_shr, u32x4_splat, u64x2, u64x2_extract_lane, v128, v128_and, v128_any_true, v128_or,
    };

    /// Sixteen bytes.
    #[derive(Clone, Copy)]
    pub(crate) struct Chunk(v128);

    impl Chunk {
        #[inline(always)]
        pub(super) fn of(bytes: &[u8; 16]) -> Self {
            let (halves, _) = bytes.as_chunks();
            let half = |at: usize| u64::from_le_bytes(halves[at]);
            Self(u64x2(half(0), half(1)))
        }

        /// Whether one is less than `limit`.
        #[inline(always)]
        pub(crate) fn has_below(self, limit: u8) -> bool {
            v128_any_true(u8x16_lt(self.0, u8x16_splat(limit)))
        }

        #[inline(always)]
        pub(crate) fn has(self, byte: u8) -> bool {
            v128_any_true(u8x16_eq(self.0, u8x16_splat(byte)))
        }

        /// Whether one is no ASCII.
        #[inline(always)]
        pub(crate) fn has_high(self) -> bool {
            u8x16_bitmask(self.0) != 0
        }
    }

    /// Writes what a text starts with, sixteen characters at a time, up to
    /// where one is no digit; returns how much it has read and written.
    pub(super) fn decode(text: &[u8], bytes: &mut [u8]) -> (usize, usize) {
        let mut done = 0;
        let (texts, _) = text.as_chunks();
        let (places, _) = bytes.as_chunks_mut::<12>();
        for (chunk, place) in texts.iter().zip(places) {
            let Some(values) = values(Chunk::of(chunk).0) else {
                break;
            };
            // Four times six bits are 24, the first the highest.
            let pairs = v128_or(
                v128_and(u16x8_shl(values, 6), u16x8_splat(0x0fc0)),
                u16x8_shr(values, 8),
            );
            let fours = v128_or(
                v128_and(u32x4_shl(pairs, 12), u32x4_splat(0x00ff_f000)),
                u32x4_shr(pairs, 16),
            );
            let packed =
                u8x16_shuffle::<2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 3, 7, 11, 15>(fours, fours);
            let [a, b, c, d, e, f, g, h] = u64x2_extract_lane::<0>(packed).to_le_bytes();
            let [i, j, k, l, ..] = u64x2_extract_lane::<1>(packed).to_le_bytes();
            *place = [a, b, c, d, e, f, g, h, i, j, k, l];
            done += 1;
        }
        (16 * done, 12 * done)
    }

    /// What sixteen digits stand for; none if one is no digit.
    #[inline(always)]
    fn values(digits: v128) -> Option<v128> {
        let (high, low) = (u8x16_shr(digits, 4), v128_and(digits, u8x16_splat(0x0f)));
        // A bit for each group of characters that a half byte may belong to.
        let by_low = u8x16(
            0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b,
            0x1b, 0x1a,
        );
        let by_high = u8x16(
            0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10,
            0x10, 0x10,
        );
        let wrong = v128_and(i8x16_swizzle(by_low, low), i8x16_swizzle(by_high, high));
        if v128_any_true(wrong) {
            return None;
        }
        // By the high half: / + digits, capitals, small letters.
        let offsets = i8x16(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
        let is_slash = u8x16_eq(digits, u8x16_splat(b'/'));
        let offset = i8x16_swizzle(offsets, u8x16_add(high, is_slash));
        Some(u8x16_add(digits, offset))
    }

    /// Writes what bytes start with, twelve at a time; returns how much it has
    /// read and written.
    pub(super) fn encode(bytes: &[u8], text: &mut [u8]) -> (usize, usize) {
        let (twelves, _) = bytes.as_chunks::<12>();
        let (places, _) = text.as_chunks_mut::<16>();
        for (twelve, place) in twelves.iter().zip(places) {
            let [a, b, c, d, e, f, g, h, i, j, k, l] = *twelve;
            let packed = u64x2(
                u64::from_le_bytes([a, b, c, d, e, f, g, h]),
                u64::from(u32::from_le_bytes([i, j, k, l])),
            );
            let spread =
                u8x16_shuffle::<1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10>(packed, packed);
            let first = u32x4_shr(v128_and(spread, u32x4_splat(0x0000_fc00)), 10);
            let second = u32x4_shl(v128_and(spread, u32x4_splat(0x0000_03f0)), 4);
            let third = u32x4_shr(v128_and(spread, u32x4_splat(0x0fc0_0000)), 6);
            let fourth = u32x4_shl(v128_and(spread, u32x4_splat(0x003f_0000)), 8);
            let values = v128_or(v128_or(first, second), v128_or(third, fourth));
            // Capitals, small letters, ten digits, + and /: what to add for each.
            let offsets = i8x16(
                71, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -19, -16, 65, 0, 0,
            );
            let is_capital = v128_and(u8x16_lt(values, u8x16_splat(26)), u8x16_splat(13));
            let group = v128_or(u8x16_sub_sat(values, u8x16_splat(51)), is_capital);
            let digits = u8x16_add(values, i8x16_swizzle(offsets, group));
            let (low, high) = place.split_at_mut(8);
            low.copy_from_slice(&u64x2_extract_lane::<0>(digits).to_le_bytes());
            high.copy_from_slice(&u64x2_extract_lane::<1>(digits).to_le_bytes());
        }
        let done = twelves.len();
        (12 * done, 16 * done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use ::base64::Engine as _;
    use ::base64::engine::general_purpose::STANDARD;
    #[cfg(target_family = "wasm")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn base64_is_read_and_written_as_by_the_library() {
        let mut rng = Rng::from_seed([4; 32]);
        let noise = rng.array::<300>();
        for len in 0..noise.len() {
            let bytes = &noise[..len];
            let text = STANDARD.encode(bytes);
            assert_eq!(to_base64(bytes), text);
            assert_eq!(from_base64(&text).as_deref(), Some(bytes));
            let cut = text.get(1..).and_then(from_base64);
            assert_eq!(cut, None);
        }
    }

    #[test]
    fn what_is_no_base64_is_noticed_wherever_it_stands() {
        let text = STANDARD.encode([0xa7; 48]);
        for at in 0..text.len() {
            for c in '\0'..'\u{100}' {
                let changed = format!("{}{c}{}", &text[..at], &text[at + 1..]);
                let theirs = STANDARD.decode(&changed).ok();
                assert_eq!(from_base64(&changed), theirs, "{c:?} at {at}");
            }
        }
    }
}
