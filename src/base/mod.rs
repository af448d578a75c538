//! What every layer may use: time, randomness, id newtypes and bounded maps.

mod expiring;
mod id;
mod random;
mod time;

pub use expiring::ExpiringMap;
pub use id::{ID_LENGTH_MAX, IdError, Identity, MessageId, NaraId, PublicKey};
pub use random::Rng;
pub use time::{Instant, Now, WallTime};
