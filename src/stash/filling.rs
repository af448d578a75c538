//! Filling up the copies: whom to ask next, and what the answers mean.

use super::owner::{Owner, enough_are_grown};
use super::selection::{Candidate, choose};
use crate::base::{Gather, Identity, Instant, WallTime, sort_by_key};
use crate::message::{Ack, Bytes, Store};
use crate::runtime::{CALL_DEADLINE, CallError, CallId, Context, Delivery};
use core::time::Duration;

/// A peer that has not acknowledged within this span keeps nobody waiting: one
/// more is asked beside it.
pub const LOOK_FURTHER_AFTER: Duration = Duration::from_secs(1);

/// A peer that has not acknowledged within this span counts as silent.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// While so many peers are known to be silent, no spare copies are sought:
/// each attempt costs 14 kB, and identities that never answer cost nothing.
const SILENT_ENOUGH: usize = 8;

/// Whoever is on a plaza greets a newcomer within 3 s.
const MEET_WITHIN: Duration = Duration::from_millis(3_500);

/// Stores that may be on their way at once.
const ATTEMPTS_MAX: usize = 64;

/// How much older than its store an ack that names none may seem.
const ACK_AGE_SECONDS_MAX: i64 = 30;

/// A store on its way.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) to: Identity,
    revision: u64,
    seal: u64,
    message_time: WallTime,
    wait: Wait,
    /// Whether whom it went to seems to have been restarted since.
    pub(super) is_doubted: bool,
}

/// How a store's ack is waited for, each until its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// It counts as a copy to come.
    Expected { until: Instant },
    /// It may still come; another is asked meanwhile.
    Late { until: Instant },
    /// It is not waited for, but taken if it comes.
    GivenUp,
}

impl Wait {
    fn until(self) -> Option<Instant> {
        match self {
            Self::Expected { until } | Self::Late { until } => Some(until),
            Self::GivenUp => None,
        }
    }
}

/// What a peer said to a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// It holds this revision.
    Holds(u64),
    /// It refused, for this reason.
    Refused(String),
    /// It holds something newer.
    Stale,
    /// That it holds it, but it seems to have been restarted since it was asked.
    Doubtful,
    /// Nothing.
    Silent,
}

impl Owner {
    /// Who was asked and has not answered yet.
    pub fn pending(&self) -> impl Iterator<Item = &Identity> {
        self.attempts.values().map(|attempt| &attempt.to)
    }

    /// How many peers could be asked now, holders included.
    pub(super) fn candidates(&self, ctx: &Context<'_>) -> usize {
        let now = ctx.now().mono;
        let online = ctx.peers().reached();
        online
            .filter(|(who, _)| self.turned_away(now, who).is_none())
            .count()
    }

    /// What was sent went down with the connection; it is sent again when that
    /// is back, to whomever.
    pub(super) fn forget_attempts(&mut self, ctx: &mut Context<'_>) {
        for call in core::mem::take(&mut self.attempts).into_keys() {
            ctx.cancel(call);
        }
    }

    /// The plaza is reached: whoever is there says so within [`MEET_WITHIN`].
    pub(super) fn meet(&mut self, now: Instant) {
        self.met_by = Some(now + MEET_WITHIN);
    }

    /// Nobody else is waited for. Returns whether somebody was.
    pub(super) fn end_meeting(&mut self) -> bool {
        self.met_by.take().is_some() && !self.is_out
    }

    /// Whether a seal that nobody has yet should wait, so that it can name
    /// those who will hold it: whoever comes back asks them and nobody else.
    pub(super) fn waits_to_meet(&mut self, ctx: &mut Context<'_>) -> bool {
        if self.is_out || self.planned.len() >= self.target {
            return false;
        }
        let is_enough = self.candidates(ctx) >= self.target || !self.pinned.is_empty();
        if !is_enough && self.met_by.is_some() {
            return true;
        }
        let planned = self.plan(ctx);
        if planned.len() > self.planned.len()
            && let Some(memory) = self.memory.clone()
        {
            // It was encoded before, so it can be again.
            let _ = self.seal(ctx, &memory, planned);
        }
        false
    }

    /// Asks as many peers as copies are missing, all at once.
    pub(super) fn fill(&mut self, ctx: &mut Context<'_>) {
        let Some(memory) = &self.memory else {
            return;
        };
        let revision = memory.revision;
        if !ctx.is_connected() || self.waits_to_meet(ctx) {
            return;
        }
        let Some(newest) = self.newest() else {
            return;
        };
        let coming = self.attempts.values().filter(|attempt| {
            attempt.seal == newest && matches!(attempt.wait, Wait::Expected { .. })
        });
        let there = self.current_holders().count() + coming.count();
        let now = ctx.now().mono;
        self.silent.expire(now);
        // The copies that were promised are sought however many are silent.
        let is_vain = self.silent.len() >= SILENT_ENOUGH;
        let wanted = if is_vain {
            self.target
        } else {
            self.wanted(ctx)
        };
        let missing = wanted.saturating_sub(there);
        let free = |who: &Identity| {
            !self.is_busy(who, newest)
                && self.turned_away(now, who).is_none()
                && self.stale.get(now, who) != Some(&revision)
        };
        // Whom the user named is asked whoever else holds it.
        let named = self
            .pinned
            .iter()
            .filter(|who| free(who) && ctx.peers().is_online(who) && ctx.peers().is_reached(who));
        let missing = missing.max(named.count());
        let mut chosen = self.rank(ctx, missing, free);
        if chosen.len() < missing {
            let again = |who: &Identity| {
                !self.is_busy(who, newest)
                    && self.is_worth_another_try(now, who)
                    && self.stale.get(now, who) != Some(&revision)
            };
            chosen.extend(self.rank(ctx, missing - chosen.len(), again));
        }
        for who in chosen {
            if let Err(error) = self.store(ctx, &who) {
                ctx.log()
                    .warn(format!("cannot store with {}: {error}", who.id));
            }
        }
    }

    /// Sends the newest revision to one peer.
    ///
    /// # Errors
    /// When it could not leave.
    pub(super) fn store(&mut self, ctx: &mut Context<'_>, who: &Identity) -> Result<(), CallError> {
        let (Some(memory), Some(sealed), Some(newest)) =
            (&self.memory, &self.sealed, self.newest())
        else {
            return Err(CallError::NotSent);
        };
        if self.is_busy(who, newest) {
            return Ok(());
        }
        if self.attempts.len() >= ATTEMPTS_MAX {
            return Err(CallError::TooMany);
        }
        let store = Store {
            owner_id: ctx.me().identity.id.to_text(),
            owner: ctx.me().name.clone(),
            nonce: Bytes::from(sealed.nonce.to_vec()),
            ciphertext: Bytes::from(sealed.ciphertext.clone()),
            ts: memory.timestamp,
        };
        let call = ctx.call(who, "stash:store", &store, "stash:ack", CALL_DEADLINE)?;
        let now = ctx.now();
        let until = now.mono + LOOK_FURTHER_AFTER;
        let attempt = Attempt {
            to: *who,
            revision: memory.revision,
            seal: newest,
            message_time: now.wall,
            wait: Wait::Expected { until },
            is_doubted: false,
        };
        self.attempts.insert(call, attempt);
        self.note_sent();
        Ok(())
    }

    fn is_busy(&self, who: &Identity, seal: u64) -> bool {
        let is_asked = |attempt: &Attempt| attempt.to == *who && attempt.seal == seal;
        self.attempts.values().any(is_asked)
            || self
                .holders
                .get(who)
                .is_some_and(|holder| holder.asked && holder.seal == seal)
    }

    /// Whom the next revision will go to, as far as can be known.
    pub(super) fn plan(&mut self, ctx: &mut Context<'_>) -> Vec<Identity> {
        let now = ctx.now().mono;
        let most = (self.target + self.spares).max(self.pinned.len());
        let mut picked = self.rank(ctx, most, |who| self.turned_away(now, who).is_none());
        let few = self.target.max(self.pinned.len()).min(picked.len());
        if enough_are_grown(ctx, picked[..few].iter()) {
            picked.truncate(few);
        }
        picked
    }

    /// Chooses confidants for the first memory that is set.
    pub(super) fn choose_for_later(&mut self, ctx: &mut Context<'_>) -> Vec<Identity> {
        self.planned = self.plan(ctx);
        self.planned.iter().take(self.target).cloned().gather()
    }

    /// Picks from those online: whom the user named, whom the seal names, who
    /// holds an older revision, then by selection.
    fn rank(
        &self,
        ctx: &mut Context<'_>,
        wanted: usize,
        is_free: impl Fn(&Identity) -> bool,
    ) -> Vec<Identity> {
        if wanted == 0 {
            return Vec::new();
        }
        let now = ctx.now();
        let me = ctx.me().identity.id;
        let online = ctx.peers().reached();
        let free = online.filter(|(who, _)| who.id != me && is_free(who));
        let candidates = free.map(|(who, peer)| Candidate {
            who: *who,
            mode: peer.mode,
            age: peer.age(now),
        });
        let place = |who: &Identity| {
            let preferred = self.pinned.iter().chain(&self.planned);
            let place = preferred.clone().position(|one| one == who);
            let is_holder = self.holders.get(who).is_some_and(|one| one.asked);
            place.or(is_holder.then_some(preferred.count()))
        };
        let (mut known, others): (Vec<Candidate>, Vec<Candidate>) =
            candidates.partition(|one| place(&one.who).is_some());
        sort_by_key(&mut known, |one| place(&one.who));
        let mut chosen: Vec<Identity> = known.into_iter().map(|one| one.who).take(wanted).gather();
        chosen.extend(choose(others, wanted - chosen.len(), ctx.rng()));
        chosen
    }

    /// Whether this call is one of mine, who was asked, and how it ended.
    pub(super) fn handle_reply(
        &mut self,
        ctx: &mut Context<'_>,
        call: CallId,
        result: Result<(&Delivery, Ack), CallError>,
    ) -> Option<(Identity, Reply)> {
        let attempt = self.attempts.remove(&call)?;
        let reply = match result {
            Err(_) => Reply::Silent,
            Ok((delivery, ack)) => match judge(ctx, &attempt, delivery, &ack) {
                Reply::Holds(_) if attempt.is_doubted => Reply::Doubtful,
                reply => reply,
            },
        };
        match &reply {
            Reply::Holds(revision) => {
                // The one place where a copy of mine begins to count.
                let copy = (*revision, attempt.seal);
                self.note_holder(&attempt.to, copy, ctx.now().wall);
                let text = format!("{} holds version {revision}", attempt.to.id);
                ctx.log().info(text);
            }
            Reply::Refused(reason) => self.note_refusal(ctx, &attempt.to, reason),
            Reply::Stale => {
                ctx.log()
                    .warn(format!("{} holds something newer", attempt.to.id));
                let now = ctx.now().mono;
                self.stale.insert(now, attempt.to, attempt.revision);
            }
            // Whoever was given up before was noted then.
            Reply::Silent if attempt.wait == Wait::GivenUp => {}
            Reply::Silent | Reply::Doubtful => self.note_silence(ctx, &attempt.to),
        }
        Some((attempt.to, reply))
    }

    fn note_refusal(&mut self, ctx: &mut Context<'_>, who: &Identity, reason: &str) {
        ctx.log().warn(format!("{} refused: {reason}", who.id));
        if reason == "from_the_future" {
            // One of the two clocks is off, and that may be over soon.
            self.drop_holder(who);
            return self.note_silence(ctx, who);
        }
        self.refused.insert(ctx.now().mono, *who, reason.to_owned());
        self.drop_holder(who);
    }

    pub(super) fn note_silence(&mut self, ctx: &mut Context<'_>, who: &Identity) {
        let now = ctx.now().mono;
        if self.silent.get(now, who).is_none() {
            ctx.log().warn(format!("{} has not answered", who.id));
            self.silent.insert(now, *who, Some(now));
        }
        self.planned.retain(|one| one != who);
    }

    /// Somebody does not hold what it acknowledged. Returns whether it counted.
    pub(super) fn note_loss(&mut self, ctx: &mut Context<'_>, who: &Identity) -> bool {
        let counted = self.drop_holder(who);
        if counted {
            let text = format!("{} does not hold the memory any more", who.id);
            ctx.log().warn(text);
            let now = ctx.now().mono;
            if self.silent.get(now, who).is_none() {
                self.silent.insert(now, *who, None);
            }
        }
        counted
    }

    /// Somebody said that it holds something newer, and did not show it.
    pub(super) fn forget_stale(&mut self, ctx: &mut Context<'_>, who: &Identity) {
        self.stale.remove(who);
        self.note_silence(ctx, who);
    }

    /// Looks further than those who are slow. Returns whether anybody is.
    pub(super) fn handle_timeout(&mut self, ctx: &mut Context<'_>) -> bool {
        let now = ctx.now().mono;
        let mut silent = Vec::new();
        let mut any_slow = false;
        for attempt in self.attempts.values_mut() {
            if attempt.wait.until().is_none_or(|until| until > now) {
                continue;
            }
            any_slow = true;
            attempt.wait = match attempt.wait {
                Wait::Expected { until } => Wait::Late {
                    until: until + (PATIENCE - LOOK_FURTHER_AFTER),
                },
                _ => {
                    silent.push(attempt.to);
                    Wait::GivenUp
                }
            };
        }
        for who in &silent {
            self.note_silence(ctx, who);
        }
        any_slow | self.met_by.take_if(|at| *at <= now).is_some()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.attempts
            .values()
            .filter_map(|attempt| attempt.wait.until())
            .chain(self.met_by)
            .min()
    }
}

fn judge(ctx: &Context<'_>, attempt: &Attempt, delivery: &Delivery, ack: &Ack) -> Reply {
    if ack.owner_id != ctx.me().identity.id {
        return Reply::Refused("answered for somebody else".to_owned());
    }
    if !ack.success {
        // A light nara adds what it holds behind the word.
        let word = ack
            .reason
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        if word.into_iter().next() == Some("stale") {
            return Reply::Stale;
        }
        return Reply::Refused(ack.reason.clone());
    }
    // A light nara names the store that it acknowledges; a Go nara leaves the
    // reason empty, and its ack must at least be no older than that.
    let names_this = ack.reason == delivery.message.in_reply_to;
    let fits = ack.reason.is_empty()
        && ack.stored_at.saturating_add(ACK_AGE_SECONDS_MAX) >= attempt.message_time.unix_seconds();
    if names_this || fits {
        Reply::Holds(attempt.revision)
    } else {
        Reply::Refused("acknowledged another store".to_owned())
    }
}
