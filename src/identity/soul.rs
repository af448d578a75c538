//! The soul: 40 bytes that are all a nara needs to be itself again.

use super::name::generate_name;
use crate::base::{NaraId, base58, sha256};
use core::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const SEED_LENGTH: usize = 32;
const TAG_LENGTH: usize = 8;
const SOUL_LENGTH: usize = SEED_LENGTH + TAG_LENGTH;

/// The longest text that is decoded. 40 bytes need at most 55 characters;
/// decoding takes time that grows with the square of the length.
const TEXT_LENGTH_MAX: usize = 64;

/// A seed, from which all keys follow, and a tag that bonds it to one name.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Soul {
    seed: [u8; SEED_LENGTH],
    tag: [u8; TAG_LENGTH],
}

/// Why a text is no soul.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoulError {
    /// A character is not of the Base58 alphabet.
    NotBase58,
    /// The text is Base58 of another number of bytes than a soul has.
    Length {
        /// How many bytes it is.
        found: usize,
    },
    /// The text is far too long to be a soul.
    TooLong {
        /// How many bytes of text there are.
        found: usize,
    },
}

impl fmt::Display for SoulError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBase58 => f.write_str("the soul has a character that is not Base58"),
            Self::Length { found } => {
                write!(
                    f,
                    "the soul has {found} bytes where souls have {SOUL_LENGTH}"
                )
            }
            Self::TooLong { found } => {
                write!(
                    f,
                    "the soul's text is {found} bytes long, more than {TEXT_LENGTH_MAX}"
                )
            }
        }
    }
}

impl core::error::Error for SoulError {}

impl Soul {
    /// Reads a soul as people keep it: Base58, nothing around it.
    pub fn parse(text: &str) -> Result<Self, SoulError> {
        if text.len() > TEXT_LENGTH_MAX {
            return Err(SoulError::TooLong { found: text.len() });
        }
        // Base58 never decodes to more bytes than it has characters.
        let mut bytes = Zeroizing::new([0; TEXT_LENGTH_MAX]);
        let found = bs58::decode(text)
            .onto(bytes.as_mut_slice())
            .map_err(|_| SoulError::NotBase58)?;
        if found != SOUL_LENGTH {
            return Err(SoulError::Length { found });
        }
        let mut soul = Self {
            seed: [0; SEED_LENGTH],
            tag: [0; TAG_LENGTH],
        };
        soul.seed.copy_from_slice(&bytes[..SEED_LENGTH]);
        soul.tag.copy_from_slice(&bytes[SEED_LENGTH..SOUL_LENGTH]);
        Ok(soul)
    }

    /// The soul in Base58: a secret, to be shown only to whom it belongs.
    pub fn to_text(&self) -> String {
        base58::encode(self.bytes().as_slice())
    }

    /// The soul that a device with this fingerprint always has: for a chosen
    /// name, or with none, for the name that its seed generates.
    pub fn native(fingerprint: &[u8], name: Option<&str>) -> Self {
        const SALT: &[u8] = b"nara:soul:v2";
        match name {
            Some(name) => {
                let info = format!("seed:custom:{name}");
                Self::from_seed(*derive_key(fingerprint, SALT, info.as_bytes()), name)
            }
            None => Self::generated(*derive_key(fingerprint, SALT, b"seed:generated")).0,
        }
    }

    /// The soul with this seed that belongs to `name`.
    pub fn from_seed(seed: [u8; 32], name: &str) -> Self {
        let tag = bond(&seed, name);
        Self { seed, tag }
    }

    /// The soul with this seed that belongs to the name which the seed
    /// generates, and that name.
    pub fn generated(seed: [u8; 32]) -> (Self, String) {
        let name = name_of(&seed);
        (Self::from_seed(seed, &name), name)
    }

    /// Whether the soul belongs to `name`. It belongs to one name only, letter
    /// for letter, and never to the empty one.
    pub fn is_bonded_to(&self, name: &str) -> bool {
        // As one number each, which takes as long wherever they differ.
        !name.is_empty()
            && u64::from_le_bytes(bond(&self.seed, name)) == u64::from_le_bytes(self.tag)
    }

    /// The name that the seed generates, whether or not the soul belongs to it.
    pub fn generated_name(&self) -> String {
        name_of(&self.seed)
    }

    /// The secret from which all keys follow.
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    fn bytes(&self) -> Zeroizing<[u8; SOUL_LENGTH]> {
        let mut bytes = Zeroizing::new([0; SOUL_LENGTH]);
        bytes[..SEED_LENGTH].copy_from_slice(&self.seed);
        bytes[SEED_LENGTH..].copy_from_slice(&self.tag);
        bytes
    }
}

impl fmt::Debug for Soul {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Soul(…)")
    }
}

/// The id of the nara with this soul and name; the bond is not looked at.
pub fn nara_id(soul: &Soul, name: &str) -> NaraId {
    NaraId::from_digest(&sha256(&[soul.bytes().as_slice(), name.as_bytes()]))
}

/// HKDF-SHA256 (RFC 5869) for one key, which is one block of it.
pub(super) fn derive_key(secret: &[u8], salt: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    hmac(&*hmac(salt, [secret, b""]), [info, &[1]])
}

/// HMAC-SHA256 (RFC 2104) of a text in two parts.
fn hmac(key: &[u8], [first, second]: [&[u8]; 2]) -> Zeroizing<[u8; 32]> {
    let mut block = Zeroizing::new([0; 64]);
    match block.get_mut(..key.len()) {
        Some(start) => start.copy_from_slice(key),
        None => block[..32].copy_from_slice(&sha256(&[key])),
    }
    let mix_in = |block: &mut [u8; 64], byte: u8| {
        for word in block.as_chunks_mut().0 {
            *word = (u64::from_le_bytes(*word) ^ u64::from_le_bytes([byte; 8])).to_le_bytes();
        }
    };
    const INNER: u8 = 0x36;
    const OUTER: u8 = 0x5c;
    mix_in(&mut block, INNER);
    let inner = Zeroizing::new(sha256(&[block.as_slice(), first, second]));
    mix_in(&mut block, INNER ^ OUTER);
    Zeroizing::new(sha256(&[block.as_slice(), inner.as_slice()]))
}

/// The tag of this seed and name.
fn bond(seed: &[u8; SEED_LENGTH], name: &str) -> [u8; TAG_LENGTH] {
    let code = hmac(seed, [b"nara:name:v2:", name.as_bytes()]);
    core::array::from_fn(|at| code[at])
}

fn name_of(seed: &[u8; SEED_LENGTH]) -> String {
    let mut hex = Zeroizing::new(String::with_capacity(2 * SEED_LENGTH));
    for byte in seed {
        hex.extend(
            [byte >> 4, byte & 0xf]
                .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])),
        );
    }
    generate_name(&hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_soul_does_not_show_itself() {
        let (soul, _) = Soul::generated([7; 32]);
        assert_eq!(format!("{soul:?}"), "Soul(…)");
    }

    #[test]
    fn a_text_that_is_no_soul_is_refused_with_the_reason() {
        let reason = |text: &str| Soul::parse(text).unwrap_err().to_string();
        assert_eq!(reason(""), "the soul has 0 bytes where souls have 40");
        assert_eq!(
            reason("not a soul"),
            "the soul has a character that is not Base58"
        );
        assert_eq!(
            reason(&"z".repeat(64)),
            "the soul has 47 bytes where souls have 40"
        );
        assert_eq!(
            reason(&"z".repeat(65)),
            "the soul's text is 65 bytes long, more than 64"
        );
    }

    #[test]
    fn a_soul_is_wiped_when_asked() {
        let (mut soul, _) = Soul::generated([7; 32]);
        soul.zeroize();
        assert_eq!(soul.to_text(), "1".repeat(40));
    }
}
