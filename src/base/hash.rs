//! SHA-256 and SHA-512 (FIPS 180-4) of texts in parts, by the library's
//! compression functions. Its hashers, which stop and go on between parts,
//! would be a kilobyte of what a page loads, gzipped.

use core::hint::black_box;
use sha2::block_api::{compress256, compress512};

/// The longest block, of SHA-512.
const BLOCK_MAX: usize = 128;

/// SHA-256 of the parts, one behind the other.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut state = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];
    in_blocks(parts, 64, &mut |blocks| {
        compress256(&mut state, blocks.as_chunks().0);
    });
    let mut hash = [0; 32];
    for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(&state) {
        *bytes = word.to_be_bytes();
    }
    state = [0; _];
    black_box(&state);
    hash
}

/// SHA-512 of the parts, one behind the other.
pub fn sha512(parts: &[&[u8]]) -> [u8; 64] {
    let mut state = [
        0x6a09_e667_f3bc_c908,
        0xbb67_ae85_84ca_a73b,
        0x3c6e_f372_fe94_f82b,
        0xa54f_f53a_5f1d_36f1,
        0x510e_527f_ade6_82d1,
        0x9b05_688c_2b3e_6c1f,
        0x1f83_d9ab_fb41_bd6b,
        0x5be0_cd19_137e_2179,
    ];
    in_blocks(parts, BLOCK_MAX, &mut |blocks| {
        compress512(&mut state, blocks.as_chunks().0);
    });
    let mut hash = [0; 64];
    for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(&state) {
        *bytes = word.to_be_bytes();
    }
    state = [0; _];
    black_box(&state);
    hash
}

/// Gives the parts on in whole blocks of this size. Behind them come a bit,
/// zeros, and in an eighth of a block how many bits they were. The copy of their
/// ends is wiped.
fn in_blocks(parts: &[&[u8]], size: usize, compress: &mut dyn FnMut(&[u8])) {
    let mut block = [0; BLOCK_MAX];
    let mut filled = 0;
    let mut total = 0_u64;
    for mut part in parts.iter().copied() {
        total += part.len() as u64;
        if filled > 0 {
            let (now, later) = part.split_at(part.len().min(size - filled));
            block[filled..][..now.len()].copy_from_slice(now);
            filled += now.len();
            if filled < size {
                continue;
            }
            compress(&block[..size]);
            part = later;
        }
        let (whole, rest) = part.split_at(part.len() - part.len() % size);
        compress(whole);
        block[..rest.len()].copy_from_slice(rest);
        filled = rest.len();
    }
    block[filled..].fill(0);
    block[filled] = 0x80;
    if filled >= size - size / 8 {
        compress(&block[..size]);
        block = [0; _];
    }
    block[size - 8..size].copy_from_slice(&(8 * total).to_be_bytes());
    compress(&block[..size]);
    block = [0; _];
    black_box(&block);
}

#[cfg(test)]
mod tests {
    use super::{sha256, sha512};
    use crate::base::Rng;
    use sha2::{Digest as _, Sha256, Sha512};
    #[cfg(target_family = "wasm")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn texts_of_any_length_in_any_parts_have_the_hash_that_the_library_gives_them() {
        let mut rng = Rng::from_seed([7; 32]);
        let text = rng.array::<700>();
        for len in 0..text.len() {
            let whole = &text[..len];
            let first = rng.below(len as u32 + 1) as usize;
            let second = first + rng.below((len - first) as u32 + 1) as usize;
            let parts = [&whole[..first], &whole[first..second], &whole[second..]];
            let hash256: [u8; 32] = Sha256::digest(whole).into();
            let hash512: [u8; 64] = Sha512::digest(whole).into();
            for parts in [&[whole][..], &parts] {
                assert_eq!(sha256(parts), hash256, "{len}, {first}, {second}");
                assert_eq!(sha512(parts), hash512, "{len}, {first}, {second}");
            }
        }
    }
}
