//! The envelope of every runtime message: parse, sign, name, answer.

use super::json::ObjectWriter;
use super::payload::{Fields, PayloadError};
use super::time::Timestamp;
use crate::base::{ID_LENGTH_MAX, PublicKey, base58, sha256};
use crate::identity::{NAME_LENGTH_MAX, Signature};
use core::fmt;

/// The largest message that is read, in bytes.
pub const FRAME_SIZE_MAX: usize = 65_536;

/// The longest kind of message, in bytes.
pub const KIND_LENGTH_MAX: usize = 64;

/// The longest content key, in bytes.
pub const CONTENT_KEY_LENGTH_MAX: usize = 128;

/// Characters of an id: the first of the hash in Base58.
const ID_LENGTH: usize = 16;

/// `from_key` is our own, and the reference ignores it: the key that the
/// sender signed with, so that a stranger's message can be checked at all.
const FIELDS: &[&str] = &[
    "id",
    "content_key",
    "kind",
    "version",
    "from",
    "from_id",
    "to",
    "to_id",
    "timestamp",
    "payload",
    "signature",
    "in_reply_to",
    "from_key",
];

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageError {
    /// There are more than [`FRAME_SIZE_MAX`].
    TooLarge {
        /// How many bytes there are.
        size: usize,
    },
    /// They are not UTF-8.
    NotText,
    /// They are not the object that they should be.
    Fields(PayloadError),
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { size } => {
                write!(
                    f,
                    "the message has {size} bytes; at most {FRAME_SIZE_MAX} are read"
                )
            }
            Self::NotText => f.write_str("the message is not UTF-8"),
            Self::Fields(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for MessageError {}

impl From<PayloadError> for MessageError {
    fn from(error: PayloadError) -> Self {
        Self::Fields(error)
    }
}

/// A runtime message. Its fields are what the sender claims: `version`, `from`,
/// `to`, `in_reply_to`, `content_key` and `key` are not covered by the
/// signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Names this message; no receiver computes it again.
    pub id: String,
    /// Names what it says, whoever says it; may be empty.
    pub content_key: String,
    /// What kind of message it is, such as `stash:store`.
    pub kind: String,
    /// The schema version of the kind; zero when it was missing.
    pub version: u32,
    /// The sender's name, for people.
    pub from: String,
    /// The sender's id.
    pub from_id: String,
    /// The receiver's name, for people; may be empty.
    pub to: String,
    /// The receiver's id; empty when it is for everybody.
    pub to_id: String,
    /// When it was made.
    pub timestamp: Timestamp,
    /// What it says, as JSON. What arrives is spelled as it came; the receiver
    /// puts the typed payload written again in its place before it verifies.
    pub payload: String,
    /// The sender's signature over [`Message::signable`].
    pub signature: Option<Signature>,
    /// The id of the request that this answers; may be empty.
    pub in_reply_to: String,
    /// The key that the sender says it signed with.
    pub key: Option<PublicKey>,
}

impl Message {
    /// A message without sender, time, id and signature.
    pub fn draft(kind: &str, version: u32, payload: String) -> Self {
        Self {
            id: String::new(),
            content_key: String::new(),
            kind: kind.to_owned(),
            version,
            from: String::new(),
            from_id: String::new(),
            to: String::new(),
            to_id: String::new(),
            timestamp: Timestamp::ZERO,
            payload,
            signature: None,
            in_reply_to: String::new(),
            key: None,
        }
    }

    /// A draft that answers this message.
    pub fn reply(&self, kind: &str, payload: String) -> Self {
        Self {
            in_reply_to: self.id.clone(),
            to: self.from.clone(),
            to_id: self.from_id.clone(),
            ..Self::draft(kind, 1, payload)
        }
    }

    /// Reads a message. Nothing is verified yet.
    ///
    /// # Errors
    /// When it is too large, has a field twice or in another case, or a field
    /// is not what it should be; the error names the field.
    pub fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut message = Self::draft("", 0, String::new());
        message.read(frame_text(bytes)?)?;
        Ok(message)
    }

    fn read(&mut self, text: &str) -> Result<(), PayloadError> {
        let mut fields = Fields::of(text, FIELDS);
        self.kind = fields.needed_text("kind", KIND_LENGTH_MAX);
        fields.text_into("id", &mut self.id, ID_LENGTH_MAX);
        fields.text_into("content_key", &mut self.content_key, CONTENT_KEY_LENGTH_MAX);
        self.version = fields.u32("version");
        fields.text_into("from", &mut self.from, NAME_LENGTH_MAX);
        fields.text_into("from_id", &mut self.from_id, ID_LENGTH_MAX);
        fields.text_into("to", &mut self.to, NAME_LENGTH_MAX);
        fields.text_into("to_id", &mut self.to_id, ID_LENGTH_MAX);
        self.timestamp = fields.timestamp("timestamp");
        self.payload = fields.needed("payload").to_owned();
        self.signature = fields.signature("signature");
        fields.text_into("in_reply_to", &mut self.in_reply_to, ID_LENGTH_MAX);
        self.key = fields.raw("from_key").map(|_| fields.key("from_key"));
        fields.end()
    }

    /// The message as it goes on the wire.
    pub fn to_json(&self) -> String {
        let mut object = ObjectWriter::sized(self.payload.len());
        object
            .text("id", &self.id)
            .text_if_any("content_key", &self.content_key)
            .text("kind", &self.kind)
            .u64("version", u64::from(self.version))
            .text_if_any("from", &self.from)
            .text("from_id", &self.from_id)
            .text_if_any("to", &self.to)
            .text_if_any("to_id", &self.to_id)
            .text("timestamp", &self.timestamp.to_text())
            .raw("payload", &self.payload);
        if let Some(signature) = &self.signature {
            object.base64("signature", &signature.0);
        }
        object.text_if_any("in_reply_to", &self.in_reply_to);
        if let Some(key) = &self.key {
            object.base64("from_key", &key.0);
        }
        object.finish()
    }

    /// The text that the sender signs.
    pub fn signable(&self) -> String {
        ObjectWriter::sized(self.payload.len())
            .text("id", &self.id)
            .text("kind", &self.kind)
            .text("from_id", &self.from_id)
            .text_if_any("to_id", &self.to_id)
            .text("timestamp", &self.timestamp.to_text())
            .raw("payload", &self.payload)
            .finish()
    }

    /// The id that a sender gives a message.
    pub fn compute_id(kind: &str, from_id: &str, timestamp: &Timestamp, payload: &str) -> String {
        let timestamp = timestamp.to_text();
        let parts = [kind, from_id, &timestamp, payload].map(str::as_bytes);
        let mut id = base58::encode(&sha256(&parts));
        id.truncate(ID_LENGTH);
        id
    }

    /// The id of this message.
    pub fn computed_id(&self) -> String {
        Self::compute_id(&self.kind, &self.from_id, &self.timestamp, &self.payload)
    }
}

/// A frame's text, within the limit.
pub(super) fn frame_text(bytes: &[u8]) -> Result<&str, MessageError> {
    if bytes.len() > FRAME_SIZE_MAX {
        return Err(MessageError::TooLarge { size: bytes.len() });
    }
    core::str::from_utf8(bytes).map_err(|_| MessageError::NotText)
}

#[cfg(test)]
mod tests {
    use super::super::to_go_json;
    use super::*;

    /// A message with one field of this JSON, beside what must be there.
    fn read(field: &str, json: &str) -> Result<Message, String> {
        let needed = [
            ("kind", "\"a\""),
            ("timestamp", "\"2026-01-18T17:14:13Z\""),
            ("payload", "{}"),
        ];
        let others = needed.iter().filter(|(name, _)| *name != field);
        let others: String = others
            .map(|(name, json)| format!("\"{name}\":{json},"))
            .collect();
        let text = format!("{{{others}\"{field}\":{json}}}");
        Message::parse(text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_limit_is_named_with_its_field() {
        let limits = [
            ("id", 64),
            ("content_key", 128),
            ("kind", 64),
            ("from", 128),
            ("from_id", 64),
            ("to", 128),
            ("to_id", 64),
            ("in_reply_to", 64),
        ];
        for (field, limit) in limits {
            let of = |length: usize| read(field, &to_go_json(&"a".repeat(length)));
            assert!(of(limit).is_ok(), "{field}");
            let expected = format!("{field}: longer than {limit} bytes");
            assert_eq!(of(limit + 1).unwrap_err(), expected);
        }
        let frame = vec![b' '; FRAME_SIZE_MAX + 1];
        let error = Message::parse(&frame).unwrap_err().to_string();
        assert_eq!(error, "the message has 65537 bytes; at most 65536 are read");
        assert_eq!(Message::parse(&[0xff]), Err(MessageError::NotText));
    }

    #[test]
    fn a_wrong_value_is_named_with_its_field() {
        let why = |field: &str, json: &str| read(field, json).unwrap_err();
        let expected = "signature: not 64 bytes in padded standard Base64";
        assert_eq!(why("signature", "\"AA==\""), expected);
        assert!(why("from_key", "\"AA==\"").starts_with("from_key: the public key is not"));
        assert!(why("version", "-1").starts_with("version: invalid value"));
        let expected = "timestamp: the time is not in the form of RFC 3339";
        assert_eq!(why("timestamp", "\"now\""), expected);
        let twice = "null,\"from_key\":null";
        assert_eq!(why("from_key", twice), "the field \"from_key\" comes twice");
        for field in ["kind", "timestamp", "payload"] {
            assert_eq!(why(field, "null"), format!("{field}: missing"));
        }
    }

    #[test]
    fn the_key_comes_last_and_comes_back() {
        let mut message = Message::draft("a", 1, "{}".to_owned());
        message.key = Some(PublicKey([7; 32]));
        let json = message.to_json();
        assert!(json.ends_with(&format!(
            ",\"from_key\":\"{}\"}}",
            PublicKey([7; 32]).to_text()
        )));
        assert_eq!(Message::parse(json.as_bytes()).unwrap(), message);
        assert!(!message.signable().contains("from_key"));
    }
}
