//! What fuzzing does, on the seeds that it begins with and without libFuzzer:
//! so its targets keep compiling, and what it found stays mended.

#[allow(unreachable_pub, reason = "it is a crate of its own for libFuzzer")]
#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

#[path = "../support/seeds.rs"]
mod seeds;

use seeds::SEEDS;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn run_seeds(target: &str, run: fn(&[u8])) {
    let (_, seeds) = SEEDS.iter().find(|(name, _)| *name == target).unwrap();
    assert!(!seeds.is_empty(), "{target} has no seeds");
    for (name, bytes) in *seeds {
        println!("{target}/{name}");
        run(bytes);
    }
}

#[cfg(not(target_family = "wasm"))]
#[test]
fn the_list_of_seeds_has_all_of_them() {
    let names = |path: &str| {
        let files = std::fs::read_dir(path).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    let targets: Vec<&str> = SEEDS.iter().map(|(target, _)| *target).collect();
    assert_eq!(names("fuzz/seeds"), targets);
    for (target, seeds) in SEEDS {
        let listed: Vec<&str> = seeds.iter().map(|(name, _)| *name).collect();
        assert_eq!(names(&format!("fuzz/seeds/{target}")), listed, "{target}");
    }
}

#[test]
fn the_mesh_seeds_hold() {
    run_seeds("mesh", fuzz::mesh::run);
}

#[test]
fn the_message_seeds_hold() {
    run_seeds("message", fuzz::message::run);
}

#[test]
fn the_mqtt_seeds_hold() {
    run_seeds("mqtt", fuzz::mqtt::run);
}

#[test]
fn the_sealed_seeds_hold() {
    run_seeds("sealed", fuzz::sealed::run);
}

#[test]
fn the_sequence_seeds_hold() {
    run_seeds("sequence", fuzz::sequence::run);
}
