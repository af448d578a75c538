//! Whom this nara follows. What it would cost to hear everybody grows with the
//! network, so it hears whoever it depends on, and so many others as do for
//! choosing confidants. All else on the plaza is passed over unverified.

use super::Presence;
use crate::base::{Identity, Instant};
use crate::message::Heading;
use crate::runtime::{Context, Outcome};
use core::time::Duration;

/// What was said by somebody who is not followed.
pub(super) const PASSED_OVER: Outcome = Outcome::Drop("not_followed");

/// So many of all who hear a greeting answer it, where there are many: each
/// decides by itself, and most of them do not hear each other.
const ANSWERING: u32 = 8;

/// Up to so many on the plaza everybody answers, unless enough others did.
const FEW: u32 = 64;

/// For so long greetings are counted.
const COUNTED_FOR: Duration = Duration::from_secs(60);

/// A nara greets once in so many times [`COUNTED_FOR`].
const COUNTED_TIMES: u32 = 3;

/// How many are on the plaza, by how often somebody greets.
#[derive(Default)]
pub(super) struct Crowd {
    since: Instant,
    count: u32,
    before: u32,
}

impl Crowd {
    pub(super) fn note(&mut self, now: Instant) {
        if now - self.since >= COUNTED_FOR {
            (self.since, self.before, self.count) = (now, self.count, 0);
        }
        self.count = self.count.saturating_add(1);
    }

    fn size(&self) -> u32 {
        self.count.max(self.before).saturating_mul(COUNTED_TIMES)
    }
}

impl Presence {
    /// Whether a newspaper of this name may be of somebody who is followed: to
    /// find out costs less than to read it.
    pub(super) fn may_follow(ctx: &Context<'_>, name: &str) -> bool {
        ctx.peers().has_room() || ctx.peers().iter().any(|(_, peer)| peer.name == name)
    }

    /// Whether more are known to be here than answer each other one by one.
    pub(super) fn knows_many(ctx: &Context<'_>) -> bool {
        ctx.peers().online().nth(FEW as usize).is_some()
    }

    /// Whether a greeting is answered by this nara. Greetings are counted
    /// unverified, so however many there are, where few are known to be here
    /// everybody answers.
    pub(super) fn is_host(&self, ctx: &mut Context<'_>) -> bool {
        let size = self.crowd.size();
        let is_crowd = size > FEW && Self::knows_many(ctx);
        !is_crowd || ctx.rng().below(size) < ANSWERING
    }

    /// Whether many are heard, of whom it knows few yet. Others answer first
    /// then, and it decides later: those who come together would answer each
    /// other all at once, and everybody hears that.
    pub(super) fn is_lost_in_a_crowd(&self, ctx: &Context<'_>) -> bool {
        self.crowd.size() > FEW && !Self::knows_many(ctx)
    }

    /// Whether a stranger need not be asked who it is: a light nara greets
    /// again within three minutes, and others are met sooner.
    pub(super) fn is_one_of_many(&self, light: Option<bool>) -> bool {
        light == Some(true) && self.crowd.size() > FEW
    }

    /// Why a howdy between these need not be read, if so.
    pub(super) fn why_unread(&self, ctx: &Context<'_>, howdy: &Heading<'_>) -> Option<Outcome> {
        if howdy.to == ctx.me().name || self.newcomers.contains_key(&howdy.to) {
            return None;
        }
        let mut online = ctx.peers().online();
        if online.any(|(_, peer)| peer.name == howdy.from) {
            return Some(Outcome::Drop("nothing_new"));
        }
        (!Self::may_follow(ctx, &howdy.from)).then_some(PASSED_OVER)
    }

    /// Whether a howdy brings anything: it is for this nara, or for somebody
    /// whom it is about to answer, or of somebody new.
    pub(super) fn is_wanted(&self, ctx: &Context<'_>, to: &str, who: &Identity) -> bool {
        to == ctx.me().name || self.newcomers.contains_key(to) || !ctx.peers().is_online(who)
    }
}
