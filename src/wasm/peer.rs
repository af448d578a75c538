//! The class that JavaScript drives.

use super::args::Args;
use super::service::{self, Mailbox, SharedMailbox};
use super::words::{Word, failure};
use crate::base::{Backlog, Instant, Now, WallTime};
use crate::message::ObjectWriter;
use crate::nara::{Config, ConfigError, Effect, Event, Nara, Newborn};
use crate::plaza::Credentials;
use crate::stash::OperationId;
use wasm_bindgen::prelude::*;
use zeroize::{Zeroize as _, Zeroizing};

/// No call needs more of the stack.
const STACK_USED_MAX: usize = 256 * 1024;

/// Words for JavaScript that wait; what is dispensable gives way beyond that.
const WORDS_MAX: usize = 2_048;

/// Packets that go out together go in one frame of at most so many bytes: each
/// frame is work for the platform, the network and the broker.
const FRAME_SIZE_MAX: usize = 16 * 1024;

/// The bytes of the seed: for the soul of a nara that is born, and for what it
/// draws while it is awake.
const SEED_SIZE: usize = 64;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
    #[wasm_bindgen(js_namespace = Date, js_name = now)]
    fn date_now() -> f64;
}

/// Both clocks, read together.
pub(super) fn now() -> Now {
    Now {
        mono: Instant::from_micros((performance_now() * 1e3).max(0.0) as u64),
        wall: WallTime::from_unix_nanos((date_now() as i64).saturating_mul(1_000_000)),
    }
}

/// One nara. After every call its effects are polled, its words are told once
/// nothing of it runs, and its timer is set.
#[wasm_bindgen]
pub struct Peer {
    pub(super) nara: Nara,
    pub(super) mailbox: SharedMailbox,
    words: Backlog<Word>,
}

#[wasm_bindgen]
impl Peer {
    /// A nara that is somebody, and does nothing before `wake`. The options are
    /// lists of texts, as JSON: each option with its value; `service` with a
    /// name, its `kind`s and their `version`s after it. The soul and the seed
    /// come beside them, so that no copy of them is left.
    ///
    /// # Errors
    /// `{code, message}` as JSON, when an option is wrong.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &str, soul: Option<String>, seed: Vec<u8>) -> Result<Peer, JsValue> {
        let soul = soul.map(Zeroizing::new);
        Self::made(
            options,
            soul.as_deref().map(String::as_str),
            &Zeroizing::new(seed),
        )
        .map_err(thrown)
    }

    /// Does what the first text of a list, as JSON, says, and returns its
    /// result, as JSON, or nothing.
    ///
    /// # Errors
    /// `{code, message}` as JSON, with what belongs to the code.
    pub fn run(&mut self, command: &str) -> Result<String, JsValue> {
        self.own_command(command).map_err(thrown)
    }

    /// The plaza's socket brought bytes.
    pub fn hear(&mut self, bytes: &[u8]) {
        self.nara.handle_data(now(), bytes);
    }

    /// The gateway's socket brought one message.
    #[wasm_bindgen(js_name = hearMesh)]
    pub fn hear_mesh(&mut self, bytes: &[u8]) {
        self.nara.handle_mesh_data(now(), bytes);
    }

    /// The next thing to do outside: bytes, and in a last one what to do with
    /// them: 0 open the plaza's socket, 1 send, 2 close it; 3, 4 and 5 the same
    /// for the gateway's.
    pub fn poll(&mut self) -> Option<Vec<u8>> {
        while let Some(effect) = self.nara.poll_effect() {
            let (mut bytes, what) = match effect {
                Effect::Open => (Vec::new(), 0),
                Effect::Send(mut bytes) => {
                    let room = |bytes: &[u8]| FRAME_SIZE_MAX.saturating_sub(bytes.len());
                    while let Some(more) = self.nara.poll_send(room(&bytes)) {
                        bytes.extend(more);
                    }
                    (bytes, 1)
                }
                Effect::Close => (Vec::new(), 2),
                Effect::OpenMesh => (Vec::new(), 3),
                Effect::SendMesh(bytes) => (bytes, 4),
                Effect::CloseMesh => (Vec::new(), 5),
                Effect::Event(event) => {
                    self.queue(Word::Event(event));
                    continue;
                }
                Effect::Log(record) => {
                    self.queue(Word::Log(record));
                    continue;
                }
            };
            bytes.push(what);
            return Some(bytes);
        }
        loop {
            let said = self.mailbox.borrow_mut().poll();
            self.queue(Word::Service(said?));
        }
    }

    /// When `tick` is due, in milliseconds from now; negative when never.
    #[wasm_bindgen(js_name = waitMs)]
    pub fn wait_ms(&self) -> f64 {
        match self.nara.poll_timeout() {
            // Rounded up: a timer that fires early would only be set again.
            Some((at, _)) => (at - now().mono).as_micros().div_ceil(1_000) as f64,
            None => -1.0,
        }
    }

    /// Whether something waits to be told.
    #[wasm_bindgen(js_name = hasWords)]
    pub fn has_words(&self) -> bool {
        self.words.last().is_some()
    }

    /// The next thing to tell, as a JSON list: a word, and what belongs to it.
    pub fn word(&mut self) -> Option<String> {
        let word = self.words.pop()?;
        Some(word.told(&self.nara, now()))
    }

    /// Its soul: whoever has it, is it.
    pub fn soul(&self) -> JsValue {
        // A string that is handed over would be freed as it is.
        JsValue::from_str(&Zeroizing::new(self.nara.soul().to_text()))
    }

    /// Wipes the soul and all keys, once it sleeps.
    #[wasm_bindgen(js_name = forgetSoul)]
    pub fn forget_soul(&mut self) {
        self.nara.forget_soul();
        wipe_stack();
    }
}

impl Peer {
    fn made(options: &str, soul: Option<&str>, seed: &[u8]) -> Result<Self, String> {
        let options = Args::lines(options)?;
        let seeds = seed.first_chunk::<SEED_SIZE>().and_then(|seed| {
            let (soul, rest) = seed.split_first_chunk::<32>()?;
            Some((*soul, *rest.first_chunk::<32>()?))
        });
        let Some((mut newborn, mut seed)) = seeds else {
            return Err(failure(
                "no_randomness",
                &"this platform gives no randomness",
            ));
        };
        let config = config(&options, soul, newborn);
        newborn.zeroize();
        // Where the soul was on its way is where services are made next.
        wipe_stack();
        let nara = Nara::new(config?, seed, now());
        seed.zeroize();
        let mailbox = Mailbox::shared();
        Ok(Self {
            nara: service::add(nara, &options, &mailbox)?,
            mailbox,
            words: Backlog::new(WORDS_MAX, Word::is_dispensable),
        })
    }

    fn own_command(&mut self, command: &str) -> Result<String, String> {
        let args = Args::of(command)?;
        let now = now();
        match args.word(0) {
            "wake" => self.nara.wake(now),
            "opened" => {
                let credentials = Credentials {
                    user: args.word(1).to_owned(),
                    password: args.get(2).map(str::to_owned),
                };
                self.nara.handle_opened(now, credentials);
            }
            "closed" => self.nara.handle_closed(now, args.word(1)),
            "meshClosed" => self.nara.handle_mesh_closed(now),
            "tick" => self.nara.handle_timeout(now),
            "retryNow" => self.nara.retry_now(now),
            "leave" => self.nara.leave(now),
            "sleep" => self.nara.sleep(now),
            "watchTraffic" => self.nara.watch_traffic(args.word(1) == "true"),
            "cancel" => self.nara.cancel(now, OperationId(args.number(1))),
            "status" => return Ok(self.nara.status(now).to_json()),
            "me" => {
                let me = self.nara.me();
                return Ok(ObjectWriter::new()
                    .text("id", me.identity.id.as_str())
                    .text("name", &me.name)
                    .finish());
            }
            _ => return self.stash_command(now, args),
        }
        Ok(String::new())
    }

    fn queue(&mut self, word: Word) {
        let is_status = |word: &Word| matches!(word, Word::Event(Event::Status));
        if !(is_status(&word) && self.words.last().is_some_and(is_status)) {
            self.words.push(word);
        }
    }
}

fn thrown(error: String) -> JsValue {
    JsValue::from_str(&error)
}

/// Overwrites what calls that are over have left on the stack: values that were
/// moved are not wiped where they were.
#[inline(never)]
fn wipe_stack() {
    // Seen by whoever might read it, so that it is written at all.
    core::hint::black_box(&mut [0_u8; STACK_USED_MAX]);
}

/// Not a part of its caller, of which nothing of the soul is to be left.
#[inline(never)]
fn config(options: &[Args], soul: Option<&str>, newborn: [u8; 32]) -> Result<Box<Config>, String> {
    let mut name = options.iter().filter(|line| line.word(0) == "name");
    let name = name.next().and_then(|line| line.get(1));
    let config = match soul {
        Some(soul) => Config::reborn(soul, name),
        None => Config::born(Newborn(newborn), name),
    };
    let refused = |error: ConfigError| {
        let code = match error {
            ConfigError::Soul(_) => "soul_invalid",
            ConfigError::NameCharacter(_) => "name_invalid",
            ConfigError::Bond(_) if soul.is_none() => "name_invalid",
            ConfigError::Bond(_) | ConfigError::NameNeeded => "soul_mismatch",
            ConfigError::MemoryMode(_)
            | ConfigError::Target(_)
            | ConfigError::Spares(_)
            | ConfigError::KeepAlive(_)
            | ConfigError::Padding(_)
            | ConfigError::Gateway => "option_invalid",
        };
        failure(code, &error)
    };
    let mut config = Box::new(config.map_err(refused)?);
    for line in options {
        choose(&mut config, line).map_err(refused)?;
    }
    Ok(config)
}

fn choose(config: &mut Config, line: &Args) -> Result<(), ConfigError> {
    let value = line.word(1);
    match line.word(0) {
        "memory" => config.set_memory_mode(value)?,
        "target" => config.set_target(line.number(1) as usize)?,
        "spares" => config.set_spares(line.number(1) as usize)?,
        "keepAlive" => config.set_keep_alive(line.number(1))?,
        "padding" => config.set_padding(value)?,
        "gatewayOrigin" => config.set_gateway(value)?,
        "holders" => config.set_holders(value),
        _ => {}
    }
    Ok(())
}
