//! Taking over: what another holder passes on is checked against the owner's
//! own signatures, and the owner's leave is kept with it.

use super::confidant::Confidant;
use super::grant::{Beginning, check_chain, check_grant};
use super::held::{Held, check, digest};
use super::places::has_been_here;
use super::proving::may_be_here;
use crate::base::{Identity, NaraId, PublicKey};
use crate::message::{
    Grant, Granted, Handoff, HandoffReceipt, Message, Payload as _, Store, parse_payload,
};
use crate::runtime::{Context, Delivery, Outcome, Sealed};

/// What became of a copy that was taken.
#[derive(PartialEq, Eq)]
struct Taken {
    /// Whether it was not held before.
    is_new: bool,
    /// Other holders that this nara had not known, but for the sender.
    learned: Vec<Identity>,
}

impl Confidant {
    /// Takes what another holder passes on, or says why not.
    pub(super) fn handle_handoff(
        &mut self,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        handoff: Handoff,
    ) -> Outcome {
        let Some(sender) = &delivery.sender else {
            return Outcome::Drop("unsigned");
        };
        let mut receipt = HandoffReceipt {
            request_id: handoff.request_id.clone(),
            owner: handoff.grant.owner,
            revision: handoff.grant.revision,
            held: false,
            reason: String::new(),
            chain: Vec::new(),
            newer: Vec::new(),
        };
        let taken = self.take_over(ctx, sender, &handoff);
        match &taken {
            Ok(_) => {
                receipt.held = true;
                receipt.chain = handoff.chain;
            }
            Err("stale") => {
                let held = self.held().get(&receipt.owner);
                receipt.reason = held.map_or_else(|| "stale".to_owned(), Held::stale_reason);
                let grant = held.and_then(|held| held.custody.grant.as_ref());
                receipt.newer.extend(grant.cloned());
            }
            Err(reason) => (*reason).clone_into(&mut receipt.reason),
        }
        let answered = ctx.reply(delivery, "stash:receipt", &receipt);
        let taken = match taken {
            Ok(taken) => taken,
            Err(reason) => {
                self.refusals += 1;
                let text = format!("{} passes a stash on: refused, {reason}", sender.id);
                ctx.log().warn(text);
                return Outcome::Drop(reason);
            }
        };
        let text = format!(
            "holding the stash of {}, by {}",
            receipt.owner.id, sender.id
        );
        ctx.log().info(text);
        let owner = receipt.owner;
        // Holders that did not know of each other do from now on.
        self.tell(ctx, &owner, &taken.learned);
        if taken.is_new {
            self.challenge_unmet(ctx, &owner);
        }
        answered
    }

    fn take_over(
        &mut self,
        ctx: &mut Context<'_>,
        sender: &Identity,
        handoff: &Handoff,
    ) -> Result<Taken, &'static str> {
        let (grant, me) = (&handoff.grant, ctx.me().identity);
        let owner = &grant.owner;
        if *owner == me {
            return Err("my_own");
        }
        if self.handoffs.is_leaving() {
            return Err("leaving");
        }
        // Whoever sends it must be the last but one of the chain.
        let Some((last, before)) = handoff.chain.split_last() else {
            return Err("not_a_holder");
        };
        let passed_by = before.last().map(|link| &link.to);
        let is_sender = last.by == sender.key
            && passed_by.map_or_else(|| grant.holders.contains(sender), |one| one == sender);
        if !is_sender {
            return Err("not_a_holder");
        }
        check_grant(ctx, grant)?;
        let held = self.held().get(owner);
        let others = held.map(|held| &held.custody.others);
        let is_known = |key: &PublicKey| {
            let mut others = others.into_iter().flat_map(|others| others.iter());
            others.any(|one| one.key == *key)
        };
        let beginning = check_chain(ctx.crypto(), grant, &handoff.chain, &me, is_known)?;
        let (message, mut store) = read_store(ctx, grant, &handoff.store)?;
        let nonce = check(&store)?;
        let ciphertext = core::mem::take(&mut store.ciphertext).into_vec();
        let sealed = Sealed { nonce, ciphertext };
        if digest(&sealed) != grant.sealed {
            return Err("not_the_granted");
        }
        let now = ctx.now();
        // Whoever was told to let go of this very version is not given it again.
        if self.is_buried(now.mono, owner, store.ts.saturating_sub(1)) {
            return Err("deleted");
        }
        let is_same = held.is_some_and(|held| held.sealed == sealed);
        if !is_same && held.is_some_and(|held| is_older(&store, grant, held)) {
            return Err("stale");
        }
        if !is_same {
            // Whoever overheard the owner could bring this as well: then it gets
            // what a newcomer gets, however long the owner has been here.
            let is_proven = beginning != Beginning::Cut && has_been_here(ctx, owner);
            self.admit(ctx, owner, is_proven)?;
            let held = Held::new(&message, &store, sealed, (now.mono, now.wall));
            self.insert(owner, held, now.mono);
            self.judge_place(owner, is_proven);
            if !ctx.peers().is_online(owner) {
                self.owner_is_away(owner);
            }
        }
        let mut learned = Vec::new();
        if let Some(held) = self.held_mut(owner) {
            let custody = &mut held.custody;
            let known = custody.grant.as_ref();
            if known.is_none_or(|known| known.given_at < grant.given_at) {
                custody.grant = Some(grant.clone());
                custody.chain.clone_from(&handoff.chain);
            }
            let others = handoff.holders.iter().filter(|who| **who != me);
            for who in others.filter(|who| may_be_here(ctx, who)) {
                if custody.note(who) && who != sender {
                    learned.push(*who);
                }
            }
        }
        let is_new = !is_same;
        Ok(Taken { is_new, learned })
    }

    /// Takes the owner's leave to pass its copy on.
    pub(super) fn handle_grant(
        &mut self,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        granted: Granted,
    ) -> Outcome {
        let (Some(sender), grant) = (&delivery.sender, granted.grant) else {
            return Outcome::Drop("unsigned");
        };
        if grant.owner != *sender {
            self.refusals += 1;
            return Outcome::Drop("not_the_owner");
        }
        if let Err(reason) = check_grant(ctx, &grant) {
            return Outcome::Drop(reason);
        }
        let me = ctx.me().identity;
        let Some(held) = self.held_mut(sender) else {
            return Outcome::Drop("no_such_store");
        };
        if digest(&held.sealed) != grant.sealed {
            return Outcome::Drop("no_such_store");
        }
        let custody = &mut held.custody;
        let known = custody.grant.as_ref();
        if known.is_some_and(|known| known.given_at > grant.given_at) {
            return Outcome::Drop("stale");
        }
        let others = grant.holders.iter().filter(|who| **who != me);
        custody.others = others.cloned().collect();
        if grant.holders.contains(&me) {
            custody.chain.clear();
        }
        let receipt = HandoffReceipt {
            request_id: String::new(),
            owner: grant.owner,
            revision: grant.revision,
            held: true,
            reason: String::new(),
            chain: Vec::new(),
            newer: Vec::new(),
        };
        custody.grant = Some(grant);
        ctx.reply(delivery, "stash:receipt", &receipt)
    }
}

/// The owner's own store inside a hand-off, verified under the grant's key.
fn read_store(
    ctx: &Context<'_>,
    grant: &Grant,
    text: &str,
) -> Result<(Message, Store), &'static str> {
    let mut message = Message::parse(text.as_bytes()).map_err(|_| "bad_store")?;
    let store: Store = parse_payload(&message.payload).map_err(|_| "bad_store")?;
    message.payload = store.to_json();
    let owner = &grant.owner;
    let is_owners = message.kind == "stash:store"
        && NaraId::parse(&message.from_id).as_ref() == Ok(&owner.id)
        && store.owner_id == owner.id;
    let signature = message.signature.as_ref().ok_or("bad_store")?;
    let text = message.signable();
    let is_signed = ctx.crypto().verify(&owner.key, text.as_bytes(), signature);
    if is_owners && is_signed {
        Ok((message, store))
    } else {
        Err("bad_store")
    }
}

/// Whether what is passed on is older than what is held.
fn is_older(store: &Store, grant: &Grant, held: &Held) -> bool {
    let known = held.custody.grant.as_ref().map(|known| known.revision);
    known.map_or(store.ts <= held.ts, |known| {
        grant.revision < known || store.ts < held.ts
    })
}
