//! Calls: requests that wait for a verified reply until their deadline.

use super::Delivery;
use crate::base::{Gather, Identity, Instant, SortedMap};
use crate::message::Message;
use core::fmt;
use core::time::Duration;

/// How long a call waits unless its caller says otherwise.
pub const CALL_DEADLINE: Duration = Duration::from_secs(30);

/// Calls that may be pending at once; one more is refused.
pub const CALLS_MAX: usize = 1_024;

/// Answers to one call that are verified whatever else comes in.
const TRIES_MAX: u8 = 8;

/// Names one call of this nara.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub(super) u64);

impl CallId {
    /// The number by which a binding names it.
    pub fn number(self) -> u64 {
        self.0
    }

    /// The call of this number.
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }
}

/// Why a call has no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// Nobody answered before the deadline.
    Timeout,
    /// [`CALLS_MAX`] calls are pending already.
    TooMany,
    /// The pipeline did not let the request out.
    NotSent,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("no answer before the deadline"),
            Self::TooMany => write!(f, "{CALLS_MAX} calls are pending already"),
            Self::NotSent => f.write_str("the request was not sent"),
        }
    }
}

impl core::error::Error for CallError {}

/// A call that waits.
#[derive(Clone, Debug)]
pub struct PendingCall {
    /// The id of the request.
    pub message_id: String,
    /// Who was asked, and who alone can answer.
    pub to: Identity,
    /// The kind that counts as an answer.
    pub reply_kind: &'static str,
    /// When it was asked.
    pub sent: Instant,
    /// The `request_id` in its payload, if it has one.
    pub request_id: Option<String>,
    /// When it ends without an answer.
    pub deadline: Instant,
    /// The service that asked.
    pub service: usize,
    /// How many messages came that may be the answer.
    pub tries: u8,
}

impl PendingCall {
    /// Whether what was signed names this very request, by the id of its
    /// message or by its `request_id`, so that it was made after it.
    pub fn is_named_in(&self, payload: &str) -> bool {
        let mut proofs = self.request_id.iter().chain([&self.message_id]);
        let is_in = |one: &String| {
            let mut parts = payload.as_bytes().windows(one.len());
            parts.any(|part| part == one.as_bytes())
        };
        proofs.any(|one| one.len() >= PROOF_LENGTH_MIN && is_in(one))
    }
}

/// The `request_id` of a payload in canonical form.
pub(super) fn request_id(payload: &str) -> Option<&str> {
    // A quote inside a text is escaped, so this is the name of a field.
    let mut parts = payload.split('"');
    loop {
        if parts.next()? == "request_id" && parts.next()? == ":" {
            return parts.next();
        }
    }
}

/// Shorter names could be met by chance.
const PROOF_LENGTH_MIN: usize = 16;

/// Every pending call. Each ends exactly once: answered, expired or cancelled.
#[derive(Default)]
pub struct CallRegistry {
    next: u64,
    pending: SortedMap<CallId, PendingCall>,
}

impl CallRegistry {
    /// Adds a call.
    ///
    /// # Errors
    /// [`CallError::TooMany`].
    pub fn insert(&mut self, call: PendingCall) -> Result<CallId, CallError> {
        if self.pending.len() >= CALLS_MAX {
            return Err(CallError::TooMany);
        }
        self.next += 1;
        self.pending.insert(CallId(self.next), call);
        Ok(CallId(self.next))
    }

    /// Ends a call without telling anybody; a late reply goes to the handler
    /// of its kind. Returns whether it was pending.
    pub fn cancel(&mut self, id: CallId) -> bool {
        self.pending.remove(&id).is_some()
    }

    /// Takes the call that this delivery answers. The delivery was verified:
    /// it must come from the identity that was asked, name the request, and be
    /// of the awaited kind; otherwise the call stays pending.
    pub fn take_answered(&mut self, delivery: &Delivery) -> Option<(CallId, PendingCall)> {
        let (id, _) = self.answered(delivery)?;
        self.pending.remove(&id).map(|call| (id, call))
    }

    /// Whether a call waits whose request has this id.
    pub(super) fn has_of(&self, message_id: &str) -> bool {
        let mut pending = self.pending.values();
        pending.any(|call| call.message_id == message_id)
    }

    /// Takes the call whose request has this id.
    pub(super) fn take_of(&mut self, message_id: &str) -> Option<(CallId, PendingCall)> {
        let mut pending = self.pending.iter();
        let id = pending.find(|(_, call)| call.message_id == message_id)?.0;
        let id = *id;
        self.pending.remove(&id).map(|call| (id, call))
    }

    /// The call that this delivery answers, left where it is.
    pub fn answered(&self, delivery: &Delivery) -> Option<(CallId, &PendingCall)> {
        let sender = delivery.sender.as_ref()?;
        let message = &delivery.message;
        if message.in_reply_to.is_empty() {
            return None;
        }
        // Whatever `in_reply_to` says, which nobody signs: an answer that
        // repeats another request's id is the answer to that.
        let echoed = request_id(&message.payload).filter(|id| !id.is_empty());
        let answered = |call: &PendingCall| {
            call.message_id == message.in_reply_to
                // Who slept reads late what came in time, and what came later.
                && call.deadline > delivery.at.mono
                && call.to == *sender
                && call.reply_kind == message.kind
                && echoed.is_none_or(|id| call.request_id.as_ref().is_none_or(|own| own == id))
        };
        let mut pending = self.pending.iter();
        let (id, call) = pending.find(|(_, call)| answered(call))?;
        Some((*id, call))
    }

    /// Whether a message is worth a verification because it may be an answer:
    /// each call lets [`TRIES_MAX`] through, as others may have overheard the
    /// request and forge some.
    pub(super) fn lets_through(&mut self, message: &Message) -> bool {
        if message.in_reply_to.is_empty() {
            return false;
        }
        let is_asked = |call: &&mut PendingCall| {
            call.message_id == message.in_reply_to
                && call.to.id.as_str() == message.from_id
                && message.key.is_none_or(|key| key == call.to.key)
        };
        let Some(call) = self.pending.values_mut().find(is_asked) else {
            return false;
        };
        call.tries = call.tries.saturating_add(1);
        call.tries <= TRIES_MAX
    }

    /// Takes every call whose deadline has passed.
    pub fn take_expired(&mut self, now: Instant) -> Vec<(CallId, PendingCall)> {
        self.pending
            .extract_if(|_, call| call.deadline <= now)
            .gather()
    }

    /// The earliest deadline.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.pending.values().map(|call| call.deadline).min()
    }

    /// How many are pending.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}
