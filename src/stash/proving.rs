//! Challenges: while an owner is away, its holders make sure of each other. A
//! copy is shown to be there by a hash that nobody can give without it.

use super::confidant::Confidant;
use super::held::digest;
use super::passing::HANDOFF_PATIENCE;
use crate::base::{Identity, PublicKey};
use crate::message::{Challenge, Digest, Proof, parse_payload};
use crate::runtime::{CallError, CallId, Context, Delivery, Outcome, Sealed};
use sha2::{Digest as _, Sha256};

/// A challenge on its way; there is one at a time.
pub(super) struct Challenged {
    call: CallId,
    owner: Identity,
    of: Identity,
    asked: Challenge,
}

/// What whoever has the copy answers. Its own key is in it, so that nobody can
/// have another holder answer in its place.
fn proof(challenge: &Digest, by: &PublicKey, sealed: &Sealed) -> Digest {
    let hash = Sha256::new()
        .chain_update(challenge.0)
        .chain_update(by.0)
        .chain_update(sealed.nonce)
        .chain_update(&sealed.ciphertext);
    Digest(hash.finalize().into())
}

impl Confidant {
    /// Challenges one holder, at random, of a copy that I hold for an owner
    /// who is away.
    pub(super) fn challenge_one(&mut self, ctx: &mut Context<'_>) {
        if !ctx.is_connected() || self.challenged.is_some() {
            return;
        }
        let peers = ctx.peers();
        let away = self
            .held()
            .iter()
            .filter(|(owner, held)| held.custody.grant.is_some() && !peers.is_online(owner));
        let pairs = away.flat_map(|(owner, held)| {
            let others = held.custody.others.iter();
            others.map(move |of| (owner, of))
        });
        let pairs: Vec<(Identity, Identity)> = pairs
            .filter(|(_, of)| peers.is_online(of))
            .map(|(owner, of)| (owner.clone(), of.clone()))
            .collect();
        let Ok(count @ 1..) = u32::try_from(pairs.len()) else {
            return;
        };
        let index = ctx.rng().below(count) as usize;
        let Some((owner, of)) = pairs.into_iter().nth(index) else {
            return;
        };
        let Some(held) = self.held().get(&owner) else {
            return;
        };
        let asked = Challenge {
            request_id: bs58::encode(ctx.rng().array::<12>()).into_string(),
            owner: owner.clone(),
            sealed: digest(&held.sealed),
            challenge: Digest(ctx.rng().array()),
        };
        let patience = HANDOFF_PATIENCE;
        if let Ok(call) = ctx.call(&of, "stash:challenge", &asked, "stash:proof", patience) {
            self.challenged = Some(Challenged {
                call,
                owner,
                of,
                asked,
            });
        }
    }

    /// Answers a holder that wants to know whether this one still has the copy.
    pub(super) fn handle_challenge(
        &mut self,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        asked: Challenge,
    ) -> Outcome {
        let Some(sender) = &delivery.sender else {
            return Outcome::Drop("unsigned");
        };
        let held = self.held().get(&asked.owner);
        let held = held.filter(|held| digest(&held.sealed) == asked.sealed);
        let named = |one: &&super::Held| {
            let grant = one.custody.grant.as_ref();
            one.custody.others.contains(sender)
                || grant.is_some_and(|grant| grant.holders.contains(sender))
        };
        if held.is_some_and(|held| !named(&held)) {
            return Outcome::Drop("not_a_holder");
        }
        let me = ctx.me().identity.key;
        let hash = held.map(|held| proof(&asked.challenge, &me, &held.sealed));
        let answer = Proof {
            request_id: asked.request_id,
            held: hash.is_some(),
            hash: hash.unwrap_or(Digest([0; 32])),
        };
        ctx.reply(delivery, "stash:proof", &answer)
    }

    /// The end of a challenge. Returns whether this call was one. Silence
    /// proves nothing: whether somebody is gone is for presence to find out.
    pub(super) fn end_challenge(
        &mut self,
        ctx: &mut Context<'_>,
        call: CallId,
        result: Result<&Delivery, CallError>,
    ) -> bool {
        let Some(one) = self.challenged.take_if(|one| one.call == call) else {
            return false;
        };
        let answer = result
            .ok()
            .and_then(|delivery| parse_payload::<Proof>(delivery.payload()).ok())
            .filter(|answer| answer.request_id == one.asked.request_id);
        let Some(answer) = answer else {
            return true;
        };
        let Some(held) = self.held_mut(&one.owner) else {
            return true;
        };
        let expected = proof(&one.asked.challenge, &one.of.key, &held.sealed);
        if digest(&held.sealed) != one.asked.sealed || (answer.held && answer.hash == expected) {
            return true;
        }
        held.custody.others.remove(&one.of);
        self.handoffs.turn_away(ctx.now().mono, &one.of);
        let text = format!("{} does not hold the stash of {}", one.of.id, one.owner.id);
        ctx.log().warn(text);
        self.count_copies(ctx);
        true
    }

    /// What was asked went down with the connection.
    pub(super) fn forget_challenge(&mut self, ctx: &mut Context<'_>) {
        if let Some(one) = self.challenged.take() {
            ctx.cancel(one.call);
        }
    }
}
