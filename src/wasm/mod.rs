//! The only code that touches the browser: sockets, one timer, the platform's
//! randomness, and conversion between Rust and JavaScript. Nothing is decided
//! here; `www/nara/nara.js` gives it the face that applications see.

#![allow(
    clippy::disallowed_methods,
    reason = "the driver is where clocks and randomness are read"
)]

#[cfg(feature = "bench")]
mod bench;
mod driver;
mod peer;
mod service;
mod stash;

pub use peer::Peer;
