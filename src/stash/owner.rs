//! The owner's side: my memory, its seal, and who holds it.

use super::codec::{self, CodecError, Memory, Padding};
use super::filling::Attempt;
use super::recovery::Found;
use crate::base::{
    ExpiringMap, Gather, Identity, Instant, Now, SortedMap, SortedSet, WallTime, sort_by_key,
};
use crate::neighbourhood::Neighbourhood;
use crate::runtime::{CallId, Context, Sealed};
use core::time::Duration;

/// How many confidants a nara wants.
pub const TARGET: usize = 3;

/// How many copies more it wants while its holders are young.
pub const SPARES: usize = 2;

/// A holder that this nara has seen for so long is no newcomer.
pub const GROWN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// So many grown holders make spare copies unnecessary.
const GROWN_ENOUGH: usize = 2;

/// Confidants that a user may name.
pub const PINNED_MAX: usize = 7;

/// A peer that refused is not asked again for so long.
pub const REFUSED_FOR: Duration = Duration::from_secs(5 * 60);

/// A peer that stayed silent, or lost what it held, is not asked again for so
/// long.
pub const SILENT_FOR: Duration = Duration::from_secs(60);

/// Who holds something newer is asked again after this: it may have been dated
/// ahead by a clock that has been put right since.
const STALE_FOR: Duration = Duration::from_secs(20);

/// Where nobody else is left to ask, the silent are asked again after this.
const ANOTHER_TRY_AFTER: Duration = Duration::from_secs(10);

/// How far ahead of now a version may be dated: holders take 30 s.
const AHEAD_SECONDS_MAX: i64 = 25;

/// Holders that are remembered; whoever claims a copy beyond that is not.
pub(super) const HOLDERS_MAX: usize = 64;

/// Peers whose refusal or silence is remembered.
const TURNED_AWAY_MAX: usize = 256;

/// Seals of mine that left and are remembered; they come back as no news.
const SENT_MAX: usize = 1_024;

/// A confidant that acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The revision that it holds.
    pub revision: u64,
    /// Which seal of it: two devices may make one revision, but none twice.
    pub(super) seal: u64,
    /// When that became known.
    pub at: WallTime,
    /// When it last gave this copy back, and it opened.
    pub verified_at: Option<WallTime>,
    /// Whether it holds this at my wish: it acknowledged, or gave it back when
    /// I asked. Whoever merely sends a copy may have overheard it, and promised
    /// nothing.
    pub asked: bool,
}

/// What a memory that came back changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Adopted {
    /// Nothing: mine is as new, or was made in knowledge of it.
    Nothing,
    /// It is mine now.
    Taken,
    /// Mine stays, and the other is kept beside it.
    Beside,
}

/// My memory and its copies.
pub struct Owner {
    pub(super) target: usize,
    pub(super) spares: usize,
    padding: Padding,
    pub(super) memory: Option<Memory>,
    pub(super) sealed: Option<Sealed>,
    /// Whether the newest seal has left for anybody.
    pub(super) is_out: bool,
    /// Until then whoever else is there may still show up.
    pub(super) met_by: Option<Instant>,
    /// Whether the memory was set here since this nara woke.
    set_here: bool,
    /// Whether it goes back to nothing: to whoever wrote what was there before,
    /// and may still turn up, it was unknown, however safe it is.
    began_empty: bool,
    /// The newest revision that as many held as are wanted. Whoever saves
    /// elsewhere finds it, and goes on from there.
    safe_revision: u64,
    /// Revision and time of the newest that was found here. What is newer and
    /// was not sealed here is news, even where mine has a higher revision by now.
    found: Option<(u64, i64)>,
    /// The seal that was found, and those of mine that left since then.
    pub(super) sent: Vec<u64>,
    /// The highest revision and the latest time seen anywhere.
    highest: (u64, i64),
    /// The latest time seen that was no further ahead than holders take.
    reached: i64,
    /// Another memory that turned up beside the one here.
    beside: Option<Memory>,
    /// Whether the memory was given up here; no push brings it back by itself.
    cleared: bool,
    pub(super) holders: SortedMap<Identity, Holder>,
    /// Whom the newest seal names.
    pub(super) planned: Vec<Identity>,
    /// Whom the user named.
    pub(super) pinned: Vec<Identity>,
    pub(super) attempts: SortedMap<CallId, Attempt>,
    pub(super) refused: ExpiringMap<Identity, String>,
    /// Since when somebody is silent; nothing for those who lost a copy.
    pub(super) silent: ExpiringMap<Identity, Option<Instant>>,
    /// Who holds something newer than this revision of mine, as it said lately.
    pub(super) stale: ExpiringMap<Identity, u64>,
    /// Whom the user does not want.
    pub(super) shunned: SortedSet<Identity>,
}

impl Owner {
    pub(super) fn new(target: usize, spares: usize, padding: Padding) -> Self {
        Self {
            target,
            spares,
            padding,
            memory: None,
            sealed: None,
            is_out: false,
            met_by: None,
            set_here: false,
            began_empty: false,
            safe_revision: 0,
            found: None,
            sent: Vec::new(),
            highest: (0, 0),
            reached: 0,
            beside: None,
            cleared: false,
            holders: SortedMap::new(),
            planned: Vec::new(),
            pinned: Vec::new(),
            attempts: SortedMap::new(),
            refused: ExpiringMap::new(TURNED_AWAY_MAX, REFUSED_FOR),
            silent: ExpiringMap::new(TURNED_AWAY_MAX, SILENT_FOR),
            stale: ExpiringMap::new(HOLDERS_MAX, STALE_FOR),
            shunned: SortedSet::new(),
        }
    }

    /// How many confidants are wanted.
    pub fn target(&self) -> usize {
        self.target
    }

    /// How many spare copies are wanted at most.
    pub fn spares(&self) -> usize {
        self.spares
    }

    /// The memory, as this nara knows it.
    pub fn memory(&self) -> Option<&Memory> {
        self.memory.as_ref()
    }

    /// How many bytes each copy has, tag included.
    pub fn sealed_size(&self) -> Option<usize> {
        self.sealed.as_ref().map(|sealed| sealed.ciphertext.len())
    }

    /// Another memory that turned up beside the one that was set here.
    pub fn beside(&self) -> Option<&Memory> {
        self.beside.as_ref()
    }

    /// Everybody known to hold any revision.
    pub fn holders(&self) -> &SortedMap<Identity, Holder> {
        &self.holders
    }

    /// The seal of the newest revision.
    pub(super) fn newest(&self) -> Option<u64> {
        self.sealed.as_ref().map(Sealed::name)
    }

    /// Who acknowledged the newest revision, in the order of their ids.
    pub fn current_holders(&self) -> impl Iterator<Item = (&Identity, &Holder)> {
        let newest = self.newest();
        self.holders
            .iter()
            .filter(move |(_, holder)| holder.asked && Some(holder.seal) == newest)
    }

    /// Whether as many hold the newest revision as are wanted.
    pub fn is_safe(&self) -> bool {
        self.memory.is_some() && self.current_holders().count() >= self.target
    }

    /// Whether somebody holds the newest revision.
    pub fn is_holder(&self, who: &Identity) -> bool {
        self.current_holders().any(|(one, _)| one == who)
    }

    /// Those of the holders that are beyond the number wanted: whom the seal
    /// does not name, and of these the youngest. Anybody may have overheard a
    /// copy, and hold it for as long as it takes to be counted.
    pub fn spare_holders(&self, peers: &Neighbourhood, now: Now) -> Vec<Identity> {
        let mut holders: Vec<&Identity> = self.current_holders().map(|(who, _)| who).gather();
        let age = |who: &Identity| peers.peer(who).map(|peer| peer.age(now));
        sort_by_key(&mut holders, |who| {
            let is_pinned = self.pinned.contains(*who);
            core::cmp::Reverse((is_pinned, self.planned.contains(*who), age(who)))
        });
        holders.into_iter().skip(self.target).cloned().gather()
    }

    /// How many copies there should be: spare ones too, while fewer than two
    /// of the holders are grown.
    pub(super) fn wanted(&self, ctx: &Context<'_>) -> usize {
        let unheard =
            |who: &&Identity| ctx.peers().is_online(who) && !self.holders.contains_key(*who);
        let planned = self.planned.iter().filter(unheard);
        let asked = self.holders.iter().filter(|(_, one)| one.asked);
        let all = asked.map(|(who, _)| who).chain(planned);
        let spares = if enough_are_grown(ctx, all) {
            0
        } else {
            self.spares
        };
        (self.target + spares).max(self.pinned.len())
    }

    /// Makes this text the newest revision and seals it, once for everybody.
    ///
    /// # Errors
    /// When it is no JSON or does not fit; the memory is unchanged then.
    pub(super) fn set(&mut self, ctx: &mut Context<'_>, data: String) -> Result<u64, CodecError> {
        codec::check(&data)?;
        let revision = self.highest.0.saturating_add(1);
        let timestamp = self.next_time(ctx);
        let memory = Memory {
            data,
            timestamp,
            revision,
        };
        let planned = self.plan(ctx);
        self.seal(ctx, &memory, planned)?;
        self.highest = (revision, timestamp.max(self.highest.1));
        self.memory = Some(memory);
        self.set_here = true;
        self.cleared = false;
        self.stale.clear();
        Ok(revision)
    }

    pub(super) fn seal(
        &mut self,
        ctx: &mut Context<'_>,
        memory: &Memory,
        planned: Vec<Identity>,
    ) -> Result<(), CodecError> {
        let plaintext = codec::encode(memory, &planned, self.padding)?;
        self.planned = planned;
        self.sealed = Some(ctx.seal(&plaintext));
        self.is_out = false;
        Ok(())
    }

    /// Takes over what a confidant gave back, if it is newer than what is
    /// known.
    ///
    /// What was set here, and was not safe yet, is never replaced by what turns
    /// up later: it is sealed anew where it does not outdo that, and the other is
    /// kept beside it. On top of what was safe, another device has gone on. What another
    /// device saved beside that, with an equal revision or a lower one than
    /// mine has by now, is kept beside it, too.
    pub(super) fn adopt(
        &mut self,
        ctx: &mut Context<'_>,
        found: &Found,
        may_seal: bool,
    ) -> Adopted {
        let memory = &found.memory;
        self.highest.0 = self.highest.0.max(memory.revision);
        self.highest.1 = self.highest.1.max(memory.timestamp);
        let now = ctx.now().wall.unix_seconds();
        if is_in_reach(memory.timestamp, now) {
            self.reached = self.latest_in_reach(now).max(memory.timestamp);
        }
        if self.cleared {
            return Adopted::Nothing;
        }
        let Some(known) = &self.memory else {
            self.take(found);
            return Adopted::Taken;
        };
        if !self.is_news(found) {
            return Adopted::Nothing;
        }
        if self.set_here && !(may_seal && self.was_found(known, memory)) {
            let (is_same, is_below) = (known.data == memory.data, is_below(memory, known));
            self.found = Some((memory.revision, memory.timestamp));
            // Mine outdoes what is below it as it is.
            if may_seal && !is_below {
                self.seal_anew(ctx);
            }
            return self.keep_beside(memory, is_same);
        }
        if !self.set_here && is_sibling(known, memory) {
            return self.keep_beside(memory, false);
        }
        self.take(found);
        Adopted::Taken
    }

    /// Whether this is unknown here, and newer than what was found before.
    pub(super) fn is_news(&self, found: &Found) -> bool {
        let Found { memory, sealed, .. } = found;
        match &self.memory {
            None => true,
            Some(_) if self.is_known(sealed) => false,
            Some(_) if self.set_here => self.found < Some((memory.revision, memory.timestamp)),
            Some(known) => known.age_key() < memory.age_key() || is_sibling(known, memory),
        }
    }

    /// Of several that turn up the newest is kept, in whatever order they come.
    fn keep_beside(&mut self, other: &Memory, is_same: bool) -> Adopted {
        let is_newer = |kept: &Memory| kept.age_key() < other.age_key();
        if is_same || !self.beside.as_ref().is_none_or(is_newer) {
            return Adopted::Nothing;
        }
        self.beside = Some(other.clone());
        Adopted::Beside
    }

    fn take(&mut self, found: &Found) {
        let Found { memory, sealed, .. } = found;
        self.memory = Some(memory.clone());
        self.sealed = Some(sealed.clone());
        self.planned.clone_from(&found.holders);
        self.found = Some((memory.revision, memory.timestamp));
        self.sent = vec![sealed.name()];
        self.is_out = true;
        self.set_here = false;
        self.began_empty = false;
    }

    /// Whether whoever wrote this must have known that.
    fn was_found(&self, known: &Memory, newer: &Memory) -> bool {
        !self.began_empty && self.safe_revision >= known.revision && newer.revision > known.revision
    }

    /// Whether this is the seal of my memory, or an older one made here.
    fn is_known(&self, sealed: &Sealed) -> bool {
        self.sent.iter().any(|one| *one == sealed.name())
    }

    /// The newest seal leaves. With too many to remember, all up to now counts
    /// as found: what is not remembered would be taken for another device's.
    pub(super) fn note_sent(&mut self) {
        let (Some(newest), Some(memory)) = (self.newest(), &self.memory) else {
            return;
        };
        if core::mem::replace(&mut self.is_out, true) {
            return;
        }
        if self.sent.len() >= SENT_MAX {
            self.found = Some((memory.revision, memory.timestamp));
            self.sent.clear();
        }
        self.sent.push(newest);
    }

    /// Whether the memory was set here since this nara woke.
    pub(super) fn is_set_here(&self) -> bool {
        self.set_here
    }

    /// What is set from now on is not built on what was there before.
    pub(super) fn begin_empty(&mut self) {
        self.began_empty = true;
    }

    /// The newest revision is held by as many as are wanted.
    pub(super) fn note_safe(&mut self) {
        if let Some(memory) = &self.memory {
            self.safe_revision = self.safe_revision.max(memory.revision);
        }
    }

    /// Seals the memory anew if something higher or later was seen, so that no
    /// holder takes it for stale. Returns whether it did.
    pub(super) fn rise(&mut self, ctx: &mut Context<'_>) -> bool {
        // What is too far ahead to be outdone now is outdone when it is reached.
        let now = ctx.now().wall.unix_seconds();
        let latest = self.latest_in_reach(now);
        let is_late = |memory: &Memory| memory.timestamp < latest;
        let lower = |memory: &Memory| memory.revision < self.highest.0 || is_late(memory);
        self.memory.as_ref().is_some_and(lower) && self.seal_anew(ctx)
    }

    /// Seals the memory anew if its time is further ahead than holders take, as
    /// when it was set by a clock that has been put right since.
    pub(super) fn redate(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now().wall.unix_seconds();
        let is_ahead = |one: &Memory| one.timestamp.saturating_sub(now) > AHEAD_SECONDS_MAX;
        if self.memory.as_ref().is_some_and(is_ahead) {
            self.seal_anew(ctx);
        }
    }

    /// The time of the next version: never before the last one, or holders would
    /// refuse it as stale, and never far ahead, or they would refuse that. Where
    /// both cannot be, the revision decides for those who can open it.
    fn next_time(&self, ctx: &Context<'_>) -> i64 {
        let now = ctx.now().wall.unix_seconds();
        now.max(self.latest_in_reach(now))
    }

    /// The latest time seen that a version may be dated now.
    fn latest_in_reach(&self, now: i64) -> i64 {
        let seen = [self.highest.1, self.reached].into_iter();
        seen.filter(|at| is_in_reach(*at, now)).max().unwrap_or(0)
    }

    fn seal_anew(&mut self, ctx: &mut Context<'_>) -> bool {
        let data = self.memory.as_ref().map(|memory| memory.data.clone());
        // It was encoded before, so it can be again.
        data.is_some_and(|data| self.set(ctx, data).is_ok())
    }

    /// Gives the memory up here. Who held it stays known.
    pub(super) fn clear(&mut self) {
        self.memory = None;
        self.sealed = None;
        self.beside = None;
        self.set_here = false;
        self.cleared = true;
    }

    /// Names a confidant beside those named before, while there is room.
    pub(super) fn pin(&mut self, who: &Identity) {
        self.shunned.remove(who);
        if self.pinned.len() < PINNED_MAX && !self.pinned.contains(who) {
            self.pinned.push(*who);
        }
    }

    /// Whoever may hold anything of mine.
    pub(super) fn may_hold(&self) -> impl Iterator<Item = &Identity> {
        self.holders.keys().chain(self.pending())
    }

    /// The latest time that anything of mine was stored at.
    pub(super) fn latest_time(&self) -> i64 {
        self.highest.1
    }

    /// Gives the memory up everywhere. Returns the time before which nothing of
    /// mine counts any more; what is set next is not before it.
    pub(super) fn forget(&mut self, ctx: &mut Context<'_>) -> i64 {
        self.forget_attempts(ctx);
        self.clear();
        self.planned.clear();
        self.highest.1 = self.next_time(ctx) + 1;
        self.highest.1
    }

    /// This one is not chosen again unless the user names it.
    pub(super) fn shun(&mut self, ctx: &mut Context<'_>, who: &Identity) {
        self.pinned.retain(|one| one != who);
        self.handle_gone(ctx, who);
        if self.shunned.len() < HOLDERS_MAX {
            self.shunned.insert(*who);
        }
    }

    /// What was given up here is wanted back.
    pub(super) fn want_back(&mut self) {
        self.cleared = false;
    }

    /// Notes that somebody proved to hold a copy.
    pub(super) fn note_holder(
        &mut self,
        who: &Identity,
        (revision, seal): (u64, u64),
        at: WallTime,
    ) {
        let before = self.holders.get(who).filter(|one| one.seal == seal);
        let verified_at = before.and_then(|holder| holder.verified_at);
        if self.holders.len() >= HOLDERS_MAX && !self.holders.contains_key(who) {
            // Copies that nobody asked for make room for those that count.
            let mut offers = self.holders.iter().filter(|(_, one)| !one.asked);
            if let Some(offer) = offers.next().map(|(who, _)| *who) {
                self.holders.remove(&offer);
            }
        }
        if self.holders.len() < HOLDERS_MAX || self.holders.contains_key(who) {
            let holder = Holder {
                revision,
                seal,
                at,
                verified_at,
                asked: true,
            };
            self.holders.insert(*who, holder);
        }
    }

    /// Notes that somebody gave its copy back, and it opened.
    pub(super) fn note_verified(&mut self, who: &Identity, copy: (u64, u64), at: WallTime) {
        self.note_holder(who, copy, at);
        if let Some(holder) = self.holders.get_mut(who) {
            holder.verified_at = Some(at);
        }
    }

    /// Notes that somebody sent a copy that nobody had asked for. It begins to
    /// count when it acknowledges a store, or is let go. Sent again, it is no
    /// news.
    pub(super) fn note_offer(&mut self, who: &Identity, copy: (u64, u64), at: WallTime) {
        let before = self.holders.get(who);
        let was_asked = before.is_some_and(|one| one.asked);
        let is_known = before.is_some_and(|one| one.seal == copy.1);
        if is_known || before.is_none() && self.holders.len() >= HOLDERS_MAX {
            return;
        }
        self.note_holder(who, copy, at);
        if let Some(holder) = self.holders.get_mut(who) {
            holder.asked = was_asked;
        }
    }

    /// Somebody holds nothing that counts any more. Returns whether it did.
    pub(super) fn drop_holder(&mut self, who: &Identity) -> bool {
        self.planned.retain(|one| one != who);
        self.holders.remove(who).is_some()
    }

    /// Somebody left: its copy does not count any more, and it is not waited
    /// for.
    pub(super) fn handle_gone(&mut self, ctx: &mut Context<'_>, who: &Identity) -> bool {
        let asked = self.attempts.take_keys(|_, attempt| attempt.to == *who);
        let was_asked = !asked.is_empty();
        for call in asked {
            ctx.cancel(call);
        }
        self.drop_holder(who) || was_asked
    }

    /// Those who are known to be gone count no more, even those whose leaving
    /// is not told yet. Returns whether there were any.
    pub(super) fn forget_gone(&mut self, ctx: &Context<'_>) -> bool {
        let before = self.holders.len();
        self.holders.retain(|who, _| ctx.peers().is_online(who));
        self.holders.len() < before
    }

    /// Whoever is not online any more holds nothing that counts, even if the
    /// word of its leaving was lost.
    pub(super) fn forget_absent(&mut self, ctx: &Context<'_>) {
        if ctx.is_connected() {
            self.holders.retain(|who, _| ctx.peers().is_online(who));
        }
    }

    /// Holders beyond all that are wanted, as a partition or a hand-off leaves
    /// them: the youngest first, never one that the user named.
    pub(super) fn surplus(&self, ctx: &Context<'_>) -> Vec<Identity> {
        let most = (self.target + self.spares).max(self.pinned.len());
        let mut extra: Vec<Identity> = self.spare_holders(ctx.peers(), ctx.now());
        extra.retain(|who| !self.pinned.contains(who));
        let held = self.current_holders().count();
        let mut extra: Vec<Identity> = extra
            .into_iter()
            .rev()
            .take(held.saturating_sub(most))
            .gather();
        // Copies that nobody had asked for are let go once there are enough.
        if held >= self.wanted(ctx) {
            let offers = self.holders.iter().filter(|(_, one)| !one.asked);
            extra.extend(offers.map(|(who, _)| *who));
        }
        extra
    }

    /// Whether this one was silent for long enough to be asked again where
    /// nobody else is left to ask.
    pub(super) fn is_worth_another_try(&self, now: Instant, who: &Identity) -> bool {
        let silent = self.silent.get(now, who);
        let is_over =
            silent.is_some_and(|since| since.is_some_and(|at| now - at >= ANOTHER_TRY_AFTER));
        is_over && self.refused.get(now, who).is_none() && !self.shunned.contains(who)
    }

    /// Who refused, or kept silent, not long ago.
    pub fn turned_away(&self, now: Instant, who: &Identity) -> Option<&'static str> {
        if self.refused.get(now, who).is_some() {
            return Some("refused");
        }
        if self.shunned.contains(who) {
            return Some("forgotten");
        }
        self.silent.get(now, who).map(|_| "silent")
    }
}

/// Whether two devices saved these at once, so that neither knew the other's.
/// Go naras count no revisions.
pub(super) fn is_sibling(one: &Memory, other: &Memory) -> bool {
    one.revision == other.revision && one.revision > 0 && one.data != other.data
}

/// Whether holders take the second for newer, and so does whoever opens it.
fn is_below(one: &Memory, other: &Memory) -> bool {
    one.revision < other.revision && one.timestamp <= other.timestamp
}

/// Whether holders take a version of this time.
fn is_in_reach(at: i64, now: i64) -> bool {
    at.saturating_sub(now) <= AHEAD_SECONDS_MAX
}

/// Whether so many of these are grown that no spare copies are needed.
pub(super) fn enough_are_grown<'a>(
    ctx: &Context<'_>,
    holders: impl Iterator<Item = &'a Identity>,
) -> bool {
    let (peers, now) = (ctx.peers(), ctx.now());
    let is_grown = |who: &&Identity| {
        let peer = peers.peer(who);
        peer.is_some_and(|peer| peer.age(now) >= GROWN_AFTER)
    };
    holders.filter(is_grown).count() >= GROWN_ENOUGH
}
