//! What naras say to each other: the envelope and its payloads, the greetings
//! of the plaza, and JSON spelled byte for byte as the reference spells it.
//!
//! Everything here is parsed within limits into types; nothing here decides
//! whom to believe.

mod envelope;
mod handoff;
mod howdy;
mod json;
mod newspaper;
mod payload;
mod ping;
mod presence;
mod reader;
mod stash;
mod status;
mod time;
mod vector;
mod writer;

pub use envelope::{
    CONTENT_KEY_LENGTH_MAX, FRAME_SIZE_MAX, KIND_LENGTH_MAX, Message, MessageError,
};
pub use handoff::{
    CHAIN_LENGTH_MAX, Challenge, Digest, GRANT_HOLDERS_MAX, GRANT_PREFIX, Grant, Granted, Handoff,
    HandoffReceipt, LINK_PREFIX, Link, Proof, STORE_LENGTH_MAX,
};
pub use howdy::{Heading, Howdy};
pub(crate) use json::ObjectWriter;
pub use json::{Bytes, CIPHERTEXT_SIZE_MAX, NONCE_SIZE, to_go_json};
#[cfg(target_family = "wasm")]
pub(crate) use json::{json_list, json_text};
pub use newspaper::Newspaper;
pub(crate) use payload::{
    ByField, Fields, payloads_by_field, read_boxed, read_fields, read_identities, write_fields,
};
pub use payload::{FIELDS_MAX, Payload, PayloadError, canonical_fields, parse_payload};
pub use ping::Ping;
pub use presence::{Chau, HeyThere, PresenceEvent, SyncEvent};
pub(crate) use reader::whole_value;
pub use reader::{JsonError, RawJson, from_json};
#[cfg(target_family = "wasm")]
pub(crate) use reader::{list_items, list_strings};
pub use stash::{Ack, Delete, REASON_LENGTH_MAX, Refresh, Request, Response, Store};
pub use status::{MESH_IP_LENGTH_MAX, MODE_LENGTH_MAX, Status, StatusBuilder};
pub use time::{TIMESTAMP_LENGTH_MAX, Timestamp, TimestampError};
