//! Real keys that remember: what was verified or signed once in this process
//! comes out the same again, and a message to everybody is verified by each.

use light_nara::base::PublicKey;
use light_nara::identity::{self, Keys, OpenError, Signature};
use light_nara::runtime::Crypto;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Entries that are remembered; then all are forgotten.
const MEMO_MAX: usize = 100_000;

type Memo<V> = RefCell<BTreeMap<u128, V>>;

thread_local! {
    static VERIFIED: Memo<bool> = const { Memo::new(BTreeMap::new()) };
    static SIGNED: Memo<[u8; 64]> = const { Memo::new(BTreeMap::new()) };
}

pub(super) struct Remembering(pub(super) Keys);

impl Crypto for Remembering {
    fn sign(&self, text: &[u8]) -> Signature {
        let key = &self.0.identity().key.0;
        let signature = recall(&SIGNED, digest(&[key, text]), || self.0.sign(text).0);
        // Whoever holds the key has made it, so it need not be verified too.
        recall(&VERIFIED, digest(&[key, &signature, text]), || true);
        Signature(signature)
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

/// Whether the holder of `key` signed the text.
pub(super) fn verify(key: &PublicKey, text: &[u8], signature: &Signature) -> bool {
    recall(&VERIFIED, digest(&[&key.0, &signature.0, text]), || {
        identity::verify(key, text, signature)
    })
}

fn recall<V: Copy>(
    memo: &'static std::thread::LocalKey<Memo<V>>,
    key: u128,
    find: impl FnOnce() -> V,
) -> V {
    if let Some(known) = memo.with_borrow(|memo| memo.get(&key).copied()) {
        return known;
    }
    let value = find();
    memo.with_borrow_mut(|memo| {
        if memo.len() >= MEMO_MAX {
            memo.clear();
        }
        memo.insert(key, value);
    });
    value
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
