//! The stash on the mock runtime: each test is a promise, named as a fact.

use super::*;
use crate::message::{Bytes, Message};
use crate::runtime::{Local, MockCrypto, MockRuntime, Sealed};

const DEADLINE: Duration = Duration::from_secs(10);

fn stash(newborn: bool) -> Stash {
    with_mode(newborn, MemoryMode::Medium)
}

fn with_mode(newborn: bool, mode: MemoryMode) -> Stash {
    Stash::new(
        Config {
            mode,
            target: 3,
            newborn,
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

fn events(rt: &mut MockRuntime) -> Vec<Event> {
    rt.command(|stash: &mut Stash, _| core::iter::from_fn(|| stash.poll_event()).collect())
}

fn ended(rt: &mut MockRuntime, operation: OperationId) -> Option<Result<Receipt, SetError>> {
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
    let memory = Memory {
        data: data.into(),
        timestamp: 1_768_756_000,
        revision,
    };
    let plaintext = codec::encode(&memory).unwrap();
    let crypto = MockCrypto::new(owner.key);
    Response {
        owner_id: owner.id.as_str().into(),
        request_id: String::new(),
        found: true,
        nonce: Bytes::from(vec![1; 24]),
        ciphertext: Bytes::from(crate::runtime::Crypto::seal(&crypto, [1; 24], &plaintext)),
        stored_at: 1_768_756_000,
    }
}

fn push(rt: &mut MockRuntime, from: &str, response: &Response) {
    let message = rt.message(&MockRuntime::identity(from), "stash:response", response);
    rt.deliver(&message);
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

// The confidant.

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
        id: alice.id.clone(),
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
        (10, 4, "stale"),
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
    rt.local("presence:hello", &hello);
    rt.advance(Duration::from_secs(1));
    assert!(rt.emitted().is_empty());
    rt.advance(Duration::from_secs(29));
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

// The owner.

#[test]
fn three_confidants_are_chosen_and_all_get_the_same_seal() {
    let mut rt = newborn(&["a", "b", "c", "d", "e"]);
    let operation = set(&mut rt, "{\"x\":1}");
    let stores = of_kind(&rt.emitted(), "stash:store");
    assert_eq!(stores.len(), 3);
    let payloads: Vec<Store> = stores
        .iter()
        .map(|store| parse_payload(&store.payload).unwrap())
        .collect();
    assert_eq!(payloads[0].ciphertext.len(), SEALED_SIZE);
    assert!(
        payloads
            .iter()
            .all(|one| one.ciphertext == payloads[0].ciphertext)
    );
    assert!(ended(&mut rt, operation).is_none());
    stores.iter().for_each(|store| ack(&mut rt, store));
    let receipt = ended(&mut rt, operation).unwrap().unwrap();
    assert_eq!(
        (receipt.revision, receipt.holders.len(), receipt.target),
        (1, 3, 3)
    );
}

#[test]
fn a_refusal_or_a_silence_makes_the_owner_try_the_next() {
    let mut rt = newborn(&["a", "b", "c", "d", "e"]);
    let operation = set(&mut rt, "1");
    let stores = of_kind(&rt.emitted(), "stash:store");
    let refusal = Ack {
        owner_id: "owner".into(),
        stored_at: 0,
        success: false,
        reason: "at_capacity".into(),
    };
    rt.answer(
        &stores[0],
        &MockRuntime::identity(&stores[0].to_id),
        "stash:ack",
        &refusal,
    );
    assert_eq!(ack_all(&mut rt), 1);
    ack(&mut rt, &stores[1]);
    rt.advance(PATIENCE);
    assert_eq!(ack_all(&mut rt), 1);
    let receipt = ended(&mut rt, operation).unwrap().unwrap();
    assert_eq!(receipt.holders.len(), 3);
    let unwilling = [&stores[0].to_id, &stores[2].to_id];
    assert!(
        receipt
            .holders
            .iter()
            .all(|who| !unwilling.contains(&&who.id.as_str().to_owned()))
    );
}

#[test]
fn fewer_peers_than_wanted_hold_it_the_receipt_says_so_and_more_are_won_later() {
    let mut rt = newborn(&["a"]);
    let operation = set(&mut rt, "1");
    ack_all(&mut rt);
    rt.advance(DEADLINE);
    let receipt = ended(&mut rt, operation).unwrap().unwrap();
    assert_eq!((receipt.holders.len(), receipt.target), (1, 3));
    rt.register("b");
    rt.register("c");
    assert_eq!(ack_all(&mut rt), 2);
    let saved = events(&mut rt).into_iter().filter_map(|event| match event {
        Event::Saved(receipt) => Some(receipt.holders.len()),
        _ => None,
    });
    assert_eq!(saved.max(), Some(3));
}

#[test]
fn nobody_there_is_an_error_with_the_figures_and_nothing_is_lost() {
    let mut rt = newborn(&[]);
    let operation = set(&mut rt, "{\"kept\":true}");
    rt.advance(DEADLINE);
    let error = ended(&mut rt, operation).unwrap().unwrap_err();
    assert_eq!(
        error,
        SetError::NotEnoughPeers {
            wanted: 3,
            found: 0
        }
    );
    assert_eq!(data_of(&rt).as_deref(), Some("{\"kept\":true}"));
    rt.register("a");
    assert_eq!(of_kind(&rt.emitted(), "stash:store").len(), 1);
}

#[test]
fn a_confidant_that_leaves_is_replaced_at_once() {
    let mut rt = newborn(&["a", "b", "c", "d"]);
    set(&mut rt, "1");
    let stores = of_kind(&rt.emitted(), "stash:store");
    stores.iter().for_each(|store| ack(&mut rt, store));
    let gone = MockRuntime::identity(&stores[0].to_id);
    rt.local("presence:gone", &PeerNews { who: gone });
    assert_eq!(ack_all(&mut rt), 1);
    assert_eq!(rt.service::<Stash>().owner().current_holders().count(), 3);
}

#[test]
fn an_ack_that_names_another_store_is_no_ack() {
    let mut rt = newborn(&["a"]);
    set(&mut rt, "1");
    let store = of_kind(&rt.emitted(), "stash:store").remove(0);
    let stored_at = rt.now().wall.unix_seconds();
    let reason = "anotherstoresid1".to_owned();
    let withheld = Ack {
        owner_id: "owner".into(),
        stored_at,
        success: true,
        reason,
    };
    rt.answer(&store, &MockRuntime::identity("a"), "stash:ack", &withheld);
    assert_eq!(rt.service::<Stash>().owner().current_holders().count(), 0);
}

#[test]
fn a_newer_memory_replaces_the_one_that_is_still_on_its_way() {
    let mut rt = newborn(&["a", "b", "c"]);
    let first = set(&mut rt, "1");
    let second = set(&mut rt, "2");
    let all = events(&mut rt);
    assert!(all.contains(&Event::Set(first, Err(SetError::Replaced))));
    ack_all(&mut rt);
    let receipt = ended(&mut rt, second).unwrap().unwrap();
    assert_eq!((receipt.revision, receipt.holders.len()), (2, 3));
}

#[test]
fn bad_input_is_refused_before_anything_is_sent() {
    let mut rt = newborn(&["a", "b", "c"]);
    set(&mut rt, "\"good\"");
    rt.emitted();
    let long = format!("\"{}\"", "x".repeat(MEMORY_SIZE_MAX));
    for bad in ["{", "", "{\"a\":1}x", &long] {
        let result = rt.command(|stash: &mut Stash, ctx| stash.set(ctx, bad.into(), DEADLINE));
        assert!(matches!(result, Err(SetError::Codec(_))), "{:.20}", bad);
    }
    assert!(rt.emitted().is_empty());
    assert_eq!(data_of(&rt).as_deref(), Some("\"good\""));
}

// Recovery.

#[test]
fn waking_asks_everybody_by_broadcast_and_each_peer_by_request() {
    let mut rt = reborn();
    rt.set_connected(true);
    rt.register("a");
    let emitted = rt.emitted();
    assert!(!of_kind(&emitted, "stash-refresh").is_empty());
    let asked = of_kind(&emitted, "stash:request");
    assert_eq!(asked[0].to_id, "a");
    let ask: Request = parse_payload(&asked[0].payload).unwrap();
    assert!(ask.request_id.len() >= 16);
}

#[test]
fn the_newest_revision_wins_whoever_answers_first() {
    let mut rt = reborn();
    let me = MockRuntime::identity("owner");
    push(&mut rt, "a", &response_of(&me, "\"old\"", 1));
    push(&mut rt, "b", &response_of(&me, "\"new\"", 2));
    push(&mut rt, "c", &response_of(&me, "\"old\"", 1));
    rt.advance(SETTLE_AFTER);
    assert_eq!(data_of(&rt).as_deref(), Some("\"new\""));
    assert_eq!(recovered_counts(&mut rt), ["{\"count\":1}"]);
    let recovery = rt.service::<Stash>().recovery();
    assert_eq!(recovery.from(), Some(&MockRuntime::identity("b")));
    assert_eq!(recovery.state(), SearchState::Recovered);
}

#[test]
fn as_many_copies_as_wanted_end_the_search_at_once_and_are_counted() {
    let mut rt = reborn();
    let me = MockRuntime::identity("owner");
    let operation = recover(&mut rt);
    for from in ["a", "b", "c"] {
        push(&mut rt, from, &response_of(&me, "[1]", 4));
    }
    assert_eq!(recovered_counts(&mut rt), ["{\"count\":3}"]);
    let memory = Memory {
        data: "[1]".into(),
        timestamp: 1_768_756_000,
        revision: 4,
    };
    assert!(events(&mut rt).contains(&Event::Recovered(operation, Some(memory))));
    // Whoever answered is a confidant again, and nothing needs to be sent.
    assert_eq!(rt.service::<Stash>().owner().current_holders().count(), 3);
    assert!(of_kind(&rt.emitted(), "stash:store").is_empty());
}

#[test]
fn nothing_found_by_the_deadline_is_told_with_zero_and_the_search_goes_on() {
    let mut rt = reborn();
    let operation = recover(&mut rt);
    rt.advance(RECOVERY_DEADLINE);
    assert_eq!(recovered_counts(&mut rt), ["{\"count\":0}"]);
    assert!(events(&mut rt).contains(&Event::Recovered(operation, None)));
    let me = MockRuntime::identity("owner");
    push(&mut rt, "late", &response_of(&me, "\"still there\"", 3));
    rt.advance(SETTLE_AFTER);
    assert_eq!(data_of(&rt).as_deref(), Some("\"still there\""));
    assert_eq!(recovered_counts(&mut rt), ["{\"count\":1}"]);
}

#[test]
fn what_another_naras_key_sealed_does_not_open_and_is_logged() {
    let mut rt = reborn();
    let mut foreign = response_of(&MockRuntime::identity("mallory"), "1", 9);
    foreign.owner_id = "owner".into();
    push(&mut rt, "a", &foreign);
    rt.advance(RECOVERY_DEADLINE);
    assert_eq!(data_of(&rt), None);
    assert_eq!(rt.logged(crate::runtime::Level::Error), 1);
    assert_eq!(recovered_counts(&mut rt), ["{\"count\":0}"]);
}

#[test]
fn a_set_waits_for_the_search_and_gets_the_revision_after_the_newest() {
    let mut rt = reborn();
    let me = MockRuntime::identity("owner");
    let operation = set(&mut rt, "\"mine\"");
    assert!(of_kind(&rt.emitted(), "stash:store").is_empty());
    for from in ["a", "b", "c"] {
        rt.register(from);
        push(&mut rt, from, &response_of(&me, "\"old\"", 7));
    }
    assert_eq!(ack_all(&mut rt), 3);
    let receipt = ended(&mut rt, operation).unwrap().unwrap();
    assert_eq!(receipt.revision, 8);
    assert_eq!(data_of(&rt).as_deref(), Some("\"mine\""));
}

#[test]
fn a_late_push_of_something_newer_is_taken_and_of_something_older_is_not() {
    let mut rt = reborn();
    let me = MockRuntime::identity("owner");
    push(&mut rt, "a", &response_of(&me, "\"two\"", 2));
    rt.advance(SETTLE_AFTER);
    push(&mut rt, "b", &response_of(&me, "\"one\"", 1));
    assert_eq!(data_of(&rt).as_deref(), Some("\"two\""));
    push(&mut rt, "c", &response_of(&me, "\"three\"", 3));
    assert_eq!(data_of(&rt).as_deref(), Some("\"three\""));
}

#[test]
fn what_was_set_after_a_search_in_vain_stays_on_top_of_what_turns_up_later() {
    let mut rt = reborn();
    rt.advance(RECOVERY_DEADLINE);
    set(&mut rt, "\"written since\"");
    let me = MockRuntime::identity("owner");
    push(&mut rt, "late", &response_of(&me, "\"old\"", 7));
    rt.advance(SETTLE_AFTER);
    assert_eq!(data_of(&rt).as_deref(), Some("\"written since\""));
    let revision = rt
        .service::<Stash>()
        .owner()
        .memory()
        .map(|memory| memory.revision);
    assert_eq!(revision, Some(8));
}

#[test]
fn of_two_memories_of_one_revision_and_time_the_same_one_wins_in_either_order() {
    let chosen = |order: [&str; 2]| {
        let mut rt = reborn();
        let me = MockRuntime::identity("owner");
        for (from, data) in ["a", "b"].into_iter().zip(order) {
            push(&mut rt, from, &response_of(&me, data, 3));
        }
        rt.advance(SETTLE_AFTER);
        data_of(&rt)
    };
    assert_eq!(chosen(["1", "2"]), chosen(["2", "1"]));
}

#[test]
fn holders_beyond_the_limit_are_not_remembered() {
    let mut rt = reborn();
    let me = MockRuntime::identity("owner");
    for n in 0..80 {
        push(&mut rt, &format!("claims{n}"), &response_of(&me, "1", 1));
    }
    assert_eq!(rt.service::<Stash>().owner().holders().len(), 64);
}

#[test]
fn a_response_about_somebody_elses_stash_changes_nothing() {
    let mut rt = reborn();
    push(
        &mut rt,
        "a",
        &response_of(&MockRuntime::identity("bob"), "1", 1),
    );
    assert_eq!(rt.dropped("not_my_stash"), 1);
    assert!(rt.service::<Stash>().recovery().answers().is_empty());
}

// The state.

#[test]
fn the_state_survives_a_round_trip_without_plaintext_or_key() {
    let mut rt = newborn(&["a", "b", "c"]);
    for owner in ["alice", "bob"] {
        let from = MockRuntime::identity(owner);
        let store = rt.message(&from, "stash:store", &store_of(owner, 33, 5));
        rt.deliver(&store);
    }
    rt.emitted();
    set(&mut rt, "\"a canary\"");
    ack_all(&mut rt);
    let text = rt.service::<Stash>().marshal_state();
    assert!(!text.contains("canary"));
    assert!(!text.contains(&MockRuntime::identity("owner").key.to_text()));
    let mut restored = stash(true);
    restored.unmarshal_state(&text).unwrap();
    assert_eq!(
        restored.confidant().held(),
        rt.service::<Stash>().confidant().held()
    );
    assert_eq!(rt.service::<Stash>().owner().current_holders().count(), 3);
    assert!(matches!(
        restored.unmarshal_state("{}"),
        Err(StateError::Shape(_))
    ));
}

// What a review found.

#[test]
fn a_push_after_the_search_leaves_no_deadline_behind() {
    let mut rt = reborn();
    let me = MockRuntime::identity("owner");
    let response = response_of(&me, "1", 2);
    push(&mut rt, "a", &response);
    rt.advance(SETTLE_AFTER);
    push(&mut rt, "a", &response);
    // A deadline that stays in the past would never let this end.
    rt.advance(SETTLE_AFTER * 10);
    let (at, _) = rt.runtime().poll_timeout().unwrap();
    assert!(at > rt.now().mono);
}

#[test]
fn a_peer_that_repeats_its_copy_cannot_prolong_the_search() {
    let mut rt = reborn();
    let me = MockRuntime::identity("owner");
    for _ in 0..4 {
        push(&mut rt, "a", &response_of(&me, "1", 2));
        rt.advance(SETTLE_AFTER / 2);
    }
    let recovery = rt.service::<Stash>().recovery();
    assert_eq!(recovery.state(), SearchState::Recovered);
}

#[test]
fn a_confidant_whose_clock_is_behind_counts_if_its_ack_names_the_store() {
    let mut rt = newborn(&["a"]);
    set(&mut rt, "1");
    let store = of_kind(&rt.emitted(), "stash:store").remove(0);
    let reason = store.id.clone();
    let late = Ack {
        owner_id: "owner".into(),
        stored_at: 5,
        success: true,
        reason,
    };
    rt.answer(&store, &MockRuntime::identity("a"), "stash:ack", &late);
    assert_eq!(rt.service::<Stash>().owner().current_holders().count(), 1);
}

#[test]
fn an_ack_of_a_go_nara_counts_by_its_time_and_an_impossible_time_harms_nobody() {
    for (stored_at, counted) in [(i64::MIN, 0), (0, 0), (1_768_756_453, 1), (i64::MAX, 1)] {
        let mut rt = newborn(&["a"]);
        set(&mut rt, "1");
        let store = of_kind(&rt.emitted(), "stash:store").remove(0);
        let ack = Ack {
            owner_id: "owner".into(),
            stored_at,
            success: true,
            reason: String::new(),
        };
        rt.answer(&store, &MockRuntime::identity("a"), "stash:ack", &ack);
        let holders = rt.service::<Stash>().owner().current_holders().count();
        assert_eq!(holders, counted, "stored at {stored_at}");
    }
}

#[test]
fn a_memory_saved_after_the_clock_was_put_back_is_not_older_than_the_last() {
    let mut rt = reborn();
    let me = MockRuntime::identity("owner");
    let ahead = rt.now().wall.unix_seconds() + 3_600;
    let memory = Memory {
        data: "1".into(),
        timestamp: ahead,
        revision: 1,
    };
    let mut response = response_of(&me, "1", 1);
    let plaintext = codec::encode(&memory).unwrap();
    let sealed = crate::runtime::Crypto::seal(&MockCrypto::new(me.key), [1; 24], &plaintext);
    response.ciphertext = Bytes::from(sealed);
    push(&mut rt, "a", &response);
    rt.advance(SETTLE_AFTER);
    set(&mut rt, "2");
    let memory = rt.service::<Stash>().owner().memory().unwrap();
    assert_eq!((memory.timestamp, memory.revision), (ahead, 2));
}

#[test]
fn a_holder_whose_leaving_was_never_told_does_not_count_for_ever() {
    let mut rt = newborn(&["a", "b", "c"]);
    set(&mut rt, "1");
    ack_all(&mut rt);
    // Strangers push everybody else out of the neighbourhood.
    for n in 0..crate::neighbourhood::PEERS_MAX {
        rt.register(&format!("stranger{n}"));
        rt.emitted();
    }
    rt.advance(CHECK_EVERY);
    assert_eq!(rt.service::<Stash>().owner().current_holders().count(), 0);
    assert!(!of_kind(&rt.emitted(), "stash:store").is_empty());
}

#[test]
fn stores_that_went_down_with_the_connection_are_sent_again_when_it_is_back() {
    let mut rt = newborn(&["a", "b", "c"]);
    set(&mut rt, "1");
    assert_eq!(of_kind(&rt.emitted(), "stash:store").len(), 3);
    rt.set_connected(false);
    rt.set_connected(true);
    assert_eq!(ack_all(&mut rt), 3);
    assert_eq!(rt.service::<Stash>().owner().current_holders().count(), 3);
}

#[test]
fn what_goes_on_top_of_a_late_find_is_stored_at_once() {
    let mut rt = reborn();
    let me = MockRuntime::identity("owner");
    push(&mut rt, "a", &response_of(&me, "\"one\"", 1));
    rt.advance(SETTLE_AFTER);
    set(&mut rt, "\"mine\"");
    rt.register("b");
    rt.emitted();
    push(&mut rt, "c", &response_of(&me, "\"elsewhere\"", 9));
    let stores = of_kind(&rt.emitted(), "stash:store");
    assert!(!stores.is_empty());
    assert_eq!(data_of(&rt).as_deref(), Some("\"mine\""));
}

#[test]
fn an_old_not_found_passed_off_as_an_answer_is_not_one() {
    let mut rt = reborn();
    rt.register("a");
    let request = of_kind(&rt.emitted(), "stash:request").remove(0);
    let old = Response {
        owner_id: "owner".into(),
        request_id: "another".into(),
        found: false,
        nonce: Bytes::default(),
        ciphertext: Bytes::default(),
        stored_at: 0,
    };
    rt.answer(
        &request,
        &MockRuntime::identity("a"),
        "stash:response",
        &old,
    );
    assert!(rt.service::<Stash>().recovery().answers().is_empty());
}
