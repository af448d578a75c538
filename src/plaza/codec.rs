//! Packets to bytes and back: the few packets of MQTT 3.1.1 (section 3) that a
//! session needs, within limits.

use super::{
    CONNECT_FIELD_LENGTH_MAX, Credentials, DropReason, Loss, PACKET_LENGTH_MAX, PublishError,
    Refusal, SessionConfig, TOPIC_COUNT_MAX, TOPIC_LENGTH_MAX,
};
use crate::base::Gather;
use core::str::from_utf8;
use core::time::Duration;

const CONNECT: u8 = 1;
const CONNACK: u8 = 2;
const PUBLISH: u8 = 3;
const PUBACK: u8 = 4;
const PUBREL: u8 = 6;
const SUBSCRIBE: u8 = 8;
const SUBACK: u8 = 9;
const UNSUBSCRIBE: u8 = 10;
const PINGRESP: u8 = 13;

/// The id of the one SUBSCRIBE of a connection.
const SUBSCRIBE_ID: u16 = 1;

/// What the broker may send to a session.
pub(super) enum Incoming {
    /// CONNACK.
    Connected(Result<(), Refusal>),
    /// SUBACK: which of the topics were granted.
    Subscribed(Vec<bool>),
    /// PUBLISH, with the PUBACK it wants, if any.
    Published {
        topic: String,
        payload: Vec<u8>,
        receipt: Option<Vec<u8>>,
    },
    /// PUBLISH that cannot be used.
    Dropped(DropReason),
    /// PINGRESP.
    Pong,
}

/// Cuts the stream into packets. It holds at most one incomplete packet, and
/// of a message that is too long nothing at all.
#[derive(Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    read: usize,
    /// How much of a message that is too long is still to come.
    passing: usize,
}

impl Inbox {
    /// Takes what arrived.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        let passed = self.passing.min(bytes.len());
        self.passing -= passed;
        bytes = &bytes[passed..];
        self.bytes.drain(..self.read);
        self.read = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether a message that is too long is still coming in.
    pub(super) fn is_passing(&self) -> bool {
        self.passing > 0
    }

    /// The next whole packet.
    pub(super) fn next(&mut self) -> Result<Option<Incoming>, Loss> {
        let rest = &self.bytes[self.read..];
        let Some((header, start)) = fixed_header(rest)? else {
            return Ok(None);
        };
        if header.length > PACKET_LENGTH_MAX {
            return self.pass_over(header, start).map(Some);
        }
        let end = start + header.length;
        let Some(body) = rest.get(start..end) else {
            return Ok(None);
        };
        let incoming = decode(header, body)?;
        self.read += end;
        Ok(Some(incoming))
    }

    /// Anybody may publish what is too long, where the broker lets them: it
    /// costs us the message and not the connection.
    fn pass_over(&mut self, header: Header, start: usize) -> Result<Incoming, Loss> {
        if header.kind() != PUBLISH {
            return Err(Loss::PacketTooLong);
        }
        if header.qos() == 2 {
            return Err(Loss::QosTwo);
        }
        self.read += start;
        let here = header.length.min(self.bytes.len() - self.read);
        self.read += here;
        self.passing = header.length - here;
        Ok(Incoming::Dropped(DropReason::PacketTooLong))
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The fixed header: the packet's kind and flags, and how long the rest is.
#[derive(Clone, Copy)]
struct Header {
    control: u8,
    length: usize,
}

impl Header {
    fn kind(self) -> u8 {
        self.control >> 4
    }

    fn qos(self) -> u8 {
        self.control >> 1 & 3
    }

    /// Whether the flags are those of the kind.
    fn is_right(self) -> bool {
        match self.kind() {
            0 | 15 => false,
            PUBLISH => self.qos() < 3,
            PUBREL | SUBSCRIBE | UNSUBSCRIBE => self.control & 15 == 2,
            _ => self.control & 15 == 0,
        }
    }
}

/// The fixed header and its length, or `None` while it is incomplete. It says
/// at most 256 MB, which is MQTT's own limit.
fn fixed_header(bytes: &[u8]) -> Result<Option<(Header, usize)>, Loss> {
    let Some((&control, lengths)) = bytes.split_first() else {
        return Ok(None);
    };
    let mut length = 0;
    for place in 0..4 {
        let Some(&byte) = lengths.get(place) else {
            return Ok(None);
        };
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 != 0 {
            continue;
        }
        let header = Header { control, length };
        return match header.is_right() {
            true => Ok(Some((header, place + 2))),
            false => Err(Loss::Malformed),
        };
    }
    Err(Loss::Malformed)
}

/// Reads one body.
fn decode(header: Header, body: &[u8]) -> Result<Incoming, Loss> {
    match (header.kind(), body) {
        (CONNACK, [0 | 1, code]) => connected(*code),
        (SUBACK, [high, low, codes @ ..]) => subscribed(u16::from_be_bytes([*high, *low]), codes),
        (PUBLISH, _) => published(header.qos(), body),
        (PINGRESP, []) => Ok(Incoming::Pong),
        (CONNACK | SUBACK | PINGRESP, _) => Err(Loss::Malformed),
        _ => Err(Loss::Unexpected),
    }
}

fn connected(code: u8) -> Result<Incoming, Loss> {
    Ok(Incoming::Connected(match code {
        0 => Ok(()),
        1 => Err(Refusal::ProtocolVersion),
        2 => Err(Refusal::ClientId),
        3 => Err(Refusal::Unavailable),
        4 => Err(Refusal::BadCredentials),
        5 => Err(Refusal::NotAuthorised),
        _ => return Err(Loss::Malformed),
    }))
}

fn subscribed(id: u16, codes: &[u8]) -> Result<Incoming, Loss> {
    if id == 0 || !codes.iter().all(|code| matches!(code, 0..=2 | 0x80)) {
        return Err(Loss::Malformed);
    }
    // There is one SUBSCRIBE per connection, so only its own id makes sense.
    if id != SUBSCRIBE_ID {
        return Err(Loss::Unexpected);
    }
    let granted = codes.iter().map(|code| *code != 0x80);
    Ok(Incoming::Subscribed(granted.gather()))
}

fn published(qos: u8, body: &[u8]) -> Result<Incoming, Loss> {
    if qos == 2 {
        return Err(Loss::QosTwo);
    }
    let (length, rest) = body.split_first_chunk().ok_or(Loss::Malformed)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (topic, rest) = rest.split_at_checked(length).ok_or(Loss::Malformed)?;
    let Ok(topic) = from_utf8(topic) else {
        return Ok(Incoming::Dropped(DropReason::TopicInvalid));
    };
    let (receipt, payload) = match (qos, rest) {
        (0, payload) => (None, payload),
        (_, [0, 0, ..] | [] | [_]) => return Err(Loss::Malformed),
        (_, [high, low, payload @ ..]) => (Some(vec![PUBACK << 4, 2, *high, *low]), payload),
    };
    if topic.is_empty() || has_reserved(topic) {
        return Ok(Incoming::Dropped(DropReason::TopicInvalid));
    }
    if topic.len() > TOPIC_LENGTH_MAX {
        return Ok(Incoming::Dropped(DropReason::TopicTooLong));
    }
    Ok(Incoming::Published {
        topic: topic.to_owned(),
        payload: payload.to_vec(),
        receipt,
    })
}

/// A CONNECT packet. It has the password in it: what holds it must not show it.
pub(super) fn connect(config: &SessionConfig, who: &Credentials) -> Result<Vec<u8>, Loss> {
    within("the length of the client id", config.client_id.len())?;
    within("the length of the user name", who.user.len())?;
    within(
        "the length of the password",
        who.password.as_ref().map_or(0, String::len),
    )?;
    let will = match &config.will {
        None => None,
        Some(will) => {
            within("the length of the will", will.payload.len())?;
            if !is_name(&will.topic) {
                return Err(Loss::Topic(will.topic.clone()));
            }
            Some([will.topic.as_bytes(), &will.payload])
        }
    };
    let password = who.password.as_ref().map(|password| password.as_bytes());
    let mut fields = vec![config.client_id.as_bytes()];
    fields.extend(will.iter().flatten());
    fields.push(who.user.as_bytes());
    fields.extend(password);
    // A clean session, and a user name.
    let mut flags = 0x82;
    if will.is_some() {
        flags |= 0x04;
    }
    if password.is_some() {
        flags |= 0x40;
    }
    let size = fields.iter().map(|field| 2 + field.len()).sum::<usize>();
    let mut packet = begin(CONNECT << 4, 10 + size);
    put(&mut packet, b"MQTT");
    packet.extend([4, flags]);
    packet.extend(keep_alive_seconds(config.keep_alive).to_be_bytes());
    for field in fields {
        put(&mut packet, field);
    }
    Ok(packet)
}

/// The keep-alive as MQTT writes it. Zero would mean none at all.
pub(super) fn keep_alive_seconds(keep_alive: Duration) -> u16 {
    u16::try_from(keep_alive.as_secs())
        .unwrap_or(u16::MAX)
        .max(1)
}

/// A SUBSCRIBE packet for all topics at once.
pub(super) fn subscribe(topics: &[String]) -> Result<Vec<u8>, Loss> {
    if topics.len() > TOPIC_COUNT_MAX {
        return Err(Loss::Setting {
            field: "the number of topics",
            limit: TOPIC_COUNT_MAX,
        });
    }
    if let Some(topic) = topics.iter().find(|topic| !is_filter(topic)) {
        return Err(Loss::Topic(topic.clone()));
    }
    let size = topics.iter().map(|topic| 3 + topic.len()).sum::<usize>();
    let mut packet = begin(SUBSCRIBE << 4 | 2, 2 + size);
    packet.extend(SUBSCRIBE_ID.to_be_bytes());
    for topic in topics {
        put(&mut packet, topic.as_bytes());
        // QoS 0.
        packet.push(0);
    }
    Ok(packet)
}

/// A PUBLISH packet at QoS 0, not retained.
pub(super) fn publish(topic: &str, payload: &[u8]) -> Result<Vec<u8>, PublishError> {
    if !is_name(topic) {
        return Err(PublishError::Topic);
    }
    let size = 2 + topic.len() + payload.len();
    if size > PACKET_LENGTH_MAX {
        return Err(PublishError::TooLong);
    }
    let mut packet = begin(PUBLISH << 4, size);
    put(&mut packet, topic.as_bytes());
    packet.extend_from_slice(payload);
    Ok(packet)
}

/// A PINGREQ packet.
pub(super) const PING: [u8; 2] = [0xc0, 0];

/// A DISCONNECT packet.
pub(super) const DISCONNECT: [u8; 2] = [0xe0, 0];

/// Whether this is a topic that may be published to.
fn is_name(topic: &str) -> bool {
    !topic.is_empty() && topic.len() <= TOPIC_LENGTH_MAX && !has_reserved(topic)
}

fn has_reserved(topic: &str) -> bool {
    topic.bytes().any(|byte| matches!(byte, b'+' | b'#' | 0))
}

/// Whether this is a topic filter (section 4.7): wildcards are whole levels,
/// and `#` is the last one.
fn is_filter(topic: &str) -> bool {
    let rest = topic.strip_suffix('#').unwrap_or(topic);
    let is_cut = rest.len() == topic.len() || rest.is_empty() || rest.ends_with('/');
    let mut levels = rest.split('/');
    !topic.is_empty()
        && topic.len() <= TOPIC_LENGTH_MAX
        && is_cut
        && levels.all(|level| level == "+" || !has_reserved(level))
}

/// Lengths have two bytes, so nothing longer may be written.
fn within(field: &'static str, length: usize) -> Result<(), Loss> {
    let limit = CONNECT_FIELD_LENGTH_MAX;
    if length <= limit {
        Ok(())
    } else {
        Err(Loss::Setting { field, limit })
    }
}

/// The fixed header of a packet, with room for the rest.
fn begin(control: u8, mut length: usize) -> Vec<u8> {
    let mut packet = Vec::with_capacity(5 + length);
    packet.push(control);
    while length >= 128 {
        packet.push(length as u8 | 128);
        length /= 128;
    }
    packet.push(length as u8);
    packet
}

/// A field with its length before it.
fn put(packet: &mut Vec<u8>, field: &[u8]) {
    packet.extend((field.len() as u16).to_be_bytes());
    packet.extend_from_slice(field);
}
