//! Times of messages, and traffic for whoever watches.

use super::*;
use crate::base::WallTime;
use crate::message::Timestamp;

/// A message whose time is so many seconds from now, signed.
fn at(rt: &MockRuntime, kind: &str, text: &str, seconds: i64) -> Message {
    let mut message = rt.message(&friend(), kind, &word(text));
    let nanos = rt.now().wall.unix_nanos() + seconds * 1_000_000_000;
    message.timestamp = Timestamp::from_wall(WallTime::from_unix_nanos(nanos));
    MockRuntime::sign(&friend(), message)
}

#[test]
fn a_message_of_another_time_is_dropped_with_the_reason_and_its_sender_is_doubted() {
    let mut rt = parrot();
    for seconds in [-30, 30] {
        rt.deliver(&at(&rt, "parrot:echo", &seconds.to_string(), seconds));
    }
    assert_eq!(heard(&rt).len(), 2);
    rt.locals();
    rt.deliver(&at(&rt, "parrot:echo", "old", -31));
    rt.deliver(&at(&rt, "parrot:echo", "early", 31));
    let mut never = rt.message(&friend(), "parrot:echo", &word("never"));
    never.timestamp = Timestamp::ZERO;
    rt.deliver(&MockRuntime::sign(&friend(), never));
    assert_eq!(heard(&rt).len(), 2);
    assert_eq!(
        (rt.dropped("too_old"), rt.dropped("from_the_future")),
        (2, 1)
    );
    let doubts = rt.locals().into_iter();
    assert_eq!(doubts.filter(|one| one.kind == "clock:doubt").count(), 3);
}

#[test]
fn a_forged_message_of_another_time_makes_nobody_doubted() {
    let mut rt = parrot();
    let mut forged = at(&rt, "parrot:echo", "old", -31);
    forged.payload = "{\"text\":\"changed\"}".to_owned();
    rt.deliver(&forged);
    assert_eq!(rt.dropped("bad_signature"), 1);
    assert!(rt.locals().iter().all(|one| one.kind != "clock:doubt"));
}

#[test]
fn a_reply_that_names_its_request_where_it_is_signed_is_taken_at_any_time_and_measured() {
    let mut rt = parrot();
    call(&mut rt, "x").unwrap();
    let request = rt.emitted().remove(0);
    let mut reply = at(&rt, "parrot:echo", &request.id, -600);
    reply.in_reply_to.clone_from(&request.id);
    rt.deliver(&reply);
    assert_eq!(ends(&rt).len(), 1);
    assert_eq!(rt.runtime().clock().offset_ms(), Some(-600_000));
}

#[test]
fn an_old_reply_under_a_new_requests_id_does_not_end_the_call() {
    let mut rt = parrot();
    call(&mut rt, "x").unwrap();
    let request = rt.emitted().remove(0);
    let mut reply = at(&rt, "parrot:echo", "an older answer", -600);
    reply.in_reply_to.clone_from(&request.id);
    rt.deliver(&reply);
    assert_eq!((ends(&rt).len(), rt.dropped("too_old")), (0, 1));
    rt.answer(&request, &friend(), "parrot:echo", &word("x"));
    assert_eq!(ends(&rt).len(), 1);
}

#[test]
fn traffic_is_told_with_its_outcome_only_while_somebody_watches() {
    let mut rt = parrot();
    let say = |rt: &mut MockRuntime, text: &str| {
        rt.deliver(&rt.message(&friend(), "parrot:say", &word(text)));
    };
    say(&mut rt, "unseen");
    rt.watch_traffic(true);
    say(&mut rt, "hello");
    say(&mut rt, "psst");
    let seen: Vec<_> = rt.traffic();
    let of = |incoming, kind: &str, outcome| Traffic {
        incoming,
        peer: Some("friend".to_owned()),
        kind: kind.to_owned(),
        way: "direct",
        outcome,
    };
    assert_eq!(
        seen,
        [
            of(false, "parrot:echo", "sent"),
            of(true, "parrot:say", "handled"),
            of(true, "parrot:say", "whispered"),
        ]
    );
    for _ in 0..300 {
        say(&mut rt, "psst");
    }
    assert_eq!(rt.traffic().len(), 256);
    rt.watch_traffic(false);
    say(&mut rt, "unseen");
    assert!(rt.traffic().is_empty());
}

#[test]
fn what_is_sent_after_the_clock_was_set_back_has_the_new_time() {
    let mut rt = parrot();
    let stamp = |rt: &mut MockRuntime| {
        call(rt, "x").unwrap();
        rt.emitted().remove(0).timestamp.wall().unwrap()
    };
    let ahead = stamp(&mut rt);
    rt.set_wall(WallTime::from_unix_seconds(1_768_000_000));
    let (once, again) = (stamp(&mut rt), stamp(&mut rt));
    assert_eq!(once, WallTime::from_unix_seconds(1_768_000_000));
    assert!(once < again && again < ahead);
}
