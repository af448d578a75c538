//! Ids as types: a nara id, a public key, the two together, a message id.

use core::fmt;
use serde::{Deserialize, Serialize};

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
    if text.bytes().any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'/' | b'+' | b'#')) {
        return Err(IdError::Character);
    }
    Ok(())
}

macro_rules! text_id {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes a text that was checked.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check(text)?;
                Ok(Self(text.to_owned()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                check(&text)?;
                Ok(Self(text))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(NaraId, "A nara's id: Base58(SHA-256(soul + name)). Nobody else can check it.");
text_id!(MessageId, "A message's id: 16 characters of Base58; no receiver checks it.");

/// An Ed25519 public key (RFC 8032).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…")
    }
}

/// Who somebody is: the pair of id and key. Ids cannot be checked by others,
/// keys can; two keys that claim one id are two identities.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// What it calls itself.
    pub id: NaraId,
    /// What it signs with.
    pub key: PublicKey,
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
        assert!(NaraId::parse("Hu1Am2kk5WdDwFwaJKtX3yGSUvLMXRv5p98eFpJtHXDy").is_ok());
    }
}
