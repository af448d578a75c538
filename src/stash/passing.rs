//! Hand-off: while an owner is away, its holders keep up the number of copies
//! by passing on what the owner itself has signed.
//!
//! Nobody decides who acts: each holder ranks all those it sees by a hash, and
//! the lower its rank, the longer it waits for the others to have done it.

use super::confidant::Confidant;
use super::foreign::{Foreign, knows};
use super::grant::{Beginning, check_chain, is_left_behind};
use super::held::Held;
use super::selection::{Candidate, choose};
use crate::base::{ExpiringMap, Gather, Identity, Instant, PublicKey, SortedMap, sha256};
use crate::message::{
    CHAIN_LENGTH_MAX, GRANT_HOLDERS_MAX, Grant, Handoff, HandoffReceipt, Link, parse_payload,
};
use crate::runtime::{CallError, CallId, Context, Delivery, Outcome};
use core::time::Duration;

/// The first in rank acts so long after it saw that a copy is missing.
pub const HANDOFF_AFTER: Duration = Duration::from_secs(2);

/// Each further one waits so much longer.
pub const HANDOFF_STEP: Duration = Duration::from_secs(10);

/// How long a peer may take to answer a hand-off.
pub const HANDOFF_PATIENCE: Duration = Duration::from_secs(3);

/// So often copies are counted even if nothing happens, and one other holder
/// is challenged.
pub const COUNT_EVERY: Duration = Duration::from_secs(30);

/// Whoever goes has little time: it waits less, and once somebody has not
/// answered it asks several at once for each copy.
const LEAVING_AT_ONCE: usize = 4;
const LEAVING_PATIENCE: Duration = Duration::from_secs(1);

/// Hand-offs on their way at once.
const HANDOFFS_MAX: usize = 16;

/// A peer that refused a hand-off, or was silent, is left alone for so long.
const TURNED_AWAY_FOR: Duration = Duration::from_secs(5 * 60);

/// Such peers that are remembered.
const TURNED_AWAY_MAX: usize = 256;

/// Holders that are told when this nara is back on the plaza.
pub(super) const TOLD_MAX: usize = 64;

/// A hand-off on its way.
pub(super) struct Attempt {
    owner: Identity,
    to: Identity,
    request_id: String,
}

/// What is to be passed on, and when.
pub(super) struct Handoffs {
    pub(super) attempts: SortedMap<CallId, Attempt>,
    pub(super) turned_away: ExpiringMap<Identity, ()>,
    pub(super) due: SortedMap<Identity, Instant>,
    count_at: Instant,
    leaving: bool,
    in_haste: bool,
    pub(super) foreign: Foreign,
}

impl Handoffs {
    pub(super) fn new() -> Self {
        Self {
            attempts: SortedMap::new(),
            turned_away: ExpiringMap::new(TURNED_AWAY_MAX, TURNED_AWAY_FOR),
            due: SortedMap::new(),
            count_at: Instant::default(),
            leaving: false,
            in_haste: false,
            foreign: Foreign::new(),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let due = self.due.values().chain([&self.count_at]).min().copied();
        due.into_iter().chain(self.foreign.poll_timeout()).min()
    }

    pub(super) fn forget(&mut self, owner: &Identity) {
        self.due.remove(owner);
    }

    /// Whether this nara is about to go, and takes nothing any more.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// Leaves somebody alone for a while.
    pub(super) fn turn_away(&mut self, now: Instant, who: &Identity) {
        self.turned_away.insert(now, *who, ());
    }

    /// Who is asked to take a copy of this owner's now.
    fn asked<'a>(&'a self, owner: &'a Identity) -> impl Iterator<Item = &'a Identity> {
        let attempts = self.attempts.values();
        attempts
            .filter(move |one| one.owner == *owner)
            .map(|one| &one.to)
            .chain(self.foreign.coming(owner))
    }
}

/// Where a holder stands in the order in which holders act for an owner.
fn weight(grant: &Grant, holder: &PublicKey) -> [u8; 32] {
    sha256(&[&grant.owner.key.0, &grant.revision.to_be_bytes(), &holder.0])
}

impl Confidant {
    /// Counts the copies of whoever is away, and passes on what is due.
    pub(super) fn pass_on(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now().mono;
        if self.handoffs.count_at <= now {
            self.handoffs.count_at = now + COUNT_EVERY;
            self.count_copies(ctx);
            self.challenge_some(ctx);
        }
        self.ask_foreign(ctx);
        for owner in self.handoffs.due.take_keys(|_, at| *at <= now) {
            let missing = self.missing(ctx, &owner);
            self.hand_off(ctx, &owner, missing);
        }
    }

    /// Plans to act for every absent owner with too few copies.
    pub(super) fn count_copies(&mut self, ctx: &Context<'_>) {
        let held = self.held().iter();
        let is_short = |(owner, held): &(&Identity, &Held)| self.lacks(ctx, owner, held) > 0;
        let short: Vec<Identity> = held.filter(is_short).map(|(owner, _)| *owner).gather();
        self.handoffs.due.retain(|owner, _| short.contains(owner));
        for owner in short {
            self.plan(ctx, owner);
        }
    }

    /// The same for one owner.
    pub(super) fn count_copies_of(&mut self, ctx: &Context<'_>, owner: &Identity) {
        if self.missing(ctx, owner) == 0 {
            self.handoffs.due.remove(owner);
        } else {
            self.plan(ctx, *owner);
        }
    }

    fn plan(&mut self, ctx: &Context<'_>, owner: Identity) {
        let wait = if self.handoffs.leaving {
            Duration::ZERO
        } else {
            HANDOFF_AFTER + HANDOFF_STEP * self.rank(ctx, &owner)
        };
        let at = ctx.now().mono + wait;
        let due = self.handoffs.due.get(&owner);
        let at = due.map_or(at, |due| at.min(*due));
        self.handoffs.due.insert(owner, at);
    }

    fn missing(&self, ctx: &Context<'_>, owner: &Identity) -> usize {
        let held = self.held().get(owner);
        held.map_or(0, |held| self.lacks(ctx, owner, held))
    }

    /// How many copies of an absent owner's stash are missing, as far as this
    /// nara sees; none where it may do nothing about it.
    fn lacks(&self, ctx: &Context<'_>, owner: &Identity, held: &Held) -> usize {
        let custody = &held.custody;
        let Some(grant) = &custody.grant else {
            return 0;
        };
        if !ctx.is_connected()
            || custody.outdated
            || grant.until <= ctx.now().wall.unix_seconds()
            || ctx.peers().is_online(owner)
        {
            return 0;
        }
        let copies = usize::from(grant.copies);
        let mine = usize::from(!self.handoffs.leaving);
        let online = |who: &&Identity| ctx.peers().is_online(who);
        let others = custody.others.iter().filter(online).take(copies).count();
        if mine + others >= copies {
            return 0;
        }
        let coming = self.handoffs.asked(owner).count();
        copies.saturating_sub(others + coming + mine)
    }

    fn revision(&self, owner: &Identity) -> Option<u64> {
        let grant = self.held().get(owner)?.custody.grant.as_ref()?;
        Some(grant.revision)
    }

    /// How many of the holders that are here come before this nara.
    fn rank(&self, ctx: &Context<'_>, owner: &Identity) -> u32 {
        let custody = self.held().get(owner).map(|held| &held.custody);
        let Some((custody, grant)) = custody.and_then(|one| Some((one, one.grant.as_ref()?)))
        else {
            return 0;
        };
        let mine = weight(grant, &ctx.me().identity.key);
        let is_before =
            |who: &&Identity| ctx.peers().is_online(who) && weight(grant, &who.key) > mine;
        u32::try_from(custody.others.iter().filter(is_before).count()).unwrap_or(0)
    }

    fn hand_off(&mut self, ctx: &mut Context<'_>, owner: &Identity, missing: usize) {
        let Some(held) = self.held().get(owner) else {
            return;
        };
        let (Some(grant), Some(store)) = (held.custody.grant.clone(), held.store_message(owner))
        else {
            return;
        };
        let custody = held.custody.clone();
        let now = ctx.now();
        let me = ctx.me().identity;
        let is_free = |who: &Identity| {
            who.id != me.id
                && who.id != owner.id
                && !custody.others.contains(who)
                && self.handoffs.turned_away.get(now.mono, who).is_none()
                && !self.handoffs.asked(owner).any(|one| one == who)
        };
        let online = ctx.peers().reached().filter(|(who, _)| is_free(who));
        let candidates = online.map(|(who, peer)| Candidate {
            who: *who,
            mode: peer.mode,
            age: peer.age(now),
        });
        // Go naras come last: what they hold is passed on no further. Whoever
        // leaves has no time to ask for it back.
        let (mut go, candidates): (Vec<Candidate>, Vec<Candidate>) =
            candidates.partition(|one| ctx.peers().is_go(&one.who));
        go.retain(|one| !self.handoffs.leaving && knows(ctx, &one.who, owner));
        let mut holders: Vec<Identity> = custody.others.iter().cloned().gather();
        if !self.handoffs.leaving {
            holders.insert(0, me);
        }
        let room = HANDOFFS_MAX.saturating_sub(self.handoffs.attempts.len());
        let (patience, at_once) = match (self.handoffs.leaving, self.handoffs.in_haste) {
            (false, _) => (HANDOFF_PATIENCE, missing),
            (true, false) => (LEAVING_PATIENCE, missing),
            (true, true) => (LEAVING_PATIENCE, missing * LEAVING_AT_ONCE),
        };
        let chosen = choose(candidates, at_once.min(room), ctx.rng());
        let missing = missing.saturating_sub(chosen.len());
        for to in choose(go, missing, ctx.rng()) {
            self.offer_bare(ctx, owner, to);
        }
        // Each learns of the others that are asked with it, or each of them would
        // take a copy for missing and make one more. Who refuses is found out.
        holders.extend(chosen.iter().cloned());
        for to in chosen {
            let text = Link::signed_text(&grant, &me.key, &to);
            let link = Link {
                by: me.key,
                to,
                signature: ctx.crypto().sign(text.as_bytes()),
            };
            let request_id = ctx.rng().request_id();
            // The newest links: others know those who gave them.
            let older = (custody.chain.len() + 1).saturating_sub(CHAIN_LENGTH_MAX);
            let mut chain = custody.chain[older..].to_vec();
            chain.push(link);
            let handoff = Handoff {
                request_id: request_id.clone(),
                store: store.clone(),
                grant: grant.clone(),
                chain,
                holders: holders
                    .iter()
                    .filter(|who| **who != to)
                    .take(GRANT_HOLDERS_MAX)
                    .cloned()
                    .gather(),
            };
            let call = ctx.call(&to, "stash:handoff", &handoff, "stash:receipt", patience);
            if let Ok(call) = call {
                let text = format!("passing the stash of {} on to {}", owner.id, to.id);
                ctx.log().info(text);
                let owner = *owner;
                let attempt = Attempt {
                    owner,
                    to,
                    request_id,
                };
                self.handoffs.attempts.insert(call, attempt);
            }
        }
    }

    /// The end of a hand-off. Returns whether this call was one.
    pub(super) fn end_handoff(
        &mut self,
        ctx: &mut Context<'_>,
        call: CallId,
        result: Result<&Delivery, CallError>,
    ) -> bool {
        let Some(attempt) = self.handoffs.attempts.remove(&call) else {
            return false;
        };
        let receipt = result
            .ok()
            .and_then(|delivery| parse_payload::<HandoffReceipt>(delivery.payload()).ok());
        let fits = |one: &HandoffReceipt| {
            one.held && one.request_id == attempt.request_id && one.owner == attempt.owner
        };
        if receipt.as_ref().is_some_and(fits) {
            if let Some(held) = self.held_mut(&attempt.owner) {
                held.custody.note(&attempt.to);
            }
        } else {
            let now = ctx.now().mono;
            self.handoffs.turn_away(now, &attempt.to);
            self.handoffs.in_haste |= self.handoffs.leaving;
            let mine = self.revision(&attempt.owner);
            let newer = receipt.map(|one| one.newer).unwrap_or_default();
            if is_left_behind(ctx, &attempt.owner, mine, &newer) {
                self.note_outdated(ctx, &attempt.owner);
            }
            if self.missing(ctx, &attempt.owner) > 0 {
                // The next one is asked at once.
                self.handoffs.due.insert(attempt.owner, now);
            }
        }
        true
    }

    /// Another holder says that it holds a copy, and how it came by it.
    pub(super) fn handle_receipt(
        &mut self,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        receipt: HandoffReceipt,
    ) -> Outcome {
        let Some(sender) = &delivery.sender else {
            return Outcome::Drop("unsigned");
        };
        let held = self.held_mut(&receipt.owner).filter(|_| receipt.held);
        let Some(custody) = held.map(|held| &mut held.custody) else {
            return Outcome::Drop("no_such_store");
        };
        let grant = custody.grant.as_ref();
        let Some(grant) = grant.filter(|grant| grant.revision == receipt.revision) else {
            return Outcome::Drop("no_such_store");
        };
        let me = ctx.me().identity.key;
        let is_known =
            |key: &PublicKey| *key == me || custody.others.iter().any(|one| one.key == *key);
        let chain = &receipt.chain;
        match check_chain(ctx.crypto(), grant, chain, sender, is_known) {
            // It may be a holder, and nobody whom this one knows says so.
            Ok(Beginning::Cut) => return Outcome::Drop("not_a_holder"),
            Ok(Beginning::Granted | Beginning::Known) => {
                custody.note(sender);
            }
            Err(reason) => return Outcome::Drop(reason),
        }
        self.count_copies_of(ctx, &receipt.owner);
        Outcome::Continue
    }

    /// Tells other holders that this nara holds a copy.
    pub(super) fn tell(&self, ctx: &mut Context<'_>, owner: &Identity, others: &[Identity]) {
        let custody = self.held().get(owner).map(|held| &held.custody);
        let Some((custody, grant)) = custody.and_then(|one| Some((one, one.grant.as_ref()?)))
        else {
            return;
        };
        let receipt = HandoffReceipt {
            request_id: String::new(),
            owner: *owner,
            revision: grant.revision,
            held: true,
            reason: String::new(),
            chain: custody.chain.clone(),
            newer: Vec::new(),
        };
        for who in others {
            ctx.send(who, "stash:receipt", &receipt);
        }
    }

    /// The plaza is reached again: the other holders may have given this one
    /// up, and learn that its copies are still there.
    pub(super) fn tell_all_others(&mut self, ctx: &mut Context<'_>) {
        let mut left = TOLD_MAX;
        let away = self
            .held()
            .keys()
            .filter(|owner| !ctx.peers().is_online(owner));
        for owner in away.cloned().gather() {
            let others = self.held().get(&owner).map(|held| &held.custody.others);
            let others = others.into_iter().flat_map(|others| others.iter());
            let others: Vec<Identity> = others.take(left).cloned().gather();
            self.tell(ctx, &owner, &others);
            left -= others.len();
        }
    }

    /// Somebody is gone: an owner, or another holder.
    pub(super) fn handle_gone(&mut self, ctx: &Context<'_>, who: &Identity) {
        self.owner_is_away(who);
        // When it comes back it is another start, and gets its stash again.
        self.forget_push(who);
        for held in self.all_held_mut() {
            held.custody.others.remove(who);
        }
        self.count_copies(ctx);
    }

    /// Passes on, at once, what is held for those who are away: this nara
    /// goes. Returns whether anything is on its way.
    pub(super) fn leave(&mut self, ctx: &mut Context<'_>) -> bool {
        self.handoffs.leaving = true;
        self.count_copies(ctx);
        self.pass_on(ctx);
        self.is_passing_on()
    }

    /// Whether a hand-off is on its way.
    pub(super) fn is_passing_on(&self) -> bool {
        !self.handoffs.attempts.is_empty() || !self.handoffs.due.is_empty()
    }
}
