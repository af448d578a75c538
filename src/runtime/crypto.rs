//! What the runtime asks of a nara's keys, so that tests can do without.

use crate::base::PublicKey;
use crate::identity::{Keys, OpenError, Signature};

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

/// What is left once the keys are forgotten: nothing is signed, sealed or opened.
pub(super) struct NoKeys;

impl Crypto for NoKeys {
    fn sign(&self, _: &[u8]) -> Signature {
        Signature([0; 64])
    }

    fn verify(&self, _: &PublicKey, _: &[u8], _: &Signature) -> bool {
        false
    }

    fn seal(&self, _: [u8; 24], _: &[u8]) -> Vec<u8> {
        Vec::new()
    }

    fn open(&self, _: &[u8; 24], _: &[u8]) -> Result<Vec<u8>, OpenError> {
        Err(OpenError)
    }
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

/// Something sealed: XChaCha20-Poly1305 with its nonce kept apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The 24-byte nonce.
    pub nonce: [u8; 24],
    /// Ciphertext, then the 16-byte tag.
    pub ciphertext: Vec<u8>,
}
