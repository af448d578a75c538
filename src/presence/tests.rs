//! Presence on the mock runtime: each test is a promise, named as a fact.

use super::*;
use crate::base::PublicKey;
use crate::runtime::{Crypto, MockCrypto, MockRuntime, Outgoing, Way};

pub(super) fn presence() -> MockRuntime {
    let now = Now::default();
    MockRuntime::new("me")
        .with(Presence::new(MemoryMode::Hog, now))
        .started()
}

/// A nara that has just reached the plaza.
pub(super) fn awake() -> MockRuntime {
    let mut rt = presence();
    rt.set_connected(true);
    rt
}

pub(super) fn on(sent: &[Outgoing], wanted: &str) -> Vec<Vec<u8>> {
    let is_there = |one: &&Outgoing| matches!(&one.way, Way::Plaza { topic } if topic == wanted);
    sent.iter()
        .filter(is_there)
        .map(|one| one.bytes.clone())
        .collect()
}

pub(super) fn sign(who: &Identity, mut event: SyncEvent) -> Vec<u8> {
    event.sig = Some(MockCrypto::new(who.key).sign(&event.signing_bytes()));
    event.to_json().into_bytes()
}

pub(super) fn hello(rt: &MockRuntime, name: &str) -> Vec<u8> {
    let who = MockRuntime::identity(name);
    sign(&who, SyncEvent::hey_there(rt.now().wall, name, &who, ""))
}

pub(super) fn chau(rt: &MockRuntime, name: &str) -> Vec<u8> {
    let who = MockRuntime::identity(name);
    sign(&who, SyncEvent::chau(rt.now().wall, name, &who))
}

fn status(who: &Identity, mode: &'static str) -> StatusBuilder {
    StatusBuilder {
        identity: *who,
        mesh_ip: String::new(),
        memory_mode: mode,
        uptime_seconds: 1,
        version: "test",
    }
}

fn newspaper(who: &Identity, from: &str, mode: &'static str) -> Vec<u8> {
    let paper = Newspaper::unsigned(from, status(who, mode).newspaper());
    let signature = MockCrypto::new(who.key).sign(paper.signed_text().as_bytes());
    paper.to_json(&signature).into_bytes()
}

fn howdy(from: &str, to: &str) -> Vec<u8> {
    let who = MockRuntime::identity(from);
    let text = Howdy::signed_text(from, to, 1);
    let signature = MockCrypto::new(who.key).sign(text.as_bytes());
    Howdy::to_json(from, to, 1, 0, &status(&who, "hog"), &signature).into_bytes()
}

pub(super) fn whereabouts(rt: &MockRuntime, name: &str) -> Option<Whereabouts> {
    let peer = rt.runtime().peers().peer(&MockRuntime::identity(name))?;
    Some(peer.presence)
}

#[test]
fn a_greeting_or_farewell_of_another_time_is_dropped_and_nobody_appears_or_goes() {
    let mut rt = awake();
    let (old, old_chau) = (hello(&rt, "bob"), chau(&rt, "carol"));
    rt.advance(Duration::from_secs(31));
    rt.deliver_plaza(HEY_THERE_TOPIC, &old);
    assert_eq!(whereabouts(&rt, "bob"), None);
    rt.deliver_plaza(HEY_THERE_TOPIC, &hello(&rt, "carol"));
    rt.deliver_plaza(CHAU_TOPIC, &old_chau);
    assert_eq!(whereabouts(&rt, "carol"), Some(Whereabouts::Online));
    assert_eq!((rt.dropped("too_old"), rt.dropped("old_event")), (1, 1));
}

#[test]
fn an_old_howdy_or_newspaper_does_not_bring_back_who_said_chau_but_a_greeting_does() {
    let mut rt = awake();
    let bob = MockRuntime::identity("bob");
    rt.deliver_plaza(HEY_THERE_TOPIC, &hello(&rt, "bob"));
    rt.advance(Duration::from_secs(1));
    rt.deliver_plaza(CHAU_TOPIC, &chau(&rt, "bob"));
    rt.deliver_plaza("nara/newspaper/bob", &newspaper(&bob, "bob", "hog"));
    rt.deliver_plaza(HOWDY_TOPIC, &howdy("bob", "me"));
    assert_eq!(rt.dropped("has_left"), 2);
    assert_eq!(whereabouts(&rt, "bob"), Some(Whereabouts::Offline));
    rt.advance(Duration::from_secs(1));
    rt.deliver_plaza(HEY_THERE_TOPIC, &hello(&rt, "bob"));
    assert_eq!(whereabouts(&rt, "bob"), Some(Whereabouts::Online));
}

#[test]
fn a_nara_whose_clock_was_put_right_greets_again() {
    let mut rt = awake();
    rt.sent();
    rt.local("clock:set", &Nothing {});
    assert_eq!(on(&rt.sent(), HEY_THERE_TOPIC).len(), 1);
}

#[test]
fn a_nara_that_wakes_greets_at_once_and_again_within_four_minutes() {
    let mut rt = awake();
    let greetings = on(&rt.sent(), HEY_THERE_TOPIC);
    let event = SyncEvent::parse(&greetings[0]).unwrap();
    assert_eq!(event.identity().unwrap(), MockRuntime::identity("me"));
    assert!(event.sig.is_some());
    rt.advance(Duration::from_secs(240));
    assert_eq!(on(&rt.sent(), HEY_THERE_TOPIC).len(), 1);
}

#[test]
fn after_a_reconnect_it_greets_within_five_seconds() {
    let mut rt = awake();
    rt.set_connected(false);
    rt.sent();
    rt.set_connected(true);
    assert!(on(&rt.sent(), HEY_THERE_TOPIC).is_empty());
    rt.advance(GREET_WITHIN);
    assert_eq!(on(&rt.sent(), HEY_THERE_TOPIC).len(), 1);
}

#[test]
fn newspapers_are_signed_as_sent_and_come_every_30_to_300_seconds() {
    let mut rt = awake();
    rt.advance(Duration::from_secs(3));
    let topic = format!("{NEWSPAPER_TOPIC}me");
    let papers = on(&rt.sent(), &topic);
    let paper = Newspaper::parse(&papers[0]).unwrap();
    assert_eq!((papers.len(), paper.memory_mode()), (1, Some("hog")));
    let crypto = MockCrypto::new(MockRuntime::identity("me").key);
    let signature = crypto.sign(paper.signed_text().as_bytes());
    assert_eq!(paper.signature.unwrap().0, signature.0);
    rt.advance(Duration::from_secs(3_000));
    let count = on(&rt.sent(), &topic).len();
    assert!((10..=100).contains(&count), "{count} newspapers in 3,000 s");
}

#[test]
fn a_greeting_brings_a_peer_online_and_is_answered_within_three_seconds() {
    let mut rt = awake();
    rt.sent();
    rt.deliver_plaza(HEY_THERE_TOPIC, &hello(&rt, "bob"));
    assert_eq!(whereabouts(&rt, "bob"), Some(Whereabouts::Online));
    let kinds: Vec<String> = rt.locals().into_iter().map(|local| local.kind).collect();
    assert!(kinds.contains(&"presence:online".to_owned()));
    assert!(kinds.contains(&"presence:hello".to_owned()));
    rt.advance(HOWDY_WITHIN);
    let howdys = on(&rt.sent(), HOWDY_TOPIC);
    let howdy = Howdy::parse(&howdys[0]).unwrap();
    assert_eq!(
        (howdy.to.as_str(), howdy.sender()),
        ("bob", Some(MockRuntime::identity("me")))
    );
    let text = String::from_utf8(howdys[0].clone()).unwrap();
    assert!(
        text.contains("\"Observations\":{}"),
        "null crashes Go naras: {text}"
    );
}

/// Bob is here, and was answered by as many others as are enough.
fn with_bob_answered() -> MockRuntime {
    let mut rt = awake();
    for n in 0..HOWDYS_ENOUGH {
        rt.deliver_plaza(HEY_THERE_TOPIC, &hello(&rt, &format!("other{n}")));
    }
    rt.advance(HOWDY_WITHIN);
    rt.deliver_plaza(HEY_THERE_TOPIC, &hello(&rt, "bob"));
    for n in 0..HOWDYS_ENOUGH {
        rt.deliver_plaza(HOWDY_TOPIC, &howdy(&format!("other{n}"), "bob"));
    }
    rt
}

#[test]
fn a_newcomer_whom_enough_known_peers_answered_is_not_answered() {
    let mut rt = with_bob_answered();
    rt.sent();
    rt.advance(HOWDY_WITHIN);
    assert!(on(&rt.sent(), HOWDY_TOPIC).is_empty());
}

#[test]
fn howdys_to_whom_enough_known_peers_answered_are_not_verified() {
    let mut rt = with_bob_answered();
    let forged = String::from_utf8(howdy("other0", "bob")).unwrap();
    let forged = forged.replace("\"Seq\":1", "\"Seq\":2");
    rt.deliver_plaza(HOWDY_TOPIC, forged.as_bytes());
    let drops: Vec<_> = rt.runtime().drops().collect();
    assert_eq!(drops, [("nothing_new", 1)]);
}

/// A nara that knows more than enough others.
fn among_many() -> MockRuntime {
    let mut rt = awake();
    for n in 0..100 {
        rt.deliver_plaza(HEY_THERE_TOPIC, &hello(&rt, &format!("other{n}")));
    }
    rt.advance(HOWDY_WITHIN);
    rt
}

#[test]
fn whoever_knows_many_greets_again_without_asking_for_howdys_until_it_reconnects() {
    let mut rt = among_many();
    let is_settled = |rt: &mut MockRuntime| -> Vec<bool> {
        let greetings = on(&rt.sent(), HEY_THERE_TOPIC).into_iter();
        greetings
            .map(|bytes| SyncEvent::parse(&bytes).unwrap().settled == Some(true))
            .collect()
    };
    assert!(!is_settled(&mut rt)[0]);
    rt.advance(GREET_AGAIN.1);
    assert_eq!(is_settled(&mut rt).last(), Some(&true));
    rt.set_connected(false);
    rt.set_connected(true);
    rt.advance(GREET_WITHIN);
    assert_eq!(is_settled(&mut rt), [false]);
}

#[test]
fn whoever_knows_few_asks_for_howdys_each_time() {
    let mut rt = with_bob_answered();
    rt.advance(GREET_AGAIN.1);
    let greetings = on(&rt.sent(), HEY_THERE_TOPIC);
    assert!(greetings.len() > 1);
    let settled = |bytes: &Vec<u8>| SyncEvent::parse(bytes).unwrap().settled == Some(true);
    assert!(!greetings.iter().any(settled));
}

#[test]
fn a_greeting_that_asks_for_no_howdys_is_not_answered() {
    let mut rt = awake();
    let who = MockRuntime::identity("bob");
    let mut event = SyncEvent::hey_there(rt.now().wall, "bob", &who, "");
    event.settled = Some(true);
    rt.sent();
    rt.deliver_plaza(HEY_THERE_TOPIC, &sign(&who, event));
    rt.advance(2 * HOWDY_WITHIN);
    assert_eq!(on(&rt.sent(), HOWDY_TOPIC).len(), 0);
    assert_eq!(whereabouts(&rt, "bob"), Some(Whereabouts::Online));
}

#[test]
fn a_newcomer_is_greeted_once_more_unless_it_greets_as_light_naras_do() {
    for (settled, greetings) in [(None, 1), (Some(false), 0)] {
        let mut rt = awake();
        let who = MockRuntime::identity("bob");
        let mut event = SyncEvent::hey_there(rt.now().wall, "bob", &who, "");
        event.settled = settled;
        rt.deliver_plaza(HEY_THERE_TOPIC, &sign(&who, event));
        rt.sent();
        rt.advance(MEET_AFTER);
        assert_eq!(on(&rt.sent(), HEY_THERE_TOPIC).len(), greetings);
    }
}

#[test]
fn a_flood_of_greetings_makes_no_crowd_where_few_are_known() {
    let mut rt = awake();
    let forged = String::from_utf8(hello(&rt, "eve")).unwrap();
    for n in 0..100 {
        let forged = forged.replace("\"eve\"", &format!("\"eve{n}\""));
        rt.deliver_plaza(HEY_THERE_TOPIC, forged.as_bytes());
    }
    for name in ["alice", "bob", "carol"] {
        rt.deliver_plaza(HEY_THERE_TOPIC, &hello(&rt, name));
    }
    rt.sent();
    rt.advance(2 * HOWDY_WITHIN);
    assert_eq!(on(&rt.sent(), HOWDY_TOPIC).len(), 3);
}

#[test]
fn whoever_comes_with_a_crowd_lets_others_answer_it() {
    let mut rt = among_many();
    rt.advance(HOWDY_WITHIN);
    // Twenty-one had greeted before they were a crowd.
    let howdys = on(&rt.sent(), HOWDY_TOPIC).len();
    assert!((21..31).contains(&howdys), "{howdys}");
}

#[test]
fn whoever_was_answered_and_starts_again_at_once_is_answered_again() {
    let mut rt = with_bob_answered();
    rt.advance(Duration::from_millis(1));
    rt.deliver_plaza(CHAU_TOPIC, &chau(&rt, "bob"));
    rt.advance(Duration::from_millis(1));
    rt.deliver_plaza(HEY_THERE_TOPIC, &hello(&rt, "bob"));
    rt.sent();
    rt.advance(HOWDY_WITHIN);
    assert_eq!(on(&rt.sent(), HOWDY_TOPIC).len(), 1);
}

#[test]
fn answers_of_strangers_and_repeated_ones_keep_nobody_silent() {
    let mut rt = awake();
    rt.deliver_plaza(HEY_THERE_TOPIC, &hello(&rt, "bob"));
    for n in 0..HOWDYS_ENOUGH {
        rt.deliver_plaza(HOWDY_TOPIC, &howdy(&format!("stranger{n}"), "bob"));
    }
    for _ in 0..HOWDYS_ENOUGH {
        rt.deliver_plaza(HOWDY_TOPIC, &howdy("stranger0", "bob"));
    }
    rt.sent();
    rt.advance(HOWDY_WITHIN);
    assert_eq!(on(&rt.sent(), HOWDY_TOPIC).len(), 1);
}

#[test]
fn a_howdy_makes_its_sender_known_and_nobody_else() {
    let mut rt = awake();
    rt.deliver_plaza(HOWDY_TOPIC, &howdy("bob", "me"));
    assert_eq!(whereabouts(&rt, "bob"), Some(Whereabouts::Online));
    assert_eq!(rt.runtime().peers().len(), 1);
}

#[test]
fn a_chau_makes_offline_and_only_under_the_known_key() {
    let mut rt = awake();
    rt.deliver_plaza(HEY_THERE_TOPIC, &hello(&rt, "bob"));
    rt.advance(Duration::from_secs(1));
    let forger = Identity {
        key: PublicKey([9; 32]),
        ..MockRuntime::identity("bob")
    };
    let forged = sign(&forger, SyncEvent::chau(rt.now().wall, "bob", &forger));
    rt.deliver_plaza(CHAU_TOPIC, &forged);
    assert_eq!(rt.dropped("unknown_peer"), 1);
    assert_eq!(whereabouts(&rt, "bob"), Some(Whereabouts::Online));
    rt.deliver_plaza(CHAU_TOPIC, &chau(&rt, "bob"));
    assert_eq!(whereabouts(&rt, "bob"), Some(Whereabouts::Offline));
    assert!(
        rt.locals()
            .iter()
            .any(|local| local.kind == "presence:gone")
    );
}

#[test]
fn an_old_greeting_or_farewell_cannot_be_played_again() {
    let mut rt = awake();
    let first = hello(&rt, "bob");
    rt.deliver_plaza(HEY_THERE_TOPIC, &first);
    rt.advance(Duration::from_secs(1));
    rt.deliver_plaza(CHAU_TOPIC, &chau(&rt, "bob"));
    rt.deliver_plaza(HEY_THERE_TOPIC, &first);
    assert_eq!(whereabouts(&rt, "bob"), Some(Whereabouts::Offline));
    assert_eq!(rt.dropped("old_event"), 1);
}

#[test]
fn unsigned_and_re_keyed_greetings_are_refused() {
    let mut rt = awake();
    let bob = MockRuntime::identity("bob");
    let event = SyncEvent::hey_there(rt.now().wall, "bob", &bob, "");
    rt.deliver_plaza(HEY_THERE_TOPIC, event.to_json().as_bytes());
    let wrong = sign(&MockRuntime::identity("mallory"), event);
    rt.deliver_plaza(HEY_THERE_TOPIC, &wrong);
    assert_eq!(
        (rt.dropped("malformed"), rt.dropped("bad_signature")),
        (1, 1)
    );
    assert!(rt.runtime().peers().is_empty());
}

#[test]
fn five_minutes_of_silence_make_a_peer_missing() {
    let mut rt = awake();
    rt.deliver_plaza(HEY_THERE_TOPIC, &hello(&rt, "bob"));
    rt.advance(Duration::from_secs(5 * 60 - 1));
    assert_eq!(whereabouts(&rt, "bob"), Some(Whereabouts::Online));
    rt.advance(SWEEP_EVERY);
    assert_eq!(whereabouts(&rt, "bob"), Some(Whereabouts::Missing));
}

#[test]
fn a_newspaper_tells_the_mode_of_a_known_peer_only_with_its_own_signature_and_topic() {
    let mut rt = awake();
    rt.deliver_plaza(HEY_THERE_TOPIC, &hello(&rt, "bob"));
    let bob = MockRuntime::identity("bob");
    let mode = |rt: &MockRuntime| rt.runtime().peers().peer(&bob).unwrap().mode;
    let paper = newspaper(&bob, "bob", "medium");
    rt.deliver_plaza("nara/newspaper/alice", &paper);
    assert_eq!((rt.dropped("wrong_topic"), mode(&rt)), (1, None));
    let mut garbled = paper.clone();
    let at = garbled
        .windows(6)
        .position(|window| window == b"medium")
        .unwrap();
    garbled[at..at + 6].copy_from_slice(b"hog   ");
    rt.deliver_plaza("nara/newspaper/bob", &garbled);
    assert_eq!((rt.dropped("bad_signature"), mode(&rt)), (1, None));
    rt.deliver_plaza("nara/newspaper/bob", &paper);
    assert_eq!(mode(&rt), Some(MemoryMode::Medium));
}

#[test]
fn a_peer_whose_newspaper_counts_from_the_beginning_again_was_restarted() {
    let mut rt = awake();
    rt.deliver_plaza(HEY_THERE_TOPIC, &hello(&rt, "bob"));
    let bob = MockRuntime::identity("bob");
    let mut restarts = |uptime_seconds| {
        rt.advance(Duration::from_secs(10));
        rt.locals();
        let status = StatusBuilder {
            uptime_seconds,
            ..status(&bob, "hog")
        };
        let paper = Newspaper::unsigned("bob", status.newspaper());
        let signature = MockCrypto::new(bob.key).sign(paper.signed_text().as_bytes());
        let paper = paper.to_json(&signature).into_bytes();
        rt.deliver_plaza("nara/newspaper/bob", &paper);
        let locals = rt.locals().into_iter();
        locals
            .filter(|one| one.kind == "presence:restarted")
            .count()
    };
    assert_eq!([100, 200, 200, 2, 60].map(&mut restarts), [0, 0, 0, 1, 0]);
    // An old one, played again, looks the same: it is told once a minute.
    assert_eq!([200, 2, 1].map(&mut restarts), [0, 0, 0]);
    rt.advance(crate::neighbourhood::RESTARTS_EVERY);
    let told = |one: &crate::runtime::Local| one.kind == "presence:restarted";
    assert_eq!(rt.locals().iter().filter(|one| told(one)).count(), 1);
    rt.advance(crate::neighbourhood::RESTARTS_EVERY * 2);
    assert_eq!(rt.locals().iter().filter(|one| told(one)).count(), 0);
}

#[test]
fn a_strangers_newspaper_is_answered_with_a_greeting_at_most_once_a_minute() {
    let mut rt = awake();
    rt.sent();
    let stranger = MockRuntime::identity("stranger");
    let mut greeted = Vec::new();
    for second in 0..50 {
        let paper = newspaper(&stranger, "stranger", "hog");
        rt.deliver_plaza("nara/newspaper/stranger", &paper);
        rt.advance(Duration::from_secs(1));
        greeted.extend(on(&rt.sent(), HEY_THERE_TOPIC).iter().map(|_| second));
    }
    // What it said when it came was heard by the stranger, too.
    assert!(
        greeted.len() == 1 && (5..11).contains(&greeted[0]),
        "{greeted:?}"
    );
    assert!(rt.runtime().peers().is_empty());
}

#[test]
fn going_to_sleep_says_chau() {
    use crate::base::Rng;
    use crate::runtime::{Me, Runtime};
    let identity = MockRuntime::identity("me");
    let me = Me {
        identity,
        name: "me".to_owned(),
    };
    let crypto = Box::new(MockCrypto::new(identity.key));
    let now = Now::default();
    let mut runtime = Runtime::new(me, crypto, Rng::from_seed([1; 32]), now);
    runtime.add(Box::new(Presence::new(MemoryMode::Short, now)));
    runtime.set_connected(now, true);
    runtime.stop(now);
    let sent: Vec<Outgoing> = core::iter::from_fn(|| runtime.poll_outgoing()).collect();
    let farewell = SyncEvent::parse(&on(&sent, CHAU_TOPIC)[0]).unwrap();
    assert_eq!(farewell.identity().unwrap(), identity);
}
