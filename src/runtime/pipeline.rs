//! The pipeline of what comes in: verify, fresh, dedupe, rate limit, filter,
//! notify, then the handler of the version.

use super::behaviour::{Typed, Version};
use super::clock::Clock;
use super::context::Core;
use super::shed::{Budget, SHED};
use super::traffic::{Traffic, Watch};
use super::{
    Behaviour, Crypto, ErrorStrategy, Keyring, Local, Me, Outgoing, OwnNews, PeerNews, Transport,
};
use crate::base::{ExpiringMap, Identity, NaraId, Now, PublicKey, Rng, SortedMap, WallTime};
use crate::message::{Message, Payload as _};
use crate::neighbourhood::Neighbourhood;
use core::cell::RefCell;
use core::time::Duration;
use std::collections::VecDeque;

/// Message ids remembered, so that a repeat is noticed.
pub const IDS_REMEMBERED_MAX: usize = 4_096;

/// Failed messages kept under [`ErrorStrategy::Queue`].
pub const DEAD_LETTERS_MAX: usize = 64;

const IDS_REMEMBERED_FOR: Duration = Duration::from_secs(10 * 60);
const REPLIES_REMEMBERED_MAX: usize = 64;
/// A remembered reply goes out so often at most: requests can be overheard and
/// played again by anybody.
const REPLY_SENT_MAX: u8 = 3;
const REPLIES_REMEMBERED_FOR: Duration = Duration::from_secs(2 * 60);
/// Publications of one's own that are remembered, since brokers send them back.
const SENT_IDS_MAX: usize = 1_024;
const RATES_MAX: usize = 4_096;
const RATES_FOR: Duration = Duration::from_secs(10 * 60);
/// What a stage or a handler says of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// On to the next stage.
    Continue,
    /// The message ends here, for a reason that is no fault of ours.
    Drop(&'static str),
    /// Something went wrong; the behaviour's error strategy decides.
    Fail(String),
}

/// A message that came through, and who is proved to have sent it.
#[derive(Debug)]
pub struct Delivery {
    /// The message; its payload is in canonical form.
    pub message: Message,
    /// The identity whose key signed it; `None` for kinds that are not signed.
    pub sender: Option<Identity>,
    /// When it came.
    pub at: Now,
    /// Whether its own time is recent. Only kinds that take any time have
    /// deliveries that are not.
    pub recent: bool,
    /// The payload as it was read, until the handler takes it.
    pub(super) typed: RefCell<Typed>,
}

impl Clone for Delivery {
    fn clone(&self) -> Self {
        Self {
            message: self.message.clone(),
            sender: self.sender,
            at: self.at,
            recent: self.recent,
            typed: RefCell::default(),
        }
    }
}

impl Delivery {
    /// The payload, as JSON.
    pub fn payload(&self) -> &str {
        self.message.payload.as_str()
    }

    pub(super) fn local(local: &Local, at: Now) -> Self {
        let message = Message::draft(&local.kind, 1, local.payload.clone());
        Self {
            message,
            sender: None,
            at,
            recent: true,
            typed: RefCell::default(),
        }
    }
}

type ReceiveStage = fn(&mut Core, &Behaviour, &mut Delivery) -> Outcome;

const RECEIVE: [ReceiveStage; 6] = [
    Core::verify,
    Core::fresh,
    Core::dedupe,
    Core::limit_rate,
    Core::filter,
    Core::notify_received,
];

impl Core {
    pub(super) fn new(me: Me, crypto: Box<dyn Crypto>, rng: Rng, now: Now) -> Self {
        Self {
            me,
            crypto,
            rng,
            now,
            clock: Clock::new(now),
            watch: Watch::default(),
            connected: false,
            peers: Neighbourhood::default(),
            keyring: Keyring::default(),
            calls: super::CallRegistry::default(),
            behaviours: SortedMap::new(),
            local_behaviours: Vec::new(),
            topics: Vec::new(),
            service_names: Vec::new(),
            outbox: VecDeque::new(),
            locals: VecDeque::new(),
            delivered: VecDeque::new(),
            records: VecDeque::new(),
            drops: SortedMap::new(),
            dead_letters: VecDeque::new(),
            retries: Vec::new(),
            seen: ExpiringMap::new(IDS_REMEMBERED_MAX, IDS_REMEMBERED_FOR),
            replies: ExpiringMap::new(REPLIES_REMEMBERED_MAX, REPLIES_REMEMBERED_FOR),
            rates: ExpiringMap::new(RATES_MAX, RATES_FOR),
            sent_ids: ExpiringMap::new(SENT_IDS_MAX, IDS_REMEMBERED_FOR),
            budget: Budget::default(),
            last_stamp: 0,
            activity: 0,
        }
    }

    /// Runs the receive pipeline.
    /// `counts` says whether something depends on an identity.
    pub(super) fn receive(
        &mut self,
        message: Message,
        counts: &dyn Fn(&Identity) -> bool,
    ) -> Result<Delivery, Outcome> {
        let (behaviour, _) = self
            .behaviours
            .get(&message.kind)
            .cloned()
            .ok_or(Outcome::Drop("unknown_kind"))?;
        let mut delivery = Delivery {
            message,
            sender: None,
            at: self.now,
            recent: true,
            typed: RefCell::default(),
        };
        self.admit(&behaviour, &mut delivery, counts)?;
        for stage in RECEIVE {
            match stage(self, &behaviour, &mut delivery) {
                Outcome::Continue => {}
                ended => return Err(ended),
            }
        }
        Ok(delivery)
    }

    /// What costs nothing to find out comes before any signature is checked.
    fn admit(
        &mut self,
        behaviour: &Behaviour,
        delivery: &mut Delivery,
        counts: &dyn Fn(&Identity) -> bool,
    ) -> Result<(), Outcome> {
        let message = &mut delivery.message;
        let version = behaviour
            .versions
            .get(&message.version)
            .ok_or(Outcome::Drop("unknown_version"))?;
        let me = self.me.identity.id.as_str();
        if behaviour.transport == Transport::Direct && message.to_id != me {
            return Err(Outcome::Drop("not_for_me"));
        }
        if behaviour.signed && !self.calls.lets_through(message) {
            let favoured = self.favoured(message, counts);
            let is_broadcast = matches!(behaviour.transport, Transport::Plaza(_));
            if is_broadcast && favoured.is_none() && !self.may_follow(message) {
                return Err(Outcome::Drop("not_followed"));
            }
            if !self.budget.spend(self.now.mono, favoured) {
                return Err(Outcome::Drop(SHED));
            }
        }
        let canonical = version.reading.canonical(message.payload.as_str());
        let canonical = canonical.map_err(|_| Outcome::Drop("malformed_payload"))?;
        let typed;
        (message.payload, typed) = canonical;
        delivery.typed = RefCell::new(typed);
        Ok(())
    }

    /// Whether what somebody says to everybody is listened to, as
    /// [`super::Context::follows`] has it.
    fn may_follow(&self, message: &Message) -> bool {
        let id = NaraId::parse(&message.from_id);
        let is_online = |who: &Identity| self.peers.is_online(who);
        self.peers.has_room()
            || message.from_id == self.me.identity.id
            || id.is_ok_and(|id| self.peers.claimants(&id).any(is_online))
    }

    /// The key under which a message comes, by its own word, if something
    /// depends on whoever has it.
    fn favoured(&self, message: &Message, counts: &dyn Fn(&Identity) -> bool) -> Option<PublicKey> {
        let id = NaraId::parse(&message.from_id).ok()?;
        let counts = |key: &PublicKey| counts(&Identity { id, key: *key });
        // Whoever names a key is taken at its word: it is verified under that.
        match message.key {
            Some(key) => Some(key).filter(counts),
            None => self.keyring.keys(&id).find(counts),
        }
    }

    /// Notes that this key claims this id. Where there are too many, ids that
    /// no peer has make room: of peers a flood of new ones pushes out its own.
    pub(super) fn note_key(&mut self, who: Identity) {
        let is_peers = |id: &NaraId| self.peers.claimants(id).next().is_some();
        self.keyring.register(who, is_peers);
    }

    fn verify(&mut self, behaviour: &Behaviour, delivery: &mut Delivery) -> Outcome {
        if !behaviour.signed {
            return Outcome::Continue;
        }
        let Some(sender) = self.keyring.signer(self.crypto.as_ref(), &delivery.message) else {
            return Outcome::Drop("bad_signature");
        };
        if sender == self.me.identity {
            // Once each: whoever plays them again is not answered each time.
            let key = (Some(sender.key), delivery.message.id.clone());
            if self.seen.insert(self.now.mono, key, ()).is_none() {
                self.note_own(&delivery.message);
            }
            return Outcome::Drop("from_myself");
        }
        self.note_key(sender);
        delivery.sender = Some(sender);
        Outcome::Continue
    }

    /// A message under one's own key: brokers send back what was published.
    /// What this nara has not sent, another device did, or the broker.
    fn note_own(&mut self, message: &Message) {
        if self.sent_ids.get(self.now.mono, &message.id).is_none() {
            let own = OwnNews {
                kind: message.kind.clone(),
                sent_at: message.timestamp.nearest_wall().unix_nanos(),
            };
            self.push_local("runtime:own", own.to_json(), "runtime");
        }
    }

    /// A message must be recent, unless it answers a request of ours and says
    /// so where it is signed: that proves it recent, and tells the peer's time.
    fn fresh(&mut self, behaviour: &Behaviour, delivery: &mut Delivery) -> Outcome {
        if behaviour.signed_ahead {
            delivery.recent = false;
            return Outcome::Continue;
        }
        let time = delivery.message.timestamp.nearest_wall();
        if let (Some(sender), Some((_, call))) = (&delivery.sender, self.calls.answered(delivery)) {
            let took = self.now.mono - call.sent;
            let proven = call.is_named_in(delivery.payload());
            if self.clock.sample(sender.key, time, took, proven) {
                self.correct();
            }
            if proven {
                return Outcome::Continue;
            }
        }
        let judged = match &delivery.sender {
            Some(sender) => self.judge(&sender.clone(), time),
            None => self.clock.judge(time),
        };
        match judged {
            Err(reason) if !behaviour.any_time => Outcome::Drop(reason),
            judged => {
                delivery.recent = judged.is_ok();
                Outcome::Continue
            }
        }
    }

    pub(super) fn judge(&mut self, who: &Identity, time: WallTime) -> Result<(), &'static str> {
        let judged = self.clock.judge(time);
        if !self.clock.agrees(time) {
            let news = PeerNews { who: *who }.to_json();
            self.push_local("clock:doubt", news, "runtime");
        }
        judged
    }

    /// The peers agree that the clock is off by something else than thought.
    fn correct(&mut self) {
        self.now = self.clock.now();
        self.push_local("clock:set", "{}".to_owned(), "runtime");
    }

    fn dedupe(&mut self, _: &Behaviour, delivery: &mut Delivery) -> Outcome {
        let now = self.now.mono;
        let id = &delivery.message.id;
        let key = (
            delivery.sender.as_ref().map(|sender| sender.key),
            id.clone(),
        );
        if self.seen.get(now, &key).is_none() {
            self.seen.insert(now, key, ());
            return Outcome::Continue;
        }
        if let Some((reply, sent)) = self.replies.get_mut(now, &key)
            && *sent < REPLY_SENT_MAX
        {
            *sent += 1;
            let Outgoing { way, bytes } = reply.clone();
            self.send(way, "reply", bytes);
            return Outcome::Drop("repeated_request");
        }
        Outcome::Drop("duplicate_id")
    }

    fn limit_rate(&mut self, behaviour: &Behaviour, delivery: &mut Delivery) -> Outcome {
        let Some(limit) = behaviour.rate_limit else {
            return Outcome::Continue;
        };
        let now = self.now.mono;
        let key = (
            delivery.sender.as_ref().map(|sender| sender.key),
            behaviour.kind.clone(),
        );
        let (since, count) = match self.rates.get(now, &key) {
            Some((since, count)) if now - *since < limit.per => (*since, *count),
            _ => (now, 0),
        };
        if count >= limit.count {
            return Outcome::Drop("rate_limited");
        }
        self.rates.insert(now, key, (since, count + 1));
        Outcome::Continue
    }

    fn filter(&mut self, behaviour: &Behaviour, delivery: &mut Delivery) -> Outcome {
        behaviour
            .filter
            .map_or(Outcome::Continue, |filter| filter(delivery))
    }

    fn notify_received(&mut self, behaviour: &Behaviour, delivery: &mut Delivery) -> Outcome {
        if let Some(sender) = delivery.sender.filter(|_| delivery.recent)
            && self.peers.heard(self.now, &sender, &delivery.message.from)
        {
            let news = PeerNews { who: sender }.to_json();
            self.push_local("presence:online", news, "runtime");
        }
        // Only light naras name their key.
        if let Some(sender) = delivery.sender.filter(|_| delivery.message.key.is_some())
            && let Some(peer) = self.peers.peer_mut(&sender)
        {
            peer.light = Some(true);
        }
        let text = format!(
            "received {} from {}",
            behaviour.kind, delivery.message.from_id
        );
        self.scope("runtime").debug(text);
        Outcome::Continue
    }

    /// The service and the version of a message.
    pub(super) fn version(&self, delivery: &Delivery) -> Option<(usize, Version)> {
        let (behaviour, service) = self.behaviours.get(&delivery.message.kind)?;
        let version = behaviour.versions.get(&delivery.message.version)?;
        Some((*service, version.clone()))
    }

    /// Deals with what a stage or a handler said of a message of this kind.
    pub(super) fn finish(&mut self, kind: &str, outcome: Outcome) {
        match outcome {
            Outcome::Fail(error) => {
                let strategy = self.behaviours.get(kind).map(|(one, _)| one.strategy());
                self.fail(strategy.unwrap_or(ErrorStrategy::Log), kind, &error);
            }
            outcome => self.account(kind, outcome),
        }
    }

    /// Tells whoever watches what became of something that came.
    pub(super) fn note_incoming(
        &mut self,
        way: &'static str,
        peer: Option<String>,
        outcome: &Outcome,
        kind: impl FnOnce() -> String,
    ) {
        let outcome = match outcome {
            Outcome::Continue => "handled",
            Outcome::Drop(reason) => reason,
            Outcome::Fail(_) => "failed",
        };
        self.watch.note(|| Traffic {
            incoming: true,
            peer: peer.filter(|id| !id.is_empty()),
            kind: kind(),
            way,
            outcome,
        });
    }

    /// Counts a drop and says so in the log.
    pub(super) fn account(&mut self, what: &str, outcome: Outcome) {
        match outcome {
            Outcome::Continue => {}
            Outcome::Drop(reason) => {
                *self.drops.or_default(reason) += 1;
                // A line for each would cost more than what was saved; and what a
                // broker sends back to its author is no news.
                if reason == SHED || reason == "from_myself" {
                    return;
                }
                self.scope("runtime")
                    .debug(format!("dropped {}: {reason}", printable(what)));
            }
            Outcome::Fail(error) => self.fail(ErrorStrategy::Log, what, &error),
        }
    }

    /// Counts bytes that were no message at all.
    pub(super) fn refuse(&mut self, reason: &'static str, text: &str) {
        *self.drops.or_default(reason) += 1;
        self.scope("runtime")
            .warn(format!("dropped a message: {text}"));
    }

    pub(super) fn fail(&mut self, strategy: ErrorStrategy, kind: &str, error: &str) {
        *self.drops.or_default("failed") += 1;
        match strategy {
            ErrorStrategy::Drop => {}
            ErrorStrategy::Log | ErrorStrategy::Retry => {
                self.scope("runtime")
                    .warn(format!("{}: {error}", printable(kind)));
            }
            ErrorStrategy::Queue => {
                if self.dead_letters.len() >= DEAD_LETTERS_MAX {
                    self.dead_letters.pop_front();
                }
                self.dead_letters
                    .push_back((kind.to_owned(), error.to_owned()));
            }
        }
    }

    pub(super) fn behaviour_topics(&self) -> impl Iterator<Item = String> + '_ {
        self.behaviours
            .values()
            .filter_map(|(behaviour, _)| match &behaviour.transport {
                Transport::Plaza(topic) => Some(topic.clone()),
                Transport::Direct | Transport::Local => None,
            })
    }

    pub(super) fn is_behaviour_topic(&self, topic: &str) -> bool {
        self.behaviours
            .values()
            .any(|(one, _)| matches!(&one.transport, Transport::Plaza(own) if own == topic))
    }
}

/// Text of others, cut to what a log line bears.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}
