//! One stash held for somebody: what the owner sealed, what it was before, and
//! what is known of who else holds it.

use super::codec::SEALED_SIZE;
use crate::base::{Identity, Instant, WallTime};
use crate::message::{Bytes, Digest, Grant, Link, Message, Response, Store, to_go_json};
use crate::runtime::Sealed;
use core::time::Duration;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

/// What a newer store replaced is kept for so long at least.
pub const PREVIOUS_FOR: Duration = Duration::from_secs(24 * 3600);

/// Other holders that are remembered of one stash.
const OTHERS_MAX: usize = 32;

/// A stash held for somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The owner's name, as it says.
    pub owner: String,
    /// What this nara cannot read.
    pub sealed: Sealed,
    /// The owner's time of the store, in seconds since the Unix epoch.
    pub ts: i64,
    /// When it came, in seconds since the Unix epoch.
    pub stored_at: i64,
    /// What a newer store replaced.
    pub previous: Option<Previous>,
    /// The owner's store as it came, without its payload, and the owner's name
    /// as it stands there: what is needed to pass it on.
    pub(super) original: Option<(Message, String)>,
    pub(super) place: Place,
    pub(super) custody: Custody,
}

/// An older generation, kept so that a wrong turn can be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previous {
    /// What this nara cannot read.
    pub sealed: Sealed,
    /// When it came, in seconds since the Unix epoch.
    pub stored_at: i64,
    replaced: Instant,
}

/// What is known of the place that a stash takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Since when it is taken.
    pub(super) since: Instant,
    /// Whether the owner has come back since.
    pub(super) proven: bool,
    /// Whether the owner has been away since.
    pub(super) was_away: bool,
    /// For how long the owner was seen to be away, in one piece.
    pub(super) absent: Duration,
}

/// By whose leave it is held, and who else holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Custody {
    /// The owner's leave to pass it on.
    pub(super) grant: Option<Grant>,
    /// How it came here, if not from the owner itself.
    pub(super) chain: Vec<Link>,
    /// Who else holds it, and was not seen to go.
    pub(super) others: BTreeSet<Identity>,
}

impl Custody {
    pub(super) fn note(&mut self, who: &Identity) {
        if self.others.len() < OTHERS_MAX {
            self.others.insert(who.clone());
        }
    }
}

/// What a store would have to be to be taken.
pub(super) fn check(store: &Store) -> Result<[u8; 24], &'static str> {
    if store.ciphertext.len() > SEALED_SIZE {
        return Err("stash_too_large");
    }
    if store.ciphertext.is_empty() {
        return Err("no_ciphertext");
    }
    store.nonce.as_slice().try_into().map_err(|_| "bad_nonce")
}

/// SHA-256 of nonce and ciphertext: what a grant names a copy by.
pub(super) fn digest(sealed: &Sealed) -> Digest {
    let hash = Sha256::new()
        .chain_update(sealed.nonce)
        .chain_update(&sealed.ciphertext);
    Digest(hash.finalize().into())
}

impl Held {
    /// What a message of the owner stores. `sealed` is what its payload has.
    pub(super) fn new(
        message: &Message,
        store: &Store,
        sealed: Sealed,
        now: (Instant, WallTime),
    ) -> Self {
        let original = Message {
            payload: String::new(),
            ..message.clone()
        };
        Self {
            owner: message.from.clone(),
            sealed,
            ts: store.ts,
            stored_at: now.1.unix_seconds(),
            previous: None,
            original: Some((original, store.owner.clone())),
            place: Place {
                since: now.0,
                ..Place::default()
            },
            custody: Custody::default(),
        }
    }

    /// Whether a store is older than this: by the time of its seal, then by
    /// the time at which it was sent.
    pub(super) fn is_newer_than(&self, store: &Store, message: &Message) -> bool {
        let sent = |message: &Message| message.timestamp.nearest_wall();
        let mine = self.original.as_ref().map(|(message, _)| sent(message));
        store.ts < self.ts || (store.ts == self.ts && mine.is_some_and(|at| sent(message) < at))
    }

    /// What is said to whoever stores something older. Its first word is the
    /// reason; the rest is for light naras.
    pub(super) fn stale_reason(&self) -> String {
        match &self.custody.grant {
            Some(grant) => format!("stale ts={} revision={}", self.ts, grant.revision),
            None => format!("stale ts={}", self.ts),
        }
    }

    /// Puts something newer in the place of this. What was here is kept,
    /// unless something older is kept that has not had its day yet: many
    /// stores in a row cannot push out what was good before them.
    pub(super) fn replace(&mut self, newer: Self, now: Instant) {
        let had_its_day = |one: &Previous| now - one.replaced >= PREVIOUS_FOR;
        let is_same = self.sealed == newer.sealed;
        let previous = match self.previous.take() {
            Some(previous) if is_same || !had_its_day(&previous) => Some(previous),
            _ if is_same => None,
            _ => Some(Previous {
                sealed: self.sealed.clone(),
                stored_at: self.stored_at,
                replaced: now,
            }),
        };
        let custody = if is_same {
            core::mem::take(&mut self.custody)
        } else {
            Custody::default()
        };
        *self = Self {
            previous,
            place: self.place.clone(),
            custody,
            ..newer
        };
    }

    /// The owner's store, word for word.
    pub(super) fn store_message(&self, owner: &Identity) -> Option<String> {
        let (message, name) = self.original.as_ref()?;
        let store = Store {
            owner_id: owner.id.as_str().to_owned(),
            owner: name.clone(),
            nonce: Bytes::from(self.sealed.nonce.to_vec()),
            ciphertext: Bytes::from(self.sealed.ciphertext.clone()),
            ts: self.ts,
        };
        let message = Message {
            payload: to_go_json(&store),
            ..message.clone()
        };
        Some(message.to_json())
    }
}

/// What an owner is answered.
pub(super) fn response(
    owner: &Identity,
    found: Option<(&Sealed, i64)>,
    request_id: String,
) -> Response {
    let bytes = |of: fn(&Sealed) -> &[u8]| {
        found.map_or_else(Bytes::default, |(sealed, _)| {
            Bytes::from(of(sealed).to_vec())
        })
    };
    Response {
        owner_id: owner.id.as_str().to_owned(),
        request_id,
        found: found.is_some(),
        nonce: bytes(|sealed| &sealed.nonce),
        ciphertext: bytes(|sealed| &sealed.ciphertext),
        stored_at: found.map_or(0, |(_, stored_at)| stored_at),
    }
}
