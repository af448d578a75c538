//! How a copy changes hands: what the owner allows, and how holders pass it on.
//! All of it is ours; Go naras pass it over.

use super::json::ObjectWriter;
use super::payload::{ByField, Fields, payloads_by_field};
use super::stash::REASON_LENGTH_MAX;
use crate::base::{ID_LENGTH_MAX, Identity, PublicKey};
use crate::identity::Signature;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The owner, and the key that signs.
    pub owner: Identity,
    /// The revision inside the seal.
    pub revision: u64,
    /// SHA-256 of nonce and ciphertext.
    pub sealed: Digest,
    /// Who may pass it on.
    pub holders: Vec<Identity>,
    /// How many copies there should be.
    pub copies: u8,
    /// When it was given, in Unix seconds.
    pub given_at: i64,
    /// When it ends, in Unix seconds.
    pub until: i64,
    /// The owner's signature over [`Grant::signed_text`].
    pub signature: Signature,
}

const GRANT_FIELDS: &[&str] = &[
    "owner",
    "revision",
    "sealed",
    "holders",
    "copies",
    "given_at",
    "until",
    "signature",
];

impl Grant {
    fn write_unsigned(&self, object: &mut ObjectWriter) {
        object
            .identity("owner", &self.owner)
            .u64("revision", self.revision)
            .base64("sealed", &self.sealed.0)
            .identities("holders", &self.holders)
            .u64("copies", u64::from(self.copies))
            .i64("given_at", self.given_at)
            .i64("until", self.until);
    }

    /// What the owner signs: a prefix, then the grant without its signature.
    pub fn signed_text(&self) -> String {
        let mut object = ObjectWriter::new();
        self.write_unsigned(&mut object);
        [GRANT_PREFIX, &object.finish()].concat()
    }
}

impl ByField for Grant {
    fn blank() -> Self {
        Self {
            owner: Identity::NOBODY,
            revision: 0,
            sealed: Digest([0; 32]),
            holders: Vec::new(),
            copies: 0,
            given_at: 0,
            until: 0,
            signature: Signature([0; 64]),
        }
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        self.owner = fields.identity("owner");
        self.revision = fields.u64("revision");
        fields.fixed("sealed", &mut self.sealed.0);
        self.holders = fields.identities("holders", GRANT_HOLDERS_MAX);
        self.copies = fields.u8("copies");
        self.given_at = fields.i64("given_at");
        self.until = fields.i64("until");
        fields.fixed("signature", &mut self.signature.0);
    }

    fn write(&self, object: &mut ObjectWriter) {
        self.write_unsigned(object);
        object.base64("signature", &self.signature.0);
    }
}

/// One step of a copy's way: who passed it on, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Who passed it on; this key signs.
    pub by: PublicKey,
    /// To whom.
    pub to: Identity,
    /// The signature over [`Link::signed_text`].
    pub signature: Signature,
}

const LINK_FIELDS: &[&str] = &["by", "to", "signature"];

impl ByField for Link {
    fn blank() -> Self {
        Self {
            by: Identity::NOBODY.key,
            to: Identity::NOBODY,
            signature: Signature([0; 64]),
        }
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        self.by = fields.key("by");
        self.to = fields.identity("to");
        fields.fixed("signature", &mut self.signature.0);
    }

    fn write(&self, object: &mut ObjectWriter) {
        object
            .base64("by", &self.by.0)
            .identity("to", &self.to)
            .base64("signature", &self.signature.0);
    }
}

impl Link {
    /// What is signed: which copy, by whom, to whom.
    pub fn signed_text(grant: &Grant, by: &PublicKey, to: &Identity) -> String {
        let text = ObjectWriter::new()
            .identity("owner", &grant.owner)
            .u64("revision", grant.revision)
            .base64("sealed", &grant.sealed.0)
            .base64("by", &by.0)
            .identity("to", to)
            .finish();
        [LINK_PREFIX, &text].concat()
    }
}

/// `stash:grant`: an owner allows a holder to pass its copy on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// What is allowed.
    pub grant: Grant,
}

/// `stash:handoff`: a holder passes a copy on. Answered by `stash:receipt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handoff {
    /// Random; the receipt repeats it.
    pub request_id: String,
    /// The owner's own `stash:store`, as it went on the wire.
    pub store: String,
    /// The owner's word on it.
    pub grant: Grant,
    /// From a holder that the grant names to the receiver, step by step.
    pub chain: Vec<Link>,
    /// Who holds it now, as far as the sender knows.
    pub holders: Vec<Identity>,
}

/// `stash:receipt`: what became of a hand-off. The answer to the forwarder;
/// without a request, to the other holders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandoffReceipt {
    /// Repeats the hand-off's; empty for those who did not send one.
    pub request_id: String,
    /// Whose stash it is.
    pub owner: Identity,
    /// Its revision.
    pub revision: u64,
    /// Whether it is held now.
    pub held: bool,
    /// Why not; empty when it is held.
    pub reason: String,
    /// How it came here.
    pub chain: Vec<Link>,
    /// With a refusal as `stale`, the owner's leave for what is held instead;
    /// one at most, left out where there is none.
    pub newer: Vec<Grant>,
}

/// `stash:challenge`: one holder asks another whether it still has the copy.
/// Answered by `stash:proof`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Random; the proof repeats it.
    pub request_id: String,
    /// Whose stash it is.
    pub owner: Identity,
    /// Which copy: SHA-256 of nonce and ciphertext.
    pub sealed: Digest,
    /// Random; the proof is made of it.
    pub challenge: Digest,
}

/// `stash:proof`: that the copy is there, or that it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Repeats the challenge's.
    pub request_id: String,
    /// Whether this very copy is held.
    pub held: bool,
    /// The revision that is held, or zero.
    pub revision: u64,
    /// SHA-256 of the challenge, the key of whoever proves, nonce and
    /// ciphertext; zeros where it is not held.
    pub hash: Digest,
    /// The owner's leave for what is held instead, with the revision; one at
    /// most, left out where there is none.
    pub newer: Vec<Grant>,
}

impl ByField for Challenge {
    fn blank() -> Self {
        Self {
            request_id: String::new(),
            owner: Identity::NOBODY,
            sealed: Digest([0; 32]),
            challenge: Digest([0; 32]),
        }
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.need_all();
        fields.text_into("request_id", &mut self.request_id, ID_LENGTH_MAX);
        self.owner = fields.identity("owner");
        fields.fixed("sealed", &mut self.sealed.0);
        fields.fixed("challenge", &mut self.challenge.0);
    }

    fn write(&self, object: &mut ObjectWriter) {
        object
            .text("request_id", &self.request_id)
            .identity("owner", &self.owner)
            .base64("sealed", &self.sealed.0)
            .base64("challenge", &self.challenge.0);
    }
}

impl ByField for Proof {
    fn blank() -> Self {
        Self {
            request_id: String::new(),
            held: false,
            revision: 0,
            hash: Digest([0; 32]),
            newer: Vec::new(),
        }
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.need_all();
        fields.text_into("request_id", &mut self.request_id, ID_LENGTH_MAX);
        self.held = fields.bool("held");
        self.revision = fields.u64("revision");
        fields.fixed("hash", &mut self.hash.0);
        self.newer = read_newer(fields);
    }

    fn write(&self, object: &mut ObjectWriter) {
        object
            .text("request_id", &self.request_id)
            .bool("held", self.held)
            .u64("revision", self.revision)
            .base64("hash", &self.hash.0);
        write_newer(object, &self.newer);
    }
}

impl ByField for Granted {
    fn blank() -> Self {
        Self {
            grant: Grant::blank(),
        }
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.need_all();
        fields.object("grant", GRANT_FIELDS, &mut self.grant);
    }

    fn write(&self, object: &mut ObjectWriter) {
        object.object("grant", |object| self.grant.write(object));
    }
}

impl ByField for Handoff {
    fn blank() -> Self {
        Self {
            request_id: String::new(),
            store: String::new(),
            grant: Grant::blank(),
            chain: Vec::new(),
            holders: Vec::new(),
        }
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.need_all();
        fields.text_into("request_id", &mut self.request_id, ID_LENGTH_MAX);
        fields.text_into("store", &mut self.store, STORE_LENGTH_MAX);
        fields.object("grant", GRANT_FIELDS, &mut self.grant);
        self.chain = fields.list("chain", CHAIN_LENGTH_MAX, LINK_FIELDS);
        self.holders = fields.identities("holders", GRANT_HOLDERS_MAX);
    }

    fn write(&self, object: &mut ObjectWriter) {
        object
            .text("request_id", &self.request_id)
            .text("store", &self.store)
            .object("grant", |object| self.grant.write(object))
            .list("chain", &self.chain, |object, link| link.write(object))
            .identities("holders", &self.holders);
    }

    fn size(&self) -> usize {
        self.store.len()
    }
}

impl ByField for HandoffReceipt {
    fn blank() -> Self {
        Self {
            request_id: String::new(),
            owner: Identity::NOBODY,
            revision: 0,
            held: false,
            reason: String::new(),
            chain: Vec::new(),
            newer: Vec::new(),
        }
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.need_all();
        fields.text_into("request_id", &mut self.request_id, ID_LENGTH_MAX);
        self.owner = fields.identity("owner");
        self.revision = fields.u64("revision");
        self.held = fields.bool("held");
        fields.text_into("reason", &mut self.reason, REASON_LENGTH_MAX);
        self.chain = fields.list("chain", CHAIN_LENGTH_MAX, LINK_FIELDS);
        self.newer = read_newer(fields);
    }

    fn write(&self, object: &mut ObjectWriter) {
        object
            .text("request_id", &self.request_id)
            .identity("owner", &self.owner)
            .u64("revision", self.revision)
            .bool("held", self.held)
            .text("reason", &self.reason)
            .list("chain", &self.chain, |object, link| link.write(object));
        write_newer(object, &self.newer);
    }
}

fn read_newer(fields: &mut Fields<'_>) -> Vec<Grant> {
    match fields.raw("newer") {
        Some(_) => fields.list("newer", 1, GRANT_FIELDS),
        None => Vec::new(),
    }
}

fn write_newer(object: &mut ObjectWriter, newer: &[Grant]) {
    if !newer.is_empty() {
        object.list("newer", newer, |object, grant| grant.write(object));
    }
}

payloads_by_field! {
    Challenge: "request_id", "owner", "sealed", "challenge";
    Proof: "request_id", "held", "revision", "hash", "newer";
    Granted: "grant";
    Handoff: "request_id", "store", "grant", "chain", "holders";
    HandoffReceipt: "request_id", "owner", "revision", "held", "reason", "chain", "newer";
}

/// A SHA-256 digest; padded standard Base64 on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

#[cfg(test)]
mod tests {
    use super::super::{parse_payload, to_go_json};
    use super::*;
    use crate::base::NaraId;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

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
