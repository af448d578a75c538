//! The security matrix: whole naras against bytes that somebody made to do
//! harm. Each test is one attack, down to the bytes on the socket, and says
//! for which reason they are dropped; the harness demands that nothing changed,
//! nothing was sent and a counter tells of it. `docs/security-matrix.md` lists
//! them by attack.

mod peer;
#[allow(dead_code, reason = "each test binary needs its part of it")]
mod target;

mod calls;
mod frames;
mod greetings;
mod handoff;
// Floods of thousands take their time in a debug build.
#[cfg(not(target_family = "wasm"))]
mod places;
mod recovery;
mod stores;
