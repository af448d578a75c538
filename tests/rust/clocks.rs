//! Whole naras on one plaza, some with a clock that is minutes off: they find
//! out, and are understood all the same.

use crate::plaza::{Plaza, SECOND};
use light_nara::nara::Config;

const MINUTE: i64 = 60;

#[test]
fn a_nara_whose_clock_is_minutes_off_goes_by_its_peers_time_and_keeps_its_memory() {
    for skew in [5 * MINUTE, -5 * MINUTE, 26 * 60 * MINUTE] {
        let mut plaza = Plaza::new();
        for _ in 0..4 {
            plaza.newborn(0);
            plaza.run(SECOND);
        }
        let off = plaza.newborn(skew);
        plaza.run(10 * SECOND);
        let clock = plaza.status(off).clock;
        assert!(clock.off, "{skew}");
        let measured = clock.offset_ms.unwrap();
        assert!(measured.abs_diff(-skew * 1_000) < 50, "{measured}");
        for place in 0..4 {
            assert!(plaza.sees(place, off), "{place} does not see it: {skew}");
            assert!(!plaza.status(place).clock.off);
        }
        plaza.run(100 * SECOND);
        plaza.set(off, "{\"tea\":\"oolong\"}");
        plaza.run(20 * SECOND);
        assert!(plaza.status(off).stash.holders.len() >= 3, "{skew}");
    }
}

#[test]
fn two_naras_with_the_same_wrong_clock_do_not_outvote_many() {
    let mut plaza = Plaza::new();
    for _ in 0..6 {
        plaza.newborn(0);
        plaza.run(SECOND);
    }
    let off = [plaza.newborn(5 * MINUTE), plaza.newborn(5 * MINUTE)];
    plaza.run(30 * SECOND);
    for place in 0..8 {
        assert_eq!(
            plaza.status(place).clock.off,
            off.contains(&place),
            "{place}"
        );
    }
}

#[test]
fn a_memory_is_recovered_on_a_device_whose_clock_is_off() {
    let mut plaza = Plaza::new();
    for _ in 0..4 {
        plaza.newborn(0);
        plaza.run(SECOND);
    }
    let first = plaza.newborn(0);
    plaza.run(10 * SECOND);
    plaza.set(first, "{\"tea\":\"oolong\"}");
    plaza.run(10 * SECOND);
    let soul = plaza.soul(first);
    plaza.sleep(first);
    plaza.run(10 * SECOND);
    let again = plaza.wake(Config::reborn(&soul, None).unwrap(), -7 * MINUTE);
    plaza.run(20 * SECOND);
    assert_eq!(plaza.memory(again), Some("{\"tea\":\"oolong\"}"));
}

#[test]
fn two_naras_with_clocks_minutes_apart_understand_each_other() {
    let mut plaza = Plaza::new();
    let first = plaza.newborn(0);
    plaza.run(SECOND);
    let second = plaza.newborn(4 * MINUTE);
    plaza.run(10 * SECOND);
    assert!(plaza.sees(first, second) && plaza.sees(second, first));
    let (one, other) = (plaza.status(first).clock, plaza.status(second).clock);
    assert!(one.offset_ms > Some(200_000) && other.offset_ms < Some(-200_000));
    assert!(!one.off && !other.off, "nobody can say which of two is off");
    plaza.run(100 * SECOND);
    plaza.set(second, "1");
    plaza.run(20 * SECOND);
    assert_eq!(plaza.status(second).stash.holders.len(), 1);
}
