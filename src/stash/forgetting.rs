//! Being forgotten: holders are asked to let go of my stash, all of them at the
//! user's wish, or those that are too many.

use super::Stash;
use super::errors::StashError;
use super::events::{Ending, Event, Forgotten};
use super::operations::{Operation, OperationId, Wait};
use crate::base::{ExpiringMap, Gather, Identity, SortedMap, SortedSet};
use crate::message::{Ack, Delete};
use crate::runtime::{CallError, CallId, Context};
use core::time::Duration;

/// Peers that are asked to forget at once; the known holders come first.
const ASKED_MAX: usize = 64;

/// Whoever was asked to let go is not asked again for so long: a Go nara knows
/// no such wish.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(3600);

/// How long a holder has to let go.
const LET_GO_WITHIN: Duration = Duration::from_secs(10);

/// Wishes to be forgotten that are on their way.
pub(super) struct Forgetting {
    pub(super) calls: SortedMap<CallId, Identity>,
    pub(super) asked: ExpiringMap<Identity, ()>,
}

impl Forgetting {
    pub(super) fn new() -> Self {
        Self {
            calls: SortedMap::new(),
            asked: ExpiringMap::new(ASKED_MAX, ASK_AGAIN_AFTER),
        }
    }

    pub(super) fn take(&mut self, call: CallId) -> Option<Identity> {
        self.calls.remove(&call)
    }

    fn ask(
        &mut self,
        ctx: &mut Context<'_>,
        who: &Identity,
        ts: i64,
        deadline: Duration,
    ) -> Result<(), CallError> {
        let owner_id = ctx.me().identity.id.to_text();
        let delete = Delete { owner_id, ts };
        let call = ctx.call(who, "stash:delete", &delete, "stash:ack", deadline)?;
        self.calls.insert(call, *who);
        Ok(())
    }
}

impl Stash {
    /// Asks one peer to forget my stash; it is not chosen again unless the user
    /// names it. Ends with [`Ending::Forgotten`].
    ///
    /// # Errors
    /// When nothing can be asked now.
    pub fn delete_from(
        &mut self,
        ctx: &mut Context<'_>,
        who: &Identity,
        deadline: Duration,
    ) -> Result<OperationId, StashError> {
        self.check_room()?;
        let ts = self.owner.latest_time();
        self.forgetting.ask(ctx, who, ts, deadline)?;
        self.owner.shun(ctx, who);
        let left = SortedSet::from([*who]);
        let operation = self.wait_to_be_forgotten(ctx, left, deadline);
        self.fill(ctx);
        Ok(operation)
    }

    /// Forgets my memory here and asks everybody who may hold it to forget it
    /// too. Ends with [`Ending::Forgotten`].
    ///
    /// # Errors
    /// When nothing can be asked now; nothing has changed then.
    pub fn forget_everywhere(
        &mut self,
        ctx: &mut Context<'_>,
        deadline: Duration,
    ) -> Result<OperationId, StashError> {
        if self.elsewhere {
            return Err(StashError::Elsewhere);
        }
        self.check_room()?;
        if !ctx.is_connected() {
            return Err(StashError::NotConnected);
        }
        let known: SortedSet<Identity> = self.owner.may_hold().cloned().collect();
        let ts = self.owner.forget(ctx);
        self.replace_older(u64::MAX);
        self.saved = None;
        self.recovery.stop();
        self.follow_search(ctx);
        let online = ctx.peers().reached().map(|(who, _)| *who);
        let others = online.filter(|who| !known.contains(who));
        let everybody: Vec<Identity> = known.iter().cloned().chain(others).gather();
        for who in everybody.iter().take(ASKED_MAX) {
            if let Err(error) = self.forgetting.ask(ctx, who, ts, deadline) {
                ctx.log()
                    .warn(format!("cannot ask {} to forget: {error}", who.id));
            }
        }
        Ok(self.wait_to_be_forgotten(ctx, known, deadline))
    }

    fn wait_to_be_forgotten(
        &mut self,
        ctx: &Context<'_>,
        left: SortedSet<Identity>,
        deadline: Duration,
    ) -> OperationId {
        let so_far = Forgotten::default();
        let operation = self.wait(ctx, deadline, Wait::Forget { left, so_far });
        self.end_forgotten();
        operation
    }

    /// Asks a holder that is one too many to let go.
    pub(super) fn let_go(&mut self, ctx: &mut Context<'_>, who: &Identity) {
        let now = ctx.now().mono;
        let Some(memory) = self.owner.memory() else {
            return;
        };
        let ts = memory.timestamp;
        if self.forgetting.asked.get(now, who).is_none()
            && self.forgetting.ask(ctx, who, ts, LET_GO_WITHIN).is_ok()
        {
            self.forgetting.asked.insert(now, *who, ());
            ctx.log().info(format!("{} is one holder too many", who.id));
        }
    }

    /// Somebody answered a wish to be forgotten, or did not.
    pub(super) fn end_delete(
        &mut self,
        ctx: &mut Context<'_>,
        who: &Identity,
        result: Result<&Ack, CallError>,
    ) {
        let has_forgotten = result.is_ok_and(|ack| ack.success);
        if has_forgotten {
            self.owner.drop_holder(who);
        }
        for one in &mut self.operations {
            if let Wait::Forget { left, so_far } = &mut one.what
                && left.remove(who)
            {
                let list = if has_forgotten {
                    &mut so_far.forgotten
                } else {
                    &mut so_far.may_still_hold
                };
                list.push(*who);
            }
        }
        self.end_forgotten();
        self.fill(ctx);
    }

    fn end_forgotten(&mut self) {
        let is_done =
            |one: &mut Operation| matches!(&one.what, Wait::Forget { left, .. } if left.is_empty());
        for one in self.operations.extract_if(.., is_done) {
            if let Wait::Forget { so_far, .. } = one.what {
                let ending = Ending::Forgotten(so_far);
                self.events.push_back(Event::Ended(one.id, Ok(ending)));
            }
        }
    }
}
