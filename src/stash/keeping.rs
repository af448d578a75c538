//! Keeping the promise: copies are counted, a holder is asked now and then to
//! show what it holds, and what is too many is let go.

use super::Stash;
use super::filling::{PATIENCE, Reply};
use super::held::Generation;
use super::recovery::{Answer, Why};
use crate::base::{Gather, Identity, Instant};
use crate::runtime::Context;
use core::time::Duration;

/// How often the copies are counted even if nothing happens.
pub const CHECK_EVERY: Duration = Duration::from_secs(30);

/// How often while there are too few.
const CHECK_AGAIN: Duration = Duration::from_secs(10);

/// How often one holder, at random, is asked to return its copy.
pub const AUDIT_EVERY: Duration = Duration::from_secs(5 * 60);

/// When to look after the copies next.
#[derive(Default)]
pub(super) struct Keeping {
    check_at: Option<Instant>,
    audit_at: Option<Instant>,
}

impl Keeping {
    pub(super) fn start(&mut self, now: Instant) {
        self.check_at = Some(now + CHECK_EVERY);
        self.audit_at = Some(now + AUDIT_EVERY);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [self.check_at, self.audit_at].into_iter().flatten().min()
    }
}

impl Stash {
    pub(super) fn keep(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now().mono;
        if self.keeping.audit_at.take_if(|at| *at <= now).is_some() {
            self.keeping.audit_at = Some(now + AUDIT_EVERY);
            self.audit(ctx);
        }
        if self.keeping.check_at.take_if(|at| *at <= now).is_some() {
            self.owner.forget_absent(ctx);
            if self.may_store() {
                // What was too far ahead to be outdone may have been reached.
                self.owner.rise(ctx);
            }
            self.fill(ctx);
            self.trim(ctx);
            let is_short = self.owner.memory().is_some() && !self.owner.is_safe();
            let wait = if is_short { CHECK_AGAIN } else { CHECK_EVERY };
            self.keeping.check_at = Some(now + wait);
        }
    }

    /// The plaza was out of reach, and another device may have saved something
    /// meanwhile. Holders are asked before anything is stored with them: what
    /// they have is known before it is replaced.
    pub(super) fn ask_holders(&mut self, ctx: &mut Context<'_>) {
        if !self.may_store() || self.owner.memory().is_none() {
            return;
        }
        let holders = self.owner.holders().keys().take(super::codec::NAMED_MAX);
        for who in holders.cloned().gather() {
            self.ask_to_show(ctx, &who, Why::Audit);
        }
    }

    /// Asks one holder for its copy: 10 KiB, and proof that it is held.
    fn audit(&mut self, ctx: &mut Context<'_>) {
        if !self.may_store() || !ctx.is_connected() {
            return;
        }
        let holders: Vec<Identity> = self.owner.current_holders().map(|(who, _)| *who).gather();
        let Ok(count @ 1..) = u32::try_from(holders.len()) else {
            return;
        };
        let who = holders[ctx.rng().below(count) as usize];
        self.ask_to_show(ctx, &who, Why::Audit);
    }

    /// Somebody seems to have been restarted: an ack of its life before, or what
    /// it shows, proves nothing. What it held counts until it is asked for it.
    pub(super) fn doubt(&mut self, ctx: &mut Context<'_>, who: &Identity) {
        let attempts = self.owner.attempts.values_mut();
        for attempt in attempts.filter(|attempt| attempt.to == *who) {
            attempt.is_doubted = true;
        }
        let questions = self.recovery.asked.values_mut();
        for question in questions.filter(|question| question.to == *who) {
            question.is_doubted = true;
        }
        let is_right = self.may_store()
            && (!self.owner.is_holder(who) || self.ask_to_show(ctx, who, Why::Audit));
        // Who cannot be asked now holds nothing that counts.
        if !is_right {
            self.owner.holders.remove(who);
        }
    }

    /// Asks somebody for its copy. Returns whether that left.
    pub(super) fn ask_to_show(&mut self, ctx: &mut Context<'_>, who: &Identity, why: Why) -> bool {
        let newest = Generation::Newest;
        let asked = self.recovery.request(ctx, who, newest, why, PATIENCE);
        if let Err(error) = &asked {
            ctx.log()
                .warn(format!("cannot ask {} for its copy: {error}", who.id));
        }
        asked.is_ok()
    }

    /// What an audited holder showed, and which revision it was known to hold;
    /// `None` when it was silent. Who was not given the newest yet, and shows
    /// what it was given, has lost nothing.
    pub(super) fn judge_audit(
        &mut self,
        ctx: &mut Context<'_>,
        who: &Identity,
        acked: Option<u64>,
        answer: Option<Answer>,
    ) {
        let newest = self.owner.memory().map_or(0, |memory| memory.revision);
        let expected = acked.map_or(newest, |revision| revision.min(newest));
        match answer {
            Some(Answer::Opened { revision }) if revision >= expected => {
                // Whoever waits for its ack, which was doubtful, has better.
                self.end_store(ctx, who, &Reply::Holds(revision));
            }
            // It may only be out of reach; then it is worth another try.
            None if self.owner.drop_holder(who) => self.owner.note_silence(ctx, who),
            _ => {
                self.owner.note_loss(ctx, who);
            }
        }
    }

    /// Lets holders go that are more than are wanted.
    fn trim(&mut self, ctx: &mut Context<'_>) {
        if !self.may_store() {
            return;
        }
        for who in self.owner.surplus(ctx) {
            self.let_go(ctx, &who);
        }
    }
}
