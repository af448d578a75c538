//! Who gets a place. Places are few and identities are free, so a newcomer's
//! place is provisional, and some are kept for those who have been here.

use super::confidant::Confidant;
use super::held::response;
use crate::base::{Gather, Identity, Instant, sort_by_key};
use crate::runtime::Context;
use core::time::Duration;

/// A place whose owner has not come back is safe for so long. Peers that have
/// been seen for so long are no newcomers.
pub const PROVISIONAL_FOR: Duration = Duration::from_secs(3600);

impl Confidant {
    /// Gives an owner a place, or says that there is none; whoever is proven is
    /// no newcomer. Places that ran out
    /// are taken back only if that helps, and never in silence.
    pub(super) fn admit(
        &mut self,
        ctx: &mut Context<'_>,
        owner: &Identity,
        is_proven: bool,
    ) -> Result<(), &'static str> {
        if self.held().contains_key(owner) {
            return Ok(());
        }
        // One key may sign for any number of ids.
        if self.held().keys().any(|who| who.key == owner.key) {
            return Err("at_capacity");
        }
        let kept = if is_proven { 0 } else { self.kept(ctx) };
        let needed = kept + 1;
        let free = self.limit().saturating_sub(self.held().len());
        let missing = needed.saturating_sub(free);
        let overstayed = self.overstayed(ctx.now().mono);
        if overstayed.len() < missing {
            return Err("at_capacity");
        }
        for who in overstayed.iter().take(missing) {
            self.take_back(ctx, who);
        }
        Ok(())
    }

    /// How many free places are not for newcomers: as many as there are peers
    /// of an hour that have none yet, at most half of all.
    fn kept(&self, ctx: &Context<'_>) -> usize {
        let online = ctx.peers().online().map(|(who, _)| who);
        let waiting =
            online.filter(|who| has_been_here(ctx, who) && !self.held().contains_key(*who));
        waiting.count().min(self.limit() / 2)
    }

    /// Whether somebody has neither been here for an hour nor come back to
    /// what it stored.
    pub(super) fn is_newcomer(&self, ctx: &Context<'_>, who: &Identity) -> bool {
        let is_proven = self.held().get(who).is_some_and(|held| held.place.proven);
        !is_proven && !has_been_here(ctx, who)
    }

    /// Whose provisional hour is over, the longest over first.
    fn overstayed(&self, now: Instant) -> Vec<Identity> {
        let is_over = |since: Instant| now - since >= PROVISIONAL_FOR;
        let held = self.held().iter();
        let mut over: Vec<(Instant, &Identity)> = held
            .filter(|(_, held)| !held.place.proven && is_over(held.place.since))
            .map(|(who, held)| (held.place.since, who))
            .gather();
        sort_by_key(&mut over, |(since, who)| (*since, *who));
        over.into_iter().map(|(_, who)| *who).gather()
    }

    /// Takes a provisional place back, and tells the owner, should it listen.
    fn take_back(&mut self, ctx: &mut Context<'_>, who: &Identity) {
        self.remove(who);
        self.taken_back += 1;
        ctx.log().warn(format!(
            "the place of {} is needed; its owner never came back",
            who.id
        ));
        ctx.send(who, "stash:response", &response(who, None, String::new()));
    }

    /// An owner was heard: whoever is still here after the hour, or has come
    /// back by then, is no passer-by. Within the hour a return proves nothing:
    /// to say chau and to greet again costs nothing.
    pub(super) fn owner_is_here(&mut self, now: Instant, owner: &Identity) {
        if let Some(held) = self.held_mut(owner) {
            held.begins_anew |= core::mem::take(&mut held.place.was_away);
            let place = &mut held.place;
            place.absent = Duration::ZERO;
            place.proven |= now - place.since >= PROVISIONAL_FOR;
        }
    }

    /// A place was just given.
    pub(super) fn judge_place(&mut self, owner: &Identity, is_proven: bool) {
        if let Some(held) = self.held_mut(owner) {
            held.place.proven |= is_proven;
        }
    }

    /// An owner is away.
    pub(super) fn owner_is_away(&mut self, owner: &Identity) {
        if let Some(held) = self.held_mut(owner) {
            held.place.was_away = true;
        }
    }
}

/// Whether this nara has known somebody for an hour: that is no newcomer.
pub(super) fn has_been_here(ctx: &Context<'_>, who: &Identity) -> bool {
    let peer = ctx.peers().peer(who);
    peer.is_some_and(|peer| peer.age(ctx.now()) >= PROVISIONAL_FOR)
}
