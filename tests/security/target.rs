//! The nara under attack: a real one, whose socket and clock the test holds.

use super::peer::{Peer, direct};
use core::time::Duration;
use light_nara::base::{Instant, Now, WallTime};
use light_nara::message::{Message, Response, from_json};
use light_nara::nara::{Config, Effect, Nara, Newborn};
use light_nara::plaza::Credentials;
use light_nara::stash::{Memory, StashError};
use serde_json::Value;

pub(crate) const DIRECT: &str = "nara/mesh/";
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// 2026-01-18T17:14:13Z.
const EPOCH: i64 = 1_768_756_453_000_000_000;

/// What an answer to an unproven peer may have of the bytes that it sent.
const AMPLIFICATION_MAX: usize = 3;

/// A payload on a topic, as the plaza carries it.
#[derive(Clone, Debug)]
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

pub(crate) struct Target {
    pub(crate) nara: Nara,
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
        let mut target = Self {
            nara: Nara::new(config, [7; 32], now),
            micros,
            set: 0,
        };
        target.nara.wake(now);
        target.settle();
        target.advance(SECOND);
        target
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

    /// Is asleep for so long: no timer fires meanwhile.
    pub(crate) fn doze(&mut self, time: Duration) -> Vec<Frame> {
        self.micros += time.as_micros() as u64;
        self.nara.handle_timeout(self.now());
        self.settle()
    }

    /// Lets time pass, every timer at its time. Returns what was sent.
    pub(crate) fn advance(&mut self, time: Duration) -> Vec<Frame> {
        let end = self.micros + time.as_micros() as u64;
        let mut sent = self.settle();
        loop {
            let due = self.nara.poll_timeout().map(|(at, _)| at.as_micros());
            let next = due.filter(|at| *at <= end);
            self.micros = next.unwrap_or(end).max(self.micros);
            self.nara.handle_timeout(self.now());
            sent.extend(self.settle());
            if next.is_none() {
                return sent;
            }
        }
    }

    /// Gives it bytes as its socket does.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Vec<Frame> {
        self.nara.handle_data(self.now(), bytes);
        self.settle()
    }

    /// Gives it a publication. Returns what it sent at once.
    pub(crate) fn hear(&mut self, frame: &Frame) -> Vec<Frame> {
        self.micros += 1;
        self.take(&frame.packet())
    }

    pub(crate) fn hear_all(&mut self, frames: impl IntoIterator<Item = Frame>) -> Vec<Frame> {
        let frames = frames.into_iter();
        frames.flat_map(|frame| self.hear(&frame)).collect()
    }

    /// Does what the nara asks for, as a broker that lets everything pass.
    pub(crate) fn settle(&mut self) -> Vec<Frame> {
        let mut sent = Vec::new();
        while let Some(effect) = self.nara.poll_effect() {
            let now = self.now();
            match effect {
                Effect::Open => {
                    let (user, password) = ("target".to_owned(), None);
                    self.nara.handle_opened(now, Credentials { user, password });
                }
                Effect::Send(packet) => match packet[0] >> 4 {
                    1 => self.nara.handle_data(now, &[0x20, 2, 0, 0]),
                    3 => sent.push(Frame::of_packet(&packet)),
                    8 => {
                        let topics = self.nara.topics().len();
                        let mut suback = vec![0x90, 2 + topics as u8, 0, 1];
                        suback.resize(4 + topics, 0);
                        self.nara.handle_data(now, &suback);
                    }
                    12 => self.nara.handle_data(now, &[0xd0, 0]),
                    _ => {}
                },
                _ => {}
            }
        }
        sent
    }

    /// Everything that is known of its state, counters and last words apart.
    pub(crate) fn state(&self) -> Value {
        let mut status = serde_json::to_value(self.nara.status(self.now())).unwrap();
        status["drops"].take();
        status["held"]["refusals"].take();
        // Measured anew by whatever answer of a known key comes.
        status["clock"]["offsetMs"].take();
        for peer in status["peers"].as_array_mut().unwrap() {
            peer["lastSeen"].take();
        }
        let stash = self.nara.stash().unwrap();
        let memory = self.nara.memory().map(|memory| memory.data.clone());
        serde_json::json!([status, stash.marshal_state(), memory])
    }

    pub(crate) fn dropped(&self, reason: &str) -> u64 {
        let mut drops = self.nara.runtime().drops();
        drops.find(|(one, _)| *one == reason).map_or(0, |(_, n)| n)
    }

    fn dropped_at_all(&self) -> u64 {
        self.nara.runtime().drops().map(|(_, count)| count).sum()
    }

    /// An attack that is dropped: its reason is counted, once, nothing
    /// changes, and nothing is sent. Only who shows another time under its own
    /// signature is asked for the time, with less than it sent.
    #[track_caller]
    pub(crate) fn drops(&mut self, frame: &Frame, reason: &str) {
        let sent = self.attacked(frame, reason);
        let is_off = ["too_old", "from_the_future"].contains(&reason);
        let kinds: Vec<String> = messages(&sent).map(|one| one.kind).collect();
        let is_answered = !kinds.iter().all(|kind| is_off && kind == "clock:ask");
        assert!(!is_answered, "{kinds:?} went out");
    }

    /// An attack that is refused: the same, and its sender is told why.
    #[track_caller]
    pub(crate) fn refuses(&mut self, frame: &Frame, reason: &str) -> Message {
        let sent = self.attacked(frame, reason);
        let mut answers = messages(&sent);
        let (answer, None) = (answers.next().unwrap(), answers.next()) else {
            panic!("more than one answer went out");
        };
        let attack = Message::parse(&frame.payload).unwrap();
        assert_eq!(answer.to_id, attack.from_id);
        assert!(answer.payload.contains(reason), "{}", answer.payload);
        answer
    }

    /// A repeat that is answered from memory, and not handled again.
    #[track_caller]
    pub(crate) fn refuses_by_memory(&mut self, frame: &Frame, reason: &str) -> Message {
        let sent = self.attacked(frame, reason);
        assert_eq!(sent.len(), 1);
        sent[0].message().unwrap()
    }

    #[track_caller]
    fn attacked(&mut self, frame: &Frame, reason: &str) -> Vec<Frame> {
        note(frame);
        let (state, dropped, all) = (self.state(), self.dropped(reason), self.dropped_at_all());
        let sent = self.hear(frame);
        let drops: Vec<_> = self.nara.runtime().drops().collect();
        assert_eq!(self.dropped(reason), dropped + 1, "{reason} in {drops:?}");
        assert_eq!(self.dropped_at_all(), all + 1, "{drops:?}");
        assert_eq!(self.state(), state, "the state has changed");
        let bytes: usize = sent.iter().map(|one| one.payload.len()).sum();
        assert!(bytes <= AMPLIFICATION_MAX * frame.payload.len());
        sent
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
        let (now, memory) = (self.now(), memory.to_owned());
        self.nara.set(now, memory, 10 * SECOND)?;
        Ok(self.settle())
    }

    /// Sets a memory and lets whoever is asked of these acknowledge it.
    pub(crate) fn save(&mut self, memory: &str, peers: &[Peer]) {
        let sent = self.set(memory).unwrap();
        for store in of_kind(&sent, "stash:store") {
            let holder = peers.iter().find(|peer| peer.id() == store.to_id);
            let ack = holder.unwrap().acks(self, &store);
            self.hear(&direct(&ack));
        }
        self.advance(SECOND);
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

fn messages(sent: &[Frame]) -> impl Iterator<Item = Message> + '_ {
    sent.iter().filter_map(Frame::message)
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
