//! What is our own on the wire, byte for byte: docs/protocol.md in JSON.

use light_nara::base::{Identity, WallTime};
use light_nara::identity::{Keys, Signature, Soul, verify};
use light_nara::message::{
    Ack, Bytes, Challenge, Delete, Digest, Grant, Granted, Handoff, HandoffReceipt, Link, Message,
    Payload, Ping, Proof, Request, Store, Timestamp, parse_payload, to_go_json,
};
use light_nara::presence::{LOST, PING, PONG};
use light_nara::runtime::Nothing;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const FILE: &str = include_str!("../vectors/extensions.json");
const SECONDS: i64 = 1_768_756_453;

fn keys(seed: u8, name: &str) -> Keys {
    Keys::new(&Soul::from_seed([seed; 32], name), name).unwrap()
}

fn signed<P: Payload>(from: &Keys, to: Option<&Keys>, kind: &str, payload: &P) -> Message {
    let mut message = Message::draft(kind, 1, to_go_json(payload));
    message.from = from.name().to_owned();
    message.from_id = from.identity().id.to_string();
    message.to_id = to.map_or_else(String::new, |to| to.identity().id.to_string());
    message.timestamp = Timestamp::from_wall(WallTime::from_unix_seconds(SECONDS));
    message.id = message.computed_id();
    message.key = Some(from.identity().key);
    message.signature = Some(from.sign(message.signable().as_bytes()));
    message
}

/// Everything that the file has, made anew.
fn made() -> Value {
    let (owner, first, second) = (keys(1, "owner"), keys(2, "first"), keys(3, "second"));
    let store = Store {
        owner_id: owner.identity().id.to_string(),
        owner: "owner".into(),
        nonce: Bytes::from(vec![7; 24]),
        ciphertext: Bytes::from(vec![9; 32]),
        ts: SECONDS,
    };
    let store = signed(&owner, Some(&first), "stash:store", &store);
    let hash = Sha256::new().chain_update([7; 24]).chain_update([9; 32]);
    let mut grant = Grant {
        owner: *owner.identity(),
        revision: 7,
        sealed: Digest(hash.finalize().into()),
        holders: vec![*first.identity()],
        copies: 3,
        given_at: SECONDS,
        until: SECONDS + 604_800,
        signature: Signature([0; 64]),
    };
    grant.signature = owner.sign(grant.signed_text().as_bytes());
    let to: &Identity = second.identity();
    let link_text = Link::signed_text(&grant, &first.identity().key, to);
    let link = Link {
        by: first.identity().key,
        to: *to,
        signature: first.sign(link_text.as_bytes()),
    };
    let request_id = "8CSYtVUMsrR1wQyM".to_owned();
    let handoff = Handoff {
        request_id: request_id.clone(),
        store: store.to_json(),
        grant: grant.clone(),
        chain: vec![link.clone()],
        holders: vec![*first.identity()],
    };
    let receipt = HandoffReceipt {
        request_id: request_id.clone(),
        owner: *owner.identity(),
        revision: 7,
        held: true,
        reason: String::new(),
        chain: vec![link],
        newer: Vec::new(),
    };
    let owner_id = owner.identity().id.to_string();
    let ack = |success: bool, reason: &str| Ack {
        owner_id: owner_id.clone(),
        stored_at: if success { SECONDS } else { 0 },
        success,
        reason: reason.into(),
    };
    let delete = Delete {
        owner_id: owner_id.clone(),
        ts: SECONDS + 1,
    };
    let previous = Request {
        owner_id: owner_id.clone(),
        request_id: format!("previous:{request_id}"),
    };
    let challenge = Challenge {
        request_id: request_id.clone(),
        owner: *owner.identity(),
        sealed: grant.sealed,
        challenge: Digest([5; 32]),
    };
    let hash = Sha256::new().chain_update([5; 32]);
    let hash = hash.chain_update(second.identity().key.0);
    let hash = hash.chain_update([7; 24]).chain_update([9; 32]);
    let proof = Proof {
        request_id: request_id.clone(),
        held: true,
        revision: 7,
        hash: Digest(hash.finalize().into()),
        newer: Vec::new(),
    };
    let ping = Ping { request_id };
    let messages = [
        store.clone(),
        signed(&first, Some(&owner), "stash:ack", &ack(true, &store.id)),
        signed(
            &first,
            Some(&owner),
            "stash:ack",
            &ack(false, "stale ts=1768756453 revision=7"),
        ),
        signed(&owner, Some(&first), "stash:request", &previous),
        signed(
            &owner,
            Some(&first),
            "stash:grant",
            &Granted {
                grant: grant.clone(),
            },
        ),
        signed(&first, Some(&second), "stash:handoff", &handoff),
        signed(&second, Some(&first), "stash:receipt", &receipt),
        signed(&first, Some(&second), "stash:challenge", &challenge),
        signed(&second, Some(&first), "stash:proof", &proof),
        signed(&owner, Some(&first), "stash:delete", &delete),
        signed(&first, None, LOST, &Nothing {}),
        signed(&second, Some(&first), PING, &ping),
        signed(&first, Some(&second), PONG, &ping),
    ];
    let messages: Vec<Value> = messages
        .iter()
        .map(|one| json!({ "kind": one.kind, "signed": one.signable(), "wire": one.to_json() }))
        .collect();
    json!({
        "grant_signed": grant.signed_text(),
        "link_signed": link_text,
        "messages": messages,
    })
}

#[test]
fn what_is_ours_is_spelled_as_the_vectors_have_it() {
    let file: Value = serde_json::from_str(FILE).unwrap();
    assert_eq!(made(), file);
}

#[test]
fn every_message_of_the_vectors_is_read_and_verifies_under_the_key_that_it_names() {
    let file: Value = serde_json::from_str(FILE).unwrap();
    let messages = file["messages"].as_array().unwrap();
    let text = |one: &Value, field: &str| one[field].as_str().unwrap().to_owned();
    assert_eq!(messages.len(), 13);
    for one in messages {
        let message = Message::parse(text(one, "wire").as_bytes()).unwrap();
        let (key, signature) = (message.key.unwrap(), message.signature.unwrap());
        assert!(verify(&key, text(one, "signed").as_bytes(), &signature));
        assert_eq!(message.signable(), text(one, "signed"));
    }
    let handoff = Message::parse(text(&messages[5], "wire").as_bytes()).unwrap();
    let handoff: Handoff = parse_payload(&handoff.payload).unwrap();
    let Grant {
        owner, signature, ..
    } = &handoff.grant;
    let signed = handoff.grant.signed_text();
    assert!(verify(&owner.key, signed.as_bytes(), signature));
    let link = &handoff.chain[0];
    let signed = Link::signed_text(&handoff.grant, &link.by, &link.to);
    assert!(verify(&link.by, signed.as_bytes(), &link.signature));
}
