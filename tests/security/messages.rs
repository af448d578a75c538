//! One message of every kind that a nara takes, as an attacker would say it.

use super::peer::{Peer, direct};
use super::target::{Frame, Target};
use light_nara::base::Rng;
use light_nara::message::{
    Ack, Challenge, Delete, Digest, Grant, Granted, Handoff, HandoffReceipt, Link, Message,
    Payload, Ping, Refresh, Request, Response, Store, parse_payload, to_go_json,
};
use light_nara::runtime::Nothing;
use serde_json::{Value, json};

/// About a victim's stash and the target's own, by the attacker.
pub(crate) fn messages(target: &Target, victim: &Peer, attacker: &Peer) -> Vec<Message> {
    let (id, ts) = (victim.id().to_owned(), target.wall().unix_seconds());
    let request_id = "r".repeat(16);
    let store = victim.sealed("stolen", target.wall());
    let grant = Grant {
        owner: victim.who,
        revision: 1,
        sealed: Digest([1; 32]),
        holders: vec![attacker.who],
        copies: 3,
        given_at: ts,
        until: ts + 60,
        signature: attacker.signature("no grant"),
    };
    let chain = vec![Link {
        by: attacker.who.key,
        to: target.nara.me().identity,
        signature: attacker.signature("no link"),
    }];
    let handoff = Handoff {
        request_id: request_id.clone(),
        store: "{}".to_owned(),
        grant: grant.clone(),
        chain: chain.clone(),
        holders: vec![victim.who],
    };
    let receipt = HandoffReceipt {
        request_id: request_id.clone(),
        owner: victim.who,
        revision: 1,
        held: true,
        reason: String::new(),
        chain,
        newer: Vec::new(),
    };
    let challenge = Challenge {
        request_id: request_id.clone(),
        owner: victim.who,
        sealed: Digest([1; 32]),
        challenge: Digest([2; 32]),
    };
    let response = Response {
        owner_id: target.id().to_owned(),
        request_id: String::new(),
        found: true,
        nonce: store.nonce.clone(),
        ciphertext: store.ciphertext.clone(),
        stored_at: ts,
    };
    let ack = Ack {
        owner_id: target.id().to_owned(),
        stored_at: ts,
        success: true,
        reason: String::new(),
    };
    let refresh = Refresh {
        owner_id: id.clone(),
        owner: victim.name.clone(),
    };
    let ask = Request {
        owner_id: id.clone(),
        request_id: request_id.clone(),
    };
    let ping = Ping { request_id };
    let delete = Delete { owner_id: id, ts };
    vec![
        attacker.says(target, "stash:store", &store),
        attacker.says(target, "stash:delete", &delete),
        attacker.says(target, "stash:request", &ask),
        attacker.says(target, "stash:response", &response),
        attacker.says(target, "stash:ack", &ack),
        attacker.says(target, "stash:grant", &Granted { grant }),
        attacker.says(target, "stash:handoff", &handoff),
        attacker.says(target, "stash:receipt", &receipt),
        attacker.says(target, "stash:challenge", &challenge),
        attacker.says(target, "stash-refresh", &refresh),
        attacker.says(target, "presence:ping", &ping),
        attacker.says(target, "clock:ask", &ping),
        attacker.says(target, "clock:tell", &ping),
        attacker.says(target, "presence:lost", &Nothing {}),
    ]
}

/// A message on the topic on which its kind travels.
pub(crate) fn frame(message: &Message) -> Frame {
    match message.kind.as_str() {
        "stash-refresh" => direct(message).on("nara/plaza/stash_refresh"),
        "presence:lost" => direct(message).on("nara/plaza/gone"),
        _ => direct(message),
    }
}

/// Gives a field of the payload, however deep, another value; where the payload
/// is still one of its kind it is written as it has to be signed.
pub(crate) fn change_payload(message: &mut Message, rng: &mut Rng) {
    let mut payload: Value = serde_json::from_str(&message.payload).unwrap();
    change(&mut payload, rng);
    let text = payload.to_string();
    let canonical = match message.kind.as_str() {
        "stash:store" => canonical::<Store>(&text),
        "stash:delete" => canonical::<Delete>(&text),
        "stash:request" => canonical::<Request>(&text),
        "stash:response" => canonical::<Response>(&text),
        "stash:ack" => canonical::<Ack>(&text),
        "stash:grant" => canonical::<Granted>(&text),
        "stash:handoff" => canonical::<Handoff>(&text),
        "stash:receipt" => canonical::<HandoffReceipt>(&text),
        "stash:challenge" => canonical::<Challenge>(&text),
        "stash-refresh" => canonical::<Refresh>(&text),
        "presence:lost" => canonical::<Nothing>(&text),
        _ => canonical::<Ping>(&text),
    };
    message.payload = canonical.unwrap_or(text);
}

fn canonical<P: Payload>(text: &str) -> Option<String> {
    parse_payload::<P>(text).ok().map(|one| to_go_json(&one))
}

fn change(value: &mut Value, rng: &mut Rng) {
    let children: Vec<&mut Value> = match value {
        Value::Array(list) => list.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => Vec::new(),
    };
    let length = children.len() as u32;
    // One of the fields, or all of it.
    let place = rng.below(length + 1) as usize;
    if let Some(child) = children.into_iter().nth(place)
        && rng.below(8) > 0
    {
        return change(child, rng);
    }
    let values = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1.5),
        json!(""),
        json!("x"),
        json!("\u{2028}<&>"),
        json!("A".repeat(64)),
        json!("AA=="),
        json!("A".repeat(20_000)),
        json!([]),
        json!({}),
        json!(vec![1; 20]),
    ];
    *value = values[rng.below(values.len() as u32) as usize].clone();
}
