//! What `npm run bench` measures of the core. It is no part of the crate: the
//! feature `bench` is on in the benchmark's own builds alone.

use crate::base::{Instant, Now, Rng, WallTime};
use crate::identity::{Keys, Signature, Soul, stash_key};
use crate::message::{Bytes, Message, Store, Timestamp, to_go_json};
use crate::nara::{Config, ConfigError, DIRECT_TOPIC, Effect, Nara, Newborn};
use crate::plaza::{Credentials, Event, Output, Session, SessionConfig};
use crate::stash::Memory;
use crate::stash::codec::{self, CodecError, Padding};
use core::time::Duration;

const CONNACK: [u8; 4] = [0x20, 2, 0, 0];
const EPOCH_SECONDS: i64 = 1_768_756_453;

fn now(seconds: u32) -> Now {
    Now {
        mono: Instant::from_micros((u64::from(seconds) + 1) * 1_000_000),
        wall: WallTime::from_unix_seconds(EPOCH_SECONDS + i64::from(seconds)),
    }
}

fn suback(topics: usize) -> Vec<u8> {
    let mut packet = vec![0x90, 2 + topics as u8, 0, 1];
    packet.resize(4 + topics, 0);
    packet
}

fn anybody() -> Credentials {
    Credentials {
        user: "bench".to_owned(),
        password: None,
    }
}

/// Who seals, signs and stores.
pub struct Owner {
    keys: Keys,
    seed: [u8; 32],
    session: Session,
}

impl Owner {
    /// The owner with this seed and an open plaza.
    ///
    /// # Errors
    /// Never: the name is one that may be.
    pub fn new(seed: [u8; 32]) -> Result<Self, ConfigError> {
        let soul = Soul::from_seed(seed, "bench");
        let keys = Keys::new(&soul, "bench").map_err(ConfigError::Bond)?;
        let config = SessionConfig {
            client_id: "bench".to_owned(),
            keep_alive: Duration::from_secs(120),
            will: None,
            topics: Vec::new(),
        };
        let mut session = Session::new(config, Rng::from_seed(seed));
        let at = now(0).mono;
        session.start(at);
        session.handle_opened(at, anybody());
        session.handle_data(at, &CONNACK);
        while session.poll_output().is_some() {}
        while session.poll_event().is_some() {}
        Ok(Self {
            keys,
            seed,
            session,
        })
    }

    /// XChaCha20-Poly1305 under the key from the soul.
    pub fn seal(&self, nonce: [u8; 24], plaintext: &[u8]) -> Vec<u8> {
        self.keys.seal(nonce, plaintext)
    }

    /// The reverse; empty when it does not open.
    pub fn open(&self, nonce: &[u8; 24], sealed: &[u8]) -> Vec<u8> {
        self.keys.open(nonce, sealed).unwrap_or_default()
    }

    /// Ed25519.
    pub fn sign(&self, text: &[u8]) -> [u8; 64] {
        self.keys.sign(text).0
    }

    /// Whether this owner signed the text.
    pub fn verify(&self, text: &[u8], signature: [u8; 64]) -> bool {
        let key = self.keys.public_key();
        self.keys.verify(&key, text, &Signature(signature))
    }

    /// The key of the stash, from the soul: HKDF-SHA256.
    pub fn derive_key(&self) -> [u8; 32] {
        *stash_key(&self.seed)
    }

    /// A memory as it goes to a confidant: compressed, padded, sealed, signed,
    /// framed.
    ///
    /// # Errors
    /// When the memory does not fit.
    pub fn make_store(
        &mut self,
        to: &str,
        json: &str,
        nonce: [u8; 24],
        seconds: u32,
    ) -> Result<Vec<u8>, CodecError> {
        let at = now(seconds);
        let memory = Memory {
            data: json.to_owned(),
            timestamp: at.wall.unix_seconds(),
            revision: u64::from(seconds) + 1,
        };
        let plaintext = codec::encode(&memory, &[], Padding::Full)?;
        let store = Store {
            owner_id: self.keys.id().as_str().to_owned(),
            owner: self.keys.name().to_owned(),
            nonce: Bytes::from(nonce.to_vec()),
            ciphertext: Bytes::from(self.keys.seal(nonce, &plaintext)),
            ts: memory.timestamp,
        };
        let mut message = Message::draft("stash:store", 1, to_go_json(&store));
        self.keys.name().clone_into(&mut message.from);
        self.keys.id().as_str().clone_into(&mut message.from_id);
        to.clone_into(&mut message.to_id);
        message.timestamp = Timestamp::from_wall(at.wall);
        message.id = message.computed_id();
        message.signature = Some(self.keys.sign(message.signable().as_bytes()));
        message.key = Some(self.keys.public_key());
        let topic = format!("{DIRECT_TOPIC}{to}");
        // Online and with an empty queue, the session takes it.
        let _ = self.session.publish(&topic, message.to_json().as_bytes());
        match self.session.poll_output() {
            Some(Output::Send(frame)) => Ok(frame),
            _ => Ok(Vec::new()),
        }
    }

    /// How many messages there are in what came from the plaza.
    pub fn parse(&mut self, bytes: &[u8]) -> usize {
        let mut count = 0;
        for piece in bytes.chunks(1 << 14) {
            self.session.handle_data(now(0).mono, piece);
            while let Some(event) = self.session.poll_event() {
                count += usize::from(matches!(event, Event::Published { .. }));
            }
        }
        count
    }
}

/// A whole nara that holds stashes for others.
pub struct Taker {
    nara: Nara,
}

impl Taker {
    /// One that knows nobody and holds nothing.
    ///
    /// # Errors
    /// Never: its options are some that may be.
    pub fn new() -> Result<Self, ConfigError> {
        let config = Config::born(Newborn([9; 32]), Some("taker"))?.with_memory_mode("hog")?;
        let mut nara = Nara::new(config, [8; 32], now(0));
        nara.wake(now(0));
        nara.handle_opened(now(0), anybody());
        nara.handle_data(now(0), &CONNACK);
        nara.handle_data(now(0), &suback(nara.topics().len()));
        let mut taker = Self { nara };
        taker.drain();
        Ok(taker)
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.nara.me().identity.id.as_str()
    }

    /// How many stashes it holds.
    pub fn held(&self) -> usize {
        self.nara
            .stash()
            .map_or(0, |stash| stash.confidant().held().len())
    }

    /// Takes a frame from the plaza, and returns the last one that it sends.
    pub fn take(&mut self, frame: &[u8], seconds: u32) -> Vec<u8> {
        self.nara.handle_data(now(seconds), frame);
        self.drain()
    }

    fn drain(&mut self) -> Vec<u8> {
        let mut sent = Vec::new();
        while let Some(effect) = self.nara.poll_effect() {
            if let Effect::Send(frame) = effect {
                sent = frame;
            }
        }
        sent
    }
}
