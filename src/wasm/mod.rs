//! The bindings: the core as JavaScript runs it. Texts and bytes go in and
//! come out; sockets, the timer and everything that waits are in
//! `www/nara/driver.js`, and `www/nara/nara.js` gives it the face that
//! applications see. Nothing is decided here, and no JavaScript is called but
//! the clocks.

#![allow(
    clippy::disallowed_methods,
    reason = "the bindings are where clocks are read"
)]

mod args;
#[cfg(feature = "bench")]
mod bench;
mod peer;
#[cfg_attr(not(feature = "services"), path = "no_service.rs")]
mod service;
mod stash;
mod words;

pub use peer::Peer;

/// Two-level segregated fit, which takes as long for one as for many pieces, and
/// is a third of what the standard library has here.
#[global_allocator]
static ALLOCATOR: rlsf::GlobalTlsf = rlsf::GlobalTlsf::new();
