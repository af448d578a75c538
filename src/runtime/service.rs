//! What a service is, and the local messages by which services talk.

use super::{Behaviour, CallError, CallId, Context, Delivery, Outcome};
use crate::base::{Identity, Instant};
use crate::message::{ByField, Fields, KIND_LENGTH_MAX, ObjectWriter, payloads_by_field};
use std::any::Any;

/// A piece of nara that lives on the runtime.
///
/// The order of calls: `behaviours` and `topics`, `init`, `start`, then any of
/// the `handle_*`, at last `stop`. Handlers of behaviours are named where the
/// behaviour is declared.
pub trait Service: Any {
    /// Its name, for logs and messages to people.
    fn name(&self) -> &'static str;

    /// What it says and hears: kinds, versions, payloads, pipelines, handlers.
    fn behaviours(&self) -> Vec<Behaviour>;

    /// Plaza topics that carry no runtime messages and come to
    /// [`Service::handle_plaza`] as they are.
    fn topics(&self) -> Vec<String> {
        Vec::new()
    }

    /// Before anything moves.
    fn init(&mut self, _ctx: &mut Context<'_>) {}

    /// The nara wakes.
    fn start(&mut self, _ctx: &mut Context<'_>) {}

    /// The nara goes to sleep; what is emitted here is still sent.
    fn stop(&mut self, _ctx: &mut Context<'_>) {}

    /// Bytes from one of its [`Service::topics`].
    fn handle_plaza(&mut self, _ctx: &mut Context<'_>, _topic: &str, _bytes: &[u8]) -> Outcome {
        Outcome::Continue
    }

    /// The end of a call that it made: a verified reply, or why there is none.
    /// Comes exactly once for each call, unless the call was cancelled.
    fn handle_reply(
        &mut self,
        _ctx: &mut Context<'_>,
        _call: CallId,
        _result: Result<&Delivery, CallError>,
    ) {
    }

    /// Whether something depends on hearing this identity, as on those whose
    /// stashes are held. Whatever strangers send, they are heard.
    fn counts_on(&self, _who: &Identity) -> bool {
        false
    }

    /// Its deadline has passed.
    fn handle_timeout(&mut self, _ctx: &mut Context<'_>) {}

    /// When it wants [`Service::handle_timeout`] to be called.
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

/// A message between services of one nara. It never leaves the nara.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Its kind, such as `stash:recovered`.
    pub kind: String,
    /// The payload, as JSON.
    pub payload: String,
    /// The name of the service that said it.
    pub from: &'static str,
}

/// The payload of local messages about one peer: `presence:online` (it came),
/// `presence:hello` (it greeted the plaza), `presence:reached` (it signed where
/// the mesh reaches it) and `presence:gone`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerNews {
    /// Whom it is about.
    pub who: Identity,
}

impl ByField for PeerNews {
    fn blank() -> Self {
        Self {
            who: Identity::NOBODY,
        }
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.need_all();
        self.who = fields.identity("who");
    }

    fn write(&self, object: &mut ObjectWriter) {
        object.identity("who", &self.who);
    }
}

/// The payload of the local message `runtime:own`: a message came back that
/// only this nara can have signed, and that it has not sent since it woke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnNews {
    /// Its kind.
    pub kind: String,
    /// Its time, in Unix nanoseconds.
    pub sent_at: i64,
}

impl ByField for OwnNews {
    fn blank() -> Self {
        Self {
            kind: String::new(),
            sent_at: 0,
        }
    }

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.need_all();
        fields.text_into("kind", &mut self.kind, KIND_LENGTH_MAX);
        self.sent_at = fields.i64("sent_at");
    }

    fn write(&self, object: &mut ObjectWriter) {
        object.text("kind", &self.kind).i64("sent_at", self.sent_at);
    }
}

/// The payload of local messages that say nothing but their kind, such as
/// `plaza:online` and `plaza:offline`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nothing {}

impl ByField for Nothing {
    fn blank() -> Self {
        Self {}
    }

    fn read(&mut self, _: &mut Fields<'_>) {}

    fn write(&self, _: &mut ObjectWriter) {}
}

payloads_by_field! {
    PeerNews: "who";
    OwnNews: "kind", "sent_at";
    Nothing:;
}
