//! Attacks on the reader: sizes, spelling, nesting, kinds, and MQTT itself.

use super::peer::{Peer, direct};
use super::target::{Frame, SECOND, Target};
use core::time::Duration;
use light_nara::base::NaraId;
use light_nara::message::{Bytes, FRAME_SIZE_MAX, Request, to_go_json};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A target, somebody it knows, and an honest store of that.
fn stored() -> (Target, Peer, Frame) {
    let mut target = Target::new();
    let [victim] = target.meet(["victim"]);
    let frame = direct(&victim.store(&target, "mine"));
    (target, victim, frame)
}

#[test]
fn a_frame_beyond_the_limit_is_passed_over_and_never_kept() {
    let (mut target, _, honest) = stored();
    let mut padded = honest.clone();
    padded.payload.resize(FRAME_SIZE_MAX + 1, b' ');
    target.drops(&padded, "packet_too_long");
    padded.payload.resize(20 << 20, b' ');
    target.drops(&padded, "packet_too_long");
    target.hear(&honest);
    assert_eq!(target.held(), 1, "the next one is heard");
}

#[test]
fn a_ciphertext_beyond_the_limit_is_refused_and_so_is_what_cannot_be_one() {
    let (mut target, victim, _) = stored();
    let with = |target: &Target, nonce: usize, ciphertext: usize| {
        let mut store = victim.sealed("", target.wall());
        store.nonce = Bytes::from(vec![1; nonce]);
        store.ciphertext = Bytes::from(vec![1; ciphertext]);
        direct(&victim.says(target, "stash:store", &store))
    };
    let refusals = [
        (24, 10_241, "stash_too_large"),
        (24, 40_000, "stash_too_large"),
        (24, 0, "no_ciphertext"),
        (23, 100, "bad_nonce"),
        (25, 100, "bad_nonce"),
        (0, 100, "bad_nonce"),
    ];
    for (nonce, ciphertext, reason) in refusals {
        let frame = with(&target, nonce, ciphertext);
        target.refuses(&frame, reason);
    }
    let frame = with(&target, 24, 10_240);
    target.hear(&frame);
    assert!(target.holds_for(&victim), "the limit itself fits");
}

#[test]
fn a_field_twice_or_in_another_case_is_refused_wherever_it_stands() {
    let (mut target, victim, honest) = stored();
    let kind = "\"kind\":\"stash:store\"";
    let payload = "\"payload\":{";
    let envelope = [
        honest.with(kind, &format!("{kind},{kind}")),
        honest.with(kind, &format!("\"Kind\":\"stash:ack\",{kind}")),
        honest.with("\"from_id\"", "\"From_Id\""),
        honest.with("\"signature\"", "\"SIGNATURE\""),
        honest.with(payload, &format!("{payload}}},{payload}")),
        // Escapes spell the same name.
        honest.with(kind, &format!("\"k\\u0069nd\":\"a\",{kind}")),
    ];
    for frame in envelope {
        target.drops(&frame, "malformed");
    }
    let owner = "\"owner_id\":";
    for twice in [
        "\"owner_id\":\"x\",",
        "\"OWNER_ID\":\"x\",",
        "\"owner\\u005fid\":\"x\",",
    ] {
        let frame = honest.with(owner, &format!("{twice}{owner}"));
        target.drops(&frame, "malformed_payload");
    }
    let hello = victim.hey_there(target.wall());
    for (from, to) in [
        ("\"ts\":", "\"ts\":1,\"ts\":"),
        ("\"ts\":", "\"TS\":1,\"ts\":"),
        ("\"From\":", "\"from\":\"x\",\"From\":"),
        ("\"ID\":", "\"ID\":\"x\",\"ID\":"),
    ] {
        target.drops(&hello.with(from, to), "malformed");
    }
    let howdy = victim.howdy("target");
    for (from, to) in [
        ("\"From\":", "\"From\":\"x\",\"From\":"),
        ("\"From\":", "\"FROM\":\"x\",\"From\":"),
        ("\"Seq\":", "\"Seq\":2,\"Seq\":"),
        ("\"Me\":", "\"Me\":{},\"Me\":"),
        ("\"Me\":", "\"me\":{},\"Me\":"),
        // Deeper down: what it says of itself.
        ("\"PublicKey\":", "\"PublicKey\":\"x\",\"PublicKey\":"),
        ("\"PublicKey\":", "\"publickey\":\"x\",\"PublicKey\":"),
        ("\"ID\":", "\"ID\":\"x\",\"ID\":"),
    ] {
        target.drops(&howdy.with(from, to), "malformed");
    }
    let chau = victim.chau(target.wall());
    for (from, to) in [
        ("\"sig\":", "\"sig\":\"x\",\"sig\":"),
        ("\"chau\":", "\"CHAU\":{},\"chau\":"),
        ("\"From\":", "\"From\":\"x\",\"From\":"),
        ("\"ID\":", "\"id\":\"x\",\"ID\":"),
    ] {
        target.drops(&chau.with(from, to), "malformed");
    }
    assert!(target.sees(&victim));
    let paper = victim.newspaper();
    target.drops(
        &paper.with("\"From\":", "\"From\":\"x\",\"From\":"),
        "malformed",
    );
    target.drops(&paper.with("\"ID\":", "\"ID\":\"x\",\"ID\":"), "malformed");
}

#[test]
fn what_is_no_json_or_goes_too_deep_is_malformed_and_overflows_nothing() {
    let (mut target, victim, honest) = stored();
    let topic = honest.topic.clone();
    let deep = |open: &str, n: usize| Frame::new(&topic, open.repeat(n));
    let mut frames = vec![
        Frame::new(&topic, ""),
        Frame::new(&topic, "null"),
        Frame::new(&topic, "\u{feff}{}"),
        Frame::new(&topic, [0xff, 0xfe, 0x00]),
        Frame::new(
            &topic,
            [b"{\"kind\":\"a".as_slice(), &[0xc0, 0x80], b"\"}"].concat(),
        ),
        deep("[", 60_000),
        deep("{\"a\":", 13_000),
        deep("{\"payload\":[", 5_000),
        honest.with("\"timestamp\":\"2026-", "\"timestamp\":\"99999-"),
        honest.with("\"version\":1", "\"version\":1e999"),
        honest.with("\"version\":1", "\"version\":99999999999999999999999999"),
    ];
    let fields: String = (0..100).map(|n| format!("\"f{n}\":1,")).collect();
    frames.push(honest.with("{\"id\"", &format!("{{{fields}\"id\"")));
    for cut in [1, 20, 200, honest.payload.len() - 1] {
        frames.push(Frame::new(&topic, &honest.payload[..cut]));
    }
    for frame in &frames {
        target.drops(frame, "malformed");
    }
    let nested = format!(
        "\"payload\":{}1{},\"x\":{{",
        "[".repeat(120),
        "]".repeat(120)
    );
    target.drops(&honest.with("\"payload\":{", &nested), "malformed_payload");
    for topic in [
        "nara/plaza/hey_there",
        "nara/plaza/howdy",
        "nara/newspaper/victim",
    ] {
        target.drops(&deep("[", 60_000).on(topic), "malformed");
        target.drops(&deep("{\"Me\":", 10_000).on(topic), "malformed");
    }
    let howdy = victim.howdy("target");
    let deep = format!("\"Neighbors\":{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let state = target.state();
    target.suffers(&howdy.with("\"Neighbors\":[]", &deep));
    assert_eq!(target.state(), state, "what is not read does no harm");
}

#[test]
fn unknown_kinds_and_versions_are_dropped_before_any_signature_is_checked() {
    let (mut target, _, honest) = stored();
    target.drops(
        &honest.with("\"version\":1", "\"version\":2"),
        "unknown_version",
    );
    target.drops(
        &honest.with("\"version\":1", "\"version\":0"),
        "unknown_version",
    );
    target.drops(&honest.with("stash:store", "stash:steal"), "unknown_kind");
    // What services of a nara say to each other cannot be said from outside.
    for local in [
        "stash:go_on",
        "plaza:offline",
        "presence:gone",
        "clock:set",
        "runtime:own",
    ] {
        target.drops(&honest.with("stash:store", local), "unknown_kind");
    }
}

#[test]
fn what_is_for_another_is_not_served() {
    let (mut target, victim, honest) = stored();
    let own = target.id().to_owned();
    let mut forged = honest.with(&format!("\"to_id\":\"{own}\""), "\"to_id\":\"somebody\"");
    target.drops(&forged, "not_for_me");
    forged = honest.with(&format!("\"to_id\":\"{own}\","), "");
    target.drops(&forged, "not_for_me");
    let for_another = victim.draft(
        target.now(),
        "somebody",
        "stash:store",
        &victim.sealed("x", target.wall()),
    );
    let frame = direct(&victim.sign(for_another)).on(&honest.topic);
    target.drops(&frame, "not_for_me");
    target.drops(
        &frame.with("\"to_id\":\"somebody\"", &format!("\"to_id\":\"{own}\"")),
        "bad_signature",
    );
}

#[test]
fn every_byte_that_is_signed_counts() {
    let (mut target, victim, honest) = stored();
    let text = String::from_utf8(honest.payload.clone()).unwrap();
    let id = &text.split("\"id\":\"").nth(1).unwrap()[..16].to_owned();
    let ts = target.wall().unix_seconds();
    for (from, to) in [
        (id.as_str(), "1111111111111111"),
        (&format!("\"ts\":{ts}"), &format!("\"ts\":{}", ts + 1)),
        ("\"owner\":\"victim\"", "\"owner\":\"viktim\""),
        ("\"kind\":\"stash:store\"", "\"kind\":\"stash:delete\""),
        ("\"nonce\":\"B", "\"nonce\":\"C"),
    ] {
        target.drops(&honest.with(from, to), "bad_signature");
    }
    let other = Peer::new("other").who.key.to_text();
    let own = victim.who.key.to_text();
    // The key that a message names helps to check it; it cannot weaken it.
    target.drops(
        &honest.with("\"kind\":\"stash:store\"", "\"kind\":\"stash:request\""),
        "bad_signature",
    );
    target.hear(&honest.with(&own, &other));
    assert!(
        target.holds_for(&victim),
        "a known key fits without its help"
    );
}

#[test]
fn a_key_of_small_order_is_nobody() {
    let (mut target, victim, _) = stored();
    // With the neutral element as key and as R, S = 0 fits every text where
    // small orders are let through.
    let request = Request {
        owner_id: victim.id().to_owned(),
        request_id: String::new(),
    };
    let mut message = victim.says(&target, "stash:request", &request);
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    message.key = Some(light_nara::base::PublicKey(neutral));
    message.signature = Some(light_nara::identity::Signature(signature));
    target.drops(&direct(&message), "bad_signature");
}

#[test]
fn one_sender_is_heard_thirty_times_in_ten_seconds_and_no_more() {
    let (mut target, victim, _) = stored();
    let request = Request {
        owner_id: "somebody".to_owned(),
        request_id: String::new(),
    };
    for _ in 0..30 {
        target.advance(Duration::from_millis(1));
        let frame = direct(&victim.says(&target, "stash:request", &request));
        target.drops(&frame, "not_the_owner");
    }
    for _ in 0..30 {
        target.advance(Duration::from_millis(1));
        let frame = direct(&victim.says(&target, "stash:request", &request));
        target.drops(&frame, "rate_limited");
    }
    target.advance(10 * SECOND);
    let frame = direct(&victim.says(&target, "stash:request", &request));
    target.drops(&frame, "not_the_owner");
}

#[test]
fn ids_that_no_nara_can_have_name_nobody() {
    let (mut target, victim, honest) = stored();
    for id in ["", "a/b", "a+b", "#", "a b", &"1".repeat(65)] {
        assert!(NaraId::parse(id).is_err(), "{id}");
        let hello = victim.hey_there(target.wall());
        let name = format!("\"ID\":\"{}\"", victim.id());
        let frame = hello.with(&name, &format!("\"ID\":{}", to_go_json(id)));
        target.drops(&frame, "malformed");
        let from = format!("\"from_id\":\"{}\"", victim.id());
        let frame = honest.with(&from, &format!("\"from_id\":{}", to_go_json(id)));
        let reason = if id.len() > 64 {
            "malformed"
        } else {
            "bad_signature"
        };
        target.drops(&frame, reason);
    }
}

/// What a broker may send that is no MQTT, or no MQTT for a client.
#[test]
fn a_broker_that_sends_nonsense_is_left_and_reached_again() {
    let packets: [&[u8]; 9] = [
        &[0x10, 0],
        &[0x00, 0],
        &[0xf0, 0],
        &[0x20, 2, 0, 0],
        &[0x30, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[0x30, 1, 0],
        &[0x30, 4, 0xff, 0xff, b'a', b'b'],
        &[0x34, 5, 0, 1, b'a', 0, 1],
        &[0x90, 3, 0, 9, 0],
    ];
    for packet in packets {
        let (mut target, victim, _) = stored();
        let state = target.state();
        target.take(packet);
        let connection = target.nara.status(target.now()).connection;
        assert_eq!(connection.state, "waiting", "{packet:?}");
        assert!(connection.why.is_some());
        target.advance(3 * SECOND);
        let connection = target.nara.status(target.now()).connection;
        assert_eq!(connection.state, "online", "{packet:?}");
        assert!(target.sees(&victim));
        let after = target.state();
        for part in ["stash", "held", "confidants", "recovery", "peers", "clock"] {
            assert_eq!(after[0][part], state[0][part], "{packet:?}");
        }
    }
}

#[test]
fn a_topic_that_cannot_be_one_or_that_nobody_asked_for_is_nothing() {
    let (mut target, victim, _) = stored();
    let hello = victim.hey_there(target.wall());
    for topic in ["nara/plaza/+", "#", "", "a\0b"] {
        target.drops(&hello.on(topic), "topic_invalid");
    }
    target.drops(&hello.on(&"a/".repeat(2_000)), "topic_too_long");
    let state = target.state();
    for topic in [
        "nara/plaza/hey_there/x",
        "nara/Plaza/hey_there",
        "$SYS/x",
        "nara/mesh",
    ] {
        target.suffers(&hello.on(topic));
        assert_eq!(target.state(), state, "{topic}");
    }
}
