//! How a copy changes hands: what the owner allows, and how holders pass it on.
//! All of it is ours; Go naras pass it over.

use super::payload::{Payload, bounded};
use super::stash::REASON_LENGTH_MAX;
use super::to_go_json;
use crate::base::{ID_LENGTH_MAX, Identity, PublicKey};
use crate::identity::Signature;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Holders that a grant may name.
pub const GRANT_HOLDERS_MAX: usize = 16;

/// How often a copy may be passed on from one holder to the next.
pub const CHAIN_LENGTH_MAX: usize = 16;

/// The longest stash:store inside a hand-off, in bytes.
pub const STORE_LENGTH_MAX: usize = 16_384;

/// What every signed grant begins with, so that it can be taken for nothing
/// else that a nara signs.
pub const GRANT_PREFIX: &str = "nara:grant:v1:";

/// What every signed link begins with.
pub const LINK_PREFIX: &str = "nara:forward:v1:";

/// What an owner allows its holders: to pass this very copy on while it is
/// away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The owner, and the key that signs.
    pub owner: Identity,
    /// The revision inside the seal.
    pub revision: u64,
    /// SHA-256 of nonce and ciphertext.
    pub sealed: Digest,
    /// Who may pass it on.
    #[serde(deserialize_with = "holders")]
    pub holders: Vec<Identity>,
    /// How many copies there should be.
    pub copies: u8,
    /// When it was given, in Unix seconds.
    pub given_at: i64,
    /// When it ends, in Unix seconds.
    pub until: i64,
    /// The owner's signature over [`Grant::signed_text`].
    #[serde(with = "signature")]
    pub signature: Signature,
}

impl Grant {
    /// What the owner signs: a prefix, then the grant without its signature.
    pub fn signed_text(&self) -> String {
        #[derive(Serialize)]
        struct Unsigned<'a> {
            owner: &'a Identity,
            revision: u64,
            sealed: &'a Digest,
            holders: &'a [Identity],
            copies: u8,
            given_at: i64,
            until: i64,
        }
        let text = to_go_json(&Unsigned {
            owner: &self.owner,
            revision: self.revision,
            sealed: &self.sealed,
            holders: &self.holders,
            copies: self.copies,
            given_at: self.given_at,
            until: self.until,
        });
        format!("{GRANT_PREFIX}{text}")
    }
}

/// One step of a copy's way: who passed it on, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Who passed it on; this key signs.
    pub by: PublicKey,
    /// To whom.
    pub to: Identity,
    /// The signature over [`Link::signed_text`].
    #[serde(with = "signature")]
    pub signature: Signature,
}

impl Link {
    /// What is signed: which copy, by whom, to whom.
    pub fn signed_text(grant: &Grant, by: &PublicKey, to: &Identity) -> String {
        #[derive(Serialize)]
        struct Unsigned<'a> {
            owner: &'a Identity,
            revision: u64,
            sealed: &'a Digest,
            by: &'a PublicKey,
            to: &'a Identity,
        }
        let text = to_go_json(&Unsigned {
            owner: &grant.owner,
            revision: grant.revision,
            sealed: &grant.sealed,
            by,
            to,
        });
        format!("{LINK_PREFIX}{text}")
    }
}

/// `stash:grant`: an owner allows a holder to pass its copy on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// What is allowed.
    pub grant: Grant,
}

/// `stash:handoff`: a holder passes a copy on. Answered by `stash:receipt`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handoff {
    /// Random; the receipt repeats it.
    #[serde(deserialize_with = "bounded::<ID_LENGTH_MAX, _>")]
    pub request_id: String,
    /// The owner's own `stash:store`, as it went on the wire.
    #[serde(deserialize_with = "bounded::<STORE_LENGTH_MAX, _>")]
    pub store: String,
    /// The owner's word on it.
    pub grant: Grant,
    /// From a holder that the grant names to the receiver, step by step.
    #[serde(deserialize_with = "chain")]
    pub chain: Vec<Link>,
    /// Who holds it now, as far as the sender knows.
    #[serde(deserialize_with = "holders")]
    pub holders: Vec<Identity>,
}

/// `stash:receipt`: what became of a hand-off. The answer to the forwarder;
/// without a request, to the other holders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoffReceipt {
    /// Repeats the hand-off's; empty for those who did not send one.
    #[serde(deserialize_with = "bounded::<ID_LENGTH_MAX, _>")]
    pub request_id: String,
    /// Whose stash it is.
    pub owner: Identity,
    /// Its revision.
    pub revision: u64,
    /// Whether it is held now.
    pub held: bool,
    /// Why not; empty when it is held.
    #[serde(deserialize_with = "bounded::<REASON_LENGTH_MAX, _>")]
    pub reason: String,
    /// How it came here.
    #[serde(deserialize_with = "chain")]
    pub chain: Vec<Link>,
}

/// `stash:challenge`: one holder asks another whether it still has the copy.
/// Answered by `stash:proof`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// Random; the proof repeats it.
    #[serde(deserialize_with = "bounded::<ID_LENGTH_MAX, _>")]
    pub request_id: String,
    /// Whose stash it is.
    pub owner: Identity,
    /// Which copy: SHA-256 of nonce and ciphertext.
    pub sealed: Digest,
    /// Random; the proof is made of it.
    pub challenge: Digest,
}

/// `stash:proof`: that the copy is there, or that it is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Repeats the challenge's.
    #[serde(deserialize_with = "bounded::<ID_LENGTH_MAX, _>")]
    pub request_id: String,
    /// Whether this very copy is held.
    pub held: bool,
    /// The revision that is held, or zero.
    pub revision: u64,
    /// SHA-256 of the challenge, the key of whoever proves, nonce and
    /// ciphertext; zeros where it is not held.
    pub hash: Digest,
}

impl Payload for Challenge {
    const FIELDS: &'static [&'static str] = &["request_id", "owner", "sealed", "challenge"];
}

impl Payload for Proof {
    const FIELDS: &'static [&'static str] = &["request_id", "held", "revision", "hash"];
}

impl Payload for Granted {
    const FIELDS: &'static [&'static str] = &["grant"];
}

impl Payload for Handoff {
    const FIELDS: &'static [&'static str] = &["request_id", "store", "grant", "chain", "holders"];
}

impl Payload for HandoffReceipt {
    const FIELDS: &'static [&'static str] =
        &["request_id", "owner", "revision", "held", "reason", "chain"];
}

/// A SHA-256 digest; padded standard Base64 on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fixed(deserializer).map(Self)
    }
}

mod signature {
    use super::*;

    pub(super) fn serialize<S: Serializer>(
        signature: &Signature,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(signature.0))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Signature, D::Error> {
        fixed(deserializer).map(Signature)
    }
}

/// Exactly `N` bytes in padded standard Base64; a longer text is not decoded.
fn fixed<'de, const N: usize, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; N], D::Error> {
    let text = String::deserialize(deserializer)?;
    let bytes = (text.len() == N.div_ceil(3) * 4)
        .then(|| STANDARD.decode(&text).ok()?.try_into().ok())
        .flatten();
    bytes.ok_or_else(|| D::Error::custom(format_args!("not {N} bytes in padded standard Base64")))
}

fn holders<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Identity>, D::Error> {
    deserializer.deserialize_seq(Few::<Identity, GRANT_HOLDERS_MAX>(
        core::marker::PhantomData,
    ))
}

fn chain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Link>, D::Error> {
    deserializer.deserialize_seq(Few::<Link, CHAIN_LENGTH_MAX>(core::marker::PhantomData))
}

/// A list of at most `MAX`.
struct Few<T, const MAX: usize>(core::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Few<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "a list of at most {MAX}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            if list.len() >= MAX {
                return Err(A::Error::custom(format_args!("more than {MAX}")));
            }
            list.push(item);
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_payload;
    use super::*;
    use crate::base::NaraId;

    fn grant(holders: usize) -> Grant {
        let who = |n: usize| Identity {
            id: NaraId::parse(&format!("h{n}")).unwrap(),
            key: PublicKey([n as u8; 32]),
        };
        Grant {
            owner: who(0),
            revision: 7,
            sealed: Digest([3; 32]),
            holders: (1..=holders).map(who).collect(),
            copies: 3,
            given_at: 5,
            until: 9,
            signature: Signature([4; 64]),
        }
    }

    #[test]
    fn a_grant_comes_back_as_it_was_and_its_signature_is_not_in_what_is_signed() {
        let granted = Granted { grant: grant(3) };
        let json = to_go_json(&granted);
        assert_eq!(parse_payload::<Granted>(&json).unwrap(), granted);
        let text = granted.grant.signed_text();
        assert!(text.starts_with("nara:grant:v1:{\"owner\":{\"id\":\"h0\""));
        assert!(!text.contains("signature"));
    }

    #[test]
    fn lists_and_lengths_of_strangers_have_their_limits() {
        let json = to_go_json(&Granted {
            grant: grant(GRANT_HOLDERS_MAX + 1),
        });
        let why = parse_payload::<Granted>(&json).unwrap_err().to_string();
        assert!(why.contains("more than 16"), "{why}");
        let json = to_go_json(&Granted { grant: grant(1) });
        let short = json.replace(&STANDARD.encode([3; 32]), "AA==");
        let why = parse_payload::<Granted>(&short).unwrap_err().to_string();
        assert!(why.contains("not 32 bytes"), "{why}");
        let twice = json.replace("\"copies\":3", "\"copies\":3,\"copies\":9");
        assert!(parse_payload::<Granted>(&twice).is_err());
        let missing = json.replace("\"until\":9,", "");
        assert!(parse_payload::<Granted>(&missing).is_err());
    }
}
