//! The ways to one peer: the mesh link first, then its topic on the plaza; and
//! what this nara answers where the mesh reaches it.

use super::{Config, DIRECT_TOPIC, Effect, MeshStatus, Nara, older};
use crate::base::{
    ExpiringMap, Identity, Instant, Now, PublicKey, Rng, SortedMap, WallTime, sha256,
};
use crate::clock;
use crate::mesh::{AuthError, Event, Headers, Link, Output, Request, verify_request};
use crate::message::{Message, ObjectWriter};
use crate::presence::Presence;
use crate::runtime::{Context, Crypto, Me};
use core::time::Duration;

/// Messages on their way over the mesh, and those that wait to go again.
const FLIGHTS_MAX: usize = 256;

/// Whoever answers 401 knows nobody yet: it is asked again so often,
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// for so long. A Go nara that restarts greets up to six seconds before it
/// reads who answers.
const AGAIN_FOR: Duration = Duration::from_secs(12);

/// How long an answer may take where another way is left,
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// and where none is: longer than the gateway itself waits.
const LAST_ANSWER_WITHIN: Duration = Duration::from_secs(6);

/// Kinds that Go naras know nothing of.
const OURS: [&str; 7] = [
    "stash:grant",
    "stash:handoff",
    "stash:receipt",
    "stash:challenge",
    "stash:proof",
    clock::ASK,
    clock::TELL,
];

/// What is longer goes only where a small signed exchange came back from.
const UNPROVEN_SIZE_MAX: usize = 4_096;

/// Addresses that answered under their key, and for how long that counts.
const PROVEN_MAX: usize = 256;
const PROVEN_FOR: Duration = Duration::from_secs(600);

/// Peers of one name whose keys are tried.
const NAMESAKES_MAX: usize = 4;

const MESSAGE: &str = "/mesh/message";
const SYNC: &str = "/events/sync";

/// A message on its way to one peer over the mesh.
#[derive(Clone)]
struct Flight {
    who: Identity,
    /// Where it went; the peer may have announced another address since.
    address: String,
    bytes: Vec<u8>,
    since: Instant,
    /// Whether this goes by the older interface of the stash.
    older: bool,
    /// Whether this is the small exchange before a long message.
    proving: bool,
    /// Whether it is tried again for a while where nothing answers: a push to
    /// an owner that is just starting, or an ack, for which no call waits.
    persists: bool,
}

/// The mesh link with what is on its way over it.
pub(super) struct Ways {
    link: Link,
    flights: SortedMap<u32, Flight>,
    waiting: Vec<(Instant, Flight)>,
    proven: ExpiringMap<(PublicKey, String), ()>,
    /// Who answered 404 to a message.
    older: ExpiringMap<(PublicKey, String), ()>,
}

impl Ways {
    /// Those of a nara that has a gateway.
    pub(super) fn of(config: &Config, me: &Me, rng: &mut Rng) -> Option<Box<Self>> {
        let origin = config.gateway()?.to_owned();
        Some(Box::new(Self {
            link: Link::new(me.name.clone(), me.identity.key, origin, rng.fork()),
            flights: SortedMap::new(),
            waiting: Vec::new(),
            proven: ExpiringMap::new(PROVEN_MAX, PROVEN_FOR),
            older: ExpiringMap::new(PROVEN_MAX, PROVEN_FOR),
        }))
    }

    pub(super) fn loads(&self, note: &mut dyn FnMut(&'static str, usize)) {
        self.link.loads(note);
        note("flights", self.flights.len());
        note("flights waiting", self.waiting.len());
        note("proven addresses", self.proven.len());
        note("older interfaces", self.older.len());
    }

    pub(super) fn start(&mut self, now: Instant) {
        self.link.start(now);
    }

    pub(super) fn stop(&mut self) {
        self.link.stop();
    }

    pub(super) fn retry_now(&mut self, now: Instant) {
        self.link.retry_now(now);
    }

    pub(super) fn prove(&mut self, now: Instant) {
        self.link.prove(now);
    }

    pub(super) fn handle_data(&mut self, crypto: &dyn Crypto, now: Now, bytes: &[u8]) {
        self.link.handle_data(crypto, now, bytes);
    }

    pub(super) fn handle_closed(&mut self, now: Instant) {
        self.link.handle_closed(now);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.link.handle_timeout(now);
    }

    pub(super) fn poll_effect(&mut self) -> Option<Effect> {
        Some(match self.link.poll_output()? {
            Output::Open => Effect::OpenMesh,
            Output::Send(bytes) => Effect::SendMesh(bytes),
            Output::Close => Effect::CloseMesh,
        })
    }

    pub(super) fn status(&self) -> MeshStatus {
        let address = self.link.address();
        MeshStatus {
            state: self.link.state().as_str(),
            address: (!address.is_empty()).then(|| address.to_owned()),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let waiting = self.waiting.iter().map(|(at, _)| *at).min();
        [self.link.poll_timeout(), waiting]
            .into_iter()
            .flatten()
            .min()
    }
}

impl Nara {
    /// Sends a message to one nara: over the mesh where it is reached there,
    /// else on its topic.
    pub(super) fn send_direct(&mut self, now: Now, who: Identity, bytes: Vec<u8>) {
        if self.is_on_the_mesh(&who) && self.has_address() {
            let is_go = self.runtime.peers().is_go(&who);
            let is_ours = |bytes: &[u8]| {
                Message::parse(bytes).is_ok_and(|one| OURS.contains(&one.kind.as_str()))
            };
            if is_go && is_ours(&bytes) {
                return self.runtime.fail_call(now, &bytes);
            }
            let flight = Flight {
                persists: is_go && !self.runtime.awaits(&bytes),
                who,
                address: String::new(),
                bytes,
                since: now.mono,
                older: false,
                proving: false,
            };
            return self.launch(now, flight);
        }
        self.send_by_topic(who.id.as_str(), &bytes);
    }

    /// What time it is, as far as the peers' clocks tell.
    fn by_the_clock(&mut self, now: Now) -> Now {
        self.runtime.set_now(now);
        self.runtime.clock().now()
    }

    fn has_address(&self) -> bool {
        self.ways
            .as_ref()
            .is_some_and(|ways| !ways.link.address().is_empty())
    }

    fn send_by_topic(&mut self, to: &str, bytes: &[u8]) {
        // Refused only while disconnected, when calls fail by themselves.
        let _ = self.session.publish(&format!("{DIRECT_TOPIC}{to}"), bytes);
    }

    /// Whether this identity signed an address; another's that claims the same
    /// id leads elsewhere.
    fn is_on_the_mesh(&self, who: &Identity) -> bool {
        let peer = self.runtime.peers().peer(who);
        peer.is_some_and(|peer| !peer.proof.is_empty())
    }

    fn launch(&mut self, now: Now, mut flight: Flight) {
        let Some(peer) = self.runtime.peers().peer(&flight.who) else {
            return self.fall_back(now, &flight);
        };
        let (proof, address, name) = (peer.proof.clone(), peer.mesh_ip.clone(), peer.name.clone());
        let is_go = peer.light == Some(false);
        let within = if is_go {
            LAST_ANSWER_WITHIN
        } else {
            ANSWER_WITHIN
        };
        let at = self.by_the_clock(now);
        let Some(ways) = &mut self.ways else {
            return self.fall_back(now, &flight);
        };
        flight.address.clone_from(&address);
        let place = (flight.who.key, address);
        let older = match ways.older.get(now.mono, &place) {
            Some(()) if is_go => older::request_of(&flight.bytes, &name),
            _ => None,
        };
        flight.older = older.is_some();
        flight.proving =
            flight.bytes.len() > UNPROVEN_SIZE_MAX && ways.proven.get(now.mono, &place).is_none();
        let (method, path, body) = match older {
            Some(_) if flight.proving => older::SMALL,
            Some(request) => request,
            None if flight.proving => ("POST", SYNC, sample(&self.runtime.me().name)),
            None => ("POST", MESSAGE, flight.bytes.clone()),
        };
        let request = (method, path, body);
        let crypto = self.runtime.crypto();
        let number = ways.link.ask(crypto, at, &proof, request, within);
        match number {
            Some(number) if ways.flights.len() < FLIGHTS_MAX => {
                ways.flights.insert(number, flight);
            }
            _ => self.fall_back(now, &flight),
        }
    }

    /// The next way: its topic, on which only light naras listen. A call to
    /// anybody else ends here.
    fn fall_back(&mut self, now: Now, flight: &Flight) {
        let is_known = self.runtime.peers().peer(&flight.who).is_some();
        if is_known && !self.runtime.peers().is_go(&flight.who) {
            self.send_by_topic(flight.who.id.as_str(), &flight.bytes);
        } else if !(flight.persists && self.wait(now, flight.clone())) {
            self.runtime.fail_call(now, &flight.bytes);
        }
    }

    /// Lets a message go again soon, unless it has tried for long enough.
    /// Returns whether it does.
    fn wait(&mut self, now: Now, flight: Flight) -> bool {
        let is_young = now.mono - flight.since < AGAIN_FOR;
        match &mut self.ways {
            Some(ways) if is_young && ways.waiting.len() < FLIGHTS_MAX => {
                ways.waiting.push((now.mono + AGAIN_AFTER, flight));
                true
            }
            _ => false,
        }
    }

    /// Everything that the link has to say.
    #[inline(always)]
    pub(super) fn turn_mesh(&mut self, now: Now) {
        if self.ways.is_some() {
            self.take_mesh_events(now);
        }
    }

    /// By itself: an engine compiles a function when it is first called, and
    /// most naras never call this one.
    #[inline(never)]
    fn take_mesh_events(&mut self, now: Now) {
        while let Some(event) = self.ways.as_mut().and_then(|ways| ways.link.poll_event()) {
            match event {
                Event::Attached(address) => self.announce(now, &address),
                Event::Detached => self.announce(now, ""),
                Event::Asked(request) => self.answer(now, request),
                Event::Answered {
                    n,
                    status,
                    headers,
                    body,
                } => self.land(now, n, status, &headers, &body),
            }
        }
    }

    /// Lets what waited go again.
    pub(super) fn relaunch(&mut self, now: Now) {
        let Some(ways) = &mut self.ways else { return };
        let (due, waiting) = ways.waiting.drain(..).partition(|(at, _)| *at <= now.mono);
        ways.waiting = waiting;
        let due: Vec<(Instant, Flight)> = due;
        for (_, flight) in due {
            self.launch(now, flight);
        }
    }

    fn announce(&mut self, now: Now, address: &str) {
        self.runtime
            .command(now, |presence: &mut Presence, ctx: &mut Context<'_>| {
                presence.set_address(ctx, address);
            });
        self.told = None;
    }

    fn land(&mut self, now: Now, n: u32, status: u16, headers: &Headers, body: &[u8]) {
        let Some(ways) = &mut self.ways else { return };
        let Some(flight) = ways.flights.remove(&n) else {
            return;
        };
        let place = (flight.who.key, flight.address.clone());
        if status == 200 && headers.prove_answer(self.runtime.crypto(), body, &flight.who.key) {
            ways.proven.insert(now.mono, place, ());
            if flight.proving {
                self.launch(now, flight);
            } else if flight.older {
                self.land_older(now, &flight.who, &flight.bytes, body);
            }
            return;
        }
        // Only Go naras have no other: what is accepted by the older interface
        // names no store, so a gateway could pass it off for another's.
        let is_go = self.runtime.peers().is_go(&flight.who);
        let has_older = || older::request_of(&flight.bytes, "").is_some();
        if status == 404 && is_go && !flight.older && has_older() {
            ways.older.insert(now.mono, place, ());
            return self.launch(now, flight);
        }
        // A light nara hears its topic meanwhile. It refuses whose clock is off,
        // and that is put right by its answer or not at all.
        let peer = self.runtime.peers().peer(&flight.who);
        let is_light = peer.is_some_and(|peer| peer.light == Some(true));
        if status == 401 && !is_light && self.wait(now, flight.clone()) {
            return self.runtime.introduce(now, flight.who);
        }
        self.fall_back(now, &flight);
    }

    fn answer(&mut self, now: Now, request: Request) {
        let (status, body) = match self.answer_to(now, &request) {
            Ok(body) => (200, body),
            Err((status, why)) => (status, [why, "\n"].concat().into_bytes()),
        };
        let at = self.by_the_clock(now);
        if let Some(ways) = &mut self.ways {
            let crypto = self.runtime.crypto();
            ways.link.answer(crypto, at, request.n, status, body);
        }
    }

    fn answer_to(&mut self, now: Now, request: &Request) -> Result<Vec<u8>, (u16, &'static str)> {
        let wall = self.by_the_clock(now).wall;
        let (method, path) = (request.method.as_str(), request.path.as_str());
        if (method, path) == ("GET", "/ping") {
            return Ok(self.ping(wall));
        }
        let is_served = older::is_served(method, path)
            || method == "POST" && matches!(path, MESSAGE | SYNC | "/gossip/zine");
        if !is_served {
            return Err((404, "there is nothing here"));
        }
        let peers = self.runtime.peers();
        let namesakes = peers.namesakes(&request.headers.name);
        let known = namesakes.into_iter().map(|who| (who.key, who));
        let who = verify_request(
            self.runtime.crypto(),
            &request.headers,
            wall,
            method,
            path,
            known.take(NAMESAKES_MAX),
        );
        let who = match who {
            Ok(who) => who,
            Err(error) => {
                if error == AuthError::UnknownSender {
                    let knock = |presence: &mut Presence, ctx: &mut Context<'_>| {
                        presence.hear_knock(ctx);
                    };
                    self.runtime.command(now, knock);
                }
                return Err((401, error.as_str()));
            }
        };
        let name = request.headers.name.as_str();
        let hear = |presence: &mut Presence, ctx: &mut Context<'_>| {
            presence.hear_request(ctx, &who, name);
        };
        self.runtime.command(now, hear);
        match (method, path) {
            (_, MESSAGE) => {
                self.runtime.handle_direct(now, &request.body);
                self.send_outgoing(now);
                Ok(Vec::new())
            }
            (_, SYNC) => Ok(self.sync(wall)),
            (_, "/gossip/zine") => Ok(self.zine(wall)),
            _ => self.answer_older(now, request, &who),
        }
    }

    fn ping(&self, wall: WallTime) -> Vec<u8> {
        let me = self.me();
        let address = self.ways.as_ref().map_or("", |ways| ways.link.address());
        ObjectWriter::new()
            .text("from", &me.name)
            .text("mesh_ip", address)
            .base64("public_key", &me.identity.key.0)
            .i64("t", wall.unix_nanos())
            .finish()
            .into_bytes()
    }

    fn sync(&self, wall: WallTime) -> Vec<u8> {
        let ts = wall.unix_seconds();
        ObjectWriter::new()
            .text("from", &self.me().name)
            .raw("events", "[]")
            .i64("ts", ts)
            .base64("sig", &self.sign_empty(ts))
            .finish()
            .into_bytes()
    }

    fn zine(&self, wall: WallTime) -> Vec<u8> {
        let created_at = wall.unix_seconds();
        ObjectWriter::new()
            .text("from", &self.me().name)
            .i64("created_at", created_at)
            .raw("events", "[]")
            .base64("signature", &self.sign_empty(created_at))
            .finish()
            .into_bytes()
    }

    /// The signature of a batch of no events.
    fn sign_empty(&self, seconds: i64) -> [u8; 64] {
        let text = format!("{}:{seconds}:", self.me().name);
        let hash = sha256(&[text.as_bytes()]);
        self.runtime.crypto().sign(&hash).0
    }
}

/// The small exchange: a sample of one event.
fn sample(name: &str) -> Vec<u8> {
    ObjectWriter::new()
        .text("from", name)
        .text("mode", "sample")
        .u64("sample_size", 1)
        .finish()
        .into_bytes()
}
