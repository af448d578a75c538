//! What goes in and out of a nara's keys, and what is left without them.

use crate::base::PublicKey;
use crate::identity::{Crypto, OpenError, Signature};

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

/// Something sealed: XChaCha20-Poly1305 with its nonce kept apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The 24-byte nonce.
    pub nonce: [u8; 24],
    /// Ciphertext, then the 16-byte tag.
    pub ciphertext: Vec<u8>,
}
