//! Services written in JavaScript: each is a [`Service`] like any other. What
//! it hears is kept until nothing of the core is borrowed, and told then.

use super::driver::now;
use super::peer::{Peer, duration, failure, to_js};
use crate::base::{ExpiringMap, Identity, NaraId, PublicKey, SortedSet};
use crate::message::{FIELDS_MAX, KIND_LENGTH_MAX};
use crate::nara::Nara;
use crate::plaza::TOPIC_COUNT_MAX;
use crate::runtime::{
    Behaviour, CallError, CallId, Context, Delivery, Level, Outcome, Sealed, Service,
};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// Services of one nara.
const SERVICES_MAX: usize = 16;
/// Kinds of one service.
const KINDS_MAX: usize = 32;
/// Versions of one kind.
const VERSIONS_MAX: usize = 8;
/// Names that all naras of this page use together.
const NAMES_MAX: usize = 4_096;
/// Messages that can still be answered, and for how long.
const TICKETS_MAX: usize = 256;
const TICKETS_FOR: Duration = Duration::from_secs(60);
/// The longest name of a service, in bytes.
const NAME_LENGTH_MAX: usize = 64;

/// What a service declares.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Declared {
    name: String,
    kinds: Vec<DeclaredKind>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeclaredKind {
    kind: String,
    /// `request`, `protocol`, `ephemeral` or `local`.
    r#type: String,
    topic: Option<String>,
    rate_limit: Option<DeclaredRate>,
    versions: Vec<DeclaredVersion>,
}

#[derive(Deserialize)]
struct DeclaredVersion {
    version: String,
    fields: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeclaredRate {
    count: u32,
    per_ms: u32,
}

/// What a service is told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Said {
    service: &'static str,
    /// `message`, `reply` or `no_reply`.
    what: &'static str,
    kind: String,
    version: u32,
    payload: String,
    from: Option<Identity>,
    name: String,
    message_id: String,
    /// Names the message for a reply, or the call that ended.
    ticket: u64,
}

impl Said {
    /// Whether it came from outside, which nobody limits, and is no answer.
    pub(super) fn is_message(&self) -> bool {
        self.what == "message"
    }
}

/// What waits to be told, and what can still be answered.
pub(super) struct Mailbox {
    said: VecDeque<Said>,
    tickets: ExpiringMap<u64, Delivery>,
    last_ticket: u64,
}

pub(super) type SharedMailbox = Rc<RefCell<Mailbox>>;

impl Mailbox {
    pub(super) fn shared() -> SharedMailbox {
        Rc::new(RefCell::new(Self {
            said: VecDeque::new(),
            tickets: ExpiringMap::new(TICKETS_MAX, TICKETS_FOR),
            last_ticket: 0,
        }))
    }

    /// The next thing to tell. The driver takes all of it after every input.
    pub(super) fn poll(&mut self) -> Option<Said> {
        self.said.pop_front()
    }
}

struct JsService {
    name: &'static str,
    behaviours: RefCell<Vec<Behaviour>>,
    mailbox: SharedMailbox,
}

impl JsService {
    fn hear(&mut self, ctx: &mut Context<'_>, delivery: &Delivery) -> Outcome {
        let mut mailbox = self.mailbox.borrow_mut();
        mailbox.last_ticket += 1;
        let ticket = mailbox.last_ticket;
        if delivery.sender.is_some() {
            mailbox
                .tickets
                .insert(ctx.now().mono, ticket, delivery.clone());
        }
        let said = said(self.name, "message", delivery, ticket);
        mailbox.said.push_back(said);
        Outcome::Continue
    }
}

fn said(service: &'static str, what: &'static str, delivery: &Delivery, ticket: u64) -> Said {
    let message = &delivery.message;
    Said {
        service,
        what,
        kind: message.kind.clone(),
        version: message.version,
        payload: message.payload.clone(),
        from: delivery.sender.clone(),
        name: message.from.clone(),
        message_id: message.id.clone(),
        ticket,
    }
}

impl Service for JsService {
    fn name(&self) -> &'static str {
        self.name
    }

    fn behaviours(&self) -> Vec<Behaviour> {
        self.behaviours.take()
    }

    fn handle_reply(
        &mut self,
        _: &mut Context<'_>,
        call: CallId,
        result: Result<&Delivery, CallError>,
    ) {
        let said = match result {
            Ok(delivery) => said(self.name, "reply", delivery, call.number()),
            Err(error) => Said {
                service: self.name,
                what: "no_reply",
                kind: String::new(),
                version: 0,
                payload: error.to_string(),
                from: None,
                name: String::new(),
                message_id: String::new(),
                ticket: call.number(),
            },
        };
        self.mailbox.borrow_mut().said.push_back(said);
    }
}

/// Adds the services that an application declares.
pub(super) fn add(
    mut nara: Nara,
    declared: Vec<Declared>,
    mailbox: &SharedMailbox,
) -> Result<Nara, JsValue> {
    limit("services", declared.len(), SERVICES_MAX)?;
    for one in declared {
        let field = format!("services: {:.64}", one.name);
        let wrong = |why: &str| failure("option_invalid", &format!("{field}: {why}"));
        let name = checked(&one.name, NAME_LENGTH_MAX).map_err(|why| wrong(&why))?;
        if nara.runtime().has_service(name) {
            return Err(wrong("there is a service of this name already"));
        }
        limit(&field, one.kinds.len(), KINDS_MAX)?;
        let mut behaviours = Vec::new();
        for kind in one.kinds {
            if nara.runtime().has_behaviour(&kind.kind) {
                return Err(wrong(&format!("{} is another service's", kind.kind)));
            }
            behaviours.push(behaviour(kind).map_err(|why| wrong(&why))?);
        }
        nara = nara.with_service(JsService {
            name,
            behaviours: RefCell::new(behaviours),
            mailbox: mailbox.clone(),
        });
    }
    limit(
        "services: the plaza topics",
        nara.topics().len(),
        TOPIC_COUNT_MAX,
    )?;
    Ok(nara)
}

fn limit(field: &str, count: usize, max: usize) -> Result<(), JsValue> {
    match count <= max {
        true => Ok(()),
        false => Err(failure(
            "option_invalid",
            &format!("{field}: more than {max}"),
        )),
    }
}

fn behaviour(declared: DeclaredKind) -> Result<Behaviour, String> {
    let kind = checked(&declared.kind, KIND_LENGTH_MAX)?;
    let topic = declared.topic.as_deref().unwrap_or_default();
    let mut behaviour = match declared.r#type.as_str() {
        "request" => Behaviour::mesh_request(kind),
        "local" => Behaviour::local(kind),
        "protocol" if !topic.is_empty() => Behaviour::protocol(kind, topic),
        "ephemeral" if !topic.is_empty() => Behaviour::ephemeral(kind, topic),
        "protocol" | "ephemeral" => return Err(format!("{kind}: it needs a topic")),
        _ => return Err(format!("{kind}: no such type")),
    };
    if declared.versions.is_empty() || declared.versions.len() > VERSIONS_MAX {
        return Err(format!("{kind}: 1 to {VERSIONS_MAX} versions are needed"));
    }
    for DeclaredVersion { version, fields } in declared.versions {
        let number = version.parse().ok().filter(|number| *number > 0);
        let number = number.ok_or_else(|| format!("{kind}: {version:.16} is no version"))?;
        if fields.len() > FIELDS_MAX {
            return Err(format!("{kind}: more than {FIELDS_MAX} fields"));
        }
        let fields: Result<Vec<&'static str>, String> = fields
            .iter()
            .map(|field| checked(field, NAME_LENGTH_MAX))
            .collect();
        let fields = interned_list(fields?);
        behaviour = behaviour.version_of_fields(number, fields, JsService::hear);
    }
    if let Some(rate) = declared.rate_limit {
        let per = Duration::from_millis(u64::from(rate.per_ms));
        behaviour = behaviour.rate_limit(rate.count, per);
    }
    Ok(behaviour)
}

fn checked(name: &str, max: usize) -> Result<&'static str, String> {
    if name.is_empty() || name.len() > max || name.chars().any(char::is_control) {
        return Err(format!("{name:.64?} is no name of 1 to {max} bytes"));
    }
    interned(name).ok_or_else(|| "too many different names".to_owned())
}

thread_local! {
    static NAMES: RefCell<SortedSet<&'static str>> = const { RefCell::new(SortedSet::new()) };
    static LISTS: RefCell<SortedSet<&'static [&'static str]>> =
        const { RefCell::new(SortedSet::new()) };
}

/// Names in the core live as long as it does. Those of a page's services are a
/// handful and come again with every nara it wakes.
fn interned(name: &str) -> Option<&'static str> {
    NAMES.with_borrow_mut(|names| {
        if let Some(known) = names.get(name) {
            return Some(*known);
        }
        if names.len() >= NAMES_MAX {
            return None;
        }
        let name: &'static str = Box::leak(name.into());
        names.insert(name);
        Some(name)
    })
}

fn interned_list(list: Vec<&'static str>) -> &'static [&'static str] {
    LISTS.with_borrow_mut(|lists| {
        if let Some(known) = lists.get(list.as_slice()) {
            return *known;
        }
        let list: &'static [&'static str] = list.leak();
        lists.insert(list);
        list
    })
}

/// Where something goes: an id with its key, or an id that one peer claims.
fn receiver(ctx: &Context<'_>, id: &str, key: Option<&str>) -> Result<Identity, JsValue> {
    let wrong = |why: &str| failure("option_invalid", &format!("to: {why}"));
    let id = NaraId::parse(id).map_err(|error| wrong(&error.to_string()))?;
    if let Some(key) = key {
        let key = PublicKey::parse(key).ok_or_else(|| wrong("the key is no public key"))?;
        return Ok(Identity { id, key });
    }
    match ctx.keys(&id)[..] {
        [key] => Ok(Identity { id, key }),
        [] => Err(wrong("nobody of this id is known")),
        _ => Err(wrong("several keys claim this id; say which")),
    }
}

fn told(outcome: Outcome) -> Result<(), JsValue> {
    match outcome {
        Outcome::Continue => Ok(()),
        Outcome::Drop(reason) => Err(failure("not_sent", reason)),
        Outcome::Fail(why) => Err(failure("not_sent", &why)),
    }
}

#[derive(Serialize)]
struct ShownSealed<'a> {
    #[serde(serialize_with = "as_bytes")]
    nonce: &'a [u8],
    #[serde(serialize_with = "as_bytes")]
    ciphertext: &'a [u8],
}

fn as_bytes<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// What a service may ask for, each as that service.
#[wasm_bindgen]
impl Peer {
    /// The time that this nara goes by, in milliseconds since the Unix epoch.
    #[wasm_bindgen(js_name = serviceNow)]
    pub fn service_now(&self) -> f64 {
        let wall = now().wall;
        self.driver
            .look(|nara| nara.runtime().clock().corrected(wall).unix_millis() as f64)
    }

    /// Says something to everybody, or to the services of this nara.
    ///
    /// # Errors
    /// `{code, message}`.
    #[wasm_bindgen(js_name = serviceEmit)]
    pub fn service_emit(&self, service: &str, kind: &str, json: &str) -> Result<(), JsValue> {
        self.speak_as(service, |ctx| told(ctx.emit_json(kind, json)))
    }

    /// Says something to one nara.
    ///
    /// # Errors
    /// `{code, message}`.
    #[wasm_bindgen(js_name = serviceSend)]
    pub fn service_send(
        &self,
        service: &str,
        id: &str,
        key: Option<String>,
        kind: &str,
        json: &str,
    ) -> Result<(), JsValue> {
        self.speak_as(service, |ctx| {
            let to = receiver(ctx, id, key.as_deref())?;
            told(ctx.send_json(&to, kind, json))
        })
    }

    /// Asks one nara something. The end is told as `reply` or `no_reply` under
    /// the number that this returns.
    ///
    /// # Errors
    /// `{code, message}`.
    #[wasm_bindgen(js_name = serviceCall)]
    #[allow(clippy::too_many_arguments, reason = "they are those of JavaScript")]
    pub fn service_call(
        &self,
        service: &str,
        id: &str,
        key: Option<String>,
        kind: &str,
        json: &str,
        reply_kind: &str,
        deadline_ms: f64,
    ) -> Result<f64, JsValue> {
        let deadline = duration(deadline_ms);
        self.speak_as(service, |ctx| {
            let to = receiver(ctx, id, key.as_deref())?;
            let reply_kind = checked(reply_kind, KIND_LENGTH_MAX);
            let reply_kind = reply_kind.map_err(|why| failure("option_invalid", &why))?;
            let call = ctx.call_json(&to, kind, json, reply_kind, deadline);
            let call = call.map_err(|error| failure("not_sent", &error.to_string()))?;
            Ok(call.number() as f64)
        })
    }

    /// Stops waiting for a call.
    #[wasm_bindgen(js_name = serviceCancel)]
    pub fn service_cancel(&self, service: &str, call: f64) {
        // A call that has ended has nothing to cancel.
        let _ = self.speak_as(service, |ctx| {
            Ok(ctx.cancel(CallId::from_number(call as u64)))
        });
    }

    /// Answers the message of a ticket.
    ///
    /// # Errors
    /// `{code, message}`.
    #[wasm_bindgen(js_name = serviceReply)]
    pub fn service_reply(
        &self,
        service: &str,
        ticket: f64,
        kind: &str,
        json: &str,
    ) -> Result<(), JsValue> {
        let mailbox = self.driver.mailbox.clone();
        self.speak_as(service, |ctx| {
            let now = ctx.now().mono;
            let request = mailbox.borrow().tickets.get(now, &(ticket as u64)).cloned();
            let late = || {
                let why = "the message was unsigned, or came over a minute ago";
                failure("not_sent", why)
            };
            told(ctx.reply_json(&request.ok_or_else(late)?, kind, json))
        })
    }

    /// Encrypts under this nara's own key: `{nonce, ciphertext}`.
    ///
    /// # Errors
    /// `{code, message}`.
    #[wasm_bindgen(js_name = serviceSeal)]
    pub fn service_seal(&self, service: &str, plaintext: &[u8]) -> Result<JsValue, JsValue> {
        self.speak_as(service, |ctx| {
            let sealed = ctx.seal(plaintext);
            Ok(to_js(&ShownSealed {
                nonce: &sealed.nonce,
                ciphertext: &sealed.ciphertext,
            }))
        })
    }

    /// Opens what this nara sealed.
    ///
    /// # Errors
    /// `{code, message}`.
    #[wasm_bindgen(js_name = serviceOpen)]
    pub fn service_open(
        &self,
        service: &str,
        nonce: &[u8],
        ciphertext: Vec<u8>,
    ) -> Result<Vec<u8>, JsValue> {
        let broken = || {
            let why = "another key sealed it, or it was changed";
            failure("not_opened", why)
        };
        let nonce = nonce.try_into().map_err(|_| broken())?;
        self.speak_as(service, |ctx| {
            ctx.open(&Sealed { nonce, ciphertext })
                .map_err(|_| broken())
        })
    }

    /// Writes to the log.
    #[wasm_bindgen(js_name = serviceLog)]
    pub fn service_log(&self, service: &str, level: &str, text: String) {
        let level = match level {
            "debug" => Level::Debug,
            "info" => Level::Info,
            "warn" => Level::Warn,
            _ => Level::Error,
        };
        // The service is there: it was added before the nara woke.
        let _ = self.speak_as(service, |ctx| {
            ctx.log().write(level, text);
            Ok(())
        });
    }
}

impl Peer {
    fn speak_as<T>(
        &self,
        service: &str,
        run: impl FnOnce(&mut Context<'_>) -> Result<T, JsValue>,
    ) -> Result<T, JsValue> {
        let result = self
            .driver
            .act(|nara, now| nara.speak_as(now, service, run));
        let unknown = || failure("option_invalid", "there is no service of this name");
        result.ok_or_else(unknown)?
    }
}
