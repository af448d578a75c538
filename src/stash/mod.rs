//! The stash service: keeps this nara's memory sealed with its confidants,
//! gets it back, and holds the sealed stashes of others.
//!
//! Payloads and kinds: wire page, "Runtime message". It lives on the runtime
//! alone and is the reference for services written by others.

mod absence;
mod asking;
pub mod codec;
mod confidant;
mod deflate;
mod errors;
mod events;
mod filling;
#[cfg_attr(not(feature = "gateway"), path = "no_foreign.rs")]
mod foreign;
mod forgetting;
mod gate;
mod grant;
mod granting;
mod handlers;
mod held;
mod keeping;
mod loads;
mod older;
mod operations;
mod owner;
mod passing;
mod places;
mod proving;
mod recovery;
mod selection;
mod state;
mod taking;

pub use absence::{ABSENT_MAX, PRUNE_EVERY};
pub use codec::{CodecError, MEMORY_SIZE_MAX, Memory, Padding, SEALED_SIZE};
pub use confidant::{Confidant, PUSH_AFTER, PUSH_EVERY};
pub use errors::StashError;
pub use events::{BesideNews, Ending, Event, Forgotten, GateNews, Receipt, RecoveredNews};
pub use filling::{LOOK_FURTHER_AFTER, PATIENCE};
pub use gate::Gate;
pub use grant::{COPIES_MAX, GRANT_FOR};
pub use held::{Generation, Held, KEPT_FOR, Older};
pub use keeping::{AUDIT_EVERY, CHECK_EVERY};
pub use operations::{OPERATIONS_MAX, OperationId};
pub use owner::{GROWN_AFTER, Holder, Owner, PINNED_MAX, REFUSED_FOR, SILENT_FOR, SPARES, TARGET};
pub use passing::{COUNT_EVERY, HANDOFF_AFTER, HANDOFF_PATIENCE, HANDOFF_STEP};
pub use places::PROVISIONAL_FOR;
pub use recovery::{
    Answer, HOLDERS_FIRST, RECOVERY_DEADLINE, Recovery, SETTLE_AFTER, SETTLE_WITHIN, SearchState,
};
pub use selection::{Candidate, choose, score};
pub use state::{StashState, StateError};

use crate::base::{Gather, Identity, Instant, NaraId, Now, PublicKey};
use crate::neighbourhood::MemoryMode;
use crate::runtime::{Behaviour, CallError, CallId, Context, Delivery, Service};
use codec::NAMED_MAX;
use core::time::Duration;
use forgetting::Forgetting;
use granting::Granting;
use keeping::Keeping;
use operations::Operation;
use owner::Adopted;
use std::collections::VecDeque;

/// What one sender may ask of this nara in [`RATE_SPAN`], kind by kind.
const RATE: u32 = 30;

/// The span of [`RATE`].
const RATE_SPAN: Duration = Duration::from_secs(10);

/// What a nara may choose about its stash.
#[derive(Clone, Debug)]
pub struct Config {
    /// How much it holds for others.
    pub mode: MemoryMode,
    /// How many confidants it wants, 1 to 7.
    pub target: usize,
    /// How many spare copies it wants while its holders are young, 0 to 2.
    pub spares: usize,
    /// How much of the size of its memory a holder learns.
    pub padding: Padding,
    /// Whether its soul was just born, so that there is nothing to recover.
    pub newborn: bool,
    /// Who held its memory when it was last awake, as far as it remembers.
    pub holders: Vec<Identity>,
}

impl Config {
    /// What is chosen where nothing is said.
    pub fn new(newborn: bool) -> Self {
        Self {
            mode: MemoryMode::Medium,
            target: TARGET,
            spares: SPARES,
            padding: Padding::default(),
            newborn,
            holders: Vec::new(),
        }
    }
}

/// Reads what [`Stash::holders_text`] wrote; what is no holder is passed over.
pub fn holders_of(text: &str) -> Vec<Identity> {
    let read = |line: &str| {
        let (id, key) = line.split_once(' ')?;
        let (id, key) = (NaraId::parse(id).ok()?, PublicKey::parse(key)?);
        Some(Identity { id, key })
    };
    text.lines().filter_map(read).take(NAMED_MAX).gather()
}

/// The service.
pub struct Stash {
    config: Config,
    owner: Owner,
    confidant: Confidant,
    recovery: Recovery,
    operations: Vec<Operation>,
    next_operation: u64,
    events: VecDeque<Event>,
    saved: Option<(u64, usize)>,
    gate: Gate,
    elsewhere: bool,
    keeping: Keeping,
    forgetting: Forgetting,
    granting: Granting,
}

impl Stash {
    /// A stash that knows nothing yet.
    pub fn new(config: Config, now: Now) -> Self {
        Self {
            owner: Owner::new(config.target, config.spares, config.padding),
            confidant: Confidant::new(config.mode),
            recovery: Recovery::new(now),
            operations: Vec::new(),
            next_operation: 0,
            events: VecDeque::new(),
            saved: None,
            gate: if config.newborn {
                Gate::Open
            } else {
                Gate::Searching
            },
            elsewhere: false,
            keeping: Keeping::default(),
            forgetting: Forgetting::new(),
            granting: Granting::default(),
            config,
        }
    }

    /// My memory and who holds it.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// What is held for others.
    pub fn confidant(&self) -> &Confidant {
        &self.confidant
    }

    /// The search for my memory.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Who holds my newest memory, to be remembered until the next start:
    /// id, space, key in Base64, one in a line. Empty if nobody does.
    pub fn holders_text(&self) -> String {
        let lines = self.owner.current_holders().take(NAMED_MAX);
        let lines = lines.map(|(who, _)| [who.id.as_str(), " ", &who.key.to_text(), "\n"].concat());
        lines.collect()
    }

    /// Everything in one JSON text, for debugging: whose stashes are held, my
    /// confidants, never a plaintext or a key of mine.
    pub fn marshal_state(&self) -> String {
        StashState::of(self).to_json()
    }

    /// Takes the held stashes from a text that [`Stash::marshal_state`] wrote.
    ///
    /// # Errors
    /// When it is no such text.
    pub fn unmarshal_state(&mut self, text: &str) -> Result<(), StateError> {
        for (owner, held) in StashState::parse(text)?.into_held()? {
            self.confidant.restore(owner, held);
        }
        Ok(())
    }
}

impl Service for Stash {
    fn name(&self) -> &'static str {
        "stash"
    }

    fn behaviours(&self) -> Vec<Behaviour> {
        vec![
            Behaviour::mesh_request("stash:store")
                .version(1, Self::on_store)
                .rate_limit(RATE, RATE_SPAN),
            Behaviour::mesh_request("stash:delete")
                .version(1, Self::on_delete)
                .rate_limit(RATE, RATE_SPAN),
            Behaviour::mesh_request("stash:grant")
                .version(1, Self::on_grant)
                .rate_limit(RATE, RATE_SPAN),
            Behaviour::mesh_request("stash:handoff")
                .version(1, Self::on_handoff)
                .rate_limit(RATE, RATE_SPAN),
            Behaviour::mesh_request("stash:receipt")
                .version(1, Self::on_receipt)
                .rate_limit(RATE, RATE_SPAN),
            Behaviour::mesh_request("stash:challenge")
                .version(1, Self::on_challenge)
                .rate_limit(RATE, RATE_SPAN),
            Behaviour::mesh_request("stash:proof").version(1, Self::on_late_proof),
            Behaviour::mesh_request("stash:ack")
                .version(1, Self::on_late_ack)
                .filter(handlers::is_right_answer),
            Behaviour::mesh_request("stash:request")
                .version(1, Self::on_request)
                .rate_limit(RATE, RATE_SPAN),
            Behaviour::mesh_request("stash:response")
                .version(1, Self::on_response)
                .rate_limit(RATE, RATE_SPAN),
            Behaviour::protocol("stash-refresh", "nara/plaza/stash_refresh")
                .version(1, Self::on_refresh)
                .rate_limit(RATE, RATE_SPAN),
            Behaviour::local("plaza:online").version(1, Self::on_connected),
            Behaviour::local("plaza:offline").version(1, Self::on_disconnected),
            Behaviour::local("presence:online").version(1, Self::on_peer_online),
            Behaviour::local("presence:reached").version(1, Self::on_peer_online),
            Behaviour::local("presence:hello").version(1, Self::on_peer_hello),
            Behaviour::local("presence:gone").version(1, Self::on_peer_gone),
            Behaviour::local("presence:restarted").version(1, Self::on_peer_restarted),
            Behaviour::local("presence:elsewhere").version(1, Self::on_elsewhere),
        ]
    }

    fn start(&mut self, ctx: &mut Context<'_>) {
        self.keeping.start(ctx.now().mono);
        if !self.config.newborn {
            self.search(ctx);
        }
    }

    fn stop(&mut self, ctx: &mut Context<'_>) {
        // Whoever is known gets what still waited for others.
        if self.owner.end_meeting() {
            self.fill(ctx);
        }
        self.give_grants(ctx, true);
    }

    fn handle_reply(
        &mut self,
        ctx: &mut Context<'_>,
        call: CallId,
        result: Result<&Delivery, CallError>,
    ) {
        self.end_call(ctx, call, result);
    }

    fn counts_on(&self, who: &Identity) -> bool {
        self.confidant.held().contains_key(who) || self.owner.is_holder(who)
    }

    fn handle_timeout(&mut self, ctx: &mut Context<'_>) {
        self.confidant.handle_timeout(ctx);
        self.recovery.handle_timeout(ctx);
        self.settle(ctx);
        if self.owner.handle_timeout(ctx) {
            self.fill(ctx);
        }
        self.expire_operations(ctx);
        self.keep(ctx);
        self.give_grants(ctx, false);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let operations = self.operations.iter().map(|one| one.deadline).min();
        let parts = [
            operations,
            self.keeping.poll_timeout(),
            self.granting.poll_timeout(),
            self.confidant.poll_timeout(),
            self.owner.poll_timeout(),
            self.recovery.poll_timeout(),
        ];
        parts.into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests;
