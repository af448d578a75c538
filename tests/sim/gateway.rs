//! The gateway: frames of the mesh link in and out, between the naras that are
//! attached to it. It is slow, loses links, ends, and damages what it carries;
//! what it makes up is in `lies.rs`.

use super::faults::Weather;
use super::host::Input;
use super::marks::verify;
use super::world::{Happening, SECOND, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use light_nara::base::Rng;
use light_nara::identity::Signature;
use light_nara::mesh::Frame;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

/// Where naras attach.
pub(super) const ORIGIN: &str = "wss://gateway.example";

/// The host of every address; the port tells whose it is.
const HOST: &str = "100.64.0.1";

/// The first port. A gateway that starts again begins with it again, so an
/// address from before may be another's now.
const PORT_MIN: u16 = 4_000;

/// How long the gateway waits for an answer.
const ANSWER_WITHIN: u64 = 5 * SECOND;

/// Frames that a gateway that lies remembers.
const OVERHEARD_MAX: usize = 100;

/// What a nara's socket to the gateway says.
pub(super) enum Said {
    Opened,
    Frame(Vec<u8>),
    Closed,
}

/// One nara's link as the gateway knows it.
pub(super) struct Hooked {
    socket: u32,
    nonce: String,
    pub(super) port: Option<u16>,
    is_alive: bool,
}

/// A request that waits for its answer: who asked, on which socket, under
/// which number, and who is asked.
struct Asked {
    by: (usize, u32, u32),
    to: usize,
}

/// Requests whose target, and answers whose signer is remembered.
const REMEMBERED_MAX: usize = 10_000;

/// Remembers the last entries, and at least half as many as it may.
struct Recent<K, V>([BTreeMap<K, V>; 2]);

impl<K: Ord, V> Recent<K, V> {
    fn insert(&mut self, key: K, value: V) {
        let [newer, older] = &mut self.0;
        if newer.len() >= REMEMBERED_MAX / 2 {
            *older = core::mem::take(newer);
        }
        newer.insert(key, value);
    }

    fn get(&self, key: &K) -> Option<&V> {
        self.0.iter().find_map(|map| map.get(key))
    }
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self([BTreeMap::new(), BTreeMap::new()])
    }
}

#[derive(Default)]
pub(super) struct Gateway {
    /// Whether this run has one.
    pub(super) exists: bool,
    pub(super) is_up: bool,
    /// Of 1,000 frames that it hands over: damaged, and lies instead.
    pub(super) damage: u32,
    pub(super) lies: u32,
    /// How long each frame takes.
    pub(super) slow: u64,
    /// When it was last no good.
    pub(super) troubled_at: u64,
    pub(super) links: BTreeMap<usize, Hooked>,
    pub(super) ports: BTreeMap<u16, usize>,
    asked: BTreeMap<u32, Asked>,
    next: u32,
    /// Who signed which answer.
    signed: Recent<String, usize>,
    /// Whom each request was for, and at which port.
    targets: Recent<(usize, u32, u32), (usize, u16)>,
    pub(super) overheard: VecDeque<Frame>,
}

impl Gateway {
    /// One run in three has one, since each message through it is two inputs
    /// more; of those one in three damages nothing, and one in three does not
    /// lie.
    pub(super) fn draw(rng: &mut Rng, weather: &mut Weather) -> Self {
        let exists = rng.below(3) == 0;
        if !exists {
            weather.without_gateway();
        }
        let is_calm = weather.is_calm();
        let mut some = |most: u32| match rng.below(3) {
            _ if !exists || is_calm => 0,
            0 => 0,
            _ => rng.below(most),
        };
        Self {
            exists,
            is_up: true,
            damage: some(20),
            lies: some(200),
            ..Self::default()
        }
    }

    /// It is there, and does what it should.
    pub(super) fn heal(&mut self) {
        self.is_up = true;
        (self.damage, self.lies, self.slow) = (0, 0, 0);
    }

    /// Whether it carries everything at once and as it is, and did so since.
    pub(super) fn was_well_since(&self, micros: u64) -> bool {
        let is_well = self.is_up && self.damage + self.lies == 0 && self.slow == 0;
        !self.exists || is_well && self.troubled_at < micros
    }
}

impl World {
    /// The gateway hears something from the socket of a nara.
    pub(super) fn hear_link(&mut self, place: usize, socket: u32, said: Said) {
        if self.hosts[place].is_cut(self.micros) {
            return;
        }
        if !self.gateway.is_up {
            return self.close_socket(place, socket);
        }
        let frame = match said {
            Said::Opened => {
                self.unhook(place);
                let nonce = hex::encode(self.rng.array::<16>());
                let link = Hooked {
                    socket,
                    nonce: nonce.clone(),
                    port: None,
                    is_alive: true,
                };
                self.gateway.links.insert(place, link);
                let challenge = Frame {
                    nonce,
                    ..Frame::new("challenge")
                };
                return self.tell(place, &challenge);
            }
            Said::Closed => None,
            Said::Frame(bytes) => Frame::parse(&bytes),
        };
        let Some(link) = self.gateway.links.get_mut(&place) else {
            return self.close_socket(place, socket);
        };
        if link.socket != socket {
            return;
        }
        link.is_alive = true;
        let is_attached = link.port.is_some();
        match frame {
            None => self.unhook(place),
            Some(frame) if !is_attached => self.attach(place, &frame),
            Some(frame) if frame.t == "pulse" => self.tell(place, &Frame::new("pulse")),
            Some(frame) if frame.t == "request" => self.dial(place, frame),
            Some(frame) if frame.t == "answer" => {
                self.gateway.signed.insert(frame.sig.clone(), place);
                let asked = self.gateway.asked.get(&frame.n);
                if asked.is_some_and(|one| one.to == place) {
                    self.answer(frame.n, frame);
                }
            }
            Some(_) => {}
        }
    }

    /// Whoever proves its key has an address.
    fn attach(&mut self, place: usize, frame: &Frame) {
        let Some(link) = self.gateway.links.get_mut(&place) else {
            return;
        };
        let key = self.hosts[place].who().key;
        let text = [
            "nara:attach:v1",
            ORIGIN,
            &link.nonce,
            &frame.nonce,
            &frame.key,
        ];
        let signature = STANDARD.decode(&frame.sig).unwrap_or_default();
        let signature = <[u8; 64]>::try_from(signature).map(Signature);
        let proves = |one: Signature| verify(&key, text.join("\n").as_bytes(), &one);
        if frame.key != key.to_text() || !signature.is_ok_and(proves) {
            return self.unhook(place);
        }
        let mut ports = self.gateway.ports.iter();
        let mine = ports.find(|(_, of)| **of == place).map(|(port, _)| *port);
        let port = mine.unwrap_or(PORT_MIN + self.gateway.ports.len() as u16);
        link.port = Some(port);
        self.gateway.ports.insert(port, place);
        let address = format!("{HOST}:{port}");
        let address = self.lie_of_address(address);
        let attached = Frame {
            address,
            ..Frame::new("attached")
        };
        self.tell(place, &attached);
    }

    /// Carries a request to the address that its proof names.
    fn dial(&mut self, place: usize, frame: Frame) {
        let Some(link) = self.gateway.links.get(&place) else {
            return;
        };
        let by = (place, link.socket, frame.n);
        let port = port_of(&frame.proof);
        let to = port.and_then(|port| self.gateway.ports.get(&port).copied());
        if let Some(target) = self.whose(&frame.proof).zip(port) {
            self.gateway.targets.insert(by, target);
        }
        self.overhear(&frame);
        match to {
            Some(to) if !self.lie_of_request(by, to, &frame) => self.hand_over(by, to, frame),
            Some(_) => {}
            None => self.refuse(by, 0),
        }
    }

    /// Hands a request to somebody; without a link, nothing answers.
    pub(super) fn hand_over(&mut self, by: (usize, u32, u32), to: usize, frame: Frame) {
        let link = self.gateway.links.get(&to);
        if link.is_none_or(|link| link.port.is_none()) || self.are_split(by.0, to) {
            return self.refuse(by, 503);
        }
        self.outcome.meshed += 1;
        self.gateway.next += 1;
        let n = self.gateway.next;
        self.gateway.asked.insert(n, Asked { by, to });
        self.schedule(ANSWER_WITHIN, Happening::GatewayTires(n));
        let proof = String::new();
        let request = Frame { n, proof, ..frame };
        self.tell(to, &request);
    }

    /// A request ends without an answer of whom it was for.
    pub(super) fn refuse(&mut self, by: (usize, u32, u32), status: u16) {
        let answer = Frame {
            status,
            ..Frame::new("answer")
        };
        self.hand_back(by, answer);
    }

    pub(super) fn tire(&mut self, n: u32) {
        if let Some(asked) = self.gateway.asked.remove(&n) {
            self.refuse(asked.by, 504);
        }
    }

    fn answer(&mut self, n: u32, frame: Frame) {
        if let Some(Asked { by, to }) = self.gateway.asked.remove(&n) {
            if self.are_split(by.0, to) {
                return self.refuse(by, 504);
            }
            self.overhear(&frame);
            let frame = self.lie_of_answer(by, frame);
            self.hand_back(by, frame);
        }
    }

    pub(super) fn hand_back(&mut self, by: (usize, u32, u32), frame: Frame) {
        let (place, socket, n) = by;
        let link = self.gateway.links.get(&place);
        if link.is_some_and(|link| link.socket == socket) {
            self.tell(place, &Frame { n, ..frame });
        }
    }

    fn overhear(&mut self, frame: &Frame) {
        if self.gateway.overheard.len() >= OVERHEARD_MAX {
            self.gateway.overheard.pop_front();
        }
        self.gateway.overheard.push_back(frame.clone());
    }

    /// Sends one frame to a nara, if nothing comes between.
    pub(super) fn tell(&mut self, place: usize, frame: &Frame) {
        let Some(link) = self.gateway.links.get(&place) else {
            return;
        };
        let socket = link.socket;
        let signer = self.gateway.signed.get(&frame.sig);
        let target = self.gateway.targets.get(&(place, socket, frame.n));
        if let Some(target) = target.filter(|(of, _)| signer == Some(of)) {
            self.hosts[place].proven.insert(*target, self.micros);
        }
        let mut bytes = frame.to_bytes();
        if self.gateway.damage > 0 && self.rng.below(1_000) < self.gateway.damage {
            self.outcome.faults += 1;
            let at = self.rng.below(bytes.len() as u32) as usize;
            match self.rng.below(2) {
                0 => bytes[at] ^= 1 << self.rng.below(8),
                _ => bytes.truncate(at),
            }
        }
        let host = &mut self.hosts[place];
        host.busy_until = host.busy_until.max(self.micros) + host.slow * 1_000;
        let wait = host.latency + self.gateway.slow + (host.busy_until - self.micros);
        let input = Input::MeshData(bytes.into());
        self.schedule(wait, Happening::ToHost(place, socket, input));
    }

    fn close_socket(&mut self, place: usize, socket: u32) {
        let wait = self.hosts[place].latency;
        self.schedule(wait, Happening::ToHost(place, socket, Input::MeshClosed));
    }

    /// The link of a nara ends, and with it what it was asked.
    pub(super) fn unhook(&mut self, place: usize) {
        let Some(link) = self.gateway.links.remove(&place) else {
            return;
        };
        self.close_socket(place, link.socket);
        let asked = self.gateway.asked.iter();
        let open = asked.filter(|(_, one)| one.to == place).map(|(n, _)| *n);
        for n in open.collect::<Vec<_>>() {
            if let Some(asked) = self.gateway.asked.remove(&n) {
                self.refuse(asked.by, 502);
            }
        }
    }

    /// The gateway ends and forgets everything.
    pub(super) fn end_gateway(&mut self) {
        self.gateway.is_up = false;
        self.gateway.troubled_at = self.micros;
        self.gateway.asked.clear();
        self.gateway.ports.clear();
        for (place, link) in core::mem::take(&mut self.gateway.links) {
            self.close_socket(place, link.socket);
        }
    }

    /// Every half minute it says something, and leaves who does not answer.
    pub(super) fn pulse(&mut self) {
        for place in 0..self.hosts.len() {
            let is_cut = self.hosts[place].is_cut(self.micros);
            let Some(link) = self.gateway.links.get_mut(&place) else {
                continue;
            };
            if !core::mem::replace(&mut link.is_alive, !is_cut) {
                self.unhook(place);
            } else {
                self.tell(place, &Frame::new("pulse"));
            }
        }
    }
}

/// The port of the address that a hey_there or a newspaper announces.
pub(super) fn port_of(proof: &str) -> Option<u16> {
    let proof: Value = serde_json::from_str(proof).ok()?;
    let address = match proof["status"].as_str() {
        Some(status) => serde_json::from_str::<Value>(status).ok()?["MeshIP"].clone(),
        None => proof["hey_there"]["MeshIP"].clone(),
    };
    let (host, port) = address.as_str()?.split_once(':')?;
    (host == HOST).then(|| port.parse().ok()).flatten()
}
