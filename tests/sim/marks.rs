//! Marks in the place of the naras' signatures, each made of the key and the
//! text, since signing would be a quarter of a simulation's time. Whatever has
//! none is verified for real: peers that lie sign with their own keys. That
//! what was forged is refused is shown by tests/security.

use light_nara::base::PublicKey;
use light_nara::identity::{self, Keys, OpenError, Signature};
use light_nara::runtime::Crypto;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Signatures whose verdict is remembered, since a message to everybody is
/// verified by each; then all are forgotten.
const MEMO_MAX: usize = 100_000;

thread_local! {
    static VERIFIED: RefCell<BTreeMap<u128, bool>> = const { RefCell::new(BTreeMap::new()) };
}

/// Signs with marks; seals and opens with the keys.
pub(super) struct Marking(pub(super) Keys);

impl Crypto for Marking {
    fn sign(&self, text: &[u8]) -> Signature {
        mark(&self.0.identity().key, text)
    }

    fn verify(&self, key: &PublicKey, text: &[u8], signature: &Signature) -> bool {
        verify(key, text, signature)
    }

    fn seal(&self, nonce: [u8; 24], plaintext: &[u8]) -> Vec<u8> {
        self.0.seal(nonce, plaintext)
    }

    fn open(&self, nonce: &[u8; 24], ciphertext: &[u8]) -> Result<Vec<u8>, OpenError> {
        self.0.open(nonce, ciphertext)
    }
}

/// Whether the holder of `key` signed or marked the text.
pub(super) fn verify(key: &PublicKey, text: &[u8], signature: &Signature) -> bool {
    if *signature == mark(key, text) {
        return true;
    }
    let entry = digest(&[&key.0, &signature.0, text]);
    if let Some(known) = VERIFIED.with_borrow(|memo| memo.get(&entry).copied()) {
        return known;
    }
    let is_signed = identity::verify(key, text, signature);
    VERIFIED.with_borrow_mut(|memo| {
        if memo.len() >= MEMO_MAX {
            memo.clear();
        }
        memo.insert(entry, is_signed);
    });
    is_signed
}

fn mark(key: &PublicKey, text: &[u8]) -> Signature {
    let digest = digest(&[&key.0, text]);
    let mut mark = [0; 64];
    for (n, part) in (1..).zip(mark.chunks_exact_mut(16)) {
        part.copy_from_slice(&digest.wrapping_mul(2 * n + 1).to_le_bytes());
    }
    Signature(mark)
}

/// Tells texts apart that differ by chance; nobody here looks for collisions.
pub(super) fn digest(texts: &[&[u8]]) -> u128 {
    let (mut one, mut other) = (0_u64, 0x9e37_79b9_7f4a_7c15_u64);
    for text in texts {
        one ^= text.len() as u64;
        for part in text.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            let word = u64::from_le_bytes(word);
            one = (one ^ word)
                .wrapping_mul(0x0100_0000_01b3_u64 << 8 | 0xb3)
                .rotate_left(29);
            other = (other.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }
    u128::from(one) << 64 | u128::from(other)
}
