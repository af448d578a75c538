//! A runtime for tests of services: no network, no real keys, and a clock that
//! moves when it is told to.

use super::{Context, Crypto, Level, Local, Me, Outgoing, Record, Runtime, Service, Traffic};
use crate::base::{Identity, Instant, NaraId, Now, PublicKey, Rng, WallTime};
use crate::identity::{OpenError, Signature};
use crate::message::{Message, Payload, Timestamp};
use crate::neighbourhood::Presence;
use core::time::Duration;

/// Keys that anybody can forge and that cost nothing. For tests only.
pub struct MockCrypto {
    key: PublicKey,
}

impl MockCrypto {
    /// The keys of a made-up nara.
    pub fn new(key: PublicKey) -> Self {
        Self { key }
    }

    fn signature(key: &PublicKey, text: &[u8]) -> Signature {
        let mut mark = [0; 64];
        mark[..32].copy_from_slice(&key.0);
        for (index, byte) in text.iter().enumerate() {
            let place = 32 + index % 32;
            mark[place] = mark[place].rotate_left(3) ^ byte.wrapping_add(index as u8);
        }
        Signature(mark)
    }
}

impl Crypto for MockCrypto {
    fn sign(&self, text: &[u8]) -> Signature {
        Self::signature(&self.key, text)
    }

    fn verify(&self, key: &PublicKey, text: &[u8], signature: &Signature) -> bool {
        Self::signature(key, text).0 == signature.0
    }

    fn seal(&self, nonce: [u8; 24], plaintext: &[u8]) -> Vec<u8> {
        let masked = plaintext.iter().map(|byte| byte ^ nonce[0]);
        masked.chain(self.key.0[..16].iter().copied()).collect()
    }

    fn open(&self, nonce: &[u8; 24], ciphertext: &[u8]) -> Result<Vec<u8>, OpenError> {
        match ciphertext.split_last_chunk::<16>() {
            Some((masked, tag)) if *tag == self.key.0[..16] => {
                Ok(masked.iter().map(|byte| byte ^ nonce[0]).collect())
            }
            _ => Err(OpenError),
        }
    }
}

/// A runtime with services under test.
pub struct MockRuntime {
    runtime: Runtime,
    now: Now,
    sent: Vec<Outgoing>,
    locals: Vec<Local>,
    records: Vec<Record>,
}

impl MockRuntime {
    /// A connected runtime of a nara with this name, at a made-up time.
    pub fn new(name: &str) -> Self {
        let now = Now {
            mono: Instant::from_micros(1_000_000),
            wall: WallTime::from_unix_seconds(1_768_756_453),
        };
        let identity = Self::identity(name);
        let crypto = MockCrypto::new(identity.key);
        let me = Me {
            identity,
            name: name.to_owned(),
        };
        let rng = Rng::from_seed([9; 32]);
        let mut runtime = Runtime::new(me, Box::new(crypto), rng, now);
        runtime.set_connected(now, true);
        Self {
            runtime,
            now,
            sent: Vec::new(),
            locals: Vec::new(),
            records: Vec::new(),
        }
    }

    /// Adds a service and starts it.
    #[must_use]
    pub fn with(mut self, service: impl Service) -> Self {
        self.runtime.add(Box::new(service));
        self
    }

    /// Starts the services.
    #[must_use]
    pub fn started(mut self) -> Self {
        self.runtime.start(self.now);
        self.collect();
        self
    }

    /// The identity of a made-up nara: its name as id, a key made of the name.
    pub fn identity(name: &str) -> Identity {
        let mut key = [0x42; 32];
        for (place, byte) in key.iter_mut().zip(name.bytes()) {
            *place = byte;
        }
        let id = NaraId::parse(name).unwrap_or_else(|_| unreachable!("a test's name is an id"));
        Identity {
            id,
            key: PublicKey(key),
        }
    }

    /// Makes a peer known and online, as presence would.
    pub fn register(&mut self, name: &str) -> Identity {
        let who = Self::identity(name);
        let now = self.now;
        let news = super::PeerNews { who };
        self.runtime.core.set_now(now);
        self.runtime.core.note_key(who);
        self.runtime.core.peers.heard(now, &who, name);
        self.local("presence:online", &news);
        who
    }

    /// Makes a peer gone, as presence would when it is missed.
    pub fn mark_gone(&mut self, who: &Identity) {
        self.runtime.set_now(self.now);
        if let Some(peer) = self.runtime.core.peers.peer_mut(who) {
            peer.presence = Presence::Missing;
        }
        self.local("presence:gone", &super::PeerNews { who: *who });
    }

    /// Makes several peers gone in one sweep.
    pub fn mark_all_gone(&mut self, gone: &[Identity]) {
        for who in gone {
            if let Some(peer) = self.runtime.core.peers.peer_mut(who) {
                peer.presence = Presence::Missing;
            }
            let news = super::PeerNews { who: *who }.to_json();
            self.runtime.core.push_local("presence:gone", news, "test");
        }
        self.runtime.drain_local();
        self.collect();
    }

    /// A message as a made-up peer would sign and send it to this nara.
    pub fn message<P: Payload>(&self, from: &Identity, kind: &str, payload: &P) -> Message {
        let mut message = Message::draft(kind, 1, payload.to_json());
        message.from = from.id.as_str().to_owned();
        message.from_id = from.id.as_str().to_owned();
        message.key = Some(from.key);
        message.to_id = self.runtime.me().identity.id.as_str().to_owned();
        message.timestamp = Timestamp::from_wall(self.now.wall);
        Self::sign(from, message)
    }

    /// Signs a message anew, as after a change.
    pub fn sign(from: &Identity, mut message: Message) -> Message {
        message.id = message.computed_id();
        let text = message.signable();
        message.signature = Some(MockCrypto::signature(&from.key, text.as_bytes()));
        message
    }

    /// Delivers a message that came for this nara alone.
    pub fn deliver(&mut self, message: &Message) {
        self.runtime
            .handle_direct(self.now, message.to_json().as_bytes());
        self.collect();
    }

    /// Delivers bytes from a plaza topic.
    pub fn deliver_plaza(&mut self, topic: &str, bytes: &[u8]) {
        self.runtime.handle_plaza(self.now, topic, bytes);
        self.collect();
    }

    /// Delivers a made-up peer's answer to a message that was emitted.
    pub fn answer<P: Payload>(
        &mut self,
        request: &Message,
        from: &Identity,
        kind: &str,
        payload: &P,
    ) {
        let mut message = self.message(from, kind, payload);
        message.in_reply_to.clone_from(&request.id);
        self.deliver(&message);
    }

    /// Delivers a local message.
    pub fn local<P: Payload>(&mut self, kind: &str, payload: &P) {
        let core = &mut self.runtime.core;
        core.set_now(self.now);
        core.push_local(kind, payload.to_json(), "test");
        self.runtime.drain_local();
        self.collect();
    }

    /// Sets the wall clock; the other one stays.
    pub fn set_wall(&mut self, wall: WallTime) {
        self.now.wall = wall;
    }

    /// Moves the clock on, stopping at every deadline on the way.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now.mono + by;
        while let Some((at, _)) = self.runtime.poll_timeout().filter(|(at, _)| *at <= end) {
            self.step_to(at.max(self.now.mono));
            self.runtime.handle_timeout(self.now);
            self.collect();
        }
        self.step_to(end);
    }

    /// Moves the clock on while no deadline is heeded, as in a tab that sleeps.
    pub fn oversleep(&mut self, by: Duration) {
        self.step_to(self.now.mono + by);
    }

    fn step_to(&mut self, at: Instant) {
        let passed = i64::try_from((at - self.now.mono).as_nanos()).unwrap_or(i64::MAX);
        let wall = self.now.wall.unix_nanos().saturating_add(passed);
        self.now = Now {
            mono: at,
            wall: WallTime::from_unix_nanos(wall),
        };
    }

    /// Connects or disconnects the plaza.
    pub fn set_connected(&mut self, connected: bool) {
        self.runtime.set_connected(self.now, connected);
        self.collect();
    }

    /// Takes the runtime messages emitted so far, in order.
    pub fn emitted(&mut self) -> Vec<Message> {
        let sent = core::mem::take(&mut self.sent);
        sent.iter()
            .filter_map(|one| Message::parse(&one.bytes).ok())
            .collect()
    }

    /// Takes everything sent so far as it would go on the wire.
    pub fn sent(&mut self) -> Vec<Outgoing> {
        core::mem::take(&mut self.sent)
    }

    /// Takes the local messages delivered so far.
    pub fn locals(&mut self) -> Vec<Local> {
        core::mem::take(&mut self.locals)
    }

    /// Takes the log records written so far.
    pub fn logs(&mut self) -> Vec<Record> {
        core::mem::take(&mut self.records)
    }

    /// How many records of a level the log has.
    pub fn logged(&self, level: Level) -> usize {
        self.records
            .iter()
            .filter(|record| record.level == level)
            .count()
    }

    /// How often a reason made a message drop.
    pub fn dropped(&self, reason: &str) -> u64 {
        self.runtime
            .drops()
            .find(|(one, _)| *one == reason)
            .map_or(0, |(_, count)| count)
    }

    /// The time.
    pub fn now(&self) -> Now {
        self.now
    }

    /// The runtime itself.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The runtime itself, to be commanded.
    pub fn runtime_mut(&mut self) -> &mut Runtime {
        &mut self.runtime
    }

    /// The service of type `S`.
    pub fn service<S: Service>(&self) -> &S {
        self.runtime
            .service()
            .unwrap_or_else(|| unreachable!("the test added this service"))
    }

    /// Begins or ends to watch what comes and goes.
    pub fn watch_traffic(&mut self, watched: bool) {
        self.runtime.watch_traffic(watched);
    }

    /// Takes what came and went while that was watched.
    pub fn traffic(&mut self) -> Vec<Traffic> {
        core::iter::from_fn(|| self.runtime.poll_traffic()).collect()
    }

    /// Runs a command on the service of type `S`.
    pub fn command<S: Service, T>(&mut self, run: impl FnOnce(&mut S, &mut Context<'_>) -> T) -> T {
        let result = self.runtime.command(self.now, run);
        self.collect();
        result.unwrap_or_else(|| unreachable!("the test added this service"))
    }

    fn collect(&mut self) {
        self.sent
            .extend(core::iter::from_fn(|| self.runtime.poll_outgoing()));
        self.locals
            .extend(core::iter::from_fn(|| self.runtime.poll_local()));
        self.records
            .extend(core::iter::from_fn(|| self.runtime.poll_log()));
    }
}
