//! Whether this nara may set a memory. Its older one may still be out there,
//! and what is set before it is back would overwrite it; and another device may
//! live as the same nara.

use super::errors::StashError;
use super::events::{BesideNews, GateNews};
use super::{SearchState, Stash};
use crate::runtime::{Context, Nothing};

/// Where the gate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// A memory may be set.
    Open,
    /// The older memory is being looked for.
    Searching,
    /// It was looked for in vain; the user chooses, or it turns up after all.
    Undecided,
}

impl Gate {
    /// The word used towards JavaScript.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Searching => "searching",
            Self::Undecided => "undecided",
        }
    }

    /// Reads the word.
    pub(super) fn parse(word: &str) -> Option<Self> {
        [Self::Open, Self::Searching, Self::Undecided]
            .into_iter()
            .find(|gate| gate.as_str() == word)
    }
}

impl Stash {
    /// Where the recovery gate stands.
    pub fn gate(&self) -> Gate {
        self.gate
    }

    /// Whether another device was noticed that lives as this nara.
    pub fn is_elsewhere(&self) -> bool {
        self.elsewhere
    }

    /// The user's choice after a search in vain: there is nothing to wait for.
    /// Should the older memory turn up later, what is set here stays, and
    /// `stash:beside` tells.
    ///
    /// # Errors
    /// [`StashError::Recovering`] while the search still has time.
    pub fn start_empty(&mut self, ctx: &mut Context<'_>) -> Result<(), StashError> {
        if self.gate == Gate::Searching {
            return Err(StashError::Recovering);
        }
        if self.gate == Gate::Undecided {
            self.owner.begin_empty();
        }
        self.move_gate(ctx, Gate::Open);
        Ok(())
    }

    /// The user's choice when another device lives as this nara: this one goes
    /// on and stores again; presence tells the other by greeting.
    pub fn go_on(&mut self, ctx: &mut Context<'_>) {
        if core::mem::take(&mut self.elsewhere) {
            ctx.log().info("this device goes on");
            ctx.emit("stash:go_on", &Nothing {});
            self.owner.rise(ctx);
            self.fill(ctx);
        }
    }

    pub(super) fn note_elsewhere(&mut self, ctx: &mut Context<'_>) {
        if !core::mem::replace(&mut self.elsewhere, true) {
            ctx.log().warn(
                "another device lives as this nara; nothing is stored until one of them goes on",
            );
            self.owner.forget_attempts(ctx);
            ctx.emit("elsewhere", &Nothing {});
        }
    }

    /// Whether anything of mine may be stored now.
    pub(super) fn may_store(&self) -> bool {
        self.gate == Gate::Open && !self.elsewhere
    }

    /// The same for callers, who want to know why not.
    pub(super) fn check_gate(&self) -> Result<(), StashError> {
        if self.elsewhere {
            return Err(StashError::Elsewhere);
        }
        match self.gate {
            Gate::Open => Ok(()),
            Gate::Searching | Gate::Undecided => Err(StashError::Recovering),
        }
    }

    pub(super) fn move_gate(&mut self, ctx: &mut Context<'_>, gate: Gate) {
        if core::mem::replace(&mut self.gate, gate) != gate {
            ctx.emit("stash:gate", &GateNews { gate });
        }
    }

    /// The gate follows the search, until it is open once and for all.
    pub(super) fn follow_search(&mut self, ctx: &mut Context<'_>) {
        if self.gate == Gate::Open {
            return;
        }
        let gate = match self.recovery.state() {
            SearchState::Searching => Gate::Searching,
            SearchState::NotFound => Gate::Undecided,
            SearchState::None | SearchState::Recovered => Gate::Open,
        };
        self.move_gate(ctx, gate);
    }

    /// Tells of a memory that turned up beside the one here.
    pub(super) fn tell_beside(&mut self, ctx: &mut Context<'_>) {
        if let Some(memory) = self.owner.beside() {
            let version = memory.revision;
            ctx.log()
                .warn("another memory turned up beside this one, and is kept beside it");
            ctx.emit("stash:beside", &BesideNews { version });
        }
    }
}
