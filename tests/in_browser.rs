//! The tests that run in Node run in a browser, too: a test binary is for the
//! one or for the other, so this one takes the same files in once more.
#![cfg(target_family = "wasm")]

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

#[path = "captures.rs"]
mod captures;
#[path = "mesh_link.rs"]
mod mesh_link;
#[path = "sample_service.rs"]
mod sample_service;
#[path = "simulation.rs"]
mod simulation;
#[path = "vectors_extensions.rs"]
mod vectors_extensions;
#[path = "vectors_identity.rs"]
mod vectors_identity;
#[path = "vectors_mesh.rs"]
mod vectors_mesh;
#[path = "vectors_message.rs"]
mod vectors_message;
#[path = "vectors_presence.rs"]
mod vectors_presence;
#[path = "vectors_receive.rs"]
mod vectors_receive;
