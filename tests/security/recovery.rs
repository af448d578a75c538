//! Attacks on an owner: on what comes back, on who holds it, on its clock.

use super::peer::{Peer, direct};
use super::target::{Frame, HOUR, SECOND, Target, of_kind};
use core::time::Duration;
use light_nara::identity::{Keys, Soul};
use light_nara::message::{Bytes, Message, Response};
use light_nara::nara::{Config, Newborn};
use light_nara::stash::{AUDIT_EVERY, Memory, Padding, StashError, codec};
use miniz_oxide::deflate::compress_to_vec;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What seals as the target does: its own keys.
fn own_keys(target: &Target) -> Keys {
    Keys::new(&Soul::parse(&target.soul()).unwrap(), "target").unwrap()
}

fn sealed(keys: &Keys, plaintext: &[u8]) -> (Bytes, Bytes) {
    let nonce = [plaintext.len() as u8; 24];
    let ciphertext = keys.seal(nonce, plaintext);
    (Bytes::from(nonce.to_vec()), Bytes::from(ciphertext))
}

fn memory(keys: &Keys, data: &str, revision: u64) -> (Bytes, Bytes) {
    let memory = Memory {
        data: data.to_owned(),
        timestamp: 1_768_756_000 + revision as i64,
        revision,
    };
    sealed(keys, &codec::encode(&memory, &[], Padding::Full).unwrap())
}

/// A copy that comes without being asked for.
fn push(target: &Target, by: &Peer, (nonce, ciphertext): (Bytes, Bytes)) -> Frame {
    direct(&by.says(target, "stash:response", &found(target, nonce, ciphertext)))
}

fn found(target: &Target, nonce: Bytes, ciphertext: Bytes) -> Response {
    Response {
        owner_id: target.id().to_owned(),
        request_id: String::new(),
        found: true,
        nonce,
        ciphertext,
        stored_at: target.now().wall.unix_seconds(),
    }
}

/// An owner with three holders of its memory, the first revision.
fn owner() -> (Target, [Peer; 3]) {
    let (target, peers, _) = owner_and_copy();
    (target, peers)
}

/// And what they hold.
fn owner_and_copy() -> (Target, [Peer; 3], (Bytes, Bytes)) {
    let config = Config::born(Newborn([9; 32]), Some("target")).unwrap();
    let mut target = Target::of(config.with_spares(0).unwrap());
    let peers = target.meet(["one", "two", "three"]);
    let copy = target.save("{\"tea\":1}", &peers);
    assert_eq!(target.holders(), 3);
    (target, peers, copy)
}

/// The same soul, woken anew: it looks for its memory.
fn reborn(target: &Target) -> Target {
    let config = Config::reborn(&target.soul(), Some("target")).unwrap();
    let passed = Duration::from_micros(target.now().mono.as_micros());
    Target::later(config, passed + HOUR)
}

/// The id that an answer has to repeat.
fn asked_as(asked: &Message) -> &str {
    let request_id = asked.payload.split("\"request_id\":\"").nth(1).unwrap();
    request_id.split('"').next().unwrap()
}

fn answer(target: &Target, by: &Peer, asked: &Message, copy: (Bytes, Bytes)) -> Frame {
    let mut response = found(target, copy.0, copy.1);
    asked_as(asked).clone_into(&mut response.request_id);
    direct(&by.answers(target, asked, "stash:response", &response))
}

#[test]
fn a_stale_push_a_probe_and_what_does_not_open_change_no_memory() {
    let (target, _) = owner();
    let keys = own_keys(&target);
    let (older, newer) = ("{\"tea\":\"old\"}", "{\"tea\":\"set here\"}");
    let mut target = reborn(&target);
    let [holder, attacker] = target.meet(["holder", "attacker"]);
    let back = push(&target, &holder, memory(&keys, newer, 5));
    target.hear(&back);
    target.advance(3 * SECOND);
    assert_eq!(target.memory().unwrap().data, newer);
    let other = Peer::new("attacker").keys;
    let hostile = [
        ("probe", sealed(&keys, b"{\"test\":\"probe\",\"ts\":1}")),
        ("broken", sealed(&keys, b"\x1f\x8b\x08 no gzip")),
        ("broken", sealed(&keys, &bomb(3 << 20))),
        ("broken", memory(&other, "{\"tea\":\"forged\"}", 9)),
        (
            "broken",
            (Bytes::from(vec![1; 24]), Bytes::from(vec![2; 10_240])),
        ),
        (
            "broken",
            (Bytes::from(vec![1; 23]), Bytes::from(vec![2; 10_240])),
        ),
        ("broken", (Bytes::default(), Bytes::default())),
    ];
    for (reason, copy) in hostile {
        let frame = push(&target, &attacker, copy);
        target.drops(&frame, reason);
        target.advance(SECOND);
    }
    // That somebody has an older copy, sealed by the target itself, is noted:
    // it is asked, too, should all be forgotten. It counts for nothing.
    for revision in [4, 0] {
        let frame = push(&target, &attacker, memory(&keys, older, revision));
        let (shown, dropped) = (target.shown("stash"), target.dropped("stale"));
        assert!(target.hear(&frame).is_empty());
        assert_eq!(target.dropped("stale"), dropped + 1);
        assert_eq!(target.shown("stash"), shown);
        let sent = target.advance(SECOND);
        assert!(!sent.iter().any(|one| one.topic.ends_with(attacker.id())));
        let frame = push(&target, &attacker, memory(&keys, older, revision));
        target.drops(&frame, "stale");
        target.advance(SECOND);
    }
    assert_eq!(target.memory().unwrap().data, newer);
    assert_eq!(target.memory().unwrap().revision, 5);
    let mut mine = found(&target, Bytes::default(), Bytes::default());
    attacker.id().clone_into(&mut mine.owner_id);
    let frame = direct(&attacker.says(&target, "stash:response", &mine));
    target.drops(&frame, "not_my_stash");
}

/// A few kilobytes of gzip that inflate to so many.
fn bomb(size: usize) -> Vec<u8> {
    let json = format!(
        "{{\"timestamp\":1,\"data\":\"{}\",\"version\":1}}",
        "a".repeat(size)
    );
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    gzip.extend(compress_to_vec(json.as_bytes(), 9));
    gzip.extend(crc32fast::hash(json.as_bytes()).to_le_bytes());
    gzip.extend((json.len() as u32).to_le_bytes());
    assert!(gzip.len() < 10_000);
    gzip
}

#[test]
fn what_inflates_beyond_the_bound_stops_there() {
    let opened = codec::decode(&bomb(3 << 20));
    assert_eq!(opened, Err(codec::CodecError::InflatesTooFar));
}

#[test]
fn nothing_is_set_on_top_of_a_fast_stale_answer() {
    let (target, peers) = owner();
    let keys = own_keys(&target);
    let mut target = reborn(&target);
    let refused = target.set("{\"tea\":\"an edit\"}").err();
    assert_eq!(refused, Some(StashError::Recovering));
    let hellos = peers.each_ref().map(|one| one.hey_there(target.wall()));
    let asked = of_kind(&target.hear_all(hellos), "stash:request");
    assert_eq!(asked.len(), 3);
    let holder = |request: &Message| peers.iter().find(|one| one.id() == request.to_id).unwrap();
    // The attacker's copy is old, and the first that comes.
    let stale = answer(
        &target,
        holder(&asked[0]),
        &asked[0],
        memory(&keys, "\"old\"", 3),
    );
    target.hear(&stale);
    target.advance(SECOND);
    let refused = target.set("{\"tea\":\"an edit\"}").err();
    assert_eq!(refused, Some(StashError::Recovering));
    let good = answer(
        &target,
        holder(&asked[1]),
        &asked[1],
        memory(&keys, "\"good\"", 7),
    );
    target.hear(&good);
    target.advance(3 * SECOND);
    assert_eq!(target.memory().unwrap().data, "\"good\"");
    target.set("{\"tea\":\"an edit\"}").unwrap();
    assert_eq!(
        target.memory().unwrap().revision,
        8,
        "the highest seen, plus one"
    );
}

#[test]
fn copies_overheard_and_sent_by_many_hold_a_search_up_for_ten_seconds_at_most() {
    let (target, _) = owner();
    let keys = own_keys(&target);
    let mut target = reborn(&target);
    let names: Vec<String> = (0..40).map(|n| format!("copyist-{n}")).collect();
    let mut waited = 0;
    for name in &names {
        // Each sends the same copy when the wait is about to end.
        let frame = push(&target, &Peer::new(name), memory(&keys, "\"mine\"", 3));
        target.hear(&frame);
        target.advance(Duration::from_millis(1_900));
        waited += 1_900;
        if target.memory().is_some() {
            break;
        }
    }
    assert!(waited <= 11_400, "{waited} ms");
    assert_eq!(target.memory().unwrap().data, "\"mine\"");
}

/// A holder that acknowledged both revisions, and what it says when it is asked
/// to show the second.
fn is_found_out_and_replaced(
    lie: impl Fn(&Target, &Peer, &Message, &(Bytes, Bytes)) -> Option<Frame>,
) {
    let (mut target, peers, older) = owner_and_copy();
    let copy = target.save("{\"tea\":2}", &peers);
    assert_eq!(target.holders(), 3);
    let [spare] = target.meet(["spare"]);
    let liar = &peers[0];
    let mut replaced = false;
    // One of three is asked at random every five minutes.
    for _ in 0..20 * AUDIT_EVERY.as_secs() {
        let mut hellos = Vec::new();
        if target.wall().unix_seconds() % 120 == 0 {
            let all = peers.iter().chain([&spare]);
            hellos.extend(all.map(|one| one.hey_there(target.wall())));
        }
        let mut sent = target.hear_all(hellos);
        sent.extend(target.advance(SECOND));
        for asked in of_kind(&sent, "stash:request") {
            let mut honest = peers[1..].iter().chain([&spare]);
            let answered = match honest.find(|one| one.id() == asked.to_id) {
                Some(holder) => Some(answer(&target, holder, &asked, copy.clone())),
                None => lie(&target, liar, &asked, &older),
            };
            target.hear_all(answered);
        }
        for store in of_kind(&sent, "stash:store") {
            if store.to_id == spare.id() {
                let ack = spare.acks(&target, &store);
                target.hear(&direct(&ack));
                replaced = true;
            }
        }
        if replaced {
            break;
        }
    }
    assert!(replaced, "nobody took its place");
    let holders = target.nara.status(target.now()).stash.holders;
    assert_eq!(holders.len(), 3);
    assert!(!holders.iter().any(|one| one.id == liar.id()));
}

#[test]
fn whoever_acks_and_drops_is_found_out_and_replaced() {
    is_found_out_and_replaced(|target, liar, asked, _| {
        let mut nothing = found(target, Bytes::default(), Bytes::default());
        nothing.found = false;
        asked_as(asked).clone_into(&mut nothing.request_id);
        Some(direct(&liar.answers(
            target,
            asked,
            "stash:response",
            &nothing,
        )))
    });
}

#[test]
fn whoever_acks_and_is_silent_when_asked_is_found_out_and_replaced() {
    is_found_out_and_replaced(|_, _, _, _| None);
}

#[test]
fn whoever_acks_and_kept_an_older_copy_is_found_out_and_replaced() {
    is_found_out_and_replaced(|target, liar, asked, older| {
        Some(answer(target, liar, asked, older.clone()))
    });
}

#[test]
fn any_number_of_made_up_clocks_move_no_clock_that_two_others_agree_with() {
    let (mut target, _) = owner();
    for n in 0..100 {
        let liar = Peer::new(&format!("liar-{n}"));
        let hello = liar.hey_there(target.ahead(HOUR));
        let asked = of_kind(&target.hear(&hello), "clock:ask");
        for ask in asked.iter().filter(|ask| ask.to_id == liar.id()) {
            let mut tell = liar.draft(
                target.now(),
                target.id(),
                "clock:tell",
                &Response::default(),
            );
            tell.payload.clone_from(&ask.payload);
            tell.in_reply_to.clone_from(&ask.id);
            let later = target.ahead(HOUR);
            tell.timestamp = light_nara::message::Timestamp::from_wall(later);
            tell.id = tell.computed_id();
            target.hear(&direct(&liar.sign(tell)));
        }
        target.advance(SECOND);
    }
    // The page shows that they differ; its words are still of the true time.
    assert!(target.nara.status(target.now()).clock.off);
    let sent = target.set("{\"tea\":2}").unwrap();
    let store = of_kind(&sent, "stash:store").remove(0);
    let said = store.timestamp.wall().unwrap();
    assert!(said.distance(target.wall()) < SECOND);
}
