//! Behaviours: what a kind of message is, how it leaves and how it is received.

use super::{Context, Delivery, Outcome, Service};
use crate::base::SortedMap;
use crate::message::{Payload, PayloadError, canonical_fields};
use core::marker::PhantomData;
use core::time::Duration;
use std::any::Any;
use std::rc::Rc;

/// What is done with the payloads of one version: it is the larger part of a
/// module whatever is made anew for each type, so that is little.
#[derive(Clone)]
pub(super) enum Reading {
    /// A type describes it.
    Typed {
        /// Reads it as its type.
        read: fn(&str) -> Result<Box<dyn Any>, PayloadError>,
        /// Writes it again.
        write: fn(&dyn Any) -> String,
    },
    /// Its fields are known by name.
    Fields(&'static [&'static str]),
}

impl Reading {
    fn of<P: Payload>() -> Self {
        Self::Typed {
            read: P::parse_boxed,
            write: |payload| payload.downcast_ref().map(P::to_json).unwrap_or_default(),
        }
    }

    /// A payload as its type, if it has one.
    pub(super) fn read(&self, text: &str) -> Result<Typed, PayloadError> {
        match self {
            Self::Typed { read, .. } => read(text).map(Some),
            Self::Fields(_) => Ok(None),
        }
    }

    /// Reads a payload and writes it canonically; if a type describes it, the
    /// handler is spared to read it again.
    pub(super) fn canonical(&self, text: &str) -> Result<(String, Typed), PayloadError> {
        match self {
            Self::Typed { read, write } => read(text).map(|typed| (write(&*typed), Some(typed))),
            Self::Fields(fields) => Ok((canonical_fields(text, fields)?, None)),
        }
    }
}

/// A payload as its type.
pub(super) type Typed = Option<Box<dyn Any>>;

/// What is done with a delivery. A trait of its own has less behind each handler
/// than `dyn Fn`.
trait Handler {
    /// Takes what [`Reading`] made of the payload. `None` where it belongs to
    /// another service or type.
    fn handle(
        &self,
        service: &mut dyn Any,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        typed: Typed,
    ) -> Option<Outcome>;
}

/// A handler of one service for payloads of one type.
struct OfType<S, P>(fn(&mut S, &mut Context<'_>, &Delivery, P) -> Outcome);

impl<S: Service, P: Payload> Handler for OfType<S, P> {
    fn handle(
        &self,
        service: &mut dyn Any,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        typed: Typed,
    ) -> Option<Outcome> {
        let payload: Box<P> = typed?.downcast().ok()?;
        Some((self.0)(own(service)?, ctx, delivery, *payload))
    }
}

/// A handler of one service for payloads that no type describes.
struct OfFields<S, H>(H, PhantomData<fn(S)>);

impl<S, H> Handler for OfFields<S, H>
where
    S: Service,
    H: Fn(&mut S, &mut Context<'_>, &Delivery) -> Outcome,
{
    fn handle(
        &self,
        service: &mut dyn Any,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
        _: Typed,
    ) -> Option<Outcome> {
        Some((self.0)(own(service)?, ctx, delivery))
    }
}

/// The service, where it is of this type.
// Once for each service, and not for each handler.
#[inline(never)]
pub(super) fn own<S: Service>(service: &mut dyn Any) -> Option<&mut S> {
    service.downcast_mut()
}

/// How messages of a kind travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Published on a plaza topic, for everybody.
    Plaza(String),
    /// Sent to the one nara in `to_id`.
    Direct,
    /// Never leaves this nara.
    Local,
}

/// What happens when a stage or a handler fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorStrategy {
    /// The message is gone; only the counter tells.
    Drop,
    /// The message is gone, and the log says why.
    Log,
    /// An outgoing message is tried again, three times, after 1, 2 and 4 s.
    Retry,
    /// The message is kept with its error for inspection.
    Queue,
}

/// Whether a strategy counts. None of the crate's own services chooses one, so
/// without the feature for others there is the log alone.
pub(super) const STRATEGIES: bool = cfg!(feature = "services");

/// How many messages of one kind one sender may send in a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// So many,
    pub count: u32,
    /// in so long.
    pub per: Duration,
}

/// A stage of a service's own, between the rate limit and the handler.
pub type Filter = fn(&Delivery) -> Outcome;

/// What a kind of message is: its versions with their payloads and handlers,
/// and what the pipelines do with it.
#[derive(Clone)]
pub struct Behaviour {
    /// The kind, such as `stash:store`.
    pub kind: String,
    pub(super) transport: Transport,
    pub(super) signed: bool,
    pub(super) any_time: bool,
    pub(super) signed_ahead: bool,
    pub(super) rate_limit: Option<RateLimit>,
    pub(super) filter: Option<Filter>,
    on_error: ErrorStrategy,
    pub(super) versions: SortedMap<u32, Version>,
}

#[derive(Clone)]
pub(super) struct Version {
    /// Reads a payload as this version's type and writes it again: what is
    /// signed is the typed payload, so fields unknown to it are not covered.
    pub(super) reading: Reading,
    handler: Rc<dyn Handler>,
}

impl Version {
    /// Hands a delivery to a service.
    pub(super) fn handle(
        &self,
        service: &mut dyn Service,
        ctx: &mut Context<'_>,
        delivery: &Delivery,
    ) -> Outcome {
        let typed = match delivery.typed.take() {
            None => self.reading.read(delivery.payload()),
            typed => Ok(typed),
        };
        match typed {
            Ok(typed) => self
                .handler
                .handle(service, ctx, delivery, typed)
                .unwrap_or_else(|| {
                    Outcome::Fail("the handler belongs to another service".to_owned())
                }),
            Err(error) => Outcome::Fail(error.to_string()),
        }
    }
}

impl Behaviour {
    fn new(kind: &str, transport: Transport, signed: bool) -> Self {
        Self {
            kind: kind.to_owned(),
            transport,
            signed,
            any_time: false,
            signed_ahead: false,
            rate_limit: None,
            filter: None,
            on_error: ErrorStrategy::Log,
            versions: SortedMap::new(),
        }
    }

    /// A broadcast that is neither signed nor verified: a hint, never a fact.
    pub fn ephemeral(kind: &str, topic: &str) -> Self {
        Self::new(kind, Transport::Plaza(topic.to_owned()), false)
    }

    /// A broadcast that is signed and verified.
    pub fn protocol(kind: &str, topic: &str) -> Self {
        Self::new(kind, Transport::Plaza(topic.to_owned()), true)
    }

    /// A signed message to one nara, and as often as not a request.
    pub fn mesh_request(kind: &str) -> Self {
        Self::new(kind, Transport::Direct, true)
    }

    /// A message between the services of this nara. Any number of services
    /// may handle the same local kind.
    pub fn local(kind: &str) -> Self {
        Self::new(kind, Transport::Local, false)
    }

    /// Adds a version with its payload type and its handler. What is emitted
    /// carries the highest version that was added.
    #[must_use]
    pub fn version<S: Service, P: Payload>(
        self,
        version: u32,
        handler: fn(&mut S, &mut Context<'_>, &Delivery, P) -> Outcome,
    ) -> Self {
        self.add(version, Reading::of::<P>(), Rc::new(OfType(handler)))
    }

    /// Adds a version whose payload no type describes: its fields are known by
    /// name, and the handler takes them as JSON from the delivery.
    #[must_use]
    pub fn version_of_fields<S: Service>(
        self,
        version: u32,
        fields: &'static [&'static str],
        handler: impl Fn(&mut S, &mut Context<'_>, &Delivery) -> Outcome + 'static,
    ) -> Self {
        let handler = OfFields(handler, PhantomData);
        self.add(version, Reading::Fields(fields), Rc::new(handler))
    }

    fn add(mut self, version: u32, reading: Reading, handler: Rc<dyn Handler>) -> Self {
        self.versions.insert(version, Version { reading, handler });
        self
    }

    /// Limits how often one sender is heard.
    #[must_use]
    pub fn rate_limit(mut self, count: u32, per: Duration) -> Self {
        self.rate_limit = Some(RateLimit { count, per });
        self
    }

    /// Takes messages of any time. Only for what does no harm when it is
    /// played again.
    #[must_use]
    pub fn any_time(mut self) -> Self {
        self.any_time = true;
        self
    }

    /// Takes messages that were signed long before somebody else sends them,
    /// as a will is: of any time, and no sign that their signer is there.
    #[must_use]
    pub fn signed_ahead(mut self) -> Self {
        self.signed_ahead = true;
        self
    }

    /// Adds a stage before the handler.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Chooses what a failure does; [`ErrorStrategy::Log`] unless chosen, or
    /// where the crate was built without the feature `services`.
    #[must_use]
    pub fn on_error(mut self, strategy: ErrorStrategy) -> Self {
        self.on_error = strategy;
        self
    }

    pub(super) fn strategy(&self) -> ErrorStrategy {
        if STRATEGIES {
            self.on_error
        } else {
            ErrorStrategy::Log
        }
    }

    pub(super) fn current_version(&self) -> u32 {
        self.versions.keys().next_back().copied().unwrap_or(1)
    }
}
