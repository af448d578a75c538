//! What a caller began and waits for: sets and recoveries, each of which ends
//! once, with an event.

use super::Stash;
use super::codec::{self, CodecError, Memory};
use super::recovery::{RECOVERY_DEADLINE, SearchState};
use crate::base::{Identity, Instant};
use crate::message::Payload;
use crate::runtime::Context;
use core::fmt;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Operations that may wait at once.
pub const OPERATIONS_MAX: usize = 64;

/// Names an operation that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub u64);

/// Why a memory was not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetError {
    /// It is no JSON or does not fit.
    Codec(CodecError),
    /// Nobody had acknowledged it by the deadline. It is kept in this nara and
    /// stored as soon as there are peers.
    NotEnoughPeers {
        /// How many confidants are wanted.
        wanted: usize,
        /// How many peers were online.
        found: usize,
    },
    /// A newer memory was set meanwhile.
    Replaced,
    /// Too many operations wait already.
    TooMany,
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Codec(error) => error.fmt(f),
            Self::NotEnoughPeers { wanted, found } => write!(
                f,
                "no confidant has acknowledged the memory: {wanted} wanted, {found} peers online; it is kept here and stored as soon as somebody is there"
            ),
            Self::Replaced => f.write_str("a newer memory was set meanwhile"),
            Self::TooMany => write!(f, "{OPERATIONS_MAX} operations wait already"),
        }
    }
}

impl core::error::Error for SetError {}

/// A memory that is stored: which revision, with whom, of how many wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The revision.
    pub revision: u64,
    /// Who acknowledged it.
    pub holders: Vec<Identity>,
    /// How many are wanted.
    pub target: usize,
}

/// What happened, for whoever began it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A set ended.
    Set(OperationId, Result<Receipt, SetError>),
    /// A recovery ended; `None` when nothing was found by its deadline.
    Recovered(OperationId, Option<Memory>),
    /// The newest revision has this many holders now.
    Saved(Receipt),
}

/// The payload of the local message `stash:recovered`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveredNews {
    /// How many confidants' copies opened to the memory chosen; 0 when none did.
    pub count: usize,
}

impl Payload for RecoveredNews {
    const FIELDS: &'static [&'static str] = &["count"];
}

pub(super) struct Operation {
    pub(super) id: OperationId,
    pub(super) deadline: Instant,
    pub(super) what: Wait,
}

pub(super) enum Wait {
    /// For the search to end; then the text is set.
    Search { data: String },
    /// For acknowledgements of a revision.
    Acks { revision: u64 },
    /// For the search to find something.
    Found,
}

impl Stash {
    /// Keeps a memory: seals it and stores it with the confidants. Ends with
    /// [`Event::Set`] when all wanted have acknowledged, or at the deadline.
    ///
    /// While the search for an older memory runs, the new one waits for it, so
    /// that it gets the revision after the newest there is.
    ///
    /// # Errors
    /// When it is no JSON or does not fit, or too much waits already.
    pub fn set(
        &mut self,
        ctx: &mut Context<'_>,
        data: String,
        deadline: Duration,
    ) -> Result<OperationId, SetError> {
        codec::check(&data).map_err(SetError::Codec)?;
        if self.operations.len() >= OPERATIONS_MAX {
            return Err(SetError::TooMany);
        }
        let deadline = ctx.now().mono + deadline;
        if self.recovery.state() == SearchState::Searching && self.owner.memory().is_none() {
            return Ok(self.wait(deadline, Wait::Search { data }));
        }
        let revision = self.owner.set(ctx, data).map_err(SetError::Codec)?;
        self.replace_older(revision);
        let operation = self.wait(deadline, Wait::Acks { revision });
        self.fill(ctx);
        Ok(operation)
    }

    /// Asks everybody for my memory. Ends with [`Event::Recovered`].
    ///
    /// # Errors
    /// [`SetError::TooMany`].
    pub fn recover(
        &mut self,
        ctx: &mut Context<'_>,
        deadline: Duration,
    ) -> Result<OperationId, SetError> {
        if self.operations.len() >= OPERATIONS_MAX {
            return Err(SetError::TooMany);
        }
        let operation = self.wait(ctx.now().mono + deadline, Wait::Found);
        match self.recovery.state() {
            SearchState::Searching => {}
            SearchState::Recovered if self.owner.memory().is_some() => self.end_search(),
            _ => self.recovery.begin(ctx),
        }
        Ok(operation)
    }

    /// Stops waiting for an operation. What it began goes on; a set that still
    /// waits for the search has begun nothing and is withdrawn.
    pub fn cancel(&mut self, operation: OperationId) {
        self.operations.retain(|one| one.id != operation);
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn wait(&mut self, deadline: Instant, what: Wait) -> OperationId {
        self.next_operation += 1;
        let id = OperationId(self.next_operation);
        self.operations.push(Operation { id, deadline, what });
        id
    }

    /// Those who wait for an older revision learn that it was replaced.
    pub(super) fn replace_older(&mut self, newest: u64) {
        let older =
            |one: &Operation| matches!(one.what, Wait::Acks { revision } if revision < newest);
        for one in self.operations.extract_if(.., |one| older(one)) {
            self.events
                .push_back(Event::Set(one.id, Err(SetError::Replaced)));
        }
    }

    pub(super) fn fill(&mut self, ctx: &mut Context<'_>) {
        self.owner.fill(ctx);
        self.report_saved();
    }

    pub(super) fn receipt(&self) -> Option<Receipt> {
        let revision = self.owner.memory()?.revision;
        let holders = self
            .owner
            .current_holders()
            .map(|(who, _)| who.clone())
            .collect();
        Some(Receipt {
            revision,
            holders,
            target: self.config.target,
        })
    }

    /// Tells everybody who waits, if the number of copies changed.
    pub(super) fn report_saved(&mut self) {
        let Some(receipt) = self.receipt() else {
            return;
        };
        let news = (receipt.revision, receipt.holders.len());
        if self.saved == Some(news) {
            return;
        }
        self.saved = Some(news);
        if receipt.holders.len() >= receipt.target {
            let done = |one: &Operation| matches!(one.what, Wait::Acks { revision } if revision <= receipt.revision);
            for one in self.operations.extract_if(.., |one| done(one)) {
                self.events
                    .push_back(Event::Set(one.id, Ok(receipt.clone())));
            }
        }
        self.events.push_back(Event::Saved(receipt));
    }

    /// Ends the search, if it is time, and takes over what it found.
    pub(super) fn settle(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now().mono;
        if self.recovery.is_settled(now, self.config.target) {
            self.recovery.settle(now);
            if let Some((memory, sealed)) = self.recovery.best() {
                self.owner.adopt(ctx, memory, sealed);
            }
            self.announce(ctx, self.recovery.count());
            self.end_search();
            self.set_waiting(ctx);
            self.fill(ctx);
        } else if self.recovery.give_up(now) {
            ctx.log()
                .warn("nobody has given the memory back yet; the search goes on");
            self.announce(ctx, 0);
            self.set_waiting(ctx);
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
        for one in self
            .operations
            .extract_if(.., |one| matches!(one.what, Wait::Found))
        {
            self.events
                .push_back(Event::Recovered(one.id, memory.clone()));
        }
    }

    /// Sets what waited for the search; only the last of several counts.
    pub(super) fn set_waiting(&mut self, ctx: &mut Context<'_>) {
        let searching = |one: &Operation| matches!(one.what, Wait::Search { .. });
        let waiting: Vec<Operation> = self
            .operations
            .extract_if(.., |one| searching(one))
            .collect();
        for one in waiting {
            let Wait::Search { data } = one.what else {
                continue;
            };
            match self.owner.set(ctx, data) {
                Ok(revision) => {
                    self.replace_older(revision);
                    let what = Wait::Acks { revision };
                    self.operations.push(Operation { what, ..one });
                }
                Err(error) => {
                    self.events
                        .push_back(Event::Set(one.id, Err(SetError::Codec(error))));
                }
            }
        }
        self.fill(ctx);
    }

    pub(super) fn expire_operations(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now().mono;
        let due: Vec<Operation> = self
            .operations
            .extract_if(.., |one| one.deadline <= now)
            .collect();
        for one in due {
            let event = match one.what {
                Wait::Found => Event::Recovered(one.id, None),
                Wait::Search { data } => {
                    // Nothing is lost: it is set as soon as the search has ended.
                    let waits_on = self.wait(now + RECOVERY_DEADLINE, Wait::Search { data });
                    ctx.log()
                        .debug(format!("operation {} goes on unwatched", waits_on.0));
                    Event::Set(one.id, Err(self.not_enough(ctx)))
                }
                Wait::Acks { .. } => Event::Set(one.id, self.receipt_at_deadline(ctx)),
            };
            self.events.push_back(event);
        }
    }

    pub(super) fn receipt_at_deadline(&self, ctx: &Context<'_>) -> Result<Receipt, SetError> {
        let receipt = self.receipt().filter(|receipt| !receipt.holders.is_empty());
        receipt.ok_or_else(|| self.not_enough(ctx))
    }

    pub(super) fn not_enough(&self, ctx: &Context<'_>) -> SetError {
        let found = ctx.peers().online().count();
        SetError::NotEnoughPeers {
            wanted: self.config.target,
            found,
        }
    }
}
