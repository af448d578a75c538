//! What every layer may use: time, randomness, id newtypes and bounded maps.

mod backlog;
pub mod base58;
pub mod base64;
#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
pub(crate) mod chacha;
mod expiring;
mod gather;
mod hash;
mod id;
mod random;
mod sorted;
mod time;

pub use backlog::Backlog;
pub use expiring::ExpiringMap;
pub use gather::Gather;
pub use hash::{sha256, sha512};
pub use id::{ID_LENGTH_MAX, IdError, Identity, NaraId, PublicKey};
pub use random::Rng;
pub use sorted::{SortedMap, SortedSet, sort_by_key};
pub use time::{Instant, Now, WallTime};
