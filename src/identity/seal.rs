//! Sealing: what a nara encrypts so that only its own soul opens it again.

use super::soul::{Soul, derive_key};
use chacha20poly1305::KeyInit as _;
use chacha20poly1305::aead::AeadInOut as _;
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

/// The library's AEAD, with our key stream where there are vectors for it.
#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
type XChaCha20Poly1305 =
    chacha20poly1305::ChaChaPoly1305<super::chacha::XChaCha20, chacha20poly1305::aead::consts::U24>;
#[cfg(not(all(target_family = "wasm", target_feature = "simd128")))]
use chacha20poly1305::XChaCha20Poly1305;

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
        // In one piece of memory: the library's way would copy byte by byte.
        let mut sealed = Vec::with_capacity(plaintext.len() + TAG_SIZE);
        sealed.extend_from_slice(plaintext);
        let in_place = sealed.as_mut_slice().into();
        let cipher = self.cipher();
        match cipher.encrypt_inout_detached(nonce.into(), b"", in_place) {
            Ok(tag) => sealed.extend_from_slice(&tag),
            // Only beyond 256 GiB; the empty answer shows nothing and never
            // opens.
            Err(_) => sealed.clear(),
        }
        sealed
    }

    pub(super) fn open(&self, nonce: &[u8; 24], ciphertext: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (sealed, tag) = ciphertext.split_last_chunk::<TAG_SIZE>().ok_or(OpenError)?;
        let mut plaintext = sealed.to_vec();
        let in_place = plaintext.as_mut_slice().into();
        let cipher = self.cipher();
        let result = cipher.decrypt_inout_detached(nonce.into(), b"", in_place, tag.into());
        result.map(|()| plaintext).map_err(|_| OpenError)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

#[cfg(test)]
#[path = "tests/wycheproof.rs"]
mod wycheproof;
