//! The link to the gateway: attaches, asks and answers. Sans-IO.

use super::{BODY_SIZE_MAX, Frame, HEAD_SIZE_MAX, Headers};
use crate::base::{Instant, Now, PublicKey, Rng, SortedMap, base58, base64};
use crate::identity::Crypto;
use crate::message::MESH_IP_LENGTH_MAX;
use core::time::Duration;
use std::collections::VecDeque;

/// Requests that may wait for an answer at once.
pub const IN_FLIGHT_MAX: usize = 64;

/// How long opening and attaching may take.
const ATTACH_WITHIN: Duration = Duration::from_secs(10);

/// A gateway says something every 30 s; one that said nothing for so long is
/// gone,
const SILENT_FOR: Duration = Duration::from_secs(75);
/// and one that was asked to say something, for so long.
const PROVE_WITHIN: Duration = Duration::from_secs(3);

/// The wait before another try: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Outputs and events that wait; a gateway that floods is cut off.
const QUEUE_MAX: usize = 256;

/// Where the link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not wanted now.
    Asleep,
    /// The socket opens, or the nara proves who it is.
    Attaching,
    /// It has an address.
    Attached,
    /// It waits before it tries again.
    Waiting,
}

impl State {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asleep => "asleep",
            Self::Attaching => "attaching",
            Self::Attached => "attached",
            Self::Waiting => "waiting",
        }
    }
}

/// What the driver does.
#[derive(Debug)]
pub enum Output {
    /// Open a WebSocket to the gateway.
    Open,
    /// Send this as one binary message.
    Send(Vec<u8>),
    /// Close it.
    Close,
}

/// A request that arrived at this nara's address.
#[derive(Debug)]
pub struct Request {
    /// The number to answer under.
    pub n: u32,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// Who says that it asks.
    pub headers: Headers,
    /// The body, which the headers do not cover.
    pub body: Vec<u8>,
}

/// What happened on the link.
#[derive(Debug)]
pub enum Event {
    /// This nara has an address.
    Attached(String),
    /// It has none any more.
    Detached,
    /// Somebody asks.
    Asked(Request),
    /// A request of this nara ended; status 0 where nothing answered.
    Answered {
        /// Its number.
        n: u32,
        /// The HTTP status.
        status: u16,
        /// Who says that it answered.
        headers: Headers,
        /// The body.
        body: Vec<u8>,
    },
}

/// The link.
pub struct Link {
    name: String,
    key: PublicKey,
    origin: String,
    rng: Rng,
    state: State,
    address: String,
    challenged: bool,
    deadline: Option<Instant>,
    tries: u32,
    next: u32,
    pending: SortedMap<u32, Instant>,
    outputs: VecDeque<Output>,
    events: VecDeque<Event>,
}

impl Link {
    #[doc(hidden)]
    pub fn loads(&self, note: &mut dyn FnMut(&'static str, usize)) {
        note("mesh requests", self.pending.len());
        note("frames", self.outputs.len());
        note("mesh events", self.events.len());
    }

    /// A link to the gateway of this origin, such as `wss://example.org`, of
    /// whoever has this name and this key.
    pub fn new(name: String, key: PublicKey, origin: String, rng: Rng) -> Self {
        Self {
            name,
            key,
            origin,
            rng,
            state: State::Asleep,
            address: String::new(),
            challenged: false,
            deadline: None,
            tries: 0,
            next: 0,
            pending: SortedMap::new(),
            outputs: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Where it is.
    pub fn state(&self) -> State {
        self.state
    }

    /// The address, empty while there is none.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Reaches for the gateway.
    pub fn start(&mut self, now: Instant) {
        self.state = State::Attaching;
        self.challenged = false;
        self.deadline = Some(now + ATTACH_WITHIN);
        self.outputs.push_back(Output::Open);
    }

    /// Closes.
    pub fn stop(&mut self) {
        self.lose();
        self.state = State::Asleep;
        self.deadline = None;
        self.outputs.push_back(Output::Close);
    }

    /// Tries now instead of waiting.
    pub fn retry_now(&mut self, now: Instant) {
        if self.state == State::Waiting {
            self.start(now);
        }
    }

    /// Makes sure that the gateway is still there.
    pub fn prove(&mut self, now: Instant) {
        if self.state == State::Attached && self.outputs.len() < QUEUE_MAX {
            let soon = now + PROVE_WITHIN;
            self.deadline = Some(self.deadline.map_or(soon, |at| at.min(soon)));
            let pulse = Frame::new("pulse").to_bytes();
            self.outputs.push_back(Output::Send(pulse));
        }
    }

    /// A message came.
    pub fn handle_data(&mut self, crypto: &dyn Crypto, now: Now, bytes: &[u8]) {
        let Some(frame) = Frame::parse(bytes) else {
            return self.give_up(now.mono);
        };
        let is_alive = self.state == State::Attached || frame.t == "attached" && self.challenged;
        if is_alive {
            self.deadline = Some(now.mono + SILENT_FOR);
        }
        match (self.state, frame.t.as_str()) {
            (State::Attaching, "challenge") if !self.challenged => {
                self.attach(crypto, &frame.nonce)
            }
            (State::Attaching, "attached") if self.challenged => {
                if !is_address(&frame.address) {
                    return self.give_up(now.mono);
                }
                self.state = State::Attached;
                self.tries = 0;
                self.address.clone_from(&frame.address);
                self.tell(now.mono, Event::Attached(frame.address));
            }
            (State::Attached, "request") => {
                let request = Request {
                    n: frame.n,
                    method: frame.method,
                    path: frame.path,
                    headers: Headers {
                        name: frame.name,
                        timestamp: frame.at,
                        signature: frame.sig,
                    },
                    body: frame.body,
                };
                self.tell(now.mono, Event::Asked(request));
            }
            // What is read late, after a sleep, proves nothing of now.
            (State::Attached, "answer")
                if self
                    .pending
                    .get(&frame.n)
                    .is_some_and(|until| *until > now.mono) =>
            {
                self.pending.remove(&frame.n);
                let headers = Headers {
                    name: frame.name,
                    timestamp: frame.at,
                    signature: frame.sig,
                };
                let answered = Event::Answered {
                    n: frame.n,
                    status: frame.status,
                    headers,
                    body: frame.body,
                };
                self.tell(now.mono, answered);
            }
            _ => {}
        }
    }

    /// The socket is closed, or could not be opened.
    pub fn handle_closed(&mut self, now: Instant) {
        if self.state == State::Asleep {
            return;
        }
        self.lose();
        self.state = State::Waiting;
        let wait = RETRY.0 * 2u32.saturating_pow(self.tries.min(6));
        let wait = wait.min(RETRY.1);
        self.tries = self.tries.saturating_add(1);
        self.deadline = Some(now + self.rng.between(wait / 2, wait));
    }

    /// A deadline has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.take_if(|at| *at <= now).is_some() {
            match self.state {
                State::Waiting => self.start(now),
                _ => self.give_up(now),
            }
        }
        for n in self.pending.take_keys(|_, at| *at <= now) {
            self.fail(n);
        }
    }

    /// When [`Link::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let answers = self.pending.values().min().copied();
        [self.deadline, answers].into_iter().flatten().min()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Asks whoever signed this about its address for this method and path,
    /// with this body. Returns the number of the request, which has failed
    /// after `within` without an answer; `None` where it cannot be asked now.
    pub fn ask(
        &mut self,
        crypto: &dyn Crypto,
        now: Now,
        proof: &str,
        (method, path, body): (&str, &str, Vec<u8>),
        within: Duration,
    ) -> Option<u32> {
        let is_full = self.pending.len() >= IN_FLIGHT_MAX || self.outputs.len() >= QUEUE_MAX;
        if self.state != State::Attached || is_full || body.len() > BODY_SIZE_MAX {
            return None;
        }
        let n = self.next.wrapping_add(1);
        let headers =
            Headers::of_request(&self.name, now.wall, method, path, |text| crypto.sign(text));
        let frame = Frame {
            n,
            method: method.to_owned(),
            path: path.to_owned(),
            proof: proof.to_owned(),
            body,
            ..with_headers("request", headers)
        };
        let size = frame.body.len();
        let bytes = frame.to_bytes();
        // The gateway would close the link over it.
        if bytes.len() - size > HEAD_SIZE_MAX {
            return None;
        }
        self.next = n;
        self.pending.insert(n, now.mono + within);
        self.outputs.push_back(Output::Send(bytes));
        Some(n)
    }

    /// Answers a request, signed unless it is refused.
    pub fn answer(&mut self, crypto: &dyn Crypto, now: Now, n: u32, status: u16, body: Vec<u8>) {
        let headers = match status {
            200 => Headers::of_answer(&self.name, now.wall, &body, |text| crypto.sign(text)),
            _ => Headers::default(),
        };
        let frame = Frame {
            n,
            status,
            body,
            ..with_headers("answer", headers)
        };
        if self.outputs.len() < QUEUE_MAX {
            self.outputs.push_back(Output::Send(frame.to_bytes()));
        }
    }

    /// Proves the key. The text is longer than 32 bytes, so no challenge can
    /// make it the hash that a hey_there signs.
    fn attach(&mut self, crypto: &dyn Crypto, theirs: &str) {
        self.challenged = true;
        let nonce = base58::encode(&self.rng.array::<16>());
        let key = self.key.to_text();
        let text = ["nara:attach:v1", &self.origin, theirs, &nonce, &key].join("\n");
        let sig = base64::encode(&crypto.sign(text.as_bytes()).0);
        let frame = Frame {
            nonce,
            key,
            sig,
            ..Frame::new("attach")
        };
        self.outputs.push_back(Output::Send(frame.to_bytes()));
    }

    fn tell(&mut self, now: Instant, event: Event) {
        if self.events.len() >= QUEUE_MAX {
            return self.give_up(now);
        }
        self.events.push_back(event);
    }

    fn give_up(&mut self, now: Instant) {
        self.outputs.push_back(Output::Close);
        self.handle_closed(now);
    }

    fn fail(&mut self, n: u32) {
        self.events.push_back(Event::Answered {
            n,
            status: 0,
            headers: Headers::default(),
            body: Vec::new(),
        });
    }

    fn lose(&mut self) {
        for n in self.pending.take_keys(|_, _| true) {
            self.fail(n);
        }
        if self.state == State::Attached {
            self.events.push_back(Event::Detached);
        }
        self.address.clear();
    }
}

/// Whether a greeting can name this: nobody reads one that names what is longer,
/// and the nara would be gone from the plaza, too.
fn is_address(text: &str) -> bool {
    let is_short = (1..=MESH_IP_LENGTH_MAX).contains(&text.len());
    is_short && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn with_headers(t: &str, headers: Headers) -> Frame {
    Frame {
        name: headers.name,
        at: headers.timestamp,
        sig: headers.signature,
        ..Frame::new(t)
    }
}
