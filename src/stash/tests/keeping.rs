//! Copies that were won stay won: holders are looked after by themselves.

use super::*;
use crate::base::WallTime;
use crate::runtime::CALL_DEADLINE;

/// A newborn nara whose memory is held by three of its peers.
fn safe(peers: &[&str]) -> MockRuntime {
    let mut rt = newborn(peers);
    set(&mut rt, "\"kept\"");
    ack_all(&mut rt);
    assert_eq!(holders(&rt).len(), 3);
    rt
}

/// Waits for the next audit, and returns its request.
fn audited(rt: &mut MockRuntime) -> Message {
    rt.emitted();
    rt.advance(AUDIT_EVERY);
    let asked = of_kind(&rt.emitted(), "stash:request");
    assert_eq!(asked.len(), 1, "one holder is asked");
    asked[0].clone()
}

/// The answer of somebody who still has the copy.
fn shown(rt: &MockRuntime, request: &Message) -> Response {
    let ask: Request = parse_payload(&request.payload).unwrap();
    Response {
        request_id: ask.request_id,
        ..given_back(rt)
    }
}

/// Somebody seems to be restarted. Returns what is asked at once.
fn restart(rt: &mut MockRuntime, who: &Identity) -> Vec<Message> {
    rt.emitted();
    rt.local("presence:restarted", &PeerNews { who: *who });
    of_kind(&rt.emitted(), "stash:request")
}

/// A second version that three acknowledge, the first of them behind word of its
/// restart. Returns who that is, and how it is asked to show its copy.
fn doubtful(rt: &mut MockRuntime) -> (Identity, Message) {
    set(rt, "2");
    let stores = of_kind(&rt.emitted(), "stash:store");
    let who = MockRuntime::identity("a");
    assert!(restart(rt, &who).is_empty());
    stores.iter().for_each(|store| ack(rt, store));
    assert_eq!(holders(rt), ["b", "c"]);
    let mut asked = of_kind(&rt.emitted(), "stash:request");
    assert_eq!(asked.len(), 1);
    (who, asked.remove(0))
}

fn copy(request: &Message, data: &str, revision: u64) -> Response {
    let ask: Request = parse_payload(&request.payload).unwrap();
    Response {
        request_id: ask.request_id,
        ..response_of(&MockRuntime::identity("owner"), data, revision)
    }
}

#[test]
fn every_five_minutes_one_holder_shows_its_copy_and_the_time_is_kept() {
    let mut rt = safe(&["a", "b", "c"]);
    let request = audited(&mut rt);
    let who = MockRuntime::identity(&request.to_id);
    let verified = |rt: &MockRuntime| rt.service::<Stash>().owner().holders()[&who].verified_at;
    assert_eq!(verified(&rt), None);
    let shown = shown(&rt, &request);
    rt.answer(&request, &who, "stash:response", &shown);
    assert_eq!(verified(&rt), Some(rt.now().wall));
    assert_eq!(holders(&rt).len(), 3);
    assert!(of_kind(&rt.emitted(), "stash:store").is_empty());
}

#[test]
fn a_holder_that_lost_its_copy_is_replaced_at_once() {
    let mut rt = safe(&["a", "b", "c", "d"]);
    let request = audited(&mut rt);
    let who = MockRuntime::identity(&request.to_id);
    rt.answer(&request, &who, "stash:response", &not_found(&request));
    let stores = of_kind(&rt.emitted(), "stash:store");
    assert_eq!(stores.len(), 1);
    assert_ne!(stores[0].to_id, request.to_id);
    assert!(!holders(&rt).contains(&request.to_id));
}

#[test]
fn a_holder_that_shows_an_older_copy_or_another_or_nothing_is_replaced() {
    type Answer = fn(&Message) -> Option<Response>;
    let older: Answer = |request| Some(copy(request, "\"older\"", 0));
    let foreign: Answer = |request| {
        let mut foreign = response_of(&MockRuntime::identity("mallory"), "1", 1);
        foreign.owner_id = "owner".into();
        let ask: Request = parse_payload(&request.payload).unwrap();
        foreign.request_id = ask.request_id;
        Some(foreign)
    };
    let silence: Answer = |_| None;
    for answer in [older, foreign, silence] {
        let mut rt = safe(&["a", "b", "c", "d"]);
        let request = audited(&mut rt);
        let who = MockRuntime::identity(&request.to_id);
        match answer(&request) {
            Some(response) => rt.answer(&request, &who, "stash:response", &response),
            None => rt.advance(PATIENCE),
        }
        let stores = of_kind(&rt.emitted(), "stash:store");
        assert_eq!(stores.len(), 1);
        assert_ne!(stores[0].to_id, request.to_id);
        ack(&mut rt, &stores[0]);
        assert_eq!(holders(&rt).len(), 3);
    }
}

#[test]
fn a_holder_that_shows_what_it_was_given_before_the_newest_has_lost_nothing() {
    let mut rt = safe(&["a", "b", "c"]);
    rt.set_connected(false);
    set(&mut rt, "\"newer\"");
    rt.emitted();
    rt.set_connected(true);
    let asked = of_kind(&rt.emitted(), "stash:request");
    assert_eq!(asked.len(), 3);
    for request in &asked {
        let who = MockRuntime::identity(&request.to_id);
        let shown = copy(request, "\"kept\"", 1);
        rt.answer(request, &who, "stash:response", &shown);
        let owner = rt.service::<Stash>().owner();
        assert_eq!(owner.turned_away(rt.now().mono, &who), None);
        assert_eq!(owner.holders()[&who].revision, 1);
    }
}

#[test]
fn a_confidant_that_leaves_before_it_answers_is_not_waited_for() {
    let mut rt = newborn(&["a", "b", "c", "d"]);
    set(&mut rt, "1");
    let asked = of_kind(&rt.emitted(), "stash:store");
    let gone = MockRuntime::identity(&asked[0].to_id);
    rt.local("presence:gone", &PeerNews { who: gone });
    assert_eq!(of_kind(&rt.emitted(), "stash:store").len(), 1);
}

#[test]
fn after_recovery_who_answered_is_a_confidant_again_and_the_set_is_filled_up() {
    let mut rt = reborn();
    for peer in ["a", "b", "c", "d"] {
        rt.register(peer);
    }
    rt.emitted();
    let me = MockRuntime::identity("owner");
    push(&mut rt, "a", &response_of(&me, "\"kept\"", 4));
    push(&mut rt, "b", &response_of(&me, "\"older\"", 3));
    rt.advance(SETTLE_AFTER);
    assert_eq!(holders(&rt), ["a"]);
    let stores = of_kind(&rt.emitted(), "stash:store");
    let asked: Vec<&str> = stores.iter().map(|store| store.to_id.as_str()).collect();
    assert_eq!(asked.len(), 2);
    assert!(
        asked.contains(&"b"),
        "who holds an older one gets the newest"
    );
    stores.iter().for_each(|store| ack(&mut rt, store));
    assert_eq!(holders(&rt).len(), 3);
}

#[test]
fn a_confidant_may_ask_and_store_thirty_times_in_ten_seconds_and_no_more() {
    let mut rt = newborn(&[]);
    let alice = MockRuntime::identity("alice");
    for n in 0..31 {
        let store = rt.message(&alice, "stash:store", &store_of("alice", 10, n));
        rt.deliver(&store);
    }
    assert_eq!(rt.dropped("rate_limited"), 1);
    assert_eq!(of_kind(&rt.emitted(), "stash:ack").len(), 30);
    let held = rt.service::<Stash>().stored_stash(&alice).unwrap();
    assert_eq!(held.ts, 29);
    rt.advance(RATE_SPAN);
    let store = rt.message(&alice, "stash:store", &store_of("alice", 10, 40));
    rt.deliver(&store);
    assert_eq!(rt.service::<Stash>().stored_stash(&alice).unwrap().ts, 40);
}

#[test]
fn whoever_sends_an_overheard_copy_does_not_count_and_keeps_no_other_from_being_asked() {
    let mut rt = safe(&["a", "b", "c"]);
    let overheard = given_back(&rt);
    for n in 0..5 {
        let stranger = format!("stranger{n}");
        rt.register(&stranger);
        push(&mut rt, &stranger, &overheard);
    }
    assert_eq!(holders(&rt), ["a", "b", "c"]);
    rt.emitted();
    let gone = MockRuntime::identity("a");
    rt.local("presence:gone", &PeerNews { who: gone });
    assert_eq!(holders(&rt), ["b", "c"]);
    assert_eq!(ack_all(&mut rt), 1);
    assert_eq!(holders(&rt).len(), 3);
}

#[test]
fn a_holder_that_seems_to_be_restarted_is_asked_at_once() {
    let mut rt = safe(&["a", "b", "c", "d"]);
    let who = MockRuntime::identity(&holders(&rt)[0]);
    let asked = restart(&mut rt, &who);
    assert_eq!(asked.len(), 1);
    rt.answer(&asked[0], &who, "stash:response", &not_found(&asked[0]));
    assert_eq!(ack_all(&mut rt), 1);
    assert_eq!(holders(&rt).len(), 3);
    assert!(!holders(&rt).contains(&who.id.as_str().to_owned()));
}

#[test]
fn a_holder_that_seems_to_be_restarted_while_a_search_goes_on_does_not_count() {
    let mut rt = reborn();
    rt.register("a");
    let me = MockRuntime::identity("owner");
    push(&mut rt, "a", &response_of(&me, "\"kept\"", 4));
    let a = MockRuntime::identity("a");
    restart(&mut rt, &a);
    rt.advance(SETTLE_AFTER);
    assert!(holders(&rt).is_empty());
    let stores = of_kind(&rt.emitted(), "stash:store");
    assert_eq!(stores.len(), 1, "it is given the memory anew");
}

#[test]
fn an_ack_from_before_a_restart_counts_once_the_copy_is_shown() {
    let mut rt = safe(&["a", "b", "c"]);
    let (who, asked) = doubtful(&mut rt);
    let shown = shown(&rt, &asked);
    rt.answer(&asked, &who, "stash:response", &shown);
    assert_eq!(holders(&rt), ["a", "b", "c"]);
}

#[test]
fn who_waits_for_a_doubtful_ack_has_it_once_the_copy_is_shown() {
    let mut rt = safe(&["a", "b", "c", "d"]);
    let known = holders(&rt);
    let mut peers = ["a", "b", "c", "d"].into_iter();
    let other = peers.find(|one| !known.contains(&(*one).to_owned()));
    let who = MockRuntime::identity(other.unwrap());
    rt.emitted();
    events(&mut rt);
    let operation = rt
        .command(|stash: &mut Stash, ctx| stash.store_with(ctx, &who, DEADLINE))
        .unwrap();
    let stores = of_kind(&rt.emitted(), "stash:store");
    assert!(restart(&mut rt, &who).is_empty());
    ack(&mut rt, &stores[0]);
    let ended = |rt: &mut MockRuntime| {
        let is_it = |event: &Event| matches!(event, Event::Set(one, Ok(_)) if *one == operation);
        events(rt).iter().filter(|event| is_it(event)).count()
    };
    assert_eq!(ended(&mut rt), 0);
    let asked = of_kind(&rt.emitted(), "stash:request");
    let shown = shown(&rt, &asked[0]);
    rt.answer(&asked[0], &who, "stash:response", &shown);
    assert_eq!(ended(&mut rt), 1);
}

#[test]
fn a_showing_from_before_a_second_restart_makes_no_older_copy_count() {
    let mut rt = safe(&["a", "b", "c"]);
    let (who, asked) = doubtful(&mut rt);
    restart(&mut rt, &who);
    let shown = shown(&rt, &asked);
    rt.answer(&asked, &who, "stash:response", &shown);
    assert_eq!(holders(&rt), ["b", "c"]);
}

#[test]
fn what_was_shown_before_a_restart_proves_nothing_behind_it() {
    let mut rt = safe(&["a", "b", "c"]);
    let before = audited(&mut rt);
    let who = MockRuntime::identity(&before.to_id);
    let asked = restart(&mut rt, &who);
    rt.answer(&asked[0], &who, "stash:response", &not_found(&asked[0]));
    assert_eq!(holders(&rt).len(), 2);
    let shown = shown(&rt, &before);
    rt.answer(&before, &who, "stash:response", &shown);
    assert_eq!(holders(&rt).len(), 2);
}

#[test]
fn where_several_are_gone_at_once_none_of_them_is_reported_as_a_holder() {
    let mut rt = safe(&["a", "b", "c", "d"]);
    events(&mut rt);
    // Everybody has been silent; each leaving is told by itself.
    rt.advance(crate::neighbourhood::MISSING_AFTER);
    let gone: Vec<Identity> = holders(&rt)
        .iter()
        .map(|name| MockRuntime::identity(name))
        .collect();
    rt.mark_all_gone(&gone);
    let reported = events(&mut rt).into_iter().filter_map(|event| match event {
        Event::Saved(receipt) => Some(receipt.holders.len()),
        _ => None,
    });
    assert_eq!(reported.collect::<Vec<_>>(), [0]);
}

#[test]
fn what_was_set_by_a_clock_that_was_ahead_is_dated_anew() {
    let mut rt = newborn(&["a", "b", "c"]);
    let right = rt.now().wall;
    rt.set_wall(WallTime::from_unix_nanos(
        right.unix_nanos() + 8 * 86_400 * 1_000_000_000,
    ));
    set(&mut rt, "1");
    rt.emitted();
    rt.set_wall(right);
    rt.advance(CALL_DEADLINE);
    let store = of_kind(&rt.emitted(), "stash:store").pop().unwrap();
    let store: Store = parse_payload(&store.payload).unwrap();
    assert!(store.ts <= rt.now().wall.unix_seconds());
    assert_eq!(data_of(&rt).as_deref(), Some("1"));
}
