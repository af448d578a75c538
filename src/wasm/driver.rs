//! The driver: does what the core asks for and feeds back what happens.
//!
//! Effects are drained after each input. What JavaScript is to hear waits in a
//! queue and is told in a microtask, when nothing of the core is borrowed: a
//! listener may call anything, at any time.

use super::service::{Said, SharedMailbox};
use crate::base::{Backlog, Instant, Now, SortedMap, WallTime};
use crate::nara::{Effect, Event, Nara};
use crate::plaza::Credentials;
use gloo_timers::callback::Timeout;
use js_sys::{ArrayBuffer, Function, Promise, Reflect, Uint8Array};
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

/// The WebSocket subprotocol of MQTT (MQTT 3.1.1, section 6).
const SUBPROTOCOL: &str = "mqtt";

/// A timer is never set further ahead: `setTimeout` takes 31 bits.
const TIMER_MS_MAX: f64 = 2_000_000_000.0;

/// So many bytes of one WebSocket message are taken in at once.
const PIECE_MAX: u32 = 1 << 17;

/// Words for JavaScript that wait; what is dispensable gives way beyond that.
const WORDS_MAX: usize = 2_048;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

/// Both clocks, read together.
pub(super) fn now() -> Now {
    Now {
        mono: Instant::from_micros((performance_now() * 1e3).max(0.0) as u64),
        wall: WallTime::from_unix_nanos((js_sys::Date::now() as i64).saturating_mul(1_000_000)),
    }
}

/// A socket with the closures that listen to it.
struct Socket {
    socket: WebSocket,
    _opened: Closure<dyn FnMut()>,
    _message: Closure<dyn FnMut(MessageEvent)>,
    _closed: Closure<dyn FnMut(CloseEvent)>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        // Fails only with arguments, and there are none.
        let _ = self.socket.close();
    }
}

/// One nara with its socket and its timer.
pub(super) struct Driver {
    nara: RefCell<Nara>,
    url: String,
    gateway: Option<String>,
    /// Tells JavaScript a word and its value.
    listener: Function,
    /// Gives `{user, password}` or a promise of it.
    credentials: Option<Function>,
    socket: RefCell<Option<Socket>>,
    /// Which attempt to connect this is: what an older one says is not heard.
    attempt: Cell<u32>,
    mesh: RefCell<Option<Socket>>,
    mesh_attempt: Cell<u32>,
    timer: RefCell<Option<Timeout>>,
    waiting: RefCell<SortedMap<u64, Function>>,
    words: RefCell<Backlog<Word>>,
    pub(super) mailbox: SharedMailbox,
    telling: Cell<bool>,
    this: Weak<Driver>,
}

/// Something to tell JavaScript.
enum Word {
    Event(Event),
    Log(crate::runtime::Record),
    /// For a service written in JavaScript.
    Service(Said),
}

impl Word {
    /// Whether it may give way to others: an operation's or a call's end must
    /// be told, and of these there are only so many.
    fn is_dispensable(&self) -> bool {
        match self {
            Self::Log(_) | Self::Event(Event::Traffic(_)) => true,
            Self::Service(said) => said.is_message(),
            Self::Event(_) => false,
        }
    }
}

impl Driver {
    pub(super) fn new(
        nara: Nara,
        url: String,
        gateway: Option<String>,
        listener: Function,
        credentials: Option<Function>,
        mailbox: SharedMailbox,
    ) -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            nara: RefCell::new(nara),
            url,
            gateway,
            listener,
            credentials,
            socket: RefCell::new(None),
            attempt: Cell::new(0),
            mesh: RefCell::new(None),
            mesh_attempt: Cell::new(0),
            timer: RefCell::new(None),
            waiting: RefCell::new(SortedMap::new()),
            words: RefCell::new(Backlog::new(WORDS_MAX, Word::is_dispensable)),
            mailbox,
            telling: Cell::new(false),
            this: this.clone(),
        })
    }

    /// Looks at the nara.
    pub(super) fn look<T>(&self, at: impl FnOnce(&Nara) -> T) -> T {
        at(&self.nara.borrow())
    }

    pub(super) fn forget_soul(&self) {
        self.nara.borrow_mut().forget_soul();
    }

    /// One input or command, then everything that follows from it.
    pub(super) fn act<T>(&self, input: impl FnOnce(&mut Nara, Now) -> T) -> T {
        let result = input(&mut self.nara.borrow_mut(), now());
        self.settle();
        result
    }

    #[inline(never)]
    fn settle(&self) {
        loop {
            let effect = self.nara.borrow_mut().poll_effect();
            match effect {
                None => break,
                Some(Effect::Open) => self.open(),
                Some(Effect::Send(bytes)) => self.send(&bytes),
                Some(Effect::Close) => self.close(),
                Some(Effect::OpenMesh) => self.open_mesh(),
                Some(Effect::SendMesh(bytes)) => self.send_mesh(&bytes),
                Some(Effect::CloseMesh) => self.close_mesh(),
                Some(Effect::Event(event)) => self.queue(Word::Event(event)),
                Some(Effect::Log(record)) => self.queue(Word::Log(record)),
            }
        }
        loop {
            let said = self.mailbox.borrow_mut().poll();
            let Some(said) = said else { break };
            self.queue(Word::Service(said));
        }
        self.set_timer();
    }

    /// Remembers whom to call when an operation ends.
    pub(super) fn wait(&self, operation: u64, done: Function) {
        self.waiting.borrow_mut().insert(operation, done);
    }

    pub(super) fn forget(&self, operation: u64) {
        self.waiting.borrow_mut().remove(&operation);
    }

    fn open(&self) {
        let attempt = self.attempt.get().wrapping_add(1);
        self.attempt.set(attempt);
        let this = self.this.clone();
        let asked = self
            .credentials
            .as_ref()
            .map(|ask| ask.call0(&JsValue::NULL));
        spawn_local(async move {
            let credentials = match asked {
                None => Ok(JsValue::UNDEFINED),
                Some(Err(error)) => Err(error),
                Some(Ok(value)) => JsFuture::from(Promise::resolve(&value)).await,
            };
            let Some(driver) = this.upgrade() else { return };
            if driver.attempt.get() != attempt {
                return;
            }
            match credentials {
                Ok(value) => driver.connect(attempt, &value),
                Err(_) => driver.act(|nara, now| {
                    nara.handle_closed(now, "the credentials callback failed");
                }),
            }
        });
    }

    /// Ends this attempt, also one that still waits for its credentials.
    fn close(&self) {
        self.attempt.set(self.attempt.get().wrapping_add(1));
        self.socket.take();
    }

    fn connect(&self, attempt: u32, credentials: &JsValue) {
        let socket = match WebSocket::new_with_str(&self.url, SUBPROTOCOL) {
            Ok(socket) => socket,
            Err(_) => {
                return self.act(|nara, now| {
                    nara.handle_closed(now, "the plaza's address cannot be opened from here");
                });
            }
        };
        socket.set_binary_type(BinaryType::Arraybuffer);
        let user = text_of(credentials, "user");
        let user = user.unwrap_or_else(|| self.look(|nara| nara.me().identity.id.to_string()));
        let mut credentials = Some(Credentials {
            user,
            password: text_of(credentials, "password"),
        });
        let opened = self.hear(attempt, move |driver, ()| {
            if let Some(credentials) = credentials.take() {
                driver.act(|nara, now| nara.handle_opened(now, credentials));
            }
        });
        let opened = Closure::<dyn FnMut()>::new({
            let mut opened = opened;
            move || opened(())
        });
        let message = Closure::new(self.hear(attempt, |driver, event: MessageEvent| {
            if let Ok(buffer) = event.data().dyn_into::<ArrayBuffer>() {
                // In pieces: memory of this module that once grew stays.
                let all = Uint8Array::new(&buffer);
                for start in (0..all.length()).step_by(PIECE_MAX as usize) {
                    let piece = all
                        .subarray(start, start.saturating_add(PIECE_MAX))
                        .to_vec();
                    driver.act(|nara, now| nara.handle_data(now, &piece));
                }
            }
        }));
        let closed = Closure::new(self.hear(attempt, |driver, event: CloseEvent| {
            driver.socket.take();
            let why = why_closed(&event);
            driver.act(|nara, now| nara.handle_closed(now, &why));
        }));
        socket.set_onopen(Some(opened.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(closed.as_ref().unchecked_ref()));
        let socket = Socket {
            socket,
            _opened: opened,
            _message: message,
            _closed: closed,
        };
        self.socket.replace(Some(socket));
    }

    /// A listener of one attempt: it is deaf as soon as another begins.
    fn hear<T>(
        &self,
        attempt: u32,
        mut handle: impl FnMut(&Driver, T) + 'static,
    ) -> impl FnMut(T) + 'static {
        let this = self.this.clone();
        move |value| {
            if let Some(driver) = this.upgrade().filter(|one| one.attempt.get() == attempt) {
                handle(&driver, value);
            }
        }
    }

    /// The gateway's socket, beside the plaza's.
    fn open_mesh(&self) {
        let attempt = self.mesh_attempt.get().wrapping_add(1);
        self.mesh_attempt.set(attempt);
        let this = self.this.clone();
        spawn_local(async move {
            if let Some(driver) = this.upgrade() {
                driver.connect_mesh(attempt);
            }
        });
    }

    fn connect_mesh(&self, attempt: u32) {
        if self.mesh_attempt.get() != attempt {
            return;
        }
        let url = self.gateway.as_deref().unwrap_or_default();
        let Ok(socket) = WebSocket::new(url) else {
            return self.act(|nara, now| nara.handle_mesh_closed(now));
        };
        socket.set_binary_type(BinaryType::Arraybuffer);
        let current = move |driver: &Driver| driver.mesh_attempt.get() == attempt;
        let (this, that) = (self.this.clone(), self.this.clone());
        let message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let driver = this.upgrade().filter(|one| current(one));
            let buffer = event.data().dyn_into::<ArrayBuffer>();
            if let (Some(driver), Ok(buffer)) = (driver, buffer) {
                let bytes = Uint8Array::new(&buffer);
                if bytes.length() > PIECE_MAX {
                    return driver.drop_mesh();
                }
                let bytes = bytes.to_vec();
                driver.act(|nara, now| nara.handle_mesh_data(now, &bytes));
            }
        });
        let closed = Closure::<dyn FnMut(CloseEvent)>::new(move |_: CloseEvent| {
            if let Some(driver) = that.upgrade().filter(|one| current(one)) {
                driver.drop_mesh();
            }
        });
        socket.set_onmessage(Some(message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(closed.as_ref().unchecked_ref()));
        let socket = Socket {
            socket,
            _opened: Closure::<dyn FnMut()>::new(|| {}),
            _message: message,
            _closed: closed,
        };
        self.mesh.replace(Some(socket));
    }

    fn drop_mesh(&self) {
        self.close_mesh();
        self.act(|nara, now| nara.handle_mesh_closed(now));
    }

    fn close_mesh(&self) {
        self.mesh_attempt
            .set(self.mesh_attempt.get().wrapping_add(1));
        self.mesh.take();
    }

    fn send_mesh(&self, bytes: &[u8]) {
        if let Some(socket) = self.mesh.borrow().as_ref() {
            // A socket that is closing says so by itself.
            let _ = socket.socket.send_with_u8_array(bytes);
        }
    }

    fn send(&self, bytes: &[u8]) {
        if let Some(socket) = self.socket.borrow().as_ref() {
            // A socket that is closing says so by itself.
            let _ = socket.socket.send_with_u8_array(bytes);
        }
    }

    fn set_timer(&self) {
        let Some((at, _)) = self.nara.borrow().poll_timeout() else {
            self.timer.take();
            return;
        };
        // Rounded up: a timer that fires early would only be set again.
        let wait_ms = ((at - now().mono).as_secs_f64() * 1e3)
            .ceil()
            .min(TIMER_MS_MAX);
        let this = self.this.clone();
        let timeout = Timeout::new(wait_ms as u32, move || {
            if let Some(driver) = this.upgrade() {
                driver.act(|nara, now| nara.handle_timeout(now));
            }
        });
        self.timer.replace(Some(timeout));
    }

    fn queue(&self, word: Word) {
        let mut words = self.words.borrow_mut();
        let is_status = |word: &Word| matches!(word, Word::Event(Event::Status));
        if is_status(&word) && words.last().is_some_and(is_status) {
            return;
        }
        words.push(word);
        if !self.telling.replace(true) {
            let this = self.this.clone();
            spawn_local(async move {
                if let Some(driver) = this.upgrade() {
                    driver.tell();
                }
            });
        }
    }

    fn tell(&self) {
        self.telling.set(false);
        loop {
            let word = self.words.borrow_mut().pop();
            match word {
                None => return,
                Some(Word::Log(record)) => self.say("log", &super::peer::record(&record)),
                Some(Word::Service(said)) => self.say("service", &super::peer::to_js(&said)),
                Some(Word::Event(event)) => self.tell_event(event),
            }
        }
    }

    fn tell_event(&self, event: Event) {
        match event {
            Event::Status => self.say("status", &JsValue::UNDEFINED),
            Event::Asleep => self.say("asleep", &JsValue::UNDEFINED),
            Event::Local(local) => self.say("local", &super::peer::local(&local)),
            Event::Traffic(traffic) => self.say("traffic", &super::peer::traffic(&traffic)),
            Event::Saved(receipt) => {
                let receipt = self.look(|nara| super::stash::receipt(nara, &receipt));
                self.say("saved", &receipt);
            }
            Event::Set(operation, result) => {
                let result = result
                    .map(|receipt| self.look(|nara| super::stash::receipt(nara, &receipt)))
                    .map_err(|error| super::stash::stash_error(&error));
                self.complete(operation.0, result);
            }
            Event::Ended(operation, result) => {
                let result = result
                    .map(|ending| self.look(|nara| super::stash::ending(nara, &ending)))
                    .map_err(|error| super::stash::stash_error(&error));
                self.complete(operation.0, result);
            }
            Event::Recovered(operation, memory) => {
                let result = match memory {
                    Some(memory) => {
                        Ok(self.look(|nara| super::stash::recovered(nara, &memory, now())))
                    }
                    None => Err(super::stash::not_found()),
                };
                self.complete(operation.0, result);
            }
        }
    }

    fn complete(&self, operation: u64, result: Result<JsValue, JsValue>) {
        let done = self.waiting.borrow_mut().remove(&operation);
        let Some(done) = done else { return };
        let (error, value) = match result {
            Ok(value) => (JsValue::UNDEFINED, value),
            Err(error) => (error, JsValue::UNDEFINED),
        };
        // What a callback throws is the application's; the core goes on.
        let _ = done.call2(&JsValue::NULL, &error, &value);
    }

    fn say(&self, word: &str, value: &JsValue) {
        let _ = self
            .listener
            .call2(&JsValue::NULL, &JsValue::from_str(word), value);
    }
}

fn text_of(object: &JsValue, key: &str) -> Option<String> {
    Reflect::get(object, &JsValue::from_str(key))
        .ok()?
        .as_string()
}

fn why_closed(event: &CloseEvent) -> String {
    match (event.code(), event.reason()) {
        (1006, _) => "the connection broke or could not be made".to_owned(),
        (code, reason) if reason.is_empty() => format!("the plaza closed the connection ({code})"),
        (code, reason) => format!("the plaza closed the connection ({code}: {reason})"),
    }
}
