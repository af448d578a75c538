//! The stash, as JavaScript sees it.

use super::args::Args;
use super::peer::Peer;
use super::words::failure;
use crate::base::{Gather, Identity, Now, WallTime};
use crate::message::{ObjectWriter, json_list, json_text};
use crate::nara::{Nara, PeerName};
use crate::runtime::Context;
use crate::stash::{Ending, Generation, Memory, Receipt, Stash, StashError};

impl Peer {
    /// What the stash is asked. What waits takes its deadline in milliseconds
    /// first, and returns the operation, whose end is told under that number.
    ///
    /// It stays a function of its own: an engine compiles one when it is first
    /// called, and a nara that wakes needs none of this.
    #[inline(never)]
    pub(super) fn stash_command(&mut self, now: Now, mut args: Args) -> Result<String, String> {
        let nara = &mut self.nara;
        let looked = nara.stash().and_then(|stash| look(nara, stash, &args));
        if let Some(seen) = looked {
            return Ok(seen);
        }
        let who: Result<Vec<Identity>, StashError> = match args.word(0) {
            "setConfidants" => args.from(2).iter().map(|id| nara.identity_of(id)).collect(),
            "storeWith" | "requestFrom" | "deleteFrom" => {
                nara.identity_of(args.word(2)).map(|who| vec![who])
            }
            _ => Ok(Vec::new()),
        };
        let who = who.map_err(|error| stash_error(&error))?;
        let run = |stash: &mut Stash, ctx: &mut Context<'_>| command(stash, ctx, &mut args, who);
        match nara.command(now, run) {
            Ok(Some(result)) => Ok(result),
            Ok(None) => self.service_command(now, &args),
            Err(error) => Err(stash_error(&error)),
        }
    }
}

/// What changes nothing.
fn look(nara: &Nara, stash: &Stash, args: &Args) -> Option<String> {
    Some(match args.word(0) {
        "memory" => memory_or_null(stash.stash_data()),
        "beside" => memory_or_null(stash.owner().beside()),
        "confidants" => name_list(nara, stash.confidants()),
        "holders" => json_text(&stash.holders_text()),
        "marshalState" => json_text(&stash.marshal_state()),
        "storedStash" => stored(stash, args.word(1)),
        _ => return None,
    })
}

/// What changes something; `None` where it is no command of the stash.
fn command(
    stash: &mut Stash,
    ctx: &mut Context<'_>,
    args: &mut Args,
    who: Vec<Identity>,
) -> Result<Option<String>, StashError> {
    let deadline = args.millis(1);
    let operation = match (args.word(0), &who[..]) {
        ("set", _) => stash.set(ctx, args.take(2), deadline),
        ("recover", _) => stash.recover(ctx, deadline),
        ("recoverFromAny", _) => stash.recover_from_any(ctx, deadline),
        ("setConfidants", _) => stash.set_confidants(ctx, who, deadline),
        ("selectConfidants", _) => stash.select_confidants_automatically(ctx, deadline),
        ("distribute", _) => stash.distribute_to_confidants(ctx, deadline),
        ("storeWith", [who]) => stash.store_with(ctx, who, deadline),
        ("requestFrom", [who]) => {
            let generation = Generation::of(&[args.word(3), ":"].concat());
            stash.request_from(ctx, who, generation, deadline)
        }
        ("deleteFrom", [who]) => stash.delete_from(ctx, who, deadline),
        ("forgetEverywhere", _) => stash.forget_everywhere(ctx, deadline),
        ("setStashData", _) => {
            let revision = stash.set_stash_data(ctx, args.take(1))?;
            return Ok(Some(revision.to_string()));
        }
        ("pushTo", _) => {
            let owner = stash.owner_by_id(args.word(1)).cloned();
            let pushed = owner.is_some_and(|owner| stash.push_to(ctx, &owner));
            return Ok(Some(pushed.to_string()));
        }
        ("clearMyStash", _) => {
            stash.clear_my_stash(ctx);
            return Ok(Some(String::new()));
        }
        ("startEmpty", _) => return stash.start_empty(ctx).map(|()| Some(String::new())),
        ("goOn", _) => {
            stash.go_on(ctx);
            return Ok(Some(String::new()));
        }
        _ => return Ok(None),
    };
    Ok(Some(operation?.0.to_string()))
}

fn memory_or_null(memory: Option<&Memory>) -> String {
    memory.map_or_else(null, |memory| shown(memory).finish())
}

fn null() -> String {
    "null".to_owned()
}

/// The stash held for an owner.
fn stored(stash: &Stash, id: &str) -> String {
    let owner = stash.owner_by_id(id);
    let Some(held) = owner.and_then(|owner| stash.stored_stash(owner)) else {
        return null();
    };
    ObjectWriter::new()
        .text("ownerId", id)
        .base64("nonce", &held.sealed.nonce)
        .base64("ciphertext", &held.sealed.ciphertext)
        .i64(
            "storedAt",
            WallTime::from_unix_seconds(held.stored_at).unix_millis(),
        )
        .finish()
}

fn shown(memory: &Memory) -> ObjectWriter {
    let mut json = ObjectWriter::new();
    json.text("json", &memory.data)
        .i64(
            "savedAt",
            WallTime::from_unix_seconds(memory.timestamp).unix_millis(),
        )
        .u64("version", memory.revision);
    json
}

pub(super) fn recovered(nara: &Nara, memory: &Memory, at: Now) -> String {
    let recovery = nara.status(at).recovery;
    let mut json = shown(memory);
    match &recovery.from {
        Some(from) => json.object("from", |object| PeerName::write(object, from)),
        None => json.raw("from", "null"),
    };
    json.u64_or_null("tookMs", recovery.took_ms)
        .u64("count", recovery.count as u64)
        .finish()
}

pub(super) fn receipt(nara: &Nara, receipt: &Receipt) -> String {
    ObjectWriter::new()
        .u64("version", receipt.revision)
        .list("holders", &names(nara, &receipt.holders), PeerName::write)
        .u64("target", receipt.target as u64)
        .finish()
}

pub(super) fn ending(nara: &Nara, ending: &Ending) -> String {
    match ending {
        Ending::Chosen(holders) => name_list(nara, holders),
        Ending::Memory(memory) => shown(memory).finish(),
        Ending::Forgotten(forgotten) => ObjectWriter::new()
            .list(
                "forgotten",
                &names(nara, &forgotten.forgotten),
                PeerName::write,
            )
            .list(
                "mayStillHold",
                &names(nara, &forgotten.may_still_hold),
                PeerName::write,
            )
            .finish(),
    }
}

fn names<'a>(nara: &Nara, who: impl IntoIterator<Item = &'a Identity>) -> Vec<PeerName> {
    who.into_iter().map(|who| nara.name_of(who)).gather()
}

fn name_list<'a>(nara: &Nara, who: impl IntoIterator<Item = &'a Identity>) -> String {
    json_list(&names(nara, who), PeerName::write)
}

pub(super) fn stash_error(error: &StashError) -> String {
    let mut json = ObjectWriter::new();
    json.text("code", error.code())
        .text("message", &error.to_string());
    match error {
        StashError::NotEnoughPeers { wanted, found } => {
            json.u64("wanted", *wanted as u64)
                .u64("found", *found as u64);
        }
        StashError::Refused { reason, .. } => {
            json.text("reason", reason);
        }
        _ => {}
    }
    json.finish()
}

pub(super) fn not_found() -> String {
    failure(
        "not_found",
        &"no confidant has given the memory back yet; the search goes on behind this",
    )
}
