//! The older HTTP interface of the stash: what this nara answers there, and
//! how it asks those who know no other.
//!
//! Its bodies are not signed, only their way is. So what comes by it never
//! takes the place of what a signed store brought, and what is stored by it is
//! audited like every copy.

use super::Nara;
use crate::base::{Identity, Now};
use crate::mesh::Request;
use crate::message::{
    self, Ack, Bytes, CIPHERTEXT_SIZE_MAX, Fields, Message, ObjectWriter, Payload as _, Response,
    Store, parse_payload,
};
use crate::runtime::Context;
use crate::stash::Stash;

const STORE: &str = "/stash/store";
const RETRIEVE: &str = "/stash/retrieve";
const PUSH: &str = "/stash/push";

/// What is asked of whoever knows no `/events/sync`, before something long.
pub(super) const SMALL: Asked = ("POST", RETRIEVE, Vec::new());

/// Method, path and body.
pub(super) type Asked = (&'static str, &'static str, Vec<u8>);

/// A sealed stash.
#[derive(Default)]
struct Sealed {
    owner: String,
    nonce: Bytes,
    ciphertext: Bytes,
}

impl Sealed {
    const FIELDS: &[&str] = &["owner", "nonce", "ciphertext"];

    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            owner: fields.string("owner").into_owned(),
            nonce: fields.bytes("nonce", CIPHERTEXT_SIZE_MAX),
            ciphertext: fields.bytes("ciphertext", CIPHERTEXT_SIZE_MAX),
        }
    }

    /// Reads it in the field of a body; the zero value where it is missing.
    fn read_in(body: &mut Fields<'_>) -> Self {
        let mut fields = Fields::loose(body.raw("stash").unwrap_or("{}"), Self::FIELDS);
        let stash = Self::read(&mut fields);
        body.also(fields);
        stash
    }

    fn write(&self, object: &mut ObjectWriter) {
        object
            .text("owner", &self.owner)
            .bytes("nonce", &self.nonce)
            .bytes("ciphertext", &self.ciphertext);
    }
}

/// A body that brings a stash, to somebody or to a confidant.
fn body(to: &str, stash: &Sealed) -> Vec<u8> {
    ObjectWriter::new()
        .text_if_any("to", to)
        .object("stash", |object| stash.write(object))
        .finish()
        .into_bytes()
}

/// Whether this is one of the interface's paths.
pub(super) fn is_served(method: &str, path: &str) -> bool {
    matches!(
        (method, path),
        ("POST", STORE | RETRIEVE | PUSH) | ("DELETE", STORE)
    )
}

/// What a message to somebody of this name comes to in the older interface; `None` where it has no
/// such thing.
pub(super) fn request_of(bytes: &[u8], to: &str) -> Option<Asked> {
    let message = Message::parse(bytes).ok()?;
    let payload = message.payload.as_str();
    match message.kind.as_str() {
        "stash:store" => {
            let Store {
                nonce, ciphertext, ..
            } = parse_payload(payload).ok()?;
            let stash = Sealed {
                owner: message.from,
                nonce,
                ciphertext,
            };
            Some(("POST", STORE, body("", &stash)))
        }
        "stash:request" => Some(SMALL),
        "stash:delete" => Some(("DELETE", STORE, Vec::new())),
        "stash:response" => {
            let Response {
                nonce, ciphertext, ..
            } = parse_payload(payload).ok()?;
            let stash = Sealed {
                owner: to.to_owned(),
                nonce,
                ciphertext,
            };
            Some(("POST", PUSH, body(to, &stash)))
        }
        _ => None,
    }
}

impl Nara {
    /// Makes of an answer what a message would have said. The headers have
    /// proven who answers.
    pub(super) fn land_older(&mut self, now: Now, who: &Identity, asked: &[u8], body: &[u8]) {
        let Ok(message) = Message::parse(asked) else {
            return;
        };
        let text = core::str::from_utf8(body).unwrap_or_default();
        let owner_id = message.from_id.clone();
        let (kind, payload) = match message.kind.as_str() {
            "stash:store" => {
                let mut fields = Fields::loose(text, &["accepted", "reason"]);
                let (mut success, mut reason) = (fields.bool("accepted"), fields.string("reason"));
                if fields.end().is_err() {
                    (success, reason) = Default::default();
                }
                let ack = Ack {
                    owner_id,
                    stored_at: now.wall.unix_seconds(),
                    success,
                    reason: if success {
                        message.id.clone()
                    } else {
                        reason.into_owned()
                    },
                };
                ("stash:ack", ack.to_json())
            }
            // Whether it had one or not, it has none now.
            "stash:delete" => {
                let ack = Ack {
                    owner_id,
                    stored_at: 0,
                    success: true,
                    reason: message.id.clone(),
                };
                ("stash:ack", ack.to_json())
            }
            "stash:request" => {
                let mut fields = Fields::loose(text, &["found", "stash"]);
                let mut found = fields.bool("found");
                let mut stash = Sealed::read_in(&mut fields);
                if fields.end().is_err() {
                    (found, stash) = Default::default();
                }
                let request: message::Request =
                    parse_payload(message.payload.as_str()).unwrap_or_default();
                let response = Response {
                    owner_id,
                    request_id: request.request_id,
                    found,
                    nonce: stash.nonce,
                    ciphertext: stash.ciphertext,
                    stored_at: 0,
                };
                ("stash:response", response.to_json())
            }
            _ => return,
        };
        self.runtime
            .take_answer(now, who, &message.id, kind, payload);
    }

    /// Answers a request whose headers have proven who asks.
    pub(super) fn answer_older(
        &mut self,
        now: Now,
        request: &Request,
        who: &Identity,
    ) -> Result<Vec<u8>, (u16, &'static str)> {
        let name = request.headers.name.as_str();
        if request.method == "DELETE" {
            let delete = |stash: &mut Stash, _: &mut Context<'_>| stash.older_delete(who);
            let deleted = self.runtime.command(now, delete).unwrap_or(false);
            let answer = ObjectWriter::new().bool("deleted", deleted).finish();
            return Ok(answer.into_bytes());
        }
        if request.path == RETRIEVE {
            return Ok(self.retrieved(name, who));
        }
        let invalid = (400, "the body is none of this path's");
        let text = core::str::from_utf8(&request.body).map_err(|_| invalid)?;
        let mut fields = Fields::loose(text, &["to", "stash"]);
        let (to, stash) = (fields.string("to"), Sealed::read_in(&mut fields));
        fields.end().map_err(|_| invalid)?;
        let is_push = request.path == PUSH;
        let me = self.me().name.as_str();
        let result = if is_push && (to != me || stash.owner != me) {
            Err("not_my_stash")
        } else if !is_push && stash.owner != name {
            Err("not_the_owner")
        } else {
            let Sealed {
                nonce, ciphertext, ..
            } = stash;
            let take = |stash: &mut Stash, ctx: &mut Context<'_>| {
                if is_push {
                    stash.older_push(ctx, who, nonce, ciphertext)
                } else {
                    stash.older_store(ctx, who, name, nonce, ciphertext)
                }
            };
            self.runtime
                .command(now, take)
                .unwrap_or(Err("stash_disabled"))
        };
        let answer = ObjectWriter::new()
            .bool("accepted", result.is_ok())
            .text_if_any("reason", result.err().unwrap_or_default())
            .finish();
        Ok(answer.into_bytes())
    }

    fn retrieved(&self, name: &str, who: &Identity) -> Vec<u8> {
        let held = self
            .stash()
            .and_then(|stash| stash.confidant().held().get(who));
        let mut object = ObjectWriter::new();
        object.bool("found", held.is_some());
        if let Some(held) = held {
            let stash = Sealed {
                owner: name.to_owned(),
                nonce: Bytes::from(held.sealed.nonce.to_vec()),
                ciphertext: Bytes::from(held.sealed.ciphertext.clone()),
            };
            object.object("stash", |object| stash.write(object));
        }
        object.finish().into_bytes()
    }
}
