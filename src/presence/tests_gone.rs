//! Wills, and one's own words from somewhere else.

use super::tests::*;
use super::*;
use crate::message::{Message, Ping};
use crate::runtime::{MockRuntime, Nothing};

/// The will of a peer, as the broker publishes it.
fn will(rt: &MockRuntime, who: &Identity) -> Vec<u8> {
    let mut message = rt.message(who, LOST, &Nothing {});
    message.to_id.clear();
    MockRuntime::sign(who, message).to_json().into_bytes()
}

fn gone(rt: &mut MockRuntime) -> usize {
    let locals = rt.locals();
    locals
        .iter()
        .filter(|one| one.kind == "presence:gone")
        .count()
}

fn elsewhere(rt: &mut MockRuntime) -> usize {
    let locals = rt.locals();
    let is_elsewhere = |one: &&crate::runtime::Local| one.kind == "presence:elsewhere";
    locals.iter().filter(is_elsewhere).count()
}

fn pings(rt: &mut MockRuntime) -> Vec<Message> {
    let sent = rt.emitted();
    sent.into_iter().filter(|one| one.kind == PING).collect()
}

fn with_bob() -> (MockRuntime, Identity) {
    let mut rt = awake();
    rt.deliver_plaza(HEY_THERE_TOPIC, &hello(&rt, "bob"));
    rt.advance(Duration::from_secs(40));
    rt.sent();
    (rt, MockRuntime::identity("bob"))
}

#[test]
fn whoever_is_called_gone_and_does_not_answer_is_gone_within_5_s() {
    let (mut rt, bob) = with_bob();
    let bytes = will(&rt, &bob);
    rt.deliver_plaza(GONE_TOPIC, &bytes);
    assert_eq!(whereabouts(&rt, "bob"), Some(Whereabouts::Online));
    rt.advance(Duration::from_secs(2));
    assert_eq!(pings(&mut rt).len(), 1);
    assert_eq!(gone(&mut rt), 0, "a will is no chau");
    rt.advance(Duration::from_secs(3));
    assert_eq!(gone(&mut rt), 1);
    assert_eq!(whereabouts(&rt, "bob"), Some(Whereabouts::Missing));
}

#[test]
fn whoever_is_called_gone_and_answers_stays() {
    let (mut rt, bob) = with_bob();
    let bytes = will(&rt, &bob);
    rt.deliver_plaza(GONE_TOPIC, &bytes);
    rt.advance(Duration::from_secs(2));
    let ping = pings(&mut rt).pop().unwrap();
    let said: Ping = crate::message::parse_payload(&ping.payload).unwrap();
    rt.answer(&ping, &bob, PONG, &said);
    rt.advance(Duration::from_secs(10));
    assert_eq!(gone(&mut rt), 0);
    assert_eq!(whereabouts(&rt, "bob"), Some(Whereabouts::Online));
}

#[test]
fn whoever_speaks_up_is_not_even_asked() {
    let (mut rt, bob) = with_bob();
    let bytes = will(&rt, &bob);
    rt.deliver_plaza(GONE_TOPIC, &bytes);
    rt.advance(Duration::from_millis(100));
    rt.deliver_plaza(HEY_THERE_TOPIC, &hello(&rt, "bob"));
    rt.advance(Duration::from_secs(10));
    assert!(pings(&mut rt).is_empty());
    assert_eq!(gone(&mut rt), 0);
}

#[test]
fn a_will_played_again_asks_once_in_10_s_and_an_unsigned_one_never() {
    let (mut rt, bob) = with_bob();
    let bytes = will(&rt, &bob);
    for _ in 0..5 {
        rt.deliver_plaza(GONE_TOPIC, &bytes);
    }
    let forged = String::from_utf8(will(&rt, &MockRuntime::identity("eve"))).unwrap();
    let forged = forged.replace("\"eve\"", "\"bob\"");
    rt.deliver_plaza(GONE_TOPIC, forged.as_bytes());
    rt.advance(Duration::from_secs(4));
    assert_eq!(pings(&mut rt).len(), 1);
    assert_eq!(rt.dropped("bad_signature"), 1);
}

/// A nara that woke by a clock five minutes ahead, which was put right.
fn woken_ahead() -> MockRuntime {
    let rt = MockRuntime::new("me");
    let now = rt.now();
    let mut rt = rt.with(Presence::new(MemoryMode::Hog, now)).started();
    rt.set_connected(true);
    rt.advance(Duration::from_secs(1));
    rt.set_wall(rt.now().wall.before(Duration::from_secs(300)));
    rt
}

#[test]
fn another_device_is_noticed_by_whoever_woke_by_a_clock_that_was_put_right_since() {
    let mut rt = woken_ahead();
    rt.deliver_plaza(HEY_THERE_TOPIC, &hello(&rt, "me"));
    assert_eq!(elsewhere(&mut rt), 1);
}

#[test]
fn what_was_said_before_waking_is_not_of_another_device() {
    let mut rt = woken_ahead();
    let before = rt.now().wall.before(Duration::from_secs(2));
    let me = MockRuntime::identity("me");
    let mine = sign(&me, SyncEvent::hey_there(before, "me", &me, ""));
    rt.deliver_plaza(HEY_THERE_TOPIC, &mine);
    assert_eq!(elsewhere(&mut rt), 0);
}

#[test]
fn a_nara_that_is_called_gone_and_is_not_greets() {
    let (mut rt, _) = with_bob();
    let me = MockRuntime::identity("me");
    let bytes = will(&rt, &me);
    rt.deliver_plaza(GONE_TOPIC, &bytes);
    assert_eq!(on(&rt.sent(), HEY_THERE_TOPIC).len(), 1);
    assert_eq!(elsewhere(&mut rt), 0);
    // Who plays it again brings no other greeting.
    rt.advance(Duration::from_secs(6));
    rt.deliver_plaza(GONE_TOPIC, &bytes);
    assert!(on(&rt.sent(), HEY_THERE_TOPIC).is_empty());
    // The other device of one soul said chau: this one is still here.
    rt.advance(Duration::from_secs(6));
    rt.deliver_plaza(CHAU_TOPIC, &chau(&rt, "me"));
    assert_eq!(on(&rt.sent(), HEY_THERE_TOPIC).len(), 1);
}

#[test]
fn ones_own_words_from_elsewhere_are_noticed_and_echoes_are_not() {
    let mut rt = awake();
    let echo = on(&rt.sent(), HEY_THERE_TOPIC).pop().unwrap();
    rt.deliver_plaza(HEY_THERE_TOPIC, &echo);
    assert_eq!(elsewhere(&mut rt), 0);
    rt.advance(Duration::from_secs(1));
    rt.deliver_plaza(HEY_THERE_TOPIC, &hello(&rt, "me"));
    assert_eq!(elsewhere(&mut rt), 1);
    // What is too old to be of now says nothing, nor what others signed.
    let old = hello(&rt, "me");
    rt.advance(Duration::from_secs(31));
    rt.deliver_plaza(HEY_THERE_TOPIC, &old);
    let text = String::from_utf8(hello(&rt, "eve")).unwrap();
    let key = |name: &str| MockRuntime::identity(name).key.to_text();
    let forged = text
        .replace(&key("eve"), &key("me"))
        .replace("\"eve\"", "\"me\"");
    rt.deliver_plaza(HEY_THERE_TOPIC, forged.as_bytes());
    assert_eq!(elsewhere(&mut rt), 0);
    assert_eq!(rt.dropped("bad_signature"), 1);
}
