//! A hundred thousand generated frames: what honest and hostile peers say, with
//! bytes and fields changed, in whole sequences on a whole nara. Nothing
//! panics, the state is what it was, and the memory it took is given back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may say what must hold by unwrapping it"
)]

#[path = "support/seeds.rs"]
mod all_seeds;
#[cfg(target_family = "wasm")]
#[path = "sim/forms.rs"]
mod forms;
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

use all_seeds::SEEDS;
use core::time::Duration;
#[cfg(target_family = "wasm")]
use forms::forms;
use light_nara::base::Rng;
use light_nara::mesh::{self, Headers};
use light_nara::message::{Request, Response, Store, parse_payload};
use light_nara::nara::{Config, Newborn};
use light_nara::stash::codec;
use messages::{change_payload, messages};
use peer::{Peer, direct};
use serde_json::{Value, json};
#[cfg(not(target_family = "wasm"))]
use sim::forms::forms;
use std::sync::{Mutex, PoisonError};
use target::{Frame, HOUR, MESH, SECOND, Target, of_kind};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const FRAMES: usize = 100_000;

/// As many come from a gateway, beside those.
const MESH_FRAMES: usize = 10_000;

/// In the memory, and in nothing that is sent.
const TEA: &str = "oolong-with-milk";

fn memory() -> String {
    format!("{{\"tea\":\"{TEA}\"}}")
}

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

/// Memory is never given back to the page, so this counts the most ever used:
/// what the seeds needed, which come before, is what all others have to do with.
#[cfg(target_family = "wasm")]
fn memory_used() -> usize {
    core::arch::wasm32::memory_size(0) * 65_536
}

/// What an attack must not change: what is mine, whom I trust with it, what I
/// hold for others, and where those are whom I knew before.
fn essence(target: &Target, known: &[Peer], attacker: &Peer) -> Value {
    let state = target.state();
    let holders: Vec<&Value> = ids(&state[0]["stash"]["holders"]);
    let seen: Vec<bool> = known.iter().map(|peer| target.sees(peer)).collect();
    // Whoever signs is a peer, and so is a key under another id that it may
    // claim: ids are remembered, and count for nothing.
    let keys = known.iter().chain([attacker]);
    let keys: Vec<String> = keys.map(|peer| peer.who.key.to_text()).collect();
    let peers = state[0]["peers"].as_array().unwrap().iter();
    let strangers = peers.map(|one| one["key"].as_str().unwrap().to_owned());
    let strangers: Vec<String> = strangers.filter(|key| !keys.contains(key)).collect();
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
        state[0]["conflicts"],
        state[0]["clock"],
        state[0]["recovery"]["state"],
        seen,
        strangers
    ])
}

fn ids(list: &Value) -> Vec<&Value> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|one| &one["id"])
        .collect()
}

/// Whether what is mine is in there, in any form.
fn has_memory(bytes: &[u8]) -> bool {
    forms(TEA.as_bytes()).any(|form| bytes.windows(form.len()).any(|part| part == form))
}

/// Changes some bytes of a frame, or takes it apart.
fn changed(rng: &mut Rng, seeds: &[Frame]) -> Frame {
    let pick = |rng: &mut Rng| &seeds[rng.below(seeds.len() as u32) as usize];
    let mut frame = pick(rng).clone();
    for _ in 0..=rng.below(4).saturating_sub(1) {
        if rng.below(8) == 0 {
            frame.topic.clone_from(&pick(rng).topic);
        } else {
            let other = pick(rng).payload.clone();
            change(rng, &mut frame.payload, &other);
        }
    }
    frame
}

/// Changes some bytes, or puts a part of others in their place.
fn change(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    let length = bytes.len() as u32;
    let at = rng.below(length.max(1)) as usize;
    match rng.below(7) {
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
            let from = rng.below(other.len().max(1) as u32) as usize;
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from.min(other.len())..]);
        }
        _ => {
            let end = (at + rng.below(40) as usize).min(bytes.len());
            let part = bytes[at.min(end)..end].to_vec();
            bytes.splice(at.min(end)..at.min(end), part);
        }
    }
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
fn under_attack(gateway: Option<&str>) -> (Target, [Peer; 3], Store) {
    let mut config = Config::born(Newborn([9; 32]), Some("target")).unwrap();
    if let Some(gateway) = gateway {
        config = config.with_gateway(gateway).unwrap();
    }
    let mut target = Target::of(config.with_spares(0).unwrap()).alone();
    let known = target.meet(["one", "two", "three"]);
    let sent = target.set(&memory()).unwrap();
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
fn seeds_do_no_harm() {
    let (mut target, known, copy) = under_attack(None);
    let topics = seeds(&target, &known, &Peer::new("attacker"));
    let mut count = 0;
    for (_, seeds) in SEEDS {
        for (_, bytes) in *seeds {
            for Frame { topic, .. } in &topics {
                let mut sent = target.hear(&Frame::new(topic, *bytes));
                // Behind the first bytes that say how a target is to take it.
                sent.extend(target.hear(&Frame::new(topic, &bytes[4.min(bytes.len())..])));
                be_honest(&mut target, &known, &copy, &sent);
            }
            let sent = target.advance(SECOND);
            be_honest(&mut target, &known, &copy, &sent);
            let _ = (codec::decode(bytes), mesh::Frame::parse(bytes));
            let hellos = known.each_ref().map(|one| one.hey_there(target.wall()));
            target.hear_all(hellos);
            count += 1;
        }
    }
    assert!(count > 50, "only {count} seeds");
    // Some of them are honest stores of others, which have places of their own.
    assert_eq!(target.memory().unwrap().data, memory());
    assert_eq!(target.holders(), 3);
    assert!(known.iter().all(|peer| target.sees(peer)));
    assert!(known[..2].iter().all(|peer| target.holds_for(peer)));
}

#[test]
fn a_hundred_thousand_generated_frames_change_nothing_and_cost_no_memory() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    seeds_do_no_harm();
    let mut rng = Rng::from_seed([42; 32]);
    let (mut target, known, copy) = under_attack(None);
    let attacker = Peer::new("attacker");
    let before = essence(&target, &known, &attacker);
    let (used, mut frames) = (memory_used(), Vec::new());
    for n in 0..FRAMES {
        if n % 1_000 == 0 {
            // The honest are still here, and what is changed is of today.
            let hellos = known.each_ref().map(|one| one.hey_there(target.wall()));
            target.hear_all(hellos);
            frames = seeds(&target, &known, &attacker);
            assert_eq!(
                essence(&target, &known, &attacker),
                before,
                "after {n} frames"
            );
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
        assert!(!sent.iter().any(|one| has_memory(&one.payload)));
        if n % 16 == 0 {
            sent.extend(target.advance(Duration::from_millis(10)));
        }
        be_honest(&mut target, &known, &copy, &sent);
    }
    assert_eq!(essence(&target, &known, &attacker), before);
    let drops = target.nara.status(target.now()).drops;
    let reasons = drops.keys().count();
    assert!(reasons > 12, "only {reasons} reasons: {drops:?}");
    drop(frames);
    target.doze(HOUR);
    target.advance(SECOND);
    let grown = memory_used().saturating_sub(used);
    assert!(grown <= GROWTH_MAX, "{grown} bytes more than before");
}

/// What a gateway can say: of its own, for somebody who asks, and as the answer
/// to what was asked.
fn mesh_seeds(target: &Target, known: &[Peer], attacker: &Peer, asked: &[u32]) -> Vec<Vec<u8>> {
    let at = target.wall();
    let mut frames = vec![
        mesh::Frame::new("pulse"),
        challenge(),
        attached(),
        mesh::Frame::new("nonsense"),
    ];
    let paths = ["/mesh/message", "/stash/store", "/stash/retrieve"];
    let all = messages(target, &known[0], attacker);
    let asks = all.iter().zip(paths.iter().cycle());
    frames.extend(
        asks.zip([attacker, &known[0]].iter().cycle())
            .map(|((body, path), who)| {
                let headers =
                    Headers::of_request(&who.name, at, "POST", path, |text| who.keys.sign(text));
                mesh::Frame {
                    n: 7,
                    method: "POST".into(),
                    path: (*path).into(),
                    name: headers.name,
                    at: headers.timestamp,
                    sig: headers.signature,
                    body: body.to_json().into_bytes(),
                    ..mesh::Frame::new("request")
                }
            }),
    );
    for path in ["/ping", "/events/sync"] {
        frames.push(mesh::Frame {
            n: 8,
            method: "GET".into(),
            path: path.into(),
            ..mesh::Frame::new("request")
        });
    }
    frames.extend(asked.iter().map(|n| {
        let body = b"{\"success\":true}".to_vec();
        let headers =
            Headers::of_answer(&attacker.name, at, &body, |text| attacker.keys.sign(text));
        mesh::Frame {
            n: *n,
            status: 200,
            name: headers.name,
            at: headers.timestamp,
            sig: headers.signature,
            body,
            ..mesh::Frame::new("answer")
        }
    }));
    frames.iter().map(mesh::Frame::to_bytes).collect()
}

fn challenge() -> mesh::Frame {
    mesh::Frame {
        nonce: "a".repeat(22),
        ..mesh::Frame::new("challenge")
    }
}

fn attached() -> mesh::Frame {
    mesh::Frame {
        address: "100.64.0.9:4000".into(),
        ..mesh::Frame::new("attached")
    }
}

#[test]
fn ten_thousand_generated_frames_of_a_gateway_change_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut rng = Rng::from_seed([43; 32]);
    let (mut target, known, copy) = under_attack(Some("wss://gateway.example"));
    let attacker = Peer::new("attacker");
    let before = essence(&target, &known, &attacker);
    let (mut frames, mut asked) = (Vec::new(), Vec::new());
    let (mut attachments, mut answers) = (0, 0);
    for n in 0..MESH_FRAMES {
        if n % 500 == 0 {
            let hellos = known.each_ref().map(|one| one.hey_there(target.wall()));
            target.hear_all(hellos);
            frames = mesh_seeds(&target, &known, &attacker, &asked);
            assert_eq!(
                essence(&target, &known, &attacker),
                before,
                "after {n} frames"
            );
        }
        let mut sent = Vec::new();
        // What is no frame ends the link, and it is opened again at once.
        if target.nara.status(target.now()).mesh.state != "attached" {
            target.nara.retry_now(target.now());
            sent.extend(target.take_mesh(&challenge().to_bytes()));
            sent.extend(target.take_mesh(&attached().to_bytes()));
            attachments += 1;
        }
        let pick = |rng: &mut Rng| frames[rng.below(frames.len() as u32) as usize].clone();
        let (mut bytes, other) = (pick(&mut rng), pick(&mut rng));
        if rng.below(16) > 0 {
            change(&mut rng, &mut bytes, &other);
        }
        sent.extend(target.take_mesh(&bytes));
        if n % 16 == 0 {
            sent.extend(target.advance(Duration::from_millis(10)));
        }
        assert!(!sent.iter().any(|one| has_memory(&one.payload)));
        be_honest(&mut target, &known, &copy, &sent);
        for said in sent.iter().filter(|one| one.topic == MESH) {
            let said = mesh::Frame::parse(&said.payload).unwrap();
            match said.t.as_str() {
                "request" => asked.push(said.n),
                "answer" => answers += 1,
                _ => {}
            }
        }
        asked.drain(..asked.len().saturating_sub(8));
    }
    assert_eq!(essence(&target, &known, &attacker), before);
    let reached = (attachments, answers);
    assert!(attachments > 10 && answers > 1_000, "{reached:?}");
}

#[cfg(not(target_family = "wasm"))]
#[test]
fn each_of_thirty_idle_naras_takes_at_most_64_kib() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes = sim::idle(30, 10, memory_used);
    println!("{:.1} KiB for each", bytes as f64 / 1_024.0);
    assert!((1..=64 * 1_024).contains(&bytes), "{bytes} bytes");
}
