//! What is asked of a nara's keys, so that tests can do without.

use super::{Keys, OpenError, Signature};
use crate::base::PublicKey;

/// Signing, verifying, sealing and opening.
pub trait Crypto {
    /// Signs as this nara.
    fn sign(&self, text: &[u8]) -> Signature;

    /// Whether the holder of `key` signed the text.
    fn verify(&self, key: &PublicKey, text: &[u8], signature: &Signature) -> bool;

    /// Encrypts so that only this nara can open it.
    fn seal(&self, nonce: [u8; 24], plaintext: &[u8]) -> Vec<u8>;

    /// Opens what this nara sealed.
    ///
    /// # Errors
    /// When another key sealed it or a byte was changed.
    fn open(&self, nonce: &[u8; 24], ciphertext: &[u8]) -> Result<Vec<u8>, OpenError>;
}

impl Crypto for Keys {
    fn sign(&self, text: &[u8]) -> Signature {
        Keys::sign(self, text)
    }

    fn verify(&self, key: &PublicKey, text: &[u8], signature: &Signature) -> bool {
        Keys::verify(self, key, text, signature)
    }

    fn seal(&self, nonce: [u8; 24], plaintext: &[u8]) -> Vec<u8> {
        Keys::seal(self, nonce, plaintext)
    }

    fn open(&self, nonce: &[u8; 24], ciphertext: &[u8]) -> Result<Vec<u8>, OpenError> {
        Keys::open(self, nonce, ciphertext)
    }
}
