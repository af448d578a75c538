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

impl Sealed {
    /// Tells it from all else that this key sealed: a third of its nonce,
    /// which is random, and which nobody else can choose for what opens.
    pub(crate) fn name(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.nonce;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}
