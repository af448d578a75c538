//! Who a nara is: its soul, the name bonded to it, and the keys that follow.
//!
//! Everything is derived from the soul, so whoever has the soul is the nara.
//! Nothing here prints a secret, and what holds one wipes it when dropped.

#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
mod chacha;
mod ed25519;
mod go_random;
mod keys;
mod name;
mod seal;
mod soul;

pub use keys::{BondError, Keys, Signature, verify};
pub use name::{NAME_LENGTH_MAX, generate_name};
pub use seal::{OpenError, stash_key};
pub use soul::{Soul, SoulError, nara_id};
