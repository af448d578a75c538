//! The plaza: an MQTT 3.1.1 client session (QoS 0, clean session, nothing
//! retained) as bytes in, bytes out. It knows no naras, no socket and no clock.
//!
//! A driver calls the inputs of [`Session`] with the time, then drains
//! `poll_output` and `poll_event`, then calls `handle_timeout` at or after
//! `poll_timeout`. Late and needless calls do no harm.

mod codec;
mod error;
mod session;

pub use error::{DropReason, Loss, PublishError, Refusal};
pub use session::{Event, Output, Session, State};

use core::fmt;
use core::time::Duration;
use zeroize::ZeroizeOnDrop;

/// The longest topic that is sent or believed, in bytes.
pub const TOPIC_LENGTH_MAX: usize = 256;

/// The longest packet, either way, as MQTT counts: without the fixed header. A
/// longer message is passed over as it comes, without being kept.
pub const PACKET_LENGTH_MAX: usize = 65_536;

/// The most topics one session subscribes to.
pub const TOPIC_COUNT_MAX: usize = 32;

/// The longest client id, user name, password and will payload, in bytes. Five
/// of these fit in one packet; a token is seldom over 4 KiB.
pub const CONNECT_FIELD_LENGTH_MAX: usize = 8_192;

/// What a session keeps from one connection to the next.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// Unique per instance: a broker throws the older of two equals out.
    pub client_id: String,
    /// The longest silence the broker should bear, in whole seconds.
    pub keep_alive: Duration,
    /// What the broker publishes when the connection breaks.
    pub will: Option<Will>,
    /// What to subscribe to, at QoS 0, after each connect.
    pub topics: Vec<String>,
}

/// A message that the broker publishes in our name, at QoS 0 and not retained,
/// when the connection ends without a DISCONNECT.
#[derive(Clone, Debug)]
pub struct Will {
    /// Where it goes.
    pub topic: String,
    /// What it says.
    pub payload: Vec<u8>,
}

/// Who we are to the broker. Wiped from memory when dropped.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Credentials {
    /// The user name.
    pub user: String,
    /// The password or token.
    pub password: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = self.password.as_ref().map(|_| "…");
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .field("password", &password)
            .finish()
    }
}

#[cfg(test)]
mod tests;
