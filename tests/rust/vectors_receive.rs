//! What becomes of every body that the reference was given: its confidant, a
//! runtime with the stash that knows the owner's key alone, gets each of them.
//!
//! `vectors/receive.json` says what a light nara does with it, and whether that
//! is as the reference or better, and why. Only where it is said to be better
//! may it differ.

use crate::vectors::{cases, keys, text};
use light_nara::base::{Instant, Now, Rng};
use light_nara::message::{Ack, Message, Timestamp, parse_payload};
use light_nara::runtime::{Context, Me, Runtime};
use light_nara::stash::{Config, Stash};
use serde_json::{Value, json};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MESSAGE: &str = include_str!("../vectors/message.json");
const OUTCOMES: &str = include_str!("../vectors/receive.json");

/// The time of the vectors, unless the outcome says another.
fn now(expected: &Value) -> Now {
    let at = expected["at"].as_str().unwrap_or("2026-01-18T17:14:14Z");
    let stamp = Timestamp::parse(at).unwrap();
    Now {
        mono: Instant::from_micros(1),
        wall: stamp.wall().unwrap(),
    }
}

/// The confidant of the vectors. It is told whom it knows as it was then.
fn confidant(now: Now) -> Runtime {
    let (keys, owner) = (keys(MESSAGE, "confidant"), keys(MESSAGE, "gopher-owner"));
    let me = Me {
        identity: *keys.identity(),
        name: keys.name().to_owned(),
    };
    let mut runtime = Runtime::new(me, Box::new(keys), Rng::from_seed([3; 32]), now);
    let config = Config::new(true);
    runtime.add(Box::new(Stash::new(config, now)));
    runtime.set_connected(now, true);
    runtime.start(now);
    let owner = *owner.identity();
    runtime.command(now, |_: &mut Stash, ctx: &mut Context<'_>| {
        ctx.heard(&owner, "gopher-owner");
    });
    while runtime.poll_outgoing().is_some() {}
    runtime.watch_traffic(true);
    runtime
}

/// What came of it: the last outcome, for whom something is stored, which acks
/// went out.
fn receive(case: &Value, now: Now) -> Value {
    let mut runtime = confidant(now);
    let twice = text(case, "note").starts_with("same message delivered twice");
    for _ in 0..=usize::from(twice) {
        runtime.handle_direct(now, text(case, "body").as_bytes());
    }
    let seen = core::iter::from_fn(|| runtime.poll_traffic());
    let outcome = seen.filter(|one| one.incoming).last().unwrap().outcome;
    let sent = core::iter::from_fn(|| runtime.poll_outgoing());
    let acks: Vec<Value> = sent
        .map(|sent| Message::parse(&sent.bytes).unwrap())
        .filter(|message| message.kind == "stash:ack")
        .map(|message| shown(&parse_payload(&message.payload).unwrap()))
        .collect();
    let stash = runtime.service::<Stash>().unwrap();
    let held = stash.confidant().held().keys();
    let stored_for: Vec<&str> = held.map(|owner| owner.id.as_str()).collect();
    json!({"outcome": outcome, "stored_for": stored_for, "acks": acks})
}

/// Whether it is a success, else the reason.
fn shown(ack: &Ack) -> Value {
    match ack.success {
        true => json!("success"),
        false => json!(ack.reason),
    }
}

/// What the reference did: for whom it stored, and which acks succeeded.
fn of_reference(case: &Value) -> (Value, Vec<bool>) {
    let emitted = case["emitted"].as_array().unwrap();
    let acks = emitted.iter().map(|one| {
        let ack: Ack =
            parse_payload(text(one, "payload").replace("\"(now)\"", "1").as_str()).unwrap();
        ack.success
    });
    (case["stored_for"].clone(), acks.collect())
}

#[test]
fn each_body_that_the_reference_was_given_is_dealt_with_as_by_it_or_better() {
    let outcomes: Vec<Value> = serde_json::from_str(OUTCOMES).unwrap();
    let cases = cases(MESSAGE, "receive", 57);
    assert_eq!(outcomes.len(), cases.len());
    let better = |one: &&Value| text(one, "as") != "the reference";
    assert_eq!(outcomes.iter().filter(better).count(), 10);
    for (case, expected) in cases.iter().zip(&outcomes) {
        let note = text(case, "note");
        assert_eq!(text(expected, "note"), note);
        let found = receive(case, now(expected));
        for field in ["outcome", "stored_for", "acks"] {
            assert_eq!(found[field], expected[field], "{field} of {note:?}");
        }
        let acks = found["acks"].as_array().unwrap();
        let acks: Vec<bool> = acks.iter().map(|ack| ack == "success").collect();
        let same = of_reference(case) == (found["stored_for"].clone(), acks);
        match text(expected, "as") {
            "the reference" => assert!(same, "not as the reference: {note:?}"),
            better => {
                assert!(better.starts_with("better: "), "{note:?}");
                // A repeat has the same effects; it is only not handled again.
                assert_eq!(same, note.starts_with("same message"), "{note:?}");
            }
        }
    }
}
