//! Ids as types: a nara id, a public key, the two together.

use super::{base58, base64};
use core::cmp::Ordering;
use core::fmt;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest nara id or message id that is believed, in bytes. Base58 of 32
/// bytes needs at most 44; the reference accepts any text, so others get room.
pub const ID_LENGTH_MAX: usize = 64;

/// Why a text is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdError {
    /// The text is empty.
    Empty,
    /// The text is longer than [`ID_LENGTH_MAX`] bytes.
    TooLong,
    /// The text has a character outside printable ASCII, or one that MQTT
    /// topics reserve (`/`, `+`, `#`).
    Character,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the id is empty"),
            Self::TooLong => write!(f, "the id is longer than {ID_LENGTH_MAX} bytes"),
            Self::Character => f.write_str("the id has a character that no id has"),
        }
    }
}

impl core::error::Error for IdError {}

fn check(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > ID_LENGTH_MAX {
        return Err(IdError::TooLong);
    }
    if text
        .bytes()
        .any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'/' | b'+' | b'#'))
    {
        return Err(IdError::Character);
    }
    Ok(())
}

/// A nara's id: Base58(SHA-256(soul + name)). Nobody else can check it.
// In one piece, without an allocation: ids are in every key, and so nothing that
// has one has anything to free.
#[derive(Clone, Copy, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NaraId {
    /// The text, then zeros, which no id has: so it sorts as its text does.
    bytes: [u8; ID_LENGTH_MAX],
    length: u8,
}

impl NaraId {
    /// No id, where there should be one.
    const NONE: Self = Self {
        bytes: [0; ID_LENGTH_MAX],
        length: 0,
    };

    /// Takes a text that was checked.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        check(text)?;
        Ok(Self::checked(text))
    }

    fn checked(text: &str) -> Self {
        let mut id = Self::NONE;
        for (byte, from) in id.bytes.iter_mut().zip(text.bytes()) {
            *byte = from;
            id.length += 1;
        }
        id
    }

    /// The id that spells a SHA-256 digest in Base58.
    pub fn from_digest(digest: &[u8; 32]) -> Self {
        // At most 44 characters, all of them letters and digits: no check.
        Self::checked(&base58::encode(digest))
    }

    /// The text.
    #[inline(never)]
    pub fn as_str(&self) -> &str {
        let text = self.bytes.get(..usize::from(self.length));
        // It was a text, and is no other.
        core::str::from_utf8(text.unwrap_or_default()).unwrap_or_default()
    }

    /// A copy of the text.
    #[inline(never)]
    pub fn to_text(&self) -> String {
        self.as_str().to_owned()
    }
}

/// A text of others, which need not be an id.
impl PartialEq<NaraId> for String {
    #[inline(never)]
    fn eq(&self, id: &NaraId) -> bool {
        self == id.as_str()
    }
}

impl Ord for NaraId {
    fn cmp(&self, other: &Self) -> Ordering {
        // Most differ in their first bytes, and each map looks at many.
        let first = |id: &Self| id.bytes.first_chunk().copied().map(u64::from_be_bytes);
        let firsts = first(self).cmp(&first(other));
        firsts.then_with(|| self.bytes.cmp(&other.bytes))
    }
}

impl PartialOrd for NaraId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for NaraId {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl TryFrom<String> for NaraId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        Self::parse(&text)
    }
}

impl From<NaraId> for String {
    fn from(id: NaraId) -> String {
        id.to_text()
    }
}

impl fmt::Display for NaraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for NaraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An Ed25519 public key (RFC 8032).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// Padded standard Base64, as on the wire.
    pub fn to_text(self) -> String {
        base64::encode(&self.0)
    }

    /// Reads padded standard Base64 of exactly 32 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        // 44 characters are 32 bytes; anything longer need not be decoded.
        if text.len() != 44 {
            return None;
        }
        Some(Self(base64::decode(text)?.try_into().ok()?))
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| D::Error::custom("the public key is not 32 bytes in Base64"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4]
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…")
    }
}

/// Who somebody is: the pair of id and key. Ids cannot be checked by others,
/// keys can; two keys that claim one id are two identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// What it calls itself.
    pub id: NaraId,
    /// What it signs with.
    pub key: PublicKey,
}

impl Identity {
    /// What stands where none could be read, until that is noticed.
    pub(crate) const NOBODY: Self = Self {
        id: NaraId::NONE,
        key: PublicKey([0; 32]),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_could_break_a_topic_or_fill_memory_are_refused() {
        assert_eq!(NaraId::parse(""), Err(IdError::Empty));
        assert_eq!(NaraId::parse(&"a".repeat(65)), Err(IdError::TooLong));
        for text in ["a/b", "a+b", "#", "a b", "ñ", "a\u{0}"] {
            assert_eq!(NaraId::parse(text), Err(IdError::Character), "{text:?}");
        }
        let text = "Hu1Am2kk5WdDwFwaJKtX3yGSUvLMXRv5p98eFpJtHXDy";
        assert_eq!(NaraId::parse(text).unwrap().as_str(), text);
    }

    #[test]
    fn ids_sort_as_their_texts_do() {
        let longest = "a".repeat(ID_LENGTH_MAX);
        let texts = ["!", "A", "Z1", "Z10", "Z2", "a", &longest, "aa~", "~"];
        let mut ids = texts.map(|text| NaraId::parse(text).unwrap());
        ids.sort();
        let mut texts = texts;
        texts.sort();
        assert_eq!(ids.map(|id| id.as_str().to_owned()), texts);
    }
}
