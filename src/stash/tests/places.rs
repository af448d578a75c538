//! Who gets a place, for how long, and what is kept of what was there before.

use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn small() -> MockRuntime {
    MockRuntime::new("me")
        .with(with_mode(true, MemoryMode::Short))
        .started()
}

/// Stores as this owner; returns the ack.
fn store(rt: &mut MockRuntime, owner: &str, ciphertext: usize) -> Ack {
    let ts = rt.now().wall.unix_seconds();
    let from = MockRuntime::identity(owner);
    let message = rt.message(&from, "stash:store", &store_of(owner, ciphertext, ts));
    rt.deliver(&message);
    let ack = of_kind(&rt.emitted(), "stash:ack").pop().unwrap();
    parse_payload(&ack.payload).unwrap()
}

fn leave(rt: &mut MockRuntime, owner: &str) {
    rt.mark_gone(&MockRuntime::identity(owner));
}

fn is_held(rt: &MockRuntime, owner: &str) -> bool {
    let who = MockRuntime::identity(owner);
    rt.service::<Stash>().has_stash_for(&who)
}

/// Keeps somebody online while time passes.
fn pass(rt: &mut MockRuntime, by: Duration, here: &[&str]) {
    let end = rt.now().mono + by;
    while rt.now().mono < end {
        rt.advance(Duration::from_secs(60).min(end - rt.now().mono));
        for name in here {
            rt.register(name);
        }
    }
}

fn ask(rt: &mut MockRuntime, owner: &str, request_id: &str) -> Response {
    let ask = Request {
        owner_id: owner.into(),
        request_id: request_id.into(),
    };
    let from = MockRuntime::identity(owner);
    let message = rt.message(&from, "stash:request", &ask);
    rt.deliver(&message);
    let answer = of_kind(&rt.emitted(), "stash:response").pop().unwrap();
    parse_payload(&answer.payload).unwrap()
}

#[test]
fn a_flood_of_newcomers_leaves_places_for_peers_of_an_hour() {
    let mut rt = small();
    rt.register("old1");
    rt.register("old2");
    rt.register("old3");
    pass(&mut rt, HOUR, &["old1", "old2", "old3"]);
    // Of 5 places at most half, 2, are kept for the three of an hour.
    for n in 0..3 {
        assert!(store(&mut rt, &format!("new{n}"), 10).success);
    }
    let refused = store(&mut rt, "new3", 10);
    assert_eq!(
        (refused.success, refused.reason.as_str()),
        (false, "at_capacity")
    );
    assert!(store(&mut rt, "old1", 10).success);
    assert!(store(&mut rt, "old2", 10).success);
    assert_eq!(store(&mut rt, "old3", 10).reason, "at_capacity");
    assert!(store(&mut rt, "new0", 20).success, "an update is welcome");
    assert_eq!(rt.service::<Stash>().stored_count(), 5);
    assert_eq!(rt.service::<Stash>().confidant().refusals(), 2);
}

#[test]
fn where_nobody_has_been_for_an_hour_every_place_is_free() {
    let mut rt = small();
    for n in 0..5 {
        assert!(store(&mut rt, &format!("new{n}"), 10).success);
    }
}

#[test]
fn a_provisional_place_lasts_an_hour_and_longer_while_places_are_plentiful() {
    let mut rt = small();
    for n in 0..5 {
        assert!(store(&mut rt, &format!("new{n}"), 10).success);
        leave(&mut rt, &format!("new{n}"));
    }
    pass(&mut rt, HOUR - Duration::from_secs(60), &[]);
    assert_eq!(store(&mut rt, "late", 10).reason, "at_capacity");
    // The owner of new1 comes back, so its place is its own from now on.
    ask(&mut rt, "new1", "r");
    leave(&mut rt, "new1");
    pass(&mut rt, HOUR, &[]);
    assert_eq!(rt.service::<Stash>().stored_count(), 5, "nobody needs them");
    rt.emitted();
    let from = MockRuntime::identity("late");
    let ts = rt.now().wall.unix_seconds();
    let message = rt.message(&from, "stash:store", &store_of("late", 10, ts));
    rt.deliver(&message);
    assert!(is_held(&rt, "late") && is_held(&rt, "new1"));
    assert!(!is_held(&rt, "new0"), "the oldest of the others made room");
    assert_eq!(rt.service::<Stash>().stored_count(), 5);
    // And it is told, should it listen.
    let told = of_kind(&rt.emitted(), "stash:response");
    let told: Vec<&str> = told.iter().map(|one| one.to_id.as_str()).collect();
    assert_eq!(told, ["new0"]);
    assert_eq!(rt.service::<Stash>().confidant().prunings(), 1);
}

#[test]
fn an_owner_away_for_more_than_seven_observed_days_is_let_go_and_one_that_is_here_never() {
    let mut rt = small();
    store(&mut rt, "gone", 10);
    store(&mut rt, "here", 10);
    leave(&mut rt, "gone");
    pass(&mut rt, DAY * 7 - HOUR, &["here"]);
    assert!(is_held(&rt, "gone"));
    pass(&mut rt, HOUR * 2, &["here"]);
    assert!(!is_held(&rt, "gone"));
    assert!(is_held(&rt, "here"));
    assert_eq!(rt.service::<Stash>().confidant().prunings(), 1);
}

#[test]
fn absence_starts_anew_when_the_owner_was_here() {
    let mut rt = small();
    store(&mut rt, "away", 10);
    leave(&mut rt, "away");
    pass(&mut rt, DAY * 6, &[]);
    ask(&mut rt, "away", "r");
    leave(&mut rt, "away");
    pass(&mut rt, DAY * 6, &[]);
    assert!(is_held(&rt, "away"));
}

#[test]
fn absence_is_not_counted_while_the_plaza_is_out_of_reach() {
    let mut rt = small();
    store(&mut rt, "away", 10);
    leave(&mut rt, "away");
    rt.set_connected(false);
    pass(&mut rt, DAY * 9, &[]);
    assert!(is_held(&rt, "away"));
}

#[test]
fn what_was_there_when_the_owner_came_back_is_kept_for_a_day_whatever_is_stored_after_it() {
    let mut rt = small();
    store(&mut rt, "alice", 11);
    for size in [22, 33] {
        rt.advance(Duration::from_secs(60));
        store(&mut rt, "alice", size);
    }
    leave(&mut rt, "alice");
    // It comes back, perhaps with something stale, and edits that.
    for size in [44, 55, 66] {
        rt.advance(Duration::from_secs(60));
        store(&mut rt, "alice", size);
    }
    assert_eq!(ask(&mut rt, "alice", "r").ciphertext.len(), 66);
    let before = ask(&mut rt, "alice", "previous:1");
    assert_eq!(
        (before.ciphertext.len(), before.request_id.as_str()),
        (55, "previous:1")
    );
    assert_eq!(ask(&mut rt, "alice", "earlier:1").ciphertext.len(), 33);
    rt.advance(DAY);
    store(&mut rt, "alice", 77);
    assert_eq!(ask(&mut rt, "alice", "earlier:2").ciphertext.len(), 66);
    assert!(!ask(&mut rt, "bob", "previous:3").found);
}

#[test]
fn a_store_from_the_future_is_refused_and_so_is_an_older_one_of_the_same_second() {
    let mut rt = small();
    let from = MockRuntime::identity("alice");
    let now = rt.now().wall.unix_seconds();
    let first = rt.message(&from, "stash:store", &store_of("alice", 10, now));
    rt.advance(Duration::from_millis(1));
    let second = rt.message(&from, "stash:store", &store_of("alice", 20, now));
    rt.deliver(&second);
    rt.deliver(&first);
    assert_eq!(rt.dropped("stale"), 1);
    let future = rt.message(&from, "stash:store", &store_of("alice", 30, now + 31));
    rt.deliver(&future);
    assert_eq!(rt.dropped("from_the_future"), 1);
    assert_eq!(ask(&mut rt, "alice", "r").ciphertext.len(), 20);
}

#[test]
fn a_quick_farewell_and_greeting_makes_no_place_lasting() {
    let mut rt = small();
    for n in 0..5 {
        let who = format!("sybil{n}");
        store(&mut rt, &who, 10);
        leave(&mut rt, &who);
        rt.advance(Duration::from_secs(1));
        rt.register(&who);
        leave(&mut rt, &who);
    }
    rt.advance(HOUR * 2);
    rt.register("honest");
    assert!(store(&mut rt, "honest", 10).success);
}

#[test]
fn the_place_of_a_peer_of_an_hour_lasts_from_the_beginning() {
    let mut rt = small();
    pass(&mut rt, HOUR * 2, &["old"]);
    store(&mut rt, "old", 10);
    leave(&mut rt, "old");
    rt.advance(HOUR);
    for n in 0..6 {
        store(&mut rt, &format!("new{n}"), 10);
    }
    assert!(is_held(&rt, "old"));
}

#[test]
fn an_owner_gets_one_push_within_30_s_whatever_it_says() {
    let mut rt = small();
    store(&mut rt, "alice", 10);
    let alice = MockRuntime::identity("alice");
    let mut pushes = 0;
    for _ in 0..29 {
        let refresh = Refresh {
            owner_id: "alice".into(),
            owner: "alice".into(),
        };
        let refresh = rt.message(&alice, "stash-refresh", &refresh);
        rt.deliver_plaza("nara/plaza/stash_refresh", refresh.to_json().as_bytes());
        rt.advance(Duration::from_secs(1));
        pushes += of_kind(&rt.emitted(), "stash:response").len();
    }
    assert_eq!(pushes, 1);
    // Who was away and is back at once, as when a tab is loaded again, has
    // lost its memory again.
    leave(&mut rt, "alice");
    rt.register("alice");
    let news = PeerNews { who: alice };
    rt.local("presence:hello", &news);
    rt.advance(Duration::from_secs(1));
    assert_eq!(of_kind(&rt.emitted(), "stash:response").len(), 1);
}
