//! Services written in JavaScript: each is a [`Service`] like any other. What
//! it hears is kept until nothing of the core runs, and told then.

use super::args::Args;
use super::peer::{Peer, now};
use super::words::failure;
use crate::base::{ExpiringMap, Identity, NaraId, Now, PublicKey, SortedSet};
use crate::message::{KIND_LENGTH_MAX, ObjectWriter};
use crate::nara::Nara;
use crate::plaza::TOPIC_COUNT_MAX;
use crate::runtime::{
    Behaviour, CallError, CallId, Context, Delivery, Level, Outcome, Sealed, Service,
};
use core::time::Duration;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// Names that all naras of this page use together.
const NAMES_MAX: usize = 4_096;
/// Messages that can still be answered, and for how long.
const TICKETS_MAX: usize = 256;
const TICKETS_FOR: Duration = Duration::from_secs(60);
/// The longest name of a service, in bytes.
const NAME_LENGTH_MAX: usize = 64;

/// What a service is told.
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

    pub(super) fn to_json(&self) -> String {
        let mut json = ObjectWriter::new();
        json.text("service", self.service)
            .text("what", self.what)
            .text("kind", &self.kind)
            .u64("version", self.version.into())
            .text("payload", &self.payload)
            .text("name", &self.name)
            .text("messageId", &self.message_id)
            .u64("ticket", self.ticket);
        if let Some(from) = &self.from {
            json.id_and_key(from);
        }
        json.finish()
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
        from: delivery.sender,
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

/// Adds the services that an application declares: lines `service`, `kind` and
/// `version`, each followed by what belongs to it.
pub(super) fn add(
    mut nara: Nara,
    options: &[Args],
    mailbox: &SharedMailbox,
) -> Result<Nara, String> {
    let is_declared = |line: &&Args| matches!(line.word(0), "service" | "kind" | "version");
    let mut lines = options.iter().filter(is_declared).peekable();
    while let Some(service) = lines.next() {
        let field = format!("services: {:.64}", service.word(1));
        let wrong = |why: &str| failure("option_invalid", &[&field, ": ", why].concat());
        let name = checked(service.word(1), NAME_LENGTH_MAX).map_err(|why| wrong(&why))?;
        if nara.runtime().has_service(name) {
            return Err(wrong("there is a service of this name already"));
        }
        let mut behaviours = Vec::new();
        while let Some(kind) = lines.next_if(|line| line.word(0) == "kind") {
            if nara.runtime().has_behaviour(kind.word(1)) {
                return Err(wrong(&[kind.word(1), " is another service's"].concat()));
            }
            let mut one = behaviour(kind).map_err(|why| wrong(&why))?;
            while let Some(version) = lines.next_if(|line| line.word(0) == "version") {
                one = with_version(one, version).map_err(|why| wrong(&why))?;
            }
            behaviours.push(one);
        }
        nara = nara.with_service(JsService {
            name,
            behaviours: RefCell::new(behaviours),
            mailbox: mailbox.clone(),
        });
    }
    if nara.topics().len() > TOPIC_COUNT_MAX {
        let why = format!("services: the plaza topics: more than {TOPIC_COUNT_MAX}");
        return Err(failure("option_invalid", &why));
    }
    Ok(nara)
}

/// A kind: its name, type, topic, and how many messages a sender may send in
/// how many milliseconds, where that is limited.
fn behaviour(line: &Args) -> Result<Behaviour, String> {
    let kind = checked(line.word(1), KIND_LENGTH_MAX)?;
    let topic = line.word(3);
    let behaviour = match line.word(2) {
        "request" => Behaviour::mesh_request(kind),
        "local" => Behaviour::local(kind),
        _ if topic.is_empty() => return Err([kind, ": it needs a topic"].concat()),
        "protocol" => Behaviour::protocol(kind, topic),
        _ => Behaviour::ephemeral(kind, topic),
    };
    Ok(match line.number(4) {
        0 => behaviour,
        count => {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            behaviour.rate_limit(count, line.millis(5))
        }
    })
}

/// A version: its number and its fields.
fn with_version(behaviour: Behaviour, line: &Args) -> Result<Behaviour, String> {
    let number = line.word(1).parse().ok().filter(|number| *number > 0);
    let number =
        number.ok_or_else(|| format!("{}: {:.16} is no version", behaviour.kind, line.word(1)))?;
    let mut fields = Vec::new();
    for field in line.from(2) {
        fields.push(checked(field, NAME_LENGTH_MAX)?);
    }
    let fields = interned_list(fields);
    Ok(behaviour.version_of_fields(number, fields, JsService::hear))
}

fn checked(name: &str, max: usize) -> Result<&'static str, String> {
    if name.is_empty() || name.len() > max || name.chars().any(char::is_control) {
        return Err(format!("\"{name:.64}\" is no name of 1 to {max} bytes"));
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
fn receiver(ctx: &Context<'_>, id: &str, key: Option<&str>) -> Result<Identity, String> {
    let wrong = |why: &str| failure("option_invalid", &["to: ", why].concat());
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

fn told(outcome: Outcome) -> Result<String, String> {
    match outcome {
        Outcome::Continue => Ok(String::new()),
        Outcome::Drop(reason) => Err(failure("not_sent", &reason)),
        Outcome::Fail(why) => Err(failure("not_sent", &why)),
    }
}

impl Peer {
    /// What a service says or asks for, as that service: the command, its name,
    /// and what belongs to the command.
    pub(super) fn service_command(&mut self, now: Now, args: &Args) -> Result<String, String> {
        if args.word(0) == "serviceNow" {
            let wall = self.nara.runtime().clock().corrected(now.wall);
            return Ok(wall.unix_millis().to_string());
        }
        let mailbox = &self.mailbox;
        let run = |ctx: &mut Context<'_>| match args.word(0) {
            "serviceEmit" => told(ctx.emit_json(args.word(2), args.word(3))),
            "serviceSend" => {
                let to = receiver(ctx, args.word(4), args.get(5))?;
                told(ctx.send_json(&to, args.word(2), args.word(3)))
            }
            // The end is told as `reply` or `no_reply` under the number that this returns.
            "serviceCall" => {
                let to = receiver(ctx, args.word(6), args.get(7))?;
                let reply_kind = checked(args.word(4), KIND_LENGTH_MAX);
                let reply_kind = reply_kind.map_err(|why| failure("option_invalid", &why))?;
                let (kind, json) = (args.word(2), args.word(3));
                let call = ctx.call_json(&to, kind, json, reply_kind, args.millis(5));
                let call = call.map_err(|error| failure("not_sent", &error))?;
                Ok(call.number().to_string())
            }
            "serviceCancel" => {
                // A call that has ended has nothing to cancel.
                ctx.cancel(CallId::from_number(args.number(2)));
                Ok(String::new())
            }
            "serviceReply" => {
                let mailbox = mailbox.borrow();
                let request = mailbox.tickets.get(ctx.now().mono, &args.number(4));
                let late = || {
                    let why = "the message was unsigned, or came over a minute ago";
                    failure("not_sent", &why)
                };
                told(ctx.reply_json(request.ok_or_else(late)?, args.word(2), args.word(3)))
            }
            "serviceLog" => {
                let level = match args.word(2) {
                    "debug" => Level::Debug,
                    "info" => Level::Info,
                    "warn" => Level::Warn,
                    _ => Level::Error,
                };
                ctx.log().write(level, args.word(3).to_owned());
                Ok(String::new())
            }
            _ => Err(failure("option_invalid", &"there is no such command")),
        };
        let result = self.nara.speak_as(now, args.word(1), run);
        let unknown = || failure("option_invalid", &"there is no service of this name");
        result.unwrap_or_else(|| Err(unknown()))
    }
}

/// What a service has sealed; bytes that need not be written as text.
#[wasm_bindgen]
impl Peer {
    /// Encrypts under this nara's own key: the nonce, then the ciphertext;
    /// nothing for a service that is none.
    pub fn seal(&mut self, service: &str, plaintext: &[u8]) -> Vec<u8> {
        let seal = |ctx: &mut Context<'_>| {
            let sealed = ctx.seal(plaintext);
            [&sealed.nonce[..], &sealed.ciphertext].concat()
        };
        let sealed = self.nara.speak_as(now(), service, seal);
        sealed.unwrap_or_default()
    }

    /// Opens what this nara sealed; nothing when another key sealed it, or it
    /// was changed.
    pub fn open(&mut self, service: &str, nonce: &[u8], ciphertext: Vec<u8>) -> Option<Vec<u8>> {
        let nonce = nonce.try_into().ok()?;
        let open = |ctx: &mut Context<'_>| ctx.open(&Sealed { nonce, ciphertext }).ok();
        self.nara.speak_as(now(), service, open)?
    }
}
