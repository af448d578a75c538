//! What can go wrong at the plaza, each with a sentence a person can act on.

use super::{PACKET_LENGTH_MAX, TOPIC_LENGTH_MAX};
use core::fmt;

/// Why the broker refused a CONNECT (its return code).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Code 1.
    ProtocolVersion,
    /// Code 2.
    ClientId,
    /// Code 3.
    Unavailable,
    /// Code 4.
    BadCredentials,
    /// Code 5.
    NotAuthorised,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProtocolVersion => "the broker does not speak MQTT 3.1.1",
            Self::ClientId => "the broker refused the client id",
            Self::Unavailable => "the broker says that it is unavailable",
            Self::BadCredentials => "the broker refused the user name or password",
            Self::NotAuthorised => "the broker says that this user is not authorised",
        })
    }
}

impl core::error::Error for Refusal {}

/// Why a connection, or the attempt at one, ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The socket closed; the driver says why.
    Closed(String),
    /// The socket did not open in time.
    OpenTimeout,
    /// No CONNACK in time.
    ConnectTimeout,
    /// No SUBACK in time.
    SubscribeTimeout,
    /// No PINGRESP in time.
    PingTimeout,
    /// The broker answered the CONNECT with a refusal.
    Refused(Refusal),
    /// A packet breaks MQTT 3.1.1.
    Malformed,
    /// A packet over [`PACKET_LENGTH_MAX`] that is no message; a message is
    /// passed over ([`DropReason::PacketTooLong`]).
    PacketTooLong,
    /// A packet that a broker does not send, or not now.
    Unexpected,
    /// A PUBLISH at QoS 2, which was never asked for.
    QosTwo,
    /// Something of our own is over its limit.
    Setting {
        /// What it is.
        field: &'static str,
        /// How much of it there may be.
        limit: usize,
    },
    /// A topic of our own is no topic.
    Topic(String),
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(why) if why.is_empty() => f.write_str("the connection closed"),
            Self::Closed(why) => f.write_str(why),
            Self::OpenTimeout => f.write_str("the connection did not open in time"),
            Self::ConnectTimeout => f.write_str("the broker did not answer the connect in time"),
            Self::SubscribeTimeout => {
                f.write_str("the broker did not answer the subscription in time")
            }
            Self::PingTimeout => f.write_str("the broker did not answer a ping in time"),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Malformed => f.write_str("the broker sent a malformed packet"),
            Self::PacketTooLong => {
                write!(
                    f,
                    "the broker sent a packet longer than {PACKET_LENGTH_MAX} bytes"
                )
            }
            Self::Unexpected => f.write_str("the broker sent a packet out of turn"),
            Self::QosTwo => f.write_str("the broker sent a message at qos 2, which is not spoken"),
            Self::Setting { field, limit } => write!(f, "{field} is over the limit of {limit}"),
            Self::Topic(topic) => write!(f, "\"{topic}\" is not a topic"),
        }
    }
}

impl core::error::Error for Loss {}

/// Why a message was not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishError {
    /// There is no connection: nothing is kept for later.
    Offline,
    /// The topic is empty, has a wildcard or a NUL, or is longer than
    /// [`TOPIC_LENGTH_MAX`].
    Topic,
    /// Topic and payload do not fit in [`PACKET_LENGTH_MAX`].
    TooLong,
    /// The driver does not keep up with sending.
    QueueFull,
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offline => f.write_str("the plaza is not connected"),
            Self::Topic => write!(
                f,
                "the topic is empty, has a wildcard or is longer than {TOPIC_LENGTH_MAX} bytes"
            ),
            Self::TooLong => write!(f, "the message is longer than {PACKET_LENGTH_MAX} bytes"),
            Self::QueueFull => f.write_str("the queue of outgoing messages is full"),
        }
    }
}

impl core::error::Error for PublishError {}

/// Why an incoming message was dropped. Anybody may publish such a message, so
/// it must not cost us the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// The topic is not UTF-8, is empty, or has a wildcard or a NUL.
    TopicInvalid,
    /// The topic is longer than [`TOPIC_LENGTH_MAX`].
    TopicTooLong,
    /// The packet is longer than [`PACKET_LENGTH_MAX`].
    PacketTooLong,
    /// Events are not polled as fast as messages come.
    QueueFull,
}

impl DropReason {
    /// The reason in one word, as it is counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TopicInvalid => "topic_invalid",
            Self::TopicTooLong => "topic_too_long",
            Self::PacketTooLong => "packet_too_long",
            Self::QueueFull => "queue_full",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
