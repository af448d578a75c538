//! The pipeline of what goes out: id, sign, transport, notify.

use super::behaviour::STRATEGIES;
use super::context::Core;
use super::traffic::Traffic;
use super::{
    Behaviour, ErrorStrategy, OUTBOX_MAX, Outcome, Outgoing, SENT_SIZE_MAX, Transport, Way,
};
use crate::base::{Identity, Instant, WallTime};
use crate::identity::Signature;
use crate::message::{Message, Timestamp};
use core::time::Duration;

pub(super) const RETRIES_MAX: usize = 64;
const RETRY_AFTER: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// How far a message's time may be ahead of the clock, so that none repeats.
const STAMP_AHEAD_MAX: Duration = Duration::from_secs(5);

pub(super) struct Retry {
    at: Instant,
    emission: Emission,
}

/// A message on its way out.
#[derive(Clone)]
struct Emission {
    message: Message,
    /// Whom it is for, where it is not for everybody.
    to: Option<Identity>,
    attempt: usize,
}

type EmitStage = fn(&mut Core, &Behaviour, &mut Emission) -> Outcome;

const EMIT: [EmitStage; 4] = [
    Core::give_id,
    Core::sign,
    Core::transport,
    Core::notify_sent,
];

impl Core {
    /// A message of this nara without id and signature.
    pub(super) fn draft(&mut self, kind: &str, payload: String) -> Message {
        let version = self
            .behaviours
            .get(kind)
            .map_or(1, |(one, _)| one.current_version());
        let mut message = Message::draft(kind, version, payload);
        message.from.clone_from(&self.me.name);
        self.me
            .identity
            .id
            .as_str()
            .clone_into(&mut message.from_id);
        message.timestamp = self.stamp();
        message
    }

    /// The wall time, never the same twice: ids of messages depend on it, and
    /// two requests within one tick of a coarse clock must not share an id.
    /// A clock that was set back is followed, or nobody would take what is sent
    /// for recent any more.
    fn stamp(&mut self) -> Timestamp {
        let now = self.now.wall;
        let next = WallTime::from_unix_nanos(self.last_stamp.saturating_add(1));
        let stamp = if next > now && next.distance(now) <= STAMP_AHEAD_MAX {
            next
        } else {
            now
        };
        self.last_stamp = stamp.unix_nanos();
        Timestamp::from_wall(stamp)
    }

    /// Runs the emit pipeline. Returns the message's id and how it ended.
    pub(super) fn emit(&mut self, message: Message) -> (String, Outcome) {
        self.run_emit(Emission {
            message,
            to: None,
            attempt: 0,
        })
    }

    /// The same for what one nara alone is told.
    pub(super) fn emit_to(&mut self, to: &Identity, mut message: Message) -> (String, Outcome) {
        to.id.as_str().clone_into(&mut message.to_id);
        self.run_emit(Emission {
            message,
            to: Some(*to),
            attempt: 0,
        })
    }

    fn run_emit(&mut self, mut emission: Emission) -> (String, Outcome) {
        let Some((behaviour, _)) = self.behaviours.get(&emission.message.kind).cloned() else {
            return (
                String::new(),
                Outcome::Fail("no behaviour of this kind".to_owned()),
            );
        };
        for stage in EMIT {
            let outcome = stage(self, &behaviour, &mut emission);
            if outcome == Outcome::Continue {
                continue;
            }
            if let Outcome::Fail(error) = &outcome {
                self.fail_emission(behaviour.strategy(), &emission, error);
            }
            return (emission.message.id, outcome);
        }
        (emission.message.id, Outcome::Continue)
    }

    fn give_id(&mut self, _: &Behaviour, emission: &mut Emission) -> Outcome {
        let message = &mut emission.message;
        if message.id.is_empty() {
            message.id = message.computed_id();
        }
        Outcome::Continue
    }

    fn sign(&mut self, behaviour: &Behaviour, emission: &mut Emission) -> Outcome {
        if behaviour.signed {
            let message = &mut emission.message;
            let signature: Signature = self.crypto.sign(message.signable().as_bytes());
            message.signature = Some(signature);
            message.key = Some(self.me.identity.key);
        }
        Outcome::Continue
    }

    fn transport(&mut self, behaviour: &Behaviour, emission: &mut Emission) -> Outcome {
        let message = &emission.message;
        let way = match &behaviour.transport {
            Transport::Local => return Outcome::Continue,
            Transport::Plaza(topic) => Way::Plaza {
                topic: topic.clone(),
            },
            Transport::Direct => match emission.to {
                Some(to) => Way::Direct { to },
                None => {
                    return Outcome::Fail(
                        "nobody is known whom a direct message is for".to_owned(),
                    );
                }
            },
        };
        let bytes = message.to_json().into_bytes();
        let kind = message.kind.clone();
        if matches!(way, Way::Plaza { .. }) {
            self.sent_ids.insert(self.now.mono, message.id.clone(), ());
        }
        self.send(way, &kind, bytes)
    }

    /// A signed message that is not sent now.
    pub(super) fn sign_ahead(&mut self, kind: &str, payload: String) -> Vec<u8> {
        let mut message = self.draft(kind, payload);
        message.id = message.computed_id();
        message.signature = Some(self.crypto.sign(message.signable().as_bytes()));
        message.key = Some(self.me.identity.key);
        message.to_json().into_bytes()
    }

    fn notify_sent(&mut self, _: &Behaviour, emission: &mut Emission) -> Outcome {
        let message = &emission.message;
        let to = if message.to_id.is_empty() {
            "the plaza"
        } else {
            &message.to_id
        };
        let text = format!("sent {} to {to}", message.kind);
        self.scope("runtime").debug(text);
        Outcome::Continue
    }

    /// Puts bytes into the outbox.
    pub(super) fn send(&mut self, way: Way, kind: &str, bytes: Vec<u8>) -> Outcome {
        if !self.connected {
            return Outcome::Fail("not connected to the plaza".to_owned());
        }
        if bytes.len() > SENT_SIZE_MAX {
            let size = bytes.len();
            return Outcome::Fail(format!(
                "the message has {size} bytes; at most {SENT_SIZE_MAX} are sent"
            ));
        }
        if self.outbox.len() >= OUTBOX_MAX {
            return Outcome::Fail(format!("{OUTBOX_MAX} messages wait already"));
        }
        self.watch.note(|| {
            let (way, peer) = match &way {
                Way::Plaza { .. } => ("plaza", None),
                Way::Direct { to } => ("direct", Some(to.id.to_text())),
            };
            Traffic {
                incoming: false,
                peer,
                kind: kind.to_owned(),
                way,
                outcome: "sent",
            }
        });
        self.outbox.push_back(Outgoing { way, bytes });
        Outcome::Continue
    }

    fn fail_emission(&mut self, strategy: ErrorStrategy, emission: &Emission, error: &str) {
        let retry = RETRY_AFTER.get(emission.attempt);
        match (strategy, retry) {
            (ErrorStrategy::Retry, Some(after)) if self.retries.len() < RETRIES_MAX => {
                let mut emission = emission.clone();
                emission.attempt += 1;
                let at = self.now.mono + *after;
                self.retries.push(Retry { at, emission });
            }
            _ => self.fail(strategy, &emission.message.kind, error),
        }
    }

    /// Emits again what is due for another try.
    pub(super) fn retry_due(&mut self) {
        if !STRATEGIES {
            return;
        }
        let now = self.now.mono;
        let (due, waiting) = self.retries.drain(..).partition(|retry| retry.at <= now);
        self.retries = waiting;
        let due: Vec<Retry> = due;
        for Retry { emission, .. } in due {
            self.run_emit(emission);
        }
    }

    pub(super) fn next_retry(&self) -> Option<Instant> {
        if !STRATEGIES {
            return None;
        }
        self.retries.iter().map(|retry| retry.at).min()
    }
}
