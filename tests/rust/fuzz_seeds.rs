//! What fuzzing does, on the seeds that it begins with and without libFuzzer:
//! so its targets keep compiling, and what it found stays mended.

#[allow(unreachable_pub, reason = "it is a crate of its own for libFuzzer")]
#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

use std::fs;

fn run_seeds(target: &str, run: fn(&[u8])) {
    let seeds = fs::read_dir(format!("fuzz/seeds/{target}")).unwrap();
    let mut count = 0;
    for seed in seeds {
        let path = seed.unwrap().path();
        println!("{}", path.display());
        run(&fs::read(path).unwrap());
        count += 1;
    }
    assert!(count > 0, "{target} has no seeds");
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
