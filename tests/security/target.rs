//! The nara under attack: a real one, whose socket and clock the test holds.

use super::peer::{Peer, direct};
use core::time::Duration;
use light_nara::base::{Instant, Now, WallTime};
use light_nara::message::{Bytes, Message, Response, Store, from_json, parse_payload};
use light_nara::nara::{Config, Effect, Event, Nara, Newborn};
use light_nara::plaza::Credentials;
use light_nara::stash::{Memory, StashError};
use serde_json::Value;

pub(crate) const DIRECT: &str = "nara/mesh/";
/// In the place of a topic: what is said to a gateway.
pub(crate) const MESH: &str = "the gateway";
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// 2026-01-18T17:14:13Z.
const EPOCH: i64 = 1_768_756_453_000_000_000;

/// How long the test goes on behind its last word: longer than anything that a
/// nara plans for an answer.
const AFTERWARDS: Duration = Duration::from_secs(6);

/// What an answer to an unproven peer may have of the bytes that it sent.
const AMPLIFICATION_MAX: usize = 3;

/// A payload on a topic, as the plaza carries it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frame {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(topic: &str, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            topic: topic.to_owned(),
            payload: payload.into(),
        }
    }

    /// The same with a part of its text replaced, which must be there.
    #[must_use]
    pub(crate) fn with(&self, from: &str, to: &str) -> Self {
        let text = String::from_utf8(self.payload.clone()).unwrap();
        assert!(text.contains(from), "{from} is not in {text}");
        Self::new(&self.topic, text.replacen(from, to, 1))
    }

    #[must_use]
    pub(crate) fn on(&self, topic: &str) -> Self {
        Self::new(topic, self.payload.clone())
    }

    /// A PUBLISH at QoS 0 (MQTT 3.1.1, section 3.3).
    pub(crate) fn packet(&self) -> Vec<u8> {
        let mut length = 2 + self.topic.len() + self.payload.len();
        let mut packet = vec![0x30];
        while length >= 0x80 {
            packet.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        packet.push(length as u8);
        packet.extend((self.topic.len() as u16).to_be_bytes());
        packet.extend(self.topic.as_bytes());
        packet.extend(&self.payload);
        packet
    }

    fn of_packet(packet: &[u8]) -> Self {
        let lengths = packet[1..].iter().take_while(|byte| **byte >= 0x80).count();
        let body = &packet[2 + lengths..];
        let (topic, payload) =
            body[2..].split_at(usize::from(body[0]) * 256 + usize::from(body[1]));
        Self::new(core::str::from_utf8(topic).unwrap(), payload)
    }

    /// The message for one nara in it, if it is one.
    pub(crate) fn message(&self) -> Option<Message> {
        let is_direct = self.topic.starts_with(DIRECT);
        is_direct.then(|| Message::parse(&self.payload).unwrap())
    }
}

/// The messages of a kind that a target sent.
pub(crate) fn of_kind(sent: &[Frame], kind: &str) -> Vec<Message> {
    let messages = sent.iter().filter_map(Frame::message);
    messages.filter(|message| message.kind == kind).collect()
}

/// What a nara did: what it sent, and what it told the application.
#[derive(Default)]
struct Done {
    sent: Vec<Frame>,
    told: Vec<String>,
}

impl Done {
    fn extend(&mut self, more: Self) {
        self.sent.extend(more.sent);
        self.told.extend(more.told);
    }
}

pub(crate) struct Target {
    pub(crate) nara: Nara,
    /// The same nara, of the same seed, which hears everything but what is
    /// dropped or refused. To the end of a test both do the same.
    twin: Option<Box<Nara>>,
    micros: u64,
    /// How far its wall clock was set since it woke.
    set: i64,
}

impl Target {
    /// A newborn nara on the plaza that holds 20 stashes for others.
    pub(crate) fn new() -> Self {
        Self::of(Config::born(Newborn([9; 32]), Some("target")).unwrap())
    }

    pub(crate) fn of(config: Config) -> Self {
        Self::later(config, Duration::ZERO)
    }

    /// The same nara, woken anew so much after the epoch of these tests.
    pub(crate) fn later(config: Config, after: Duration) -> Self {
        let micros = 1_000_000 + after.as_micros() as u64;
        let now = at(micros, 0);
        let twin = Nara::new(config.clone(), [7; 32], now);
        let mut target = Self {
            nara: Nara::new(config, [7; 32], now),
            twin: Some(Box::new(twin)),
            micros,
            set: 0,
        };
        target.both(|nara, now| nara.wake(now));
        target.advance(SECOND);
        target
    }

    /// Without its twin: where what is dropped changes what comes later, or
    /// there is too much of it.
    #[must_use]
    pub(crate) fn alone(mut self) -> Self {
        self.twin = None;
        self
    }

    pub(crate) fn soul(&self) -> String {
        self.nara.soul().to_text()
    }

    pub(crate) fn id(&self) -> &str {
        self.nara.me().identity.id.as_str()
    }

    pub(crate) fn now(&self) -> Now {
        at(self.micros, self.set)
    }

    pub(crate) fn wall(&self) -> WallTime {
        self.now().wall
    }

    pub(crate) fn ago(&self, time: Duration) -> WallTime {
        WallTime::from_unix_nanos(self.wall().unix_nanos() - time.as_nanos() as i64)
    }

    pub(crate) fn ahead(&self, time: Duration) -> WallTime {
        WallTime::from_unix_nanos(self.wall().unix_nanos() + time.as_nanos() as i64)
    }

    /// Sets its wall clock, by seconds, and nothing else.
    pub(crate) fn set_clock(&mut self, seconds: i64) {
        self.set += seconds * 1_000_000_000;
    }

    /// Does something to it and to its twin. Returns what it sent.
    #[track_caller]
    fn both(&mut self, mut act: impl FnMut(&mut Nara, Now)) -> Vec<Frame> {
        let now = self.now();
        let mut step = |nara: &mut Nara| {
            act(nara, now);
            settle(nara, now)
        };
        let done = step(&mut self.nara);
        let twin = self.twin.as_deref_mut().map(step);
        is_same(done, twin)
    }

    /// Is asleep for so long: no timer fires meanwhile.
    pub(crate) fn doze(&mut self, time: Duration) -> Vec<Frame> {
        self.micros += time.as_micros() as u64;
        self.both(Nara::handle_timeout)
    }

    /// Lets time pass, every timer at its time. Returns what was sent.
    #[track_caller]
    pub(crate) fn advance(&mut self, time: Duration) -> Vec<Frame> {
        let end = self.micros + time.as_micros() as u64;
        let (start, set) = (self.micros, self.set);
        let run = |nara: &mut Nara| {
            let mut micros = start;
            let mut done = settle(nara, at(micros, set));
            loop {
                let due = nara.poll_timeout().map(|(at, _)| at.as_micros());
                let next = due.filter(|at| *at <= end);
                micros = next.unwrap_or(end).max(micros);
                nara.handle_timeout(at(micros, set));
                done.extend(settle(nara, at(micros, set)));
                if next.is_none() {
                    return done;
                }
            }
        };
        let done = run(&mut self.nara);
        let twin = self.twin.as_deref_mut().map(run);
        self.micros = end;
        is_same(done, twin)
    }

    /// Gives it bytes as its socket does.
    #[track_caller]
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Vec<Frame> {
        self.both(|nara, now| nara.handle_data(now, bytes))
    }

    /// Gives it bytes as its socket to a gateway does.
    pub(crate) fn take_mesh(&mut self, bytes: &[u8]) -> Vec<Frame> {
        self.micros += 1;
        self.both(|nara, now| nara.handle_mesh_data(now, bytes))
    }

    /// Gives it a publication. Returns what it sent at once.
    #[track_caller]
    pub(crate) fn hear(&mut self, frame: &Frame) -> Vec<Frame> {
        self.micros += 1;
        self.take(&frame.packet())
    }

    pub(crate) fn hear_all(&mut self, frames: impl IntoIterator<Item = Frame>) -> Vec<Frame> {
        let frames = frames.into_iter();
        frames.flat_map(|frame| self.hear(&frame)).collect()
    }

    /// Everything that is known of its state, counters and last words apart.
    pub(crate) fn state(&self) -> Value {
        state(&self.nara, self.now())
    }

    /// One part of what it shows.
    pub(crate) fn shown(&self, part: &str) -> Value {
        serde_json::to_value(self.nara.status(self.now())).unwrap()[part].take()
    }

    pub(crate) fn dropped(&self, reason: &str) -> u64 {
        let mut drops = self.nara.runtime().drops();
        drops.find(|(one, _)| *one == reason).map_or(0, |(_, n)| n)
    }

    fn dropped_at_all(&self) -> u64 {
        self.nara.runtime().drops().map(|(_, count)| count).sum()
    }

    /// An attack that is dropped: its reason is counted, once, nothing
    /// changes, nothing is sent and the application is told nothing; nor is
    /// what comes later any other than if it had not been. Only who shows
    /// another time under its own signature is asked for the time, with less
    /// than it sent.
    #[track_caller]
    pub(crate) fn drops(&mut self, frame: &Frame, reason: &str) {
        let Done { sent, told } = self.attacked(frame, reason);
        if ["too_old", "from_the_future"].contains(&reason) {
            let is_ask = |one: &Frame| one.message().is_some_and(|it| it.kind == "clock:ask");
            assert!(sent.iter().all(is_ask), "{} went out", named(&sent));
            let is_doubt = |one: &String| one.contains("kind: \"clock:doubt\"");
            assert!(told.iter().all(is_doubt), "{told:?}");
            // The question takes its course with the twin, too.
            let now = self.now();
            if let Some(twin) = &mut self.twin {
                twin.handle_data(now, &frame.packet());
                is_same(Done { sent, told }, Some(settle(twin, now)));
            }
            return;
        }
        assert!(sent.is_empty(), "{} went out", named(&sent));
        assert!(told.is_empty(), "the application was told {told:?}");
    }

    /// What is no drop and may do nothing all the same: no frame is sent, no
    /// event is told, nothing is counted, and its twin, which does not hear it,
    /// does the same from here on.
    #[track_caller]
    pub(crate) fn suffers(&mut self, frame: &Frame) {
        note(frame);
        let all = self.dropped_at_all();
        self.micros += 1;
        let now = self.now();
        self.nara.handle_data(now, &frame.packet());
        is_same(settle(&mut self.nara, now), Some(Done::default()));
        assert_eq!(self.dropped_at_all(), all);
    }

    /// An attack that is refused: the same, and its sender is told why.
    #[track_caller]
    pub(crate) fn refuses(&mut self, frame: &Frame, reason: &str) -> Message {
        let answer = self.refuses_by_memory(frame, reason);
        let attack = Message::parse(&frame.payload).unwrap();
        assert_eq!(answer.to_id, attack.from_id);
        assert!(answer.payload.contains(reason), "{}", answer.payload);
        answer
    }

    /// A repeat that is answered from memory, and not handled again.
    #[track_caller]
    pub(crate) fn refuses_by_memory(&mut self, frame: &Frame, reason: &str) -> Message {
        let Done { sent, told } = self.attacked(frame, reason);
        assert_eq!(sent.len(), 1, "{} went out", named(&sent));
        assert!(told.is_empty(), "the application was told {told:?}");
        sent[0].message().unwrap()
    }

    #[track_caller]
    fn attacked(&mut self, frame: &Frame, reason: &str) -> Done {
        note(frame);
        let (state, dropped, all) = (self.state(), self.dropped(reason), self.dropped_at_all());
        self.micros += 1;
        let now = self.now();
        self.nara.handle_data(now, &frame.packet());
        let done = settle(&mut self.nara, now);
        let drops: Vec<_> = self.nara.runtime().drops().collect();
        assert_eq!(self.dropped(reason), dropped + 1, "{reason} in {drops:?}");
        assert_eq!(self.dropped_at_all(), all + 1, "{drops:?}");
        assert_eq!(self.state(), state, "the state has changed");
        let bytes: usize = done.sent.iter().map(|one| one.payload.len()).sum();
        assert!(bytes <= AMPLIFICATION_MAX * frame.payload.len());
        done
    }

    /// Peers that greeted, and are known.
    pub(crate) fn meet<const N: usize>(&mut self, names: [&str; N]) -> [Peer; N] {
        let peers = names.map(Peer::new);
        for peer in &peers {
            let hello = peer.hey_there(self.wall());
            self.hear(&hello);
        }
        self.advance(5 * SECOND);
        peers
    }

    pub(crate) fn set(&mut self, memory: &str) -> Result<Vec<Frame>, StashError> {
        let mut ended = Ok(());
        let sent = self.both(|nara, now| {
            ended = nara.set(now, memory.to_owned(), 10 * SECOND).map(|_| ());
        });
        ended.map(|()| sent)
    }

    /// Sets a memory and lets whoever is asked of these acknowledge it.
    /// Returns what they hold: nonce and ciphertext.
    pub(crate) fn save(&mut self, memory: &str, peers: &[Peer]) -> (Bytes, Bytes) {
        let sent = self.set(memory).unwrap();
        let stores = of_kind(&sent, "stash:store");
        for store in &stores {
            let holder = peers.iter().find(|peer| peer.id() == store.to_id);
            let ack = holder.unwrap().acks(self, store);
            self.hear(&direct(&ack));
        }
        self.advance(SECOND);
        let stored: Store = parse_payload(&stores[0].payload).unwrap();
        (stored.nonce, stored.ciphertext)
    }

    pub(crate) fn holders(&self) -> usize {
        self.nara.status(self.now()).stash.holders.len()
    }

    pub(crate) fn memory(&self) -> Option<&Memory> {
        self.nara.memory()
    }

    pub(crate) fn held(&self) -> usize {
        self.nara.stash().unwrap().confidant().held().len()
    }

    pub(crate) fn holds_for(&self, peer: &Peer) -> bool {
        self.nara.stash().unwrap().has_stash_for(&peer.who)
    }

    pub(crate) fn sees(&self, peer: &Peer) -> bool {
        self.nara.runtime().peers().is_online(&peer.who)
    }
}

pub(crate) fn response(message: &Message) -> Response {
    from_json(&message.payload).unwrap()
}

/// What both did, which must be one.
#[track_caller]
fn is_same(done: Done, twin: Option<Done>) -> Vec<Frame> {
    if let Some(twin) = twin {
        let (own, others) = (named(&done.sent), named(&twin.sent));
        assert_eq!(own, others, "what it sends is not what its twin sends");
        assert_eq!(done.sent, twin.sent, "what it sends has changed");
        assert_eq!(done.told, twin.told, "what it tells has changed");
    }
    done.sent
}

/// The kinds of messages, and the topics of the rest.
fn named(sent: &[Frame]) -> String {
    let name = |one: &Frame| one.message().map_or(one.topic.clone(), |it| it.kind);
    sent.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Does what a nara asks for, as a broker that lets everything pass.
fn settle(nara: &mut Nara, now: Now) -> Done {
    let mut done = Done::default();
    while let Some(effect) = nara.poll_effect() {
        match effect {
            Effect::Open => {
                let (user, password) = ("target".to_owned(), None);
                nara.handle_opened(now, Credentials { user, password });
            }
            Effect::Send(packet) => match packet[0] >> 4 {
                1 => nara.handle_data(now, &[0x20, 2, 0, 0]),
                3 => done.sent.push(Frame::of_packet(&packet)),
                8 => {
                    let topics = nara.topics().len();
                    let mut suback = vec![0x90, 2 + topics as u8, 0, 1];
                    suback.resize(4 + topics, 0);
                    nara.handle_data(now, &suback);
                }
                12 => nara.handle_data(now, &[0xd0, 0]),
                _ => {}
            },
            Effect::SendMesh(frame) => done.sent.push(Frame::new(MESH, frame)),
            // The counters are part of the status.
            Effect::Event(Event::Status) => {}
            Effect::Event(event) => done.told.push(format!("{event:?}")),
            _ => {}
        }
    }
    done
}

/// What there is to know of a nara: what it shows, what it holds with all
/// generations, leaves, places and wishes to be forgotten, who holds its own.
fn state(nara: &Nara, now: Now) -> Value {
    let mut status = serde_json::to_value(nara.status(now)).unwrap();
    status["drops"].take();
    status["held"]["refusals"].take();
    // Measured anew by whatever answer of a known key comes.
    status["clock"]["offsetMs"].take();
    for peer in status["peers"].as_array_mut().unwrap() {
        peer["lastSeen"].take();
    }
    let stash = nara.stash().unwrap();
    let owner = stash.owner();
    let mine = [owner.memory(), owner.beside()];
    serde_json::json!([
        status,
        stash.marshal_state(),
        format!("{mine:?}"),
        format!("{:?}", owner.holders()),
        format!("{:?}", stash.confidant()),
    ])
}

/// However a test ends, some seconds later the attacks have left no trace.
impl Drop for Target {
    fn drop(&mut self) {
        if std::thread::panicking() || self.twin.is_none() {
            return;
        }
        self.advance(AFTERWARDS);
        let twin = self.twin.take().map(|twin| state(&twin, self.now()));
        assert_eq!(Some(self.state()), twin, "the state differs in the end");
    }
}

fn at(micros: u64, set: i64) -> Now {
    Now {
        mono: Instant::from_micros(micros),
        wall: WallTime::from_unix_nanos(EPOCH + micros as i64 * 1_000 + set),
    }
}

/// Where `ATTACKS` names a folder, each attack is written there as the bytes
/// on the socket: what fuzzing begins with.
fn note(frame: &Frame) {
    if let (Ok(folder), Some(name)) = (std::env::var("ATTACKS"), std::thread::current().name()) {
        let packet = frame.packet();
        let hash = packet.iter().fold(0u32, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(u32::from(*byte))
        });
        let name = format!("{folder}/{}-{hash:08x}", name.replace("::", "-"));
        std::fs::write(name, packet).unwrap();
    }
}
