//! The stash, as JavaScript sees it.

use super::peer::{Peer, duration, to_js};
use crate::base::{Identity, Now};
use crate::nara::{Nara, PeerName};
use crate::runtime::Context;
use crate::stash::{Ending, Generation, Memory, OperationId, Receipt, Stash, StashError};
use core::time::Duration;
use js_sys::{Function, Object, Reflect, Uint8Array};
use serde::Serialize;
use wasm_bindgen::prelude::*;

/// Whatever waits takes a deadline in milliseconds and `done(error, value)`,
/// which is called once, and returns the operation, for `Peer::cancel`. Errors
/// are `{code, message}` with what belongs to the code.
#[wasm_bindgen]
impl Peer {
    /// The memory as this nara knows it, or `null`.
    pub fn memory(&self) -> JsValue {
        self.memory_or_null(|stash| stash.stash_data())
    }

    /// Another memory that turned up beside the one set here, or `null`.
    pub fn beside(&self) -> JsValue {
        self.memory_or_null(|stash| stash.owner().beside())
    }

    /// Keeps a memory.
    pub fn set(&self, json: String, deadline_ms: f64, done: Function) -> Result<f64, JsValue> {
        self.begin(deadline_ms, done, |stash, ctx, deadline| {
            stash.set(ctx, json, deadline)
        })
    }

    /// Keeps a memory without waiting. Returns its revision.
    #[wasm_bindgen(js_name = setStashData)]
    pub fn set_stash_data(&self, json: String) -> Result<f64, JsValue> {
        let revision = self.command(|stash, ctx| stash.set_stash_data(ctx, json))?;
        Ok(revision as f64)
    }

    /// Looks for the memory, if it is not back yet.
    pub fn recover(&self, deadline_ms: f64, done: Function) -> Result<f64, JsValue> {
        self.begin(deadline_ms, done, Stash::recover)
    }

    /// Looks for the memory, also if one is known.
    #[wasm_bindgen(js_name = recoverFromAny)]
    pub fn recover_from_any(&self, deadline_ms: f64, done: Function) -> Result<f64, JsValue> {
        self.begin(deadline_ms, done, Stash::recover_from_any)
    }

    /// Forgets the memory here.
    #[wasm_bindgen(js_name = clearMyStash)]
    pub fn clear_my_stash(&self) -> Result<(), JsValue> {
        self.command(|stash, ctx| {
            stash.clear_my_stash(ctx);
            Ok(())
        })
    }

    /// Who holds the newest revision.
    pub fn confidants(&self) -> JsValue {
        self.driver.look(|nara| {
            let holders = nara.stash().into_iter().flat_map(Stash::confidants);
            names(nara, holders)
        })
    }

    /// Who holds the newest revision, as a text to be remembered.
    pub fn holders(&self) -> String {
        self.driver
            .look(|nara| nara.stash().map(Stash::holders_text))
            .unwrap_or_default()
    }

    /// Names confidants by their ids, and stores the memory with them.
    #[wasm_bindgen(js_name = setConfidants)]
    pub fn set_confidants(
        &self,
        ids: Vec<String>,
        deadline_ms: f64,
        done: Function,
    ) -> Result<f64, JsValue> {
        let who: Result<Vec<Identity>, JsValue> = ids.iter().map(|id| self.who(id)).collect();
        let who = who?;
        self.begin(deadline_ms, done, |stash, ctx, deadline| {
            stash.set_confidants(ctx, who, deadline)
        })
    }

    /// Chooses confidants by score, and stores the memory with them.
    #[wasm_bindgen(js_name = selectConfidants)]
    pub fn select_confidants(&self, deadline_ms: f64, done: Function) -> Result<f64, JsValue> {
        self.begin(deadline_ms, done, Stash::select_confidants_automatically)
    }

    /// Stores the memory with as many confidants as are wanted.
    pub fn distribute(&self, deadline_ms: f64, done: Function) -> Result<f64, JsValue> {
        self.begin(deadline_ms, done, Stash::distribute_to_confidants)
    }

    /// Stores the memory with this peer.
    #[wasm_bindgen(js_name = storeWith)]
    pub fn store_with(&self, id: &str, deadline_ms: f64, done: Function) -> Result<f64, JsValue> {
        let who = self.who(id)?;
        self.begin(deadline_ms, done, |stash, ctx, deadline| {
            stash.store_with(ctx, &who, deadline)
        })
    }

    /// Asks this peer for the memory, of any generation that it keeps.
    #[wasm_bindgen(js_name = requestFrom)]
    pub fn request_from(
        &self,
        id: &str,
        generation: &str,
        deadline_ms: f64,
        done: Function,
    ) -> Result<f64, JsValue> {
        let who = self.who(id)?;
        let generation = Generation::of(&[generation, ":"].concat());
        self.begin(deadline_ms, done, |stash, ctx, deadline| {
            stash.request_from(ctx, &who, generation, deadline)
        })
    }

    /// Asks this peer to forget.
    #[wasm_bindgen(js_name = deleteFrom)]
    pub fn delete_from(&self, id: &str, deadline_ms: f64, done: Function) -> Result<f64, JsValue> {
        let who = self.who(id)?;
        self.begin(deadline_ms, done, |stash, ctx, deadline| {
            stash.delete_from(ctx, &who, deadline)
        })
    }

    /// Forgets the memory here and everywhere.
    #[wasm_bindgen(js_name = forgetEverywhere)]
    pub fn forget_everywhere(&self, deadline_ms: f64, done: Function) -> Result<f64, JsValue> {
        self.begin(deadline_ms, done, Stash::forget_everywhere)
    }

    /// Gives an owner the stash that is held for it.
    #[wasm_bindgen(js_name = pushTo)]
    pub fn push_to(&self, id: &str) -> Result<bool, JsValue> {
        self.command(|stash, ctx| {
            let owner = stash.owner_by_id(id).cloned();
            Ok(owner.is_some_and(|owner| stash.push_to(ctx, &owner)))
        })
    }

    /// The stash held for an owner, or `null`.
    #[wasm_bindgen(js_name = storedStash)]
    pub fn stored_stash(&self, id: &str) -> JsValue {
        self.driver.look(|nara| {
            let held = nara.stash().and_then(|stash| {
                let owner = stash.owner_by_id(id)?;
                stash.stored_stash(owner)
            });
            let Some(held) = held else {
                return JsValue::NULL;
            };
            let stored_at = held.stored_at.saturating_mul(1_000);
            let fields: [(&str, JsValue); 4] = [
                ("ownerId", JsValue::from_str(id)),
                ("nonce", Uint8Array::from(&held.sealed.nonce[..]).into()),
                (
                    "ciphertext",
                    Uint8Array::from(held.sealed.ciphertext.as_slice()).into(),
                ),
                ("storedAt", JsValue::from_f64(stored_at as f64)),
            ];
            let object = Object::new();
            for (key, value) in fields {
                // Fails only on what is no object.
                let _ = Reflect::set(&object, &JsValue::from_str(key), &value);
            }
            object.into()
        })
    }

    /// Everything in one JSON text, for debugging.
    #[wasm_bindgen(js_name = marshalState)]
    pub fn marshal_state(&self) -> String {
        self.driver
            .look(|nara| nara.stash().map(Stash::marshal_state))
            .unwrap_or_default()
    }

    /// The user's choice after a search in vain.
    #[wasm_bindgen(js_name = startEmpty)]
    pub fn start_empty(&self) -> Result<(), JsValue> {
        self.command(Stash::start_empty)
    }

    /// The user's choice when another device lives as this nara.
    #[wasm_bindgen(js_name = goOn)]
    pub fn go_on(&self) -> Result<(), JsValue> {
        self.command(|stash, ctx| {
            stash.go_on(ctx);
            Ok(())
        })
    }
}

impl Peer {
    fn command<T>(
        &self,
        run: impl FnOnce(&mut Stash, &mut Context<'_>) -> Result<T, StashError>,
    ) -> Result<T, JsValue> {
        let result = self.driver.act(|nara, now| nara.command(now, run));
        result.map_err(|error| stash_error(&error))
    }

    fn begin(
        &self,
        deadline_ms: f64,
        done: Function,
        run: impl FnOnce(&mut Stash, &mut Context<'_>, Duration) -> Result<OperationId, StashError>,
    ) -> Result<f64, JsValue> {
        let deadline = duration(deadline_ms);
        let operation = self.command(|stash, ctx| run(stash, ctx, deadline))?;
        // What happened already is told in a microtask, so nothing is missed.
        self.driver.wait(operation.0, done);
        Ok(operation.0 as f64)
    }

    fn who(&self, id: &str) -> Result<Identity, JsValue> {
        let who = self.driver.look(|nara| nara.identity_of(id));
        who.map_err(|error| stash_error(&error))
    }

    fn memory_or_null(&self, look: impl FnOnce(&Stash) -> Option<&Memory>) -> JsValue {
        self.driver.look(|nara| {
            let memory = nara.stash().and_then(look);
            memory.map_or(JsValue::NULL, |memory| to_js(&shown(memory)))
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    json: &'a str,
    saved_at: i64,
    version: u64,
}

fn shown(memory: &Memory) -> Shown<'_> {
    let saved_at = memory.timestamp.saturating_mul(1_000);
    Shown {
        json: &memory.data,
        saved_at,
        version: memory.revision,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Recovered<'a> {
    #[serde(flatten)]
    memory: Shown<'a>,
    from: Option<PeerName>,
    took_ms: Option<u64>,
    count: usize,
}

pub(super) fn recovered(nara: &Nara, memory: &Memory, at: Now) -> JsValue {
    let recovery = nara.status(at).recovery;
    let (from, took_ms, count) = (recovery.from, recovery.took_ms, recovery.count);
    to_js(&Recovered {
        memory: shown(memory),
        from,
        took_ms,
        count,
    })
}

#[derive(Serialize)]
struct ShownReceipt {
    version: u64,
    holders: Vec<PeerName>,
    target: usize,
}

pub(super) fn receipt(nara: &Nara, receipt: &Receipt) -> JsValue {
    let holders = receipt.holders.iter();
    to_js(&ShownReceipt {
        version: receipt.revision,
        holders: holders.map(|who| nara.name_of(who)).collect(),
        target: receipt.target,
    })
}

pub(super) fn ending(nara: &Nara, ending: &Ending) -> JsValue {
    match ending {
        Ending::Chosen(holders) => names(nara, holders.iter()),
        Ending::Memory(memory) => to_js(&shown(memory)),
        Ending::Forgotten(forgotten) => to_js(&ShownForgotten {
            forgotten: list(nara, forgotten.forgotten.iter()),
            may_still_hold: list(nara, forgotten.may_still_hold.iter()),
        }),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownForgotten {
    forgotten: Vec<PeerName>,
    may_still_hold: Vec<PeerName>,
}

fn names<'a>(nara: &Nara, who: impl Iterator<Item = &'a Identity>) -> JsValue {
    to_js(&list(nara, who))
}

fn list<'a>(nara: &Nara, who: impl Iterator<Item = &'a Identity>) -> Vec<PeerName> {
    who.map(|who| nara.name_of(who)).collect()
}

#[derive(Serialize)]
struct Failure<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    wanted: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

pub(super) fn stash_error(error: &StashError) -> JsValue {
    let (wanted, found) = match error {
        StashError::NotEnoughPeers { wanted, found } => (Some(*wanted), Some(*found)),
        _ => (None, None),
    };
    let reason = match error {
        StashError::Refused { reason, .. } => Some(reason.as_str()),
        _ => None,
    };
    to_js(&Failure {
        code: error.code(),
        message: &error.to_string(),
        wanted,
        found,
        reason,
    })
}

pub(super) fn not_found() -> JsValue {
    super::peer::failure(
        "not_found",
        "no confidant has given the memory back yet; the search goes on behind this",
    )
}
