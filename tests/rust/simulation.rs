//! The simulation gives the same trace for the same seed, on every target.

#[path = "../sim/mod.rs"]
mod sim;

use sim::{Plan, run};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn plan(seed: u64) -> Plan {
    let (naras, minutes, is_logged) = (4, 4, false);
    Plan {
        seed,
        naras,
        minutes,
        is_logged,
    }
}

#[test]
fn one_seed_gives_one_trace_and_another_seed_another() {
    let (once, again) = (run(plan(1)), run(plan(1)));
    assert_eq!(once, again);
    assert_eq!(once.failure, None);
    assert!(once.saved > 0 && once.steps > 100);
    assert_ne!(once.trace, run(plan(2)).trace);
}

/// What `npm run sim -- --json` says of the first two seeds, where this is
/// built by `npm test`.
#[cfg(target_family = "wasm")]
const NATIVE: Option<&str> = option_env!("LIGHT_NARA_TRACES");

#[cfg(target_family = "wasm")]
#[test]
fn seeds_with_a_gateway_and_without_give_the_same_trace_here_as_natively() {
    let native = NATIVE.expect("LIGHT_NARA_TRACES is not set; npm test sets it");
    let here = [1, 2].map(|seed| run(plan(seed)));
    assert_eq!(here.each_ref().map(|one| one.meshed > 0), [false, true]);
    let traces = here.map(|one| format!("{:016x}", one.trace));
    assert_eq!(traces.join(","), native);
}
