//! The stash's state as JSON, for debugging and for tests: what is held, for
//! whom, and with whom my own memory is. No plaintext, no key of mine.

use super::held::{Custody, Place};
use super::{Held, Stash};
use crate::base::{Identity, NaraId, PublicKey};
use crate::message::{Bytes, from_json, to_go_json};
use crate::runtime::Sealed;
use core::fmt;
use serde::{Deserialize, Serialize};

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StashState {
    held: Vec<HeldState>,
    confidants: Vec<ConfidantState>,
    revision: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct HeldState {
    owner_id: NaraId,
    owner_key: PublicKey,
    owner: String,
    nonce: Bytes,
    ciphertext: Bytes,
    ts: i64,
    stored_at: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ConfidantState {
    id: NaraId,
    key: PublicKey,
    revision: u64,
}

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
        to_go_json(self)
    }

    pub(super) fn parse(text: &str) -> Result<Self, StateError> {
        from_json(text).map_err(|error| StateError::Shape(error.to_string()))
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
