//! The owner's side: my memory, who holds it, and whom to ask next.

use super::codec::{self, CodecError, Memory};
use super::selection::{Candidate, choose};
use crate::base::{ExpiringMap, Identity, Instant, WallTime};
use crate::message::{Ack, Bytes, Store};
use crate::runtime::{CALL_DEADLINE, CallError, CallId, Context, Delivery, Sealed};
use core::time::Duration;
use std::collections::BTreeMap;

/// How many confidants a nara wants.
pub const TARGET: usize = 3;

/// A peer that has not acknowledged within this span is not waited for; the
/// next one is asked.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A peer that refused is not asked again for so long.
pub const REFUSED_FOR: Duration = Duration::from_secs(5 * 60);

/// A peer that stayed silent is not asked again for so long.
pub const SILENT_FOR: Duration = Duration::from_secs(60);

/// How much older than its store an ack that names none may seem.
const ACK_AGE_SECONDS_MAX: i64 = 30;

/// Holders that are remembered; whoever claims a copy beyond that is not.
const HOLDERS_MAX: usize = 64;

/// Peers whose refusal or silence is remembered.
const TURNED_AWAY_MAX: usize = 256;

/// A confidant that acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The revision that it holds.
    pub revision: u64,
    /// When that became known.
    pub at: WallTime,
}

/// A store on its way.
#[derive(Clone, Debug)]
struct Attempt {
    to: Identity,
    revision: u64,
    message_time: WallTime,
    /// Until then it counts as a copy to come; `None` once patience is lost.
    patient_until: Option<Instant>,
}

/// My memory and its copies.
pub struct Owner {
    target: usize,
    memory: Option<Memory>,
    sealed: Option<Sealed>,
    /// Whether the memory was set here since this nara woke.
    set_here: bool,
    holders: BTreeMap<Identity, Holder>,
    attempts: BTreeMap<CallId, Attempt>,
    refused: ExpiringMap<Identity, String>,
    silent: ExpiringMap<Identity, ()>,
}

impl Owner {
    pub(super) fn new(target: usize) -> Self {
        Self {
            target,
            memory: None,
            sealed: None,
            set_here: false,
            holders: BTreeMap::new(),
            attempts: BTreeMap::new(),
            refused: ExpiringMap::new(TURNED_AWAY_MAX, REFUSED_FOR),
            silent: ExpiringMap::new(TURNED_AWAY_MAX, SILENT_FOR),
        }
    }

    /// How many confidants are wanted.
    pub fn target(&self) -> usize {
        self.target
    }

    /// The memory, as this nara knows it.
    pub fn memory(&self) -> Option<&Memory> {
        self.memory.as_ref()
    }

    /// Everybody known to hold any revision.
    pub fn holders(&self) -> &BTreeMap<Identity, Holder> {
        &self.holders
    }

    /// Who acknowledged the newest revision, in the order of their ids.
    pub fn current_holders(&self) -> impl Iterator<Item = (&Identity, &Holder)> {
        let revision = self.memory.as_ref().map(|memory| memory.revision);
        self.holders
            .iter()
            .filter(move |(_, holder)| Some(holder.revision) == revision)
    }

    /// Who was asked and has not answered yet.
    pub fn pending(&self) -> impl Iterator<Item = &Identity> {
        self.attempts.values().map(|attempt| &attempt.to)
    }

    /// Who refused, or kept silent, not long ago.
    pub fn turned_away(&self, now: Instant, who: &Identity) -> Option<&'static str> {
        if self.refused.get(now, who).is_some() {
            return Some("refused");
        }
        self.silent.get(now, who).map(|()| "silent")
    }

    /// Makes this text the newest revision and seals it, once for everybody.
    ///
    /// # Errors
    /// When it is no JSON or does not fit; the memory is unchanged then.
    pub(super) fn set(&mut self, ctx: &mut Context<'_>, data: String) -> Result<u64, CodecError> {
        let revision = self.memory.as_ref().map_or(0, |memory| memory.revision) + 1;
        // Never before the last one, also when the clock was put back: holders
        // would refuse it as stale.
        let before = self.memory.as_ref().map_or(0, |memory| memory.timestamp);
        let timestamp = ctx.now().wall.unix_seconds().max(before);
        let memory = Memory {
            data,
            timestamp,
            revision,
        };
        let plaintext = codec::encode(&memory)?;
        self.sealed = Some(ctx.seal(&plaintext));
        self.memory = Some(memory);
        self.set_here = true;
        Ok(revision)
    }

    /// Takes over what a confidant gave back, if it is newer than what is
    /// known. Returns whether it was.
    ///
    /// What was set here after a search had found nothing is newer than what
    /// turns up later, whatever its revision: it is sealed anew behind that.
    pub(super) fn adopt(
        &mut self,
        ctx: &mut Context<'_>,
        memory: &Memory,
        sealed: &Sealed,
    ) -> bool {
        if let Some(known) = &mut self.memory {
            if known.age_key() >= memory.age_key() {
                return false;
            }
            if self.set_here {
                known.revision = memory.revision;
                known.timestamp = known.timestamp.max(memory.timestamp);
                let data = known.data.clone();
                ctx.log()
                    .warn("an older memory turned up; what was set here goes on top of it");
                // It was encoded before, so it can be again.
                return self.set(ctx, data).is_err();
            }
        }
        self.memory = Some(memory.clone());
        self.sealed = Some(sealed.clone());
        true
    }

    /// Notes that somebody proved to hold a revision.
    pub(super) fn note_holder(&mut self, who: &Identity, revision: u64, at: WallTime) {
        if self.holders.len() < HOLDERS_MAX || self.holders.contains_key(who) {
            self.holders.insert(who.clone(), Holder { revision, at });
        }
    }

    /// Somebody left: its copy does not count any more.
    pub(super) fn handle_gone(&mut self, who: &Identity) -> bool {
        self.holders.remove(who).is_some()
    }

    /// Whoever is not online any more holds nothing that counts, even if the
    /// word of its leaving was lost.
    pub(super) fn forget_absent(&mut self, ctx: &Context<'_>) {
        if ctx.is_connected() {
            self.holders.retain(|who, _| ctx.peers().is_online(who));
        }
    }

    /// What was sent went down with the connection; it is sent again when that
    /// is back, to whomever.
    pub(super) fn forget_attempts(&mut self, ctx: &mut Context<'_>) {
        for call in core::mem::take(&mut self.attempts).into_keys() {
            ctx.cancel(call);
        }
    }

    /// Asks as many peers as copies are missing.
    pub(super) fn fill(&mut self, ctx: &mut Context<'_>) {
        let (Some(memory), Some(sealed)) = (&self.memory, &self.sealed) else {
            return;
        };
        if !ctx.is_connected() {
            return;
        }
        let now = ctx.now().mono;
        let coming = self.attempts.values().filter(|attempt| {
            attempt.revision == memory.revision && attempt.patient_until.is_some()
        });
        let missing = self
            .target
            .saturating_sub(self.current_holders().count() + coming.count());
        let store = Store {
            owner_id: ctx.me().identity.id.as_str().to_owned(),
            owner: ctx.me().name.clone(),
            nonce: Bytes::from(sealed.nonce.to_vec()),
            ciphertext: Bytes::from(sealed.ciphertext.clone()),
            ts: memory.timestamp,
        };
        let revision = memory.revision;
        for who in self.choose(ctx, missing) {
            match ctx.call(&who, "stash:store", &store, "stash:ack", CALL_DEADLINE) {
                Ok(call) => {
                    let (patient_until, message_time) = (Some(now + PATIENCE), ctx.now().wall);
                    let attempt = Attempt {
                        to: who,
                        revision,
                        message_time,
                        patient_until,
                    };
                    self.attempts.insert(call, attempt);
                }
                Err(error) => ctx
                    .log()
                    .warn(format!("cannot store with {}: {error}", who.id)),
            }
        }
    }

    /// Those who hold an older revision first, then by selection.
    fn choose(&self, ctx: &mut Context<'_>, wanted: usize) -> Vec<Identity> {
        let now = ctx.now();
        let me = ctx.me().identity.id.clone();
        let revision = self.memory.as_ref().map_or(0, |memory| memory.revision);
        let busy = |who: &Identity| {
            self.attempts
                .values()
                .any(|one| one.to == *who && one.revision == revision)
                || self
                    .holders
                    .get(who)
                    .is_some_and(|holder| holder.revision == revision)
        };
        let free = |who: &Identity| {
            who.id != me && !busy(who) && self.turned_away(now.mono, who).is_none()
        };
        let online: Vec<Candidate> = ctx
            .peers()
            .online()
            .filter(|(who, _)| free(who))
            .map(|(who, peer)| Candidate {
                who: who.clone(),
                mode: peer.mode,
                age: peer.age(now),
            })
            .collect();
        let (known, others): (Vec<_>, Vec<_>) = online
            .into_iter()
            .partition(|one| self.holders.contains_key(&one.who));
        let mut chosen: Vec<Identity> = known.into_iter().map(|one| one.who).take(wanted).collect();
        chosen.extend(choose(others, wanted - chosen.len(), ctx.rng()));
        chosen
    }

    /// Whether this call is one of mine, and how it ended.
    pub(super) fn handle_reply(
        &mut self,
        ctx: &mut Context<'_>,
        call: CallId,
        result: Result<(&Delivery, Ack), CallError>,
    ) -> bool {
        let Some(attempt) = self.attempts.remove(&call) else {
            return false;
        };
        match result {
            Err(_) => self.note_silence(ctx, &attempt.to),
            Ok((delivery, ack)) => self.handle_ack(ctx, &attempt, delivery, &ack),
        }
        true
    }

    fn handle_ack(
        &mut self,
        ctx: &mut Context<'_>,
        attempt: &Attempt,
        delivery: &Delivery,
        ack: &Ack,
    ) {
        let now = ctx.now();
        if ack.owner_id != ctx.me().identity.id.as_str() {
            return self.note_refusal(ctx, &attempt.to, "answered for somebody else");
        }
        if !ack.success {
            return self.note_refusal(ctx, &attempt.to, &ack.reason);
        }
        // A light nara names the store that it acknowledges; a Go nara leaves
        // the reason empty, and its ack must at least be no older than that.
        let names_this = ack.reason == delivery.message.in_reply_to;
        let fits = ack.reason.is_empty()
            && ack.stored_at.saturating_add(ACK_AGE_SECONDS_MAX)
                >= attempt.message_time.unix_seconds();
        if !(names_this || fits) {
            return self.note_refusal(ctx, &attempt.to, "acknowledged another store");
        }
        self.note_holder(&attempt.to, attempt.revision, now.wall);
        let text = format!(
            "{} holds version {}",
            delivery.message.from, attempt.revision
        );
        ctx.log().info(text);
    }

    fn note_refusal(&mut self, ctx: &mut Context<'_>, who: &Identity, reason: &str) {
        ctx.log().warn(format!("{} refused: {reason}", who.id));
        self.refused
            .insert(ctx.now().mono, who.clone(), reason.to_owned());
        self.holders.remove(who);
    }

    fn note_silence(&mut self, ctx: &mut Context<'_>, who: &Identity) {
        if self.silent.get(ctx.now().mono, who).is_none() {
            ctx.log().warn(format!("{} has not answered", who.id));
            self.silent.insert(ctx.now().mono, who.clone(), ());
        }
    }

    /// Loses patience with those who are slow.
    pub(super) fn handle_timeout(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now().mono;
        let mut slow = Vec::new();
        for attempt in self.attempts.values_mut() {
            if attempt.patient_until.take_if(|at| *at <= now).is_some() {
                slow.push(attempt.to.clone());
            }
        }
        if !slow.is_empty() {
            for who in &slow {
                self.note_silence(ctx, who);
            }
            self.fill(ctx);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.attempts
            .values()
            .filter_map(|attempt| attempt.patient_until)
            .min()
    }
}
