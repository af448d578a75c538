//! The peer: one nara with its plaza session, its runtime and its services.
//!
//! Sans-IO. **Inputs** are `handle_opened`, `handle_data`, `handle_closed` and
//! `handle_timeout`; **commands** are `wake`, `set`, `recover`, `cancel`,
//! `retry_now` and `sleep`; **polls** are [`Nara::poll_effect`] and
//! [`Nara::poll_timeout`]; the rest only looks. After every input and every
//! command, drain the effects, then ask for the next deadline. Polling late is
//! harmless: nothing is lost, it only happens later.

mod config;
#[cfg(feature = "gateway")]
mod older;
mod shown;
mod status;
#[cfg_attr(not(feature = "gateway"), path = "no_ways.rs")]
mod ways;

pub use config::{Config, ConfigError, KEEP_ALIVES, Newborn, SPARES_MAX, TARGET_MAX};
pub use status::{
    ClockStatus, ConfidantStatus, ConnectionStatus, HeldStash, HeldStatus, HolderStatus,
    MeshStatus, PeerName, PeerStatus, RecoveryAnswer, RecoveryStatus, StashStatus, Status,
};

use crate::base::{ID_LENGTH_MAX, Identity, Instant, NaraId, Now, Rng};
use crate::clock::Clock;
use crate::identity::{Keys, Soul};
use crate::plaza::{self, Credentials, Session, SessionConfig, Will};
use crate::presence::{self, Presence};
use crate::runtime::{
    Context, Crypto, Local, Me, Nothing, Outgoing, Record, Runtime, Service, Traffic, Way,
};
use crate::stash::{self, Ending, Memory, OperationId, Receipt, Stash, StashError};
use core::time::Duration;
use std::collections::VecDeque;
use ways::Ways;

/// The plaza topic on which a nara hears what is for it alone.
pub const DIRECT_TOPIC: &str = "nara/mesh/";

/// A nara that stops takes so long at most to pass on what it holds.
pub const LEAVE_WITHIN: Duration = Duration::from_secs(5);

/// Whoever had nothing to do for so long by either clock was asleep: there is
/// always something within 15 s, and a hidden page's timers fire each minute.
const SLEPT: Duration = Duration::from_secs(90);

/// Something that the driver has to do.
#[derive(Debug)]
pub enum Effect {
    /// Open a WebSocket to the plaza, with subprotocol `mqtt`.
    Open,
    /// Send these bytes in a binary frame.
    Send(Vec<u8>),
    /// Close the socket.
    Close,
    /// Open a WebSocket to the gateway.
    OpenMesh,
    /// Send these bytes to the gateway as one binary message.
    SendMesh(Vec<u8>),
    /// Close the gateway's socket.
    CloseMesh,
    /// Tell the application.
    Event(Event),
    /// Write a log record.
    Log(Record),
}

/// Something that the application may want to know.
#[derive(Debug)]
pub enum Event {
    /// What [`Nara::status`] says has changed.
    Status,
    /// A set ended.
    Set(OperationId, Result<Receipt, StashError>),
    /// A recovery ended; `None` when nothing was found by its deadline.
    Recovered(OperationId, Option<Memory>),
    /// Another operation of the stash ended.
    Ended(OperationId, Result<Ending, StashError>),
    /// The newest revision has this many holders now.
    Saved(Receipt),
    /// A local message, as services hear it.
    Local(Local),
    /// A message came or went; only while [`Nara::watch_traffic`] says so.
    Traffic(Traffic),
    /// Everything is said and the socket is closed.
    Asleep,
}

/// Why [`Nara::poll_timeout`] wants to be woken.
pub type Reason = &'static str;

/// One nara.
pub struct Nara {
    /// Apart from the rest, for it has the soul: whatever is moved leaves a
    /// copy where it was, and parts of that get into what is made there next.
    config: Box<Config>,
    session: Session,
    runtime: Runtime,
    effects: VecDeque<Effect>,
    why_disconnected: Option<String>,
    asleep: bool,
    leave_by: Option<Instant>,
    /// When something last came from outside.
    stirred: Now,
    /// What had happened when the application was last told.
    told: Option<(u64, plaza::State)>,
    /// Apart from the rest: while there are none, what would be their place
    /// is copied along with whatever the stack had there, such as a soul.
    ways: Option<Box<Ways>>,
}

impl Nara {
    /// A nara that does not move yet; [`Nara::wake`] starts it. The seed is
    /// all the randomness that it will ever use.
    pub fn new(config: impl Into<Box<Config>>, seed: [u8; 32], now: Now) -> Self {
        Self::with_crypto(config, seed, now, |keys| Box::new(keys))
    }

    /// The same with something put between the nara and its keys, so that a
    /// simulation can remember what was verified, or do without.
    pub fn with_crypto(
        config: impl Into<Box<Config>>,
        seed: [u8; 32],
        now: Now,
        wrap: impl FnOnce(Keys) -> Box<dyn Crypto>,
    ) -> Self {
        let config = config.into();
        let mut rng = Rng::from_seed(seed);
        let keys = config.keys();
        let me = Me {
            identity: *keys.identity(),
            name: keys.name().to_owned(),
        };
        let direct = format!("{DIRECT_TOPIC}{}", me.identity.id);
        // Unique per instance: two instances with one client id would throw
        // each other out for ever.
        let client_id = ["ln-", &rng.request_id()].concat();
        let mut runtime = Runtime::new(me, wrap(keys), rng.fork(), now);
        runtime.add(Box::new(Clock::default()));
        let mut presence = Presence::new(config.mode(), now);
        let ways = Ways::of(&config, runtime.me(), &mut rng);
        let stash = config.stash();
        if ways.is_some() {
            presence.await_address();
        } else if !stash.holders.is_empty() {
            presence.greet_behind(stash::HOLDERS_FIRST);
        }
        runtime.add(Box::new(presence));
        runtime.add(Box::new(Stash::new(stash, now)));
        let mut topics = runtime.topics();
        topics.push(direct);
        let session_config = SessionConfig {
            client_id,
            keep_alive: config.keep_alive(),
            will: None,
            topics,
        };
        let session = Session::new(session_config, rng.fork());
        let effects = VecDeque::new();
        Self {
            config,
            session,
            runtime,
            effects,
            why_disconnected: None,
            asleep: true,
            leave_by: None,
            stirred: now,
            told: None,
            ways,
        }
    }

    /// Adds a service of one's own, before the nara wakes. It has what every
    /// service has: kinds of its own, the plaza topics it names, local messages
    /// of the others.
    #[must_use]
    pub fn with_service(mut self, service: impl Service) -> Self {
        self.runtime.add(Box::new(service));
        let own = format!("{DIRECT_TOPIC}{}", self.me().identity.id);
        let mut topics = self.runtime.topics();
        topics.push(own);
        self.session.set_topics(topics);
        self
    }

    /// Runs something on the service of type `S`, with a context, as a command.
    pub fn command_on<S: Service, T>(
        &mut self,
        now: Now,
        run: impl FnOnce(&mut S, &mut Context<'_>) -> T,
    ) -> Option<T> {
        let result = self.runtime.command(now, run);
        self.turn(now);
        result
    }

    /// Lets the service of this name say something, as a command.
    pub fn speak_as<T>(
        &mut self,
        now: Now,
        name: &str,
        run: impl FnOnce(&mut Context<'_>) -> T,
    ) -> Option<T> {
        let result = self.runtime.speak_as(now, name, run);
        self.turn(now);
        result
    }

    /// The service of type `S`.
    pub fn service<S: Service>(&self) -> Option<&S> {
        self.runtime.service()
    }

    /// How much is in everything that others could fill, by name. No driver
    /// needs it, and no module has it.
    #[doc(hidden)]
    pub fn loads(&self, note: &mut dyn FnMut(&'static str, usize)) {
        for (name, count, _) in self.runtime.loads() {
            note(name, count);
        }
        self.session.loads(note);
        if let Some(ways) = &self.ways {
            ways.loads(note);
        }
        if let Some(clock) = self.service::<Clock>() {
            clock.loads(note);
        }
        if let Some(presence) = self.service::<Presence>() {
            presence.loads(note);
        }
        if let Some(stash) = self.stash() {
            stash.loads(note);
        }
    }

    /// The runtime that the services live on.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Reaches for the plaza and starts the services.
    pub fn wake(&mut self, now: Now) {
        self.asleep = false;
        self.runtime.start(now);
        self.session.start(now.mono);
        if let Some(ways) = &mut self.ways {
            ways.start(now.mono);
        }
        self.turn(now);
    }

    /// Passes on what it holds for those who are away, within
    /// [`LEAVE_WITHIN`], then sleeps. For a process that stops; a tab that
    /// closes has no such time and sleeps at once.
    pub fn leave(&mut self, now: Now) {
        let run = |stash: &mut Stash, ctx: &mut Context<'_>| stash.leave(ctx);
        if self.asleep || !self.runtime.command(now, run).unwrap_or(false) {
            return self.sleep(now);
        }
        self.leave_by = Some(now.mono + LEAVE_WITHIN);
        self.turn(now);
    }

    /// Sleeps once everything is passed on, or its time is over.
    fn finish_leaving(&mut self, now: Now) {
        let is_passing_on = self.stash().is_some_and(Stash::is_passing_on);
        let is_over = |by: &mut Instant| *by <= now.mono || !is_passing_on;
        if self.leave_by.take_if(is_over).is_some() {
            self.sleep(now);
        }
    }

    /// Says chau and closes. Ends with [`Event::Asleep`].
    pub fn sleep(&mut self, now: Now) {
        self.leave_by = None;
        if !self.asleep {
            self.runtime.stop(now);
            self.send_outgoing(now);
            self.session.stop(now.mono);
            if let Some(ways) = &mut self.ways {
                ways.stop();
            }
            self.asleep = true;
            self.turn(now);
        }
        self.effects.push_back(Effect::Event(Event::Asleep));
    }

    /// Wipes the soul and all keys of a nara that sleeps and will not wake
    /// again. What it knows else can still be looked at.
    pub fn forget_soul(&mut self) {
        if self.asleep {
            self.ways = None;
            self.runtime.forget_keys();
            self.config.forget_soul();
        }
    }

    /// Tries to reach the plaza now instead of waiting. Where it seems to be
    /// reached, it has to show that it is still there.
    pub fn retry_now(&mut self, now: Now) {
        self.session.retry_now(now.mono);
        self.session.prove(now.mono);
        if let Some(ways) = &mut self.ways {
            ways.retry_now(now.mono);
            ways.prove(now.mono);
        }
        self.turn(now);
    }

    /// Asks the plaza for a sign of life within 2 s, and reconnects without
    /// one: after sleep, or when the network changed.
    pub fn prove(&mut self, now: Now) {
        self.session.prove(now.mono);
        if let Some(ways) = &mut self.ways {
            ways.prove(now.mono);
        }
        self.turn(now);
    }

    /// Keeps a memory: any JSON of at most 10,240 bytes.
    ///
    /// # Errors
    /// When it is no JSON or does not fit, or too much waits already.
    pub fn set(
        &mut self,
        now: Now,
        data: String,
        deadline: Duration,
    ) -> Result<OperationId, StashError> {
        self.command(now, |stash, ctx| stash.set(ctx, data, deadline))
    }

    /// Looks for the memory with the confidants.
    ///
    /// # Errors
    /// When too much waits already.
    pub fn recover(&mut self, now: Now, deadline: Duration) -> Result<OperationId, StashError> {
        self.command(now, |stash, ctx| stash.recover(ctx, deadline))
    }

    /// Stops waiting for an operation. What it began goes on.
    pub fn cancel(&mut self, now: Now, operation: OperationId) {
        self.runtime
            .command(now, |stash: &mut Stash, _: &mut Context<'_>| {
                stash.cancel(operation)
            });
    }

    /// The stash, to look at.
    pub fn stash(&self) -> Option<&Stash> {
        self.runtime.service()
    }

    /// Whom an id means: of several that claim it, whoever holds my memory,
    /// then whoever is online, then whoever was heard of first.
    ///
    /// # Errors
    /// [`StashError::NobodyKnown`].
    pub fn identity_of(&self, id: &str) -> Result<Identity, StashError> {
        let nobody = || StashError::NobodyKnown(id.chars().take(ID_LENGTH_MAX).collect());
        let claimed = NaraId::parse(id).map_err(|_| nobody())?;
        let peers = self.runtime.peers();
        let holds = |who: &Identity| self.stash().is_some_and(|one| one.owner().is_holder(who));
        let rank = |who: &&Identity| {
            let first_seen = peers.peer(who).map(|peer| peer.first_seen.mono);
            (!holds(who), !peers.is_online(who), first_seen)
        };
        let one = peers.claimants(&claimed).min_by_key(rank);
        one.cloned().ok_or_else(nobody)
    }

    /// Gives the stash one of its commands.
    ///
    /// # Errors
    /// The command's own.
    pub fn command<T>(
        &mut self,
        now: Now,
        run: impl FnOnce(&mut Stash, &mut Context<'_>) -> Result<T, StashError>,
    ) -> Result<T, StashError> {
        let result = self.runtime.command(now, run);
        self.turn(now);
        // The service is there: `new` added it.
        result.unwrap_or(Err(StashError::TooMany))
    }

    /// Begins or ends to tell of every message that comes or goes.
    pub fn watch_traffic(&mut self, watched: bool) {
        self.runtime.watch_traffic(watched);
    }

    /// What it subscribes to on the plaza.
    pub fn topics(&self) -> &[String] {
        self.session.topics()
    }

    /// The socket is open.
    pub fn handle_opened(&mut self, now: Now, credentials: Credentials) {
        let payload = self.runtime.sign_ahead(now, presence::LOST, &Nothing {});
        let topic = presence::GONE_TOPIC.to_owned();
        self.session.set_will(Will { topic, payload });
        self.session.handle_opened(now.mono, credentials);
        self.turn(now);
    }

    /// Bytes came from the socket, in whatever pieces.
    pub fn handle_data(&mut self, now: Now, bytes: &[u8]) {
        self.session.handle_data(now.mono, bytes);
        self.stir(now);
        self.turn(now);
        self.finish_leaving(now);
    }

    /// The socket is closed, or could not be opened.
    pub fn handle_closed(&mut self, now: Now, why: &str) {
        self.session.handle_closed(now.mono, why);
        self.turn(now);
    }

    /// The gateway's socket brought one message.
    pub fn handle_mesh_data(&mut self, now: Now, bytes: &[u8]) {
        if let Some(ways) = &mut self.ways {
            ways.handle_data(self.runtime.crypto(), now, bytes);
        }
        self.turn(now);
    }

    /// The gateway's socket is closed, or could not be opened.
    pub fn handle_mesh_closed(&mut self, now: Now) {
        if let Some(ways) = &mut self.ways {
            ways.handle_closed(now.mono);
        }
        self.turn(now);
    }

    /// A deadline has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        self.session.handle_timeout(now.mono);
        self.stir(now);
        if !self.asleep {
            self.runtime.handle_timeout(now);
        }
        if let Some(ways) = &mut self.ways {
            ways.handle_timeout(now.mono);
        }
        self.relaunch(now);
        self.turn(now);
        self.finish_leaving(now);
    }

    /// Whoever slept, or was kept from its timers, may have a connection that
    /// is none any more; nobody else tells it so.
    fn stir(&mut self, now: Now) {
        let mono = now.mono - self.stirred.mono;
        let wall = now.wall.distance(self.stirred.wall);
        let slept = mono > SLEPT || wall.abs_diff(mono) > SLEPT;
        self.stirred = now;
        if slept {
            self.session.prove(now.mono);
        }
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The bytes of the next effect, if they are to be sent and no more than
    /// this. They may go in one frame with those before.
    pub fn poll_send(&mut self, most: usize) -> Option<Vec<u8>> {
        match self.effects.pop_front()? {
            Effect::Send(bytes) if bytes.len() <= most => Some(bytes),
            other => {
                self.effects.push_front(other);
                None
            }
        }
    }

    /// When to call [`Nara::handle_timeout`] next, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        let session = self.session.poll_timeout().map(|at| (at, "plaza"));
        let runtime = if self.asleep {
            None
        } else {
            self.runtime.poll_timeout()
        };
        let leave = self.leave_by.map(|at| (at, "leave"));
        let ways = self.ways.as_deref().and_then(Ways::poll_timeout);
        [session, runtime, leave, ways.map(|at| (at, "mesh"))]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at)
    }

    /// Who this nara is.
    pub fn me(&self) -> &Me {
        self.runtime.me()
    }

    /// Its soul: whoever has it, is it.
    pub fn soul(&self) -> &Soul {
        self.config.soul()
    }

    /// The memory as this nara knows it.
    pub fn memory(&self) -> Option<&Memory> {
        self.runtime.service::<Stash>()?.owner().memory()
    }

    /// What somebody calls itself, as far as is known.
    pub fn name_of(&self, who: &Identity) -> PeerName {
        let peer = self.runtime.peers().peer(who);
        let name = peer.map_or_else(String::new, |peer| peer.name.clone());
        PeerName {
            id: who.id.to_text(),
            name,
        }
    }

    /// Everything that a page wants to show.
    pub fn status(&self, now: Now) -> Status {
        status::of(self, now)
    }

    /// One round: what the plaza brought goes to the runtime, what the runtime
    /// says goes to the plaza, and whoever watches is told.
    fn turn(&mut self, now: Now) {
        while let Some(event) = self.session.poll_event() {
            self.handle_plaza(now, event);
        }
        self.turn_mesh(now);
        self.send_outgoing(now);
        // What could not be sent may have ended calls.
        self.turn_mesh(now);
        while let Some(effect) = self.ways.as_mut().and_then(|ways| ways.poll_effect()) {
            self.effects.push_back(effect);
        }
        while let Some(output) = self.session.poll_output() {
            self.effects.push_back(match output {
                plaza::Output::Open => Effect::Open,
                plaza::Output::Send(bytes) => Effect::Send(bytes),
                plaza::Output::Close => Effect::Close,
            });
        }
        self.tell();
    }

    fn handle_plaza(&mut self, now: Now, event: plaza::Event) {
        match event {
            plaza::Event::Connected => {
                self.why_disconnected = None;
                self.runtime.set_connected(now, true);
            }
            plaza::Event::Published { topic, payload } => {
                if topic.starts_with(DIRECT_TOPIC) {
                    self.runtime.handle_direct(now, &payload);
                } else {
                    self.runtime.handle_plaza(now, &topic, &payload);
                }
            }
            plaza::Event::Disconnected { why, .. } => {
                self.why_disconnected = Some(why.to_string());
                self.runtime.set_connected(now, false);
            }
            plaza::Event::Refused { topic } => {
                self.runtime
                    .warn("plaza", format!("the broker refused the topic {topic}"));
            }
            plaza::Event::Dropped { why } => {
                self.runtime
                    .refuse(why.as_str(), "on its way from the plaza");
            }
        }
    }

    fn send_outgoing(&mut self, now: Now) {
        while let Some(Outgoing { way, bytes }) = self.runtime.poll_outgoing() {
            match way {
                Way::Plaza { topic } => {
                    // Refused only while disconnected, when calls fail by
                    // themselves.
                    let _ = self.session.publish(&topic, &bytes);
                }
                Way::Direct { to } => self.send_direct(now, to, bytes),
            }
        }
    }

    fn tell(&mut self) {
        while let Some(local) = self.runtime.poll_local() {
            self.effects.push_back(Effect::Event(Event::Local(local)));
        }
        while let Some(traffic) = self.runtime.poll_traffic() {
            self.effects
                .push_back(Effect::Event(Event::Traffic(traffic)));
        }
        let next = |runtime: &mut Runtime| runtime.service_mut::<Stash>()?.poll_event();
        while let Some(event) = next(&mut self.runtime) {
            self.effects.push_back(Effect::Event(match event {
                stash::Event::Set(operation, result) => Event::Set(operation, result),
                stash::Event::Recovered(operation, memory) => Event::Recovered(operation, memory),
                stash::Event::Ended(operation, result) => Event::Ended(operation, result),
                stash::Event::Saved(receipt) => Event::Saved(receipt),
            }));
        }
        while let Some(record) = self.runtime.poll_log() {
            self.effects.push_back(Effect::Log(record));
        }
        let seen = (self.runtime.activity(), self.session.state());
        if self.told != Some(seen) {
            self.told = Some(seen);
            self.effects.push_back(Effect::Event(Event::Status));
        }
    }
}
