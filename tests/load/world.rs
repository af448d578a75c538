//! What the parts share: naras on a broker of a few lines, people who make
//! messages ahead, and figures.

use light_nara::base::{Instant, Now, WallTime};
use light_nara::identity::{Keys, Soul};
use light_nara::message::{Bytes, Message, Store, Timestamp, to_go_json};
use light_nara::nara::{Config, Effect, Nara, Newborn};
use light_nara::plaza::Credentials;

/// When it all happens.
const EPOCH: i64 = 1_768_756_453_000_000_000;

/// Both clocks at so many microseconds.
pub(crate) fn at(micros: u64) -> Now {
    Now {
        mono: Instant::from_micros(micros + 1_000_000),
        wall: WallTime::from_unix_nanos(EPOCH + micros as i64 * 1_000),
    }
}

/// A new nara of this number.
pub(crate) fn nara(number: u64, mode: &str) -> Nara {
    let config = Config::born(Newborn(seed(number)), None).unwrap();
    let config = config.with_memory_mode(mode).unwrap();
    Nara::new(config, seed(number + (1 << 32)), at(0))
}

pub(crate) fn seed(number: u64) -> [u8; 32] {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    seed
}

/// Lets a nara reach a plaza where nobody is. What it says is dropped.
pub(crate) fn connect(nara: &mut Nara, now: Now) {
    nara.wake(now);
    let (user, password) = ("load".to_owned(), None);
    nara.handle_opened(now, Credentials { user, password });
    nara.handle_data(now, &[0x20, 2, 0, 0]);
    let topics = nara.topics().len();
    let mut suback = vec![0x90, 2 + topics as u8, 0, 1];
    suback.resize(4 + topics, 0);
    nara.handle_data(now, &suback);
    while nara.poll_effect().is_some() {}
}

/// The PUBLISH that brings a message to a nara (MQTT 3.1.1, section 3.3).
pub(crate) fn publish(topic: &str, payload: &[u8]) -> Vec<u8> {
    let length = (topic.len() as u16).to_be_bytes();
    packet(0x30, &[&length, topic.as_bytes(), payload].concat())
}

/// A packet of MQTT 3.1.1.
pub(crate) fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![kind];
    let mut length = body.len();
    while length >= 0x80 {
        packet.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    packet.push(length as u8);
    packet.extend(body);
    packet
}

/// Somebody who makes stores by hand.
pub(crate) struct Sender {
    pub(crate) keys: Keys,
}

impl Sender {
    pub(crate) fn new(number: u64) -> Self {
        let name = format!("sender-{number}");
        let soul = Soul::from_seed(seed(number), &name);
        Self {
            keys: Keys::new(&soul, &name).unwrap(),
        }
    }

    /// A store of 10,240 bytes, signed, as if made now.
    pub(crate) fn store(&self, to: &str, now: Now) -> Message {
        let id = self.keys.id().as_str().to_owned();
        let store = Store {
            owner_id: id.clone(),
            owner: self.keys.name().to_owned(),
            nonce: Bytes::from(vec![7; 24]),
            ciphertext: Bytes::from(vec![9; 10_240]),
            ts: now.wall.unix_seconds(),
        };
        let mut message = Message::draft("stash:store", 1, to_go_json(&store));
        message.from = self.keys.name().to_owned();
        message.from_id = id;
        message.to_id = to.to_owned();
        message.timestamp = Timestamp::from_wall(now.wall);
        message.id = message.computed_id();
        message.key = Some(self.keys.public_key());
        message.signature = Some(self.keys.sign(message.signable().as_bytes()));
        message
    }
}

/// What nobody wants of a confidant: a store of a stranger's; of 20, one under
/// an owner's id with another key, and one under its key with a signature that
/// does not fit.
pub(crate) fn stranger_or_forger(n: u64, owners: &[Sender], to: &str, now: Now) -> Message {
    let mut store = Sender::new(2_000_000 + n).store(to, now);
    let owner = &owners[(n / 20 % owners.len() as u64) as usize].keys;
    if n % 20 < 2 {
        store.from_id = owner.id().as_str().to_owned();
    }
    if n % 20 == 1 {
        store.key = Some(owner.public_key());
    }
    store
}

/// The whole packets among what a nara wants to send.
pub(crate) fn sent(nara: &mut Nara) -> Vec<Vec<u8>> {
    let mut sent = Vec::new();
    while let Some(effect) = nara.poll_effect() {
        if let Effect::Send(packet) = effect {
            sent.push(packet);
        }
    }
    sent
}

/// Of sorted figures, the one that so many of a hundred do not exceed.
pub(crate) fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let last = sorted.len().saturating_sub(1) as f64;
    let place = (last * percent / 100.0).round() as usize;
    sorted.get(place).copied().unwrap_or(f64::NAN)
}

/// Megabytes of memory that this process takes now.
pub(crate) fn resident_mib() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = text
        .split(' ')
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(f64::NAN);
    pages * 4_096.0 / f64::from(1 << 20)
}
