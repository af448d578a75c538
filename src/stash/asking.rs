//! What the user asks of single peers, and what it wants to know.

use super::Stash;
use super::codec::Memory;
use super::errors::StashError;
use super::events::{Ending, Event};
use super::held::{Generation, Held};
use super::operations::{OperationId, Wait};
use super::owner::PINNED_MAX;
use super::recovery::Why;
use crate::base::Identity;
use crate::runtime::{CallError, Context};
use core::time::Duration;

impl From<CallError> for StashError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::TooMany => Self::TooMany,
            CallError::NotSent | CallError::Timeout => Self::NotConnected,
        }
    }
}

impl Stash {
    /// My memory, as this nara knows it, with the time of its seal.
    pub fn stash_data(&self) -> Option<&Memory> {
        self.owner.memory()
    }

    /// Whether a memory is known.
    pub fn has_stash_data(&self) -> bool {
        self.owner.memory().is_some()
    }

    /// Forgets my memory here. The confidants keep their copies, and
    /// [`Stash::recover`] brings it back.
    pub fn clear_my_stash(&mut self, ctx: &mut Context<'_>) {
        self.owner.forget_attempts(ctx);
        self.recovery.late_until = None;
        self.owner.clear();
        self.replace_older(u64::MAX);
        self.saved = None;
    }

    /// Who holds the newest revision.
    pub fn confidants(&self) -> impl Iterator<Item = &Identity> {
        self.owner.current_holders().map(|(who, _)| who)
    }

    /// How many confidants are wanted.
    pub fn target_confidants(&self) -> usize {
        self.owner.target()
    }

    /// Names confidants: these are asked first, whatever their score, and are
    /// never let go. Others fill up what they leave open. Ends with
    /// [`Event::Set`].
    ///
    /// # Errors
    /// When more than [`PINNED_MAX`] are named, or nothing can be stored now.
    pub fn set_confidants(
        &mut self,
        ctx: &mut Context<'_>,
        confidants: Vec<Identity>,
        deadline: Duration,
    ) -> Result<OperationId, StashError> {
        if confidants.len() > PINNED_MAX {
            return Err(StashError::TooManyNamed(confidants.len()));
        }
        self.check_gate()?;
        self.check_room()?;
        self.owner.pinned.clear();
        confidants.iter().for_each(|who| self.owner.pin(who));
        self.distribute_to_confidants(ctx, deadline)
    }

    /// Chooses confidants by score, forgetting whom the user had named, and
    /// stores the memory with them, or plans for the first that is set. Ends
    /// with [`Ending::Chosen`]. Nobody is tried with a store that is no memory.
    ///
    /// # Errors
    /// [`StashError::NotEnoughPeers`] when fewer can be asked than are wanted;
    /// those there are get the memory all the same, and more as they appear.
    pub fn select_confidants_automatically(
        &mut self,
        ctx: &mut Context<'_>,
        deadline: Duration,
    ) -> Result<OperationId, StashError> {
        self.check_gate()?;
        self.check_room()?;
        self.owner.pinned.clear();
        self.fill(ctx);
        if self.owner.candidates(ctx) < self.config.target {
            return Err(self.not_enough(ctx));
        }
        if let Some(revision) = self.owner.memory().map(|memory| memory.revision) {
            let operation = self.wait(ctx, deadline, Wait::Chosen { revision });
            self.report_saved(ctx);
            return Ok(operation);
        }
        let (operation, chosen) = (self.new_operation(), self.owner.choose_for_later(ctx));
        self.events
            .push_back(Event::Ended(operation, Ok(Ending::Chosen(chosen))));
        Ok(operation)
    }

    /// Stores the memory with as many confidants as are wanted. Ends with
    /// [`Event::Set`], at once if they hold it.
    ///
    /// # Errors
    /// When there is no memory, or nothing can be stored now.
    pub fn distribute_to_confidants(
        &mut self,
        ctx: &mut Context<'_>,
        deadline: Duration,
    ) -> Result<OperationId, StashError> {
        self.check_gate()?;
        self.check_room()?;
        let memory = self.owner.memory().ok_or(StashError::NoMemory)?;
        let revision = memory.revision;
        let operation = self.wait(ctx, deadline, Wait::Acks { revision });
        self.fill(ctx);
        Ok(operation)
    }

    /// Stores the memory with this peer, whatever its score and whoever else
    /// holds it. Ends with [`Event::Set`].
    ///
    /// # Errors
    /// When there is no memory, or nothing can be stored now.
    pub fn store_with(
        &mut self,
        ctx: &mut Context<'_>,
        who: &Identity,
        deadline: Duration,
    ) -> Result<OperationId, StashError> {
        self.check_gate()?;
        self.check_room()?;
        let memory = self.owner.memory().ok_or(StashError::NoMemory)?;
        let revision = memory.revision;
        self.owner.pin(who);
        self.owner.store(ctx, who)?;
        let who = *who;
        if self.owner.is_holder(&who)
            && let Some(receipt) = self.receipt()
        {
            let operation = self.new_operation();
            self.events.push_back(Event::Set(operation, Ok(receipt)));
            return Ok(operation);
        }
        Ok(self.wait(ctx, deadline, Wait::Ack { revision, who }))
    }

    /// Asks this peer for my memory, or for the one that it held before. What
    /// it gives is taken over if it is newer. Ends with [`Ending::Memory`].
    ///
    /// # Errors
    /// When nothing can be asked now.
    pub fn request_from(
        &mut self,
        ctx: &mut Context<'_>,
        who: &Identity,
        generation: Generation,
        deadline: Duration,
    ) -> Result<OperationId, StashError> {
        self.check_room()?;
        let operation = self.wait(ctx, deadline, Wait::Answer { who: *who });
        let why = Why::Operation(operation);
        let asked = self.recovery.request(ctx, who, generation, why, deadline);
        if let Err(error) = asked {
            self.cancel(operation);
            return Err(error.into());
        }
        Ok(operation)
    }

    /// Gives an owner its stash, as if it had asked. Returns whether one is
    /// held.
    pub fn push_to(&mut self, ctx: &mut Context<'_>, owner: &Identity) -> bool {
        self.confidant.push(ctx, owner)
    }

    /// Passes on what is held for those who are away, because this nara goes.
    /// Returns whether anything is on its way.
    pub fn leave(&mut self, ctx: &mut Context<'_>) -> bool {
        self.confidant.leave(ctx)
    }

    /// Whether something held for others is being passed on.
    pub fn is_passing_on(&self) -> bool {
        self.confidant.is_passing_on()
    }

    /// The owner of a held stash, by its id.
    pub fn owner_by_id(&self, id: &str) -> Option<&Identity> {
        let mut owners = self.confidant.held().keys();
        owners.find(|owner| owner.id.as_str() == id)
    }

    /// The stash held for an owner.
    pub fn stored_stash(&self, owner: &Identity) -> Option<&Held> {
        self.confidant.held().get(owner)
    }

    /// Whether a stash is held for an owner.
    pub fn has_stash_for(&self, owner: &Identity) -> bool {
        self.confidant.held().contains_key(owner)
    }

    /// How many stashes are held.
    pub fn stored_count(&self) -> usize {
        self.confidant.held().len()
    }

    /// How many stashes may be held.
    pub fn storage_limit(&self) -> usize {
        self.confidant.limit()
    }
}
