//! Challenges: while an owner is away, its holders make sure of each other. A
//! copy is shown to be there by a hash that nobody can give without it.

use super::confidant::Confidant;
use super::grant::is_left_behind;
use super::held::digest;
use super::passing::HANDOFF_PATIENCE;
use crate::base::{ExpiringMap, Gather, Identity, PublicKey, SortedMap, sha256};
use crate::message::{Challenge, Digest, Proof, parse_payload};
use crate::neighbourhood::Presence;
use crate::runtime::{CallError, CallId, Context, Delivery, Outcome, Sealed};
use core::time::Duration;

/// Challenges on their way at once, each to another holder or for another owner.
const CHALLENGES_MAX: usize = 4;

/// A holder that is silent so often in a row does not count: it lost the copy,
/// or was only said to have it.
const SILENCES_MAX: u8 = 3;

/// The same for one that this nara has never met: it is most likely gone.
const UNMET_SILENCES_MAX: u8 = 2;

/// Holders whose silence is remembered, and for how long.
const SILENT_MAX: usize = 256;
const SILENT_FOR: Duration = Duration::from_secs(24 * 3600);

/// A challenge on its way.
pub(super) struct Challenged {
    owner: Identity,
    of: Identity,
    asked: Challenge,
}

/// What is being asked, and who was silent.
pub(super) struct Challenges {
    pub(super) asked: SortedMap<CallId, Challenged>,
    pub(super) silent: ExpiringMap<(Identity, Identity), u8>,
}

impl Challenges {
    pub(super) fn new() -> Self {
        Self {
            asked: SortedMap::new(),
            silent: ExpiringMap::new(SILENT_MAX, SILENT_FOR),
        }
    }
}

/// What whoever has the copy answers. Its own key is in it, so that nobody can
/// have another holder answer in its place.
fn proof(challenge: &Digest, by: &PublicKey, sealed: &Sealed) -> Digest {
    let parts: [&[u8]; 4] = [&challenge.0, &by.0, &sealed.nonce, &sealed.ciphertext];
    Digest(sha256(&parts))
}

/// Whether this one is online, or was never met.
pub(super) fn may_be_here(ctx: &Context<'_>, who: &Identity) -> bool {
    let peer = ctx.peers().peer(who);
    peer.is_none_or(|peer| peer.presence == Presence::Online)
}

impl Confidant {
    /// Challenges a few holders, at random, of copies that I hold for owners
    /// who are away.
    pub(super) fn challenge_some(&mut self, ctx: &mut Context<'_>) {
        if !ctx.is_connected() {
            return;
        }
        let peers = ctx.peers();
        let away = self.held().iter().filter(|(owner, held)| {
            held.custody.grant.is_some() && !held.custody.outdated && !peers.is_online(owner)
        });
        let pairs = away.flat_map(|(owner, held)| {
            let others = held.custody.others.iter();
            others.map(move |of| (owner, of))
        });
        let is_asked = |owner: &Identity, of: &Identity| {
            let mut asked = self.challenges.asked.values();
            asked.any(|one| one.owner == *owner && one.of == *of)
        };
        let pairs = pairs
            .filter(|(owner, of)| may_be_here(ctx, of) && !is_asked(owner, of))
            .map(|(owner, of)| (*owner, *of));
        let (go, mut pairs): (Vec<_>, Vec<_>) = pairs.partition(|(_, of)| peers.is_go(of));
        self.ask_some_foreign(ctx, go);
        ctx.rng().shuffle(&mut pairs);
        // Whoever was never met counts once it answers, and is forgotten if it
        // does not: else the names of those who left would be passed on with
        // each copy, until there is no room for who is here.
        let is_unmet = |(_, of): &(Identity, Identity)| ctx.peers().peer(of).is_none();
        let (mut first, others): (Vec<_>, Vec<_>) = pairs.into_iter().partition(is_unmet);
        first.extend(others);
        self.challenge(ctx, first);
    }

    /// Challenges the other holders of a copy that was just taken, as far as
    /// this nara has not met them: a newcomer would take them for gone, and
    /// make more copies than are wanted.
    pub(super) fn challenge_unmet(&mut self, ctx: &mut Context<'_>, owner: &Identity) {
        let others = self.held().get(owner).map(|held| &held.custody.others);
        let others = others.into_iter().flat_map(|others| others.iter());
        let unmet = others.filter(|of| ctx.peers().peer(of).is_none());
        let pairs = unmet.map(|of| (*owner, *of)).gather();
        self.challenge(ctx, pairs);
    }

    fn challenge(&mut self, ctx: &mut Context<'_>, pairs: Vec<(Identity, Identity)>) {
        let room = CHALLENGES_MAX.saturating_sub(self.challenges.asked.len());
        for (owner, of) in pairs.into_iter().take(room) {
            let Some(held) = self.held().get(&owner) else {
                continue;
            };
            let asked = Challenge {
                request_id: ctx.rng().request_id(),
                owner,
                sealed: digest(&held.sealed),
                challenge: Digest(ctx.rng().array()),
            };
            let patience = HANDOFF_PATIENCE;
            if let Ok(call) = ctx.call(&of, "stash:challenge", &asked, "stash:proof", patience) {
                let one = Challenged { owner, of, asked };
                self.challenges.asked.insert(call, one);
            }
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
        let grant = held.and_then(|held| held.custody.grant.as_ref());
        // Other holders, and whoever was left behind with what this one had
        // before: they may know what is held now.
        let is_named = held.is_some_and(|held| {
            let older = [&held.previous, &held.earlier].into_iter().flatten();
            held.custody.others.contains(sender)
                || grant.is_some_and(|grant| grant.holders.contains(sender))
                || older
                    .into_iter()
                    .any(|one| digest(&one.sealed) == asked.sealed)
        });
        let same = held.filter(|held| digest(&held.sealed) == asked.sealed);
        if same.is_some() && !is_named {
            return Outcome::Drop("not_a_holder");
        }
        let me = ctx.me().identity.key;
        let hash = same.map(|held| proof(&asked.challenge, &me, &held.sealed));
        let revision = grant.filter(|_| is_named).map_or(0, |grant| grant.revision);
        let newer = grant.filter(|_| is_named && same.is_none());
        let answer = Proof {
            request_id: asked.request_id,
            held: hash.is_some(),
            revision,
            hash: hash.unwrap_or(Digest([0; 32])),
            newer: newer.cloned().into_iter().collect(),
        };
        ctx.reply(delivery, "stash:proof", &answer)
    }

    /// The end of a challenge. Returns whether this call was one.
    pub(super) fn end_challenge(
        &mut self,
        ctx: &mut Context<'_>,
        call: CallId,
        result: Result<&Delivery, CallError>,
    ) -> bool {
        let Some(one) = self.challenges.asked.remove(&call) else {
            return false;
        };
        let now = ctx.now().mono;
        let answer = result
            .ok()
            .and_then(|delivery| parse_payload::<Proof>(delivery.payload()).ok())
            .filter(|answer| answer.request_id == one.asked.request_id);
        let Some(held) = self.held().get(&one.owner) else {
            return true;
        };
        if digest(&held.sealed) != one.asked.sealed {
            return true;
        }
        let pair = (one.owner, one.of);
        let expected = proof(&one.asked.challenge, &one.of.key, &held.sealed);
        match &answer {
            Some(answer) if answer.held && answer.hash == expected => {
                self.challenges.silent.remove(&pair);
                return true;
            }
            Some(answer) => {
                let mine = held
                    .custody
                    .grant
                    .as_ref()
                    .map_or(0, |grant| grant.revision);
                if is_left_behind(ctx, &one.owner, Some(mine), &answer.newer) {
                    return self.note_outdated(ctx, &one.owner);
                }
            }
            None => {
                let before = self.challenges.silent.get(now, &pair).copied();
                let silences = before.unwrap_or(0) + 1;
                let is_met = ctx.peers().peer(&one.of).is_some();
                let most = if is_met {
                    SILENCES_MAX
                } else {
                    UNMET_SILENCES_MAX
                };
                if silences < most {
                    self.challenges.silent.insert(now, pair, silences);
                    return true;
                }
                self.challenges.silent.remove(&pair);
            }
        }
        if let Some(held) = self.held_mut(&one.owner) {
            held.custody.others.remove(&one.of);
        }
        self.handoffs.turn_away(now, &one.of);
        let text = format!("{} does not hold the stash of {}", one.of.id, one.owner.id);
        ctx.log().warn(text);
        self.count_copies_of(ctx, &one.owner);
        true
    }

    /// Others hold something newer than I do. I keep mine, in case theirs is
    /// lost, and pass it on to nobody.
    pub(super) fn note_outdated(&mut self, ctx: &mut Context<'_>, owner: &Identity) -> bool {
        if let Some(held) = self.held_mut(owner) {
            held.custody.outdated = true;
        }
        self.handoffs.forget(owner);
        let text = format!("others hold a newer stash of {}", owner.id);
        ctx.log().info(text);
        true
    }

    /// What was asked went down with the connection.
    pub(super) fn forget_challenges(&mut self, ctx: &mut Context<'_>) {
        for call in core::mem::take(&mut self.challenges.asked).into_keys() {
            ctx.cancel(call);
        }
        self.forget_foreign(ctx);
    }
}
