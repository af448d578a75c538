//! One nara's keys: what it signs and seals with, and how others check it.

use super::ed25519::{self, KnownKeys, SecretKey};
use super::name::NAME_LENGTH_MAX;
use super::seal::{OpenError, SealKey};
use super::soul::{Soul, nara_id};
use crate::base::{Identity, NaraId, PublicKey};
use core::cell::RefCell;
use core::fmt;

/// Why a soul and a name make no nara.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BondError {
    /// The name is empty.
    NameEmpty,
    /// The name is longer than [`NAME_LENGTH_MAX`] bytes.
    NameTooLong {
        /// How many bytes it has.
        found: usize,
    },
    /// The soul belongs to another name.
    OtherName {
        /// The name that was tried.
        tried: String,
    },
}

impl fmt::Display for BondError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameEmpty => f.write_str("the name is empty"),
            Self::NameTooLong { found } => {
                write!(
                    f,
                    "the name is {found} bytes long, more than {NAME_LENGTH_MAX}"
                )
            }
            Self::OtherName { tried } => {
                write!(f, "this soul belongs to another name than \"{tried}\"")
            }
        }
    }
}

impl core::error::Error for BondError {}

/// An Ed25519 signature (RFC 8032).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4]
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…")
    }
}

/// The secrets of one nara, and who they make it.
pub struct Keys {
    identity: Identity,
    name: String,
    signing: SecretKey,
    seal: SealKey,
    known: RefCell<KnownKeys>,
}

impl Keys {
    /// Whether this soul and this name belong together.
    ///
    /// # Errors
    /// When they do not, or the name cannot be one.
    pub fn check(soul: &Soul, name: &str) -> Result<(), BondError> {
        if name.is_empty() {
            return Err(BondError::NameEmpty);
        }
        if name.len() > NAME_LENGTH_MAX {
            return Err(BondError::NameTooLong { found: name.len() });
        }
        if !soul.is_bonded_to(name) {
            return Err(BondError::OtherName {
                tried: name.to_owned(),
            });
        }
        Ok(())
    }

    /// The keys of the nara with this soul and name, which must belong together.
    ///
    /// # Errors
    /// As [`Keys::check`].
    pub fn new(soul: &Soul, name: &str) -> Result<Self, BondError> {
        Self::check(soul, name)?;
        let signing = SecretKey::from_seed(soul.seed());
        let key = PublicKey(signing.public());
        Ok(Self {
            identity: Identity {
                id: nara_id(soul, name),
                key,
            },
            name: name.to_owned(),
            signing,
            seal: SealKey::new(soul),
            known: RefCell::default(),
        })
    }

    /// The id and public key together.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The id.
    pub fn id(&self) -> &NaraId {
        &self.identity.id
    }

    /// The key that others check signatures with.
    pub fn public_key(&self) -> PublicKey {
        self.identity.key
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Signs a text; the same text always gets the same signature.
    pub fn sign(&self, text: &[u8]) -> Signature {
        Signature(self.signing.sign(text))
    }

    /// The same as [`verify`], and faster for those who are heard often.
    pub fn verify(&self, key: &PublicKey, text: &[u8], signature: &Signature) -> bool {
        let mut known = self.known.borrow_mut();
        known.verify(&key.0, text, &signature.0)
    }

    /// Seals a plaintext for this nara alone: 16 bytes longer than it was. A
    /// nonce must never serve twice, so it comes from a strong generator.
    pub fn seal(&self, nonce: [u8; 24], plaintext: &[u8]) -> Vec<u8> {
        self.seal.seal(&nonce, plaintext)
    }

    /// Opens what this nara sealed.
    pub fn open(&self, nonce: &[u8; 24], ciphertext: &[u8]) -> Result<Vec<u8>, OpenError> {
        self.seal.open(nonce, ciphertext)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("name", &self.name)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// Whether the owner of `key` signed `text`. As Go's `crypto/ed25519` judges,
/// except that keys of small order are refused: with them one signature can fit
/// many texts, and no soul has one.
pub fn verify(key: &PublicKey, text: &[u8], signature: &Signature) -> bool {
    ed25519::verify(&key.0, text, &signature.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        let (soul, name) = Soul::generated([7; 32]);
        Keys::new(&soul, &name).unwrap()
    }

    #[test]
    fn a_signature_fits_one_text_and_one_key() {
        let (keys, other) = (
            keys(),
            Keys::new(&Soul::from_seed([8; 32], "bob"), "bob").unwrap(),
        );
        let signature = keys.sign(b"hello");
        assert!(verify(&keys.public_key(), b"hello", &signature));
        assert!(!verify(&keys.public_key(), b"hallo", &signature));
        assert!(!verify(&other.public_key(), b"hello", &signature));
        for at in [0, 31, 32, 63] {
            let mut changed = signature;
            changed.0[at] ^= 1;
            assert!(!verify(&keys.public_key(), b"hello", &changed), "byte {at}");
        }
    }

    #[test]
    fn a_key_of_small_order_signs_nothing() {
        // The neutral element as key and as R, with S = 0, fits every text
        // where small orders are let through.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(!verify(&PublicKey(neutral), b"any", &Signature(signature)));
        assert!(!verify(
            &PublicKey([0xff; 32]),
            b"any",
            &Signature([0xff; 64])
        ));
    }

    #[test]
    fn a_name_that_cannot_be_gets_the_reason() {
        let soul = Soul::from_seed([7; 32], "alice");
        let reason = |name: &str| Keys::new(&soul, name).unwrap_err().to_string();
        assert_eq!(reason(""), "the name is empty");
        assert_eq!(
            reason("bob"),
            "this soul belongs to another name than \"bob\""
        );
        assert_eq!(
            reason(&"a".repeat(129)),
            "the name is 129 bytes long, more than 128"
        );
        let longest = "a".repeat(128);
        assert!(Keys::new(&Soul::from_seed([7; 32], &longest), &longest).is_ok());
    }

    #[test]
    fn keys_show_no_secret() {
        let keys = keys();
        let shown = format!("{keys:?}");
        assert!(
            shown.starts_with("Keys { name: \"") && shown.ends_with(".. }"),
            "{shown}"
        );
        assert!(
            !shown.contains("07070707") && !shown.contains("7, 7"),
            "{shown}"
        );
    }

    #[test]
    fn only_the_same_soul_opens_a_seal() {
        let (keys, other) = (
            keys(),
            Keys::new(&Soul::from_seed([8; 32], "bob"), "bob").unwrap(),
        );
        let sealed = keys.seal([1; 24], b"memory");
        assert_eq!(sealed.len(), b"memory".len() + 16);
        assert_eq!(keys.open(&[1; 24], &sealed).unwrap(), b"memory");
        let refused = other.open(&[1; 24], &sealed).unwrap_err();
        assert_eq!(refused.to_string(), "the seal does not open with this soul");
    }
}
