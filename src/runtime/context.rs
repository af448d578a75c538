//! What a service may ask for, and the core that its runtime keeps.

use super::behaviour::Version;
use super::clock::Clock;
use super::emit::Retry;
use super::shed::Budget;
use super::traffic::Watch;
use super::{
    Behaviour, CallError, CallId, CallRegistry, Crypto, Delivery, Keyring, Local, Outcome,
    Outgoing, Record, Scope, Sealed, Service, Transport, Way,
};
use crate::base::{
    ExpiringMap, Gather, Identity, Instant, NaraId, Now, PublicKey, Rng, SortedMap, WallTime,
};
use crate::identity::OpenError;
use crate::message::{Message, Payload, canonical_fields};
use crate::neighbourhood::Neighbourhood;
use core::time::Duration;
use std::collections::VecDeque;
use std::rc::Rc;

/// Local messages that wait for whoever watches from outside.
const DELIVERED_MAX: usize = 256;

/// Who this nara is, as others see it.
#[derive(Clone, Debug)]
pub struct Me {
    /// Its id and its key.
    pub identity: Identity,
    /// Its name.
    pub name: String,
}

/// What every service of a nara shares. Only the runtime touches it.
pub(super) struct Core {
    pub(super) me: Me,
    pub(super) crypto: Box<dyn Crypto>,
    pub(super) rng: Rng,
    pub(super) now: Now,
    pub(super) clock: Clock,
    pub(super) watch: Watch,
    pub(super) connected: bool,
    pub(super) peers: Neighbourhood,
    pub(super) keyring: Keyring,
    pub(super) calls: CallRegistry,
    pub(super) behaviours: SortedMap<String, (Rc<Behaviour>, usize)>,
    pub(super) local_behaviours: Vec<(String, usize, Version)>,
    pub(super) topics: Vec<(String, usize)>,
    pub(super) service_names: Vec<&'static str>,
    pub(super) outbox: VecDeque<Outgoing>,
    pub(super) locals: VecDeque<Local>,
    pub(super) delivered: VecDeque<Local>,
    pub(super) records: VecDeque<Record>,
    pub(super) drops: SortedMap<&'static str, u64>,
    pub(super) dead_letters: VecDeque<(String, String)>,
    pub(super) retries: Vec<Retry>,
    pub(super) seen: ExpiringMap<(Option<PublicKey>, String), ()>,
    pub(super) replies: ExpiringMap<(Option<PublicKey>, String), (Outgoing, u8)>,
    pub(super) rates: ExpiringMap<(Option<PublicKey>, String), (Instant, u32)>,
    pub(super) sent_ids: ExpiringMap<String, ()>,
    pub(super) budget: Budget,
    pub(super) last_stamp: i64,
    pub(super) activity: u64,
}

impl Core {
    /// Takes the driver's time; the wall clock is corrected.
    pub(super) fn set_now(&mut self, now: Now) {
        self.now = self.clock.read(now);
    }

    pub(super) fn loads(&self) -> [(&'static str, usize, usize); 13] {
        use super::{CALLS_MAX, DEAD_LETTERS_MAX, KEYRING_MAX, LOCAL_ROUNDS_MAX, OUTBOX_MAX};
        use crate::neighbourhood::PEERS_MAX;
        let named = |name, (count, limit)| (name, count, limit);
        [
            named("seen", self.seen.load()),
            named("replies", self.replies.load()),
            named("rates", self.rates.load()),
            named("sent ids", self.sent_ids.load()),
            named("budgets", self.budget.load()),
            ("peers", self.peers.len(), PEERS_MAX),
            ("keyring", self.keyring.len(), KEYRING_MAX),
            ("calls", self.calls.len(), CALLS_MAX),
            ("outbox", self.outbox.len(), OUTBOX_MAX),
            ("retries", self.retries.len(), super::emit::RETRIES_MAX),
            ("dead letters", self.dead_letters.len(), DEAD_LETTERS_MAX),
            ("locals", self.locals.len(), LOCAL_ROUNDS_MAX),
            ("delivered", self.delivered.len(), DELIVERED_MAX),
        ]
    }

    #[inline(never)]
    pub(super) fn scope(&mut self, service: &'static str) -> Scope<'_> {
        let (at, nara) = (self.now.wall, &self.me.identity.id);
        Scope {
            records: &mut self.records,
            at,
            service,
            nara,
        }
    }

    pub(super) fn push_local(&mut self, kind: &str, payload: String, from: &'static str) {
        self.locals.push_back(Local {
            kind: kind.to_owned(),
            payload,
            from,
        });
    }

    pub(super) fn note_delivered(&mut self, local: Local) {
        if self.delivered.len() >= DELIVERED_MAX {
            self.delivered.pop_front();
        }
        self.delivered.push_back(local);
    }

    pub(super) fn local_handlers(&self, local: &Local) -> Vec<(usize, Version)> {
        let handlers = self
            .local_behaviours
            .iter()
            .filter(|(kind, ..)| *kind == local.kind);
        handlers
            .map(|(_, service, version)| (*service, version.clone()))
            .gather()
    }

    pub(super) fn register(&mut self, service: usize, behaviour: Behaviour) {
        if behaviour.transport == Transport::Local {
            for version in behaviour.versions.into_values() {
                self.local_behaviours
                    .push((behaviour.kind.clone(), service, version));
            }
        } else if self.behaviours.contains_key(&behaviour.kind) {
            let text = format!(
                "{} has a behaviour already; the first one stays",
                behaviour.kind
            );
            self.scope("runtime").error(text);
        } else {
            self.behaviours
                .insert(behaviour.kind.clone(), (Rc::new(behaviour), service));
        }
    }
}

/// What a service is given whenever something happens: who it is, what time
/// it is, who is there, and how to say something.
pub struct Context<'a> {
    pub(super) core: &'a mut Core,
    services: &'a [Option<Box<dyn Service>>],
    service: usize,
}

impl<'a> Context<'a> {
    pub(super) fn new(
        core: &'a mut Core,
        services: &'a [Option<Box<dyn Service>>],
        service: usize,
    ) -> Self {
        Self {
            core,
            services,
            service,
        }
    }

    /// Whether this nara listens to what somebody says to everybody: something
    /// depends on it, it is online already, or there is room for one more.
    pub fn follows(&self, who: &Identity) -> bool {
        let peers = self.peers();
        let mut services = self.services.iter().flatten();
        peers.is_online(who) || services.any(|one| one.counts_on(who)) || peers.has_room()
    }

    /// Who this nara is.
    pub fn me(&self) -> &Me {
        &self.core.me
    }

    /// The time.
    pub fn now(&self) -> Now {
        self.core.now
    }

    /// How far the clock is from the peers'.
    pub fn clock(&self) -> &Clock {
        &self.core.clock
    }

    /// Whether a verified word of somebody is recent by its time. Where it is
    /// not, one of the two clocks may be off, and `clock:doubt` says so.
    ///
    /// # Errors
    /// `too_old` or `from_the_future`.
    pub fn judge(&mut self, who: &Identity, time: WallTime) -> Result<(), &'static str> {
        self.core.judge(who, time)
    }

    /// Randomness.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.core.rng
    }

    /// Whether anything can be sent now.
    pub fn is_connected(&self) -> bool {
        self.core.connected
    }

    /// Who is there.
    pub fn peers(&self) -> &Neighbourhood {
        &self.core.peers
    }

    /// Who is there, to be changed by presence.
    pub fn peers_mut(&mut self) -> &mut Neighbourhood {
        &mut self.core.peers
    }

    /// Notes that a verified word came from this identity: its key is known
    /// from now on, and it is online. Returns whether it was not before.
    pub fn heard(&mut self, who: &Identity, name: &str) -> bool {
        if self.core.watch.is_on() {
            self.core.watch.speaker = Some(who.id);
        }
        self.core.note_key(*who);
        self.core.peers.heard(self.core.now, who, name)
    }

    /// The keys that claim an id.
    pub fn keys(&self, id: &NaraId) -> Vec<PublicKey> {
        self.core.keyring.keys(id).gather()
    }

    /// Signs and verifies as this nara, for formats that are no runtime
    /// messages.
    pub fn crypto(&self) -> &dyn Crypto {
        self.core.crypto.as_ref()
    }

    /// This service's log.
    // Once, and not at each of the places that say something.
    #[inline(never)]
    pub fn log(&mut self) -> Scope<'_> {
        let name = self.service_name();
        self.core.scope(name)
    }

    /// Encrypts under this nara's own key, with a fresh random nonce.
    pub fn seal(&mut self, plaintext: &[u8]) -> Sealed {
        let nonce = self.core.rng.array();
        Sealed {
            nonce,
            ciphertext: self.core.crypto.seal(nonce, plaintext),
        }
    }

    /// Opens what this nara sealed.
    ///
    /// # Errors
    /// When another key sealed it or a byte was changed.
    pub fn open(&self, sealed: &Sealed) -> Result<Vec<u8>, OpenError> {
        self.core.crypto.open(&sealed.nonce, &sealed.ciphertext)
    }

    /// Says something to everybody, or to the services of this nara, as the
    /// behaviour of the kind tells.
    pub fn emit<P: Payload>(&mut self, kind: &str, payload: &P) -> Outcome {
        self.say(kind, payload.to_json())
    }

    /// [`Context::emit`] with the payload as JSON, which is checked.
    pub fn emit_json(&mut self, kind: &str, json: &str) -> Outcome {
        match self.core.canonical(kind, json) {
            Ok(payload) => self.say(kind, payload),
            Err(why) => Outcome::Fail(why),
        }
    }

    /// Says something to one nara, without waiting for an answer.
    pub fn send<P: Payload>(&mut self, to: &Identity, kind: &str, payload: &P) -> Outcome {
        self.tell(to, kind, payload.to_json())
    }

    /// [`Context::send`] with the payload as JSON, which is checked.
    pub fn send_json(&mut self, to: &Identity, kind: &str, json: &str) -> Outcome {
        match self.core.canonical(kind, json) {
            Ok(payload) => self.tell(to, kind, payload),
            Err(why) => Outcome::Fail(why),
        }
    }

    /// Asks one nara something. The end comes to `handle_reply`, once: a
    /// verified message of kind `reply_kind` from that very identity, or the
    /// deadline.
    ///
    /// # Errors
    /// When too many calls are pending or the request could not leave.
    pub fn call<P: Payload>(
        &mut self,
        to: &Identity,
        kind: &str,
        payload: &P,
        reply_kind: &'static str,
        deadline: Duration,
    ) -> Result<CallId, CallError> {
        self.ask(to, kind, payload.to_json(), reply_kind, deadline)
    }

    /// [`Context::call`] with the payload as JSON, which is checked.
    ///
    /// # Errors
    /// As [`Context::call`]; a payload that is none of the kind's counts as
    /// not sent.
    pub fn call_json(
        &mut self,
        to: &Identity,
        kind: &str,
        json: &str,
        reply_kind: &'static str,
        deadline: Duration,
    ) -> Result<CallId, CallError> {
        let payload = self.core.canonical(kind, json);
        let payload = payload.map_err(|_| CallError::NotSent)?;
        self.ask(to, kind, payload, reply_kind, deadline)
    }

    /// Ends a call without an answer.
    pub fn cancel(&mut self, call: CallId) -> bool {
        self.core.calls.cancel(call)
    }

    /// Answers a message. The answer is remembered: should the request come
    /// again, because the answer was lost, the same answer goes out again.
    pub fn reply<P: Payload>(&mut self, request: &Delivery, kind: &str, payload: &P) -> Outcome {
        self.answer(request, kind, payload.to_json())
    }

    /// [`Context::reply`] with the payload as JSON, which is checked.
    pub fn reply_json(&mut self, request: &Delivery, kind: &str, json: &str) -> Outcome {
        match self.core.canonical(kind, json) {
            Ok(payload) => self.answer(request, kind, payload),
            Err(why) => Outcome::Fail(why),
        }
    }

    /// Passes a message of this kind on to one nara, as somebody else signed it.
    pub fn forward(&mut self, to: &Identity, kind: &str, bytes: Vec<u8>) -> Outcome {
        self.core.send(Way::Direct { to: *to }, kind, bytes)
    }

    /// Publishes bytes of a format of one's own on a plaza topic.
    pub fn publish(&mut self, topic: &str, bytes: Vec<u8>) -> Outcome {
        let kind = super::traffic::kind_of(topic);
        let topic = topic.to_owned();
        self.core.send(Way::Plaza { topic }, &kind, bytes)
    }

    fn say(&mut self, kind: &str, payload: String) -> Outcome {
        let from = self.service_name();
        if self.core.behaviours.contains_key(kind) {
            let draft = self.core.draft(kind, payload);
            return self.core.emit(draft).1;
        }
        self.core.push_local(kind, payload, from);
        Outcome::Continue
    }

    fn tell(&mut self, to: &Identity, kind: &str, payload: String) -> Outcome {
        let draft = self.core.draft(kind, payload);
        self.core.emit_to(to, draft).1
    }

    fn ask(
        &mut self,
        to: &Identity,
        kind: &str,
        payload: String,
        reply_kind: &'static str,
        deadline: Duration,
    ) -> Result<CallId, CallError> {
        let draft = self.core.draft(kind, payload);
        self.core
            .call(draft, to, reply_kind, deadline, self.service)
    }

    fn answer(&mut self, request: &Delivery, kind: &str, payload: String) -> Outcome {
        let mut draft = self.core.draft(kind, payload);
        draft.to.clone_from(&request.message.from);
        draft.to_id.clone_from(&request.message.from_id);
        draft.in_reply_to.clone_from(&request.message.id);
        let before = self.core.outbox.len();
        let outcome = match &request.sender {
            Some(sender) => self.core.emit_to(sender, draft).1,
            None => self.core.emit(draft).1,
        };
        if let (Some(sender), Some(sent)) = (&request.sender, self.core.outbox.get(before)) {
            let key = (Some(sender.key), request.message.id.clone());
            self.core
                .replies
                .insert(self.core.now.mono, key, (sent.clone(), 1));
        }
        outcome
    }

    fn service_name(&self) -> &'static str {
        self.core
            .service_names
            .get(self.service)
            .copied()
            .unwrap_or("runtime")
    }
}

impl Core {
    /// A payload of the newest version of a kind, written canonically. A kind
    /// without a behaviour is local, and its payload any object.
    fn canonical(&self, kind: &str, json: &str) -> Result<String, String> {
        let canonical = match self.behaviours.get(kind) {
            Some((behaviour, _)) => behaviour
                .versions
                .values()
                .next_back()
                .map(|newest| newest.reading.canonical(json).map(|(text, _)| text)),
            None => Some(canonical_fields(json, &[]).map(|_| json.to_owned())),
        };
        let canonical = canonical.ok_or_else(|| "the kind has no version".to_owned())?;
        canonical.map_err(|error| error.to_string())
    }

    fn call(
        &mut self,
        draft: Message,
        to: &Identity,
        reply_kind: &'static str,
        deadline: Duration,
        service: usize,
    ) -> Result<CallId, CallError> {
        if self.calls.len() >= super::CALLS_MAX {
            return Err(CallError::TooMany);
        }
        let request_id = super::calls::request_id(&draft.payload).map(str::to_owned);
        let (message_id, outcome) = self.emit_to(to, draft);
        if outcome != Outcome::Continue {
            return Err(CallError::NotSent);
        }
        let (to, sent) = (*to, self.now.mono);
        self.calls.insert(super::calls::PendingCall {
            request_id,
            message_id,
            to,
            reply_kind,
            sent,
            deadline: sent + deadline,
            service,
            tries: 0,
        })
    }
}
