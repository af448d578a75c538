//! Whole naras on one plaza: confidants go, in every way there is, and the
//! memory stays.

use crate::plaza::{Plaza, SECOND};
use light_nara::nara::{Config, Newborn};
use light_nara::stash::HOLDERS_FIRST;

const MEMORY: &str = "{\"tea\":\"oolong\"}";

/// Six residents, and an owner without spares whose memory three of them hold.
fn held_by_three() -> (Plaza, usize) {
    let mut plaza = Plaza::new();
    for _ in 0..6 {
        plaza.newborn(0);
    }
    plaza.run(10 * SECOND);
    let config = Config::born(Newborn([99; 32]), None).unwrap();
    let owner = plaza.wake(config.with_spares(0).unwrap(), 0);
    // Not everybody answers a greeting; the others are met by and by.
    plaza.run(300 * SECOND);
    plaza.set(owner, MEMORY);
    assert_eq!((plaza.holders(owner).len(), plaza.copies(owner)), (3, 3));
    (plaza, owner)
}

#[test]
fn a_confidant_says_chau_and_three_hold_it_again_at_once() {
    let (mut plaza, owner) = held_by_three();
    let gone = plaza.holders(owner)[0];
    plaza.sleep(gone);
    plaza.run(SECOND);
    let holders = plaza.holders(owner);
    assert_eq!((holders.len(), plaza.copies(owner)), (3, 3));
    assert!(!holders.contains(&gone));
}

#[test]
fn a_confidant_falls_silent_and_three_hold_it_again_as_soon_as_that_is_noticed() {
    let (mut plaza, owner) = held_by_three();
    let gone = plaza.holders(owner)[0];
    plaza.kill(gone);
    while plaza.sees(owner, gone) {
        plaza.run(SECOND);
    }
    plaza.run(SECOND);
    let holders = plaza.holders(owner);
    assert_eq!((holders.len(), plaza.copies(owner)), (3, 3));
    assert!(!holders.contains(&gone));
}

#[test]
fn every_confidant_that_was_there_at_first_may_go_one_after_the_other() {
    let (mut plaza, owner) = held_by_three();
    for gone in plaza.holders(owner) {
        plaza.sleep(gone);
        plaza.run(10 * SECOND);
    }
    assert_eq!(plaza.holders(owner).len(), 3);
    let config = Config::reborn(&plaza.soul(owner), None).unwrap();
    plaza.kill(owner);
    let again = plaza.wake(config, 0);
    plaza.run(10 * SECOND);
    assert_eq!(plaza.memory(again), Some(MEMORY));
}

#[test]
fn whoever_remembers_its_holders_has_its_memory_back_before_others_hear_of_it() {
    let (mut plaza, owner) = held_by_three();
    let (soul, text) = (plaza.soul(owner), plaza.holders_text(owner));
    let holders = plaza.holders(owner);
    let other = (0..owner).find(|place| !holders.contains(place)).unwrap();
    plaza.sleep(owner);
    let config = Config::reborn(&soul, None).unwrap().with_holders(&text);
    let again = plaza.wake(config, 0);
    assert_eq!(plaza.memory(again), Some(MEMORY));
    assert!(holders.iter().all(|&holder| plaza.sees(holder, again)));
    assert!(!plaza.sees(other, again));
    plaza.run(HOLDERS_FIRST);
    assert!(plaza.sees(other, again));
}

#[test]
fn the_owner_is_away_two_of_three_confidants_go_and_an_hour_later_the_memory_is_there() {
    let (mut plaza, owner) = held_by_three();
    let holders = plaza.holders(owner);
    let soul = plaza.soul(owner);
    plaza.sleep(owner);
    plaza.sleep(holders[0]);
    plaza.run(60 * SECOND);
    plaza.kill(holders[1]);
    plaza.run(3_600 * SECOND);
    // The one that was left has passed its copy on.
    assert_eq!(plaza.copies(owner), 3);
    let again = plaza.wake(Config::reborn(&soul, None).unwrap(), 0);
    plaza.run(10 * SECOND);
    assert_eq!(plaza.memory(again), Some(MEMORY));
    // And three hold it again, by the owner's own doing.
    assert!(plaza.status(again).stash.safe);
}

#[test]
fn a_version_set_while_a_confidant_was_cut_off_is_the_one_that_comes_back() {
    let (mut plaza, owner) = held_by_three();
    let left_behind = plaza.holders(owner)[0];
    plaza.cut(left_behind);
    plaza.run(2 * SECOND);
    plaza.set(owner, "{\"tea\":\"sencha\"}");
    plaza.run(10 * SECOND);
    let soul = plaza.soul(owner);
    plaza.kill(owner);
    // The one with the older copy is the first to be there again.
    plaza.mend(left_behind);
    plaza.run(60 * SECOND);
    let again = plaza.wake(Config::reborn(&soul, None).unwrap(), 0);
    plaza.run(10 * SECOND);
    assert_eq!(plaza.memory(again), Some("{\"tea\":\"sencha\"}"));
}

#[test]
fn a_confidant_whose_connection_breaks_is_replaced_within_ten_seconds() {
    let (mut plaza, owner) = held_by_three();
    let gone = plaza.holders(owner)[0];
    plaza.kill(gone);
    assert!(plaza.sees(owner, gone), "a will is a hint only");
    plaza.run(10 * SECOND);
    assert!(!plaza.sees(owner, gone));
    assert_eq!((plaza.holders(owner).len(), plaza.copies(owner)), (3, 3));
}

#[test]
fn two_devices_with_one_soul_notice_each_other_and_an_echo_alone_is_no_device() {
    let (mut plaza, owner) = held_by_three();
    assert!(!plaza.status(owner).elsewhere);
    let config = Config::reborn(&plaza.soul(owner), None).unwrap();
    let second = plaza.wake(config, 0);
    plaza.run(10 * SECOND);
    assert!(plaza.status(owner).elsewhere);
    // The first says nothing until it greets again, or is heard otherwise.
    plaza.run(300 * SECOND);
    assert!(plaza.status(second).elsewhere);
}

#[test]
fn of_two_devices_with_one_soul_the_one_that_is_told_goes_on_and_stays_undisturbed() {
    let (mut plaza, owner) = held_by_three();
    let config = Config::reborn(&plaza.soul(owner), None).unwrap();
    let other = plaza.wake(config, 0);
    plaza.run(60 * SECOND);
    assert!(plaza.status(owner).elsewhere);
    plaza.go_on(owner);
    plaza.run(900 * SECOND);
    assert!(!plaza.status(owner).elsewhere, "the other one is quiet");
    assert!(plaza.status(other).elsewhere);
    plaza.go_on(other);
    plaza.run(10 * SECOND);
    assert!(plaza.status(owner).elsewhere && !plaza.status(other).elsewhere);
}

#[test]
fn a_device_that_is_told_to_go_on_at_once_is_not_stopped_by_the_answer_of_the_other() {
    let (mut plaza, owner) = held_by_three();
    let config = Config::reborn(&plaza.soul(owner), None).unwrap();
    let other = plaza.wake(config, 0);
    plaza.run(SECOND / 10);
    assert!(plaza.status(owner).elsewhere);
    plaza.go_on(owner);
    plaza.run(900 * SECOND);
    assert!(!plaza.status(owner).elsewhere);
    assert!(plaza.status(other).elsewhere);
}

#[test]
fn what_a_second_device_saved_while_the_first_was_cut_off_is_not_lost_unseen() {
    let mut plaza = Plaza::new();
    (0..6).for_each(|_| {
        plaza.newborn(0);
    });
    plaza.run(10 * SECOND);
    let born = Config::born(Newborn([99; 32]), None).unwrap();
    let first = plaza.wake(born.with_spares(0).unwrap(), 0);
    plaza.run(300 * SECOND);
    plaza.set(first, "{\"v\":\"base\"}");
    plaza.run(5 * SECOND);
    plaza.cut(first);
    plaza.run(60 * SECOND);
    let soul = plaza.soul(first);
    let reborn = Config::reborn(&soul, None).unwrap();
    let second = plaza.wake(reborn.with_spares(0).unwrap(), 0);
    plaza.run(20 * SECOND);
    assert_eq!(plaza.memory(second), Some("{\"v\":\"base\"}"));
    for data in ["{\"v\":\"desk 1\"}", "{\"v\":\"desk 2\"}"] {
        plaza.set(second, data);
        plaza.run(10 * SECOND);
    }
    plaza.sleep(second);
    plaza.run(60 * SECOND);
    plaza.set(first, "{\"v\":\"train\"}");
    plaza.mend(first);
    plaza.run(30 * SECOND);
    assert_eq!(plaza.memory(first), Some("{\"v\":\"train\"}"));
    let status = plaza.status(first).stash;
    assert!(status.beside.is_some(), "{status:?}");
}

#[test]
fn an_old_memory_that_comes_back_after_starting_empty_is_told() {
    let mut plaza = Plaza::new();
    let friend = plaza.newborn(0);
    plaza.run(10 * SECOND);
    let born = Config::born(Newborn([99; 32]), None).unwrap();
    let owner = plaza.wake(born.with_spares(0).unwrap(), 0);
    plaza.run(300 * SECOND);
    for n in 0..5 {
        plaza.set(owner, &format!("{{\"years\":{n}}}"));
        plaza.run(5 * SECOND);
    }
    let soul = plaza.soul(owner);
    plaza.sleep(owner);
    plaza.run(60 * SECOND);
    plaza.cut(friend);
    plaza.newborn(0);
    plaza.run(10 * SECOND);
    let reborn = Config::reborn(&soul, None).unwrap();
    let owner = plaza.wake(reborn.with_spares(0).unwrap(), 0);
    plaza.run(15 * SECOND);
    plaza.start_empty(owner);
    plaza.set(owner, "{\"new\":1}");
    plaza.run(600 * SECOND);
    plaza.mend(friend);
    plaza.run(600 * SECOND);
    let status = plaza.status(owner).stash;
    assert!(status.beside.is_some(), "{status:?}");
}
