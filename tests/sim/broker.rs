//! What a broker reads and writes of MQTT 3.1.1.

use std::rc::Rc;

/// One client as the broker knows it.
pub(super) struct Client {
    pub(super) topics: Vec<String>,
    pub(super) will: Option<(String, Rc<[u8]>)>,
    pub(super) last_heard: u64,
}

impl Client {
    pub(super) fn wants(&self, topic: &str) -> bool {
        self.topics.iter().any(|filter| matches(filter, topic))
    }
}

/// What a client says.
pub(super) enum Packet {
    Connect(Option<(String, Rc<[u8]>)>),
    Subscribe(Vec<String>),
    Publish(String, Rc<[u8]>),
    Ping,
    Disconnect,
    Other,
}

pub(super) const CONNACK: [u8; 4] = [0x20, 2, 0, 0];
pub(super) const PONG: [u8; 2] = [0xd0, 0];

pub(super) fn suback(topics: usize) -> Vec<u8> {
    let mut packet = vec![0x90, 2 + topics as u8, 0, 1];
    packet.resize(4 + topics, 0);
    packet
}

pub(super) fn publish(topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x30];
    let mut length = 2 + topic.len() + payload.len();
    while length >= 0x80 {
        packet.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    packet.push(length as u8);
    packet.extend((topic.len() as u16).to_be_bytes());
    packet.extend(topic.as_bytes());
    packet.extend(payload);
    packet
}

/// Reads one whole packet, as the session sends them.
pub(super) fn read(packet: &[u8]) -> Packet {
    let lengths = packet[1..].iter().take_while(|byte| **byte >= 0x80).count();
    let body = &packet[2 + lengths..];
    match packet[0] >> 4 {
        1 => Packet::Connect(will(body)),
        3 => {
            let (topic, end) = text(body, 0);
            Packet::Publish(topic, body[end..].into())
        }
        8 => {
            let (mut topics, mut at) = (Vec::new(), 2);
            while at < body.len() {
                let (topic, end) = text(body, at);
                topics.push(topic);
                at = end + 1;
            }
            Packet::Subscribe(topics)
        }
        12 => Packet::Ping,
        14 => Packet::Disconnect,
        _ => Packet::Other,
    }
}

fn will(body: &[u8]) -> Option<(String, Rc<[u8]>)> {
    // The name MQTT with its length, the level, the flags, the keep-alive.
    if body[7] & 4 == 0 {
        return None;
    }
    let (_, client) = field(body, 10);
    let (topic, end) = text(body, client);
    let (message, _) = field(body, end);
    Some((topic, message.into()))
}

fn field(body: &[u8], at: usize) -> (&[u8], usize) {
    let end = at + 2 + usize::from(body[at]) * 256 + usize::from(body[at + 1]);
    (&body[at + 2..end], end)
}

fn text(body: &[u8], at: usize) -> (String, usize) {
    let (bytes, end) = field(body, at);
    (String::from_utf8(bytes.to_vec()).unwrap(), end)
}

fn matches(filter: &str, topic: &str) -> bool {
    match filter.strip_suffix('+') {
        Some(prefix) => topic
            .strip_prefix(prefix)
            .is_some_and(|rest| !rest.contains('/')),
        None => filter == topic,
    }
}
