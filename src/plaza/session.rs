//! The life of one connection after another: open, connect, subscribe, stay,
//! lose it, wait, again.

use super::codec::{self, Inbox, Incoming};
use super::{Credentials, DropReason, Loss, PublishError, SessionConfig, Will};
use crate::base::{Instant, Rng};
use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;

/// How long the socket, the CONNACK and the SUBACK may each take.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a PINGRESP may take.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// How long it may take when the connection is in doubt: with the wait before
/// the next attempt, a nara that slept is back within 5 s.
const PROOF_TIMEOUT: Duration = Duration::from_secs(2);

/// The wait after the first failure is 1 to 2 s; each further one doubles it.
const RETRY_MIN: Duration = Duration::from_secs(1);

/// No wait is longer: however long a broker was away, everybody is back within
/// 40 s of its return.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// A connection that ended sooner counts as one more failure in the row: a
/// broker that accepts and throws out at once is not to be hammered.
const HOLD: Duration = Duration::from_secs(30);

/// Packets that wait for the driver to send them.
const OUTPUT_COUNT_MAX: usize = 256;

/// Their bytes.
const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// Messages that wait to be polled as events.
const EVENT_COUNT_MAX: usize = 1024;

/// Their bytes.
const EVENT_BYTES_MAX: usize = 4 << 20;

/// How much of the driver's word on a close is kept, in characters.
const CLOSE_REASON_LENGTH_MAX: usize = 256;

/// Where a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not started, or stopped.
    Asleep,
    /// The driver opens a socket and fetches credentials.
    Opening,
    /// CONNECT is sent, and SUBSCRIBE behind it.
    Connecting,
    /// CONNECT is answered.
    Subscribing,
    /// All is well.
    Online,
    /// The next attempt is at `retry_at`, unless `retry_now` comes first.
    Waiting {
        /// When.
        retry_at: Instant,
        /// How many attempts in a row have failed.
        attempt: u32,
    },
}

/// What the driver has to do.
#[derive(PartialEq, Eq)]
pub enum Output {
    /// Open a socket, get credentials, then call `handle_opened`.
    Open,
    /// Send these bytes.
    Send(Vec<u8>),
    /// Send what was asked for, then close the socket if there is one, and
    /// pass on nothing more of it: what an old socket says would be taken for
    /// the word of the next.
    Close,
}

impl fmt::Debug for Output {
    /// A CONNECT has the password in it, so bytes are counted and not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("Open"),
            Self::Send(bytes) => write!(f, "Send({} bytes)", bytes.len()),
            Self::Close => f.write_str("Close"),
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Connected and subscribed.
    Connected,
    /// The broker does not let us subscribe to this topic; the rest works.
    Refused {
        /// As in the configuration.
        topic: String,
    },
    /// A message arrived.
    Published {
        /// Its topic.
        topic: String,
        /// Its payload.
        payload: Vec<u8>,
    },
    /// A message, or several in a row for want of room, was dropped.
    Dropped {
        /// Why.
        why: DropReason,
    },
    /// A connection, or an attempt at one, ended. Another follows.
    Disconnected {
        /// Why.
        why: Loss,
        /// How many attempts in a row have failed.
        attempt: u32,
        /// When the next one is.
        retry_at: Instant,
    },
}

/// An MQTT session that reconnects until it is stopped.
///
/// Inputs: `handle_*`. Commands: `start`, `retry_now`, `publish`, `prove`,
/// `stop`. Polls, after each of these: `poll_output`, `poll_event`,
/// `poll_timeout`.
pub struct Session {
    config: SessionConfig,
    rng: Rng,
    state: State,
    attempt: u32,
    /// The newest time that any input brought.
    now: Instant,
    /// When the step that is under way fails.
    step_deadline: Instant,
    ping_deadline: Option<Instant>,
    online_since: Instant,
    last_sent: Instant,
    last_heard: Instant,
    inbox: Inbox,
    outputs: VecDeque<Output>,
    output_bytes: usize,
    events: VecDeque<Event>,
    event_bytes: usize,
}

impl Session {
    /// A session that sleeps until `start`.
    pub fn new(config: SessionConfig, rng: Rng) -> Self {
        let origin = Instant::default();
        Self {
            config,
            rng,
            state: State::Asleep,
            attempt: 0,
            now: origin,
            step_deadline: origin,
            ping_deadline: None,
            online_since: origin,
            last_sent: origin,
            last_heard: origin,
            inbox: Inbox::default(),
            outputs: VecDeque::new(),
            output_bytes: 0,
            events: VecDeque::new(),
            event_bytes: 0,
        }
    }

    pub(crate) fn loads(&self, note: &mut dyn FnMut(&'static str, usize)) {
        note("packets", self.outputs.len());
        note("bytes of packets", self.output_bytes);
        note("plaza events", self.events.len());
        note("bytes of plaza events", self.event_bytes);
    }

    /// Changes what is subscribed to from the next connect on.
    pub fn set_topics(&mut self, topics: Vec<String>) {
        self.config.topics = topics;
    }

    /// What it subscribes to.
    pub fn topics(&self) -> &[String] {
        &self.config.topics
    }

    /// The socket is open.
    pub fn handle_opened(&mut self, now: Instant, credentials: Credentials) {
        self.advance(now);
        if self.state != State::Opening {
            return;
        }
        match codec::connect(&self.config, &credentials) {
            Ok(packet) => self.send(packet),
            Err(why) => return self.hang_up(why),
        }
        self.step(State::Connecting);
        // Behind a CONNECT the next packet may follow at once (MQTT 3.1.1,
        // section 3.1.4), which saves a round trip.
        if !self.config.topics.is_empty() {
            match codec::subscribe(&self.config.topics) {
                Ok(packet) => self.send(packet),
                Err(why) => self.hang_up(why),
            }
        }
    }

    /// Bytes arrived, cut in any way.
    pub fn handle_data(&mut self, now: Instant, bytes: &[u8]) {
        self.advance(now);
        if !self.has_socket() {
            return;
        }
        self.last_heard = self.now;
        self.inbox.push(bytes);
        // A PINGRESP waits behind whatever is coming in.
        if self.inbox.is_passing() && self.ping_deadline.is_some() {
            self.ping_deadline = Some(self.now + PING_TIMEOUT);
        }
        while self.has_socket() {
            match self.inbox.next() {
                Ok(Some(incoming)) => self.handle_incoming(incoming),
                Ok(None) => return,
                Err(why) => return self.hang_up(why),
            }
        }
    }

    /// The socket closed, or did not open, or there are no credentials.
    pub fn handle_closed(&mut self, now: Instant, why: &str) {
        self.advance(now);
        if self.state == State::Opening || self.has_socket() {
            self.lose(Loss::Closed(
                why.chars().take(CLOSE_REASON_LENGTH_MAX).collect(),
            ));
        }
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        let Some(due) = self.poll_timeout() else {
            return;
        };
        if due > self.now {
            return;
        }
        match self.state {
            State::Asleep => {}
            State::Waiting { .. } => self.open(),
            State::Opening => self.hang_up(Loss::OpenTimeout),
            State::Connecting => self.hang_up(Loss::ConnectTimeout),
            State::Subscribing => self.hang_up(Loss::SubscribeTimeout),
            State::Online if self.ping_deadline.is_some() => self.hang_up(Loss::PingTimeout),
            State::Online => self.ping(PING_TIMEOUT),
        }
    }

    /// What the broker publishes if the next connection breaks.
    pub fn set_will(&mut self, will: Will) {
        self.config.will = Some(will);
    }

    /// Wakes up.
    pub fn start(&mut self, now: Instant) {
        self.advance(now);
        if self.state == State::Asleep {
            self.attempt = 0;
            self.open();
        }
    }

    /// Does not wait any longer. The row of failures goes on.
    pub fn retry_now(&mut self, now: Instant) {
        self.advance(now);
        if matches!(self.state, State::Waiting { .. }) {
            self.open();
        }
    }

    /// Sends a message at QoS 0: it may be lost. Nothing is kept while offline.
    pub fn publish(&mut self, topic: &str, payload: &[u8]) -> Result<(), PublishError> {
        if self.state != State::Online {
            return Err(PublishError::Offline);
        }
        let packet = codec::publish(topic, payload)?;
        if !self.has_room(packet.len()) {
            return Err(PublishError::QueueFull);
        }
        self.send(packet);
        Ok(())
    }

    /// Asks the broker for a sign of life within 2 s, and reconnects without
    /// one: for when the page was asleep or the network changed.
    pub fn prove(&mut self, now: Instant) {
        self.advance(now);
        if self.state != State::Online {
            return;
        }
        match self.ping_deadline {
            None => self.ping(PROOF_TIMEOUT),
            Some(deadline) => self.ping_deadline = Some(deadline.min(self.now + PROOF_TIMEOUT)),
        }
    }

    /// Falls asleep. What was published goes out first, and a DISCONNECT, so
    /// that the broker keeps the will to itself.
    pub fn stop(&mut self, now: Instant) {
        self.advance(now);
        match self.state {
            State::Asleep => return,
            State::Connecting | State::Subscribing | State::Online => {
                self.send(codec::DISCONNECT.to_vec());
            }
            State::Opening | State::Waiting { .. } => self.clear_outputs(),
        }
        if !matches!(self.state, State::Waiting { .. }) {
            self.outputs.push_back(Output::Close);
        }
        self.state = State::Asleep;
        self.ping_deadline = None;
        self.inbox.clear();
    }

    /// What the driver has to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front()?;
        if let Output::Send(bytes) = &output {
            self.output_bytes -= bytes.len();
        }
        Some(output)
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        if let Event::Published { topic, payload } = &event {
            self.event_bytes -= topic.len() + payload.len();
        }
        Some(event)
    }

    /// When to call `handle_timeout`, at the earliest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Asleep => None,
            State::Waiting { retry_at, .. } => Some(retry_at),
            State::Opening | State::Connecting | State::Subscribing => Some(self.step_deadline),
            State::Online => Some(self.ping_deadline.unwrap_or_else(|| self.ping_due())),
        }
    }

    /// Where the session is.
    pub fn state(&self) -> State {
        self.state
    }

    fn handle_incoming(&mut self, incoming: Incoming) {
        match (incoming, self.state) {
            (Incoming::Connected(Ok(())), State::Connecting) => {
                if self.config.topics.is_empty() {
                    self.go_online(&[]);
                } else {
                    self.step(State::Subscribing);
                }
            }
            (Incoming::Connected(Err(why)), State::Connecting) => {
                self.hang_up(Loss::Refused(why));
            }
            (Incoming::Subscribed(granted), State::Subscribing) => self.go_online(&granted),
            // A broker may deliver before it answers the SUBSCRIBE.
            (
                Incoming::Published {
                    topic,
                    payload,
                    receipt,
                },
                State::Subscribing | State::Online,
            ) => {
                // Without room there is no receipt: the broker asks again.
                if let Some(receipt) = receipt.filter(|packet| self.has_room(packet.len())) {
                    self.send(receipt);
                }
                self.deliver(topic, payload);
            }
            (Incoming::Dropped(why), State::Subscribing | State::Online) => self.drop_message(why),
            (Incoming::Pong, State::Subscribing | State::Online) => self.ping_deadline = None,
            _ => self.hang_up(Loss::Unexpected),
        }
    }

    fn go_online(&mut self, granted: &[bool]) {
        if granted.len() != self.config.topics.len() {
            return self.hang_up(Loss::Malformed);
        }
        self.state = State::Online;
        self.online_since = self.now;
        self.events.push_back(Event::Connected);
        let refused = self
            .config
            .topics
            .iter()
            .zip(granted)
            .filter(|(_, granted)| !**granted);
        self.events.extend(refused.map(|(topic, _)| Event::Refused {
            topic: topic.clone(),
        }));
    }

    fn deliver(&mut self, topic: String, payload: Vec<u8>) {
        let length = topic.len() + payload.len();
        if self.events.len() >= EVENT_COUNT_MAX || self.event_bytes + length > EVENT_BYTES_MAX {
            return self.drop_message(DropReason::QueueFull);
        }
        self.event_bytes += length;
        self.events.push_back(Event::Published { topic, payload });
    }

    fn drop_message(&mut self, why: DropReason) {
        let event = Event::Dropped { why };
        let full = self.events.len() >= EVENT_COUNT_MAX;
        if self.events.back() == Some(&event) || (full && why != DropReason::QueueFull) {
            return;
        }
        self.events.push_back(event);
    }

    fn open(&mut self) {
        self.step(State::Opening);
        self.outputs.push_back(Output::Open);
    }

    fn step(&mut self, state: State) {
        self.state = state;
        self.step_deadline = self.now + STEP_TIMEOUT;
    }

    fn ping(&mut self, timeout: Duration) {
        self.ping_deadline = Some(self.now + timeout);
        self.send(codec::PING.to_vec());
    }

    /// MQTT asks for a packet after each silence of ours; silence of the
    /// broker's is doubted too, or a session that only sends would never
    /// notice that nobody listens.
    fn ping_due(&self) -> Instant {
        let keep_alive = u32::from(codec::keep_alive_seconds(self.config.keep_alive));
        self.last_sent.min(self.last_heard) + Duration::from_millis(750) * keep_alive
    }

    fn send(&mut self, packet: Vec<u8>) {
        self.last_sent = self.now;
        self.output_bytes += packet.len();
        self.outputs.push_back(Output::Send(packet));
    }

    fn has_room(&self, length: usize) -> bool {
        self.outputs.len() < OUTPUT_COUNT_MAX && self.output_bytes + length <= OUTPUT_BYTES_MAX
    }

    fn has_socket(&self) -> bool {
        matches!(
            self.state,
            State::Connecting | State::Subscribing | State::Online
        )
    }

    /// Ends the connection from our side.
    fn hang_up(&mut self, why: Loss) {
        self.lose(why);
        self.outputs.push_back(Output::Close);
    }

    fn lose(&mut self, why: Loss) {
        if self.state == State::Online && self.now.since(self.online_since) >= HOLD {
            self.attempt = 0;
        }
        self.attempt = self.attempt.saturating_add(1);
        let attempt = self.attempt;
        let retry_at = self.now + self.retry_delay();
        self.clear_outputs();
        self.inbox.clear();
        self.ping_deadline = None;
        self.state = State::Waiting { retry_at, attempt };
        self.events.push_back(Event::Disconnected {
            why,
            attempt,
            retry_at,
        });
    }

    /// The upper half of a range that doubles: naras that a broker lost
    /// together do not come back together.
    fn retry_delay(&mut self) -> Duration {
        let doublings = 2u32.saturating_pow(self.attempt);
        let longest = RETRY_MIN.saturating_mul(doublings).min(RETRY_MAX);
        self.rng.between(longest / 2, longest)
    }

    fn clear_outputs(&mut self) {
        self.outputs.clear();
        self.output_bytes = 0;
    }

    /// Time does not run backwards, whatever the driver says.
    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }
}
