//! JSON of strangers: envelopes, events, howdys, newspapers and every payload.
//! What is read and written again must be read as the same.

use light_nara::message::{
    Ack, Challenge, Delete, Granted, Handoff, HandoffReceipt, Howdy, Message, Newspaper, Payload,
    Refresh, Request, Response, Store, SyncEvent, Timestamp, parse_payload, to_go_json,
};

fn payload<P: Payload>(text: &str) {
    if let Ok(one) = parse_payload::<P>(text) {
        let written = to_go_json(&one);
        let again = parse_payload::<P>(&written).expect("what was written can be read");
        assert_eq!(to_go_json(&again), written);
    }
}

/// One input.
pub fn run(data: &[u8]) {
    if let Ok(message) = Message::parse(data) {
        let written = message.to_json();
        let again = Message::parse(written.as_bytes()).expect("what was written can be read");
        assert_eq!(again.signable(), message.signable());
    }
    if let Ok(event) = SyncEvent::parse(data) {
        let written = event.to_json();
        let again = SyncEvent::parse(written.as_bytes()).expect("what was written can be read");
        assert_eq!(again.signing_bytes(), event.signing_bytes());
    }
    if let Ok(howdy) = Howdy::parse(data) {
        howdy.verify();
    }
    let _ = Newspaper::parse(data);
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    payload::<Ack>(text);
    payload::<Challenge>(text);
    payload::<Delete>(text);
    payload::<Granted>(text);
    payload::<Handoff>(text);
    payload::<HandoffReceipt>(text);
    payload::<Refresh>(text);
    payload::<Request>(text);
    payload::<Response>(text);
    payload::<Store>(text);
    // Ours against another reader: what it takes for no JSON, so must ours.
    if light_nara::message::from_json::<light_nara::message::RawJson<'_>>(text).is_ok() {
        let theirs: Result<serde::de::IgnoredAny, _> = serde_json::from_str(text);
        assert!(theirs.is_ok(), "{text}");
    }
    if let Ok(time) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
    }
}
