//! The stash's state as JSON, for debugging and for tests: what is held, for
//! whom, and with whom my own memory is. No plaintext, no key of mine.

use super::held::{Custody, Place};
use super::{Held, Stash};
use crate::base::{Gather, Identity, NaraId, PublicKey};
use crate::message::{ByField, Bytes, CIPHERTEXT_SIZE_MAX, Fields, ObjectWriter, PayloadError};
use crate::runtime::Sealed;
use core::fmt;

/// Why a text is no stash state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateError {
    /// It is no JSON of the right shape.
    Shape(String),
    /// A nonce is not 24 bytes long.
    Nonce,
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(what) => write!(f, "this is no stash state: {what}"),
            Self::Nonce => f.write_str("a nonce is not 24 bytes long"),
        }
    }
}

impl core::error::Error for StateError {}

/// The state, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StashState {
    held: Vec<HeldState>,
    confidants: Vec<ConfidantState>,
    revision: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct HeldState {
    owner_id: NaraId,
    owner_key: PublicKey,
    owner: String,
    nonce: Bytes,
    ciphertext: Bytes,
    ts: i64,
    stored_at: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ConfidantState {
    id: NaraId,
    key: PublicKey,
    revision: u64,
}

const HELD_FIELDS: &[&str] = &[
    "owner_id",
    "owner_key",
    "owner",
    "nonce",
    "ciphertext",
    "ts",
    "stored_at",
];
const CONFIDANT_FIELDS: &[&str] = &["id", "key", "revision"];

impl StashState {
    pub(super) fn of(stash: &Stash) -> Self {
        let held = stash
            .confidant()
            .held()
            .iter()
            .map(|(owner, held)| HeldState {
                owner_id: owner.id,
                owner_key: owner.key,
                owner: held.owner.clone(),
                nonce: Bytes::from(held.sealed.nonce.to_vec()),
                ciphertext: Bytes::from(held.sealed.ciphertext.clone()),
                ts: held.ts,
                stored_at: held.stored_at,
            });
        let confidants = stash
            .owner()
            .holders()
            .iter()
            .map(|(who, holder)| ConfidantState {
                id: who.id,
                key: who.key,
                revision: holder.revision,
            });
        Self {
            held: held.gather(),
            confidants: confidants.gather(),
            revision: stash.owner().memory().map_or(0, |memory| memory.revision),
        }
    }

    pub(super) fn to_json(&self) -> String {
        ObjectWriter::new()
            .list("held", &self.held, |object, held| held.write(object))
            .list("confidants", &self.confidants, |object, one| {
                one.write(object)
            })
            .u64("revision", self.revision)
            .finish()
    }

    pub(super) fn parse(text: &str) -> Result<Self, StateError> {
        let mut fields = Fields::of(text, &["held", "confidants", "revision"]);
        fields.need_all();
        let state = Self {
            held: fields.list("held", usize::MAX, HELD_FIELDS),
            confidants: fields.list("confidants", usize::MAX, CONFIDANT_FIELDS),
            revision: fields.u64("revision"),
        };
        let wrong = |error: PayloadError| StateError::Shape(error.to_string());
        fields.end().map_err(wrong)?;
        Ok(state)
    }

    pub(super) fn into_held(self) -> Result<Vec<(Identity, Held)>, StateError> {
        self.held.into_iter().map(HeldState::into_held).collect()
    }
}

impl ByField for HeldState {
    fn blank() -> Self {
        Self {
            owner_id: Identity::NOBODY.id,
            owner_key: Identity::NOBODY.key,
            owner: String::new(),
            nonce: Bytes::default(),
            ciphertext: Bytes::default(),
            ts: 0,
            stored_at: 0,
        }
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        self.owner_id = fields.id("owner_id");
        self.owner_key = fields.key("owner_key");
        fields.text_into("owner", &mut self.owner, usize::MAX);
        fields.bytes_into("nonce", &mut self.nonce, CIPHERTEXT_SIZE_MAX);
        fields.bytes_into("ciphertext", &mut self.ciphertext, CIPHERTEXT_SIZE_MAX);
        self.ts = fields.i64("ts");
        self.stored_at = fields.i64("stored_at");
    }

    fn write(&self, object: &mut ObjectWriter) {
        object
            .text("owner_id", self.owner_id.as_str())
            .base64("owner_key", &self.owner_key.0)
            .text("owner", &self.owner)
            .bytes("nonce", &self.nonce)
            .bytes("ciphertext", &self.ciphertext)
            .i64("ts", self.ts)
            .i64("stored_at", self.stored_at);
    }
}

impl ByField for ConfidantState {
    fn blank() -> Self {
        Self {
            id: Identity::NOBODY.id,
            key: Identity::NOBODY.key,
            revision: 0,
        }
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        self.id = fields.id("id");
        self.key = fields.key("key");
        self.revision = fields.u64("revision");
    }

    fn write(&self, object: &mut ObjectWriter) {
        object
            .text("id", self.id.as_str())
            .base64("key", &self.key.0)
            .u64("revision", self.revision);
    }
}

impl HeldState {
    fn into_held(self) -> Result<(Identity, Held), StateError> {
        let nonce = self
            .nonce
            .as_slice()
            .try_into()
            .map_err(|_| StateError::Nonce)?;
        let sealed = Sealed {
            nonce,
            ciphertext: self.ciphertext.into_vec(),
        };
        let held = Held {
            owner: self.owner,
            sealed,
            ts: self.ts,
            stored_at: self.stored_at,
            previous: None,
            earlier: None,
            begins_anew: false,
            original: None,
            place: Place::default(),
            custody: Custody::default(),
        };
        Ok((
            Identity {
                id: self.owner_id,
                key: self.owner_key,
            },
            held,
        ))
    }
}
