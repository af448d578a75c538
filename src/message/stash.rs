//! The payloads of the stash, fields in the order of the wire.

use super::json::{Bytes, CIPHERTEXT_SIZE_MAX, NONCE_SIZE, ObjectWriter};
use super::payload::{ByField, Fields, payloads_by_field};
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

impl ByField for Store {
    fn blank() -> Self {
        Self::default()
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.text_into("owner_id", &mut self.owner_id, ID_LENGTH_MAX);
        fields.text_into("owner", &mut self.owner, NAME_LENGTH_MAX);
        fields.bytes_into("nonce", &mut self.nonce, NONCE_SIZE);
        fields.bytes_into("ciphertext", &mut self.ciphertext, CIPHERTEXT_SIZE_MAX);
        self.ts = fields.i64("ts");
    }

    fn write(&self, object: &mut ObjectWriter) {
        object
            .text("owner_id", &self.owner_id)
            .text_if_any("owner", &self.owner)
            .bytes("nonce", &self.nonce)
            .bytes("ciphertext", &self.ciphertext)
            .i64("ts", self.ts);
    }

    fn size(&self) -> usize {
        self.ciphertext.text_size()
    }
}

impl ByField for Ack {
    fn blank() -> Self {
        Self::default()
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.text_into("owner_id", &mut self.owner_id, ID_LENGTH_MAX);
        self.stored_at = fields.i64("stored_at");
        self.success = fields.bool("success");
        fields.text_into("reason", &mut self.reason, REASON_LENGTH_MAX);
    }

    fn write(&self, object: &mut ObjectWriter) {
        object
            .text("owner_id", &self.owner_id)
            .i64("stored_at", self.stored_at)
            .bool("success", self.success)
            .text_if_any("reason", &self.reason);
    }
}

impl ByField for Request {
    fn blank() -> Self {
        Self::default()
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.text_into("owner_id", &mut self.owner_id, ID_LENGTH_MAX);
        fields.text_into("request_id", &mut self.request_id, ID_LENGTH_MAX);
    }

    fn write(&self, object: &mut ObjectWriter) {
        object
            .text("owner_id", &self.owner_id)
            .text_if_any("request_id", &self.request_id);
    }
}

impl ByField for Response {
    fn blank() -> Self {
        Self::default()
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.text_into("owner_id", &mut self.owner_id, ID_LENGTH_MAX);
        fields.text_into("request_id", &mut self.request_id, ID_LENGTH_MAX);
        self.found = fields.bool("found");
        fields.bytes_into("nonce", &mut self.nonce, NONCE_SIZE);
        fields.bytes_into("ciphertext", &mut self.ciphertext, CIPHERTEXT_SIZE_MAX);
        self.stored_at = fields.i64("stored_at");
    }

    fn write(&self, object: &mut ObjectWriter) {
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
    }

    fn size(&self) -> usize {
        self.ciphertext.text_size()
    }
}

impl ByField for Delete {
    fn blank() -> Self {
        Self::default()
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.text_into("owner_id", &mut self.owner_id, ID_LENGTH_MAX);
        self.ts = fields.i64("ts");
    }

    fn write(&self, object: &mut ObjectWriter) {
        object.text("owner_id", &self.owner_id).i64("ts", self.ts);
    }
}

impl ByField for Refresh {
    fn blank() -> Self {
        Self::default()
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.text_into("owner_id", &mut self.owner_id, ID_LENGTH_MAX);
        fields.text_into("owner", &mut self.owner, NAME_LENGTH_MAX);
    }

    fn write(&self, object: &mut ObjectWriter) {
        object
            .text("owner_id", &self.owner_id)
            .text_if_any("owner", &self.owner);
    }
}

payloads_by_field! {
    Store: "owner_id", "owner", "nonce", "ciphertext", "ts";
    Ack: "owner_id", "stored_at", "success", "reason";
    Request: "owner_id", "request_id";
    Response: "owner_id", "request_id", "found", "nonce", "ciphertext", "stored_at";
    Delete: "owner_id", "ts";
    Refresh: "owner_id", "owner";
}

#[cfg(test)]
mod tests {
    use super::super::{Payload, parse_payload, to_go_json};
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
