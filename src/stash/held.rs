//! One stash held for somebody: what the owner sealed, what it was before, and
//! what is known of who else holds it.

use super::codec::SEALED_SIZE;
use crate::base::{Identity, Instant, SortedSet, WallTime, sha256};
use crate::message::{Bytes, Digest, Grant, Link, Message, Payload as _, Response, Store};
use crate::runtime::Sealed;
use core::time::Duration;

/// What was held when the owner came back is kept for so long at least.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

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
    /// What the newest store replaced.
    pub previous: Option<Older>,
    /// What was there before the owner came back and stored again.
    pub earlier: Option<Older>,
    /// Whether the owner has come back since this was stored.
    pub(super) begins_anew: bool,
    /// The owner's store as it came, without its payload, and the owner's name
    /// as it stands there: what is needed to pass it on.
    pub(super) original: Option<(Message, String)>,
    pub(super) place: Place,
    pub(super) custody: Custody,
}

/// Which of the copies that a holder keeps is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// The one that it took last.
    Newest,
    /// The one before.
    Previous,
    /// The one from before the owner came back, kept for a day at least.
    Earlier,
}

impl Generation {
    /// What a request id begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Newest => "",
            Self::Previous => "previous:",
            Self::Earlier => "earlier:",
        }
    }

    /// What a request with this id asks for.
    pub fn of(request_id: &str) -> Self {
        let older = [Self::Previous, Self::Earlier];
        let asks = |one: &Self| request_id.starts_with(one.prefix());
        older.into_iter().find(asks).unwrap_or(Self::Newest)
    }
}

/// An older generation, kept so that a wrong turn can be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Older {
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
    pub(super) others: SortedSet<Identity>,
    /// Whether others hold something newer: then it is passed on no more.
    pub(super) outdated: bool,
}

impl Custody {
    /// Somebody is said to hold it. Returns whether that was not known.
    pub(super) fn note(&mut self, who: &Identity) -> bool {
        self.others.len() < OTHERS_MAX && self.others.insert(*who)
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
    Digest(sha256(&[&sealed.nonce, &sealed.ciphertext]))
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
            earlier: None,
            begins_anew: false,
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

    /// A copy, and when it came.
    pub(super) fn generation(&self, which: Generation) -> Option<(&Sealed, i64)> {
        let older = match which {
            Generation::Newest => return Some((&self.sealed, self.stored_at)),
            Generation::Previous => self.previous.as_ref(),
            Generation::Earlier => self.earlier.as_ref(),
        };
        older.map(|one| (&one.sealed, one.stored_at))
    }

    /// Puts something newer in the place of this, which is kept as the previous
    /// one. Many stores in a row would push out what was good before them: so
    /// what was there when the owner came back stays for a day beside it.
    pub(super) fn replace(&mut self, newer: Self, now: Instant) {
        let is_same = self.sealed == newer.sealed;
        let mut previous = self.previous.take();
        let mut earlier = self.earlier.take();
        let mut begins_anew = self.begins_anew;
        if !is_same {
            let this = Older {
                sealed: self.sealed.clone(),
                stored_at: self.stored_at,
                replaced: now,
            };
            let had_its_day = |one: &Older| now - one.replaced >= KEPT_FOR;
            if begins_anew || earlier.as_ref().is_none_or(had_its_day) {
                earlier = Some(this.clone());
            }
            previous = Some(this);
            begins_anew = false;
        }
        let custody = if is_same {
            core::mem::take(&mut self.custody)
        } else {
            Custody::default()
        };
        *self = Self {
            previous,
            earlier,
            begins_anew,
            place: self.place.clone(),
            custody,
            ..newer
        };
    }

    /// The owner's store, word for word.
    pub(super) fn store_message(&self, owner: &Identity) -> Option<String> {
        let (message, name) = self.original.as_ref()?;
        let store = Store {
            owner_id: owner.id.to_text(),
            owner: name.clone(),
            nonce: Bytes::from(self.sealed.nonce.to_vec()),
            ciphertext: Bytes::from(self.sealed.ciphertext.clone()),
            ts: self.ts,
        };
        let message = Message {
            payload: store.to_json(),
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
        owner_id: owner.id.to_text(),
        request_id,
        found: found.is_some(),
        nonce: bytes(|sealed| &sealed.nonce),
        ciphertext: bytes(|sealed| &sealed.ciphertext),
        stored_at: found.map_or(0, |(_, stored_at)| stored_at),
    }
}
