//! The plaza session against another implementation of MQTT 3.1.1: mqttbytes
//! plays the broker, in both directions, with generated content; and against
//! bytes that mean nothing.

use bytes::BytesMut;
use light_nara::base::{Instant, Now, Rng, WallTime};
use light_nara::nara::{Config, Effect, Nara, Newborn};
use light_nara::plaza::{Credentials, Event, Output, Session, SessionConfig, State, Will};
use mqttbytes::QoS;
use mqttbytes::v4::{
    ConnAck, ConnectReturnCode, LastWill, Login, Packet, PubAck, Publish, SubAck,
    SubscribeReasonCode, read,
};
use proptest::prelude::*;
use std::time::Duration;

const NOW: Instant = Instant::from_micros(1);

fn config(topics: Vec<String>) -> SessionConfig {
    SessionConfig {
        client_id: "c".into(),
        keep_alive: Duration::from_secs(30),
        will: None,
        topics,
    }
}

fn started(config: SessionConfig, credentials: Credentials) -> Session {
    let mut session = Session::new(config, Rng::from_seed([1; 32]));
    session.start(NOW);
    assert_eq!(session.poll_output(), Some(Output::Open));
    session.handle_opened(NOW, credentials);
    session
}

fn online() -> Session {
    let nobody = Credentials {
        user: "u".into(),
        password: None,
    };
    let mut session = started(config(vec![]), nobody);
    sent(&mut session);
    session.handle_data(NOW, &connack());
    assert_eq!(session.poll_event(), Some(Event::Connected));
    session
}

/// The next packet that the session sends, as the other implementation reads it.
fn sent(session: &mut Session) -> Packet {
    let Some(Output::Send(bytes)) = session.poll_output() else {
        panic!("nothing is sent")
    };
    let mut bytes = BytesMut::from(&bytes[..]);
    let packet = read(&mut bytes, 100_000).unwrap();
    assert!(bytes.is_empty());
    packet
}

fn connack() -> BytesMut {
    let mut bytes = BytesMut::new();
    ConnAck::new(ConnectReturnCode::Success, false)
        .write(&mut bytes)
        .unwrap();
    bytes
}

fn events(session: &mut Session) -> Vec<Event> {
    std::iter::from_fn(|| session.poll_event()).collect()
}

fn topic() -> impl Strategy<Value = String> {
    "[^+#\u{0}]{1,60}".prop_filter("limit", |topic| topic.len() <= 256)
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        (0..65_000usize, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
    ]
}

#[test]
fn what_goes_out_together_may_go_in_one_frame_as_far_as_there_is_room() {
    let now = Now {
        mono: NOW,
        wall: WallTime::from_unix_seconds(1_768_756_453),
    };
    let config = Config::born(Newborn([5; 32]), None).unwrap();
    let mut nara = Nara::new(config, [1; 32], now);
    nara.wake(now);
    assert_eq!(nara.poll_send(usize::MAX), None, "a socket is opened first");
    while nara.poll_effect().is_some() {}
    let credentials = Credentials {
        user: "u".into(),
        password: None,
    };
    nara.handle_opened(now, credentials);
    let Some(Effect::Send(mut frame)) = nara.poll_effect() else {
        panic!("nothing is sent")
    };
    assert_eq!(nara.poll_send(20), None, "a SUBSCRIBE is longer");
    frame.extend(nara.poll_send(1_000).unwrap());
    assert_eq!(nara.poll_send(1_000), None);
    let mut bytes = BytesMut::from(&frame[..]);
    assert!(matches!(read(&mut bytes, 1_000), Ok(Packet::Connect(_))));
    assert!(matches!(read(&mut bytes, 1_000), Ok(Packet::Subscribe(_))));
    assert!(bytes.is_empty());
}

proptest! {
    #[test]
    fn the_other_reads_our_connect(
        client_id in "[a-z0-9]{1,40}", user in "\\PC{1,60}", password in prop::option::of("\\PC{1,99}"),
        will in prop::option::of((topic(), prop::collection::vec(any::<u8>(), 0..200))),
        keep_alive in 1..100_000u64,
    ) {
        let config = SessionConfig {
            client_id: client_id.clone(),
            keep_alive: Duration::from_secs(keep_alive),
            will: will.clone().map(|(topic, payload)| Will { topic, payload }),
            topics: vec![],
        };
        let who = Credentials { user: user.clone(), password: password.clone() };
        let mut session = started(config, who);
        let Packet::Connect(connect) = sent(&mut session) else { panic!() };
        prop_assert_eq!(session.poll_output(), None);
        prop_assert_eq!(connect.client_id, client_id);
        prop_assert!(connect.clean_session);
        prop_assert_eq!(connect.keep_alive, keep_alive.min(65_535) as u16);
        prop_assert_eq!(connect.login, Some(Login::new(user, password.unwrap_or_default())));
        let will = will.map(|(topic, payload)| LastWill::new(topic, payload, QoS::AtMostOnce, false));
        prop_assert_eq!(connect.last_will, will);
    }

    #[test]
    fn the_other_reads_our_subscribe_and_we_read_its_suback(
        topics in prop::collection::vec((topic(), any::<bool>()), 1..=32),
    ) {
        let names: Vec<String> = topics.iter().map(|(topic, _)| topic.clone()).collect();
        let who = Credentials { user: "u".into(), password: None };
        let mut session = started(config(names.clone()), who);
        sent(&mut session);
        let Packet::Subscribe(subscribe) = sent(&mut session) else { panic!() };
        prop_assert_eq!(session.poll_output(), None);
        session.handle_data(NOW, &connack());
        let paths: Vec<String> = subscribe.filters.iter().map(|filter| filter.path.clone()).collect();
        prop_assert_eq!(paths, names);
        prop_assert!(subscribe.filters.iter().all(|filter| filter.qos == QoS::AtMostOnce));

        let code = |granted: &bool| match granted {
            true => SubscribeReasonCode::Success(QoS::AtMostOnce),
            false => SubscribeReasonCode::Failure,
        };
        let codes = topics.iter().map(|(_, granted)| code(granted)).collect();
        let mut bytes = BytesMut::new();
        SubAck::new(subscribe.pkid, codes).write(&mut bytes).unwrap();
        session.handle_data(NOW, &bytes);
        let refused = topics.into_iter().filter(|(_, granted)| !granted);
        let mut expected = vec![Event::Connected];
        expected.extend(refused.map(|(topic, _)| Event::Refused { topic }));
        prop_assert_eq!(events(&mut session), expected);
    }

    #[test]
    fn the_other_reads_what_we_publish(topic in topic(), payload in payload()) {
        let mut session = online();
        session.publish(&topic, &payload).unwrap();
        prop_assert_eq!(sent(&mut session), Packet::Publish(Publish::new(topic, QoS::AtMostOnce, payload)));
        prop_assert_eq!(session.poll_output(), None);
    }

    #[test]
    fn we_read_what_the_other_publishes_however_it_is_cut(
        messages in prop::collection::vec((topic(), payload(), any::<bool>()), 1..8),
        cuts in prop::collection::vec(1..2000usize, 1..50),
    ) {
        let mut bytes = BytesMut::new();
        for (topic, payload, receipt) in &messages {
            let qos = if *receipt { QoS::AtLeastOnce } else { QoS::AtMostOnce };
            let mut publish = Publish::new(topic.clone(), qos, payload.clone());
            publish.pkid = 7;
            publish.write(&mut bytes).unwrap();
        }
        let mut session = online();
        let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            session.handle_data(NOW, chunk);
            rest = after;
        }
        let published = |(topic, payload, _): &(String, Vec<u8>, bool)| Event::Published {
            topic: topic.clone(),
            payload: payload.clone(),
        };
        prop_assert_eq!(events(&mut session), messages.iter().map(published).collect::<Vec<_>>());
        for _ in messages.iter().filter(|(_, _, receipt)| *receipt) {
            let Some(Output::Send(bytes)) = session.poll_output() else { panic!("no receipt") };
            let puback = read(&mut BytesMut::from(&bytes[..]), 100).unwrap();
            prop_assert_eq!(puback, Packet::PubAck(PubAck::new(7)));
        }
        prop_assert_eq!(session.poll_output(), None);
    }

    #[test]
    fn bytes_that_mean_nothing_never_panic(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..10),
    ) {
        let who = Credentials { user: "u".into(), password: None };
        for mut session in [online(), started(config(vec!["a".into()]), who)] {
            for chunk in &chunks {
                session.handle_data(NOW, chunk);
            }
            check(session);
        }
    }

    #[test]
    fn packets_with_a_few_bytes_changed_never_panic(
        topic in topic(), payload in prop::collection::vec(any::<u8>(), 0..50),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = BytesMut::new();
        Publish::new(topic, QoS::AtMostOnce, payload).write(&mut bytes).unwrap();
        SubAck::new(1, vec![SubscribeReasonCode::Failure]).write(&mut bytes).unwrap();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let mut session = online();
        session.handle_data(NOW, &bytes);
        check(session);
    }
}

/// Either still connected, or waiting with a reason and a closed socket.
fn check(mut session: Session) {
    let state = session.state();
    let last = std::iter::from_fn(|| session.poll_output()).last();
    match state {
        State::Waiting { retry_at, .. } => {
            assert_eq!(last, Some(Output::Close));
            assert!(matches!(
                events(&mut session).last(),
                Some(Event::Disconnected { .. })
            ));
            assert_eq!(session.poll_timeout(), Some(retry_at));
        }
        _ => assert!(matches!(last, None | Some(Output::Send(_)))),
    }
}
