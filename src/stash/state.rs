//! The stash's state as JSON, for debugging and for tests: what is held, for
//! whom, and with whom my own memory is. No plaintext, no key of mine.

use super::held::{Custody, Place};
use super::{Held, Stash};
use crate::base::{Identity, NaraId, PublicKey};
use crate::message::{Bytes, CIPHERTEXT_SIZE_MAX, Fields, ObjectWriter};
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
                owner_id: owner.id.clone(),
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
                id: who.id.clone(),
                key: who.key,
                revision: holder.revision,
            });
        Self {
            held: held.collect(),
            confidants: confidants.collect(),
            revision: stash.owner().memory().map_or(0, |memory| memory.revision),
        }
    }

    pub(super) fn to_json(&self) -> String {
        ObjectWriter::new()
            .list("held", &self.held, |object, held| {
                object
                    .text("owner_id", held.owner_id.as_str())
                    .base64("owner_key", &held.owner_key.0)
                    .text("owner", &held.owner)
                    .bytes("nonce", &held.nonce)
                    .bytes("ciphertext", &held.ciphertext)
                    .i64("ts", held.ts)
                    .i64("stored_at", held.stored_at);
            })
            .list("confidants", &self.confidants, |object, one| {
                object
                    .text("id", one.id.as_str())
                    .base64("key", &one.key.0)
                    .u64("revision", one.revision);
            })
            .u64("revision", self.revision)
            .finish()
    }

    pub(super) fn parse(text: &str) -> Result<Self, StateError> {
        let mut fields = Fields::all_of(text, &["held", "confidants", "revision"]);
        let state = Self {
            held: fields.list("held", usize::MAX, HELD_FIELDS, |held| HeldState {
                owner_id: held.id("owner_id"),
                owner_key: held.key("owner_key"),
                owner: held.string("owner").into_owned(),
                nonce: held.bytes("nonce", CIPHERTEXT_SIZE_MAX),
                ciphertext: held.bytes("ciphertext", CIPHERTEXT_SIZE_MAX),
                ts: held.i64("ts"),
                stored_at: held.i64("stored_at"),
            }),
            confidants: fields.list("confidants", usize::MAX, CONFIDANT_FIELDS, |one| {
                ConfidantState {
                    id: one.id("id"),
                    key: one.key("key"),
                    revision: one.u64("revision"),
                }
            }),
            revision: fields.u64("revision"),
        };
        let state = fields.done(state);
        state.map_err(|error| StateError::Shape(error.to_string()))
    }

    pub(super) fn into_held(self) -> Result<Vec<(Identity, Held)>, StateError> {
        self.held.into_iter().map(HeldState::into_held).collect()
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
