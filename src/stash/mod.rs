//! The stash service: keeps this nara's memory sealed with its confidants,
//! gets it back, and holds the sealed stashes of others.
//!
//! Payloads and kinds: wire page, "Runtime message". It lives on the runtime
//! alone and is the reference for services written by others.

pub mod codec;
mod confidant;
mod owner;
mod recovery;
mod selection;
mod state;

pub use codec::{CodecError, MEMORY_SIZE_MAX, Memory, SEALED_SIZE};
pub use confidant::{Confidant, Held, PUSH_AFTER, PUSH_EVERY};
pub use owner::{Holder, Owner, PATIENCE, REFUSED_FOR, SILENT_FOR, TARGET};
pub use recovery::{Answer, RECOVERY_DEADLINE, Recovery, SETTLE_AFTER, SearchState};
pub use selection::{Candidate, choose, score};
pub use state::{StashState, StateError};

use crate::base::{Identity, Instant, Now};
use crate::message::{Ack, Payload, Refresh, Request, Response, Store, parse_payload};
use crate::neighbourhood::MemoryMode;
use crate::runtime::{
    Behaviour, CallError, CallId, Context, Delivery, Nothing, Outcome, PeerNews, Service,
};
use core::fmt;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Operations that may wait at once.
pub const OPERATIONS_MAX: usize = 64;

/// How often the copies are counted even if nothing happens.
const CHECK_EVERY: Duration = Duration::from_secs(30);

/// What one sender may ask of this nara in [`RATE_SPAN`], kind by kind.
const RATE: u32 = 30;

/// The span of [`RATE`].
const RATE_SPAN: Duration = Duration::from_secs(10);

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

/// What a nara may choose about its stash.
#[derive(Clone, Debug)]
pub struct Config {
    /// How much it holds for others.
    pub mode: MemoryMode,
    /// How many confidants it wants, 1 to 7.
    pub target: usize,
    /// Whether its soul was just born, so that there is nothing to recover.
    pub newborn: bool,
}

struct Operation {
    id: OperationId,
    deadline: Instant,
    what: Wait,
}

enum Wait {
    /// For the search to end; then the text is set.
    Search { data: String },
    /// For acknowledgements of a revision.
    Acks { revision: u64 },
    /// For the search to find something.
    Found,
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
    check_at: Option<Instant>,
}

impl Stash {
    /// A stash that knows nothing yet.
    pub fn new(config: Config, now: Now) -> Self {
        Self {
            owner: Owner::new(config.target),
            confidant: Confidant::new(config.mode),
            recovery: Recovery::new(now),
            config,
            operations: Vec::new(),
            next_operation: 0,
            events: VecDeque::new(),
            saved: None,
            check_at: None,
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

    fn wait(&mut self, deadline: Instant, what: Wait) -> OperationId {
        self.next_operation += 1;
        let id = OperationId(self.next_operation);
        self.operations.push(Operation { id, deadline, what });
        id
    }

    /// Those who wait for an older revision learn that it was replaced.
    fn replace_older(&mut self, newest: u64) {
        let older =
            |one: &Operation| matches!(one.what, Wait::Acks { revision } if revision < newest);
        for one in self.operations.extract_if(.., |one| older(one)) {
            self.events
                .push_back(Event::Set(one.id, Err(SetError::Replaced)));
        }
    }

    fn fill(&mut self, ctx: &mut Context<'_>) {
        self.owner.fill(ctx);
        self.report_saved();
    }

    fn receipt(&self) -> Option<Receipt> {
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
    fn report_saved(&mut self) {
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
    fn settle(&mut self, ctx: &mut Context<'_>) {
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

    fn announce(&self, ctx: &mut Context<'_>, count: usize) {
        if count > 0 {
            ctx.log()
                .info(format!("the memory is back; copies that agree: {count}"));
        }
        ctx.emit("stash:recovered", &RecoveredNews { count });
    }

    fn end_search(&mut self) {
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
    fn set_waiting(&mut self, ctx: &mut Context<'_>) {
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

    fn expire_operations(&mut self, ctx: &mut Context<'_>) {
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

    fn receipt_at_deadline(&self, ctx: &Context<'_>) -> Result<Receipt, SetError> {
        let receipt = self.receipt().filter(|receipt| !receipt.holders.is_empty());
        receipt.ok_or_else(|| self.not_enough(ctx))
    }

    fn not_enough(&self, ctx: &Context<'_>) -> SetError {
        let found = ctx.peers().online().count();
        SetError::NotEnoughPeers {
            wanted: self.config.target,
            found,
        }
    }

    // Handlers of the behaviours, in the order in which they are declared.

    fn on_store(&mut self, ctx: &mut Context<'_>, delivery: &Delivery, store: Store) -> Outcome {
        self.confidant.handle_store(ctx, delivery, store)
    }

    /// An ack that no pending call awaited: its attempt was given up.
    fn on_late_ack(&mut self, _: &mut Context<'_>, _: &Delivery, _: Ack) -> Outcome {
        Outcome::Drop("late_reply")
    }

    fn on_request(&mut self, ctx: &mut Context<'_>, delivery: &Delivery, ask: Request) -> Outcome {
        self.confidant.handle_request(ctx, delivery, ask)
    }

    /// A push, or a reply that came late: either way it must open.
    fn on_response(
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

    fn on_refresh(&mut self, ctx: &mut Context<'_>, delivery: &Delivery, ask: Refresh) -> Outcome {
        let Some(sender) = &delivery.sender else {
            return Outcome::Drop("unsigned");
        };
        if ask.owner_id != sender.id.as_str() {
            return Outcome::Drop("not_the_owner");
        }
        self.confidant.handle_refresh(ctx, sender);
        Outcome::Continue
    }

    fn on_connected(&mut self, ctx: &mut Context<'_>, _: &Delivery, _: Nothing) -> Outcome {
        self.recovery.ask_everybody(ctx);
        self.fill(ctx);
        Outcome::Continue
    }

    fn on_disconnected(&mut self, ctx: &mut Context<'_>, _: &Delivery, _: Nothing) -> Outcome {
        self.owner.forget_attempts(ctx);
        self.recovery.forget_questions(ctx);
        Outcome::Continue
    }

    fn on_peer_online(&mut self, ctx: &mut Context<'_>, _: &Delivery, news: PeerNews) -> Outcome {
        self.recovery.ask(ctx, &news.who);
        self.fill(ctx);
        Outcome::Continue
    }

    fn on_peer_hello(&mut self, ctx: &mut Context<'_>, _: &Delivery, news: PeerNews) -> Outcome {
        self.confidant.handle_hello(ctx, &news.who);
        Outcome::Continue
    }

    fn on_peer_gone(&mut self, ctx: &mut Context<'_>, _: &Delivery, news: PeerNews) -> Outcome {
        if self.owner.handle_gone(&news.who) {
            ctx.log().warn(format!("confidant {} is gone", news.who.id));
            self.report_saved();
            self.fill(ctx);
        }
        Outcome::Continue
    }

    fn take_response(
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
            Behaviour::mesh_request("stash:ack").version(1, Self::on_late_ack),
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
            Behaviour::local("presence:hello").version(1, Self::on_peer_hello),
            Behaviour::local("presence:gone").version(1, Self::on_peer_gone),
        ]
    }

    fn start(&mut self, ctx: &mut Context<'_>) {
        self.check_at = Some(ctx.now().mono + CHECK_EVERY);
        if !self.config.newborn {
            self.recovery.begin(ctx);
        }
    }

    fn handle_reply(
        &mut self,
        ctx: &mut Context<'_>,
        call: CallId,
        result: Result<&Delivery, CallError>,
    ) {
        match result {
            Err(error) => {
                if !self.recovery.handle_silence(call)
                    && self.owner.handle_reply(ctx, call, Err(error))
                {
                    self.fill(ctx);
                }
            }
            Ok(delivery) => self.handle_answer(ctx, call, delivery),
        }
    }

    fn handle_timeout(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now().mono;
        self.confidant.handle_timeout(ctx);
        self.recovery.handle_timeout(ctx);
        self.settle(ctx);
        self.owner.handle_timeout(ctx);
        self.expire_operations(ctx);
        if self.check_at.is_some_and(|at| at <= now) {
            self.check_at = Some(now + CHECK_EVERY);
            self.owner.forget_absent(ctx);
            self.fill(ctx);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let operations = self.operations.iter().map(|one| one.deadline).min();
        let parts = [
            operations,
            self.check_at,
            self.confidant.poll_timeout(),
            self.owner.poll_timeout(),
            self.recovery.poll_timeout(),
        ];
        parts.into_iter().flatten().min()
    }
}

impl Stash {
    fn handle_answer(&mut self, ctx: &mut Context<'_>, call: CallId, delivery: &Delivery) {
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

#[cfg(test)]
mod tests;
