//! A hundred thousand generated frames: what honest and hostile peers say, with
//! bytes and fields changed, in whole sequences on a whole nara. Nothing
//! panics, the state is what it was, and the memory it took is given back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may say what must hold by unwrapping it"
)]

#[allow(dead_code, reason = "each test binary needs its part of it")]
#[path = "security/messages.rs"]
mod messages;
#[allow(dead_code, reason = "each test binary needs its part of it")]
#[path = "security/peer.rs"]
mod peer;
#[cfg(not(target_family = "wasm"))]
#[path = "sim/mod.rs"]
mod sim;
#[allow(dead_code, reason = "each test binary needs its part of it")]
#[path = "security/target.rs"]
mod target;

use core::time::Duration;
use light_nara::base::Rng;
use light_nara::message::{Request, Response, Store, parse_payload};
use light_nara::nara::{Config, Newborn};
use messages::{change_payload, messages};
use peer::{Peer, direct};
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};
use target::{Frame, HOUR, SECOND, Target, of_kind};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const FRAMES: usize = 100_000;

/// What the memory may have grown by in the end, in bytes.
const GROWTH_MAX: usize = 1 << 20;

/// One in so many is signed anew after it was changed, and reaches the
/// handlers; a signature takes as long as hundreds of other frames.
const SIGNED_ONE_IN: u32 = 64;

/// One in so many is a whole packet with changed bytes, which may end the
/// connection.
const BROKEN_ONE_IN: u32 = 500;

#[cfg(not(target_family = "wasm"))]
#[global_allocator]
static MEMORY: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

/// Memory is counted for the process as a whole, so one test runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

#[cfg(not(target_family = "wasm"))]
fn memory_used() -> usize {
    MEMORY.current_usage()
}

/// Memory is never given back to the page, so this counts the most ever used.
#[cfg(target_family = "wasm")]
fn memory_used() -> usize {
    core::arch::wasm32::memory_size(0) * 65_536
}

/// What an attack must not change: what is mine, whom I trust with it, what I
/// hold for others, and where those are whom I knew before.
fn essence(target: &Target, known: &[Peer]) -> Value {
    let state = target.state();
    let holders: Vec<&Value> = ids(&state[0]["stash"]["holders"]);
    let seen: Vec<bool> = known.iter().map(|peer| target.sees(peer)).collect();
    let [gate, safe] = ["gate", "safe"].map(|field| &state[0]["stash"][field]);
    let held = &state[0]["held"];
    json!([
        state[1],
        state[2],
        holders,
        gate,
        safe,
        state[0]["elsewhere"],
        held["count"],
        held["prunings"],
        seen
    ])
}

fn ids(list: &Value) -> Vec<&Value> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|one| &one["id"])
        .collect()
}

/// Changes some bytes of a frame, or takes it apart.
fn changed(rng: &mut Rng, seeds: &[Frame]) -> Frame {
    let pick = |rng: &mut Rng| &seeds[rng.below(seeds.len() as u32) as usize];
    let mut frame = pick(rng).clone();
    for _ in 0..=rng.below(4).saturating_sub(1) {
        let bytes = &mut frame.payload;
        let length = bytes.len() as u32;
        let at = rng.below(length.max(1)) as usize;
        match rng.below(8) {
            0 if length > 0 => bytes[at] = rng.below(256) as u8,
            1 if length > 0 && bytes[at].is_ascii_alphanumeric() => {
                bytes[at] = b"0123456789abcXYZ"[rng.below(16) as usize];
            }
            2 if length > 0 => bytes[at] ^= 1 << rng.below(8),
            3 => bytes.truncate(at),
            4 => {
                let word = WORDS[rng.below(WORDS.len() as u32) as usize];
                bytes.splice(at.min(bytes.len())..at.min(bytes.len()), word.bytes());
            }
            5 => {
                let other = &pick(rng).payload;
                let from = rng.below(other.len().max(1) as u32) as usize;
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from.min(other.len())..]);
            }
            6 => {
                let end = (at + rng.below(40) as usize).min(bytes.len());
                let part = bytes[at.min(end)..end].to_vec();
                bytes.splice(at.min(end)..at.min(end), part);
            }
            _ => frame.topic.clone_from(&pick(rng).topic),
        }
    }
    frame
}

/// What readers stumble over.
const WORDS: [&str; 15] = [
    "{",
    "[[[[",
    "\"",
    "null",
    "-1",
    "9223372036854775808",
    "1e400",
    "\\u0000",
    "\\ud800",
    "\u{2028}",
    "\"id\":\"x\",",
    "\"from_key\":null,",
    "true",
    ",,",
    "\u{fffd}",
];

/// Peers that the target knows and trusts with its memory, two of which have a
/// stash with it.
fn under_attack() -> (Target, [Peer; 3], Store) {
    let config = Config::born(Newborn([9; 32]), Some("target")).unwrap();
    let mut target = Target::of(config.with_spares(0).unwrap()).alone();
    let known = target.meet(["one", "two", "three"]);
    let sent = target.set("{\"tea\":\"oolong\"}").unwrap();
    let copy = parse_payload(&of_kind(&sent, "stash:store")[0].payload).unwrap();
    be_honest(&mut target, &known, &copy, &sent);
    for owner in &known[..2] {
        let store = direct(&owner.store(&target, "mine"));
        target.hear(&store);
    }
    target.advance(SECOND);
    assert_eq!((target.holders(), target.held()), (3, 2));
    (target, known, copy)
}

/// Answers what the target asks of those it trusts, as they should.
fn be_honest(target: &mut Target, known: &[Peer], copy: &Store, sent: &[Frame]) {
    for asked in sent.iter().filter_map(Frame::message) {
        let Some(peer) = known.iter().find(|peer| peer.id() == asked.to_id) else {
            continue;
        };
        let answer = match asked.kind.as_str() {
            "stash:store" => peer.acks(target, &asked),
            "stash:request" => {
                let request: Request = parse_payload(&asked.payload).unwrap();
                let response = Response {
                    owner_id: request.owner_id,
                    request_id: request.request_id,
                    found: true,
                    nonce: copy.nonce.clone(),
                    ciphertext: copy.ciphertext.clone(),
                    stored_at: copy.ts,
                };
                peer.answers(target, &asked, "stash:response", &response)
            }
            _ => continue,
        };
        target.hear(&direct(&answer));
    }
}

/// What is said now, by the honest and by the attacker.
fn seeds(target: &Target, known: &[Peer], attacker: &Peer) -> Vec<Frame> {
    let greetings = known.iter().chain([attacker]).flat_map(|one| {
        let at = target.ago(SECOND);
        [one.hey_there(at), one.howdy("target"), one.newspaper()]
    });
    let own = messages(target, &known[0], attacker);
    let own = own.iter().map(messages::frame);
    greetings.chain(own).collect()
}

/// What fuzzing begins with, and whatever it found and was kept, on every topic.
#[cfg(not(target_family = "wasm"))]
fn seeds_do_no_harm() {
    use light_nara::mesh;
    use light_nara::stash::codec;
    let (mut target, known, copy) = under_attack();
    let topics = seeds(&target, &known, &Peer::new("attacker"));
    let mut count = 0;
    for folder in std::fs::read_dir("fuzz/seeds").unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            for Frame { topic, .. } in &topics {
                let mut sent = target.hear(&Frame::new(topic, bytes.clone()));
                // Behind the first bytes that say how a target is to take it.
                sent.extend(target.hear(&Frame::new(topic, &bytes[4.min(bytes.len())..])));
                be_honest(&mut target, &known, &copy, &sent);
            }
            let sent = target.advance(SECOND);
            be_honest(&mut target, &known, &copy, &sent);
            let _ = (codec::decode(&bytes), mesh::Frame::parse(&bytes));
            let hellos = known.each_ref().map(|one| one.hey_there(target.wall()));
            target.hear_all(hellos);
            count += 1;
        }
    }
    assert!(count > 50, "only {count} seeds");
    // Some of them are honest stores of others, which have places of their own.
    assert_eq!(target.memory().unwrap().data, "{\"tea\":\"oolong\"}");
    assert_eq!(target.holders(), 3);
    assert!(known.iter().all(|peer| target.sees(peer)));
    assert!(known[..2].iter().all(|peer| target.holds_for(peer)));
}

#[test]
fn a_hundred_thousand_generated_frames_change_nothing_and_cost_no_memory() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    #[cfg(not(target_family = "wasm"))]
    seeds_do_no_harm();
    let mut rng = Rng::from_seed([42; 32]);
    let (mut target, known, copy) = under_attack();
    let attacker = Peer::new("attacker");
    let before = essence(&target, &known);
    let (mut used, mut frames) = (memory_used(), Vec::new());
    for n in 0..FRAMES {
        if n % 1_000 == 0 {
            // The honest are still here, and what is changed is of today.
            let hellos = known.each_ref().map(|one| one.hey_there(target.wall()));
            target.hear_all(hellos);
            frames = seeds(&target, &known, &attacker);
            assert_eq!(essence(&target, &known), before, "after {n} frames");
        }
        // In wasm what is taken once is never given back: the first frames
        // show how much is needed, and the others may need no more.
        if cfg!(target_family = "wasm") && n == FRAMES / 10 {
            used = memory_used();
        }
        let mut sent = match rng.below(BROKEN_ONE_IN.max(SIGNED_ONE_IN)) {
            0 => {
                let mut packet = changed(&mut rng, &frames).packet();
                let at = rng.below(packet.len() as u32) as usize;
                packet[at] = rng.below(256) as u8;
                target.take(&packet)
            }
            one if one % SIGNED_ONE_IN == 1 => {
                let all = messages(&target, &known[0], &attacker);
                let mut message = all[rng.below(all.len() as u32) as usize].clone();
                change_payload(&mut message, &mut rng);
                message.id = message.computed_id();
                target.hear(&messages::frame(&attacker.sign(message)))
            }
            _ => target.hear(&changed(&mut rng, &frames)),
        };
        // The memory and the soul are in nothing that it says.
        assert!(
            !sent
                .iter()
                .any(|one| one.payload.windows(6).any(|text| text == b"oolong"))
        );
        if n % 16 == 0 {
            sent.extend(target.advance(Duration::from_millis(10)));
        }
        be_honest(&mut target, &known, &copy, &sent);
    }
    assert_eq!(essence(&target, &known), before);
    let drops = target.nara.status(target.now()).drops;
    let reasons = drops.keys().count();
    assert!(reasons > 12, "only {reasons} reasons: {drops:?}");
    drop(frames);
    target.doze(HOUR);
    target.advance(SECOND);
    let grown = memory_used().saturating_sub(used);
    assert!(grown <= GROWTH_MAX, "{grown} bytes more than before");
}

#[cfg(not(target_family = "wasm"))]
#[test]
fn each_of_thirty_idle_naras_takes_at_most_64_kib() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes = sim::idle(30, 10, memory_used);
    println!("{:.1} KiB for each", bytes as f64 / 1_024.0);
    assert!((1..=64 * 1_024).contains(&bytes), "{bytes} bytes");
}
