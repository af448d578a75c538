//! The nara that is fuzzed: a whole one, with a memory, on a plaza and beside a
//! gateway that both answer at once; and what each target does with an input.
//! tests/rust/fuzz_seeds.rs compiles all of it, and runs the seeds, without libFuzzer.

pub mod mesh;
pub mod message;
pub mod mqtt;
pub mod sealed;
pub mod sequence;

use light_nara::base::{Instant, Now, PublicKey, WallTime};
use light_nara::identity::{Keys, OpenError, Signature};
use light_nara::nara::{Config, Effect, Nara, Newborn};
use light_nara::plaza::Credentials;
use light_nara::runtime::Crypto;
use std::time::Duration;

/// Every topic on which it listens, but its own.
pub const TOPICS: [&str; 6] = [
    "nara/plaza/hey_there",
    "nara/plaza/chau",
    "nara/plaza/howdy",
    "nara/plaza/stash_refresh",
    "nara/plaza/gone",
    "nara/newspaper/victim",
];

const EPOCH: i64 = 1_768_756_453_000_000_000;

/// What it says may never hold this, unless it was told it: a fuzzer finds out
/// what its inputs are compared with.
const SECRET: &str = "cAnArYbIrD";

/// It, its hex, and what of its Base64 does not depend on what is around it, for
/// each of the places where it may begin.
const SECRET_FORMS: [&str; 5] = [
    SECRET,
    "63416e41725962497244",
    "Y0FuQXJZYklyR",
    "NBbkFyWWJJck",
    "jQW5BclliSXJE",
];

/// Timers that fire at once, at most: more are a loop without end.
const TIMEOUTS_MAX: usize = 10_000;

pub struct Subject {
    nara: Nara,
    micros: u64,
    is_told: bool,
}

/// Takes every signature for good.
struct Credulous(Keys);

impl Crypto for Credulous {
    fn sign(&self, text: &[u8]) -> Signature {
        self.0.sign(text)
    }

    fn verify(&self, _: &PublicKey, _: &[u8], _: &Signature) -> bool {
        true
    }

    fn seal(&self, nonce: [u8; 24], plaintext: &[u8]) -> Vec<u8> {
        self.0.seal(nonce, plaintext)
    }

    fn open(&self, nonce: &[u8; 24], ciphertext: &[u8]) -> Result<Vec<u8>, OpenError> {
        self.0.open(nonce, ciphertext)
    }
}

fn holds_secret(bytes: &[u8]) -> bool {
    let is_in = |form: &&str| bytes.windows(form.len()).any(|one| one == form.as_bytes());
    SECRET_FORMS.iter().any(is_in)
}

impl Subject {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self::of(|keys| Box::new(keys))
    }

    pub fn credulous() -> Self {
        Self::of(|keys| Box::new(Credulous(keys)))
    }

    fn of(crypto: impl FnOnce(Keys) -> Box<dyn Crypto>) -> Self {
        let config = Config::born(Newborn([9; 32]), Some("target")).expect("the name can be one");
        let config = config
            .with_gateway("ws://127.0.0.1:1")
            .expect("the crate has the feature");
        let micros = 1_000_000;
        let mut nara = Nara::with_crypto(config, [7; 32], at(micros), crypto);
        nara.wake(at(micros));
        let mut subject = Self {
            nara,
            micros,
            is_told: false,
        };
        subject.settle();
        let memory = format!("{{\"secret\":\"{SECRET}\"}}");
        let set = subject
            .nara
            .set(at(micros), memory, Duration::from_secs(10));
        set.expect("it can be set");
        subject.settle();
        subject
    }

    fn now(&self) -> Now {
        at(self.micros)
    }

    /// Does what the nara asks for, as a broker that lets everything pass.
    fn settle(&mut self) {
        while let Some(effect) = self.nara.poll_effect() {
            let now = self.now();
            match effect {
                Effect::Open => {
                    let (user, password) = ("fuzz".to_owned(), None);
                    self.nara.handle_opened(now, Credentials { user, password });
                }
                Effect::SendMesh(frame) => assert!(self.is_told || !holds_secret(&frame)),
                Effect::Send(packet) => {
                    assert!(self.is_told || !holds_secret(&packet));
                    match packet[0] >> 4 {
                        1 => self.nara.handle_data(now, &[0x20, 2, 0, 0]),
                        8 => {
                            let topics = self.nara.topics().len();
                            let mut suback = vec![0x90, 2 + topics as u8, 0, 1];
                            suback.resize(4 + topics, 0);
                            self.nara.handle_data(now, &suback);
                        }
                        12 => self.nara.handle_data(now, &[0xd0, 0]),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
    }

    /// Lets a gateway take it on.
    pub fn attach(&mut self) {
        self.mesh(b"{\"t\":\"challenge\",\"nonce\":\"aaaaaaaaaaaaaaaaaaaaaa\"}\n");
        self.mesh(b"{\"t\":\"attached\",\"address\":\"127.0.0.1:7433\"}\n");
    }

    pub fn mesh(&mut self, message: &[u8]) {
        self.is_told |= holds_secret(message);
        self.nara.handle_mesh_data(self.now(), message);
        self.settle();
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.is_told |= holds_secret(bytes);
        self.nara.handle_data(self.now(), bytes);
        self.settle();
    }

    pub fn direct(&mut self, payload: &[u8]) {
        let topic = format!("nara/mesh/{}", self.nara.me().identity.id);
        self.publish(&topic, payload);
    }

    /// Gives it a PUBLISH at QoS 0 (MQTT 3.1.1, section 3.3).
    pub fn publish(&mut self, topic: &str, payload: &[u8]) {
        let mut length = 2 + topic.len() + payload.len();
        let mut packet = vec![0x30];
        while length >= 0x80 {
            packet.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        packet.push(length as u8);
        packet.extend((topic.len() as u16).to_be_bytes());
        packet.extend(topic.as_bytes());
        packet.extend(payload);
        self.raw(&packet);
    }

    pub fn close(&mut self) {
        self.nara.handle_closed(self.now(), "closed");
        self.nara.handle_mesh_closed(self.now());
        self.settle();
    }

    /// Lets so many milliseconds pass at once, as for a page that slept.
    pub fn sleep_for(&mut self, millis: u32) {
        self.micros += u64::from(millis) * 1_000;
        self.nara.handle_timeout(self.now());
        self.settle();
    }

    /// Lets so many milliseconds pass, every timer at its time.
    pub fn wait(&mut self, millis: u32) {
        let end = self.micros + u64::from(millis) * 1_000;
        for _ in 0..TIMEOUTS_MAX {
            let due = self.nara.poll_timeout().map(|(at, _)| at.as_micros());
            let Some(due) = due.filter(|at| *at <= end) else {
                self.micros = end;
                return;
            };
            self.micros = due.max(self.micros);
            self.nara.handle_timeout(self.now());
            self.settle();
        }
        panic!("timers fire without end");
    }

    /// Whatever happened: limits hold, and what is mine is unchanged.
    pub fn finish(mut self) {
        self.wait(2_000);
        let status = self.nara.status(self.now());
        assert!(status.held.count <= status.held.limit);
        assert!(status.peers.len() <= 2_000);
        let stash = self.nara.stash().expect("every nara has one");
        stash.marshal_state();
        assert!(
            self.nara
                .memory()
                .is_some_and(|memory| memory.data.contains(SECRET))
        );
        self.nara.sleep(self.now());
        self.settle();
    }
}

fn at(micros: u64) -> Now {
    Now {
        mono: Instant::from_micros(micros),
        wall: WallTime::from_unix_nanos(EPOCH + micros as i64 * 1_000),
    }
}
