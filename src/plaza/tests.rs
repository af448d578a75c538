//! The session against a scripted broker: its packets are written here byte by
//! byte (MQTT 3.1.1, section 3), so that they owe nothing to the codec.

use super::*;
use crate::base::{Instant, Rng};

const CONNACK: [u8; 4] = [0x20, 2, 0, 0];
const PINGREQ: [u8; 2] = [0xc0, 0];
const PINGRESP: [u8; 2] = [0xd0, 0];
const DISCONNECT: [u8; 2] = [0xe0, 0];
const SECOND: Duration = Duration::from_secs(1);

/// A session, its broker and their clock.
struct Pair {
    session: Session,
    now: Instant,
}

impl Pair {
    fn new() -> Self {
        let config = SessionConfig {
            client_id: "ln-1".to_owned(),
            keep_alive: SECOND * 120,
            will: None,
            topics: vec!["a/b".to_owned(), "c/+".to_owned()],
        };
        let session = Session::new(config, Rng::from_seed([5; 32]));
        let mut pair = Self {
            session,
            now: Instant::from_micros(1),
        };
        pair.session.start(pair.now);
        pair
    }

    fn online() -> Self {
        let mut pair = Self::new();
        pair.go_online();
        pair
    }

    fn go_online(&mut self) {
        assert_eq!(self.outputs(), [Output::Open]);
        self.open();
        let sent = self.sent();
        self.receive(&CONNACK);
        self.receive(&suback(behind_connect(&sent), &[0, 0]));
        assert_eq!(self.session.state(), State::Online);
        assert!(self.events().contains(&Event::Connected));
    }

    fn open(&mut self) {
        let password = Some("secret".to_owned());
        let credentials = Credentials {
            user: "me".to_owned(),
            password,
        };
        self.session.handle_opened(self.now, credentials);
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.session.handle_data(self.now, bytes);
    }

    fn advance(&mut self, by: Duration) {
        self.now = self.now + by;
        self.session.handle_timeout(self.now);
    }

    fn outputs(&mut self) -> Vec<Output> {
        core::iter::from_fn(|| self.session.poll_output()).collect()
    }

    /// Everything sent, as one string of bytes.
    fn sent(&mut self) -> Vec<u8> {
        let outputs = self.outputs().into_iter();
        outputs
            .flat_map(|one| {
                if let Output::Send(bytes) = one {
                    bytes
                } else {
                    vec![]
                }
            })
            .collect()
    }

    fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.session.poll_event()).collect()
    }

    fn loss(&mut self) -> Option<Loss> {
        self.events().into_iter().find_map(|event| match event {
            Event::Disconnected { why, .. } => Some(why),
            _ => None,
        })
    }

    /// Lets the wait pass and takes the socket's opening.
    fn retry(&mut self) -> Duration {
        let State::Waiting { retry_at, .. } = self.session.state() else {
            panic!("the session does not wait: {:?}", self.session.state())
        };
        let wait = retry_at - self.now;
        self.advance(wait);
        wait
    }
}

/// The SUBSCRIBE that is sent behind a CONNECT of less than 128 bytes.
fn behind_connect(sent: &[u8]) -> &[u8] {
    assert_eq!(sent[0], 0x10);
    &sent[2 + usize::from(sent[1])..]
}

/// The answer to a SUBSCRIBE, with its packet id.
fn suback(subscribe: &[u8], codes: &[u8]) -> Vec<u8> {
    assert_eq!(subscribe[0], 0x82);
    let mut packet = vec![0x90, 2 + codes.len() as u8, subscribe[2], subscribe[3]];
    packet.extend(codes);
    packet
}

/// A PUBLISH with these flags, of less than 128 bytes.
fn publish(flags: u8, topic: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut packet = vec![
        0x30 | flags,
        (2 + topic.len() + rest.len()) as u8,
        0,
        topic.len() as u8,
    ];
    packet.extend(topic);
    packet.extend(rest);
    packet
}

#[test]
fn a_connect_carries_version_client_id_user_password_and_keep_alive() {
    let mut pair = Pair::new();
    pair.outputs();
    pair.open();
    let mut expected = vec![0x10, 29, 0, 4];
    expected.extend(b"MQTT");
    // Level 4; user, password, clean session; 120 s.
    expected.extend([4, 0b1100_0010, 0, 120]);
    for text in ["ln-1", "me", "secret"] {
        expected.extend([0, text.len() as u8]);
        expected.extend(text.bytes());
    }
    expected[1] = (expected.len() - 2) as u8;
    assert!(pair.sent().starts_with(&expected));
}

#[test]
fn every_topic_is_subscribed_to_once_after_each_connect() {
    let mut pair = Pair::new();
    pair.outputs();
    pair.open();
    let sent = pair.sent();
    let subscribe = behind_connect(&sent);
    let topics = [0, 3, b'a', b'/', b'b', 0, 0, 3, b'c', b'/', b'+', 0];
    assert!(subscribe.ends_with(&topics), "{subscribe:?}");
    pair.receive(&CONNACK);
    pair.receive(&suback(subscribe, &[0, 0x80]));
    let refused = Event::Refused {
        topic: "c/+".to_owned(),
    };
    assert_eq!(pair.events(), [Event::Connected, refused]);
}

#[test]
fn a_message_arrives_however_its_bytes_are_cut() {
    let mut pair = Pair::online();
    let packet = publish(0, b"a/b", b"hello");
    for byte in &packet {
        pair.receive(&[*byte]);
    }
    let twice = [packet.clone(), packet].concat();
    pair.receive(&twice);
    let arrived = Event::Published {
        topic: "a/b".to_owned(),
        payload: b"hello".to_vec(),
    };
    assert_eq!(pair.events(), [arrived.clone(), arrived.clone(), arrived]);
}

#[test]
fn a_message_goes_out_at_qos_0_and_nothing_is_kept_while_offline() {
    let mut pair = Pair::online();
    pair.session.publish("a/b", b"hi").unwrap();
    assert_eq!(pair.sent(), publish(0, b"a/b", b"hi"));
    pair.session.handle_closed(pair.now, "gone");
    assert_eq!(
        pair.session.publish("a/b", b"hi"),
        Err(PublishError::Offline)
    );
    assert!(pair.sent().is_empty());
}

#[test]
fn what_cannot_be_published_is_refused_with_its_reason() {
    let mut pair = Pair::online();
    for topic in ["", "a/+", "#", "a\0b", &"x".repeat(TOPIC_LENGTH_MAX + 1)] {
        assert_eq!(
            pair.session.publish(topic, b""),
            Err(PublishError::Topic),
            "{topic:.9}"
        );
    }
    let long = vec![0; PACKET_LENGTH_MAX];
    assert_eq!(pair.session.publish("a", &long), Err(PublishError::TooLong));
    let full = (0..10_000).find_map(|_| pair.session.publish("a", b"x").err());
    assert_eq!(full, Some(PublishError::QueueFull));
}

#[test]
fn silence_is_broken_by_a_ping_and_a_ping_without_answer_ends_the_connection() {
    let mut pair = Pair::online();
    pair.advance(SECOND * 89);
    assert!(pair.sent().is_empty());
    pair.advance(SECOND);
    assert_eq!(pair.sent(), PINGREQ);
    pair.receive(&PINGRESP);
    pair.advance(SECOND * 90);
    assert_eq!(pair.sent(), PINGREQ);
    pair.advance(SECOND * 10);
    assert_eq!(pair.loss(), Some(Loss::PingTimeout));
    assert_eq!(pair.outputs(), [Output::Close]);
}

#[test]
fn a_connection_in_doubt_is_proved_within_two_seconds() {
    let mut pair = Pair::online();
    pair.session.prove(pair.now);
    assert_eq!(pair.sent(), PINGREQ);
    pair.advance(SECOND * 2);
    assert_eq!(pair.loss(), Some(Loss::PingTimeout));
}

#[test]
fn each_step_has_ten_seconds() {
    let mut pair = Pair::new();
    pair.advance(SECOND * 10);
    assert_eq!(pair.loss(), Some(Loss::OpenTimeout));
    pair.retry();
    pair.open();
    pair.advance(SECOND * 10);
    assert_eq!(pair.loss(), Some(Loss::ConnectTimeout));
    pair.retry();
    pair.open();
    pair.receive(&CONNACK);
    pair.advance(SECOND * 10);
    assert_eq!(pair.loss(), Some(Loss::SubscribeTimeout));
}

#[test]
fn waits_double_from_one_second_to_thirty_with_jitter() {
    let mut pair = Pair::new();
    for failure in 0..12 {
        pair.session.handle_closed(pair.now, "refused");
        let longest = (SECOND * 2u32.pow(failure + 1)).min(SECOND * 30);
        let wait = pair.retry();
        assert!(
            wait >= longest / 2 && wait <= longest,
            "failure {failure}: {wait:?}"
        );
    }
}

#[test]
fn a_connection_resets_the_wait_only_after_it_has_held_thirty_seconds() {
    let mut pair = Pair::new();
    for _ in 0..5 {
        pair.session.handle_closed(pair.now, "refused");
        pair.retry();
    }
    let attempt_after = |pair: &mut Pair, held: Duration| {
        pair.go_online();
        pair.advance(held);
        pair.session.handle_closed(pair.now, "thrown out");
        let State::Waiting { attempt, .. } = pair.session.state() else {
            panic!("no wait")
        };
        pair.outputs();
        pair.retry();
        attempt
    };
    // What was sent before is of no interest here.
    pair.outputs();
    pair.session.handle_closed(pair.now, "refused");
    pair.retry();
    assert_eq!(attempt_after(&mut pair, SECOND * 29), 7);
    assert_eq!(attempt_after(&mut pair, SECOND * 30), 1);
}

#[test]
fn a_refusal_says_why() {
    let refusals = [
        (1, Refusal::ProtocolVersion),
        (2, Refusal::ClientId),
        (3, Refusal::Unavailable),
        (4, Refusal::BadCredentials),
        (5, Refusal::NotAuthorised),
    ];
    for (code, refusal) in refusals {
        let mut pair = Pair::new();
        pair.open();
        pair.receive(&[0x20, 2, 0, code]);
        assert_eq!(pair.loss(), Some(Loss::Refused(refusal)));
    }
}

#[test]
fn hostile_bytes_end_the_connection_or_cost_one_message_and_never_more() {
    let fatal = |bytes: &[u8]| {
        let mut pair = Pair::online();
        pair.receive(bytes);
        pair.loss()
    };
    // A length that never ends; an answer of 64 KiB and one byte; QoS 3; QoS 2.
    assert_eq!(
        fatal(&[0x30, 0xff, 0xff, 0xff, 0xff, 0xff]),
        Some(Loss::Malformed)
    );
    assert_eq!(fatal(&[0x90, 0x81, 0x80, 0x04]), Some(Loss::PacketTooLong));
    assert_eq!(fatal(&publish(0b110, b"a/b", b"")), Some(Loss::Malformed));
    assert_eq!(fatal(&publish(0b100, b"a/b", &[0, 1])), Some(Loss::QosTwo));
    // A second CONNACK is out of turn.
    assert_eq!(fatal(&CONNACK), Some(Loss::Unexpected));
    let mut pair = Pair::online();
    pair.receive(&publish(0, b"a/\xff", b""));
    pair.receive(&publish(0, b"a/+", b""));
    assert_eq!(pair.session.state(), State::Online);
    assert!(
        pair.events()
            .iter()
            .all(|event| matches!(event, Event::Dropped { .. }))
    );
}

#[test]
fn a_message_of_any_length_is_passed_over_without_being_kept_and_the_next_one_is_heard() {
    let lengths: [(usize, &[u8]); 3] = [
        (65_537, &[0x81, 0x80, 0x04]),
        (1 << 20, &[0x80, 0x80, 0x40]),
        (268_435_455, &[0xff, 0xff, 0xff, 0x7f]),
    ];
    for (length, spelled) in lengths {
        let mut pair = Pair::online();
        pair.receive(&[0x30]);
        pair.receive(spelled);
        let piece = vec![0x30; 1 << 16];
        let mut rest = length;
        while rest > 0 {
            let part = rest.min(piece.len());
            pair.receive(&piece[..part]);
            rest -= part;
        }
        let why = DropReason::PacketTooLong;
        assert_eq!(pair.events(), [Event::Dropped { why }], "{length}");
        pair.receive(&publish(0, b"a/b", b"hello"));
        assert_eq!(pair.events().len(), 1, "{length}");
        assert_eq!(pair.session.state(), State::Online);
    }
}

#[test]
fn a_long_message_and_the_next_one_may_come_in_one_piece_or_cut_anywhere() {
    let mut stream = vec![0x30, 0x81, 0x80, 0x04];
    stream.resize(4 + 65_537, 7);
    stream.extend(publish(0, b"a/b", b"hello"));
    for cut in [0, 1, 3, 4, 5, 40_000, 65_540, 65_541, 65_542, 65_545] {
        let mut pair = Pair::online();
        pair.receive(&stream[..cut]);
        pair.receive(&stream[cut..]);
        let events = pair.events();
        assert_eq!(events.len(), 2, "cut at {cut}: {events:?}");
        assert!(matches!(&events[1], Event::Published { payload, .. } if payload == b"hello"));
    }
}

#[test]
fn a_long_message_that_ends_with_its_connection_is_forgotten_with_it() {
    let mut pair = Pair::online();
    pair.receive(&[0x30, 0xff, 0xff, 0xff, 0x7f]);
    pair.session.handle_closed(pair.now, "cut");
    pair.events();
    pair.retry();
    pair.open();
    pair.outputs();
    pair.receive(&CONNACK);
    assert_eq!(pair.session.state(), State::Subscribing);
}

#[test]
fn a_pong_that_waits_behind_a_long_message_is_waited_for_while_that_comes_in() {
    let mut pair = Pair::online();
    pair.advance(SECOND * 90);
    assert_eq!(pair.sent(), PINGREQ);
    pair.receive(&[0x30, 0xff, 0xff, 0xff, 0x7f]);
    for _ in 0..5 {
        pair.advance(SECOND * 9);
        pair.receive(&[0; 100]);
    }
    assert_eq!(pair.session.state(), State::Online);
    pair.advance(SECOND * 10);
    assert_eq!(pair.loss(), Some(Loss::PingTimeout));
}

#[test]
fn random_bytes_in_random_pieces_never_panic_and_stay_within_bounds() {
    let mut rng = Rng::from_seed([8; 32]);
    for _ in 0..2_000 {
        let mut pair = Pair::online();
        for _ in 0..rng.below(20) {
            let bytes: [u8; 24] = rng.array();
            pair.receive(&bytes[..rng.below(25) as usize]);
        }
        assert!(pair.events().len() <= 1_024 + 2);
    }
}

#[test]
fn a_message_at_qos_1_is_acknowledged() {
    let mut pair = Pair::online();
    pair.receive(&publish(0b010, b"a/b", &[0, 7, b'x']));
    assert_eq!(pair.sent(), [0x40, 2, 0, 7]);
    let arrived = Event::Published {
        topic: "a/b".to_owned(),
        payload: b"x".to_vec(),
    };
    assert_eq!(pair.events(), [arrived]);
}

#[test]
fn messages_that_nobody_polls_are_dropped_at_the_limit() {
    let mut pair = Pair::online();
    for _ in 0..2_000 {
        pair.receive(&publish(0, b"a/b", b"x"));
    }
    let events = pair.events();
    assert_eq!(events.len(), 1_025);
    assert_eq!(
        events.last(),
        Some(&Event::Dropped {
            why: DropReason::QueueFull
        })
    );
}

#[test]
fn stopping_sends_what_was_published_then_disconnects_and_stays_down() {
    let mut pair = Pair::online();
    pair.session.publish("a/b", b"chau").unwrap();
    pair.session.stop(pair.now);
    let chau = Output::Send(publish(0, b"a/b", b"chau"));
    assert_eq!(
        pair.outputs(),
        [chau, Output::Send(DISCONNECT.to_vec()), Output::Close]
    );
    assert_eq!(pair.session.state(), State::Asleep);
    assert_eq!(pair.session.poll_timeout(), None);
    pair.session.handle_closed(pair.now, "late");
    assert_eq!(pair.session.state(), State::Asleep);
}

#[test]
fn a_password_shows_in_no_debug_output() {
    let password = Some("hunter2".to_owned());
    let credentials = Credentials {
        user: "me".to_owned(),
        password,
    };
    assert!(!format!("{credentials:?}").contains("hunter2"));
    let mut pair = Pair::new();
    pair.open();
    assert!(!format!("{:?}", pair.outputs()).contains("secret"));
}

#[test]
fn late_and_needless_calls_do_no_harm() {
    let mut pair = Pair::online();
    pair.session.handle_timeout(pair.now);
    pair.session.retry_now(pair.now);
    pair.session.start(pair.now);
    pair.open();
    assert!(pair.outputs().is_empty());
    assert_eq!(pair.session.state(), State::Online);
    // Time does not run backwards, whatever the driver says.
    pair.session.handle_timeout(Instant::from_micros(0));
    assert_eq!(pair.session.state(), State::Online);
}

#[test]
fn a_session_that_was_stopped_amid_a_ping_starts_afresh() {
    let mut pair = Pair::online();
    pair.session.prove(pair.now);
    pair.session.stop(pair.now);
    pair.outputs();
    pair.session.start(pair.now);
    pair.go_online();
    pair.advance(SECOND * 60);
    assert_eq!(pair.session.state(), State::Online);
}
