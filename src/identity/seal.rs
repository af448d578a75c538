//! Sealing: what a nara encrypts so that only its own soul opens it again.

#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
use super::aead;
#[cfg(not(all(target_family = "wasm", target_feature = "simd128")))]
use super::library as aead;

use super::soul::{Soul, derive_key};
use core::fmt;
use zeroize::Zeroizing;

/// The sealed bytes were made with another soul or nonce, or were changed.
/// Which of these cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenError;

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the seal does not open with this soul")
    }
}

impl core::error::Error for OpenError {}

/// Bytes of a tag, which stands last.
const TAG_SIZE: usize = 16;

/// The key of the stash that belongs to the soul with this seed.
pub fn stash_key(seed: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    derive_key(seed, b"nara:stash:v1", b"symmetric")
}

/// The key that seals and opens a nara's own stash.
pub(super) struct SealKey(Zeroizing<[u8; 32]>);

impl SealKey {
    pub(super) fn new(soul: &Soul) -> Self {
        Self(stash_key(soul.seed()))
    }

    pub(super) fn seal(&self, nonce: &[u8; 24], plaintext: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(plaintext.len() + TAG_SIZE);
        sealed.extend_from_slice(plaintext);
        let tag = aead::seal(&self.0, nonce, b"", &mut sealed);
        sealed.extend_from_slice(&tag);
        sealed
    }

    pub(super) fn open(&self, nonce: &[u8; 24], ciphertext: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (sealed, tag) = ciphertext.split_last_chunk().ok_or(OpenError)?;
        let mut plaintext = sealed.to_vec();
        let is_right = aead::open(&self.0, nonce, b"", &mut plaintext, tag);
        is_right.then_some(plaintext).ok_or(OpenError)
    }
}

#[cfg(test)]
#[path = "tests/wycheproof.rs"]
mod wycheproof;
