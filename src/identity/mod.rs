//! Who a nara is: its soul, the name bonded to it, and the keys that follow.
//!
//! Everything is derived from the soul, so whoever has the soul is the nara.
//! Nothing here prints a secret, and what holds one wipes it when dropped.

#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
mod aead;
mod crypto;
#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
mod curve;
mod ed25519;
#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
mod field;
mod go_random;
#[cfg(not(all(target_family = "wasm", target_feature = "simd128")))]
mod group;
#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
mod halves;
mod keys;
#[cfg(any(test, not(all(target_family = "wasm", target_feature = "simd128"))))]
mod library;
mod name;
#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
mod poly1305;
#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
mod scalar;
mod seal;
mod soul;

pub use crypto::Crypto;
pub use keys::{BondError, Keys, Signature, verify};
pub use name::{NAME_LENGTH_MAX, generate_name};
pub use seal::{OpenError, stash_key};
pub use soul::{Soul, SoulError, nara_id};
