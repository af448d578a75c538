//! The handlers of the stash's behaviours, and what the replies to its calls do.

use super::Stash;
use super::recovery::SearchState;
use crate::base::Identity;
use crate::message::{Ack, Refresh, Request, Response, Store, parse_payload};
use crate::runtime::{CallId, Context, Delivery, Nothing, Outcome, PeerNews};

impl Stash {
    pub(super) fn on_store(
        &mut self,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        store: Store,
    ) -> Outcome {
        self.confidant.handle_store(ctx, delivery, store)
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
        self.take_response(ctx, &sender.clone(), response)
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
        if ask.owner_id != sender.id.as_str() {
            return Outcome::Drop("not_the_owner");
        }
        self.confidant.handle_refresh(ctx, sender);
        Outcome::Continue
    }

    pub(super) fn on_connected(
        &mut self,
        ctx: &mut Context<'_>,
        _: &Delivery,
        _: Nothing,
    ) -> Outcome {
        self.recovery.ask_everybody(ctx);
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
        self.recovery.forget_questions(ctx);
        Outcome::Continue
    }

    pub(super) fn on_peer_online(
        &mut self,
        ctx: &mut Context<'_>,
        _: &Delivery,
        news: PeerNews,
    ) -> Outcome {
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
        self.confidant.handle_hello(ctx, &news.who);
        Outcome::Continue
    }

    pub(super) fn on_peer_gone(
        &mut self,
        ctx: &mut Context<'_>,
        _: &Delivery,
        news: PeerNews,
    ) -> Outcome {
        if self.owner.handle_gone(&news.who) {
            ctx.log().warn(format!("confidant {} is gone", news.who.id));
            self.report_saved();
            self.fill(ctx);
        }
        Outcome::Continue
    }

    pub(super) fn take_response(
        &mut self,
        ctx: &mut Context<'_>,
        from: &Identity,
        response: Response,
    ) -> Outcome {
        if response.owner_id != ctx.me().identity.id.as_str() {
            return Outcome::Drop("not_my_stash");
        }
        let Some((memory, sealed)) = self.recovery.handle_response(ctx, from, response) else {
            return Outcome::Continue;
        };
        let at = ctx.now().wall;
        self.owner.note_holder(from, memory.revision, at);
        if self.recovery.state() == SearchState::Searching
            || self.recovery.state() == SearchState::NotFound
        {
            self.settle(ctx);
        } else if self.owner.adopt(ctx, &memory, &sealed) {
            // Somebody held a newer one than all who answered in time.
            self.announce(ctx, self.recovery.count());
            self.fill(ctx);
        } else {
            self.fill(ctx);
        }
        Outcome::Continue
    }

    pub(super) fn handle_answer(
        &mut self,
        ctx: &mut Context<'_>,
        call: CallId,
        delivery: &Delivery,
    ) {
        if let Ok(ack) = parse_payload::<Ack>(delivery.payload())
            && delivery.message.kind == "stash:ack"
        {
            self.owner.handle_reply(ctx, call, Ok((delivery, ack)));
            return self.fill(ctx);
        }
        if let (Ok(response), Some(sender)) = (
            parse_payload::<Response>(delivery.payload()),
            &delivery.sender,
        ) {
            let echoes = self.recovery.handle_answer(call, &response);
            if !echoes && !response.found {
                ctx.log()
                    .warn("an answer to another request was passed off as this one's");
                return;
            }
            // What opens is mine and welcome, whatever it answers.
            self.take_response(ctx, &sender.clone(), response);
        }
    }
}
