//! The crate from outside: vectors, captures, whole naras, hostile bytes. One
//! program, so that it is linked once; in WebAssembly all of it that needs
//! neither files nor a long time, in Node and in a browser.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may say what must hold by unwrapping it"
)]

mod captures;
#[cfg(not(target_family = "wasm"))]
mod clocks;
mod fuzz_seeds;
#[cfg(not(target_family = "wasm"))]
mod layers;
mod mesh_link;
#[cfg(not(target_family = "wasm"))]
mod plaza;
#[cfg(not(target_family = "wasm"))]
mod plaza_codec;
#[cfg(not(target_family = "wasm"))]
mod promises;
#[cfg(not(target_family = "wasm"))]
mod redundancy;
mod sample_service;
#[path = "../security/mod.rs"]
mod security;
mod simulation;
mod vectors;
mod vectors_extensions;
mod vectors_identity;
mod vectors_mesh;
mod vectors_message;
mod vectors_presence;
mod vectors_receive;
