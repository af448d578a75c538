//! The confidant's side.

use super::*;

#[test]
fn a_store_makes_a_record_and_is_acknowledged() {
    let mut rt = newborn(&[]);
    let owner = MockRuntime::identity("alice");
    let store = rt.message(&owner, "stash:store", &store_of("alice", 100, 5));
    rt.deliver(&store);
    let held = &rt.service::<Stash>().confidant().held()[&owner];
    assert_eq!(
        held.sealed,
        Sealed {
            nonce: [7; 24],
            ciphertext: vec![9; 100]
        }
    );
    let acks = of_kind(&rt.emitted(), "stash:ack");
    assert_eq!(
        (acks[0].to_id.as_str(), &acks[0].in_reply_to),
        ("alice", &store.id)
    );
    let ack: Ack = parse_payload(&acks[0].payload).unwrap();
    assert_eq!((ack.success, ack.reason), (true, store.id));
}

#[test]
fn a_request_is_answered_with_the_stash_and_echoes_its_request_id() {
    let mut rt = newborn(&[]);
    let owner = MockRuntime::identity("alice");
    let store = rt.message(&owner, "stash:store", &store_of("alice", 100, 5));
    rt.deliver(&store);
    let ask = Request {
        owner_id: "alice".into(),
        request_id: "r-1".into(),
    };
    let ask = rt.message(&owner, "stash:request", &ask);
    rt.deliver(&ask);
    let answers = of_kind(&rt.emitted(), "stash:response");
    let answer: Response = parse_payload(&answers[0].payload).unwrap();
    assert_eq!((answer.found, answer.request_id.as_str()), (true, "r-1"));
    assert_eq!(answer.ciphertext.as_slice(), [9; 100]);
    assert_eq!(answers[0].in_reply_to, ask.id);
}

#[test]
fn a_request_for_what_is_not_held_is_answered_with_not_found() {
    let mut rt = newborn(&[]);
    let ask = Request {
        owner_id: "alice".into(),
        request_id: "r-1".into(),
    };
    let ask = rt.message(&MockRuntime::identity("alice"), "stash:request", &ask);
    rt.deliver(&ask);
    let answers = of_kind(&rt.emitted(), "stash:response");
    assert!(
        !parse_payload::<Response>(&answers[0].payload)
            .unwrap()
            .found
    );
}

#[test]
fn nobody_but_the_owners_key_stores_asks_or_overwrites() {
    let mut rt = newborn(&[]);
    let alice = MockRuntime::identity("alice");
    let store = rt.message(&alice, "stash:store", &store_of("alice", 100, 5));
    rt.deliver(&store);
    let mallory = MockRuntime::identity("mallory");
    let forged = rt.message(&mallory, "stash:store", &store_of("alice", 50, 9));
    rt.deliver(&forged);
    assert_eq!(rt.dropped("not_the_owner"), 1);
    let ask = Request {
        owner_id: "alice".into(),
        request_id: String::new(),
    };
    let ask = rt.message(&mallory, "stash:request", &ask);
    rt.deliver(&ask);
    assert_eq!(rt.dropped("not_the_owner"), 2);
    // The same id under another key is somebody else, with a place of its own.
    let other_key = Identity {
        id: alice.id,
        key: mallory.key,
    };
    let mut second = rt.message(&alice, "stash:store", &store_of("alice", 50, 9));
    second.key = Some(mallory.key);
    rt.deliver(&MockRuntime::sign(&other_key, second));
    let held = rt.service::<Stash>().confidant().held();
    assert_eq!(held[&alice].sealed.ciphertext.len(), 100);
    assert_eq!(held[&other_key].sealed.ciphertext.len(), 50);
}

#[test]
fn places_are_limited_by_memory_mode_and_updates_are_always_welcome() {
    for (mode, limit) in [
        (MemoryMode::Short, 5),
        (MemoryMode::Medium, 20),
        (MemoryMode::Hog, 50),
    ] {
        let mut rt = MockRuntime::new("me").with(with_mode(true, mode)).started();
        let deliver = |rt: &mut MockRuntime, owner: &str, ts| {
            let from = MockRuntime::identity(owner);
            let message = rt.message(&from, "stash:store", &store_of(owner, 10, ts));
            rt.deliver(&message);
        };
        for n in 0..=limit {
            deliver(&mut rt, &format!("owner{n}"), 1);
        }
        let refused = of_kind(&rt.emitted(), "stash:ack").pop().unwrap();
        let refused: Ack = parse_payload(&refused.payload).unwrap();
        assert_eq!(
            (refused.success, refused.reason.as_str()),
            (false, "at_capacity")
        );
        deliver(&mut rt, "owner0", 2);
        let held = rt.service::<Stash>().confidant().held();
        assert_eq!(held.len(), limit);
        assert_eq!(held[&MockRuntime::identity("owner0")].ts, 2);
    }
}

#[test]
fn a_stash_that_is_too_large_or_stale_is_refused_with_the_reason() {
    let mut rt = newborn(&[]);
    let cases = [
        (10_240, 5, ""),
        (10_241, 6, "stash_too_large"),
        (10, 4, "stale ts=5"),
    ];
    for (size, ts, reason) in cases {
        let from = MockRuntime::identity("alice");
        let store = rt.message(&from, "stash:store", &store_of("alice", size, ts));
        rt.deliver(&store);
        let answer = of_kind(&rt.emitted(), "stash:ack").pop().unwrap();
        let answer: Ack = parse_payload(&answer.payload).unwrap();
        assert_eq!(answer.success, reason.is_empty(), "{size} bytes at {ts}");
        assert!(
            reason.is_empty() || answer.reason == reason,
            "{}",
            answer.reason
        );
    }
}

#[test]
fn a_returning_owner_gets_its_stash_after_100_to_600_ms_and_once_in_30_s() {
    let mut rt = newborn(&[]);
    let owner = MockRuntime::identity("alice");
    let store = rt.message(&owner, "stash:store", &store_of("alice", 100, 5));
    rt.deliver(&store);
    rt.emitted();
    let hello = PeerNews { who: owner };
    rt.local("presence:hello", &hello);
    rt.local("presence:hello", &hello);
    rt.advance(Duration::from_millis(99));
    assert!(rt.emitted().is_empty());
    rt.advance(Duration::from_millis(502));
    let pushed = of_kind(&rt.emitted(), "stash:response");
    assert_eq!(pushed.len(), 1);
    assert!(pushed[0].in_reply_to.is_empty());
    // It was pushed between 0.1 and 0.6 s, and 0.6 s have passed.
    rt.advance(Duration::from_millis(29_400));
    rt.local("presence:hello", &hello);
    rt.advance(Duration::from_secs(1));
    assert!(rt.emitted().is_empty());
    rt.local("presence:hello", &hello);
    rt.advance(Duration::from_secs(1));
    assert_eq!(rt.emitted().len(), 1);
}

#[test]
fn a_refresh_is_answered_to_the_key_that_stored_and_to_no_other() {
    let mut rt = newborn(&[]);
    let owner = MockRuntime::identity("alice");
    let store = rt.message(&owner, "stash:store", &store_of("alice", 100, 5));
    rt.deliver(&store);
    rt.emitted();
    let ask = Refresh {
        owner_id: "alice".into(),
        owner: String::new(),
    };
    let refresh = |rt: &mut MockRuntime, from: &Identity| {
        let mut message = rt.message(from, "stash-refresh", &ask);
        message.to_id.clear();
        message.from_id = "alice".into();
        message.key = Some(from.key);
        let bytes = MockRuntime::sign(from, message).to_json();
        rt.deliver_plaza("nara/plaza/stash_refresh", bytes.as_bytes());
        rt.advance(Duration::from_secs(1));
    };
    refresh(&mut rt, &MockRuntime::identity("mallory"));
    assert!(rt.emitted().is_empty());
    refresh(&mut rt, &owner);
    assert_eq!(of_kind(&rt.emitted(), "stash:response").len(), 1);
}

#[test]
fn what_was_stored_by_a_clock_that_was_ahead_gives_way_once_the_clocks_are_right() {
    let mut rt = newborn(&[]);
    let (owner, right) = (MockRuntime::identity("alice"), rt.now().wall);
    let day = 86_400;
    let seconds = right.unix_seconds();
    rt.set_wall(crate::base::WallTime::from_unix_seconds(seconds + day));
    let ahead = rt.message(
        &owner,
        "stash:store",
        &store_of("alice", 100, seconds + day),
    );
    rt.deliver(&ahead);
    rt.set_wall(right);
    let store = rt.message(&owner, "stash:store", &store_of("alice", 200, seconds));
    rt.deliver(&store);
    let held = &rt.service::<Stash>().confidant().held()[&owner];
    assert_eq!((held.ts, held.sealed.ciphertext.len()), (seconds, 200));
}
