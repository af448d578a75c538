//! The older HTTP interface of the stash: what this nara answers there, and
//! how it asks those who know no other.
//!
//! Its bodies are not signed, only their way is. So what comes by it never
//! takes the place of what a signed store brought, and what is stored by it is
//! audited like every copy.

use super::Nara;
use super::ways::json;
use crate::base::{Identity, Now};
use crate::mesh::Request;
use crate::message::{self, Ack, Bytes, Message, Response, Store, from_json, to_go_json};
use crate::runtime::Context;
use crate::stash::Stash;
use serde::{Deserialize, Serialize};

const STORE: &str = "/stash/store";
const RETRIEVE: &str = "/stash/retrieve";
const PUSH: &str = "/stash/push";

/// What is asked of whoever knows no `/events/sync`, before something long.
pub(super) const SMALL: Asked = ("POST", RETRIEVE, Vec::new());

/// Method, path and body.
pub(super) type Asked = (&'static str, &'static str, Vec<u8>);

/// A sealed stash.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Sealed {
    owner: String,
    nonce: Bytes,
    ciphertext: Bytes,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Body {
    #[serde(skip_serializing_if = "String::is_empty")]
    to: String,
    stash: Sealed,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Accepted {
    accepted: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
}

#[derive(Serialize)]
struct Deleted {
    deleted: bool,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Retrieved {
    found: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stash: Option<Sealed>,
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
            } = from_json(payload).ok()?;
            let stash = Sealed {
                owner: message.from,
                nonce,
                ciphertext,
            };
            let to = String::new();
            Some(("POST", STORE, json(&Body { to, stash })))
        }
        "stash:request" => Some(SMALL),
        "stash:delete" => Some(("DELETE", STORE, Vec::new())),
        "stash:response" => {
            let Response {
                nonce, ciphertext, ..
            } = from_json(payload).ok()?;
            let stash = Sealed {
                owner: to.to_owned(),
                nonce,
                ciphertext,
            };
            let to = to.to_owned();
            Some(("POST", PUSH, json(&Body { to, stash })))
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
                let Accepted { accepted, reason } = from_json(text).unwrap_or_default();
                let ack = Ack {
                    owner_id,
                    stored_at: now.wall.unix_seconds(),
                    success: accepted,
                    reason: if accepted { message.id.clone() } else { reason },
                };
                ("stash:ack", to_go_json(&ack))
            }
            // Whether it had one or not, it has none now.
            "stash:delete" => {
                let ack = Ack {
                    owner_id,
                    stored_at: 0,
                    success: true,
                    reason: message.id.clone(),
                };
                ("stash:ack", to_go_json(&ack))
            }
            "stash:request" => {
                let retrieved: Retrieved = from_json(text).unwrap_or_default();
                let request: message::Request =
                    from_json(message.payload.as_str()).unwrap_or_default();
                let stash = retrieved.stash.unwrap_or_default();
                let response = Response {
                    owner_id,
                    request_id: request.request_id,
                    found: retrieved.found,
                    nonce: stash.nonce,
                    ciphertext: stash.ciphertext,
                    stored_at: 0,
                };
                ("stash:response", to_go_json(&response))
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
            return Ok(json(&Deleted { deleted }));
        }
        if request.path == RETRIEVE {
            return Ok(json(&self.retrieved(name, who)));
        }
        let invalid = (400, "the body is none of this path's");
        let text = core::str::from_utf8(&request.body).map_err(|_| invalid)?;
        let body: Body = from_json(text).map_err(|_| invalid)?;
        let is_push = request.path == PUSH;
        let me = self.me().name.as_str();
        let result = if is_push && (body.to != me || body.stash.owner != me) {
            Err("not_my_stash")
        } else if !is_push && body.stash.owner != name {
            Err("not_the_owner")
        } else {
            let Sealed {
                nonce, ciphertext, ..
            } = body.stash;
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
        Ok(json(&Accepted {
            accepted: result.is_ok(),
            reason: result.err().unwrap_or_default().to_owned(),
        }))
    }

    fn retrieved(&self, name: &str, who: &Identity) -> Retrieved {
        let held = self
            .stash()
            .and_then(|stash| stash.confidant().held().get(who));
        let stash = held.map(|held| Sealed {
            owner: name.to_owned(),
            nonce: Bytes::from(held.sealed.nonce.to_vec()),
            ciphertext: Bytes::from(held.sealed.ciphertext.clone()),
        });
        Retrieved {
            found: stash.is_some(),
            stash,
        }
    }
}
