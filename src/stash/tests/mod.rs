//! The stash on the mock runtime: each test is a promise, named as a fact.

mod asking;
mod choosing;
mod confidant;
mod forgetting;
mod gate;
mod handoff;
mod keeping;
mod owner;
mod places;
mod recovery;
mod state;

use super::*;
use crate::base::Identity;
use crate::message::{
    Ack, Bytes, Delete, Message, Refresh, Request, Response, Store, parse_payload,
};
use crate::runtime::{Local, MockCrypto, MockRuntime, PeerNews, Sealed};
use std::collections::BTreeMap;

const DEADLINE: Duration = Duration::from_secs(10);

fn stash(newborn: bool) -> Stash {
    with_mode(newborn, MemoryMode::Medium)
}

fn with_mode(newborn: bool, mode: MemoryMode) -> Stash {
    Stash::new(
        Config {
            mode,
            target: 3,
            spares: 0,
            padding: Padding::Full,
            newborn,
            holders: Vec::new(),
        },
        Now::default(),
    )
}

/// A nara that was just born, with peers.
fn newborn(peers: &[&str]) -> MockRuntime {
    let mut rt = MockRuntime::new("owner").with(stash(true)).started();
    for peer in peers {
        rt.register(peer);
    }
    rt
}

/// A nara that woke with its old soul.
fn reborn() -> MockRuntime {
    MockRuntime::new("owner").with(stash(false)).started()
}

fn set(rt: &mut MockRuntime, data: &str) -> OperationId {
    rt.command(|stash: &mut Stash, ctx| stash.set(ctx, data.to_owned(), DEADLINE))
        .unwrap()
}

fn recover(rt: &mut MockRuntime) -> OperationId {
    rt.command(|stash: &mut Stash, ctx| stash.recover(ctx, DEADLINE))
        .unwrap()
}

fn start_empty(rt: &mut MockRuntime) {
    rt.command(|stash: &mut Stash, ctx| stash.start_empty(ctx))
        .unwrap();
}

fn events(rt: &mut MockRuntime) -> Vec<Event> {
    rt.command(|stash: &mut Stash, _| core::iter::from_fn(|| stash.poll_event()).collect())
}

fn ended(rt: &mut MockRuntime, operation: OperationId) -> Option<Result<Receipt, StashError>> {
    events(rt).into_iter().find_map(|event| match event {
        Event::Set(one, result) if one == operation => Some(result),
        _ => None,
    })
}

fn of_kind(messages: &[Message], kind: &str) -> Vec<Message> {
    messages
        .iter()
        .filter(|message| message.kind == kind)
        .cloned()
        .collect()
}

fn ack(rt: &mut MockRuntime, store: &Message) {
    let from = MockRuntime::identity(&store.to_id);
    let stored_at = rt.now().wall.unix_seconds();
    let reason = store.id.clone();
    let ack = Ack {
        owner_id: "owner".into(),
        stored_at,
        success: true,
        reason,
    };
    rt.answer(store, &from, "stash:ack", &ack);
}

fn ack_all(rt: &mut MockRuntime) -> usize {
    let stores = of_kind(&rt.emitted(), "stash:store");
    stores.iter().for_each(|store| ack(rt, store));
    stores.len()
}

fn store_of(owner: &str, ciphertext: usize, ts: i64) -> Store {
    Store {
        owner_id: owner.into(),
        owner: owner.into(),
        nonce: Bytes::from(vec![7; 24]),
        ciphertext: Bytes::from(vec![9; ciphertext]),
        ts,
    }
}

/// What a confidant would send back of a memory that the owner sealed.
fn response_of(owner: &Identity, data: &str, revision: u64) -> Response {
    response_naming(owner, data, revision, &[])
}

/// The same, of a seal that names confidants.
fn response_naming(owner: &Identity, data: &str, revision: u64, names: &[&str]) -> Response {
    let holders: Vec<Identity> = names
        .iter()
        .map(|name| MockRuntime::identity(name))
        .collect();
    let memory = Memory {
        data: data.into(),
        timestamp: 1_768_756_000,
        revision,
    };
    let plaintext = codec::encode(&memory, &holders, Padding::Full).unwrap();
    let crypto = MockCrypto::new(owner.key);
    // No two seals share it, and the same one has it each time.
    let mut nonce = [revision as u8; 24];
    for (place, byte) in nonce[1..].iter_mut().zip(data.bytes()) {
        *place = byte;
    }
    Response {
        owner_id: owner.id.as_str().into(),
        request_id: String::new(),
        found: true,
        nonce: Bytes::from(nonce.to_vec()),
        ciphertext: Bytes::from(crate::runtime::Crypto::seal(&crypto, nonce, &plaintext)),
        stored_at: 1_768_756_000,
    }
}

/// What whoever holds the newest copy would send back.
fn given_back(rt: &MockRuntime) -> Response {
    let owner = rt.service::<Stash>().owner();
    let sealed = owner.sealed.as_ref().unwrap();
    Response {
        owner_id: "owner".into(),
        request_id: String::new(),
        found: true,
        nonce: Bytes::from(sealed.nonce.to_vec()),
        ciphertext: Bytes::from(sealed.ciphertext.clone()),
        stored_at: owner.memory().unwrap().timestamp,
    }
}

fn push(rt: &mut MockRuntime, from: &str, response: &Response) {
    let message = rt.message(&MockRuntime::identity(from), "stash:response", response);
    rt.deliver(&message);
}

/// What a raw text of a Go nara looks like when a confidant sends it back.
fn raw_response(owner: &Identity, text: &str) -> Response {
    let crypto = MockCrypto::new(owner.key);
    let mut response = response_of(owner, "1", 1);
    let sealed = crate::runtime::Crypto::seal(&crypto, [1; 24], text.as_bytes());
    response.ciphertext = Bytes::from(sealed);
    response
}

fn not_found(request: &Message) -> Response {
    let ask: Request = parse_payload(&request.payload).unwrap();
    Response {
        owner_id: ask.owner_id,
        request_id: ask.request_id,
        ..Response::default()
    }
}

fn gates(rt: &mut MockRuntime) -> Vec<String> {
    let gate = |one: Local| (one.kind == "stash:gate").then_some(one.payload);
    rt.locals().into_iter().filter_map(gate).collect()
}

fn holders(rt: &MockRuntime) -> Vec<String> {
    let stash = rt.service::<Stash>();
    stash.confidants().map(|who| who.id.to_string()).collect()
}

fn recovered_counts(rt: &mut MockRuntime) -> Vec<String> {
    let locals: Vec<Local> = rt.locals();
    locals
        .into_iter()
        .filter(|one| one.kind == "stash:recovered")
        .map(|one| one.payload)
        .collect()
}

fn data_of(rt: &MockRuntime) -> Option<String> {
    rt.service::<Stash>()
        .owner()
        .memory()
        .map(|memory| memory.data.clone())
}
