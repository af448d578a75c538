//! The handlers of the stash's behaviours, and what the replies to its calls do.

use super::codec::Memory;
use super::errors::StashError;
use super::filling::Reply;
use super::held::Generation;
use super::recovery::{Answer, Question, SearchState, Showing, Why};
use super::{Adopted, Stash};
use crate::base::Identity;
use crate::message::{
    Ack, Challenge, Delete, Granted, Handoff, HandoffReceipt, Proof, Refresh, Request, Response,
    Store, parse_payload,
};
use crate::runtime::{CallError, CallId, Context, Delivery, Nothing, Outcome, PeerNews};

impl Stash {
    pub(super) fn on_store(
        &mut self,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        store: Store,
    ) -> Outcome {
        self.confidant.handle_store(ctx, delivery, store)
    }

    pub(super) fn on_delete(
        &mut self,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        delete: Delete,
    ) -> Outcome {
        self.confidant.handle_delete(ctx, delivery, delete)
    }

    pub(super) fn on_grant(
        &mut self,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        granted: Granted,
    ) -> Outcome {
        self.confidant.handle_grant(ctx, delivery, granted)
    }

    pub(super) fn on_handoff(
        &mut self,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        handoff: Handoff,
    ) -> Outcome {
        self.confidant.handle_handoff(ctx, delivery, handoff)
    }

    pub(super) fn on_receipt(
        &mut self,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        receipt: HandoffReceipt,
    ) -> Outcome {
        self.confidant.handle_receipt(ctx, delivery, receipt)
    }

    pub(super) fn on_challenge(
        &mut self,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        asked: Challenge,
    ) -> Outcome {
        self.confidant.handle_challenge(ctx, delivery, asked)
    }

    /// A proof that no pending call awaited.
    pub(super) fn on_late_proof(&mut self, _: &mut Context<'_>, _: &Delivery, _: Proof) -> Outcome {
        Outcome::Drop("late_reply")
    }

    /// An ack that no pending call awaited: its attempt was given up.
    pub(super) fn on_late_ack(&mut self, _: &mut Context<'_>, _: &Delivery, _: Ack) -> Outcome {
        Outcome::Drop("late_reply")
    }

    pub(super) fn on_request(
        &mut self,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        ask: Request,
    ) -> Outcome {
        self.confidant.handle_request(ctx, delivery, ask)
    }

    /// A push, or a reply that came late: either way it must open.
    pub(super) fn on_response(
        &mut self,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        response: Response,
    ) -> Outcome {
        let Some(sender) = &delivery.sender else {
            return Outcome::Drop("unsigned");
        };
        if response.owner_id != ctx.me().identity.id {
            return Outcome::Drop("not_my_stash");
        }
        // What opens is mine, whenever it comes. That nothing is held counts
        // where it was asked, or where nobody asked: of a place taken back.
        if !response.found && !response.request_id.is_empty() {
            return Outcome::Drop("late_reply");
        }
        let (answer, memory, is_news) =
            self.take_response(ctx, sender, response, Generation::Newest, Showing::Unasked);
        self.fill(ctx);
        match (answer, memory) {
            (Answer::Broken, _) => Outcome::Drop("broken"),
            (Answer::Probe, _) => Outcome::Drop("probe"),
            (_, Some(it)) => match self.owner.memory() {
                Some(mine) if !is_news && it.age_key() < mine.age_key() => Outcome::Drop("stale"),
                _ => Outcome::Continue,
            },
            _ => Outcome::Continue,
        }
    }

    pub(super) fn on_refresh(
        &mut self,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        ask: Refresh,
    ) -> Outcome {
        let Some(sender) = &delivery.sender else {
            return Outcome::Drop("unsigned");
        };
        if ask.owner_id != sender.id {
            return self.confidant.refuse(ctx, sender, "stash-refresh");
        }
        self.confidant.owner_is_here(ctx.now().mono, sender);
        self.confidant.plan_push(ctx, sender);
        Outcome::Continue
    }

    pub(super) fn on_connected(
        &mut self,
        ctx: &mut Context<'_>,
        _: &Delivery,
        _: Nothing,
    ) -> Outcome {
        self.owner.meet(ctx.now().mono);
        if self.recovery.was_unheard() {
            // The time of that search passed before anybody could be asked.
            self.search(ctx);
        } else {
            self.recovery.ask_everybody(ctx);
        }
        self.confidant.tell_all_others(ctx);
        self.ask_holders(ctx);
        self.fill(ctx);
        Outcome::Continue
    }

    pub(super) fn on_disconnected(
        &mut self,
        ctx: &mut Context<'_>,
        _: &Delivery,
        _: Nothing,
    ) -> Outcome {
        self.owner.forget_attempts(ctx);
        // Whoever was silent lately may have been cut off with this nara.
        self.owner.silent.clear();
        self.recovery.forget_questions(ctx);
        self.confidant.forget_challenges(ctx);
        Outcome::Continue
    }

    pub(super) fn on_peer_online(
        &mut self,
        ctx: &mut Context<'_>,
        _: &Delivery,
        news: PeerNews,
    ) -> Outcome {
        self.confidant.owner_is_here(ctx.now().mono, &news.who);
        self.confidant.count_copies(ctx);
        self.recovery.ask(ctx, &news.who);
        self.fill(ctx);
        Outcome::Continue
    }

    pub(super) fn on_peer_hello(
        &mut self,
        ctx: &mut Context<'_>,
        _: &Delivery,
        news: PeerNews,
    ) -> Outcome {
        self.confidant.owner_is_here(ctx.now().mono, &news.who);
        self.confidant.plan_push(ctx, &news.who);
        self.recovery.ask(ctx, &news.who);
        Outcome::Continue
    }

    pub(super) fn on_peer_gone(
        &mut self,
        ctx: &mut Context<'_>,
        _: &Delivery,
        news: PeerNews,
    ) -> Outcome {
        self.confidant.handle_gone(ctx, &news.who);
        let counted = self.owner.handle_gone(ctx, &news.who);
        if self.owner.forget_gone(ctx) || counted {
            ctx.log().warn(format!("confidant {} is gone", news.who.id));
            self.fill(ctx);
        }
        Outcome::Continue
    }

    /// A holder that was restarted lost its copy, unless it says otherwise. An
    /// old newspaper, played again, looks the same; so it is asked.
    pub(super) fn on_peer_restarted(
        &mut self,
        ctx: &mut Context<'_>,
        _: &Delivery,
        news: PeerNews,
    ) -> Outcome {
        self.doubt(ctx, &news.who);
        self.fill(ctx);
        Outcome::Continue
    }

    /// Presence heard this nara's own key from somewhere else.
    pub(super) fn on_elsewhere(
        &mut self,
        ctx: &mut Context<'_>,
        _: &Delivery,
        _: Nothing,
    ) -> Outcome {
        self.note_elsewhere(ctx);
        Outcome::Continue
    }

    /// The end of a store or a request of mine.
    pub(super) fn end_call(
        &mut self,
        ctx: &mut Context<'_>,
        call: CallId,
        result: Result<&Delivery, CallError>,
    ) {
        let copied = || result.as_ref().map(|one| *one).map_err(|error| *error);
        let confidant = &mut self.confidant;
        if confidant.end_handoff(ctx, call, copied())
            || confidant.end_challenge(ctx, call, copied())
            || confidant.end_foreign(ctx, call, copied())
            || self.end_grant(ctx, call, result.is_ok())
        {
            return;
        }
        if let Some(question) = self.recovery.take_question(call) {
            return self.end_question(ctx, &question, result);
        }
        let forgetter = self.forgetting.take(call);
        let result = match result {
            Err(error) => Err(error),
            Ok(delivery) => match parse_payload::<Ack>(delivery.payload()) {
                Ok(ack) => Ok((delivery, ack)),
                // The pipeline has read it as what it is; it cannot be else.
                Err(_) => Err(CallError::Timeout),
            },
        };
        if let Some(who) = forgetter {
            return self.end_delete(
                ctx,
                &who,
                result.as_ref().map(|(_, ack)| ack).map_err(|e| *e),
            );
        }
        let Some((who, reply)) = self.owner.handle_reply(ctx, call, result) else {
            return;
        };
        self.end_store(ctx, &who, &reply);
        let why = match reply {
            // It may have something that I have not seen; then that is known.
            Reply::Stale => Some(Why::Stale),
            Reply::Doubtful => Some(Why::Audit),
            _ => None,
        };
        if let Some(why) = why {
            self.ask_to_show(ctx, &who, why);
        }
        self.fill(ctx);
    }

    fn end_question(
        &mut self,
        ctx: &mut Context<'_>,
        question: &Question,
        result: Result<&Delivery, CallError>,
    ) {
        let holder = self.owner.holders().get(&question.to);
        let acked = holder.map(|holder| holder.revision);
        let response = result.ok().and_then(|delivery| {
            let response = parse_payload::<Response>(delivery.payload()).ok()?;
            let is_mine = response.owner_id == ctx.me().identity.id;
            is_mine.then_some(response)
        });
        let answer = response.and_then(|response| {
            let echoes = response.request_id == question.request_id;
            if !echoes && !response.found {
                ctx.log()
                    .warn("an answer to another request was passed off as this one's");
                return None;
            }
            // What opens is mine and welcome, whatever it answers.
            let (from, generation) = (&question.to, question.generation);
            let showing = match echoes {
                _ if question.is_doubted => Showing::Doubtful,
                true => Showing::Asked,
                false => Showing::Unasked,
            };
            Some(self.take_response(ctx, from, response, generation, showing))
        });
        match question.why {
            Why::Search => {
                self.recovery.ask_further(ctx);
                self.settle(ctx);
            }
            // It was asked again when it seemed to be restarted.
            Why::Audit if question.is_doubted => {}
            Why::Audit => {
                let answer = answer.map(|(answer, ..)| answer);
                self.judge_audit(ctx, &question.to, acked, answer);
            }
            Why::Stale => {
                if answer.is_none() {
                    self.owner.forget_stale(ctx, &question.to);
                }
                if self.may_store() {
                    self.owner.rise(ctx);
                }
            }
            Why::Operation(operation) => {
                let id = question.to.id;
                let result = match answer {
                    Some((_, Some(memory), _)) => Ok(memory),
                    Some((Answer::NotFound, None, _)) => Err(StashError::NotHeld(id)),
                    Some((_, None, _)) => Err(StashError::Broken(id)),
                    None => Err(StashError::NoAnswer(id)),
                };
                self.end_answer(operation, result);
            }
        }
        self.fill(ctx);
    }

    /// Opens what a peer sent and takes it over if it is newer. Returns what it
    /// was, and whether that changed anything. Whoever calls this fills up the
    /// copies behind it.
    pub(super) fn take_response(
        &mut self,
        ctx: &mut Context<'_>,
        from: &Identity,
        response: Response,
        generation: Generation,
        showing: Showing,
    ) -> (Answer, Option<Memory>, bool) {
        let (recovery, owner) = (&mut self.recovery, &self.owner);
        let (answer, found) = recovery.handle_response(ctx, from, response, generation, owner);
        let is_newest = generation == Generation::Newest;
        let Some(found) = found else {
            if is_newest {
                self.owner.note_loss(ctx, from);
            }
            return (answer, None, false);
        };
        let at = ctx.now().wall;
        let is_searching = matches!(
            self.recovery.state(),
            SearchState::Searching | SearchState::NotFound
        );
        if !is_newest || showing == Showing::Doubtful {
            // Whoever has it beside something else, or had it before it was
            // restarted, holds no copy that counts.
        } else if showing == Showing::Asked || self.recovery.state() == SearchState::Searching {
            self.owner.note_verified(from, found.copy(), at);
        } else {
            self.owner.note_offer(from, found.copy(), at);
        }
        // Somebody may hold a newer one than all who answered in time, or one
        // that the best of a search would hide.
        let mut is_news = true;
        if !is_searching || self.owner.is_set_here() {
            let may_seal = self.may_store();
            match self.owner.adopt(ctx, &found, may_seal) {
                Adopted::Nothing => is_news = false,
                Adopted::Taken => self.announce(ctx, self.recovery.count()),
                Adopted::Beside => self.tell_beside(ctx),
            }
        }
        if is_searching {
            self.settle(ctx);
        }
        (answer, Some(found.memory), is_news)
    }
}

/// Leaves an ack out that was signed for another request, whatever its
/// `in_reply_to` says, which nobody signs: the call that it names stays
/// pending. A Go nara names no request, and is judged by the time.
pub(super) fn is_right_answer(delivery: &Delivery) -> Outcome {
    let message = &delivery.message;
    let is_right = |ack: &Ack| {
        let names_none = ack.reason.is_empty() || !ack.success;
        ack.owner_id == message.to_id && (names_none || ack.reason == message.in_reply_to)
    };
    match parse_payload::<Ack>(delivery.payload()) {
        Ok(ack) if is_right(&ack) => Outcome::Continue,
        _ => Outcome::Drop("wrong_answer"),
    }
}
