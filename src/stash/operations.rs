//! What a caller began and waits for. Each operation ends once, with an event.

use super::codec::{Memory, NAMED_MAX};
use super::errors::StashError;
use super::events::{Ending, Event, Forgotten, Receipt, RecoveredNews};
use super::filling::Reply;
use super::recovery::SearchState;
use super::{Adopted, Stash};
use crate::base::{Gather, Identity, Instant, SortedSet};
use crate::runtime::Context;
use core::time::Duration;

/// Operations that may wait at once.
pub const OPERATIONS_MAX: usize = 64;

/// Names an operation that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub u64);

pub(super) struct Operation {
    pub(super) id: OperationId,
    pub(super) deadline: Instant,
    pub(super) what: Wait,
}

pub(super) enum Wait {
    /// For as many acknowledgements of a revision as are wanted.
    Acks { revision: u64 },
    /// The same, by whoever wants to know the holders.
    Chosen { revision: u64 },
    /// For one peer's acknowledgement.
    Ack { revision: u64, who: Identity },
    /// For the search to find something.
    Found,
    /// For one peer's answer.
    Answer { who: Identity },
    /// For those who are to forget.
    Forget {
        left: SortedSet<Identity>,
        so_far: Forgotten,
    },
}

impl Stash {
    /// Keeps a memory: seals it and stores it with the confidants. Ends with
    /// [`Event::Set`] when all wanted have acknowledged, or at the deadline.
    ///
    /// # Errors
    /// When it is no JSON or does not fit, when the recovery gate is closed, or
    /// when too much waits already. Nothing has changed then.
    pub fn set(
        &mut self,
        ctx: &mut Context<'_>,
        data: String,
        deadline: Duration,
    ) -> Result<OperationId, StashError> {
        self.check_room()?;
        let revision = self.seal(ctx, data)?;
        let operation = self.wait(ctx, deadline, Wait::Acks { revision });
        self.fill(ctx);
        Ok(operation)
    }

    /// Keeps a memory without waiting for its copies: they are made behind
    /// this. Returns its revision.
    ///
    /// # Errors
    /// As [`Stash::set`].
    pub fn set_stash_data(
        &mut self,
        ctx: &mut Context<'_>,
        data: String,
    ) -> Result<u64, StashError> {
        let revision = self.seal(ctx, data)?;
        self.fill(ctx);
        Ok(revision)
    }

    fn seal(&mut self, ctx: &mut Context<'_>, data: String) -> Result<u64, StashError> {
        super::codec::check(&data).map_err(StashError::Codec)?;
        self.check_gate()?;
        let revision = self.owner.set(ctx, data).map_err(StashError::Codec)?;
        self.replace_older(revision);
        Ok(revision)
    }

    /// Looks for my memory, if it is not back yet. Ends with
    /// [`Event::Recovered`].
    ///
    /// # Errors
    /// [`StashError::TooMany`].
    pub fn recover(
        &mut self,
        ctx: &mut Context<'_>,
        deadline: Duration,
    ) -> Result<OperationId, StashError> {
        self.check_room()?;
        let operation = self.wait(ctx, deadline, Wait::Found);
        match self.recovery.state() {
            SearchState::Searching => {}
            SearchState::Recovered if self.owner.memory().is_some() => self.end_search(),
            _ => self.search(ctx),
        }
        Ok(operation)
    }

    /// Asks everybody for my memory, also if one is known. Ends with
    /// [`Event::Recovered`]: the newest, which may be the one known.
    ///
    /// # Errors
    /// [`StashError::TooMany`].
    pub fn recover_from_any(
        &mut self,
        ctx: &mut Context<'_>,
        deadline: Duration,
    ) -> Result<OperationId, StashError> {
        self.check_room()?;
        let operation = self.wait(ctx, deadline, Wait::Found);
        if self.recovery.state() != SearchState::Searching {
            self.search(ctx);
        }
        Ok(operation)
    }

    /// Begins a search.
    pub(super) fn search(&mut self, ctx: &mut Context<'_>) {
        self.owner.want_back();
        let mut remembered: Vec<Identity> = self.owner.holders().keys().cloned().gather();
        if remembered.is_empty() {
            remembered.clone_from(&self.config.holders);
        }
        remembered.truncate(NAMED_MAX);
        self.recovery.begin(ctx, remembered);
        self.follow_search(ctx);
    }

    /// Stops waiting for an operation. What it began goes on.
    pub fn cancel(&mut self, operation: OperationId) {
        self.operations.retain(|one| one.id != operation);
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn check_room(&self) -> Result<(), StashError> {
        if self.operations.len() >= OPERATIONS_MAX {
            return Err(StashError::TooMany);
        }
        Ok(())
    }

    pub(super) fn new_operation(&mut self) -> OperationId {
        self.next_operation += 1;
        OperationId(self.next_operation)
    }

    pub(super) fn wait(
        &mut self,
        ctx: &Context<'_>,
        deadline: Duration,
        what: Wait,
    ) -> OperationId {
        let id = self.new_operation();
        let deadline = ctx.now().mono + deadline;
        self.operations.push(Operation { id, deadline, what });
        id
    }

    /// Takes out the operations that `is_wanted` says so of.
    pub(super) fn take_operations(
        &mut self,
        is_wanted: &dyn Fn(&Operation) -> bool,
    ) -> Vec<Operation> {
        let wanted = self.operations.extract_if(.., |one| is_wanted(one));
        wanted.gather()
    }

    /// Those who wait for an older revision learn that it was replaced.
    pub(super) fn replace_older(&mut self, newest: u64) {
        let is_older = |one: &Operation| matches!(one.what, Wait::Acks { revision } | Wait::Chosen { revision } | Wait::Ack { revision, .. } if revision < newest);
        for one in self.take_operations(&is_older) {
            self.end_storing(one, Err(StashError::Replaced));
        }
    }

    /// Asks as many peers as copies are missing, where that is allowed.
    pub(super) fn fill(&mut self, ctx: &mut Context<'_>) {
        if self.may_store() {
            self.owner.redate(ctx);
            self.owner.fill(ctx);
        }
        self.report_saved(ctx);
    }

    pub(super) fn receipt(&self) -> Option<Receipt> {
        let revision = self.owner.memory()?.revision;
        let holders = self.owner.current_holders().map(|(who, _)| *who).gather();
        Some(Receipt {
            revision,
            holders,
            target: self.config.target,
        })
    }

    /// Tells everybody who waits, if the number of copies changed.
    pub(super) fn report_saved(&mut self, ctx: &mut Context<'_>) {
        self.plan_grant(ctx);
        let Some(receipt) = self.receipt() else {
            return;
        };
        let news = (receipt.revision, receipt.holders.len());
        if receipt.holders.len() >= receipt.target {
            self.owner.note_safe();
            let is_done = |one: &Operation| matches!(one.what, Wait::Acks { revision } | Wait::Chosen { revision } if revision <= receipt.revision);
            for one in self.take_operations(&is_done) {
                self.end_storing(one, Ok(receipt.clone()));
            }
        }
        if self.saved != Some(news) {
            self.saved = Some(news);
            self.events.push_back(Event::Saved(receipt));
        }
    }

    fn end_storing(&mut self, one: Operation, result: Result<Receipt, StashError>) {
        self.events.push_back(match one.what {
            Wait::Chosen { .. } => Event::Ended(
                one.id,
                result.map(|receipt| Ending::Chosen(receipt.holders)),
            ),
            _ => Event::Set(one.id, result),
        });
    }

    /// A peer has answered a store; whoever waits for that one learns it.
    pub(super) fn end_store(&mut self, ctx: &Context<'_>, who: &Identity, reply: &Reply) {
        // What a doubtful one shows will tell.
        let is_older = |wanted: u64| match reply {
            Reply::Holds(got) => *got < wanted,
            reply => *reply == Reply::Doubtful,
        };
        let is_this = |one: &Operation| matches!(&one.what, Wait::Ack { who: to, revision } if to == who && !is_older(*revision));
        for one in self.take_operations(&is_this) {
            let id = || who.id;
            let result = match reply {
                Reply::Holds(_) => self.receipt().ok_or_else(|| self.not_enough(ctx)),
                Reply::Refused(reason) => Err(StashError::Refused {
                    who: id(),
                    reason: reason.clone(),
                }),
                Reply::Stale => Err(StashError::Stale(id())),
                Reply::Silent | Reply::Doubtful => Err(StashError::NoAnswer(id())),
            };
            self.events.push_back(Event::Set(one.id, result));
        }
    }

    /// Ends the search, if it is time, and takes over what it found.
    pub(super) fn settle(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now().mono;
        let me = ctx.me().identity;
        if self.recovery.is_settled(now, &me, self.config.target) {
            self.recovery.settle(now, &me, self.config.target);
            self.follow_search(ctx);
            let may_seal = self.may_store();
            let sibling = self.recovery.take_sibling();
            let mut is_beside = false;
            for found in [self.recovery.best(), sibling.as_ref()] {
                is_beside |= found
                    .is_some_and(|found| self.owner.adopt(ctx, found, may_seal) == Adopted::Beside);
            }
            if is_beside {
                self.tell_beside(ctx);
            }
            self.announce(ctx, self.recovery.count());
            self.end_search();
            self.fill(ctx);
        } else if self.recovery.give_up(now) {
            ctx.log()
                .warn("nobody has given the memory back yet; the search goes on");
            self.announce(ctx, 0);
            self.follow_search(ctx);
        }
    }

    pub(super) fn announce(&self, ctx: &mut Context<'_>, count: usize) {
        if count > 0 {
            ctx.log()
                .info(format!("the memory is back; copies that agree: {count}"));
        }
        ctx.emit("stash:recovered", &RecoveredNews { count });
    }

    pub(super) fn end_search(&mut self) {
        let memory = self.owner.memory().cloned();
        let is_search = |one: &Operation| matches!(one.what, Wait::Found);
        for one in self.take_operations(&is_search) {
            self.events
                .push_back(Event::Recovered(one.id, memory.clone()));
        }
    }

    /// Ends an operation that waits for one peer's answer.
    pub(super) fn end_answer(&mut self, id: OperationId, result: Result<Memory, StashError>) {
        let is_this = |one: &Operation| one.id == id;
        if !self.take_operations(&is_this).is_empty() {
            self.events
                .push_back(Event::Ended(id, result.map(Ending::Memory)));
        }
    }

    pub(super) fn expire_operations(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now().mono;
        for one in self.take_operations(&|one| one.deadline <= now) {
            match one.what {
                Wait::Found => self.events.push_back(Event::Recovered(one.id, None)),
                Wait::Acks { .. } => {
                    let result = self.receipt().filter(|receipt| !receipt.holders.is_empty());
                    let result = result.ok_or_else(|| self.not_enough(ctx));
                    self.end_storing(one, result);
                }
                // Who wants to know the confidants wants all of them.
                Wait::Chosen { .. } => self.end_storing(one, Err(self.not_enough(ctx))),
                Wait::Ack { ref who, .. } => {
                    let error = StashError::NoAnswer(who.id);
                    self.end_storing(one, Err(error));
                }
                Wait::Answer { who } => {
                    let error = StashError::NoAnswer(who.id);
                    self.events.push_back(Event::Ended(one.id, Err(error)));
                }
                Wait::Forget { left, mut so_far } => {
                    so_far.may_still_hold.extend(left);
                    let ending = Ending::Forgotten(so_far);
                    self.events.push_back(Event::Ended(one.id, Ok(ending)));
                }
            }
        }
    }

    pub(super) fn not_enough(&self, ctx: &Context<'_>) -> StashError {
        StashError::NotEnoughPeers {
            wanted: self.config.target,
            found: self.owner.candidates(ctx),
        }
    }
}
