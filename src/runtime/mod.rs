//! The runtime that services live on: behaviours by kind and version, an emit
//! and a receive pipeline, calls with deadlines, local messages, scoped logs.
//!
//! A service declares what it says and hears ([`Behaviour`]) and is given a
//! [`Context`] whenever something happens. It needs nothing else, and
//! [`MockRuntime`] gives a test the same without a network or real keys.
//!
//! A nara has no ledger, so the reference's templates `StoredEvent` and
//! `BroadcastEvent` are left out: there is nothing they could be stored in.

mod behaviour;
mod calls;
mod clock;
mod context;
mod crypto;
mod emit;
mod keyring;
mod log;
mod mock;
mod pipeline;
mod service;
mod shed;
mod traffic;

pub use crate::identity::Crypto;
pub use behaviour::{Behaviour, ErrorStrategy, Filter, RateLimit, Transport};
pub use calls::{CALL_DEADLINE, CALLS_MAX, CallError, CallId, CallRegistry};
pub use clock::{Clock, SAMPLES_MAX, WINDOW};
pub use context::{Context, Me};
pub use crypto::Sealed;
pub use keyring::{KEYRING_MAX, KEYS_PER_ID_MAX, Keyring};
pub use log::{Level, Record, Scope};
pub use mock::{MockCrypto, MockRuntime};
pub use pipeline::{DEAD_LETTERS_MAX, Delivery, IDS_REMEMBERED_MAX, Outcome};
pub use service::{Local, Nothing, OwnNews, PeerNews, Service};
pub use shed::{SHED, STRANGERS_BURST};
pub use traffic::Traffic;

use crate::base::{Gather, Identity, Instant, Now, Rng, SortedSet};
use crate::message::{Message, Payload};
use crate::neighbourhood::Neighbourhood;
use context::Core;
use core::cell::RefCell;
use std::any::Any;
use std::collections::VecDeque;

/// How many outgoing messages wait to be taken; more are dropped with a reason.
pub const OUTBOX_MAX: usize = 1_024;

/// The largest message that is sent, in bytes: the topic has room beside it in
/// what the plaza takes, and the frame is one that others read.
pub const SENT_SIZE_MAX: usize = 65_000;

/// Local messages handled in one go; services that answer each other for ever
/// are stopped here. Everybody may leave in one sweep, and each is told.
const LOCAL_ROUNDS_MAX: usize = 2 * crate::neighbourhood::PEERS_MAX;

/// Where an outgoing message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// To everybody who listens to a plaza topic.
    Plaza {
        /// The topic.
        topic: String,
    },
    /// To one nara.
    Direct {
        /// Who. Its topic is that of its id alone, which others may claim.
        to: Identity,
    },
}

/// Something that leaves the runtime.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Where to.
    pub way: Way,
    /// What, as it goes on the wire.
    pub bytes: Vec<u8>,
}

/// What is done with a service while it is lent.
type Visit<'a> = dyn FnMut(&mut dyn Service, &mut Context<'_>) + 'a;

/// Services, and the core that they share.
pub struct Runtime {
    core: Core,
    services: Vec<Option<Box<dyn Service>>>,
}

impl Runtime {
    /// A runtime without services.
    pub fn new(me: Me, crypto: Box<dyn Crypto>, rng: Rng, now: Now) -> Self {
        Self {
            core: Core::new(me, crypto, rng, now),
            services: Vec::new(),
        }
    }

    /// Forgets the keys, for good: their bytes are wiped.
    pub fn forget_keys(&mut self) {
        self.core.crypto = Box::new(crypto::NoKeys);
    }

    /// Signs and verifies as this nara, for what is no message of the runtime.
    pub fn crypto(&self) -> &dyn Crypto {
        self.core.crypto.as_ref()
    }

    /// Adds a service, takes its behaviours and initialises it.
    pub fn add(&mut self, service: Box<dyn Service>) {
        let index = self.services.len();
        for behaviour in service.behaviours() {
            self.core.register(index, behaviour);
        }
        for topic in service.topics() {
            self.core.topics.push((topic, index));
        }
        self.core.service_names.push(service.name());
        self.services.push(Some(service));
        self.with(index, &mut |service, ctx| service.init(ctx));
    }

    /// Starts every service, in the order in which they were added.
    pub fn start(&mut self, now: Now) {
        self.core.set_now(now);
        self.each(&mut |service, ctx| service.start(ctx));
    }

    /// Stops every service, last one first. What they say is still sent.
    pub fn stop(&mut self, now: Now) {
        self.core.set_now(now);
        for index in (0..self.services.len()).rev() {
            self.with(index, &mut |service, ctx| service.stop(ctx));
        }
        self.drain_local();
    }

    /// Every plaza topic that somebody listens to, once.
    pub fn topics(&self) -> Vec<String> {
        let mut topics: Vec<String> = self
            .core
            .topics
            .iter()
            .map(|(topic, _)| topic.clone())
            .gather();
        topics.extend(self.core.behaviour_topics());
        let topics: SortedSet<String> = topics.into_iter().collect();
        topics.into_iter().gather()
    }

    /// Takes bytes that arrived for this nara alone.
    pub fn handle_direct(&mut self, now: Now, bytes: &[u8]) {
        self.core.set_now(now);
        self.receive(bytes, "direct");
        self.drain_local();
    }

    /// Takes bytes from a plaza topic.
    pub fn handle_plaza(&mut self, now: Now, topic: &str, bytes: &[u8]) {
        self.core.set_now(now);
        if self.core.is_behaviour_topic(topic) {
            self.receive(bytes, "plaza");
        }
        let listeners: Vec<usize> = self
            .core
            .topics
            .iter()
            .filter(|(filter, _)| topic_matches(filter, topic))
            .map(|(_, service)| *service)
            .gather();
        for index in listeners {
            self.core.watch.speaker = None;
            let mut outcome = Outcome::Continue;
            self.with(index, &mut |service, ctx| {
                outcome = service.handle_plaza(ctx, topic, bytes);
            });
            let peer = self.core.watch.speaker.take();
            let peer = peer.map(|id| id.to_text());
            self.core
                .note_incoming("plaza", peer, &outcome, || traffic::kind_of(topic));
            self.core.account(topic, outcome);
        }
        self.drain_local();
    }

    /// The plaza was reached or lost: services hear `plaza:online` or
    /// `plaza:offline`, and nothing is sent while it is lost.
    pub fn set_connected(&mut self, now: Now, connected: bool) {
        self.core.set_now(now);
        self.core.connected = connected;
        let kind = if connected {
            "plaza:online"
        } else {
            "plaza:offline"
        };
        self.core.push_local(kind, "{}".to_owned(), "plaza");
        self.drain_local();
    }

    /// Writes a warning of whatever part of the nara is no service.
    pub fn warn(&mut self, part: &'static str, text: String) {
        self.core.scope(part).warn(text);
    }

    /// Counts a message that was dropped before it came here.
    pub fn refuse(&mut self, reason: &'static str, text: &str) {
        self.core.refuse(reason, text);
    }

    /// A signed message to be sent later by somebody else, such as a will.
    pub fn sign_ahead<P: Payload>(&mut self, now: Now, kind: &str, payload: &P) -> Vec<u8> {
        self.core.set_now(now);
        self.core.sign_ahead(kind, payload.to_json())
    }

    /// No way leads to whom this message is for: a call that waits for the
    /// answer to it ends now.
    pub fn fail_call(&mut self, now: Now, bytes: &[u8]) {
        self.core.set_now(now);
        let Ok(message) = Message::parse(bytes) else {
            return;
        };
        let text = format!("{} reaches {} in no way", message.kind, message.to_id);
        self.core.scope("runtime").info(text);
        if let Some((id, call)) = self.core.calls.take_of(&message.id) {
            self.complete(id, call.service, Err(CallError::NotSent));
            self.drain_local();
        }
    }

    /// Whether a call waits for the answer to this message.
    pub fn awaits(&self, bytes: &[u8]) -> bool {
        Message::parse(bytes).is_ok_and(|message| self.core.calls.has_of(&message.id))
    }

    /// Ends a call by an answer that was no message. Who gave it was proven on
    /// its way.
    pub fn take_answer(
        &mut self,
        now: Now,
        who: &Identity,
        request: &str,
        kind: &str,
        payload: String,
    ) {
        self.core.set_now(now);
        let mut message = Message::draft(kind, 1, payload);
        who.id.as_str().clone_into(&mut message.from_id);
        request.clone_into(&mut message.in_reply_to);
        let delivery = Delivery {
            message,
            sender: Some(*who),
            at: self.core.now,
            recent: true,
            typed: RefCell::default(),
        };
        if let Some((id, call)) = self.core.calls.take_answered(&delivery) {
            self.complete(id, call.service, Ok(&delivery));
            self.drain_local();
        }
    }

    /// Lets presence tell somebody who this nara is.
    pub fn introduce(&mut self, now: Now, who: Identity) {
        self.core.set_now(now);
        let news = PeerNews { who }.to_json();
        self.core.push_local("presence:introduce", news, "runtime");
        self.drain_local();
    }

    /// Handles every deadline that has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        self.core.set_now(now);
        for (id, call) in self.core.calls.take_expired(now.mono) {
            self.complete(id, call.service, Err(CallError::Timeout));
        }
        self.core.retry_due();
        for index in 0..self.services.len() {
            let due = self.services[index]
                .as_ref()
                .and_then(|service| service.poll_timeout());
            if due.is_some_and(|at| at <= now.mono) {
                self.with(index, &mut |service, ctx| service.handle_timeout(ctx));
            }
        }
        self.drain_local();
    }

    /// The earliest deadline, with who waits for it.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let services = self.services.iter().flatten();
        let services = services.filter_map(|one| Some((one.poll_timeout()?, one.name())));
        let calls = self.core.calls.next_deadline().map(|at| (at, "call"));
        let retries = self.core.next_retry().map(|at| (at, "retry"));
        services
            .chain(calls)
            .chain(retries)
            .min_by_key(|(at, _)| *at)
    }

    /// The next thing to send.
    pub fn poll_outgoing(&mut self) -> Option<Outgoing> {
        self.core.outbox.pop_front()
    }

    /// The next local message that was delivered, for whoever watches.
    pub fn poll_local(&mut self) -> Option<Local> {
        self.core.delivered.pop_front()
    }

    /// The next log record.
    pub fn poll_log(&mut self) -> Option<Record> {
        self.core.records.pop_front()
    }

    /// Who is there.
    pub fn peers(&self) -> &Neighbourhood {
        &self.core.peers
    }

    /// Who this nara is.
    pub fn me(&self) -> &Me {
        &self.core.me
    }

    /// How often each reason made a message drop.
    pub fn drops(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.core
            .drops
            .iter()
            .map(|(reason, count)| (*reason, *count))
    }

    /// Notes what the driver's clocks show.
    pub fn set_now(&mut self, now: Now) {
        self.core.set_now(now);
    }

    /// How far the clock is from the peers'.
    pub fn clock(&self) -> &Clock {
        &self.core.clock
    }

    /// Begins or ends to note who says what to whom.
    pub fn watch_traffic(&mut self, watched: bool) {
        self.core.watch.set(watched);
    }

    /// The next message that came or went, while that is watched.
    pub fn poll_traffic(&mut self) -> Option<Traffic> {
        self.core.watch.poll()
    }

    /// Messages that failed under [`ErrorStrategy::Queue`], oldest first.
    pub fn dead_letters(&self) -> &VecDeque<(String, String)> {
        &self.core.dead_letters
    }

    /// Grows whenever something happened that a service may have acted on.
    pub fn activity(&self) -> u64 {
        self.core.activity
    }

    /// Everything that others could fill: its name, how much is in it, and how
    /// much fits.
    pub fn loads(&self) -> [(&'static str, usize, usize); 13] {
        self.core.loads()
    }

    /// The service of type `S`, to be emptied of its events.
    pub fn service_mut<S: Service>(&mut self) -> Option<&mut S> {
        let index = self.index_of::<S>()?;
        behaviour::own(self.services.get_mut(index)?.as_deref_mut()?)
    }

    /// Runs something on the service of type `S`, with a context, as a command.
    pub fn command<S: Service, T>(
        &mut self,
        now: Now,
        run: impl FnOnce(&mut S, &mut Context<'_>) -> T,
    ) -> Option<T> {
        let index = self.index_of::<S>()?;
        let (mut run, mut result) = (Some(run), None);
        self.command_at(now, index, &mut |service, ctx| {
            if let (Some(service), Some(run)) = (behaviour::own(service), run.take()) {
                result = Some(run(service, ctx));
            }
        });
        result
    }

    /// Lets the service of this name say something, as a command.
    pub fn speak_as<T>(
        &mut self,
        now: Now,
        name: &str,
        run: impl FnOnce(&mut Context<'_>) -> T,
    ) -> Option<T> {
        let names = &self.core.service_names;
        let index = names.iter().position(|one| *one == name)?;
        let (mut run, mut result) = (Some(run), None);
        self.command_at(now, index, &mut |_, ctx| {
            result = run.take().map(|run| run(ctx));
        });
        result
    }

    fn command_at(&mut self, now: Now, index: usize, run: &mut Visit<'_>) {
        self.core.set_now(now);
        self.with(index, run);
        self.drain_local();
    }

    /// Whether a service of this name is there.
    pub fn has_service(&self, name: &str) -> bool {
        self.core.service_names.contains(&name)
    }

    /// Whether some service has a behaviour of this kind already.
    pub fn has_behaviour(&self, kind: &str) -> bool {
        self.core.behaviours.contains_key(kind)
    }

    /// The service of type `S`.
    pub fn service<S: Service>(&self) -> Option<&S> {
        self.services.iter().flatten().find_map(|service| {
            let service: &dyn Any = service.as_ref();
            service.downcast_ref::<S>()
        })
    }

    fn index_of<S: Service>(&self) -> Option<usize> {
        self.services.iter().position(|service| {
            service.as_ref().is_some_and(|service| {
                let service: &dyn Any = service.as_ref();
                service.is::<S>()
            })
        })
    }

    fn each(&mut self, run: &mut Visit<'_>) {
        for index in 0..self.services.len() {
            self.with(index, run);
        }
        self.drain_local();
    }

    /// Lends a service to `run` beside the core.
    fn with(&mut self, index: usize, run: &mut Visit<'_>) {
        // It is out of its place meanwhile, so that nothing can enter it twice.
        let Some(mut service) = self.services.get_mut(index).and_then(Option::take) else {
            return;
        };
        self.core.activity += 1;
        let mut ctx = Context::new(&mut self.core, &self.services, index);
        run(service.as_mut(), &mut ctx);
        self.services[index] = Some(service);
    }

    fn receive(&mut self, bytes: &[u8], way: &'static str) {
        let message = match Message::parse(bytes) {
            Ok(message) => message,
            Err(error) => {
                let outcome = Outcome::Drop("malformed");
                self.core.note_incoming(way, None, &outcome, String::new);
                return self.core.refuse("malformed", &error.to_string());
            }
        };
        let kind = message.kind.clone();
        let watched = self.core.watch.is_on();
        let from = watched.then(|| message.from_id.clone());
        let services = &self.services;
        let counts = |who: &Identity| services.iter().flatten().any(|one| one.counts_on(who));
        let outcome = match self.core.receive(message, &counts) {
            Ok(delivery) => self.dispatch(&delivery),
            Err(outcome) => outcome,
        };
        self.core
            .note_incoming(way, from, &outcome, || kind.clone());
        self.core.finish(&kind, outcome);
    }

    /// A reply to a pending call completes it; anything else, a late reply
    /// included, goes to the handler of its version.
    fn dispatch(&mut self, delivery: &Delivery) -> Outcome {
        if let Some((id, call)) = self.core.calls.take_answered(delivery) {
            self.complete(id, call.service, Ok(delivery));
            return Outcome::Continue;
        }
        let Some((service, version)) = self.core.version(delivery) else {
            return Outcome::Drop("no_handler");
        };
        let mut outcome = Outcome::Continue;
        self.with(service, &mut |service, ctx| {
            outcome = version.handle(service, ctx, delivery);
        });
        outcome
    }

    fn complete(&mut self, id: CallId, service: usize, result: Result<&Delivery, CallError>) {
        self.with(service, &mut |service, ctx| {
            service.handle_reply(ctx, id, result);
        });
    }

    fn drain_local(&mut self) {
        for _ in 0..LOCAL_ROUNDS_MAX {
            let Some(local) = self.core.locals.pop_front() else {
                return;
            };
            for (service, version) in self.core.local_handlers(&local) {
                let delivery = Delivery::local(&local, self.core.now);
                self.with(service, &mut |service, ctx| {
                    version.handle(service, ctx, &delivery);
                });
            }
            self.core.note_delivered(local);
        }
        self.core.locals.clear();
        self.core
            .refuse("local_loop", "services answer each other without end");
    }
}

/// Whether an MQTT topic filter (3.1.1, section 4.7; `+` only as a whole
/// level, `#` unused here) covers a topic.
fn topic_matches(filter: &str, topic: &str) -> bool {
    if !filter.contains('+') {
        return filter == topic;
    }
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (None, None) => return true,
            (Some(level), Some(part)) if level == "+" || level == part => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests;
