//! A light nara: a peer of the nara network that keeps a little private state
//! sealed with other naras and asks for it back when it wakes.
//!
//! The core has no networking code, no clock, no threads and no source of
//! randomness of its own: bytes, commands and the time go in, effects and the
//! next deadline come out. Only [`wasm`] touches the browser.
//!
//! Layers, lowest first; a module imports its own folder and lower layers only
//! (`tests/rust/layers.rs` fails on a breach):
//!
//! | layer | modules | what |
//! | --- | --- | --- |
//! | L0 | [`base`] | time, randomness, id newtypes, a bounded expiring map |
//! | L1 | [`identity`], [`plaza`] | soul, name, keys and seal; the MQTT session |
//! | L2 | [`message`], [`neighbourhood`] | envelope, Go-identical JSON, payloads; who is there |
//! | L3 | [`mesh`], [`runtime`] | the link to a gateway; behaviours, pipelines, calls, local bus, services |
//! | L4 | [`clock`], [`presence`], [`stash`] | the services every nara runs |
//! | L5 | [`nara`] | the peer: composes all of it |
//! | L6 | [`wasm`] | driver and bindings for JavaScript |

pub mod base;
#[cfg(feature = "bench")]
pub mod bench;
pub mod clock;
pub mod identity;
pub mod mesh;
pub mod message;
pub mod nara;
pub mod neighbourhood;
pub mod plaza;
pub mod presence;
pub mod runtime;
pub mod stash;
#[cfg(target_family = "wasm")]
pub mod wasm;
