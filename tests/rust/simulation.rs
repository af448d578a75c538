//! The simulation gives the same trace for the same seed, on every target.

#[path = "../sim/mod.rs"]
mod sim;

#[cfg(target_family = "wasm")]
use sim::Outcome;
use sim::{Plan, run};
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The first has a gateway and the other has none; much goes wrong in both.
const SEEDS: [u64; 2] = [9, 10];

fn plan(seed: u64) -> Plan {
    let (naras, minutes, is_logged) = (4, 30, false);
    Plan {
        seed,
        naras,
        minutes,
        is_logged,
    }
}

#[test]
fn one_seed_gives_one_trace_and_another_seed_another() {
    let [once, again, other] = [SEEDS[0], SEEDS[0], SEEDS[1]].map(|seed| run(plan(seed)));
    assert_eq!(once, again);
    assert_eq!(once.failure, None);
    assert!(once.saved > 0 && once.steps > 100);
    assert_ne!(once.trace, other.trace);
}

/// What `npm run sim -- --json` says of these two seeds, where this is
/// built by `npm test`.
#[cfg(target_family = "wasm")]
const NATIVE: Option<&str> = option_env!("LIGHT_NARA_TRACES");

#[cfg(target_family = "wasm")]
#[test]
fn seeds_with_a_gateway_and_without_give_the_same_trace_here_as_natively() {
    let native = NATIVE.expect("LIGHT_NARA_TRACES is not set; npm test sets it");
    let here = SEEDS.map(|seed| run(plan(seed)));
    assert_eq!(here.each_ref().map(|one| one.meshed > 0), [true, false]);
    assert!(here[0].crashes > 0, "nobody crashed");
    let has_faults = |one: &Outcome| one.mishaps > 0 && one.faults > 0;
    assert!(here.iter().all(has_faults), "too little went wrong");
    let traces = here.map(|one| format!("{:016x}", one.trace));
    assert_eq!(traces.join(","), native);
}
