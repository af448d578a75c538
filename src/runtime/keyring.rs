//! The keyring: which keys claim which id, and which of them signed a message.

use super::Crypto;
use crate::base::{Identity, NaraId, PublicKey, SortedMap};
use crate::message::Message;
use crate::neighbourhood::PEERS_MAX;

/// Keys remembered for one id. A newer claim pushes out the one used longest
/// ago, so a flood of claims costs the flooder's keys, not those in use.
pub const KEYS_PER_ID_MAX: usize = 8;

/// Ids whose keys are remembered: those of all peers, and of others for a while.
pub const KEYRING_MAX: usize = PEERS_MAX + 500;

/// Keys by id, the most recently used first.
#[derive(Default)]
pub struct Keyring {
    keys: SortedMap<NaraId, Vec<PublicKey>>,
}

impl Keyring {
    /// Notes that this key claims this id. At the limit only those ids stay
    /// that `is_needed` says so of, which are fewer.
    pub fn register(&mut self, who: Identity, is_needed: impl Fn(&NaraId) -> bool) {
        if self.keys.len() >= KEYRING_MAX && !self.keys.contains_key(&who.id) {
            self.keys.retain(|id, _| is_needed(id));
        }
        let keys = self.keys.or_default(who.id);
        keys.retain(|key| *key != who.key);
        keys.insert(0, who.key);
        keys.truncate(KEYS_PER_ID_MAX);
    }

    /// How many ids are remembered.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys that claim an id, the most recently used first.
    pub fn keys(&self, id: &NaraId) -> impl Iterator<Item = PublicKey> + '_ {
        self.keys.get(id).into_iter().flatten().copied()
    }

    /// Who signed a message: one of the keys known for its `from_id`, or the
    /// key that the message itself names. A key that a message names proves
    /// that identity (id, key) and no other.
    pub fn signer(&self, crypto: &dyn Crypto, message: &Message) -> Option<Identity> {
        let signature = message.signature.as_ref()?;
        let id = NaraId::parse(&message.from_id).ok()?;
        let text = message.signable();
        let named = message.key.into_iter();
        named
            .chain(self.keys(&id))
            .take(KEYS_PER_ID_MAX + 1)
            .find(|key| crypto.verify(key, text.as_bytes(), signature))
            .map(|key| Identity { id, key })
    }
}
