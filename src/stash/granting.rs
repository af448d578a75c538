//! The owner's leave: every holder learns who the others are and may pass its
//! copy on while the owner is away.

use super::Stash;
use super::grant::give;
use super::held::digest;
use crate::base::{Gather, Identity, Instant, SortedMap};
use crate::message::{GRANT_HOLDERS_MAX, Granted};
use crate::runtime::{CallId, Context};
use core::time::Duration;

/// Acks come in a row; the leave is given once, behind them.
const GRANT_AFTER: Duration = Duration::from_millis(200);

/// A leave is given anew so often, so that it never ends while the owner is
/// here.
const GRANT_AGAIN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// How long a holder has to confirm its leave.
const CONFIRM_WITHIN: Duration = Duration::from_secs(5);

/// It is given again so often to who does not confirm: a word may be lost.
const TRIES: u8 = 4;

/// What was allowed last, and who has not confirmed it yet.
#[derive(Default)]
pub(super) struct Granting {
    given: Option<(u64, Vec<Identity>, Instant)>,
    due: Option<Instant>,
    grant: Option<Granted>,
    pub(super) unconfirmed: SortedMap<CallId, (Identity, u8)>,
}

impl Granting {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }
}

impl Stash {
    /// Gives leave soon, if the holders are not those of the last one.
    pub(super) fn plan_grant(&mut self, ctx: &Context<'_>) {
        let now = ctx.now().mono;
        let Some((newest, holders)) = self.to_be_granted() else {
            self.granting.due = None;
            return;
        };
        let is_given = self.granting.given.as_ref().is_some_and(|(of, to, at)| {
            *of == newest && *to == holders && now - *at < GRANT_AGAIN_AFTER
        });
        if is_given {
            self.granting.due = None;
        } else {
            self.granting.due.get_or_insert(now + GRANT_AFTER);
        }
    }

    fn to_be_granted(&self) -> Option<(u64, Vec<Identity>)> {
        let newest = self.owner.newest()?;
        let holders = self.owner.current_holders().map(|(who, _)| *who);
        let holders: Vec<Identity> = holders.take(GRANT_HOLDERS_MAX).gather();
        (!holders.is_empty()).then_some((newest, holders))
    }

    /// Gives leave if it is time, or at once before falling asleep.
    pub(super) fn give_grants(&mut self, ctx: &mut Context<'_>, at_once: bool) {
        let now = ctx.now().mono;
        let is_due = |at: &mut Instant| at_once || *at <= now;
        if self.granting.due.take_if(is_due).is_none() || !ctx.is_connected() {
            return;
        }
        let (Some((newest, holders)), Some(sealed), Some(memory)) =
            (self.to_be_granted(), &self.owner.sealed, &self.owner.memory)
        else {
            return;
        };
        let copies = self.owner.wanted(ctx);
        let seal = digest(sealed);
        let grant = give(ctx, memory.revision, seal, holders.clone(), copies);
        for call in core::mem::take(&mut self.granting.unconfirmed).into_keys() {
            ctx.cancel(call);
        }
        self.granting.grant = Some(Granted { grant });
        for who in &holders {
            self.give_grant(ctx, who, 1);
        }
        self.granting.given = Some((newest, holders, now));
    }

    fn give_grant(&mut self, ctx: &mut Context<'_>, who: &Identity, tries: u8) {
        let Some(granted) = &self.granting.grant else {
            return;
        };
        let call = ctx.call(who, "stash:grant", granted, "stash:receipt", CONFIRM_WITHIN);
        if let Ok(call) = call {
            let asked = (*who, tries);
            self.granting.unconfirmed.insert(call, asked);
        }
    }

    /// The end of a grant's call. Returns whether this was one.
    pub(super) fn end_grant(
        &mut self,
        ctx: &mut Context<'_>,
        call: CallId,
        confirmed: bool,
    ) -> bool {
        let Some((who, tries)) = self.granting.unconfirmed.remove(&call) else {
            return false;
        };
        if !confirmed && tries < TRIES && self.owner.is_holder(&who) {
            self.give_grant(ctx, &who, tries + 1);
        }
        true
    }
}
