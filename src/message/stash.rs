//! The payloads of the stash, fields in the order of the wire.

use super::json::{Bytes, CIPHERTEXT_SIZE_MAX, NONCE_SIZE, ObjectWriter};
use super::payload::{Fields, Payload, PayloadError, serde_by_itself};
use crate::base::ID_LENGTH_MAX;
use crate::identity::NAME_LENGTH_MAX;

/// The longest reason of a refusal, in bytes.
pub const REASON_LENGTH_MAX: usize = 256;

/// `stash:store`: an owner asks a confidant to hold its sealed memory. Nonce
/// and ciphertext may still have a wrong length, so that the confidant can say so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Store {
    /// Whose it is.
    pub owner_id: String,
    /// The owner's name, for people.
    pub owner: String,
    /// The nonce of the seal.
    pub nonce: Bytes,
    /// What is sealed, tag included.
    pub ciphertext: Bytes,
    /// When it was made, in Unix seconds.
    pub ts: i64,
}

/// `stash:ack`: a confidant's answer to a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ack {
    /// Whose stash it is about.
    pub owner_id: String,
    /// When it was stored, in Unix seconds.
    pub stored_at: i64,
    /// Whether it was stored.
    pub success: bool,
    /// Why not; between light naras, on success, the id of the store.
    pub reason: String,
}

/// `stash:request`: an owner asks for its stash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Whose stash it is about.
    pub owner_id: String,
    /// Random; the answer repeats it.
    pub request_id: String,
}

/// `stash:response`: the answer to a request, or a stash pushed to its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// Whose stash it is about.
    pub owner_id: String,
    /// Repeats the request's; empty when nobody asked.
    pub request_id: String,
    /// Whether there is a stash.
    pub found: bool,
    /// The nonce of the seal.
    pub nonce: Bytes,
    /// What is sealed, tag included.
    pub ciphertext: Bytes,
    /// When it was stored, in Unix seconds.
    pub stored_at: i64,
}

/// `stash:delete`: an owner asks a confidant to forget its stash. Only light
/// naras know it. Answered by `stash:ack`, like a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delete {
    /// Whose stash it is about.
    pub owner_id: String,
    /// What was stored up to here is to go, and nothing older is to be taken
    /// again; in Unix seconds.
    pub ts: i64,
}

/// `stash-refresh`: an owner asks the whole plaza who holds its stash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refresh {
    /// Whose stash it is about.
    pub owner_id: String,
    /// The owner's name, for people.
    pub owner: String,
}

impl Payload for Store {
    const FIELDS: &'static [&'static str] = &["owner_id", "owner", "nonce", "ciphertext", "ts"];

    fn parse(text: &str) -> Result<Self, PayloadError> {
        let mut fields = Fields::of(text, Self::FIELDS);
        let store = Self {
            owner_id: fields.text("owner_id", ID_LENGTH_MAX),
            owner: fields.text("owner", NAME_LENGTH_MAX),
            nonce: fields.bytes("nonce", NONCE_SIZE),
            ciphertext: fields.bytes("ciphertext", CIPHERTEXT_SIZE_MAX),
            ts: fields.i64("ts"),
        };
        fields.done(store)
    }

    fn to_json(&self) -> String {
        ObjectWriter::sized(self.ciphertext.text_size())
            .text("owner_id", &self.owner_id)
            .text_if_any("owner", &self.owner)
            .bytes("nonce", &self.nonce)
            .bytes("ciphertext", &self.ciphertext)
            .i64("ts", self.ts)
            .finish()
    }
}

impl Payload for Ack {
    const FIELDS: &'static [&'static str] = &["owner_id", "stored_at", "success", "reason"];

    fn parse(text: &str) -> Result<Self, PayloadError> {
        let mut fields = Fields::of(text, Self::FIELDS);
        let ack = Self {
            owner_id: fields.text("owner_id", ID_LENGTH_MAX),
            stored_at: fields.i64("stored_at"),
            success: fields.bool("success"),
            reason: fields.text("reason", REASON_LENGTH_MAX),
        };
        fields.done(ack)
    }

    fn to_json(&self) -> String {
        ObjectWriter::new()
            .text("owner_id", &self.owner_id)
            .i64("stored_at", self.stored_at)
            .bool("success", self.success)
            .text_if_any("reason", &self.reason)
            .finish()
    }
}

impl Payload for Request {
    const FIELDS: &'static [&'static str] = &["owner_id", "request_id"];

    fn parse(text: &str) -> Result<Self, PayloadError> {
        let mut fields = Fields::of(text, Self::FIELDS);
        let request = Self {
            owner_id: fields.text("owner_id", ID_LENGTH_MAX),
            request_id: fields.text("request_id", ID_LENGTH_MAX),
        };
        fields.done(request)
    }

    fn to_json(&self) -> String {
        ObjectWriter::new()
            .text("owner_id", &self.owner_id)
            .text_if_any("request_id", &self.request_id)
            .finish()
    }
}

impl Payload for Response {
    const FIELDS: &'static [&'static str] = &[
        "owner_id",
        "request_id",
        "found",
        "nonce",
        "ciphertext",
        "stored_at",
    ];

    fn parse(text: &str) -> Result<Self, PayloadError> {
        let mut fields = Fields::of(text, Self::FIELDS);
        let response = Self {
            owner_id: fields.text("owner_id", ID_LENGTH_MAX),
            request_id: fields.text("request_id", ID_LENGTH_MAX),
            found: fields.bool("found"),
            nonce: fields.bytes("nonce", NONCE_SIZE),
            ciphertext: fields.bytes("ciphertext", CIPHERTEXT_SIZE_MAX),
            stored_at: fields.i64("stored_at"),
        };
        fields.done(response)
    }

    fn to_json(&self) -> String {
        let mut object = ObjectWriter::sized(self.ciphertext.text_size());
        object
            .text("owner_id", &self.owner_id)
            .text_if_any("request_id", &self.request_id)
            .bool("found", self.found);
        if !self.nonce.is_empty() {
            object.bytes("nonce", &self.nonce);
        }
        if !self.ciphertext.is_empty() {
            object.bytes("ciphertext", &self.ciphertext);
        }
        if self.stored_at != 0 {
            object.i64("stored_at", self.stored_at);
        }
        object.finish()
    }
}

impl Payload for Delete {
    const FIELDS: &'static [&'static str] = &["owner_id", "ts"];

    fn parse(text: &str) -> Result<Self, PayloadError> {
        let mut fields = Fields::of(text, Self::FIELDS);
        let delete = Self {
            owner_id: fields.text("owner_id", ID_LENGTH_MAX),
            ts: fields.i64("ts"),
        };
        fields.done(delete)
    }

    fn to_json(&self) -> String {
        ObjectWriter::new()
            .text("owner_id", &self.owner_id)
            .i64("ts", self.ts)
            .finish()
    }
}

impl Payload for Refresh {
    const FIELDS: &'static [&'static str] = &["owner_id", "owner"];

    fn parse(text: &str) -> Result<Self, PayloadError> {
        let mut fields = Fields::of(text, Self::FIELDS);
        let refresh = Self {
            owner_id: fields.text("owner_id", ID_LENGTH_MAX),
            owner: fields.text("owner", NAME_LENGTH_MAX),
        };
        fields.done(refresh)
    }

    fn to_json(&self) -> String {
        ObjectWriter::new()
            .text("owner_id", &self.owner_id)
            .text_if_any("owner", &self.owner)
            .finish()
    }
}

serde_by_itself!(Store, Ack, Request, Response, Delete, Refresh);

#[cfg(test)]
mod tests {
    use super::super::{parse_payload, to_go_json};
    use super::*;

    fn why<P: Payload>(text: &str) -> String {
        parse_payload::<P>(text).err().unwrap().to_string()
    }

    #[test]
    fn every_field_has_its_limit() {
        let long =
            |field: &str, length: usize| format!("{{\"{field}\":\"{}\"}}", "a".repeat(length));
        assert_eq!(
            why::<Store>(&long("owner_id", 65)),
            "owner_id: longer than 64 bytes"
        );
        assert_eq!(
            why::<Store>(&long("owner", 129)),
            "owner: longer than 128 bytes"
        );
        assert_eq!(
            why::<Ack>(&long("reason", 257)),
            "reason: longer than 256 bytes"
        );
        assert_eq!(
            why::<Request>(&long("request_id", 65)),
            "request_id: longer than 64 bytes"
        );
        assert_eq!(
            why::<Refresh>(&long("owner", 129)),
            "owner: longer than 128 bytes"
        );
    }

    #[test]
    fn what_is_missing_is_written_as_the_reference_writes_it() {
        let store: Store = parse_payload("{}").unwrap();
        let json = r#"{"owner_id":"","nonce":null,"ciphertext":null,"ts":0}"#;
        assert_eq!(to_go_json(&store), json);
        let response: Response = parse_payload("{\"found\":null}").unwrap();
        assert_eq!(to_go_json(&response), r#"{"owner_id":"","found":false}"#);
    }
}
