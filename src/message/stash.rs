//! The payloads of the stash, fields in the order of the wire.

use super::json::Bytes;
use super::payload::{Payload, bounded};
use crate::base::ID_LENGTH_MAX;
use crate::identity::NAME_LENGTH_MAX;
use serde::{Deserialize, Serialize};

/// The longest reason of a refusal, in bytes.
pub const REASON_LENGTH_MAX: usize = 256;

/// `stash:store`: an owner asks a confidant to hold its sealed memory. Nonce
/// and ciphertext may still have a wrong length, so that the confidant can say so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Store {
    /// Whose it is.
    #[serde(deserialize_with = "bounded::<ID_LENGTH_MAX, _>")]
    pub owner_id: String,
    /// The owner's name, for people.
    #[serde(
        deserialize_with = "bounded::<NAME_LENGTH_MAX, _>",
        skip_serializing_if = "String::is_empty"
    )]
    pub owner: String,
    /// The nonce of the seal.
    #[serde(deserialize_with = "Bytes::deserialize_nonce")]
    pub nonce: Bytes,
    /// What is sealed, tag included.
    pub ciphertext: Bytes,
    /// When it was made, in Unix seconds.
    pub ts: i64,
}

/// `stash:ack`: a confidant's answer to a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ack {
    /// Whose stash it is about.
    #[serde(deserialize_with = "bounded::<ID_LENGTH_MAX, _>")]
    pub owner_id: String,
    /// When it was stored, in Unix seconds.
    pub stored_at: i64,
    /// Whether it was stored.
    pub success: bool,
    /// Why not; between light naras, on success, the id of the store.
    #[serde(
        deserialize_with = "bounded::<REASON_LENGTH_MAX, _>",
        skip_serializing_if = "String::is_empty"
    )]
    pub reason: String,
}

/// `stash:request`: an owner asks for its stash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    /// Whose stash it is about.
    #[serde(deserialize_with = "bounded::<ID_LENGTH_MAX, _>")]
    pub owner_id: String,
    /// Random; the answer repeats it.
    #[serde(
        deserialize_with = "bounded::<ID_LENGTH_MAX, _>",
        skip_serializing_if = "String::is_empty"
    )]
    pub request_id: String,
}

/// `stash:response`: the answer to a request, or a stash pushed to its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Response {
    /// Whose stash it is about.
    #[serde(deserialize_with = "bounded::<ID_LENGTH_MAX, _>")]
    pub owner_id: String,
    /// Repeats the request's; empty when nobody asked.
    #[serde(
        deserialize_with = "bounded::<ID_LENGTH_MAX, _>",
        skip_serializing_if = "String::is_empty"
    )]
    pub request_id: String,
    /// Whether there is a stash.
    pub found: bool,
    /// The nonce of the seal.
    #[serde(
        deserialize_with = "Bytes::deserialize_nonce",
        skip_serializing_if = "Bytes::is_empty"
    )]
    pub nonce: Bytes,
    /// What is sealed, tag included.
    #[serde(skip_serializing_if = "Bytes::is_empty")]
    pub ciphertext: Bytes,
    /// When it was stored, in Unix seconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub stored_at: i64,
}

/// `stash:delete`: an owner asks a confidant to forget its stash. Only light
/// naras know it. Answered by `stash:ack`, like a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delete {
    /// Whose stash it is about.
    #[serde(deserialize_with = "bounded::<ID_LENGTH_MAX, _>")]
    pub owner_id: String,
    /// What was stored up to here is to go, and nothing older is to be taken
    /// again; in Unix seconds.
    pub ts: i64,
}

/// `stash-refresh`: an owner asks the whole plaza who holds its stash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Refresh {
    /// Whose stash it is about.
    #[serde(deserialize_with = "bounded::<ID_LENGTH_MAX, _>")]
    pub owner_id: String,
    /// The owner's name, for people.
    #[serde(
        deserialize_with = "bounded::<NAME_LENGTH_MAX, _>",
        skip_serializing_if = "String::is_empty"
    )]
    pub owner: String,
}

impl Payload for Store {
    const FIELDS: &'static [&'static str] = &["owner_id", "owner", "nonce", "ciphertext", "ts"];
}

impl Payload for Ack {
    const FIELDS: &'static [&'static str] = &["owner_id", "stored_at", "success", "reason"];
}

impl Payload for Request {
    const FIELDS: &'static [&'static str] = &["owner_id", "request_id"];
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
}

impl Payload for Delete {
    const FIELDS: &'static [&'static str] = &["owner_id", "ts"];
}

impl Payload for Refresh {
    const FIELDS: &'static [&'static str] = &["owner_id", "owner"];
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

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
