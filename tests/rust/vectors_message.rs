//! Messages and Go's JSON against what the reference implementation made of
//! the same input.

use crate::vectors::{cases, key, keys, section, text, truth};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use light_nara::base::{PublicKey, WallTime};
use light_nara::identity::verify;
use light_nara::message::{
    Ack, Bytes, Howdy, Message, MessageError, Newspaper, Payload, PayloadError, Refresh, Request,
    Response, Store, SyncEvent, Timestamp, parse_payload, to_go_json,
};
use serde_json::Value;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MESSAGE: &str = include_str!("../vectors/message.json");
const GOJSON: &str = include_str!("../vectors/gojson.json");

/// A payload read as its kind's type and written again.
fn canonical(kind: &str, payload: &str) -> Result<String, PayloadError> {
    fn again<P: Payload>(payload: &str) -> Result<String, PayloadError> {
        parse_payload::<P>(payload).map(|payload| to_go_json(&payload))
    }
    match kind {
        "stash:store" => again::<Store>(payload),
        "stash:ack" => again::<Ack>(payload),
        "stash:request" => again::<Request>(payload),
        "stash:response" => again::<Response>(payload),
        "stash-refresh" => again::<Refresh>(payload),
        _ => panic!("the vectors have no kind {kind}"),
    }
}

fn messages() -> Vec<(Message, Value)> {
    let cases = cases(MESSAGE, "messages", 21);
    let parsed = cases.into_iter().map(|case| {
        let message = Message::parse(text(&case, "marshal").as_bytes()).unwrap();
        (message, case)
    });
    parsed.collect()
}

#[test]
fn every_message_is_named_spelled_and_signed_as_by_the_reference() {
    for (message, case) in messages() {
        let (kind, payload) = (text(&case, "kind"), text(&case, "payload_json"));
        let stamp = Timestamp::parse(text(&case, "timestamp")).unwrap();
        assert_eq!(
            (message.kind.as_str(), message.payload.as_str()),
            (kind, payload)
        );
        assert_eq!(message.timestamp, stamp, "{case}");
        assert_eq!(message.computed_id(), text(&case, "compute_id"));
        let nameless = Message::compute_id(kind, "", &stamp, payload);
        assert_eq!(nameless, text(&case, "compute_id_with_empty_from_id"));

        assert_eq!(message.to_json(), text(&case, "marshal"));
        assert_eq!(
            STANDARD.encode(message.to_json()),
            text(&case, "marshal_b64")
        );
        assert_eq!(message.signable(), text(&case, "signable"));
        assert_eq!(
            STANDARD.encode(message.signable()),
            text(&case, "signable_b64")
        );

        let signed = keys(MESSAGE, text(&case, "signer")).sign(message.signable().as_bytes());
        assert_eq!(message.signature, Some(signed), "{case}");
        assert_eq!(STANDARD.encode(signed.0), text(&case, "signature_b64"));
        if let Some(wall) = stamp.wall() {
            assert_eq!(
                wall.unix_nanos().to_string(),
                text(&case, "timestamp_unix_nano")
            );
        }
    }
}

#[test]
fn a_signature_stays_valid_under_the_changes_that_the_reference_allows_and_no_other() {
    let other = keys(MESSAGE, "mallory").public_key();
    for (message, case) in messages() {
        let key = key(&case, "signer_public_key");
        let check = |flag: &str, key: &PublicKey, message: &Message| {
            let signature = message.signature.unwrap();
            let fits = verify(key, message.signable().as_bytes(), &signature);
            assert_eq!(
                fits,
                truth(&case, flag),
                "{flag} of {}",
                text(&case, "note")
            );
        };
        check("verify_own_key", &key, &message);
        check("verify_other_key", &other, &message);

        let payload = canonical(&message.kind, &message.payload).unwrap();
        check(
            "verify_after_reparse",
            &key,
            &Message {
                payload,
                ..message.clone()
            },
        );

        let to_id = "3V8HfWPxo7k8s6RW9uSxq54JvYL48jZVC5GWf5YK5S3R".to_owned();
        check(
            "verify_to_id_changed",
            &key,
            &Message {
                to_id,
                ..message.clone()
            },
        );
        let timestamp = one_nanosecond_later(&message.timestamp);
        check(
            "verify_timestamp_plus_1ns",
            &key,
            &Message {
                timestamp,
                ..message.clone()
            },
        );
        let timestamp = in_another_zone(&message.timestamp);
        check(
            "verify_same_instant_other_zone",
            &key,
            &Message {
                timestamp,
                ..message.clone()
            },
        );

        let unsigned_fields = Message {
            from: "x".to_owned(),
            to: "x".to_owned(),
            version: 7,
            in_reply_to: "x".to_owned(),
            content_key: "x".to_owned(),
            ..message.clone()
        };
        check(
            "verify_from_to_version_inreplyto_contentkey_changed",
            &key,
            &unsigned_fields,
        );
    }
}

fn one_nanosecond_later(stamp: &Timestamp) -> Timestamp {
    stamp.wall().map_or_else(
        || Timestamp::parse("0001-01-01T00:00:00.000000001Z").unwrap(),
        |wall| shifted(wall.unix_nanos() + 1, &offset(stamp)),
    )
}

fn in_another_zone(stamp: &Timestamp) -> Timestamp {
    let other = stamp.wall().map_or_else(
        || Timestamp::parse("0001-01-01T01:00:00+01:00").unwrap(),
        |wall| shifted(wall.unix_nanos(), "+01:00"),
    );
    assert_eq!(other.wall(), stamp.wall());
    other
}

/// The offset as written; empty for UTC.
fn offset(stamp: &Timestamp) -> String {
    let text = stamp.to_string();
    if text.ends_with('Z') {
        String::new()
    } else {
        text[text.len() - 6..].to_owned()
    }
}

/// An instant written with an offset such as `+01:00`.
fn shifted(unix_nanos: i64, offset: &str) -> Timestamp {
    if offset.is_empty() {
        return Timestamp::from_wall(WallTime::from_unix_nanos(unix_nanos));
    }
    let number = |range: core::ops::Range<usize>| offset[range].parse::<i64>().unwrap();
    let east = (number(1..3) * 3600 + number(4..6) * 60) * 1_000_000_000;
    let east = if offset.starts_with('-') { -east } else { east };
    let local = Timestamp::from_wall(WallTime::from_unix_nanos(unix_nanos + east)).to_string();
    Timestamp::parse(&local.replace('Z', offset)).unwrap()
}

#[test]
fn a_payload_is_written_again_byte_for_byte_unless_its_text_was_broken() {
    for (message, case) in messages() {
        let again = canonical(&message.kind, &message.payload).unwrap();
        let kept = again == message.payload;
        assert_eq!(
            kept,
            truth(&case, "verify_after_reparse"),
            "{}",
            text(&case, "note")
        );
    }
}

#[test]
fn a_reply_turns_the_request_around() {
    let owner = keys(MESSAGE, "gopher-owner");
    let mut request = Message::draft("stash:request", 1, "{}".to_owned());
    request.id = "abc".to_owned();
    request.from = owner.name().to_owned();
    request.from_id = owner.id().to_string();
    let response = Response {
        owner_id: owner.id().to_string(),
        ..Response::default()
    };
    let reply = request.reply("stash:response", to_go_json(&response));
    assert_eq!(
        reply.to_json(),
        section(MESSAGE, "reply_to_request").as_str().unwrap()
    );
}

/// What becomes of the bodies that the reference was given. Where it took a
/// duplicate, a spelling in another case or no payload, a light nara does not.
#[test]
fn every_body_that_the_reference_was_given_is_read_or_refused_and_none_crashes() {
    for case in cases(MESSAGE, "receive", 57) {
        let (body, note) = (text(&case, "body"), text(&case, "note"));
        let parsed = Message::parse(body.as_bytes());
        let error = case["error"].as_str().unwrap_or_default();
        let later = ["unknown kind", "unsupported version", "unmarshal payload"];
        let stricter = ["duplicate key", "field names in other case", "payload null"];
        let strict = stricter.iter().any(|one| note.starts_with(one));
        let refused = strict || !error.is_empty() && !later.iter().any(|why| error.contains(why));
        assert_eq!(parsed.is_err(), refused, "{note}: {parsed:?}");
        if let Ok(message) = parsed
            && message.kind.starts_with("stash:st")
            && message.kind != "stash:stole"
        {
            let refused = error.contains("unmarshal payload");
            let again = canonical(&message.kind, &message.payload);
            assert_eq!(again.is_err(), refused, "{note}: {again:?}");
        }
        for end in (0..body.len())
            .step_by(7)
            .filter(|end| body.is_char_boundary(*end))
        {
            assert!(
                Message::parse(&body.as_bytes()[..end]).is_err(),
                "{note} cut at {end}"
            );
        }
    }
}

#[test]
fn every_broken_byte_is_an_error_or_another_message_but_never_a_crash() {
    let (message, _) = messages().remove(0);
    let json = message.to_json();
    for at in 0..json.len() {
        for byte in [0, b'"', b'{', b'\\', b'9', 0xff] {
            let mut broken = json.clone().into_bytes();
            broken[at] = byte;
            if let Ok(read) = Message::parse(&broken) {
                let _ = (canonical("stash:store", &read.payload), read.signable());
            }
        }
    }
}

#[test]
fn texts_are_escaped_as_go_escapes_them() {
    for case in cases(GOJSON, "strings", 146) {
        let bytes = hex::decode(text(&case, "utf8_hex")).unwrap();
        let written = to_go_json(&String::from_utf8(bytes).unwrap());
        assert_eq!(hex::encode(&written), text(&case, "json_hex"), "{case}");
        assert_eq!(written, text(&case, "json"));
    }
}

#[test]
fn times_are_read_and_spelled_as_go_does() {
    for case in cases(GOJSON, "times", 31) {
        let given = text(&case, "in");
        let json = to_go_json(given);
        match (Timestamp::parse(given), case["error"].as_str()) {
            (Ok(stamp), None) => {
                assert_eq!(stamp.to_string(), text(&case, "out"), "{given}");
                assert_eq!(stamp.to_string(), text(&case, "rfc3339nano"), "{given}");
                let read: Timestamp = serde_json::from_str(&json).unwrap();
                assert_eq!(to_go_json(&read), to_go_json(text(&case, "out")));
            }
            (Err(_), Some(_)) => assert!(serde_json::from_str::<Timestamp>(&json).is_err()),
            (found, expected) => panic!("{given}: {found:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn frames_and_ciphertexts_over_the_limit_are_not_taken_in() {
    let huge = vec![b' '; 65_537];
    let too_large = MessageError::TooLarge { size: 65_537 };
    assert_eq!(Message::parse(&huge), Err(too_large.clone()));
    assert_eq!(SyncEvent::parse(&huge), Err(too_large.clone()));
    assert_eq!(Howdy::parse(&huge), Err(too_large.clone()));
    assert_eq!(Newspaper::parse(&huge), Err(too_large));
    let store = Store {
        ciphertext: Bytes::from(vec![1; 10_241]),
        ..Store::default()
    };
    let read: Store = parse_payload(&to_go_json(&store)).unwrap();
    assert_eq!(read.ciphertext.len(), 10_241);
    assert!(read.ciphertext.as_slice().is_empty());
}
