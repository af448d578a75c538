//! The search for a memory, and what a set does meanwhile.

use super::*;
use crate::stash::filling::PATIENCE;
use crate::stash::recovery::LATE_FOR;

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
fn the_search_ends_as_soon_as_everybody_whom_the_seal_names_has_answered() {
    let mut rt = reborn();
    let me = MockRuntime::identity("owner");
    let operation = recover(&mut rt);
    let copy = response_naming(&me, "[1]", 4, &["a", "b", "c"]);
    push(&mut rt, "a", &copy);
    // The others are asked though nobody has met them yet.
    let asked = of_kind(&rt.emitted(), "stash:request");
    let ask_of = |who: &str| asked.iter().find(|one| one.to_id == who).unwrap();
    rt.answer(
        ask_of("b"),
        &MockRuntime::identity("b"),
        "stash:response",
        &copy,
    );
    assert!(recovered_counts(&mut rt).is_empty());
    let nothing = not_found(ask_of("c"));
    rt.answer(
        ask_of("c"),
        &MockRuntime::identity("c"),
        "stash:response",
        &nothing,
    );
    assert_eq!(recovered_counts(&mut rt), ["{\"count\":2}"]);
    let memory = Memory {
        data: "[1]".into(),
        timestamp: 1_768_756_000,
        revision: 4,
    };
    assert!(events(&mut rt).contains(&Event::Recovered(operation, Some(memory))));
    // Whoever answered with it is a confidant again.
    assert_eq!(holders(&rt), ["a", "b"]);
}

#[test]
fn whoever_is_remembered_is_asked_at_once_and_the_search_ends_when_they_have_answered() {
    let me = MockRuntime::identity("owner");
    let mut before = newborn(&["a", "b", "c"]);
    set(&mut before, "[1]");
    ack_all(&mut before);
    let text = before.service::<Stash>().holders_text();
    let holders = holders_of(&["nobody\n", &text, "x y\n"].concat());
    let names: Vec<&str> = holders.iter().map(|who| who.id.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);

    let config = Config {
        holders,
        ..Config::new(false)
    };
    let service = Stash::new(config, Now::default());
    let mut rt = MockRuntime::new("owner").with(service).started();
    let emitted = rt.emitted();
    let asked = of_kind(&emitted, "stash:request");
    assert_eq!(of_kind(&emitted, "stash-refresh").len(), 0);
    let copy = response_naming(&me, "[1]", 1, &["a", "b", "c"]);
    for request in &asked {
        assert!(recovered_counts(&mut rt).is_empty());
        let from = MockRuntime::identity(&request.to_id);
        rt.answer(request, &from, "stash:response", &copy);
    }
    assert_eq!(recovered_counts(&mut rt), ["{\"count\":3}"]);
    // Everybody is asked, too, a little later: somebody may have a newer one.
    rt.advance(HOLDERS_FIRST);
    assert_eq!(of_kind(&rt.emitted(), "stash-refresh").len(), 1);
    rt.advance(RECOVERY_DEADLINE);
    assert_eq!(of_kind(&rt.emitted(), "stash-refresh").len(), 0);
}

#[test]
fn a_connection_lost_before_everybody_was_asked_asks_them_when_it_is_back() {
    let config = Config {
        holders: vec![MockRuntime::identity("a")],
        ..Config::new(false)
    };
    let service = Stash::new(config, Now::default());
    let mut rt = MockRuntime::new("owner").with(service).started();
    rt.set_connected(false);
    rt.advance(HOLDERS_FIRST);
    assert_eq!(of_kind(&rt.emitted(), "stash-refresh").len(), 0);
    rt.set_connected(true);
    assert_eq!(of_kind(&rt.emitted(), "stash-refresh").len(), 1);
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

/// Somebody greets. Returns how it is asked for the memory, if it is.
fn asked_at_hello(rt: &mut MockRuntime, who: &str) -> Option<Message> {
    rt.emitted();
    let who = MockRuntime::identity(who);
    rt.local("presence:hello", &PeerNews { who });
    of_kind(&rt.emitted(), "stash:request").pop()
}

#[test]
fn who_comes_back_behind_a_search_that_missed_it_is_asked_for_two_minutes() {
    let mut rt = reborn();
    let me = MockRuntime::identity("owner");
    push(&mut rt, "a", &response_of(&me, "\"two\"", 2));
    rt.advance(SETTLE_AFTER);
    assert_eq!(recovered_counts(&mut rt), ["{\"count\":1}"]);
    // It seems to be there, and does not answer.
    rt.register("b");
    rt.advance(PATIENCE);
    let asked = asked_at_hello(&mut rt, "b").expect("a request");
    let newer = response_of(&me, "\"three\"", 3);
    let b = MockRuntime::identity("b");
    rt.answer(&asked, &b, "stash:response", &newer);
    assert_eq!(data_of(&rt).as_deref(), Some("\"three\""));
    assert_eq!(asked_at_hello(&mut rt, "b"), None, "it has answered");
    rt.register("c");
    rt.advance(LATE_FOR);
    assert_eq!(asked_at_hello(&mut rt, "c"), None, "it is too late");
}

#[test]
fn nobody_is_asked_behind_a_search_that_all_who_are_named_have_answered() {
    let mut rt = reborn();
    let me = MockRuntime::identity("owner");
    let copy = response_naming(&me, "1", 1, &["a", "b", "c"]);
    for who in ["a", "b", "c"] {
        push(&mut rt, who, &copy);
    }
    rt.advance(SETTLE_AFTER);
    assert_eq!(recovered_counts(&mut rt), ["{\"count\":3}"]);
    rt.emitted();
    rt.register("d");
    assert!(of_kind(&rt.emitted(), "stash:request").is_empty());
    assert_eq!(asked_at_hello(&mut rt, "d"), None);
}

#[test]
fn what_was_set_after_a_search_in_vain_stays_on_top_of_what_turns_up_later() {
    let mut rt = reborn();
    rt.advance(RECOVERY_DEADLINE);
    start_empty(&mut rt);
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

#[test]
fn a_fast_stale_answer_does_not_end_the_search_while_the_newest_is_on_its_way() {
    let mut rt = reborn();
    let me = MockRuntime::identity("owner");
    for from in ["a", "b", "c"] {
        push(&mut rt, from, &response_of(&me, "\"stale\"", 5));
    }
    rt.advance(SETTLE_AFTER / 2);
    assert_eq!(rt.service::<Stash>().gate(), Gate::Searching);
    push(&mut rt, "d", &response_of(&me, "\"newest\"", 6));
    rt.advance(SETTLE_AFTER);
    assert_eq!(data_of(&rt).as_deref(), Some("\"newest\""));
    assert_eq!(recovered_counts(&mut rt), ["{\"count\":1}"]);
}

#[test]
fn who_says_the_same_twice_has_answered_when_it_said_it_first() {
    let mut rt = reborn();
    let me = MockRuntime::identity("owner");
    push(&mut rt, "a", &response_of(&me, "1", 5));
    rt.advance(SETTLE_AFTER / 4);
    push(&mut rt, "a", &response_of(&me, "1", 5));
    let at = |rt: &MockRuntime| {
        let answers = rt.service::<Stash>().recovery().answers();
        answers[&MockRuntime::identity("a")].0
    };
    assert!(at(&rt) < SETTLE_AFTER / 4);
    push(&mut rt, "a", &response_of(&me, "2", 6));
    assert!(at(&rt) >= SETTLE_AFTER / 4);
}

#[test]
fn a_probe_is_named_and_dropped() {
    let mut rt = reborn();
    let me = MockRuntime::identity("owner");
    let probe = raw_response(&me, "{\"test\":\"probe\",\"timestamp\":1768756453}");
    push(&mut rt, "a", &probe);
    rt.advance(RECOVERY_DEADLINE);
    let answers = rt.service::<Stash>().recovery().answers();
    assert_eq!(answers[&MockRuntime::identity("a")].1, Answer::Probe);
    assert_eq!(data_of(&rt), None);
    assert!(holders(&rt).is_empty());
}

#[test]
fn whoever_sends_a_probe_is_asked_for_what_it_held_before() {
    let mut rt = reborn();
    rt.register("a");
    let asked = of_kind(&rt.emitted(), "stash:request").remove(0);
    let (me, a) = (MockRuntime::identity("owner"), MockRuntime::identity("a"));
    let ask: Request = parse_payload(&asked.payload).unwrap();
    let probe = Response {
        request_id: ask.request_id,
        ..raw_response(&me, "{\"test\":\"probe\",\"timestamp\":1768756453}")
    };
    rt.answer(&asked, &a, "stash:response", &probe);
    let asked = of_kind(&rt.emitted(), "stash:request").remove(0);
    let ask: Request = parse_payload(&asked.payload).unwrap();
    assert!(ask.request_id.starts_with("previous:"));
    let before = Response {
        request_id: ask.request_id,
        ..response_of(&me, "\"before\"", 4)
    };
    rt.answer(&asked, &a, "stash:response", &before);
    rt.advance(SETTLE_AFTER);
    assert_eq!(data_of(&rt).as_deref(), Some("\"before\""));
    // What it holds is still the probe: it gets the memory again.
    assert!(holders(&rt).is_empty());
    assert_eq!(of_kind(&rt.emitted(), "stash:store").len(), 1);
}

#[test]
fn whoever_has_a_probe_and_nothing_before_it_is_asked_once() {
    let mut rt = reborn();
    rt.register("a");
    rt.emitted();
    let me = MockRuntime::identity("owner");
    let probe = raw_response(&me, "{\"test\":\"probe\",\"timestamp\":1768756453}");
    for _ in 0..3 {
        push(&mut rt, "a", &probe);
    }
    let asked = of_kind(&rt.emitted(), "stash:request");
    assert_eq!(asked.len(), 1);
    let a = MockRuntime::identity("a");
    rt.answer(&asked[0], &a, "stash:response", &not_found(&asked[0]));
    assert!(of_kind(&rt.emitted(), "stash:request").is_empty());
    let answers = rt.service::<Stash>().recovery().answers();
    assert_eq!(answers[&a].1, Answer::Probe);
}

#[test]
fn the_memory_of_a_go_nara_goes_on_as_revision_one() {
    let mut rt = reborn();
    let me = MockRuntime::identity("owner");
    push(&mut rt, "a", &raw_response(&me, "{\"todo\":[1]}"));
    rt.advance(SETTLE_AFTER);
    assert_eq!(data_of(&rt).as_deref(), Some("{\"todo\":[1]}"));
    let revision = rt.command(|stash: &mut Stash, ctx| stash.set_stash_data(ctx, "2".into()));
    assert_eq!(revision, Ok(1));
}

#[test]
fn not_found_yet_is_no_failure_and_a_newly_met_peer_is_asked_too() {
    let mut rt = reborn();
    rt.register("a");
    let asked = of_kind(&rt.emitted(), "stash:request").remove(0);
    let nothing = not_found(&asked);
    rt.answer(
        &asked,
        &MockRuntime::identity("a"),
        "stash:response",
        &nothing,
    );
    assert_eq!(
        rt.service::<Stash>().recovery().state(),
        SearchState::Searching
    );
    rt.advance(RECOVERY_DEADLINE * 6);
    rt.emitted();
    rt.register("newcomer");
    let asked = of_kind(&rt.emitted(), "stash:request");
    assert_eq!(asked[0].to_id, "newcomer");
    let copy = response_of(&MockRuntime::identity("owner"), "\"found\"", 2);
    rt.answer(
        &asked[0],
        &MockRuntime::identity("newcomer"),
        "stash:response",
        &copy,
    );
    rt.advance(SETTLE_AFTER);
    assert_eq!(data_of(&rt).as_deref(), Some("\"found\""));
}

#[test]
fn what_was_forgotten_here_comes_back_when_it_is_asked_for_and_not_before() {
    let mut rt = newborn(&["a", "b", "c"]);
    set(&mut rt, "\"kept\"");
    ack_all(&mut rt);
    rt.command(|stash: &mut Stash, ctx| stash.clear_my_stash(ctx));
    assert!(!rt.service::<Stash>().has_stash_data());
    let copy = response_of(&MockRuntime::identity("owner"), "\"kept\"", 1);
    push(&mut rt, "a", &copy);
    assert_eq!(data_of(&rt), None);
    recover(&mut rt);
    rt.advance(Duration::from_millis(1));
    push(&mut rt, "a", &copy);
    rt.advance(SETTLE_AFTER);
    assert_eq!(data_of(&rt).as_deref(), Some("\"kept\""));
}

#[test]
fn recovering_from_any_asks_again_although_a_memory_is_known() {
    let mut rt = newborn(&["a"]);
    set(&mut rt, "1");
    ack_all(&mut rt);
    let operation = rt
        .command(|stash: &mut Stash, ctx| stash.recover_from_any(ctx, DEADLINE))
        .unwrap();
    let asked = of_kind(&rt.emitted(), "stash:request").remove(0);
    let copy = response_of(&MockRuntime::identity("owner"), "1", 1);
    rt.answer(&asked, &MockRuntime::identity("a"), "stash:response", &copy);
    rt.advance(SETTLE_AFTER);
    let ended = events(&mut rt).into_iter().find_map(|event| match event {
        Event::Recovered(id, memory) if id == operation => memory,
        _ => None,
    });
    assert_eq!(ended.unwrap().data, "1");
    assert_eq!(rt.service::<Stash>().gate(), Gate::Open);
}

#[test]
fn among_many_peers_each_is_asked_and_no_more_than_64_at_once() {
    let mut rt = MockRuntime::new("owner").with(stash(false));
    rt.set_connected(false);
    for n in 0..150 {
        rt.register(&format!("peer{n}"));
    }
    let mut rt = rt.started();
    rt.set_connected(true);
    let mut asked = std::collections::BTreeSet::new();
    loop {
        let round = of_kind(&rt.emitted(), "stash:request");
        assert!(round.len() <= 64, "{} at once", round.len());
        for request in &round {
            assert!(
                asked.insert(request.to_id.clone()),
                "{} again",
                request.to_id
            );
            let from = MockRuntime::identity(&request.to_id);
            rt.answer(request, &from, "stash:response", &not_found(request));
        }
        if round.is_empty() {
            break;
        }
    }
    assert_eq!(asked.len(), 150);
}

#[test]
fn what_is_set_later_and_given_back_makes_nothing_older_of_what_was_found() {
    let mut rt = reborn();
    let me = MockRuntime::identity("owner");
    for from in ["a", "b", "c"] {
        rt.register(from);
        push(&mut rt, from, &response_of(&me, "\"found\"", 1));
    }
    rt.advance(SETTLE_AFTER);
    set(&mut rt, "\"later\"");
    ack_all(&mut rt);
    let copy = given_back(&rt);
    push(&mut rt, "b", &copy);
    let recovery = rt.service::<Stash>().recovery();
    assert_eq!((recovery.newest(), recovery.count()), (Some(1), 3));
    let is_found = |answer: &Answer| *answer == Answer::Opened { revision: 1 };
    assert!(
        recovery
            .answers()
            .values()
            .all(|(_, answer)| is_found(answer))
    );
}

#[test]
fn strangers_that_overheard_a_copy_are_let_go_before_those_that_the_seal_names() {
    let mut rt = reborn();
    let me = MockRuntime::identity("owner");
    let copy = response_naming(&me, "\"found\"", 1, &["x", "y", "z"]);
    for from in ["a", "b", "c", "d", "x", "y", "z"] {
        rt.register(from);
        push(&mut rt, from, &copy);
    }
    rt.advance(SETTLE_AFTER);
    assert_eq!(holders(&rt).len(), 7);
    rt.advance(CHECK_EVERY);
    for delete in of_kind(&rt.emitted(), "stash:delete") {
        ack(&mut rt, &delete);
    }
    assert_eq!(holders(&rt), ["x", "y", "z"]);
}
