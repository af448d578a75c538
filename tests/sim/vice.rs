//! Peers that do not keep to the protocol. Each is a real nara whose words are
//! changed on their way out, signed with its own keys: it can do what any
//! holder of a key can do.

use super::broker::{self, Packet};
use super::host::Host;
use light_nara::base::{Identity, Rng, WallTime};
use light_nara::identity::Keys;
use light_nara::mesh::Frame;
use light_nara::message::{
    Digest, Granted, Handoff, HandoffReceipt, Message, Payload, Proof, Response, Timestamp,
    parse_payload, to_go_json,
};
use std::rc::Rc;

/// What is wrong with a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vice {
    /// Nothing.
    None,
    /// It acknowledges and gives nothing back.
    Drops,
    /// It gives back what is old, broken or nothing, acknowledges what it
    /// refused, claims to hold what it does not and the other way round, allows
    /// others too much, and passes on what it changed.
    Lies,
    /// It sends many messages at once.
    Floods,
}

impl Vice {
    /// One in six has one, in two of three runs.
    pub(super) fn draw(rng: &mut Rng) -> Self {
        match rng.below(18) {
            0 => Self::Drops,
            1 => Self::Lies,
            2 => Self::Floods,
            _ => Self::None,
        }
    }

    /// Whether what it says of what it holds is true.
    pub(super) fn is_honest(self) -> bool {
        matches!(self, Self::None | Self::Floods)
    }
}

/// What becomes of what somebody says.
enum Word {
    AsItIs,
    Unsaid,
    Changed(String),
}

/// What becomes of a packet that this host sends; `None` if it is not sent.
pub(super) fn twist(host: &mut Host, rng: &mut Rng, packet: Vec<u8>) -> Option<Vec<u8>> {
    if host.vice.is_honest() {
        return Some(packet);
    }
    let Packet::Publish(topic, payload) = broker::read(&packet) else {
        return Some(packet);
    };
    match twist_message(host, rng, &payload) {
        Word::AsItIs => Some(packet),
        Word::Unsaid => None,
        Word::Changed(text) => Some(broker::publish(&topic, text.as_bytes())),
    }
}

/// What becomes of a frame that it sends to the gateway. The headers do not
/// cover the message in it.
pub(super) fn twist_frame(host: &mut Host, rng: &mut Rng, bytes: Vec<u8>) -> Option<Vec<u8>> {
    if host.vice.is_honest() {
        return Some(bytes);
    }
    let Some(mut frame) = Frame::parse(&bytes).filter(|frame| frame.t == "request") else {
        return Some(bytes);
    };
    match twist_message(host, rng, &frame.body) {
        Word::AsItIs => Some(bytes),
        Word::Unsaid => None,
        Word::Changed(text) => {
            frame.body = text.into_bytes();
            Some(frame.to_bytes())
        }
    }
}

fn twist_message(host: &mut Host, rng: &mut Rng, payload: &[u8]) -> Word {
    let Ok(message) = Message::parse(payload) else {
        return Word::AsItIs;
    };
    match message.kind.as_str() {
        "stash:response" => {}
        "stash:ack" if host.vice == Vice::Lies => {
            let refused = message.payload.contains("\"success\":false");
            let text = message
                .payload
                .replace("\"success\":false", "\"success\":true");
            return if refused && rng.below(2) == 0 {
                changed(host, message, text)
            } else {
                Word::AsItIs
            };
        }
        "stash:handoff" | "stash:grant" | "stash:receipt" | "stash:proof"
            if host.vice == Vice::Lies =>
        {
            return match lie_of_copies(host, rng, &message) {
                Some(text) => changed(host, message, text),
                None if message.kind == "stash:handoff" => Word::Unsaid,
                None => Word::AsItIs,
            };
        }
        "stash:handoff" => return Word::Unsaid,
        _ => return Word::AsItIs,
    }
    let Ok(mut response) = parse_payload::<Response>(&message.payload) else {
        return Word::Unsaid;
    };
    if response.request_id.is_empty() && host.vice == Vice::Drops {
        return Word::Unsaid;
    }
    let oldest = host
        .oldest
        .entry(message.to_id.clone())
        .or_insert_with(|| response.clone())
        .clone();
    match rng.below(3) {
        0 if host.vice == Vice::Lies => {
            (response.nonce, response.ciphertext) = (oldest.nonce, oldest.ciphertext);
            response.stored_at = oldest.stored_at;
        }
        1 if host.vice == Vice::Lies => {
            let mut bytes = response.ciphertext.as_slice().to_vec();
            if let Some(byte) = bytes.get_mut(rng.below(1_000) as usize) {
                *byte ^= 1;
            }
            response.ciphertext = bytes.into();
        }
        _ => {
            response = Response {
                owner_id: response.owner_id,
                request_id: response.request_id,
                ..Response::default()
            };
        }
    }
    let text = to_go_json(&response);
    changed(host, message, text)
}

/// A lie of who holds what and who may pass it on; one in two times none.
fn lie_of_copies(host: &Host, rng: &mut Rng, message: &Message) -> Option<String> {
    if rng.below(2) == 0 {
        return None;
    }
    let text = &message.payload;
    Some(match message.kind.as_str() {
        "stash:grant" => {
            let mut granted = parse_payload::<Granted>(text).ok()?;
            let grant = &mut granted.grant;
            match rng.below(4) {
                0 => grant.copies = 255,
                1 => grant.until = grant.until.saturating_add(1_000_000_000),
                2 => grant.revision += u64::from(rng.below(100)),
                _ => grant.holders.clear(),
            }
            grant.signature = host.keys.sign(grant.signed_text().as_bytes());
            to_go_json(&granted)
        }
        "stash:receipt" => {
            let mut receipt = parse_payload::<HandoffReceipt>(text).ok()?;
            match rng.below(3) {
                0 => receipt.held = !receipt.held,
                1 => receipt.revision += u64::from(rng.below(100)),
                _ => receipt.chain.clear(),
            }
            to_go_json(&receipt)
        }
        "stash:proof" => {
            let mut proof = parse_payload::<Proof>(text).ok()?;
            match rng.below(3) {
                0 => proof.held = !proof.held,
                1 => proof.revision += u64::from(rng.below(100)),
                _ => proof.hash = Digest(rng.array()),
            }
            to_go_json(&proof)
        }
        _ => {
            let mut handoff = parse_payload::<Handoff>(text).ok()?;
            match rng.below(3) {
                0 => handoff.grant.revision += 1,
                1 => handoff.chain.clear(),
                _ => handoff.store = handoff.store.replacen("\"ts\":1", "\"ts\":2", 1),
            }
            to_go_json(&handoff)
        }
    })
}

fn changed(host: &Host, mut message: Message, payload: String) -> Word {
    message.payload = payload;
    sign(&host.keys, &mut message);
    Word::Changed(message.to_json())
}

fn sign(keys: &Keys, message: &mut Message) {
    message.id = message.computed_id();
    message.signature = Some(keys.sign(message.signable().as_bytes()));
}

/// A message to one nara, made by hand.
pub(super) fn speak<P: Payload>(
    keys: &Keys,
    to: &Identity,
    at: WallTime,
    kind: &str,
    payload: &P,
) -> (String, Rc<[u8]>) {
    let mut message = Message::draft(kind, 1, to_go_json(payload));
    keys.id().as_str().clone_into(&mut message.from_id);
    message.key = Some(keys.identity().key);
    to.id.as_str().clone_into(&mut message.to_id);
    message.timestamp = Timestamp::from_wall(at);
    sign(keys, &mut message);
    let topic = format!("nara/mesh/{}", to.id);
    (topic, message.to_json().into_bytes().into())
}
