//! Packets to bytes and back: the few packets a session needs, through
//! `mqtt-proto`, with the limits and checks that the library leaves to us.

use super::{
    CONNECT_FIELD_LENGTH_MAX, Credentials, DropReason, Loss, PACKET_LENGTH_MAX, PublishError,
    Refusal, SessionConfig, TOPIC_COUNT_MAX, TOPIC_LENGTH_MAX,
};
use bytes::Bytes;
use core::time::Duration;
use mqtt_proto::v3::{
    Connack, Connect, ConnectReturnCode, Header, LastWill, Packet, PacketType, Publish, Suback,
    Subscribe, SubscribeReturnCode,
};
use mqtt_proto::{Error, Pid, Protocol, QoS, QosPid, TopicFilter, TopicName, VarBytes};
use zeroize::Zeroizing;

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
        if header.remaining_len as usize > PACKET_LENGTH_MAX {
            return self.pass_over(header, start).map(Some);
        }
        let end = start + header.remaining_len as usize;
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
        if header.typ != PacketType::Publish {
            return Err(Loss::PacketTooLong);
        }
        if header.qos == QoS::Level2 {
            return Err(Loss::QosTwo);
        }
        self.read += start;
        let length = header.remaining_len as usize;
        let here = length.min(self.bytes.len() - self.read);
        self.read += here;
        self.passing = length - here;
        Ok(Incoming::Dropped(DropReason::PacketTooLong))
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
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
        let start = place + 2;
        let header = Header::new_with(control, length as u32, (start + length) as u32);
        return header
            .map(|header| Some((header, start)))
            .map_err(malformed);
    }
    Err(Loss::Malformed)
}

/// Reads one body. The library stops where the last field ends; what is left
/// over then makes the packet malformed.
fn decode(header: Header, body: &[u8]) -> Result<Incoming, Loss> {
    let mut end = 0;
    let incoming = match header.typ {
        PacketType::Connack => connected(Connack::decode(body, &mut end).map_err(malformed)?.code),
        PacketType::Suback => {
            subscribed(&Suback::decode(body, &mut end, header).map_err(malformed)?)?
        }
        PacketType::Publish if header.qos == QoS::Level2 => return Err(Loss::QosTwo),
        PacketType::Publish => match Publish::decode(body, &mut end, header) {
            Ok(publish) => published(publish)?,
            Err(Error::InvalidString | Error::InvalidTopicName(_)) => {
                return Ok(Incoming::Dropped(DropReason::TopicInvalid));
            }
            Err(error) => return Err(malformed(error)),
        },
        PacketType::Pingresp => Incoming::Pong,
        _ => return Err(Loss::Unexpected),
    };
    if end == body.len() {
        Ok(incoming)
    } else {
        Err(Loss::Malformed)
    }
}

fn connected(code: ConnectReturnCode) -> Incoming {
    Incoming::Connected(match code {
        ConnectReturnCode::Accepted => Ok(()),
        ConnectReturnCode::UnacceptableProtocolVersion => Err(Refusal::ProtocolVersion),
        ConnectReturnCode::IdentifierRejected => Err(Refusal::ClientId),
        ConnectReturnCode::ServerUnavailable => Err(Refusal::Unavailable),
        ConnectReturnCode::BadUserNameOrPassword => Err(Refusal::BadCredentials),
        ConnectReturnCode::NotAuthorized => Err(Refusal::NotAuthorised),
    })
}

fn subscribed(suback: &Suback) -> Result<Incoming, Loss> {
    // There is one SUBSCRIBE per connection, so only its own id makes sense.
    if suback.pid != Pid::default() {
        return Err(Loss::Unexpected);
    }
    let granted = suback
        .topics
        .iter()
        .map(|code| *code != SubscribeReturnCode::Failure)
        .collect();
    Ok(Incoming::Subscribed(granted))
}

fn published(publish: Publish) -> Result<Incoming, Loss> {
    let topic = &*publish.topic_name;
    if topic.is_empty() {
        return Ok(Incoming::Dropped(DropReason::TopicInvalid));
    }
    if topic.len() > TOPIC_LENGTH_MAX {
        return Ok(Incoming::Dropped(DropReason::TopicTooLong));
    }
    let receipt = match publish.qos_pid {
        QosPid::Level0 => None,
        QosPid::Level1(packet) => Some(bytes_of(&Packet::Puback(packet))?),
        QosPid::Level2(_) => return Err(Loss::QosTwo),
    };
    let topic = topic.to_owned();
    Ok(Incoming::Published {
        topic,
        payload: publish.payload.into(),
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
    let last_will = match &config.will {
        None => None,
        Some(will) => {
            within("the length of the will", will.payload.len())?;
            let topic = name(&will.topic).ok_or_else(|| Loss::Topic(will.topic.clone()))?;
            let message = Bytes::copy_from_slice(&will.payload);
            Some(LastWill::new(QoS::Level0, topic, message))
        }
    };
    let password = who
        .password
        .as_ref()
        .map(|password| Bytes::from_owner(Zeroizing::new(password.as_bytes().to_vec())));
    bytes_of(&Packet::Connect(Connect {
        protocol: Protocol::V311,
        clean_session: true,
        keep_alive: keep_alive_seconds(config.keep_alive),
        client_id: config.client_id.as_str().into(),
        last_will,
        username: Some(who.user.as_str().into()),
        password,
    }))
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
    let filter = |topic: &String| {
        let filter = TopicFilter::try_from(topic.as_str()).ok();
        let filter = filter.filter(|_| topic.len() <= TOPIC_LENGTH_MAX);
        filter
            .map(|filter| (filter, QoS::Level0))
            .ok_or_else(|| Loss::Topic(topic.clone()))
    };
    let filters = topics.iter().map(filter).collect::<Result<Vec<_>, _>>()?;
    bytes_of(&Packet::Subscribe(Subscribe::new(Pid::default(), filters)))
}

/// A PUBLISH packet at QoS 0, not retained.
pub(super) fn publish(topic: &str, payload: &[u8]) -> Result<Vec<u8>, PublishError> {
    let topic = name(topic).ok_or(PublishError::Topic)?;
    if 2 + topic.len() + payload.len() > PACKET_LENGTH_MAX {
        return Err(PublishError::TooLong);
    }
    let publish = Publish::new(QosPid::Level0, topic, Bytes::copy_from_slice(payload));
    bytes_of(&Packet::Publish(publish)).map_err(|_| PublishError::TooLong)
}

/// A PINGREQ packet.
pub(super) const PING: [u8; 2] = [0xc0, 0];

/// A DISCONNECT packet.
pub(super) const DISCONNECT: [u8; 2] = [0xe0, 0];

/// A topic that may be published to.
fn name(topic: &str) -> Option<TopicName> {
    let fits = !topic.is_empty() && topic.len() <= TOPIC_LENGTH_MAX;
    TopicName::try_from(topic).ok().filter(|_| fits)
}

/// The library writes lengths modulo 65,536, so nothing longer may reach it.
fn within(field: &'static str, length: usize) -> Result<(), Loss> {
    let limit = CONNECT_FIELD_LENGTH_MAX;
    if length <= limit {
        Ok(())
    } else {
        Err(Loss::Setting { field, limit })
    }
}

fn bytes_of(packet: &Packet) -> Result<Vec<u8>, Loss> {
    Ok(match packet.encode().map_err(malformed)? {
        VarBytes::Dynamic(bytes) => bytes,
        short => short.as_ref().to_vec(),
    })
}

/// The library's errors can hold the broker's text; a reason for people does not.
fn malformed(_: Error) -> Loss {
    Loss::Malformed
}
